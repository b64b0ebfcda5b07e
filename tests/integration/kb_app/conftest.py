"""A small site with the hash embedder; what costs seconds in every test is done once."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from jinja2.bccache import Bucket, BytecodeCache

from kb_app import create_app
from kb_app.accounts import store
from kb_app.services import container
from kb_app.services.container import Services
from tests.support import NOW, build_folder, make_services, migrate_quickly, write_article

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
