"""A folder that is written completely or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kb_app.transfer.model import TransferError


class NewFolder:
    """Files below a folder that is not at its place yet."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, name: str, content: bytes) -> None:
        """Write a file, with the folders above it."""
        self._place(name).write_bytes(content)

    def copy(self, name: str, source: Path) -> None:
        """Copy the content of a file."""
        shutil.copyfile(source, self._place(name))

    def is_free(self, name: str) -> bool:
        """Whether nothing is at a path, and no file where one of its folders would be."""
        path = self.root / name
        above = [one for one in path.parents if one.is_relative_to(self.root)]
        return not path.exists() and not any(one.is_file() for one in above)

    def _place(self, name: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


@contextmanager
def new_folder(target: Path) -> Iterator[NewFolder]:
    """Write into a sibling of ``target``, and give it that name at the end.

    Raises TransferError where ``target`` is there and not empty, or cannot be written; then
    nothing is left behind.
    """
    _refuse(target)
    made = _missing_above(target)
    staged: Path | None = None
    done = False
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_name(f".{target.name[:60]}.{secrets.token_hex(4)}")
        beside.mkdir()
        staged = beside
        yield NewFolder(staged)
        _refuse(target)
        # An empty folder of that name is replaced; one that has been filled since is not.
        os.replace(staged, target)
        done = True
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise TransferError(
            f"{target} cannot be written: {why}. Nothing was left there."
        ) from error
    finally:
        if not done:
            _clean(staged, made)


def _refuse(target: Path) -> None:
    try:
        is_taken = target.is_symlink() or (
            target.exists() and (not target.is_dir() or any(target.iterdir()))
        )
    except OSError as error:
        raise TransferError(f"{target} cannot be read: {error.strerror}.") from error
    if is_taken:
        raise TransferError(f"{target} is there and not empty. Name a folder that is new.")


def _missing_above(target: Path) -> list[Path]:
    """The folders above that are not there yet, the deepest first."""
    return [one for one in target.parents if not one.exists()]


def _clean(staged: Path | None, made: list[Path]) -> None:
    if staged is not None:
        shutil.rmtree(staged, ignore_errors=True)
    for folder in made:
        with suppress(OSError):
            folder.rmdir()
