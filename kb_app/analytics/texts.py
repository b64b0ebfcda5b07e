"""One key for one question, however it is written. Pure."""

from __future__ import annotations

import hashlib


def text_key(text: str, lang: str = "", fingerprint: str = "") -> str:
    """Key of a question: the same for the same words, whatever their case and spaces."""
    plain = " ".join(text.casefold().split())
    return hashlib.sha256(f"{fingerprint}\x00{lang}\x00{plain}".encode("utf-8", "ignore")).hexdigest()[:40]
