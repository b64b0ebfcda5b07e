"""Term frequencies per document, updated incrementally: an edit recounts only edited documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson

from search.array_files import load_array
from search.ports import Rows

_WORDS, _STARTS, _ROWS, _COUNTS, _LENGTHS = (
    "words.json",
    "starts.npy",
    "rows.npy",
    "counts.npy",
    "lengths.npy",
)


@dataclass(frozen=True)
class Postings:
    """Postings in column layout, one column per word.

    The documents of ``words[c]`` are ``rows[starts[c]:starts[c + 1]]``, in ascending order;
    ``counts`` at the same positions has its frequency in each. ``lengths`` has the number of
    tokens of each document.
    """

    words: Sequence[str]
    starts: Rows
    rows: Rows
    counts: Rows
    lengths: Rows

    @classmethod
    def of(cls, documents: Sequence[Sequence[str]]) -> Postings:
        """Count the tokens of documents given in row order."""
        vocabulary: dict[str, int] = {}
        columns = np.fromiter(
            (
                vocabulary.setdefault(token, len(vocabulary))
                for tokens in documents
                for token in tokens
            ),
            np.int64,
        )
        lengths = np.array([len(tokens) for tokens in documents], dtype=np.int64)
        owners = np.repeat(np.arange(len(documents)), lengths)
        # Each pair encodes (word, document), so sorted pairs are ordered by word, then document.
        pairs, counts = np.unique(columns * max(1, len(documents)) + owners, return_counts=True)
        return _laid_out(list(vocabulary), pairs, counts, lengths)

    def edited(self, places: Rows, added: Mapping[int, Sequence[str]]) -> Postings:
        """Return the postings after an edit.

        Document r is now document ``places[r]``, or is removed where ``places[r]`` is -1.
        ``added`` maps the rows of new documents to their tokens.
        """
        documents = int(np.count_nonzero(places >= 0)) + len(added)
        new, new_rows = Postings.of(list(added.values())), np.fromiter(added, np.int64, len(added))
        vocabulary = dict(zip(self.words, range(len(self.words)), strict=True))
        new_columns = np.array(
            [vocabulary.setdefault(word, len(vocabulary)) for word in new.words], dtype=np.int64
        )
        stay = places[self.rows] >= 0
        pairs = np.concatenate(
            [
                (self._columns() * documents + places[self.rows])[stay],
                new_columns[new._columns()] * documents + new_rows[new.rows],
            ]
        )
        counts = np.concatenate([self.counts[stay], new.counts])
        # The stable sort is fast on nearly sorted input.
        order = np.argsort(pairs, kind="stable")
        lengths = np.zeros(documents, dtype=np.int64)
        lengths[places[places >= 0]] = self.lengths[places >= 0]
        lengths[new_rows] = new.lengths
        return _laid_out(list(vocabulary), pairs[order], counts[order], lengths)

    def save(self, folder: Path) -> None:
        """Write the postings into an existing folder."""
        (folder / _WORDS).write_bytes(orjson.dumps(self.words))
        for name, array, kind in (
            (_STARTS, self.starts, np.int64),
            (_ROWS, self.rows, np.int32),
            (_COUNTS, self.counts, np.int32),
            (_LENGTHS, self.lengths, np.int64),
        ):
            np.save(folder / name, array.astype(kind))

    @classmethod
    def open(cls, folder: Path, mapped: bool = True) -> Postings:
        """Open saved postings.

        If ``mapped``, the large arrays are memory-mapped, otherwise read. Raises OSError or
        ValueError if the files are damaged.
        """
        return cls(
            orjson.loads((folder / _WORDS).read_bytes()),
            load_array(folder / _STARTS),
            load_array(folder / _ROWS, mapped),
            load_array(folder / _COUNTS, mapped),
            load_array(folder / _LENGTHS),
        )

    def _columns(self) -> Rows:
        """The column of each (word, document) pair."""
        return np.repeat(np.arange(len(self.words)), np.diff(self.starts))


def _laid_out(words: list[str], pairs: Rows, counts: Rows, lengths: Rows) -> Postings:
    """Build postings from sorted pairs; drops words that occur in no document.

    A pair is the column times the number of documents, plus the row.
    """
    columns, rows = np.divmod(pairs, max(1, len(lengths)))
    document_counts = np.bincount(columns, minlength=len(words))
    used = np.flatnonzero(document_counts)
    starts = np.concatenate([[0], np.cumsum(document_counts[used])])
    return Postings([words[column] for column in used.tolist()], starts, rows, counts, lengths)
