"""The sentence that a run comes to, in plain words; no success is claimed that the interval does not bear out."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

from limner.results import EvolveResult, Example
from limner.tracing.report.figures import number, span
from limner.types import Interval


class Verdict(NamedTuple):
    """A headline with what stands behind it."""

    tone: Literal["better", "unclear", "worse"]
    headline: str
    detail: str


def verdict(result: EvolveResult) -> Verdict:
    """Say whether the evolved instruction beats the start, and how surely."""
    gain = result.differences.get("evolved_minus_start")
    if len(result.lineage) < 2:
        return Verdict("unclear", "No significant improvement: nothing beat the start.", _tried(result))
    if gain is None:
        detail = f"Evolved and start were not both scored on held-out requests. {_tried(result)}"
        return Verdict("unclear", "An instruction was evolved, and not measured.", detail)
    queries = sum(_paired(example) for example in result.examples)
    on = f"paired over {queries} held-out request{'s' * (queries != 1)}, 95 % interval {span(gain, sign=True)}"
    if gain.low is None or gain.high is None:
        detail = f"Evolved minus start is {number(gain.mean, sign=True)}: too few held-out requests for an interval."
        return Verdict("unclear", "Too little was measured to tell.", detail)
    detail = f"Evolved minus start in reward: {number(gain.mean, sign=True)} ({on})."
    if result.reward_hacking:
        fell = fallen(result)
        by_it = f"{number(fell.mean, sign=True)} ({span(fell, sign=True)})"
        detail = f"{detail} By the acceptance judge, which did not steer: {by_it}."
        return Verdict("worse", "Reward hacking: the scores rose, and the acceptance judge likes it less.", detail)
    if result.significant:
        return Verdict("better", "The evolved instruction draws better pictures.", detail)
    if gain.high < 0:
        return Verdict("worse", "The evolved instruction does worse than the start.", detail)
    return Verdict("unclear", "No significant improvement over the start.", f"{detail} The interval includes 0.")


def fallen(result: EvolveResult) -> Interval:
    """The loss by the acceptance judge that took the gain back."""
    told = [some["evolved_minus_start"] for some in (result.acceptance, result.acceptance_questions) if some]
    return min(told, key=lambda change: math.inf if change.high is None else change.high)


def stopped(reason: str) -> str:
    """Why the run ended, as a sentence."""
    if reason.startswith("budget: "):
        return f"The budget of {reason.removeprefix('budget: ')} was spent."
    known = {"rounds": "All rounds were done.", "nothing left that could win": "Nothing was left that could win."}
    return known.get(reason, reason)


def _paired(example: Example) -> bool:
    return all(name in example.shots and example.shots[name].reward is not None for name in ("start", "evolved"))


def _tried(result: EvolveResult) -> str:
    measured = sum(candidate.pulls > 0 for candidate in result.candidates)
    rounds = len(result.rounds)
    return f"{measured} instruction{'s' * (measured != 1)} measured in {rounds} round{'s' * (rounds != 1)}."
