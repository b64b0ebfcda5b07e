"""Measures the desk's pages with a large inbox: case list, search, one case and the contact page.

python -m bench.cases [--cases 10000] [--database URL|postgresql] [--json]
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from flask.testing import FlaskClient

from bench.concurrent_writers import ARTICLE, database_of
from kb_app import create_app
from kb_app.services.container import Services, build_services
from kb_app.settings import load_settings
from kb_app.support.model import NewCase

WORDS = [
    "返品",
    "送料",
    "箱",
    "届かない",
    "壊れた",
    "交換",
    "領収書",
    "注文",
    "取り消し",
    "住所",
    "変更",
    "支払い",
    "カード",
    "保証",
    "修理",
    "ポイント",
    "会員",
    "解約",
    "ギフト",
    "包装",
    "order",
    "parcel",
    "refund",
    "late",
    "broken",
    "address",
    "invoice",
    "cancel",
    "warranty",
    "points",
]
PASSWORD = "correct horse battery"  # noqa: S105
TIMES = 30
CLOCK = int(time.time() * 1000)


def fill(services: Services, count: int, chance: random.Random) -> float:
    """Create cases of four weeks in every state, a third with a reply; return the seconds."""
    started = time.perf_counter()
    workflow = services.support.workflow
    for number in range(count):
        opened_at = CLOCK - chance.randrange(28 * 24 * 3_600_000)
        text = " ".join(chance.choices(WORDS, k=chance.randrange(8, 60)))
        kind = chance.choice(("question", "question", "problem", "complaint"))
        case = workflow.open(
            NewCase(f"bench-{number}", kind, text, f"客 {number}", f"c{number}@example.com", "ja"),
            opened_at,
        )
        if chance.random() < 0.34:
            workflow.reply(
                case,
                "佐藤",
                "agent@example.com",
                " ".join(chance.choices(WORDS, k=30)),
                opened_at + 3_600_000,
            )
        if chance.random() < 0.5:
            stored = workflow.cases.case(case.case_id)
            assert stored is not None
            workflow.solve(stored, "佐藤", opened_at + 7_200_000)
    return time.perf_counter() - started


def signed_in(services: Services) -> FlaskClient:
    """Return a test client that is signed in at the desk."""
    services.users.add("agent@example.com", "lead", "佐藤", PASSWORD)
    client = create_app(services).test_client()
    page = client.get("/account/sign-in").get_data(as_text=True)
    token = (
        page.partition('name="csrf_token" type="hidden" value="')[2].partition('"')[0]
        or page.partition('name="csrf_token" value="')[2].partition('"')[0]
    )
    answer = client.post(
        "/account/sign-in",
        data={"mail": "agent@example.com", "password": PASSWORD, "csrf_token": token},
    )
    assert answer.status_code in (302, 303), answer.status_code
    return client


def timed(call: Callable[[], object]) -> dict[str, float]:
    """Return median and 95th percentile of TIMES calls, in ms."""
    call()
    taken = []
    for _ in range(TIMES):
        started = time.perf_counter()
        call()
        taken.append((time.perf_counter() - started) * 1000)
    return {
        "p50_ms": round(float(np.quantile(taken, 0.5)), 1),
        "p95_ms": round(float(np.quantile(taken, 0.95)), 1),
    }


def small_site(folder: Path, database: str) -> Services:
    """Return the services of a site with one article."""
    path = folder / "articles" / "ja" / "orders" / "return.md"
    path.parent.mkdir(parents=True)
    path.write_text(ARTICLE, encoding="utf-8")
    settings = {
        "articles": folder / "articles",
        "data": folder / "var",
        "rate_limit": "off",
        "embedding_model": "off",
        "database_url": database,
    }
    services = build_services(load_settings(**settings))
    services.indexing.publish_build(services.indexing.rebuild())
    return services


def measure(count: int, database: str) -> dict[str, object]:
    """Fill an inbox and measure the pages."""
    with tempfile.TemporaryDirectory() as name, database_of(database, Path(name)) as url:
        services = small_site(Path(name), url)
        rng = random.Random(1)
        seconds = fill(services, count, rng)
        client = signed_in(services)

        def page(path: str) -> Callable[[], object]:
            def get() -> object:
                answer = client.get(path)
                assert answer.status_code in (200, 302), (path, answer.status_code)
                return answer.get_data()

            return get

        figures: dict[str, object] = {
            "cases": count,
            "database": database or "sqlite",
            "filled_s": round(seconds, 1),
        }
        case = services.support.cases.by_form("bench-7")
        assert case is not None
        paths = {
            "list": "/desk/cases",
            "list, all, page 100": "/desk/cases?state=all&page=100",
            "overdue": "/desk/cases?state=late",
            "search, one word": "/desk/cases?state=all&words=領収書",
            "search, two words": "/desk/cases?state=all&words=返品 warranty",
            "search, nothing found": "/desk/cases?state=all&words=存在しない",
            "one case": f"/desk/cases/{case.number}",
            "contact page": "/ja/contact",
        }
        return figures | {label: timed(page(path)) for label, path in paths.items()}


def main() -> None:
    """Parse the flags, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--database", default="")
    parser.add_argument("--json", action="store_true")
    flags = parser.parse_args()
    figures = measure(flags.cases, flags.database)
    print(
        json.dumps(figures, ensure_ascii=False)
        if flags.json
        else "\n".join(f"{name:24} {value}" for name, value in figures.items())
    )


if __name__ == "__main__":
    main()
