"""Ninety days of simulated visits for the sample shop, so that a newcomer sees the reports full. Marked as such on every report.

    python -m bench.demo [--data DIR] [--visits N] [--seed N] [--now YYYY-MM-DD]

Asks the site's own index, so that verdicts and articles are real; what the visitors do is drawn (see bench/episodes.py). Writes into
DIR/kb.sqlite, which must not hold anything yet.
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

from bench.episode_accuracy import intents_of
from bench.visit_simulator import BEGIN, PERSONAS, SPAN, Intent, simulate
from kb_app.analytics import model as m
from kb_app.db import schema
from kb_app.db.writing import upsert
from kb_app.durations import DAY
from kb_app.services.container import Services, build_services
from kb_app.settings import load_settings
from search.embedding.background import BackgroundEmbedder
from search.model import Query, Results

DAYS = 90
CHANNELS = ("site", "site", "site", "site", "site", "api", "suggest")


def count_rows(engine: Engine, table: Table) -> int:
    """Rows of a table."""
    with engine.connect() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def main() -> None:
    """Make the visits, work the figures out, add somebody who may look."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--articles", type=Path, default=Path("articles"))
    parser.add_argument("--data", type=Path, default=Path("var/demo"))
    parser.add_argument("--visits", type=int, default=2_500)
    parser.add_argument("--seed", type=int, default=1)
    flags = parser.parse_args()
    _share_model(flags.data)
    services = build_services(load_settings(articles=flags.articles, data=flags.data))
    if count_rows(services.store.engine, schema.queries):
        print(f"{flags.data} holds visits already; they are served as they are.", file=sys.stderr)
        return
    if isinstance(services.embedder, BackgroundEmbedder):
        services.embedder.start()
        services.embedder.wait()
    services.live.refresh()
    if services.live.snapshot() is None:
        services.indexing.publish_build(services.indexing.rebuild())
    _write(services, flags.visits, random.Random(flags.seed))
    services.analytics.update_episodes(everything=True)
    services.analytics.update_gaps()
    with services.store.engine.begin() as connection:
        upsert(connection, schema.job_state, {"name": "demo", "value": "1"})
    print(
        f"{count_rows(services.store.engine, schema.queries)} searches, {count_rows(services.store.engine, schema.episodes)} problems",
        file=sys.stderr,
    )


def _share_model(data: Path) -> None:
    """The model that the site beside it has, not fetched again."""
    beside = data.parent / "model"
    if beside.is_dir() and not (data / "model").exists():
        data.mkdir(parents=True, exist_ok=True)
        (data / "model").symlink_to(beside.resolve())


def _write(services: Services, visits: int, chance: random.Random) -> None:
    """Three simulated months, moved so that the last ends now; each question answered by the real index."""
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
        first = {query.query_id: query.hit_ids[:1] for query in queries}
        names = {action.event_id for action in log.actions}
        actions = [
            _moved(action, month, shift, first)
            for action in log.actions
            if action.event_id in names
        ]
        services.store.append(
            [*queries, *(_as_bot(query, month, shift) for query in log.bots)], actions
        )


def _growing(intents: Sequence[Intent], month: int) -> list[Intent]:
    """Some problems are asked more in the last month: a trend to see."""
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
    found = answers[key]
    return replace(
        query,
        query_id=_id(query.query_id, month),
        client_id=_id(query.client_id or "", month).replace("-", ""),
        at=query.at + month * SPAN + shift,
        channel=chance.choice(CHANNELS),
        verdict=found.verdict,
        probability=found.probability,
        index_version=found.index_version,
        elapsed_ms=found.elapsed_ms,
        hit_ids=tuple(hit.article_id for hit in found.hits),
        section=found.hits[0].document.section if found.hits else "",
    )


def _moved(
    action: m.ActionEvent, month: int, shift: int, first: dict[str, tuple[str, ...]]
) -> m.ActionEvent:
    query_id = _id(action.query_id, month) if action.query_id else None
    article = (first.get(query_id or "") or ("",))[0]
    client = _id(action.client_id, month).replace("-", "") if action.client_id else None
    event_id = _id(action.event_id, month)
    return replace(
        action,
        event_id=event_id,
        query_id=query_id,
        client_id=client,
        at=action.at + month * SPAN + shift,
        object_id=article,
        position=1,
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
