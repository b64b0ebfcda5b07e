"""Sends messages to customers by the LINE Messaging API."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from kb_app.support.delivery.http import call
from kb_app.support.delivery.outbox import PermanentDeliveryError
from kb_app.support.model import Delivery

API = "https://api.line.me"
# A reply token holds about a minute; a reply is free, a push counts towards the quota.
TOKEN_MS = 50_000
LONGEST_TEXT, LONGEST_LABEL, LONGEST_CHOICE, MOST_CHOICES = 5_000, 20, 300, 13
MOST_MESSAGES = 5


class LineSink:
    """Replies while the token holds, else pushes; a push that is repeated arrives once."""

    def __init__(self, token: str, api: str = API, clock: Callable[[], float] = time.time) -> None:
        self._token, self._api, self._clock = token, api or API, clock

    def deliver(self, delivery: Delivery) -> str:
        """Send a message; returns "". Raises the errors of ``call``."""
        if not self._token:
            raise PermanentDeliveryError("There is no token: set NAME-token in KB_DESK_SECRETS.")
        given, messages = delivery.payload, messages_of(dict(delivery.payload))
        is_fresh = self._clock() * 1000 - delivery.created_at < TOKEN_MS
        if given.get("reply_token") and is_fresh and not delivery.attempts:
            try:
                self._post("reply", {"replyToken": given["reply_token"], "messages": messages})
                return ""
            except PermanentDeliveryError as error:
                if error.status != 400:
                    raise
        # The service takes a key once, and answers 409 from then on.
        key = {"X-Line-Retry-Key": delivery.delivery_id}
        try:
            self._post("push", {"to": given["to"], "messages": messages}, key)
        except PermanentDeliveryError as error:
            if error.status != 409:
                raise
        return ""

    def _post(self, what: str, body: dict[str, Any], more: dict[str, str] | None = None) -> None:
        headers = {"Authorization": f"Bearer {self._token}", **(more or {})}
        call("POST", f"{self._api}/v2/bot/message/{what}", headers=headers, given=body)


def messages_of(payload: dict[str, Any]) -> list[dict[str, Any]]:
    """The message in the service's form, in several where it is long; choices are quick replies."""
    text = "\n".join(filter(None, (payload["text"], payload.get("url"))))
    found: list[dict[str, Any]] = [
        {"type": "text", "text": part} for part in parts_of(text, LONGEST_TEXT)[:MOST_MESSAGES]
    ]
    message = found[-1]
    choices = payload.get("choices") or []
    if choices:
        message["quickReply"] = {
            "items": [
                {
                    "type": "action",
                    "action": {
                        "type": "message",
                        "label": cut(choice, LONGEST_LABEL),
                        "text": choice[:LONGEST_CHOICE],
                    },
                }
                for choice in choices[:MOST_CHOICES]
            ]
        }
    return found


def parts_of(text: str, most: int) -> list[str]:
    """A text in parts of at most ``most`` characters, cut at the end of a line where it can be."""
    parts = []
    while len(text) > most:
        at = text.rfind("\n", most // 2, most)
        at = at if at > 0 else most
        parts.append(text[:at])
        text = text[at:].lstrip("\n")
    return [*parts, text]


def cut(text: str, most: int) -> str:
    """A text of at most ``most`` characters, with a sign where it was cut."""
    return text if len(text) <= most else f"{text[: most - 1]}…"
