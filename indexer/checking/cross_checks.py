"""Checks across articles: duplicates, broken links and references, idle tests, house style,
and promises of support.yml."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from pathlib import Path

from indexer.checking.house_style import style_problems
from indexer.checking.promises import promise_problems
from indexer.model import Article, ArticleSummary, Link, Problem, SectionInfo
from indexer.reading.link_targets import WIKI
from indexer.reading.media_types import IMAGE_TYPES
from indexer.reading.style_file import Style
from indexer.reading.support_values import NO_PROMISES, Promises
from indexer.targets import MAX_FILE_BYTES, Targets
from search.analysis.normalize import fold

_SIGNS = re.compile(r"[\W_]+")
_HOST = re.compile(r"\A(?:www\.)?[a-z0-9-]++\.(?:com|org|net|jp|io|dev|app)\b")
MOST_HINTS, MOST_COMPARED = 50, 500
# The paths of each file name, by language folder and name.
Places = Mapping[tuple[str, str], Sequence[str]]


@dataclass(frozen=True)
class Collection:
    """All readable articles, and the folder that contains their links and images."""

    articles: Sequence[Article]
    folder: Path
    sections: Mapping[str, SectionInfo]
    targets: Targets
    styles: Mapping[str, Style] = field(default_factory=dict)
    promises: Promises = NO_PROMISES

    @cached_property
    def by_path(self) -> dict[str, Article]:
        """The articles by path."""
        return {article.path: article for article in self.articles}


def without_duplicates(articles: Sequence[Article]) -> tuple[list[Article], list[Problem]]:
    """Return the articles to serve, and a problem for each duplicate.

    If two articles share an id, or a slug in one language, the first one is kept.
    """
    kept: list[Article] = []
    problems: list[Problem] = []
    # A draft copied from a published article must not replace it.
    articles = sorted(articles, key=lambda article: article.status != "published")
    ids: dict[str, Article] = {}
    slugs: dict[tuple[str, str], Article] = {}
    for article in articles:
        original = ids.get(article.id) or slugs.get((article.lang, article.slug))
        if original is None:
            kept.append(article)
            ids[article.id] = article
            slugs[article.lang, article.slug] = article
            continue
        what = f"id {article.id!r}" if article.id == original.id else f"slug {article.slug!r}"
        code = "duplicate-id" if article.id == original.id else "duplicate-slug"
        hint = f"Change one {code[10:]}. Until then only {original.path} is served."
        problems.append(
            Problem(
                article.path, 1, "error", code, f"has the same {what} as {original.path}.", hint
            )
        )
    return kept, problems


def check(collection: Collection) -> list[Problem]:
    """Return all problems across articles, sorted by path and line."""
    hints = _Hints()
    problems = [
        *_broken_links(collection, hints),
        *_references(collection, hints),
        *_aliases(collection.articles),
        *_idle_tests(collection.articles),
        *_lost_answers(collection.articles),
        *_unnamed_sections(collection),
        *style_problems(collection.articles, collection.styles, collection.folder),
        *promise_problems(collection.articles, collection.promises, collection.folder),
    ]
    return sorted(problems, key=lambda problem: (problem.path, problem.line, problem.code))


def _broken_links(collection: Collection, hints: _Hints) -> Iterator[Problem]:
    places = places_by_name(collection.by_path)
    for article in collection.articles:
        yield from _links_of(article, collection, places, hints)


def broken_links(article: Article, others: Iterable[ArticleSummary], folder: Path) -> list[Problem]:
    """The links and images of one article that lead nowhere, before it is saved.

    ``others`` are the articles served; their headings are not looked at.
    """
    known = [Article(**vars(other)) for other in others if other.path != article.path]
    articles = [article, *known]
    collection = Collection(articles, folder, {}, Targets(articles, folder))
    places = places_by_name(collection.by_path)
    links = tuple(
        link
        if collection.targets.article(article, link) in (None, article)
        else replace(link, anchor="")
        for link in article.links
    )
    return list(_links_of(replace(article, links=links), collection, places, _Hints()))


def _links_of(
    article: Article, collection: Collection, places: Places, hints: _Hints
) -> Iterator[Problem]:
    for link in article.links:
        problem = (
            _image(article, link, collection, hints)
            if link.image
            else _target(article, link, collection, places, hints)
        )
        if problem:
            yield problem


def _image(article: Article, link: Link, collection: Collection, hints: _Hints) -> Problem | None:
    found = collection.targets.file(article, link)
    shown = link.target.removeprefix(WIKI)[:100]
    if found and Path(found).suffix.lower() in IMAGE_TYPES:
        return None
    if shown.startswith(".."):
        code, message = "image-outside", f"the image {shown} is outside the articles folder."
        hint = "Copy it into the folder of the article."
    elif Path(shown).suffix.lower() not in IMAGE_TYPES:
        code, message = "image-type", f"{shown} is not an image that browsers can show."
        hint = f"Use one of: {' '.join(IMAGE_TYPES)}"
    else:
        code, message = "image-missing", f"the image {shown} does not exist."
        hint = _near_file(collection.folder, shown, hints)
    return Problem(article.path, link.line, "error", code, message, hint)


def _near_file(folder: Path, name: str, hints: _Hints) -> str:
    parent = (folder / name.lstrip("/")).parent
    if "\0" in name or not parent.is_dir():
        return ""
    return hints.near(Path(name).name, (entry.name for entry in parent.iterdir()))


def _target(
    article: Article,
    link: Link,
    collection: Collection,
    places: Places,
    hints: _Hints,
) -> Problem | None:
    target = collection.targets.article(article, link)
    if target is None:
        return _no_target(article, link, collection, places, hints)
    if collection.targets.anchor(target, link.anchor) is None:
        where = "this article" if target is article else target.path
        message = f"links to #{link.anchor}, which {where} does not have."
        hint = hints.near(link.anchor, target.anchors)
        return Problem(article.path, link.line, "error", "anchor", message, hint)
    return None


def _no_target(
    article: Article,
    link: Link,
    collection: Collection,
    places: Places,
    hints: _Hints,
) -> Problem | None:
    file = collection.targets.file(article, link)
    shown = link.target.removeprefix(WIKI)
    if file is not None:
        size = (collection.folder / file).stat().st_size
        if size <= MAX_FILE_BYTES:
            return None
        message = f"the file {file} is too large ({size // 1024 // 1024} MB)."
        hint = f"At most {MAX_FILE_BYTES // 1024 // 1024} MB; link to where it is kept."
        return Problem(article.path, link.line, "error", "file-size", message, hint)
    message = f"links to {shown}, which does not exist."
    moved = moved_to(link, places)
    written = _last_part(article, shown)
    host = _HOST.match(written)
    if host:
        hint = f"Did you mean https://{written}?"
    else:
        hint = f"Did it move to {moved}?" if moved else hints.near(shown, collection.by_path)
    fixable = bool(moved) and not host
    return Problem(article.path, link.line, "error", "link", message, hint, fixable=fixable)


def _last_part(article: Article, target: str) -> str:
    """The link as written, where it is relative to the article."""
    above = article.path.rpartition("/")[0]
    return target.removeprefix(f"{above}/") if above else target


def places_by_name(paths: Iterable[str]) -> Places:
    """Return the paths of each file name in each language folder."""
    places: dict[tuple[str, str], list[str]] = defaultdict(list)
    for path in paths:
        places[_place(path)].append(path)
    return places


def moved_to(link: Link, places: Places) -> str | None:
    """Return the new path of a moved link target, or None if it is not unique.

    The candidates are the articles in the same language folder with the same file name.
    """
    candidates = places.get(_place(link.target), ())
    return candidates[0] if len(candidates) == 1 and candidates[0] != link.target else None


def _place(path: str) -> tuple[str, str]:
    return path.partition("/")[0], path.rpartition("/")[2]


class _Hints:
    """Guesses what a broken name meant. Bounded: comparing takes a millisecond for 100 names."""

    def __init__(self) -> None:
        self._left = MOST_HINTS

    def near(self, name: str, names: Iterable[str]) -> str:
        """A hint with the nearest name; "" without one, and after MOST_HINTS hints."""
        from difflib import get_close_matches

        if self._left <= 0:
            return ""
        self._left -= 1
        start = name.rpartition("/")[2][:2].casefold()
        alike = (one for one in names if one.rpartition("/")[2][:2].casefold() == start)
        near = get_close_matches(name, list(islice(alike, MOST_COMPARED)), 1, 0.6)
        return f"Did you mean {near[0]}?" if near else ""


def _references(collection: Collection, hints: _Hints) -> Iterator[Problem]:
    ids = {article.id for article in collection.articles}
    originals = {article.id: article for article in collection.articles}
    for article in collection.articles:
        for name in article.related:
            if name not in ids:
                yield Problem(
                    article.path,
                    1,
                    "warning",
                    "related",
                    f"related contains {name}, which is not the id of an article.",
                    hints.near(name, ids),
                )
        original = article.translation_of
        if original and original not in ids:
            yield Problem(
                article.path,
                1,
                "warning",
                "translation",
                f"translation_of is {original}, which is not the id of an article.",
                hints.near(original, ids),
            )
        elif original and originals[original].lang == article.lang:
            yield Problem(
                article.path,
                1,
                "warning",
                "translation",
                f"is a translation of {original}, which is in the same language.",
                "Check lang and translation_of.",
            )


def _aliases(articles: Sequence[Article]) -> Iterator[Problem]:
    slugs = {(article.lang, article.slug): article for article in articles}
    for article in articles:
        for alias in article.aliases:
            owner = slugs.get((article.lang, alias))
            if owner is not None and owner is not article:
                yield Problem(
                    article.path,
                    1,
                    "warning",
                    "alias",
                    f"the alias {alias} is also the slug of {owner.path}, which has precedence.",
                    "Remove the alias.",
                )


def _lost_answers(articles: Sequence[Article]) -> Iterator[Problem]:
    """Answers that point to a heading that is not there."""
    for article in articles:
        for answer in article.answers:
            anchor = answer.target.removeprefix("#")
            if answer.target.startswith("#") and anchor not in article.anchors:
                message = f"answers: {answer.question!r} points to #{anchor}, which is not there."
                known = ", ".join(f"#{each}" for each in article.anchors[:8])
                hint = f"Write one of {known}, or the text itself." if known else ""
                yield Problem(article.path, 1, "error", "answer-target", message, hint)


def _idle_tests(articles: Sequence[Article]) -> Iterator[Problem]:
    tested = {(article.lang, _same(test)) for article in articles for test in article.tests}
    if not tested:
        return
    questions = {
        (article.lang, _same(text))
        for article in articles
        for text in (article.title, *article.questions)
    }
    for article in articles:
        for test in article.tests:
            if (article.lang, _same(test)) in questions:
                message = f"the test {test!r} repeats a title or question, so it cannot fail."
                yield Problem(
                    article.path,
                    1,
                    "warning",
                    "idle-test",
                    message,
                    "Use the words of a customer who has not read the article.",
                )


def _same(text: str) -> str:
    return _SIGNS.sub("", fold(text))


def _unnamed_sections(collection: Collection) -> Iterator[Problem]:
    if not collection.sections:
        return
    first: dict[str, Article] = {}
    for article in collection.articles:
        first.setdefault(article.section, article)
    for section, article in first.items():
        if section not in collection.sections:
            hint = f"Add {section} to sections.yml, or correct the folder or the section key."
            yield Problem(
                article.path, 1, "warning", "section", f"the section {section} has no name.", hint
            )
