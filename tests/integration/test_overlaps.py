"""Articles that tell the same or contradict each other, found with the real model."""

import json
from pathlib import Path

import pytest

from indexer.__main__ import main
from indexer.build import Paths, build
from indexer.checking.overlaps import Overlap, overlaps
from indexer.checking.statements import conflict, statements
from search.embedding.background import BackgroundEmbedder, DisabledEmbedder
from search.index.bundle import Builds
from search.index.reader import open_corpus
from tests.support import write_article

RETURNS = (
    "商品が届いてから30日以内であれば返品できます。マイページの注文履歴から「返品する」を選びます。"
    "送り状を印刷して箱に貼り、コンビニから送ってください。返金は倉庫に届いてから5営業日です。"
)
SAME = (
    "返品できるのは、商品が届いてから30日以内です。マイページの注文履歴で「返品する」を押します。"
    "印刷した送り状を箱に貼って、コンビニに出してください。倉庫に届いて5営業日で返金します。"
)
OTHER_DAYS = SAME.replace("30日以内", "14日以内")


def found(folder: Path, embedder: BackgroundEmbedder) -> list[Overlap]:
    paths = Paths(folder / "articles", folder)
    build(paths, embedder)
    return overlaps(open_corpus(Builds(paths.index).open_current()), embedder)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "articles"
    write_article(folder, "ja/returns/return.md", "商品を返品する", RETURNS)
    write_article(
        folder, "ja/pay/card.md", "使えるカード", "VisaとMastercardを使えます。分割払いもできます。"
    )
    write_article(
        folder, "ja/account/name.md", "名前の変更", "マイページの会員情報で名前を変えられます。"
    )
    return tmp_path


def test_an_article_in_other_words_tells_the_same(
    site: Path, real_embedder: BackgroundEmbedder
) -> None:
    write_article(site / "articles", "ja/returns/again.md", "返品の手順", SAME)
    [one] = found(site, real_embedder)
    assert one.kind == "duplicate"
    assert {one.one, one.other} == {"ja-returns-return", "ja-returns-again"}


def test_another_number_of_days_is_quoted_from_both(
    site: Path, real_embedder: BackgroundEmbedder
) -> None:
    write_article(site / "articles", "ja/returns/again.md", "返品の手順", OTHER_DAYS)
    [one] = found(site, real_embedder)
    quotes = "".join(one.quotes)
    assert "30日以内" in quotes and "14日以内" in quotes


def test_an_internal_article_may_tell_what_a_public_one_tells(
    site: Path, real_embedder: BackgroundEmbedder
) -> None:
    write_article(site / "articles", "ja/returns/again.md", "返品の手順", SAME, audience="internal")
    assert found(site, real_embedder) == []


def test_archived_articles_and_other_languages_are_not_compared(
    site: Path, real_embedder: BackgroundEmbedder
) -> None:
    write_article(site / "articles", "ja/returns/again.md", "返品の手順", SAME, status="archived")
    write_article(site / "articles", "en/returns/again.md", "Returns", "Within 14 days.")
    assert found(site, real_embedder) == []


def test_without_vectors_nothing_is_compared_and_the_command_says_so(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build(Paths(site / "articles", site), DisabledEmbedder())
    assert main(["overlaps", "--data", str(site), "--model", "off"]) == 2
    assert "no vectors" in capsys.readouterr().err


def test_the_command_prints_both_files_and_quotes(
    site: Path,
    real_embedder: BackgroundEmbedder,
    model_folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_article(site / "articles", "ja/returns/again.md", "返品の手順", OTHER_DAYS)
    build(Paths(site / "articles", site), real_embedder)
    (site / "model").symlink_to(model_folder)
    assert main(["overlaps", "--data", str(site)]) == 0
    said = capsys.readouterr().out
    assert "ja/returns/return.md" in said and "14日以内" in said
    assert main(["overlaps", "--data", str(site), "--json"]) == 0
    [row] = json.loads(capsys.readouterr().out)
    assert sorted(row["paths"]) == ["ja/returns/again.md", "ja/returns/return.md"]


@pytest.mark.parametrize(
    ("one", "other", "kind"),
    [
        ("返品は30日以内です。", "返品は14日以内です。", "amount"),
        ("保管は90日です。", "保管は3か月です。", ""),
        ("You have 24 hours.", "You have 1 day.", ""),
        ("Late books cost 20 cents.", "Late books cost 50 cents.", "amount"),
        ("Keep up to 100 downloads.", "Keep up to 50 downloads.", "amount"),
        ("8割の正解で合格です。", "70%の正解で合格です。", "amount"),
        ("Dogs are allowed.", "The beach is off limits to dogs.", "denial"),
        ("飲み物は持ち込めます。可能です。", "飲み物は禁止です。", "denial"),
        ("You must be at least 21 years old.", "You must be 18 years old.", "amount"),
        ("大人900円、子ども450円です。", "大人は900円です。", ""),
    ],
)
def test_what_conflicts(one: str, other: str, kind: str) -> None:
    lang = "en" if one.isascii() else "ja"
    left, right = list(statements(one, lang, 0)), list(statements(other, lang, 0))
    found = {conflict(first, second) for first in left for second in right} - {""}
    assert found == ({kind} if kind else set())
