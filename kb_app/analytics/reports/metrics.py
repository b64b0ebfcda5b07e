"""Figures with formula, sample size and 95% confidence interval. Pure functions over counts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# Two-sided 95% quantile of the normal distribution.
Z = 1.959963984540054
Counts = Mapping[str, float]
SEASON_LEAST, SEASON_FACTOR = 24, 1.8


@dataclass(frozen=True)
class Figure:
    """A figure with its formula and confidence interval.

    ``value`` is ``part / whole`` for a share, else a mean or median; None without data. ``low`` and
    ``high`` bound the 95% interval. ``rows`` is the filter that selects the underlying rows.
    """

    name: str
    formula: str
    part: float
    whole: float
    value: float | None
    low: float | None = None
    high: float | None = None
    unit: str = "%"
    rows: str = ""


def wilson(part: float, whole: float, z: float = Z) -> tuple[float, float]:
    """Wilson score interval of a share; returns (low, high), both in 0..1.

    ``whole`` must be above 0. Source: E. B. Wilson, 1927, Probable inference, JASA 22.
    """
    share = part / whole
    centre = share + z * z / (2 * whole)
    spread = z * math.sqrt(share * (1 - share) / whole + z * z / (4 * whole * whole))
    scale = 1 + z * z / whole
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def share(name: str, formula: str, part: float, whole: float, rows: str = "") -> Figure:
    """A share with its Wilson interval; value None if ``whole`` is 0."""
    if whole <= 0:
        return Figure(name, formula, part, whole, None, rows=rows)
    low, high = wilson(part, whole)
    return Figure(name, formula, part, whole, part / whole, low, high, rows=rows)


def episode_figures(counts: Counts) -> list[Figure]:
    """Shares of the episodes by outcome; only confirmed counts as success."""
    n = counts.get("episodes", 0)
    confirmed, probable = counts.get("confirmed", 0), counts.get("probable", 0)
    return [
        share("confirmed_rate", "confirmed / episodes", confirmed, n, "outcome=confirmed"),
        share(
            "upper_bound",
            "(confirmed + probable) / episodes",
            confirmed + probable,
            n,
            "outcome=confirmed,probable",
        ),
        share(
            "unknown_share", "unknown / episodes", counts.get("unknown", 0), n, "outcome=unknown"
        ),
        share(
            "unanswered_rate",
            "unanswered / episodes",
            counts.get("unanswered", 0),
            n,
            "outcome=unanswered",
        ),
        share(
            "escalation_rate",
            "escalated / episodes",
            counts.get("escalated", 0),
            n,
            "outcome=escalated",
        ),
        share(
            "never_reached_agent",
            "(episodes - escalated) / episodes",
            n - counts.get("escalated", 0),
            n,
            "outcome=confirmed,probable,unknown,unanswered",
        ),
        share(
            "frustrated_rate",
            "frustrated / episodes",
            counts.get("frustrated", 0),
            n,
            "frustrated=1",
        ),
    ]


def query_figures(counts: Counts) -> list[Figure]:
    """Figures of searches and clicks."""
    n, clicked = counts.get("queries", 0), counts.get("queries_clicked", 0)
    return [
        share(
            "no_answer_rate",
            "queries with verdict none / queries",
            counts.get("queries_none", 0),
            n,
            "verdict=none",
        ),
        share(
            "topic_alone_rate",
            "queries with verdict partly / queries",
            counts.get("queries_partly", 0),
            n,
            "verdict=partly",
        ),
        share(
            "weak_rate",
            "queries with verdict weak / queries",
            counts.get("queries_weak", 0),
            n,
            "verdict=weak",
        ),
        share(
            "click_through_per_search", "queries with a click / queries", clicked, n, "clicked=1"
        ),
        share(
            "click_through_per_impression",
            "clicks / articles shown",
            counts.get("clicks", 0),
            counts.get("impressions", 0),
            "clicked=1",
        ),
        reciprocal_rank(counts),
        share(
            "refinement_rate",
            "queries asked again in other words / queries",
            counts.get("refinements", 0),
            n,
            "refined=1",
        ),
        seconds_to_answer(counts),
    ]


def reciprocal_rank(counts: Counts) -> Figure:
    """Mean reciprocal rank of the first clicked result, over searches with a click."""
    total, clicked = counts.get("reciprocal_rank", 0), counts.get("queries_clicked", 0)
    formula = "mean of 1 / first clicked position, over queries with a click"
    return Figure(
        "mean_reciprocal_rank",
        formula,
        total,
        clicked,
        total / clicked if clicked else None,
        unit="",
        rows="clicked=1",
    )


def seconds_to_answer(counts: Counts) -> Figure:
    """Median seconds to the first article read, over the episodes with one."""
    total = int(counts.get("read_episodes", 0))
    formula = (
        "median seconds from the first query to the first article read, over episodes with one"
    )
    value = counts.get("median_seconds") if total else None
    return Figure("seconds_to_answer", formula, total, total, value, unit="s", rows="read=1")


def days_to_article(days: Sequence[float]) -> Figure:
    """Median days from the first question to the article that answers it, with its interval.

    The interval is that of the median by order statistics, without an assumption of the days'
    distribution; None for fewer than six. Source: H. A. David, 1981, Order Statistics, 2.5.
    """
    ordered, n = sorted(days), len(days)
    formula = "median days from the first question of a gap to its article, over gaps with one"
    if not n:
        return Figure("days_to_article", formula, 0, 0, None, unit="days")
    middle = (ordered[(n - 1) // 2] + ordered[n // 2]) / 2
    outside = _ranks_outside(n)
    low, high = (ordered[outside - 1], ordered[n - outside]) if outside else (None, None)
    return Figure("days_to_article", formula, n, n, middle, low, high, unit="days")


def _ranks_outside(n: int) -> int:
    """The largest rank k whose order statistics k and n + 1 - k hold the median at 95 %; 0: none.

    It is the largest k with P(Binomial(n, 1/2) < k) at most 2.5 %.
    """
    below, ways, k = 0, 1, 0
    while 40 * (below + ways) <= 2**n:
        below += ways
        ways = ways * (n - k) // (k + 1)
        k += 1
    return k


def probable_calibration(counts: Counts) -> Figure:
    """Share of negative answers to the random micro-survey in probable episodes."""
    yes, no = counts.get("surveyed_yes", 0), counts.get("surveyed_no", 0)
    return share(
        "probable_gave_up",
        "answered no / answered, over probable episodes shown the survey at random",
        no,
        yes + no,
        "surveyed=no",
    )


def survey_response(counts: Counts) -> Figure:
    """Response rate of the micro-survey; a low rate means a possible non-response bias."""
    answered = counts.get("surveyed_yes", 0) + counts.get("surveyed_no", 0)
    asked = answered + counts.get("surveyed_asked", 0)
    return share("survey_response", "answered / asked", answered, asked, "surveyed=yes,no")


def season(by_month: Mapping[str, float], months: int) -> tuple[int, float] | None:
    """Peak season of a query: (month 1..12, factor relative to the mean month), or None.

    ``by_month`` maps YYYY-MM to searches; ``months`` is the number of months in the log. The factor
    is the ratio-to-mean seasonal index. Returns None if the log is shorter than a year, if there
    are fewer than SEASON_LEAST searches, or if no month reaches SEASON_FACTOR times the mean.
    """
    total = sum(by_month.values())
    if months < 12 or total < SEASON_LEAST:
        return None
    years = months / 12
    by_month_of_year: dict[int, float] = {}
    for month, searches in by_month.items():
        by_month_of_year[int(month[5:7])] = by_month_of_year.get(int(month[5:7]), 0) + searches
    peak = max(sorted(by_month_of_year), key=lambda number: by_month_of_year[number])
    factor = (by_month_of_year[peak] / years) / (total / months)
    return (peak, factor) if factor >= SEASON_FACTOR else None


def money_saved(confirmed: float, cost: tuple[float, float] | None) -> tuple[float, float] | None:
    """Cost of the confirmed episodes as contacts: (low, high); None if no cost is set.

    ``cost`` is the (lowest, highest) cost per contact; the result has the same currency.
    """
    return None if cost is None else (confirmed * cost[0], confirmed * cost[1])
