"""Fetches mail from the mailbox."""

from __future__ import annotations

import imaplib
import ssl
from collections.abc import Callable
from urllib.parse import unquote, urlsplit

BATCH = 50


def fetch(url: str, take: Callable[[bytes], str]) -> int:
    """Take the unread mails of an IMAP folder, and mark each as read once it is kept; returns how many. Raises OSError, imaplib's error.

    ``url`` is imaps://user:password@host/FOLDER; imap:// begins TLS where the server offers it.
    """
    parts = urlsplit(url)
    host, folder = parts.hostname or "localhost", unquote(parts.path.strip("/")) or "INBOX"
    context = ssl.create_default_context()
    box = (
        imaplib.IMAP4_SSL(host, parts.port or 993, ssl_context=context, timeout=30)
        if parts.scheme == "imaps"
        else imaplib.IMAP4(host, parts.port or 143, timeout=30)
    )
    with box:
        if parts.scheme == "imap" and "STARTTLS" in box.capabilities:
            box.starttls(context)
        box.login(unquote(parts.username or ""), unquote(parts.password or ""))
        box.select(_quoted(folder))
        _, found = box.uid("SEARCH", "UNSEEN")
        numbers = (found[0] or b"").split()[:BATCH]
        failed: Exception | None = None
        for number in numbers:
            _, data = box.uid("FETCH", number.decode(), "(BODY.PEEK[])")
            raw = next((part[1] for part in data if isinstance(part, tuple)), b"")
            try:
                if raw:
                    take(raw)
            except Exception as error:  # one that cannot be kept must not hold up those behind it
                failed = error
                continue
            # Only now: a mail that could not be kept is fetched again.
            box.uid("STORE", number.decode(), "+FLAGS", "(\\Seen)")
        if failed is not None:
            raise failed
        return len(numbers)


def _quoted(folder: str) -> str:
    return '"' + folder.replace("\\", "\\\\").replace('"', '\\"') + '"'
