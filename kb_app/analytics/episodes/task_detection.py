"""Groups the searches of one client into tasks (one problem each).

Pure functions: the same log and embeddings always give the same groups.
"""

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

# Minimum cosine of two centred query embeddings with the same intent; see docs/analytics.md.
SAME_INTENT = 0.3
# Threshold adjustments: lower for the same top hit or a quick retry without a strict verdict,
# higher for two strict verdicts on different articles.
EASIER, HARDER = 0.1, 0.15
# Cosines that differ by less count as equal.
ALIKE = 0.15
# A longer query with the previous one as prefix, within this time, is still being typed.
TYPING = 5 * SECOND
EPISODE = 7 * DAY
# Maximum pause before a reworded query.
REWORDED = 3 * 60 * SECOND
# Within this pause, another visitor on a shared computer is ruled out.
AT_ONCE = 60 * SECOND
_SHARED = frozenset({CLICK, VIEW, ENGAGED, CONTACT_SUGGESTION_CLICK})
_WORD = re.compile(r"\w{2,}")


@dataclass(frozen=True)
class SearchTask:
    """The searches of one problem and the actions on their results, oldest first."""

    queries: tuple[QueryEvent, ...]
    actions: tuple[ActionEvent, ...] = ()


def fold_prefixes(queries: Sequence[QueryEvent]) -> list[QueryEvent]:
    """Drop partially typed queries from one client's searches; input and output oldest first."""
    kept: list[QueryEvent] = []
    for query in queries:
        while kept and _typed_on(kept[-1], query):
            kept.pop()
        kept.append(query)
    return kept


def _typed_on(before: QueryEvent, after: QueryEvent) -> bool:
    """Whether ``before`` is a typed prefix of ``after`` or the same query loaded twice."""
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
    """The search tasks of one client.

    ``vectors`` maps query ids to centred unit embeddings and may be incomplete. Searches at most
    EPISODE apart belong together if their meaning is similar, if the same article was opened from
    both, or if one rewords the other. Other tasks may lie between them.
    """
    searches = fold_prefixes(sorted(queries, key=lambda query: (query.at, query.query_id)))
    if not searches:
        return []
    opened = _opened(actions)
    refined = {
        str(action.attributes.get("from", "")): action.query_id
        for action in actions
        if action.action_name == REFINE
    }
    solved_ids = frozenset(
        action.query_id for action in actions if action.action_name in YES and action.query_id
    )
    tasks = TaskUnion(
        len(searches),
        {index for index, query in enumerate(searches) if query.query_id in solved_ids},
    )
    # Certain links first: they decide which task a positive vote belongs to.
    for earlier, later in _pairs(searches):
        if _certainly_same(
            searches[earlier],
            searches[later],
            later - earlier == 1,
            opened,
            refined,
            vectors,
            threshold,
        ):
            tasks.join(earlier, later)
    for earlier, later in _pairs(searches):
        if not tasks.would_absorb(earlier, later) and _probably_same(
            searches[earlier], searches[later], later - earlier == 1, solved_ids, vectors, threshold
        ):
            tasks.join(earlier, later)
    root = tasks.root
    members: dict[int, list[QueryEvent]] = defaultdict(list)
    for index, query in enumerate(searches):
        members[root(index)].append(query)
    return _with_actions(list(members.values()), queries, searches, actions, vectors)


def _pairs(asked: Sequence[QueryEvent]) -> Iterator[tuple[int, int]]:
    """Index pairs (earlier, later) of searches at most EPISODE apart; nearest first."""
    for later in range(len(asked)):
        for earlier in range(later - 1, -1, -1):
            if asked[later].at - asked[earlier].at > EPISODE:
                break
            yield earlier, later


class TaskUnion:
    """Union-find over search indices; ``said`` holds the indices with positive feedback."""

    def __init__(self, count: int, said: Collection[int]) -> None:
        self._parents = list(range(count))
        self._solved = set(said)

    def root(self, place: int) -> int:
        """The index that represents a task."""
        while self._parents[place] != place:
            self._parents[place] = self._parents[self._parents[place]]
            place = self._parents[place]
        return place

    def join(self, earlier: int, later: int) -> None:
        """Merge two tasks."""
        into, gone = self.root(earlier), self.root(later)
        if into != gone:
            self._parents[gone] = into
            self._solved |= {into} if gone in self._solved else set()

    def would_absorb(self, earlier: int, later: int) -> bool:
        """Whether to skip a merge: same task, or only the later task has positive feedback.

        The earlier task may be abandoned; a merge would count it as solved.
        """
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
    """Whether two searches of one client certainly have the same intent.

    True for the same words, a refinement, an article opened from both, the same top hit with a
    similar meaning, or a similar query within AT_ONCE.
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
    """Whether two searches of one client probably have the same intent."""
    soon = neighbours and later.at - earlier.at <= REWORDED
    if earlier.query_id not in vectors or later.query_id not in vectors:
        return soon and _share_words(earlier.user_query, later.user_query)
    # A search after positive feedback revokes it, so it needs no margin.
    margin = 0.0 if earlier.query_id in said else _margin(earlier, later, soon)
    return _near(earlier, later, vectors) >= threshold + margin


def _margin(earlier: QueryEvent, later: QueryEvent, soon: bool) -> float:
    """Threshold adjustment.

    Higher for two strict verdicts or two languages (shared computer), lower for a quick retry.
    """
    if earlier.verdict == later.verdict == "strict" or earlier.language != later.language:
        return HARDER
    if soon and earlier.verdict == later.verdict == "none":
        return -2 * EASIER
    return -EASIER if soon and "strict" not in (earlier.verdict, later.verdict) else 0.0


def _same_first(one: QueryEvent, other: QueryEvent) -> bool:
    """Whether both searches have the same top hit and no verdict is none."""
    return one.hit_ids[:1] == other.hit_ids[:1] != () and "none" not in (one.verdict, other.verdict)


def _share_words(one: str, other: str) -> bool:
    """Whether half of the words of the shorter query occur in the other; without embeddings."""
    left, right = set(_WORD.findall(one.casefold())), set(_WORD.findall(other.casefold()))
    return bool(left and right) and len(left & right) * 2 >= min(len(left), len(right))


def _opened(actions: Sequence[ActionEvent]) -> dict[str, frozenset[str]]:
    """Articles opened from each search, by query id."""
    articles_by_query: dict[str, set[str]] = defaultdict(set)
    for action in actions:
        if action.query_id and action.object_id and action.action_name in _SHARED:
            articles_by_query[action.query_id].add(action.object_id)
    return {name: frozenset(articles) for name, articles in articles_by_query.items()}


def _with_actions(
    groups: Sequence[list[QueryEvent]],
    everything: Sequence[QueryEvent],
    kept: Sequence[QueryEvent],
    actions: Sequence[ActionEvent],
    vectors: Mapping[str, Vectors],
) -> list[SearchTask]:
    """Assign each action to the task of its search.

    An action without a search goes to the earlier task with the most similar intent if it has a
    text, else to the latest task.
    """
    place_of = {query.query_id: place for place, group in enumerate(groups) for query in group}
    place_of |= _folded(everything, kept, place_of)
    starts = sorted((query.at, place) for place, group in enumerate(groups) for query in group)
    actions_by_task: dict[int, list[ActionEvent]] = defaultdict(list)
    for action in sorted(actions, key=lambda action: (action.at, action.event_id)):
        place = place_of.get(action.query_id or "")
        if place is None:
            candidates = [
                owner for at, owner in reversed(starts) if at <= action.at <= at + EPISODE
            ]
            solved = frozenset(
                owner
                for owner in candidates
                if any(other.action_name in YES for other in actions_by_task[owner])
            )
            place = (
                _same_intent(action, candidates, groups, vectors, solved) if candidates else None
            )
        if place is not None:
            actions_by_task[place].append(action)
    trails = [
        SearchTask(tuple(group), tuple(actions_by_task[place]))
        for place, group in enumerate(groups)
    ]
    return sorted(trails, key=lambda trail: (trail.queries[0].at, trail.queries[0].query_id))


def _same_intent(
    action: ActionEvent,
    begun: Sequence[int],
    groups: Sequence[list[QueryEvent]],
    vectors: Mapping[str, Vectors],
    said: frozenset[int],
) -> int:
    """The task most similar to the text of an action; the latest one without an embedding.

    ``begun`` lists the open tasks, latest first. Among about equally similar tasks, one with
    positive feedback (``said``) wins, so that doubtful successes are revoked.
    """
    action_vector = vectors.get(action.event_id)
    if action_vector is None:
        return begun[0]

    def nearness(place: int) -> float:
        return max(
            (
                float(np.dot(action_vector, vectors[query.query_id]))
                for query in groups[place]
                if query.query_id in vectors
            ),
            default=-1.0,
        )

    similarity = {place: nearness(place) for place in begun}
    best = max(similarity.values())
    return max(
        similarity,
        key=lambda place: (similarity[place] >= best - ALIKE, place in said, similarity[place]),
    )


def _folded(
    everything: Sequence[QueryEvent], kept: Sequence[QueryEvent], place_of: Mapping[str, int]
) -> dict[str, int]:
    """Task index of each dropped prefix search: that of the next search that was kept."""
    order = sorted(everything, key=lambda query: (query.at, query.query_id))
    remaining = {query.query_id for query in kept}
    places: dict[str, int] = {}
    waiting: list[str] = []
    for query in order:
        waiting.append(query.query_id)
        if query.query_id in remaining:
            places.update(dict.fromkeys(waiting, place_of[query.query_id]))
            waiting = []
    return places


def searches_of_tickets(
    tickets: Sequence[ActionEvent],
    queries: Sequence[QueryEvent],
    actions: Sequence[ActionEvent],
    vectors: Mapping[str, Vectors],
    threshold: float = SAME_INTENT,
    taken: frozenset[str] = frozenset(),
) -> dict[str, str]:
    """Match tickets that have only a text to searches; returns query id by event id.

    Candidates are searches with the same intent in the EPISODE before the ticket. Among about
    equally similar ones, prefer a visitor who opened the contact form in the previous hour, then a
    search with positive feedback (doubtful successes are revoked), then the highest cosine. Each
    search is matched once; ``taken`` holds searches that are already matched.
    """
    solved_ids = _standing(
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
    # Clients with a ticket of their own are no candidates.
    own_tickets = [action for action in actions if action.action_name in CONTACTS]
    used = set(taken) | {action.query_id for action in own_tickets}
    named = {action.client_id for action in own_tickets if action.client_id}
    matches: dict[str, str] = {}
    identified = [
        query
        for query in queries
        if query.client_id and query.client_id not in named and query.query_id in vectors
    ]
    identified.sort(key=lambda query: query.at)
    moments = [query.at for query in identified]
    place_of = {query.query_id: place for place, query in enumerate(identified)}
    free = np.array([query.query_id not in used for query in identified], dtype=bool)
    solved = np.array([query.query_id in solved_ids for query in identified], dtype=bool)
    meanings, which = _distinct([vectors[query.query_id] for query in identified])
    for ticket in sorted(tickets, key=lambda ticket: (ticket.at, ticket.event_id)):
        ticket_vector = vectors.get(ticket.event_id)
        first, last = bisect_left(moments, ticket.at - EPISODE), bisect_left(moments, ticket.at)
        if ticket_vector is None or first == last:
            continue
        cosines = (meanings @ ticket_vector)[which[first:last]]
        floor = max(threshold - EASIER, min(threshold, float(cosines.max()) - ALIKE))
        candidates = np.flatnonzero((cosines >= floor) & free[first:last])
        if not len(candidates):
            continue
        just_opened = {
            place_of[name] - first
            for at, name in opened[
                bisect_left(opened, (ticket.at - HOUR, "")) : bisect_left(opened, (ticket.at, ""))
            ]
            if name in place_of
        }
        candidates = _preferred(candidates, np.isin(candidates, list(just_opened)))
        candidates = _preferred(candidates, solved[first:last][candidates])
        candidates = _preferred(candidates, cosines[candidates] == cosines[candidates].max())
        best = max(first + candidates, key=lambda place: identified[place].query_id)
        matches[ticket.event_id] = identified[best].query_id
        free[best] = False
    return matches


def _preferred(places: NDArray[np.int64], wanted: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The wanted places; all of them if none is wanted."""
    return places[wanted] if wanted.any() else places


def _standing(
    said: Collection[str | None],
    queries: Sequence[QueryEvent],
    vectors: Mapping[str, Vectors],
    threshold: float,
) -> set[str]:
    """The searches whose positive feedback was not revoked by a repeated search within EPISODE."""
    by_client_id: dict[str, list[QueryEvent]] = defaultdict(list)
    for query in queries:
        if query.client_id:
            by_client_id[query.client_id].append(query)

    def repeated(query: QueryEvent) -> bool:
        return any(
            query.at < other.at <= query.at + EPISODE and _near(query, other, vectors) >= threshold
            for other in by_client_id.get(query.client_id or "", ())
        )

    return {query.query_id for query in queries if query.query_id in said and not repeated(query)}


def _near(one: QueryEvent, other: QueryEvent, vectors: Mapping[str, Vectors]) -> float:
    """The cosine of two searches; 1 for the same words, -1 without an embedding."""
    if _plain(one.user_query) == _plain(other.user_query):
        return 1.0
    if one.query_id not in vectors or other.query_id not in vectors:
        return -1.0
    return float(np.dot(vectors[one.query_id], vectors[other.query_id]))


def _distinct(vectors: Sequence[Vectors]) -> tuple[Vectors, NDArray[np.int64]]:
    """(distinct vectors, index of each input vector among them).

    Equal texts share one vector object, so a long log has few distinct vectors.
    """
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
    """(client id, searches, actions) of each identified client, without bots."""
    queries_by_client: dict[str, list[QueryEvent]] = defaultdict(list)
    for query in queries:
        if query.client_id and not query.bot:
            queries_by_client[query.client_id].append(query)
    client_of = {query.query_id: query.client_id for query in queries}
    actions_by_client: dict[str, list[ActionEvent]] = defaultdict(list)
    for action in actions:
        # An action from another channel belongs to the client of its search.
        client = client_of.get(action.query_id or "") or action.client_id
        if client in queries_by_client:
            actions_by_client[str(client)].append(action)
    return [
        (client, queries_by_client[client], actions_by_client[client])
        for client in sorted(queries_by_client)
    ]
