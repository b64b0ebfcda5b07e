"""One key for one question, however it is written; texts that pages translate. Pure."""

from __future__ import annotations

import hashlib


def text_key(text: str, lang: str = "", fingerprint: str = "") -> str:
    """Key of a question: the same for the same words, whatever their case and spaces."""
    plain = " ".join(text.casefold().split())
    return hashlib.sha256(
        f"{fingerprint}\x00{lang}\x00{plain}".encode("utf-8", "ignore")
    ).hexdigest()[:40]


def N_(text: str) -> str:  # noqa: N802, the name that gettext's tools look for
    """Marks a text that the page translates when it shows it."""
    return text
