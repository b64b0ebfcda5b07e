"""Finds the Markdown files of the articles folder."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from indexer.errors import ArticlesFolderError
from indexer.model import Problem
from indexer.reading.yaml_loader import error_in, printable

MAX_BYTES = 512 * 1024


@dataclass(frozen=True)
class SourceFile:
    """A Markdown file. ``name`` is its path inside the articles folder, with slashes."""

    name: str
    root: str
    size: int
    mtime_ns: int

    @property
    def path(self) -> Path:
        """The file's path. Created on demand, because most files are not read again."""
        return Path(self.root, self.name)


def require_folder(folder: Path) -> None:
    """Raise ArticlesFolderError if the folder is missing or is not a folder."""
    if not folder.is_dir():
        raise ArticlesFolderError(
            f"There is no articles folder {folder}. "
            "Create it, or set KB_ARTICLES (make serve ARTICLES=...)."
        )


def walk(folder: Path) -> tuple[list[SourceFile], list[Problem]]:
    """Return all Markdown files in the folder, sorted by name, and the problems found.

    Links to files outside the folder are refused. Raises ArticlesFolderError if the folder is
    missing or is not a folder.
    """
    require_folder(folder)
    root = folder.resolve()
    files: list[SourceFile] = []
    problems: list[Problem] = []
    for base, folders, names in os.walk(root, followlinks=False):
        folders[:] = sorted(name for name in folders if name[0] not in "._")
        linked = [Path(base) / name for name in folders if (Path(base) / name).is_symlink()]
        problems += [
            error_in(
                printable(path.relative_to(root).as_posix()),
                0,
                "outside",
                "is a linked folder and is not read.",
                "Copy the folder instead.",
            )
            for path in linked
        ]
        subfolder = Path(base).relative_to(root)
        prefix = f"{subfolder.as_posix()}/" if subfolder.parts else ""
        for name in sorted(name for name in names if name.endswith(".md") and name[0] not in "._"):
            path = os.path.join(base, name)  # noqa: PTH118, creating a Path per file is slow
            shown = f"{prefix}{name}"
            # os.walk decodes invalid UTF-8 bytes to lone surrogates, which are not printable.
            if not shown.isprintable():
                problems.append(
                    error_in(
                        printable(shown),
                        0,
                        "name",
                        "has a name that is not UTF-8.",
                        "Rename the file.",
                    )
                )
                continue
            try:
                # Regular files need a single stat call.
                state = os.lstat(path)
                if stat.S_ISLNK(state.st_mode):
                    if not _inside(Path(path), root):
                        problems.append(
                            error_in(
                                shown,
                                0,
                                "outside",
                                "is a link to a file outside the articles folder.",
                                "Copy the file into the folder.",
                            )
                        )
                        continue
                    state = os.stat(path)  # noqa: PTH116
            except OSError as error:
                problems.append(
                    error_in(
                        shown,
                        0,
                        "unreadable",
                        f"cannot be read: {error.strerror}.",
                        "Check the link and the file permissions.",
                    )
                )
                continue
            if not stat.S_ISREG(state.st_mode):
                problems.append(error_in(shown, 0, "unreadable", "is not a regular file."))
                continue
            files.append(SourceFile(shown, str(root), state.st_size, state.st_mtime_ns))
    return files, problems


def _inside(path: Path, root: Path) -> bool:
    """Return whether a link points into the folder. False for a link to itself."""
    try:
        return path.resolve().is_relative_to(root)
    except (OSError, RuntimeError):
        return False


def resolve(path: str, target: str) -> str:
    """Return the path inside the folder that a relative link target means.

    It starts with ".." if it leads out of the folder.
    """
    parts: list[str] = []
    for part in (PurePosixPath(path).parent / target).parts:
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)
