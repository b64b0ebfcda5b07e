"""Adapters for the search engines that bench/speed.py compares with, used as they document it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from search.analysis.analyzer import analyser
from search.model import Passage
from search.ports import Encode, Vector

Search = Callable[[str], Any]
K = 10


def txtai_index(model: Path, passages: Sequence[Passage], ready: Encode | None = None) -> Any:
    """Return a txtai hybrid index: BM25, and vectors of the same model (fp32).

    ``ready`` supplies the passage vectors if given.
    """
    from txtai import Embeddings

    embeddings = Embeddings(
        path=str(model), hybrid=True, instructions={"query": "query: ", "data": "passage: "}
    )
    rows = [(number, passage.embedded_text) for number, passage in enumerate(passages)]
    if ready is None:
        embeddings.index(rows)
        return embeddings
    # Indexing something loads the model; queries are then embedded by txtai itself.
    embeddings.index(rows[:2])
    building = True

    def transform(texts: Sequence[str]) -> Vector:
        return (
            ready(list(texts), "passage")
            if building
            else embeddings.batchtransform(list(texts), "query")
        )

    external = Embeddings(method="external", transform=transform, hybrid=True)
    external.index(rows)
    building = False
    return external


def tantivy_search(passages: Sequence[Passage]) -> Search:
    """Return a tantivy search over our words and bigrams; tantivy has no Japanese tokenizer."""
    import tantivy

    schema = (
        tantivy.SchemaBuilder()
        .add_integer_field("row", stored=True)
        .add_text_field("text", tokenizer_name="whitespace")
        .build()
    )
    index = tantivy.Index(schema)
    writer = index.writer()
    for row, passage in enumerate(passages):
        writer.add_document(
            tantivy.Document(row=row, text=_tokens(passage.embedded_text, passage.lang))
        )
    writer.commit()
    index.reload()
    searcher = index.searcher()
    return lambda analysed: searcher.search(index.parse_query(analysed, ["text"]), K)


def tantivy_query(text: str, lang: str) -> str:
    """Return a query for tantivy, tokenized in advance so that this is not timed."""
    return _tokens(text, lang)


def _tokens(text: str, lang: str) -> str:
    analysed = analyser(lang).analyse(text)
    return " ".join(
        token.replace('"', "") for token in (*analysed.words, *analysed.bigrams) if token.isalnum()
    )


def whoosh_search(passages: Sequence[Passage], folder: Path | None = None) -> Search:
    """Return a plain Whoosh search: English stems, Japanese bigrams, OR of all terms, top K."""
    from whoosh import fields, index, qparser
    from whoosh.analysis import NgramWordAnalyzer, StemmingAnalyzer

    schema = fields.Schema(
        row=fields.STORED,
        en=fields.TEXT(StemmingAnalyzer()),
        ja=fields.TEXT(NgramWordAnalyzer(2, 2)),
    )
    whoosh_index = index.create_in(str(folder or tempfile.mkdtemp()), schema)
    writer = whoosh_index.writer(limitmb=256)
    for row, passage in enumerate(passages):
        writer.add_document(
            row=row, **{passage.lang if passage.lang == "ja" else "en": passage.embedded_text}
        )
    writer.commit()
    searcher = whoosh_index.searcher()
    parser = qparser.MultifieldParser(["en", "ja"], schema, group=qparser.OrGroup)
    return lambda text: searcher.search(parser.parse(text), limit=K)
