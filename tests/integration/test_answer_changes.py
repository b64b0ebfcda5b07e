"""What an edited article newly answers, loses or moves, beside the index that is served."""

import json
from datetime import UTC
from pathlib import Path

import pytest

from indexer.__main__ import main
from indexer.answer_changes import (
    AnswerChange,
    AskedQuestion,
    Outcome,
    changed_engine,
    compare,
    nearest,
)
from indexer.build import Paths, build
from indexer.errors import BuildFailedError
from search.embedding.background import DisabledEmbedder
from search.engine import Engine
from search.index.bundle import Builds
from search.index.reader import open_corpus
from tests.support import NOW, write_article

REFUND = "ja/returns/refund.md"
QUESTION = AskedQuestion("返金の時期", "ja", 3)


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    made = Paths(tmp_path / "articles", tmp_path / "var")
    write_article(made.articles, REFUND, "返金の時期", "返金は5営業日です。")
    write_article(made.articles, "ja/account/password.md", "パスワードの再設定", "再設定できます。")
    write_article(made.articles, "ja/shipping/cost.md", "送料はいくらですか", "送料は500円です。")
    build(made, DisabledEmbedder())
    return made


def served(paths: Paths) -> Engine:
    return Engine(open_corpus(Builds(paths.index).open_current()), DisabledEmbedder())


def kinds(paths: Paths, text: str, *questions: AskedQuestion) -> dict[str, str]:
    with changed_engine(paths, DisabledEmbedder(), UTC, {REFUND: text}) as (after, articles):
        found = compare(served(paths), after, questions, articles[REFUND].id, NOW)
    return {change.question.text: change.kind for change in found.changes}


def article(title: str, body: str) -> str:
    return f"---\nid: ja-returns-refund\ntitle: {title}\n---\n{body}\n"


def test_a_question_that_loses_its_answer_is_named(paths: Paths) -> None:
    assert kinds(paths, article("交換", "色を交換します。"), QUESTION) == {"返金の時期": "lost"}


def test_another_wording_and_a_new_answer_are_told_apart(paths: Paths) -> None:
    new = AskedQuestion("学割はありますか", "ja")
    text = article("返金の時期", "返金は9営業日です。")
    assert kinds(paths, text, QUESTION) == {"返金の時期": "reworded"}
    assert kinds(paths, article("学割はありますか", "1割引きです。"), new) == {new.text: "gained"}
    same = (paths.articles / REFUND).read_text(encoding="utf-8")
    assert kinds(paths, same, QUESTION) == {"返金の時期": "same"}


def test_what_is_served_and_the_cache_do_not_change(paths: Paths) -> None:
    before = Builds(paths.index).current_name()
    kinds(paths, article("交換", "色を交換します。"), QUESTION)
    assert Builds(paths.index).current_name() == before
    assert build(paths, DisabledEmbedder()).published is False or (
        Builds(paths.index).current_name() == before
    )
    assert served(paths).corpus.documents[0].title


def test_a_text_that_is_no_article_is_refused_by_line(paths: Paths) -> None:
    with (
        pytest.raises(BuildFailedError, match=r"ja/returns/refund\.md:2"),
        changed_engine(paths, DisabledEmbedder(), UTC, {REFUND: "---\ntitle: [\n---\n"}),
    ):
        pass


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        (("a", "strict", 1), ("a", "strict", 1), "same"),
        (("a", "strict", 1), ("a", "weak", 1), "lost"),
        (("b", "strict", 2), ("a", "strict", 1), "taken"),
        (("b", "weak", 0), ("a", "strict", 1), "gained"),
        (("b", "weak", 3), ("b", "weak", 2), "better"),
        (("b", "weak", 0), ("b", "weak", 9), "better"),
        (("b", "weak", 3), ("b", "weak", 0), "worse"),
        (("b", "strict", 2), ("b", "strict", 4), "worse"),
    ],
)
def test_each_change_has_its_kind(
    before: tuple[str, str, int], after: tuple[str, str, int], kind: str
) -> None:
    outcomes = [Outcome(name, name, verdict, "", rank) for name, verdict, rank in (before, after)]
    assert AnswerChange(AskedQuestion("q"), *outcomes).kind == kind


def test_the_nearest_questions_are_those_with_its_words(paths: Paths) -> None:
    with changed_engine(paths, DisabledEmbedder(), UTC) as (_after, articles):
        asked = [AskedQuestion(f"別の話{n}", "ja") for n in range(50)]
        asked.insert(30, AskedQuestion("返金は何営業日", "ja"))
        near = nearest(asked, [articles[REFUND]], None, most=5)
    assert AskedQuestion("返金は何営業日", "ja") in near and len(near) == 5


# --- python -m indexer answers ---


def run(paths: Paths, *arguments: str) -> int:
    place = ["--articles", str(paths.articles), "--data", str(paths.data), "--model", "off"]
    return main(["answers", *place, *arguments])


def test_the_command_fails_when_a_question_is_lost(
    paths: Paths, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(paths, REFUND) == 0
    assert "unchanged" in capsys.readouterr().out
    (paths.articles / REFUND).write_text(article("交換", "色を交換します。"), encoding="utf-8")
    assert run(paths, str(paths.articles / REFUND)) == 1
    assert "no longer answered: '返金の時期'" in capsys.readouterr().out


def test_synonyms_are_tried_on_all_questions(
    paths: Paths, capsys: pytest.CaptureFixture[str]
) -> None:
    (paths.articles / "synonyms.yml").write_text("ja:\n  - [運賃, 送料]\n", encoding="utf-8")
    file = paths.data / "questions.jsonl"
    lines = [json.dumps({"text": "運賃", "lang": "ja", "people": 2}), "", "パスワード"]
    file.write_text("\n".join(lines), encoding="utf-8")
    assert run(paths, "synonyms.yml", "--questions", str(file)) == 0
    out = capsys.readouterr().out
    assert "the nearest 2 of 2" in out and "'運賃'" in out


@pytest.mark.parametrize(
    ("questions", "file"),
    [
        ("{", REFUND),
        ('{"lang": "ja"}', REFUND),
        ("x", "none.md"),
        ("x", "../out.md"),
        ("[" * 9, "x"),
    ],
)
def test_bad_input_of_the_command_is_named(
    paths: Paths, capsys: pytest.CaptureFixture[str], questions: str, file: str
) -> None:
    (paths.articles.parent / "out.md").write_text("x", encoding="utf-8")
    asked = paths.data / "q.txt"
    asked.write_text(questions, encoding="utf-8")
    assert run(paths, file, "--questions", str(asked)) == 2
    assert capsys.readouterr().err.strip()
