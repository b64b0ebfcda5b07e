"""Centring: what all questions of a language have in common is taken away, so that what sets them apart is compared.

Sentence vectors share a large part (of e5-small's, cosines between unrelated questions are about 0.8). Taken away per language, a
question in one language is also as near to its like in another. A young knowledge base has few questions to take the mean of, so
it starts from the mean of a sample that is shipped for the bundled model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from search.ports import Vector

_SAMPLE = Path(__file__).resolve().parents[1] / "data" / "question_means.npz"
# The sample counts like this many questions of the knowledge base's own.
SAMPLE_WEIGHT = 50.0
# Centre for languages with no questions of their own.
ANY = "*"

Centres = Mapping[str, Vector]


def centres_of(vectors: Vector, langs: Sequence[str], bundled_model: bool) -> dict[str, Vector]:
    """The centre of each language's vectors, (dimension,), and of all under ANY."""
    sample = sample_means() if bundled_model else {}
    own = np.array(langs, dtype=np.str_)
    found = {
        lang: _centre(vectors[own == lang], sample.get(lang, sample.get(ANY)))
        for lang in sorted(set(langs))
    }
    return found | {ANY: _centre(vectors, sample.get(ANY))}


def centre(vectors: Vector, langs: Sequence[str], centres: Centres) -> Vector:
    """Unit vectors, shape (rows, dimension), with the centre of each row's language taken away."""
    away = (
        np.stack([centres.get(lang, centres[ANY]) for lang in langs])
        if len(langs)
        else np.zeros_like(vectors)
    )
    moved = vectors - away
    norms = np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-6)
    centred: Vector = (moved / norms).astype(np.float32)
    return centred


def centre_one(vector: Vector, lang: str, centres: Centres) -> Vector:
    """The same for one vector, (dimension,)."""
    moved = vector - centres.get(lang, centres[ANY])
    centred: Vector = (moved / max(float(np.sqrt(moved @ moved)), 1e-6)).astype(np.float32)
    return centred


@lru_cache(maxsize=1)
def sample_means() -> dict[str, Vector]:
    """Means of the bundled model's vectors of everyday questions to shops and offices, by language."""
    with np.load(_SAMPLE) as stored:
        return {
            name if name != "any" else ANY: stored[name].astype(np.float32) for name in stored.files
        }


def _centre(vectors: Vector, sample: Vector | None) -> Vector:
    total, count = vectors.sum(axis=0), float(len(vectors))
    if sample is not None:
        total, count = total + SAMPLE_WEIGHT * sample, count + SAMPLE_WEIGHT
    mean: Vector = (total / max(count, 1.0)).astype(np.float32)
    return mean
