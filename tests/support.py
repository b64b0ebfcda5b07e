"""Small articles and engines for tests, built from the package's in-memory parts."""

from __future__ import annotations

import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from flask import Flask
from sqlalchemy import Engine as DatabaseEngine
from sqlalchemy import Table, func, select
from werkzeug.serving import make_server

from indexer.build import Paths, build
from indexer.bundling.passages import keyword_text, question_texts, to_passages
from indexer.bundling.tokens import tokenise
from indexer.model import Article, BuildReport, Section, to_document
from kb_app.db.engine import migrate, open_database
from kb_app.services.container import Services, build_services
from kb_app.settings import Settings, load_settings
from search.embedding.background import DisabledEmbedder
from search.engine import Engine
from search.index.autocomplete import Entry, build_suggest
from search.index.bundle import Builds
from search.index.corpus import Corpus, LexicalIndex, SemanticIndex
from search.index.reader import open_corpus
from search.index.synonyms import Rule, Synonyms
from search.index.units import embedded_units
from search.ports import Embedder
from search.testing import HashEmbedder, MemoryKeywordIndex, MemoryLexicalScorer, MemoryVectors
from search.vectors.centering import centre, centres_of
from search.vectors.cosine_scale import Scale
from search.vectors.unit_vectors import UnitVectors

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
PUBLIC = frozenset({"public"})


def article(name: str, title: str, text: str = "", **values: Any) -> Article:
    """An article with one section, in Japanese by default."""
    sections = (Section("", "", 0, text),) if text else ()
    defaults: dict[str, Any] = {
        "lang": "ja",
        "section": "orders",
        "slug": name,
        "type": "faq",
        "path": f"ja/orders/{name}.md",
        "sections": sections,
    }
    return Article(id=name, title=title, **(defaults | values))


def memory_engine(articles: Sequence[Article], embedder: Embedder | None = None) -> Engine:
    """An engine over the in-memory parts; keyword search only without an embedder."""
    documents = [to_document(one) for one in articles]
    passages = [passage for one in articles for passage in to_passages(one)]
    rows = {document.id: row for row, document in enumerate(documents)}
    tokens = [tokenise(one, one.id) for one in articles]
    lexical = {}
    for lang in sorted({document.lang for document in documents}):
        own = [row for row, document in enumerate(documents) if document.lang == lang]
        words, bigrams = (
            MemoryLexicalScorer([tokens[row].words for row in own]),
            MemoryLexicalScorer([tokens[row].bigrams for row in own]),
        )
        lexical[lang] = LexicalIndex(np.array(own), words, bigrams)
    entries = [
        Entry(row, text, text == one.title)
        for row, one in enumerate(articles)
        for text in question_texts(one)
    ]
    corpus = Corpus(
        documents=documents,
        passage=lambda row: passages[row],
        named=lambda row: tokens[row].named,
        passage_documents=np.array([rows[passage.article_id] for passage in passages]),
        lexical=lexical,
        keyword=MemoryKeywordIndex(
            [
                (one.id, one.lang, " \n ".join(text for text, _ in keyword_text(one)))
                for one in articles
            ]
        ),
        suggest=build_suggest(entries, [documents[entry.document].lang for entry in entries]),
        semantic=_meaning(articles, passages, embedder) if embedder else None,
        version="memory",
    )
    return Engine(corpus, embedder or DisabledEmbedder())


def _meaning(
    articles: Sequence[Article], passages: Sequence[Any], embedder: Embedder
) -> SemanticIndex:
    asked = [(row, text) for row, one in enumerate(articles) for text in question_texts(one)]
    vectors, langs = (
        embedder.encode([text for _, text in asked], "query"),
        [articles[row].lang for row, _ in asked],
    )
    centres = centres_of(vectors, langs, embedder.calibrated)
    units = [embedded_units(passage) for passage in passages]
    return SemanticIndex(
        MemoryVectors(embedder.encode([passage.embedded_text for passage in passages], "passage")),
        MemoryVectors(centre(vectors, langs, centres)),
        UnitVectors.of(
            embedder.encode([text for texts in units for text in texts], "passage"),
            list(map(len, units)),
        ),
        np.array([row for row, _ in asked]),
        centres,
        embedder.fingerprint,
        None if embedder.calibrated else Scale(0.2, 0.12),
        None if embedder.calibrated else Scale(0.0, 0.15),
    )


def write_article(
    folder: Path, name: str, title: str = "題名", body: str = "本文です。", **front: Any
) -> Path:
    """Write a Markdown file with front matter, including the id."""
    import json

    values = {"id": name.replace("/", "-").removesuffix(".md"), "title": title} | front
    dates = ("publish_at", "expire_at", "updated", "review_by")
    shown = {
        key: value if key in dates else json.dumps(value, ensure_ascii=False)
        for key, value in values.items()
    }
    lines = [f"{key}: {value}" for key, value in shown.items() if values[key] is not None]
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("---\n" + "\n".join(lines) + "\n---\n" + body, encoding="utf-8")
    return path


def build_folder(folder: Path, data: Path, embedder: Embedder | None = None) -> BuildReport:
    """Index a folder with the given embedder, by default the hash embedder."""
    return build(Paths(folder, data), embedder or HashEmbedder())


def open_engine(data: Path, embedder: Embedder | None = None) -> Engine:
    """Open the engine over the current bundle of a data folder."""
    return Engine(open_corpus(Builds(data / "index").open_current()), embedder or HashEmbedder())


def make_settings(folder: Path, data: Path, **given: Any) -> Settings:
    """Settings for a test site, with the overrides of a test."""
    defaults: dict[str, Any] = {
        "site_name": "Test Help",
        "contact_mail": "help@example.com",
        "rate_limit": "off",
    }
    return load_settings(articles=folder, data=data, **(defaults | given))


def make_services(
    folder: Path, data: Path, embedder: Embedder | None = None, **given: Any
) -> Services:
    """Services over a built folder, with a fixed clock."""
    return build_services(
        make_settings(folder, data, **given), embedder=embedder or HashEmbedder(), clock=lambda: NOW
    )


@cache
def _empty_database() -> Path:
    """A migrated SQLite database without rows, made once in a test run."""
    file = Path(tempfile.mkdtemp()) / "empty.sqlite"
    engine = open_database(f"sqlite:///{file}")
    migrate(engine)
    engine.dispose()
    return file


def migrate_quickly(engine: DatabaseEngine) -> None:
    """Migrate a database; a new SQLite file is copied from an empty one instead."""
    target = engine.url.database
    if engine.dialect.name != "sqlite" or not target or Path(target).exists():
        migrate(engine)
        return
    Path(target).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(_empty_database(), target)


def new_database(folder: Path) -> DatabaseEngine:
    """An empty SQLite database in a folder."""
    engine = open_database(f"sqlite:///{folder / 'kb.sqlite'}")
    migrate_quickly(engine)
    return engine


def count_rows(engine: DatabaseEngine, table: Table) -> int:
    """Count the rows of a table."""
    with engine.connect() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


@contextmanager
def fast_thread_switching() -> Iterator[None]:
    """Switch threads every 0.02 ms instead of 5 ms, so that race conditions show up."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.00002)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def with_synonyms(engine: Engine, rules: Sequence[Rule]) -> Engine:
    """The same engine with synonyms."""
    return Engine(replace(engine.corpus, synonyms=Synonyms.of(rules)), DisabledEmbedder())


@contextmanager
def serving(app: Flask) -> Iterator[str]:
    """Serve an app on a free port until the end of the block; gives its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
