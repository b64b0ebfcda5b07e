"""Events written after the response: no request waits for them, and every loss is counted."""

import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping

import pytest

from kb_app.analytics.event_writer import BackgroundWriter
from kb_app.analytics.model import ActionEvent, QueryEvent
from tests.unit.kb_app.trails import asked, did


class Sink:
    """A store that can be locked."""

    def __init__(self, failures: int = 0, refused: str = "") -> None:
        self.failures = failures
        self.refused = refused
        self.open = threading.Event()
        self.open.set()
        self.kept: list[object] = []
        self.losses: Counter[str] = Counter()

    def append(self, queries: Iterable[QueryEvent], actions: Iterable[ActionEvent]) -> None:
        self.open.wait(5)
        if self.failures:
            self.failures -= 1
            raise OSError("database is locked")
        queries = list(queries)
        if any(query.query_id == self.refused for query in queries):
            raise OverflowError("Python int too large to convert to SQLite INTEGER")
        self.kept += [*queries, *actions]

    def lost(self, counts: Mapping[str, int], at: int) -> None:
        self.losses.update(counts)


def test_events_are_written_and_flushed() -> None:
    sink = Sink()
    writer = BackgroundWriter(sink)
    for number in range(1_200):
        writer.put(asked(f"q{number}"))
    writer.put(did("click"))
    assert writer.flush(5) and len(sink.kept) == 1_201
    writer.close()


def test_adding_an_event_never_blocks_and_overflow_is_counted() -> None:
    sink = Sink()
    sink.open.clear()
    writer = BackgroundWriter(sink, longest=10)
    started = time.perf_counter()
    for number in range(1_000):
        writer.put(asked(f"q{number}"))
    assert time.perf_counter() - started < 1
    sink.open.set()
    assert writer.flush(5)
    writer.close()
    assert len(sink.kept) + sink.losses["queue full"] == 1_000 and sink.losses["queue full"] > 0


def test_flush_does_not_wait_for_the_whole_pause() -> None:
    sink = Sink()
    writer = BackgroundWriter(sink, pause_s=60)
    for number in range(3):
        writer.put(asked(f"q{number}"))
        assert writer.flush(5) and len(sink.kept) == number + 1
    writer.close()


def test_flush_does_not_wait_for_later_events() -> None:
    sink = Sink()
    writer = BackgroundWriter(sink)
    writer.put(asked("q"))
    stop = threading.Event()

    def visitors() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            writer.put(asked(f"later{number}"))

    busy = threading.Thread(target=visitors)
    busy.start()
    try:
        assert writer.flush(5)
    finally:
        stop.set()
        busy.join()
    writer.close()


def test_a_locked_database_is_retried_for_as_long_as_it_takes() -> None:
    sink = Sink(failures=20)
    writer = BackgroundWriter(sink, retry_s=0.001)
    writer.put(asked("q"))
    assert writer.flush(5) and len(sink.kept) == 1 and not sink.losses
    writer.close()


def test_events_of_an_outage_are_lost_only_where_the_queue_is_full() -> None:
    sink = Sink(failures=10_000)
    writer = BackgroundWriter(sink, longest=100, retry_s=0.001)
    for number in range(50):
        writer.put(asked(f"q{number}"))
    time.sleep(0.05)
    for number in range(50, 250):
        writer.put(asked(f"q{number}"))
    sink.failures = 0
    assert writer.flush(5)
    writer.close()
    assert len(sink.kept) + sink.losses["queue full"] == 250
    assert len(sink.kept) >= 100 and set(sink.losses) == {"queue full"}


@pytest.mark.parametrize("bad", [0, 3, 699])
def test_an_event_that_is_refused_is_lost_alone(bad: int) -> None:
    sink = Sink(refused=f"q{bad}")
    writer = BackgroundWriter(sink)
    for number in range(700):
        writer.put(asked(f"q{number}"))
    assert writer.flush(5)
    writer.close()
    assert len(sink.kept) == 699 and sink.losses == {"refused": 1}


def test_events_that_a_dead_database_keeps_out_until_the_end_are_counted() -> None:
    sink = Sink(failures=10_000)
    writer = BackgroundWriter(sink, retry_s=0.01)
    writer.put(asked("q"))
    time.sleep(0.05)
    writer.close()
    assert sink.kept == [] and sink.losses == {"database": 1}


def test_stopping_writes_the_remaining_events() -> None:
    sink = Sink()
    writer = BackgroundWriter(sink)
    for number in range(50):
        writer.put(asked(f"q{number}"))
    writer.close()
    assert len(sink.kept) == 50


def test_losses_are_stored_even_without_an_event() -> None:
    sink = Sink()
    writer = BackgroundWriter(sink)
    writer.lose("bot action", 3)
    writer.close()
    assert sink.losses == {"bot action": 3}


def test_flush_also_stores_losses_counted_since_the_last_batch() -> None:
    sink = Sink()
    writer = BackgroundWriter(sink, pause_s=60)
    writer.put(asked("q"))
    assert writer.flush(5)
    writer.lose("bot action")
    assert writer.flush(5) and sink.losses == {"bot action": 1}
    writer.close()
