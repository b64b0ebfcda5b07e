"""Texts that writers and operators give by language."""

from __future__ import annotations

from collections.abc import Mapping


def localized(texts: Mapping[str, str], lang: str) -> str:
    """The text in a language, else the first that is not empty; "" where there is none."""
    return texts.get(lang) or next((text for text in texts.values() if text), "")
