"""The peers that bench/speed.py measures beside us, each used as its own documentation does."""

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
    """A txtai hybrid index (BM25 and vectors of the same model, fp32). ``ready`` makes the passages' vectors where given."""
    from txtai import Embeddings

    own = Embeddings(
        path=str(model), hybrid=True, instructions={"query": "query: ", "data": "passage: "}
    )
    rows = [(number, passage.embedded_text) for number, passage in enumerate(passages)]
    if ready is None:
        own.index(rows)
        return own
    # The model is loaded by indexing something; questions are then embedded by txtai's own way.
    own.index(rows[:2])
    building = True

    def transform(texts: Sequence[str]) -> Vector:
        return (
            ready(list(texts), "passage") if building else own.batchtransform(list(texts), "query")
        )

    fed = Embeddings(method="external", transform=transform, hybrid=True)
    fed.index(rows)
    building = False
    return fed


def tantivy_search(passages: Sequence[Passage]) -> Search:
    """tantivy over the words and bigrams that our own analysis gives (its own has none for Japanese)."""
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
    """A question as tantivy is asked it: analysed outside of what is timed."""
    return _tokens(text, lang)


def _tokens(text: str, lang: str) -> str:
    analysed = analyser(lang).analyse(text)
    return " ".join(
        token.replace('"', "") for token in (*analysed.words, *analysed.bigrams) if token.isalnum()
    )


def whoosh_search(passages: Sequence[Passage], folder: Path | None = None) -> Search:
    """Plain Whoosh: stemming for English, bigrams for Japanese, any of the words, the best ten."""
    from whoosh import fields, index, qparser
    from whoosh.analysis import NgramWordAnalyzer, StemmingAnalyzer

    schema = fields.Schema(
        row=fields.STORED,
        en=fields.TEXT(StemmingAnalyzer()),
        ja=fields.TEXT(NgramWordAnalyzer(2, 2)),
    )
    made = index.create_in(str(folder or tempfile.mkdtemp()), schema)
    writer = made.writer(limitmb=256)
    for row, passage in enumerate(passages):
        writer.add_document(
            row=row, **{passage.lang if passage.lang == "ja" else "en": passage.embedded_text}
        )
    writer.commit()
    searcher = made.searcher()
    parser = qparser.MultifieldParser(["en", "ja"], schema, group=qparser.OrGroup)
    return lambda text: searcher.search(parser.parse(text), limit=K)
