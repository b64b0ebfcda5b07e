"""Reads the webhooks of LINE and WhatsApp: their signatures, and the messages in them. Pure."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kb_app.db.writing import storable

LINE, WHATSAPP = "line", "whatsapp"
MAX_BYTES, MOST_EVENTS, LONGEST_PEER = 512 * 1024, 100, 100
LINE_SIGNATURE, WHATSAPP_SIGNATURE = "X-Line-Signature", "X-Hub-Signature-256"


class BadWebhookError(Exception):
    """The body is not what the service sends; the message says why."""


@dataclass(frozen=True)
class Incoming:
    """A message. ``text`` is "" for pictures and the like; ``reply_token`` is LINE's."""

    once: str
    peer: str
    text: str
    reply_token: str = ""


def is_signed(kind: str, secret: str, body: bytes, signature: str) -> bool:
    """Whether the service signed the body with the secret of the site's account.

    LINE: Base64 of the HMAC-SHA256 (Messaging API reference, "Signature validation"). WhatsApp:
    "sha256=" and its hexadecimal digits (Graph API, "Validating payloads").
    """
    made = hmac.digest(secret.encode(), body, "sha256")
    wanted = base64.b64encode(made).decode() if kind == LINE else f"sha256={made.hex()}"
    return bool(secret) and hmac.compare_digest(signature.encode(), wanted.encode())


def messages(kind: str, body: bytes) -> list[Incoming]:
    """The messages of customers in a webhook, in order. Raises BadWebhookError."""
    try:
        given = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadWebhookError("The body is not JSON.") from error
    read = _of_line if kind == LINE else _of_whatsapp
    found = [one for one in read(given) if one.once and 0 < len(one.peer) <= LONGEST_PEER]
    if len(found) > MOST_EVENTS:
        raise BadWebhookError(f"The body has more than {MOST_EVENTS} messages.")
    return found


def _of_line(given: Any) -> Iterator[Incoming]:
    for event in _dicts(given, "events"):
        message, source = _dict(event, "message"), _dict(event, "source")
        # In a group everybody would read what is for one.
        if event.get("type") != "message" or source.get("type") != "user":
            continue
        once = _text(event, "webhookEventId") or _text(message, "id")
        text = _text(message, "text") if message.get("type") == "text" else ""
        yield Incoming(once, _text(source, "userId"), text, _text(event, "replyToken"))


def _of_whatsapp(given: Any) -> Iterator[Incoming]:
    for entry in _dicts(given, "entry"):
        for change in _dicts(entry, "changes"):
            for message in _dicts(_dict(change, "value"), "messages"):
                yield Incoming(
                    _text(message, "id"), _text(message, "from"), _whatsapp_text(message)
                )


def _whatsapp_text(message: dict[str, Any]) -> str:
    """What was written, or the choice that was tapped, by the id that the site gave it."""
    tapped = _dict(message, "interactive")
    for kind in ("button_reply", "list_reply"):
        if isinstance(tapped.get(kind), dict):
            return _text(tapped[kind], "id")
    return _text(_dict(message, "text"), "body")


def _dicts(given: Any, key: str) -> list[dict[str, Any]]:
    found = given.get(key) if isinstance(given, dict) else None
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _dict(given: dict[str, Any], key: str) -> dict[str, Any]:
    found = given.get(key)
    return found if isinstance(found, dict) else {}


def _text(given: dict[str, Any], key: str) -> str:
    found = given.get(key)
    return storable(found[:5_000]) if isinstance(found, str) else ""
