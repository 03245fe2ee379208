"""What the schemas of all replies are made of. Limits are checked here, not in the schema: few endpoints know them."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict


def _said(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty")
    return text.strip()


Said = Annotated[str, AfterValidator(_said)]
"""A text that says something."""


class Reply(BaseModel):
    """A reply; fields that a model adds of its own are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")
