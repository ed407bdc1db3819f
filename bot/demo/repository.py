"""The sample service's git repository: a few commits by a few people, a release tag, and branches that are broken on purpose."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

SAMPLE = Path(__file__).parent / "sample"
_PEOPLE = {"dana": "Dana Diaz", "max": "Max Meyer", "nina": "Nina Novak"}


def make_repository(path: Path) -> None:
    """Makes it unless it is there. Raises OSError, subprocess.CalledProcessError."""
    if (path / ".git").is_dir():
        return
    making = path.with_name(path.name + ".making")
    shutil.rmtree(making, ignore_errors=True)
    shutil.copytree(SAMPLE, making, ignore=shutil.ignore_patterns("__pycache__"))
    repository = _Repository(making)
    repository.git("init", "--quiet", "--initial-branch=main")
    repository.commit("dana", "Open the shop", 50)
    repository.git("tag", "-a", "v1.0.0", "-m", "The shop's first release", at=49)
    repository.change("page.html", "</main>", "<p>Free delivery this week.</p>\n</main>", 1)
    repository.commit("max", "Say that delivery is free this week", 30)
    repository.change(
        "README.md", "A small service to release.", "A small service to release, again and again.", 1
    )
    repository.commit("nina", "Explain what the shop is for", 10)
    repository.branch("crash", "max", "Save a variable (crashes at start)", 'BEHAVIOUR = "crash"')
    repository.branch("sick", "nina", "Cache the health check (never healthy)", 'BEHAVIOUR = "sick"')
    repository.branch("dies", "max", "Free memory eagerly (dies after 3 s)", 'BEHAVIOUR = "dies 3"')
    making.rename(path)


class _Repository:
    def __init__(self, path: Path) -> None:
        self._path = path

    def git(self, *words: str, who: str = "dana", at: int = 0) -> None:
        """`at`: so many hours ago."""
        name = _PEOPLE[who]
        stamp = f"{_hours_ago(at)} +0000"
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": name,
            "GIT_COMMITTER_NAME": name,
            "GIT_AUTHOR_EMAIL": f"{who}@example.com",
            "GIT_COMMITTER_EMAIL": f"{who}@example.com",
            "GIT_AUTHOR_DATE": stamp,
            "GIT_COMMITTER_DATE": stamp,
        }
        # Words of ours, not of people's; git is looked up on the PATH as everywhere.
        subprocess.run(["git", *words], cwd=self._path, env=environment, check=True, capture_output=True)  # noqa: S603, S607

    def change(self, file: str, old: str, new: str, count: int) -> None:
        target = self._path / file
        text = target.read_text(encoding="utf-8")
        if old not in text:
            raise ValueError(f"{file} has no {old!r}: the demo's changes don't fit its sample any more")
        target.write_text(text.replace(old, new, count), encoding="utf-8")

    def commit(self, who: str, subject: str, at: int) -> None:
        self.git("add", "--all", who=who, at=at)
        self.git("commit", "--quiet", "-m", subject, who=who, at=at)

    def branch(self, name: str, who: str, subject: str, line: str) -> None:
        self.git("switch", "--quiet", "-c", name)
        self.change("shop.py", 'BEHAVIOUR = "good"', line, 1)
        self.commit(who, subject, 2)
        self.git("switch", "--quiet", "main")


def _hours_ago(hours: int) -> int:
    return int(time.time()) - hours * 3600
