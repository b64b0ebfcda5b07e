"""The composition root: the only place that names concrete parts and ties them together."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from indexer.atomic_write import replace_file
from indexer.build import Paths, build
from indexer.model import BuildReport
from indexer.progress import Progress, quiet
from indexer.query_tests import Trial, try_article
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
from kb_app.analytics.redaction import patterns
from kb_app.db.engine import DatabaseError, migrate, open_database
from kb_app.durations import DAY
from kb_app.services.live_index import LiveIndex
from kb_app.services.search_adapters import CentredQuestions, IndexFinder
from kb_app.services.support import SupportService, make_support
from kb_app.services.weekly_digest import last_due, receivers, send_digest, take_turn
from kb_app.settings import Settings, SettingsError
from kb_app.support.config.file import SupportError
from kb_app.support.config.values import without_file
from kb_app.support.config.watcher import SupportFile
from search.embedding.background import BackgroundEmbedder, DisabledEmbedder
from search.embedding.loader import load_embedder
from search.index.bundle import Builds
from search.ports import Embedder

log = logging.getLogger("kb_app.services.container")
# The operator's own calibration, in the data folder.
CALIBRATION = "calibration.json"
Clock = Callable[[], datetime]
ServingEmbedder = BackgroundEmbedder | DisabledEmbedder | Embedder


@dataclass(frozen=True)
class LastBuild:
    """What the last build said, for the writer who just saved an article; ``trials`` are the tests of the articles that changed."""

    report: BuildReport
    trials: tuple[Trial, ...]
    at: datetime


_LAST_BUILD: TypeAdapter[LastBuild] = TypeAdapter(LastBuild)


@dataclass
class Services:
    """Everything that the site works with."""

    settings: Settings
    embedder: ServingEmbedder
    live: LiveIndex
    clock: Clock
    store: EventStore
    events: BackgroundWriter
    users: UserStore
    people: SupportService
    support_file: SupportFile
    redactions: tuple[re.Pattern[str], ...] = ()
    asked: UnansweredCache = field(default_factory=UnansweredCache)
    seen_spikes: Seen = field(default_factory=Seen)

    @property
    def finder(self) -> IndexFinder:
        """The article nearest to a question."""
        return IndexFinder(self.live, self.clock)

    def vectors(self) -> QuestionVectors:
        """Vectors of recorded questions; none while there is no model."""
        ready = self.meaning == "ready"
        return QuestionVectors(
            self.store.engine, CentredQuestions(self.embedder) if ready else None
        )

    def update_episodes(self, everything: bool = False) -> JobReport:
        """Bring the figures up to now. Raises JobRunning while another process does."""
        self.events.flush()
        return run(
            self.store,
            self.vectors(),
            int(self.clock().timestamp() * 1000),
            self.settings.zone,
            everything,
        )

    def update_gaps(self) -> None:
        """Group what found no answer, replay what was written since, offer what was learned."""
        now = int(self.clock().timestamp() * 1000)
        gaps = GapStore(self.store, self.vectors(), self.asked)
        gaps.refresh(now)
        gaps.replay(now, self.finder)
        gaps.offer_learned(now)

    def current_spikes(self) -> tuple[Spike, ...]:
        """What suddenly many people ask, as found in the last minutes."""
        now = int(self.clock().timestamp() * 1000)
        if abs(now - self.seen_spikes.at) >= LOOK_AGAIN:
            self.seen_spikes = Seen(now, tuple(self._look_for_spikes(now)))
        return self.seen_spikes.found

    def _look_for_spikes(self, now: int) -> list[Spike]:
        self.events.flush(1)
        if len(self.store.queries(now - WINDOW, now + 1)) < LEAST_PEOPLE:
            return []
        queries = self.store.queries(now - WINDOW - BEFORE, now + 1)
        questions = questions_of(queries)
        made = self.vectors().of([(question.text, question.language) for question in questions])
        vectors = {
            question.key: made[question.text, question.language]
            for question in questions
            if (question.text, question.language) in made
        }
        return spikes(queries, vectors, now)

    def mail_digest(self) -> bool:
        """Mail the weekly digest where it is due and no process has; returns whether this one did. Raises MailError."""
        now = self.clock()
        due = last_due(self.settings, now)
        gaps = GapStore(self.store, self.vectors())
        if due is None or not take_turn(gaps, due, now):
            return False
        send_digest(self.settings, gaps, now, receivers(self.users))
        return True

    @property
    def meaning(self) -> str:
        """Whether search by meaning is "ready", "warming", "off" or "failed"."""
        return str(getattr(self.embedder, "state", "ready"))

    def rebuild(self, progress: Progress = quiet) -> BuildReport:
        """Build with the embedder that serves, so that one process holds the model."""
        if isinstance(self.embedder, BackgroundEmbedder):
            self.embedder.wait()
        paths = Paths(self.settings.articles, self.settings.data)
        return build(paths, self.embedder, self.settings.zone, progress)

    def publish_build(self, report: BuildReport) -> None:
        """Serve what was built and try the changed articles' own tests."""
        self.live.refresh()
        known = self.last_build()
        trials = tuple(self._try(report)) if report.published else known.trials if known else ()
        replace_file(
            self._last_build_file,
            _LAST_BUILD.dump_json(LastBuild(report, trials, self.clock())).decode(),
        )
        for problem in report.problems:
            log.warning("%s", problem)
        log.info(
            "index built",
            extra={
                "index": report.version,
                "articles": report.articles,
                "embedded": report.embedded,
                "seconds": report.seconds,
                "problems": len(report.problems),
            },
        )

    @property
    def _last_build_file(self) -> Path:
        return self.settings.data / "last-build.json"

    def last_build(self) -> LastBuild | None:
        """What the last build of the background process said; None before the first."""
        try:
            return _LAST_BUILD.validate_json(self._last_build_file.read_bytes())
        except (OSError, ValidationError):
            return None

    def erase(self, client_id: str) -> int:
        """Remove a visitor's trail from the log and from their cases; returns how many events went."""
        self.people.cases.forget_client(client_id)
        return self.store.erase(client_id)

    def end(self) -> None:
        """Write what was taken for the log, and close the database."""
        self.events.close()
        self.store.engine.dispose()

    def run_support(self) -> None:
        """Send and fetch what is due about cases."""
        self.people.run(int(self.clock().timestamp() * 1000))

    def run_figures(self) -> None:
        """Work the figures and gaps out, forget what is too old, mail the digest where it is due."""
        try:
            report = self.update_episodes()
        except JobAlreadyRunningError:
            return
        self.update_gaps()
        self.store.purge(int(self.clock().timestamp() * 1000) - self.settings.retention_days * DAY)
        log.info("figures worked out", extra=vars(report))
        self.current_spikes()
        self.mail_digest()

    def _try(self, report: BuildReport) -> list[Trial]:
        snapshot = self.live.snapshot()
        if snapshot is None:
            return []
        now, public = self.clock(), frozenset({"public"})
        known = [
            snapshot.library.cards[name]
            for name in report.changed[:20]
            if name in snapshot.library.cards
        ]
        cards = [card for card in known if card.visible(now, public)]
        return [
            trial
            for card in cards
            for trial in try_article(snapshot.engine, card.id, card.lang, card.tests, now, public)
        ]


def build_services(
    settings: Settings,
    embedder: Embedder | None = None,
    clock: Clock | None = None,
    progress: Progress = quiet,
) -> Services:
    """Wire the site up; nothing heavy is loaded until it is needed."""
    serving = embedder or make_embedder(settings, progress)
    live = LiveIndex(Builds(settings.data / "index"), serving, settings.data / CALIBRATION)
    try:
        store = EventStore(open_database(settings.database))
        migrate(store.engine)
    except DatabaseError as error:
        raise SettingsError(str(error)) from error
    events = BackgroundWriter(store)
    asked = clock or (lambda: datetime.now(UTC))
    redactions = patterns(settings.redact.splitlines())
    try:
        otherwise = without_file(
            settings.zone, settings.contact_phone, settings.contact_mail, settings.contact_link
        )
        support_file = SupportFile(settings.articles, settings.zone, otherwise)
    except SupportError as error:
        raise SettingsError(str(error)) from error
    users = UserStore(store.engine)
    people = make_support(
        settings,
        store,
        live,
        events,
        asked,
        redactions,
        support_file.current,
        lambda: receivers(users),
    )
    return Services(
        settings, serving, live, asked, store, events, users, people, support_file, redactions
    )


def make_embedder(settings: Settings, progress: Progress = quiet) -> ServingEmbedder:
    """The embedder that the settings name, not loaded yet."""
    if settings.embedding_model == "off":
        return DisabledEmbedder()
    folder, threads = settings.data / "model", settings.embedding_threads
    return BackgroundEmbedder(
        lambda: load_embedder(settings.embedding_model, folder, threads, progress)
    )
