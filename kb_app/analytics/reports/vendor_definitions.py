"""Metrics of the log by the published definitions of other products. Pure functions of counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kb_app.analytics.reports.vendor_counts import PREFIX
from kb_app.analytics.text_key import N_


@dataclass(frozen=True)
class Users:
    """Different visitors of a period, and those among them who created a ticket."""

    all: int
    with_ticket: int


@dataclass(frozen=True)
class Definition:
    """A product's metric: ``part / whole``, or the count ``part`` if ``whole`` is None.

    ``hides`` names what the metric does not show.
    """

    product: str
    name: str
    formula: str
    part: float
    whole: float | None
    hides: str

    @property
    def value(self) -> float | None:
        """The ratio or the count; None if ``whole`` is 0."""
        if self.whole is None:
            return self.part
        return self.part / self.whole if self.whole else None


def definitions(measures: Mapping[str, float], users: Users | None) -> list[Definition]:
    """The metrics of all products from the sums of daily measures.

    Without ``users`` the metrics that need them are left out.
    """
    counts = _Counts(measures)
    return [
        *(_zendesk_score(users) if users else ()),
        *_zendesk(counts),
        *_help_scout(counts),
        *_intercom(counts),
        *_salesforce(counts),
        *_algolia(counts),
        *_document360(counts),
        *_google(counts),
    ]


class _Counts:
    """The sums by name; 0 for what did not happen."""

    def __init__(self, measures: Mapping[str, float]) -> None:
        self._measures = measures

    def __getitem__(self, name: str) -> int:
        return int(self._measures.get(PREFIX + name, 0))


def _zendesk_score(users: Users) -> list[Definition]:
    return [
        Definition(
            "Zendesk",
            N_("Self-service score"),
            "users of the help centre / users in tickets",
            users.all,
            users.with_ticket,
            N_("Everybody who came and did not write counts as served; whoever gave up too."),
        )
    ]


def _zendesk(counts: _Counts) -> list[Definition]:
    listed = N_("Counts alone: nothing says whether what was clicked helped.")
    return [
        Definition(
            "Zendesk", N_("Total searches"), "number of searches", counts["searches"], None, listed
        ),
        Definition(
            "Zendesk",
            N_("Searches with no results"),
            "searches with an empty list",
            counts["no_results"],
            None,
            N_("Results that do not answer count as results."),
        ),
        Definition(
            "Zendesk",
            N_("Searches with no clicks"),
            "searches with results of which none was clicked",
            counts["unclicked"],
            None,
            listed,
        ),
        Definition(
            "Zendesk",
            N_("Tickets created"),
            "searches after which a ticket was created",
            counts["with_ticket"],
            None,
            N_("Tickets by phone or mail are not seen."),
        ),
    ]


def _help_scout(counts: _Counts) -> list[Definition]:
    visits = counts["visits"]
    return [
        Definition(
            "Help Scout",
            N_("Found an answer"),
            "visits that opened an article and sent no message / visits",
            counts["viewed"] - counts["viewed_contacted"],
            visits,
            N_("Opening an article counts as an answer."),
        ),
        Definition(
            "Help Scout",
            N_("Failed searches"),
            "searches without a result / searches",
            counts["no_results"],
            counts["searches"],
            N_("Results that do not answer."),
        ),
        Definition(
            "Help Scout",
            N_("Sent a message"),
            "visits that sent a message / visits",
            counts["visits_contacted"],
            visits,
            N_("A later message, or a call."),
        ),
    ]


def _intercom(counts: _Counts) -> list[Definition]:
    return [
        Definition(
            "Intercom",
            N_("Confirmed resolutions"),
            "answered visits with a yes / answered visits",
            counts["viewed_yes"],
            counts["viewed"],
            N_("A yes that is taken back later."),
        ),
        Definition(
            "Intercom",
            N_("Assumed resolutions"),
            "answered visits left without a word / answered visits",
            counts["viewed_silent"],
            counts["viewed"],
            N_("An exit counts as a success."),
        ),
    ]


def _salesforce(counts: _Counts) -> list[Definition]:
    read, successful, failed = counts["viewed"], counts["viewed_yes"], counts["viewed_contacted"]
    return [
        Definition(
            "Salesforce",
            N_("Successful deflections"),
            "visits with an article, a yes and no case / visits with an article",
            successful,
            read,
            N_("Cases opened another day."),
        ),
        Definition(
            "Salesforce",
            N_("Failed deflections"),
            "visits with an article and a case / visits with an article",
            failed,
            read,
            N_("Visits that opened no article at all."),
        ),
        Definition(
            "Salesforce",
            N_("Potential deflections"),
            "visits with an article and nothing more / visits with an article",
            read - successful - failed,
            read,
            N_("Those who gave up."),
        ),
    ]


def _algolia(counts: _Counts) -> list[Definition]:
    tracked, clicked = counts["tracked"], counts["tracked_clicked"]
    return [
        Definition(
            "Algolia",
            N_("No results rate"),
            "searches without results / searches",
            counts["no_results"],
            counts["searches"],
            N_("Wrong results."),
        ),
        Definition(
            "Algolia",
            N_("No click rate"),
            "tracked searches without a click / tracked searches",
            tracked - clicked,
            tracked,
            N_("Answers read in the list."),
        ),
        Definition(
            "Algolia",
            N_("Click-through rate"),
            "tracked searches with a click / tracked searches",
            clicked,
            tracked,
            N_("Whether the click helped."),
        ),
        Definition(
            "Algolia",
            N_("Mean click position"),
            "sum of clicked positions / clicks",
            counts["positions"],
            counts["clicks"],
            N_("Searches without a click."),
        ),
    ]


def _document360(counts: _Counts) -> list[Definition]:
    return [
        Definition(
            "Document360",
            N_("Bounced searches"),
            "searches with results and no click / searches",
            counts["unclicked"],
            counts["searches"],
            N_("Answers read in the list."),
        )
    ]


def _google(counts: _Counts) -> list[Definition]:
    return [
        Definition(
            "Google Analytics",
            N_("Search refinements"),
            "searches right after another one / searches",
            counts["searches_again"],
            counts["searches"],
            N_("Why it was asked again."),
        ),
        Definition(
            "Google Analytics",
            N_("Search exits"),
            "visits left from the results / unique searches",
            counts["exits"],
            counts["unique_searches"],
            N_("An answer read in the list counts as an exit."),
        ),
    ]
