"""Webhooks of LINE and WhatsApp: messages of customers, signed by the service."""

from __future__ import annotations

import hmac

from flask import Blueprint, Response, current_app, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response as BaseResponse

from kb_app.support.conversations.chats import BusyError, Heard
from kb_app.support.conversations.messengers import (
    LINE,
    LINE_SIGNATURE,
    MAX_BYTES,
    WHATSAPP_SIGNATURE,
    BadWebhookError,
    Incoming,
    is_signed,
    messages,
)
from kb_app.web.core.context import site_settings, support_service
from kb_app.web.core.errors import problem
from kb_app.web.core.tracking import now_ms

blueprint = Blueprint("messengers", __name__, url_prefix="/api/v1")
_UNKNOWN = "support.yml has no such messenger, or KB_DESK_SECRETS has no NAME-secret for it."


@blueprint.get("/messengers/<name>")
def verify(name: str) -> BaseResponse:
    """Answer the question with which WhatsApp makes sure whose address this is."""
    wanted = site_settings().desk_secret(f"{name}-verify")
    given = request.args.get("hub.verify_token", "")
    is_asked = request.args.get("hub.mode") == "subscribe"
    if not wanted or name not in support_service().config.messengers or not is_asked:
        return problem(404, _UNKNOWN)
    if not hmac.compare_digest(given.encode(), wanted.encode()):
        return problem(403, f"hub.verify_token is not {name}-verify of KB_DESK_SECRETS.")
    return Response(request.args.get("hub.challenge", "")[:200], mimetype="text/plain")


@blueprint.post("/messengers/<name>")
def receive(name: str) -> BaseResponse:
    """Take the messages of a webhook, each once; what the site says is sent after it."""
    messenger = support_service().config.messengers.get(name)
    secret = site_settings().desk_secret(f"{name}-secret")
    if messenger is None or not secret:
        return problem(404, _UNKNOWN)
    if (request.content_length or 0) > MAX_BYTES:
        return problem(413, f"The body may have {MAX_BYTES // 1024} KB at most.")
    body = request.get_data(cache=False)
    header = LINE_SIGNATURE if messenger.type == LINE else WHATSAPP_SIGNATURE
    if not is_signed(messenger.type, secret, body, request.headers.get(header, "")):
        return problem(401, f"{header} is not the signature of {name}-secret of KB_DESK_SECRETS.")
    try:
        found = messages(messenger.type, body)
    except BadWebhookError as error:
        return problem(400, str(error))
    try:
        for message in found:
            _take(name, message)
    except (SQLAlchemyError, BusyError):
        return problem(503, "The messages could not be stored. Send them again.")
    return Response(status=200)


def _take(name: str, message: Incoming) -> None:
    settings = site_settings()
    # Of a messenger's user the log has a name of ours, which leads nowhere without the key.
    key, person = str(current_app.secret_key).encode(), f"messenger\0{name}\0{message.peer}"
    client = hmac.digest(key, person.encode(), "sha256")[:16].hex()
    client_id = client if settings.analytics == "on" else None
    heard = Heard(message.text, once=message.once, client_id=client_id)
    chats = support_service().chats
    chats.with_peer(name, message.peer, heard, now_ms(), message.reply_token)
