"""In-memory reference implementations of the engine's parts, for tests and as documentation."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from search.analysis.analyzer import analyser
from search.analysis.normalize import fold
from search.analysis.spelling import allowed_distance, sound_key, spelling_key
from search.analysis.tokens import Token
from search.index.bm25 import K1, B
from search.ports import Kind, Rows, Vector


class HashEmbedder:
    """Vectors of hashed character trigrams: similar spellings are near. Needs no model."""

    def __init__(self, dimension: int = 256, salt: str = "") -> None:
        self.dimension = dimension
        self.fingerprint = f"hash-{dimension}{salt}"
        self.state = "ready"
        self.calibrated = False

    def encode(self, texts: Sequence[str], kind: Kind) -> Vector:
        """Return unit vectors, shape (len(texts), dimension)."""
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for row, text in enumerate(texts):
            padded = f"  {sound_key(text)} "
            for start in range(len(padded) - 2):
                digest = hashlib.blake2b(
                    padded[start : start + 3].encode("utf-8", "replace"), digest_size=4
                ).digest()
                vectors[row, int.from_bytes(digest, "little") % self.dimension] += 1.0
        norms: Vector = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        scaled: Vector = vectors / norms
        return scaled


class MemoryLexicalScorer:
    """BM25 as in index/bm25.py, computed at query time."""

    def __init__(self, documents: Sequence[Sequence[str]]) -> None:
        self._counts = [Counter(tokens) for tokens in documents]
        self._lengths = [len(tokens) for tokens in documents]
        self._mean = sum(self._lengths) / max(1, len(documents)) or 1.0
        self._having = Counter(token for counts in self._counts for token in counts)

    def scores(self, tokens: Sequence[Token]) -> Vector:
        """Return the BM25 score of each document, Lucene's variant."""
        return np.array(
            [self._score(row, tokens) for row in range(len(self._counts))], dtype=np.float32
        )

    def weight(self, token: Token) -> float:
        """Return Lucene's idf of the token; 0 when no document has it."""
        doc_count = max((self._having[word] for word in self._meant(token)), default=0)
        return self._idf(doc_count) if doc_count else 0.0

    def unknown_weight(self) -> float:
        """Return the idf of a word that no document has."""
        return self._idf(0)

    def total_weight(self, tokens: Sequence[Token]) -> float:
        """Return the sum of the tokens' idf, including words that no document has."""
        return sum(self.weight(token) or self.unknown_weight() for token in tokens)

    def _meant(self, token: Token) -> list[str]:
        if token.prefix:
            return [word for word in self._having if word.startswith(token.text)]
        return [token.text] if token.text in self._having else []

    def _idf(self, having: int) -> float:
        return math.log(1 + (len(self._counts) - having + 0.5) / (having + 0.5))

    def _score(self, row: int, tokens: Sequence[Token]) -> float:
        norm = K1 * (1 - B + B * self._lengths[row] / self._mean)
        counts = self._counts[row]
        words = [word for token in tokens for word in self._meant(token)]
        return sum(
            self._idf(self._having[word]) * counts[word] / (counts[word] + norm) for word in words
        )


class MemoryKeywordIndex:
    """Implements ports.KeywordIndex over a list of (id, lang, text)."""

    def __init__(self, documents: Sequence[tuple[str, str, str]]) -> None:
        self._documents = [
            (name, lang, analyser(lang).analyse(text)) for name, lang, text in documents
        ]
        self._surfaces = {
            lang: Counter(
                word
                for _n, document_lang, text in documents
                if document_lang == lang
                for word in analyser(lang).analyse(text).surfaces
            )
            for lang in {lang for _name, lang, _text in documents}
        }

    def matching(self, lang: str, phrases: Sequence[str], excluded: Sequence[str]) -> set[str]:
        """Return ids of the language's documents with every phrase and no excluded one."""
        return {
            name
            for name, document_lang, analysed in self._documents
            if document_lang == lang
            and all(
                _contains_phrase(analysed.words, analysed.bigrams, lang, phrase)
                for phrase in phrases
            )
            and not any(
                _contains_phrase(analysed.words, analysed.bigrams, lang, phrase)
                for phrase in excluded
            )
        }

    def written(self, lang: str, reading: str) -> list[str]:
        """Return the indexed words with a reading in katakana, most frequent first."""
        words = self._surfaces.get(lang, Counter())
        found = [word for word in words if word.partition("|")[0] == reading]
        found.sort(key=lambda word: (-words[word], word))
        return [word.partition("|")[2] for word in found]

    def correct(self, lang: str, word: str) -> str | None:
        """Return the indexed word with the same spelling key, else the nearest one, or None.

        The nearest word starts with the same letter and is at most ``allowed_distance`` edits away.
        """
        folded, words = fold(word), self._surfaces.get(lang, Counter())
        key = spelling_key(folded)
        distance = allowed_distance(key)
        spellings = {known.partition("|")[2] for known in words if known.partition("|")[0] == key}
        if not distance or folded in spellings:
            return None
        candidates = [
            (edit_distance(key, known.partition("|")[0]), -words[known], known.partition("|")[2])
            for known in words
            if known[0] == key[0]
        ]
        return min(
            (entry for entry in candidates if entry[0] <= (0 if spellings else distance)),
            default=(0, 0, None),
        )[2]


def edit_distance(left: str, right: str) -> int:
    """Return the optimal string alignment distance of two words.

    It counts insertions, deletions, substitutions and transpositions of adjacent characters.
    """
    rows = [list(range(len(right) + 1))]
    for i, a in enumerate(left, 1):
        row = [i]
        for j, b in enumerate(right, 1):
            best = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                best = min(best, rows[-2][j - 2] + 1)
            row.append(best)
        rows.append(row)
    return rows[-1][-1]


def _contains_phrase(words: Sequence[str], bigrams: Sequence[str], lang: str, phrase: str) -> bool:
    analysed = analyser(lang).analyse(phrase)
    pairs = tuple(bigram for bigram in analysed.bigrams if len(bigram) > 1)
    if pairs:
        return _stands_in(pairs, bigrams)
    if analysed.bigrams:
        return any(bigram.startswith(analysed.bigrams[0]) for bigram in bigrams)
    return bool(analysed.words) and _stands_in(analysed.words, words)


def _stands_in(part: Sequence[str], whole: Sequence[str]) -> bool:
    return any(
        tuple(whole[at : at + len(part)]) == tuple(part) for at in range(len(whole) - len(part) + 1)
    )


class MemoryComparison:
    """Implements ports.Comparison over precomputed scores of all rows."""

    def __init__(self, scores: Vector) -> None:
        self._scores = scores

    def top_k(self, count: int, allowed: NDArray[np.bool_] | None = None) -> tuple[Rows, Vector]:
        """Return rows and scores of the ``count`` nearest allowed rows, best first."""
        rows = np.arange(len(self._scores)) if allowed is None else np.flatnonzero(allowed)
        order = rows[np.argsort(-self._scores[rows], kind="stable")][:count]
        return order.astype(np.int64), self._scores[order]

    def top_rows(self, count: int, allowed: NDArray[np.bool_] | None = None) -> Rows:
        """Return the ``count`` nearest rows in any order, with all ties of the last one."""
        rows, scores = self.top_k(count, allowed)
        mask = self._scores >= scores.min(initial=np.inf)
        return np.flatnonzero(mask if allowed is None else mask & allowed) if len(rows) else rows

    def scores_for(self, rows: Rows) -> Vector:
        """Return the scores of the given rows."""
        return self._scores[rows]


class MemoryVectors:
    """Implements ports.VectorIndex with one matrix product."""

    strategy = "exact"

    def __init__(self, vectors: Vector) -> None:
        self._vectors = vectors

    @property
    def vectors(self) -> Vector:
        """All rows, shape (rows, dimension)."""
        return self._vectors

    def compare(self, vector: Vector) -> MemoryComparison:
        """Compare one vector with all rows."""
        return MemoryComparison(self.vectors @ vector)

    def __len__(self) -> int:
        return len(self.vectors)
