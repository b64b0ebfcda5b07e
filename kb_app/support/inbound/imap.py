"""Fetches mails from an IMAP mailbox."""

from __future__ import annotations

import base64
import imaplib
import re
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby
from urllib.parse import SplitResult, unquote, urlsplit

from kb_app.support.inbound.email_parser import MAX_BYTES

BATCH = 50
# Mails that somebody opened elsewhere are looked for so far back.
SEEN_DAYS = 3


class MailboxError(Exception):
    """The mailbox cannot be read; the message names the setting and what to do."""


class Mailbox:
    """A mailbox whose mails are fetched; remembers which it has fetched.

    ``url`` is imaps://user:password@host/FOLDER; imap:// uses STARTTLS if the server offers it.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._done: set[str] = set()

    def fetch(self, take: Callable[[bytes], str], start: str = "") -> tuple[int, str]:
        """Pass new mails to ``take``; returns how many were fetched, and where the site began.

        New are unread mails, and those of the last days that somebody opened elsewhere before they
        were fetched, but none that were read before ``start``, which the first call returns and
        every other one is given. A mail is marked as read after ``take`` has stored it. Raises
        MailboxError, OSError, imaplib.IMAP4.error, and the last error of ``take`` after all mails
        are tried.
        """
        parts = urlsplit(self._url)
        with _connected(parts) as box:
            _log_in(box, unquote(parts.username or ""), unquote(parts.password or ""))
            validity, following = _select(box, unquote(parts.path.strip("/")) or "INBOX")
            if start.partition(":")[0] != validity:
                start, self._done = f"{validity}:{following}", set()
            unread = _search(box, "UNSEEN")
            read = [one for one in _seen_lately(box) if int(one) >= int(start.partition(":")[2])]
            new = dict.fromkeys([*unread, *(one for one in read if one not in self._done)])
            failed: Exception | None = None
            for number in list(new)[:BATCH]:
                try:
                    self._take(box, number, take)
                except Exception as error:  # a failing mail must not block the following ones
                    failed = error
            if failed is not None:
                raise failed
            return len(list(new)[:BATCH]), start

    def _take(self, box: imaplib.IMAP4, number: str, take: Callable[[bytes], str]) -> None:
        # A part of a mail, so that no mail can fill the memory.
        _, data = box.uid("FETCH", number, f"(BODY.PEEK[]<0.{MAX_BYTES}>)")
        raw = next((part[1] for part in data if isinstance(part, tuple)), b"")
        if raw:
            take(raw)
        # Only after success: a failed mail is fetched again.
        box.uid("STORE", number, "+FLAGS", "(\\Seen)")
        self._done.add(number)


def check_mailbox(url: str) -> None:
    """Sign in and open the folder, and change nothing.

    Raises MailboxError, OSError, imaplib.IMAP4.error.
    """
    parts = urlsplit(url)
    with _connected(parts) as box:
        _log_in(box, unquote(parts.username or ""), unquote(parts.password or ""))
        _select(box, unquote(parts.path.strip("/")) or "INBOX")


def _connected(parts: SplitResult) -> imaplib.IMAP4:
    context = ssl.create_default_context()
    host = parts.hostname or "localhost"
    if parts.scheme == "imaps":
        return imaplib.IMAP4_SSL(host, parts.port or 993, ssl_context=context, timeout=30)
    box = imaplib.IMAP4(host, parts.port or 143, timeout=30)
    if "STARTTLS" in box.capabilities:
        box.starttls(context)
    return box


def _log_in(box: imaplib.IMAP4, user: str, password: str) -> None:
    if (user + password).isascii():
        box.login(user, password)
    else:  # LOGIN takes ASCII alone
        box.authenticate("PLAIN", lambda _: f"\0{user}\0{password}".encode())


def _select(box: imaplib.IMAP4, folder: str) -> tuple[str, str]:
    """Open a folder; its UIDVALIDITY and the next UID."""
    answer, said = box.select(_quoted(modified_utf7(folder)))
    if answer != "OK":
        reason = (said[0] or b"").decode("utf-8", "replace")
        raise MailboxError(f"KB_IMAP_URL: there is no folder {folder} ({reason[:100]}).")
    return _number(box, "UIDVALIDITY"), _number(box, "UIDNEXT")


def _number(box: imaplib.IMAP4, name: str) -> str:
    """A number that the server said with its answer to SELECT; "0" if it did not."""
    said = box.response(name)[1]
    return said[0].decode() if said and said[0] else "0"


def _seen_lately(box: imaplib.IMAP4) -> list[str]:
    since = datetime.now(UTC) - timedelta(days=SEEN_DAYS)
    months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    return _search(box, "SEEN", "SINCE", f"{since.day}-{months[since.month - 1]}-{since.year}")


def _search(box: imaplib.IMAP4, *criteria: str) -> list[str]:
    answer, found = box.uid("SEARCH", *criteria)
    return (found[0] or b"").decode().split() if answer == "OK" else []


def modified_utf7(name: str) -> str:
    """A folder's name as IMAP writes it (RFC 3501, 5.1.3); one that is written so stays."""
    if name.isascii() and re.search(r"&[A-Za-z0-9+,]*-", name):
        return name
    return "".join(_pieces(name))


def _pieces(name: str) -> Iterator[str]:
    for plain, group in groupby(name, lambda char: " " <= char <= "~"):
        text = "".join(group)
        if plain:
            yield text.replace("&", "&-")
        else:
            encoded = base64.b64encode(text.encode("utf-16-be")).decode().rstrip("=")
            yield f"&{encoded.replace('/', ',')}-"


def _quoted(folder: str) -> str:
    return '"' + folder.replace("\\", "\\\\").replace('"', '\\"') + '"'
