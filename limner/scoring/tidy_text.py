"""Texts as HPS v2's own code (open_clip's) has them before they are cut into tokens.

It calls `ftfy.fix_text`, then unescapes HTML. What people's requests hold is done here without that package: entities,
curly quotes, ligatures, wide letters, NFC. Texts that were decoded wrongly are left as they are; ftfy would guess.
"""

from __future__ import annotations

import html
import re
import unicodedata

_QUOTES = {**dict.fromkeys(map(ord, "\u02bc‘’‚‛"), "'"), **dict.fromkeys(map(ord, "“”„‟"), '"')}
_LIGATURES = {ord(one): unicodedata.normalize("NFKC", one) for one in "ĲĳŉǄǅǆǇǈǉǊǋǌǱǲǳﬀﬁﬂﬃﬄﬅﬆ"}
_WIDE = {code: unicodedata.normalize("NFKC", chr(code)) for code in (0x3000, *range(0xFF01, 0xFFF0))}
_PLAIN = {**_WIDE, **_LIGATURES, **_QUOTES}
_UNSEEN = {code: None for code in (*range(0x09), 0x0B, *range(0x0E, 0x20), 0x7F, 0xFEFF, *range(0x206A, 0x2070))}


def tidied(text: str) -> str:
    """The text with plain quotes and letters, in NFC, without entities and repeated white space."""
    text = html.unescape(text) if "<" not in text else text
    text = unicodedata.normalize("NFC", text.translate(_PLAIN).translate(_UNSEEN))
    return re.sub(r"\s+", " ", html.unescape(html.unescape(text))).strip()
