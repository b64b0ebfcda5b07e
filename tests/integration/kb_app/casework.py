"""A hand-off on its own database, with a log and a mail sender that tests can inspect."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as made
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, select

from kb_app.db import schema
from kb_app.support.access_links import Links
from kb_app.support.case_store import CaseStore
from kb_app.support.config.values import Support, without_file
from kb_app.support.delivery.notifications import CaseNotifications, SiteIdentity
from kb_app.support.model import Case
from kb_app.support.workflow import CaseWorkflow

NOW = 1_795_165_200_000
"""Friday, 20 November 2026, 09:00 UTC, in ms."""


@dataclass
class MemoryLog:
    """Keep the recorded events, each ``once`` key once."""

    told: list[tuple[str, str]] = made(default_factory=list)
    seen: set[str] = made(default_factory=set)

    def record(
        self, name: str, case: Case, at: int, once: str, attributes: Mapping[str, Any]
    ) -> None:
        key = f"{name}:{once or case.case_id}"
        if key not in self.seen:
            self.seen.add(key)
            self.told.append((name, case.number))

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.told]


@dataclass
class MemoryPost:
    """State whether mails are sent; number the message ids."""

    sends: bool = False
    numbers: Any = made(default_factory=lambda: itertools.count(1))

    def can_mail(self) -> bool:
        return self.sends

    def new_message_id(self) -> str:
        return f"<{next(self.numbers)}@example.com>"


@dataclass
class SupportFixture:
    """The hand-off and its collaborators."""

    engine: Engine
    workflow: CaseWorkflow
    log: MemoryLog
    post: MemoryPost

    def again(self, case: Case) -> Case:
        """Reload the case."""
        found = self.workflow.cases.case(case.case_id)
        assert found is not None
        return found

    def mails(self) -> list[dict[str, Any]]:
        """The mails in the outbox, in order."""
        import json

        table = schema.outbox
        with self.engine.connect() as connection:
            rows = connection.execute(
                select(table.c.payload)
                .where(table.c.sink.in_(["mail", "steps"]))
                .order_by(table.c.number)
            )
            return [json.loads(payload) for (payload,) in rows]


def support_fixture(
    engine: Engine, support: Support | None = None, mails: bool = False
) -> SupportFixture:
    """A hand-off of a site named Tsubame."""
    held = support or without_file(ZoneInfo("UTC"))
    log, post = MemoryLog(), MemoryPost(mails)
    names = SiteIdentity(lambda _lang: "Tsubame", "https://help.example.com", "help@example.com")
    cases = CaseStore(engine)
    sending = CaseNotifications(cases, lambda: held, Links("secret", 180), post, names)
    return SupportFixture(engine, CaseWorkflow(cases, lambda: held, log, sending), log, post)
