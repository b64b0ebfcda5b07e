"""Runs conversations: stores them, opens a case when a person is wanted, and goes on in it."""

from __future__ import annotations

import hashlib
import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace

from kb_app.durations import DAY, HOUR
from kb_app.support.conversations.dialogue import respond
from kb_app.support.conversations.model import (
    CUSTOMER,
    HANDED,
    NOTHING,
    SITE,
    Answerer,
    Conversation,
    Response,
    Turn,
    transcript,
)
from kb_app.support.conversations.store import ConversationStore
from kb_app.support.conversations.texts import texts_of
from kb_app.support.delivery import mail_templates
from kb_app.support.delivery.outbox import MESSAGE, enqueue
from kb_app.support.model import CLOSED, LONGEST_MESSAGE, NOTE, SOLVED, Case, NewCase
from kb_app.support.workflow import CaseWorkflow

log = logging.getLogger("kb_app.workflow")
# A conversation without a case that nobody went on with.
KEPT = DAY
MESSAGES_AN_HOUR = 60
_ATTEMPTS = 5


class BusyError(Exception):
    """The conversation is changed by others all the time; the message was not taken."""


@dataclass(frozen=True)
class Heard:
    """A message of a customer. ``once`` tells it from others of its channel."""

    text: str
    once: str = ""
    language: str = ""
    client_id: str | None = None


class Chats:
    """Conversations on all channels; thread-safe."""

    def __init__(self, store: ConversationStore, workflow: CaseWorkflow, answers: Answerer) -> None:
        self.store, self._workflow, self._answers = store, workflow, answers

    def begin(
        self, channel: str, peer: str, now: int, language: str = "", client_id: str | None = None
    ) -> Conversation:
        """Store a new conversation and return it."""
        name = str(uuid.uuid4())
        begun = Conversation(name, channel, peer, now, now, language=language, client_id=client_id)
        self.store.add(begun)
        return begun

    def with_peer(
        self, channel: str, peer: str, heard: Heard, now: int, reply_token: str = ""
    ) -> bool:
        """Go on with somebody on a messenger, and queue what the site says.

        Returns False for a message that was taken before. Raises BusyError.
        """
        source = f"{channel}:{hashlib.sha256(peer.encode()).hexdigest()[:24]}"
        cases = self._workflow.cases
        if cases.has(source, heard.once):
            return False
        many = cases.seen(source, now - HOUR)
        found = self.store.latest(channel, peer)
        if found is None or self._is_over(found, now):
            found = self.begin(channel, peer, now, client_id=heard.client_id)
        response = None
        if many < MESSAGES_AN_HOUR:
            response = self.say(found, heard, now)
        elif many == MESSAGES_AN_HOUR:
            response = Response(texts_of(found.language).too_many)
        else:
            log.warning("a message by %s was left out: too many in an hour", channel)
        with cases.changing() as connection:
            if cases.first_time(connection, source, heard.once, now) and response is not None:
                # From the hand-over on, what is said belongs to the case.
                now_is = self.store.get(found.conversation_id, within=connection) or found
                name = now_is.case_id or now_is.conversation_id
                payload = {
                    "to": peer,
                    "text": response.text,
                    "choices": list(response.choices),
                    "url": response.url,
                    "reply_token": reply_token,
                }
                key = hashlib.sha256(f"{source}:{heard.once}".encode()).hexdigest()
                enqueue(connection, name, channel, MESSAGE, key, payload, now)
        return True

    def _is_over(self, conversation: Conversation, now: int) -> bool:
        """Whether a new conversation begins: its case is solved, or a day has passed."""
        if not conversation.case_id:
            return now - conversation.changed_at > KEPT
        case = self._case(conversation)
        return case is None or case.state in (SOLVED, CLOSED)

    def say(
        self,
        conversation: Conversation,
        heard: Heard,
        now: int,
        may_open: Callable[[], bool] = lambda: True,
    ) -> Response:
        """Go on with what the customer wrote. ``may_open`` says whether a case may be opened.

        Raises BusyError.
        """
        for _attempt in range(_ATTEMPTS):
            before = conversation.changed_at
            after, response = self._say(conversation, heard, now, may_open)
            if self.store.save(after, before):
                return response
            conversation = self.store.get(conversation.conversation_id) or conversation
        raise BusyError("The conversation could not be stored. Send the message again.")

    def _say(
        self, conversation: Conversation, heard: Heard, now: int, may_open: Callable[[], bool]
    ) -> tuple[Conversation, Response]:
        words = texts_of(conversation.language or heard.language)
        if not heard.text.strip():
            return conversation, Response(words.no_text)
        case = self._case(conversation) if conversation.case_id else None
        if case is not None:
            text = heard.text.strip()[:LONGEST_MESSAGE]
            self._workflow.customer_says(case, text, now, once=heard.once)
            return conversation, Response(words.added)
        after, response = respond(conversation, heard.text, self._answers, now)
        if response.helped is not None:
            self._answers.helped(after, response.helped, now)
        if response.hand_over:
            return self._hand_over(after, now, may_open)
        return after, response

    def _case(self, conversation: Conversation) -> Case | None:
        found = self._workflow.cases.case(conversation.case_id)
        return self._workflow.cases.going_on(found) if found else None

    def _hand_over(
        self, conversation: Conversation, now: int, may_open: Callable[[], bool]
    ) -> tuple[Conversation, Response]:
        """Open a case that holds all that was said."""
        words = texts_of(conversation.language)
        if not may_open():
            return replace(conversation, waiting=NOTHING), Response(words.too_many)
        own = [turn.text for turn in conversation.turns if turn.who == CUSTOMER]
        case = self._workflow.open(
            NewCase(
                form_id=f"chat:{conversation.conversation_id}",
                kind="question",
                message=(conversation.question or own[-1])[:LONGEST_MESSAGE],
                language=conversation.language,
                section=conversation.section,
                channel=conversation.channel,
                query_id=conversation.query_id,
                client_id=conversation.client_id,
                recorded=conversation.client_id is not None,
            ),
            now,
        )
        said = transcript(conversation.turns, (words.customer, words.site))
        with self._workflow.cases.changing() as connection:
            once = f"transcript:{conversation.conversation_id}"
            self._workflow.cases.add_message(connection, case, now, NOTE, "", said, once=once)
        text = _handed_text(case, conversation.language, self._workflow)
        turns = (*conversation.turns[:-1], Turn(SITE, text, now))
        after = replace(conversation, case_id=case.case_id, waiting=HANDED, turns=turns)
        return after, Response(text)


def _handed_text(case: Case, language: str, workflow: CaseWorkflow) -> str:
    words, support = texts_of(language), workflow.support()
    if not case.due_at or not support.promised:
        return words.handed.format(number=case.number)
    lang = mail_templates.lang_of(language)
    until = mail_templates.moment(case.due_at, support.calendar.zone, lang)
    return words.handed_until.format(number=case.number, until=until)
