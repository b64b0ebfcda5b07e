"""Normalised keys of queries, and the marker for translatable texts. Pure functions."""

from __future__ import annotations

import hashlib


def text_key(text: str, lang: str = "", fingerprint: str = "") -> str:
    """Key of a query, 40 hex digits; ignores case and whitespace."""
    plain = " ".join(text.casefold().split())
    return hashlib.sha256(
        f"{fingerprint}\x00{lang}\x00{plain}".encode("utf-8", "ignore")
    ).hexdigest()[:40]


def N_(text: str) -> str:  # noqa: N802, the name that gettext tools expect
    """Mark a text for translation at display time."""
    return text
