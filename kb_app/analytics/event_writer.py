"""Writes events in the background: a bounded queue and one thread.

Actions in model.COUNTED bypass it and go directly to the store.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import Counter

from kb_app.analytics.model import ActionEvent, QueryEvent
from kb_app.analytics.ports import EventSink

log = logging.getLogger("kb_app.analytics")
LONGEST_QUEUE = 10_000
BATCH = 500
PAUSE_S = 0.25
# Write attempts per batch before its events count as lost.
ATTEMPTS = 5


class BackgroundWriter:
    """Queues events and writes them in batches; never blocks or fails a request.

    Dropped events are counted by reason.
    """

    def __init__(
        self,
        sink: EventSink,
        longest: int = LONGEST_QUEUE,
        retry_s: float = 1.0,
        pause_s: float = PAUSE_S,
    ) -> None:
        self._sink = sink
        self._queue: queue.Queue[QueryEvent | ActionEvent] = queue.Queue(longest)
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

    def put(self, event: QueryEvent | ActionEvent) -> None:
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

    def _take(self) -> list[QueryEvent | ActionEvent]:
        batch: list[QueryEvent | ActionEvent] = []
        while len(batch) < BATCH:
            try:
                batch.append(self._queue.get_nowait())
            except queue.Empty:
                break
        return batch

    def _write(self, batch: list[QueryEvent | ActionEvent]) -> None:
        queries = [event for event in batch if isinstance(event, QueryEvent)]
        actions = [event for event in batch if isinstance(event, ActionEvent)]
        for attempt in range(ATTEMPTS):
            try:
                self._sink.append(queries, actions)
            except Exception as error:  # no database error may stop the site
                log.warning(
                    "Writing events failed (%s), attempt %d",
                    type(error).__name__,
                    attempt + 1,
                )
                if self._stop.wait(self._retry_s * 2**attempt if not self._stop.is_set() else 0.05):
                    time.sleep(0.05)
            else:
                return
        self.lose("database", len(batch))

    def _write_losses(self) -> None:
        with self._recording_losses:
            with self._losing:
                counts, self._losses = self._losses, Counter()
            if not counts:
                return
            try:
                self._sink.lost(counts, int(time.time() * 1000))
            except Exception as error:  # the counts are kept for the next attempt
                log.warning("Recording the count of lost events failed (%s)", type(error).__name__)
                with self._losing:
                    self._losses.update(counts)
