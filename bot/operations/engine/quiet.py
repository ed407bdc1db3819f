"""DBOS's log lines as ours: through the standard logging tree, from WARNING on, without the database's password."""

from __future__ import annotations

import logging

from bot.operations.engine.settings import EngineSettings

# What DBOS warns of and what is no news: runs that were cancelled because the engine closes; a server that lets nobody look
# whether the database exists, which is found out a moment later anyway; workflows that are begun while they are being recovered.
_NO_NEWS = (
    "Asyncio task cancelled for workflow or step",
    "Could not connect to postgres database to verify existence",
    "Workflow already exists in queue",
)


class _Hide(logging.Filter):
    def __init__(self, settings: EngineSettings) -> None:
        super().__init__()
        self._settings = settings

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        if text.startswith(_NO_NEWS):
            return False
        if record.exc_info and record.exc_info[1] is not None:
            # A driver's error carries SQL, parameters and sometimes the address: its first line says enough.
            error = record.exc_info[1]
            said = str(getattr(error, "orig", None) or error).strip().splitlines()
            text = f"{text.rstrip(': ')}: {type(error).__name__}: {said[0] if said else ''}"
            record.exc_info = None
        record.msg, record.args = self._settings.hide(text), ()
        return True


def quieten(settings: EngineSettings) -> None:
    """To be called before DBOS is made: a logger that has a handler gets no console handler of DBOS's own and stays in the
    tree."""
    dbos = logging.getLogger("dbos")
    if not any(isinstance(handler, logging.NullHandler) for handler in dbos.handlers):
        dbos.addHandler(logging.NullHandler())
    dbos.propagate = True
    dbos.setLevel(logging.WARNING)
    for old in [known for known in dbos.filters if isinstance(known, _Hide)]:
        dbos.removeFilter(old)
    dbos.addFilter(_Hide(settings))
