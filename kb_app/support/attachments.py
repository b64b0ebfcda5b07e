"""Customer uploads: checked by content, stored in the database under generated names.

A file is stored in pieces, so that no statement and no process holds a large one whole. Every node
of a site reads the same files, and a backup of the database has them.
"""

from __future__ import annotations

import hashlib
import logging
import re
import unicodedata
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import Connection, Engine, delete, insert, select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from kb_app.db import schema
from kb_app.db.pieces import PIECE_BYTES, read_pieces, write_pieces
from kb_app.support.file_kinds import kind_of
from kb_app.support.model import Attachment

log = logging.getLogger("kb_app.workflow")
# The mail that a message came by, as it came; for the desk alone.
MAIL_TYPE = "message/rfc822"
_HEAD = 8_192
MEGABYTE = 1024 * 1024
_OWN_NAME = re.compile(r"\A[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
_ODD = re.compile(r"[\x00-\x1f\x7f/\\:*?\"<>|]+")


class UploadRejectedError(Exception):
    """A rejected file.

    ``why`` is "type", "misnamed", "large", "many", "empty", or "disk" for a server-side fault.
    """

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name}: {why}")
        self.name, self.why = name, why


class Uploads:
    """The stored files of cases."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def keep(
        self, stream: BinaryIO, name: str, form_id: str, most_bytes: int, at: int
    ) -> Attachment:
        """Store a file whole or not at all, named as its content is. Raises UploadRejectedError."""
        shown = tidy(name)
        head = stream.read(_HEAD)
        if not head:
            raise UploadRejectedError(shown, "empty")
        kind, shown = _kind(head, shown)
        try:
            return self._store(_pieces(stream, head, most_bytes, shown), form_id, shown, kind, at)
        except (OSError, SQLAlchemyError) as error:
            log.error("cannot store an uploaded file: %s", type(error).__name__)
            raise UploadRejectedError(shown, "disk") from error

    def keep_mail(self, raw: bytes, form_id: str, at: int) -> Attachment:
        """Store a mail as it came. Raises SQLAlchemyError: it is then fetched again."""
        pieces = (raw[at : at + PIECE_BYTES] for at in range(0, len(raw), PIECE_BYTES))
        return self._store(pieces, form_id, "mail.eml", MAIL_TYPE, at)

    def _store(
        self, pieces: Iterator[bytes], form_id: str, name: str, kind: str, at: int
    ) -> Attachment:
        attachment_id = str(uuid.uuid4())
        with self._engine.begin() as connection:
            size = _write(connection, attachment_id, pieces, at)
        return Attachment(attachment_id, form_id, "", name, kind, size, at)

    def read(self, attachment: Attachment) -> Iterator[bytes] | None:
        """The pieces of a file, each read when it is asked for; None if it does not exist."""
        files = schema.stored_files
        here = files.c.attachment_id == attachment.attachment_id
        with self._engine.connect() as connection:
            if connection.execute(select(files.c.at).where(here)).first() is None:
                return None
        return read_pieces(self._engine, schema.file_pieces, attachment.attachment_id)

    def same(self, one: Attachment, other: Attachment) -> bool:
        """Whether two files have the same name and content."""
        if (one.name, one.size) != (other.name, other.size):
            return False
        table = schema.stored_files
        ids = [one.attachment_id, other.attachment_id]
        with self._engine.connect() as connection:
            found = connection.execute(
                select(table.c.digest).where(table.c.attachment_id.in_(ids))
            ).scalars()
            digests = list(found)
        return len(digests) == len(set(ids)) and len(set(digests)) == 1

    def forget(self, attachment: Attachment) -> None:
        """Delete a file; does nothing if it does not exist."""
        self._delete([attachment.attachment_id])

    def forget_unknown(self, before: int) -> int:
        """Delete the files stored before a time, in ms, that have no row; returns how many.

        A process that is killed between the file and its row leaves one.
        """
        files, known = schema.stored_files, schema.attachments
        with self._engine.connect() as connection:
            orphans = connection.execute(
                select(files.c.attachment_id)
                .outerjoin(known, known.c.attachment_id == files.c.attachment_id)
                .where(files.c.at < before, known.c.attachment_id.is_(None))
                .limit(1_000)
            ).scalars()
            names = [str(name) for name in orphans]
        self._delete(names)
        return len(names)

    def _delete(self, names: list[str]) -> None:
        with self._engine.begin() as connection:
            for table in (schema.file_pieces, schema.stored_files):
                connection.execute(delete(table).where(table.c.attachment_id.in_(names)))


def take_over_folder(engine: Engine, folder: Path) -> int:
    """Store the files of an earlier version, one file in a folder each; returns how many.

    Each is removed after it is stored, and the folder when it is empty. What is no file of ours
    stays, and is logged.
    """
    taken = 0
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.is_file() and _OWN_NAME.match(path.name.removeprefix(".")) and path.name[0] == ".":
            path.unlink()  # half a file
            continue
        if not path.is_file() or path.is_symlink() or not _OWN_NAME.match(path.name):
            log.warning("%s is no file of a case, and stays where it is", path)
            continue
        with suppress(FileNotFoundError, IntegrityError):  # another process takes it
            with path.open("rb") as stream:
                taken += _take_over(engine, stream, path)
            path.unlink()
    with suppress(OSError):
        folder.rmdir()
    return taken


def _take_over(engine: Engine, stream: BinaryIO, path: Path) -> bool:
    """Store one file of an earlier version; False where that was done before."""
    files = schema.stored_files
    with engine.begin() as connection:
        here = files.c.attachment_id == path.name
        if connection.execute(select(files.c.at).where(here)).first() is not None:
            return False
        pieces = iter(lambda: stream.read(PIECE_BYTES), b"")
        _write(connection, path.name, pieces, int(path.stat().st_mtime * 1000))
    return True


def _write(connection: Connection, attachment_id: str, pieces: Iterator[bytes], at: int) -> int:
    """Insert a file; returns its size in bytes."""
    size, digest = 0, hashlib.sha256()

    def counted() -> Iterator[bytes]:
        nonlocal size
        for piece in pieces:
            size += len(piece)
            digest.update(piece)
            yield piece

    write_pieces(connection, schema.file_pieces, attachment_id, counted())
    row = {"attachment_id": attachment_id, "digest": digest.hexdigest(), "at": at}
    connection.execute(insert(schema.stored_files), row)
    return size


def tidy(name: str) -> str:
    """A file name without folders and without characters that file systems reject.

    The stem is cut to 100 characters and the extension, which is kept, to 10.
    """
    plain = (
        _ODD.sub(
            "_", unicodedata.normalize("NFC", name.replace("\\", "/").rpartition("/")[2])
        ).strip(" ._")
        or "file"
    )
    path = Path(plain)
    return path.stem[:100] + path.suffix[:10]


def _kind(head: bytes, name: str) -> tuple[str, str]:
    """Type and name of a file, by its content. Raises UploadRejectedError."""
    try:
        found = kind_of(name, head)
    except ValueError:
        raise UploadRejectedError(name, "misnamed") from None
    if found is None:
        raise UploadRejectedError(name, "type")
    return found


def _pieces(stream: BinaryIO, head: bytes, most: int, name: str) -> Iterator[bytes]:
    """The file in pieces. Raises UploadRejectedError where it is larger than ``most`` bytes."""
    size = 0
    piece = head + stream.read(PIECE_BYTES - len(head))
    while piece:
        size += len(piece)
        if size > most:
            raise UploadRejectedError(name, "large")
        yield piece
        piece = stream.read(PIECE_BYTES)
