"""Fits the verdict that is shipped, and says how well it does on queries it was not fitted to.

    python -m bench.fit_answerability --data DIR [--articles DIR] [--write]

Queries known to be answered or not: of every collection in DIR that has unanswerable.txt, and of the sample articles: their own
tests, and in bench/data short everyday questions
that they answer and do not answer. --write stores the fit in search/data/calibration.json, its data sheet with it.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC
from pathlib import Path

from sklearn.metrics import roc_auc_score

from bench.retrieval import collections, load, make_engine
from indexer.build import Paths, build, collect
from indexer.bundling.build_cache import BuildCache
from search.embedding.background import BackgroundEmbedder
from search.embedding.loader import load_embedder
from search.engine import Engine
from search.index.bundle import Builds
from search.index.reader import open_corpus
from search.model import Query
from search.ports import Embedder
from search.ranking import answerability, calibration
from search.ranking.calibration import Sample

DATA, KNOWN = Path(__file__).parent / "data", ("answered.jsonl", "unanswered.jsonl")
SHIPPED = Path(answerability.__file__).parent / "data" / "calibration.json"
# Chosen on the fit: nearly every answered query is at least weak, and few unanswered ones are strict.
STRICT, WEAK = 0.75, 0.25
KEYWORD = frozenset({"keyword"})


def of_collections(
    folder: Path, embedder: Embedder, cache: Path
) -> Iterator[tuple[str, list[tuple[Query, bool]], Engine]]:
    """(name, queries and whether they are answered, engine) of every collection with unanswerable queries."""
    for path in collections(folder):
        collection = load(path)
        if collection.unanswerable:
            with tempfile.TemporaryDirectory() as data:
                engine = make_engine(collection, embedder, Path(data), cache)
                yield (
                    collection.name,
                    [
                        (Query(text, highlight=False), name not in collection.unanswerable)
                        for name, text in collection.queries
                    ],
                    engine,
                )


def of_samples(articles: Path, embedder: Embedder) -> tuple[list[tuple[Query, bool]], Engine]:
    """The sample articles' tests, and short questions that they answer and do not answer."""
    with tempfile.TemporaryDirectory() as folder:
        build(Paths(articles, Path(folder)), embedder)
        engine = Engine(open_corpus(Builds(Path(folder) / "index").open_current()), embedder)
        cache = BuildCache(Path(folder) / "again.sqlite")
        known, _, _ = collect(articles, cache, UTC)
        cache.close()
        asked = [
            (Query(test, lang=article.lang, highlight=False), True)
            for article in known
            if article.audience == "public"
            for test in article.tests
        ]
        records = [
            json.loads(line)
            for name in KNOWN
            for line in (DATA / name).read_text(encoding="utf-8").splitlines()
        ]
        return [
            *asked,
            *(
                (Query(record["query"], lang=record["lang"], highlight=False), record["answered"])
                for record in records
            ),
        ], engine


def answer_features(
    engine: Engine, queries: Sequence[tuple[Query, bool]], arms: frozenset[str] | None = None
) -> list[Sample]:
    """The signs of each query that found anything."""
    found = [
        (engine.answer_features(replace(query, arms=arms) if arms else query), answered)
        for query, answered in queries
    ]
    return [(one, answered) for one, answered in found if one is not None]


def main() -> None:
    """Parse flags, fit, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--articles", type=Path, default=Path("articles"))
    parser.add_argument("--model-dir", type=Path, default=Path("var/model"))
    parser.add_argument("--cache", type=Path, default=Path("var/bench/cache.sqlite"))
    parser.add_argument("--write", action="store_true")
    flags = parser.parse_args()
    embedder = BackgroundEmbedder(lambda: load_embedder("", flags.model_dir))
    embedder.start()
    if not embedder.wait():
        parser.error(embedder.failure)
    both: dict[str, list[Sample]] = {}
    keyword: dict[str, list[Sample]] = {}
    queries, engine = of_samples(flags.articles, embedder)
    both["sample articles"], keyword["sample articles"] = (
        answer_features(engine, queries),
        answer_features(engine, queries, KEYWORD),
    )
    for name, queries, engine in of_collections(flags.data, embedder, flags.cache):
        both[name], keyword[name] = (
            answer_features(engine, queries),
            answer_features(engine, queries, KEYWORD),
        )
    sheet = {"fitted_to": {name: len(samples) for name, samples in both.items()}}
    fitted = calibration.fit(
        list(both.values()), list(keyword.values()), answerability.BUNDLED, STRICT, WEAK, sheet
    )
    print(f"both arms: {fitted.both}\nkeyword: {fitted.keyword}\n{fitted.sheet}")
    for arms, sources in (("both", both), ("keyword", keyword)):
        for name, samples in sources.items():
            print(report(f"{name}, {arms}", fitted, samples))
    if flags.write:
        answerability.write(SHIPPED, fitted)


def report(name: str, fitted: answerability.Calibration, samples: Sequence[Sample]) -> str:
    """How the fit does on one source: AUROC, false-answer@95, and how many of each kind get which verdict."""
    chances = [fitted.probability(one) for one, _ in samples]
    known = [answered for _, answered in samples]
    counts = {
        kind: Counter(
            fitted.verdict(chance)
            for chance, own in zip(chances, known, strict=True)
            if own is kind
        )
        for kind in (True, False)
    }
    figures = f"AUROC {roc_auc_score(known, chances):.3f} false-answer@95 {calibration.false_answers(chances, known):.3f}"
    return f"{name:36s} {figures} answered {dict(counts[True])} unanswered {dict(counts[False])}"


if __name__ == "__main__":
    main()
