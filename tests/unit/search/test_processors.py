"""Processors dealt out: which are named, and that threads keep to them."""

import os
import threading
from collections.abc import Callable

import pytest

from search import processors
from search.processors import SHARED, Parts, keep_to, parts, usual

TWO = len(usual()) > 1
needs_two = pytest.mark.skipif(not TWO, reason="one processor, or a system that keeps no thread to some")


def in_a_thread(work: Callable[[], object]) -> None:
    """Somewhere whose processors nobody else has."""
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


@pytest.mark.parametrize(
    ("usable", "workers", "dealt"),
    [
        ({0, 1}, 1, Parts(frozenset({0}), frozenset({1}))),
        ({0, 1, 2}, 1, Parts(frozenset({0}), frozenset({1, 2}))),
        ({4, 5, 6, 7}, 2, Parts(frozenset({4, 5}), frozenset({6, 7}))),
        ({0, 1}, 0, SHARED),
        ({0, 1}, 2, SHARED),
        ({3}, 1, SHARED),
        (set(), 1, SHARED),
    ],
)
def test_half_of_those_that_may_be_used_compute_where_the_workers_fit_on_the_others(
    usable: set[int], workers: int, dealt: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processors, "usual", lambda: frozenset(usable))
    assert parts(workers) == dealt


@needs_two
def test_a_thread_and_those_it_starts_keep_to_what_they_are_told_and_others_do_not() -> None:
    before, found = usual(), dict[str, frozenset[int]]()
    one = min(before)

    def kept() -> None:
        keep_to(frozenset({one}))
        found["own"] = usual()
        in_a_thread(lambda: found.update(started=usual()))

    in_a_thread(kept)
    assert found == {"own": {one}, "started": {one}} and usual() == before


@needs_two
def test_with_none_named_or_none_allowed_a_thread_stays_as_it_is() -> None:
    before, found = usual(), list[frozenset[int]]()

    def told() -> None:
        keep_to(frozenset())
        keep_to(frozenset({max(os.cpu_count() or 1, *before) + 1}))
        found.append(usual())

    in_a_thread(told)
    assert found == [before]


def test_a_system_that_keeps_no_thread_to_some_shares_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert parts(1) == SHARED
    keep_to(SHARED.rest)
