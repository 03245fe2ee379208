"""How a request shall be worded: everything that sentences of an instruction can ask for, as one record of choices.

Directives edit a style, never text, so the order of sentences does not matter and obeying one twice changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Style:
    """Choices of wording; the default leaves a request as it is.

    Objects: `each` lists counted objects one by one, `size` is said where none was, `places` invents places,
    `place_first` names them before the object, `article` None keeps articles. Layout: `plain` is one sentence,
    `clauses` gives each object its own, `separator` stands between. The rest adds, drops or wraps words.
    """

    plain: bool = False
    clauses: bool = False
    separator: str | None = None
    each: bool = False
    numbers: Literal["words", "digits"] | None = None
    size: Literal["small", "large"] | None = None
    places: bool = False
    place_first: bool = False
    ground: str | None = None
    article: Literal["a", "none", "one"] | None = None
    trim: bool = False
    brief: bool = False
    synonyms: bool = False
    poetic: bool = False
    reverse: bool = False
    twice: bool = False
    stress: bool = False
    quality: tuple[str, ...] = ()
    quality_first: bool = False
    manner: tuple[str, ...] = ()
    wrap: Literal["question", "polite", "story"] | None = None
    upper: bool = False
