"""One node among those of its site: what it refuses, what it tells the others."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine

from indexer.editing.model import EditConflictError
from kb_app.db.leadership import Leadership
from kb_app.db.nodes import known_nodes
from kb_app.db.shared_vectors import SharedVectors
from kb_app.services.background import tasks
from kb_app.services.node import NodeService
from kb_app.settings import SettingsError
from tests.support import make_services, make_settings, write_article

NAME = "en/returns/postage.md"
MakeNode = Callable[..., NodeService]


@pytest.fixture
def node(engine: Engine, tmp_path: Path) -> MakeNode:
    """Nodes of one site by name, with folders of their own."""

    def made(name: str, key: str = "secret") -> NodeService:
        folder = tmp_path / name
        settings = make_settings(folder / "articles", folder / "var", node_name=name)
        return NodeService(settings, engine, key)

    return made


def text(tmp_path: Path, name: str, path: str = NAME) -> str:
    return (tmp_path / name / "articles" / path).read_text(encoding="utf-8")


def test_nodes_begin_with_the_same_articles_and_know_each_other(
    node: MakeNode, engine: Engine, tmp_path: Path
) -> None:
    write_article(tmp_path / "one/articles", NAME, "Return postage")
    one, two = node("one"), node("two")
    one.begin()
    two.begin()
    assert text(tmp_path, "two") == text(tmp_path, "one")
    one.note_alive("a1b2", leads=True)
    assert [(each.name, each.index_version, each.leads) for each in known_nodes(engine)] == [
        ("one", "a1b2", True),
        ("two", "", False),
    ]
    assert two.count() == 2
    one.note_stopped()
    assert [each.name for each in known_nodes(engine)] == ["two"] and two.count() == 2, "for 10 s"


def test_a_node_of_another_site_is_refused_with_words(node: MakeNode, tmp_path: Path) -> None:
    write_article(tmp_path / "one/articles", NAME, "Return postage")
    node("one").begin()
    with pytest.raises(SettingsError, match="KB_SECRET_KEY"):
        node("stranger", "another key").begin()
    write_article(tmp_path / "other/articles", "en/shop/own.md", "Another shop")
    with pytest.raises(SettingsError, match="kb nodes --publish-folder"):
        node("other").begin()
    (tmp_path / "file").mkdir()
    (tmp_path / "file/articles").write_text("no folder", encoding="utf-8")
    with pytest.raises(SettingsError, match="KB_ARTICLES"):
        node("file").begin()


def test_who_was_second_is_told(node: MakeNode, tmp_path: Path) -> None:
    write_article(tmp_path / "one/articles", NAME, "Return postage")
    one, two = node("one"), node("two")
    one.begin()
    two.begin()
    write_article(tmp_path / "one/articles", NAME, "Return postage", "It is free.")
    one.share(NAME)
    write_article(tmp_path / "two/articles", NAME, "Return postage", "It is 5 dollars.")
    with pytest.raises(EditConflictError, match="somebody else"):
        two.share(NAME)
    assert "It is free." in text(tmp_path, "two")


def test_a_database_that_is_away_keeps_nobody_from_saving(
    node: MakeNode, engine: Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_article(tmp_path / "one/articles", NAME, "Return postage")
    one = node("one")
    one.begin()
    with engine.begin() as connection:
        connection.exec_driver_sql("alter table article_files rename to away")
    write_article(tmp_path / "one/articles", NAME, "Return postage", "It is free.")
    one.share(NAME)
    assert "is not shared yet" in caplog.text and "It is free." in text(tmp_path, "one")
    with pytest.raises(SettingsError, match="cannot be shared"):
        one.begin()


def test_the_background_process_takes_over_and_tells(
    engine: Engine, node: MakeNode, tmp_path: Path
) -> None:
    services = make_services(tmp_path / "site/articles", tmp_path / "site/var", metrics_port=9)
    one, two = node("one"), node("two")
    write_article(tmp_path / "one/articles", NAME, "Return postage")
    one.begin()
    two.begin()
    enabled = tasks(replace(services, node=two), Leadership("sqlite"))
    runs = {task.name: task.run for task in enabled}
    write_article(tmp_path / "one/articles", "en/returns/new.md", "New")
    one.share("en/returns/new.md")
    for name in ("articles", "alive", "gauges"):
        runs[name]()
    assert "New" in text(tmp_path, "two", "en/returns/new.md")
    assert {each.name: each.leads for each in known_nodes(engine)} == {"one": False, "two": True}
    services.close()


def test_vectors_are_the_first_node_s_and_are_pruned(engine: Engine) -> None:
    vectors = SharedVectors(engine)
    with vectors.alone():
        assert vectors.store({"a": b"first", "b": b"b"}) == {"a": b"first", "b": b"b"}
    assert vectors.store({"a": b"second"}) == {"a": b"first"}
    vectors.store({f"old {number}": b"x" for number in range(1_010)})
    vectors.prune({"a", "b", *(f"used {number}" for number in range(10))})
    assert len(vectors.load([f"old {number}" for number in range(1_010)])) == 1_010
    vectors.prune({"a"})
    assert vectors.load(["a", "b", "old 1"]) == {"a": b"first"}
