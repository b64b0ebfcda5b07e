"""What an engine serves: documents, passages and the indexes over them, wherever they come from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from search.fusion import Scale
from search.model import Document, Passage
from search.ports import Impacts, KeywordIndex, Rows, VectorIndex
from search.suggest import SuggestIndex


@dataclass(frozen=True)
class LanguageImpacts:
    """The keyword arm of one language: row i of both indexes is document ``documents[i]``."""

    documents: Rows
    words: Impacts
    grams: Impacts


@dataclass(frozen=True)
class Meaning:
    """The vector arms. Row i of ``passages`` is passage i; row j of ``questions`` belongs to ``question_documents[j]``."""

    passages: VectorIndex
    questions: VectorIndex
    question_documents: Rows
    fingerprint: str
    scale: Scale | None = None


@dataclass(frozen=True)
class Corpus:
    """Everything an engine serves. ``passage_documents[i]`` is the document of passage i; passages of one stand together."""

    documents: Sequence[Document]
    passage: Callable[[int], Passage]
    passage_documents: Rows
    impacts: Mapping[str, LanguageImpacts]
    keyword: KeywordIndex
    suggest: SuggestIndex
    meaning: Meaning | None
    version: str = ""
