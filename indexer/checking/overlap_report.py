"""Prints the articles of an index that tell the same or contradict each other."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from indexer.article_store import ArticleStore
from indexer.checking.overlaps import Overlap, overlaps
from indexer.errors import IndexerError
from indexer.model import ArticleSummary
from search.index.bundle import Builds
from search.index.reader import open_corpus
from search.ports import Embedder

_SAID = {"duplicate": "tell the same", "contradiction": "contradict each other"}


def report_overlaps(data: Path, embedder: Embedder, *, as_json: bool) -> None:
    """Compare the articles of the current index and print what is found.

    Raises BundleError without an index, IndexerError for one without vectors.
    """
    bundle = Builds(data / "index").open_current()
    cards, corpus = ArticleStore.open(bundle).summaries, open_corpus(bundle)
    if corpus.semantic is None:
        raise IndexerError(
            "This index has no vectors (keyword search only), so that nothing can be compared. "
            "Run: python -m indexer build"
        )
    found = overlaps(corpus, embedder)
    if as_json:
        print(_json(found, cards))
        return
    for one in found:
        print(_lines(one, cards))
    print(f"{len(found)} pairs of {len(cards)} articles")


def _lines(one: Overlap, cards: Mapping[str, ArticleSummary]) -> str:
    paths = cards[one.one].path, cards[one.other].path
    head = f"{paths[0]} and {paths[1]} {_SAID[one.kind]} (probability {one.probability:.2f})."
    quotes = [
        f"    {path}: {quote}" for path, quote in zip(paths, one.quotes, strict=True) if quote
    ]
    return "\n".join([head, *quotes])


def _json(found: list[Overlap], cards: Mapping[str, ArticleSummary]) -> str:
    import json

    rows = [
        {
            "kind": one.kind,
            "paths": [cards[one.one].path, cards[one.other].path],
            "probability": round(one.probability, 4),
            "quotes": list(one.quotes),
        }
        for one in found
    ]
    return json.dumps(rows, ensure_ascii=False, indent=1)
