"""The vectors of the articles' passages and questions, embedded only where the cache does not know them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial

import numpy as np

from indexer.cache import BuildCache, vector_key
from indexer.model import Article, once_an_article
from indexer.passages import question_texts, to_passages
from indexer.progress import Progress, quiet
from search.bundle import ModelStamp
from search.centring import centre, centres_of
from search.errors import EmbedderUnavailable, ModelError
from search.fusion import Scale
from search.ports import Embedder, Vector
from search.store import Vectors
from search.warming import OffEmbedder

log = logging.getLogger("indexer.embedding")


def embed(articles: Sequence[Article], embedder: Embedder, cache: BuildCache, progress: Progress = quiet) -> tuple[Vectors | None, ModelStamp | None, int, str]:
    """(vectors, the model's stamp, texts embedded, why there are none)."""
    texts = [passage for article in articles for passage in to_passages(article)]
    if not texts:
        return None, None, 0, "empty"
    if isinstance(embedder, OffEmbedder):
        return None, None, 0, embedder.state
    try:
        of_passages, of_questions = vector_keys(articles, embedder)
        questions = [(row, text) for row, article in enumerate(articles) for text in question_texts(article)]

        def passage(place: int) -> str:
            return texts[place].embedded_text

        def question(place: int) -> str:
            return questions[place][1]

        passages, first = cache.vectors(embedder, of_passages, passage, "passage", partial(progress, "embedding passages"))
        asked, second = cache.vectors(embedder, of_questions, question, "query", partial(progress, "embedding questions"))
        langs = [articles[row].lang for row, _ in questions]
        centres = centres_of(asked, langs, embedder.calibrated)
        centred = centre(asked, langs, centres)
        scales = (None, None) if embedder.calibrated else (measure_scale(passages, asked), measure_scale(centred, centred))
        stamp = ModelStamp(embedder.fingerprint, passages.shape[1], *scales)
    except EmbedderUnavailable as unavailable:
        return None, None, 0, unavailable.reason
    except ModelError as error:
        log.error("indexing for keyword search alone: %s", error)
        return None, None, 0, "failed"
    owners = np.array([row for row, _ in questions], dtype=np.int64)
    return Vectors(passages, centred, owners, centres), stamp, first + second, ""


def measure_scale(left: Vector, right: Vector, sample: int = 400) -> Scale:
    """Mean and spread of the cosines between samples of two sets of texts; almost all of them are unrelated."""
    chance = np.random.default_rng(0)
    some = left[chance.permutation(len(left))[:sample]]
    others = right[chance.permutation(len(right))[:sample]]
    cosines = some @ others.T
    return Scale(float(cosines.mean()), max(float(cosines.std()), 1e-3))


def vector_keys(articles: Sequence[Article], embedder: Embedder) -> tuple[list[str], list[str]]:
    """The keys of all passages' and all questions' vectors."""
    fingerprint = embedder.fingerprint
    each = [_keys_of(article, fingerprint) for article in articles]
    return [key for passages, _ in each for key in passages], [key for _, questions in each for key in questions]


def _keys_of(article: Article, fingerprint: str) -> tuple[list[str], list[str]]:
    """The keys of an article's passages' and questions' vectors under a model."""
    known = _known_keys(article)
    if fingerprint not in known:
        known.clear()
        passages = [vector_key(fingerprint, "passage", passage.embedded_text) for passage in to_passages(article)]
        known[fingerprint] = passages, [vector_key(fingerprint, "query", text) for text in question_texts(article)]
    return known[fingerprint]


@once_an_article
def _known_keys(article: Article) -> dict[str, tuple[list[str], list[str]]]:
    """Room for an article's keys under the model that is at work."""
    return {}
