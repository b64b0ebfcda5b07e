"""The articles folder of a site with several nodes: each node's folder is kept like the database.

A change in any node's folder, by the desk, an editor or git, becomes a row with a revision; the
other nodes write it into their folders. A file that was changed at two nodes at once stays as it
is in the database; the other text is kept in the data folder, and its author is told.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from filelock import FileLock
from sqlalchemy import Connection, Engine, RowMapping, delete, func, select, text

from indexer.atomic_write import replace_file
from indexer.targets import MAX_FILE_BYTES
from kb_app.db import schema
from kb_app.db.pieces import PIECE_BYTES, read_pieces, write_pieces
from kb_app.db.writing import upsert

log = logging.getLogger("kb_app.services.shared_articles")
STATE, LOCK, KEPT = "shared-articles.json", "shared-articles.lock", "kept-articles"
LOCK_S = 60.0
# Key of the PostgreSQL advisory lock of those who write revisions: an arbitrary unique number.
_WRITING = 0x6B625F6C6432
# A change at another node in the moment between reading and writing is read again.
ROUNDS = 3
_NOT_SHARED = frozenset({"node_modules"})
_UNFINISHED = ("~", ".tmp", ".swp", ".swx", ".part")

_files, _pieces = schema.article_files, schema.article_pieces


class ForeignFolderError(Exception):
    """The folder has articles of its own, and those of the site are others. Nothing was changed."""


@dataclass(frozen=True)
class Seen:
    """A file as it was when it was last like the database. ``stamp`` is its size and times."""

    digest: str
    stamp: tuple[int, int, int]


@dataclass(frozen=True)
class Synced:
    """The paths that one run wrote into the folder, and into the database, and the conflicts."""

    pulled: tuple[str, ...] = ()
    pushed: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()


@dataclass
class _State:
    revision: int = 0
    files: dict[str, Seen] = field(default_factory=dict)


class SharedArticles:
    """Keeps one folder and the database alike. Its processes take turns."""

    def __init__(self, engine: Engine, folder: Path, data: Path) -> None:
        self._engine = engine
        self._folder = folder
        self._data = data

    @property
    def behind(self) -> bool:
        """Whether the database has a later revision than the folder."""
        return self._latest() > _read(self._data / STATE).revision

    def begin(self, takes_folder: bool = False) -> None:
        """Bring the folder up to date for the first time, or publish it where there is none yet.

        With ``takes_folder`` what the folder has replaces what the database has. Raises
        ForeignFolderError where the folder has other articles than the database.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._alone():
            if not (self._data / STATE).exists() and self._latest():
                _write(self._data / STATE, self._adopted(takes_folder))
        self.sync()

    def sync(self) -> Synced:
        """Write what changed elsewhere into the folder, and what changed here into the database.

        Raises SQLAlchemyError and OSError; what is done by then stays done, the rest is done by
        the next run.
        """
        with self._alone():
            state, found = _read(self._data / STATE), Synced()
            for _ in range(ROUNDS):
                found = _joined(found, self._pull(state))
                is_done, pushed = self._push(state)
                found = _joined(found, Synced(pushed=pushed))
                if is_done:
                    break
            return found

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self._data.mkdir(parents=True, exist_ok=True)
        with FileLock(self._data / LOCK, timeout=LOCK_S):
            yield

    def _latest(self) -> int:
        with self._engine.connect() as connection:
            return _latest(connection)

    # --- from the database -------------------------------------------------------------------

    def _pull(self, state: _State) -> Synced:
        """Apply the rows that are newer than the state."""
        statement = select(_files).where(_files.c.revision > state.revision)
        with self._engine.connect() as connection:
            rows = connection.execute(statement.order_by(_files.c.revision)).mappings().all()
        pulled, conflicts = [], []
        for row in rows:
            path = str(row["path"])
            if not _is_shared(path):
                log.error("%r in the database is no file of an articles folder", path[:200])
                continue
            here = self._digest(path)
            known = state.files.get(path)
            if here != row["digest"]:
                if here and here != (known.digest if known else ""):
                    self._keep(path, int(row["revision"]))
                    conflicts.append(path)
                if not self._write(path, str(row["digest"])):
                    break  # replaced in the meantime: the newer row comes with the next run
                pulled.append(path)
            self._note(state, path, str(row["digest"]))
            state.revision = int(row["revision"])
        if rows:
            _write(self._data / STATE, state)
        return Synced(tuple(pulled), (), tuple(conflicts))

    def _write(self, path: str, digest: str) -> bool:
        """Make a file as it is in the database; False where its content is not there any more."""
        target = self._folder / path
        if not target.parent.resolve().is_relative_to(self._folder.resolve()):
            raise OSError(f"{path} is not inside the articles folder")
        if not digest:
            target.unlink(missing_ok=True)
            _remove_empty(target.parent, self._folder)
            return True
        target.parent.mkdir(parents=True, exist_ok=True)
        staged = target.with_name(f".{target.name[:100]}.tmp")
        found = hashlib.sha256()
        with staged.open("wb") as file:
            for piece in read_pieces(self._engine, _pieces, digest):
                found.update(piece)
                file.write(piece)
        if found.hexdigest() != digest:
            staged.unlink()
            return False
        staged.chmod(target.parent.stat().st_mode & 0o666)
        os.replace(staged, target)
        return True

    def _keep(self, path: str, revision: int) -> None:
        """Keep the text that gives way."""
        kept = self._data / KEPT / str(revision) / path
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self._folder / path, kept)
        log.error(
            "%s was changed at another node too. The text of this node is kept in %s: "
            "take over from it what is missing",
            path,
            kept,
        )

    # --- into the database -------------------------------------------------------------------

    def _push(self, state: _State) -> tuple[bool, tuple[str, ...]]:
        """Write what changed in the folder; (whether no other node wrote meanwhile, the paths)."""
        changed = self._changed(state)
        if not changed:
            return True, ()
        with self._engine.begin() as connection:
            _take_turn(connection)
            revision = _latest(connection) + 1
            written = []
            for path, digest in changed.items():
                known = state.files.get(path)
                if _stored(connection, path) != (known.digest if known else ""):
                    continue
                self._insert(connection, path, digest, revision)
                written.append(path)
            if written:
                _forget_unused(connection)
        for path in written:
            self._note(state, path, changed[path])
        is_next = revision == state.revision + 1
        if written and is_next:
            state.revision = revision
        _write(self._data / STATE, state)
        return is_next, tuple(written)

    def _changed(self, state: _State) -> dict[str, str]:
        """The digests of files that are not as they were: "" for those that are gone."""
        here = dict(shared_files(self._folder))
        if state.files and not here:
            log.error(
                "%s has no files: nothing is removed from the database. Is the disk mounted?",
                self._folder,
            )
            return {}
        changed = {path: "" for path in state.files if path not in here}
        for path, stamp in here.items():
            known = state.files.get(path)
            if known and known.stamp == stamp:
                continue
            digest = self._digest(path)
            if digest and digest != (known.digest if known else ""):
                changed[path] = digest
            elif digest and known:
                state.files[path] = Seen(digest, stamp)
        return changed

    def _insert(self, connection: Connection, path: str, digest: str, revision: int) -> None:
        if digest:
            here = select(_pieces.c.number).where(_pieces.c.digest == digest).limit(1)
            if connection.execute(here).first() is None:
                with (self._folder / path).open("rb") as file:
                    pieces = iter(lambda: file.read(PIECE_BYTES), b"")
                    write_pieces(connection, _pieces, digest, _or_empty(pieces))
        row = {
            "path_hash": _path_hash(path),
            "path": path,
            "digest": digest,
            "revision": revision,
            "at": int(time.time() * 1000),
        }
        upsert(connection, _files, row)

    # --- the folder --------------------------------------------------------------------------

    def _digest(self, path: str) -> str:
        """The hash of a file's content; "" without the file."""
        try:
            with (self._folder / path).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return ""

    def _note(self, state: _State, path: str, digest: str) -> None:
        try:
            stamp = _stamp((self._folder / path).stat())
        except FileNotFoundError:
            stamp = None
        if digest and stamp:
            state.files[path] = Seen(digest, stamp)
        else:
            state.files.pop(path, None)

    def _adopted(self, takes_folder: bool) -> _State:
        """The state of a folder that was not kept by us before."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(_files)).mappings().all()
        stored: Mapping[str, RowMapping] = {str(row["path"]): row for row in rows}
        state, other = _State(), []
        for path, stamp in shared_files(self._folder):
            digest = str(stored[path]["digest"]) if path in stored else ""
            if digest and (takes_folder or digest == self._digest(path)):
                # A stamp that no file has: what differs counts as changed here.
                state.files[path] = Seen(digest, (-1, 0, 0) if takes_folder else stamp)
            else:
                other.append(path)
        if takes_folder:
            state.revision = max(int(row["revision"]) for row in rows)
            gone = [path for path, row in stored.items() if row["digest"]]
            state.files |= {
                path: Seen(str(stored[path]["digest"]), (-1, 0, 0))
                for path in gone
                if path not in state.files
            }
            return state
        if other:
            raise ForeignFolderError(
                f"{self._folder} has {len(other)} files that the site's database has not, or has "
                f"otherwise ({', '.join(sorted(other)[:3])}). Set KB_ARTICLES to an empty folder "
                "to get those of the site; or replace them by these: kb nodes --publish-folder. "
                "If this is another site, give it a database of its own."
            )
        return state


def shared_files(folder: Path) -> Iterator[tuple[str, tuple[int, int, int]]]:
    """The files that nodes share, with their stamps: all but hidden and unfinished ones."""
    for base, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name[0] != "." and name not in _NOT_SHARED)
        for name in sorted(names):
            path = Path(base, name)
            shown = path.relative_to(folder).as_posix()
            if not _is_shared(shown) or path.is_symlink():
                continue
            try:
                found = path.stat()
            except FileNotFoundError:
                continue
            if found.st_size <= MAX_FILE_BYTES:
                yield shown, _stamp(found)
            else:
                log.warning("%s is larger than %d bytes and is not shared", path, MAX_FILE_BYTES)


def _is_shared(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return (
        bool(parts)
        and not PurePosixPath(path).is_absolute()
        and path.isprintable()
        and "\\" not in path
        and not path.endswith(_UNFINISHED)
        and all(part[0] != "." and part not in _NOT_SHARED for part in parts)
    )


def _stamp(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _remove_empty(folder: Path, root: Path) -> None:
    while folder != root and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


def _or_empty(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces; one of nothing for an empty file, so that it has a row."""
    yield next(pieces, b"")
    yield from pieces


def _path_hash(path: str) -> str:
    return hashlib.sha256(path.encode()).hexdigest()


def _latest(connection: Connection) -> int:
    return int(connection.execute(select(func.max(_files.c.revision))).scalar() or 0)


def _stored(connection: Connection, path: str) -> str:
    here = select(_files.c.digest).where(_files.c.path_hash == _path_hash(path))
    return str(connection.execute(here).scalar() or "")


def _take_turn(connection: Connection) -> None:
    """Wait for those who write revisions now: a reader must never see a later one first."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _WRITING})


def _forget_unused(connection: Connection) -> None:
    used = select(_files.c.digest)
    connection.execute(delete(_pieces).where(_pieces.c.digest.not_in(used)))


def _joined(one: Synced, other: Synced) -> Synced:
    return Synced(
        one.pulled + other.pulled, one.pushed + other.pushed, one.conflicts + other.conflicts
    )


def _read(path: Path) -> _State:
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return _State()
    files = {name: Seen(seen[0], tuple(seen[1:])) for name, seen in stored["files"].items()}
    return _State(int(stored["revision"]), files)


def _write(path: Path, state: _State) -> None:
    files = {name: [seen.digest, *seen.stamp] for name, seen in state.files.items()}
    replace_file(path, json.dumps({"revision": state.revision, "files": files}))
