"""SVG charts, drawn on the server by pygal; screen readers read the table below each instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

HEIGHT = 260
SPARK_WIDTH, SPARK_HEIGHT = 160, 32
# Fewer days make no line.
FEWEST_DAYS = 3
# The CSP forbids inline styles; static/desk.css styles the charts by pygal's classes.
_INLINE = (("<script", "</script>"), ("<style", "</style>"), ("<!--", "-->"), (' style="', '"'))


def stacked(
    days: Sequence[str],
    series: Mapping[str, Sequence[float]],
    labels: Mapping[str, str],
    title: str,
) -> Markup:
    """A stacked bar chart over days."""
    import pygal

    return _draw(pygal.StackedBar, days, series, labels, title)


def line(
    days: Sequence[str],
    series: Mapping[str, Sequence[float]],
    labels: Mapping[str, str],
    title: str,
) -> Markup:
    """A line chart over days."""
    import pygal

    return _draw(pygal.Line, days, series, labels, title)


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


def _draw(
    kind: type,
    days: Sequence[str],
    series: Mapping[str, Sequence[float]],
    labels: Mapping[str, str],
    title: str,
) -> Markup:
    chart = kind(
        height=HEIGHT,
        width=900,
        margin=8,
        js=[],
        show_legend=len(series) > 1,
        legend_at_bottom=True,
        legend_at_bottom_columns=5,
        show_minor_x_labels=False,
        x_labels_major_every=max(1, len(days) // 8),
        truncate_label=-1,
        min_scale=2,
        max_scale=5,
        range=(0, None),
        show_dots=False,
    )
    chart.x_labels = [day[5:].replace("-", "/") for day in days]
    for name, values in series.items():
        chart.add(str(labels.get(name, name)), list(values))
    svg = chart.render(is_unicode=True, disable_xml_declaration=True)
    return Markup(_accessible(svg, title))  # noqa: S704, svg by pygal, which escapes its texts


def _accessible(svg: str, title: str) -> str:
    for start, end in _INLINE:
        svg = _without(svg, start, end)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{Markup.escape(title)}" ', 1)


def _without(svg: str, start: str, end: str) -> str:
    """The SVG without the parts from ``start`` to ``end``."""
    first, *parts = svg.split(start)
    return first + "".join(part.partition(end)[2] for part in parts)
