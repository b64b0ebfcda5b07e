"""``kb doctor`` names each fault of a broken set-up, and finds none in a good one."""

from __future__ import annotations

import json
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from sqlalchemy import Engine, text

from kb_app.db.engine import migrate, open_database
from kb_app.db.nodes import Node, note_alive
from kb_app.services.doctor import Finding, examine
from kb_app.settings import Settings
from tests.fake_desks import free_port
from tests.integration.conftest import fresh
from tests.support import write_article


@pytest.fixture
def good(tmp_path: Path) -> dict[str, Any]:
    """Settings of a site that was started before."""
    write_article(tmp_path / "articles", "ja/a/b.md", "題", "文。")
    engine = open_database(f"sqlite:///{tmp_path / 'var' / 'kb.sqlite'}")
    migrate(engine)
    engine.dispose()
    return {
        "articles": tmp_path / "articles",
        "data": tmp_path / "var",
        "timezone": "Asia/Tokyo",
        "contact_mail": "help@example.com",
        "port": free_port(),
    }


def faults(settings: Settings) -> dict[str, Finding]:
    return {found.name: found for found in examine(settings) if found.state == "fault"}


def test_a_good_site_has_no_fault_and_every_warning_says_what_to_do(good: dict[str, Any]) -> None:
    found = list(examine(Settings(**good)))
    assert [each for each in found if each.state == "fault"] == []
    assert {each.name for each in found if each.state == "ok"} >= {"articles", "database", "disk"}
    assert all(each.hint for each in found if each.state == "warning")


class Broken(NamedTuple):
    """A set-up that is broken by settings or by hand, and what is said of it."""

    name: str
    said: str
    change: Callable[[Path], object] = lambda _folder: None
    settings: dict[str, Any] = {}  # noqa: RUF012, never changed


def of_version(number: str) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        engine = open_database(f"sqlite:///{folder / 'var' / 'kb.sqlite'}")
        with engine.begin() as connection:
            changed = text("update alembic_version set version_num = :number")
            connection.execute(changed, {"number": number})
        engine.dispose()

    return change


def in_time_to_come(folder: Path) -> None:
    path = folder / "var" / "last-build.json"
    path.touch()
    os.utime(path, (time.time() + 3600, time.time() + 3600))


def refused_by_git(folder: Path) -> None:
    said = {"at": "2026-11-30T09:00:00+00:00", "wrong": "git fetch: access denied"}
    (folder / "var" / "articles-remote.json").write_text(json.dumps(said), encoding="utf-8")


NOBODY = "127.0.0.1:9"
BROKEN = [
    Broken(
        "repository",
        "access denied",
        refused_by_git,
        {"articles_remote": "https://git.example.com/help.git"},
    ),
    Broken("articles", "there is no folder", lambda folder: shutil.rmtree(folder / "articles")),
    Broken("articles", "no article", lambda folder: (folder / "articles/ja/a/b.md").unlink()),
    Broken(
        "data folder",
        "not writable",
        lambda folder: (shutil.rmtree(folder / "var"), (folder / "var").touch()),
    ),
    Broken("database", "newer version", of_version("9999")),
    Broken(
        "database",
        "does not answer",
        lambda folder: (folder / "var" / "kb.sqlite").write_bytes(b"x" * 5000),
    ),
    Broken("database", "does not answer", settings={"database_url": f"postgresql://a@{NOBODY}/x"}),
    Broken("clock", "files of the site are newer", in_time_to_come),
    Broken(
        "support.yml",
        "support.yml",
        lambda folder: (folder / "articles" / "support.yml").write_text("reply: soon\n"),
    ),
    Broken(
        "mail",
        "KB_SMTP_URL",
        settings={"smtp_url": f"smtp://{NOBODY}", "base_url": "https://example.com"},
    ),
    Broken("mailbox", "cannot be opened", settings={"imap_url": f"imap://a:b@{NOBODY}/INBOX"}),
    Broken("secret key", "guessed", settings={"secret_key": "short"}),
]


@pytest.mark.parametrize("broken", BROKEN, ids=lambda each: f"{each.name}: {each.said}")
def test_each_broken_set_up_is_named_with_what_to_do(
    good: dict[str, Any], tmp_path: Path, broken: Broken
) -> None:
    broken.change(tmp_path)
    found = faults(Settings(**(good | broken.settings)))
    assert broken.name in found, found
    assert broken.said in found[broken.name].said and found[broken.name].hint


def test_a_disk_that_is_nearly_full(good: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage(NamedTuple):
        free: int = 50 * 1024**2

    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage())
    assert "0.0 GB free" in faults(Settings(**good))["disk"].said


def test_a_database_that_only_reads(good: dict[str, Any], replica: Engine) -> None:
    url = replica.url.render_as_string(hide_password=False)
    assert "read-only" in faults(Settings(**good, database_url=url))["database"].said


@pytest.fixture
def replica(postgres: str) -> Iterator[Engine]:
    """A database that refuses to be written, as a replica does."""
    engine = open_database(postgres)
    alone = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    with alone as connection:
        connection.execute(text("drop database if exists kb_replica with (force)"))
        connection.execute(text("create database kb_replica"))
        made = open_database(engine.url.set(database="kb_replica").render_as_string(False))
        migrate(made)
        connection.execute(text("alter database kb_replica set default_transaction_read_only = on"))
        made.dispose()
        yield made
        made.dispose()
        connection.execute(text("drop database kb_replica with (force)"))
    engine.dispose()


def test_warnings_of_what_is_not_wrong_yet(good: dict[str, Any], tmp_path: Path) -> None:
    of_version("0001")(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = Settings(
            **good | {"port": taken.getsockname()[1], "timezone": "UTC", "contact_mail": ""},
            embedding_model="off",
            base_url="http://help.example.com",
            backup="03:30",
            backup_folder=tmp_path / "backups",
        )
        warned = {each.name: each.said for each in examine(settings) if each.state == "warning"}
    assert "older version" in warned["database"] and "none was made yet" in warned["backup"]
    assert set(warned) >= {"port", "time zone", "model", "proxy", "address", "contact", "index"}


def test_the_nodes_of_a_site_are_looked_at(good: dict[str, Any], postgres_site: str) -> None:
    settings = Settings(**good, database_url=postgres_site, share_articles=True)
    engine = open_database(postgres_site)
    one = Node("one", "host", "1.0", "bundled", "key", leads=True)
    note_alive(engine, one)
    (found,) = [each for each in examine(settings) if each.name == "nodes"]
    assert (found.state, found.said) == ("ok", "1 serve, one leads")
    note_alive(engine, replace(one, name="two", key_hash="other", leads=False))
    assert "KB_SECRET_KEY" in faults(settings)["nodes"].said
    note_alive(engine, replace(one, name="two"))
    assert "2 of 2 lead" in faults(settings)["nodes"].said
    engine.dispose()


@pytest.fixture
def postgres_site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of an empty PostgreSQL database with our schema."""
    for engine in fresh(request, "postgresql", tmp_path / "unused"):
        yield engine.url.render_as_string(hide_password=False)
