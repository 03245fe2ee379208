"""The one door for paid calls: budget, record, resume, replay."""

from limner.ledger.budget import Budget
from limner.ledger.ledger import Ledger
from limner.ledger.position import current_position, position
from limner.ledger.recorded import (
    RecordedChat,
    RecordedEditor,
    RecordedGenerator,
    RecordedScorer,
    RecordedStepwise,
    RecordedVisionModel,
    recorded,
)
from limner.ledger.stepwise import RecordedRun

__all__ = [
    "Budget",
    "Ledger",
    "RecordedChat",
    "RecordedEditor",
    "RecordedGenerator",
    "RecordedRun",
    "RecordedScorer",
    "RecordedStepwise",
    "RecordedVisionModel",
    "current_position",
    "position",
    "recorded",
]
