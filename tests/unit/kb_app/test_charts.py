"""Charts: a bar says its values, leads to its days, and stays readable over a year."""

import re
from datetime import date, timedelta

from kb_app.web.desk.charts import Chart, buckets_of, line, stacked, summed


def days(count: int) -> list[date]:
    return [date(2026, 1, 1) + timedelta(days=place) for place in range(count)]


def chart(count: int) -> Chart:
    buckets = buckets_of(days(count))
    values = dict.fromkeys(days(count), 2.0)
    series = {"yes": summed(values, buckets), "no": [0.0] * len(buckets)}
    labels = {"yes": "<Solved>", "no": "Left"}
    return Chart(buckets, series, labels, "Outcomes", lambda one: f"/r?from={one.first}")


def test_a_month_is_shown_by_days_a_year_by_weeks_and_more_by_months() -> None:
    assert len(buckets_of(days(31))) == 31
    assert 52 <= len(buckets_of(days(365))) <= 54
    assert len(buckets_of(days(900))) == 30
    whole = summed(dict.fromkeys(days(365), 1.0), buckets_of(days(365)))
    assert sum(whole) == 365, "no day is lost or counted twice"


def test_each_bar_is_a_link_with_its_days_and_values() -> None:
    for drawn in (stacked(chart(14)), line(chart(14))):
        wide = str(drawn).partition("chart-narrow")[0]
        names = re.findall(r'<a href="(/r\?from=[^"]+)" aria-label="([^"]+)"', wide)
        assert len(names) == 14
        assert names[2] == ("/r?from=2026-01-03", "2026-01-03: &lt;Solved&gt; 2")
        assert wide.count('tabindex="0"') == 1, "one stop for the keyboard, arrows do the rest"


def test_phones_get_a_drawing_of_their_own() -> None:
    drawn = str(stacked(chart(60)))
    assert 'viewBox="0 0 900 260"' in drawn and 'viewBox="0 0 380 260"' in drawn
    assert "<script" not in drawn and " style=" not in drawn


def test_a_week_names_its_first_and_last_day() -> None:
    assert chart(100).said(1).startswith("2026-01-05 – 2026-01-11: ")


def test_an_empty_period_draws_nothing_that_breaks() -> None:
    assert "chart-links" not in str(stacked(chart(0))).partition("chart-narrow")[0]
