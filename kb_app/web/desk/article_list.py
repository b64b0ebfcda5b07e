"""The list of all articles with what is to be done about them; each line leads to the editor."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from flask import Blueprint, render_template, request

from indexer.model import ArticleSummary
from kb_app.analytics.reports.reports import Period, Reports
from kb_app.web.core.auth import needs
from kb_app.web.core.context import event_store, now, services, site_settings, snapshot
from kb_app.web.core.inputs import MOST_PAGES, whole_number

blueprint = Blueprint("article_list", __name__, url_prefix="/desk")
PAGE = 100
DAYS = 28
STATES = ("live", "draft", "scheduled", "expired", "archived")
SHOWN = ("overdue", "untranslated", "outdated", "problems", "unhelpful")
# Fewer votes say little about an article.
FEWEST_VOTES, UNHELPFUL = 3, 0.5
ORDERS = ("title", "updated", "views", "helped", "review_by")


@dataclass(frozen=True)
class Line:
    """An article with its state, the numbers of the last DAYS and what is wrong with it."""

    card: ArticleSummary
    state: str
    views: int
    yes: int
    no: int
    problems: int
    missing: tuple[str, ...]
    overdue: bool
    outdated: bool = False

    @property
    def helped(self) -> float | None:
        """The share of votes that say it helped; None without votes."""
        votes = self.yes + self.no
        return self.yes / votes if votes else None

    def shows(self, what: str) -> bool:
        """Whether the article is one of those that a filter of SHOWN selects."""
        votes = self.yes + self.no
        return {
            "overdue": self.overdue,
            "untranslated": bool(self.missing),
            "outdated": self.outdated,
            "problems": bool(self.problems),
            "unhelpful": votes >= FEWEST_VOTES and self.no / votes >= UNHELPFUL,
        }[what]


def state_of(card: ArticleSummary, at: datetime) -> str:
    """One of STATES: whether customers see the article at this time, and if not, why."""
    if card.status != "published":
        return "draft" if card.status == "draft" else "archived"
    if card.publish_at is not None and card.publish_at > at:
        return "scheduled"
    return "expired" if card.expire_at is not None and card.expire_at <= at else "live"


@blueprint.get("/articles")
@needs("write")
def articles() -> str:
    """List the articles that the filters select, in the chosen order, a page at a time."""
    wanted = {name: request.args.get(name, "")[:200] for name in _FILTERS}
    order = request.args.get("sort", "")
    order = order if order in ORDERS else "title"
    lines = all_lines()
    found = sorted((line for line in lines if _fits(line, wanted)), key=_order(order))
    pages = max(1, -(-len(found) // PAGE))
    page = min(whole_number(request.args.get("page", ""), 1, MOST_PAGES) or 1, pages)
    return render_template(
        "desk/article_list.html",
        lines=found[(page - 1) * PAGE : page * PAGE],
        total=len(found),
        page=page,
        pages=pages,
        wanted=wanted,
        # What a link to the same list keeps.
        chosen={name: value for name, value in (*wanted.items(), ("sort", order)) if value},
        order=order,
        states=STATES,
        shown=SHOWN,
        days=DAYS,
        owners=sorted({line.card.owner for line in lines if line.card.owner}),
        langs=sorted({line.card.lang for line in lines}),
        sections=sorted({line.card.section for line in lines if line.card.section}),
        section_names=snapshot().articles.sections,
        folder=_folder_of(found),
        counts=Counter(what for line in lines for what in SHOWN if line.shows(what)),
    )


def _folder_of(lines: Sequence[Line]) -> str:
    """The folder of most of the articles shown, for a new one; "" without any."""
    folders = Counter(line.card.path.rpartition("/")[0] for line in lines)
    return folders.most_common(1)[0][0] if folders else ""


def all_lines() -> list[Line]:
    """All articles, whoever may read them."""
    at = now()
    day = at.astimezone(site_settings().zone).date()
    numbers = _numbers(day)
    problems = _problems()
    store = snapshot().articles
    needed = set(site_settings().languages)
    return [
        Line(
            card,
            state_of(card, at),
            views=int(numbers[card.id].get("views", 0)),
            yes=int(numbers[card.id].get("yes", 0)),
            no=int(numbers[card.id].get("no", 0)),
            problems=problems[card.path],
            missing=_missing(card, store.translations(card), needed),
            overdue=card.review_by is not None and card.review_by <= day,
            outdated=_is_outdated(card, store.summaries.get(card.translation_of)),
        )
        for card in store.summaries.values()
    ]


def _missing(
    card: ArticleSummary, translations: Sequence[ArticleSummary], needed: set[str]
) -> tuple[str, ...]:
    return tuple(sorted(needed - {one.lang for one in translations})) if card.lang in needed else ()


def _is_outdated(card: ArticleSummary, original: ArticleSummary | None) -> bool:
    """Whether a translation is older than the last change of its original."""
    if original is None or original.updated is None:
        return False
    return card.updated is None or card.updated < original.updated


def _numbers(day: date) -> dict[str, Mapping[str, float]]:
    period = Period(day - timedelta(days=DAYS - 1), day, site_settings().zone)
    lines = Reports(event_store().engine).articles(period, limit=1_000_000)
    return defaultdict(dict, {line.key: line.numbers for line in lines})


def _problems() -> Counter[str]:
    last = services().indexing.last_build()
    return Counter(problem.path for problem in last.report.problems) if last else Counter()


_FILTERS: dict[str, Callable[[Line, str], bool]] = {
    "words": lambda line, words: all(
        word in f"{line.card.title} {line.card.path} {' '.join(line.card.tags)}".casefold()
        for word in words.casefold().split()
    ),
    "status": lambda line, state: line.state == state,
    "lang": lambda line, lang: line.card.lang == lang,
    "section": lambda line, section: line.card.section == section,
    "owner": lambda line, owner: line.card.owner == owner,
    "show": lambda line, what: what not in SHOWN or line.shows(what),
}


def _fits(line: Line, wanted: Mapping[str, str]) -> bool:
    return all(_FILTERS[name](line, value) for name, value in wanted.items() if value)


def _order(name: str) -> Callable[[Line], Any]:
    """The sort key: newest, most and worst first, titles from A to Z."""
    keys: dict[str, Callable[[Line], Any]] = {
        "title": lambda line: (line.card.title.casefold(), line.card.lang),
        "updated": lambda line: -(line.card.updated or date.min).toordinal(),
        "views": lambda line: -line.views,
        "helped": lambda line: (line.helped is None, line.helped, -line.no),
        "review_by": lambda line: (line.card.review_by or date.max).toordinal(),
    }
    return lambda line: (keys[name](line), line.card.id)
