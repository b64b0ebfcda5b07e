"""Sends messages to customers by the WhatsApp Cloud API."""

from __future__ import annotations

from typing import Any

from kb_app.support.delivery.http import call
from kb_app.support.delivery.line import cut, parts_of
from kb_app.support.delivery.outbox import PermanentDeliveryError
from kb_app.support.model import Delivery

API = "https://graph.facebook.com/v23.0"
LONGEST_TEXT, LONGEST_BODY, LONGEST_BUTTON, MOST_BUTTONS = 4_096, 1_024, 20, 3
LONGEST_ROW, LONGEST_DESCRIPTION, LONGEST_ID = 24, 72, 200


class WhatsAppSink:
    """Sends texts and choices; the service refuses them 24 hours after the customer's last word."""

    def __init__(self, token: str, phone_number_id: str, api: str = API) -> None:
        self._token, self._phone, self._api = token, phone_number_id, api or API

    def deliver(self, delivery: Delivery) -> str:
        """Send a message; returns "". Raises the errors of ``call``."""
        if not self._token:
            raise PermanentDeliveryError("There is no token: set NAME-token in KB_DESK_SECRETS.")
        headers = {"Authorization": f"Bearer {self._token}"}
        for message in messages_of(dict(delivery.payload)):
            call("POST", f"{self._api}/{self._phone}/messages", headers=headers, given=message)
        return ""


def messages_of(payload: dict[str, Any]) -> list[dict[str, Any]]:
    """The message in the service's form; choices become buttons, or a list where they are long.

    A text that is too long for a message with choices goes before it.
    """
    to, choices = payload["to"], payload.get("choices") or []
    text = "\n".join(filter(None, (payload["text"], payload.get("url"))))
    if not choices:
        return [_text(to, part) for part in parts_of(text, LONGEST_TEXT)]
    body, before = text, []
    if len(text) > LONGEST_BODY:
        head, _, last = text.rpartition("\n")
        before, body = [_text(to, head or text)], last[:LONGEST_BODY]
    return [*before, _choices(to, body, choices)]


def _text(to: str, text: str) -> dict[str, Any]:
    return _message(to, "text", {"body": text[:LONGEST_TEXT]})


def _message(to: str, kind: str, content: dict[str, Any]) -> dict[str, Any]:
    return {"messaging_product": "whatsapp", "to": to, "type": kind, kind: content}


def _choices(to: str, text: str, choices: list[str]) -> dict[str, Any]:
    if len(choices) <= MOST_BUTTONS and all(len(one) <= LONGEST_BUTTON for one in choices):
        buttons = [
            {"type": "reply", "reply": {"id": one[:LONGEST_ID], "title": one}} for one in choices
        ]
        action: dict[str, Any] = {"buttons": buttons}
        kind = "button"
    else:
        rows = [
            {
                "id": one[:LONGEST_ID],
                "title": cut(one, LONGEST_ROW),
                "description": cut(one, LONGEST_DESCRIPTION) if len(one) > LONGEST_ROW else "",
            }
            for one in choices[:10]
        ]
        action, kind = {"button": "…", "sections": [{"rows": rows}]}, "list"
    return _message(to, "interactive", {"type": kind, "body": {"text": text}, "action": action})
