"""Customer uploads: checked by content, stored outside the web root under generated names."""

from __future__ import annotations

import contextlib
import filecmp
import logging
import os
import re
import unicodedata
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from kb_app.support.file_kinds import kind_of
from kb_app.support.model import Attachment

log = logging.getLogger("kb_app.workflow")
# The mail that a message came by, as it came; for the desk alone.
MAIL_TYPE = "message/rfc822"
_HEAD = 8_192
_CHUNK = 64 * 1024
_ODD = re.compile(r"[\x00-\x1f\x7f/\\:*?\"<>|]+")
MEGABYTE = 1024 * 1024


class UploadRejectedError(Exception):
    """A rejected file.

    ``why`` is "type", "misnamed", "large", "many", "empty", or "disk" for a server-side fault.
    """

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name}: {why}")
        self.name, self.why = name, why


class Uploads:
    """The uploads folder; only this class builds paths in it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(
        self, stream: BinaryIO, name: str, form_id: str, most_bytes: int, at: int
    ) -> Attachment:
        """Store a file atomically, named as its content is. Raises UploadRejectedError."""
        shown = tidy(name)
        attachment_id = str(uuid.uuid4())
        staged = self._folder / f".{attachment_id}"
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            size = _copy(stream, staged, most_bytes, shown)
            kind, shown = _kind(staged, shown)
            os.replace(staged, self._folder / attachment_id)
        except OSError as error:
            log.error("cannot store an uploaded file: %s", error.strerror)
            raise UploadRejectedError(shown, "disk") from error
        finally:
            with contextlib.suppress(OSError):
                staged.unlink()
        return Attachment(attachment_id, form_id, "", shown, kind, size, at)

    def keep_mail(self, raw: bytes, form_id: str, at: int) -> Attachment:
        """Store a mail as it came. Raises OSError: it is then fetched again."""
        attachment_id = str(uuid.uuid4())
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        staged = self._folder / f".{attachment_id}"
        staged.write_bytes(raw)
        os.replace(staged, self._folder / attachment_id)
        return Attachment(attachment_id, form_id, "", "mail.eml", MAIL_TYPE, len(raw), at)

    def path(self, attachment: Attachment) -> Path:
        """The path of a file; its name is the attachment id, never the customer's file name."""
        return self._folder / str(uuid.UUID(attachment.attachment_id))

    def same(self, one: Attachment, other: Attachment) -> bool:
        """Whether two files have the same name and content."""
        if (one.name, one.size) != (other.name, other.size):
            return False
        try:
            return filecmp.cmp(self.path(one), self.path(other), shallow=False)
        except OSError:
            return False

    def forget(self, attachment: Attachment) -> None:
        """Delete a file; does nothing if it does not exist."""
        with contextlib.suppress(FileNotFoundError):
            self.path(attachment).unlink()

    def forget_unknown(self, known: Callable[[str], bool], before: float) -> int:
        """Delete the files written before a time, in s, that have no row; returns how many.

        A process that is killed between the file and its row leaves one.
        """
        removed = 0
        for path in self._folder.iterdir() if self._folder.is_dir() else ():
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < before and not known(path.name):
                    path.unlink()
                    removed += 1
        return removed


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


def _kind(path: Path, name: str) -> tuple[str, str]:
    """Type and name of a stored file, by its content. Raises UploadRejectedError."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    try:
        found = kind_of(name, head)
    except ValueError:
        raise UploadRejectedError(name, "misnamed") from None
    if found is None:
        raise UploadRejectedError(name, "type")
    return found


def _copy(stream: BinaryIO, target: Path, most: int, name: str) -> int:
    size = 0
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        while chunk := stream.read(_CHUNK):
            size += len(chunk)
            if size > most:
                raise UploadRejectedError(name, "large")
            file.write(chunk)
    if not size:
        raise UploadRejectedError(name, "empty")
    return size
