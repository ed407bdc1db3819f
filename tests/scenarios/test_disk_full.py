"""The disk of the bot's database full: it says so, does nothing by halves, and carries on when there is room.

The disk is a small file system in memory. It is mounted in a namespace of its own, in which the scenarios of disk_full_inside.py
run as one more pytest, so that it goes with them, however they end.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.workspace import ROOT

INSIDE = Path(__file__).with_name("disk_full_inside.py")


@pytest.mark.kill
def test_all_of_them_on_a_small_disk(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(_on_small_disk(["true"], small), check=False, capture_output=True).returncode != 0:
        if os.environ.get("CI") == "true":
            pytest.fail("a file system can't be mounted here, as root it can")
        pytest.skip("only root can mount a small file system")
    words = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--basetemp={tmp_path / 'inside'}"]
    done = subprocess.run(
        _on_small_disk([*words, str(INSIDE)], small),
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"TEST_SMALL_DISK": str(small)},
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]


def _on_small_disk(command: list[str], folder: Path) -> list[str]:
    """The command in a mount namespace of its own, with 16 MiB of memory as the folder."""
    mount = f"mount -t tmpfs -o size=16m tmpfs {shlex.quote(str(folder))} && exec {shlex.join(command)}"
    return ["unshare", "--mount", "sh", "-c", mount]
