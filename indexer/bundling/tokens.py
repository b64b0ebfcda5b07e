"""What the keyword arm reads of the articles, made only where the build before and the cache do not know it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from indexer.bundling.build_cache import BuildCache, token_key
from indexer.bundling.passages import keyword_text, question_texts
from indexer.model import Article, memoized_on_article
from indexer.progress import Progress, quiet
from search.analysis.analyzer import analyser
from search.index.contents import DocumentTokens

# An article's title and questions that a query is held against, word by word.
NAMED_TEXTS = 100


def analyse(
    articles: Sequence[Article],
    before: Mapping[str, str],
    cache: BuildCache,
    progress: Progress = quiet,
) -> dict[str, DocumentTokens]:
    """The tokens, by key, of the articles whose key is not the one of ``before`` (by id); from the cache where the text was met before."""
    keyed = {
        key_of(article): article
        for article in articles
        if before.get(article.id) != key_of(article)
    }
    wanted = list(keyed)
    found = cache.tokens(wanted)
    missing = [key for key in wanted if key not in found]
    for number, key in enumerate(missing, 1):
        found[key] = tokenise(keyed[key], key)
        cache.store_tokens(found[key])
        if number % 20 == 0 or number == len(missing):
            progress("analysing", number, len(missing))
    cache.commit()
    return found


@memoized_on_article
def key_of(article: Article) -> str:
    """The key of an article's tokens."""
    return token_key(article.lang, keyword_text(article), article.open_to_all)


def tokenise(article: Article, key: str) -> DocumentTokens:
    """What the keyword arm reads of an article, and what its title and questions name."""
    reader = analyser(article.lang)
    words: list[str] = []
    bigrams: list[str] = []
    surfaces: set[str] = set()
    of_text: dict[str, tuple[str, ...]] = {}
    for text, times in keyword_text(article):
        analysed = reader.analyse(text)
        words += analysed.words * times
        of_text[text] = analysed.words
        bigrams += analysed.bigrams * times
        surfaces.update(analysed.surfaces)
    named = [sorted(set(of_text[text])) for text in question_texts(article)[:NAMED_TEXTS] if text]
    return DocumentTokens(key, words, bigrams, sorted(surfaces), named)
