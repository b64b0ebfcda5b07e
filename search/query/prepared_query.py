"""A query prepared for ranking: language, terms per index language, and the allowed documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.analysis.analyzer import analyser
from search.analysis.language import detect
from search.analysis.normalize import fold
from search.analysis.scripts import has_letters
from search.analysis.tokens import Tokens
from search.index.corpus import Corpus
from search.model import Query
from search.query.expansion import ExpandedQuery, corrected, expand
from search.query.parser import Parsed


@dataclass(frozen=True)
class PreparedQuery:
    """A query prepared for ranking.

    ``tokens`` and ``expanded`` have an entry for each language of the index. ``allowed`` is the
    mask of documents that may be returned, shape (documents,).
    """

    query: Query
    plain: str
    lang: str
    tokens: Mapping[str, Tokens]
    expanded: Mapping[str, ExpandedQuery]
    allowed: NDArray[np.bool_]

    @property
    def langs(self) -> tuple[str, ...]:
        """The preferred languages: of the query text, then of the user."""
        return tuple(dict.fromkeys(lang for lang in (self.lang, self.query.lang) if lang))

    @property
    def says_something(self) -> bool:
        """Whether the query is more than one letter or kana; a single ideograph is a word."""
        letters = [char for char in fold(self.plain) if char.isalnum()]
        return len(letters) > 1 or any(
            token.prefix for tokens in self.tokens.values() for token in tokens.bigrams
        )

    @property
    def spelling(self) -> tuple[str, ...]:
        """The query with unknown words replaced by the nearest indexed ones; empty without any."""
        corrections = self.expanded[self.lang].corrections if self.lang in self.expanded else ()
        return (corrected(self.plain, corrections),) if corrections else ()


def prepare(
    corpus: Corpus, query: Query, parsed: Parsed, allowed: NDArray[np.bool_]
) -> PreparedQuery:
    """Detect the language of a query, then analyse and expand it for every index language."""
    langs = sorted(corpus.lexical)
    lang = detect(
        parsed.plain, [lang for lang in (query.lang, *langs) if lang] or ["en"], query.lang or None
    )
    tokens = {code: analyser(code).analyse_query(parsed.plain) for code in langs}
    if lang != query.lang and _knows(corpus, query.lang, tokens):
        lang = query.lang
    expanded = {
        code: expand(corpus, code, parsed.plain, tokens[code], correct_spelling=code == lang)
        for code in langs
    }
    return PreparedQuery(query, parsed.plain, lang, tokens, expanded, allowed)


def query_problem(plain: str) -> str:
    """Return the problem of a query: "empty", "unsearchable", or "" for none."""
    folded = fold(plain)
    if not folded.strip():
        return "empty"
    return "" if has_letters(folded) else "unsearchable"


def _knows(corpus: Corpus, lang: str, tokens: Mapping[str, Tokens]) -> bool:
    """Return whether the language's articles have every word of the query.

    Language-neutral queries such as Wi-Fi and E-502 then keep the user's language.
    """
    if lang not in tokens or not tokens[lang].words:
        return False
    return all(corpus.lexical[lang].words.weight(token) for token in tokens[lang].words)
