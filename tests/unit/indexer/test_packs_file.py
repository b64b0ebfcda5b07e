"""packs.yml: what is read of it, and what is said of mistakes."""

from pathlib import Path

import pytest

from indexer.reading.packs_file import PACKS, Pack, pack_problems, problem_of, read_packs

GOOD = """
はじめに-1: {title: {ja: はじめに}, articles: [a]}
start:
  title: {ja: はじめての方へ, en: Getting started}
  text: {ja: まずはこちら。}
  articles: [ja-a, ja-b, ja-a]
"""


def read(folder: Path, text: str) -> tuple[dict[str, Pack], list[str]]:
    (folder / PACKS).write_text(text, encoding="utf-8")
    packs, problems = read_packs(folder)
    return packs, [str(problem) for problem in problems]


def test_a_pack_has_titles_texts_and_articles_once(tmp_path: Path) -> None:
    packs, problems = read(tmp_path, GOOD)
    assert packs == {
        "start": Pack(
            "start",
            {"ja": "はじめての方へ", "en": "Getting started"},
            ("ja-a", "ja-b"),
            {"ja": "まずはこちら。"},
        )
    }
    assert len(problems) == 1 and "packs.yml:2" in problems[0] and "small letters" in problems[0]


def test_no_file_and_an_empty_one_have_no_packs(tmp_path: Path) -> None:
    assert read_packs(tmp_path) == ({}, [])
    assert read(tmp_path, "") == ({}, [])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- a", "does not have packs by name"),
        ("a: [1", "packs.yml:"),
        ("a: 1", "needs a title and articles"),
        ("a: {title: Start, articles: [x]}", "title and text by language"),
        ("a: {title: {en: Start}, articles: x}", "list of the ids"),
        ("a: {title: {en: Start}, articles: []}", "1 to 50 articles"),
        ("a: {title: {en: ' '}, articles: [x]}", "Give it a title"),
        ("a: {title: {en: Start}, articles: [x], color: red}", "'color', which nothing reads"),
        ("a: {title: {english: Start}, articles: [x]}", "title and text by language"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, said: str) -> None:
    packs, problems = read(tmp_path, text)
    assert not packs
    assert len(problems) == 1 and said in problems[0]


def test_other_packs_stay_beside_a_wrong_one(tmp_path: Path) -> None:
    packs, problems = read(tmp_path, "a: 1\nb: {title: {en: B}, articles: [x]}")
    assert list(packs) == ["b"] and len(problems) == 1


def test_too_much_is_said_and_never_cut(tmp_path: Path) -> None:
    one = "p%d: {title: {en: T}, articles: [x]}\n"
    packs, problems = read(tmp_path, "".join(one % n for n in range(201)))
    assert len(packs) == 200 and "more than 200" in problems[0]
    packs, problems = read(tmp_path, f"a: {{title: {{en: T}}, articles: [x]}}\n#{'あ' * 400_000}")
    assert packs == {} and "larger than 1024 KB" in problems[0]


def test_articles_that_are_gone_are_named() -> None:
    pack = Pack("a", {"en": "A"}, ("x", "gone"))
    (problem,) = pack_problems({"a": pack}, {"x"})
    assert "'gone'" in str(problem) and problem.severity == "warning"


def test_a_pack_that_is_too_large_is_refused() -> None:
    assert "1 to 50" in problem_of(Pack("a", {"en": "A"}, tuple(map(str, range(51)))))
    assert "5000" in problem_of(Pack("a", {"en": "A"}, ("x",), {"en": "x" * 5001}))
