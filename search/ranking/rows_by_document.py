"""Maps documents to the index rows that they own."""

from __future__ import annotations

import numpy as np

from search.ports import Rows


class RowsByDocument:
    """Index rows by owning document; computed once when an index is opened."""

    def __init__(self, owners: Rows, documents: int) -> None:
        self._order = np.argsort(owners, kind="stable")
        self._first = np.searchsorted(owners[self._order], np.arange(documents + 1))

    def sizes(self, documents: Rows) -> Rows:
        """Number of rows of each document, shape (documents,)."""
        sizes: Rows = self._first[documents + 1] - self._first[documents]
        return sizes

    def rows(self, documents: Rows) -> Rows:
        """The rows of the documents, concatenated in the given order."""
        sizes = self.sizes(documents)
        if not sizes.sum():
            return np.zeros(0, dtype=np.int64)
        shifts = np.repeat(self._first[documents] - segment_starts(sizes), sizes)
        rows: Rows = self._order[np.arange(int(sizes.sum())) + shifts]
        return rows

    def rows_of(self, document: int) -> Rows:
        """The rows of one document."""
        rows: Rows = self._order[self._first[document] : self._first[document + 1]]
        return rows


def segment_starts(sizes: Rows) -> Rows:
    """Start offsets of consecutive segments with the given sizes."""
    starts: Rows = (
        np.concatenate([[0], np.cumsum(sizes)[:-1]]) if len(sizes) else np.zeros(0, dtype=np.int64)
    )
    return starts
