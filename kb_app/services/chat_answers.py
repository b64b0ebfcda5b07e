"""Answers conversations from the index, and records what was asked; implements ports of support."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import datetime
from urllib.parse import quote

from indexer.model import ArticleSummary
from kb_app.analytics.event_writer import BackgroundWriter
from kb_app.analytics.model import SOLVED_NO, SOLVED_YES, ActionEvent, QueryEvent
from kb_app.analytics.redaction import redact
from kb_app.services.live_index import LiveIndex, Snapshot
from kb_app.services.search_adapters import PUBLIC
from kb_app.settings import Settings
from kb_app.support.conversations.model import Conversation, Option, Quote, Reading
from search.model import Answer, Query, Results

HITS = 5


class ChatAnswers:
    """Searches for what customers write in conversations."""

    def __init__(
        self,
        live: LiveIndex,
        events: BackgroundWriter,
        settings: Settings,
        redactions: tuple[re.Pattern[str], ...],
        clock: Callable[[], datetime],
    ) -> None:
        self._live, self._events, self._settings = live, events, settings
        self._redactions, self._clock = redactions, clock

    def read(self, text: str, conversation: Conversation, now: int) -> Reading:
        """The quotes that answer with the verdict "strict", and the nearest articles."""
        snapshot, results = self._search(text, conversation.language)
        if snapshot is None or results is None or results.problem:
            return Reading(language=conversation.language or self._settings.languages[0])
        language = self._settings.spoken(conversation.language or results.lang)
        query_id = self._record(text, results, conversation, now)
        summaries = snapshot.articles.summaries
        return Reading(
            results.verdict,
            language,
            results.hits[0].document.section if results.hits else "",
            query_id,
            tuple(
                self._quote(answer, summaries[answer.article_id], language, query_id)
                for answer in (results.answer, results.other_answer)
                if answer
            ),
            tuple(Option(hit.article_id, hit.document.title) for hit in results.hits),
        )

    def quote(self, article_id: str, question: str, conversation: Conversation) -> Quote | None:
        """What an article says in short; the place nearest to the question where it does not."""
        snapshot, results = self._search(question, conversation.language)
        card = snapshot.articles.summaries.get(article_id) if snapshot else None
        if card is None or not card.visible(self._clock(), PUBLIC):
            return None
        hits = results.hits if results else ()
        place = next((hit.passage for hit in hits if hit.article_id == article_id), None)
        text = card.summary or (place.text if place else "")
        address = self._address(card, conversation.language, conversation.query_id)
        return Quote(article_id, card.title, text, address)

    def helped(self, conversation: Conversation, yes: bool, now: int) -> None:
        """Record whether the last answer helped, where the conversation is recorded."""
        if conversation.client_id is None:
            return
        name = f"{conversation.conversation_id}:{conversation.query_id}:{yes}"
        self._events.put(
            ActionEvent(
                event_id=str(uuid.uuid5(uuid.NAMESPACE_OID, name)),
                action_name=SOLVED_YES if yes else SOLVED_NO,
                at=now,
                query_id=conversation.query_id or None,
                client_id=conversation.client_id,
                session_id=conversation.conversation_id,
                object_id=conversation.article_id,
                channel=conversation.channel,
                language=conversation.language,
            )
        )

    def _search(self, text: str, language: str) -> tuple[Snapshot | None, Results | None]:
        snapshot, spoken = self._live.current(), language or self._settings.languages[0]
        if snapshot is None:
            return None, None
        query = Query(text, spoken, HITS, audiences=PUBLIC, now=self._clock())
        return snapshot, snapshot.search(query)

    def _record(self, text: str, results: Results, conversation: Conversation, now: int) -> str:
        """Record the search and return its id; "" where the conversation is not recorded."""
        if conversation.client_id is None or self._settings.analytics != "on":
            return ""
        query_id = str(uuid.uuid4())
        self._events.put(
            QueryEvent(
                query_id=query_id,
                at=now,
                user_query=redact(text, self._redactions),
                client_id=conversation.client_id,
                session_id=conversation.conversation_id,
                language=results.lang or conversation.language,
                channel=conversation.channel,
                origin="chat",
                verdict=results.verdict,
                probability=results.probability,
                index_version=results.index_version,
                elapsed_ms=results.elapsed_ms,
                hit_ids=tuple(hit.article_id for hit in results.hits),
                section=results.hits[0].document.section if results.hits else "",
            )
        )
        return query_id

    def _quote(self, answer: Answer, card: ArticleSummary, language: str, query_id: str) -> Quote:
        address = self._address(card, language, query_id)
        return Quote(card.id, card.title, answer.text, address)

    def _address(self, card: ArticleSummary, language: str, query_id: str) -> str:
        spoken = self._settings.spoken(language)
        address = f"{self._settings.address}/{spoken}/articles/{quote(card.slug)}"
        return f"{address}?from={query_id}" if query_id else address
