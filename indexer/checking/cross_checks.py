"""What is wrong across articles: duplicate ids and slugs, broken links and anchors, missing images, idle tests."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from indexer.model import Article, Link, Problem, SectionInfo
from indexer.reading.images import IMAGE_TYPES, image_file
from search.analysis.normalize import fold

_SIGNS = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class Collection:
    """All articles that could be read, and the folder that their links and images lie in."""

    articles: Sequence[Article]
    folder: Path
    sections: Mapping[str, SectionInfo]

    def by_path(self) -> dict[str, Article]:
        """Articles by their path in the folder."""
        return {article.path: article for article in self.articles}


def without_duplicates(articles: Sequence[Article]) -> tuple[list[Article], list[Problem]]:
    """The articles that may be served, first come first kept where two share an id or a slug of one language."""
    kept: list[Article] = []
    problems: list[Problem] = []
    # A draft copied from an article must not push it aside.
    articles = sorted(articles, key=lambda article: article.status != "published")
    ids: dict[str, Article] = {}
    slugs: dict[tuple[str, str], Article] = {}
    for article in articles:
        twin = ids.get(article.id) or slugs.get((article.lang, article.slug))
        if twin is None:
            kept.append(article)
            ids[article.id] = article
            slugs[article.lang, article.slug] = article
            continue
        what = f"id {article.id!r}" if article.id == twin.id else f"slug {article.slug!r}"
        code = "duplicate-id" if article.id == twin.id else "duplicate-slug"
        hint = f"Give one of them another {code[10:]}; until then only {twin.path} is served."
        problems.append(
            Problem(article.path, 1, "error", code, f"has the same {what} as {twin.path}.", hint)
        )
    return kept, problems


def check(collection: Collection) -> list[Problem]:
    """Every problem between articles, by path and line."""
    problems = [
        *_broken_links(collection),
        *_references(collection),
        *_aliases(collection.articles),
        *_idle_tests(collection.articles),
        *_unnamed_sections(collection),
    ]
    return sorted(problems, key=lambda problem: (problem.path, problem.line, problem.code))


def _broken_links(collection: Collection) -> Iterator[Problem]:
    articles = collection.by_path()
    for article in collection.articles:
        for link in article.links:
            problem = (
                _image(article, link, collection.folder)
                if link.image
                else _target(article, link, articles)
            )
            if problem:
                yield problem


def _image(article: Article, link: Link, folder: Path) -> Problem | None:
    if image_file(folder, link.target):
        return None
    shown = link.target[:100]
    if link.target.startswith(".."):
        return Problem(
            article.path,
            link.line,
            "error",
            "image-outside",
            f"the image {shown} is outside the articles folder.",
            "Copy it beside the article.",
        )
    if Path(link.target).suffix.lower() not in IMAGE_TYPES:
        return Problem(
            article.path,
            link.line,
            "error",
            "image-type",
            f"{shown} is no image that browsers show.",
            f"Use one of: {' '.join(IMAGE_TYPES)}",
        )
    parent = (folder / link.target).parent
    hint = (
        _near(Path(link.target).name, (entry.name for entry in parent.iterdir()))
        if "\0" not in link.target and parent.is_dir()
        else ""
    )
    return Problem(
        article.path, link.line, "error", "image-missing", f"the image {shown} is not there.", hint
    )


def _target(article: Article, link: Link, articles: Mapping[str, Article]) -> Problem | None:
    target = article if not link.target else articles.get(link.target)
    if target is None:
        moved = moved_to(link, articles)
        hint = f"Did it move to {moved}?" if moved else _near(link.target, articles)
        return Problem(
            article.path,
            link.line,
            "error",
            "link",
            f"links to {link.target}, which is not there.",
            hint,
            fixable=bool(moved),
        )
    if link.anchor and link.anchor not in target.anchors:
        where = "this article" if target is article else target.path
        return Problem(
            article.path,
            link.line,
            "error",
            "anchor",
            f"links to #{link.anchor}, which {where} does not have.",
            _near(link.anchor, target.anchors),
        )
    return None


def moved_to(link: Link, articles: Mapping[str, Article]) -> str | None:
    """The one article of the same language folder with the target's file name, if there is just one."""
    target = PurePosixPath(link.target)
    top = target.parts[:1]
    same = [
        path
        for path in articles
        if PurePosixPath(path).name == target.name and PurePosixPath(path).parts[:1] == top
    ]
    return same[0] if len(same) == 1 else None


def _near(name: str, names: Iterable[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, list(names), 1, 0.6)
    return f"Did you mean {near[0]}?" if near else ""


def _references(collection: Collection) -> Iterator[Problem]:
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
                    f"related names {name}, which is no article's id.",
                    _near(name, ids),
                )
        original = article.translation_of
        if original and original not in ids:
            yield Problem(
                article.path,
                1,
                "warning",
                "translation",
                f"translation_of names {original}, which is no article's id.",
                _near(original, ids),
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
            if owner is not None:
                yield Problem(
                    article.path,
                    1,
                    "warning",
                    "alias",
                    f"the alias {alias} is the slug of {owner.path}, which is shown instead.",
                    "Remove the alias.",
                )


def _idle_tests(articles: Sequence[Article]) -> Iterator[Problem]:
    tested = {(article.lang, _same(test)) for article in articles for test in article.tests}
    if not tested:
        return
    asked = {
        (article.lang, _same(text))
        for article in articles
        for text in (article.title, *article.questions)
    }
    for article in articles:
        for test in article.tests:
            if (article.lang, _same(test)) in asked:
                message = f"the test {test!r} repeats a title or question, so it cannot fail."
                yield Problem(
                    article.path,
                    1,
                    "warning",
                    "idle-test",
                    message,
                    "Write it as a customer would who has never seen the article.",
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
            hint = f"Add {section} to sections.yml, or correct the folder or key section."
            yield Problem(
                article.path, 1, "warning", "section", f"the section {section} has no name.", hint
            )
