"""SVG charts, drawn on the server by pygal; screen readers read the table below each instead."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from markupsafe import Markup

HEIGHT, WIDE, NARROW = 260, 900, 380
SPARK_WIDTH, SPARK_HEIGHT = 160, 32
# Fewer days make no line.
FEWEST_DAYS = 3
_MIDDLE = re.compile(r'class="guides"><path d="M([0-9.]+) ')
_PLOT = re.compile(
    r'translate\(([0-9.]+), ([0-9.]+)\)" class="plot"><rect x="0" y="0" width="([0-9.]+)"'
    r' height="([0-9.]+)"'
)
# The CSP forbids inline styles; static/desk.css styles the charts by pygal's classes.
_INLINE = (("<script", "</script>"), ("<style", "</style>"), ("<!--", "-->"), (' style="', '"'))


# Longer periods are shown by weeks, and still longer ones by months.
MOST_DAYS, MOST_WEEKS = 62, 60


@dataclass(frozen=True)
class Bucket:
    """Days that are one bar or point: from ``first`` to ``last``, with their label."""

    first: date
    last: date
    label: str


@dataclass(frozen=True)
class Chart:
    """What a chart shows: series of values by bucket, their names, and what a bucket leads to."""

    buckets: Sequence[Bucket]
    series: Mapping[str, Sequence[float]]
    labels: Mapping[str, str]
    title: str
    url: Callable[[Bucket], str]

    def said(self, place: int) -> str:
        """One bucket in words: its days and its values."""
        bucket = self.buckets[place]
        days = bucket.first.isoformat()
        if bucket.last != bucket.first:
            days = f"{days} – {bucket.last.isoformat()}"
        parts = (
            f"{self.labels.get(name, '')} {values[place]:g}".strip()
            for name, values in self.series.items()
            if values[place] or len(self.series) == 1
        )
        return f"{days}: {', '.join(parts) or '0'}"


def buckets_of(days: Sequence[date]) -> list[Bucket]:
    """The days of a period as bars: days, else weeks from Monday, else months."""
    if len(days) <= MOST_DAYS:
        return [Bucket(day, day, f"{day:%m/%d}") for day in days]
    by_week = len(days) <= MOST_WEEKS * 7
    groups: dict[tuple[int, int], list[date]] = {}
    for day in days:
        year, week, _weekday = day.isocalendar()
        key = (year, week) if by_week else (day.year, day.month)
        groups.setdefault(key, []).append(day)
    return [
        Bucket(group[0], group[-1], f"{group[0]:%m/%d}" if by_week else f"{group[0]:%Y/%m}")
        for group in groups.values()
    ]


def summed(days: Mapping[date, float], buckets: Sequence[Bucket]) -> list[float]:
    """The sum of the days of each bucket."""
    return [
        sum(value for day, value in days.items() if one.first <= day <= one.last) for one in buckets
    ]


def stacked(chart: Chart) -> Markup:
    """A stacked bar chart."""
    import pygal

    return _both(pygal.StackedBar, chart)


def line(chart: Chart) -> Markup:
    """A line chart."""
    import pygal

    return _both(pygal.Line, chart)


def sparkline(shares: Sequence[float | None]) -> Markup:
    """A line of shares, 0 to 1, without axes; days without a value are left out."""
    shown = [(day, share) for day, share in enumerate(shares) if share is not None]
    if len(shown) < FEWEST_DAYS:
        return Markup()
    top = max(share for _, share in shown) or 1.0
    width = max(1, len(shares) - 1)
    points = " ".join(
        f"{day / width * SPARK_WIDTH:.1f},{SPARK_HEIGHT - share / top * SPARK_HEIGHT:.1f}"
        for day, share in shown
    )
    return Markup(
        '<svg class="spark" viewBox="0 -2 {} {}" preserveAspectRatio="none" aria-hidden="true">'
        '<polyline points="{}"/></svg>'
    ).format(SPARK_WIDTH, SPARK_HEIGHT + 4, points)


def _both(kind: type, chart: Chart) -> Markup:
    """The chart for desks and for phones, of which the style sheet shows one."""
    return Markup("").join(
        Markup('<div class="chart-{}">{}</div>').format(name, _draw(kind, chart, width))
        for name, width in (("wide", WIDE), ("narrow", NARROW))
    )


def _draw(kind: type, chart: Chart, width: int) -> Markup:
    drawing = kind(
        height=HEIGHT,
        width=width,
        margin=8,
        margin_right=28,
        margin_bottom=8 if width == WIDE or len(chart.series) < 2 else 40,
        js=[],
        show_legend=len(chart.series) > 1,
        legend_at_bottom=True,
        legend_at_bottom_columns=5 if width == WIDE else 2,
        show_minor_x_labels=False,
        x_labels_major_every=max(1, len(chart.buckets) // (8 if width == WIDE else 4)),
        truncate_label=-1,
        truncate_legend=-1,
        min_scale=2,
        max_scale=5,
        range=(0, None),
        show_dots=False,
    )
    drawing.x_labels = [bucket.label for bucket in chart.buckets]
    for name, values in chart.series.items():
        drawing.add(str(chart.labels.get(name, name)), list(values))
    svg = drawing.render(is_unicode=True, disable_xml_declaration=True)
    # svg is by pygal, which escapes its texts
    return Markup(_accessible(svg, chart.title)) + _links(svg, chart, width)  # noqa: S704


def _links(svg: str, chart: Chart, width: int) -> Markup:
    """A link over each bucket, with its values as its name; arrow keys go from one to the next."""
    axis = svg.partition('class="axis x')[2].partition('class="axis')[0]
    middles = [float(middle) for middle in _MIDDLE.findall(axis)][-len(chart.buckets) :]
    plot = _PLOT.search(svg)
    if plot is None or not middles or len(middles) != len(chart.buckets):
        return Markup()
    left, top, plot_width, height = (float(plot[place]) for place in range(1, 5))
    band = plot_width / len(middles)
    bands = Markup("").join(
        Markup(
            '<a href="{}" aria-label="{}" tabindex="{}"><rect x="{:.1f}" y="{:.1f}" width="{:.1f}"'
            ' height="{:.1f}"/><title>{}</title></a>'
        ).format(
            chart.url(bucket),
            chart.said(place),
            0 if place == 0 else -1,
            left + middle - band / 2,
            top,
            band,
            height,
            chart.said(place),
        )
        for place, (bucket, middle) in enumerate(zip(chart.buckets, middles, strict=True))
    )
    box = Markup(
        '<svg class="chart-links" viewBox="0 0 {} {}" role="group" aria-label="{}">{}</svg>'
    )
    value = Markup('<p class="chart-value meta" aria-hidden="true"></p>')
    return box.format(width, HEIGHT, chart.title, bands) + value


def _accessible(svg: str, title: str) -> str:
    for start, end in _INLINE:
        svg = _without(svg, start, end)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{Markup.escape(title)}" ', 1)


def _without(svg: str, start: str, end: str) -> str:
    """The SVG without the parts from ``start`` to ``end``."""
    first, *parts = svg.split(start)
    return first + "".join(part.partition(end)[2] for part in parts)
