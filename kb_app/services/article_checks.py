"""Compares all articles with each other, and looks at their links to other sites. For one node."""

from __future__ import annotations

import html
import logging
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from urllib.parse import urldefrag, urlsplit

from sqlalchemy import Engine

from indexer.article_store import ArticleStore
from indexer.checking.overlaps import Overlap, overlaps
from indexer.reading.html_tags import tags
from kb_app.db.article_findings import ArticleFindings, ExternalLink, Finding
from kb_app.durations import HOUR
from kb_app.services.link_check import OK, due, looked_at, without_connection
from kb_app.services.live_index import LiveIndex
from search.errors import EmbedderUnavailableError
from search.ports import Embedder

log = logging.getLogger("kb_app.services.article_checks")
LONGEST_S, PAUSE_MS = 600.0, 6 * HOUR


class ArticleChecks:
    """What is checked of all articles at once, apart from builds."""

    def __init__(
        self,
        engine: Engine,
        live: LiveIndex,
        embedder: Embedder,
        links: str,
        clock: Callable[[], datetime],
    ) -> None:
        """``links`` is the setting: off, public or all."""
        self.findings = ArticleFindings(engine)
        self._live = live
        self._embedder = embedder
        self._links = links
        self._clock = clock
        self._compared = ""
        self._pause_until = 0

    def compare(self) -> int:
        """Compare the articles if there is a new index; return the number of findings."""
        snapshot = self._live.current()
        if snapshot is None or snapshot.version == self._compared:
            return 0
        try:
            overlapping = overlaps(snapshot.engine.corpus, self._embedder)
        except EmbedderUnavailableError as error:
            log.info("articles are not compared yet: %s", error)
            return 0
        at = self._now_ms()
        found = [
            Finding(
                one.kind,
                one.one,
                one.other,
                round(one.probability, 4),
                *one.quotes,
                at,
                stamp=_stamp(snapshot.articles, one),
            )
            for one in overlapping
        ]
        self.findings.replace(found)
        self._compared = snapshot.version
        return len(found)

    def check_links(self) -> int:
        """Look at the links that are due, for LONGEST_S; return how many were looked at."""
        snapshot = self._live.current()
        if snapshot is None or self._links == "off" or self._now_ms() < self._pause_until:
            return 0
        self.findings.keep_links(external_links(snapshot.articles))
        looked: list[ExternalLink] = []
        until = time.monotonic() + LONGEST_S
        for link in due(self.findings.links(), self._now_ms()):
            if time.monotonic() > until:
                break
            looked.append(looked_at(link, self._now_ms(), private=self._links == "all"))
        if without_connection(looked) and not self._is_connected(looked):
            log.warning("no site answers: links to other sites could not be checked")
            self._pause_until = self._now_ms() + PAUSE_MS
            return 0
        for link in looked:
            self.findings.note_link(link)
        return len(looked)

    def _is_connected(self, looked: list[ExternalLink]) -> bool:
        """Whether a page that answered before answers now: then the fault is not here."""
        asked = {link.url for link in looked}
        known = [one for one in self.findings.links() if one.outcome == OK and one.url not in asked]
        private = self._links == "all"
        return any(looked_at(one, 0, private=private).outcome == OK for one in known[-3:])

    def _now_ms(self) -> int:
        return int(self._clock().timestamp() * 1000)


def _stamp(store: ArticleStore, one: Overlap) -> str:
    """What both articles say, for a finding without quotations: it ends when that changes."""
    if any(one.quotes):
        return ""
    articles = (store.article(name) for name in (one.one, one.other))
    return "-".join(article.digest for article in articles if article)


def external_links(store: ArticleStore) -> dict[str, list[str]]:
    """The ids of the articles that link to each page of another site."""
    found: dict[str, list[str]] = defaultdict(list)
    for article in store.articles():
        if article.status == "archived":
            continue
        for tag in tags(article.html):
            target = tag.attribute("href") if tag.name == "a" else None
            url = urldefrag(html.unescape(target or ""))[0]
            if _is_page(url) and article.id not in found[url]:
                found[url].append(article.id)
    return {url: ids for url, ids in found.items() if ids}


def _is_page(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and len(url) <= 2_000
    except ValueError:
        return False
