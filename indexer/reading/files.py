"""Finds the Markdown files of the articles folder, and counts what is not read."""

from __future__ import annotations

import os
import stat
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from indexer.errors import ArticlesFolderError
from indexer.model import Problem
from indexer.reading.layout import (
    BUILD_OUTPUT,
    INDEXES,
    SUFFIXES,
    Place,
    collections_of,
    layout_of,
    left_alone,
)
from indexer.reading.values_file import NO_VALUES, Values
from indexer.reading.yaml_loader import error_in, printable

MAX_BYTES = 512 * 1024
# Files of Docusaurus that name their folder and order it.
CATEGORIES = frozenset(("_category_.json", "_category_.yml", "_category_.yaml"))
# Documents of other kinds, which somebody may expect to be found.
_OTHER_TEXTS = (".rst", ".adoc", ".asciidoc", ".org", ".textile", ".docx", ".odt", ".ipynb")


@dataclass(frozen=True)
class SourceFile:
    """A Markdown file. ``name`` is its path inside the articles folder, with slashes.

    ``changed`` differs after every write, also one that keeps size and time, as ``cp -p`` does.
    """

    name: str
    root: str
    size: int
    mtime_ns: int
    changed: str = ""
    place: Place | None = None
    values: Values = NO_VALUES

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


@dataclass(frozen=True)
class Walked:
    """The Markdown files of a folder, sorted by name, and the problems found.

    ``categories`` are the paths of the files that name folders, as Docusaurus has them.
    """

    files: list[SourceFile]
    problems: list[Problem]
    categories: list[str]


def walk(folder: Path) -> Walked:
    """Find all Markdown files in the folder.

    Links to files outside the folder are refused; what is passed over is counted in one problem.
    Raises ArticlesFolderError if the folder is missing or is not a folder.
    """
    require_folder(folder)
    root = folder.resolve()
    found = _Found(root, collections_of(root))
    for base, folders, names in os.walk(root, followlinks=False):
        found.add(base, folders, names)
    return Walked(found.files, [*found.problems, *found.passed_over()], found.categories)


class _Found:
    """What a walk over the folder finds."""

    def __init__(self, root: Path, collections: Sequence[str]) -> None:
        self.files: list[SourceFile] = []
        self.problems: list[Problem] = []
        self.categories: list[str] = []
        self._root = str(root)
        self._collections = collections
        self._passed: Counter[str] = Counter()

    def add(self, base: str, folders: list[str], names: list[str]) -> None:
        """Take the files of one folder; leaves in ``folders`` those to be walked."""
        here = Path(base)
        for name in folders:
            if left_alone(name, _names_in(here / name), self._collections) and name[0] != ".":
                self._passed[f"{name}/"] += 1
        folders[:] = sorted(
            name
            for name in folders
            if not left_alone(name, _names_in(here / name), self._collections)
        )
        inside = here.relative_to(self._root)
        prefix = f"{inside.as_posix()}/" if inside.parts else ""
        for name in (name for name in folders if (here / name).is_symlink()):
            message, hint = "is a linked folder and is not read.", "Copy the folder instead."
            shown = printable(f"{prefix}{name}")
            self.problems.append(error_in(shown, 0, "outside", message, hint))
        self.categories += [f"{prefix}{name}" for name in names if name in CATEGORIES]
        for name in sorted(filter(self._is_article, names)):
            # Creating a Path per file is slow.
            file = self._checked(f"{base}/{name}", f"{prefix}{name}")
            if isinstance(file, Problem):
                self.problems.append(file)
            else:
                self.files.append(file)

    def _is_article(self, name: str) -> bool:
        """Whether a file is an article by its name; counts what looks like one."""
        stem, dot, ending = name.rpartition(".")
        suffix = f".{ending.lower()}" if dot and stem else ""
        if suffix not in SUFFIXES or name[0] == ".":
            self._passed.update([suffix] if suffix in _OTHER_TEXTS else ())
            return False
        if name[0] == "_" and stem.lower() not in INDEXES:
            self._passed["_*.md"] += 1
            return False
        return True

    def _checked(self, path: str, shown: str) -> SourceFile | Problem:
        # os.walk decodes invalid UTF-8 bytes to lone surrogates.
        if not shown.isprintable() and any(
            unicodedata.category(char) in ("Cs", "Cc") for char in shown
        ):
            message = "has a name that is not UTF-8, or with a control character."
            return error_in(printable(shown), 0, "name", message, "Rename the file.")
        try:
            # Regular files need a single stat call.
            state = os.lstat(path)
            if stat.S_ISLNK(state.st_mode):
                if not _inside(Path(path), Path(self._root)):
                    message = "is a link to a file outside the articles folder."
                    hint = "Copy the file into the folder."
                    return error_in(shown, 0, "outside", message, hint)
                state = os.stat(path)  # noqa: PTH116
        except OSError as error:
            message = f"cannot be read: {error.strerror}."
            hint = "Check the link and the file permissions."
            return error_in(shown, 0, "unreadable", message, hint)
        if not stat.S_ISREG(state.st_mode):
            return error_in(shown, 0, "unreadable", "is not a regular file.")
        changed = f"{state.st_ino}:{state.st_ctime_ns}"
        return SourceFile(shown, self._root, state.st_size, state.st_mtime_ns, changed)

    def passed_over(self) -> list[Problem]:
        """One warning that counts what was not read, and says why."""
        if not self._passed:
            return []
        counted = ", ".join(f"{count} {name}" for name, count in sorted(self._passed.items()))
        message = f"not read: {counted}."
        hint = "Articles are .md, .mdx and .markdown; names that begin with _ are parts of others."
        return [Problem("", 0, "warning", "not-read", message, hint)]


def is_read(folder: Path, name: str) -> bool:
    """Whether a file of this name would be found as an article in the folder."""
    root = folder.resolve()
    collections = collections_of(root)
    *folders, last = name.split("/")
    for depth, part in enumerate(folders, 1):
        if left_alone(part, _names_in(root.joinpath(*folders[:depth])), collections):
            return False
    stem, _, ending = last.rpartition(".")
    if f".{ending.lower()}" not in SUFFIXES or (last[0] in "._" and stem.lower() not in INDEXES):
        return False
    names = [file.name for file in walk(folder).files]
    return layout_of(root, [*names, name]).place(name) is not None


def _names_in(folder: Path) -> set[str]:
    """The names in a folder; only those of build output are ever asked for."""
    try:
        return {entry.name for entry in folder.iterdir()} if folder.name in BUILD_OUTPUT else set()
    except OSError:
        return set()


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
