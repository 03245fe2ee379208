"""The prompt database: professional prompts, found by the request they answer, and instructions as files."""

from __future__ import annotations

from limner.prompt_db.database import Counts, PromptDatabase
from limner.prompt_db.importing import ImportReport, Rejected
from limner.prompt_db.instructions import load_instruction, save_instruction
from limner.prompt_db.records import PromptRecord

__all__ = [
    "Counts",
    "ImportReport",
    "PromptDatabase",
    "PromptRecord",
    "Rejected",
    "load_instruction",
    "save_instruction",
]
