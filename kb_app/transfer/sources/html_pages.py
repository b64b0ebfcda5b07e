"""A folder of saved pages: the article of each without the frame of its site."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from bs4 import BeautifulSoup
from bs4.element import Tag

from indexer.reading.front_matter import address_of
from kb_app.transfer.model import MAX_BODY, ForeignArticle, ForeignSection, ForeignText
from kb_app.transfer.sources.local_files import content_of, file_url, folder_of, moment_of
from kb_app.transfer.sources.values import language
from search.analysis.language import detect

_FRAME = ("nav", "header", "footer", "aside", "script", "style", "noscript", "form", "template")
_BODY = re.compile(r"article[-_]?(?:body|content)|post[-_]?content|entry[-_]?content|markdown-body")
_CRUMBS = re.compile(r"breadcrumb", re.I)
_SIDE = re.compile(r"\A(?:sidebar|side-?nav|menu|toc|breadcrumbs?|related)\Z", re.I)
SUFFIXES = (".html", ".htm", ".xhtml")


@dataclass(frozen=True)
class _Page:
    """One page: its text, with what its head and its frame say of it."""

    text: ForeignText
    section: str
    author: str
    created: str
    labels: tuple[str, ...]
    alternates: tuple[str, ...]


class HtmlPages:
    """The pages of one folder; those that name each other as languages are one article."""

    name = "html"

    def __init__(self, folder: Path) -> None:
        self._folder = folder_of(folder)
        self._skipped: Counter[str] = Counter()
        self._pages = self._read()

    def sections(self) -> Iterator[ForeignSection]:
        """The last link of the breadcrumbs of each page, else its folder."""
        titles: dict[str, dict[str, str]] = {}
        for group in self._groups():
            key = group[0].section
            for page in group:
                titles.setdefault(key, {}).setdefault(page.text.lang, page.section)
        for place, (key, by_lang) in enumerate(titles.items()):
            yield ForeignSection(key, by_lang, order=place)

    def articles(self) -> Iterator[ForeignArticle]:
        """Each page, with its translations."""
        for group in self._groups():
            first = group[0]
            key = re.sub(r"[^\w.-]+", "-", first.text.place.rpartition(".")[0])
            yield ForeignArticle(
                key=key,
                section=first.section,
                texts=tuple(page.text for page in group),
                author=first.author,
                created=moment_of(first.created),
                labels=first.labels,
            )

    def file(self, url: str, place: str) -> bytes | None:
        """A file of the folder."""
        return content_of(self._folder, url)

    def unmapped(self) -> Iterator[str]:
        """Pages that are no articles."""
        for why, count in self._skipped.items():
            yield f"{count} pages were left out: {why}"

    def _read(self) -> list[_Page]:
        paths = sorted(p for p in self._folder.rglob("*") if p.suffix.lower() in SUFFIXES)
        return [page for path in paths if (page := self._page(path)) is not None]

    def _groups(self) -> list[list[_Page]]:
        """Pages of one article together, the first language of its alternates first."""
        by_address = {address_of(url): page for page in self._pages for url in _urls(page.text)}
        groups: dict[int, list[_Page]] = {}
        done: set[int] = set()
        for page in self._pages:
            if id(page) in done:
                continue
            others = (by_address.get(address_of(url)) for url in page.alternates)
            found = list(dict.fromkeys(id(one) for one in others if one)) or [id(page)]
            known = {id(one): one for one in self._pages if id(one) in found}
            by_lang = {known[one].text.lang: known[one] for one in found}
            groups[id(page)] = list(by_lang.values()) if page in by_lang.values() else [page]
            done |= {id(one) for one in groups[id(page)]}
        return list(groups.values())

    def _page(self, path: Path) -> _Page | None:
        name = path.relative_to(self._folder).as_posix()
        if path.is_symlink() or not path.is_file() or path.stat().st_size > MAX_BODY:
            self._skipped["links, or larger than 2 MB"] += 1
            return None
        soup = BeautifulSoup(path.read_bytes(), "html.parser")
        section = _crumb(soup) or Path(name).parent.name or "general"
        body = _body_of(soup)
        if body is None:
            self._skipped["no text of their own"] += 1
            return None
        heading = body.find("h1")
        title = heading.get_text(" ", strip=True) if isinstance(heading, Tag) else _title(soup)
        if isinstance(heading, Tag):
            heading.extract()
        named = (soup.html or Tag(name="html")).get("lang")
        text = ForeignText(
            lang=language(named) if named else detect(body.get_text()[:2000], ("ja", "en")),
            title=title,
            body=body.decode_contents(),
            url=file_url(name),
            updated=moment_of(_meta(soup, "article:modified_time")),
            place=name,
            summary=_meta(soup, "description"),
        )
        canonical = _link(soup, "canonical")
        text = replace(text, old_urls=tuple(filter(None, canonical)))
        labels = tuple(word.strip() for word in _meta(soup, "keywords").split(",") if word.strip())
        created = _meta(soup, "article:published_time")
        return _Page(
            text, section, _meta(soup, "author"), created, labels, _link(soup, "alternate")
        )


def _urls(text: ForeignText) -> tuple[str, ...]:
    return (text.url, *text.old_urls)


def _body_of(soup: BeautifulSoup) -> Tag | None:
    """The part of a page that is the article; None where nothing is left without its frame."""
    chosen = (
        soup.find(class_=_BODY)
        or soup.find("article")
        or soup.find("main")
        or soup.find(role="main")
    )
    body = chosen if isinstance(chosen, Tag) else soup.body
    if not isinstance(body, Tag):
        return None
    for element in body.find_all(_FRAME):
        element.decompose()
    for element in body.find_all(class_=_SIDE):
        element.decompose()
    return body if body.get_text(strip=True) else None


def _title(soup: BeautifulSoup) -> str:
    """The title of the page without the name of its site."""
    given = soup.title.get_text(" ", strip=True) if soup.title else ""
    return re.split(r"\s[|–—:-]\s", given)[0]


def _crumb(soup: BeautifulSoup) -> str:
    """The last link of the breadcrumbs."""
    crumbs = soup.select_one('[aria-label*="readcrumb"]') or soup.find(class_=_CRUMBS)
    links = crumbs.find_all("a") if isinstance(crumbs, Tag) else []
    return links[-1].get_text(" ", strip=True) if links else ""


def _meta(soup: BeautifulSoup, name: str) -> str:
    found = soup.find("meta", attrs={"name": name}) or soup.find("meta", attrs={"property": name})
    return str(found.get("content") or "").strip() if isinstance(found, Tag) else ""


def _link(soup: BeautifulSoup, rel: str) -> tuple[str, ...]:
    """The addresses that the head of a page names."""
    found = (str(one.get("href") or "") for one in soup.find_all("link", rel=rel))
    return tuple(url for url in found if urlsplit(url).path)
