"""A backup of the whole site in one file: database, files of cases, keys, articles, calibration.

It is a ZIP archive: tables as JSON Lines, ``articles/`` and ``data/`` as they are, and
``manifest.json`` with the checksum of each member. With a passphrase it lies encrypted (age) in an
outer ZIP: ``key.age`` holds the key, encrypted by the passphrase, and ``backup.zip.age`` is
encrypted to that key, so that the ``age`` program opens it too.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson
import pyrage
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from kb_app.db.backup import export_tables, import_tables
from kb_app.db.engine import HEAD, DatabaseError

# Changes when the members or their meaning change; newer ones are refused.
FORMAT = 2
KEY, SEALED, MANIFEST = "key.age", "backup.zip.age", "manifest.json"
CHUNK = 1024 * 1024
# Files of the data folder that are not made again from the rest.
KEPT_DATA = ("calibration.json",)


class BackupError(Exception):
    """A backup cannot be written or restored; the message says why and what to do."""


@dataclass(frozen=True)
class Site:
    """What is backed up: a database, its articles folder and its data folder."""

    engine: Engine
    articles: Path
    data: Path


@dataclass(frozen=True)
class Contents:
    """What a backup holds: when it was made, rows by table, and the number of articles' files."""

    made_at: str
    rows: dict[str, int]
    files: int


def back_up(site: Site, target: Path, passphrase: str, now: datetime) -> Contents:
    """Write a backup and read it again; the site may go on serving.

    The file is there whole or not at all, readable by its owner only. Raises BackupError.
    """
    if target.exists():
        raise BackupError(f"{target} exists. Choose another name; backups are never replaced.")
    staged = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    sealed = staged.with_suffix(".sealed")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _write(site, staged, now)
        _verify(staged)
        if passphrase:
            _seal(staged, sealed, passphrase)
            with _opened(sealed, passphrase) as again:
                _verify(again)
        written = sealed if passphrase else staged
        _flush(written)
        # Fails where a file of this name has appeared since.
        os.link(written, target)
        with zipfile.ZipFile(staged) as archive:
            return _contents(archive)
    except FileExistsError:
        raise BackupError(f"{target} exists. Choose another name.") from None
    except OSError as error:
        raise BackupError(f"{target} cannot be written: {error.strerror}.") from error
    except SQLAlchemyError as error:
        raise BackupError(f"The database cannot be read ({type(error).__name__}).") from error
    finally:
        for left in (staged, sealed):
            with contextlib.suppress(OSError):
                left.unlink(missing_ok=True)


def restore(site: Site, source: Path, passphrase: str) -> Contents:
    """Fill an empty site from a backup; what a wrong one would change is not changed.

    Raises BackupError if the site is not empty, or the file is damaged, locked or newer.
    """
    has_articles = site.articles.is_dir() and any(site.articles.iterdir())
    with _opened(source, passphrase) as opened:
        _verify(opened)
        with zipfile.ZipFile(opened) as archive:
            members = [name for name in archive.namelist() if name.startswith("articles/")]
            if members and has_articles:
                raise BackupError(
                    f"The articles folder {site.articles} is not empty, and the backup has "
                    "articles. Set KB_ARTICLES to a new folder."
                )
            try:
                import_tables(site.engine, archive, _manifest(archive)["schema"])
            except DatabaseError as error:
                raise BackupError(str(error)) from error
            for name in members:
                _extract(archive, name, site.articles / name.removeprefix("articles/"))
            for name in KEPT_DATA:
                if f"data/{name}" in archive.namelist():
                    _extract(archive, f"data/{name}", site.data / name)
            return _contents(archive)


def _write(site: Site, staged: Path, now: datetime) -> None:
    descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with (
        os.fdopen(descriptor, "wb") as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        rows = export_tables(site.engine, archive)
        for path in _files(site.articles):
            archive.write(path, f"articles/{path.relative_to(site.articles).as_posix()}")
        for name in KEPT_DATA:
            if (site.data / name).is_file():
                archive.write(site.data / name, f"data/{name}")
        names = archive.namelist()
        manifest = {
            "format": FORMAT,
            "program": version("kb-app"),
            "schema": HEAD,
            "made_at": now.isoformat(timespec="seconds"),
            "rows": rows,
        }
        archive.writestr(MANIFEST, orjson.dumps(manifest))
    with zipfile.ZipFile(staged) as archive:
        sums = {name: _digest(archive, name) for name in names}
    with zipfile.ZipFile(staged, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("checksums.json", orjson.dumps(sums))


def _files(folder: Path) -> Iterator[Path]:
    """The files of the articles folder, without hidden ones such as .git."""
    for base, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(base, name)
            if not name.startswith(".") and path.is_file() and not path.is_symlink():
                yield path


def _verify(backup: Path) -> None:
    """Compare every member with its checksum, and the rows with their counts."""
    try:
        with zipfile.ZipFile(backup) as archive:
            manifest = _manifest(archive)
            if manifest.get("format", 1) > FORMAT:
                raise BackupError(
                    f"{backup.name} is of a newer version of this program "
                    f"({manifest.get('program', '?')}). Update the program first."
                )
            if manifest.get("format", 1) > 1:
                sums = orjson.loads(archive.read("checksums.json"))
                wrong = [name for name, digest in sums.items() if _digest(archive, name) != digest]
                if wrong:
                    raise BackupError(f"{backup.name} is damaged: {wrong[0]} has changed.")
            for table, count in manifest["rows"].items():
                with archive.open(f"{table}.jsonl") as file:
                    if sum(1 for _ in file) != count:
                        raise BackupError(f"{backup.name} is damaged: {table} lacks rows.")
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise BackupError(
            f"{backup.name} is no backup made by kb backup, or it is cut short or damaged "
            f"({type(error).__name__}). Nothing was changed; choose another file."
        ) from error


@contextlib.contextmanager
def _opened(source: Path, passphrase: str) -> Iterator[Path]:
    """The inner archive of a backup, deciphered where it needs to be. Raises BackupError."""
    if not zipfile.is_zipfile(source):
        raise BackupError(
            f"{source} is no backup made by kb backup, or it is cut short. "
            "Nothing was changed; choose another file."
        )
    with zipfile.ZipFile(source) as outer:
        if SEALED not in outer.namelist():
            yield source
            return
        if not passphrase:
            raise BackupError(f"{source} is encrypted. Set KB_BACKUP_PASSPHRASE to its passphrase.")
        with tempfile.TemporaryDirectory(dir=source.parent, prefix=".restore-") as folder:
            opened = Path(folder) / "backup.zip"
            try:
                key = pyrage.passphrase.decrypt(outer.read(KEY), passphrase).decode()
                with outer.open(SEALED) as sealed, opened.open("wb") as plain:
                    pyrage.decrypt_io(sealed, plain, [pyrage.x25519.Identity.from_str(key)])
            except (pyrage.DecryptError, OSError, KeyError, zipfile.BadZipFile) as error:
                raise BackupError(
                    f"{source} cannot be deciphered: the passphrase is wrong, or the file is cut "
                    "short or damaged. Nothing was changed."
                ) from error
            yield opened


def _seal(plain: Path, sealed: Path, passphrase: str) -> None:
    identity = pyrage.x25519.Identity.generate()
    with (
        os.fdopen(os.open(sealed, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as outer,
    ):
        outer.writestr(KEY, pyrage.passphrase.encrypt(str(identity).encode(), passphrase))
        with plain.open("rb") as source, outer.open(SEALED, "w", force_zip64=True) as target:
            pyrage.encrypt_io(source, target, [identity.to_public()])


def _manifest(archive: zipfile.ZipFile) -> dict[str, Any]:
    manifest: dict[str, Any] = orjson.loads(archive.read(MANIFEST))
    return manifest


def _contents(archive: zipfile.ZipFile) -> Contents:
    manifest = _manifest(archive)
    files = sum(name.startswith("articles/") for name in archive.namelist())
    return Contents(str(manifest.get("made_at", "")), dict(manifest["rows"]), files)


def _digest(archive: zipfile.ZipFile, name: str) -> str:
    digest = hashlib.sha256()
    with archive.open(name) as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _extract(archive: zipfile.ZipFile, name: str, target: Path) -> None:
    if ".." in Path(name).parts:
        raise BackupError(f"The backup is damaged: {name} leads out of its folder.")
    target.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(name) as source, target.open("xb") as file:
        while chunk := source.read(CHUNK):
            file.write(chunk)


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
