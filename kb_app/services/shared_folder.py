"""The folder of articles that nodes share: its files, its lock, and what a node last saw of it."""

from __future__ import annotations

import json
import logging
import os
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path, PurePosixPath

from filelock import FileLock

from indexer.atomic_write import replace_file
from indexer.targets import MAX_FILE_BYTES

log = logging.getLogger("kb_app.services.shared_folder")
LOCK, LOCK_S = "articles.lock", 60.0
_NOT_SHARED = frozenset({"node_modules"})
_UNFINISHED = ("~", ".tmp", ".swp", ".swx", ".part")
Stamp = tuple[int, int, int]


@dataclass(frozen=True)
class Seen:
    """A file as it was when it was last like the database. ``stamp`` is its size and times."""

    digest: str
    stamp: Stamp


@dataclass
class FolderState:
    """What this node last saw. ``identity`` is that of the database; "" before the first run."""

    identity: str = ""
    revision: int = 0
    files: dict[str, Seen] = field(default_factory=dict)


def articles_lock(data: Path) -> FileLock:
    """The lock of this node's articles folder, for whoever compares and replaces files of it."""
    data.mkdir(parents=True, exist_ok=True)
    return FileLock(data / LOCK, timeout=LOCK_S, is_singleton=True)


def shared_files(folder: Path) -> Iterator[tuple[str, Stamp]]:
    """The files that nodes share, with their stamps: all but hidden and unfinished ones.

    Raises OSError where a folder cannot be read: its files are not gone.
    """
    for base, folders, names in os.walk(folder, onerror=_raise):
        folders[:] = sorted(name for name in folders if name[0] != "." and name not in _NOT_SHARED)
        for name in sorted(names):
            path = Path(base, name)
            shown = path.relative_to(folder).as_posix()
            if not is_shared(shown):
                if name[0] != "." and not name.endswith(_UNFINISHED):
                    tell_once(f"{shown!a} has a name that other nodes cannot have")
                continue
            try:
                found = path.lstat()
            except FileNotFoundError:
                continue
            if path.is_symlink():
                tell_once(f"{shown} is a link and is not shared")
            elif found.st_size > MAX_FILE_BYTES:
                tell_once(f"{shown} is larger than {MAX_FILE_BYTES} bytes and is not shared")
            else:
                yield shown, stamp_of(found)


def _raise(error: OSError) -> None:
    raise error


@lru_cache(maxsize=10_000)
def tell_once(said: str) -> None:
    """Log a warning, once in a process."""
    log.warning("%s", said)


def is_shared(path: str) -> bool:
    """Whether a path is one that every node may write into its folder."""
    parts = PurePosixPath(path).parts
    return (
        bool(parts)
        and not PurePosixPath(path).is_absolute()
        and "\\" not in path
        and not path.endswith(_UNFINISHED)
        and all(part[0] != "." and part not in _NOT_SHARED for part in parts)
        and not any(unicodedata.category(char) in ("Cc", "Cs") for char in path)
    )


def stamp_of(found: os.stat_result) -> Stamp:
    """What changes with every write of a file: its size and times."""
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns


def remove_empty(folder: Path, root: Path) -> None:
    """Remove a folder and those above it while they are empty, up to the root."""
    while folder != root and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


def read_state(path: Path) -> FolderState | None:
    """The stored state; None where there is none, or none that can be read."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        files = {
            str(name): Seen(str(seen[0]), (int(seen[1]), int(seen[2]), int(seen[3])))
            for name, seen in stored["files"].items()
        }
        return FolderState(str(stored["identity"]), int(stored["revision"]), files)
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        log.error("%s cannot be read (%s): it is made anew", path, error)
        return None


def write_state(path: Path, state: FolderState) -> None:
    """Store what this node has seen."""
    files = {name: [seen.digest, *seen.stamp] for name, seen in state.files.items()}
    stored = {"identity": state.identity, "revision": state.revision, "files": files}
    replace_file(path, json.dumps(stored))
