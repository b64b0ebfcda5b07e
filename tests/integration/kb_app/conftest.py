"""A small site with the hash embedder; what costs seconds in every test is done once."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from jinja2.bccache import Bucket, BytecodeCache

from kb_app import create_app
from kb_app.accounts import store
from kb_app.analytics import model as m
from kb_app.durations import HOUR, MINUTE
from kb_app.services import container
from kb_app.services.container import Services
from search.embedding.background import DisabledEmbedder
from tests.integration.kb_app.deskwork import AT, PASSWORD, services_of, sign_in
from tests.support import NOW, build_folder, make_services, migrate_quickly, write_article
from tests.unit.kb_app.trails import asked, did, read

REFUND = (
    "返金は5営業日です。\n\n"
    "[承認](../desk/approve.md)と[パスワード](../account/password.md#next)\n\n![図](a.svg)"
)
SECTIONS = """
returns: {title: {ja: 返品, en: Returns}, description: {ja: 返す, en: Send back}, \
order: 1, icon: return}
account: {title: {ja: 会員, en: Account}, order: 2}
faults: {title: {ja: 故障, en: Faults}}
desk: {title: {ja: 窓口, en: Desk}}
"""


@pytest.fixture(scope="session")
def articles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "articles"
    write_article(
        folder,
        "ja/returns/refund.md",
        "返金の時期",
        REFUND,
        questions=["お金はいつ戻りますか"],
        tags=["返金"],
        updated="2026-11-01",
        featured=True,
        aliases=["henkin"],
    )
    write_article(
        folder,
        "ja/account/password.md",
        "パスワードを忘れたとき",
        "再設定できます。\n\n## 次 {#next}\n\n終わり",
        slug="パスワードを忘れた",
    )
    write_article(
        folder,
        "en/account/password.md",
        "Reset a forgotten password",
        "Use the link.",
        translation_of="ja-account-password",
        type="guide",
    )
    write_article(
        folder,
        "en/faults/kettle.md",
        "Descale a kettle",
        "Citric acid.\n\n" + "\n\n".join(f"## Step {n}\n\nText" for n in range(4)),
    )
    write_article(
        folder,
        "ja/desk/approve.md",
        "返金の承認",
        "社内の手順。![図](inside.svg)",
        audience="internal",
    )
    write_article(folder, "ja/returns/draft.md", "返金の下書き", "下書き。", status="draft")
    write_article(
        folder,
        "ja/returns/future.md",
        "返金の新しいきまり",
        "変わります。",
        publish_at=(NOW + timedelta(days=1)).isoformat(),
    )
    write_article(
        folder,
        "ja/returns/expired.md",
        "返金の遅れ",
        "遅れています。",
        expire_at=(NOW - timedelta(days=1)).isoformat(),
    )
    (folder / "ja/returns/a.svg").write_text(
        "<svg xmlns='http://www.w3.org/2000/svg'><title>a</title></svg>", encoding="utf-8"
    )
    (folder / "ja/desk/inside.svg").write_text(
        "<svg xmlns='http://www.w3.org/2000/svg'><title>secret</title></svg>", encoding="utf-8"
    )
    (folder / "sections.yml").write_text(SECTIONS, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def data(articles: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    report = build_folder(articles, folder)
    assert not report.errors, report.errors
    return folder


@pytest.fixture(scope="session")
def services(articles: Path, data: Path) -> Services:
    return make_services(articles, data)


@pytest.fixture(scope="session")
def app(services: Services) -> Flask:
    return create_app(services)


@pytest.fixture
def site(app: Flask) -> FlaskClient:
    """A new visitor without cookies."""
    return app.test_client()


class _SharedTemplates(BytecodeCache):
    """Templates compiled once for all applications of a test run."""

    def __init__(self) -> None:
        self._compiled: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._compiled:
            bucket.bytecode_from_string(self._compiled[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._compiled[bucket.key] = bucket.bytecode_to_string()


@pytest.fixture(scope="package", autouse=True)
def quick() -> Iterator[None]:
    """Passwords cost little to check, and templates are compiled once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        patch.setattr(Flask, "jinja_options", {"bytecode_cache": _SharedTemplates()})
        yield


@pytest.fixture(scope="package", autouse=True)
def empty_databases() -> Iterator[None]:
    """New SQLite databases are copies of one that was migrated once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(container, "migrate", migrate_quickly)
        yield


@pytest.fixture(scope="module")
def template(articles: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site with its own files and log: one question is answered, one by three people is not."""
    site = tmp_path_factory.mktemp("site")
    shutil.copytree(articles, site / "articles")
    build_folder(site / "articles", site / "var", DisabledEmbedder())
    services = services_of(site)
    queries = [asked("ok", "返金はいつ", first="ja-returns-refund")]
    queries += [
        asked(f"none{n}", words, client=f"c{n}", at=n * HOUR, verdict="none", first="")
        for n, words in enumerate(("学割", "学割", "=cmd()", "学割"))
    ]
    actions = [read("ok"), did(m.VOTE_YES, "ok", at=2 * MINUTE, article="ja-returns-refund")]
    services.store.append(
        [replace(query, at=query.at + AT) for query in queries],
        [replace(action, at=action.at + AT) for action in actions],
    )
    services.analytics.update_episodes()
    services.analytics.update_gaps()
    services.users.add("lead@example.com", "lead", "Hanako", PASSWORD)
    services.users.add("writer@example.com", "writer", password=PASSWORD)
    services.close()
    return site


@pytest.fixture
def own(template: Path, tmp_path: Path) -> Services:
    """A copy of the site for one test."""
    shutil.copytree(template, tmp_path, dirs_exist_ok=True)
    return services_of(tmp_path)


@pytest.fixture
def lead(own: Services) -> FlaskClient:
    return sign_in(create_app(own), "lead@example.com")[0]
