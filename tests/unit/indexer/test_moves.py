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


# --- what a stranger broke ---


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("[a](<return item.md>)", "[a](<../help/new.md>)"),
        ("[a](return%20item.md)", "[a](../help/new.md)"),
        ("[a](/ja/orders/return%20item.md)", "[a](/ja/help/new.md)"),
        ("> [ref]: return%20item.md", "> [ref]: ../help/new.md"),
        ("[[return item]]", "[[new]]"),
        ("[[return item#x|label]]", "[[new#x|label]]"),
        ("[a](Return%20Item.md)", "[a](../help/new.md)"),
        ("`` `[a](return%20item.md) ``", "`` `[a](return%20item.md) ``"),
        ("a `x` [a](return%20item.md)", "a `x` [a](../help/new.md)"),
        ("```code``` text\n[a](return%20item.md)", "```code``` text\n[a](../help/new.md)"),
        ("\n    [a](return%20item.md)\n", "\n    [a](return%20item.md)\n"),
        ("- x\n\n    [a](return%20item.md)\n", "- x\n\n    [a](../help/new.md)\n"),
        ("[[returns]]", "[[returns]]"),
    ],
)
def test_links_in_every_form_are_mended(written: str, expected: str) -> None:
    moved_to = {"ja/orders/return item.md": "ja/help/new.md"}
    assert moved_links(written, "ja/orders/x.md", "ja/orders/x.md", moved_to) == expected


@pytest.mark.parametrize(
    ("name", "link"),
    [("it's.md", "it's.md"), ("a (1).md", "a%20(1).md"), ("返品.md", "%E8%BF%94%E5%93%81.md")],
)
def test_names_with_signs_and_other_letters_are_found(name: str, link: str) -> None:
    text = moved_links(f"[a]({link})", "x.md", "x.md", {name: "b/c.md"})
    assert text == "[a](b/c.md)"


def test_a_link_with_brackets_stays_right_when_its_own_file_moves() -> None:
    text = moved_links("![x](img_(1).png)", "ja/orders/a.md", "ja/help/a.md", {})
    assert text == "![x](../orders/img_%281%29.png)"


def test_an_index_is_linked_by_its_folder(folder: Path) -> None:
    (folder / "ja/returns").mkdir()
    (folder / "ja/returns/index.md").write_text("---\ntitle: 返品\n---\nx\n", encoding="utf-8")
    (folder / "ja/orders/b.md").write_text("---\ntitle: b\n---\n[a](../returns/)\n", "utf-8")
    with pytest.raises(EditConflictError, match=r"ja/orders/b\.md"):
        removed(folder, "ja/returns/index.md")


def test_what_is_linked_by_its_address_is_not_removed_either(folder: Path) -> None:
    (folder / "ja/orders/b.md").write_text("---\ntitle: b\n---\n[a](/en/articles/cost)\n", "utf-8")
    with pytest.raises(EditConflictError, match=r"ja/orders/b\.md"):
        removed(folder, "en/shipping/cost.md")


def test_articles_with_japanese_names_keep_their_ids(folder: Path) -> None:
    for name in ("返品", "送料"):
        path = folder / f"ja/orders/{name}.md"
        path.write_text(f"---\ntitle: {name}\n---\n本文\n", encoding="utf-8")
    for name in ("返品", "送料"):
        before = moved(folder, f"ja/orders/{name}.md", f"ja/help/{name}.md")
        assert articles(folder)[f"ja/help/{name}.md"].id == before.id


def test_a_merge_loses_no_answers_and_mixes_no_references(folder: Path) -> None:
    front = "---\nid: one\nanswers: {Q1: '#x'}\nexpect: {Q2: y}\n---\n"
    one = f"{front}# 題一\n\n[a][1] b[^1]\n\n[1]: u\n[^1]: n\n"
    two = "---\nid: two\ntitle: 題二\n---\n[z][1]\n\n[1]: https://z.example/\n"
    (folder / "ja/orders/one.md").write_text(one, encoding="utf-8")
    (folder / "ja/orders/two.md").write_text(two, encoding="utf-8")
    removed(folder, "ja/orders/one.md", "ja/orders/two.md", keep_text=True)
    merged = text(folder, "ja/orders/two.md")
    after = articles(folder)["ja/orders/two.md"]
    assert {one.question for one in after.answers} == {"Q1"} and dict(after.expect) == {
        "Q2": ("y",)
    }
    assert merged.count("題一") == 2, "as a question and as one heading"
    assert "[a][1-2]" in merged and "[1-2]: u" in merged and "[1]: https://z.example/" in merged


def test_an_address_that_is_taken_is_refused(folder: Path) -> None:
    card, editor = articles(folder)["ja/orders/return.md"], Editor(folder)
    others = replace(near(folder, card), slugs={"ja/shipping/cost.md": "cost"})
    for slug in ("cost", "？？"):
        with pytest.raises(EditConflictError, match=r"address"):
            Mover(editor).move(
                card, editor.open(card.path), "ja/orders/b.md", others, LEAD, slug=slug
            )


@pytest.mark.parametrize(
    "place", ["ja/_old/a.md", "node_modules/a.md", "ja/orders/_a.md", "ja/vendor/a.md"]
)
def test_nothing_is_moved_to_where_nothing_is_read(folder: Path, place: str) -> None:
    with pytest.raises(EditConflictError):
        moved(folder, "ja/orders/return.md", place)
    assert (folder / "ja/orders/return.md").exists()


def test_readers_are_not_led_to_what_they_do_not_see(folder: Path) -> None:
    for status in ("status: draft", "audience: internal"):
        other = f"---\nid: o\ntitle: o\n{status}\n---\nx\n"
        (folder / "ja/orders/o.md").write_text(other, encoding="utf-8")
        with pytest.raises(EditConflictError):
            removed(folder, "ja/orders/return.md", "ja/orders/o.md")
    with pytest.raises(EditConflictError, match="become public"):
        removed(folder, "ja/orders/o.md", "ja/shipping/cost.md", keep_text=True)


def test_line_ends_and_mark_of_a_moved_file_stay(folder: Path) -> None:
    path = folder / "ja/orders/return.md"
    path.write_bytes(b"\xef\xbb\xbf" + RETURN.replace("\n", "\r\n").encode())
    moved(folder, "ja/orders/return.md", "ja/help/a.md")
    data = (folder / "ja/help/a.md").read_bytes()
    assert data.startswith(b"\xef\xbb\xbf---\r\n") and data.count(b"\n") == data.count(b"\r\n")


def test_a_broken_neighbour_stops_no_move(folder: Path) -> None:
    others = [*articles(folder), "ja/shipping/broken.md"]
    broken = "---\ntitle: [\n---\n[a](../orders/return.md)\n"
    (folder / "ja/shipping/broken.md").write_text(broken, encoding="utf-8")
    card, editor = articles(folder)["ja/orders/return.md"], Editor(folder)
    Mover(editor).move(
        card, editor.open(card.path), "ja/orders/b.md", Neighbours(others, [card]), LEAD
    )
    assert text(folder, "ja/shipping/broken.md") == broken


def test_a_cover_moves_with_its_article(folder: Path) -> None:
    (folder / "ja/orders/return.md").write_text(
        "---\ntitle: t\ncover: image.png\n---\nx\n", "utf-8"
    )
    moved(folder, "ja/orders/return.md", "ja/help/a.md")
    assert "cover: ../orders/image.png" in text(folder, "ja/help/a.md")


def test_a_write_that_fails_midway_puts_everything_back(folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*.md")}
    (folder / "ja/help").mkdir()
    (folder / "ja/help/.b.md.tmp").mkdir()  # the new file cannot be written
    with pytest.raises(EditConflictError, match="could not be written"):
        moved(folder, "ja/orders/return.md", "ja/help/b.md")
    assert {path: path.read_bytes() for path in folder.rglob("*.md")} == before


def test_a_broken_file_of_learned_questions_stops_a_merge_before_anything(folder: Path) -> None:
    (folder / "learned.yml").write_text("a: [", encoding="utf-8")
    with pytest.raises(EditConflictError, match="learned"):
        removed(folder, "ja/orders/return.md", "ja/shipping/cost.md", keep_text=True)
    assert (folder / "ja/orders/return.md").exists()


def test_parallel_saves_are_all_committed(folder: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    git = ("git", "-C", str(folder), "-c", "user.name=x", "-c", "user.email=x@example.com")
    for command in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "first")):
        subprocess.run([*git, *command], check=True)
    names = sorted(articles(folder))[:4]

    def save(name: str) -> None:
        editor = Editor(folder)
        for number in range(3):
            opened = editor.open(name)
            editor.save(opened, f"{opened.text}{number}\n", Author("", "a@example.com"), name)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(save, names))
    log = subprocess.run([*git, "log", "--format=%s"], capture_output=True, text=True, check=True)
    status = subprocess.run([*git, "status", "--short"], capture_output=True, text=True, check=True)
    assert len(log.stdout.splitlines()) == 13 and status.stdout == ""
