"""SQLite cache of a build: rendered articles, their tokens and vectors.

Vectors are keyed by model fingerprint and text, not by article, so that a text is never embedded
twice. The file can be deleted at any time; the next build is then slow once.
"""

from __future__ import annotations

import hashlib
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import orjson

from indexer.model import ARTICLE_CODEC, ARTICLE_FIELDS, Article, Problem
from indexer.reading.files import SourceFile
from indexer.reading.markdown.render import VERSION as RENDER_VERSION
from search.analysis.analyzer import VERSION as ANALYSER_VERSION
from search.errors import ModelError
from search.index.contents import DocumentTokens
from search.ports import Embedder, Kind, Vector, in_bulk

log = logging.getLogger("indexer.bundling.build_cache")
# Texts per commit; a killed build loses at most this many vectors.
CHUNK = 64
_TABLES = """
create table if not exists articles (
    path text primary key, stamp text not null, record text, problems text not null
);
create table if not exists tokens (key text primary key, tokens text not null) without rowid;
create table if not exists file_words (key text primary key, words text not null) without rowid;
create table if not exists vectors (key text primary key, vector blob not null);
"""


@dataclass(frozen=True)
class CachedArticle:
    """A file as it was last read. ``article`` is the last valid version."""

    article: Article | None
    problems: tuple[Problem, ...]


class VectorStore(Protocol):
    """Vectors that several nodes share, as little-endian float32."""

    def load(self, keys: Sequence[str]) -> dict[str, bytes]:
        """Return those of the keys that are known."""

    def store(self, vectors: Mapping[str, bytes]) -> dict[str, bytes]:
        """Store vectors; returns those that count, which another node may have made before."""

    def prune(self, used: Set[str]) -> None:
        """Delete unused vectors once they are most of them."""

    def alone(self) -> AbstractContextManager[None]:
        """Wait for a node that embeds many texts, and hold others up meanwhile."""


# (cache file, article path) -> (stamp, cached article).
_kept: dict[tuple[str, str], tuple[str, CachedArticle]] = {}
MOST_KEPT = 100_000
_FIELDS_HASH = hashlib.sha256(" ".join(ARTICLE_FIELDS).encode()).hexdigest()[:8]


class CacheCorruptError(Exception):
    """The cache file has unexpected content. It can be deleted."""


class BuildCache:
    """One build at a time uses the cache, under the build lock; its threads may share it.

    ``shared`` has the vectors of all nodes of a site; None where there is one node.
    """

    def __init__(self, path: Path, shared: VectorStore | None = None) -> None:
        self.shared = shared
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        # sqlite3 serialises calls on a shared connection, but not whole transactions.
        self._lock = threading.Lock()
        try:
            self._db = self._open(path)
        except sqlite3.OperationalError:  # e.g. a full disk; the file itself is intact
            raise
        except sqlite3.DatabaseError as error:
            log.warning("%s is damaged (%s) and is created again", path, error)
            path.unlink()
            self._db = self._open(path)

    @staticmethod
    def _open(path: Path) -> sqlite3.Connection:
        connection = sqlite3.connect(path, check_same_thread=False)
        connection.execute("pragma journal_mode=wal")
        connection.execute("pragma synchronous=normal")
        connection.executescript(_TABLES)
        return connection

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    # --- articles ------------------------------------------------------------------------------

    def articles(self) -> dict[str, str]:
        """Return path -> stamp of every cached file."""
        return dict(self._rows("select path, stamp from articles"))

    @staticmethod
    def stamp(file: SourceFile, zone: str, layout: str = "") -> str:
        """Return a key that changes with everything that affects the parsed article.

        That is the file, the renderer, the article's fields, the time zone of dates without one,
        and the layout of the folder.
        """
        return (
            f"{file.size}:{file.mtime_ns}:{file.changed}:{layout}:{RENDER_VERSION}:"
            f"{_FIELDS_HASH}:{zone}"
        )

    def read(self, path: str, stamp: str) -> CachedArticle:
        """Return the cached article of a file with this stamp.

        Cached in memory for the life of the process, so that a rebuild after a save reads only the
        changed files (ADR 0016).
        """
        key = (str(self._path), path)
        cached = _kept.get(key)
        if cached is None or cached[0] != stamp:
            cached = (stamp, self._stored(path))
            _kept[key] = cached
            if len(_kept) > MOST_KEPT:
                del _kept[next(iter(_kept))]
        return cached[1]

    def _stored(self, path: str) -> CachedArticle:
        [(record, problems)] = self._rows(
            "select record, problems from articles where path = ?", (path,)
        )
        try:
            article = ARTICLE_CODEC.decode(record.encode()) if record else None
            return CachedArticle(
                article, tuple(Problem(**problem) for problem in orjson.loads(problems))
            )
        except (ValueError, KeyError, TypeError) as error:
            raise CacheCorruptError(str(error)) from error

    def store_article(
        self, path: str, stamp: str, article: Article | None, problems: Sequence[Problem]
    ) -> None:
        """Cache a file as it is now. Without an article, the last valid version stays."""
        encoded = orjson.dumps([vars(problem) for problem in problems]).decode()
        _kept.pop((str(self._path), path), None)
        if article is None:
            statement = (
                "insert into articles values (?, ?, null, ?) "
                "on conflict (path) do update set stamp = ?2, problems = ?3"
            )
            self._write(statement, [(path, stamp, encoded)])
        else:
            record = ARTICLE_CODEC.encode(article).decode()
            self._write(
                "insert or replace into articles values (?, ?, ?, ?)",
                [(path, stamp, record, encoded)],
            )

    def file_words(self, key: str) -> str | None:
        """The words of a file beside articles; None if they are not known."""
        rows = self._rows("select words from file_words where key = ?", (key,))
        return str(rows[0][0]) if rows else None

    def store_file_words(self, key: str, words: str) -> None:
        """Cache the words of a file."""
        self._write("insert or replace into file_words values (?, ?)", [(key, words)])

    def forget_articles(self, paths: Iterable[str]) -> None:
        """Delete the entries of files that no longer exist."""
        self._write("delete from articles where path = ?", [(path,) for path in paths])

    def commit(self) -> None:
        """Commit the transaction."""
        with self._lock:
            self._db.commit()

    def _rows(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        with self._lock:
            return self._db.execute(statement, values).fetchall()

    def _write(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        with self._lock:
            self._db.executemany(statement, rows)

    # --- tokens --------------------------------------------------------------------------------

    def tokens(self, keys: Sequence[str]) -> dict[str, DocumentTokens]:
        """Return the cached tokens by key."""
        tokens: dict[str, DocumentTokens] = {}
        for start in range(0, len(keys), 500):
            part = keys[start : start + 500]
            placeholders = ",".join("?" * len(part))
            for key, stored in self._rows(
                f"select key, tokens from tokens where key in ({placeholders})", part
            ):
                tokens[key] = DocumentTokens(key, *orjson.loads(stored))
        return tokens

    def store_tokens(self, tokens: DocumentTokens) -> None:
        """Cache the tokens of an article."""
        stored = orjson.dumps(
            [tokens.words, tokens.bigrams, tokens.surfaces, tokens.named]
        ).decode()
        self._write("insert or replace into tokens values (?, ?)", [(tokens.key, stored)])

    # --- vectors -------------------------------------------------------------------------------

    def vectors(
        self,
        embedder: Embedder,
        keys: Sequence[str],
        text: Callable[[int], str],
        kind: Kind,
        progress: Callable[[int, int], None],
    ) -> tuple[Vector, int]:
        """Return (vectors of the keys, number of texts that had to be embedded).

        The vectors have shape (len(keys), dimension), float32. ``text`` maps a position in ``keys``
        to its text; ``progress`` gets (done, total). Raises ModelError if the model returns values
        that are not numbers.
        """
        if not keys:
            return np.zeros((0, 0), np.float32), 0
        known = self._known_vectors(keys)
        missing = {key: text(position) for position, key in enumerate(keys) if key not in known}
        self._take_shared(missing, known)
        many = self.shared is not None and len(missing) > CHUNK
        with self.shared.alone() if self.shared and many else nullcontext():
            if many:  # another node may have made them while this one waited
                self._take_shared(missing, known)
            self._embed(embedder, missing, kind, known, progress)
        return np.stack([known[key] for key in keys]).astype(np.float32), len(missing)

    def _take_shared(self, missing: dict[str, str], known: dict[str, Vector]) -> None:
        """Move the vectors that another node made from ``missing`` to ``known``."""
        found = self.shared.load(list(missing)) if self.shared and missing else {}
        self._keep_vectors(found, known)
        for key in found:
            del missing[key]

    def _embed(
        self,
        embedder: Embedder,
        missing: Mapping[str, str],
        kind: Kind,
        known: dict[str, Vector],
        progress: Callable[[int, int], None],
    ) -> None:
        todo = sorted(missing.items(), key=lambda item: len(item[1]))
        with in_bulk(embedder, len(todo)) as encode:
            for start in range(0, len(todo), CHUNK):
                part = todo[start : start + CHUNK]
                encoded = encode([text for _, text in part], kind)
                if not np.isfinite(encoded).all():
                    raise ModelError(
                        "The embedding model returned values that are not numbers. "
                        "Set KB_EMBEDDING_MODEL to another model."
                    )
                made = {
                    key: vector.astype("<f4").tobytes()
                    for (key, _), vector in zip(part, encoded, strict=True)
                }
                self._keep_vectors(self.shared.store(made) if self.shared else made, known)
                progress(min(start + CHUNK, len(todo)), len(todo))

    def _keep_vectors(self, made: Mapping[str, bytes], known: dict[str, Vector]) -> None:
        self._write("insert or replace into vectors values (?, ?)", list(made.items()))
        self.commit()
        known.update({key: np.frombuffer(vector, "<f4") for key, vector in made.items()})

    def _known_vectors(self, keys: Sequence[str]) -> dict[str, Vector]:
        known: dict[str, Vector] = {}
        unique = list(dict.fromkeys(keys))
        for start in range(0, len(unique), 500):
            part = unique[start : start + 500]
            placeholders = ",".join("?" * len(part))
            for key, blob in self._rows(
                f"select key, vector from vectors where key in ({placeholders})", part
            ):
                known[key] = np.frombuffer(blob, "<f4")
        return known

    def prune_tokens(self, used: set[str]) -> None:
        """Delete unused tokens once they are most of the table."""
        self._prune("tokens", used)

    def prune_vectors(self, used: Set[str]) -> None:
        """Delete unused vectors once they are most of the table."""
        self._prune("vectors", used)
        if self.shared:
            self.shared.prune(used)

    def _prune(self, table: str, used: Set[str]) -> None:
        [(count,)] = self._rows(f"select count(*) from {table}")
        if count > 4 * len(used) + 1000:
            stored = [key for (key,) in self._rows(f"select key from {table}")]
            self._write(
                f"delete from {table} where key = ?", [(key,) for key in stored if key not in used]
            )
        self.commit()


def vector_key(fingerprint: str, kind: Kind, text: str) -> str:
    """Return the key of a text's vector under one model."""
    return hashlib.sha256(
        f"{fingerprint}\x00{kind}\x00{text}".encode("utf-8", "replace")
    ).hexdigest()[:40]


def in_language(lang: str, key: str) -> str:
    """Return the key of a centered question vector; centering depends on the language."""
    return f"{lang}:{key}"


def text_key(key: str) -> str:
    """Return the key of the uncentered vector of the same text, for any language."""
    return key.rpartition(":")[2]


def token_key(lang: str, texts: Sequence[tuple[str, int]], open_to_all: bool) -> str:
    """Return the key of a document's tokens.

    ``open_to_all`` is part of it, because only documents open to all feed the spelling index.
    """
    return hashlib.sha256(orjson.dumps([ANALYSER_VERSION, lang, open_to_all, texts])).hexdigest()[
        :40
    ]
