"""Embeddings of logged queries, cached in the database: each is computed once per model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from sqlalchemy import Engine, select

from kb_app.analytics.model import ActionEvent, QueryEvent
from kb_app.analytics.ports import Encode, Vectors
from kb_app.analytics.text_key import text_key
from kb_app.db import schema
from kb_app.db.writing import ROWS, insert_new

CHUNK = 256
# Vectors kept between calls; most texts are asked once, and a year of them does not fit in memory.
KEPT = 20_000
TextInLanguage = tuple[str, str]
"""(text, language)"""


class QuestionVectors:
    """Reads embeddings from the cache and computes the missing ones."""

    def __init__(self, engine: Engine, encode: Encode | None) -> None:
        self._engine = engine
        self._encode = encode
        self._memory: dict[str, Vectors] = {}

    @property
    def fingerprint(self) -> str:
        """Identifies the embedding model; "" without a model."""
        return self._encode.fingerprint if self._encode else ""

    def of(self, texts: Sequence[TextInLanguage]) -> dict[TextInLanguage, Vectors]:
        """The embedding of each (text, language); empty without a model."""
        if self._encode is None:
            return {}
        keys = {pair: self._key(*pair) for pair in dict.fromkeys(texts) if pair[0].strip()}
        if len(self._memory) > KEPT:
            self._memory = {key: self._memory[key] for key in keys.values() if key in self._memory}
        self._read([key for key in keys.values() if key not in self._memory])
        self._make({key: pair for pair, key in keys.items() if key not in self._memory})
        return {pair: self._memory[key] for pair, key in keys.items()}

    def of_events(
        self, queries: Sequence[QueryEvent], actions: Sequence[ActionEvent] = ()
    ) -> Mapping[str, Vectors]:
        """Embeddings by query id, and by event id for actions with the attribute ``text``."""
        pairs = {query.query_id: (query.user_query, query.language) for query in queries}
        pairs |= {
            action.event_id: (str(action.attributes["text"]), action.language)
            for action in actions
            if action.attributes.get("text")
        }
        vectors = self.of(list(pairs.values()))
        return {name: vectors[pair] for name, pair in pairs.items() if pair in vectors}

    def _key(self, text: str, lang: str) -> str:
        """The key of the text, by which it is removed, and that of the text with its model."""
        return text_key(text) + text_key(text, lang, self.fingerprint)[:24]

    def _read(self, keys: Sequence[str]) -> None:
        table = schema.query_vectors
        with self._engine.connect() as connection:
            for start in range(0, len(keys), ROWS):
                rows = connection.execute(
                    select(table).where(table.c.key.in_(keys[start : start + ROWS]))
                )
                self._memory.update({key: np.frombuffer(blob, "<f4") for key, blob in rows})

    def _make(self, missing: Mapping[str, TextInLanguage]) -> None:
        assert self._encode is not None  # noqa: S101, of() checks this first
        pending = list(missing.items())
        for start in range(0, len(pending), CHUNK):
            chunk = pending[start : start + CHUNK]
            encoded = self._encode(
                [text for _, (text, _) in chunk], [lang for _, (_, lang) in chunk]
            )
            rows = [
                {"key": key, "vector": vector.astype("<f4").tobytes()}
                for (key, _), vector in zip(chunk, encoded, strict=True)
            ]
            with self._engine.begin() as connection:
                insert_new(connection, schema.query_vectors, rows)
            self._memory.update(
                {key: vector for (key, _), vector in zip(chunk, encoded, strict=True)}
            )
