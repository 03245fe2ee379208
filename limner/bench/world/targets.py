"""What the figures of the embedded world have to reach, and whether they do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import ge, le, lt
from typing import Any, NamedTuple


class Target(NamedTuple):
    """A figure by its path in the report, and the bound that it must not pass."""

    path: tuple[str, ...]
    bound: float
    reached: Callable[[float, float], bool] = ge


TARGETS = {
    "oracle_clean": Target(("oracle_clean", "min"), 0.995),
    "oracle_bad": Target(("oracle_bad", "min"), 0.97),
    "oracle_agreement": Target(("oracle_agreement", "min"), 0.95),
    "oracle_vs_eye_labels": Target(("oracle_vs_eye_labels", "min"), 0.97),
    "steps": Target(("painter", "steps"), 20, le),
    "one_object": Target(("painter", "one_object", "mean"), 0.90),
    "two_objects": Target(("painter", "two_objects", "mean"), 0.70),
    "loose_loss": Target(("painter", "loose_loss", "mean"), 0.20),
    "quality_gain": Target(("painter", "quality_gain", "mean"), 0.30),
    "eye": Target(("eye", "min"), 0.90),
    "eye_calibration_error": Target(("eye", "calibration_error"), 0.05, le),
    "taste_agreement": Target(("taste_agreement", "utility", "mean"), 0.85),
    "edit_success": Target(("edit_success", "success", "mean"), 0.70),
    "weights_mb": Target(("weights_mb",), 24, le),
    "gflop_per_picture": Target(("gflop_per_picture",), 12, le),
}


def judged(report: Mapping[str, Any], targets: Mapping[str, Target] = TARGETS) -> dict[str, dict[str, Any]]:
    """Each target's value (None where it was not measured), its bound as `target`, and whether it was `met`."""
    values = {name: _at(report, target.path) for name, target in targets.items()}
    return {
        name: {
            "value": values[name],
            "target": target.bound,
            "at": "most" if target.reached in (le, lt) else "least",
            "met": values[name] is not None and target.reached(values[name], target.bound),
        }
        for name, target in targets.items()
    }


def _at(report: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        report = None if report is None else report[key]
    return report
