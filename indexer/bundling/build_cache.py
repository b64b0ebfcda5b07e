"""What a build need not do twice, in one SQLite file: rendered articles, their tokens, and vectors.

Vectors are keyed by the model's fingerprint and the text, apart from ids, so that an unchanged passage is never embedded
twice, wherever it moves. The file may be deleted at any time; the next build is slow once.
"""

from __future__ import annotations

import hashlib
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from indexer.model import ARTICLE_CODEC, ARTICLE_FIELDS, Article, Problem
from indexer.reading.files import SourceFile
from indexer.reading.markdown import VERSION as RENDER_VERSION
from search.analysis.analyzer import VERSION as ANALYSER_VERSION
from search.errors import ModelError
from search.index.contents import DocumentTokens
from search.ports import Embedder, Kind, Vector, in_bulk

log = logging.getLogger("indexer.bundling.build_cache")
# Texts between two saves, so that a build that is killed has lost little.
CHUNK = 64
_TABLES = """
create table if not exists articles (path text primary key, stamp text not null, record text, problems text not null);
create table if not exists tokens (key text primary key, tokens text not null) without rowid;
create table if not exists vectors (key text primary key, vector blob not null);
"""


@dataclass(frozen=True)
class CachedArticle:
    """A file as it was last read. ``article`` is the last good version."""

    article: Article | None
    problems: tuple[Problem, ...]


# (cache file, article's path) -> (stamp, what was kept under it).
_kept: dict[tuple[str, str], tuple[str, CachedArticle]] = {}
MOST_KEPT = 100_000
_FIELDS_HASH = hashlib.sha256(" ".join(ARTICLE_FIELDS).encode()).hexdigest()[:8]


class CacheCorruptError(Exception):
    """The file holds what no build wrote; it may be deleted."""


class BuildCache:
    """One builder at a time uses it, under the lock of the builds; its threads may share it."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        # sqlite3 keeps a connection whole when threads share it, but not what it is in the middle of.
        self._lock = threading.Lock()
        try:
            self._db = self._open(path)
        except sqlite3.OperationalError:  # a full disk, not a damaged file: what is in it is kept
            raise
        except sqlite3.DatabaseError as error:
            log.warning("%s was damaged (%s) and is made anew", path, error)
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

    # --- articles ------------------------------------------------------------------------------------------------

    def articles(self) -> dict[str, str]:
        """path -> stamp of every file read before."""
        return dict(self._rows("select path, stamp from articles"))

    @staticmethod
    def stamp(file: SourceFile, zone: str) -> str:
        """Changes with the file, the renderer, the fields of an article and the time zone that dates without one are read in."""
        return f"{file.size}:{file.mtime_ns}:{RENDER_VERSION}:{_FIELDS_HASH}:{zone}"

    def read(self, path: str, stamp: str) -> CachedArticle:
        """What was kept of a file under that stamp.

        Remembered while the process lives: a site that builds at every save reads again only what was saved.
        """
        place = (str(self._path), path)
        before = _kept.get(place)
        if before is None or before[0] != stamp:
            before = (stamp, self._stored(path))
            _kept[place] = before
            if len(_kept) > MOST_KEPT:
                del _kept[next(iter(_kept))]
        return before[1]

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
        """Remember a file as it is now; without an article the last good version stays."""
        found = orjson.dumps([vars(problem) for problem in problems]).decode()
        if article is None:
            statement = "insert into articles values (?, ?, null, ?) on conflict (path) do update set stamp = ?2, problems = ?3"
            self._write(statement, [(path, stamp, found)])
        else:
            record = ARTICLE_CODEC.encode(article).decode()
            self._write(
                "insert or replace into articles values (?, ?, ?, ?)",
                [(path, stamp, record, found)],
            )

    def forget_articles(self, paths: Iterable[str]) -> None:
        """Files that are gone."""
        self._write("delete from articles where path = ?", [(path,) for path in paths])

    def commit(self) -> None:
        """Make what was stored last."""
        with self._lock:
            self._db.commit()

    def _rows(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        with self._lock:
            return self._db.execute(statement, values).fetchall()

    def _write(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        with self._lock:
            self._db.executemany(statement, rows)

    # --- tokens --------------------------------------------------------------------------------------------------

    def tokens(self, keys: Sequence[str]) -> dict[str, DocumentTokens]:
        """The tokens known under some of the keys."""
        found: dict[str, DocumentTokens] = {}
        for start in range(0, len(keys), 500):
            part = keys[start : start + 500]
            marks = ",".join("?" * len(part))
            for key, stored in self._rows(
                f"select key, tokens from tokens where key in ({marks})", part
            ):
                found[key] = DocumentTokens(key, *orjson.loads(stored))
        return found

    def store_tokens(self, tokens: DocumentTokens) -> None:
        """Remember the tokens of a text."""
        stored = orjson.dumps(
            [tokens.words, tokens.bigrams, tokens.surfaces, tokens.named]
        ).decode()
        self._write("insert or replace into tokens values (?, ?)", [(tokens.key, stored)])

    # --- vectors -------------------------------------------------------------------------------------------------

    def vectors(
        self,
        embedder: Embedder,
        keys: Sequence[str],
        text: Callable[[int], str],
        kind: Kind,
        progress: Callable[[int, int], None],
    ) -> tuple[Vector, int]:
        """(the vectors of these keys, how many had to be embedded); ``text`` gives the text of a place, progress gets (done, to do)."""
        if not keys:
            return np.zeros((0, 0), np.float32), 0
        known = self._known_vectors(keys)
        missing = {key: text(place) for place, key in enumerate(keys) if key not in known}
        todo = sorted(missing.items(), key=lambda item: len(item[1]))
        with in_bulk(embedder, len(todo)) as encode:
            for start in range(0, len(todo), CHUNK):
                part = todo[start : start + CHUNK]
                made = encode([text for _, text in part], kind)
                if not np.isfinite(made).all():
                    raise ModelError(
                        "The embedding model returned values that are not numbers; choose another KB_EMBEDDING_MODEL."
                    )
                rows = [
                    (key, vector.astype("<f4").tobytes())
                    for (key, _), vector in zip(part, made, strict=True)
                ]
                self._write("insert or replace into vectors values (?, ?)", rows)
                self.commit()
                known.update({key: vector for (key, _), vector in zip(part, made, strict=True)})
                progress(min(start + CHUNK, len(todo)), len(todo))
        return np.stack([known[key] for key in keys]).astype(np.float32), len(todo)

    def _known_vectors(self, keys: Sequence[str]) -> dict[str, Vector]:
        known: dict[str, Vector] = {}
        unique = list(dict.fromkeys(keys))
        for start in range(0, len(unique), 500):
            part = unique[start : start + 500]
            marks = ",".join("?" * len(part))
            for key, blob in self._rows(
                f"select key, vector from vectors where key in ({marks})", part
            ):
                known[key] = np.frombuffer(blob, "<f4")
        return known

    def prune_tokens(self, used: set[str]) -> None:
        """Drop tokens that no article uses any more, once they are most of the table."""
        self._prune("tokens", used)

    def prune_vectors(self, used: set[str]) -> None:
        """The same for vectors."""
        self._prune("vectors", used)

    def _prune(self, table: str, used: set[str]) -> None:
        [(count,)] = self._rows(f"select count(*) from {table}")
        if count > 4 * len(used) + 1000:
            stored = [key for (key,) in self._rows(f"select key from {table}")]
            self._write(
                f"delete from {table} where key = ?", [(key,) for key in stored if key not in used]
            )
        self.commit()


def vector_key(fingerprint: str, kind: Kind, text: str) -> str:
    """Key of a text's vector under one model."""
    return hashlib.sha256(
        f"{fingerprint}\x00{kind}\x00{text}".encode("utf-8", "replace")
    ).hexdigest()[:40]


def in_language(lang: str, key: str) -> str:
    """The key of a centred question: the same text is centred otherwise in another language."""
    return f"{lang}:{key}"


def text_key(key: str) -> str:
    """The key of the text's own vector, whatever language it is centred in."""
    return key.rpartition(":")[2]


def token_key(lang: str, texts: Sequence[tuple[str, int]], open_to_all: bool) -> str:
    """Key of a document's tokens; whether they may feed spelling is part of it, since the index depends on it."""
    return hashlib.sha256(orjson.dumps([ANALYSER_VERSION, lang, open_to_all, texts])).hexdigest()[
        :40
    ]
