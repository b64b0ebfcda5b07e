"""Daily counts that other products' definitions need. One pass over a day in order of time."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import merge

from kb_app.analytics.model import (
    CLICK,
    CONTACTS,
    NO,
    TICKET_CREATED,
    VIEW,
    YES,
    ActionEvent,
    QueryEvent,
)
from kb_app.durations import MINUTE

PREFIX = "vendor_"
# A longer pause begins a new visit.
PAUSE = 30 * MINUTE
# How far around a day its visits are read; longer ones are cut.
MARGIN = 2 * PAUSE


@dataclass
class Visit:
    """What happened in one visit: events of one visitor with pauses of at most PAUSE."""

    first_at: int
    last_at: int
    searched_at: int | None = None
    acted_at: int | None = None
    searches: int = 0
    texts: set[str] = field(default_factory=set)
    did: set[str] = field(default_factory=set)

    def add(self, event: QueryEvent | ActionEvent) -> None:
        """Add the visitor's next event."""
        self.last_at = event.at
        if isinstance(event, QueryEvent):
            self.searched_at = event.at
            self.searches += 1
            self.texts.add(" ".join(event.user_query.casefold().split()))
        else:
            self.acted_at = event.at
            self.did.add(event.action_name)


def count_for_vendors(
    queries: Iterable[QueryEvent], actions: Sequence[ActionEvent], start: int, end: int
) -> Counter[str]:
    """Counts of the searches in [start, end) and of the visits that began then, without bots.

    ``queries`` in order of time, from MARGIN before to MARGIN after; ``actions`` also later ones.
    """
    counts: Counter[str] = Counter()
    of_searches = _Searches(actions, counts)

    def people() -> Iterator[QueryEvent]:
        for query in queries:
            if not query.bot:
                if start <= query.at < end:
                    of_searches.add(query)
                yield query

    ordered = sorted(actions, key=lambda action: action.at)
    for visit in _visits(people(), ordered, end + MARGIN):
        if start <= visit.first_at < end:
            counts.update(_counts_of(visit))
    return Counter({PREFIX + name: count for name, count in counts.items()})


class _Searches:
    """Counts searches with what was clicked and sent after them."""

    def __init__(self, actions: Sequence[ActionEvent], counts: Counter[str]) -> None:
        self._counts = counts
        self._clicks: dict[str, list[int]] = defaultdict(list)
        self._with_ticket: set[str] = set()
        for action in actions:
            if action.query_id and action.action_name == CLICK:
                self._clicks[action.query_id].append(action.position or 0)
            elif action.query_id and action.action_name == TICKET_CREATED:
                self._with_ticket.add(action.query_id)

    def add(self, query: QueryEvent) -> None:
        positions = self._clicks.get(query.query_id)
        tracked = query.client_id is not None
        places = [place for place in positions or () if place > 0] if tracked else []
        self._counts.update(
            searches=1,
            no_results=not query.hit_ids,
            unclicked=bool(query.hit_ids) and positions is None,
            with_ticket=query.query_id in self._with_ticket,
            tracked=tracked,
            tracked_clicked=tracked and positions is not None,
            clicks=len(places),
            positions=sum(places),
        )


def _visits(
    queries: Iterable[QueryEvent], actions: Sequence[ActionEvent], until: int
) -> Iterator[Visit]:
    """Visits up to ``until``. Without a client id, each search is a visit of its own."""
    acted_on = {action.query_id for action in actions}
    visitors: dict[str | None, str] = {}
    open_visits: dict[str, Visit] = {}
    checked_at = 0
    events: Iterator[QueryEvent | ActionEvent] = merge(queries, actions, key=lambda each: each.at)
    for event in events:
        if event.at >= until:
            break
        if event.at - checked_at > PAUSE:
            checked_at = event.at
            for name in [name for name, visit in open_visits.items() if _over(visit, event.at)]:
                yield open_visits.pop(name)
        if isinstance(event, QueryEvent):
            visitor: str | None = event.client_id or event.query_id
            if event.query_id in acted_on:
                visitors[event.query_id] = str(visitor)
        else:
            visitor = visitors.get(event.query_id) or event.client_id
        if visitor is None:
            continue
        if visitor in open_visits and _over(open_visits[visitor], event.at):
            yield open_visits.pop(visitor)
        open_visits.setdefault(visitor, Visit(event.at, event.at)).add(event)
    yield from open_visits.values()


def _over(visit: Visit, now: int) -> bool:
    return now - visit.last_at > PAUSE


def _counts_of(visit: Visit) -> dict[str, int]:
    viewed, contacted = VIEW in visit.did, bool(visit.did & CONTACTS)
    said_yes, said_no = bool(visit.did & YES), bool(visit.did & NO)
    left_from_results = visit.searched_at is not None and (
        visit.acted_at is None or visit.acted_at <= visit.searched_at
    )
    return {
        "visits": 1,
        "visits_contacted": contacted,
        "viewed": viewed,
        "viewed_contacted": viewed and contacted,
        "viewed_yes": viewed and said_yes and not contacted,
        "viewed_silent": viewed and not (said_yes or said_no or contacted),
        "unique_searches": len(visit.texts),
        "searches_again": max(0, visit.searches - 1),
        "exits": left_from_results,
    }
