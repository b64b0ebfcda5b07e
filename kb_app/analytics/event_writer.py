"""Writes events in the background: a bounded queue and one thread.

Actions in model.COUNTED bypass it and go directly to the store.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import Counter
from collections.abc import Sequence

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from kb_app import metrics
from kb_app.analytics.model import ActionEvent, QueryEvent
from kb_app.analytics.ports import EventSink

log = logging.getLogger("kb_app.analytics")
LONGEST_QUEUE = 10_000
BATCH = 500
PAUSE_S = 0.25
RETRY_S = 1.5
# Attempts at the end of a process, when nothing can be written later.
LAST_ATTEMPTS = 3
# Errors of a database that is down or locked. Others are due to an event, and stay.
TEMPORARY = (OperationalError, InterfaceError, PoolTimeoutError, OSError)
Event = QueryEvent | ActionEvent


class BackgroundWriter:
    """Queues events and writes them in batches; never blocks or fails a request.

    While the database is down the events wait; only those that find the queue full are lost. An
    event that the database refuses is lost alone. Losses are counted by reason.
    """

    def __init__(
        self,
        sink: EventSink,
        longest: int = LONGEST_QUEUE,
        retry_s: float = RETRY_S,
        pause_s: float = PAUSE_S,
    ) -> None:
        self._sink = sink
        self._queue: queue.Queue[Event] = queue.Queue(longest)
        self._losses: Counter[str] = Counter()
        self._losing = threading.Lock()
        self._recording_losses = threading.Lock()
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._written = threading.Condition()
        self._taken = self._done = 0
        self._retry_s = retry_s
        self._pause_s = pause_s
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def put(self, event: Event) -> None:
        """Queue an event; if the queue is full, count it as lost."""
        self._start()
        try:
            with self._written:
                self._queue.put_nowait(event)
                self._taken += 1
        except queue.Full:
            self.lose("queue full")

    def lose(self, reason: str, count: int = 1) -> None:
        """Count events that were not recorded."""
        with self._losing:
            self._losses[reason] += count
        metrics.events_lost.labels(reason).inc(count)

    def flush(self, timeout: float = 10.0) -> bool:
        """Wait until all events and counts are written; False after ``timeout`` seconds."""
        with self._written:
            last = self._taken
            self._wake.set()
            written = self._written.wait_for(lambda: self._done >= last, timeout)
        if written:
            self._write_losses()
        return written

    def close(self, timeout: float = 10.0) -> None:
        """Write the remaining events and stop the thread; waits at most ``timeout`` seconds."""
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout)
        else:
            self._write_losses()

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="event-writer", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            ending = self._stop.is_set()
            batch = self._take()
            metrics.events_queued.set(self._queue.qsize() + len(batch))
            if batch:
                self._write(batch)
            self._write_losses()
            with self._written:
                self._done += len(batch)
                self._written.notify_all()
            if self._queue.empty():
                if ending:
                    return
                self._wake.wait(self._pause_s)
                self._wake.clear()

    def _take(self) -> list[Event]:
        batch: list[Event] = []
        while len(batch) < BATCH:
            try:
                batch.append(self._queue.get_nowait())
            except queue.Empty:
                break
        return batch

    def _write(self, batch: Sequence[Event]) -> None:
        """Write a batch; one with an event that is refused is halved until that one is alone."""
        try:
            self._append(batch)
        except TEMPORARY:
            self.lose("database", len(batch))
        except Exception as error:  # no event may stop the site
            if len(batch) > 1:
                self._write(batch[: len(batch) // 2])
                self._write(batch[len(batch) // 2 :])
            else:
                log.warning("the database refuses an event (%s)", type(error).__name__)
                self.lose("refused")

    def _append(self, batch: Sequence[Event]) -> None:
        """Append a batch; retry while the database is down.

        Raises the error of an event, and at the end of the process that of the database.
        """
        queries = [event for event in batch if isinstance(event, QueryEvent)]
        actions = [event for event in batch if isinstance(event, ActionEvent)]
        last_attempts = 0
        while True:
            try:
                self._sink.append(queries, actions)
                return
            except TEMPORARY as error:
                last_attempts += self._stop.is_set()
                log.warning(
                    "writing events failed (%s); %s",
                    type(error).__name__,
                    f"tried again in {self._retry_s:g} s"
                    if last_attempts < LAST_ATTEMPTS
                    else "they are lost",
                )
                if last_attempts >= LAST_ATTEMPTS:
                    raise
            if self._stop.wait(self._retry_s):
                time.sleep(min(self._retry_s, 0.5))

    def _write_losses(self) -> None:
        with self._recording_losses:
            with self._losing:
                counts, self._losses = self._losses, Counter()
            if not counts:
                return
            try:
                self._sink.lost(counts, int(time.time() * 1000))
            except Exception as error:  # the counts are kept for the next attempt
                log.warning("recording the count of lost events failed (%s)", type(error).__name__)
                with self._losing:
                    self._losses.update(counts)
