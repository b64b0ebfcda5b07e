"""A folder for MkDocs with Material: docs/LANG/SECTION/NAME.md, and mkdocs.yml with the nav.

Old addresses are redirects of the plugin mkdocs-redirects. Drafts are ``draft_docs`` and internal
articles ``exclude_docs``, so that no build publishes them.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from indexer.editing.front_text import dump
from indexer.reading.front_matter import slugify
from kb_app.transfer.html_to_markdown import to_markdown
from kb_app.transfer.targets.body import Dialect, foreign_html, listed_tabs, plain_callout
from kb_app.transfer.targets.library import OutArticle, OutSection, OutText, title_in
from kb_app.transfer.targets.media import FOLDER, Media
from kb_app.transfer.targets.static_pages import language_name
from kb_app.transfer.targets.vendor import Vendor

DOCS, INTERNAL, DRAFT_FILES = "docs", "internal", "draft-files"
LONGEST_SEGMENT, LONGEST_PATH, MOST_REDIRECTS = 200, 1000, 50_000
_EXTENSIONS = (
    *("abbr", "admonition", "attr_list", "def_list", "footnotes", "md_in_html", "tables"),
    *("pymdownx.details", "pymdownx.superfences", "pymdownx.tilde"),
    {"pymdownx.tabbed": {"alternate_style": True}},
)


class MarkdownFolder(Vendor):
    """mkdocs.yml and a page for each text."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._pages: dict[str, str] = {}
        self._taken: set[str] = set()
        # What only drafts and internal articles use is kept out of the site with them.
        self._files = {
            name: Media(given[1], given[2], given[3], name, f"{DOCS}/")
            for name in (FOLDER, DRAFT_FILES, f"{INTERNAL}/{FOLDER}")
        }
        self._hidden = {
            text.article.id: f"{INTERNAL}/{FOLDER}" if article.is_internal else DRAFT_FILES
            for article, text in self.library.texts
            if article.is_internal or text.is_draft
        }
        for section in self.library.sections:
            for article in section.articles:
                for text in article.texts:
                    self._pages[text.article.id] = self._page_of(section, article, text)

    def write(self) -> None:
        """Write the pages and the configuration."""
        for _, text in self.library.texts:
            self._write_page(text)
        for lang in self.library.languages:
            self._folder.write(f"{DOCS}/{self._front(lang)}", self._contents(lang).encode())
        self._folder.write("mkdocs.yml", dump(self._configuration()).encode())
        self._say()

    def _say(self) -> None:
        self.say_what_is_lost("summary", "tags", "order", "audience")
        if any(one.is_internal for one in self.library.articles):
            self.report.say(
                f"Internal articles are in {DOCS}/{INTERNAL}/, which mkdocs.yml keeps out of the "
                "site: MkDocs has no readers who sign in."
            )
        self.report.say("Build it with: pip install mkdocs-material mkdocs-redirects")

    # --- places --------------------------------------------------------------------------------

    def path(self, article: OutArticle, text: OutText) -> str:
        """The path of its page."""
        return f"/{self._pages[text.article.id].removesuffix('.md')}/"

    def _page_of(self, section: OutSection, article: OutArticle, text: OutText) -> str:
        top = f"{INTERNAL}/" if article.is_internal else ""
        page = f"{top}{text.lang}/{slugify(section.key)}/{text.article.slug}.md"
        if page in self._taken:
            page = f"{page.removesuffix('.md')}-{slugify(text.article.id)}.md"
        self._taken.add(page)
        return page

    def _front(self, lang: str) -> str:
        return "index.md" if lang == self.library.languages[0] else f"{lang}/index.md"

    # --- pages ---------------------------------------------------------------------------------

    def _write_page(self, text: OutText) -> None:
        here, one = self._pages[text.article.id], text.article
        media = self._files[self._hidden.get(one.id, FOLDER)]

        def link(name: str, anchor: str) -> str:
            there = self._pages.get(name, "")
            if not there or (name in self._hidden and one.id not in self._hidden):
                return ""
            return quote(_relative(here, there)) + (f"#{anchor}" if anchor else "")

        def file(name: str) -> str:
            path = media.path(name, text.files)
            return quote(_relative(here, path)) if path else ""

        html = foreign_html(one.html, Dialect(link, file, plain_callout, listed_tabs))
        front = {
            "title": one.title,
            "description": one.summary,
            "tags": list(one.tags),
            "date": {"created": text.created.date(), "updated": text.updated.date()},
        }
        kept = {key: value for key, value in front.items() if value}
        page = f"---\n{dump(kept)}---\n\n# {_escaped(one.title)}\n\n{to_markdown(html).markdown}\n"
        self._folder.write(f"{DOCS}/{here}", page.encode())

    def _contents(self, lang: str) -> str:
        """The first page of a language: its sections with their articles."""
        lines = [f"# {_escaped(language_name(lang))}", ""]
        here = self._front(lang)
        for title, pages in self._listed(lang):
            lines += [f"## {_escaped(title)}", ""]
            lines += [f"- [{_escaped(name)}]({quote(_relative(here, p))})" for name, p in pages]
            lines.append("")
        return "\n".join(lines)

    def _listed(self, lang: str) -> Iterator[tuple[str, list[tuple[str, str]]]]:
        """The sections of a language with the titles and pages of what everybody may read."""
        for section in self.library.sections:
            pages = [
                (text.article.title, self._pages[text.article.id])
                for article in section.articles
                if not article.is_internal
                and (text := article.text(lang)) is not None
                and not text.is_draft
            ]
            if pages:
                above = next(c for c in self.library.categories if c.key == section.category)
                parts = (title_in(above.titles, lang), title_in(section.titles, lang))
                yield ": ".join(part for part in parts if part), pages

    # --- mkdocs.yml ----------------------------------------------------------------------------

    def _configuration(self) -> dict[str, Any]:
        languages = {
            lang: [
                self._front(lang),
                *(
                    {title: [{name: page} for name, page in pages]}
                    for title, pages in self._listed(lang)
                ),
            ]
            for lang in self.library.languages
        }
        nav: list[Any] = [{language_name(lang): held} for lang, held in languages.items()]
        drafts = [
            f"/{self._pages[text.article.id]}" for _, text in self.library.texts if text.is_draft
        ]
        drafts += [f"/{DRAFT_FILES}/"] if drafts else []
        given: dict[str, Any] = {
            "site_name": "Help",
            "site_url": f"{self.site_url}/",
            "theme": {"name": "material", "language": self.library.languages[0][:2]},
            "markdown_extensions": list(_EXTENSIONS),
            "plugins": ["search", {"redirects": {"redirect_maps": self._redirect_maps()}}],
            "draft_docs": "\n".join(drafts),
            "exclude_docs": f"/{INTERNAL}/",
            "nav": nav,
        }
        return {key: value for key, value in given.items() if value}

    def _redirect_maps(self) -> dict[str, str]:
        """Pages at old paths; those that no folder can have are left out."""
        maps: dict[str, str] = {}
        for old, _, text in self.redirects():
            page = f"{old.strip('/')}.md"
            hidden = text.article.id in self._hidden
            if (
                page in self._taken
                or hidden
                or not is_possible(page)
                or len(maps) >= MOST_REDIRECTS
            ):
                self.report.count("old addresses have no redirect.")
                continue
            maps[page] = self._pages[text.article.id]
        self.report.redirects = len(maps)
        return maps


def is_possible(path: str) -> bool:
    """Whether a path of an old address may be one of a file of ours."""
    parts = path.split("/")
    return (
        len(path) <= LONGEST_PATH
        and path.isprintable()
        and not any(char in path for char in '\\:*?"<>|')
        and all(part and not part.startswith(".") for part in parts)
        and all(len(part.encode("utf-8", "replace")) <= LONGEST_SEGMENT for part in parts)
    )


def _relative(here: str, there: str) -> str:
    return posixpath.relpath(there, posixpath.dirname(here) or ".")


def _escaped(title: str) -> str:
    return to_markdown(title.replace("&", "&amp;").replace("<", "&lt;")).markdown or title
