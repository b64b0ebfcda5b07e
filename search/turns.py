"""Who works on the next search: a worker process, or this one where there is none. Whoever has waited longest is next."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

W = TypeVar("W")


class _Waiting(Generic[W]):
    """Somebody who waits for a turn; ``worker`` is None where the turn is this process's own."""

    def __init__(self) -> None:
        # A held lock instead of an Event, which is a lock, a condition and a second lock: each search waits twice.
        self._called = threading.Lock()
        self._called.acquire()
        self.worker: W | None = None

    def call(self, worker: W | None) -> None:
        """It is its turn."""
        self.worker = worker
        self._called.release()

    def wait(self) -> None:
        """Until it is its turn."""
        self._called.acquire()


class Turns(Generic[W]):
    """Hands out turns in the order in which they were asked for.

    This process works on ``alone`` searches at once while it has no workers, and on none while it has: a search in it would hold
    Python's lock while others wait for it with their requests, questions for the model and answers to send.
    """

    def __init__(self, alone: int) -> None:
        self._alone = alone
        self._here = 0
        # Of each worker that takes turns how many it can take now, and of each that is at work on how many it is.
        self._free: dict[W, int] = {}
        self._under_way: Counter[W] = Counter()
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

    @property
    def only_one(self) -> bool:
        """Whether one search is at work and nobody waits."""
        with self._changed:
            return not self._waiting and self._here + self._under_way.total() == 1

    def has(self, worker: W) -> bool:
        """Whether a worker takes turns."""
        with self._changed:
            return worker in self._free

    def join(self, worker: W, at_once: int = 1) -> None:
        """From now on a worker takes turns, so many at once."""
        with self._changed:
            self._free[worker] = at_once
            self._call()

    def leave(self, worker: W) -> None:
        """Give a worker no more turns; comes back when it has finished those it has."""
        with self._changed:
            self._free.pop(worker, None)
            self._call()
            self._changed.wait_for(lambda: not self._under_way[worker])

    def lose(self, worker: W) -> None:
        """Give a worker no more turns, though it has not finished those it has."""
        with self._changed:
            self._free.pop(worker, None)
            self._call()

    def _take(self) -> W | None:
        waiting = _Waiting[W]()
        with self._changed:
            self._waiting.append(waiting)
            self._call()
        waiting.wait()
        return waiting.worker

    def _give_back(self, worker: W | None) -> None:
        with self._changed:
            if worker is None:
                self._here -= 1
            else:
                self._under_way[worker] -= 1
                if worker in self._free:
                    self._free[worker] += 1
                self._changed.notify_all()
            self._call()

    def _call(self) -> None:
        """Call those who have waited longest, as long as there is a turn for them. The lock must be held."""
        while self._waiting:
            worker = max(self._free, key=self._free.__getitem__, default=None)
            if worker is not None and self._free[worker]:
                self._free[worker] -= 1
                self._under_way[worker] += 1
            elif worker is None and self._here < self._alone:
                self._here += 1
            else:
                return
            self._waiting.popleft().call(worker)
