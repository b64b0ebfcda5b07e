"""The articles folder of a site with several nodes: each node's folder is kept like the database.

A change in any node's folder, by the desk, an editor or git, becomes a row with a revision; the
other nodes write it into their folders. A file that was changed at two nodes at once stays as it
is in the database; the other text is kept in the data folder, and its author is told.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import shutil
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine, RowMapping, delete, func, select, text

from kb_app.db import schema
from kb_app.db.pieces import PIECE_BYTES, read_pieces, write_pieces
from kb_app.db.writing import insert_once, upsert
from kb_app.services.shared_folder import (
    FolderState,
    Seen,
    articles_lock,
    is_shared,
    read_state,
    remove_empty,
    shared_files,
    stamp_of,
    tell_once,
    write_state,
)

log = logging.getLogger("kb_app.services.shared_articles")
STATE, KEPT = "shared-articles.json", "kept-articles"
# In the database: what tells it from one that was made anew or restored.
IDENTITY = "articles-id"
# Key of the PostgreSQL advisory lock of those who write revisions: an arbitrary unique number.
_WRITING = 0x6B625F6C6432
# A change at another node in the moment between reading and writing is read again.
ROUNDS = 3
# More than half of so many files gone at once is a disk that is away, not an edit.
MANY = 10

_files, _pieces = schema.article_files, schema.article_pieces


class ForeignFolderError(Exception):
    """The folder has articles of its own, and those of the site are others. Nothing was changed."""


class _ChangedError(Exception):
    """A file was changed while it was read."""


@dataclass(frozen=True)
class Synced:
    """The paths that one run wrote into the folder, and into the database, and the conflicts."""

    pulled: tuple[str, ...] = ()
    pushed: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()


class SharedArticles:
    """Keeps one folder and the database alike. Its processes take turns."""

    def __init__(self, engine: Engine, folder: Path, data: Path) -> None:
        self._engine = engine
        self._folder = folder
        self._data = data

    @property
    def behind(self) -> bool:
        """Whether the database has another revision than the folder."""
        state = read_state(self._data / STATE)
        with self._engine.connect() as connection:
            return state is None or _latest(connection) != state.revision

    def begin(self, takes_folder: bool = False) -> None:
        """Bring the folder up to date for the first time, or publish it where there is none yet.

        With ``takes_folder`` what the folder has replaces what the database has. Raises
        ForeignFolderError where the folder has other articles than the database.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        with articles_lock(self._data):
            if takes_folder:
                write_state(self._data / STATE, self._adopted(self._identity(), takes_folder=True))
            self.sync(removes_many=takes_folder)

    def sync(self, removes_many: bool = False) -> Synced:
        """Write what changed elsewhere into the folder, and what changed here into the database.

        ``removes_many`` allows that most files are gone. Raises SQLAlchemyError, OSError and
        ForeignFolderError; what is done by then stays done, the rest is done by the next run.
        """
        with articles_lock(self._data):
            state, found = self._known(), Synced()
            for _ in range(ROUNDS):
                found = _joined(found, self._pull(state))
                is_done, pushed = self._push(state, removes_many)
                found = _joined(found, Synced(pushed=pushed))
                if is_done:
                    break
            return found

    def _known(self) -> FolderState:
        """What this node saw of the database that is there now."""
        state, identity = read_state(self._data / STATE), self._identity()
        with self._engine.connect() as connection:
            latest = _latest(connection)
        if state is not None and state.identity == identity and state.revision <= latest:
            return state
        if state is not None:
            log.warning("the database is another one than before, or an older copy of it")
        return self._adopted(identity) if latest else FolderState(identity)

    def _identity(self) -> str:
        """What tells this database from others; made at the first call."""
        table = schema.job_state
        with self._engine.begin() as connection:
            insert_once(connection, table, {"name": IDENTITY, "value": secrets.token_hex(8)})
            here = select(table.c.value).where(table.c.name == IDENTITY)
            return str(connection.execute(here).scalar())

    # --- from the database -------------------------------------------------------------------

    def _pull(self, state: FolderState) -> Synced:
        """Apply the rows that are newer than the state."""
        # Within a revision files go before others come: a folder may take the place of a file.
        order = (_files.c.revision, _files.c.digest != "", _files.c.path)
        with self._engine.connect() as connection:
            statement = select(_files).where(_files.c.revision > state.revision).order_by(*order)
            rows = connection.execute(statement).mappings().all()
        pulled, conflicts = [], []
        reached, is_whole = state.revision, True
        for row in rows:
            if is_whole:
                state.revision = reached
            try:
                was_pulled, was_conflict = self._apply(state, row)
            except (OSError, _ChangedError) as error:
                # It comes again with the next run; no later revision counts as reached.
                tell_once(f"{row['path']} cannot be taken over yet: {error}")
                is_whole = False
                continue
            pulled += [str(row["path"])] if was_pulled else []
            conflicts += [str(row["path"])] if was_conflict else []
            # Rows of one revision: it is reached with the last of them.
            reached = int(row["revision"]) - 1
        if is_whole and rows:
            state.revision = int(rows[-1]["revision"])
        if rows:
            write_state(self._data / STATE, state)
        return Synced(tuple(pulled), (), tuple(conflicts))

    def _apply(self, state: FolderState, row: RowMapping) -> tuple[bool, bool]:
        """Make a file as a row says; (whether it was written, whether another text gave way)."""
        path, digest = str(row["path"]), str(row["digest"])
        if not is_shared(path):
            log.error("%r in the database is no file of an articles folder", path[:200])
            return False, False
        known = state.files.get(path)
        if digest == (known.digest if known else ""):
            return False, False  # this node wrote it
        here = self._digest(path)
        if here == digest:
            self._note(state, path, digest)
            return False, False
        base = known.digest if known else ""
        was_conflict = self._write(path, digest, base, int(row["revision"]))
        self._note(state, path, digest)
        return True, was_conflict

    def _write(self, path: str, digest: str, base: str, revision: int) -> bool:
        """Make a file as it is in the database; whether a text other than ``base`` gave way.

        Raises _ChangedError where the content is not there any more: a newer row follows.
        """
        target = self._folder / path
        if not target.parent.resolve().is_relative_to(self._folder.resolve()):
            raise OSError(f"{path} is not inside the articles folder")
        staged = self._staged(target, digest) if digest else None
        try:
            was_conflict = self._digest(path) not in ("", base)
            if was_conflict:
                self._keep(path, revision)
            if staged is None:
                target.unlink(missing_ok=True)
                remove_empty(target.parent, self._folder)
            else:
                os.replace(staged, target)
            return was_conflict
        finally:
            if staged is not None:
                staged.unlink(missing_ok=True)

    def _staged(self, target: Path, digest: str) -> Path:
        """The content of a digest in a file beside the target."""
        target.parent.mkdir(parents=True, exist_ok=True)
        # Short, whatever the target's name is: names have 255 bytes at most.
        staged = target.with_name(f".{secrets.token_hex(6)}.tmp")
        found = hashlib.sha256()
        try:
            with staged.open("wb") as file:
                for piece in read_pieces(self._engine, _pieces, digest):
                    found.update(piece)
                    file.write(piece)
            if found.hexdigest() != digest:
                raise _ChangedError("its content was replaced meanwhile")
            staged.chmod(target.parent.stat().st_mode & 0o666)
        except BaseException:
            staged.unlink(missing_ok=True)
            raise
        return staged

    def _keep(self, path: str, revision: int) -> None:
        """Keep the text that gives way."""
        kept = self._data / KEPT / f"{revision}-{secrets.token_hex(3)}" / path
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self._folder / path, kept)
        log.error(
            "%s was changed at another node too. The text of this node is kept in %s: "
            "take over from it what is missing",
            path,
            kept,
        )

    # --- into the database -------------------------------------------------------------------

    def _push(self, state: FolderState, removes_many: bool) -> tuple[bool, tuple[str, ...]]:
        """Write what changed in the folder; (whether nothing is left to do, the paths)."""
        changed = self._changed(state, removes_many)
        if not changed:
            return True, ()
        with self._engine.begin() as connection:
            _take_turn(connection)
            revision = _latest(connection) + 1
            written = self._insert_all(connection, state, changed, revision)
        for path, now in written.items():
            # The stamp is of before it was read: what is saved after that counts as changed.
            state.files.pop(path, None)
            state.files |= {path: now} if now.digest else {}
        is_whole, is_next = len(written) == len(changed), revision == state.revision + 1
        if written and is_next:
            state.revision = revision
        elif is_next:
            state.revision = 0  # a row that no later revision brings: read all of them again
        write_state(self._data / STATE, state)
        return is_whole and state.revision == revision, tuple(written)

    def _insert_all(
        self, connection: Connection, state: FolderState, changed: Mapping[str, Seen], revision: int
    ) -> dict[str, Seen]:
        """Returns what was inserted: not what another node, or somebody here, changed meanwhile."""
        written: dict[str, Seen] = {}
        for path, now in changed.items():
            known = state.files.get(path)
            if _stored(connection, path) != (known.digest if known else ""):
                continue  # the next pull brings the text of the node that was first
            with suppress(_ChangedError, FileNotFoundError):
                with connection.begin_nested():
                    self._insert(connection, path, now.digest, revision)
                written[path] = now
        if written:
            _forget_unused(connection)
        return written

    def _changed(self, state: FolderState, removes_many: bool) -> dict[str, Seen]:
        """The files that are not as they were; without a digest those that are gone."""
        here = dict(shared_files(self._folder))
        gone = [path for path in state.files if path not in here and self._is_gone(path)]
        if not removes_many and len(gone) >= MANY and 2 * len(gone) > len(state.files):
            log.error(
                "%d of %d files of %s are gone: nothing is removed from the database. Is the disk "
                "mounted? If they are to go: kb nodes --publish-folder",
                len(gone),
                len(state.files),
                self._folder,
            )
            gone = []
        elif state.files and not here and not removes_many:
            log.error("%s has no files: nothing is removed from the database", self._folder)
            gone = []
        changed = {path: Seen("", (0, 0, 0)) for path in gone}
        for path, stamp in here.items():
            known = state.files.get(path)
            if known and known.stamp == stamp:
                continue
            digest = self._digest(path)
            if digest and digest != (known.digest if known else ""):
                changed[path] = Seen(digest, stamp)
            elif digest and known:
                state.files[path] = Seen(digest, stamp)
        return changed

    def _is_gone(self, path: str) -> bool:
        """Whether a file is not there: one that cannot be read, or is too large now, is."""
        try:
            return stat.S_ISDIR((self._folder / path).lstat().st_mode)
        except (FileNotFoundError, NotADirectoryError):
            return True

    def _insert(self, connection: Connection, path: str, digest: str, revision: int) -> None:
        if digest:
            here = select(_pieces.c.number).where(_pieces.c.digest == digest).limit(1)
            if connection.execute(here).first() is None:
                self._insert_pieces(connection, path, digest)
        row = {
            "path_hash": _path_hash(path),
            "path": path,
            "digest": digest,
            "revision": revision,
            "at": int(time.time() * 1000),
        }
        upsert(connection, _files, row)

    def _insert_pieces(self, connection: Connection, path: str, digest: str) -> None:
        found = hashlib.sha256()

        def pieces() -> Iterator[bytes]:
            with (self._folder / path).open("rb") as file:
                piece = file.read(PIECE_BYTES)
                while True:
                    found.update(piece)
                    yield piece  # also of an empty file, so that it has a row
                    piece = file.read(PIECE_BYTES)
                    if not piece:
                        return

        write_pieces(connection, _pieces, digest, pieces())
        if found.hexdigest() != digest:
            raise _ChangedError(path)

    # --- the folder --------------------------------------------------------------------------

    def _digest(self, path: str) -> str:
        """The hash of a file's content; "" without the file."""
        try:
            with (self._folder / path).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return ""

    def _note(self, state: FolderState, path: str, digest: str) -> None:
        """Note that a file is as the database has it; what differs now was saved after that."""
        state.files.pop(path, None)
        if digest:
            with suppress(FileNotFoundError, NotADirectoryError):
                stamp = stamp_of((self._folder / path).stat())
                is_it = self._digest(path) == digest
                state.files[path] = Seen(digest, stamp if is_it else (-1, 0, 0))

    def _adopted(self, identity: str, takes_folder: bool = False) -> FolderState:
        """The state of a folder that was not kept like this database before."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(_files)).mappings().all()
        stored = {str(row["path"]): str(row["digest"]) for row in rows if row["digest"]}
        if takes_folder:
            # A stamp that no file has: what differs counts as changed here.
            files = {path: Seen(digest, (-1, 0, 0)) for path, digest in stored.items()}
            return FolderState(
                identity, max((int(row["revision"]) for row in rows), default=0), files
            )
        here = dict(shared_files(self._folder))
        same = {path for path in here if path in stored and stored[path] == self._digest(path)}
        other = sorted(here.keys() - same)
        if other:
            raise ForeignFolderError(
                f"{self._folder} has {len(other)} files that the site's database has not, or has "
                f"otherwise ({', '.join(other[:3])}). Set KB_ARTICLES to an empty folder "
                "to get those of the site; or replace them by these: kb nodes --publish-folder. "
                "If this is another site, give it a database of its own."
            )
        return FolderState(identity, 0, {path: Seen(stored[path], here[path]) for path in same})


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
