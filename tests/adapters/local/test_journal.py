"""The journal holds what it said it holds: after kills in the middle of a line, on full disks, and anew when it grew long."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.local import journal as module
from adapters.local.journal import Journal
from bot.domain.errors import TemporaryError


def test_what_was_written_is_there_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j")
    journal.write([("a", "1", {"x": 1}), ("b", "1", "text")])
    journal.write([("a", "1", {"x": 2}), ("b", "1", None)])
    journal.note([("a", "2", [1, "ü"])])
    journal.close()
    assert Journal(tmp_path / "j").tables == {"a": {"1": {"x": 2}, "2": [1, "ü"]}, "b": {}}


@pytest.mark.parametrize("torn", [1, 5, 20])
def test_a_torn_last_line_is_dropped_and_the_file_goes_on(tmp_path: Path, torn: int) -> None:
    journal = Journal(tmp_path / "j")
    journal.write([("a", "1", "whole")])
    journal.write([("a", "2", "torn, as the machine lost its power")])
    journal.close()
    size = (tmp_path / "j").stat().st_size
    os.truncate(tmp_path / "j", size - torn)
    journal = Journal(tmp_path / "j")
    assert journal.table("a") == {"1": "whole"}
    journal.write([("a", "3", "next")])
    journal.close()
    assert Journal(tmp_path / "j").table("a") == {"1": "whole", "3": "next"}


def test_all_changes_of_a_line_hold_or_none(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j")
    journal.write([("a", str(number), number) for number in range(100)])
    journal.close()
    os.truncate(tmp_path / "j", (tmp_path / "j").stat().st_size - 1)
    assert Journal(tmp_path / "j").table("a") == {}


def test_it_is_written_anew_when_it_grew_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COMPACT_AT", 10_000)
    journal = Journal(tmp_path / "j")
    for number in range(2000):
        journal.write([("a", str(number % 5), number)])
        assert (tmp_path / "j").stat().st_size < 11_000
    journal.close()
    assert Journal(tmp_path / "j").table("a") == {str(number % 5): number for number in range(1995, 2000)}


_FULL = """
import json, resource, signal, sys
from pathlib import Path
from adapters.local.journal import Journal
from bot.domain.errors import TemporaryError

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
journal = Journal(Path(sys.argv[1]))
journal.write([("a", "1", "before")])
resource.setrlimit(resource.RLIMIT_FSIZE, (200, resource.RLIM_INFINITY))
refused = []
for number in range(20):
    try:
        journal.write([("a", f"w{number}", "x" * 20)])
    except TemporaryError as error:
        refused.append((number, str(error)))
journal.note([("a", "noted", "happened")])
in_memory = dict(journal.table("a"))
on_disk = dict(Journal(Path(sys.argv[1])).table("a"))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
journal.flush()
after = dict(Journal(Path(sys.argv[1])).table("a"))
print(json.dumps([refused, in_memory, on_disk, after]))
"""


def test_a_full_disk_refuses_intents_and_keeps_what_happened(tmp_path: Path) -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    result = subprocess.run(
        [sys.executable, "-c", _FULL, str(tmp_path / "j")],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    refused, in_memory, on_disk, after = json.loads(result.stdout)
    assert len(refused) > 10
    assert refused[0][1].startswith(
        "The disk with the local agent's data folder is full, so nothing was begun."
    )
    assert set(in_memory) == set(on_disk) | {"noted"}
    assert after == in_memory
    assert not {f"w{number}" for number, _ in refused} & set(after)


def test_an_error_of_the_disk_is_temporary(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j")
    os.close(journal._file)
    with pytest.raises(TemporaryError, match="cannot write its journal"):
        journal.write([("a", "1", 1)])
    assert journal.table("a") == {}
