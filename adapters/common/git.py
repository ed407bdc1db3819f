"""The git command line and the bare mirrors that it fetches into: used by the git source and by local builds alike.

Here: a clean environment for git, errors as sentences without credentials, one mirror a URL. Not here: what a ref means.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from bot.domain.errors import AdapterError, PermanentError, TemporaryError

FETCH_TIMEOUT = 120.0
"""Seconds for one fetch; a first one of a large repository takes long."""

STALE_AFTER = 600.0
"""Seconds after which a lock file of git's in a mirror is nobody's."""

_SCHEMES = ("https://", "http://", "ssh://", "git://", "file://")
_SCP_LIKE = re.compile(r"^(?:[\w.+-]+@)?[\w.-]+:(?!/{2})[^\s]+$")
_USERINFO = re.compile(r"(?<=://)[^/@\s]+@")
_PASSED_ON = ("PATH", "HOME", "USER", "LOGNAME", "SSH_AUTH_SOCK", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")
_PROXIES = (
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "all_proxy",
    "ALL_PROXY",
)

_CONFIG = """\
[safe]
\tdirectory = *
[core]
\thooksPath = /dev/null
[protocol]
\tallow = never
[protocol "file"]
\tallow = always
[protocol "git"]
\tallow = always
[protocol "ssh"]
\tallow = always
[protocol "http"]
\tallow = always
[protocol "https"]
\tallow = always
[gc]
\tautoDetach = false
[advice]
\tdetachedHead = false
"""
"""Nobody's own git configuration counts, so that hooks, aliases and helpers of whoever runs Shipbell can't act here."""

_WHY: tuple[tuple[str, type[AdapterError], str, str], ...] = (
    (
        r"No space left on device|Disk quota exceeded",
        TemporaryError,
        "The disk is full, so {url} could not be fetched.",
        "Free some space in Shipbell's data folder and try again.",
    ),
    (
        r"Authentication failed|could not read Username|could not read Password|terminal prompts disabled"
        r"|Permission denied \(|error: 40[13]|HTTP Basic: Access denied",
        PermanentError,
        "{url} did not let Shipbell in.",
        "Give the machine that runs Shipbell read access to the repository (a deploy key, or a token in its URL).",
    ),
    (r"Host key verification failed", PermanentError, "The host key of {url} is not known here.", "Add it to known_hosts."),
    (
        r"does not appear to be a git repository|does not exist|[Rr]epository not found|repository '.*' not found|not a git repository",
        PermanentError,
        "There is no git repository at {url}.",
        "Correct the service's source in the catalog.",
    ),
    (r"transport '.*' not allowed", PermanentError, "{url} has a kind of address that is not allowed.", "Use https, ssh or a path."),
)  # fmt: skip


def without_userinfo(text: str) -> str:
    """The text with what stands before the @ of its URLs taken out: tokens and passwords live there."""
    return _USERINFO.sub("", text)


def normal_url(url: str) -> str:
    """The URL, or an absolute path. Raises PermanentError for what git would take as an option or as a helper to run."""
    url = url.strip()
    if (
        not url
        or url.startswith("-")
        or any(ord(c) < 32 or ord(c) == 127 for c in url)
        or "::" in url.split("/")[0]
    ):
        raise PermanentError(
            f"`{without_userinfo(url)}` is no address of a git repository.",
            "Use an https or ssh URL, or a path.",
        )
    if url.lower().startswith(_SCHEMES) or (_SCP_LIKE.match(url) and not Path(url).exists()):
        return url
    if "://" in url:
        raise PermanentError(
            f"`{without_userinfo(url)}` has a kind of address that is not allowed.",
            "Use an https or ssh URL, or a path.",
        )
    return str(Path(url).expanduser().absolute())


@dataclass(frozen=True)
class Mirror:
    """A bare copy of a repository's branches and tags at `path`; `url` is where it comes from."""

    url: str
    path: Path

    @property
    def shown(self) -> str:
        """The URL as people may see it."""
        return without_userinfo(self.url)

    @classmethod
    def of(cls, data_dir: Path, url: str) -> Mirror:
        url = normal_url(url)
        return cls(url, data_dir / "mirrors" / (hashlib.sha256(url.encode()).hexdigest()[:16] + ".git"))

    async def git(self, *arguments: str, timeout: float = 30.0) -> str:
        """What git says on its standard output, in this mirror."""
        return await run(["--git-dir", str(self.path), *arguments], self, timeout=timeout)

    async def has(self, sha: str) -> bool:
        try:
            await self.git("cat-file", "-e", f"{sha}^{{commit}}")
        except AdapterError:
            return False
        return True

    async def fetch(self, timeout: float = FETCH_TIMEOUT, *, no_older_than: float = 0.0) -> None:
        """Brings branches and tags up to date; does nothing when that was done in the last `no_older_than` seconds."""
        if self._age() < no_older_than:
            return
        async with self._locked(timeout):
            if self._age() < no_older_than:
                return
            await self._prepare()
            refs = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
            options = ("--prune", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules")
            await self.git("fetch", *options, "origin", *refs, timeout=timeout)
            self._stamp.touch()

    async def fetch_commit(self, sha: str, timeout: float = FETCH_TIMEOUT) -> bool:
        """Asks for one commit that no branch or tag reaches (a pull request's); False when the other side won't give it."""
        async with self._locked(timeout):
            await self._prepare()
            try:
                await self.git(
                    "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "origin", sha, timeout=timeout
                )
            except PermanentError:
                return False
            except TemporaryError:
                # Servers say "not our ref" in many ways; only what they have counts.
                return await self.has(sha)
        return await self.has(sha)

    @property
    def _stamp(self) -> Path:
        return self.path / "shipbell-fetched"

    def _age(self) -> float:
        try:
            return max(0.0, time.time() - self._stamp.stat().st_mtime)
        except FileNotFoundError:
            return float("inf")

    async def _prepare(self) -> None:
        if not self._stamp.exists():
            # From the beginning until a first fetch went well: one that was killed may have left half of it.
            await asyncio.to_thread(shutil.rmtree, self.path, ignore_errors=True)
            await run(["init", "--quiet", "--bare", str(self.path)], self, timeout=30)
        for lock in self.path.rglob("*.lock"):
            # Only we write here, one at a time, so an old one was left by a git that was killed.
            with contextlib.suppress(FileNotFoundError):
                if time.time() - lock.stat().st_mtime > STALE_AFTER:
                    lock.unlink()
        # Written here and not given to git as an argument: everyone on a machine may read the arguments of processes.
        quoted = self.url.replace("\\", "\\\\").replace('"', '\\"')
        config = (
            f'[core]\n\trepositoryformatversion = 0\n\tbare = true\n[remote "origin"]\n\turl = "{quoted}"\n'
        )
        file = self.path / "config"
        if not file.exists() or file.read_text() != config:
            fresh = file.with_name("config.new")
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w") as stream:
                stream.write(config)
            fresh.replace(file)

    @contextlib.asynccontextmanager
    async def _locked(self, timeout: float) -> AsyncIterator[None]:
        """One fetch at a time, among all processes."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        until = time.monotonic() + timeout
        try:
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > until:
                        raise TemporaryError(
                            f"Somebody else has been fetching {self.shown} for long.", "Try again."
                        ) from None
                    await asyncio.sleep(0.05)
            yield
        finally:
            os.close(descriptor)


def environment(data_dir: Path) -> dict[str, str]:
    """What git's processes are told: nothing of ours, and nobody's own configuration."""
    config = data_dir / "mirrors" / "gitconfig"
    if not config.exists() or config.read_text() != _CONFIG:
        config.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = config.with_name(f"gitconfig.{os.getpid()}")
        fresh.write_text(_CONFIG)
        fresh.replace(config)
    kept = {name: os.environ[name] for name in (*_PASSED_ON, *_PROXIES) if name in os.environ}
    return {
        **kept,
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": str(config),
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "true",
        "SSH_ASKPASS": "true",
        "GIT_SSH_COMMAND": "ssh -oBatchMode=yes -oConnectTimeout=10",
        "GIT_OPTIONAL_LOCKS": "0",
    }


async def run(arguments: list[str], mirror: Mirror, *, timeout: float) -> str:
    """Runs git and returns its output. Raises TemporaryError or PermanentError with the last thing that git said."""
    data_dir = mirror.path.parent.parent
    try:
        process = await asyncio.create_subprocess_exec(
            "git",
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment(data_dir),
            process_group=0,
        )
    except FileNotFoundError as error:
        raise PermanentError("There is no `git` on this machine.", "Install git.") from error
    except OSError as error:
        raise TemporaryError(f"git could not be started: {error.strerror}.", "Try again.") from error
    try:
        out, err = await asyncio.wait_for(process.communicate(), timeout)
    except TimeoutError as error:
        raise TemporaryError(
            f"{mirror.shown} did not answer git within {timeout:g} s.", "Try again."
        ) from error
    finally:
        if process.returncode is None:
            await _end(process)
    if process.returncode:
        raise _error(err.decode(errors="replace"), mirror)
    return out.decode(errors="replace")


async def _end(process: asyncio.subprocess.Process) -> None:
    """Asked first, as then git takes its lock files away."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), 2.0)
            return


def _error(text: str, mirror: Mirror) -> AdapterError:
    for pattern, kind, what, todo in _WHY:
        if re.search(pattern, text):
            return kind(what.format(url=mirror.shown), todo)
    lines = [line for line in without_userinfo(text).splitlines() if line.strip()]
    said = next(
        (line for line in lines if line.startswith(("fatal:", "error:"))), lines[-1] if lines else "nothing"
    )
    return TemporaryError(f"git could not do its work with {mirror.shown}. It said: {said}")
