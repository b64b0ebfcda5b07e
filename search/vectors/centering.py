"""Centring: subtracts the mean embedding of a language, so that only differences are compared.

Sentence embeddings share a large common component. Subtracting it per language also brings
questions with the same meaning in different languages closer. Small knowledge bases have too few
questions for a reliable mean, so a shipped sample of the bundled model's vectors is mixed in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from search.array_files import load_arrays
from search.ports import Vector

_SAMPLE = Path(__file__).resolve().parents[1] / "data" / "question_means.npz"
# Weight of the shipped sample, in questions of the knowledge base.
SAMPLE_WEIGHT = 50.0
# Key of the centre for languages without questions.
ANY = "*"

Centres = Mapping[str, Vector]


def centres_of(vectors: Vector, langs: Sequence[str], bundled_model: bool) -> dict[str, Vector]:
    """Return the centre of each language's vectors, shape (dimension,), and of all under ANY.

    With ``bundled_model`` the shipped sample is mixed in.
    """
    sample = sample_means() if bundled_model else {}
    row_langs = np.array(langs, dtype=np.str_)
    centres = {
        lang: _centre(vectors[row_langs == lang], sample.get(lang, sample.get(ANY)))
        for lang in sorted(set(langs))
    }
    return centres | {ANY: _centre(vectors, sample.get(ANY))}


def centre(vectors: Vector, langs: Sequence[str], centres: Centres) -> Vector:
    """Subtract the centre of each row's language; returns unit vectors, shape (rows, dimension)."""
    offsets = (
        np.stack([centres.get(lang, centres[ANY]) for lang in langs])
        if len(langs)
        else np.zeros_like(vectors)
    )
    moved = vectors - offsets
    norms = np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-6)
    centred: Vector = (moved / norms).astype(np.float32)
    return centred


def centre_one(vector: Vector, lang: str, centres: Centres) -> Vector:
    """Subtract the language's centre from one vector; returns a unit vector, shape (dimension,)."""
    moved = vector - centres.get(lang, centres[ANY])
    centred: Vector = (moved / max(float(np.sqrt(moved @ moved)), 1e-6)).astype(np.float32)
    return centred


@lru_cache(maxsize=1)
def sample_means() -> dict[str, Vector]:
    """Return the bundled model's mean vectors of everyday customer questions, by language."""
    return {
        name if name != "any" else ANY: mean.astype(np.float32)
        for name, mean in load_arrays(_SAMPLE).items()
    }


def _centre(vectors: Vector, sample: Vector | None) -> Vector:
    total, count = vectors.sum(axis=0), float(len(vectors))
    if sample is not None:
        total, count = total + SAMPLE_WEIGHT * sample, count + SAMPLE_WEIGHT
    mean: Vector = (total / max(count, 1.0)).astype(np.float32)
    return mean
