"""Tokenizes articles for the keyword arm.

Known tokens come from the previous bundle or the build cache.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from indexer.bundling.build_cache import BuildCache, token_key
from indexer.bundling.passages import keyword_text, question_texts
from indexer.model import Article, memoized_on_article
from indexer.progress import Progress, quiet
from search.analysis.analyzer import analyser
from search.index.contents import DocumentTokens

# Maximum number of titles and questions per article that are compared with a query.
NAMED_TEXTS = 100


def analyse(
    articles: Sequence[Article],
    before: Mapping[str, str],
    cache: BuildCache,
    progress: Progress = quiet,
) -> dict[str, DocumentTokens]:
    """Return, by key, the tokens of the articles whose key is not in ``before``.

    ``before`` maps article ids to the token keys of the previous bundle. Cached tokens are reused.
    """
    keyed = {
        key_of(article): article
        for article in articles
        if before.get(article.id) != key_of(article)
    }
    keys = list(keyed)
    tokens = cache.tokens(keys)
    missing = [key for key in keys if key not in tokens]
    for number, key in enumerate(missing, 1):
        tokens[key] = tokenise(keyed[key], key)
        cache.store_tokens(tokens[key])
        if number % 20 == 0 or number == len(missing):
            progress("analysing", number, len(missing))
    cache.commit()
    return tokens


@memoized_on_article
def key_of(article: Article) -> str:
    """Return the key of an article's tokens."""
    return token_key(article.lang, keyword_text(article), article.open_to_all)


def tokenise(article: Article, key: str) -> DocumentTokens:
    """Tokenize an article for the keyword arm, its title and questions also separately."""
    reader = analyser(article.lang)
    words: list[str] = []
    bigrams: list[str] = []
    surfaces: set[str] = set()
    words_of: dict[str, tuple[str, ...]] = {}
    for text, times in keyword_text(article):
        analysed = reader.analyse(text)
        words += analysed.words * times
        words_of[text] = analysed.words
        bigrams += analysed.bigrams * times
        surfaces.update(analysed.surfaces)
    named = [sorted(set(words_of[text])) for text in question_texts(article)[:NAMED_TEXTS] if text]
    return DocumentTokens(key, words, bigrams, sorted(surfaces), named)
