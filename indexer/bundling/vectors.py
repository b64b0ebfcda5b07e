"""Embeds passages and questions.

Known vectors come from the previous bundle or the build cache.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

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
from search.ports import Embedder, Kind, Vector
from search.vectors.centering import centre, centres_of
from search.vectors.cosine_scale import Scale

log = logging.getLogger("indexer.bundling.vectors")
# Means are recomputed when more than this share of the questions was added or removed.
MOVED_SHARE = 0.01


@dataclass(frozen=True)
class Embedded:
    """The result of embedding.

    ``texts`` is the number of texts that had to be embedded. ``degraded`` says why there are no
    vectors.
    """

    vectors: Vectors | None = None
    model: ModelStamp | None = None
    texts: int = 0
    degraded: str = ""


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
    passage_keys, question_keys = vector_keys(articles, embedder)
    known, stamp = known_vectors(previous, embedder.fingerprint) or (None, None)
    source = _Source(embedder, cache, progress)
    texts = [passage for article in articles for passage in to_passages(article)]
    passages, embedded_passages = source.taken_over(
        passage_keys,
        (known.passage_keys, known.passages) if known else None,
        lambda place: texts[place].embedded_text,
    )
    questions = [
        (row, text) for row, article in enumerate(articles) for text in question_texts(article)
    ]
    langs, owners = (
        [articles[row].lang for row, _ in questions],
        np.array([row for row, _ in questions], dtype=np.int64),
    )

    def question(place: int) -> str:
        return questions[place][1]

    moved = _moved(question_keys, known) if known else 0
    if known is not None and stamp is not None and _still_centred(known, moved, langs):
        if list(question_keys) == list(known.question_keys):
            unchanged = Vectors(
                passages,
                known.questions,
                owners,
                known.centres,
                passage_keys,
                question_keys,
                moved,
                same_questions=True,
            )
            return Embedded(unchanged, stamp, embedded_passages)

        def centred_of(vectors: Vector, places: Sequence[int]) -> Vector:
            return centre(vectors, [langs[place] for place in places], known.centres)

        centred, embedded_questions = source.taken_over(
            question_keys, (known.question_keys, known.questions), question, "query", centred_of
        )
        return Embedded(
            Vectors(passages, centred, owners, known.centres, passage_keys, question_keys, moved),
            stamp,
            embedded_passages + embedded_questions,
        )
    uncentred, embedded_questions = source.taken_over(question_keys, None, question, "query")
    centres = centres_of(uncentred, langs, embedder.calibrated)
    centred = centre(uncentred, langs, centres)
    scales = (
        (None, None)
        if embedder.calibrated
        else (measure_scale(passages, uncentred), measure_scale(centred, centred))
    )
    stamp = ModelStamp(embedder.fingerprint, passages.shape[1], *scales)
    return Embedded(
        Vectors(passages, centred, owners, centres, passage_keys, question_keys),
        stamp,
        embedded_passages + embedded_questions,
    )


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


def measure_scale(left: Vector, right: Vector, sample: int = 400) -> Scale:
    """Return mean and standard deviation of the cosines between samples of two sets of texts.

    Almost all sampled pairs are unrelated.
    """
    generator = np.random.default_rng(0)
    left_sample = left[generator.permutation(len(left))[:sample]]
    right_sample = right[generator.permutation(len(right))[:sample]]
    cosines = left_sample @ right_sample.T
    return Scale(float(cosines.mean()), max(float(cosines.std()), 1e-3))


def vector_keys(articles: Sequence[Article], embedder: Embedder) -> tuple[list[str], list[str]]:
    """Return (keys of all passage vectors, keys of all question vectors).

    Question keys include the language, because question vectors are centered per language.
    """
    fingerprint = embedder.fingerprint
    keys = [_keys_of(article, fingerprint) for article in articles]
    return [key for passages, _ in keys for key in passages], [
        key for _, questions in keys for key in questions
    ]


def _keys_of(article: Article, fingerprint: str) -> tuple[list[str], list[str]]:
    """Return the keys of an article's passage and question vectors under a model."""
    cached = _known_keys(article)
    if fingerprint not in cached:
        cached.clear()
        passages = [
            vector_key(fingerprint, "passage", passage.embedded_text)
            for passage in to_passages(article)
        ]
        questions = [vector_key(fingerprint, "query", text) for text in question_texts(article)]
        cached[fingerprint] = passages, [in_language(article.lang, key) for key in questions]
    return cached[fingerprint]


@memoized_on_article
def _known_keys(article: Article) -> dict[str, tuple[list[str], list[str]]]:
    """Storage for the article's keys under the current model."""
    return {}
