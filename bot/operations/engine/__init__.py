"""Durable execution: workflows that carry on after a crash, here or on another replica.

DBOS is imported in this package and nowhere else. What the workflows do lives outside: this package knows no Operation.
"""

from bot.operations.engine.engine import Engine, Waiting, Workflow
from bot.operations.engine.errors import EngineError, EngineUnavailable, StepFailed
from bot.operations.engine.settings import EngineSettings
from bot.operations.engine.steps import Json, checkpoint, step

__all__ = [
    "Engine",
    "EngineError",
    "EngineSettings",
    "EngineUnavailable",
    "Json",
    "StepFailed",
    "Waiting",
    "Workflow",
    "checkpoint",
    "step",
]
