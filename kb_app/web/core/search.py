"""Search for pages and forms: reads the form, runs the query and counts the facets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from kb_app.web.core.context import audiences, now, snapshot
from kb_app.web.core.inputs import MOST_PAGES, whole_number
from kb_app.web.core.tracking import new_query_id
from search.model import FILTER_NAMES, Filters, Query, Results, filter_values

PAGE_SIZE = 10
MAX_PAGE = 100
# Results shown without an answer: a long list would look like one.
NEAREST = 3
# Characters of a message that are used as the query.
LONGEST_ASKED = 400


@dataclass(frozen=True)
class SearchForm:
    """The query, filters and page number of a search."""

    q: str = ""
    filters: Filters = field(default_factory=Filters)
    page: int = 1

    @property
    def empty(self) -> bool:
        """Whether the query is empty."""
        return not self.q.strip()

    def arguments(self, **changed: object) -> dict[str, object]:
        """URL arguments of this search with some changed; empty ones and page 1 are left out."""
        values = {"q": self.q, **vars(self.filters), "page": self.page} | changed
        return {
            name: value
            for name, value in values.items()
            if value and not (name == "page" and value == 1)
        }


def read_form(arguments: Mapping[str, str]) -> SearchForm:
    """Read the form from URL arguments; an invalid page number becomes 1."""
    page = whole_number(arguments.get("page", ""), 1, MOST_PAGES) or 1
    filters = Filters(**{name: arguments.get(name, "")[:100] for name in FILTER_NAMES})
    return SearchForm(q=arguments.get("q", "")[:10_000], filters=filters, page=page)


@dataclass(frozen=True)
class Facet:
    """A filter value and the number of results that have it."""

    value: str
    count: int


@dataclass(frozen=True)
class SearchPage:
    """Results with the query id, the page count and the facets."""

    query_id: str
    first: bool
    results: Results
    pages: int
    facets: dict[str, list[Facet]]


def ask(text: str, lang: str, limit: int) -> Results | None:
    """Search for the beginning of a message, for this visitor; None where there is no query."""
    query = " ".join(text.split())[:LONGEST_ASKED]
    results = (
        snapshot().search(Query(query, lang, limit, audiences=audiences(), now=now()))
        if query
        else None
    )
    return None if results is None or results.problem else results


def shown(results: Results, offset: int) -> Results:
    """The results as they are shown, from ``offset`` on: what counts can be paged through.

    Without an answer these are the nearest few.
    """
    total = results.total
    if results.verdict in ("none", "partly"):
        total = min(total, NEAREST)
    return replace(
        results,
        hits=results.hits[: max(0, total - offset)],
        total=total,
        relevant=results.relevant[:total],
    )


def run_search(form: SearchForm, ui: str, before: str = "") -> SearchPage:
    """Run the search for one page of results.

    ``before`` is the query id of the search that this page continues.
    """
    articles = snapshot().articles
    offset = (form.page - 1) * PAGE_SIZE
    results = snapshot().search(
        Query(form.q, ui, PAGE_SIZE, offset, form.filters, audiences(), now())
    )
    results = shown(results, offset)
    cards = [articles.summaries[name] for name in results.relevant]
    pages = -(-results.total // PAGE_SIZE)
    return SearchPage(
        query_id=before or new_query_id(results, form.q, ui, form.filters),
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
