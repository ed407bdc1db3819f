"""What `shipbell doctor` says of the local adapters."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from adapters.local import client
from adapters.local.adapter import LocalRuntime
from bot.domain.errors import PermanentError
from bot.ports import Connection
from tests.support.local import LocalPlatform, eventually, local_platform, sample_artifact, sample_target


async def test_all_is_well(tmp_path: Path) -> None:
    async with local_platform(tmp_path) as platform:
        assert [(line.name, line.is_well) for line in await _lines(platform)] == [
            ("local agent", True),
            ("local proxy", True),
            ("local builds", True),
            ("git", True),
        ]
        await platform.bring_up(sample_target(), "shop-1", sample_artifact(platform.data_dir))
        assert [line.detail for line in await platform.traffic.check()] == ["runs"]


async def test_a_folder_that_cannot_be_written_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setattr(client, "START_WITHIN", 1.0)
    (line,) = await LocalRuntime(tmp_path / "file" / "local").check()
    assert not line.is_well
    assert "data folder" in line.detail


async def test_a_port_that_another_program_has_is_refused_clearly(tmp_path: Path) -> None:
    async with local_platform(tmp_path) as platform:
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = other.getsockname()[1]
            target = sample_target(port=port)
            with pytest.raises(
                PermanentError, match=f"Port {port} for shop@test is in use by another program"
            ):
                await platform.bring_up(target, "shop-1", sample_artifact(platform.data_dir))
            assert dict(await platform.traffic.inspect(target)) == {}
        # Not begun, so the same may be tried again once the port is free.
        found = (await platform.runtime.inspect(target))["shop-1"]
        assert found.address is not None
        await platform.traffic.enable(platform.effect(), target, "shop-1", found.address)
        assert await platform.front(target) == f"http://127.0.0.1:{port}"


async def test_two_targets_cannot_have_one_port(tmp_path: Path) -> None:
    async with local_platform(tmp_path) as platform:
        artifact = sample_artifact(platform.data_dir)
        first = sample_target()
        await platform.bring_up(first, "shop-1", artifact)
        port = int((await platform.front(first)).rpartition(":")[2])
        with pytest.raises(PermanentError, match=f"Port {port} is shop@test's already"):
            await platform.bring_up(sample_target("prod", port=port), "shop-1", artifact)


async def test_a_port_that_was_lost_while_the_proxy_was_away_is_said_and_taken_back(tmp_path: Path) -> None:
    async with local_platform(tmp_path) as platform:
        target = sample_target()
        await platform.bring_up(target, "shop-1", sample_artifact(platform.data_dir))
        port = int((await platform.front(target)).rpartition(":")[2])
        await client.shut_down_agent(platform.data_dir)
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(("127.0.0.1", port))
            other.listen()
            await platform.until_healthy(target, "shop-1")

            async def said() -> bool:
                (line,) = await platform.traffic.check()
                return not line.is_well and line.detail.startswith(f"the port of {target.key} is not open: ")

            await eventually(said)

        async def back() -> bool:
            try:
                _reader, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                return False
            writer.close()
            (line,) = await platform.traffic.check()
            return line.is_well

        await eventually(back)


async def _lines(platform: LocalPlatform) -> list[Connection]:
    checks = (platform.runtime, platform.traffic, platform.builder, platform.source)
    return [line for check in checks for line in await check.check()]
