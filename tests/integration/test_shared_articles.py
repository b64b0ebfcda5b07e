"""Nodes keep their articles folders alike, through the database."""

import logging
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine, delete

from indexer.build import Paths, build
from indexer.editing.editor import Editor
from indexer.editing.model import Author, EditConflictError
from kb_app.db.schema import article_files, article_pieces, job_state
from kb_app.db.shared_vectors import SharedVectors
from kb_app.services import shared_folder
from kb_app.services.shared_articles import (
    KEPT,
    STATE,
    ForeignFolderError,
    SharedArticles,
)
from kb_app.services.shared_folder import articles_lock, shared_files
from search.ports import Kind, Vector
from search.testing import HashEmbedder
from tests.support import write_article

WRITER = Author("Writer", "writer@example.com")


class Site:
    """Nodes of one site, each with a folder and a data folder."""

    def __init__(self, engine: Engine, root: Path) -> None:
        self._engine, self._root = engine, root

    def node(self, name: str) -> SharedArticles:
        return SharedArticles(self._engine, self.folder(name), self._root / name / "var")

    def folder(self, name: str) -> Path:
        return self._root / name / "articles"


@pytest.fixture
def site(engine: Engine, tmp_path: Path) -> Site:
    """The first node has published two articles and a picture."""
    made = Site(engine, tmp_path)
    write_article(made.folder("one"), "ja/返品/送料.md", "返品の送料")
    write_article(made.folder("one"), "en/returns/postage.md", "Return postage")
    (made.folder("one") / "en/returns/box.png").write_bytes(b"\x89PNG" + bytes(1_200_000))
    made.node("one").begin()
    return made


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name, _ in shared_files(folder)}


def test_an_empty_folder_gets_the_articles_of_the_site(site: Site) -> None:
    site.node("two").begin()
    assert contents(site.folder("two")) == contents(site.folder("one"))
    assert len(contents(site.folder("two"))) == 3


def test_a_change_at_any_node_reaches_the_others(site: Site) -> None:
    one, two = site.node("one"), site.node("two")
    two.begin()
    assert not one.behind and not two.behind
    write_article(site.folder("two"), "ja/返品/送料.md", "返品の送料", "無料です。")
    write_article(site.folder("two"), "ja/返品/期限.md", "返品の期限")
    (site.folder("two") / "en/returns/box.png").unlink()
    assert len(two.sync().pushed) == 3
    assert one.behind
    assert set(one.sync().pulled) == {"ja/返品/送料.md", "ja/返品/期限.md", "en/returns/box.png"}
    assert contents(site.folder("one")) == contents(site.folder("two"))
    assert one.sync() == two.sync() and not one.behind and not two.behind


def test_files_changed_at_both_nodes_stay_as_the_first_published_them(
    site: Site, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one, two = site.node("one"), site.node("two")
    two.begin()
    name = "ja/返品/送料.md"
    write_article(site.folder("one"), name, "返品の送料", "無料です。")
    write_article(site.folder("two"), name, "返品の送料", "500円です。")
    write_article(site.folder("two"), "ja/返品/期限.md", "返品の期限")
    one.sync()
    synced = two.sync()
    assert synced.conflicts == (name,) and synced.pushed == ("ja/返品/期限.md",)
    assert "無料です。" in (site.folder("two") / name).read_text(encoding="utf-8")
    (kept,) = (tmp_path / "two/var" / KEPT).rglob("*.md")
    assert "500円です。" in kept.read_text(encoding="utf-8") and str(kept) in caplog.text
    one.sync()
    assert contents(site.folder("one")) == contents(site.folder("two"))


def test_a_node_that_was_away_comes_back(site: Site) -> None:
    one, two = site.node("one"), site.node("two")
    two.begin()
    for number in range(3):
        write_article(site.folder("one"), f"en/new/{number}.md", f"New {number}")
        one.sync()
    (site.folder("one") / "en/new/1.md").unlink()
    (site.folder("one") / "en/returns/postage.md").unlink()
    one.sync()
    write_article(site.folder("two"), "en/here/own.md", "Own")
    two.begin()
    one.sync()
    assert contents(site.folder("two")) == contents(site.folder("one"))
    assert "en/here/own.md" in contents(site.folder("one"))
    assert "en/returns/postage.md" not in contents(site.folder("two"))


def test_a_folder_with_other_articles_is_refused_and_stays(site: Site) -> None:
    write_article(site.folder("shop"), "en/shop/own.md", "Another shop")
    before = contents(site.folder("shop"))
    with pytest.raises(ForeignFolderError, match=r"1 files .*kb nodes --publish-folder"):
        site.node("shop").begin()
    assert contents(site.folder("shop")) == before
    site.node("two").begin()
    assert len(contents(site.folder("two"))) == 3


def test_a_folder_replaces_the_articles_of_all_nodes_where_that_is_wanted(site: Site) -> None:
    write_article(site.folder("new"), "en/shop/own.md", "Another shop")
    write_article(site.folder("new"), "en/returns/postage.md", "Changed")
    site.node("new").begin(takes_folder=True)
    site.node("one").sync()
    assert contents(site.folder("one")) == contents(site.folder("new"))


def test_a_folder_that_is_away_removes_nothing(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    folder = site.folder("one")
    folder.rename(folder.with_name("unmounted"))
    folder.mkdir()
    assert site.node("one").sync().pushed == () and "nothing is removed" in caplog.text
    site.node("two").begin()
    assert len(contents(site.folder("two"))) == 3


def test_hidden_unfinished_and_linked_files_are_not_shared(site: Site, tmp_path: Path) -> None:
    folder = site.folder("one")
    (tmp_path / "secret.md").write_text("secret", encoding="utf-8")
    (folder / "en/link.md").symlink_to(tmp_path / "secret.md")
    for name in (".git/config", "en/.a.md.tmp", "en/a.md~", "node_modules/x/README.md"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x", encoding="utf-8")
    assert site.node("one").sync().pushed == ()


def test_many_nodes_write_at_once_and_all_have_all(site: Site) -> None:
    names = [f"node-{number}" for number in range(4)]
    for name in names:
        site.node(name).begin()
    for round_ in range(3):
        for name in names:
            write_article(site.folder(name), f"en/{name}/{round_}.md", f"{name} {round_}")
        for name in names:
            site.node(name).sync()
    for name in names:
        site.node(name).sync()
    assert len(contents(site.folder(names[0]))) == 3 + 12
    assert len({tuple(sorted(contents(site.folder(name)))) for name in names}) == 1


def test_an_author_is_told_that_somebody_else_was_first(site: Site, tmp_path: Path) -> None:
    one, two = site.node("one"), site.node("two")
    two.begin()

    @contextmanager
    def editing(name: str) -> Iterator[None]:
        with articles_lock(tmp_path / "two/var"):
            yield
            if name in two.sync().conflicts:
                raise EditConflictError(f"{name} was changed by somebody else")

    editor, name = Editor(site.folder("two"), editing), "en/returns/postage.md"
    opened = editor.open(name)
    write_article(site.folder("one"), name, "Return postage", "It is free.")
    one.sync()
    with pytest.raises(EditConflictError, match="somebody else"):
        editor.save(opened, opened.text.replace("本文", "It costs $5"), WRITER, "Edited")
    assert "It is free." in editor.open(name).text


def saved_while(monkeypatch: pytest.MonkeyPatch, method: str, save: Callable[[], object]) -> None:
    """Let somebody save while a method runs for the first time, after it has begun."""
    original, done = getattr(SharedArticles, method), []

    def slow(self: SharedArticles, *given: Any) -> Any:
        result = original(self, *given)
        if not done:
            done.append(True)
            save()
        return result

    monkeypatch.setattr(SharedArticles, method, slow)


@pytest.mark.parametrize("method", ["_digest", "_changed", "_insert"])
def test_a_file_saved_while_it_is_published_is_published_after_that(
    site: Site, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    one, two, name = site.node("one"), site.node("two"), "ja/返品/送料.md"
    two.begin()
    write_article(site.folder("one"), name, "返品の送料", "第二版です。")
    saved_while(
        monkeypatch,
        method,
        lambda: write_article(site.folder("one"), name, "返品の送料", "第三版です。長い。"),
    )
    one.sync()
    one.sync()
    two.sync()
    assert "第三版" in (site.folder("two") / name).read_text(encoding="utf-8")
    assert not one.behind and not two.behind


def test_a_file_saved_while_another_node_s_text_comes_is_kept(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    one, two, name = site.node("one"), site.node("two"), "ja/返品/送料.md"
    two.begin()
    write_article(site.folder("one"), name, "返品の送料", "無料です。")
    one.sync()
    saved_while(
        monkeypatch,
        "_staged",
        lambda: write_article(site.folder("two"), name, "返品の送料", "500円です。"),
    )
    assert two.sync().conflicts == (name,)
    (kept,) = (tmp_path / "two/var" / KEPT).rglob("*.md")
    assert "500円です。" in kept.read_text(encoding="utf-8")


def test_rows_of_a_revision_are_all_taken_though_one_is_replaced_meanwhile(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = site.node("one"), site.node("two")
    two.begin()
    for letter in "abcd":
        write_article(site.folder("one"), f"en/new/{letter}.md", letter)
    one.sync()

    def replaced() -> None:
        monkeypatch.undo()
        write_article(site.folder("one"), "en/new/b.md", "another b")
        one.sync()

    saved_while(monkeypatch, "_staged", replaced)
    two.sync()
    two.sync()
    assert contents(site.folder("two")) == contents(site.folder("one")) and not two.behind


def test_a_folder_takes_the_place_of_a_file_and_the_reverse(site: Site) -> None:
    one, two = site.node("one"), site.node("two")
    two.begin()
    faq = site.folder("one") / "en/faq.md"
    for make in (
        lambda: faq.write_text("# A file\n", encoding="utf-8"),
        lambda: (faq.unlink(), write_article(faq, "a.md", "In a folder")),
        lambda: (shutil.rmtree(faq), faq.write_text("# Again\n", encoding="utf-8")),
    ):
        make()
        one.sync()
        two.sync()
        assert contents(site.folder("two")) == contents(site.folder("one"))


def test_long_names_and_wide_spaces_are_shared(site: Site) -> None:
    one, two = site.node("one"), site.node("two")
    two.begin()
    for name in ("返" * 83 + ".md", "返品　送料.md", "a b (1).md"):
        write_article(site.folder("one"), f"ja/返品/{name}", name[:20])
    one.sync()
    two.sync()
    assert contents(site.folder("two")) == contents(site.folder("one"))
    assert len(contents(site.folder("two"))) == 6


@pytest.mark.parametrize("stored", ["", "{}", '{"files": {"a": []}, "revision": 1, "identity": ""'])
def test_a_state_that_cannot_be_read_is_made_anew(site: Site, tmp_path: Path, stored: str) -> None:
    (tmp_path / "one/var" / STATE).write_text(stored, encoding="utf-8")
    one = site.node("one")
    one.begin()
    write_article(site.folder("one"), "en/new/a.md", "New")
    assert one.sync().pushed == ("en/new/a.md",)


def test_a_database_that_was_made_anew_gets_the_articles_again(site: Site, engine: Engine) -> None:
    with engine.begin() as connection:
        for table in (article_files, article_pieces, job_state):
            connection.execute(delete(table))
    one = site.node("one")
    assert len(one.sync().pushed) == 3
    site.node("two").begin()
    assert contents(site.folder("two")) == contents(site.folder("one"))


def test_what_cannot_be_read_or_is_too_large_is_not_gone(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = site.node("one")
    monkeypatch.setattr(shared_folder, "MAX_FILE_BYTES", 1_000_000)
    assert one.sync().pushed == (), "the picture is larger now"
    monkeypatch.undo()

    def unreadable(folder: Path, **given: Any) -> Iterator[Any]:
        given["onerror"](PermissionError(13, "Permission denied", str(folder)))
        yield from ()

    monkeypatch.setattr(os, "walk", unreadable)
    with pytest.raises(PermissionError):
        one.sync()
    monkeypatch.undo()
    site.node("two").begin()
    assert len(contents(site.folder("two"))) == 3


def test_most_files_gone_at_once_are_a_disk_that_is_away(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    one, folder = site.node("one"), site.folder("one")
    for number in range(20):
        write_article(folder, f"en/many/{number}.md", f"Number {number}")
    one.sync()
    shutil.rmtree(folder / "en/many")
    assert one.sync().pushed == () and "mounted" in caplog.text
    one.begin(takes_folder=True)
    site.node("two").begin()
    assert len(contents(site.folder("two"))) == 3


class _Counting(HashEmbedder):
    """Counts the texts that it embeds."""

    def __init__(self) -> None:
        super().__init__()
        self.texts = 0

    def encode(self, texts: list[str], kind: Kind) -> Vector:  # type: ignore[override]
        self.texts += len(texts)
        return super().encode(texts, kind)


def test_a_text_is_embedded_by_one_node_and_all_serve_the_same_vectors(
    site: Site, engine: Engine, tmp_path: Path
) -> None:
    two = site.node("two")
    two.begin()
    embedders = {"one": _Counting(), "two": _Counting()}
    versions = {
        name: build(
            Paths(site.folder(name), tmp_path / name / "var"),
            embedder,
            shared=SharedVectors(engine),
        ).version
        for name, embedder in embedders.items()
    }
    assert embedders["one"].texts > 0 and embedders["two"].texts == 0
    assert len(set(versions.values())) == 1
    arrays = [
        np.load(next((tmp_path / name / "var/index").glob("*/questions.npy"))) for name in embedders
    ]
    assert np.array_equal(*arrays)


def test_what_is_no_path_of_an_article_is_not_written(
    site: Site, engine: Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from sqlalchemy import update

    with engine.begin() as connection:
        row = article_files.c.path == "en/returns/postage.md"
        connection.execute(update(article_files).where(row).values(path="../../out.md"))
    with caplog.at_level(logging.ERROR):
        site.node("two").begin()
    assert not list(tmp_path.rglob("out.md")) and "out.md" in caplog.text
