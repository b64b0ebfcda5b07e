"""What the addresses of another help centre mean: which article, file or page. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Container, Iterable
from dataclasses import dataclass
from urllib.parse import unquote, urljoin, urlsplit

from indexer.reading.front_matter import address_of
from kb_app.transfer.model import ForeignArticle, ForeignText


@dataclass(frozen=True)
class Target:
    """An article and the language that an address names, with the anchor."""

    key: str
    lang: str
    anchor: str = ""


class Addresses:
    """The addresses of all articles of an import."""

    def __init__(self, articles: Iterable[ForeignArticle]) -> None:
        self._by_path: dict[str, tuple[str, str]] = {}
        self._hosts: set[str] = set()
        for article in articles:
            for text in article.texts:
                for url in (text.url, *text.old_urls):
                    self._add(url, article.key, text.lang)
            for url in article.old_urls:
                self._add(url, article.key, article.texts[0].lang)

    def _add(self, url: str, key: str, lang: str) -> None:
        if absolute_url("", url):
            self._hosts.add(urlsplit(url).netloc)
            path = address_of(url).casefold()
            self._by_path.setdefault(path, (key, lang))
            if url.startswith("file:") and path.endswith("/readme"):  # the page of its folder
                self._by_path.setdefault(path.removesuffix("/readme") or "/", (key, lang))

    def article(self, url: str, text: ForeignText) -> Target | None:
        """The article that a link in a text leads to; None for anything else."""
        try:
            parts = urlsplit(urljoin(text.url, url))
        except ValueError:
            return None
        if parts.scheme not in ("", "file", "http", "https"):
            return None
        if parts.netloc not in {*self._hosts, ""}:
            return None
        found = self._by_path.get(address_of(parts.path).casefold())
        return Target(*found, unquote(parts.fragment)) if found else None

    def is_own(self, url: str, text: ForeignText) -> bool:
        """Whether an address is one of the help centre's own."""
        try:
            parts = urlsplit(urljoin(text.url, url))
        except ValueError:
            return False
        return parts.scheme in ("http", "https") and parts.netloc in self._hosts


def absolute_url(base: str, address: str) -> str:
    """An address as one of a page leads to it; "" for what is no address, as http://[name]/."""
    try:
        whole = urljoin(base, address)
        urlsplit(whole)
    except ValueError:
        return ""
    return whole


def relative(here: str, there: str) -> str:
    """The link from one file of the folder to another."""
    return posixpath.relpath(there, posixpath.dirname(here) or ".")


def chosen_text(known: Container[str], target: Target, lang: str) -> str:
    """The key of an article's text in a language, else of the one that the link names."""
    wanted = f"{target.key}/{lang}"
    return wanted if wanted in known else f"{target.key}/{target.lang}"
