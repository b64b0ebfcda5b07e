"""The composition root: the only place that names concrete parts and ties them together."""

from __future__ import annotations

import logging
import os
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from indexer.build import Paths, build
from indexer.model import BuildReport
from indexer.progress import Progress, quiet
from indexer.trial import Trial, try_article
from indexer.watch import watch
from kb_app.accounts.store import UserStore
from kb_app.analytics.gap_store import AskedCache, GapStore
from kb_app.analytics.gaps import questions_of
from kb_app.analytics.job import JobReport, JobRunning, run
from kb_app.analytics.model import DAY
from kb_app.analytics.privacy import patterns
from kb_app.analytics.spikes import BEFORE, LEAST_PEOPLE, LOOK_AGAIN, WINDOW, Seen, Spike, spikes
from kb_app.analytics.store import EventStore
from kb_app.analytics.vectors import QuestionVectors
from kb_app.analytics.writer import BackgroundWriter
from kb_app.db.engine import DatabaseError, migrate, open_database
from kb_app.handoff.live import SupportFile
from kb_app.handoff.support import without_file
from kb_app.handoff.support_file import SupportError
from kb_app.heap import release_free_memory
from kb_app.live import LiveIndex
from kb_app.people import People, make_people
from kb_app.questions import CentredQuestions, IndexFinder
from kb_app.settings import Settings, SettingsError
from kb_app.weekly import last_due, receivers, send_digest, take_turn
from search.bundle import Builds
from search.loading import BUNDLED, load_embedder
from search.ports import Embedder
from search.processors import SHARED, Parts, parts
from search.warming import OffEmbedder, WarmingEmbedder
from search.workers import Workers

log = logging.getLogger("kb_app.services")
# The operator's own calibration, in the data folder.
CALIBRATION = "calibration.json"
# Soon after a start, so that the overview is not empty; then now and again.
FIRST_JOB_SECONDS, JOB_SECONDS = 20, 300
# More would mostly hold their own copy of what they know in memory.
MOST_WORKERS = 3
# How soon a reply leaves.
POST_SECONDS = 5
Clock = Callable[[], datetime]
ServingEmbedder = WarmingEmbedder | OffEmbedder | Embedder


def usual_workers(processors: int) -> int:
    """How many search workers there are where nothing is set: half of the processors rank while the others compute questions' vectors."""
    return min(MOST_WORKERS, processors // 2)


def workers_wanted(settings: Settings) -> int:
    """How many search workers the settings ask for."""
    return settings.workers if settings.workers >= 0 else usual_workers(os.cpu_count() or 1)


def processors_dealt(settings: Settings) -> Parts:
    """Which processors do what; none are named where all share them. Another model brings threads of its own, which could not spread."""
    return parts(workers_wanted(settings)) if settings.processors == "dealt" and settings.embedding_model in BUNDLED else SHARED


@dataclass
class WriterDesk:
    """What the last build said, for the writer who just saved an article."""

    report: BuildReport | None = None
    trials: list[Trial] = field(default_factory=list)
    at: datetime | None = None


@dataclass
class Services:
    """Everything that the site works with."""

    settings: Settings
    embedder: ServingEmbedder
    live: LiveIndex
    clock: Clock
    desk: WriterDesk
    stop: threading.Event
    store: EventStore
    events: BackgroundWriter
    users: UserStore
    people: People
    support_file: SupportFile
    redactions: tuple[re.Pattern[str], ...] = ()
    asked: AskedCache = field(default_factory=AskedCache)
    seen_spikes: Seen = field(default_factory=Seen)
    workers: Workers | None = None
    processors: Parts = SHARED

    @property
    def finder(self) -> IndexFinder:
        """The article nearest to a question."""
        return IndexFinder(self.live, self.clock)

    def vectors(self) -> QuestionVectors:
        """Vectors of recorded questions; none while there is no model."""
        ready = self.meaning == "ready"
        return QuestionVectors(self.store.engine, CentredQuestions(self.embedder) if ready else None)

    def work_out(self, everything: bool = False) -> JobReport:
        """Bring the figures up to now. Raises JobRunning while another process does."""
        self.events.flush()
        return run(self.store, self.vectors(), int(self.clock().timestamp() * 1000), self.settings.zone, everything)

    def work_out_gaps(self) -> None:
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
        vectors = {question.key: made[question.text, question.language] for question in questions if (question.text, question.language) in made}
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

    def start_jobs(self) -> threading.Thread:
        """Work the figures out every few minutes, and forget what is too old, in a thread of its own."""
        thread = threading.Thread(target=self._jobs, name="jobs", daemon=True)
        thread.start()
        return thread

    @property
    def meaning(self) -> str:
        """Whether search by meaning is "ready", "warming", "off" or "failed"."""
        return str(getattr(self.embedder, "state", "ready"))

    def rebuild(self, progress: Progress = quiet) -> BuildReport:
        """Build with the embedder that serves, so that one process holds the model."""
        if isinstance(self.embedder, WarmingEmbedder):
            self.embedder.wait()
        paths = Paths(self.settings.articles, self.settings.data)
        return build(paths, self.embedder, self.settings.zone, progress)

    def accept(self, report: BuildReport) -> None:
        """Serve what was built and try the changed articles' own tests."""
        self.live.refresh()
        self.desk.report, self.desk.at = report, self.clock()
        if report.published:
            self.desk.trials = self._try(report)
        if report.embedded:
            release_free_memory()
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

    def start_workers(self) -> None:
        """Start the processes that search beside this one, where the settings or the processors give reason to."""
        count = workers_wanted(self.settings)
        if count and not self.stop.is_set():
            if self.processors.rest:
                log.info(
                    "while several ask, processors %s compute questions' vectors, %s rank and serve",
                    sorted(self.processors.model),
                    sorted(self.processors.rest),
                )
            self.workers = Workers(count, self.processors.rest)
            self.workers.start()
            self.live.share_with(self.workers)

    def end(self) -> None:
        """Stop what runs beside requests; what is still to be written is."""
        self.stop.set()
        if self.workers is not None:
            self.workers.close()
        self.events.close()

    def start_watching(self) -> threading.Thread:
        """Rebuild at every save, in a thread of its own."""
        thread = threading.Thread(target=self._watch, name="watcher", daemon=True)
        thread.start()
        return thread

    def start_following(self) -> threading.Thread:
        """Notice bundles that another process built."""
        thread = threading.Thread(target=self.live.follow, args=(self.stop,), name="index-follower", daemon=True)
        thread.start()
        return thread

    def start_post(self) -> threading.Thread:
        """Send and fetch what is due about cases, every few seconds, in a thread of its own."""
        thread = threading.Thread(target=self._post, name="post", daemon=True)
        thread.start()
        return thread

    def _post(self) -> None:
        while not self.stop.wait(POST_SECONDS):
            try:
                self.people.run(int(self.clock().timestamp() * 1000))
            except Exception as error:  # nothing is lost: the next round tries again
                log.error("cases could not be looked after (%s)", type(error).__name__)

    def _jobs(self) -> None:
        pause = FIRST_JOB_SECONDS
        while not self.stop.wait(pause):
            pause = JOB_SECONDS
            try:
                report = self.work_out()
                self.work_out_gaps()
                self.store.purge(int(self.clock().timestamp() * 1000) - self.settings.retention_days * DAY)
                log.info("figures worked out", extra=vars(report))
                self.current_spikes()
                self.mail_digest()
            except JobRunning:
                continue
            except Exception:  # the site goes on; the next run tries again
                log.exception("the figures could not be worked out")

    def _watch(self) -> None:
        if isinstance(self.embedder, WarmingEmbedder):
            while not self.stop.is_set() and not self.embedder.wait(0.2) and self.embedder.state == "warming":
                continue
        watch(self.settings.articles, self.rebuild, self.accept, self.stop)

    def _try(self, report: BuildReport) -> list[Trial]:
        snapshot = self.live.snapshot()
        if snapshot is None:
            return []
        now, public = self.clock(), frozenset({"public"})
        known = [snapshot.library.cards[name] for name in report.changed[:20] if name in snapshot.library.cards]
        cards = [card for card in known if card.visible(now, public)]
        return [trial for card in cards for trial in try_article(snapshot.engine, card.id, card.lang, card.tests, now, public)]


def build_services(settings: Settings, embedder: Embedder | None = None, clock: Clock | None = None, progress: Progress = quiet) -> Services:
    """Wire the site up; nothing heavy is loaded until it is needed."""
    processors = processors_dealt(settings)
    serving = embedder or make_embedder(settings, progress, processors)
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
        otherwise = without_file(settings.zone, settings.contact_phone, settings.contact_mail, settings.contact_link)
        support_file = SupportFile(settings.articles, settings.zone, otherwise)
    except SupportError as error:
        raise SettingsError(str(error)) from error
    users = UserStore(store.engine)
    people = make_people(settings, store, live, events, asked, redactions, support_file.current, lambda: receivers(users))
    desk, stop = WriterDesk(), threading.Event()
    return Services(settings, serving, live, asked, desk, stop, store, events, users, people, support_file, redactions, processors=processors)


def make_embedder(settings: Settings, progress: Progress = quiet, processors: Parts = SHARED) -> ServingEmbedder:
    """The embedder that the settings name, not loaded yet."""
    if settings.embedding_model == "off":
        return OffEmbedder()
    folder, dtype, threads = settings.data / "model", settings.embedding_dtype, settings.embedding_threads
    return WarmingEmbedder(lambda: load_embedder(settings.embedding_model, folder, dtype, threads, progress, processors.model))
