"""A day's counts, by channel, language, section and audience: what the dashboard adds up. Pure functions over rows."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, tzinfo

from kb_app.analytics.figures import class_of
from kb_app.analytics.model import CLICK, SECOND, ActionEvent, Episode, QueryEvent

Key = tuple[str, str, str, str]
"""(channel, language, section, audience)"""
Day = Mapping[Key, Counter[str]]


def day_of(at: int, zone: tzinfo) -> str:
    """The calendar day of a moment where the site is, as YYYY-MM-DD."""
    return datetime.fromtimestamp(at / SECOND, zone).date().isoformat()


def count_queries(queries: Iterable[QueryEvent], actions: Iterable[ActionEvent], reworded: frozenset[str]) -> dict[Key, Counter[str]]:
    """Counts of searches and of the clicks on what they found; ``reworded`` are the searches that were asked again in other words."""
    places: dict[str, list[int]] = defaultdict(list)
    for action in actions:
        if action.action_name == CLICK and action.query_id:
            places[action.query_id].append(action.position or 0)
    counts: dict[Key, Counter[str]] = defaultdict(Counter)
    for query in queries:
        count = counts[query.channel, query.language, query.section, query.audience]
        if query.bot:
            count["bots"] += 1
            continue
        clicked = places.get(query.query_id, [])
        count["queries"] += 1
        count[f"queries_{query.verdict}"] += 1
        count["impressions"] += len(query.hit_ids)
        count["clicks"] += len(clicked)
        count["queries_unrecognised"] += query.client_id is None
        count["refinements"] += query.query_id in reworded
        if clicked:
            count["queries_clicked"] += 1
            first = min((place for place in clicked if place > 0), default=0)
            count["reciprocal_rank"] += 1 / first if first else 0  # type: ignore[assignment]
        elif query.verdict != "none":
            count["queries_unclicked"] += 1
    return dict(counts)


def count_episodes(episodes: Iterable[Episode]) -> dict[Key, Counter[str]]:
    """Counts of the episodes that began on a day."""
    counts: dict[Key, Counter[str]] = defaultdict(Counter)
    for episode in episodes:
        count = counts[episode.channel, episode.language, episode.section, episode.audience]
        count["episodes"] += 1
        count[episode.outcome] += 1
        count["provisional"] += episode.provisional
        count["frustrated"] += episode.frustrated
        if episode.surveyed:
            count[f"surveyed_{episode.surveyed}"] += 1
        if episode.seconds_to_answer is not None:
            count[f"seconds_{class_of(episode.seconds_to_answer)}"] += 1
    return dict(counts)


def reworded_in(trails: Iterable[Sequence[str]]) -> frozenset[str]:
    """The searches of each problem but its last."""
    return frozenset(query_id for trail in trails for query_id in trail[:-1])
