"""A whole company for scenario and kill tests: the workspace, the unmodified bot, the local platform, the sample's repository.

Everything is a real process. What became of things is read from the processes and the proxy (`company.platform`), not from our
tables; the tables are only asked how far an Operation is.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.catalog import load_catalog
from bot.domain.catalog import Target
from bot.domain.instances import InstanceState, TrafficState
from bot.domain.operation import AuditEntry, Operation, State, StepRecord
from bot.storage import SqlStore, migrate, open_store
from tests.support.local import LocalPlatform, SampleRepository, processes_of, sample_repo
from tests.support.workspace import ROOT, Person, RunningWorkspace, start_workspace, until

PATIENCE = float(os.environ.get("SHIPBELL_TEST_PATIENCE", "1"))
CATALOG = """\
team: T0ACME0001
admins: "#deploys"
fallback: "#releases"
environments:
  test: {{channel: "#test-env", tell: [tester]}}
  prod:
    channel: "#deploys"
    approvals: {{channel: "#releases", count: 1, roles: [lead], expires: {expires}}}
people:
  dana: {{slack: U0DANA0001, roles: [developer]}}
  lee: {{slack: U0LEE00001, roles: [lead]}}
  max: {{slack: U0MAX00001, roles: [lead]}}
  tess: {{slack: U0TESS0001, roles: [tester]}}
services:
  shop:
    description: The sample
    source: {{git: {repository}, branch: main}}
    build:
      local: {{command: sh build.sh, output: dist, timeout: 60s}}
    strategy:
      bake: {bake}
      on_failure: {on_failure}
      drain_within: 10s
      health: {{path: /healthz, start_within: {start}}}
    targets:
      test:
        local: {{instances: {instances}}}
      prod:
        local: {{instances: {instances}}}
"""


@dataclass
class Company:
    """`say` and `click` go through the workspace. `bot` is the newest bot process; `more` those started beside it."""

    folder: Path
    workspace: RunningWorkspace
    repository: SampleRepository
    platform: LocalPlatform
    store: SqlStore
    database_url: str
    catalog: Path
    bot: asyncio.subprocess.Process | None = None
    bots: list[asyncio.subprocess.Process] = field(default_factory=list)

    def person(self, name: str) -> Person:
        return self.workspace.person(name)

    def target(self, environment: str = "test") -> Target:
        found = load_catalog(self.catalog).target("shop", environment)
        assert found is not None
        return found

    # --- the bot

    def environment(self, replica: str = "shipbell", data: Path | None = None) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("SHIPBELL_", "SLACK_"))}
        return (
            kept
            | self.workspace.env()
            | {
                "SHIPBELL_CATALOG": str(self.catalog),
                "SHIPBELL_DATA": str(data or self.folder / "bot"),
                "SHIPBELL_DATABASE_URL": self.database_url,
                "SHIPBELL_REPLICA": replica,
                "SHIPBELL_LISTEN": "127.0.0.1:0",
                "SHIPBELL_LOG": "text",
            }
        )

    async def start_bot(
        self,
        *,
        replica: str = "shipbell",
        kill_at: str | None = None,
        more: Mapping[str, str] | None = None,
        wait: bool = True,
    ) -> asyncio.subprocess.Process:
        """The bot by its own entry; with `kill_at` by `tests.support.killable`, which kills it at that point, once."""
        await self._forgotten()  # or one that ends would be counted, and the new one not missed
        before = await self._connections()
        environment = self.environment(replica) | dict(more or {})
        words = ["-m", "bot.cli", "serve"]
        if kill_at is not None:
            environment["TEST_KILL_AT"] = kill_at
            words = ["-m", "tests.support.killable"]
        with (self.folder / "bot.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, *words, cwd=ROOT, env=environment, stdout=log, stderr=log
            )
        self.bot = process
        self.bots.append(process)
        if wait:

            async def connected() -> bool:
                assert process.returncode is None, f"the bot ended ({process.returncode}):\n{self.log()}"
                return await self._connections() > before

            await until(connected, 30, lambda: f"the bot did not connect:\n{self.log()}")
        return process

    async def kill_bot(self, process: asyncio.subprocess.Process | None = None) -> None:
        process = process or self.bot
        assert process is not None
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
        await process.wait()
        await self._forgotten()

    async def killed(self, within: float = 40) -> None:
        """Waits until the bot has killed itself at its point."""
        assert self.bot is not None
        try:
            status = await asyncio.wait_for(self.bot.wait(), within * PATIENCE)
        except TimeoutError:
            raise AssertionError(f"the bot was never killed at its point:\n{self.log()}") from None
        assert status == -signal.SIGKILL, f"the bot ended with {status}:\n{self.log()}"
        await self._forgotten()

    async def end_bots(self) -> None:
        for process in self.bots:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(signal.SIGCONT)
                    process.send_signal(signal.SIGTERM)
        for process in self.bots:
            try:
                await asyncio.wait_for(process.wait(), 20)
            except TimeoutError:
                process.kill()
                await process.wait()

    def log(self, lines: int = 40) -> str:
        return "\n".join((self.folder / "bot.log").read_text(errors="replace").splitlines()[-lines:])

    async def _connections(self) -> int:
        return int((await self.workspace.http.get("/control/health")).json()["connections"])

    async def _forgotten(self) -> None:
        """Until the workspace has seen that the killed bot's sockets are gone."""
        living = sum(process.returncode is None for process in self.bots)

        async def gone() -> bool:
            return await self._connections() <= living

        await until(gone, 10, lambda: "the workspace still holds the killed bot's sockets")

    # --- how far it is

    async def operation(self, number: int) -> Operation | None:
        async with self.store.view() as view:
            return await view.operation(number)

    async def operations(self) -> list[Operation]:
        """All there are, oldest first."""
        async with self.store.view() as view:
            return list(await view.operations(limit=500, newest_first=False))

    async def steps(self, number: int) -> list[StepRecord]:
        async with self.store.view() as view:
            return list(await view.steps(number))

    async def audit(self, operation: int | None = None) -> list[AuditEntry]:
        """What was written down, oldest first."""
        async with self.store.view() as view:
            return [*reversed(await view.audit(operation=operation, limit=500))]

    async def until_operation(
        self, number: int, wanted: Callable[[Operation], bool], within: float = 60
    ) -> Operation:
        found: Operation | None = None

        async def there() -> bool:
            nonlocal found
            found = await self.operation(number)
            return found is not None and wanted(found)

        await until(
            there,
            within,
            lambda: (
                f"#{number} is {found.state if found else 'not there'}"
                f" ({found.outcome if found else ''}):\n{self.log()}"
            ),
        )
        assert found is not None
        return found

    async def settled(self, number: int, within: float = 60) -> Operation:
        return await self.until_operation(number, lambda op: op.is_final, within)

    async def in_state(self, number: int, state: State, within: float = 60) -> Operation:
        return await self.until_operation(number, lambda op: op.state is state, within)

    # --- what is so, by processes and proxies

    async def running(self, environment: str = "test") -> dict[str, str]:
        """Instance -> `VERSION STATE TRAFFIC`, VERSION as the process itself answers."""
        target = self.target(environment)
        seen = await self.platform.runtime.inspect(target)
        traffic = await self.platform.traffic.inspect(target)
        found: dict[str, str] = {}
        for name, instance in seen.items():
            version = await _version(instance.address) if instance.state is InstanceState.RUNNING else "-"
            route = traffic[name].state if name in traffic else TrafficState.ABSENT
            found[name] = f"{version} {instance.state} {route}"
        return found

    async def all_run(self, version: str, environment: str = "test") -> None:
        """Every Instance runs this version, healthy, with traffic: nothing is left drained or half way."""
        wanted = f"{version} running enabled"
        target = self.target(environment)
        expected = {target.instance_name(i): wanted for i in range(1, target.instances + 1)}
        assert await self.running(environment) == expected, self.log()

    async def front(self, environment: str = "test") -> str:
        found = await self.platform.traffic.front(self.target(environment))
        assert found is not None
        return found

    def commit_version(self, behaviour: str = "good", build_seconds: float = 0.0) -> str:
        """Commits a version that behaves so (see SampleRepository.behave), whose build takes that long; returns its sha."""
        if build_seconds:
            self.repository.slow_build(build_seconds)
            _count_builds(self.repository, self.folder / "builds.log")
        if behaviour != "good":
            self.repository.behave(behaviour)
        return self.repository.commit("Cut a version", VERSION_NOTE=behaviour)

    def builds(self, sha: str) -> int:
        """How often the build command ran for this commit."""
        log = self.folder / "builds.log"
        return log.read_text().split().count(sha) if log.exists() else 0

    async def cards(self, number: int, channel: str = "#test-env") -> list[dict[str, Any]]:
        """The cards that the channel shows of an Operation: there must be exactly one."""
        found = await self.person("lee").messages(channel)
        key = f"outbox:card:{number}"
        return [m for m in found if any(_row_of(block) == key for block in m.get("blocks") or [])]


def _row_of(block: Mapping[str, Any]) -> str:
    """The outbox key that a block's id carries."""
    return str(block.get("block_id", ""))


async def _version(address: str | None) -> str:
    if address is None:
        return "-"
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(f"GET /version HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode())
        answer = (await reader.read()).decode()
    finally:
        writer.close()
    return answer.rpartition("\r\n\r\n")[2].strip()


@contextlib.asynccontextmanager
async def a_company(
    folder: Path,
    *,
    database_url: str | None = None,
    instances: int = 2,
    bake: str = "1s",
    on_failure: str = "rollback",
    start: str = "15s",
    expires: str = "8h",
    bot: bool = True,
    seed: Mapping[str, Any] | None = None,
    edit: Callable[[str], str] = lambda catalog: catalog,
) -> AsyncIterator[Company]:
    """Opens everything below `folder`; at the end nothing of it is left running. `seed`: the workspace's, where it isn't the
    default; `edit`: what the catalog's text becomes before the bot reads it."""
    repository = sample_repo(folder)
    _count_builds(repository, folder / "builds.log")
    catalog = folder / "shipbell.yaml"
    text = CATALOG.format(
        repository=repository.path,
        instances=instances,
        bake=bake,
        on_failure=on_failure,
        start=start,
        expires=expires,
    )
    catalog.write_text(edit(text))
    url = database_url or f"sqlite:///{folder / 'bot' / 'shipbell.sqlite'}"
    (folder / "bot").mkdir()
    await migrate(url)
    store = await open_store(url)
    workspace = await start_workspace(folder, None if seed is None else dict(seed))
    platform = LocalPlatform(folder / "bot" / "local")
    company = Company(folder, workspace, repository, platform, store, url, catalog)
    try:
        if bot:
            await company.start_bot()
        yield company
    finally:
        await company.end_bots()
        await workspace.stop()
        await store.close()
        if processes_of(platform.data_dir):
            await platform.close()


def _count_builds(repository: SampleRepository, log: Path) -> None:
    """Has the build script say each time it ran, for which commit."""
    script = repository.path / "build.sh"
    line = f'echo "$SHIPBELL_REVISION" >> "{log}"\n'
    text = script.read_text()
    script.write_text(text.replace("set -eu\n", f"set -eu\n{line}", 1))
    repository.commit("Count the builds")
