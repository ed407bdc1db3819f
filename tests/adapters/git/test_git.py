"""The git source: mirrors, addresses, and errors that say what to do and never a password."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.common import git
from adapters.common.git import Mirror, environment, normal_url, without_userinfo
from adapters.git.adapter import GitSource
from adapters.git.client import is_valid_name, web_prefix
from bot.domain.catalog import Source
from bot.domain.errors import PermanentError, RefNotFound, TemporaryError
from tests.support.local import SampleRepository, sample_repo


@pytest.fixture
def repository(tmp_path: Path) -> SampleRepository:
    return sample_repo(tmp_path)


@pytest.fixture
def code(tmp_path: Path) -> GitSource:
    return GitSource(tmp_path / "data")


def source(repository: SampleRepository) -> Source:
    return Source("git", repository.url)


async def test_what_was_pushed_a_moment_ago_is_found(code: GitSource, repository: SampleRepository) -> None:
    assert (await code.resolve(source(repository), "main")).sha == repository.first
    second = repository.commit("Second")
    assert (await code.resolve(source(repository), "main")).sha == second
    repository.git("reset", "--quiet", "--hard", repository.first)
    assert (await code.resolve(source(repository), "main")).sha == repository.first


async def test_a_branch_that_was_deleted_is_gone(code: GitSource, repository: SampleRepository) -> None:
    repository.git("branch", "topic")
    await code.resolve(source(repository), "topic")
    repository.git("branch", "-D", "topic")
    with pytest.raises(RefNotFound) as caught:
        await code.resolve(source(repository), "topic")
    assert caught.value.nearest == ("main",)


async def test_a_branch_may_take_the_place_of_a_folder_of_branches(
    code: GitSource, repository: SampleRepository
) -> None:
    repository.git("branch", "a/b")
    await code.resolve(source(repository), "a/b")
    repository.git("branch", "-D", "a/b")
    repository.git("branch", "a")
    assert (await code.resolve(source(repository), "a")).sha == repository.first


@pytest.mark.parametrize("annotated", [True, False])
async def test_a_tag_means_its_commit(code: GitSource, repository: SampleRepository, annotated: bool) -> None:
    repository.tag("v1.2", annotated=annotated)
    repository.commit("Second")
    assert (await code.resolve(source(repository), "v1.2")).sha == repository.first
    assert (await code.resolve(source(repository), "refs/tags/v1.2")).sha == repository.first


async def test_a_tag_goes_before_a_branch_of_the_same_name(
    code: GitSource, repository: SampleRepository
) -> None:
    repository.tag("v1")
    second = repository.commit("Second")
    repository.git("branch", "v1")
    assert (await code.resolve(source(repository), "v1")).sha == repository.first
    assert (await code.resolve(source(repository), "refs/heads/v1")).sha == second


async def test_a_branch_that_looks_like_a_sha_is_a_branch(
    code: GitSource, repository: SampleRepository
) -> None:
    repository.git("branch", "deadbeef")
    second = repository.commit("Second")
    assert (await code.resolve(source(repository), "deadbeef")).sha == repository.first
    assert (await code.resolve(source(repository), second[:9].upper())).sha == second


async def test_a_commit_that_only_its_sha_names_is_fetched(
    code: GitSource, repository: SampleRepository
) -> None:
    await code.resolve(source(repository), "main")
    repository.git("checkout", "--quiet", "--detach")
    lonely = repository.commit("On no branch")
    repository.git("checkout", "--quiet", "main")
    repository.git("config", "uploadpack.allowAnySHA1InWant", "true")
    assert (await code.resolve(source(repository), lonely)).sha == lonely


async def test_names_in_any_script_are_found(code: GitSource, repository: SampleRepository) -> None:
    for name in ("größe/ß", "修正", "feature/ABC-12_x.y"):
        repository.git("branch", name)
        assert (await code.resolve(source(repository), name)).sha == repository.first


async def test_an_empty_repository_says_so(code: GitSource, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", "--bare", str(tmp_path / "empty.git")], check=True)
    with pytest.raises(RefNotFound, match="has no branches and no tags yet"):
        await code.resolve(Source("git", str(tmp_path / "empty.git")), None)


async def test_many_at_once_share_one_mirror(tmp_path: Path, repository: SampleRepository) -> None:
    codes = [GitSource(tmp_path / "data") for _ in range(4)]
    found = await asyncio.gather(
        *(one.resolve(source(repository), "main") for one in codes for _ in range(3))
    )
    assert {revision.sha for revision in found} == {repository.first}
    assert len(list((tmp_path / "data" / "mirrors").glob("*.git"))) == 1


async def test_completion_is_content_with_what_was_fetched_a_moment_ago(
    code: GitSource, repository: SampleRepository
) -> None:
    await code.refs(source(repository))
    repository.git("branch", "new")
    assert list(await code.refs(source(repository))) == ["main"]
    await code.resolve(source(repository), "main")
    assert sorted(await code.refs(source(repository))) == ["main", "new"]


@pytest.mark.kill
async def test_what_a_killed_git_left_behind_does_not_hinder(
    code: GitSource, repository: SampleRepository
) -> None:
    await code.resolve(source(repository), "main")
    mirror = Mirror.of(code._data_dir, repository.url)
    stale = [mirror.path / "packed-refs.lock", mirror.path / "refs" / "heads" / "main.lock"]
    for lock in stale:
        lock.write_text("")
        os.utime(lock, (1, 1))
    second = repository.commit("Second")
    assert (await code.resolve(source(repository), "main")).sha == second
    assert not any(lock.exists() for lock in stale)


@pytest.mark.kill
async def test_a_mirror_that_was_only_half_made_is_made_whole(
    code: GitSource, repository: SampleRepository
) -> None:
    mirror = Mirror.of(code._data_dir, repository.url)
    mirror.path.mkdir(parents=True)
    (mirror.path / "HEAD").write_text("")
    assert (await code.resolve(source(repository), "main")).sha == repository.first


async def test_a_repository_that_is_not_there_says_so(code: GitSource, tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="There is no git repository at ") as caught:
        await code.resolve(Source("git", str(tmp_path / "absent")), None)
    assert "catalog" in caught.value.todo


async def test_a_server_that_does_not_answer_is_temporary_and_tells_no_password(code: GitSource) -> None:
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    with pytest.raises(TemporaryError) as caught:
        await code.resolve(Source("git", f"http://dana:hunter2@127.0.0.1:{port}/shop.git"), None)
    assert "hunter2" not in str(caught.value)
    assert f"http://127.0.0.1:{port}/shop.git" in str(caught.value)


async def test_a_server_that_wants_a_password_is_permanent_and_asks_nobody(code: GitSource) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(
            b'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm="git"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'
        )
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(PermanentError, match="did not let Shipbell in") as caught:
        await code.resolve(Source("git", f"http://dana:hunter2@127.0.0.1:{port}/shop.git"), None)
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(caught.value.__cause__)
    server.close()


async def test_a_server_that_hangs_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    mirror = Mirror.of(tmp_path / "data", f"http://127.0.0.1:{port}/shop.git")
    with pytest.raises(TemporaryError, match=r"did not answer git within 0\.5 s"):
        await mirror.fetch(timeout=0.5)
    server.close()


async def test_no_hook_and_no_configuration_of_anybody_acts(
    tmp_path: Path, repository: SampleRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    trap = tmp_path / "trapped"
    home = tmp_path / "home"
    (home / "hooks").mkdir(parents=True)
    hook = home / "hooks" / "reference-transaction"
    hook.write_text(f"#!/bin/sh\ntouch '{trap}'\n")
    hook.chmod(0o755)
    (home / ".gitconfig").write_text(
        f"[core]\n\thooksPath = {home / 'hooks'}\n\tfsmonitor = touch {trap}\n"
        f'[init]\n\ttemplateDir = {home}\n[url "/elsewhere"]\n\tinsteadOf = {repository.url}\n'
    )
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_DIR", "/elsewhere")
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.hooksPath")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", str(home / "hooks"))
    code = GitSource(tmp_path / "data")
    assert (await code.resolve(source(repository), "main")).sha == repository.first
    assert not trap.exists()


async def test_the_address_is_in_no_processs_arguments(tmp_path: Path, repository: SampleRepository) -> None:
    """Everybody on a machine may read the arguments of processes, and an address may hold a token."""
    seen: list[str] = []
    original = asyncio.create_subprocess_exec

    async def spy(*arguments: str, **options: object) -> asyncio.subprocess.Process:
        seen.append(" ".join(arguments))
        return await original(*arguments, **options)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(git.asyncio, "create_subprocess_exec", spy)
        await GitSource(tmp_path / "data").resolve(source(repository), "main")
    assert seen
    assert not any(repository.url in line for line in seen)
    config = next((tmp_path / "data" / "mirrors").glob("*.git")) / "config"
    assert repository.url in config.read_text()
    assert config.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "url",
    [
        "",
        "-oProxyCommand=touch x",
        "--upload-pack=touch x",
        "ext::sh -c touch% x",
        "fd::17",
        "ftp://example.com/x.git",
        "https://example.com/\nx",
        "sso://x",
    ],
)
def test_what_git_would_run_or_take_for_an_option_is_no_address(url: str) -> None:
    with pytest.raises(PermanentError):
        normal_url(url)


def test_addresses_are_taken_as_they_are_and_paths_made_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for url in (
        "https://example.com/a.git",
        "ssh://git@example.com:22/a",
        "git@example.com:a/b.git",
        "file:///srv/a",
    ):
        assert normal_url(url) == url
    monkeypatch.chdir(tmp_path)
    assert normal_url("shop") == str(tmp_path / "shop")
    assert normal_url("./shop/../shop") == str(tmp_path / "shop" / ".." / "shop")


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("fatal: https://dana:hunter2@example.com/a", "fatal: https://example.com/a"),
        (
            "https://token@example.com/a and ssh://git@example.com/b",
            "https://example.com/a and ssh://example.com/b",
        ),
        ("https://example.com/@scope/a", "https://example.com/@scope/a"),
        ("mail dana@example.com", "mail dana@example.com"),
    ],
)
def test_passwords_are_taken_out_of_texts(text: str, clean: str) -> None:
    assert without_userinfo(text) == clean


@pytest.mark.parametrize(
    ("url", "prefix"),
    [
        ("https://github.com/acme/shop.git", "https://github.com/acme/shop/commit/"),
        ("https://x:token@github.com/acme/shop", "https://github.com/acme/shop/commit/"),
        ("git@github.com:acme/shop.git", "https://github.com/acme/shop/commit/"),
        ("ssh://git@gitlab.acme.example:2222/a/b/c.git", "https://gitlab.acme.example/a/b/c/-/commit/"),
        ("https://bitbucket.org/acme/shop", "https://bitbucket.org/acme/shop/commits/"),
        ("https://git.acme.example/shop", None),
        ("/srv/shop.git", None),
        ("file:///srv/shop.git", None),
    ],
)
def test_where_commits_are_shown(url: str, prefix: str | None) -> None:
    assert web_prefix(url) == prefix


@pytest.mark.parametrize("name", ["main", "v1.2", "feature/x", "a-b_c.d", "größe", "x@y", "#12"])
def test_names_that_git_allows(name: str) -> None:
    assert is_valid_name(name)


@pytest.mark.parametrize(
    "name",
    ["-x", "/x", "x/", "x.", ".x", "a//b", "a/.b", "a.lock", "a.lock/b", "a..b", "a b", "a\tb", "@", "a@{1}"],
)
def test_names_that_git_does_not_allow(name: str) -> None:
    assert not is_valid_name(name)


def test_git_is_told_nothing_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-secret")
    monkeypatch.setenv("GIT_SSH_COMMAND", "touch x")
    found = environment(tmp_path)
    assert "SLACK_BOT_TOKEN" not in found
    assert found["GIT_SSH_COMMAND"].startswith("ssh -oBatchMode=yes")
    assert found["GIT_TERMINAL_PROMPT"] == "0"


async def test_doctor_tells_whether_git_is_there(code: GitSource, monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = await code.check()
    assert line.is_well
    assert line.detail.startswith("git version ")
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent / "absent"))
    (line,) = await code.check()
    assert not line.is_well
    assert line.hint == "Install git."


async def test_commits_have_their_address_where_it_is_known(
    code: GitSource, repository: SampleRepository
) -> None:
    second = repository.commit("Second")
    found = await code.between(source(repository), repository.first, second)
    assert found.commits[0].url is None
    other = replace(source(repository), url="https://github.com/acme/shop.git")
    mirror = Mirror.of(code._data_dir, other.url)
    local = Mirror.of(code._data_dir, repository.url)
    local.path.rename(mirror.path)
    found = await code.between(other, repository.first, second)
    assert found.commits[0].url == f"https://github.com/acme/shop/commit/{second}"
