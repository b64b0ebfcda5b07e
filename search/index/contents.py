"""The data that a build passes to the bundle writer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.index.synonyms import Rule
from search.model import Document, Passage
from search.ports import Vector
from search.vectors.centering import Centres
from search.vectors.unit_vectors import UnitVectors


@dataclass(frozen=True)
class DocumentTokens:
    """The tokens of a document for the keyword arm.

    ``named`` holds the words of its title and of each of its questions. ``key`` identifies the
    tokens: equal keys mean equal tokens.
    """

    key: str
    words: Sequence[str]
    bigrams: Sequence[str]
    surfaces: Sequence[str]
    named: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Vectors:
    """Vectors of length 1: one per passage and per unit, and one centered vector per question.

    ``question_documents`` has the document row of each question. ``passage_keys``,
    ``question_keys`` and ``unit_keys`` (one per passage) identify the inputs: equal keys mean equal
    vectors. ``moved`` is the number of questions added or removed since the centers were computed.
    ``same_questions`` is true if the previous bundle has identical question vectors.
    """

    passages: Vector
    questions: Vector
    units: UnitVectors
    question_documents: NDArray[np.int64]
    centres: Centres
    passage_keys: Sequence[str]
    question_keys: Sequence[str]
    unit_keys: Sequence[str]
    moved: int = 0
    same_questions: bool = False


@dataclass(frozen=True)
class Contents:
    """The searchable contents of a bundle, except vectors.

    ``keys[i]`` is the token key of ``documents[i]``. ``tokens`` maps keys to tokens; it has at
    least those that the previous bundle lacks (``known_keys``).
    """

    documents: Sequence[Document]
    passages: Sequence[Passage]
    keys: Sequence[str]
    tokens: Mapping[str, DocumentTokens]
    synonyms: Sequence[Rule] = ()
