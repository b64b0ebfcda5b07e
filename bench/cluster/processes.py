"""Processes that end together: each in a group of its own, with its log in a file."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

_PR_SET_PDEATHSIG = 1
END_S = 20.0


def environment(**added: str) -> dict[str, str]:
    """The environment of this process without settings of a site, and what is added."""
    return {key: value for key, value in os.environ.items() if key[:3] != "KB_"} | added


class ClusterError(Exception):
    """The cluster cannot be started. The message says what to do."""


class Process:
    """One process with its children."""

    def __init__(
        self,
        command: Sequence[object],
        log: Path,
        environment: Mapping[str, str],
        user: str | None = None,
    ) -> None:
        with log.open("ab") as file:
            self._process = subprocess.Popen(
                [str(part) for part in command],
                stdout=file,
                stderr=file,
                stdin=subprocess.DEVNULL,
                env=dict(environment),
                user=user,
                group=user,
                extra_groups=[] if user else None,
                start_new_session=True,
                preexec_fn=_end_with_parent,  # noqa: PLW1509, no threads run here
                cwd=log.parent,
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def signal(self, number: int) -> None:
        """Send a signal to the process and all its children."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def tell(self, number: int) -> None:
        """Send a signal to the process alone, which passes it on as it does in operation."""
        with suppress(ProcessLookupError):
            os.kill(self._process.pid, number)

    def kill(self) -> None:
        """Kill it and its children, as a machine that loses its power."""
        self.signal(signal.SIGKILL)
        self._process.wait(END_S)

    def wait(self, seconds: float = END_S) -> None:
        """Wait for its end; kill it after that time."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    held = [socket.socket() for _ in range(count)]
    try:
        for each in held:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in held]
    finally:
        for each in held:
            each.close()


def end_all(processes: Sequence[Process], wait: Callable[[Process], None] = Process.wait) -> None:
    """Let all processes end, the last started first."""
    for process in reversed(processes):
        process.signal(signal.SIGCONT)
        process.tell(signal.SIGTERM)
    for process in reversed(processes):
        wait(process)
        process.signal(signal.SIGKILL)
