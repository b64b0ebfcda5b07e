"""What an edited article would answer of what customers asked, before it is saved."""

from __future__ import annotations

import sqlite3
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import numpy as np
from sqlalchemy import select

from indexer.answer_changes import (
    PUBLIC,
    AskedQuestion,
    Comparison,
    changed_engine,
    compare,
    displaced,
    nearest,
)
from indexer.build import Paths
from indexer.editing.front_text import published, with_values
from indexer.errors import BuildFailedError
from indexer.model import Article
from kb_app.analytics.event_store import EventStore
from kb_app.analytics.question_vectors import QuestionVectors
from kb_app.analytics.text_key import text_key
from kb_app.db import schema
from kb_app.services.live_index import LiveIndex, Snapshot
from kb_app.services.search_adapters import CentredQuestions
from kb_app.settings import Settings
from search.model import Query
from search.ports import Embedder

# Different questions compared with, of the last so many searches.
MOST_QUESTIONS, SEARCHES_READ = 2_000, 20_000
WAIT_S = 10.0
# Articles near a question that it may take another question from.
NEAR = 8


class DraftAnswers:
    """Compares the served index with one that has the edited text. One comparison at a time."""

    def __init__(
        self,
        settings: Settings,
        store: EventStore,
        live: LiveIndex,
        embedder: Embedder,
        vectors: Callable[[], QuestionVectors],
        clock: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._store = store
        self._live = live
        self._embedder = embedder
        self._vectors = vectors
        self._clock = clock
        self._busy = threading.Lock()

    def compare(self, name: str, text: str) -> Comparison:
        """Answer the nearest of the last questions with and without this text of an article.

        A draft is taken as published. Raises BuildFailedError where the text is no valid article,
        or another comparison runs.
        """
        snapshot = self._live.current()
        if snapshot is None:
            raise BuildFailedError("There is no index yet. Wait for the first build.")
        if not self._busy.acquire(timeout=WAIT_S):
            raise BuildFailedError("Another comparison runs. Try again in a moment.")
        try:
            values = published(name, text) | {"publish_at": None, "expire_at": None}
            shown = with_values(name, text, values)
            paths = Paths(self._settings.articles, self._settings.data)
            engine = snapshot.engine
            with changed_engine(
                paths, self._embedder, self._settings.zone, {name: shown}, engine.calibration
            ) as (after, articles):
                questions = recent_questions(self._store)
                asked = self._nearest(questions, articles[name])
                return compare(
                    engine, after, asked, articles[name].id, self._clock(), len(questions)
                )
        except (sqlite3.Error, OSError) as error:
            raise BuildFailedError(f"The comparison failed ({type(error).__name__}).") from error
        finally:
            self._busy.release()

    def displaced_by(self, confirmed: Mapping[str, Sequence[str]]) -> list[tuple[str, str, str]]:
        """(question, its article, the article that would take it) for new confirmed questions.

        Looked at are the tests and confirmed questions of the articles nearest to them. Raises
        BuildFailedError where the comparison cannot be made.
        """
        snapshot = self._live.current()
        if snapshot is None or not confirmed:
            return []
        if not self._busy.acquire(timeout=WAIT_S):
            raise BuildFailedError("Another comparison runs. Try again in a moment.")
        try:
            paths, zone = Paths(self._settings.articles, self._settings.data), self._settings.zone
            engine, now = snapshot.engine, self._clock()
            with changed_engine(
                paths, self._embedder, zone, None, engine.calibration, confirmed
            ) as (after, articles):
                near = {
                    hit.article_id
                    for name, texts in confirmed.items()
                    for text in texts
                    for hit in engine.search(
                        Query(text, _lang_of(snapshot, name), NEAR, now=now, audiences=PUBLIC)
                    ).hits
                }
                others = [one for one in articles.values() if one.id in near]
                return displaced(engine, after, others, confirmed.keys(), now)
        except (sqlite3.Error, OSError) as error:
            raise BuildFailedError(f"The comparison failed ({type(error).__name__}).") from error
        finally:
            self._busy.release()

    def _nearest(self, questions: list[AskedQuestion], article: Article) -> list[AskedQuestion]:
        known = self._vectors().of([(one.text, one.lang) for one in questions])
        if len(known) < len({(one.text, one.lang) for one in questions}):
            return nearest(questions, [article], None)
        vectors = np.stack([known[one.text, one.lang] for one in questions]) if questions else None
        return nearest(questions, [article], CentredQuestions(self._embedder), vectors)


def _lang_of(snapshot: Snapshot, article_id: str) -> str:
    card = snapshot.articles.summaries.get(article_id)
    return card.lang if card else ""


def recent_questions(store: EventStore, most: int = MOST_QUESTIONS) -> list[AskedQuestion]:
    """The different questions of the last searches by people, the newest first."""
    table = schema.queries
    newest = (
        select(table.c.user_query, table.c.language, table.c.client_id, table.c.query_id)
        .where(table.c.bot.is_(False), table.c.origin != "suggestion")
        .order_by(table.c.at.desc())
        .limit(SEARCHES_READ)
    )
    people: dict[tuple[str, str], set[str]] = defaultdict(set)
    texts: dict[tuple[str, str], str] = {}
    with store.engine.connect() as connection:
        for text, lang, client, query in connection.execute(newest):
            if not text.strip():
                continue
            key = text_key(text), lang
            texts.setdefault(key, text)
            people[key].add(client or query)
    return [
        AskedQuestion(text, key[1], len(people[key])) for key, text in list(texts.items())[:most]
    ]
