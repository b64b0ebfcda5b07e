"""Speed and memory beside txtai, tantivy and plain Whoosh, on the same passages and the same questions in one run.

    python -m bench.speed --passages N [--articles DIR] [--model-dir DIR] [--no-peers] [--json]

Makes N passages out of real articles, builds them, and asks questions that nobody asked before: in process by word, by meaning and
by both, and over HTTP with 1, 8 and 32 clients. Build rates are taken on at most 1,000 passages with embedding; above that all
sides are fed ready vectors. With --json one flat object.
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
from indexer.build import publish
from indexer.bundling.build_cache import BuildCache
from indexer.bundling.passages import to_passages
from indexer.model import Article, SectionInfo
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
# Slow peers are asked fewer.
ASKED_SLOWLY = 60
# Times that a newer bundle is swapped in; the middle one counts.
SWAPS = 5
SLOW = ("whoosh", "txtai")
# Each search is timed in so many turns, after so many searches that are not counted.
TURNS, WARMING = 5, 20
Questions = Sequence[tuple[str, str]]
Search = Callable[[str, str], Any]


@dataclass
class Bench:
    """What one run works with."""

    source: dict[str, Material]
    articles: list[Article]
    model_dir: Path
    data: Path
    embedder: Embedder
    ready: ReadyVectors
    figures: dict[str, float] = field(default_factory=dict)

    @property
    def passages(self) -> list[Passage]:
        """All passages that are searched."""
        return [passage for article in self.articles for passage in to_passages(article)]

    @property
    def model(self) -> Path:
        """The unpacked bundled model."""
        return next(self.model_dir.glob("*/modules.json")).parent

    def questions(self, count: int, seed: int) -> Questions:
        """Questions that no other seed gives."""
        return new_queries(self.source, count, seed)


def percentiles(times: Sequence[float]) -> tuple[float, float]:
    """(p50, p95) in milliseconds of seconds."""
    return float(np.percentile(times, 50)) * 1000, float(np.percentile(times, 95)) * 1000


def timed(calls: Sequence[Callable[[], Any]]) -> list[float]:
    """Seconds that each call took."""
    times: list[float] = []
    for call in calls:
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return times


def build(articles: Sequence[Article], data: Path, embedder: Embedder) -> float:
    """Build a bundle into ``data``; returns seconds."""
    started = time.perf_counter()
    builds = Builds(data / "index")
    cache = BuildCache(data / "cache" / "build.sqlite")
    try:
        with builds.building() as work:
            publish(builds, work, articles, data, {"bench": SectionInfo("bench")}, embedder, cache)
    finally:
        cache.close()
    return time.perf_counter() - started


# --- parts of the run ---------------------------------------------------------------------------------------------------


def measure_build_rate(bench: Bench, with_peers: bool) -> None:
    """Passages a second from articles to an index that is served, embedding included."""
    articles = made_articles(bench.source, RATED_PASSAGES, seed=11)
    passages = [passage for article in articles for passage in to_passages(article)]
    with tempfile.TemporaryDirectory() as folder:
        bench.figures["index_per_s"] = len(passages) / build(articles, Path(folder), bench.embedder)
    if with_peers:
        started = time.perf_counter()
        peers.txtai_index(bench.model, passages)
        bench.figures["txtai_index_per_s"] = len(passages) / (time.perf_counter() - started)


def measure_in_process(bench: Bench, engine: Engine, with_peers: bool) -> None:
    """Searches and suggestions by calling the engine, ranked articles with scores as the peers give; in turns with the peers.

    In turns, since a shared machine is faster in one minute than in the next. Each turn begins with searches that are not counted.
    """
    now = datetime.now(UTC)

    def ask(arms: Sequence[str] = ARMS, highlight: bool = False) -> Search:
        return lambda text, lang: engine.search(
            Query(text, lang=lang, now=now, arms=frozenset(arms), highlight=highlight)
        )

    searches: dict[str, Search] = {
        "keyword": ask(("keyword",)),
        "vector": ask(("passage", "question")),
        "hybrid_new": ask(),
        "page_new": ask(highlight=True),
    }
    folder = tempfile.TemporaryDirectory()
    searches |= _peers(bench, Path(folder.name)) if with_peers else {}
    times: dict[str, list[float]] = {name: [] for name in searches}
    # As in a process that serves: what is there is not gone through for garbage again and again, the peers' things least of all.
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
    for name, found in times.items():
        record(bench, name, found)
    again = [
        lambda text=text, lang=lang: ask()(text, lang)
        for text, lang in bench.questions(ASKED, seed=5)
    ]
    timed(again)
    record(bench, "hybrid_repeat", timed(again))
    typed = list(_typed(bench.questions(100, seed=6)))
    record(
        bench,
        "suggest",
        timed(
            [
                lambda text=text, lang=lang: engine.suggest(
                    text, lang, 8, now, frozenset({"public"})
                )
                for text, lang in typed
            ]
        ),
    )  # type: ignore[misc]


def _typed(questions: Questions) -> Iterator[tuple[str, str]]:
    """What is in the box after each of the first letters."""
    for text, lang in questions:
        for length in (1, 2, 3, 5, 8, 12):
            yield text[:length], lang


def _peers(bench: Bench, folder: Path) -> dict[str, Search]:
    """The same passages in the peers. tantivy's questions are cut beforehand, its time is that of its search alone."""
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
    """What a search takes at worst while nothing happens, and while a newer bundle is opened and swapped in."""
    builds = Builds(bench.data / "index")
    live = LiveIndex(builds, bench.embedder)
    live.refresh()
    asked = iter(bench.questions(20_000, seed=9))

    def ask_until(done: threading.Event, times: list[float]) -> None:
        while not done.is_set():
            text, lang = next(asked)
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
    """New questions over HTTP, start-up and memory of all processes that serve."""
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
            asked = [
                (text, lang)
                for text, lang in bench.questions(max(200, 40 * clients), seed=100 + clients)
            ]
            load = run_clients(address, asked, clients)
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
    """What a day brings: half of the searches repeat one of the fifty most asked, the rest were never asked before."""
    chance = random.Random(1)
    often = questions[:50]
    return [
        chance.choice(often) if chance.random() < 0.5 else question for question in questions[50:]
    ]


def run_clients(address: str, asked: Questions, clients: int) -> dict[str, Any]:
    """Ask over HTTP from a process of its own, so that asking does not hold up this one."""
    given = json.dumps({"address": address, "asked": list(asked), "clients": clients})
    done = subprocess.run(
        [sys.executable, "-m", "bench.clients"],
        input=given,
        capture_output=True,
        text=True,
        check=True,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def record(bench: Bench, name: str, times: Sequence[float]) -> None:
    """Keep p50 and p95 under a name."""
    bench.figures[f"{name}_p50_ms"], bench.figures[f"{name}_p95_ms"] = percentiles(times)


# --- the run ------------------------------------------------------------------------------------------------------------


def run(flags: argparse.Namespace, data: Path) -> dict[str, float]:
    """Everything, in order; progress goes to standard error."""
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
    _say("swapping")
    measure_swap(bench)
    _say("asking over HTTP")
    measure_http(bench)
    _say("asking in process, in turns with the peers" if flags.peers else "asking in process")
    measure_in_process(
        bench, Engine(open_corpus(Builds(data / "index").open_current()), embedder), flags.peers
    )
    _say("build rates")
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
    """The figures and the ratios to the peers as lines."""
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
    """Parse flags, run, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--passages", type=int, default=10_000)
    parser.add_argument(
        "--articles",
        type=Path,
        default=Path("articles"),
        help="real articles that the passages are made of",
    )
    parser.add_argument("--model-dir", type=Path, default=Path("var/model"))
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path("var/bench/speed.sqlite"),
        help="vectors of the real texts",
    )
    parser.add_argument(
        "--no-peers", dest="peers", action="store_false", help="leave txtai, tantivy and Whoosh out"
    )
    parser.add_argument("--json", action="store_true")
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = run(flags, Path(folder))
    print(json.dumps(figures) if flags.json else show(figures))


if __name__ == "__main__":
    main()
