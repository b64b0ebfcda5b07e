"""Article ids."""

from __future__ import annotations

import secrets

_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


def new_id() -> str:
    """Return a random id of ten characters, without characters that look alike."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(10))
