"""Fills the desk of a demo: an account for each role, cases, notices, a rising question."""

from __future__ import annotations

import json
import random
import secrets
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from kb_app.accounts.model import User
from kb_app.analytics.model import QueryEvent
from kb_app.durations import DAY, HOUR, MINUTE
from kb_app.services.container import Services
from kb_app.settings import ROLES
from kb_app.support.model import Case, NewCase
from kb_app.support.notices import Notice
from search.model import Query

CASES = Path(__file__).parent / "data" / "demo-cases.jsonl"
NAMES = {"agent": "佐藤", "writer": "鈴木", "lead": "高橋", "admin": "田中"}
CUSTOMERS = (
    "山田花子",
    "Mary Jones",
    "李小龍",
    "中村一郎",
    "Alex Kim",
    "小林さくら",
    "Sofia Rossi",
)
RISING = {
    "ja": ("アプリがログインで落ちる", "ログインするとアプリが終了する", "アプリがすぐ閉じる"),
    "en": ("app crashes at login", "the app closes when I log in"),
}
# The last 40 days, several cases a text, and how old the ones are that nobody has answered.
CASE_DAYS, ROUNDS, FRESH_DAYS = 40, 4, 2


def fill_desk(services: Services, now: int, chance: random.Random) -> str:
    """Write all of it; returns the password of the demo's accounts."""
    password = secrets.token_urlsafe(9)
    for role in ROLES:
        services.users.add(address(role), role, NAMES.get(role, role), password)
    _write_notices(services, now)
    texts = [json.loads(line) for line in CASES.read_text(encoding="utf-8").splitlines()]
    for number in range(ROUNDS * len(texts)):
        given = texts[number % len(texts)]
        # What nobody answered is open once; what was answered comes again and again.
        if given["reply"] or number < len(texts):
            _write_case(services, given, number, now, chance)
    services.store.append(list(_rising(services, now)), [])
    return password


def address(role: str) -> str:
    """The address of the demo's account of a role."""
    return f"{role}@demo.example"


def _write_case(
    services: Services, given: dict[str, Any], number: int, now: int, chance: random.Random
) -> None:
    workflow, agent = services.support.workflow, _agent(services)
    is_fresh = not given["reply"] or number < 2
    days = FRESH_DAYS if is_fresh else CASE_DAYS
    at = now - int(chance.uniform(0.05, days) * DAY)
    who = CUSTOMERS[(number * 5) % len(CUSTOMERS)]
    new = NewCase(
        form_id=str(uuid.uuid5(uuid.NAMESPACE_OID, f"demo case {number}")),
        kind=given["kind"],
        message=given["message"],
        name=who,
        mail=f"customer{number % 11}@example.com",
        language=given["lang"],
        subject=given["subject"],
        channel="phone" if number % 9 == 4 else "contact",
        trail=_trail(services, given, at) if number % 3 else (),
    )
    case = workflow.open(new, at)
    if is_fresh and number % 2:
        return
    if given["reply"]:
        _answer(services, case, given, agent, at, now, chance)


def _answer(
    services: Services,
    case: Case,
    given: dict[str, Any],
    agent: User,
    at: int,
    now: int,
    chance: random.Random,
) -> None:
    workflow = services.support.workflow
    replied = min(now - MINUTE, at + int(chance.uniform(0.2, 30) * HOUR))
    article = _article(services, given)
    workflow.reply(case, agent.name, agent.mail, given["reply"], replied, "", article)
    solved = replied + int(chance.uniform(1, 20) * HOUR)
    again = services.support.cases.case(case.case_id)
    if solved < now and again and chance.random() < 0.8:
        workflow.solve(again, agent.name, solved, article)
        told = solved + int(chance.uniform(2, 30) * HOUR)
        again = services.support.cases.case(case.case_id)
        if told < now and again and chance.random() < 0.6:
            is_solved = chance.random() < 0.85
            ratings = (
                (chance.choice((4, 5, 5, 3)), chance.choice((4, 5, 3))) if is_solved else (2, 2)
            )
            workflow.answer(again, is_solved, told, *ratings)


def _agent(services: Services) -> User:
    return next(one for one in services.users.all() if one.role == "agent")


def _trail(services: Services, given: dict[str, Any], at: int) -> tuple[dict[str, Any], ...]:
    asked = {"kind": "search", "text": given["subject"], "at": at - 4 * MINUTE}
    article = _article(services, given)
    snapshot = services.live.snapshot()
    card = snapshot.articles.summaries.get(article) if snapshot and article else None
    read = {"kind": "read", "text": card.title, "at": at - 2 * MINUTE} if card else None
    return (asked, read) if read else (asked,)


def _article(services: Services, given: dict[str, Any]) -> str:
    """The article that answers a case, by the words given; "" without any."""
    snapshot = services.live.current()
    if not given["article"] or snapshot is None:
        return ""
    hits = snapshot.engine.search(Query(given["article"], given["lang"], 1, highlight=False)).hits
    return hits[0].article_id if hits else ""


def _write_notices(services: Services, now: int) -> None:
    current = Notice(
        str(uuid.uuid5(uuid.NAMESPACE_OID, "demo notice 1")),
        {
            "ja": "アプリにログインできません",
            "en": "The app closes when you log in",
        },
        {
            "ja": "ウェブサイトからはログインできます。次のお知らせは本日18時です。",
            "en": "We are working on it. The web site works. We write again at 18:00.",
        },
        now - 3 * HOUR,
        now + 2 * DAY,
        questions=(*RISING["ja"], *RISING["en"]),
        by=address("lead"),
    )
    past = replace(
        current,
        notice_id=str(uuid.uuid5(uuid.NAMESPACE_OID, "demo notice 2")),
        title={
            "ja": "台風のため配達が遅れました",
            "en": "Late deliveries because of a typhoon",
        },
        text={"ja": "現在は通常どおりお届けしています。", "en": "They are on time again."},
        starts_at=now - 20 * DAY,
        ends_at=now - 17 * DAY,
        questions=(),
        over_at=now - 17 * DAY,
    )
    for notice in (current, past):
        services.support.notices.add(notice)


def _rising(services: Services, now: int) -> Iterator[QueryEvent]:
    """Nine people who ask about one new problem within the last hours."""
    snapshot = services.live.current()
    for number in range(9):
        lang = "ja" if number % 3 else "en"
        text = RISING[lang][number % len(RISING[lang])]
        found = snapshot.engine.search(Query(text, lang, highlight=False)) if snapshot else None
        yield QueryEvent(
            query_id=str(uuid.uuid5(uuid.NAMESPACE_OID, f"demo rising {number}")),
            at=now - (number + 1) * 17 * MINUTE,
            user_query=text,
            client_id=uuid.uuid5(uuid.NAMESPACE_OID, f"demo riser {number}").hex,
            language=lang,
            verdict=found.verdict if found else "none",
            probability=found.probability if found else 0.0,
            hit_ids=tuple(hit.article_id for hit in found.hits) if found else (),
        )
