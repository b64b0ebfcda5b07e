"""Local servers with the published APIs of LINE and WhatsApp, and the webhooks that they send."""

from __future__ import annotations

import base64
import hmac
import json
from typing import Any

from tests.fake_desks import DeskHandler

SECRET, TOKEN = "channel-secret", "channel-token"


class Line(DeskHandler):
    """Replies and pushes of the Messaging API.

    A reply token holds once; a push whose retry key is known is answered 409.
    https://developers.line.biz/en/reference/messaging-api/
    """

    def do(self, given: Any) -> tuple[int, Any, dict[str, str]]:
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return 401, {"message": "Authentication failed"}, {}
        if not all(0 < len(one["text"]) <= 5_000 for one in given["messages"]):
            return 400, {"message": "messages[0].text"}, {}
        for item in given["messages"][0].get("quickReply", {}).get("items", []):
            if len(item["action"]["label"]) > 20 or len(item["action"]["text"]) > 300:
                return 400, {"message": "quickReply"}, {}
        if self.path == "/v2/bot/message/reply":
            key = f"token {given['replyToken']}"
            if key in self.server.keys or given["replyToken"] == "expired":
                return 400, {"message": "Invalid reply token"}, {}
        else:
            key = f"key {self.headers['X-Line-Retry-Key']}"
            if key in self.server.keys:
                return 409, {"message": "The retry key is already accepted"}, {}
        number = len(self.server.tickets) + 1
        self.server.keys[key] = number
        self.server.tickets[number] = given | {"by": self.path.rpartition("/")[2]}
        return 200, {"sentMessages": [{"id": str(number)}]}, {}


class WhatsApp(DeskHandler):
    """Messages of the Cloud API; "old" is somebody whose last word is more than a day ago.

    https://developers.facebook.com/docs/whatsapp/cloud-api/reference/messages
    """

    def do(self, given: Any) -> tuple[int, Any, dict[str, str]]:
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return 401, {"error": {"code": 190, "message": "Invalid OAuth access token."}}, {}
        if given["to"] == "old":
            return 400, {"error": {"code": 131047, "message": "Re-engagement message"}}, {}
        wrong = _wrong_whatsapp(given)
        if wrong or self.path != "/12345/messages" or given["messaging_product"] != "whatsapp":
            return 400, {"error": {"code": 100, "message": wrong or "Invalid parameter"}}, {}
        number = len(self.server.tickets) + 1
        self.server.tickets[number] = given
        return 200, {"messages": [{"id": f"wamid.{number}"}]}, {}


def _wrong_whatsapp(given: dict[str, Any]) -> str:
    """What the Cloud API refuses of a message; "" for none."""
    if given["type"] == "text":
        return "" if 0 < len(given["text"]["body"]) <= 4_096 else "text"
    parts = given["interactive"]
    if not 0 < len(parts["body"]["text"]) <= 1_024:
        return "body"
    if parts["type"] == "button":
        buttons = [one["reply"] for one in parts["action"]["buttons"]]
        ok = len(buttons) <= 3 and all(0 < len(one["title"]) <= 20 for one in buttons)
        return "" if ok else "buttons"
    rows = parts["action"]["sections"][0]["rows"]
    ok = len(rows) <= 10 and all(
        0 < len(one["title"]) <= 24 and len(one["description"]) <= 72 for one in rows
    )
    return "" if ok and 0 < len(parts["action"]["button"]) <= 20 else "rows"


def line_webhook(
    text: str | None, once: str = "e1", peer: str = "U1", reply: str = "t1"
) -> tuple[bytes, dict[str, str]]:
    """A webhook of LINE and its headers; without a text a picture was sent."""
    message = {"id": "1", "type": "text", "text": text} if text is not None else {"type": "image"}
    event = {
        "type": "message",
        "webhookEventId": once,
        "replyToken": reply,
        "source": {"type": "user", "userId": peer},
        "deliveryContext": {"isRedelivery": False},
        "message": message,
    }
    body = json.dumps({"destination": "x", "events": [event]}).encode()
    return body, {"X-Line-Signature": signed_for_line(body)}


def signed_for_line(body: bytes) -> str:
    return base64.b64encode(hmac.digest(SECRET.encode(), body, "sha256")).decode()


def whatsapp_webhook(
    text: str, once: str = "wamid.A", peer: str = "819012345678", tapped: bool = False
) -> tuple[bytes, dict[str, str]]:
    """A webhook of WhatsApp and its headers; ``tapped`` sends the text as a choice's id."""
    message: dict[str, Any] = {"from": peer, "id": once, "timestamp": "1764550000"}
    if tapped:
        reply = {"type": "list_reply", "list_reply": {"id": text, "title": text[:24]}}
        message |= {"type": "interactive", "interactive": reply}
    else:
        message |= {"type": "text", "text": {"body": text}}
    value = {"messaging_product": "whatsapp", "messages": [message]}
    body = json.dumps(
        {
            "object": "whatsapp_business_account",
            "entry": [{"id": "1", "changes": [{"field": "messages", "value": value}]}],
        }
    ).encode()
    signature = hmac.digest(SECRET.encode(), body, "sha256").hex()
    return body, {"X-Hub-Signature-256": f"sha256={signature}"}
