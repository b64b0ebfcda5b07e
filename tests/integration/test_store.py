"""One suite on real SQLite and PostgreSQL databases: the log, the job, gaps and backup."""

import random
import subprocess
import sys
import threading
import tracemalloc
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from sqlalchemy import Engine, text

from kb_app.analytics import model as m
from kb_app.analytics.episodes import job
from kb_app.analytics.episodes.job import JobAlreadyRunningError, _locked, run
from kb_app.analytics.event_store import EventStore
from kb_app.analytics.gaps.gap_store import GapStore
from kb_app.analytics.ports import NearestArticle
from kb_app.analytics.question_vectors import QuestionVectors
from kb_app.analytics.reports.reports import Period, Reports
from kb_app.analytics.reports.rollup_job import roll_up
from kb_app.db import schema
from kb_app.db.backup import import_tables
from kb_app.db.engine import HEAD, MIGRATIONS, DatabaseError, migrate, open_database
from kb_app.durations import DAY, HOUR, MINUTE
from kb_app.support.case_store import CaseStore, Filter
from tests.conftest import ROOT
from tests.support import count_rows
from tests.unit.kb_app.trails import asked, did, read

NOW = 40 * DAY


@pytest.fixture
def store(engine: Engine) -> EventStore:
    return EventStore(engine)


class Angles:
    """A test model: the first letter of a question sets the angle of its 2-D vector."""

    fingerprint = "angles"
    asked = 0

    def __call__(self, texts: Any, langs: Any) -> np.ndarray:
        Angles.asked += len(texts)
        turned = [np.radians(50 * (ord(one[0]) % 7) + len(one)) for one in texts]
        return np.array([[np.cos(angle), np.sin(angle)] for angle in turned], dtype=np.float32)


def update_episodes(store: EventStore, now: int = NOW, everything: bool = False) -> dict[str, str]:
    """Run the job; return the outcome of the episode of each search."""
    run(store, QuestionVectors(store.engine, Angles()), now, UTC, everything)
    with store.engine.connect() as connection:
        rows = connection.execute(
            text(
                "select q.query_id, e.outcome from episode_queries q "
                "join episodes e on e.episode_id = q.episode_id"
            )
        )
        return {str(query): str(outcome) for query, outcome in rows}


def rows(engine: Engine, table: Any) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return sorted(tuple(row) for row in connection.execute(table.select()))


def test_stored_events_are_read_back_unchanged(store: EventStore) -> None:
    query = asked("q", "返品\n😀", filters={"section": "a"}, probability=0.5)
    action = did(m.VOTE_NO, reason="古い", seconds=1.5)
    store.append([query], [action])
    assert store.queries(0, DAY) == [query] and store.actions(0, DAY) == [action]


def test_duplicate_events_are_stored_once(store: EventStore) -> None:
    for _ in range(3):
        store.append(
            [asked("q"), asked("q")], [did(m.CLICK, event_id="one"), did(m.CLICK, event_id="one")]
        )
    assert count_rows(store.engine, schema.queries) == count_rows(store.engine, schema.actions) == 1


def test_50_writers_lose_and_duplicate_nothing(store: EventStore) -> None:
    def write(number: int) -> None:
        for turn in range(10):
            store.append(
                [asked(f"{number}-{turn}")],
                [
                    did(m.VOTE_YES, event_id=f"{number}-{turn}"),
                    did(m.VOTE_YES, event_id=f"all-{turn}"),
                ],
            )

    threads = [threading.Thread(target=write, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (
        count_rows(store.engine, schema.queries) == 500
        and count_rows(store.engine, schema.actions) == 510
    )


WRITER = """
import sys
from kb_app.analytics.event_store import EventStore
from kb_app.db.engine import open_database
from tests.unit.kb_app.trails import asked, did
store = EventStore(open_database(sys.argv[1]))
for number in range(100_000):
    store.append([asked(f"q{number}")], [did("vote_yes", f"q{number}", event_id=f"v{number}")])
    print(number, flush=True)
"""


def test_a_process_killed_between_two_writes_loses_no_accepted_event(
    store: EventStore,
) -> None:
    address = store.engine.url.render_as_string(hide_password=False)
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, address], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None
    said = [int(process.stdout.readline()) for _ in range(20)]
    process.kill()
    said += [int(line) for line in process.stdout.read().split()]
    process.wait()
    process.stdout.close()
    queries, actions = (
        {one.query_id for one in store.queries(0, DAY)},
        {one.event_id for one in store.actions(0, DAY)},
    )
    assert {f"q{number}" for number in said} <= queries and {
        f"v{number}" for number in said
    } <= actions
    # Search and vote are written in one transaction: both are stored or neither.
    assert {name[1:] for name in queries} == {name[1:] for name in actions} and len(queries) <= len(
        said
    ) + 1
    store.append([asked("after")], [])
    assert store.query("after")


def test_losses_are_summed_by_day(store: EventStore) -> None:
    for _ in range(2):
        store.lost({"queue full": 3, "bots": 1}, DAY)
    assert (
        store.losses("1970-01-02", "1970-01-02") == {"queue full": 6, "bots": 2}
        and store.losses("1970-01-03", "1970-01-09") == {}
    )


STORY = (
    [
        asked("yes", "返品", client="a"),
        asked("left", "返品", client="b"),
        asked("none", "宇宙", client="c", verdict="none", first=""),
        asked("wrote", "送料", client="d"),
        asked("back1", "返品", client="e"),
        asked("back2", "返品", client="e", at=3 * DAY),
        asked("bot", client="z", bot=True),
    ],
    [
        did(m.VOTE_YES, "yes", client="a"),
        read("yes"),
        did(m.TICKET_CREATED, "wrote", client=None, at=2 * HOUR),
        did(m.VOTE_YES, "back1", client="e"),
    ],
)


def test_the_job_finds_the_outcome_of_each_episode(store: EventStore) -> None:
    store.append(*STORY)
    assert update_episodes(store) == {
        "yes": "confirmed",
        "left": "unknown",
        "none": "unanswered",
        "wrote": "escalated",
        "back1": "unknown",
        "back2": "unknown",
    }


def test_the_job_is_idempotent_and_incremental_runs_equal_one_run(
    store: EventStore,
) -> None:
    queries, actions = STORY
    for event in sorted([*queries, *actions], key=lambda event: event.at):
        store.append(*([event], []) if isinstance(event, m.QueryEvent) else ([], [event]))
        update_episodes(store, now=event.at + 1)
    update_episodes(store, now=30 * DAY)
    by_bits = rows(store.engine, schema.episodes), rows(store.engine, schema.daily)
    update_episodes(store, now=30 * DAY, everything=True)
    assert (rows(store.engine, schema.episodes), rows(store.engine, schema.daily)) == by_bits


def test_a_run_touches_only_what_changed(store: EventStore) -> None:
    def run_at(now: int) -> tuple[int, int]:
        report = run(store, QuestionVectors(store.engine, Angles()), now, UTC)
        return report.clients, report.days

    store.append([asked("a"), asked("b", "Z", at=10 * DAY)], [])
    run_at(20 * DAY)
    assert run_at(20 * DAY + 2 * HOUR) == (0, 0)
    morning = 21 * DAY + 5 * HOUR
    store.append([asked("c", "ZZ", at=morning)], [did(m.VIEW, "c", at=morning + MINUTE)])
    assert run_at(morning + 3 * HOUR) == (1, 1), "the visitor's old episodes and their days stay"
    assert run_at(24 * DAY) == (0, 0), "what may still change is not looked at before it can"
    assert run_at(28 * DAY + 6 * HOUR) == (1, 1), "the episode of day 21 is final"


def test_a_late_click_counts_on_the_day_of_its_search(store: EventStore) -> None:
    night = 11 * DAY - MINUTE
    store.append([asked("q", at=night)], [])
    update_episodes(store, now=11 * DAY)
    store.append([], [did(m.CLICK, at=11 * DAY + MINUTE)])
    update_episodes(store, now=11 * DAY + 5 * MINUTE)
    tenth = datetime.fromtimestamp(night / 1000, UTC).date()
    assert Reports(store.engine).counts(Period(tenth, tenth, UTC))["clicks"] == 1


def derived(store: EventStore) -> list[list[tuple[Any, ...]]]:
    """Everything that the job computes."""
    tables = (schema.episodes, schema.episode_queries, schema.daily, schema.daily_questions)
    return [rows(store.engine, table) for table in tables]


def test_a_run_that_was_cut_off_leaves_no_wrong_day(
    store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.append([asked("a", at=10 * DAY)], [])
    update_episodes(store, now=11 * DAY)
    with monkeypatch.context() as broken:
        broken.setattr(job, "roll_up", lambda *_: (_ for _ in ()).throw(OSError("killed")))
        with pytest.raises(OSError, match="killed"):
            update_episodes(store, now=19 * DAY)
    update_episodes(store, now=20 * DAY)
    after = derived(store)
    update_episodes(store, now=20 * DAY, everything=True)
    assert after == derived(store)


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "Asia/Kathmandu", "Europe/Berlin", "UTC"])
def test_days_begin_where_the_site_is(store: EventStore, zone: str) -> None:
    here = ZoneInfo(zone)
    midnight = int(datetime(2026, 3, 29, tzinfo=here).timestamp() * 1000)
    store.append([asked("q", at=midnight + 10 * MINUTE, client=None)], [])
    run(store, QuestionVectors(store.engine, Angles()), midnight + HOUR, here)
    day = date(2026, 3, 29)
    assert Reports(store.engine).counts(Period(day, day, here))["queries"] == 1


def test_a_visit_that_goes_on_after_midnight_changes_the_day_before(store: EventStore) -> None:
    midnight = 11 * DAY
    views = (midnight - 20 * MINUTE, midnight + 5 * MINUTE, midnight + 30 * MINUTE)
    store.append([], [did(m.VIEW, None, at=at, event_id=str(at)) for at in views])
    update_episodes(store, now=midnight + 50 * MINUTE)
    store.append([], [did(m.TICKET_CREATED, None, at=midnight + 55 * MINUTE, event_id="t")])
    update_episodes(store, now=midnight + 65 * MINUTE)
    day = datetime.fromtimestamp(views[0] / 1000, UTC).date()
    assert Reports(store.engine).counts(Period(day, day, UTC))["vendor_visits_contacted"] == 1


def test_a_ticket_that_is_linked_late_counts_at_once(store: EventStore) -> None:
    def wrote(name: str, at: int, text: str, client: str | None = None) -> m.ActionEvent:
        return m.ActionEvent(
            name, m.TICKET_CREATED, at, None, client, "s", attributes={"text": text}
        )

    store.append([], [wrote("own", 41 * DAY, "zzz", "X")])
    update_episodes(store, now=41 * DAY + HOUR)
    store.append([], [wrote("first", 42 * DAY + 2 * HOUR, "nothing like it")])
    update_episodes(store, now=42 * DAY + 3 * HOUR)
    store.append([asked("x", "alpha one", at=47 * DAY, client="X")], [])
    update_episodes(store, now=47 * DAY + HOUR)
    store.append([], [wrote("second", 48 * DAY + 12 * HOUR, "alpha one")])
    for turn in range(9):
        update_episodes(store, now=48 * DAY + 13 * HOUR + turn * 6 * HOUR)
    after = derived(store)
    update_episodes(store, now=48 * DAY + 13 * HOUR + 8 * 6 * HOUR, everything=True)
    assert after == derived(store)


def test_a_ticket_days_later_reverses_a_success_and_the_metrics_change(store: EventStore) -> None:
    store.append([asked("q")], [did(m.VOTE_YES)])
    assert update_episodes(store, now=DAY) == {"q": "confirmed"}
    store.append([], [did(m.TICKET_CREATED, "q", at=3 * DAY, client=None)])
    assert update_episodes(store, now=4 * DAY) == {"q": "escalated"}
    figures = {figure.name: figure for figure in Reports(store.engine).figures(month())}
    assert (
        figures["confirmed_rate"].part,
        figures["escalation_rate"].part,
        figures["confirmed_rate"].whole,
    ) == (0, 1, 1)


def month(**narrowed: str) -> Period:
    from datetime import date

    return Period(date(1970, 1, 1), date(1970, 2, 20), UTC, **narrowed)


def test_an_anonymous_ticket_is_joined_by_its_text_once(store: EventStore) -> None:
    store.append([asked("q", "返品")], [did(m.VOTE_YES)])
    store.append(
        [],
        [did(m.TICKET_CREATED, None, at=2 * DAY, client=None, event_id="phone", text="返品の件")],
    )
    assert update_episodes(store) == {"q": "escalated"} and update_episodes(store, now=NOW + 1) == {
        "q": "escalated"
    }
    assert rows(store.engine, schema.ticket_links) == [("phone", "q")]


def test_each_question_is_embedded_once(store: EventStore) -> None:
    store.append([asked(f"q{n}", "返品", client=f"c{n}") for n in range(5)], [])
    Angles.asked = 0
    update_episodes(store)
    update_episodes(store, everything=True)
    assert Angles.asked == 1


def test_one_run_at_a_time(store: EventStore) -> None:
    with _locked(store), pytest.raises(JobAlreadyRunningError, match="another process"):
        update_episodes(store)
    assert update_episodes(store) == {}


def test_metrics_are_filtered_and_compared(store: EventStore) -> None:
    store.append(
        [
            asked("a", language="ja"),
            replace(asked("b", client="hana"), language="en", channel="api"),
        ],
        [],
    )
    update_episodes(store)
    reports = Reports(store.engine)
    assert (
        reports.counts(month())["episodes"] == 2
        and reports.counts(month(language="en"))["episodes"] == 1
    )
    assert (
        reports.counts(month(language="en", channel="site")) == {}
        and reports.counts(month().before) == {}
    )
    assert reports.values("language") == ["en", "ja"]


@pytest.mark.parametrize("frequent", [0, 3, 20])
def test_most_asked_is_the_same_with_and_without_the_long_tail(
    store: EventStore, frequent: int
) -> None:
    chance = random.Random(frequent)
    counts: Counter[str] = Counter()
    with store.engine.begin() as connection:
        dimensions = {"channel": "site", "language": "ja", "section": "", "audience": "public"}
        for day in range(1, 29):
            asked_today = Counter(
                f"often {n}" for n in range(frequent) for _ in range(chance.randrange(9))
            ) + Counter(f"rare {chance.randrange(60)}" for _ in range(20))
            counts += asked_today
            row = {"day": f"1970-01-{day:02}", **dimensions}
            rows = [
                row
                | {"text_key": text, "text": text, "searches": n, "unanswered": 0, "unopened": n}
                for text, n in asked_today.items()
            ]
            connection.execute(schema.daily_questions.insert(), rows)
            connection.execute(
                schema.daily.insert(), row | {"measure": "queries", "value": len(asked_today)}
            )
    period = Period(date(1970, 1, 1), date(1970, 1, 28), UTC)
    wanted = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:15]
    shown = Reports(store.engine).top_questions(period)
    assert [(line.text, line.numbers["searches"]) for line in shown] == wanted
    unopened = Reports(store.engine).without_click(period)
    assert [(line.text, line.numbers["searches"]) for line in unopened] == wanted


def test_every_metric_has_its_rows(store: EventStore) -> None:
    store.append(*STORY)
    update_episodes(store)
    reports = Reports(store.engine)
    counts = {figure.name: int(figure.part) for figure in reports.figures(month())}
    assert len(reports.episodes(month(), ["confirmed"])) == counts["confirmed_rate"] == 1
    assert len(reports.episodes(month(), ["unanswered"])) == counts["unanswered_rate"] == 1
    assert len(reports.searches(month(), verdict="none")) == counts["no_answer_rate"] == 1
    assert [line.text for line in reports.top_questions(month(), 1)] == ["返品"]


def test_a_trail_is_erased_completely(store: EventStore) -> None:
    store.append(*STORY)
    update_episodes(store)
    # Client d's ticket came from another system; it is removed with the search it names.
    assert store.erase("d") == 2
    assert (
        not [one for one in rows(store.engine, schema.episodes) if "d" in one]
        and store.query("wrote") is None
    )
    assert "wrote" not in update_episodes(store, now=NOW + 1)


def test_expired_data_is_removed(store: EventStore) -> None:
    store.append([asked("old"), asked("new", at=10 * DAY)], [did(m.CLICK, at=MINUTE)])
    assert store.purge(5 * DAY) == 2 and [query.query_id for query in store.queries(0, 2**60)] == [
        "new"
    ]


class Desk:
    """A test index: finds one article for questions that contain a given word."""

    def __init__(self, word: str) -> None:
        self.word = word

    def nearest(self, asked_text: str, lang: str) -> NearestArticle | None:
        return self.place_of("new", asked_text, lang)

    def place_of(self, article_id: str, asked_text: str, lang: str) -> NearestArticle | None:
        return (
            NearestArticle("new", "題", "payment", "strict", 0.9, 1)
            if self.word in asked_text
            else None
        )

    def title(self, article_id: str) -> str:
        return article_id


def test_a_gap_closes_when_its_questions_find_the_article_and_reopens(
    store: EventStore,
) -> None:
    store.append(
        [
            asked(f"q{n}", words, client=f"c{n}", verdict="none", first="")
            for n, words in enumerate(("学割", "学割は", "学割ある", "宇宙"))
        ],
        [],
    )
    gaps = GapStore(store, QuestionVectors(store.engine, Angles()))
    update_episodes(store)
    assert gaps.refresh(NOW) == 2
    gap = gaps.gaps(NOW)[0]
    assert (gap.people, gap.state, gap.label) == (3, "open", "学割")
    assert gaps.change(
        gap.gap_id, NOW, state="drafted", article_id="new", owner="lead@example.com"
    ) and not gaps.change(gap.gap_id, NOW, state="x")
    assert gaps.replay(NOW + 1, Desk("学割は")) == []
    assert gaps.replay(NOW + 2, Desk("学割")) == [(gap.gap_id, "answered")]
    gaps.refresh(NOW + 3)
    assert gaps.gap(gap.gap_id, NOW).state == "answered"  # type: ignore[union-attr]
    store.append(
        [asked("again", "学割は", at=NOW + HOUR, client="c9", verdict="none", first="")], []
    )
    gaps.refresh(NOW + 2 * HOUR)
    found = gaps.gap(gap.gap_id, NOW + 2 * HOUR)
    assert found is not None and (found.state, found.owner, found.replay) == (
        "open",
        "lead@example.com",
        "came back",
    )


def test_confirmed_questions_are_offered_and_decided(store: EventStore) -> None:
    store.append([asked("q", "返したい")], [read(), did(m.VOTE_YES, at=2 * MINUTE)])
    update_episodes(store)
    gaps = GapStore(store, QuestionVectors(store.engine, None))
    assert gaps.offer_learned(NOW) == 1 and gaps.offer_learned(NOW) == 0
    (offered,) = gaps.learned()
    assert (offered["text"], offered["article_id"]) == ("返したい", "return")
    gaps.decide_learned([(offered["text_key"], "return")], "approved", "lead", NOW)
    assert gaps.learned() == [] and len(gaps.learned("approved")) == 1


def test_migrating_again_changes_nothing_and_a_newer_schema_is_refused(engine: Engine) -> None:
    migrate(engine)
    with engine.begin() as connection:
        connection.execute(text("update alembic_version set version_num = '9999'"))
    with pytest.raises(DatabaseError, match="newer version"):
        migrate(engine)


OLD_CASE = """
insert into cases (case_id, number, form_id, at, kind, message, name, mail, \
language, query_id, client_id, state)
values ('c1', 'K3F9K3F9', 'f1', 1000, 'complaint', '返金されない', '花子', \
'hanako@example.com', 'ja', '', null, 'open')
"""


def test_a_database_of_the_previous_version_is_migrated_with_its_data(
    engine: Engine,
) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0001")
        connection.execute(text(OLD_CASE))
    migrate(engine)
    cases = CaseStore(engine)
    case = cases.by_number("K3F9K3F9")
    assert case is not None and (
        case.message,
        case.step,
        case.desk,
        case.counted_at,
        case.recorded,
    ) == ("返金されない", "desk", "inbox", 1000, True)
    assert cases.inbox(Filter(words="返金"), 2000).total == 1


def test_a_backup_of_the_previous_version_is_restored(store: EventStore, tmp_path: Path) -> None:
    import json
    import zipfile

    old = {
        "case_id": "c1",
        "number": "K3F9K3F9",
        "form_id": "f1",
        "at": 1000,
        "kind": "question",
        "message": "返品",
        "name": "",
        "mail": "",
        "language": "ja",
        "query_id": "",
        "client_id": None,
        "state": "open",
    }
    with zipfile.ZipFile(tmp_path / "old.zip", "w") as archive:
        archive.writestr("cases.jsonl", json.dumps(old) + "\n")
        archive.writestr("manifest.json", json.dumps({"schema": "0001", "rows": {"cases": 1}}))
    with zipfile.ZipFile(tmp_path / "old.zip") as archive:
        import_tables(store.engine, archive, "0001")
    found = CaseStore(store.engine).by_number("K3F9K3F9")
    assert (
        found is not None
        and found.step == "desk"
        and CaseStore(store.engine).inbox(Filter(), 2000).total == 1
    )


def test_a_busy_day_is_counted_with_bounded_memory(store: EventStore) -> None:
    for hundred in range(80):
        store.append(
            [
                asked(f"{hundred}-{one}", "返品", at=DAY, client=None, bot=True)
                for one in range(100)
            ],
            [],
        )
    tracemalloc.start()
    roll_up(store, "1970-01-02", UTC)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    with store.engine.connect() as connection:
        counted = connection.execute(
            text("select value from daily where day = '1970-01-02' and measure = 'bots'")
        ).scalar()
    # Loading all 8,000 rows at once takes 11 MB.
    assert counted == 8_000 and peak < 5_000_000


def test_the_migrations_create_the_tables_of_the_schema(engine: Engine) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []


def test_of_several_concurrent_starts_one_creates_the_tables(
    engine: Engine,
) -> None:
    schema.metadata.drop_all(engine)
    with engine.begin() as connection:
        connection.execute(text("drop table alembic_version"))
    nodes = [open_database(engine.url.render_as_string(hide_password=False)) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(migrate, nodes)) == [None] * 4
    for node in nodes:
        node.dispose()
    assert EventStore(engine).queries(0, DAY) == []


def test_the_named_migration_is_the_newest() -> None:
    assert sorted(path.name[:4] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))[-1] == HEAD


@pytest.mark.parametrize(
    "url", ["sqlite:////proc/none/kb.sqlite", "postgresql://nobody:secret@127.0.0.1:1/none"]
)
def test_a_database_that_cannot_be_used_is_named_without_its_password(url: str) -> None:
    with pytest.raises((DatabaseError, OSError)) as caught:
        migrate(open_database(url))
    assert "secret" not in str(caught.value)
