"""Networks that run in ONNX Runtime, shaped so that a pipeline of diffusers takes them for its own.

Each is an object of the original class, so that configuration and helpers are there, but without weights (torch's
"meta" device); its one method that pipelines call hands the tensors to ONNX Runtime.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limner.errors import UsageError, WeightsError
from limner.generation.folder import components
from limner.generation.onnx_calls import bound, method, put_together, taken_apart
from limner.generation.onnx_folder import NETWORK, Manifest, Part

if TYPE_CHECKING:
    import torch

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "rocm": "ROCMExecutionProvider",
    "migraphx": "MIGraphXExecutionProvider",
    "directml": "DmlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
}
"""Short names of ONNX Runtime's execution providers; its own names are taken too."""
_REMOTE = "AzureExecutionProvider"


def provider(wanted: str) -> str:
    """ONNX Runtime's name of a provider; "auto" is the first that this build has and that runs on this machine.

    Raises:
        UsageError: ONNX Runtime is not installed, or its build lacks the provider.
    """
    there = [name for name in runtime().get_available_providers() if name != _REMOTE]
    if wanted == "auto":
        return str(there[0])
    name = PROVIDERS.get(wanted.partition(":")[0].lower(), wanted)
    if name not in there:
        raise UsageError(
            f"ONNX Runtime has no provider {wanted!r} here; it has {', '.join(there)}. Choose one of those as device, "
            "or install a build of onnxruntime that has it."
        )
    return name


def runtime() -> Any:
    """The onnxruntime package.

    Raises:
        UsageError: it is not installed.
    """
    return need("onnxruntime")


def need(package: str) -> Any:
    """A package of the extra `onnx`.

    Raises:
        UsageError: it is not installed.
    """
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        raise UsageError(
            f"ONNX models need the package {package}, which is not installed. Run `pip install 'limner[onnx]'`."
        ) from error


def stand_ins(folder: Path, manifest: Manifest, provider_name: str) -> dict[str, Any]:
    """The folder's exported networks by component name, ready to be given to a pipeline.

    Raises:
        WeightsError: ONNX Runtime does not take a file.
    """
    kinds = components(folder)
    return {
        part: _stand_in(folder / part, part, kinds[part], entry, manifest.size, provider_name)
        for part, entry in manifest.parts.items()
    }


def _stand_in(
    folder: Path, part: str, kind: tuple[str, str], entry: Part, size: tuple[int, int] | None, provider_name: str
) -> Any:
    import torch

    original = getattr(importlib.import_module(kind[0]), kind[1])
    with torch.device("meta"):
        network = _without_weights(original, folder)
    # pipelines ask a network where it is and move it; neither has a meaning for a session
    network.__class__ = type(
        original.__name__,
        (original,),
        {
            "__module__": original.__module__,
            "device": property(lambda self: torch.device("cpu")),
            "to": lambda self, *_, **__: self,
        },
    )
    function = getattr(network, method(part))
    run = Network(folder / NETWORK, entry, size, provider_name)
    setattr(network, method(part), lambda *args, **kwargs: run(bound(function, args, kwargs)))
    return network.eval()


def _without_weights(original: Any, folder: Path) -> Any:
    if hasattr(original, "from_config"):  # diffusers
        return original.from_config(original.load_config(folder))
    return original(original.config_class.from_pretrained(folder))


class Network:
    """One ONNX file in a session; called with arguments by name, it gives what the original method gave."""

    def __init__(self, path: Path, part: Part, size: tuple[int, int] | None, provider_name: str) -> None:
        """Load the file.

        Raises:
            WeightsError: ONNX Runtime does not take it.
        """
        self._name, self._part, self._size = path.parent.name, part, size
        try:
            self._session = runtime().InferenceSession(path, _options(), providers=_providers(provider_name))
        except Exception as error:
            raise WeightsError(f"ONNX Runtime does not load {path}: {error}. Export the model again.") from error
        self._types = {one.name: one.type for one in self._session.get_inputs()}
        self._outputs = [one.name for one in self._session.get_outputs()]

    def __call__(self, arguments: dict[str, Any]) -> Any:
        """Run it.

        Raises:
            ValueError: the pipeline calls the network in another way than when it was exported.
            MemoryError: it does not fit.
        """
        plan, tensors = taken_apart(arguments, "")
        if plan != self._part.arguments:
            raise ValueError(
                f"the ONNX file of {self._name} was made for another kind of call ({_difference(self._part, plan)}); "
                "draw with diffusers:PATH"
            )
        feed = {name: _array(tensors[name], kind) for name, kind in self._types.items()}
        results = dict(zip(self._outputs, self._run(feed), strict=True))
        return put_together(self._part.results, results)

    def _run(self, feed: dict[str, Any]) -> Sequence[torch.Tensor]:
        import torch

        try:
            return [torch.from_numpy(one) for one in self._session.run(None, feed)]
        except Exception as error:
            if "allocat" in str(error):
                raise MemoryError(str(error)) from error
            only = f"; it draws {self._size[0]}x{self._size[1]} pixels alone" if self._size else ""
            raise ValueError(f"ONNX Runtime refuses {self._name}{only}: {error}") from error


def _options() -> Any:
    """As many threads as torch has, so that one setting rules both; waiting threads sleep."""
    import torch

    options = runtime().SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _providers(name: str) -> list[str]:
    """The provider, and the CPU for operators that it lacks."""
    return list(dict.fromkeys([name, PROVIDERS["cpu"]]))


def _array(tensor: torch.Tensor, kind: str) -> Any:
    """The tensor as the session wants it; steps count as floats there and come as integers from some schedulers."""
    values = tensor.detach().cpu()
    return (values.float() if kind == "tensor(float)" else values).numpy()


def _difference(part: Part, plan: dict[str, Any]) -> str:
    """The first argument that is not what it was."""
    before, now = part.arguments["fields"], plan["fields"]
    return next((name for name in {**before, **now} if before.get(name) != now.get(name)), "?")
