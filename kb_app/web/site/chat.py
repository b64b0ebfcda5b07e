"""The chat page: a conversation that answers from the articles and hands over to a person.

It works without JavaScript; the address of a conversation is secret, like that of a case.
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from kb_app.support.access_links import InvalidLinkError
from kb_app.support.conversations.chats import BusyError, Heard
from kb_app.support.conversations.dialogue import choices_of
from kb_app.support.conversations.model import LONGEST_TEXT, SITE, Conversation, Turn
from kb_app.support.conversations.texts import texts_of
from kb_app.support.model import AGENT, CLOSED, CUSTOMER, LONGEST_MESSAGE, SOLVED, Case
from kb_app.web.core.context import support_service
from kb_app.web.core.forms import given_form_id, given_text, once_of
from kb_app.web.core.rate_limits import may_write
from kb_app.web.core.same_site import require_same_site
from kb_app.web.core.tracking import now_ms
from kb_app.web.core.urls import language_of_address
from kb_app.web.core.visitor import visitor

blueprint = Blueprint("chat", __name__)
blueprint.url_value_preprocessor(language_of_address)
CHANNEL = "chat"


@blueprint.after_request
def _private(response: Response) -> Response:
    """Keep the secret address out of Referer headers and caches."""
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.get("/<ui:ui>/chat")
def start(ui: str) -> str:
    """Show an empty conversation."""
    return _page(ui, None)


@blueprint.post("/<ui:ui>/chat")
def begin(ui: str) -> BaseResponse:
    """Begin a conversation with the first message."""
    require_same_site()
    who = visitor()
    client = who.client_id if who.recorded and not who.bot else None
    begun = support_service().chats.begin(CHANNEL, "", now_ms(), ui, client)
    _say(begun, ui)
    token = support_service().links.make(CHANNEL, begun.conversation_id, now_ms())
    return redirect(url_for("chat.conversation", ui=ui, token=token) + "#last", 303)


@blueprint.get("/<ui:ui>/chat/<token>")
def conversation(ui: str, token: str) -> str:
    """Show a conversation; what a person answers appears in it."""
    return _page(ui, _found(token), token)


@blueprint.post("/<ui:ui>/chat/<token>")
def say(ui: str, token: str) -> BaseResponse:
    """Go on with a message or a choice."""
    require_same_site()
    _say(_found(token), ui)
    return redirect(url_for("chat.conversation", ui=ui, token=token) + "#last", 303)


def _found(token: str) -> Conversation:
    support = support_service()
    try:
        found = support.chats.store.get(support.links.read(CHANNEL, token, now_ms()))
    except InvalidLinkError:
        abort(404)
    return found or abort(410)


def _say(conversation: Conversation, ui: str) -> None:
    text = request.form.get("choice", "") or given_text("message")
    try:
        heard = Heard(text, once=once_of(given_form_id(), text), language=ui)
        support_service().chats.say(conversation, heard, now_ms(), may_write)
    except BusyError:
        abort(503)


def _page(ui: str, conversation: Conversation | None, token: str = "") -> str:
    support = support_service()
    case = support.cases.case(conversation.case_id) if conversation else None
    if case is not None and case.merged_into:
        # Its address may be anybody's: the other case is not shown here.
        case = None
    words = texts_of(ui)
    turns = list(conversation.turns) if conversation else [Turn(SITE, words.greeting, now_ms())]
    return render_template(
        "site/chat.html",
        turns=[_on_this_site(turn) for turn in turns] + _said_in(case),
        choices=choices_of(conversation) if conversation and not case else (),
        to_a_person=words.to_a_person,
        token=token,
        case=case,
        is_over=case is not None and case.state in (SOLVED, CLOSED),
        case_token=support.links.make("case", case.case_id, now_ms()) if case else "",
        longest=LONGEST_MESSAGE if case else LONGEST_TEXT,
        form_id=str(uuid.uuid4()),
    )


def _on_this_site(turn: Turn) -> Turn:
    """The turn with the address of its article on the site that the reader is on."""
    return replace(turn, url=urlsplit(turn.url)._replace(scheme="", netloc="").geturl())


def _said_in(case: Case | None) -> list[Turn]:
    """What customer and people said after the conversation was handed over."""
    if case is None:
        return []
    return [
        Turn("agent" if message.author == AGENT else "customer", message.text, message.at)
        for message in support_service().cases.messages(case.case_id)
        if message.author in (AGENT, CUSTOMER)
    ]
