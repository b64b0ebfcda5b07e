"""The web processes: gunicorn forks them, replaces failed ones, and stops them gracefully."""

from __future__ import annotations

import logging
import resource
import signal
import socket
import threading
from typing import Any

import gunicorn.http.message
from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger

from indexer.progress import quiet
from kb_app import metrics, traces
from kb_app.logs import name_process
from kb_app.services.container import Services, build_services
from kb_app.settings import Settings
from kb_app.version import VERSION
from kb_app.web.app import make_application
from kb_app.web.buffering_worker import BufferingWorker
from search.embedding.background import BackgroundEmbedder

log = logging.getLogger("kb_app.web")
# A process whose main loop blocks for this long is killed and replaced.
HANG_S = 30
# Time that requests in progress get to finish on shutdown.
FINISH_S = 20
# A request waits this long for the database, not longer.
ANSWER_S = 2.0
# Idle connections cost one file descriptor each.
KEEP_ALIVE_S = 15
INDEX_S = 0.1
# Connections of one process, and file descriptors that it needs for other things.
CONNECTIONS, OTHER_FILES = 1_000, 200
# A URL-encoded query of 10,000 Japanese characters is 90,000 bytes; gunicorn allows 8,190.
REQUEST_LINE_BYTES = 128 * 1024


def serve_web(settings: Settings, listener: socket.socket | None) -> None:
    """Serve on a listening socket until stopped; return at once where it is None."""
    gunicorn.http.message.MAX_REQUEST_LINE = REQUEST_LINE_BYTES
    name_process("web server")
    if listener is not None:
        _WebServer(settings, listener).run()


class _WebServer(BaseApplication):  # type: ignore[misc]
    """gunicorn with this site's settings; its own environment variables and files are ignored."""

    def __init__(self, settings: Settings, listener: socket.socket) -> None:
        self._settings = settings
        self._listener = listener
        self._services: Services | None = None
        self._stop = threading.Event()
        super().__init__()

    def load_config(self) -> None:
        """Set gunicorn's settings; see its documentation for each."""
        values: dict[str, Any] = {
            "bind": f"fd://{self._listener.fileno()}",
            "workers": self._settings.web_process_count,
            "worker_class": BufferingWorker,
            "worker_connections": _connections(),
            "threads": self._settings.http_threads,
            "timeout": HANG_S,
            "graceful_timeout": FINISH_S,
            "keepalive": KEEP_ALIVE_S,
            "limit_request_line": REQUEST_LINE_BYTES,
            # KB_PROXIES alone decides about X-Forwarded headers.
            "forwarded_allow_ips": "",
            "logger_class": _Logger,
            "control_socket_disable": True,
            "post_fork": self._name,
            "worker_exit": self._close,
            "child_exit": self._forget,
        }
        for name, value in values.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Build the application of one web process, after the fork."""
        if self._settings.traces_url:
            self._trace(self._settings)
        services = self._services = build_services(
            self._settings, progress=quiet, answer_s=ANSWER_S
        )
        if isinstance(services.embedder, BackgroundEmbedder):
            metrics.model_ready.labels("web").set(0)
            services.embedder.start(_tell_ready)
        services.live.refresh()
        threading.Thread(
            target=services.live.follow,
            args=(self._stop, INDEX_S),
            name="index-follower",
            daemon=True,
        ).start()
        return make_application(services, processes=self._settings.web_process_count)

    @staticmethod
    def _trace(settings: Settings) -> None:
        node = settings.node_name or socket.gethostname()
        try:
            traces.set_up(settings.traces_url, node, VERSION)
        except traces.TracesError as error:
            log.error("%s", error)

    @staticmethod
    def _name(_server: Arbiter, worker: Any) -> None:
        # Until the worker has its own handlers, the server's would put a stop aside unseen.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        name_process(f"web {worker.age}")
        # From here on the time counts: without it, who hangs before the first turn is never killed.
        worker.notify()

    def _forget(self, _server: Arbiter, worker: Any) -> None:
        metrics.forget_process(self._settings.metrics_folder, worker.pid)

    def _close(self, _server: Arbiter, _worker: Any) -> None:
        """Write buffered events before the process ends."""
        self._stop.set()
        if self._services is not None:
            self._services.close()


def _tell_ready() -> None:
    metrics.model_ready.labels("web").set(1)
    log.info("search by meaning is ready")


def _connections() -> int:
    """The number of connections for which a process has file descriptors."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS + OTHER_FILES
    if soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(16, min(CONNECTIONS, soft - OTHER_FILES))


class _Logger(Logger):  # type: ignore[misc]
    """Sends gunicorn's errors to the site's log; there is no second access log."""

    def setup(self, cfg: Any) -> None:
        """Let the handlers of logs.py handle errors."""
        super().setup(cfg)
        for handler in list(self.error_log.handlers):
            self.error_log.removeHandler(handler)
        self.error_log.propagate = True
        # Warnings contain client addresses, and the request error contains the URL.
        self.error_log.setLevel(logging.ERROR)
        self.error_log.addFilter(_without_request)


def _without_request(record: logging.LogRecord) -> bool:
    if str(record.msg).startswith("Error handling request"):
        record.msg, record.args = "a request could not be handled", ()
    # A client that stalls is no fault of the site: one line is enough.
    if str(record.msg).startswith("Socket error processing request"):
        record.exc_info = None
    return True
