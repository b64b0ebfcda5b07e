"""Sends a pack of articles by mail, through the outbox."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy import Engine

from kb_app.support.delivery.mail_templates import Said
from kb_app.support.delivery.outbox import enqueue
from kb_app.support.model import MAIL, MAIL_SINK

MOST_ADDRESSES = 100
_PACKS = uuid.UUID("0f0d5d2e-8f5a-5e0c-9c59-0f6a4b7a1c11")


def addresses_in(text: str) -> tuple[list[str], list[str]]:
    """(the mail addresses in a text, each once; what is none)."""
    given = text.replace(";", " ").replace(",", " ").split()
    right = {one.lower(): one for one in given if MAIL.match(one) and len(one) <= 200}
    return [*right.values()], [one for one in given if one.lower() not in right]


def enqueue_pack(
    engine: Engine, addresses: Sequence[str], letter: Said, language: str, once: str, now: int
) -> int:
    """Queue a letter to each address; the same ``once`` sends nobody a second one.

    Returns how many are new.
    """
    subject, body = letter
    queued = 0
    with engine.begin() as connection:
        for address in addresses:
            name = str(uuid.uuid5(_PACKS, f"{once}:{address.lower()}"))
            payload = {"to": address, "subject": subject, "body": body, "language": language}
            # A case id per mail: a failed mail must not block the others.
            key = f"pack:{name}"
            queued += enqueue(connection, name, MAIL_SINK, "mail", key, payload, now)
    return queued
