"""Brings the whole thing up in one process: model, index, watcher, WSGI server; and down again on Ctrl-C."""

from __future__ import annotations

import logging
import signal
import socket
import sys
from types import FrameType

from indexer.errors import IndexerError
from indexer.progress import Bar
from kb_app.logs import set_up
from kb_app.services import Services, build_services
from kb_app.settings import Settings, SettingsError
from search.errors import SearchError
from search.warming import WarmingEmbedder

log = logging.getLogger("kb_app.serve")
# How long a thread may keep Python's lock while others ask for it: a tenth of what is usual, since the model and the search workers
# stand still while their next question waits for it.
SWITCH_SECONDS = 0.0005
_EVERYWHERE = ("127.0.0.1", "0.0.0.0", "::")  # noqa: S104, only shown


def run(settings: Settings) -> int:
    """Serve until interrupted; returns the exit status, 2 where it cannot begin."""
    set_up(settings.log_level, settings.log_format)
    listener = _listen(settings)
    if listener is None:
        return 2
    try:
        services = build_services(settings, progress=Bar())
    except SettingsError as error:
        print(error, file=sys.stderr)
        listener.close()
        return 2
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return _serve(settings, services, listener)
    except KeyboardInterrupt:
        return 0
    finally:
        services.end()
        listener.close()
        print("Stopped.", file=sys.stderr)


def _serve(settings: Settings, services: Services, listener: socket.socket) -> int:
    sys.setswitchinterval(SWITCH_SECONDS)
    if isinstance(services.embedder, WarmingEmbedder):
        services.embedder.start(lambda: _ready(services))
    elif services.meaning == "off":
        log.warning("search by meaning is off (KB_EMBEDDING_MODEL=off): only words are matched")
    services.live.refresh()
    if services.live.snapshot() is None and not _first_build(services):
        return 2
    if not settings.has_contact:
        log.warning("no way to a person is set: set KB_CONTACT_MAIL, KB_CONTACT_PHONE or KB_CONTACT_LINK")
    if settings.watch:
        services.start_watching()
    services.start_following()
    if not isinstance(services.embedder, WarmingEmbedder):
        services.start_workers()
    if settings.jobs:
        services.start_post()
    if settings.jobs and settings.analytics == "on":
        services.start_jobs()
    _serve_http(settings, services, listener)
    return 0


def _ready(services: Services) -> None:
    """The model is loaded. Only now do workers start: before, they would hold it up."""
    log.info("search by meaning is ready")
    services.start_workers()


def _serve_http(settings: Settings, services: Services, listener: socket.socket) -> None:
    from waitress import create_server

    from kb_app import create_app
    from kb_app.web.accounts import first_link

    app = create_app(services)
    server = create_server(app, sockets=[listener], threads=settings.threads, ident=None, clear_untrusted_proxy_headers=False)
    host = "localhost" if settings.host in _EVERYWHERE else settings.host
    address = settings.base_url or f"http://{host}:{settings.port}"
    print(f"\n  Listening on {address}/   (Ctrl-C stops it)\n", file=sys.stderr, flush=True)
    link = first_link(app)
    if link:
        print(f"  Make the first account, for the reports: {address.removesuffix(settings.path_prefix)}{link}\n", file=sys.stderr, flush=True)
    server.run()


def _first_build(services: Services) -> bool:
    """Index before the first page is served; False where that cannot be done."""
    print("Indexing the articles for the first time.", file=sys.stderr)
    try:
        report = services.rebuild(Bar())
    except (IndexerError, SearchError) as error:
        log.error("%s", error)
        return False
    services.accept(report)
    return services.live.snapshot() is not None


def _listen(settings: Settings) -> socket.socket | None:
    """A listening socket, taken before any long work, so that a port in use is known at once."""
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.host, settings.port))
        listener.listen(1024)
    except OSError as error:
        advice = f"Choose another with PORT (make serve PORT={settings.port + 1}) or KB_PORT." if settings.port < 65535 else ""
        print(f"Cannot listen on {settings.host}:{settings.port}: {error.strerror}. {advice}", file=sys.stderr)
        return None
    return listener


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
