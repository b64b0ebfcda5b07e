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
import secrets
import shutil
import struct
import tempfile
import time
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

import orjson
import pyrage
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from kb_app.db.backup import export_tables, import_tables, lines_of
from kb_app.db.engine import HEAD, DatabaseError
from kb_app.db.secret_key import replace_key

# Changes when the members or their meaning change; newer ones are refused.
FORMAT = 2
KEY, SEALED, MANIFEST, SUMS = "key.age", "backup.zip.age", "manifest.json", "checksums.json"
CHUNK = 1024 * 1024
# Files of the data folder that are not made again from the rest.
KEPT_DATA = ("calibration.json",)
# The key of a site that has it from a setting, not from its database.
GIVEN_KEY = "data/secret-key"
WORK = ".backup-"
# What a killed process left in the data folder is removed after this time.
LEFT_S = 6 * 3600
_DAMAGED = (
    *(KeyError, ValueError, TypeError, EOFError, NotImplementedError, RuntimeError),
    *(zipfile.BadZipFile, zlib.error, struct.error),
)


class BackupError(Exception):
    """A backup cannot be written or restored; the message says why and what to do."""


@dataclass(frozen=True)
class Site:
    """What is backed up: a database, its articles folder and its data folder.

    ``backups`` is a folder whose files are no part of the site. ``given_key`` is the secret key
    where a setting gives it.
    """

    engine: Engine
    articles: Path
    data: Path
    backups: Path | None = None
    given_key: str = ""


@dataclass(frozen=True)
class Contents:
    """What a backup holds: when it was made, rows by table, and the number of articles' files.

    ``left_out`` names what lies in the articles folder and could not be taken, with the reason.
    """

    made_at: str
    rows: dict[str, int]
    files: int
    left_out: tuple[str, ...] = ()


def back_up(site: Site, target: Path, passphrase: str, now: datetime) -> Contents:
    """Write a backup and read it again; the site may go on serving.

    The file is there whole or not at all, readable by its owner only. Raises BackupError.
    """
    if target.exists():
        raise BackupError(f"{target} exists. Choose another name; backups are never replaced.")
    staged = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        with _work_folder(site.data) as work:
            plain = work / "backup.zip"
            left_out = _write(site, plain, now)
            verify(plain)
            target.parent.mkdir(parents=True, exist_ok=True)
            with _private(staged) as file:
                if passphrase:
                    _seal(plain, file, passphrase)
                else:
                    with plain.open("rb") as source:
                        shutil.copyfileobj(source, file, CHUNK)
                file.flush()
                os.fsync(file.fileno())
            with opened(staged, passphrase, work) as again:
                verify(again)
            _name(staged, target)
            with zipfile.ZipFile(plain) as archive:
                return replace(_contents(archive), left_out=left_out)
    except FileExistsError:
        raise BackupError(f"{target} exists. Choose another name.") from None
    except OSError as error:
        raise BackupError(f"{target} cannot be written: {error.strerror}.") from error
    except SQLAlchemyError as error:
        raise BackupError(f"The database cannot be read ({type(error).__name__}).") from error
    finally:
        with contextlib.suppress(OSError):
            staged.unlink(missing_ok=True)


def restore(site: Site, source: Path, passphrase: str) -> Contents:
    """Fill an empty site from a backup, whole or not at all.

    Raises BackupError if the site is not empty, or the file is damaged, locked or newer.
    """
    try:
        with _work_folder(site.data) as work, opened(source, passphrase, work) as inner:
            verify(inner)
            with zipfile.ZipFile(inner) as archive:
                return _restore(site, archive, work)
    except DatabaseError as error:
        raise BackupError(str(error)) from error
    except OSError as error:
        where = error.filename or site.data
        raise BackupError(
            f"{where} cannot be written: {error.strerror}. Nothing was restored."
        ) from error
    except SQLAlchemyError as error:
        raise BackupError(
            f"The database cannot be filled ({type(error).__name__}). Nothing was restored."
        ) from error


def _restore(site: Site, archive: zipfile.ZipFile, work: Path) -> Contents:
    articles = [name for name in archive.namelist() if name.startswith("articles/")]
    data = [name for name in KEPT_DATA if f"data/{name}" in archive.namelist()]
    _refuse_what_is_there(site, articles, data)
    site.articles.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=_staging_place(site.articles), prefix=WORK) as beside:
        staged = Path(beside) / "articles"
        staged.mkdir()
        for name in articles:
            _extract(archive, name, staged, name.removeprefix("articles/"))
        for name in data:
            _extract(archive, f"data/{name}", work, name)
        import_tables(site.engine, archive, str(_manifest(archive)["schema"]))
        if GIVEN_KEY in archive.namelist():
            replace_key(site.engine, archive.read(GIVEN_KEY).decode())
        for name in data:
            (work / name).replace(site.data / name)
        if articles:
            _put_in_place(staged, site.articles)
    return _contents(archive)


def _refuse_what_is_there(site: Site, articles: Sequence[str], data: Sequence[str]) -> None:
    if articles and site.articles.is_dir() and any(site.articles.iterdir()):
        raise BackupError(
            f"The articles folder {site.articles} is not empty, and the backup has articles. "
            "Set KB_ARTICLES to a new folder."
        )
    for name in data:
        if (site.data / name).exists():
            raise BackupError(f"{site.data / name} exists. Set KB_DATA to a new folder.")


def _staging_place(folder: Path) -> Path:
    """Beside the folder, so that the last step is one rename, which a full disk cannot stop.

    Within it where it is a mount, or its parent is not to be written, as in a container.
    """
    is_fixed = folder.is_dir() and (folder.is_mount() or not os.access(folder.parent, os.W_OK))
    return folder if is_fixed else folder.parent


def _put_in_place(staged: Path, folder: Path) -> None:
    """Rename a folder to where there is none, or an empty one; its entries if it is within it."""
    if staged.is_relative_to(folder):
        for entry in sorted(staged.iterdir()):
            entry.rename(folder / entry.name)
        return
    if folder.is_dir():
        folder.rmdir()
    staged.rename(folder)


def _write(site: Site, target: Path, now: datetime) -> tuple[str, ...]:
    """Write the inner archive; returns what was left out."""
    left_out: list[str] = []
    with (
        _private(target) as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive,
    ):
        rows = export_tables(site.engine, archive)
        for path, name in _files(site, left_out):
            try:
                archive.write(path, f"articles/{name}")
            except FileNotFoundError:  # removed meanwhile
                left_out.append(f"{name} (gone)")
        for name in KEPT_DATA:
            if (site.data / name).is_file():
                archive.write(site.data / name, f"data/{name}")
        if site.given_key:
            archive.writestr(GIVEN_KEY, site.given_key)
        manifest = {
            "format": FORMAT,
            "program": version("kb-app"),
            "schema": HEAD,
            "made_at": now.isoformat(timespec="seconds"),
            "rows": rows,
        }
        archive.writestr(MANIFEST, orjson.dumps(manifest))
    with zipfile.ZipFile(target) as archive:
        sums = {name: _digest(archive, name) for name in archive.namelist()}
    with zipfile.ZipFile(target, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(SUMS, orjson.dumps(sums))
    return tuple(left_out)


def _files(site: Site, left_out: list[str]) -> Iterator[tuple[Path, str]]:
    """The files of the articles folder with their names, without hidden ones such as .git.

    A link to a file inside the folder is stored as that file, as the site serves it.
    """
    root = site.articles.resolve()
    apart = {path.resolve() for path in (site.data, site.backups) if path is not None}
    for base, folders, names in os.walk(root):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and Path(base, name).resolve() not in apart
        )
        for name in sorted(names):
            path = Path(base, name)
            inside = path.relative_to(root).as_posix()
            if name.startswith("."):
                continue
            if inside != inside.encode("utf-8", "ignore").decode():
                left_out.append(f"{inside!a} (its name is not UTF-8)")
            elif not path.resolve().is_relative_to(root) or not path.is_file():
                left_out.append(f"{inside} (a link out of the folder, or no file)")
            else:
                yield path, inside


def verify(backup: Path) -> None:
    """Compare every member with its checksum, and the rows with their counts.

    Raises BackupError.
    """
    try:
        with zipfile.ZipFile(backup) as archive:
            manifest = _manifest(archive)
            if manifest.get("format", 1) > FORMAT:
                raise BackupError(
                    f"{backup.name} is of a newer version of this program "
                    f"({manifest.get('program', '?')}). Update the program first."
                )
            if manifest.get("format", 1) > 1:
                sums = orjson.loads(archive.read(SUMS))
                wrong = [name for name, digest in sums.items() if _digest(archive, name) != digest]
                if wrong:
                    raise BackupError(f"{backup.name} is damaged: {wrong[0]} has changed.")
            for table, count in manifest["rows"].items():
                with archive.open(f"{table}.jsonl") as file:
                    if sum(1 for _ in lines_of(file)) != count:
                        raise BackupError(f"{backup.name} is damaged: {table} lacks rows.")
    except (OSError, *_DAMAGED) as error:
        raise BackupError(
            f"{backup.name} is no backup made by kb backup, or it is cut short or damaged "
            f"({type(error).__name__}). Nothing was changed; choose another file."
        ) from error


@contextlib.contextmanager
def opened(source: Path, passphrase: str, work: Path) -> Iterator[Path]:
    """The inner archive of a backup, deciphered into ``work`` where it needs to be.

    Raises BackupError.
    """
    try:
        with zipfile.ZipFile(source) as outer:
            is_sealed = SEALED in outer.namelist()
            key = outer.read(KEY) if is_sealed else b""
    except (OSError, *_DAMAGED) as error:
        raise BackupError(
            f"{source} is no backup made by kb backup, or it is cut short. "
            "Nothing was changed; choose another file."
        ) from error
    if not is_sealed:
        yield source
        return
    if not passphrase:
        raise BackupError(f"{source} is encrypted. Set KB_BACKUP_PASSPHRASE to its passphrase.")
    plain = work / "opened.zip"
    try:
        identity = pyrage.x25519.Identity.from_str(
            pyrage.passphrase.decrypt(key, passphrase).decode()
        )
        with (
            zipfile.ZipFile(source) as outer,
            outer.open(SEALED) as sealed,
            _private(plain) as file,
        ):
            pyrage.decrypt_io(sealed, file, [identity])
    except (pyrage.DecryptError, pyrage.IdentityError, OSError, *_DAMAGED) as error:
        raise BackupError(
            f"{source} cannot be deciphered: the passphrase is wrong, or the file is cut short or "
            "damaged. Nothing was changed."
        ) from error
    yield plain
    plain.unlink(missing_ok=True)


@contextlib.contextmanager
def _work_folder(data: Path) -> Iterator[Path]:
    """A private folder in the data folder, removed at the end; those of killed processes too."""
    data.mkdir(parents=True, exist_ok=True)
    for left in data.glob(f"{WORK}*"):
        if time.time() - left.stat().st_mtime > LEFT_S:
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=data, prefix=WORK) as folder:
        yield Path(folder)


def _private(path: Path) -> IO[bytes]:
    """A new file that only its owner reads. Raises FileExistsError."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _name(staged: Path, target: Path) -> None:
    """Give a file its name; a file that has it meanwhile stays. Raises FileExistsError."""
    try:
        os.link(staged, target)
    except FileExistsError:
        raise
    except OSError:  # a disk without links
        if target.exists():
            raise FileExistsError(target) from None
        staged.rename(target)


def _seal(plain: Path, file: IO[bytes], passphrase: str) -> None:
    identity = pyrage.x25519.Identity.generate()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as outer:
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


def _extract(archive: zipfile.ZipFile, member: str, folder: Path, name: str) -> None:
    """Write a member below a folder. Raises BackupError for a name that leads out of it."""
    parts = name.split("/")
    target = folder.joinpath(*parts)
    if not all(parts) or not target.resolve().is_relative_to(folder.resolve()):
        raise BackupError(f"The backup is damaged: {member} leads out of its folder.")
    target.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(member) as source, target.open("xb") as file:
        shutil.copyfileobj(source, file, CHUNK)
