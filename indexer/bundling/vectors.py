"""Embeds passages, their units, and questions.

Known vectors come from the previous bundle or the build cache.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np

from indexer.bundling.build_cache import BuildCache, in_language, text_key, vector_key
from indexer.bundling.passages import question_texts, to_passages
from indexer.model import Article, memoized_on_article
from indexer.progress import Progress, quiet
from search.embedding.background import DisabledEmbedder
from search.errors import EmbedderUnavailableError, ModelError
from search.index.bundle import Bundle, ModelStamp
from search.index.contents import Vectors
from search.index.reader import known_vectors
from search.index.units import embedded_units
from search.model import Passage
from search.ports import Embedder, Kind, Vector
from search.vectors.centering import Centres, centre, centres_of
from search.vectors.cosine_scale import Scale
from search.vectors.unit_vectors import UnitVectors

log = logging.getLogger("indexer.bundling.vectors")
# Means are recomputed when more than this share of the questions was added or removed.
MOVED_SHARE = 0.01


@dataclass(frozen=True)
class Embedded:
    """The result of embedding.

    ``texts`` is the number of texts that had to be embedded. ``used`` are the keys of the cached
    vectors that it was made of. ``degraded`` says why there are no vectors.
    """

    vectors: Vectors | None = None
    model: ModelStamp | None = None
    texts: int = 0
    used: frozenset[str] = frozenset()
    degraded: str = ""


@dataclass(frozen=True)
class _Keys:
    """Keys of the vectors of one article or more; ``units`` has those of each passage."""

    passages: list[str]
    questions: list[str]
    units: list[tuple[str, ...]]

    @property
    def used(self) -> frozenset[str]:
        """The keys in the build cache."""
        units = (key for keys in self.units for key in keys)
        return frozenset((*self.passages, *map(text_key, self.questions), *units))


def embed(
    articles: Sequence[Article],
    embedder: Embedder,
    cache: BuildCache,
    progress: Progress = quiet,
    previous: Bundle | None = None,
) -> Embedded:
    """Return the vectors of all articles.

    Vectors of unchanged texts come from the previous bundle or from the cache. If the model is
    disabled or fails, the result has no vectors and ``degraded`` is set.
    """
    if not articles:
        return Embedded(degraded="empty")
    if isinstance(embedder, DisabledEmbedder):
        return Embedded(degraded=embedder.state)
    try:
        return _embed(articles, embedder, cache, progress, previous)
    except EmbedderUnavailableError as unavailable:
        return Embedded(degraded=unavailable.reason)
    except ModelError as error:
        log.error("indexing for keyword search only: %s", error)
        return Embedded(degraded="failed")


def _embed(
    articles: Sequence[Article],
    embedder: Embedder,
    cache: BuildCache,
    progress: Progress,
    previous: Bundle | None,
) -> Embedded:
    keys = _vector_keys(articles, embedder)
    known, stamp = known_vectors(previous, embedder.fingerprint) or (None, None)
    source = _Source(embedder, cache, progress)
    texts = [passage for article in articles for passage in to_passages(article)]
    passages, embedded_passages = source.taken_over(
        keys.passages,
        (known.passage_keys, known.passages) if known else None,
        lambda place: texts[place].embedded_text,
    )
    units, unit_keys, embedded_units_ = source.units(
        keys.units, (known.unit_keys, known.units) if known else None, texts
    )
    questions = [
        (row, text) for row, article in enumerate(articles) for text in question_texts(article)
    ]
    langs = [articles[row].lang for row, _ in questions]
    owners = np.array([row for row, _ in questions], dtype=np.int64)
    centred, stamp, embedded_questions = _questions(
        source, keys.questions, [text for _, text in questions], langs, passages, known, stamp
    )
    vectors = Vectors(
        passages,
        centred.vectors,
        units,
        owners,
        centred.centres,
        keys.passages,
        keys.questions,
        unit_keys,
        centred.moved,
        centred.same,
    )
    return Embedded(
        vectors, stamp, embedded_passages + embedded_units_ + embedded_questions, keys.used
    )


@dataclass(frozen=True)
class _Centred:
    """Question vectors; ``same`` is true if the previous bundle has the same."""

    vectors: Vector
    centres: Centres
    moved: int = 0
    same: bool = False


def _questions(
    source: _Source,
    keys: Sequence[str],
    texts: Sequence[str],
    langs: Sequence[str],
    passages: Vector,
    known: Vectors | None,
    stamp: ModelStamp | None,
) -> tuple[_Centred, ModelStamp, int]:
    """Return the centered question vectors, the stamp of the model and the texts embedded."""
    moved = _moved(keys, known) if known else 0
    # The means of a node that built along another way would differ: nodes compute them anew.
    is_alone = source.cache.shared is None
    if is_alone and known is not None and stamp is not None and _still_centred(known, moved, langs):
        if list(keys) == list(known.question_keys):
            return _Centred(known.questions, known.centres, moved, same=True), stamp, 0

        def centred_of(vectors: Vector, places: Sequence[int]) -> Vector:
            return centre(vectors, [langs[place] for place in places], known.centres)

        taken = (known.question_keys, known.questions)
        centred, count = source.taken_over(keys, taken, texts.__getitem__, "query", centred_of)
        return _Centred(centred, known.centres, moved), stamp, count
    embedder = source.embedder
    uncentred, count = source.taken_over(keys, None, texts.__getitem__, "query")
    centres = centres_of(uncentred, langs, embedder.calibrated)
    centred = centre(uncentred, langs, centres)
    scales = (
        (None, None)
        if embedder.calibrated
        else (measure_scale(passages, uncentred), measure_scale(centred, centred))
    )
    new_stamp = ModelStamp(embedder.fingerprint, passages.shape[1], *scales)
    return _Centred(centred, centres), new_stamp, count


def _moved(keys: Sequence[str], known: Vectors) -> int:
    """Return how many questions were added or removed since the means were computed."""
    return known.moved + len(set(keys).symmetric_difference(known.question_keys))


def _still_centred(known: Vectors, moved: int, langs: Sequence[str]) -> bool:
    """Return whether the means of the previous bundle can be reused (ADR 0007)."""
    return moved <= MOVED_SHARE * len(known.questions) and set(langs) <= set(known.centres)


@dataclass(frozen=True)
class _Source:
    """Vectors from the cache or the embedder."""

    embedder: Embedder
    cache: BuildCache
    progress: Progress

    def taken_over(
        self,
        keys: Sequence[str],
        known: tuple[Sequence[str], Vector] | None,
        text: Callable[[int], str],
        kind: Kind = "passage",
        made: Callable[[Vector, Sequence[int]], Vector] = lambda vectors, _places: vectors,
    ) -> tuple[Vector, int]:
        """Return (vectors of the keys, number of texts that had to be embedded).

        ``known`` holds keys and vectors to copy. Other vectors are read or embedded and passed to
        ``made`` with their positions. ``text`` maps a position in ``keys`` to its text.
        """
        rows = dict(zip(known[0], range(len(known[0])), strict=True)) if known else {}
        known_rows = np.array([rows.get(key, -1) for key in keys], dtype=np.int64)
        missing = np.flatnonzero(known_rows < 0).tolist()
        step = partial(
            self.progress, "embedding passages" if kind == "passage" else "embedding questions"
        )
        missing_vectors, count = self.cache.vectors(
            self.embedder,
            [text_key(keys[position]) for position in missing],
            lambda position: text(missing[position]),
            kind,
            step,
        )
        if known is None:
            return made(missing_vectors, missing), count
        vectors = np.empty((len(known_rows), known[1].shape[1]), dtype=np.float32)
        np.take(known[1], np.maximum(known_rows, 0), axis=0, out=vectors, mode="clip")
        if missing:
            vectors[missing] = made(missing_vectors, missing)
        return vectors, count

    def units(
        self,
        keys: Sequence[tuple[str, ...]],
        known: tuple[Sequence[str], UnitVectors] | None,
        passages: Sequence[Passage],
    ) -> tuple[UnitVectors, list[str], int]:
        """Return (vectors of the units of each passage, their keys, texts that were embedded)."""
        joined = [_joined(each) for each in keys]
        rows = dict(zip(known[0], range(len(known[0])), strict=True)) if known else {}
        missing = [place for place, key in enumerate(joined) if key not in rows]
        texts = [text for place in missing for text in embedded_units(passages[place])]
        vectors, count = self.cache.vectors(
            self.embedder,
            [key for place in missing for key in keys[place]],
            texts.__getitem__,
            "passage",
            partial(self.progress, "embedding blocks"),
        )
        made = UnitVectors.of(vectors, [len(keys[place]) for place in missing])
        if known is None:
            return made, joined, count
        shift = len(known[0])
        rows |= {joined[place]: shift + row for row, place in enumerate(missing)}
        order = np.array([rows[key] for key in joined], dtype=np.int64)
        return known[1].joined(made).taken(order), joined, count


def measure_scale(left: Vector, right: Vector, sample: int = 400) -> Scale:
    """Return mean and standard deviation of the cosines between samples of two sets of texts.

    Almost all sampled pairs are unrelated.
    """
    generator = np.random.default_rng(0)
    left_sample = left[generator.permutation(len(left))[:sample]]
    right_sample = right[generator.permutation(len(right))[:sample]]
    cosines = left_sample @ right_sample.T
    return Scale(float(cosines.mean()), max(float(cosines.std()), 1e-3))


def _vector_keys(articles: Sequence[Article], embedder: Embedder) -> _Keys:
    keys = [_keys_of(article, embedder.fingerprint) for article in articles]
    return _Keys(
        [key for each in keys for key in each.passages],
        [key for each in keys for key in each.questions],
        [key for each in keys for key in each.units],
    )


def _keys_of(article: Article, fingerprint: str) -> _Keys:
    """Return the keys of an article's vectors under a model.

    Question keys include the language, because question vectors are centered per language.
    """
    cached = _known_keys(article)
    if fingerprint not in cached:
        cached.clear()
        passages = to_passages(article)
        questions = [vector_key(fingerprint, "query", text) for text in question_texts(article)]
        cached[fingerprint] = _Keys(
            [vector_key(fingerprint, "passage", passage.embedded_text) for passage in passages],
            [in_language(article.lang, key) for key in questions],
            [
                tuple(vector_key(fingerprint, "passage", text) for text in embedded_units(passage))
                for passage in passages
            ],
        )
    return cached[fingerprint]


@memoized_on_article
def _known_keys(article: Article) -> dict[str, _Keys]:
    """Storage for the article's keys under the current model."""
    return {}


@lru_cache(maxsize=100_000)
def _joined(keys: tuple[str, ...]) -> str:
    """One key for the units of a passage. Cached: an edit changes few of them."""
    return hashlib.sha256("".join(keys).encode("ascii")).hexdigest()[:32]
