"""What a build hands over to be written into a bundle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.index.synonyms import Rule
from search.model import Document, Passage
from search.ports import Vector
from search.vectors.centering import Centres


@dataclass(frozen=True)
class DocumentTokens:
    """What the keyword arm reads of a document, and the words of its title and of each question (``named``).

    ``key`` changes with them; an equal key means equal tokens.
    """

    key: str
    words: Sequence[str]
    bigrams: Sequence[str]
    surfaces: Sequence[str]
    named: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Vectors:
    """Unit vectors: one a passage, and a centred one a question with the row of its document.

    ``passage_keys`` and ``question_keys`` say what each was made of: an equal key means an equal vector. ``moved`` is
    how many questions came or went since the centres were worked out; ``same_questions`` says that the bundle before has the very same
    question vectors.
    """

    passages: Vector
    questions: Vector
    question_documents: NDArray[np.int64]
    centres: Centres
    passage_keys: Sequence[str]
    question_keys: Sequence[str]
    moved: int = 0
    same_questions: bool = False


@dataclass(frozen=True)
class Contents:
    """What a bundle is searched by, but for vectors.

    ``keys[i]`` is that of the tokens of ``documents[i]``; ``tokens`` has, by key, at least those that the previous bundle does not know
    (``known_keys``).
    """

    documents: Sequence[Document]
    passages: Sequence[Passage]
    keys: Sequence[str]
    tokens: Mapping[str, DocumentTokens]
    synonyms: Sequence[Rule] = ()
