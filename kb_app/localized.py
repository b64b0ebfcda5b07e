"""Selects texts that are given per language."""

from __future__ import annotations

from collections.abc import Mapping


def localized(texts: Mapping[str, str], lang: str) -> str:
    """The text in ``lang``, else the first non-empty one; "" where there is none."""
    return texts.get(lang) or next((text for text in texts.values() if text), "")
