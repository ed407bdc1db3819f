"""The demo's own processes, the workspace's and the bot's: started, watched, started again, ended by pid, never by name.

Each is written down with its start time, so that a demo that comes after a killed one ends what it left, and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

_GRACE = 15.0


class Child:
    """One process: `words` after the interpreter, output to `log`. `record` outlives us if we are killed."""

    def __init__(self, name: str, words: Sequence[str], environment: Mapping[str, str], folder: Path) -> None:
        self.name = name
        self._words = words
        self.environment = dict(environment)
        self._log = folder / f"{name}.log"
        self._record = folder / f"{name}.pid.json"
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def log(self) -> Path:
        return self._log

    async def start(self) -> None:
        with self._log.open("ab") as log:
            # A session of its own: a Ctrl-C at the terminal reaches us alone, and we end things in order.
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                *self._words,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        seen = psutil.Process(self._process.pid)
        self._record.write_text(json.dumps({"pid": seen.pid, "started": seen.create_time()}))

    async def wait(self) -> int:
        assert self._process is not None
        return await self._process.wait()

    async def end(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), _GRACE)
            except TimeoutError:
                process.kill()
                await process.wait()
        self._record.unlink(missing_ok=True)

    def end_earlier(self) -> None:
        """Ends the process that a killed demo left, if the pid is still the one that was started then."""
        try:
            written = json.loads(self._record.read_text())
            seen = psutil.Process(int(written["pid"]))
            if abs(seen.create_time() - float(written["started"])) < 0.01:
                seen.terminate()
                with contextlib.suppress(psutil.TimeoutExpired):
                    seen.wait(_GRACE)
                if seen.is_running():
                    seen.kill()
                    seen.wait(_GRACE)
        except (OSError, ValueError, KeyError, psutil.Error):
            pass
        self._record.unlink(missing_ok=True)

    def last_lines(self, count: int = 8) -> str:
        with contextlib.suppress(OSError):
            return "\n".join(self._log.read_text(errors="replace").splitlines()[-count:])
        return ""
