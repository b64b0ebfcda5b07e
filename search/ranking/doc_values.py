"""What is asked of every document at once, as arrays with one value a document: who may see it and when, filters, language."""

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
# Beside a cosine between passages.
SAME_SECTION, SAME_TAG = 0.01, 0.02
# Answers to who may see what, and what counts more, that are remembered; there are few audiences, filters and languages.
REMEMBERED = 256


class DocValues:
    """The documents' columns; made once when an index is opened."""

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
        """Which documents one of the audiences may see at that time and the filters admit, shape (documents,); read only."""
        # It changes only when an article begins or ends to be shown.
        key = (self.visibility_epoch(now), audiences, filters)
        known = self._visible.get(key)
        if known is None:
            known = self._work_out(now, audiences, filters)
            known.flags.writeable = False
            if len(self._visible) >= REMEMBERED:
                self._visible.clear()
            self._visible[key] = known
        return known

    def _work_out(self, now: datetime, audiences: frozenset[str], filters: Filters) -> Mask:
        stamp = now.timestamp()
        allowed: Mask = (self._begin <= stamp) & (stamp < self._end)
        if DRAFTS in audiences:
            allowed |= self._drafts
        seen = np.zeros(self._count, dtype=np.bool_)
        for audience in audiences:
            seen |= self._mask(self._audience, audience)
        allowed &= seen
        for name, value in vars(filters).items():
            if value:
                allowed &= self._mask(self._rows[name], value)
        return allowed

    def visibility_epoch(self, now: datetime) -> int:
        """How many times before ``now`` what may be seen has changed by itself."""
        return int(np.searchsorted(self._changes, now.timestamp(), side="right"))

    def in_language(self, *langs: str) -> Mask:
        """Which documents are written in one of the languages."""
        mask = np.zeros(self._count, dtype=np.bool_)
        for lang in langs:
            mask |= self._mask(self._rows["lang"], lang)
        return mask

    def boosts(self, langs: Sequence[str]) -> Vector:
        """What is added to each document's score: for its boost, and against it in a language that was not asked for; read only."""
        asked = tuple(langs)
        known = self._preferred.get(asked)
        if known is None:
            other = (
                np.where(self.in_language(*asked), 0, fusion.OTHER_LANGUAGE) if any(asked) else 0
            )
            known = (self._boost + other).astype(np.float32)
            known.flags.writeable = False
            if len(self._preferred) >= REMEMBERED:
                self._preferred.clear()
            self._preferred[asked] = known
        return known

    def metadata_similarity(self, document: Document) -> Vector:
        """How much each document shares with one: a little for the section, more for each tag."""
        metadata_similarity = np.zeros(self._count, dtype=np.float32)
        metadata_similarity[self._rows["section"].get(document.section, _NOBODY)] += SAME_SECTION
        for tag in set(document.tags):
            metadata_similarity[self._rows["tag"].get(tag, _NOBODY)] += SAME_TAG
        return metadata_similarity

    def _mask(self, column: Mapping[str, Rows], value: str) -> Mask:
        mask = np.zeros(self._count, dtype=np.bool_)
        mask[column.get(value, _NOBODY)] = True
        return mask


_NOBODY = np.zeros(0, dtype=np.int64)


def _begin(document: Document) -> float:
    """When a document begins to be shown (seconds since 1970); never, where it is not published."""
    if document.status != "published":
        return np.inf
    return document.publish_at.timestamp() if document.publish_at else -np.inf


def _group(rows: Mapping[str, int], document: Document, row: int) -> int:
    return rows.get(document.group, row)


def _rows_by(values: Sequence[str]) -> dict[str, Rows]:
    return _rows_by_each([(value,) for value in values])


def _rows_by_each(values: Sequence[Sequence[str]]) -> dict[str, Rows]:
    found: dict[str, list[int]] = defaultdict(list)
    for row, own in enumerate(values):
        for value in own:
            found[value].append(row)
    return {value: np.array(rows, dtype=np.int64) for value, rows in found.items()}
