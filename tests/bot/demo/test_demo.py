"""The main job as a newcomer runs it: `shipbell demo`, a deploy, a killed bot, Ctrl-C; and nothing is left."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import psutil
import pytest

from bot.demo.repository import make_repository
from tests.support.poll import until

ROOT = Path(__file__).parents[3]


class Demo:
    """A running demo: its page's address, what it has said, and ways to speak in its workspace."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path) -> None:
        self.process = process
        self.folder = folder
        self.said: list[str] = []
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            self.said.append(line.decode().rstrip())

    @property
    def text(self) -> str:
        return "\n".join(self.said)

    def found(self, pattern: str) -> str:
        hits = re.findall(pattern, self.text)
        return str(hits[-1]) if hits else ""

    async def url(self) -> str:
        await until(lambda: bool(self.found(r"Ctrl-C ends everything")), 90)
        return self.found(r"(http://127\.0\.0\.1:\d+)/\?as=dana")

    async def ended(self, number: signal.Signals = signal.SIGINT) -> int:
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)
        status = await asyncio.wait_for(self.process.wait(), 60)
        await self._reading
        return status


def left_over(folder: Path) -> list[str]:
    """Processes whose words or environment name the folder."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE:
                words = [*process.cmdline(), *process.environ().values()]
                if any(str(folder) in word for word in words):
                    found.append(" ".join(process.cmdline()))
    return found


async def start(folder: Path, *more: str) -> Demo:
    words = [sys.executable, "-m", "bot.cli", "demo", "--port", "0", "--data", str(folder), *more]
    environment = {k: v for k, v in os.environ.items() if str(folder.parent) not in v}
    process = await asyncio.create_subprocess_exec(
        *words,
        cwd=ROOT,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    return Demo(process, folder)


@pytest.fixture
async def demo(tmp_path: Path) -> AsyncIterator[Demo]:
    running = await start(tmp_path / "demo")
    try:
        yield running
    finally:
        if running.process.returncode is None:
            await running.ended()
        assert left_over(running.folder) == []


async def test_a_deploy_a_killed_bot_and_the_end(demo: Demo) -> None:
    url = await demo.url()
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=20) as client:

        async def say(text: str) -> None:
            body = {"as": "dana", "channel": "#deploys", "text": text}
            (await client.post("/client/send", json=body)).raise_for_status()

        async def shows(words: str) -> bool:
            params = {"as": "dana", "channel": "#test-env"}
            found = (await client.get("/client/history", params=params)).json()["messages"]
            return any(words in str(message) for message in found)

        assert (await client.get("/?as=dana")).status_code == 200
        await say("/deploy shop@v1.0.0 test")
        await until(lambda: shows("*Done*"), 60, every=0.2)
        await until(lambda: "test v1.0.0" in demo.text, 30, every=0.2)
        await say("/deploy shop test")
        await until(lambda: shows("*Rolling out*"), 30, every=0.05)
        os.kill(int(demo.found(r"kill -9 (\d+)")), signal.SIGKILL)
        await until(lambda: "starting it again" in demo.text, 20)
        await until(lambda: shows("#2 shop → test: Done"), 60, every=0.2)
    assert re.search(r"[1-9]\d* answered, 0 lost", demo.text)
    assert not re.search(r"answered, [1-9]\d* lost", demo.text)
    assert await demo.ended() == 0
    assert left_over(demo.folder) == []


async def test_a_second_demo_in_the_same_folder_is_refused(demo: Demo) -> None:
    await demo.url()
    second = await start(demo.folder)
    assert await asyncio.wait_for(second.process.wait(), 60) == 1
    await second._reading
    assert "A demo runs in" in second.text
    assert "Traceback" not in second.text


async def test_what_a_killed_demo_left_is_taken_over_by_the_next(demo: Demo) -> None:
    await demo.url()
    demo.process.kill()
    await demo.process.wait()
    again = await start(demo.folder)
    await again.url()
    assert await again.ended(signal.SIGTERM) == 0


async def test_a_port_that_is_taken_is_one_sentence(tmp_path: Path) -> None:
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        second = await start(tmp_path / "demo", "--port", str(port))
        assert await asyncio.wait_for(second.process.wait(), 90) == 1
        await second._reading
        assert f"The port {port} is in use. Take another, or any.\n    shipbell demo --port 0" in second.text
        assert "Traceback" not in second.text
    finally:
        server.close()
    assert left_over(tmp_path / "demo") == []


async def test_told_to_end_while_it_starts_it_ends(tmp_path: Path) -> None:
    starting = await start(tmp_path / "demo")
    await until(lambda: (tmp_path / "demo" / "workspace").is_dir(), 60)
    assert await starting.ended() == 0
    assert left_over(tmp_path / "demo") == []


def test_the_sample_repository_has_what_the_demo_speaks_of(tmp_path: Path) -> None:
    make_repository(tmp_path / "shop")
    make_repository(tmp_path / "shop")

    def git(*words: str) -> list[str]:
        done = subprocess.run(
            ["git", *words], cwd=tmp_path / "shop", capture_output=True, text=True, check=True
        )
        return done.stdout.split()

    assert git("branch", "--format=%(refname:short)") == ["crash", "dies", "main", "sick"]
    assert git("tag") == ["v1.0.0"]
    assert git("rev-list", "--count", "v1.0.0..main") == ["2"]
