"""Task detection: which searches belong to one problem."""

import numpy as np
import pytest

from bench.episode_accuracy import pairwise_f1
from kb_app.analytics import model as m
from kb_app.analytics.episodes.task_detection import (
    by_client,
    fold_prefixes,
    group,
    searches_of_tickets,
)
from kb_app.analytics.gaps.clustering import average_linkage
from kb_app.durations import DAY, HOUR, MINUTE, SECOND
from tests.unit.kb_app.trails import asked, did


def pointing(**degrees: float) -> dict[str, np.ndarray]:
    """2-D unit vectors by angle in degrees: a small angle means the same meaning."""
    return {
        name: np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))], dtype=np.float32)
        for name, angle in degrees.items()
    }


def ids(trails: list) -> list[list[str]]:
    return [[query.query_id for query in trail.queries] for trail in trails]


def test_partial_queries_are_folded_into_one_search() -> None:
    typed = [
        asked("a", "へん"),
        asked("b", "へんぴ", at=SECOND),
        asked("c", "へんぴん", at=2 * SECOND),
        asked("d", "へんぴん", at=MINUTE),
    ]
    assert [query.query_id for query in fold_prefixes(typed)] == ["c", "d"]


def test_actions_of_a_folded_search_move_to_the_final_search() -> None:
    trails = group([asked("a", "へん"), asked("b", "へんぴん", at=SECOND)], [did(m.CLICK, "a")], {})
    assert ids(trails) == [["b"]] and len(trails[0].actions) == 1


def test_the_same_meaning_is_one_problem_even_days_later() -> None:
    queries = [
        asked("a", "返品したい", first="x"),
        asked("b", "品物を返す", at=3 * DAY, verdict="weak", first="y"),
        asked("c", "送料は", at=4 * DAY, first="z"),
    ]
    assert ids(group(queries, [], pointing(a=0, b=40, c=120))) == [["a", "b"], ["c"]]


def test_a_yes_does_not_cover_a_problem_of_another_user_on_the_same_computer() -> None:
    queries = [
        asked("a", "送料はいくら", first="x"),
        asked("b", "海外に送れますか", at=90 * SECOND, first="y"),
    ]
    assert ids(group(queries, [did(m.VOTE_YES, "b", at=3 * MINUTE)], pointing(a=0, b=50))) == [
        ["a"],
        ["b"],
    ]
    # Without the yes, or with a yes before the search, they are one: success is not inflated.
    assert (
        ids(group(queries, [], pointing(a=0, b=50)))
        == ids(group(queries, [did(m.VOTE_YES, "a")], pointing(a=0, b=50)))
        == [["a", "b"]]
    )


def test_a_yes_does_not_cover_another_problem_through_a_search_in_between() -> None:
    queries = [
        asked("a", "住所を変えたい", first="x"),
        asked("b", "店で受け取りたい", at=15 * MINUTE, verdict="weak", first="y"),
        asked("c", "店で受け取る方法", at=15 * MINUTE + 20 * SECOND, first="z"),
    ]
    yes = [did(m.VOTE_YES, "c", at=16 * MINUTE)]
    assert ids(group(queries, yes, pointing(a=0, b=60, c=95))) == [["a"], ["b", "c"]]


def test_after_seven_days_a_search_is_a_new_problem() -> None:
    assert ids(group([asked("a"), asked("b", at=8 * DAY)], [], pointing(a=0, b=0))) == [
        ["a"],
        ["b"],
    ]


def test_a_problem_in_between_does_not_split_an_episode() -> None:
    queries = [
        asked("a", "返品したい"),
        asked("b", "パスワード", at=MINUTE, first="pw"),
        asked("c", "返品 方法", at=HOUR),
    ]
    assert ids(group(queries, [], pointing(a=0, b=100, c=10))) == [["a", "c"], ["b"]]


def test_an_article_opened_from_two_searches_links_them() -> None:
    queries = [asked("a", "返品", first="x"), asked("b", "送り返す", at=HOUR, first="y")]
    clicks = [
        did(m.CLICK, "a", article="return"),
        did(m.CLICK, "b", at=HOUR + MINUTE, article="return"),
    ]
    assert ids(group(queries, clicks, pointing(a=0, b=100))) == [["a", "b"]]


def test_a_refinement_links_searches() -> None:
    queries = [asked("a", "返品", first="x"), asked("b", "関税", at=MINUTE, first="y")]
    refined = did(m.REFINE, "b", **{"from": "a"})
    assert ids(group(queries, [refined], pointing(a=0, b=100))) == [["a", "b"]]


def test_a_yes_does_not_cover_a_neighbours_question_on_a_shared_computer() -> None:
    queries = [
        asked("a", "荷物が届かない", first="where"),
        asked("b", "壊れていた", at=10 * MINUTE, first="broken"),
    ]
    trails = group(queries, [did(m.VOTE_YES, "b", at=12 * MINUTE)], pointing(a=0, b=70))
    assert ids(trails) == [["a"], ["b"]]


def test_without_a_model_common_words_within_a_short_time_link_searches() -> None:
    queries = [
        asked("a", "返品 送料 だれ"),
        asked("b", "返品 送料", at=MINUTE),
        asked("c", "返品 送料", at=2 * DAY + HOUR, first="z"),
    ]
    assert ids(group(queries[:2], [], {})) == [["a", "b"]]


def test_a_ticket_with_text_joins_the_most_similar_problem() -> None:
    queries = [asked("a", "返品したい"), asked("b", "パスワード", at=MINUTE, first="pw")]
    ticket = did(m.TICKET_CREATED, None, at=HOUR, event_id="t", text="返品のこと")
    trails = group(queries, [ticket], pointing(a=0, b=100, t=5))
    assert [len(trail.actions) for trail in trails] == [1, 0]


def test_an_anonymous_ticket_joins_by_text_and_reverses_a_success() -> None:
    queries = [
        asked("a", client="taro"),
        asked("b", client="hana", at=HOUR),
        asked("c", "送料", client="ken", at=HOUR),
    ]
    yes = did(m.VOTE_YES, "b", at=2 * HOUR, client="hana")
    ticket = did(m.TICKET_CREATED, None, at=DAY, client=None, event_id="t", text="返品できない")
    meaning = pointing(a=0, b=10, c=100, t=2)
    assert searches_of_tickets([ticket], queries, [yes, ticket], meaning) == {"t": "b"}
    assert searches_of_tickets(
        [ticket], queries, [yes, ticket], meaning, taken=frozenset({"b"})
    ) == {"t": "a"}


def test_an_anonymous_ticket_reverses_only_a_success_that_still_holds() -> None:
    queries = [
        asked("a", client="hana"),
        asked("b", client="taro", at=MINUTE),
        asked("b2", client="taro", at=HOUR),
    ]
    ticket = did(m.TICKET_CREATED, None, at=DAY, client=None, event_id="t", text="返品の件")
    said = [did(m.VOTE_YES, "a", client="hana", at=2 * MINUTE), did(m.VOTE_YES, "b", at=3 * MINUTE)]
    # Taro's question is nearer, but he searched again after his yes.
    assert searches_of_tickets(
        [ticket], queries, [*said, ticket], pointing(a=12, b=2, b2=2, t=0)
    ) == {"t": "a"}


def test_a_ticket_equally_near_to_two_problems_reverses_the_success() -> None:
    queries = [asked("a", "返品したい", first="x"), asked("b", "送料は", at=HOUR, first="y")]
    actions = [
        did(m.VOTE_YES, "a"),
        did(m.TICKET_CREATED, None, at=DAY, event_id="t", text="返品の送料"),
    ]
    trails = group(queries, actions, pointing(a=0, b=80, t=42))
    assert ids(trails) == [["a"], ["b"]] and [len(trail.actions) for trail in trails] == [2, 0]
    # If the other one is clearly nearer, the ticket joins the other one.
    assert [len(trail.actions) for trail in group(queries, actions, pointing(a=0, b=80, t=70))] == [
        1,
        1,
    ]


def test_a_ticket_about_another_topic_joins_no_search() -> None:
    ticket = did(m.TICKET_CREATED, None, at=DAY, client=None, event_id="t", text="採用")
    assert searches_of_tickets([ticket], [asked("a")], [ticket], pointing(a=0, t=95)) == {}


def test_a_token_joins_across_channels_and_bots_are_ignored() -> None:
    queries = [asked("a"), asked("b", client="bot", bot=True)]
    found = by_client(
        queries, [did(m.TICKET_CREATED, "a", client=None), did(m.CLICK, "b", client="bot")]
    )
    assert [(client, len(done)) for client, _, done in found] == [("taro", 1)]


def test_the_order_of_the_log_does_not_matter() -> None:
    queries = [asked(f"q{n}", at=n * MINUTE, first=str(n)) for n in range(5)]
    actions = [did(m.CLICK, f"q{n}", at=n * MINUTE + SECOND) for n in range(5)]
    meaning = pointing(q0=0, q1=20, q2=90, q3=100, q4=10)
    assert group(queries, actions, meaning) == group(queries[::-1], actions[::-1], meaning)


def test_average_linkage_joins_similar_vectors() -> None:
    vectors = np.stack(list(pointing(a=0, b=10, c=90, d=100, e=180).values()))
    assert average_linkage(vectors, 0.8) == [0, 0, 1, 1, 2]
    assert average_linkage(vectors[:1], 0.8) == [0] and average_linkage(vectors[:0], 0.8) == []


@pytest.mark.parametrize(
    ("found", "true", "f1"),
    [
        (["a", "a", "b"], ["x", "x", "y"], 1.0),
        (["a", "b", "c"], ["x", "y", "z"], 1.0),
        # Predicted pairs: 1-2, 1-3, 2-3; true pair: 1-2. Precision 1/3, recall 1, F1 0.5.
        (["a", "a", "a"], ["x", "x", "y"], 0.5),
        (["a", "b"], ["x", "x"], 0.0),
    ],
)
def test_pairwise_f1_matches_hand_computed_values(
    found: list[str], true: list[str], f1: float
) -> None:
    assert pairwise_f1(found, true) == pytest.approx(f1)
