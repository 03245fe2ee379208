"""The `parameters` text that AUTOMATIC1111 writes and most picture tools read.

Prompt, then `Negative prompt: ...`, then one line of `Key: value` pairs; a value with a comma, colon, quote or newline
is quoted as a JSON string. Readers find the parts by their line beginnings, so such beginnings inside a prompt are
joined to the line before; the exact text stands in our own entry.
"""

from __future__ import annotations

import json

from limner.types import Recipe

_NEGATIVE = "Negative prompt:"
_MARKS = (_NEGATIVE, "Steps:")


def parameters(
    recipe: Recipe, model: str, *, version: str, request: str | None = None, strength: float | None = None
) -> str:
    """The text for a recipe; what is None is not stated. `request` is the user's own words, `strength` an edit's."""
    lines = [_joined(recipe.prompt.text)]
    if recipe.prompt.negative:
        lines.append(f"{_NEGATIVE} {_joined(recipe.prompt.negative)}")
    size = f"{recipe.width}x{recipe.height}" if recipe.width and recipe.height else None
    pairs = {
        "Steps": recipe.steps,
        "Sampler": recipe.scheduler,
        "CFG scale": recipe.guidance,
        "Seed": recipe.seed,
        "Size": size,
        "Model": model,
        "Denoising strength": strength,
        "Raw prompt": request,
        "Version": f"limner {version}",
    }
    lines.append(", ".join(f"{key}: {_quoted(value)}" for key, value in pairs.items() if value is not None))
    return "\n".join(lines)


def _joined(text: str) -> str:
    """The text with no line that a reader would take for the negative prompt or the settings."""
    lines: list[str] = []
    for line in text.splitlines():
        words = line.strip()
        if not words.startswith(_MARKS):
            lines.append(line)
        elif lines:
            lines[-1] += f" {words}"
        else:
            lines.append(words.replace(":", " :", 1))
    return "\n".join(lines)


def _quoted(value: str | float) -> str:
    text = str(value)
    plain = text and text == text.strip() and not any(mark in text for mark in ',:\n"')
    return text if plain else json.dumps(text, ensure_ascii=False)
