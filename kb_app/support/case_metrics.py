"""Response times, solution times and customer feedback of cases, for the overview.

Durations are elapsed time in milliseconds, not opening hours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Engine, func, select
from sqlalchemy.sql import ColumnElement

from kb_app.db import schema
from kb_app.db.served_articles import served_since, was_there
from kb_app.support.model import OPEN, SAID_NO, SAID_NO_BEFORE, SAID_YES


@dataclass(frozen=True)
class Clock:
    """Counts, and the median and 90th percentile of first-reply and solution times in ms."""

    cases: int
    answered: int
    first_reply_median: float | None
    first_reply_p90: float | None
    solved: int
    solution_median: float | None
    solution_p90: float | None


@dataclass(frozen=True)
class CaseFigures:
    """The overview's figures for cases received in a period."""

    all: Clock
    complaints: Clock
    asked: int
    said_yes: int
    said_no: int
    satisfaction: tuple[int, ...]
    effort: tuple[int, ...]
    promised: int
    kept: int
    # Solved cases, and those of them that name the article that solved them.
    solved: int
    linked: int
    # Of the linked whose article's first day is known: those where it was before the case.
    known: int
    dated: int
    open_now: int
    late_now: int


def case_figures(
    engine: Engine,
    start: int,
    end: int,
    now: int,
    channel: str = "",
    language: str = "",
    section: str = "",
) -> CaseFigures:
    """The figures for cases received in [start, end), optionally filtered.

    Spam is excluded, and so are praise, which needs no reply, and cases that go on in another.
    """
    table = schema.cases
    conditions: list[ColumnElement[bool]] = [
        table.c.at >= start,
        table.c.at < end,
        table.c.spam == "",
        table.c.kind != "praise",
        table.c.merged_into == "",
    ]
    conditions += [
        table.c[name] == value
        for name, value in (("channel", channel), ("language", language), ("section", section))
        if value
    ]
    columns = (
        table.c.kind,
        table.c.at,
        table.c.promised_at,
        table.c.first_reply_at,
        table.c.solved_at,
        table.c.solved_by,
        table.c.asked_at,
        table.c.said,
        table.c.satisfaction,
        table.c.effort,
    )
    since = served_since(engine)
    is_open = (table.c.state == OPEN) & (table.c.spam == "") & (table.c.kind != "praise")
    with engine.connect() as connection:
        rows = connection.execute(select(*columns).where(*conditions)).all()
        open_now = connection.execute(
            select(func.count()).select_from(table).where(is_open)
        ).scalar_one()
        late_now = connection.execute(
            select(func.count()).select_from(table).where(is_open, table.c.due_at < now)
        ).scalar_one()
    linked = [row for row in rows if row.solved_at is not None and row.solved_by]
    before = [was_there(since.get(row.solved_by), row.at) for row in linked]
    return CaseFigures(
        all=clock([(row.at, row.first_reply_at, row.solved_at) for row in rows]),
        complaints=clock(
            [(row.at, row.first_reply_at, row.solved_at) for row in rows if row.kind == "complaint"]
        ),
        asked=sum(row.asked_at is not None for row in rows),
        said_yes=sum(row.said == SAID_YES for row in rows),
        said_no=sum(row.said in (SAID_NO, SAID_NO_BEFORE) for row in rows),
        satisfaction=tuple(row.satisfaction for row in rows if row.satisfaction),
        effort=tuple(row.effort for row in rows if row.effort),
        promised=sum(
            row.promised_at is not None
            and (row.first_reply_at is not None or row.promised_at < now)
            for row in rows
        ),
        kept=sum(
            row.promised_at is not None
            and row.first_reply_at is not None
            and row.first_reply_at <= row.promised_at
            for row in rows
        ),
        solved=sum(row.solved_at is not None for row in rows),
        linked=len(linked),
        known=sum(one is True for one in before),
        dated=sum(one is not None for one in before),
        open_now=int(open_now),
        late_now=int(late_now),
    )


def clock(times: Sequence[tuple[int, int | None, int | None]]) -> Clock:
    """Aggregate tuples (received at, first reply at, solved at)."""
    replies = sorted(first - received for received, first, _ in times if first is not None)
    solutions = sorted(solved - received for received, _, solved in times if solved is not None)
    return Clock(
        len(times),
        len(replies),
        quantile(replies, 0.5),
        quantile(replies, 0.9),
        len(solutions),
        quantile(solutions, 0.5),
        quantile(solutions, 0.9),
    )


def quantile(values: Sequence[float], share: float) -> float | None:
    """The quantile by linear interpolation; None if there are no values."""
    return float(np.quantile(values, share)) if values else None
