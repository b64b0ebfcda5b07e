"""Document columns for visibility, filters, language and boost; one array value per document."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from search.model import DRAFTS, FILTER_NAMES, Document, Filters, filter_values
from search.ports import Rows, Vector
from search.ranking import fusion

Mask = NDArray[np.bool_]
# Added to the cosine between passages.
SAME_SECTION, SAME_TAG = 0.01, 0.02
# Cached visibility masks and boosts; there are few audiences, filters and languages.
REMEMBERED = 256


class DocValues:
    """The columns of all documents; computed once when an index is opened."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self.rows = {document.id: row for row, document in enumerate(documents)}
        self.groups = np.array(
            [_group(self.rows, document, row) for row, document in enumerate(documents)],
            dtype=np.int64,
        )
        self._begin = np.array([_begin(document) for document in documents], dtype=np.float64)
        self._end = np.array(
            [
                document.expire_at.timestamp() if document.expire_at else np.inf
                for document in documents
            ],
            dtype=np.float64,
        )
        self._drafts = np.array(
            [document.status == "draft" for document in documents], dtype=np.bool_
        )
        self._audience = _rows_by([document.audience for document in documents])
        self._rows = {
            name: _rows_by_each([filter_values(document, name) for document in documents])
            for name in FILTER_NAMES
        }
        self._boost = np.array(
            [fusion.BOOST_WEIGHT * np.log(document.boost) for document in documents],
            dtype=np.float32,
        )
        self._count = len(documents)
        times = np.concatenate([self._begin, self._end])
        self._changes = np.unique(times[np.isfinite(times)])
        self._visible: dict[tuple[int, frozenset[str], Filters], Mask] = {}
        self._preferred: dict[tuple[str, ...], Vector] = {}

    def visible(self, now: datetime, audiences: frozenset[str], filters: Filters) -> Mask:
        """Mask of documents that the audiences may see at ``now`` and that pass the filters.

        Shape (documents,); read-only, cached.
        """
        # The mask changes only when an article is published or expires.
        key = (self.visibility_epoch(now), audiences, filters)
        mask = self._visible.get(key)
        if mask is None:
            mask = self._work_out(now, audiences, filters)
            mask.flags.writeable = False
            if len(self._visible) >= REMEMBERED:
                self._visible.clear()
            self._visible[key] = mask
        return mask

    def _work_out(self, now: datetime, audiences: frozenset[str], filters: Filters) -> Mask:
        stamp = now.timestamp()
        allowed: Mask = (self._begin <= stamp) & (stamp < self._end)
        if DRAFTS in audiences:
            allowed |= self._drafts
        visible = np.zeros(self._count, dtype=np.bool_)
        for audience in audiences:
            visible |= self._mask(self._audience, audience)
        allowed &= visible
        for name, value in vars(filters).items():
            if value:
                allowed &= self._mask(self._rows[name], value)
        return allowed

    def visibility_epoch(self, now: datetime) -> int:
        """Number of publish and expiry times up to ``now``."""
        return int(np.searchsorted(self._changes, now.timestamp(), side="right"))

    def in_language(self, *langs: str) -> Mask:
        """Mask of documents in one of the languages, shape (documents,)."""
        mask = np.zeros(self._count, dtype=np.bool_)
        for lang in langs:
            mask |= self._mask(self._rows["lang"], lang)
        return mask

    def boosts(self, langs: Sequence[str]) -> Vector:
        """Score adjustment per document: its boost, and a penalty for other languages.

        Shape (documents,); read-only, cached. Without ``langs`` there is no penalty.
        """
        preferred = tuple(langs)
        boosts = self._preferred.get(preferred)
        if boosts is None:
            penalty = (
                np.where(self.in_language(*preferred), 0, fusion.OTHER_LANGUAGE)
                if any(preferred)
                else 0
            )
            boosts = (self._boost + penalty).astype(np.float32)
            boosts.flags.writeable = False
            if len(self._preferred) >= REMEMBERED:
                self._preferred.clear()
            self._preferred[preferred] = boosts
        return boosts

    def metadata_similarity(self, document: Document) -> Vector:
        """Similarity of each document to ``document`` by shared section and tags."""
        similarity = np.zeros(self._count, dtype=np.float32)
        similarity[self._rows["section"].get(document.section, _NO_ROWS)] += SAME_SECTION
        for tag in set(document.tags):
            similarity[self._rows["tag"].get(tag, _NO_ROWS)] += SAME_TAG
        return similarity

    def _mask(self, column: Mapping[str, Rows], value: str) -> Mask:
        mask = np.zeros(self._count, dtype=np.bool_)
        mask[column.get(value, _NO_ROWS)] = True
        return mask


_NO_ROWS = np.zeros(0, dtype=np.int64)


def _begin(document: Document) -> float:
    """Publish time of a document (seconds since 1970); infinity if it is not published."""
    if document.status != "published":
        return np.inf
    return document.publish_at.timestamp() if document.publish_at else -np.inf


def _group(rows: Mapping[str, int], document: Document, row: int) -> int:
    return rows.get(document.group, row)


def _rows_by(values: Sequence[str]) -> dict[str, Rows]:
    return _rows_by_each([(value,) for value in values])


def _rows_by_each(values: Sequence[Sequence[str]]) -> dict[str, Rows]:
    rows_of: dict[str, list[int]] = defaultdict(list)
    for row, row_values in enumerate(values):
        for value in row_values:
            rows_of[value].append(row)
    return {value: np.array(rows, dtype=np.int64) for value, rows in rows_of.items()}
