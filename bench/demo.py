"""Generates ninety days of simulated visits and cases for the sample shop, to fill a demo's desk.

    python -m bench.demo [--articles DIR] [--data DIR] [--visits N] [--seed N]

Queries run on the site's own index, so that verdicts and articles are real. The visitors' actions
are simulated (bench/visit_simulator.py). Writes to DIR/kb.sqlite, which must not contain visits
yet. Every report marks the data as simulated.
"""

from __future__ import annotations

import argparse
import random
import sys
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine, Table, func, select

from bench.demo_desk import address, fill_desk
from bench.episode_accuracy import intents_of
from bench.visit_simulator import BEGIN, PERSONAS, SPAN, Intent, simulate
from kb_app.analytics import model as m
from kb_app.db import schema
from kb_app.db.writing import upsert
from kb_app.durations import DAY
from kb_app.services.container import Services, build_services
from kb_app.settings import ROLES, load_settings
from search.embedding.background import BackgroundEmbedder
from search.model import Query, Results

DAYS = 90
# How often the first to the fourth result is opened.
PLACES = (74, 15, 7, 4)
CHANNELS = ("site", "site", "site", "site", "site", "api", "suggest")


def count_rows(engine: Engine, table: Table) -> int:
    """Return the number of rows of a table."""
    with engine.connect() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def main() -> None:
    """Simulate the visits and compute the reports."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--articles", type=Path, default=Path("articles"))
    parser.add_argument("--data", type=Path, default=Path("var/demo"))
    parser.add_argument("--visits", type=int, default=2_500)
    parser.add_argument("--seed", type=int, default=1)
    flags = parser.parse_args()
    _share_model(flags.data)
    services = build_services(load_settings(articles=flags.articles, data=flags.data))
    if count_rows(services.store.engine, schema.queries):
        print(f"{flags.data} already contains visits and is left as it is.", file=sys.stderr)
        return
    if isinstance(services.embedder, BackgroundEmbedder):
        services.embedder.start()
        services.embedder.wait()
    services.live.refresh()
    if services.live.snapshot() is None:
        services.indexing.publish_build(services.indexing.rebuild())
    chance = random.Random(flags.seed)
    _write(services, flags.visits, chance)
    password = fill_desk(services, int(datetime.now(UTC).timestamp() * 1000), chance)
    services.analytics.update_episodes(everything=True)
    services.analytics.update_gaps()
    with services.store.engine.begin() as connection:
        upsert(connection, schema.job_state, {"name": "demo", "value": "1"})
    searches = count_rows(services.store.engine, schema.queries)
    episodes = count_rows(services.store.engine, schema.episodes)
    cases = count_rows(services.store.engine, schema.cases)
    print(f"{searches} searches, {episodes} episodes, {cases} cases", file=sys.stderr)
    people = ", ".join(address(role) for role in ROLES)
    print(
        f"\n  Sign in at /account/sign-in as one of {people}\n  with the password {password}\n",
        file=sys.stderr,
    )


def _share_model(data: Path) -> None:
    """Link to the model of the site in the parent folder instead of downloading it again."""
    shared = data.parent / "model"
    if shared.is_dir() and not (data / "model").exists():
        data.mkdir(parents=True, exist_ok=True)
        (data / "model").symlink_to(shared.resolve())


def _write(services: Services, visits: int, chance: random.Random) -> None:
    """Store three simulated months that end now; each query is answered by the real index."""
    intents = intents_of(Path(__file__).parent / "data" / "rewordings.jsonl")
    shift = int(datetime.now(UTC).timestamp() * 1000) - DAYS * DAY - BEGIN
    answers: dict[tuple[str, str], Results] = {}
    for month in range(DAYS * DAY // SPAN):
        log = simulate(_growing(intents, month), PERSONAS, visits // 3, chance)
        queries = [
            _answered(services, query, answers, month, shift, chance)
            for query in log.queries
            if not query.bot
        ]
        hits = {query.query_id: query.hit_ids for query in queries}
        names = {action.event_id for action in log.actions}
        actions = [
            _moved(action, month, shift, hits) for action in log.actions if action.event_id in names
        ]
        services.store.append(
            [*queries, *(_as_bot(query, month, shift) for query in log.bots)], actions
        )


def _growing(intents: Sequence[Intent], month: int) -> list[Intent]:
    """Return the intents, with some asked more often each month to give the reports a trend."""
    rising = [
        intent
        for intent in intents
        if intent.name in ("mobile app", "student discount", "where is my parcel")
    ]
    return [*intents, *rising * (2 * month)]


def _answered(
    services: Services,
    query: m.QueryEvent,
    answers: dict[tuple[str, str], Results],
    month: int,
    shift: int,
    chance: random.Random,
) -> m.QueryEvent:
    key = query.user_query, query.language
    if key not in answers:
        answers[key] = services.live.current().engine.search(Query(*key, highlight=False))  # type: ignore[union-attr]
    results = answers[key]
    return replace(
        query,
        query_id=_id(query.query_id, month),
        client_id=_id(query.client_id or "", month).replace("-", ""),
        at=query.at + month * SPAN + shift,
        channel=chance.choice(CHANNELS),
        verdict=results.verdict,
        probability=results.probability,
        index_version=results.index_version,
        elapsed_ms=results.elapsed_ms,
        hit_ids=tuple(hit.article_id for hit in results.hits),
        section=results.hits[0].document.section if results.hits else "",
    )


def _moved(
    action: m.ActionEvent, month: int, shift: int, hits: dict[str, tuple[str, ...]]
) -> m.ActionEvent:
    query_id = _id(action.query_id, month) if action.query_id else None
    found = hits.get(query_id or "") or ("",)
    # All actions after one search are about one article, mostly the first.
    place = random.Random(query_id).choices(range(4), PLACES)[0] % len(found)
    article = found[place]
    client = _id(action.client_id, month).replace("-", "") if action.client_id else None
    event_id = _id(action.event_id, month)
    return replace(
        action,
        event_id=event_id,
        query_id=query_id,
        client_id=client,
        at=action.at + month * SPAN + shift,
        object_id=article,
        position=place + 1,
    )


def _as_bot(query: m.QueryEvent, month: int, shift: int) -> m.QueryEvent:
    return replace(
        query,
        query_id=_id(query.query_id, month),
        client_id=None,
        at=query.at + month * SPAN + shift,
    )


def _id(name: str, month: int) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"demo {month} {name}"))


if __name__ == "__main__":
    main()
