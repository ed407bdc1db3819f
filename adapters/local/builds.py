"""The agent's builds: a fresh checkout of a Revision, the service's build command in it, its output folder kept by content.

One key, one build: a key that is known is never begun again. A build that was under way when the agent died is FAILED at the
next start, with what was left of it ended and taken away; whoever wants it again asks with another key. The same Revision and
recipe give the Artifact of the earlier build as long as it is kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import json
import logging
import os
import secrets
import signal
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any
from weakref import WeakValueDictionary

from adapters.common.git import Mirror, run, without_userinfo
from adapters.local import processes
from adapters.local.artifacts import ArtifactStore, remove_tree
from adapters.local.journal import Change, Journal
from bot.domain.errors import AdapterError, PermanentError

logger = logging.getLogger(__name__)

AT_ONCE = 2
LOG_LIMIT = 20 * 1024 * 1024
FINISHED = ("succeeded", "failed", "cancelled")


@dataclass(frozen=True)
class Record:
    """A build as the journal keeps it. `state` has the words of bot.domain.artifact.BuildState; `timeout` in seconds."""

    key: str
    service: str
    url: str
    sha: str
    command: str
    output: str
    timeout: float
    revision: dict[str, Any] = field(default_factory=dict)
    state: str = "queued"
    token: str = ""
    digest: str | None = None
    version: str = ""
    reason: str = ""

    @property
    def recipe(self) -> str:
        """The same for builds that would make the same."""
        facts = [self.service, self.url, self.sha, self.command, self.output]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()

    def change(self) -> Change:
        return ("builds", self.key, asdict(self))


class Builds:
    def __init__(self, journal: Journal, data_dir: Path, agent: str, store: ArtifactStore) -> None:
        self._journal = journal
        self._data_dir = data_dir
        self._agent = agent
        self._store = store
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._places = asyncio.Semaphore(AT_ONCE)
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def clear_up(self) -> None:
        """Ends and takes away what a killed agent left behind."""
        for value in list(self._journal.table("builds").values()):
            record = Record(**value)
            if record.state in FINISHED:
                continue
            for pid in processes.by_token(record.token) if record.token else ():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            reason = "The local agent that ran this build was killed or restarted meanwhile. Deploy again to build anew."
            self._finish(record, "failed", reason=reason)
        for left in (self._data_dir / "checkouts").glob("*"):
            remove_tree(left)

    def start(self, wanted: Record) -> dict[str, Any]:
        """Begins it, or tells of the one that this key began."""
        if (known := self._find(wanted.key)) is None:
            _check_recipe(wanted)
            self._journal.write([replace(wanted, token=secrets.token_hex(16)).change()])
            self._tasks[wanted.key] = asyncio.create_task(self._run(wanted.key))
        elif (known.service, known.sha) != (wanted.service, wanted.sha):
            raise PermanentError(
                f"The key {wanted.key} already stands for a build of {known.service} at {known.sha[:7]}."
            )
        return self.report(wanted.key)

    def report(self, key: str) -> dict[str, Any]:
        record = self._find(key)
        if record is None:
            return {"state": "unknown"}
        folder = self._store.folder_of(record.digest) if record.digest else None
        return {
            **asdict(record),
            "location": str(folder or ""),
            "log": processes.tail(self.log_path(key), 20),
        }

    def log(self, key: str, lines: int) -> list[str]:
        return processes.tail(self.log_path(key), lines)

    def cancel(self, key: str) -> None:
        record = self._find(key)
        if record is None or record.state in FINISHED:
            return
        self._finish(record, "cancelled", reason="It was cancelled.")
        if task := self._tasks.get(key):
            task.cancel()

    async def shut_down(self) -> None:
        for key, task in list(self._tasks.items()):
            if (record := self._find(key)) and record.state not in FINISHED:
                self._finish(
                    record,
                    "failed",
                    reason="The local agent was shut down meanwhile. Deploy again to build anew.",
                )
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def cap_logs(self) -> None:
        for key in self._tasks:
            processes.cap_log(self.log_path(key), LOG_LIMIT)

    def log_path(self, key: str) -> Path:
        return self._data_dir / "builds" / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.log"

    async def _run(self, key: str) -> None:
        checkout = self._data_dir / "checkouts" / secrets.token_hex(8)
        # The same recipe waits for the one under way, and finds its Artifact.
        turn = self._turns.setdefault(self._record(key).recipe, asyncio.Lock())
        try:
            async with turn, self._places:
                record = replace(self._record(key), state="running")
                self._journal.write([record.change()])
                await self._build(record, checkout)
        except AdapterError as error:
            self._finish(self._record(key), "failed", reason=without_userinfo(str(error)))
        except OSError as error:
            self._finish(self._record(key), "failed", reason=_of_disk(error))
        finally:
            self._tasks.pop(key, None)
            await asyncio.to_thread(remove_tree, checkout)

    async def _build(self, record: Record, checkout: Path) -> None:
        mirror = Mirror.of(self._data_dir, record.url)
        log = self.log_path(record.key)
        if not await mirror.has(record.sha):
            processes.note_in_log(log, f"fetching {mirror.shown}")
            await mirror.fetch()
        if not await mirror.has(record.sha) and not await mirror.fetch_commit(record.sha):
            raise PermanentError(
                f"{mirror.shown} has no commit {record.sha[:12]}.", "Deploy a revision that it has."
            )
        version = await _version(mirror, record.sha)
        if earlier := self._earlier(record):
            processes.note_in_log(
                log, f"{version} was built before (by {earlier.key}): its Artifact is used again"
            )
            self._finish(record, "succeeded", digest=earlier.digest, version=version)
            return
        processes.note_in_log(log, f"checking out {record.sha[:12]} ({version})")
        await _check_out(mirror, record.sha, checkout)
        processes.note_in_log(log, f"running: {record.command}")
        await self._run_command(record, version, checkout, log)
        output = _output_folder(checkout, record.output)
        digest = await asyncio.to_thread(self._store.put, output)
        processes.note_in_log(log, f"kept as {digest}")
        self._finish(record, "succeeded", digest=digest, version=version)

    async def _run_command(self, record: Record, version: str, checkout: Path, log: Path) -> None:
        variables = {
            **processes.plain_environment(),
            "CI": "true",
            "SHIPBELL_SERVICE": record.service,
            "SHIPBELL_REVISION": record.sha,
            "SHIPBELL_VERSION": version,
            processes.AGENT: self._agent,
        }
        command = ["/bin/sh", "-c", record.command]
        running = processes.start(command, cwd=checkout, environment=variables, token=record.token, log=log)
        try:
            async with asyncio.timeout(record.timeout):
                while running.is_alive():  # noqa: ASYNC110 - a process sets no event
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise PermanentError(
                f"The build took longer than {record.timeout:g} s and was ended.", "Raise `timeout`."
            ) from None
        finally:
            # A build's helpers end with it, however it ends.
            running.signal_group(signal.SIGKILL)
            status = running.collect()
        if status:
            raise PermanentError(f"The build command {processes.ending(status)}.", "Its log says why.")

    def _earlier(self, record: Record) -> Record | None:
        for value in reversed(self._journal.table("builds").values()):
            other = Record(**value)
            if (
                other.state == "succeeded"
                and other.recipe == record.recipe
                and self._store.folder_of(other.digest or "")
            ):
                return other
        return None

    def _finish(
        self, record: Record, state: str, *, digest: str | None = None, version: str = "", reason: str = ""
    ) -> None:
        current = self._find(record.key)
        if current is not None and current.state in FINISHED:
            return
        if reason:
            processes.note_in_log(self.log_path(record.key), f"{state}: {reason}")
        self._journal.note(
            [replace(record, state=state, digest=digest, version=version, reason=reason).change()]
        )

    def _find(self, key: str) -> Record | None:
        value = self._journal.table("builds").get(key)
        return Record(**value) if value else None

    def _record(self, key: str) -> Record:
        return Record(**self._journal.table("builds")[key])


def _check_recipe(record: Record) -> None:
    output = PurePosixPath(record.output)
    if output.is_absolute() or ".." in output.parts:
        raise PermanentError(
            f"The build's `output` {record.output} must be a folder within the checkout.",
            "Correct the catalog.",
        )
    if not record.command.strip():
        raise PermanentError(f"{record.service} has no build `command`.", "Give it one in the catalog.")


def _output_folder(checkout: Path, output: str) -> Path:
    folder = checkout / output
    if not folder.is_dir() or not folder.resolve().is_relative_to(checkout.resolve()):
        raise PermanentError(
            f"The build ended well but left no folder `{output}`.",
            "Let it write there, or correct `output` in the catalog.",
        )
    return folder


async def _version(mirror: Mirror, sha: str) -> str:
    """A name for people: the commit's highest tag, else its short sha."""
    tags = await mirror.git(
        "for-each-ref",
        "--sort=-version:refname",
        "--format=%(refname:strip=2)",
        "--points-at",
        sha,
        "refs/tags",
    )
    return next(iter(tags.splitlines()), sha[:7])


async def _check_out(mirror: Mirror, sha: str, checkout: Path) -> None:
    checkout.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    await run(
        ["clone", "--quiet", "--shared", "--no-checkout", str(mirror.path), str(checkout)],
        mirror,
        timeout=120,
    )
    await run(["-C", str(checkout), "checkout", "--quiet", "--detach", sha], mirror, timeout=300)


def _of_disk(error: OSError) -> str:
    # copytree gathers its errors as texts.
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) or os.strerror(errno.ENOSPC) in str(error):
        return "The disk with the local agent's data folder is full. Free some space and deploy again."
    return f"The local agent met a problem: {error.strerror or error}."
