"""The case workflow: open, reply, solve, confirm or deny, reopen and escalate."""

from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from kb_app.db import schema
from kb_app.durations import DAY, HOUR, MINUTE
from kb_app.support.case_metrics import case_figures, clock, quantile
from kb_app.support.case_store import Filter
from kb_app.support.config.file import parse_support
from kb_app.support.delivery.mail_templates import Quoted
from kb_app.support.escalation import next_step
from kb_app.support.model import Case, Delivery, NewCase
from kb_app.support.workflow import AnsweredMeanwhileError, CaseTransitionError
from tests.integration.kb_app.casework import NOW, SupportFixture, support_fixture
from tests.support import count_rows, new_database

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
def support(tmp_path: Path) -> SupportFixture:
    engine = new_database(tmp_path)
    return support_fixture(
        engine, parse_support("support.yml", SUPPORT, ZoneInfo("UTC")), mails=True
    )


def new(
    form_id: str = "form", message: str = "返品したい", kind: str = "question", **values: object
) -> NewCase:
    return NewCase(
        form_id, kind, message, name="山田花子", mail="hanako@example.com", language="ja", **values
    )  # type: ignore[arg-type]


def test_a_message_sent_twice_becomes_one_case(support: SupportFixture) -> None:
    first, second = support.workflow.open(new(), NOW), support.workflow.open(new(), NOW + HOUR)
    assert (
        first.number == second.number
        and support.log.names == ["ticket_created"]
        and len(support.mails()) == 1
    )
    # Friday 18:00 in Japan; Monday is a holiday, so the next working day is Tuesday.
    assert first.due_at == NOW + 4 * DAY and "11月24日(火) 18:00" in support.mails()[0]["body"]


def test_complaints_have_their_own_due_time_and_praise_has_none(support: SupportFixture) -> None:
    assert (
        support.workflow.open(new("c", kind="complaint"), NOW).due_at == NOW + 3 * DAY + 19 * HOUR
    )
    assert support.workflow.open(new("p", kind="praise"), NOW).due_at is None


def test_the_first_agent_to_reply_owns_the_case_even_after_a_transfer(
    support: SupportFixture,
) -> None:
    case = support.workflow.open(new(), NOW)
    assert support.workflow.reply(
        case, "佐藤", "sato@example.com", "箱はいりません。", NOW + HOUR, "once"
    )
    assert not support.workflow.reply(
        support.again(case), "佐藤", "sato@example.com", "箱はいりません。", NOW + HOUR, "once"
    )
    support.workflow.transfer(support.again(case), "away", "佐藤", NOW + 2 * HOUR)
    support.workflow.reply(
        support.again(case), "鈴木", "suzuki@example.com", "もう一度。", NOW + 3 * HOUR
    )
    now = support.again(case)
    assert (now.owner, now.desk, now.state, now.first_reply_at) == (
        "sato@example.com",
        "away",
        "waiting",
        NOW + HOUR,
    )
    with pytest.raises(CaseTransitionError):
        support.workflow.transfer(now, "nowhere", "佐藤", NOW)


def test_of_two_answers_written_at_once_the_second_is_held_back(support: SupportFixture) -> None:
    case = support.workflow.open(new(), NOW)
    before = len(support.mails())
    assert support.workflow.reply(case, "佐藤", "s@example.com", "交換します。", NOW, "one", read=0)
    with pytest.raises(AnsweredMeanwhileError):
        support.workflow.reply(
            case, "鈴木", "k@example.com", "掃除してください。", NOW, "two", read=0
        )
    said = [message.text for message in support.workflow.cases.messages(case.case_id)]
    assert said == ["交換します。"] and len(support.mails()) == before + 1
    assert support.workflow.reply(case, "鈴木", "k@example.com", "補足です。", NOW, "two", read=1)


def test_a_survey_follows_a_day_later_and_a_no_reopens_it_for_the_same_owner(
    support: SupportFixture,
) -> None:
    case = support.workflow.open(new(), NOW)
    support.workflow.reply(case, "佐藤", "sato@example.com", "こうしてください。", NOW + HOUR)
    support.workflow.solve(support.again(case), "佐藤", NOW + 2 * HOUR, "return")
    support.workflow.run_due(NOW + 25 * HOUR)
    assert not [mail for mail in support.mails() if "解決しましたか" in mail["subject"]]
    for _ in range(2):
        support.workflow.run_due(NOW + 27 * HOUR)
    (asked,) = [mail for mail in support.mails() if "解決しましたか" in mail["subject"]]
    assert "/solved?answer=yes" in asked["body"]
    support.workflow.answer(support.again(case), False, NOW + 30 * HOUR, 2, 1)
    now = support.again(case)
    assert (now.state, now.owner, now.said, now.satisfaction, now.effort) == (
        "open",
        "sato@example.com",
        "no",
        2,
        1,
    )
    assert support.log.names == ["ticket_created", "ticket_resolved", "solved_no"]


def test_a_yes_closes_a_case_and_silence_closes_it_after_a_week(support: SupportFixture) -> None:
    yes, silent = support.workflow.open(new("a"), NOW), support.workflow.open(new("b"), NOW)
    for case in (yes, silent):
        support.workflow.solve(support.again(case), "佐藤", NOW)
    support.workflow.answer(support.again(yes), True, NOW + HOUR)
    assert support.again(yes).state == "closed"
    support.workflow.run_due(NOW + 2 * DAY)
    assert support.again(silent).state == "solved"
    support.workflow.run_due(NOW + 10 * DAY)
    assert support.again(silent).state == "closed"
    support.workflow.customer_says(support.again(silent), "やはりだめでした", NOW + 11 * DAY)
    assert support.again(silent).state == "open"


def test_a_late_reply_allows_escalation_with_number_and_history(
    support: SupportFixture,
) -> None:
    case = support.workflow.open(new(kind="complaint"), NOW)
    with pytest.raises(CaseTransitionError):
        support.workflow.escalate(case, NOW + HOUR)
    late = (case.due_at or 0) + MINUTE
    support.workflow.escalate(support.again(case), late)
    now = support.again(case)
    assert (now.step, now.number, now.state) == ("supervisor", case.number, "open") and (
        now.due_at or 0
    ) > late
    (told,) = [mail for mail in support.mails() if mail["to"] == "boss@example.com"]
    assert case.number in told["subject"] and "返品したい" in told["body"]
    with pytest.raises(CaseTransitionError):
        support.workflow.escalate(now, late)
    support.workflow.solve(now, "部長", late + HOUR)
    support.workflow.answer(support.again(case), False, late + 2 * HOUR)
    support.workflow.escalate(support.again(case), late + 3 * HOUR)
    assert support.again(case).step == "ombudsman" and next_step(support.again(case), late) is None


def test_a_no_is_kept_and_allows_one_escalation_at_a_time(support: SupportFixture) -> None:
    case = support.workflow.open(new(), NOW)
    support.workflow.solve(case, "佐藤", NOW)
    support.workflow.answer(support.again(case), False, NOW + HOUR)
    support.workflow.customer_says(support.again(case), "まだです", NOW + 2 * HOUR)
    support.workflow.escalate(support.again(case), NOW + 3 * HOUR)
    with pytest.raises(CaseTransitionError):
        support.workflow.escalate(support.again(case), NOW + 4 * HOUR)
    assert case_figures(support.engine, NOW - DAY, NOW + DAY, NOW).said_no == 1
    support.workflow.solve(support.again(case), "部長", NOW + 5 * HOUR)
    support.workflow.answer(support.again(case), True, NOW + 6 * HOUR)
    found = case_figures(support.engine, NOW - DAY, NOW + DAY, NOW)
    assert (found.said_yes, found.said_no) == (1, 0)


RUNGS = [
    ({"state": "open", "due_at": NOW + 1}, (False, "waiting", NOW + 1)),
    ({"state": "open", "due_at": NOW - 1}, (True, "late", None)),
    ({"state": "waiting"}, (False, "your turn", None)),
    ({"state": "solved"}, (False, "say whether it is solved", None)),
    ({"state": "open", "said": "no", "due_at": NOW + 1}, (True, "unsolved", None)),
]


@pytest.mark.parametrize(("values", "rung"), RUNGS)
def test_when_the_next_escalation_step_is_open(
    values: dict[str, object], rung: tuple[bool, str, int | None]
) -> None:
    found = next_step(Case("c", "N", NOW, "question", "x", **values), NOW)  # type: ignore[arg-type]
    assert (
        found is not None
        and (found.open, found.why, found.opens_at) == rung
        and found.step == "supervisor"
    )


def test_a_helpful_automatic_answer_never_reaches_an_agent(support: SupportFixture) -> None:
    answers = [
        Quoted("返品の方法", "https://help.example.com/ja/articles/return", "30日以内です。")
    ]
    helped, not_helped, silent = (
        support.workflow.open(new(name, mail_message_id=f"<{name}@x>"), NOW, answers)
        for name in "abc"
    )
    assert support.log.told == [] and {
        support.again(case).state for case in (helped, not_helped, silent)
    } == {"answered"}
    assert (
        support.mails()[0]["automatic"] == "auto-replied"
        and support.mails()[0]["in_reply_to"] == "<a@x>"
        and "30日以内です" in support.mails()[0]["body"]
    )
    support.workflow.answer(helped, True, NOW + HOUR)
    support.workflow.answer(not_helped, False, NOW + HOUR)
    assert support.again(helped).state == "closed" and support.again(not_helped).state == "open"
    support.workflow.run_due(NOW + DAY)
    assert support.again(silent).state == "answered"
    support.workflow.run_due(NOW + 3 * DAY)
    assert support.again(silent).state == "open"
    assert sorted(name for name, number in support.log.told if number != helped.number) == [
        "solved_no",
        "ticket_created",
        "ticket_created",
    ]
    assert [name for name, number in support.log.told if number == helped.number] == ["solved_yes"]


def test_spam_is_quarantined_until_a_person_releases_it(
    support: SupportFixture,
) -> None:
    case = support.workflow.open(new(spam="links"), NOW)
    assert (
        support.log.told == []
        and support.mails() == []
        and support.workflow.cases.inbox(Filter(), NOW).total == 0
    )
    assert support.workflow.cases.inbox(Filter(state="all", spam=True), NOW).total == 1
    support.workflow.not_spam(case, NOW + HOUR)
    assert support.workflow.cases.inbox(Filter(), NOW).total == 1 and support.log.names == [
        "ticket_created"
    ]


def test_a_remote_state_is_applied_once(support: SupportFixture) -> None:
    case = support.workflow.open(new(), NOW)
    assert support.workflow.apply_remote_state([("hook:away", "e1")], case, True, NOW + HOUR)
    assert not support.workflow.apply_remote_state(
        [("hook:away", "e1")], support.again(case), True, NOW + 2 * HOUR
    )
    assert support.again(case).solved_at == NOW + HOUR and support.log.names == [
        "ticket_created",
        "ticket_resolved",
    ]
    assert (
        support.workflow.apply_remote_state(
            [("hook:away", "e2")], support.again(case), False, NOW + 3 * HOUR
        )
        and support.again(case).state == "open"
    )


def test_events_that_the_log_missed_are_recorded_later(
    support: SupportFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(*_args: object) -> None:
        raise OperationalError("x", {}, Exception("database is locked"))

    monkeypatch.setattr(support.log, "record", locked)
    support.workflow.open(new(), NOW)
    monkeypatch.undo()
    assert support.log.names == []
    for _ in range(2):
        support.workflow.run_due(NOW + MINUTE)
    assert support.log.names == ["ticket_created"]


def test_no_events_are_recorded_for_visitors_who_opted_out(support: SupportFixture) -> None:
    case = support.workflow.open(new(recorded=False), NOW)
    support.workflow.solve(support.again(case), "佐藤", NOW)
    support.workflow.run_due(NOW + DAY)
    assert support.log.told == [] and support.again(case).state == "solved"


@pytest.mark.parametrize(
    "words", ["返品", "ﾍﾝﾋﾟﾝ", "ヤマダ花子 返品", "HANAKO@example", "山田 つけたし"]
)
def test_the_inbox_search_finds_words_numbers_and_names_in_any_spelling(
    support: SupportFixture, words: str
) -> None:
    case = support.workflow.open(new(message="返品、ヘンピン、ヤマダ花子"), NOW)
    support.workflow.open(NewCase("other", "question", "送料は?"), NOW)
    support.workflow.customer_says(case, "山田です。つけたし", NOW + 1)
    assert [one.number for one in support.workflow.cases.inbox(Filter(words=words), NOW).cases] == [
        case.number
    ]
    assert support.workflow.cases.by_number(f" {case.number.lower()} ") is not None


def test_overdue_cases_are_listed_first(support: SupportFixture) -> None:
    early, late = (
        support.workflow.open(new("a"), NOW - 10 * DAY),
        support.workflow.open(new("b"), NOW),
    )
    answered = support.workflow.open(new("c"), NOW - 20 * DAY)
    support.workflow.reply(answered, "佐藤", "s@example.com", "はい", NOW)
    assert [one.number for one in support.workflow.cases.inbox(Filter(), NOW).cases] == [
        early.number,
        late.number,
        answered.number,
    ]
    assert [
        one.number for one in support.workflow.cases.inbox(Filter(state="late"), NOW).cases
    ] == [early.number]


def test_wildcards_are_searched_literally(support: SupportFixture) -> None:
    support.workflow.open(new(message="100%返金"), NOW)
    assert (
        support.workflow.cases.inbox(Filter(words="100%"), NOW).total == 1
        and support.workflow.cases.inbox(Filter(words="1_0"), NOW).total == 0
    )


def test_times_are_medians_and_complaints_are_separate(support: SupportFixture) -> None:
    for number, kind in enumerate(("question", "question", "complaint", "praise")):
        case = support.workflow.open(new(f"f{number}", kind=kind), NOW)
        if number:
            support.workflow.reply(
                support.again(case), "佐藤", "s@example.com", "はい", NOW + number * HOUR
            )
            support.workflow.solve(support.again(case), "佐藤", NOW + (number + 2) * HOUR)
    found = case_figures(support.engine, NOW - DAY, NOW + DAY, NOW)
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
    assert case_figures(support.engine, NOW - DAY, NOW + DAY, NOW, language="en").all.cases == 0


def test_quantiles_match_hand_computed_values() -> None:
    assert (
        quantile([1, 2, 3, 4], 0.5) == 2.5
        and quantile([10], 0.9) == 10
        and quantile([], 0.5) is None
    )
    assert clock([(0, None, None)]).first_reply_median is None


# --- adversarial cases ---


def test_a_no_before_a_reply_allows_no_escalation(support: SupportFixture) -> None:
    case = support.workflow.open(new(), NOW)
    support.workflow.answer(case, False, NOW + MINUTE)
    with pytest.raises(CaseTransitionError):
        support.workflow.escalate(support.again(case), NOW + MINUTE)


def test_spam_triggers_no_events_and_no_mails(support: SupportFixture) -> None:
    case = support.workflow.open(new(spam="links"), NOW)
    with pytest.raises(CaseTransitionError):
        support.workflow.answer(case, False, NOW)
    with pytest.raises(CaseTransitionError):
        support.workflow.escalate(case, NOW + 30 * DAY)
    support.workflow.solve(case, "佐藤", NOW)
    assert support.log.told == [] and support.mails() == []


def test_solving_is_idempotent_and_a_second_solution_is_surveyed_again(
    support: SupportFixture,
) -> None:
    case = support.workflow.open(new(), NOW)
    for _ in range(2):
        support.workflow.solve(case, "佐藤", NOW)
    assert (
        support.log.names.count("ticket_resolved") == 1
        and len(support.workflow.cases.messages(case.case_id)) == 1
    )
    support.workflow.run_due(NOW + 2 * DAY)
    support.workflow.answer(support.again(case), False, NOW + 3 * DAY)
    support.workflow.reply(support.again(case), "佐藤", "s@example.com", "もう一度", NOW + 4 * DAY)
    support.workflow.solve(support.again(case), "佐藤", NOW + 4 * DAY)
    support.workflow.run_due(NOW + 6 * DAY)
    assert (
        sum("解決しましたか" in mail["subject"] for mail in support.mails()) == 2
        and support.again(case).state == "solved"
    )


def test_a_customer_answer_is_not_overwritten_by_a_stale_due_job(
    support: SupportFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [Quoted("返品", "https://x", "30日")]
    case = support.workflow.open(new(), NOW, answers)
    stale = support.again(case)
    support.workflow.answer(case, True, NOW + HOUR)
    monkeypatch.setattr(support.workflow.cases, "due", lambda _condition, _limit=500: [stale])
    support.workflow._release(stale, NOW + 3 * DAY)
    assert support.again(case).state == "closed" and "ticket_created" not in support.log.names


def test_an_automatic_reply_does_not_move_the_due_time(support: SupportFixture) -> None:
    case = support.workflow.open(new(), NOW, [Quoted("返品", "https://x", "30日")])
    support.workflow.answer(support.again(case), False, NOW + HOUR)
    assert support.again(case).due_at == case.due_at == case.promised_at


def test_a_case_moved_back_and_forth_is_handed_over_each_time(support: SupportFixture) -> None:
    case = support.workflow.open(new(), NOW)
    for number, place in enumerate(("away", "away", "inbox", "away")):
        support.workflow.transfer(support.again(case), place, "佐藤", NOW + number)
    table = schema.outbox
    with support.engine.connect() as connection:
        states = [
            state
            for (state,) in connection.execute(
                select(table.c.state).where(table.c.action == "create").order_by(table.c.number)
            )
        ]
    assert states == ["dropped", "waiting"]


def test_a_late_external_id_of_another_ticket_system_is_ignored(support: SupportFixture) -> None:
    case = support.workflow.open(new(), NOW)
    support.workflow.transfer(case, "away", "佐藤", NOW)
    support.workflow.set_external_id(Delivery("d", case.case_id, "elsewhere", "create", "k"), "33")
    assert support.again(case).external_id == ""
    support.workflow.set_external_id(Delivery("d", case.case_id, "away", "create", "k"), "900")
    assert support.again(case).external_id == "900"


def test_an_escalation_step_without_an_address_notifies_the_leads(support: SupportFixture) -> None:
    support.workflow.sending.house = replace(
        support.workflow.sending.house, leads=lambda: ["lead@example.com"]
    )
    case = support.workflow.open(new(), NOW)
    support.workflow.solve(case, "佐藤", NOW)
    support.workflow.answer(support.again(case), False, NOW)
    support.workflow.escalate(support.again(case), NOW)
    support.workflow.solve(support.again(case), "佐藤", NOW)
    support.workflow.answer(support.again(case), False, NOW + 1)
    support.workflow.escalate(support.again(case), NOW + 1)
    assert [
        mail["to"] for mail in support.mails() if "boss" in mail["to"] or "lead" in mail["to"]
    ] == ["boss@example.com", "lead@example.com"]


def test_spam_praise_and_silent_waiting_cases_are_purged(support: SupportFixture) -> None:
    spam, praise, waiting = (
        support.workflow.open(new("s", spam="links"), NOW),
        support.workflow.open(new("p", kind="praise"), NOW),
        support.workflow.open(new("w"), NOW),
    )
    support.workflow.reply(waiting, "佐藤", "s@example.com", "はい", NOW)
    support.workflow.cases.purge(NOW + DAY)
    assert [support.workflow.cases.case(one.case_id) for one in (spam, praise, waiting)] == [
        None
    ] * 3


def sent_to(support: SupportFixture, sink: str) -> list[str]:
    """The outbox actions for a sink, in order."""
    table = schema.outbox
    with support.engine.connect() as connection:
        return [
            action
            for (action,) in connection.execute(
                select(table.c.action).where(table.c.sink == sink).order_by(table.c.number)
            )
        ]


@pytest.mark.parametrize("comes_back", ["says no", "writes again"])
def test_an_unsolved_case_is_handed_over_before_its_comments(
    tmp_path: Path, comes_back: str
) -> None:
    engine = new_database(tmp_path)
    support = support_fixture(
        engine,
        parse_support("support.yml", SUPPORT + "routes: [{to: away}]\n", ZoneInfo("UTC")),
        mails=True,
    )
    case = support.workflow.open(new(), NOW, [Quoted("返品", "https://x", "30日")])
    assert sent_to(support, "away") == []
    if comes_back == "says no":
        support.workflow.answer(support.again(case), False, NOW + HOUR, text="箱がありません")
    else:
        support.workflow.customer_says(support.again(case), "箱がありません", NOW + HOUR)
    support.workflow.customer_says(support.again(case), "もう一つ", NOW + 2 * HOUR)
    assert sent_to(support, "away") == ["create", "comment"]


def test_an_acknowledgement_carries_no_words_of_the_sender(support: SupportFixture) -> None:
    bait = "当選しました https://evil.example/x"
    support.workflow.open(new("f1", bait), NOW)
    (mail,) = support.mails()
    assert "evil" not in str(mail) and "山田" not in str(mail)
    assert "お心当たりのないとき" in mail["body"]


def test_one_address_gets_few_acknowledgements_a_day(support: SupportFixture) -> None:
    for number in range(10):
        support.workflow.open(new(f"f{number}", f"件 {number}"), NOW + number)
    assert len(support.mails()) == 3
    assert count_rows(support.engine, schema.cases) == 10
    support.workflow.open(new("next day"), NOW + 2 * DAY)
    assert len(support.mails()) == 4
