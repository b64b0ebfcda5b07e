"""Checks translations against the glossary: a term of the original stands in the translation too.

Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from indexer.model import Article, Problem
from indexer.reading.glossary_file import Term
from search.analysis.normalize import fold

# Terms that one translation lacks and that are named: more would hide the rest.
MOST_NAMED = 5


def glossary_problems(articles: Sequence[Article], terms: Sequence[Term]) -> Iterator[Problem]:
    """A warning for each term of an original that its translation does not have."""
    if not terms:
        return
    originals = {article.id: article for article in articles}
    texts: dict[str, str] = {}
    for article in articles:
        original = originals.get(article.translation_of)
        if original is None or original.lang == article.lang:
            continue
        missing = [
            term
            for term in terms
            if _has(original, term, texts) and not _has(article, term, texts, default=True)
        ]
        for term in missing[:MOST_NAMED]:
            message = f"does not have the glossary's word for {term[original.lang][0]!r}."
            hint = f"Write {term[article.lang][0]!r}, or correct glossary.yml."
            yield Problem(article.path, 1, "warning", "glossary", message, hint)


def _has(article: Article, term: Term, texts: dict[str, str], *, default: bool = False) -> bool:
    """Whether an article has a term in one of its forms; ``default`` for a language without."""
    written = term.get(article.lang)
    if not written:
        return default
    if article.id not in texts:
        texts[article.id] = _text(article)
    text, is_spaced = texts[article.id], article.lang not in ("ja", "zh")
    return any(_stands_in(fold(one), text, is_spaced) for one in written)


def _stands_in(word: str, text: str, is_spaced: bool) -> bool:
    if not is_spaced:
        return word in text
    # An English word may have an ending: return, returns, returned.
    return bool(re.search(rf"(?<![\w-]){re.escape(word)}\w{{0,4}}(?![\w-])", text))


def _text(article: Article) -> str:
    parts: list[str] = [article.title, article.summary]
    parts += [text for section in article.sections for text in (section.heading, section.text)]
    return fold("\n".join(parts))
