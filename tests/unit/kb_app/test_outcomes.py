"""Episode outcomes: the first matching rule wins; success needs a statement by the visitor."""

import pytest

from kb_app.analytics import model as m
from kb_app.analytics.episodes.outcomes import classify_outcome
from kb_app.analytics.episodes.task_detection import SearchTask
from kb_app.durations import DAY, HOUR, MINUTE
from tests.unit.kb_app.trails import asked, did, read

LATER = 30 * DAY
Q = asked("q")
WEAK, NONE = asked("q", verdict="weak"), asked("q", verdict="none")
PARTLY = asked("q", verdict="partly")
AGAIN = asked("q2", at=3 * DAY)

STORIES = [
    ("left without a sign", [Q], [], "unknown", "left"),
    (
        "opened an article and left at once",
        [Q],
        [did(m.CLICK), read(seconds=3)],
        "unknown",
        "no sign",
    ),
    ("read it", [Q], [did(m.CLICK), read()], "probable", "read"),
    ("copied from it", [Q], [did(m.COPY)], "probable", "read"),
    ("read it and asked again", [Q, asked("q2", at=HOUR)], [read()], "unknown", "no sign"),
    ("said yes", [Q], [read(), did(m.VOTE_YES, at=2 * MINUTE)], "confirmed", "vote_yes"),
    (
        "said yes to the survey",
        [Q],
        [read(), did(m.SOLVED_YES, at=2 * MINUTE)],
        "confirmed",
        "solved_yes",
    ),
    ("said yes and came back", [Q, AGAIN], [did(m.VOTE_YES)], "unknown", "no sign"),
    (
        "said yes and wrote later",
        [Q],
        [did(m.VOTE_YES), did(m.TICKET_CREATED, at=5 * DAY)],
        "escalated",
        "ticket",
    ),
    (
        "said yes and phoned",
        [Q],
        [did(m.VOTE_YES), did(m.CHANNEL_OPENED, at=HOUR, channel="phone")],
        "escalated",
        "channel opened",
    ),
    ("said no", [Q], [read(), did(m.VOTE_NO, at=2 * MINUTE)], "unanswered", "no"),
    (
        "said no, read on and said yes",
        [Q],
        [did(m.VOTE_NO), did(m.VOTE_YES, at=2 * MINUTE)],
        "confirmed",
        "vote_yes",
    ),
    (
        "said yes, then no",
        [Q],
        [did(m.VOTE_YES), did(m.VOTE_NO, at=2 * MINUTE)],
        "unanswered",
        "no",
    ),
    (
        "opened the form and left it",
        [Q],
        [read(), did(m.CONTACT_OPEN, at=2 * MINUTE)],
        "unanswered",
        "contact form left",
    ),
    (
        "opened the form and wrote",
        [Q],
        [did(m.CONTACT_OPEN), did(m.TICKET_CREATED, at=5 * MINUTE)],
        "escalated",
        "ticket",
    ),
    (
        "wrote and says it is solved",
        [Q],
        [did(m.TICKET_CREATED), did(m.SOLVED_YES, at=DAY, article="", case="K3F9")],
        "escalated",
        "ticket, solved",
    ),
    (
        "wrote and says it is not",
        [Q],
        [did(m.TICKET_CREATED), did(m.SOLVED_NO, at=DAY, article="", case="K3F9")],
        "escalated",
        "ticket, not solved",
    ),
    (
        "an article in the automatic reply solved it",
        [Q],
        [did(m.SOLVED_YES, at=HOUR, article="", case="K3F9")],
        "confirmed",
        "solved_yes",
    ),
    (
        "an article beside the contact form solved it",
        [Q],
        [did(m.CONTACT_OPEN), did(m.SOLVED_YES, at=2 * MINUTE)],
        "confirmed",
        "solved_yes",
    ),
    ("found nothing", [NONE], [], "unanswered", "nothing found"),
    (
        "found nothing, then something, and read it",
        [NONE, asked("q2", at=MINUTE)],
        [read("q2", at=3 * MINUTE)],
        "probable",
        "read",
    ),
    ("found only the topic", [PARTLY], [], "unanswered", "topic known, no answer"),
    (
        "found only the topic, and read it",
        [PARTLY],
        [read()],
        "unanswered",
        "topic known, no answer",
    ),
    (
        "found the topic, and then an answer",
        [PARTLY, asked("q2", at=MINUTE)],
        [],
        "unknown",
        "left",
    ),
    ("a perhaps that nobody read", [WEAK], [did(m.CLICK)], "unanswered", "weak, nothing read"),
    ("a perhaps that was read", [WEAK], [read()], "probable", "read"),
]


@pytest.mark.parametrize(
    ("story", "queries", "actions", "outcome", "reason"),
    STORIES,
    ids=[story[0] for story in STORIES],
)
def test_outcome(
    story: str, queries: list[m.QueryEvent], actions: list[m.ActionEvent], outcome: str, reason: str
) -> None:
    episode = classify_outcome(SearchTask(tuple(queries), tuple(actions)), LATER)
    assert (episode.outcome, episode.reason) == (outcome, reason)


def test_a_yes_may_be_taken_back_for_seven_days() -> None:
    trail = SearchTask((Q,), (did(m.VOTE_YES, at=MINUTE),))
    assert (
        classify_outcome(trail, 7 * DAY).provisional
        and not classify_outcome(trail, 7 * DAY + 2 * MINUTE).provisional
    )


def test_later_events_are_ignored() -> None:
    trail = SearchTask((Q,), (did(m.VOTE_YES), did(m.TICKET_CREATED, at=5 * DAY)))
    assert (
        classify_outcome(trail, DAY).outcome == "confirmed"
        and classify_outcome(trail, 6 * DAY).outcome == "escalated"
    )


def test_a_form_just_opened_is_still_pending() -> None:
    trail = SearchTask((Q,), (read(), did(m.CONTACT_OPEN, at=2 * MINUTE)))
    assert (
        classify_outcome(trail, 10 * MINUTE).outcome == "probable"
        and classify_outcome(trail, 2 * HOUR).outcome == "unanswered"
    )


def test_time_to_the_first_article_read() -> None:
    assert classify_outcome(SearchTask((Q,), (read(at=90_000),)), LATER).seconds_to_answer == 90


def test_the_survey_covers_only_probable_episodes() -> None:
    shown = did(m.SURVEY_SHOWN, at=2 * MINUTE)
    assert classify_outcome(SearchTask((Q,), (read(), shown)), LATER).surveyed == "asked"
    assert (
        classify_outcome(
            SearchTask((Q,), (read(), shown, did(m.SOLVED_NO, at=3 * MINUTE))), LATER
        ).surveyed
        == "no"
    )
    assert (
        classify_outcome(
            SearchTask((Q,), (read(), shown, did(m.VOTE_YES, at=3 * MINUTE))), LATER
        ).surveyed
        == ""
    )


def test_three_refinements_or_two_no_votes_are_frustration() -> None:
    blend_top3 = tuple(asked(f"q{n}", at=n * MINUTE) for n in range(4))
    assert classify_outcome(SearchTask(blend_top3), LATER).frustrated
    assert classify_outcome(
        SearchTask((Q,), (did(m.VOTE_NO), did(m.VOTE_NO, at=2 * MINUTE))), LATER
    ).frustrated
    assert not classify_outcome(SearchTask((Q,), (did(m.VOTE_NO),)), LATER).frustrated
