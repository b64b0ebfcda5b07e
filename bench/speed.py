"""Compares speed and memory with txtai, tantivy and plain Whoosh in one run.

    python -m bench.speed [--passages N] [--articles DIR] [--model-dir DIR] [--cache FILE]
        [--no-peers] [--json]

All engines get the same passages and the same new queries. Generates N passages from real
articles, builds them, and measures keyword, vector and hybrid search in process, and search over
HTTP with 1, 8 and 32 clients. Build rates with embedding are measured on at most 1,000 passages;
larger indexes are built with ready vectors. With --json it prints one flat object.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from bench import peers
from bench.corpus import Material, ReadyVectors, made_articles, material, new_queries
from bench.footprint import pss, serve, wait
from indexer.bundling.build_cache import BuildCache
from indexer.bundling.passages import to_passages
from indexer.model import Article, SectionInfo
from indexer.publish import BuildContext, Source, publish
from kb_app.services.live_index import LiveIndex
from search.embedding.background import BackgroundEmbedder
from search.embedding.loader import load_embedder
from search.engine import Engine
from search.index.bundle import CURRENT, Builds
from search.index.reader import open_corpus
from search.model import ARMS, Passage, Query
from search.ports import Embedder

RATED_PASSAGES = 1_000
ASKED = 300
# Slow peers get fewer queries.
ASKED_SLOWLY = 60
# Number of bundle swaps; the median is reported.
SWAPS = 5
SLOW = ("whoosh", "txtai")
# Rounds per search, and untimed warm-up queries per round.
TURNS, WARMING = 5, 20
Questions = Sequence[tuple[str, str]]
Search = Callable[[str, str], Any]


@dataclass
class Bench:
    """The state of one run."""

    source: dict[str, Material]
    articles: list[Article]
    model_dir: Path
    data: Path
    embedder: Embedder
    ready: ReadyVectors
    figures: dict[str, float] = field(default_factory=dict)

    @property
    def passages(self) -> list[Passage]:
        """All passages in the index."""
        return [passage for article in self.articles for passage in to_passages(article)]

    @property
    def model(self) -> Path:
        """Path of the unpacked bundled model."""
        return next(self.model_dir.glob("*/modules.json")).parent

    def questions(self, count: int, seed: int) -> Questions:
        """Return queries that no other seed gives."""
        return new_queries(self.source, count, seed)


def percentiles(times: Sequence[float]) -> tuple[float, float]:
    """Return (p50, p95) in ms of times in seconds."""
    return float(np.percentile(times, 50)) * 1000, float(np.percentile(times, 95)) * 1000


def timed(calls: Sequence[Callable[[], Any]]) -> list[float]:
    """Return the seconds that each call takes."""
    times: list[float] = []
    for call in calls:
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return times


def build(articles: Sequence[Article], data: Path, embedder: Embedder) -> float:
    """Build a bundle in ``data``; return the seconds."""
    started = time.perf_counter()
    builds = Builds(data / "index")
    cache = BuildCache(data / "cache" / "build.sqlite")
    try:
        with builds.building() as work:
            publish(
                BuildContext(builds, work, embedder, cache),
                Source(articles, data, {"bench": SectionInfo("bench")}),
            )
    finally:
        cache.close()
    return time.perf_counter() - started


# --- measurements ---------------------------------------------------------------------------------


def measure_build_rate(bench: Bench, with_peers: bool) -> None:
    """Measure passages per second from articles to a published index, with embedding."""
    articles = made_articles(bench.source, RATED_PASSAGES, seed=11)
    passages = [passage for article in articles for passage in to_passages(article)]
    with tempfile.TemporaryDirectory() as folder:
        bench.figures["index_per_s"] = len(passages) / build(articles, Path(folder), bench.embedder)
    if with_peers:
        started = time.perf_counter()
        peers.txtai_index(bench.model, passages)
        bench.figures["txtai_index_per_s"] = len(passages) / (time.perf_counter() - started)


def measure_in_process(bench: Bench, engine: Engine, with_peers: bool) -> None:
    """Measure searches and suggestions by direct calls, in rounds with the peers.

    Rounds spread variations of the machine over all engines. Each starts with untimed queries. The
    results are ranked articles with scores, as the peers return them.
    """
    now = datetime.now(UTC)

    def search_with(arms: Sequence[str] = ARMS, highlight: bool = False) -> Search:
        return lambda text, lang: engine.search(
            Query(text, lang=lang, now=now, arms=frozenset(arms), highlight=highlight)
        )

    searches: dict[str, Search] = {
        "keyword": search_with(("keyword",)),
        "vector": search_with(("passage", "question")),
        "hybrid_new": search_with(),
        "page_new": search_with(highlight=True),
    }
    folder = tempfile.TemporaryDirectory()
    searches |= _peers(bench, Path(folder.name)) if with_peers else {}
    times: dict[str, list[float]] = {name: [] for name in searches}
    # Like a server process: exclude the long-lived objects from garbage collection.
    gc.collect()
    gc.freeze()
    for turn in range(TURNS):
        for number, (name, search) in enumerate(searches.items()):
            seed, slow = 1_000 + 50 * turn + number, name in SLOW
            calls = [
                lambda text=text, lang=lang, search=search: search(text, lang)
                for text, lang in bench.questions(ASKED // TURNS + WARMING, seed)
            ]
            timed(calls[: WARMING // 4 if slow else WARMING])
            times[name] += timed(calls[WARMING:][: ASKED_SLOWLY // TURNS if slow else None])
    folder.cleanup()
    for name, seconds in times.items():
        record(bench, name, seconds)
    repeated = [
        lambda text=text, lang=lang: search_with()(text, lang)
        for text, lang in bench.questions(ASKED, seed=5)
    ]
    timed(repeated)
    record(bench, "hybrid_repeat", timed(repeated))
    typed = list(_typed(bench.questions(100, seed=6)))
    record(
        bench,
        "suggest",
        timed(
            [
                lambda text=text, lang=lang: engine.lookups.suggest(  # type: ignore[misc]
                    text, lang, 8, now, frozenset({"public"})
                )
                for text, lang in typed
            ]
        ),
    )


def _typed(questions: Questions) -> Iterator[tuple[str, str]]:
    """Yield the contents of the search box after some of the first letters."""
    for text, lang in questions:
        for length in (1, 2, 3, 5, 8, 12):
            yield text[:length], lang


def _peers(bench: Bench, folder: Path) -> dict[str, Search]:
    """Index the same passages in the peers.

    Queries for tantivy are tokenized in advance; only its search is timed.
    """
    passages = bench.passages
    tantivy, whoosh = peers.tantivy_search(passages), peers.whoosh_search(passages, folder)
    txtai = peers.txtai_index(bench.model, passages, bench.ready.encode)
    cut = lru_cache(maxsize=None)(peers.tantivy_query)
    for seed in range(1_000, 1_000 + 50 * TURNS):
        for text, lang in bench.questions(ASKED // TURNS + WARMING, seed):
            cut(text, lang)
    return {
        "tantivy": lambda text, lang: tantivy(cut(text, lang)),
        "whoosh": lambda text, _lang: whoosh(text),
        "txtai": lambda text, _lang: txtai.search(text, peers.K),
    }


def measure_swap(bench: Bench) -> None:
    """Measure the slowest search without changes, and while a newer bundle is swapped in."""
    builds = Builds(bench.data / "index")
    live = LiveIndex(builds, bench.embedder)
    live.refresh()
    queries = iter(bench.questions(20_000, seed=9))

    def ask_until(done: threading.Event, times: list[float]) -> None:
        while not done.is_set():
            text, lang = next(queries)
            started = time.perf_counter()
            snapshot = live.current()
            assert snapshot is not None
            snapshot.engine.search(
                Query(text, lang=lang, arms=frozenset({"keyword"}), highlight=False)
            )
            times.append(time.perf_counter() - started)

    def worst_during(action: Callable[[], Any]) -> float:
        done, times = threading.Event(), list[float]()
        asking = threading.Thread(target=ask_until, args=(done, times))
        asking.start()
        action()
        done.set()
        asking.join()
        return max(times) * 1000

    worst_during(lambda: time.sleep(0.5))
    bench.figures["undisturbed_max_ms"] = float(
        np.median([worst_during(lambda: time.sleep(1)) for _ in range(SWAPS)])
    )
    swapped: list[float] = []
    for number in range(SWAPS):
        newer = f"{builds.current_name()}-{number}"
        shutil.copytree(builds.root / str(builds.current_name()), builds.root / newer)
        (builds.root / CURRENT).write_text(newer, encoding="utf-8")
        swapped.append(worst_during(live.refresh))
    bench.figures["swap_max_ms"] = float(np.median(swapped))
    bench.figures["swap_adds_ms"] = max(
        0.0, bench.figures["swap_max_ms"] - bench.figures["undisturbed_max_ms"]
    )


def measure_http(bench: Bench) -> None:
    """Measure new queries over HTTP, start-up time and the memory of all serving processes."""
    empty = bench.data / "articles"
    empty.mkdir()
    if not (bench.data / "model").exists():
        (bench.data / "model").symlink_to(bench.model_dir.resolve())
    started = time.perf_counter()
    process, address = serve(empty, bench.data, {"KB_WATCH": "false"})
    try:
        wait(f"{address}/readyz", lambda answer: answer["meaning"] == "ready")
        bench.figures["meaning_after_s"] = time.perf_counter() - started
        for clients in (1, 8, 32):
            queries = [
                (text, lang)
                for text, lang in bench.questions(max(200, 40 * clients), seed=100 + clients)
            ]
            load = run_clients(address, queries, clients)
            record(bench, f"http_{clients}", load["times"])
            bench.figures[f"http_{clients}_new_per_s"] = load["per_s"]
        load = run_clients(address, mixed(bench.questions(1_200, seed=300)), 8)
        record(bench, "http_8_mixed", load["times"])
        bench.figures["http_per_s"] = load["per_s"]
        bench.figures["memory_mb"] = pss(process.pid)
    finally:
        process.terminate()
        process.wait(30)


def mixed(questions: Questions) -> Questions:
    """Return a realistic mix: half repeat one of the fifty most frequent queries, half are new."""
    rng = random.Random(1)
    frequent = questions[:50]
    return [rng.choice(frequent) if rng.random() < 0.5 else question for question in questions[50:]]


def run_clients(address: str, asked: Questions, clients: int) -> dict[str, Any]:
    """Run bench.clients in a separate process, so that it does not block this one."""
    request = json.dumps({"address": address, "asked": list(asked), "clients": clients})
    process = subprocess.run(
        [sys.executable, "-m", "bench.clients"],
        input=request,
        capture_output=True,
        text=True,
        check=True,
    )
    answer: dict[str, Any] = json.loads(process.stdout)
    return answer


def record(bench: Bench, name: str, times: Sequence[float]) -> None:
    """Store p50 and p95 under a name."""
    bench.figures[f"{name}_p50_ms"], bench.figures[f"{name}_p95_ms"] = percentiles(times)


# --- command line ---------------------------------------------------------------------------------


def run(flags: argparse.Namespace, data: Path) -> dict[str, float]:
    """Run all measurements in order. Progress goes to stderr."""
    source = material(flags.articles)
    embedder = BackgroundEmbedder(lambda: load_embedder("", flags.model_dir))
    embedder.start()
    if not embedder.wait():
        raise SystemExit(embedder.failure)
    flags.cache.parent.mkdir(parents=True, exist_ok=True)
    cache = BuildCache(flags.cache)
    bench = Bench(
        source,
        made_articles(source, flags.passages),
        flags.model_dir,
        data,
        embedder,
        ReadyVectors(embedder, source, cache),
    )
    cache.close()
    bench.figures["passages"] = len(bench.passages)
    bench.figures["articles"] = len(bench.articles)
    _say("building")
    bench.figures["build_s"] = build(bench.articles, data, bench.ready)
    _say("measuring swaps")
    measure_swap(bench)
    _say("searching over HTTP")
    measure_http(bench)
    _say("searching in process, with the peers" if flags.peers else "searching in process")
    measure_in_process(
        bench, Engine(open_corpus(Builds(data / "index").open_current()), embedder), flags.peers
    )
    _say("measuring build rates")
    measure_build_rate(bench, flags.peers)
    return {name: round(value, 3) for name, value in bench.figures.items()}


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


RATIOS = {
    "index_per_s / txtai": ("index_per_s", "txtai_index_per_s"),
    "hybrid new p50 / txtai": ("hybrid_new_p50_ms", "txtai_p50_ms"),
    "hybrid repeat p50 / txtai": ("hybrid_repeat_p50_ms", "txtai_p50_ms"),
    "keyword p95 / tantivy": ("keyword_p95_ms", "tantivy_p95_ms"),
    "keyword p95 / whoosh": ("keyword_p95_ms", "whoosh_p95_ms"),
}


def show(figures: dict[str, float]) -> str:
    """Format the figures and the ratios to the peers."""
    lines = [f"{name:26s}{value:12,.2f}" for name, value in figures.items()]
    known = {name: pair for name, pair in RATIOS.items() if all(part in figures for part in pair)}
    return "\n".join(
        [
            *lines,
            *(
                f"{name:26s}{figures[ours] / figures[theirs]:12.3f}"
                for name, (ours, theirs) in known.items()
            ),
        ]
    )


def main() -> None:
    """Parse the flags, run and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--passages", type=int, default=10_000)
    parser.add_argument(
        "--articles",
        type=Path,
        default=Path("articles"),
        help="real articles to generate the passages from",
    )
    parser.add_argument("--model-dir", type=Path, default=Path("var/model"))
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path("var/bench/speed.sqlite"),
        help="cache of the vectors of the real texts",
    )
    parser.add_argument(
        "--no-peers",
        dest="peers",
        action="store_false",
        help="do not run txtai, tantivy and Whoosh",
    )
    parser.add_argument("--json", action="store_true")
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = run(flags, Path(folder))
    print(json.dumps(figures) if flags.json else show(figures))


if __name__ == "__main__":
    main()
