"""Articles are moved, merged and removed; no link, address or translation is lost."""

import subprocess
from dataclasses import replace
from datetime import UTC
from pathlib import Path

import pytest

from indexer.bundling.build_cache import BuildCache
from indexer.collect import collect
from indexer.editing.editor import Editor
from indexer.editing.links import moved_links
from indexer.editing.model import Author, EditConflictError
from indexer.editing.moves import Mover, Neighbours, place_of
from indexer.model import Article

LEAD = Author("花子", "lead@example.com")
RETURN = """---
title: 返品したい  # 客の言葉
questions: [品物を返したい]
---
[送料](../shipping/cost.md#free)と![図](image.png)、[自分](return.md)。
"""
COST = """---
id: cost
title: 送料
related: [ja-return, other]
---
[返品](../orders/return.md#how)、[同じ](<../orders/return.md>)、[別名](../orders/return)。

[ref]: ../orders/return.md

```
[例](../orders/return.md)
```
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "articles"
    for name, text in {
        "ja/orders/return.md": RETURN,
        "ja/shipping/cost.md": COST,
        "en/orders/return.md": "---\ntitle: Return an item\n---\nWithin 30 days.\n",
        "en/shipping/cost.md": "---\nid: en-cost\ntitle: Postage\n---\nFree.\n",
    }.items():
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_text(text, encoding="utf-8")
    (made / "ja/orders/image.png").write_bytes(b"\x89PNG")
    return made


def articles(folder: Path) -> dict[str, Article]:
    cache = BuildCache(folder.parent / "cache.sqlite")
    found = collect(folder, cache, UTC).articles
    cache.close()
    return {article.path: article for article in found}


def near(folder: Path, card: Article) -> Neighbours:
    known = articles(folder)
    return Neighbours(list(known), [other for other in known.values() if other.group == card.group])


def text(folder: Path, name: str) -> str:
    return (folder / name).read_text(encoding="utf-8")


def moved(folder: Path, path: str, new_path: str) -> Article:
    card, editor = articles(folder)[path], Editor(folder)
    Mover(editor).move(card, editor.open(path), new_path, near(folder, card), LEAD)
    return card


def removed(folder: Path, path: str, into: str = "", keep_text: bool = False) -> Article:
    known, editor = articles(folder), Editor(folder)
    card, target = known[path], known[into] if into else None
    Mover(editor).remove(
        card, editor.open(path), target, near(folder, card), LEAD, keep_text=keep_text
    )
    return card


def test_a_moved_article_keeps_its_identity_and_its_address_leads_on(folder: Path) -> None:
    before = moved(folder, "ja/orders/return.md", "ja/help/send-back.md")
    after = articles(folder)["ja/help/send-back.md"]
    assert (after.id, after.group) == (before.id, before.group)
    assert after.aliases == ("return",) and after.section == "help"
    assert "# 客の言葉" in text(folder, "ja/help/send-back.md")
    assert not (folder / "ja/orders/return.md").exists()


def test_links_to_and_from_a_moved_article_are_mended(folder: Path) -> None:
    moved(folder, "ja/orders/return.md", "ja/help/send-back.md")
    own = text(folder, "ja/help/send-back.md")
    assert "(../shipping/cost.md#free)" in own and "(../orders/image.png)" in own
    assert "(send-back.md)" in own
    other = text(folder, "ja/shipping/cost.md")
    assert "(../help/send-back.md#how)" in other and "(<../help/send-back.md>)" in other
    assert "(../help/send-back)" in other and "[ref]: ../help/send-back.md" in other
    assert "[例](../orders/return.md)" in other  # code is left alone


def test_translations_paired_by_path_stay_paired(folder: Path) -> None:
    before = articles(folder)
    pair = {before[f"{lang}/orders/return.md"].group for lang in ("ja", "en")}
    assert len(pair) == 1
    moved(folder, "ja/orders/return.md", "ja/help/send-back.md")
    after = articles(folder)
    assert after["ja/help/send-back.md"].group == after["en/orders/return.md"].group


def test_a_move_is_one_commit(folder: Path) -> None:
    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "-c", "user.name=x", "-c", "user.email=x@example.com", *arguments],
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "first")
    moved(folder, "ja/orders/return.md", "ja/help/send-back.md")
    assert git("log", "--format=%an %s").splitlines()[0].startswith("花子 Move: ja/orders")
    assert git("status", "--short") == ""


@pytest.mark.parametrize(
    "place",
    [
        "../out.md",
        "ja/../../out.md",
        "ja/.hidden/a.md",
        "ja/orders/a.txt",
        "en/orders/a.md",
        "ja/shipping/cost.md",
        "ja/orders/return.md",
        "ja//a.md",
        "ja/a\nb.md",
        "",
    ],
)
def test_a_place_that_is_none_is_refused_and_nothing_changes(folder: Path, place: str) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*.md")}
    with pytest.raises(EditConflictError):
        moved(folder, "ja/orders/return.md", place)
    assert {path: path.read_bytes() for path in folder.rglob("*.md")} == before


def test_a_linking_article_that_changes_meanwhile_is_not_overwritten(folder: Path) -> None:
    card, editor = articles(folder)["ja/orders/return.md"], Editor(folder)
    opened = editor.open(card.path)
    (folder / card.path).write_text(RETURN + "もう一行。\n", encoding="utf-8")
    with pytest.raises(EditConflictError, match="changed by somebody else"):
        Mover(editor).move(card, opened, "ja/help/a.md", near(folder, card), LEAD)
    assert "もう一行" in text(folder, card.path) and not (folder / "ja/help/a.md").exists()


def test_a_removed_article_leads_to_the_one_in_its_place(folder: Path) -> None:
    removed(folder, "ja/orders/return.md", "ja/shipping/cost.md")
    after = articles(folder)
    assert "ja/orders/return.md" not in after
    assert after["ja/shipping/cost.md"].aliases == ("return",)
    assert "[返品](cost.md)" in text(folder, "ja/shipping/cost.md")
    assert after["en/orders/return.md"].group == after["en/orders/return.md"].id


def test_a_merged_article_brings_its_text_and_its_questions(folder: Path) -> None:
    (folder / "learned.yml").write_text(
        "# ours\nja/orders/return.md: [かえしたい]\n", encoding="utf-8"
    )
    card = removed(folder, "ja/orders/return.md", "ja/shipping/cost.md", keep_text=True)
    merged = text(folder, "ja/shipping/cost.md")
    after = articles(folder)["ja/shipping/cost.md"]
    assert after.questions == ("返品したい", "品物を返したい")
    assert "## 返品したい" in merged and "![図](../orders/image.png)" in merged
    assert "cost:\n  - かえしたい" in text(folder, "learned.yml") or card.id not in text(
        folder, "learned.yml"
    )


def test_what_others_link_to_is_not_removed_without_a_place_to_go(folder: Path) -> None:
    with pytest.raises(EditConflictError, match=r"ja/shipping/cost\.md link to"):
        removed(folder, "ja/orders/return.md")
    assert (folder / "ja/orders/return.md").exists()
    removed(folder, "en/shipping/cost.md")
    assert not (folder / "en/shipping/cost.md").exists()


def test_an_address_of_another_language_leads_on_too(folder: Path) -> None:
    removed(folder, "en/shipping/cost.md", "ja/shipping/cost.md")
    assert "/en/articles/cost" in articles(folder)["ja/shipping/cost.md"].addresses


def test_several_articles_change_in_one_commit_and_keep_their_comments(folder: Path) -> None:
    names = ["ja/orders/return.md", "ja/shipping/cost.md"]
    mover = Mover(Editor(folder))
    assert mover.change(names, {"tags": ["送料"], "owner": "花子"}, LEAD, "Tag") == 2
    assert mover.change(names, {"tags": ["送料"], "owner": "花子"}, LEAD, "Tag") == 0
    after = articles(folder)
    assert all(after[name].tags == ("送料",) and after[name].owner == "花子" for name in names)
    assert "# 客の言葉" in text(folder, names[0])


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("[a](old.md)", "[a](../b/new.md)"),
        ("[a](old.md#x)", "[a](../b/new.md#x)"),
        ('<a href="old.md">', '<a href="../b/new.md">'),
        ("[a](./old.md 'title')", "[a](../b/new.md 'title')"),
        ("[a](https://example.com/old.md)", "[a](https://example.com/old.md)"),
        ("[a](/x/old.md)", "[a](/x/old.md)"),
        ("[a](%E8%BF%94.md)", "[a](%E8%BF%94.md)"),
        ("[a](cold.md)", "[a](cold.md)"),
        ("[a](#old.md)", "[a](#old.md)"),
    ],
)
def test_only_links_to_the_moved_file_change(written: str, expected: str) -> None:
    assert moved_links(written, "a/x.md", "a/x.md", {"a/old.md": "b/new.md"}) == expected


def test_a_title_becomes_a_file_name() -> None:
    assert place_of("ja/orders", "返品・交換の 期限") == "ja/orders/返品・交換の-期限.md"
    assert place_of("/ja/orders/", "limit.md") == "ja/orders/limit.md"


def test_neighbours_may_be_unreadable(folder: Path) -> None:
    card = articles(folder)["ja/orders/return.md"]
    others = replace(near(folder, card), paths=["ja/none.md", "ja/shipping/cost.md"])
    editor = Editor(folder)
    Mover(editor).move(card, editor.open(card.path), "ja/orders/b.md", others, LEAD)
    assert "(../orders/b.md#how)" in text(folder, "ja/shipping/cost.md")
