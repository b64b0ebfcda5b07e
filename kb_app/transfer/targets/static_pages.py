"""The pages of the static site, from the templates in pages/."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

from babel import Locale, UnknownLocaleError
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from indexer.model import Article, ArticleSummary
from kb_app.transfer.targets.static_words import words_for

PAGES = Path(__file__).with_name("pages")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; "
    "base-uri 'none'; form-action 'none'"
)
# So many articles of a section are on the home page; all of them are on its own.
MOST_ON_HOME = 8


@dataclass(frozen=True)
class Card:
    """An article in a list; ``address`` is its page below the root."""

    id: str
    title: str
    said: str
    address: str


@dataclass(frozen=True)
class SectionCard:
    """A section with its articles."""

    key: str
    title: str
    said: str
    address: str
    cards: Sequence[Card]


class Pages:
    """Makes the pages of a site with names by language."""

    def __init__(self, names: Mapping[str, str], url: str) -> None:
        self._names, self._url = names, url

    def asset(self, name: str) -> bytes:
        """A file that stands beside the templates."""
        return (PAGES / name).read_bytes()

    def start(self) -> bytes:
        """The first page: the languages to choose from."""
        lang = next(iter(self._names))
        homes = [(one, language_name(one), f"{quote(one)}/index.html") for one in self._names]
        return self._made(
            "start.html", lang=lang, site_name=self._names[lang], homes=homes, policy=POLICY
        )

    def home(self, lang: str, others: Mapping[str, str], sections: Sequence[SectionCard]) -> bytes:
        """The home page of a language. ``others`` are the pages of all languages."""
        alternates = [(one, f"{self._url}/{quote(one)}/") for one in others]
        return self._page(
            "home.html",
            lang,
            root="../",
            canonical=f"{self._url}/{quote(lang)}/",
            alternates=alternates if len(alternates) > 1 else [],
            languages=_languages(others, lang, "../"),
            sections=sections,
            most=MOST_ON_HOME,
        )

    def section(self, lang: str, others: Mapping[str, str], section: SectionCard) -> bytes:
        """The page of a section with all of its articles."""
        root = "../../../"
        return self._page(
            "section.html",
            lang,
            root=root,
            canonical=f"{self._url}/{section.address.removesuffix('index.html')}",
            alternates=[],
            languages=_languages(others, lang, root),
            section=section,
        )

    def article(
        self,
        article: Article,
        *,
        body: Markup,
        section: SectionCard,
        cover: str,
        translations: Mapping[str, str],
        related: Sequence[Card],
    ) -> bytes:
        """The page of an article; ``translations`` are the folders of its pages by language."""
        root = "../../../"
        places = {lang: quote(path) for lang, path in translations.items()}
        files = {lang: f"{path}index.html" for lang, path in places.items()}
        alternates = [(lang, f"{self._url}/{path}") for lang, path in places.items()]
        return self._page(
            "article.html",
            article.lang,
            root=root,
            canonical=f"{self._url}/{places[article.lang]}",
            alternates=alternates if len(alternates) > 1 else [],
            languages=_languages(files, article.lang, root),
            section=section,
            card=article,
            cover=cover,
            contents=[entry for entry in article.toc if entry.level < 4],
            body=body,
            related=related,
        )

    def moved(self, card: ArticleSummary, there: str, canonical: str) -> bytes:
        """A page that leads on from an old address."""
        return self._made(
            "moved.html",
            lang=card.lang,
            words=words_for(card.lang),
            address=there,
            canonical=f"{self._url}/{canonical}",
            title=card.title,
        )

    def _page(self, template: str, lang: str, **values: Any) -> bytes:
        return self._made(
            template,
            lang=lang,
            site_name=self._names[lang],
            words=words_for(lang),
            policy=POLICY,
            **values,
        )

    def _made(self, template: str, **values: Any) -> bytes:
        return self._templates.get_template(template).render(values).encode("utf-8", "replace")

    @cached_property
    def _templates(self) -> Environment:
        return Environment(
            loader=FileSystemLoader(PAGES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )


def language_name(lang: str) -> str:
    """The name of a language in itself."""
    try:
        return Locale.parse(lang, sep="-").get_display_name() or lang
    except (UnknownLocaleError, ValueError):
        return lang


def _languages(pages: Mapping[str, str], own: str, root: str) -> list[tuple[str, str, str]]:
    """The other languages with the addresses of their pages."""
    return [(lang, language_name(lang), root + page) for lang, page in pages.items() if lang != own]
