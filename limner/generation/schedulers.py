"""Samplers by the names that people use, or by their diffusers class."""

from __future__ import annotations

from typing import Any

from limner.errors import GenerationError

NAMES: dict[str, tuple[str, dict[str, Any]]] = {
    "ddim": ("DDIMScheduler", {}),
    "ddpm": ("DDPMScheduler", {}),
    "pndm": ("PNDMScheduler", {}),
    "lms": ("LMSDiscreteScheduler", {}),
    "heun": ("HeunDiscreteScheduler", {}),
    "euler": ("EulerDiscreteScheduler", {}),
    "euler a": ("EulerAncestralDiscreteScheduler", {}),
    "dpm++ 2m": ("DPMSolverMultistepScheduler", {}),
    "dpm++ 2m karras": ("DPMSolverMultistepScheduler", {"use_karras_sigmas": True}),
    "unipc": ("UniPCMultistepScheduler", {}),
    "lcm": ("LCMScheduler", {}),
}
"""Short name to class and options; case does not matter."""


def build(name: str, own: Any) -> Any:
    """The scheduler of that name with the noise schedule of the pipeline's `own`.

    Raises:
        GenerationError: unknown, or made for another kind of model.
    """
    import diffusers

    kind, options = NAMES.get(name.lower(), (name, {}))
    fitting = {type(own).__name__, *(compatible.__name__ for compatible in own.compatibles)}
    if "DDIMScheduler" in fitting:  # distilled models' samplers, which do not list themselves
        fitting |= {"LCMScheduler", "TCDScheduler"}
    if kind not in fitting:
        short = [known for known, (target, _) in NAMES.items() if target in fitting]
        raise GenerationError(
            f"The scheduler {name!r} does not fit this model. Choose one of {', '.join(short) or 'none'}, or a "
            f"class of diffusers: {', '.join(sorted(fitting))}."
        )
    try:
        return getattr(diffusers, kind).from_config(own.config, **options)
    except ImportError as error:
        needed = " ".join(str(error).split())
        raise GenerationError(f"The scheduler {name!r} needs a package that is not here: {needed}") from error
