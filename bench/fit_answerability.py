"""Fits the shipped answerability verdict and evaluates it by cross-validation.

    python -m bench.fit_answerability --data DIR [--articles DIR] [--model-dir DIR] [--cache FILE]
        [--write]

The samples are queries known to be answered or not: those of every collection in DIR that has an
unanswerable.txt, the tests of the sample articles, and short everyday questions in bench/data that
these articles answer or do not answer. --write stores the fit and its data sheet in
search/data/calibration.json.
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
from indexer.build import Paths, build
from indexer.bundling.build_cache import BuildCache
from indexer.collect import collect
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
SHIPPED = Path(answerability.__file__).parents[1] / "data" / "calibration.json"
# Nearly all answered queries must be at least weak, and few unanswered ones strict.
STRICT, WEAK = 0.75, 0.25
KEYWORD = frozenset({"keyword"})


def of_collections(
    folder: Path, embedder: Embedder, cache: Path
) -> Iterator[tuple[str, list[tuple[Query, bool]], Engine]]:
    """Yield (name, queries, engine) for every collection with unanswerable queries.

    Queries are (query, whether it is answered).
    """
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
    """Return the sample articles' tests and the questions of bench/data, and their engine."""
    with tempfile.TemporaryDirectory() as folder:
        build(Paths(articles, Path(folder)), embedder)
        engine = Engine(open_corpus(Builds(Path(folder) / "index").open_current()), embedder)
        cache = BuildCache(Path(folder) / "again.sqlite")
        read_articles = collect(articles, cache, UTC).articles
        cache.close()
        tests = [
            (Query(test, lang=article.lang, highlight=False), True)
            for article in read_articles
            if article.audience == "public"
            for test in article.tests
        ]
        records = [
            json.loads(line)
            for name in KNOWN
            for line in (DATA / name).read_text(encoding="utf-8").splitlines()
        ]
        return [
            *tests,
            *(
                (Query(record["query"], lang=record["lang"], highlight=False), record["answered"])
                for record in records
            ),
        ], engine


def answer_features(
    engine: Engine, queries: Sequence[tuple[Query, bool]], arms: frozenset[str] | None = None
) -> list[Sample]:
    """Return the features of each query that has results, and whether it is answered."""
    samples = [
        (engine.answer_features(replace(query, arms=arms) if arms else query), answered)
        for query, answered in queries
    ]
    return [(features, answered) for features, answered in samples if features is not None]


def main() -> None:
    """Parse the flags, fit, print and write."""
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
    """Return the quality of the fit on one source.

    That is AUROC, false-answer@95 and the number of verdicts for answered and unanswered queries.
    """
    chances = [fitted.probability(features) for features, _ in samples]
    known = [answered for _, answered in samples]
    counts = {
        kind: Counter(
            fitted.verdict(chance)
            for chance, is_answered in zip(chances, known, strict=True)
            if is_answered is kind
        )
        for kind in (True, False)
    }
    auroc = roc_auc_score(known, chances)
    false_answers = calibration.false_answers(chances, known)
    figures = f"AUROC {auroc:.3f} false-answer@95 {false_answers:.3f}"
    return f"{name:36s} {figures} answered {dict(counts[True])} unanswered {dict(counts[False])}"


if __name__ == "__main__":
    main()
