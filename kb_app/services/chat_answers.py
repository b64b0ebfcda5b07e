"""Answers conversations from the index; implements a port of support."""

from __future__ import annotations

import uuid

from kb_app.analytics.model import SOLVED_NO, SOLVED_YES, ActionEvent
from kb_app.services.public_search import PublicSearch, article_address, section_of
from kb_app.support.conversations.model import Conversation, Option, Quote, Reading
from search.model import Results

HITS = 5


class ChatAnswers:
    """Searches for what customers write in conversations."""

    def __init__(self, search: PublicSearch) -> None:
        self._search = search

    def read(self, text: str, conversation: Conversation, now: int) -> Reading:
        """The quotes that answer with the verdict "strict", and the nearest articles."""
        settings = self._search.settings
        found = self._search.search(text, conversation.language, HITS)
        if found is None or found[1].problem:
            return Reading(language=conversation.language or settings.languages[0])
        snapshot, results = found
        language = settings.spoken(conversation.language or results.lang)
        query_id = self._record(text, results, conversation)
        cards = [
            (snapshot.articles.summaries[answer.article_id], answer)
            for answer in (results.answer, results.other_answer)
            if answer
        ]
        return Reading(
            results.verdict,
            language,
            section_of(results),
            query_id,
            tuple(
                Quote(
                    card.id,
                    card.title,
                    answer.text,
                    article_address(settings, card, language, query_id),
                )
                for card, answer in cards
            ),
            tuple(Option(hit.article_id, hit.document.title) for hit in results.hits),
        )

    def quote(self, article_id: str, question: str, conversation: Conversation) -> Quote | None:
        """What an article says in short; the place nearest to the question where it does not."""
        language = conversation.language
        found = self._search.search(question, language, HITS)
        card = found[0].articles.summaries.get(article_id) if found else None
        if found is None or card is None or not self._search.may_read(card):
            return None
        hits = found[1].hits
        place = next((hit.passage for hit in hits if hit.article_id == article_id), None)
        text = card.summary or (place.text if place else "")
        address = article_address(self._search.settings, card, language, conversation.query_id)
        return Quote(article_id, card.title, text, address)

    def helped(self, conversation: Conversation, yes: bool, now: int) -> None:
        """Record whether the last answer helped, where the conversation is recorded."""
        if conversation.client_id is None:
            return
        name = f"{conversation.conversation_id}:{conversation.query_id}:{yes}"
        self._search.events.put(
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

    def _record(self, text: str, results: Results, conversation: Conversation) -> str:
        """Record the search and return its id; "" where the conversation is not recorded."""
        if conversation.client_id is None or self._search.settings.analytics != "on":
            return ""
        return self._search.record(
            text,
            results,
            client_id=conversation.client_id,
            session_id=conversation.conversation_id,
            channel=conversation.channel,
            origin="chat",
            language=results.lang or conversation.language,
        )
