"""Gaps keep their identity when new questions arrive."""

import numpy as np

from kb_app.analytics.gaps.gaps import (
    UnansweredQuestion,
    group_gaps,
    questions_of,
    suggested_action,
)
from kb_app.durations import DAY
from tests.unit.kb_app.trails import asked


def questions(*texts: str) -> list[UnansweredQuestion]:
    return questions_of(
        [
            asked(f"q{n}", text, client=f"c{n}", verdict="none", first="")
            for n, text in enumerate(texts)
        ]
    )


def meaning(found: list[UnansweredQuestion], **degrees: float) -> dict[str, np.ndarray]:
    return {
        one.key: np.array(
            [np.cos(np.radians(degrees[one.text])), np.sin(np.radians(degrees[one.text]))]
        )
        for one in found
    }


def test_spelling_variants_are_one_question() -> None:
    (one,) = questions_of(
        [
            asked("a", "学割  ありますか", client="a"),
            asked("b", "学割 ありますか ", client="b"),
            asked("c", "学割 ありますか", client="a"),
        ]
    )
    assert len(one.queries) == 3 and len(one.people) == 2


def test_similar_questions_are_one_gap_labelled_by_the_most_frequent() -> None:
    found = questions("学割", "学生割引", "学割", "アプリ")
    groups = group_gaps(found, meaning(found, 学割=0, 学生割引=10, アプリ=90), {})
    assert sorted((group.label, group.people) for group in groups) == [("アプリ", 1), ("学割", 3)]


def test_a_gap_keeps_its_identity_when_more_questions_arrive() -> None:
    before = questions("学割", "アプリ")
    first = group_gaps(before, meaning(before, 学割=0, アプリ=90), {})
    known = {question.key: group.gap_id for group in first for question in group.questions}
    after = questions("学生割引", "学割", "アプリ")
    again = group_gaps(after, meaning(after, 学割=0, 学生割引=10, アプリ=90), known)
    assert {group.gap_id for group in again} == {group.gap_id for group in first}


def test_merged_gaps_keep_the_id_of_the_larger_one() -> None:
    found = questions("a", "b", "c")
    known = {question.key: "big" if question.text in "ab" else "small" for question in found}
    (group,) = group_gaps(found, meaning(found, a=0, b=5, c=10), known)
    assert (group.gap_id, group.merged) == ("big", ("small",))


def test_a_split_gap_keeps_its_id_in_the_larger_part() -> None:
    found = questions("a", "b", "c")
    groups = group_gaps(
        found, meaning(found, a=0, b=5, c=120), {question.key: "one" for question in found}
    )
    assert {
        len(group.questions): (group.gap_id == "one", group.split_from) for group in groups
    } == {2: (True, ""), 1: (False, "one")}


def test_without_a_model_every_question_is_a_gap() -> None:
    assert len(group_gaps(questions("a", "b"), {}, {})) == 2


def test_the_trend_compares_two_weeks() -> None:
    asked_often = [
        asked(f"q{n}", "学割", at=at, client=f"c{n}")
        for n, at in enumerate((1 * DAY, 20 * DAY, 21 * DAY, 27 * DAY))
    ]
    (group,) = group_gaps(questions_of(asked_often), {}, {})
    assert group.trend(28 * DAY) == (3, 1)


def test_a_near_miss_suggests_a_question_and_no_match_an_article() -> None:
    assert suggested_action("strict", 0.9) == "improve"
    assert suggested_action("none", 0.05) == "write" and suggested_action("none", 0.2) == "extend"
