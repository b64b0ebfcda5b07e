"""The data a search engine serves: documents, passages and their indexes, from any source."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from search.index.autocomplete import SuggestIndex
from search.index.synonyms import Synonyms
from search.model import Document, Passage
from search.ports import KeywordIndex, LexicalScorer, Rows, VectorIndex
from search.vectors.centering import Centres
from search.vectors.cosine_scale import Scale
from search.vectors.unit_vectors import UnitVectors


@dataclass(frozen=True)
class LexicalIndex:
    """The keyword arm for one language; row i of both indexes is document ``documents[i]``."""

    documents: Rows
    words: LexicalScorer
    bigrams: LexicalScorer


@dataclass(frozen=True)
class SemanticIndex:
    """The vector arms.

    Row i of ``passages`` and of ``units`` is passage i. Row j of ``questions`` is a centered
    vector of document ``question_documents[j]``. The scales are set only for a model other than
    the bundled one.
    """

    passages: VectorIndex
    questions: VectorIndex
    units: UnitVectors
    question_documents: Rows
    centres: Centres
    fingerprint: str
    scale: Scale | None = None
    question_scale: Scale | None = None


@dataclass(frozen=True)
class Corpus:
    """All data an engine serves.

    ``passage_documents[i]`` is the document of passage i; passages of one document are adjacent.
    ``named`` returns the words of a document's title and of each of its questions.
    """

    documents: Sequence[Document]
    passage: Callable[[int], Passage]
    named: Callable[[int], Sequence[Sequence[str]]]
    passage_documents: Rows
    lexical: Mapping[str, LexicalIndex]
    keyword: KeywordIndex
    suggest: SuggestIndex
    semantic: SemanticIndex | None
    synonyms: Synonyms = field(default_factory=Synonyms)
    version: str = ""

    @cached_property
    def ids(self) -> Sequence[str]:
        """Document ids by row. Cached: a query reads hundreds of ids, and documents are large."""
        return [document.id for document in self.documents]
