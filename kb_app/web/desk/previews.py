"""What a text would be as an article: its page, its problems and its state, before it is saved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import url_for

from indexer.checking.cross_checks import broken_links
from indexer.checking.house_style import problems_of
from indexer.checking.style import ease_of, style_remarks
from indexer.isolation import IsolationError, isolated_process
from indexer.model import Article, Problem
from indexer.reading.article import read_article_text, unreadable
from indexer.reading.link_targets import target_of
from indexer.reading.style_file import read_style
from indexer.reading.support_values import read_promises, with_support
from indexer.reading.values_file import read_values
from indexer.targets import file_in
from kb_app.web.core.article_body import render_body
from kb_app.web.core.context import now, site_settings, snapshot
from kb_app.web.desk.article_list import state_of

# Time for a preview; a usual one takes 5 ms.
PREVIEW_S = 10.0


@dataclass(frozen=True)
class Preview:
    """An article as customers would see it, what is wrong with it, and its state."""

    article: Article | None
    html: str
    problems: Sequence[Problem]
    state: str

    @property
    def ease(self) -> float | None:
        """How easy it is to read, from 0 (hard) to 100 (easy); None where it cannot be told."""
        return ease_of(self.article) if self.article else None

    @property
    def title(self) -> str:
        """Its title; "" where the text is no article."""
        return self.article.title if self.article else ""


def _read(name: str, text: str) -> tuple[Article | None, list[Problem]]:
    zone, folder = site_settings().zone, site_settings().articles
    values = with_support(read_values(folder)[0], read_promises(folder))
    try:
        return isolated_process().run(PREVIEW_S, read_article_text, name, text, zone, values)
    except IsolationError as error:
        hint = "Take out what you added last."
        return None, [unreadable(name, f"cannot be shown: it {error}", hint)]


def state_of_text(name: str, text: str) -> str:
    """The state of an article with this text; "" where it is no article."""
    article, _problems = _read(name, text)
    return state_of(article, now()) if article else ""


def preview_of(name: str, text: str) -> Preview:
    """The rendered article with its problems, broken links among them."""
    article, problems = _read(name, text)
    if article is None:
        return Preview(None, "", problems, "")
    styles, _wrong = read_style(site_settings().articles)
    style = problems_of(article.path, text, style_remarks(article, styles))
    found = [*problems, *_broken_links(article), *style]
    body = render_body(
        article.html,
        snapshot().articles,
        lambda card: True,
        article.lang,
        picture=lambda source: _picture(article.path, source),
    )
    return Preview(article, body, found, state_of(article, now()))


def _picture(path: str, source: str) -> str:
    """The address of a picture of the folder, which no build may have yet; "" for any other."""
    target = target_of(path, source)
    if target is None or file_in(site_settings().articles, target.path) is None:
        return ""
    return url_for("article_files.picture", file=target.path)


def _broken_links(article: Article) -> list[Problem]:
    others = snapshot().articles.summaries.values()
    return broken_links(article, others, site_settings().articles) if article.links else []
