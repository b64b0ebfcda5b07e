"""Turns: who works on the next search, and in which order."""

import threading
import time
from collections.abc import Callable

import pytest

from search.turns import Turns


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < end, "it never held"
        time.sleep(0.001)


class Searches:
    """Searches in threads of their own, each holding its turn until it is told to end."""

    def __init__(self, turns: Turns[str]) -> None:
        self._turns = turns
        self._ends: dict[str, threading.Event] = {}
        self._threads: list[threading.Thread] = []
        self.at_work: dict[str, str | None] = {}
        self.order: list[str] = []

    def begin(self, name: str) -> None:
        self._ends[name] = threading.Event()
        self._threads.append(threading.Thread(target=self._search, args=(name,)))
        self._threads[-1].start()

    def begin_in_order(self, names: str) -> None:
        for name in names:
            self.begin(name)
            time.sleep(0.02)

    def end(self, name: str) -> None:
        self._ends[name].set()
        until(lambda: name not in self.at_work)

    def end_all(self) -> None:
        for end in self._ends.values():
            end.set()
        for thread in self._threads:
            thread.join(5)

    def _search(self, name: str) -> None:
        with self._turns.one() as worker:
            self.at_work[name] = worker
            self.order.append(name)
            self._ends[name].wait(5)
        del self.at_work[name]


@pytest.fixture
def turns() -> Turns[str]:
    return Turns(alone=2)


@pytest.fixture
def searches(turns: Turns[str]):  # type: ignore[no-untyped-def]
    running = Searches(turns)
    yield running
    running.end_all()


def test_who_has_waited_longest_is_next(turns: Turns[str], searches: Searches) -> None:
    for number, name in enumerate("abcde"):
        searches.begin(name)
        until(lambda number=number: len(searches.at_work) == min(2, number + 1) and len(turns._waiting) == max(0, number - 1))  # type: ignore[misc]
    for name in "abc":
        searches.end(name)
        until(lambda: len(searches.at_work) == 2)
    assert searches.order == list("abcde")


def test_beside_workers_this_process_searches_no_more(turns: Turns[str], searches: Searches) -> None:
    turns.join("one")
    turns.join("two")
    searches.begin_in_order("abc")
    until(lambda: len(searches.at_work) == 2)
    assert set(searches.at_work.values()) == {"one", "two"}
    freed = searches.at_work["a"]
    searches.end("a")
    until(lambda: searches.at_work.get("c") == freed)


def test_a_worker_that_joins_takes_a_search_that_waits(turns: Turns[str], searches: Searches) -> None:
    for name in "abc":
        searches.begin(name)
    until(lambda: len(searches.at_work) == 2)
    turns.join("worker")
    until(lambda: len(searches.at_work) == 3)
    assert "worker" in searches.at_work.values()


def test_whoever_searches_alone_is_the_only_one(turns: Turns[str], searches: Searches) -> None:
    assert not turns.only_one
    searches.begin("a")
    until(lambda: turns.only_one)
    searches.begin("b")
    until(lambda: len(searches.at_work) == 2)
    assert not turns.only_one
    searches.end("a")
    until(lambda: turns.only_one)


def test_a_worker_leaves_when_it_has_finished(turns: Turns[str], searches: Searches) -> None:
    turns.join("worker")
    searches.begin("a")
    until(lambda: searches.at_work.get("a") == "worker")
    leaving = threading.Thread(target=turns.leave, args=("worker",))
    leaving.start()
    leaving.join(0.1)
    assert leaving.is_alive() and not turns.has("worker")
    searches.end("a")
    leaving.join(5)
    assert not leaving.is_alive() and not turns.has("worker")


def test_a_worker_leaves_though_others_wait_for_it(turns: Turns[str], searches: Searches) -> None:
    turns.join("worker")
    searches.begin_in_order("ab")
    leaving = threading.Thread(target=turns.leave, args=("worker",))
    leaving.start()
    until(lambda: "b" in searches.at_work)
    assert searches.at_work["b"] is None
    searches.end("a")
    leaving.join(5)
    assert not leaving.is_alive()


def test_a_worker_takes_as_many_at_once_as_it_said_and_the_least_busy_one_is_next(turns: Turns[str], searches: Searches) -> None:
    turns.join("one", 2)
    turns.join("two", 2)
    searches.begin_in_order("abcde")
    until(lambda: len(searches.at_work) == 4)
    assert {searches.at_work["a"], searches.at_work["b"]} == {searches.at_work["c"], searches.at_work["d"]} == {"one", "two"}
    freed = searches.at_work["c"]
    searches.end("c")
    until(lambda: searches.at_work.get("e") == freed)


def test_without_the_worker_that_was_lost_this_process_works_as_before(turns: Turns[str], searches: Searches) -> None:
    turns.join("worker")
    searches.begin_in_order("abc")
    turns.lose("worker")
    until(lambda: len(searches.at_work) == 3)
    assert [searches.at_work[name] for name in "abc"] == ["worker", None, None]
    searches.end("a")
    assert not turns.has("worker")
