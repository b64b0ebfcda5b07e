"""``kb serve``: a supervisor that starts, restarts and stops the web and background processes."""

from __future__ import annotations

import ctypes
import errno
import gc
import logging
import multiprocessing
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.context import ForkProcess
from types import FrameType

from kb_app import metrics
from kb_app.logs import name_process, set_up
from kb_app.services import background
from kb_app.services.container import build_services
from kb_app.settings import Settings, SettingsError, settings_warnings
from kb_app.web import stopping
from kb_app.web.server import serve_web
from kb_app.web.site.account import first_link
from search.index.bundle import Builds

log = logging.getLogger("kb_app.serve")
WEB, BACKGROUND, METRICS = "web", "background", "metrics"
ROLES = (WEB, BACKGROUND)
# Delay before a dead child is restarted; it doubles up to the longest.
SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
# A child that ran this long counts as healthy: the delay starts again at the shortest.
WELL_AFTER_S = 60.0
# Time that requests and mails in progress get to finish.
STOP_S = 35.0
CHECK_S = 0.2
# Time for the processes of a site that was killed to leave the port.
PORT_S = 5.0
_PR_SET_PDEATHSIG = 1
_ANY_HOST = ("127.0.0.1", "0.0.0.0", "::")  # noqa: S104, only displayed


def run(settings: Settings, roles: Sequence[str] = ROLES) -> int:
    """Serve until interrupted; returns the exit status, 2 where the site cannot start."""
    set_up(settings.log_level, settings.log_format)
    name_process("serve")
    for warning in settings_warnings():
        log.warning("%s", warning)
    listener = None
    if WEB in roles:
        listener = _listen(settings)
        if listener is None:
            return 2
    try:
        link = _prepare(settings)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    return Supervisor(settings, listener, link, background_wanted=BACKGROUND in roles).run()


@dataclass
class _Child:
    """A child process that is restarted when it dies."""

    name: str
    target: Callable[[], None]
    process: ForkProcess | None = None
    started_at: float = 0.0
    pause_s: float = SHORTEST_PAUSE_S
    start_at: float = 0.0


class Supervisor:
    """Runs the web server and, where wanted, the background process.

    ``listener`` is the socket of the web server, which does not run where it is None.
    """

    def __init__(
        self,
        settings: Settings,
        listener: socket.socket | None,
        link: str = "",
        background_wanted: bool = True,
    ) -> None:
        self._settings = settings
        self._listener = listener
        self._link = link
        self._builds = Builds(settings.data / "index")
        self._background = (
            _Child(BACKGROUND, lambda: self._run_background(settings))
            if background_wanted
            else None
        )
        self._web = (
            _Child(WEB, lambda: serve_web(settings, listener)) if listener is not None else None
        )
        self._metrics = (
            _Child(METRICS, lambda: self._serve_metrics(settings))
            if settings.metrics_port
            else None
        )
        self._announced = False

    def run(self) -> int:
        """Supervise until SIGINT or SIGTERM; returns the exit status, 2 without a first index."""
        signal.signal(signal.SIGTERM, _terminate)
        # Exempts shared objects from garbage collection, so that forked pages stay shared.
        gc.freeze()
        try:
            return self._supervise()
        except _TerminatedError:
            self._let_proxies_know()
            return 0
        except KeyboardInterrupt:
            return 0
        finally:
            self._stop()
            print("Stopped.", file=sys.stderr)

    def _supervise(self) -> int:
        while True:
            if self._web is not None and self._may_serve():
                self._look_after(self._web)
                self._announce()
            for child in (self._background, self._metrics):
                if child is not None:
                    self._look_after(child)
            if self._cannot_begin():
                return 2
            sentinels = [
                child.process.sentinel for child in self._children() if child.process is not None
            ]
            connection.wait(sentinels, CHECK_S)

    def _may_serve(self) -> bool:
        """Whether to serve: after the first index, or at once without a background process."""
        return (
            self._announced or self._background is None or self._builds.current_name() is not None
        )

    def _cannot_begin(self) -> bool:
        """Whether the background process failed before there was an index, or may not serve."""
        child = self._background
        status = child.process.exitcode if child and child.process else None
        if status == background.REFUSED:
            return True
        return status == background.CANNOT_BEGIN and self._builds.current_name() is None

    def _children(self) -> list[_Child]:
        children = (self._web, self._background, self._metrics)
        return [child for child in children if child is not None]

    def _look_after(self, child: _Child) -> None:
        """Start the child if it is not running; after a crash, only after its delay."""
        now = time.monotonic()
        if child.process is not None:
            ended = (background.CANNOT_BEGIN, background.REFUSED)
            if child.process.is_alive() or child.process.exitcode in ended:
                return
            metrics.forget_process(self._settings.metrics_folder, child.process.pid or 0)
            child.pause_s = (
                SHORTEST_PAUSE_S
                if now - child.started_at > WELL_AFTER_S
                else min(LONGEST_PAUSE_S, 2 * child.pause_s)
            )
            log.error(
                "the %s process ended (%s); starting it again in %.1f s",
                child.name,
                child.process.exitcode,
                child.pause_s,
            )
            child.process, child.start_at = None, now + child.pause_s
        if now >= child.start_at:
            child.process = multiprocessing.get_context("fork").Process(
                target=_in_child, args=(child.target, os.getpid()), name=child.name
            )
            child.process.start()
            child.started_at = now

    def _run_background(self, settings: Settings) -> None:
        """Run the background process, which must not hold the port."""
        if self._listener is not None:
            self._listener.close()
        background.run(settings)

    def _serve_metrics(self, settings: Settings) -> None:
        if self._listener is not None:
            self._listener.close()
        name_process(METRICS)
        try:
            metrics.serve(settings.metrics_folder, settings.metrics_host, settings.metrics_port)
        except OSError as error:
            log.error(
                "no metrics on %s:%d (%s): set KB_METRICS_PORT to a port that is free",
                settings.metrics_host,
                settings.metrics_port,
                error.strerror,
            )
            sys.exit(1)

    def _announce(self) -> None:
        """Print once the site's URL and the link for the first account."""
        if self._announced:
            return
        self._announced = True
        host = "localhost" if self._settings.host in _ANY_HOST else self._settings.host
        address = self._settings.base_url or f"http://{host}:{self._settings.port}"
        print(f"\n  Listening on {address}/   (Ctrl-C to stop)\n", file=sys.stderr, flush=True)
        if self._link:
            link = f"{address.removesuffix(self._settings.path_prefix)}{self._link}"
            print(
                f"  Create the first account, for the reports: {link}\n",
                file=sys.stderr,
                flush=True,
            )

    def _let_proxies_know(self) -> None:
        """Serve on for a while as a node that is not ready; a second signal ends that."""
        delay_s = self._settings.stop_delay_s
        if self._web is None or not delay_s:
            return
        stopping.tell()
        with suppress(KeyboardInterrupt):
            time.sleep(delay_s)

    def _stop(self) -> None:
        running = [
            child.process
            for child in self._children()
            if child.process is not None and child.process.is_alive()
        ]
        for process in running:
            process.terminate()
        until = time.monotonic() + STOP_S
        for process in running:
            with suppress(KeyboardInterrupt):
                process.join(max(0.0, until - time.monotonic()))
            if process.is_alive():
                process.kill()
        if self._listener is not None:
            self._listener.close()


def _prepare(settings: Settings) -> str:
    """Check the settings and migrate the database; returns the link for the first account.

    The link is "" where an account exists. Closes all connections, since they do not survive a
    fork. Raises SettingsError.
    """
    services = build_services(settings)
    try:
        if not settings.has_contact:
            log.warning(
                "no contact channel is set: set KB_CONTACT_MAIL, KB_CONTACT_PHONE or "
                "KB_CONTACT_LINK"
            )
        return first_link(services)
    finally:
        services.close()


def _in_child(target: Callable[[], None], parent: int) -> None:
    """Run ``target`` in its own process group, so that Ctrl-C reaches only the supervisor.

    The child ends when the supervisor dies.
    """
    gc.enable()
    os.setpgrp()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    _end_with_parent()
    if os.getppid() == parent:
        target()


def _end_with_parent() -> None:
    """Ask the kernel to send SIGTERM when the supervisor is killed (Linux only)."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _listen(settings: Settings) -> socket.socket | None:
    """Open the listening socket before any long work, so that a port in use fails soon."""
    ends = time.monotonic() + PORT_S
    while True:
        try:
            return _open_listener(settings)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > ends:
                _print_refusal(settings, error)
                return None
            time.sleep(CHECK_S)


def _open_listener(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.host, settings.port))
        listener.listen(1024)
    except OSError:
        listener.close()
        raise
    return listener


def _print_refusal(settings: Settings, error: OSError) -> None:
    advice = (
        f"Choose another port with PORT (make serve PORT={settings.port + 1}) or KB_PORT."
        if settings.port < 65535
        else ""
    )
    print(
        f"Cannot listen on {settings.host}:{settings.port}: {error.strerror}. {advice}",
        file=sys.stderr,
    )


class _TerminatedError(KeyboardInterrupt):
    """SIGTERM, as a process manager sends it."""


def _terminate(_signal: int, _frame: FrameType | None) -> None:
    raise _TerminatedError
