"""Loading transformers models so that nothing wrong goes unseen: whole, of the right kind, with a stated dtype.

Transformers fills what a file lacks with random numbers and a log line; here that is a `WeightsError`. The hub is
asked only for a name that is not on this disk.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limner.errors import UnknownModel, WeightsError
from limner.weights import model_hash

if TYPE_CHECKING:
    import torch

_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
_HUB_FILES = ["*.safetensors", "*.json", "*.txt", "*.model", "*.jinja"]
_MOST_NAMED = 5


def find_folder(name: str, scheme: str) -> Path:
    """The folder that a name means: one on this disk, or the hub's snapshot of ORGANISATION/MODEL.

    Raises:
        UnknownModel: it is neither.
        WeightsError: the hub cannot be reached or has no such model.
    """
    if Path(name).expanduser().is_dir():
        return Path(name).expanduser()
    if not _HUB_NAME.fullmatch(name):
        raise UnknownModel(
            f"{scheme}:{name}: there is no folder {name!r}; name a folder with the model or ORGANISATION/MODEL"
        )
    with hub_errors(f"model {name!r}"):
        from huggingface_hub import snapshot_download

        return Path(snapshot_download(name, allow_patterns=_HUB_FILES))


@contextmanager
def hub_errors(what: str) -> Iterator[None]:
    """Turn whatever the hub's client raises into one error that says what to do without a network."""
    from huggingface_hub.errors import HfHubHTTPError

    try:
        yield
    except (HfHubHTTPError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise WeightsError(
            f"cannot fetch {what} from the Hugging Face hub ({type(error).__name__}: {reason}); "
            "fetch it on a machine with a network and name the path where you put it"
        ) from error


def fingerprint(path: Path) -> str:
    """Twelve hex digits that change with the model: a hub snapshot's commit, otherwise a hash of its files."""
    for folder in (path, path.parent) if path.is_file() else (path,):
        if folder.parent.name == "snapshots":
            return folder.name[:12]
    return model_hash(path)


def named_weights(scheme: str, label: str, paths: Sequence[Path], dtype: torch.dtype) -> str:
    """An identity: `SCHEME:LABEL@hash/dtype`, the hashes of several paths joined by `+`."""
    return f"{scheme}:{label}@{'+'.join(map(fingerprint, paths))}/{str(dtype).removeprefix('torch.')}"


def folder_label(folder: Path, name: str) -> str:
    """What to call a model: its folder's name, or the name by which the hub knows it."""
    return folder.name if folder.parent.name != "snapshots" else name


def read_config(folder: Path) -> dict[str, Any]:
    """The folder's config.json.

    Raises:
        WeightsError: it is missing or is not JSON.
    """
    file = folder / "config.json"
    try:
        config: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise WeightsError(f"{file} cannot be read ({error.strerror}); {folder} is not a transformers model") from error
    except ValueError as error:
        raise WeightsError(f"{file} is not JSON ({error}); fetch the model again") from error
    return config


def load_model(kind: Any, source: Path | None, *, device: torch.device, dtype: torch.dtype, **options: Any) -> Any:
    """`kind.from_pretrained(source)` in evaluation mode, with every weight read from the files.

    Raises:
        WeightsError: files are missing, damaged, incomplete or of another architecture.
    """
    from safetensors import SafetensorError

    try:
        with quietly():
            model, info = kind.from_pretrained(
                source, dtype=dtype, output_loading_info=True, ignore_mismatched_sizes=True, **options
            )
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        raise WeightsError(f"the weights in {source} cannot be loaded: {_first_line(error)}") from error
    for problem in ("missing_keys", "mismatched_keys"):
        if info[problem]:
            names = sorted(name if isinstance(name, str) else name[0] for name in info[problem])
            shown = ", ".join(names[:_MOST_NAMED]) + (" ..." if len(names) > _MOST_NAMED else "")
            raise WeightsError(
                f"the weights in {source or 'the checkpoint'} do not fit {type(model).__name__}: "
                f"{len(names)} {problem.replace('_', ' ')} ({shown}); they are incomplete or of another architecture"
            )
    return model.to(device).eval().requires_grad_(False)


@contextmanager
def quietly() -> Iterator[None]:
    """No progress bars and no load reports from transformers meanwhile: what matters is raised."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def pick_dtype(dtype: str, device: torch.device, on_cuda: str) -> torch.dtype:
    """`auto` is `on_cuda` on a CUDA device and float32 elsewhere; never what the files happen to be saved in.

    Raises:
        UnknownModel: no such floating-point type.
    """
    import torch

    name = (on_cuda if device.type == "cuda" else "float32") if dtype == "auto" else dtype
    found = getattr(torch, name, None)
    if not isinstance(found, torch.dtype) or not found.is_floating_point:
        raise UnknownModel(f"no dtype {dtype!r}; say auto, float32, bfloat16 or float16")
    return found


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
