"""Measures retrieval quality on collections in BEIR format, through the real pipeline.

    python -m bench.retrieval --data DIR [--model NAME] [--model-dir DIR] [--cache FILE] [--json]

DIR contains corpus.jsonl (_id, title, text, optional questions), queries.jsonl and qrels/test.tsv.
It may contain learned.jsonl (questions confirmed as answered by an article) and unanswerable.txt
(ids of queries without an answer). If DIR is a folder of collections, each is measured. Queries
have no language, so that language detection is measured too.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ir_measures
import numpy as np
from ir_measures import AP, RR, R, Success, nDCG
from sklearn.metrics import roc_auc_score

from indexer.bundling.build_cache import BuildCache
from indexer.model import Article, Section
from indexer.publish import BuildContext, Source, publish
from search.analysis.language import detect
from search.embedding.background import BackgroundEmbedder
from search.embedding.loader import load_embedder
from search.engine import Engine
from search.index.bundle import Builds
from search.index.reader import open_corpus
from search.model import ARMS, Query
from search.ports import Embedder

DEPTH = 100
MEASURES = {
    "ndcg@10": nDCG @ 10,
    "map": AP @ DEPTH,
    "mrr@10": RR @ 10,
    "hit@1": Success @ 1,
    "recall@10": R @ 10,
}


@dataclass(frozen=True)
class Collection:
    """A test collection. ``relevant`` maps query id -> article id -> grade."""

    name: str
    articles: list[Article]
    queries: list[tuple[str, str]]
    relevant: Mapping[str, dict[str, int]]
    unanswerable: frozenset[str]


def load(folder: Path) -> Collection:
    """Read a collection; each document becomes an article with one section."""
    learned = defaultdict(list)
    for record in _records(folder / "learned.jsonl"):
        for article_id in record["corpus-ids"]:
            learned[article_id].append(record["text"])
    articles = [
        _article(record, learned[record["_id"]]) for record in _records(folder / "corpus.jsonl")
    ]
    queries = [(record["_id"], record["text"]) for record in _records(folder / "queries.jsonl")]
    unanswerable = folder / "unanswerable.txt"
    absent = (
        frozenset(unanswerable.read_text(encoding="utf-8").split())
        if unanswerable.is_file()
        else frozenset()
    )
    return Collection(folder.name, articles, queries, _qrels(folder / "qrels" / "test.tsv"), absent)


def _records(path: Path) -> Iterator[dict[str, Any]]:
    if path.is_file():
        with path.open(encoding="utf-8") as file:
            yield from (json.loads(line) for line in file if line.strip())


def _article(record: dict[str, Any], learned: Sequence[str]) -> Article:
    title, text = record.get("title") or record["text"][:80], record.get("text", "")
    questions = tuple(record.get("questions", ()))
    lang = detect("\n".join([title, text, *questions]), ("ja", "en"))
    sections = (Section("", "", 0, text),) if text.strip() else ()
    name = record["_id"]
    return Article(
        name,
        lang,
        title,
        "bench",
        slug=name,
        path=name,
        questions=questions,
        confirmed_questions=tuple(learned),
        sections=sections,
    )


def _qrels(path: Path) -> dict[str, dict[str, int]]:
    relevant: dict[str, dict[str, int]] = defaultdict(dict)
    for line in path.read_text(encoding="utf-8").splitlines()[1:]:
        query_id, article_id, grade = line.split("\t")
        relevant[query_id][article_id] = int(grade)
    return relevant


def make_engine(collection: Collection, embedder: Embedder, data: Path, cache_file: Path) -> Engine:
    """Build the collection's bundle and open it."""
    builds = Builds(data / collection.name)
    cache = BuildCache(cache_file)
    try:
        with builds.building() as work:
            publish(
                BuildContext(builds, work, embedder, cache, _progress),
                Source(collection.articles, data, {}),
            )
    finally:
        cache.close()
    return Engine(open_corpus(builds.open_current()), embedder)


def measure(collection: Collection, engine: Engine) -> dict[str, Any]:
    """Return the figures of each arm and, with unanswerable queries, of the verdict."""
    arms = {arm: _run(collection, engine, frozenset({arm})) for arm in ARMS}
    hybrid, chances = _hybrid(collection, engine)
    arms["hybrid"] = hybrid
    answered = {
        query_id: grades
        for query_id, grades in collection.relevant.items()
        if query_id not in collection.unanswerable
    }
    report: dict[str, Any] = {"arms": {arm: _figures(run, answered) for arm, run in arms.items()}}
    if collection.unanswerable:
        report["answerability"] = answerability(chances, collection.unanswerable)
    return report


def _figures(run: Sequence[Any], answered: Mapping[str, dict[str, int]]) -> dict[str, float]:
    aggregated = ir_measures.calc_aggregate(
        list(MEASURES.values()), answered, [row for row in run if row.query_id in answered]
    )
    return {name: round(float(aggregated[measure]), 4) for name, measure in MEASURES.items()}


def _run(collection: Collection, engine: Engine, arms: frozenset[str]) -> list[Any]:
    rows: list[Any] = []
    for query_id, text in collection.queries:
        results = engine.search(Query(text, limit=DEPTH, arms=arms, highlight=False))
        rows += [
            ir_measures.ScoredDoc(query_id, hit.article_id, float(-rank))
            for rank, hit in enumerate(results.hits)
        ]
    return rows


def _hybrid(collection: Collection, engine: Engine) -> tuple[list[Any], dict[str, float]]:
    rows: list[Any] = []
    chances: dict[str, float] = {}
    plain = Query("", limit=DEPTH, highlight=False)
    for query_id, text in collection.queries:
        results = engine.search(replace(plain, text=text))
        chances[query_id] = results.probability
        rows += [
            ir_measures.ScoredDoc(query_id, hit.article_id, float(-rank))
            for rank, hit in enumerate(results.hits)
        ]
    return rows, chances


def answerability(chances: Mapping[str, float], unanswerable: frozenset[str]) -> dict[str, float]:
    """Return AUROC, and the share of unanswerable queries that are still answered.

    The threshold keeps 95 % of the answerable queries.
    """
    names = list(chances)
    answerable = np.array([name not in unanswerable for name in names])
    scores = np.array([chances[name] for name in names])
    threshold = np.percentile(scores[answerable], 5)
    return {
        "auroc": round(float(roc_auc_score(answerable, scores)), 4),
        "false_answer@95": round(float((scores[~answerable] >= threshold).mean()), 4),
    }


def highlight(name: str, report: Mapping[str, Any]) -> str:
    """Format the report as a table."""
    lines = [f"{name:24s}" + "".join(f"{measure:>11s}" for measure in MEASURES)]
    lines += [
        f"  {arm:22s}" + "".join(f"{figures[measure]:11.3f}" for measure in MEASURES)
        for arm, figures in report["arms"].items()
    ]
    if "answerability" in report:
        lines.append(
            "  verdict: "
            + ", ".join(f"{key} {value:.3f}" for key, value in report["answerability"].items())
        )
    return "\n".join(lines)


def _progress(label: str, done: int, total: int) -> None:
    if sys.stderr.isatty():
        print(
            f"\r{label} {done}/{total}   ",
            end="\n" if done == total else "",
            file=sys.stderr,
            flush=True,
        )


def collections(folder: Path) -> list[Path]:
    """Return the collection in a folder, or those in its subfolders."""
    if (folder / "corpus.jsonl").is_file():
        return [folder]
    return sorted(path.parent for path in folder.glob("*/corpus.jsonl"))


def main() -> None:
    """Parse the flags, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument(
        "--data", type=Path, required=True, help="collection in BEIR format, or a folder of them"
    )
    parser.add_argument(
        "--model", default="", help="like KB_EMBEDDING_MODEL (default: the bundled model)"
    )
    parser.add_argument(
        "--model-dir",
        type=Path,
        default=Path("var/model"),
        help="folder of the unpacked bundled model",
    )
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path("var/bench/cache.sqlite"),
        help="cache of the vectors",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="print one JSON object (keyed by collection if there are several)",
    )
    flags = parser.parse_args()
    # BackgroundEmbedder caches query vectors, so that each query is embedded once for all arms.
    embedder = BackgroundEmbedder(
        lambda: load_embedder(flags.model, flags.model_dir, progress=_progress)
    )
    embedder.start()
    if not embedder.wait():
        parser.error(embedder.failure)
    folders = collections(flags.data)
    if not folders:
        parser.error(f"{flags.data} and its subfolders contain no corpus.jsonl; check --data")
    reports: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as data:
        for folder in folders:
            collection = load(folder)
            reports[folder.name] = measure(
                collection, make_engine(collection, embedder, Path(data), flags.cache)
            )
            if not flags.json:
                print(highlight(folder.name, reports[folder.name]), flush=True)
    if flags.json:
        print(json.dumps(next(iter(reports.values())) if len(folders) == 1 else reports))


if __name__ == "__main__":
    main()
