"""Who works on the next search: a worker process, or this one where there is none. Whoever has waited longest is next."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

W = TypeVar("W")


@dataclass
class _Waiting(Generic[W]):
    """Somebody who waits for a turn; ``worker`` is None where the turn is this process's own."""

    called: threading.Event = field(default_factory=threading.Event)
    worker: W | None = None


class Turns(Generic[W]):
    """Hands out turns in the order in which they were asked for.

    This process works on ``alone`` searches at once while it has no workers, and on none while it has: a search in it would hold
    Python's lock while others wait for it with their requests, questions for the model and answers to send.
    """

    def __init__(self, alone: int) -> None:
        self._alone = alone
        self._here = 0
        self._workers: list[W] = []
        self._idle: list[W] = []
        self._waiting: deque[_Waiting[W]] = deque()
        self._changed = threading.Condition()

    @contextmanager
    def one(self) -> Iterator[W | None]:
        """Around one search: the worker that has the turn, or None where it is this process's own."""
        worker = self._take()
        try:
            yield worker
        finally:
            self._give_back(worker)

    def has(self, worker: W) -> bool:
        """Whether a worker takes turns."""
        with self._changed:
            return worker in self._workers

    def join(self, worker: W) -> None:
        """From now on a worker takes turns."""
        with self._changed:
            self._workers.append(worker)
            self._idle.append(worker)
            self._call()

    def leave(self, worker: W) -> None:
        """Give a worker no more turns; comes back when it has finished the one it has."""
        with self._changed:
            self._changed.wait_for(lambda: worker not in self._workers or worker in self._idle)
            if worker in self._workers:
                self._workers.remove(worker)
                self._idle.remove(worker)
            self._call()

    def lose(self, worker: W) -> None:
        """Give a worker no more turns, though it has not finished the one it has."""
        with self._changed:
            if worker in self._workers:
                self._workers.remove(worker)
            if worker in self._idle:
                self._idle.remove(worker)
            self._changed.notify_all()
            self._call()

    def _take(self) -> W | None:
        with self._changed:
            waiting = _Waiting[W]()
            self._waiting.append(waiting)
            self._call()
        waiting.called.wait()
        return waiting.worker

    def _give_back(self, worker: W | None) -> None:
        with self._changed:
            if worker is None:
                self._here -= 1
            elif worker in self._workers:
                self._idle.append(worker)
                self._changed.notify_all()
            self._call()

    def _call(self) -> None:
        """Call those who have waited longest, as long as there is a turn for them. The lock must be held."""
        while self._waiting and (self._idle or self._here < self._limit()):
            waiting = self._waiting.popleft()
            if self._here < self._limit():
                self._here += 1
            else:
                waiting.worker = self._idle.pop()
            waiting.called.set()

    def _limit(self) -> int:
        return 0 if self._workers else self._alone
