"""The store of Artifacts on this machine: read-only folders named by what is in them. Not here: how they are made.

A digest is the sha256 over every file's path, whether it may be executed, and its content, in the order of the paths' bytes;
links count by what they point to, empty folders by their path. Times, owners and the rest of the modes don't count.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from bot.domain.errors import PermanentError


class ArtifactStore:
    def __init__(self, data_dir: Path) -> None:
        self._root = data_dir / "artifacts"
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        for left in self._root.glob(".incoming-*"):
            remove_tree(left)

    def folder_of(self, digest: str) -> Path | None:
        """Where the Artifact lies, or None when it isn't kept here."""
        kind, _, name = digest.partition(":")
        if kind != "sha256" or len(name) != 64 or not set(name) <= set("0123456789abcdef"):
            return None
        folder = self._root / name
        return folder if folder.is_dir() else None

    def put(self, tree: Path) -> str:
        """Keeps a copy of the tree and returns its digest. Raises PermanentError for a tree that can't be an Artifact, OSError
        when the disk is full; then nothing is left behind."""
        incoming = self._root / f".incoming-{os.urandom(8).hex()}"
        try:
            _copy(tree, incoming)
            digest = tree_digest(incoming)
            folder = self._root / digest.removeprefix("sha256:")
            if not folder.is_dir():
                _make_read_only(incoming)
                try:
                    incoming.rename(folder)
                except OSError:
                    if not folder.is_dir():
                        raise
                    return digest  # the same was put by somebody else just now
                _sync(self._root)
        finally:
            remove_tree(incoming)
        return digest


def tree_digest(tree: Path) -> str:
    """`sha256:` and 64 hex digits. Raises PermanentError for links that lead out of the tree and for devices and the like."""
    digest = hashlib.sha256()
    for path in _entries(tree):
        name = os.fsencode(path.relative_to(tree))
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            target = _inner_link(path, tree)
            digest.update(b"link %d %s %d %s" % (len(name), name, len(target), target))
        elif stat.S_ISDIR(mode):
            digest.update(b"folder %d %s" % (len(name), name))
        elif stat.S_ISREG(mode):
            with path.open("rb") as stream:
                content = hashlib.file_digest(stream, "sha256").digest()
            kind = b"program" if mode & 0o100 else b"file"
            digest.update(b"%s %d %s %s" % (kind, len(name), name, content))
        else:
            raise PermanentError(
                f"`{path.relative_to(tree)}` in the build's output is neither a file, a folder nor a link."
            )
    return f"sha256:{digest.hexdigest()}"


def remove_tree(tree: Path) -> None:
    """Takes a folder away, also one that was made read-only; fine when there is none."""
    if not tree.exists():
        return
    for path in [tree, *_entries(tree)]:
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o700)
    shutil.rmtree(tree, ignore_errors=True)


def _entries(tree: Path) -> Iterator[Path]:
    """Files, links and empty folders, in a fixed order."""
    for folder, folders, files in os.walk(tree):
        here = Path(folder)
        links = [name for name in folders if (here / name).is_symlink()]
        folders[:] = sorted((name for name in folders if name not in links), key=os.fsencode)
        yield from (here / name for name in sorted([*files, *links], key=os.fsencode))
        if not folders and not files and not links and here != tree:
            yield here


def _copy(tree: Path, to: Path) -> None:
    if not any(tree.iterdir()):
        raise PermanentError("The build's output folder is empty.", "Let the build command write into it.")
    shutil.copytree(tree, to, symlinks=True, ignore=_refuse_special, copy_function=shutil.copy)


def _refuse_special(folder: str, names: list[str]) -> list[str]:
    for name in names:
        mode = (Path(folder) / name).lstat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)):
            raise PermanentError(f"`{name}` in the build's output is neither a file, a folder nor a link.")
    return []


def _inner_link(path: Path, tree: Path) -> bytes:
    target = path.readlink()
    if target.is_absolute() or not path.resolve().is_relative_to(tree.resolve()):
        raise PermanentError(
            f"The link `{path.relative_to(tree)}` in the build's output leads out of it, to `{target}`.",
            "Let the build copy the file instead.",
        )
    return os.fsencode(target)


def _make_read_only(tree: Path) -> None:
    for folder, _folders, files in os.walk(tree, topdown=False):
        for name in files:
            path = Path(folder) / name
            if not path.is_symlink():
                path.chmod(0o555 if path.stat().st_mode & 0o100 else 0o444)
                _sync(path)
        Path(folder).chmod(0o555)
        _sync(Path(folder))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
