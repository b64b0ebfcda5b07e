"""Equal queries are answered from the cache; a burst of other queries is queued."""

import threading
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

from search.cached_search import CachedSearch
from search.engine import Engine
from search.model import Query, Results
from search.testing import HashEmbedder
from tests.support import NOW, article, memory_engine

ARTICLES = [
    article("refund", "返金の時期", "返金は5営業日です。"),
    article("sale", "返金の催し", "明日から。", publish_at=NOW + timedelta(days=1)),
]
QUERY = Query("返金", lang="ja", now=NOW)


class Counting(Executor):
    """Run each call immediately and count the calls."""

    count = 0

    def submit(self, call: Any, *given: Any, **named: Any) -> Future[Any]:
        self.count += 1
        done: Future[Any] = Future()
        done.set_result(call(*given, **named))
        return done


def test_an_equal_query_is_searched_once() -> None:
    counting = Counting()
    cached = CachedSearch(memory_engine(ARTICLES), counting)
    first, again = cached.search(QUERY), cached.search(replace(QUERY, now=NOW + timedelta(hours=1)))
    assert (
        counting.count == 1
        and again.hits is first.hits
        and replace(first, elapsed_ms=0) == replace(again, elapsed_ms=0)
    )
    cached.search(replace(QUERY, lang="en"))
    assert counting.count == 2


def test_a_newly_published_article_is_found_at_once() -> None:
    cached = CachedSearch(memory_engine(ARTICLES), Counting())
    assert [hit.article_id for hit in cached.search(QUERY).hits] == ["refund"]
    later = cached.search(replace(QUERY, now=NOW + timedelta(days=2)))
    assert {hit.article_id for hit in later.hits} == {"refund", "sale"}


def test_keyword_only_results_are_not_cached_while_the_model_loads() -> None:
    engine, counting = memory_engine(ARTICLES, HashEmbedder()), Counting()
    engine._embedder = HashEmbedder(salt="other")
    cached = CachedSearch(engine, counting)
    assert cached.search(QUERY).degraded == "stale"
    cached.search(QUERY)
    assert counting.count == 2


def test_concurrent_searches_are_limited(monkeypatch: Any) -> None:
    engine = memory_engine(ARTICLES)
    under_way, most, lock, search = 0, 0, threading.Lock(), engine.search

    def slow(query: Query) -> Results:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        threading.Event().wait(0.01)
        with lock:
            under_way -= 1
        return search(query)

    monkeypatch.setattr(Engine, "search", lambda _self, query: slow(query))
    cached = CachedSearch(engine, ThreadPoolExecutor(2))
    with ThreadPoolExecutor(12) as visitors:
        answers = list(
            visitors.map(
                lambda number: cached.search(replace(QUERY, text=f"返金 {number}")), range(24)
            )
        )
    assert most == 2 and all(answer.hits for answer in answers)
