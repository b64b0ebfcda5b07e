"""Keeps episodes, gaps, spikes and the weekly digest up to date from the event log."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime

from kb_app.accounts.store import UserStore
from kb_app.analytics.episodes.job import JobAlreadyRunningError, JobReport, run
from kb_app.analytics.event_store import EventStore
from kb_app.analytics.event_writer import BackgroundWriter
from kb_app.analytics.gaps.gap_store import GapStore, UnansweredCache
from kb_app.analytics.gaps.gaps import questions_of
from kb_app.analytics.gaps.spikes import (
    BEFORE,
    LEAST_PEOPLE,
    LOOK_AGAIN,
    WINDOW,
    Seen,
    Spike,
    spikes,
)
from kb_app.analytics.question_vectors import QuestionVectors
from kb_app.durations import DAY
from kb_app.services.live_index import LiveIndex
from kb_app.services.search_adapters import CentredQuestions, IndexFinder
from kb_app.services.weekly_digest import last_due, receivers, send_digest, take_turn
from kb_app.settings import Settings
from search.ports import Embedder

log = logging.getLogger("kb_app.services.analytics")


class AnalyticsService:
    """The background process updates; reports in web processes read the same database."""

    def __init__(
        self,
        settings: Settings,
        store: EventStore,
        events: BackgroundWriter,
        users: UserStore,
        embedder: Embedder,
        live: LiveIndex,
        clock: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._store = store
        self._events = events
        self._users = users
        self._embedder = embedder
        self._clock = clock
        self._seen_spikes = Seen()
        self._unanswered_cache = UnansweredCache()
        self.finder = IndexFinder(live, clock)

    def vectors(self) -> QuestionVectors:
        """Return the vectors of recorded questions; without a model none is computed."""
        ready = getattr(self._embedder, "state", "ready") == "ready"
        encode = CentredQuestions(self._embedder) if ready else None
        return QuestionVectors(self._store.engine, encode)

    def gaps(self) -> GapStore:
        """Return the gaps and confirmed questions; reads of the log are cached."""
        return GapStore(self._store, self.vectors(), self._unanswered_cache)

    def run(self) -> None:
        """Update all figures, remove events past their retention, mail the digest when it is due.

        Does nothing while another process runs the update.
        """
        try:
            report = self.update_episodes()
        except JobAlreadyRunningError:
            return
        self.update_gaps()
        # By whole days: what was made of the removed texts is then looked for once a day.
        self._store.purge((self._now_ms() // DAY - self._settings.retention_days) * DAY)
        log.info("figures updated", extra=vars(report))
        self.current_spikes()
        self.mail_digest()

    def update_episodes(self, everything: bool = False) -> JobReport:
        """Update episodes and daily figures; ``everything`` recomputes all episodes.

        Raises JobAlreadyRunningError while another process runs the update.
        """
        self._events.flush()
        zone = self._settings.zone
        return run(self._store, self.vectors(), self._now_ms(), zone, everything)

    def update_gaps(self) -> None:
        """Group unanswered questions, replay them on the index, offer confirmed questions."""
        now, gaps = self._now_ms(), self.gaps()
        gaps.refresh(now)
        gaps.replay(now, self.finder)
        gaps.offer_learned(now)

    def replay_gaps(self, changed: Sequence[str]) -> None:
        """Repeat the queries of the gaps that these articles, or their originals, are to answer."""
        gaps, articles = self.gaps(), self.finder.with_translations(changed)
        if articles and gaps.drafted_for(articles):
            gaps.replay(self._now_ms(), self.finder, articles)

    def current_spikes(self) -> tuple[Spike, ...]:
        """Questions whose frequency suddenly rose; recomputed after LOOK_AGAIN ms."""
        now = self._now_ms()
        if abs(now - self._seen_spikes.at) >= LOOK_AGAIN:
            self._seen_spikes = Seen(now, tuple(self._find_spikes(now)))
        return self._seen_spikes.found

    def mail_digest(self) -> bool:
        """Mail the weekly digest if it is due; return whether this process mailed it.

        Only one of several processes mails it. Raises MailError.
        """
        now = self._clock()
        due = last_due(self._settings, now)
        gaps = GapStore(self._store, self.vectors())
        if due is None or not take_turn(gaps, due, now):
            return False
        send_digest(self._settings, gaps, now, receivers(self._users))
        return True

    def _find_spikes(self, now: int) -> list[Spike]:
        self._events.flush(1)
        if len(self._store.queries(now - WINDOW, now + 1)) < LEAST_PEOPLE:
            return []
        queries = self._store.queries(now - WINDOW - BEFORE, now + 1)
        pairs = {each.key: (each.text, each.language) for each in questions_of(queries)}
        known = self.vectors().of(list(pairs.values()))
        vectors = {key: known[pair] for key, pair in pairs.items() if pair in known}
        return spikes(queries, vectors, now)

    def _now_ms(self) -> int:
        return int(self._clock().timestamp() * 1000)
