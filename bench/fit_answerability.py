"""Fits the shipped answerability verdict and evaluates it by cross-validation.

    python -m bench.fit_answerability --data DIR [--articles DIR] [--model-dir DIR] [--cache FILE]
        [--write]

The samples are queries known to be answered or not: those of every collection in DIR that has an
unanswerable.txt, the tests of the sample articles, short everyday questions in bench/data that
these articles answer or do not answer, and questions made of a topic and a property
(bench/topic_pairs.py). A query whose first hit is the wrong article counts as unanswered. --write
stores the fit and its data sheet in search/data/calibration.json.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sklearn.metrics import roc_auc_score

from bench.retrieval import collections, load, make_engine
from bench.topic_pairs import topic_questions
from indexer.build import Paths, build
from indexer.bundling.build_cache import BuildCache
from indexer.collect import collect
from indexer.model import Article, to_summary
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
# Questions that were made weigh half of those that people asked.
MADE, MADE_SHARE = "topics and properties", 0.5
# STRICT was chosen on one half of questions about the sample shop (docs/relevance.md).
STRICT, WEAK = 0.56, 0.25
KEYWORD, PUBLIC = frozenset({"keyword"}), frozenset({"public"})


@dataclass(frozen=True)
class Labeled:
    """A query with what is known of it; ``right`` are the articles that answer, if known."""

    query: Query
    answered: bool
    right: tuple[str, ...] = ()


def of_collections(
    folder: Path, embedder: Embedder, cache: Path
) -> Iterator[tuple[str, list[Labeled], Engine]]:
    """Yield (name, queries, engine) for every collection with unanswerable queries."""
    for path in collections(folder):
        collection = load(path)
        if collection.unanswerable:
            with tempfile.TemporaryDirectory() as data:
                engine = make_engine(collection, embedder, Path(data), cache)
                yield (
                    collection.name,
                    [
                        Labeled(Query(text, highlight=False), name not in collection.unanswerable)
                        for name, text in collection.queries
                    ],
                    engine,
                )


def of_samples(articles: Path, embedder: Embedder) -> tuple[list[Labeled], list[Labeled], Engine]:
    """Return the everyday questions and the made ones about the sample articles, and their engine.

    The everyday ones are the tests of the articles that can be seen now, and those of bench/data.
    """
    with tempfile.TemporaryDirectory() as folder:
        build(Paths(articles, Path(folder)), embedder)
        engine = Engine(open_corpus(Builds(Path(folder) / "index").open_current()), embedder)
        seen = visible_articles(articles)
        tests = [
            Labeled(Query(test, lang=article.lang, highlight=False), True, (article.id,))
            for article in seen
            for test in article.tests
        ]
        records = [
            json.loads(line)
            for name in KNOWN
            for line in (DATA / name).read_text(encoding="utf-8").splitlines()
        ]
        everyday = [
            Labeled(
                Query(record["query"], lang=record["lang"], highlight=False), record["answered"]
            )
            for record in records
        ]
        made = [
            Labeled(each.query, each.answered, each.articles if each.answered else ())
            for each in topic_questions(seen)
        ]
        return [*tests, *everyday], made, engine


def visible_articles(folder: Path) -> list[Article]:
    """The articles that everybody may see now; what nobody can see answers nothing."""
    with tempfile.TemporaryDirectory() as data:
        cache = BuildCache(Path(data) / "cache.sqlite")
        read = collect(folder, cache, UTC).articles
        cache.close()
    now = datetime.now(UTC)
    return [article for article in read if to_summary(article).visible(now, PUBLIC)]


def samples(
    engine: Engine, queries: Sequence[Labeled], arms: frozenset[str] | None = None
) -> list[Sample]:
    """Return the features of each query that has results, and whether the first one answers."""
    found: list[Sample] = []
    for each in queries:
        features = engine.answer_features(replace(each.query, arms=arms) if arms else each.query)
        if features is not None:
            right = not each.right or features.article_id in each.right
            found.append((features, each.answered and right))
    return found


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
    everyday, made, engine = of_samples(flags.articles, embedder)
    sources = [("sample articles", everyday, engine), (MADE, made, engine)]
    for name, queries, searched in (
        *sources,
        *of_collections(flags.data, embedder, flags.cache),
    ):
        both[name] = samples(searched, queries)
        keyword[name] = samples(searched, queries, KEYWORD)
    sheet = {"fitted_to": {name: len(found) for name, found in both.items()}}
    fitted = _fit(both, keyword, sheet)
    names = ("intercept", *answerability.FEATURES, *answerability.VECTOR_FEATURES)
    print("both arms:", dict(zip(names, fitted.both, strict=True)))
    print("keyword:", dict(zip(names, fitted.keyword, strict=False)))
    print(fitted.sheet)
    for arms, each in (("both", both), ("keyword", keyword)):
        for name, found in each.items():
            print(report(f"{name}, {arms}", fitted, found))
    print("\nfitted to the other sources:")
    for name, held_out in both.items():
        rest, rest_by_keyword = (
            {other: found for other, found in arms.items() if other != name}
            for arms in (both, keyword)
        )
        print(report(f"{name}, both", _fit(rest, rest_by_keyword, {}), held_out))
    if flags.write:
        answerability.write(SHIPPED, fitted)


def _fit(
    both: dict[str, list[Sample]], keyword: dict[str, list[Sample]], sheet: dict[str, Any]
) -> answerability.Calibration:
    shares = [MADE_SHARE if name == MADE else 1.0 for name in both]
    return calibration.fit(
        list(both.values()),
        list(keyword.values()),
        answerability.BUNDLED,
        STRICT,
        WEAK,
        sheet,
        shares,
    )


def report(name: str, fitted: answerability.Calibration, found: Sequence[Sample]) -> str:
    """Return the quality of the fit on one source.

    That is AUROC, false-answer@95 and the number of verdicts for answered and unanswered queries.
    """
    chances = [fitted.probability(features) for features, _ in found]
    known = [answered for _, answered in found]
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
