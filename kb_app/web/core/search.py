"""A search as a page or the API asks for it: the form read, the engine asked, the filters that would narrow it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from kb_app.web.core.context import audiences, now, snapshot
from kb_app.web.core.tracking import new_query_id
from search.model import FILTER_NAMES, Filters, Query, Results, filter_values

PAGE_SIZE = 10
MAX_PAGE = 100
# Where nothing answers, so many of the nearest are shown: a long list looks like an answer.
NEAREST = 3
# Letters of a message that are searched; what follows rarely asks anything.
LONGEST_ASKED = 400


@dataclass(frozen=True)
class SearchForm:
    """What the visitor asked for."""

    q: str = ""
    filters: Filters = field(default_factory=Filters)
    page: int = 1

    @property
    def empty(self) -> bool:
        """Nothing was asked."""
        return not self.q.strip()

    def arguments(self, **changed: object) -> dict[str, object]:
        """URL arguments of this search with some of them changed; empty ones left out, the first page too."""
        values = {"q": self.q, **vars(self.filters), "page": self.page} | changed
        return {
            name: value
            for name, value in values.items()
            if value and not (name == "page" and value == 1)
        }


def read_form(arguments: Mapping[str, str]) -> SearchForm:
    """The form from a URL; a page that is no number is the first."""
    page = arguments.get("page", "1")
    number = int(page) if page.isascii() and page.isdigit() and len(page) < 6 else 1
    filters = Filters(**{name: arguments.get(name, "")[:100] for name in FILTER_NAMES})
    return SearchForm(q=arguments.get("q", "")[:10_000], filters=filters, page=max(1, number))


@dataclass(frozen=True)
class Facet:
    """A value that results could be narrowed to, and how many of them have it."""

    value: str
    count: int


@dataclass(frozen=True)
class SearchPage:
    """Results with what a page needs around them."""

    query_id: str
    first: bool
    results: Results
    pages: int
    facets: dict[str, list[Facet]]


def ask(text: str, lang: str, limit: int) -> Results | None:
    """What a message asks: its first words searched for this visitor; None where there is nothing to search for."""
    words = " ".join(text.split())[:LONGEST_ASKED]
    results = (
        snapshot().search(Query(words, lang, limit, audiences=audiences(), now=now()))
        if words
        else None
    )
    return None if results is None or results.problem else results


def run_search(form: SearchForm, ui: str, before: str = "") -> SearchPage:
    """Ask the engine for one page of results; ``before`` is the id of the search whose next page it is."""
    library = snapshot().library
    offset = (form.page - 1) * PAGE_SIZE
    results = snapshot().search(
        Query(form.q, ui, PAGE_SIZE, offset, form.filters, audiences(), now())
    )
    if results.verdict == "none" and not results.problem:
        shown = results.hits[:NEAREST] if form.page == 1 else ()
        results = replace(
            results,
            hits=shown,
            total=min(results.total, NEAREST),
            relevant=results.relevant[:NEAREST],
        )
    else:
        # A page shows what it counts.
        results = replace(results, hits=results.hits[: max(0, results.total - offset)])
    cards = [library.cards[name] for name in results.relevant]
    pages = -(-results.total // PAGE_SIZE)
    return SearchPage(
        query_id=before or new_query_id(results),
        first=not before,
        results=results,
        pages=min(pages, MAX_PAGE),
        facets={
            name: _facets(value for card in cards for value in filter_values(card, name))
            for name in FILTER_NAMES
        },
    )


def _facets(values: Iterable[str]) -> list[Facet]:
    counts = Counter(values)
    return [Facet(value, count) for value, count in counts.most_common()]
