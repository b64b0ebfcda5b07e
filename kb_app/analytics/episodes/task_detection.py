"""Which searches are one problem. Pure functions: the same log and the same vectors always give the same groups."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kb_app.analytics.model import (
    CLICK,
    CONTACT_OPEN,
    CONTACT_SUGGESTION_CLICK,
    CONTACTS,
    ENGAGED,
    REFINE,
    VIEW,
    YES,
    ActionEvent,
    QueryEvent,
)
from kb_app.analytics.ports import Vectors
from kb_app.durations import DAY, HOUR, SECOND

# Cosine of two centred question vectors from which on they mean the same; docs/analytics.md has the table.
SAME_INTENT = 0.3
# Less is wanted where the same article came first, or where a question follows right after one without a sure answer; more where
# both had a sure answer and not the same one.
EASIER, HARDER = 0.1, 0.15
# Cosines that differ by less say the same of two searches.
ALIKE = 0.15
# What is typed on within so long, beginning with what was there, is one question being written.
TYPING = 5 * SECOND
EPISODE = 7 * DAY
# A reworded question follows soon.
REWORDED = 3 * 60 * SECOND
# One reworded within so long is the same visitor's: nobody else sits down at the computer in that time.
AT_ONCE = 60 * SECOND
_SHARED = frozenset({CLICK, VIEW, ENGAGED, CONTACT_SUGGESTION_CLICK})
_WORD = re.compile(r"\w{2,}")


@dataclass(frozen=True)
class SearchTask:
    """The searches of one problem and all that was done with their answers, oldest first."""

    queries: tuple[QueryEvent, ...]
    actions: tuple[ActionEvent, ...] = ()


def fold_prefixes(queries: Sequence[QueryEvent]) -> list[QueryEvent]:
    """One client's searches, oldest first, without those that were only a question being typed."""
    kept: list[QueryEvent] = []
    for query in queries:
        while kept and _typed_on(kept[-1], query):
            kept.pop()
        kept.append(query)
    return kept


def _typed_on(before: QueryEvent, after: QueryEvent) -> bool:
    """Whether a search became the next one; the same one again within the time is a page shown twice."""
    old, new = _plain(before.user_query), _plain(after.user_query)
    return after.at - before.at <= TYPING and new.startswith(old)


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def group(
    queries: Sequence[QueryEvent],
    actions: Sequence[ActionEvent],
    vectors: Mapping[str, Vectors],
    threshold: float = SAME_INTENT,
) -> list[SearchTask]:
    """The problems of one client. ``vectors`` maps a query's id to its centred unit vector, where there is one.

    Searches of one problem are linked by meaning, by an article opened from both, or by one being the other reworded, within
    seven days of each other; a problem in between does not part them.
    """
    asked = fold_prefixes(sorted(queries, key=lambda query: (query.at, query.query_id)))
    if not asked:
        return []
    opened = _opened(actions)
    refined = {
        str(action.attributes.get("from", "")): action.query_id
        for action in actions
        if action.action_name == REFINE
    }
    said = frozenset(
        action.query_id for action in actions if action.action_name in YES and action.query_id
    )
    problems = TaskUnion(
        len(asked), {place for place, query in enumerate(asked) if query.query_id in said}
    )
    # What is surely one comes first: only then is it known which problem a yes belongs to.
    for earlier, later in _pairs(asked):
        if _certainly_same(
            asked[earlier], asked[later], later - earlier == 1, opened, refined, vectors, threshold
        ):
            problems.join(earlier, later)
    for earlier, later in _pairs(asked):
        if not problems.would_absorb(earlier, later) and _probably_same(
            asked[earlier], asked[later], later - earlier == 1, said, vectors, threshold
        ):
            problems.join(earlier, later)
    root = problems.root
    members: dict[int, list[QueryEvent]] = defaultdict(list)
    for place, query in enumerate(asked):
        members[root(place)].append(query)
    return _with_actions(list(members.values()), queries, asked, actions, vectors)


def _pairs(asked: Sequence[QueryEvent]) -> Iterator[tuple[int, int]]:
    """(earlier, later) places of searches within EPISODE of each other, nearest first."""
    for later in range(len(asked)):
        for earlier in range(later - 1, -1, -1):
            if asked[later].at - asked[earlier].at > EPISODE:
                break
            yield earlier, later


class TaskUnion:
    """Which searches belong together so far, by their places; ``said`` are those that were said to be solved."""

    def __init__(self, count: int, said: Collection[int]) -> None:
        self._parents = list(range(count))
        self._solved = set(said)

    def root(self, place: int) -> int:
        """The place that names a problem."""
        while self._parents[place] != place:
            self._parents[place] = self._parents[self._parents[place]]
            place = self._parents[place]
        return place

    def join(self, earlier: int, later: int) -> None:
        """Make two problems one."""
        into, gone = self.root(earlier), self.root(later)
        if into != gone:
            self._parents[gone] = into
            self._solved |= {into} if gone in self._solved else set()

    def would_absorb(self, earlier: int, later: int) -> bool:
        """Whether the later one's yes would cover an earlier problem that has none: that may be one that was given up."""
        into, gone = self.root(earlier), self.root(later)
        return into == gone or (gone in self._solved and into not in self._solved)


def _certainly_same(
    earlier: QueryEvent,
    later: QueryEvent,
    neighbours: bool,
    opened: Mapping[str, frozenset[str]],
    refined: Mapping[str, str | None],
    vectors: Mapping[str, Vectors],
    threshold: float,
) -> bool:
    """Whether two searches of one client are about the same thing beyond doubt.

    By their words, by being reworded, by an article opened from both, by the same article found first and a near meaning, or by being
    reworded at once.
    """
    if (
        _plain(earlier.user_query) == _plain(later.user_query)
        or refined.get(earlier.query_id) == later.query_id
    ):
        return True
    if opened.get(earlier.query_id, frozenset()) & opened.get(later.query_id, frozenset()):
        return True
    near = _near(earlier, later, vectors)
    if _same_first(earlier, later):
        return near >= threshold - EASIER
    at_once = neighbours and later.at - earlier.at <= AT_ONCE
    return at_once and near >= threshold + _margin(earlier, later, soon=True)


def _probably_same(
    earlier: QueryEvent,
    later: QueryEvent,
    neighbours: bool,
    said: frozenset[str],
    vectors: Mapping[str, Vectors],
    threshold: float,
) -> bool:
    """Whether two searches of one client are likely to be about the same thing."""
    soon = neighbours and later.at - earlier.at <= REWORDED
    if earlier.query_id not in vectors or later.query_id not in vectors:
        return soon and _share_words(earlier.user_query, later.user_query)
    # One asked after a yes rather takes the yes back.
    margin = 0.0 if earlier.query_id in said else _margin(earlier, later, soon)
    return _near(earlier, later, vectors) >= threshold + margin


def _margin(earlier: QueryEvent, later: QueryEvent, soon: bool) -> float:
    """What is added to the threshold: more where two answers were sure or the language is another (a shared computer), less soon after."""
    if earlier.verdict == later.verdict == "strict" or earlier.language != later.language:
        return HARDER
    if soon and earlier.verdict == later.verdict == "none":
        return -2 * EASIER
    return -EASIER if soon and "strict" not in (earlier.verdict, later.verdict) else 0.0


def _same_first(one: QueryEvent, other: QueryEvent) -> bool:
    """Whether both found the same article first, and it may answer."""
    return one.hit_ids[:1] == other.hit_ids[:1] != () and "none" not in (one.verdict, other.verdict)


def _share_words(one: str, other: str) -> bool:
    """Where there are no vectors: half of the words of the shorter question stand in the other."""
    left, right = set(_WORD.findall(one.casefold())), set(_WORD.findall(other.casefold()))
    return bool(left and right) and len(left & right) * 2 >= min(len(left), len(right))


def _opened(actions: Sequence[ActionEvent]) -> dict[str, frozenset[str]]:
    """Query id -> articles opened from it."""
    found: dict[str, set[str]] = defaultdict(set)
    for action in actions:
        if action.query_id and action.object_id and action.action_name in _SHARED:
            found[action.query_id].add(action.object_id)
    return {name: frozenset(articles) for name, articles in found.items()}


def _with_actions(
    groups: Sequence[list[QueryEvent]],
    everything: Sequence[QueryEvent],
    kept: Sequence[QueryEvent],
    actions: Sequence[ActionEvent],
    vectors: Mapping[str, Vectors],
) -> list[SearchTask]:
    """Each action goes to the problem of its search.

    One without a search goes to the problem of the same intent begun before it, where it has a text of its own, else to the last one.
    """
    place_of = {query.query_id: place for place, group in enumerate(groups) for query in group}
    place_of |= _folded(everything, kept, place_of)
    starts = sorted((query.at, place) for place, group in enumerate(groups) for query in group)
    done: dict[int, list[ActionEvent]] = defaultdict(list)
    for action in sorted(actions, key=lambda action: (action.at, action.event_id)):
        place = place_of.get(action.query_id or "")
        if place is None:
            begun = [owner for at, owner in reversed(starts) if at <= action.at <= at + EPISODE]
            said = frozenset(
                owner for owner in begun if any(other.action_name in YES for other in done[owner])
            )
            place = _same_intent(action, begun, groups, vectors, said) if begun else None
        if place is not None:
            done[place].append(action)
    trails = [SearchTask(tuple(group), tuple(done[place])) for place, group in enumerate(groups)]
    return sorted(trails, key=lambda trail: (trail.queries[0].at, trail.queries[0].query_id))


def _same_intent(
    action: ActionEvent,
    begun: Sequence[int],
    groups: Sequence[list[QueryEvent]],
    vectors: Mapping[str, Vectors],
    said: frozenset[int],
) -> int:
    """Of the problems begun, last first, the one nearest to an action's words; the last begun where it has none.

    Of those about as near one that was ``said`` to be solved: a success is rather taken back than kept.
    """
    own = vectors.get(action.event_id)
    if own is None:
        return begun[0]

    def nearness(place: int) -> float:
        return max(
            (
                float(np.dot(own, vectors[query.query_id]))
                for query in groups[place]
                if query.query_id in vectors
            ),
            default=-1.0,
        )

    near = {place: nearness(place) for place in begun}
    best = max(near.values())
    return max(near, key=lambda place: (near[place] >= best - ALIKE, place in said, near[place]))


def _folded(
    everything: Sequence[QueryEvent], kept: Sequence[QueryEvent], place_of: Mapping[str, int]
) -> dict[str, int]:
    """Where what was only typed on went: to the next search that was kept."""
    order = sorted(everything, key=lambda query: (query.at, query.query_id))
    remaining = {query.query_id for query in kept}
    found: dict[str, int] = {}
    waiting: list[str] = []
    for query in order:
        waiting.append(query.query_id)
        if query.query_id in remaining:
            found.update(dict.fromkeys(waiting, place_of[query.query_id]))
            waiting = []
    return found


def searches_of_tickets(
    tickets: Sequence[ActionEvent],
    queries: Sequence[QueryEvent],
    actions: Sequence[ActionEvent],
    vectors: Mapping[str, Vectors],
    threshold: float = SAME_INTENT,
    taken: frozenset[str] = frozenset(),
) -> dict[str, str]:
    """Ticket -> search, for tickets that came with their words alone: a search of the same intent in the seven days before.

    Of those about as near as the nearest, one whose visitor opened the contact form in the hour before, else one that was said to be
    solved (a success is rather taken back than kept), else the nearest. Each search is taken once.
    """
    said = _standing(
        {action.query_id for action in actions if action.action_name in YES},
        queries,
        vectors,
        threshold,
    )
    opened = sorted(
        (action.at, action.query_id or "")
        for action in actions
        if action.action_name == CONTACT_OPEN
    )
    # Whoever has written under a name already is not looked for again.
    own_tickets = [action for action in actions if action.action_name in CONTACTS]
    used = set(taken) | {action.query_id for action in own_tickets}
    named = {action.client_id for action in own_tickets if action.client_id}
    found: dict[str, str] = {}
    recognised = [
        query
        for query in queries
        if query.client_id and query.client_id not in named and query.query_id in vectors
    ]
    recognised.sort(key=lambda query: query.at)
    moments = [query.at for query in recognised]
    meanings, which = _distinct([vectors[query.query_id] for query in recognised])
    for ticket in sorted(tickets, key=lambda ticket: (ticket.at, ticket.event_id)):
        own = vectors.get(ticket.event_id)
        first, last = bisect_left(moments, ticket.at - EPISODE), bisect_left(moments, ticket.at)
        if own is None or first == last:
            continue
        near = (meanings @ own)[which[first:last]]
        floor = max(threshold - EASIER, min(threshold, float(near.max()) - ALIKE))
        just = {
            name
            for at, name in opened[
                bisect_left(opened, (ticket.at - HOUR, "")) : bisect_left(opened, (ticket.at, ""))
            ]
        }
        alike = [
            (recognised[first + int(place)].query_id, float(near[place]))
            for place in np.flatnonzero(near >= floor)
        ]
        ranked = [
            (name in just, name in said, cosine, name) for name, cosine in alike if name not in used
        ]
        if ranked:
            found[ticket.event_id] = max(ranked)[3]
            used.add(found[ticket.event_id])
    return found


def _standing(
    said: Collection[str | None],
    queries: Sequence[QueryEvent],
    vectors: Mapping[str, Vectors],
    threshold: float,
) -> set[str]:
    """The searches whose yes was not taken back already by the same visitor's asking the same again within the time."""
    later: dict[str, list[QueryEvent]] = defaultdict(list)
    for query in queries:
        if query.client_id:
            later[query.client_id].append(query)

    def again(query: QueryEvent) -> bool:
        return any(
            query.at < other.at <= query.at + EPISODE and _near(query, other, vectors) >= threshold
            for other in later.get(query.client_id or "", ())
        )

    return {query.query_id for query in queries if query.query_id in said and not again(query)}


def _near(one: QueryEvent, other: QueryEvent, vectors: Mapping[str, Vectors]) -> float:
    """The cosine of two searches; 1 for the same words, -1 where there is no vector."""
    if _plain(one.user_query) == _plain(other.user_query):
        return 1.0
    if one.query_id not in vectors or other.query_id not in vectors:
        return -1.0
    return float(np.dot(vectors[one.query_id], vectors[other.query_id]))


def _distinct(vectors: Sequence[Vectors]) -> tuple[Vectors, NDArray[np.int64]]:
    """(different vectors, which of them each one is): the same words share one, and a long log has few different ones."""
    places: dict[int, int] = {}
    which = np.array(
        [places.setdefault(id(vector), len(places)) for vector in vectors], dtype=np.int64
    )
    if not len(which):
        return np.zeros((0, 1), np.float32), which
    return np.stack([vectors[place] for place in np.unique(which, return_index=True)[1]]), which


def by_client(
    queries: Sequence[QueryEvent], actions: Sequence[ActionEvent]
) -> list[tuple[str, list[QueryEvent], list[ActionEvent]]]:
    """(client, its searches, its actions) of every client that may be recognised; bots are left out."""
    asked: dict[str, list[QueryEvent]] = defaultdict(list)
    for query in queries:
        if query.client_id and not query.bot:
            asked[query.client_id].append(query)
    owner = {query.query_id: query.client_id for query in queries}
    done: dict[str, list[ActionEvent]] = defaultdict(list)
    for action in actions:
        # An action that came by another channel belongs to whoever asked the question it names.
        client = owner.get(action.query_id or "") or action.client_id
        if client in asked:
            done[str(client)].append(action)
    return [(client, asked[client], done[client]) for client in sorted(asked)]
