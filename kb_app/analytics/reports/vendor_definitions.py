"""Metrics of the log by the published definitions of other products. Pure functions over rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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
from kb_app.analytics.text_key import N_
from kb_app.durations import MINUTE

SESSION = 30 * MINUTE


@dataclass(frozen=True)
class Definition:
    """A product's metric: ``part / whole``, or the count ``part`` if ``whole`` is None.

    ``hides`` names what the metric does not show.
    """

    product: str
    name: str
    formula: str
    part: float
    whole: float | None
    hides: str

    @property
    def value(self) -> float | None:
        """The ratio or the count; None if ``whole`` is 0."""
        if self.whole is None:
            return self.part
        return self.part / self.whole if self.whole else None


@dataclass(frozen=True)
class _Session:
    """One visit: events of one visitor with pauses of at most SESSION."""

    queries: tuple[QueryEvent, ...]
    actions: tuple[ActionEvent, ...]

    def did(self, *names: str) -> bool:
        return any(action.action_name in names for action in self.actions)

    @property
    def viewed(self) -> bool:
        return self.did(VIEW)

    @property
    def contacted(self) -> bool:
        return self.did(*CONTACTS)

    @property
    def ends_with_search(self) -> bool:
        return bool(self.queries) and all(
            action.at <= self.queries[-1].at for action in self.actions
        )


def definitions(queries: Sequence[QueryEvent], actions: Sequence[ActionEvent]) -> list[Definition]:
    """The metrics of all products over one log, without bots."""
    searches = [query for query in queries if not query.bot]
    sessions = _sessions(searches, actions)
    clicks = _clicks(searches, actions)
    users = {
        name
        for name in [
            *(query.client_id for query in searches),
            *(action.client_id for action in actions),
        ]
        if name
    }
    ticket_users = {
        action.client_id or action.event_id
        for action in actions
        if action.action_name == TICKET_CREATED
    }
    return [
        *_zendesk(searches, actions, clicks, users, ticket_users),
        *_help_scout(sessions, searches),
        *_intercom(sessions),
        *_salesforce(sessions),
        *_algolia(searches, clicks),
        *_document360(searches, clicks),
        *_google(searches, sessions),
    ]


def _zendesk(
    queries: Sequence[QueryEvent],
    actions: Sequence[ActionEvent],
    clicks: Mapping[str, list[int]],
    users: set[str],
    ticket_users: set[str],
) -> list[Definition]:
    hides = N_("Everybody who came and did not write counts as served; whoever gave up too.")
    without_results = sum(not query.hit_ids for query in queries)
    with_ticket = {
        action.query_id
        for action in actions
        if action.action_name == TICKET_CREATED and action.query_id
    }
    listed = N_("Counts alone: nothing says whether what was clicked helped.")
    return [
        Definition(
            "Zendesk",
            N_("Self-service score"),
            "users of the help centre / users in tickets",
            len(users),
            len(ticket_users),
            hides,
        ),
        Definition(
            "Zendesk", N_("Total searches"), "number of searches", len(queries), None, listed
        ),
        Definition(
            "Zendesk",
            N_("Searches with no results"),
            "searches with an empty list",
            without_results,
            None,
            N_("Results that do not answer count as results."),
        ),
        Definition(
            "Zendesk",
            N_("Searches with no clicks"),
            "searches with results of which none was clicked",
            _unclicked(queries, clicks),
            None,
            listed,
        ),
        Definition(
            "Zendesk",
            N_("Tickets created"),
            "searches after which a ticket was created",
            len(with_ticket),
            None,
            N_("Tickets by phone or mail are not seen."),
        ),
    ]


def _help_scout(sessions: Sequence[_Session], queries: Sequence[QueryEvent]) -> list[Definition]:
    answered = sum(session.viewed and not session.contacted for session in sessions)
    return [
        Definition(
            "Help Scout",
            N_("Found an answer"),
            "visits that opened an article and sent no message / visits",
            answered,
            len(sessions),
            N_("Opening an article counts as an answer."),
        ),
        Definition(
            "Help Scout",
            N_("Failed searches"),
            "searches without a result / searches",
            sum(not q.hit_ids for q in queries),
            len(queries),
            N_("Results that do not answer."),
        ),
        Definition(
            "Help Scout",
            N_("Sent a message"),
            "visits that sent a message / visits",
            sum(s.contacted for s in sessions),
            len(sessions),
            N_("A later message, or a call."),
        ),
    ]


def _intercom(sessions: Sequence[_Session]) -> list[Definition]:
    answered = [session for session in sessions if session.viewed]
    confirmed = [session for session in answered if session.did(*YES) and not session.contacted]
    assumed = [
        session for session in answered if not session.did(*YES, *NO) and not session.contacted
    ]
    return [
        Definition(
            "Intercom",
            N_("Confirmed resolutions"),
            "answered visits with a yes / answered visits",
            len(confirmed),
            len(answered),
            N_("A yes that is taken back later."),
        ),
        Definition(
            "Intercom",
            N_("Assumed resolutions"),
            "answered visits left without a word / answered visits",
            len(assumed),
            len(answered),
            N_("An exit counts as a success."),
        ),
    ]


def _salesforce(sessions: Sequence[_Session]) -> list[Definition]:
    read = [session for session in sessions if session.viewed]
    successful = sum(session.did(*YES) and not session.contacted for session in read)
    failed = sum(session.contacted for session in read)
    potential = len(read) - successful - failed
    return [
        Definition(
            "Salesforce",
            N_("Successful deflections"),
            "visits with an article, a yes and no case / visits with an article",
            successful,
            len(read),
            N_("Cases opened another day."),
        ),
        Definition(
            "Salesforce",
            N_("Failed deflections"),
            "visits with an article and a case / visits with an article",
            failed,
            len(read),
            N_("Visits that opened no article at all."),
        ),
        Definition(
            "Salesforce",
            N_("Potential deflections"),
            "visits with an article and nothing more / visits with an article",
            potential,
            len(read),
            N_("Those who gave up."),
        ),
    ]


def _algolia(queries: Sequence[QueryEvent], clicks: Mapping[str, list[int]]) -> list[Definition]:
    tracked = [query for query in queries if query.client_id]
    clicked = [query for query in tracked if query.query_id in clicks]
    positions = [place for query in clicked for place in clicks[query.query_id] if place > 0]
    return [
        Definition(
            "Algolia",
            N_("No results rate"),
            "searches without results / searches",
            sum(not q.hit_ids for q in queries),
            len(queries),
            N_("Wrong results."),
        ),
        Definition(
            "Algolia",
            N_("No click rate"),
            "tracked searches without a click / tracked searches",
            len(tracked) - len(clicked),
            len(tracked),
            N_("Answers read in the list."),
        ),
        Definition(
            "Algolia",
            N_("Click-through rate"),
            "tracked searches with a click / tracked searches",
            len(clicked),
            len(tracked),
            N_("Whether the click helped."),
        ),
        Definition(
            "Algolia",
            N_("Mean click position"),
            "sum of clicked positions / clicks",
            sum(positions),
            len(positions),
            N_("Searches without a click."),
        ),
    ]


def _document360(
    queries: Sequence[QueryEvent], clicks: Mapping[str, list[int]]
) -> list[Definition]:
    return [
        Definition(
            "Document360",
            N_("Bounced searches"),
            "searches with results and no click / searches",
            _unclicked(queries, clicks),
            len(queries),
            N_("Answers read in the list."),
        )
    ]


def _google(queries: Sequence[QueryEvent], sessions: Sequence[_Session]) -> list[Definition]:
    searched = [session for session in sessions if session.queries]
    unique = sum(
        len({" ".join(query.user_query.casefold().split()) for query in session.queries})
        for session in searched
    )
    refined = sum(len(session.queries) - 1 for session in searched)
    exits = sum(session.ends_with_search for session in searched)
    return [
        Definition(
            "Google Analytics",
            N_("Search refinements"),
            "searches right after another one / searches",
            refined,
            len(queries),
            N_("Why it was asked again."),
        ),
        Definition(
            "Google Analytics",
            N_("Search exits"),
            "visits left from the results / unique searches",
            exits,
            unique,
            N_("An answer read in the list counts as an exit."),
        ),
    ]


def _sessions(queries: Sequence[QueryEvent], actions: Sequence[ActionEvent]) -> list[_Session]:
    """Split events into visits at pauses longer than SESSION.

    Without a client id, each search is a visit of its own.
    """
    owner = {query.query_id: query.client_id or query.query_id for query in queries}
    trails: dict[str, list[QueryEvent | ActionEvent]] = defaultdict(list)
    for query in queries:
        trails[owner[query.query_id]].append(query)
    for action in actions:
        name = owner.get(action.query_id or "") or action.client_id
        if name:
            trails[name].append(action)
    return [
        session
        for name in sorted(trails)
        for session in _cut(sorted(trails[name], key=lambda event: event.at))
    ]


def _cut(trail: Sequence[QueryEvent | ActionEvent]) -> list[_Session]:
    parts: list[list[QueryEvent | ActionEvent]] = []
    for event in trail:
        if not parts or event.at - parts[-1][-1].at > SESSION:
            parts.append([])
        parts[-1].append(event)
    return [
        _Session(
            tuple(event for event in part if isinstance(event, QueryEvent)),
            tuple(event for event in part if isinstance(event, ActionEvent)),
        )
        for part in parts
    ]


def _clicks(queries: Sequence[QueryEvent], actions: Sequence[ActionEvent]) -> dict[str, list[int]]:
    """Clicked positions in order of time, by query id."""
    known = {query.query_id for query in queries}
    positions: dict[str, list[int]] = defaultdict(list)
    for action in sorted(actions, key=lambda action: action.at):
        if action.action_name == CLICK and action.query_id in known:
            positions[str(action.query_id)].append(action.position or 0)
    return dict(positions)


def _unclicked(queries: Sequence[QueryEvent], clicks: Mapping[str, list[int]]) -> int:
    return sum(bool(query.hit_ids) and query.query_id not in clicks for query in queries)
