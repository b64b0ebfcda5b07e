"""Adds the words of linked files, such as PDF documents and captions, to their articles."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from indexer.bundling.build_cache import BuildCache
from indexer.bundling.links import bundle_name
from indexer.isolation import IsolationError, isolated_process
from indexer.model import Article, Section, memoized_on_article
from indexer.reading.file_texts import READ_S, has_words, words_of
from indexer.targets import Targets, file_in

log = logging.getLogger("indexer.linked_files")


def with_words_of_files(
    articles: Sequence[Article], folder: Path, targets: Targets, cache: BuildCache
) -> list[Article]:
    """The articles, with a section for each linked file that has words."""
    return [
        _with_words(article, folder, targets, cache) if article.links else article
        for article in articles
    ]


def _with_words(article: Article, folder: Path, targets: Targets, cache: BuildCache) -> Article:
    found = tuple(_sections(article, folder, targets, cache))
    if not found:
        return article
    kept = _last_with_words(article)
    if not kept or kept[0].sections != (*article.sections, *found):
        kept[:] = [replace(article, sections=(*article.sections, *found))]
    return kept[0]


@memoized_on_article
def _last_with_words(article: Article) -> list[Article]:
    """Storage for the article of the last build."""
    return []


def _sections(
    article: Article, folder: Path, targets: Targets, cache: BuildCache
) -> Iterator[Section]:
    names = dict.fromkeys(
        name
        for link in article.links
        if not link.image and has_words(link.target) and (name := targets.file(article, link))
    )
    for name in names:
        path = file_in(folder, name)
        words = _words(path, cache) if path is not None else ""
        if words:
            yield Section(PurePosixPath(name).name, "", 2, words)


def _words(path: Path, cache: BuildCache) -> str:
    """The words of a file, read once for each content."""
    try:
        key = bundle_name(path)
        known = cache.file_words(key)
        if known is None:
            known = isolated_process().run(READ_S, words_of, path)
            cache.store_file_words(key, known)
    except (OSError, IsolationError) as error:
        log.warning("the words of %s cannot be read: %s", path.name, error)
        return ""
    return known
