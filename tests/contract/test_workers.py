"""Worker processes, for real: they answer what the engine itself would, follow newer builds, and are replaced when lost."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from kb_app.live import LiveIndex
from search.bundle import Builds
from search.engine import Engine
from search.errors import BundleError, WorkerLost
from search.findings import Sought, results_of
from search.memory import HashEmbedder
from search.model import Query, Results
from search.processors import usual
from search.worker import Worker
from search.workers import Workers
from tests.support import NOW, build_folder, open_engine, write_article

QUESTIONS = [
    Query("返品の送料は誰が払いますか", lang="ja", now=NOW),
    Query("荷物が届かない", lang="ja", now=NOW),
    Query("how do I return a parcel", lang="en", now=NOW),
    Query('"送料" -英語', lang="ja", now=NOW),
    Query("返品" * 3000, lang="ja", now=NOW),
]


@pytest.fixture
def articles(tmp_path: Path) -> Path:
    folder = tmp_path / "articles"
    write_article(folder, "ja/orders/return.md", "返品の方法", "返品の送料はお客様が払います。三十日以内に送ってください。", questions=["返品したい"])
    write_article(folder, "ja/orders/late.md", "荷物が届きません", "追跡番号で場所を確かめてください。", questions=["荷物が届かない"])
    write_article(folder, "en/orders/return.md", "Return a parcel", "You pay the postage. Send it within thirty days.", questions=["How do I return it?"])
    build_folder(folder, tmp_path / "data")
    return folder


@pytest.fixture
def live(articles: Path, tmp_path: Path) -> LiveIndex:
    index = LiveIndex(Builds(tmp_path / "data" / "index"), HashEmbedder())
    index.refresh()
    return index


@pytest.fixture
def workers(live: LiveIndex) -> Iterator[Workers]:
    one = Workers(1)
    one.start()
    live.share_with(one)
    until(lambda: bool(one.processes()))
    yield one
    one.close()


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end, "it never held"
        time.sleep(0.02)


def sought(live: LiveIndex, query: Query) -> Sought:
    snapshot = live.snapshot()
    assert snapshot is not None
    return Sought(query, HashEmbedder().encode([query.text], "query")[0])


def timeless(results: Results | None) -> Results | None:
    return replace(results, elapsed_ms=0.0) if results else None


def test_a_worker_answers_what_the_engine_itself_would(live: LiveIndex, tmp_path: Path) -> None:
    engine, worker = open_engine(tmp_path / "data"), Worker()
    worker.open(tmp_path / "data" / "index" / engine.version, engine.calibration)
    try:
        for query in QUESTIONS:
            asked = sought(live, query)
            assert worker.find(asked) == engine.find(asked)
    finally:
        worker.close()


def test_everybody_who_asks_a_worker_at_once_gets_the_own_answer(live: LiveIndex, tmp_path: Path) -> None:
    engine, worker = open_engine(tmp_path / "data"), Worker()
    worker.open(tmp_path / "data" / "index" / engine.version, engine.calibration)
    asked = [sought(live, query) for query in QUESTIONS] * 20
    try:
        with ThreadPoolExecutor(8) as visitors:
            assert list(visitors.map(worker.find, asked)) == [engine.find(one) for one in asked]
    finally:
        worker.close()


def test_after_an_answer_that_did_not_come_in_time_nobody_gets_another_ones(live: LiveIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine, worker = open_engine(tmp_path / "data"), Worker()
    worker.open(tmp_path / "data" / "index" / engine.version, engine.calibration)
    monkeypatch.setattr("search.worker.PATIENCE_SECONDS", 0.2)
    os.kill(worker.process, signal.SIGSTOP)
    try:
        with ThreadPoolExecutor(2) as visitors:
            asked = [visitors.submit(worker.find, sought(live, query)) for query in QUESTIONS[:2]]
            assert all(isinstance(one.exception(), WorkerLost) for one in asked)
        os.kill(worker.process, signal.SIGCONT)
        with pytest.raises(WorkerLost):
            worker.find(sought(live, QUESTIONS[2]))
    finally:
        worker.close()


def test_searches_go_to_the_worker(live: LiveIndex, workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = live.snapshot()
    assert snapshot is not None
    expected = timeless(results_of(snapshot.engine.find(sought(live, QUESTIONS[0])), snapshot.engine.corpus))
    monkeypatch.setattr(snapshot.engine, "find", None)
    assert timeless(snapshot.engine.search(QUESTIONS[0])) == expected


@pytest.mark.skipif(len(usual()) < 2, reason="one processor, or a system that keeps no thread to some")
def test_who_asks_in_company_stays_with_the_worker_and_who_asks_alone_may_use_all(live: LiveIndex, tmp_path: Path) -> None:
    engine, one, everywhere = open_engine(tmp_path / "data"), frozenset({max(usual())}), usual()
    worker, kept = Worker(one), list[tuple[object, frozenset[int], set[int]]]()
    worker.open(tmp_path / "data" / "index" / engine.version, engine.calibration)
    company = sought(live, QUESTIONS[0])

    def ask() -> None:
        for asked in (replace(company, alone=True), company, replace(company, alone=True)):
            kept.append((worker.find(asked), usual(), os.sched_getaffinity(worker.process)))

    assert os.sched_getaffinity(worker.process) == everywhere, "an index is opened anywhere"
    visitor = threading.Thread(target=ask)
    visitor.start()
    visitor.join()
    assert [(own, others) for _found, own, others in kept] == [(everywhere, everywhere), (one, one), (everywhere, everywhere)]
    assert [found for found, _own, _others in kept] == 3 * [engine.find(company)]
    worker.close()


def test_a_worker_follows_a_newer_build(live: LiveIndex, workers: Workers, articles: Path, tmp_path: Path) -> None:
    before, process = live.snapshot(), workers.processes()
    write_article(articles, "ja/orders/gift.md", "贈り物の包装", "包装は無料です。")
    build_folder(articles, tmp_path / "data")
    live.refresh()
    after = live.snapshot()
    assert before is not None and after is not None
    until(lambda: workers.processes() == process and bool(after.engine.turns._free))
    found = after.engine.search(Query("贈り物の包装", lang="ja", now=NOW))
    assert found.hits[0].document.title == "贈り物の包装" and found.index_version == after.version
    assert not before.engine.turns._free


def test_a_search_whose_worker_was_killed_is_answered_all_the_same_and_another_worker_comes(live: LiveIndex, workers: Workers) -> None:
    snapshot, (process,) = live.snapshot(), workers.processes()
    assert snapshot is not None
    os.kill(process, signal.SIGKILL)
    assert snapshot.engine.search(QUESTIONS[0]).hits
    until(lambda: workers.processes() not in ([], [process]))


def test_an_engine_that_no_worker_can_take_turns_of_ends_nothing(live: LiveIndex, tmp_path: Path) -> None:
    workers, snapshot = Workers(1), live.snapshot()
    assert snapshot is not None
    workers.serve(cast(Engine, "no engine"), tmp_path / "data" / "index" / snapshot.engine.version)
    workers.start()
    until(lambda: workers._places[0].not_before > 0)
    live.share_with(workers)
    until(lambda: len(workers.processes()) == 1)
    workers.close()


def test_workers_end_with_those_they_work_for(live: LiveIndex) -> None:
    workers = Workers(1)
    workers.start()
    live.share_with(workers)
    until(lambda: bool(workers.processes()))
    (process,) = workers.processes()
    workers.close()
    assert not Path(f"/proc/{process}").exists()
    snapshot = live.snapshot()
    assert snapshot is not None and snapshot.engine.search(QUESTIONS[1]).hits


def test_a_build_that_is_gone_and_a_process_that_has_ended_are_named(live: LiveIndex, tmp_path: Path) -> None:
    snapshot, worker = live.snapshot(), Worker()
    assert snapshot is not None
    with pytest.raises(BundleError, match=r"manifest.json cannot be read"):
        worker.open(tmp_path / "nowhere", snapshot.engine.calibration)
    assert worker.find(sought(live, QUESTIONS[0])) is None
    worker.close()
    with pytest.raises(WorkerLost):
        worker.find(sought(live, QUESTIONS[0]))
