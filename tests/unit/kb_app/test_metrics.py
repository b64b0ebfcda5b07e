"""Metrics and other vendors' definitions, each computed by hand."""

import random
from collections import Counter

import pytest

from bench.visit_simulator import BEGIN, PERSONAS, Intent, simulate
from kb_app.analytics import model as m
from kb_app.analytics.reports.metrics import (
    days_to_article,
    episode_figures,
    money_saved,
    probable_calibration,
    query_figures,
    season,
    seconds_to_answer,
    share,
    wilson,
)
from kb_app.analytics.reports.rollup import count_articles, count_episodes, count_queries
from kb_app.analytics.reports.vendor_counts import count_for_vendors
from kb_app.analytics.reports.vendor_definitions import Users, definitions
from kb_app.durations import DAY, MINUTE
from tests.unit.kb_app.trails import asked, did


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    # statsmodels.stats.proportion.proportion_confint(part, whole, method="wilson")
    [
        (0, 10, 0.0, 0.2775327998628892),
        (5, 10, 0.236593090512564, 0.763406909487436),
        (10, 10, 0.7224672001371106, 1.0),
        (190, 1000, 0.16689, 0.21546),
    ],
)
def test_wilson_interval(part: int, whole: int, low: float, high: float) -> None:
    assert wilson(part, whole) == pytest.approx((low, high), abs=2e-4)


def test_a_share_of_zero_cases_is_undefined() -> None:
    assert share("x", "a / b", 0, 0).value is None


def test_only_confirmed_episodes_are_successes() -> None:
    counts = {
        "episodes": 20,
        "confirmed": 4,
        "probable": 6,
        "unknown": 5,
        "unanswered": 3,
        "escalated": 2,
        "frustrated": 1,
    }
    shares = {figure.name: figure.value for figure in episode_figures(counts)}
    assert shares == {
        "confirmed_rate": 0.2,
        "upper_bound": 0.5,
        "unknown_share": 0.25,
        "unanswered_rate": 0.15,
        "escalation_rate": 0.1,
        "never_reached_agent": 0.9,
        "frustrated_rate": 0.05,
    }


def test_click_through_per_search_differs_from_per_impression() -> None:
    queries = [
        asked("a"),
        asked("b", at=MINUTE),
        asked("c", at=2 * MINUTE, verdict="none", first=""),
    ]
    queries = [
        m.QueryEvent(
            **{**vars(query), "hit_ids": tuple("wxyz") if query.verdict == "strict" else ()}
        )
        for query in queries
    ]
    clicks = [
        did(m.CLICK, "a", position=2),
        did(m.CLICK, "a", at=2 * MINUTE, position=1, article="w"),
        did(m.CLICK, "b", position=4),
    ]
    (counter,) = count_queries(queries, clicks, frozenset({"a"})).values()
    figures = {figure.name: figure.value for figure in query_figures(counter)}
    assert figures["click_through_per_search"] == pytest.approx(2 / 3) and figures[
        "click_through_per_impression"
    ] == pytest.approx(3 / 8)
    assert figures["mean_reciprocal_rank"] == pytest.approx((1 / 1 + 1 / 4) / 2)
    assert figures["no_answer_rate"] == pytest.approx(1 / 3) and figures[
        "refinement_rate"
    ] == pytest.approx(1 / 3)


def test_searches_that_found_only_the_topic_are_counted_apart_and_as_unanswered() -> None:
    queries = [asked("a"), asked("b", at=MINUTE, verdict="partly")]
    (counter,) = count_queries(queries, [], frozenset()).values()
    figures = {figure.name: figure.value for figure in query_figures(counter)}
    assert figures["topic_alone_rate"] == 0.5 and figures["no_answer_rate"] == 0
    assert counter["queries_unclicked"] == 1


def test_searches_of_bots_and_unidentified_visitors_are_counted_separately() -> None:
    (counter,) = count_queries(
        [asked("a"), asked("b", client=None), asked("c", bot=True)], [], frozenset()
    ).values()
    assert (counter["queries"], counter["queries_unrecognised"], counter["bots"]) == (2, 1, 1)


def test_the_median_is_that_of_the_stored_seconds() -> None:
    found = seconds_to_answer({"read_episodes": 3, "median_seconds": 12.5})
    assert (found.whole, found.value) == (3, 12.5)
    assert seconds_to_answer({}).value is None


def test_the_survey_calibrates_probable_episodes() -> None:
    figure = probable_calibration({"surveyed_yes": 30, "surveyed_no": 10, "surveyed_asked": 25})
    assert figure.value == 0.25 and (figure.part, figure.whole) == (10, 40)


def test_episodes_are_counted_by_channel_and_language() -> None:
    episode = m.Episode(
        "e", "taro", 0, 0, ("q",), "confirmed", "vote_yes", language="ja", seconds_to_answer=12.0
    )
    other = m.Episode("f", "hana", 0, 0, ("r",), "unknown", "left", language="en", frustrated=True)
    counts = count_episodes([episode, other])
    assert counts["site", "ja", "", "public"] == {
        "episodes": 1,
        "confirmed": 1,
        "provisional": 0,
        "frustrated": 0,
    }
    assert counts["site", "en", "", "public"]["frustrated"] == 1


# Five visits:
#   taro:  searches, opens an article, votes yes
#   hana:  searches, opens an article, leaves
#   ken:   searches, opens an article, creates a ticket from that search
#   yuki:  searches twice, the second finds nothing, leaves
#   a visitor without a cookie: searches, leaves
QUERIES = [
    asked("t", client="taro"),
    asked("h", client="hana"),
    asked("k", client="ken"),
    asked("y1", client="yuki"),
    asked("y2", "宇宙旅行", client="yuki", at=MINUTE, verdict="none", first=""),
    asked("n", client=None),
]
ACTIONS = [
    did(m.CLICK, "t", client="taro", position=1),
    did(m.VIEW, "t", client="taro"),
    did(m.VOTE_YES, "t", at=2 * MINUTE, client="taro"),
    did(m.CLICK, "h", client="hana", position=3),
    did(m.VIEW, "h", client="hana"),
    did(m.CLICK, "k", client="ken", position=2),
    did(m.VIEW, "k", client="ken"),
    did(m.TICKET_CREATED, "k", at=5 * MINUTE, client="ken"),
]


@pytest.mark.parametrize(
    ("product", "name", "part", "whole"),
    [
        ("Zendesk", "Self-service score", 4, 1),
        ("Zendesk", "Total searches", 6, None),
        ("Zendesk", "Searches with no results", 1, None),
        ("Zendesk", "Searches with no clicks", 2, None),
        ("Zendesk", "Tickets created", 1, None),
        ("Help Scout", "Found an answer", 2, 5),
        ("Help Scout", "Failed searches", 1, 6),
        ("Help Scout", "Sent a message", 1, 5),
        ("Intercom", "Confirmed resolutions", 1, 3),
        ("Intercom", "Assumed resolutions", 1, 3),
        ("Salesforce", "Successful deflections", 1, 3),
        ("Salesforce", "Failed deflections", 1, 3),
        ("Salesforce", "Potential deflections", 1, 3),
        ("Algolia", "No results rate", 1, 6),
        ("Algolia", "No click rate", 2, 5),
        ("Algolia", "Click-through rate", 3, 5),
        ("Algolia", "Mean click position", 6, 3),
        ("Document360", "Bounced searches", 2, 6),
        ("Google Analytics", "Search refinements", 1, 6),
        ("Google Analytics", "Search exits", 2, 6),
    ],
)
def test_other_vendors_definitions_match_hand_computed_values(
    product: str, name: str, part: float, whole: float | None
) -> None:
    counts = count_for_vendors(QUERIES, ACTIONS, 0, DAY)
    found = {(line.product, line.name): line for line in definitions(counts, Users(4, 1))}
    assert (found[product, name].part, found[product, name].whole) == (part, whole)


def test_without_the_number_of_users_their_metric_is_left_out() -> None:
    names = [line.name for line in definitions(count_for_vendors(QUERIES, ACTIONS, 0, DAY), None)]
    assert len(names) == 19 and "Self-service score" not in names


def test_a_pause_of_30_minutes_starts_a_new_visit() -> None:
    queries = [asked("a"), asked("b", at=30 * MINUTE), asked("c", at=61 * MINUTE)]
    assert count_for_vendors(queries, [], 0, DAY)["vendor_visits"] == 2


def test_a_visit_across_midnight_is_counted_once_and_whole() -> None:
    night = DAY - MINUTE
    queries = [asked("a", at=night), asked("b", at=DAY + MINUTE)]
    actions = [did(m.VIEW, "b", at=DAY + 2 * MINUTE)]
    before = count_for_vendors(queries, actions, 0, DAY)
    after = count_for_vendors(queries, actions, DAY, 2 * DAY)
    assert (before["vendor_visits"], before["vendor_viewed"], before["vendor_searches"]) == (
        1,
        1,
        1,
    )
    assert (after["vendor_visits"], after["vendor_viewed"], after["vendor_searches"]) == (0, 0, 1)


def test_the_counts_of_days_add_up_to_those_of_the_month() -> None:
    intents = (
        Intent("return", (("返品したい", "ja"), ("send it back", "en")), True),
        Intent("space", (("宇宙旅行", "ja"),), False),
    )
    log = simulate(intents, PERSONAS, 400, random.Random(3))
    queries = sorted(log.queries, key=lambda query: query.at)
    first, last = BEGIN - DAY, BEGIN + 40 * DAY
    by_day: Counter[str] = Counter()
    for start in range(first, last, DAY):
        by_day += count_for_vendors(queries, log.actions, start, start + DAY)
    assert by_day == +count_for_vendors(queries, log.actions, first, last)


@pytest.mark.parametrize(
    ("by_month", "months", "found"),
    [
        ({"2026-07": 24, "2026-12": 24}, 12, (7, 6.0)),
        ({f"2026-{month:02}": 5 for month in range(1, 13)}, 12, None),
        ({"2025-12": 30, "2026-12": 30, "2026-05": 12}, 24, (12, 10.0)),
        ({"2026-12": 24}, 11, None),
        ({"2026-12": 23}, 12, None),
        ({}, 24, None),
    ],
)
def test_seasonal_questions_are_distinguished(
    by_month: dict[str, float], months: int, found: tuple[int, float] | None
) -> None:
    assert season(by_month, months) == found


def test_savings_are_a_range_of_confirmed_problems_or_none_without_a_cost() -> None:
    assert money_saved(12, (400, 900)) == (4_800, 10_800) and money_saved(12, None) is None


def test_the_last_vote_of_a_visitor_counts() -> None:
    again = [
        did(m.VOTE_YES, at=1),
        did(m.VOTE_YES, at=2),
        did(m.VOTE_NO, at=3),
        did(m.VOTE_NO, client="other"),
    ]
    votes = [
        *again,
        did(m.VOTE_NO, client=None, event_id="a"),
        did(m.VOTE_NO, client=None, event_id="b"),
    ]
    assert count_articles(votes, []) == {("return", "no"): 4}


def test_a_changed_vote_of_somebody_without_a_number_counts_once() -> None:
    votes = [
        did(m.VOTE_NO, client=None, at=1, event_id="a:no"),
        did(m.VOTE_YES, client=None, at=2, event_id="a:second:yes"),
        did(m.VOTE_NO, client=None, at=3, event_id="b:no"),
    ]
    assert count_articles(votes, []) == {("return", "yes"): 1, ("return", "no"): 1}


@pytest.mark.parametrize(
    ("days", "low", "high"),
    # Ranks of the binomial (Conover 1999): 1 and 6 of 6; 2 and 9 of 10; 6 and 15 of 20.
    [
        (range(1, 6), None, None),
        (range(1, 7), 1, 6),
        (range(1, 11), 2, 9),
        (range(1, 21), 6, 15),
    ],
)
def test_the_interval_of_the_median_days_is_made_of_ranks(
    days: range, low: float | None, high: float | None
) -> None:
    figure = days_to_article([*reversed(days)])
    assert (figure.value, figure.low, figure.high) == (sum(days) / len(days), low, high)


def test_no_gap_with_an_article_has_no_median() -> None:
    assert days_to_article([]).value is None
