"""The reading stage of a build: the articles folder in, articles and problems out."""

from __future__ import annotations

import hashlib
import logging
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import tzinfo
from pathlib import Path
from types import MappingProxyType

from indexer.arrangement import arrange
from indexer.bundling.build_cache import BuildCache, CachedArticle
from indexer.checking.cross_checks import Collection, check, without_duplicates
from indexer.checking.glossary import glossary_problems
from indexer.isolation import IsolationError, isolated_process, result_of
from indexer.linked_files import with_words_of_files
from indexer.model import Article, Problem, SectionInfo
from indexer.progress import Progress, quiet
from indexer.reading.article import Read, read_article, unreadable
from indexer.reading.files import SourceFile, walk
from indexer.reading.glossary_file import read_glossary
from indexer.reading.layout import layout_of
from indexer.reading.learned_file import read_learned
from indexer.reading.navigation import read_navigation
from indexer.reading.packs_file import pack_problems, read_packs
from indexer.reading.sections_file import read_sections
from indexer.reading.style_file import read_style
from indexer.reading.support_values import read_promises, with_support
from indexer.reading.values_file import read_values
from indexer.targets import Targets

log = logging.getLogger("indexer.collect")
# Time for one article; a usual one takes 5 ms.
ARTICLE_S = 20.0


@dataclass(frozen=True)
class Collected:
    """The articles to serve, the problems of all files, the sections, and what links mean."""

    articles: list[Article]
    problems: list[Problem]
    sections: dict[str, SectionInfo]
    targets: Targets


def collect(
    folder: Path,
    cache: BuildCache,
    zone: tzinfo,
    progress: Progress = quiet,
    texts: Mapping[str, str] = MappingProxyType({}),
    confirmed: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> Collected:
    """Read the folder. ``texts`` are read in the place of some of its files, and not kept.

    ``confirmed`` are further confirmed questions of articles.
    """
    walked = walk(folder)
    layout = layout_of(folder.resolve(), [file.name for file in walked.files])
    places = {file.name: layout.place(file.name) for file in walked.files}
    apart = [name for name, place in places.items() if place is None]
    problems = [*walked.problems, *_set_apart(apart)]
    files = [file for file in walked.files if places[file.name] is not None]
    own_values, values_problems = read_values(folder)
    promises = read_promises(folder)
    values = with_support(own_values, promises)
    files = [replace(file, place=places[file.name], values=values) for file in files]
    signature = hashlib.sha256(repr(layout).encode()).hexdigest()[:8]
    articles, said = _articles(files, cache, (zone, signature), progress, texts)
    problems += [*values_problems, *said]
    named, section_problems = read_sections(folder)
    confirmed_questions, learned_problems = read_learned(folder)
    for name, more in confirmed.items():
        both = (*confirmed_questions.get(name, ()), *more)
        confirmed_questions[name] = tuple(dict.fromkeys(both))
    articles = [
        replace(article, confirmed_questions=confirmed_questions[article.id])
        if article.id in confirmed_questions
        else article
        for article in articles
    ]
    content = [root for root, lang in layout.roots if not lang]
    navigation = read_navigation(folder, content, walked.categories)
    known_places = {name: place for name, place in places.items() if place is not None}
    arranged = arrange(
        articles, known_places, navigation, named, foreign=layout.roots != (("", ""),)
    )
    kept, duplicates = without_duplicates(arranged.articles)
    targets = Targets(kept, folder, [root for root, _ in layout.roots])
    kept = with_words_of_files(kept, folder, targets, cache)
    problems += [*section_problems, *learned_problems, *navigation.problems, *duplicates]
    styles, wrong_styles = read_style(folder)
    packs, wrong_packs = read_packs(folder)
    problems += [*wrong_packs, *pack_problems(packs, {article.id for article in kept})]
    terms, wrong_terms = read_glossary(folder)
    problems += [*wrong_terms, *glossary_problems(kept, terms)]
    problems += [*wrong_styles, *check(Collection(kept, folder, named, targets, styles, promises))]
    return Collected(kept, problems, arranged.sections, targets)


def _articles(
    files: Sequence[SourceFile],
    cache: BuildCache,
    reading: tuple[tzinfo, str],
    progress: Progress,
    texts: Mapping[str, str],
) -> tuple[list[Article], list[Problem]]:
    """The articles of the files and their problems; only changed files are read."""
    (zone, signature), known = reading, cache.articles()
    stamps = {file.name: cache.stamp(file, str(zone), signature) for file in files}
    fresh = {
        file.name: known[file.name]
        for file in files
        if file.name in known and not _is_stale(cache, file, known)
    }
    on_disk = [file for file in files if file.name not in texts]
    started = _read_changed(on_disk, fresh, stamps, zone)
    articles: list[Article] = []
    problems: list[Problem] = []
    for number, file in enumerate(files, 1):
        if file.name in texts:
            article, said = _read_instead(file, texts[file.name], zone)
        else:
            before = cache.read(file.name, known[file.name]) if file.name in known else None
            if before is not None and file.name not in started:
                article, said = before.article, list(before.problems)
            else:
                reader, stamp = started.pop(file.name), stamps[file.name]
                article, said = _read_new(file, zone, reader, before, cache, stamp)
        problems += said
        articles += [article] if article is not None else []
        if number % 50 == 0 or number == len(files):
            progress("reading articles", number, len(files))
    cache.forget_articles(known.keys() - {file.name for file in files})
    cache.commit()
    return articles, problems


def _is_stale(cache: BuildCache, file: SourceFile, known: Mapping[str, str]) -> bool:
    """Whether an article, or the one that could not be read, has other shared values by now."""
    before, values = cache.read(file.name, known[file.name]), file.values
    if any(problem.code == "value" for problem in before.problems):
        return True
    article = before.article
    used = article.values if article else ()
    return any((values.text(each, article.lang) or "") != text for each, text in used if article)


def _set_apart(names: Sequence[str]) -> list[Problem]:
    """One warning for the Markdown files that are no articles, such as a README or a licence."""
    if not names:
        return []
    shown = ", ".join(names[:5]) + (" ..." if len(names) > 5 else "")
    message = f"{len(names)} files are not articles: {shown}."
    hint = "They are about the repository, or outside the folder of its articles."
    return [Problem("", 0, "warning", "not-read", message, hint)]


def _read_changed(
    files: Sequence[SourceFile],
    known: Mapping[str, str],
    stamps: Mapping[str, str],
    zone: tzinfo,
) -> dict[str, Future[Read]]:
    """Start to read the new and changed files in a child process, by name."""
    return {
        file.name: isolated_process().submit(ARTICLE_S, read_article, file, zone)
        for file in files
        if known.get(file.name) != stamps[file.name]
    }


def _read_new(
    file: SourceFile,
    zone: tzinfo,
    started: Future[Read],
    before: CachedArticle | None,
    cache: BuildCache,
    stamp: str,
) -> Read:
    """The article of a file, cached; its last good version where it cannot be read now."""
    try:
        article, problems = _result(file, zone, started)
    except OSError as error:  # not cached: the next build tries again
        why, hint = f"cannot be read: {error.strerror}", "Check the file and its permissions."
        return _last_good([unreadable(file.name, why, hint)], before)
    known = before.article if before is not None else None
    if article is not None and known is not None and (wrong := _worse(article, known)):
        article, problems = None, [wrong, *problems]
    if article is not None:
        cache.store_article(file.name, stamp, article, problems)
        return article, problems
    last_good, problems = _last_good(problems, before)
    cache.store_article(file.name, stamp, None, problems)
    return last_good, problems


def _worse(article: Article, before: Article) -> Problem | None:
    """Why the last good version of an article stays, though the new one could be read."""
    now = dict(article.values)
    lost = [name for name, text in before.values if text and now.get(name) == ""]
    if lost:
        message = f"{{{{ {lost[0]} }}}} is not in values.yml any more, or the file is broken."
        return Problem(article.path, 1, "error", "value", message, "Put it back, or take it out.")
    if article.machine_translation and not before.machine_translation:
        if before.status != "published":
            return None
        message = "a machine translation stands in the place of what a person wrote."
        hint = "Take the person's text back from the history, or publish this one at the desk."
        return Problem(article.path, 1, "error", "machine", message, hint)
    return None


def _read_instead(file: SourceFile, text: str, zone: tzinfo) -> Read:
    """The article that a file would be with another text."""
    with tempfile.TemporaryDirectory() as root:
        path = Path(root, file.name)
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")
        size = path.stat().st_size
        return _result(replace(file, root=root, size=size), zone, None)


def _result(file: SourceFile, zone: tzinfo, started: Future[Read] | None) -> Read:
    """What was read; a file that stops its process twice is set aside until it changes."""
    try:
        if started is not None:
            return result_of(started)
    except IsolationError:
        log.warning("%s is tried once more: reading it failed", file.name)
    try:
        return isolated_process().run(ARTICLE_S, read_article, file, zone)
    except IsolationError as error:
        hint = "It is set aside until the file changes. Take out what was added last."
        return None, [unreadable(file.name, f"cannot be read: it twice {error}", hint)]


def _last_good(problems: list[Problem], before: CachedArticle | None) -> Read:
    """The last good version of an article, which the first problem then says."""
    if before is None or before.article is None:
        return None, problems
    hint = f"{problems[0].hint} Its last good version is still served.".strip()
    return before.article, [replace(problems[0], hint=hint), *problems[1:]]
