"""Artifacts are named by what is in them, and nobody changes them."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from adapters.local.artifacts import ArtifactStore, tree_digest
from bot.domain.errors import PermanentError


def test_the_same_content_has_the_same_name(tmp_path: Path) -> None:
    tree = _tree(tmp_path / "a")
    other = _tree(tmp_path / "b")
    os.utime(other / "file", (1, 1))
    (other / "file").chmod(0o600)
    assert tree_digest(tree) == tree_digest(other)


@pytest.mark.parametrize(
    "change",
    [
        lambda tree: (tree / "file").write_text("other"),
        lambda tree: (tree / "file").chmod(0o755),
        lambda tree: (tree / "file").rename(tree / "elif"),
        lambda tree: (tree / "file").rename(tree / "folder" / "file"),
        lambda tree: (tree / "empty").rmdir(),
        lambda tree: (tree / "more").mkdir(),
        lambda tree: (tree / "link").unlink(),
        lambda tree: _relink(tree / "link", "folder/deep"),
        lambda tree: _replace_link_by_file(tree / "link"),
    ],
)
def test_any_other_content_has_another_name(tmp_path: Path, change: Callable[[Path], object]) -> None:
    tree = _tree(tmp_path / "a")
    before = tree_digest(tree)
    change(tree)
    assert tree_digest(tree) != before


def test_it_is_kept_read_only_with_what_may_be_executed(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path / "data")
    digest = store.put(_tree(tmp_path / "a"))
    folder = store.folder_of(digest)
    assert folder is not None
    assert tree_digest(folder) == digest
    modes = {
        path.name: stat.S_IMODE(path.lstat().st_mode) for path in folder.rglob("*") if not path.is_symlink()
    }
    assert modes == {"file": 0o444, "run": 0o555, "folder": 0o555, "deep": 0o444, "empty": 0o555}
    assert (folder / "link").readlink() == Path("file")
    assert [path.name for path in (tmp_path / "data" / "artifacts").iterdir()] == [
        digest.removeprefix("sha256:")
    ]


def test_putting_the_same_again_changes_nothing(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path / "data")
    digest = store.put(_tree(tmp_path / "a"))
    folder = store.folder_of(digest)
    assert folder is not None
    inode = folder.stat().st_ino
    assert store.put(_tree(tmp_path / "b")) == digest
    assert folder.stat().st_ino == inode


def test_putting_the_same_side_by_side_keeps_it_once(tmp_path: Path) -> None:
    tree, store = _tree(tmp_path / "a"), ArtifactStore(tmp_path / "data")
    for child in range(200):
        (tree / f"more-{child}").write_text(str(child))
    with ThreadPoolExecutor(8) as pool:
        digests = {put.result() for put in [pool.submit(store.put, tree) for _ in range(8)]}
    assert digests == {tree_digest(tree)}
    folder = store.folder_of(digests.pop())
    assert folder is not None
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "folder/../../outside"])
def test_a_link_that_leads_out_is_refused(tmp_path: Path, target: str) -> None:
    tree = _tree(tmp_path / "a")
    _relink(tree / "link", target)
    with pytest.raises(PermanentError, match="leads out"):
        ArtifactStore(tmp_path / "data").put(tree)
    assert list((tmp_path / "data" / "artifacts").iterdir()) == []


def test_a_pipe_is_refused_without_being_read(tmp_path: Path) -> None:
    tree = _tree(tmp_path / "a")
    os.mkfifo(tree / "pipe")
    with pytest.raises(PermanentError, match="`pipe`"):
        ArtifactStore(tmp_path / "data").put(tree)


def test_nothing_at_all_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(PermanentError, match="empty"):
        ArtifactStore(tmp_path / "data").put(tmp_path / "a")


def test_what_a_kill_left_half_copied_is_taken_away(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path / "data")
    digest = store.put(_tree(tmp_path / "a"))
    folder = store.folder_of(digest)
    assert folder is not None
    shutil.copytree(folder, folder.parent / ".incoming-0123", symlinks=True)
    ArtifactStore(tmp_path / "data")
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


@pytest.mark.parametrize(
    "digest", ["", "sha256:", "sha256:..", "md5:" + "0" * 64, "sha256:" + "0" * 64, "sha256:" + "A" * 64]
)
def test_what_is_no_digest_is_not_kept(tmp_path: Path, digest: str) -> None:
    assert ArtifactStore(tmp_path / "data").folder_of(digest) is None


def _tree(path: Path) -> Path:
    (path / "folder").mkdir(parents=True)
    (path / "empty").mkdir()
    (path / "file").write_text("content")
    (path / "folder" / "deep").write_bytes(b"\x00\xff")
    (path / "run").write_text("#!/bin/sh\n")
    (path / "run").chmod(0o755)
    (path / "link").symlink_to("file")
    return path


def _relink(path: Path, target: str) -> None:
    path.unlink()
    path.symlink_to(target)


def _replace_link_by_file(path: Path) -> None:
    path.unlink()
    path.write_text("file")
