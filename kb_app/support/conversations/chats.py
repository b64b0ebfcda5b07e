"""Runs conversations: stores them, opens a case when a person is wanted, and goes on in it."""

from __future__ import annotations

import hashlib
import logging
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace

from kb_app.durations import DAY, HOUR
from kb_app.support.conversations.dialogue import respond, with_site
from kb_app.support.conversations.model import (
    CUSTOMER,
    HANDED,
    NOTHING,
    Answerer,
    Conversation,
    Response,
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
_JAPANESE, _LATIN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]"), re.compile(r"[A-Za-z]{2}")


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

    def __init__(
        self,
        store: ConversationStore,
        workflow: CaseWorkflow,
        answers: Answerer,
        language: str,
    ) -> None:
        """``language`` is that of customers whose words do not tell it."""
        self.store, self._workflow, self._answers = store, workflow, answers
        self._language = language

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
        if not conversation.language:
            language = heard.language or language_of(heard.text) or self._language
            conversation = replace(conversation, language=language)
        case = self._case(conversation)
        if case is not None:
            return self._say_in(case, conversation, heard, now, may_open)
        after, response = respond(conversation, heard.text, self._answers, now)
        if response.helped is not None:
            self._answers.helped(after, response.helped, now)
        if response.hand_over:
            return self._hand_over(after, now, may_open)
        return after, response

    def _say_in(
        self,
        case: Case,
        conversation: Conversation,
        heard: Heard,
        now: int,
        may_open: Callable[[], bool],
    ) -> tuple[Conversation, Response]:
        """Add a message to the case that the conversation became."""
        words, text = texts_of(conversation.language), heard.text.strip()[:LONGEST_MESSAGE]
        if not text:
            link = self._workflow.sending.status_link(case, now)
            return conversation, Response(words.files_there, url=link)
        if not may_open():
            return with_site(conversation, words.too_many, now), Response(words.too_many)
        self._workflow.customer_says(case, text, now, once=heard.once)
        return conversation, Response(words.added)

    def _case(self, conversation: Conversation) -> Case | None:
        """The case that a conversation became; None without one.

        A merged case goes on in another one, whose address anybody may have typed: the
        conversation does not go on in it.
        """
        found = self._workflow.cases.case(conversation.case_id) if conversation.case_id else None
        return None if found is None or found.merged_into else found

    def _hand_over(
        self, conversation: Conversation, now: int, may_open: Callable[[], bool]
    ) -> tuple[Conversation, Response]:
        """Open a case that holds all that was said."""
        words = texts_of(conversation.language)
        if not may_open():
            kept = replace(conversation, waiting=NOTHING, turns=conversation.turns[:-1])
            return with_site(kept, words.too_many, now), Response(words.too_many)
        own = [turn.text for turn in conversation.turns if turn.who == CUSTOMER]
        case = self._workflow.open(
            NewCase(
                # After a case that was merged, another one.
                form_id=f"chat:{conversation.conversation_id}{conversation.case_id}",
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
            once = f"transcript:{case.case_id}"
            self._workflow.cases.add_message(connection, case, now, NOTE, "", said, once=once)
        text = _handed_text(case, conversation.language, self._workflow)
        kept = replace(
            conversation, case_id=case.case_id, waiting=HANDED, turns=conversation.turns[:-1]
        )
        # On the site the page has the link; elsewhere the customer has nothing but this message.
        link = self._workflow.sending.status_link(case, now) if conversation.peer else ""
        return with_site(kept, text, now), Response(text, url=link)


def language_of(text: str) -> str:
    """The language that the script of a text tells; "" for neither Japanese nor Latin letters."""
    if _JAPANESE.search(text):
        return "ja"
    return "en" if _LATIN.search(text) else ""


def _handed_text(case: Case, language: str, workflow: CaseWorkflow) -> str:
    words, support = texts_of(language), workflow.support()
    if not case.due_at or not support.promised:
        return words.handed.format(number=case.number)
    lang = mail_templates.lang_of(language)
    until = mail_templates.moment(case.due_at, support.calendar.zone, lang)
    return words.handed_until.format(number=case.number, until=until)
