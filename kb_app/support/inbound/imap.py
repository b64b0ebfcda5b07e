"""Fetches mails from an IMAP mailbox."""

from __future__ import annotations

import imaplib
import ssl
from collections.abc import Callable
from urllib.parse import unquote, urlsplit

from kb_app.support.inbound.email_parser import MAX_BYTES

BATCH = 50


def fetch(url: str, take: Callable[[bytes], str]) -> int:
    """Pass unread mails of an IMAP folder to ``take``; returns how many were fetched.

    A mail is marked as read after ``take`` has stored it. ``url`` is
    imaps://user:password@host/FOLDER; imap:// uses STARTTLS if the server offers it.
    Raises OSError, imaplib.IMAP4.error, and the last error of ``take`` after all mails are tried.
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
        _, unseen = box.uid("SEARCH", "UNSEEN")
        numbers = (unseen[0] or b"").split()[:BATCH]
        failed: Exception | None = None
        for number in numbers:
            # A part of a mail, so that no mail can fill the memory.
            _, data = box.uid("FETCH", number.decode(), f"(BODY.PEEK[]<0.{MAX_BYTES}>)")
            raw = next((part[1] for part in data if isinstance(part, tuple)), b"")
            try:
                if raw:
                    take(raw)
            except Exception as error:  # a failing mail must not block the following ones
                failed = error
                continue
            # Only after success: a failed mail is fetched again.
            box.uid("STORE", number.decode(), "+FLAGS", "(\\Seen)")
        if failed is not None:
            raise failed
        return len(numbers)


def _quoted(folder: str) -> str:
    return '"' + folder.replace("\\", "\\\\").replace('"', '\\"') + '"'
