"""The composition root: builds every part from the settings and connects them. It runs none."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy.exc import SQLAlchemyError

from indexer.progress import Progress, quiet
from kb_app.accounts.second_factor import SecondFactors
from kb_app.accounts.store import UserStore
from kb_app.accounts.throttle import SignInThrottle
from kb_app.analytics.event_store import EventStore
from kb_app.analytics.event_writer import BackgroundWriter
from kb_app.analytics.redaction import patterns
from kb_app.db.engine import DatabaseError, migrate, open_database
from kb_app.db.kept_changes import KeptChanges
from kb_app.db.secret_key import OLD_FILE, site_key
from kb_app.db.shared_vectors import SharedVectors
from kb_app.services.analytics import AnalyticsService
from kb_app.services.article_checks import ArticleChecks
from kb_app.services.articles_remote import ArticlesRemote
from kb_app.services.draft_answers import DraftAnswers
from kb_app.services.follow_mails import FollowMails
from kb_app.services.indexing import IndexingService
from kb_app.services.live_index import LiveIndex
from kb_app.services.node import NodeService
from kb_app.services.personal_data import PersonalDataService
from kb_app.services.shared_folder import articles_lock
from kb_app.services.site_backup import Site
from kb_app.services.support import SupportService, make_support
from kb_app.services.weekly_digest import receivers
from kb_app.settings import Settings, SettingsError
from kb_app.support.attachments import take_over_folder
from kb_app.support.config.file import SupportError
from kb_app.support.config.values import without_file
from kb_app.support.config.watcher import SupportFile
from kb_app.support.follows import FollowStore
from search.embedding.background import BackgroundEmbedder, DisabledEmbedder
from search.embedding.loader import load_embedder
from search.index.bundle import Builds
from search.ports import Embedder

# The operator's own calibration, in the data folder.
CALIBRATION = "calibration.json"
Clock = Callable[[], datetime]
ServingEmbedder = BackgroundEmbedder | DisabledEmbedder | Embedder


@dataclass(frozen=True)
class Services:
    """All services of one process."""

    settings: Settings
    secret_key: str = field(repr=False)
    embedder: ServingEmbedder
    live: LiveIndex
    clock: Clock
    store: EventStore
    events: BackgroundWriter
    users: UserStore
    throttle: SignInThrottle
    second_factors: SecondFactors
    support_file: SupportFile
    support: SupportService
    indexing: IndexingService
    analytics: AnalyticsService
    personal_data: PersonalDataService
    draft_answers: DraftAnswers
    follows: FollowMails
    kept_changes: KeptChanges
    article_checks: ArticleChecks
    node: NodeService | None = None
    remote: ArticlesRemote | None = None
    redactions: tuple[re.Pattern[str], ...] = ()

    @property
    def site(self) -> Site:
        """What a backup of this site holds."""
        settings = self.settings
        return Site(
            self.store.engine,
            settings.articles,
            settings.data,
            settings.backup_folder,
            settings.secret_key,
        )

    @property
    def meaning(self) -> str:
        """State of semantic search: "ready", "warming", "off" or "failed"."""
        return str(getattr(self.embedder, "state", "ready"))

    @contextmanager
    def editing(self, *names: str) -> Iterator[None]:
        """Hold the articles folder while files are compared and replaced, then publish them.

        Raises EditConflictError at the end where another node changed it meanwhile.
        """
        with articles_lock(self.settings.data):
            yield
            if self.node is not None:
                self.node.share(*names)

    def erase(self, client_id: str) -> int:
        """Remove a visitor from the log and from cases; return the number of events removed."""
        self.support.cases.forget_client(client_id)
        return self.store.erase(client_id)

    def close(self) -> None:
        """Write buffered events and close the database."""
        self.events.close()
        self.store.engine.dispose()


def build_services(
    settings: Settings,
    embedder: Embedder | None = None,
    clock: Clock | None = None,
    progress: Progress = quiet,
    answer_s: float | None = None,
) -> Services:
    """Build all services; the model and the index load only when needed.

    ``answer_s`` bounds each statement of the database; None is for jobs and commands.
    Raises SettingsError if the database or support.yml is not usable.
    """
    serving = embedder or make_embedder(settings, progress)
    now = clock or (lambda: datetime.now(UTC))
    live = LiveIndex(Builds(settings.data / "index"), serving, settings.data / CALIBRATION)
    store = _open_store(settings, answer_s)
    key = settings.secret_key or _site_key(store, settings)
    take_over_folder(store.engine, settings.data / "uploads")
    events, users = BackgroundWriter(store), UserStore(store.engine)
    redactions = patterns(settings.redact.splitlines())
    support_file = _open_support_file(settings)
    support = make_support(
        settings,
        store,
        live,
        events,
        now,
        redactions,
        support_file.current,
        lambda roles: receivers(users, roles),
        key,
    )
    node = NodeService(settings, store.engine, key) if settings.share_articles else None
    indexing = IndexingService(
        settings,
        serving,
        live,
        now,
        node.articles if node else None,
        SharedVectors(store.engine) if node else None,
    )
    analytics = AnalyticsService(settings, store, events, users, serving, live, now)
    return Services(
        settings=settings,
        secret_key=key,
        embedder=serving,
        live=live,
        clock=now,
        store=store,
        events=events,
        users=users,
        throttle=SignInThrottle(store.engine),
        second_factors=SecondFactors(store.engine, key),
        support_file=support_file,
        support=support,
        indexing=indexing,
        analytics=analytics,
        personal_data=PersonalDataService(store.engine, events, support.uploads),
        follows=FollowMails(
            FollowStore(store.engine), support.cases, live, settings, support.links, now
        ),
        kept_changes=KeptChanges(store.engine),
        article_checks=ArticleChecks(store.engine, live, serving, settings.link_check, now),
        draft_answers=DraftAnswers(settings, store, live, serving, analytics.vectors, now),
        node=node,
        remote=(
            ArticlesRemote(settings, store.engine, now, node.articles if node else None)
            if settings.articles_remote
            else None
        ),
        redactions=redactions,
    )


def make_embedder(settings: Settings, progress: Progress = quiet) -> ServingEmbedder:
    """Create the embedder that the settings name, without loading it."""
    if settings.embedding_model == "off":
        return DisabledEmbedder()
    folder, threads = settings.data / "model", settings.embedding_threads
    return BackgroundEmbedder(
        lambda: load_embedder(settings.embedding_model, folder, threads, progress)
    )


def _open_store(settings: Settings, answer_s: float | None) -> EventStore:
    try:
        store = EventStore(open_database(settings.database, answer_s))
        migrate(store.engine)
    except DatabaseError as error:
        raise SettingsError(str(error)) from error
    return store


def _site_key(store: EventStore, settings: Settings) -> str:
    try:
        return site_key(store.engine, settings.data)
    except SQLAlchemyError as error:
        raise SettingsError(
            f"The secret key cannot be kept in the database ({type(error).__name__}). "
            "Let this account write to it, or set KB_SECRET_KEY."
        ) from error
    except OSError as error:
        raise SettingsError(
            f"The key file {settings.data / OLD_FILE} cannot be read: {error.strerror}. "
            "Let this account read it: without it links and second factors are lost."
        ) from error


def _open_support_file(settings: Settings) -> SupportFile:
    contacts = settings.contact_phone, settings.contact_mail, settings.contact_link
    try:
        return SupportFile(settings.articles, settings.zone, without_file(settings.zone, *contacts))
    except SupportError as error:
        raise SettingsError(str(error)) from error
