"""Ids of articles."""

from __future__ import annotations

import secrets

_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


def new_id() -> str:
    """A random id: ten characters without look-alikes."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(10))
