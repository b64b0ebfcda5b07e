"""The reading stage of a build: the articles folder in, articles and problems out."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import tzinfo
from pathlib import Path

from indexer.bundling.build_cache import BuildCache
from indexer.checking.cross_checks import Collection, check, without_duplicates
from indexer.model import Article, Problem, SectionInfo
from indexer.progress import Progress, quiet
from indexer.reading.files import SourceFile, walk
from indexer.reading.front_matter import read
from indexer.reading.learned_file import read_learned
from indexer.reading.markdown import render
from indexer.reading.sections_file import read_sections

log = logging.getLogger("indexer.collect")


def collect(
    folder: Path, cache: BuildCache, zone: tzinfo, progress: Progress = quiet
) -> tuple[list[Article], list[Problem], dict[str, SectionInfo]]:
    """(articles that can be served, problems of all files, sections of the site)."""
    files, problems = walk(folder)
    articles: list[Article] = []
    known = cache.articles()
    for number, file in enumerate(files, 1):
        article, found = _read_cached(file, cache, known, zone)
        problems += found
        if article is not None:
            articles.append(article)
        if number % 50 == 0 or number == len(files):
            progress("reading articles", number, len(files))
    cache.forget_articles(known.keys() - {file.name for file in files})
    cache.commit()
    sections, section_problems = read_sections(folder)
    confirmed_questions = read_learned(folder)
    articles = [
        replace(article, confirmed_questions=confirmed_questions[article.id])
        if article.id in confirmed_questions
        else article
        for article in articles
    ]
    kept, duplicates = without_duplicates(articles)
    collection = Collection(kept, folder, sections)
    return kept, [*problems, *section_problems, *duplicates, *check(collection)], sections


def _read_cached(
    file: SourceFile, cache: BuildCache, known: Mapping[str, str], zone: tzinfo
) -> tuple[Article | None, list[Problem]]:
    """An article and its problems; the last good version where the file cannot be read now."""
    stamp = cache.stamp(file, str(zone))
    before = cache.read(file.name, known[file.name]) if file.name in known else None
    if before is not None and known[file.name] == stamp:
        return before.article, list(before.problems)
    article, problems = _read_new(file, zone)
    last_good = before.article if before else None
    if article is None and last_good is not None:
        problems = [
            replace(
                problems[0],
                hint=f"{problems[0].hint} Its last good version is still served.".strip(),
            ),
            *problems[1:],
        ]
    cache.store_article(file.name, stamp, article, problems)
    return article or last_good, problems


def _read_new(file: SourceFile, zone: tzinfo) -> tuple[Article | None, list[Problem]]:
    """An article from its file; an unexpected error is a problem of that file alone."""
    try:
        parsed = read(file, zone)
        return (None, parsed) if isinstance(parsed, list) else render(parsed)
    except Exception as error:
        log.exception("an article could not be read")
        hint = "Take out what was added last, and try again."
        return None, [
            Problem(
                file.name,
                0,
                "error",
                "unreadable",
                f"cannot be read ({type(error).__name__}: {str(error)[:80]}).",
                hint,
            )
        ]
