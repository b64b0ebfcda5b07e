"""What can happen to a case: opened, answered, solved, doubted, taken up again, taken to the next step."""

from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from kb_app.db import schema
from kb_app.db.engine import migrate, open_database
from kb_app.durations import DAY, HOUR, MINUTE
from kb_app.support.case_metrics import case_figures, clock, quantile
from kb_app.support.case_store import Filter
from kb_app.support.config.file import parse_support
from kb_app.support.delivery.mail_templates import Quoted
from kb_app.support.escalation import next_step
from kb_app.support.model import Case, Delivery, NewCase
from kb_app.support.workflow import CaseTransitionError
from tests.unit.kb_app.casework import NOW, SupportFixture, house

SUPPORT = """
timezone: Asia/Tokyo
holidays: JP
reply: 1 day
complaints: {reply: 4 hours}
channels: {form: {hours: {mon-fri: "09:00-18:00"}}}
ladder: {supervisor: {reply: 2 days, mail: boss@example.com}}
desks: {away: {type: webhook, url: "https://crm.example.com/cases"}}
"""


@pytest.fixture
def desk(tmp_path: Path) -> SupportFixture:
    engine = open_database(f"sqlite:///{tmp_path}/kb.sqlite")
    migrate(engine)
    return house(engine, parse_support("support.yml", SUPPORT, ZoneInfo("UTC")), mails=True)


def new(
    form_id: str = "form", message: str = "返品したい", kind: str = "question", **values: object
) -> NewCase:
    return NewCase(
        form_id, kind, message, name="山田花子", mail="hanako@example.com", language="ja", **values
    )  # type: ignore[arg-type]


def test_a_message_becomes_one_case_however_often_it_is_sent(desk: SupportFixture) -> None:
    first, second = desk.workflow.open(new(), NOW), desk.workflow.open(new(), NOW + HOUR)
    assert (
        first.number == second.number
        and desk.log.names == ["ticket_created"]
        and len(desk.mails()) == 1
    )
    # Friday six in the evening in Japan: the next working day is Tuesday, Monday being a holiday.
    assert first.due_at == NOW + 4 * DAY and "11月24日(火) 18:00" in desk.mails()[0]["body"]


def test_complaints_have_their_own_clock_and_praise_has_none(desk: SupportFixture) -> None:
    assert desk.workflow.open(new("c", kind="complaint"), NOW).due_at == NOW + 3 * DAY + 19 * HOUR
    assert desk.workflow.open(new("p", kind="praise"), NOW).due_at is None


def test_the_first_to_reply_owns_the_case_and_keeps_it_through_a_transfer(
    desk: SupportFixture,
) -> None:
    case = desk.workflow.open(new(), NOW)
    assert desk.workflow.reply(
        case, "佐藤", "sato@example.com", "箱はいりません。", NOW + HOUR, "once"
    )
    assert not desk.workflow.reply(
        desk.again(case), "佐藤", "sato@example.com", "箱はいりません。", NOW + HOUR, "once"
    )
    desk.workflow.transfer(desk.again(case), "away", "佐藤", NOW + 2 * HOUR)
    desk.workflow.reply(desk.again(case), "鈴木", "suzuki@example.com", "もう一度。", NOW + 3 * HOUR)
    now = desk.again(case)
    assert (now.owner, now.desk, now.state, now.first_reply_at) == (
        "sato@example.com",
        "away",
        "waiting",
        NOW + HOUR,
    )
    with pytest.raises(CaseTransitionError):
        desk.workflow.transfer(now, "nowhere", "佐藤", NOW)


def test_solved_is_asked_a_day_later_and_a_no_gives_it_back_to_the_same_owner(
    desk: SupportFixture,
) -> None:
    case = desk.workflow.open(new(), NOW)
    desk.workflow.reply(case, "佐藤", "sato@example.com", "こうしてください。", NOW + HOUR)
    desk.workflow.solve(desk.again(case), "佐藤", NOW + 2 * HOUR, "return")
    desk.workflow.run_due(NOW + 25 * HOUR)
    assert not [mail for mail in desk.mails() if "解決しましたか" in mail["subject"]]
    for _ in range(2):
        desk.workflow.run_due(NOW + 27 * HOUR)
    (asked,) = [mail for mail in desk.mails() if "解決しましたか" in mail["subject"]]
    assert "/solved?answer=yes" in asked["body"]
    desk.workflow.answer(desk.again(case), False, NOW + 30 * HOUR, 2, 1)
    now = desk.again(case)
    assert (now.state, now.owner, now.said, now.satisfaction, now.effort) == (
        "open",
        "sato@example.com",
        "no",
        2,
        1,
    )
    assert desk.log.names == ["ticket_created", "ticket_resolved", "solved_no"]


def test_a_yes_closes_it_and_silence_closes_it_after_a_week(desk: SupportFixture) -> None:
    yes, silent = desk.workflow.open(new("a"), NOW), desk.workflow.open(new("b"), NOW)
    for case in (yes, silent):
        desk.workflow.solve(desk.again(case), "佐藤", NOW)
    desk.workflow.answer(desk.again(yes), True, NOW + HOUR)
    assert desk.again(yes).state == "closed"
    desk.workflow.run_due(NOW + 2 * DAY)
    assert desk.again(silent).state == "solved"
    desk.workflow.run_due(NOW + 10 * DAY)
    assert desk.again(silent).state == "closed"
    desk.workflow.customer_says(desk.again(silent), "やはりだめでした", NOW + 11 * DAY)
    assert desk.again(silent).state == "open"


def test_the_ladder_opens_when_a_reply_is_late_and_carries_number_and_history(
    desk: SupportFixture,
) -> None:
    case = desk.workflow.open(new(kind="complaint"), NOW)
    with pytest.raises(CaseTransitionError):
        desk.workflow.escalate(case, NOW + HOUR)
    late = (case.due_at or 0) + MINUTE
    desk.workflow.escalate(desk.again(case), late)
    now = desk.again(case)
    assert (now.step, now.number, now.state) == ("supervisor", case.number, "open") and (
        now.due_at or 0
    ) > late
    (told,) = [mail for mail in desk.mails() if mail["to"] == "boss@example.com"]
    assert case.number in told["subject"] and "返品したい" in told["body"]
    with pytest.raises(CaseTransitionError):
        desk.workflow.escalate(now, late)
    desk.workflow.solve(now, "部長", late + HOUR)
    desk.workflow.answer(desk.again(case), False, late + 2 * HOUR)
    desk.workflow.escalate(desk.again(case), late + 3 * HOUR)
    assert desk.again(case).step == "ombudsman" and next_step(desk.again(case), late) is None


def test_a_no_stays_said_and_opens_one_step_at_a_time(desk: SupportFixture) -> None:
    case = desk.workflow.open(new(), NOW)
    desk.workflow.solve(case, "佐藤", NOW)
    desk.workflow.answer(desk.again(case), False, NOW + HOUR)
    desk.workflow.customer_says(desk.again(case), "まだです", NOW + 2 * HOUR)
    desk.workflow.escalate(desk.again(case), NOW + 3 * HOUR)
    with pytest.raises(CaseTransitionError):
        desk.workflow.escalate(desk.again(case), NOW + 4 * HOUR)
    assert case_figures(desk.engine, NOW - DAY, NOW + DAY, NOW).said_no == 1
    desk.workflow.solve(desk.again(case), "部長", NOW + 5 * HOUR)
    desk.workflow.answer(desk.again(case), True, NOW + 6 * HOUR)
    found = case_figures(desk.engine, NOW - DAY, NOW + DAY, NOW)
    assert (found.said_yes, found.said_no) == (1, 0)


RUNGS = [
    ({"state": "open", "due_at": NOW + 1}, (False, "waiting", NOW + 1)),
    ({"state": "open", "due_at": NOW - 1}, (True, "late", None)),
    ({"state": "waiting"}, (False, "your turn", None)),
    ({"state": "solved"}, (False, "say whether it is solved", None)),
    ({"state": "open", "said": "no", "due_at": NOW + 1}, (True, "unsolved", None)),
]


@pytest.mark.parametrize(("values", "rung"), RUNGS)
def test_when_the_next_step_is_open(
    values: dict[str, object], rung: tuple[bool, str, int | None]
) -> None:
    found = next_step(Case("c", "N", NOW, "question", "x", **values), NOW)  # type: ignore[arg-type]
    assert (
        found is not None
        and (found.open, found.why, found.opens_at) == rung
        and found.step == "supervisor"
    )


def test_an_automatic_answer_that_helps_never_reaches_an_agent(desk: SupportFixture) -> None:
    answers = [
        Quoted("返品の方法", "https://help.example.com/ja/articles/return", "30日以内です。")
    ]
    helped, not_helped, silent = (
        desk.workflow.open(new(name, mail_message_id=f"<{name}@x>"), NOW, answers) for name in "abc"
    )
    assert desk.log.told == [] and {
        desk.again(case).state for case in (helped, not_helped, silent)
    } == {"answered"}
    assert (
        desk.mails()[0]["automatic"] == "auto-replied"
        and desk.mails()[0]["in_reply_to"] == "<a@x>"
        and "30日以内です" in desk.mails()[0]["body"]
    )
    desk.workflow.answer(helped, True, NOW + HOUR)
    desk.workflow.answer(not_helped, False, NOW + HOUR)
    assert desk.again(helped).state == "closed" and desk.again(not_helped).state == "open"
    desk.workflow.run_due(NOW + DAY)
    assert desk.again(silent).state == "answered"
    desk.workflow.run_due(NOW + 3 * DAY)
    assert desk.again(silent).state == "open"
    assert sorted(name for name, number in desk.log.told if number != helped.number) == [
        "solved_no",
        "ticket_created",
        "ticket_created",
    ]
    assert [name for name, number in desk.log.told if number == helped.number] == ["solved_yes"]


def test_spam_waits_apart_and_goes_its_way_when_a_person_says_it_is_none(
    desk: SupportFixture,
) -> None:
    case = desk.workflow.open(new(spam="links"), NOW)
    assert (
        desk.log.told == []
        and desk.mails() == []
        and desk.workflow.cases.inbox(Filter(), NOW).total == 0
    )
    assert desk.workflow.cases.inbox(Filter(state="all", spam=True), NOW).total == 1
    desk.workflow.not_spam(case, NOW + HOUR)
    assert desk.workflow.cases.inbox(Filter(), NOW).total == 1 and desk.log.names == [
        "ticket_created"
    ]


def test_a_state_from_elsewhere_counts_once(desk: SupportFixture) -> None:
    case = desk.workflow.open(new(), NOW)
    assert desk.workflow.apply_remote_state("hook:away", "e1", case, True, NOW + HOUR)
    assert not desk.workflow.apply_remote_state(
        "hook:away", "e1", desk.again(case), True, NOW + 2 * HOUR
    )
    assert desk.again(case).solved_at == NOW + HOUR and desk.log.names == [
        "ticket_created",
        "ticket_resolved",
    ]
    assert (
        desk.workflow.apply_remote_state("hook:away", "e2", desk.again(case), False, NOW + 3 * HOUR)
        and desk.again(case).state == "open"
    )


def test_what_the_log_missed_is_told_later(
    desk: SupportFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(*_args: object) -> None:
        raise OperationalError("x", {}, Exception("database is locked"))

    monkeypatch.setattr(desk.log, "record", locked)
    desk.workflow.open(new(), NOW)
    monkeypatch.undo()
    assert desk.log.names == []
    for _ in range(2):
        desk.workflow.run_due(NOW + MINUTE)
    assert desk.log.names == ["ticket_created"]


def test_nothing_is_told_of_visitors_who_wish_it_so(desk: SupportFixture) -> None:
    case = desk.workflow.open(new(recorded=False), NOW)
    desk.workflow.solve(desk.again(case), "佐藤", NOW)
    desk.workflow.run_due(NOW + DAY)
    assert desk.log.told == [] and desk.again(case).state == "solved"


@pytest.mark.parametrize(
    "words", ["返品", "ﾍﾝﾋﾟﾝ", "ヤマダ花子 返品", "HANAKO@example", "山田 つけたし"]
)
def test_the_inbox_finds_words_numbers_and_names_however_they_are_typed(
    desk: SupportFixture, words: str
) -> None:
    case = desk.workflow.open(new(message="返品、ヘンピン、ヤマダ花子"), NOW)
    desk.workflow.open(NewCase("other", "question", "送料は?"), NOW)
    desk.workflow.customer_says(case, "山田です。つけたし", NOW + 1)
    assert [one.number for one in desk.workflow.cases.inbox(Filter(words=words), NOW).cases] == [
        case.number
    ]
    assert desk.workflow.cases.by_number(f" {case.number.lower()} ") is not None


def test_what_is_overdue_stands_first(desk: SupportFixture) -> None:
    early, late = desk.workflow.open(new("a"), NOW - 10 * DAY), desk.workflow.open(new("b"), NOW)
    answered = desk.workflow.open(new("c"), NOW - 20 * DAY)
    desk.workflow.reply(answered, "佐藤", "s@example.com", "はい", NOW)
    assert [one.number for one in desk.workflow.cases.inbox(Filter(), NOW).cases] == [
        early.number,
        late.number,
        answered.number,
    ]
    assert [one.number for one in desk.workflow.cases.inbox(Filter(state="late"), NOW).cases] == [
        early.number
    ]


def test_percent_signs_are_words_like_others(desk: SupportFixture) -> None:
    desk.workflow.open(new(message="100%返金"), NOW)
    assert (
        desk.workflow.cases.inbox(Filter(words="100%"), NOW).total == 1
        and desk.workflow.cases.inbox(Filter(words="1_0"), NOW).total == 0
    )


def test_times_are_medians_and_complaints_stand_apart(desk: SupportFixture) -> None:
    for number, kind in enumerate(("question", "question", "complaint", "praise")):
        case = desk.workflow.open(new(f"f{number}", kind=kind), NOW)
        if number:
            desk.workflow.reply(
                desk.again(case), "佐藤", "s@example.com", "はい", NOW + number * HOUR
            )
            desk.workflow.solve(desk.again(case), "佐藤", NOW + (number + 2) * HOUR)
    found = case_figures(desk.engine, NOW - DAY, NOW + DAY, NOW)
    assert (
        found.all.cases,
        found.all.answered,
        found.all.first_reply_median,
        found.all.solution_median,
    ) == (3, 2, 1.5 * HOUR, 3.5 * HOUR)
    assert (found.promised, found.kept) == (2, 2)
    assert (found.complaints.cases, found.complaints.first_reply_median) == (
        1,
        2 * HOUR,
    ) and found.open_now == 1
    assert case_figures(desk.engine, NOW - DAY, NOW + DAY, NOW, language="en").all.cases == 0


def test_quantiles_by_hand() -> None:
    assert (
        quantile([1, 2, 3, 4], 0.5) == 2.5
        and quantile([10], 0.9) == 10
        and quantile([], 0.5) is None
    )
    assert clock([(0, None, None)]).first_reply_median is None


# --- found by trying to break it ---------------------------------------------------------------------------------------------------


def test_a_no_while_it_is_our_turn_opens_no_step(desk: SupportFixture) -> None:
    case = desk.workflow.open(new(), NOW)
    desk.workflow.answer(case, False, NOW + MINUTE)
    with pytest.raises(CaseTransitionError):
        desk.workflow.escalate(desk.again(case), NOW + MINUTE)


def test_spam_is_told_to_nobody(desk: SupportFixture) -> None:
    case = desk.workflow.open(new(spam="links"), NOW)
    with pytest.raises(CaseTransitionError):
        desk.workflow.answer(case, False, NOW)
    with pytest.raises(CaseTransitionError):
        desk.workflow.escalate(case, NOW + 30 * DAY)
    desk.workflow.solve(case, "佐藤", NOW)
    assert desk.log.told == [] and desk.mails() == []


def test_solved_twice_is_solved_once_and_a_second_solving_is_asked_about(
    desk: SupportFixture,
) -> None:
    case = desk.workflow.open(new(), NOW)
    for _ in range(2):
        desk.workflow.solve(case, "佐藤", NOW)
    assert (
        desk.log.names.count("ticket_resolved") == 1
        and len(desk.workflow.cases.messages(case.case_id)) == 1
    )
    desk.workflow.run_due(NOW + 2 * DAY)
    desk.workflow.answer(desk.again(case), False, NOW + 3 * DAY)
    desk.workflow.reply(desk.again(case), "佐藤", "s@example.com", "もう一度", NOW + 4 * DAY)
    desk.workflow.solve(desk.again(case), "佐藤", NOW + 4 * DAY)
    desk.workflow.run_due(NOW + 6 * DAY)
    assert (
        sum("解決しましたか" in mail["subject"] for mail in desk.mails()) == 2
        and desk.again(case).state == "solved"
    )


def test_what_the_customer_just_said_is_not_overwritten_by_what_fell_due(
    desk: SupportFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [Quoted("返品", "https://x", "30日")]
    case = desk.workflow.open(new(), NOW, answers)
    stale = desk.again(case)
    desk.workflow.answer(case, True, NOW + HOUR)
    monkeypatch.setattr(desk.workflow.cases, "due", lambda _condition, _limit=500: [stale])
    desk.workflow._release(stale, NOW + 3 * DAY)
    assert desk.again(case).state == "closed" and "ticket_created" not in desk.log.names


def test_an_automatic_reply_does_not_move_the_promise(desk: SupportFixture) -> None:
    case = desk.workflow.open(new(), NOW, [Quoted("返品", "https://x", "30日")])
    desk.workflow.answer(desk.again(case), False, NOW + HOUR)
    assert desk.again(case).due_at == case.due_at == case.promised_at


def test_a_case_handed_back_and_forth_is_handed_over_each_time(desk: SupportFixture) -> None:
    case = desk.workflow.open(new(), NOW)
    for number, place in enumerate(("away", "away", "inbox", "away")):
        desk.workflow.transfer(desk.again(case), place, "佐藤", NOW + number)
    table = schema.outbox
    with desk.engine.connect() as connection:
        states = [
            state
            for (state,) in connection.execute(
                select(table.c.state).where(table.c.action == "create").order_by(table.c.number)
            )
        ]
    assert states == ["dropped", "waiting"]


def test_another_desks_late_number_is_not_taken_for_this_ones(desk: SupportFixture) -> None:
    case = desk.workflow.open(new(), NOW)
    desk.workflow.transfer(case, "away", "佐藤", NOW)
    desk.workflow.set_external_id(Delivery("d", case.case_id, "elsewhere", "create", "k"), "33")
    assert desk.again(case).external_id == ""
    desk.workflow.set_external_id(Delivery("d", case.case_id, "away", "create", "k"), "900")
    assert desk.again(case).external_id == "900"


def test_a_step_without_an_address_tells_those_who_lead(desk: SupportFixture) -> None:
    desk.workflow.sending.house = replace(
        desk.workflow.sending.house, leads=lambda: ["lead@example.com"]
    )
    case = desk.workflow.open(new(), NOW)
    desk.workflow.solve(case, "佐藤", NOW)
    desk.workflow.answer(desk.again(case), False, NOW)
    desk.workflow.escalate(desk.again(case), NOW)
    desk.workflow.solve(desk.again(case), "佐藤", NOW)
    desk.workflow.answer(desk.again(case), False, NOW + 1)
    desk.workflow.escalate(desk.again(case), NOW + 1)
    assert [
        mail["to"] for mail in desk.mails() if "boss" in mail["to"] or "lead" in mail["to"]
    ] == ["boss@example.com", "lead@example.com"]


def test_spam_praise_and_answers_nobody_came_back_to_are_forgotten(desk: SupportFixture) -> None:
    spam, praise, waiting = (
        desk.workflow.open(new("s", spam="links"), NOW),
        desk.workflow.open(new("p", kind="praise"), NOW),
        desk.workflow.open(new("w"), NOW),
    )
    desk.workflow.reply(waiting, "佐藤", "s@example.com", "はい", NOW)
    desk.workflow.cases.purge(NOW + DAY)
    assert [desk.workflow.cases.case(one.case_id) for one in (spam, praise, waiting)] == [None] * 3


def sent_to(desk: SupportFixture, sink: str) -> list[str]:
    """What is kept for a desk, in order."""
    table = schema.outbox
    with desk.engine.connect() as connection:
        return [
            action
            for (action,) in connection.execute(
                select(table.c.action).where(table.c.sink == sink).order_by(table.c.number)
            )
        ]


@pytest.mark.parametrize("comes_back", ["says no", "writes again"])
def test_a_case_that_an_article_did_not_solve_is_handed_over_whole_before_anything_is_added(
    tmp_path: Path, comes_back: str
) -> None:
    engine = open_database(f"sqlite:///{tmp_path}/kb.sqlite")
    migrate(engine)
    desk = house(
        engine,
        parse_support("support.yml", SUPPORT + "routes: [{to: away}]\n", ZoneInfo("UTC")),
        mails=True,
    )
    case = desk.workflow.open(new(), NOW, [Quoted("返品", "https://x", "30日")])
    assert sent_to(desk, "away") == []
    if comes_back == "says no":
        desk.workflow.answer(desk.again(case), False, NOW + HOUR, text="箱がありません")
    else:
        desk.workflow.customer_says(desk.again(case), "箱がありません", NOW + HOUR)
    desk.workflow.customer_says(desk.again(case), "もう一つ", NOW + 2 * HOUR)
    assert sent_to(desk, "away") == ["create", "comment"]
