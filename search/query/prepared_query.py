"""A query made ready for ranking: its language, its terms in every language of the index, and who may see what."""

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
    """``tokens`` and ``expanded`` have an entry for each language of the index; ``allowed``, shape (documents,), is who may be found."""

    query: Query
    plain: str
    lang: str
    tokens: Mapping[str, Tokens]
    expanded: Mapping[str, ExpandedQuery]
    allowed: NDArray[np.bool_]

    @property
    def langs(self) -> tuple[str, ...]:
        """The languages to answer in: of the query, then of the asker."""
        return tuple(dict.fromkeys(lang for lang in (self.lang, self.query.lang) if lang))

    @property
    def says_something(self) -> bool:
        """Whether more than one letter or kana was asked; a single ideograph is a word."""
        letters = [char for char in fold(self.plain) if char.isalnum()]
        return len(letters) > 1 or any(
            token.prefix for own in self.tokens.values() for token in own.bigrams
        )

    @property
    def spelling(self) -> tuple[str, ...]:
        """The query with words that no article has replaced by the nearest that some has; empty where all are known."""
        corrections = self.expanded[self.lang].corrections if self.lang in self.expanded else ()
        return (corrected(self.plain, corrections),) if corrections else ()


def prepare(
    corpus: Corpus, query: Query, parsed: Parsed, allowed: NDArray[np.bool_]
) -> PreparedQuery:
    """Analyse and expand a query once for every language of the index."""
    langs = sorted(corpus.lexical)
    lang = detect(
        parsed.plain, [lang for lang in (query.lang, *langs) if lang] or ["en"], query.lang or None
    )
    tokens = {own: analyser(own).analyse_query(parsed.plain) for own in langs}
    if lang != query.lang and _knows(corpus, query.lang, tokens):
        lang = query.lang
    expanded = {
        own: expand(corpus, own, parsed.plain, tokens[own], correct_spelling=own == lang)
        for own in langs
    }
    return PreparedQuery(query, parsed.plain, lang, tokens, expanded, allowed)


def query_problem(plain: str) -> str:
    """What is wrong with a query: "empty", "unsearchable", or "" where nothing is."""
    folded = fold(plain)
    if not folded.strip():
        return "empty"
    return "" if has_letters(folded) else "unsearchable"


def _knows(corpus: Corpus, lang: str, tokens: Mapping[str, Tokens]) -> bool:
    """Whether every word is one of the language's articles: Wi-Fi and E-502 are asked in the asker's own language."""
    if lang not in tokens or not tokens[lang].words:
        return False
    return all(corpus.lexical[lang].words.weight(token) for token in tokens[lang].words)
