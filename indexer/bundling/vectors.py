"""The vectors of the articles' passages and questions, embedded only where neither the bundle before nor the cache knows them."""

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
# Centres are worked out anew when more than this share of the questions came or went: one in a hundred moves a centre by less than
# a hundredth of what a question lies from it.
MOVED_SHARE = 0.01


@dataclass(frozen=True)
class Embedded:
    """What embedding gave: vectors and the stamp of their model, how many texts had to be embedded, or why there are no vectors."""

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
    """The vectors of all articles; those of unchanged texts from the bundle before, else from the cache."""
    if not articles:
        return Embedded(degraded="empty")
    if isinstance(embedder, DisabledEmbedder):
        return Embedded(degraded=embedder.state)
    try:
        return _embed(articles, embedder, cache, progress, previous)
    except EmbedderUnavailableError as unavailable:
        return Embedded(degraded=unavailable.reason)
    except ModelError as error:
        log.error("indexing for keyword search alone: %s", error)
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
    passages, first = source.taken_over(
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
            same = Vectors(
                passages,
                known.questions,
                owners,
                known.centres,
                passage_keys,
                question_keys,
                moved,
                same_questions=True,
            )
            return Embedded(same, stamp, first)

        def centred_of(vectors: Vector, places: Sequence[int]) -> Vector:
            return centre(vectors, [langs[place] for place in places], known.centres)

        centred, second = source.taken_over(
            question_keys, (known.question_keys, known.questions), question, "query", centred_of
        )
        return Embedded(
            Vectors(passages, centred, owners, known.centres, passage_keys, question_keys, moved),
            stamp,
            first + second,
        )
    asked, second = source.taken_over(question_keys, None, question, "query")
    centres = centres_of(asked, langs, embedder.calibrated)
    centred = centre(asked, langs, centres)
    scales = (
        (None, None)
        if embedder.calibrated
        else (measure_scale(passages, asked), measure_scale(centred, centred))
    )
    stamp = ModelStamp(embedder.fingerprint, passages.shape[1], *scales)
    return Embedded(
        Vectors(passages, centred, owners, centres, passage_keys, question_keys),
        stamp,
        first + second,
    )


def _moved(keys: Sequence[str], known: Vectors) -> int:
    """How many questions came or went since the centres of the bundle before were worked out."""
    return known.moved + len(set(keys).symmetric_difference(known.question_keys))


def _still_centred(known: Vectors, moved: int, langs: Sequence[str]) -> bool:
    """Whether the centres of the bundle before still stand in the middle, as near as makes no difference."""
    return moved <= MOVED_SHARE * len(known.questions) and set(langs) <= set(known.centres)


@dataclass(frozen=True)
class _Source:
    """Where vectors come from, beside a bundle."""

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
        """(the vectors of these keys, how many had to be embedded): those ``known`` as they are, ``made`` of the others.

        ``text`` gives the text of a place; ``made`` gets vectors and their places.
        """
        rows = dict(zip(known[0], range(len(known[0])), strict=True)) if known else {}
        taken = np.array([rows.get(key, -1) for key in keys], dtype=np.int64)
        missing = np.flatnonzero(taken < 0).tolist()
        step = partial(
            self.progress, "embedding passages" if kind == "passage" else "embedding questions"
        )
        found, count = self.cache.vectors(
            self.embedder,
            [text_key(keys[place]) for place in missing],
            lambda place: text(missing[place]),
            kind,
            step,
        )
        if known is None:
            return made(found, missing), count
        vectors = np.empty((len(taken), known[1].shape[1]), dtype=np.float32)
        np.take(known[1], np.maximum(taken, 0), axis=0, out=vectors, mode="clip")
        if missing:
            vectors[missing] = made(found, missing)
        return vectors, count


def measure_scale(left: Vector, right: Vector, sample: int = 400) -> Scale:
    """Mean and spread of the cosines between samples of two sets of texts; almost all of them are unrelated."""
    chance = np.random.default_rng(0)
    some = left[chance.permutation(len(left))[:sample]]
    others = right[chance.permutation(len(right))[:sample]]
    cosines = some @ others.T
    return Scale(float(cosines.mean()), max(float(cosines.std()), 1e-3))


def vector_keys(articles: Sequence[Article], embedder: Embedder) -> tuple[list[str], list[str]]:
    """The keys of all passages' vectors and of all questions', the latter with the language that they are centred in."""
    fingerprint = embedder.fingerprint
    each = [_keys_of(article, fingerprint) for article in articles]
    return [key for passages, _ in each for key in passages], [
        key for _, questions in each for key in questions
    ]


def _keys_of(article: Article, fingerprint: str) -> tuple[list[str], list[str]]:
    """The keys of an article's passages' and questions' vectors under a model."""
    known = _known_keys(article)
    if fingerprint not in known:
        known.clear()
        passages = [
            vector_key(fingerprint, "passage", passage.embedded_text)
            for passage in to_passages(article)
        ]
        questions = [vector_key(fingerprint, "query", text) for text in question_texts(article)]
        known[fingerprint] = passages, [in_language(article.lang, key) for key in questions]
    return known[fingerprint]


@memoized_on_article
def _known_keys(article: Article) -> dict[str, tuple[list[str], list[str]]]:
    """Room for an article's keys under the model that is at work."""
    return {}
