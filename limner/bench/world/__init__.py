"""`limner bench world`: whether the embedded world, on which every claim rests, can be trusted."""

from __future__ import annotations

from limner.bench.world.report import measure

__all__ = ["measure"]
