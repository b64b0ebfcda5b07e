"""What agents do beside answering: tags, snoozing, copies, files, merging, harassment."""

import io
import re
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from kb_app import create_app
from kb_app.db.served_articles import note_served, was_there
from kb_app.durations import DAY, MINUTE
from kb_app.services.container import Services
from kb_app.support.case_metrics import case_figures
from kb_app.support.case_store import Filter
from kb_app.support.desk_work import tags_of
from kb_app.support.model import Case
from kb_app.support.workflow import AnsweredMeanwhileError, CaseTransitionError
from tests.integration.kb_app.deskwork import PASSWORD, sign_in, text_of, token_in
from tests.integration.kb_app.test_agents import NEW, sent

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40


@pytest.fixture
def app(own: Services) -> Flask:
    return create_app(own)


@pytest.fixture
def at(own: Services) -> int:
    return int(own.clock().timestamp() * 1000)


@pytest.fixture
def case(own: Services, at: int) -> Case:
    return own.support.workflow.open(NEW, at)


def again(own: Services, case: Case) -> Case:
    found = own.support.cases.case(case.case_id)
    assert found is not None
    return found


def numbers(own: Services, at: int, **wanted: object) -> list[str]:
    page = own.support.cases.inbox(Filter(**wanted), at)  # type: ignore[arg-type]
    return [one.number for one in page.cases]


# --- tags ---


def test_tags_are_kept_shown_and_filtered(
    own: Services, lead: FlaskClient, case: Case, at: int
) -> None:
    assert sent(lead, case, do="tag", tags="返金、 #VIP ,返金 a'b")[0] == 303
    assert again(own, case).tag_list == ["返金", "vip", "ab"]
    assert numbers(own, at, tag="返金") == [case.number] and numbers(own, at, tag="返") == []
    assert "#返金" in text_of(lead, "/desk/cases?tag=返金")
    sent(lead, case, do="tag", tags="")
    assert again(own, case).tag_list == []


def test_tags_are_bounded() -> None:
    assert len(tags_of(" ".join(f"t{n}" for n in range(10_000)))) == 20
    assert tags_of("長" * 500) == ["長" * 40] and tags_of(" %_ ,") == ["_"]


# --- snoozing ---


def test_a_snoozed_case_comes_back_then_or_with_the_customers_word(
    own: Services, lead: FlaskClient, case: Case, at: int
) -> None:
    assert sent(lead, case, do="snooze", days="3")[0] == 303
    assert numbers(own, at) == [] and numbers(own, at, state="snoozed") == [case.number]
    assert numbers(own, at + 3 * DAY + 1) == [case.number]
    assert again(own, case).due_at == case.due_at, "what was promised stays promised"
    own.support.workflow.customer_says(again(own, case), "まだですか", at + DAY)
    assert numbers(own, at + DAY) == [case.number]
    assert sent(lead, case, do="snooze", days="400")[0] == 400


def test_an_overdue_case_is_overdue_also_while_it_is_snoozed(
    own: Services, lead: FlaskClient, case: Case, at: int
) -> None:
    sent(lead, case, do="snooze", days="30")
    assert numbers(own, at + 20 * DAY, state="late") == [case.number]


# --- copies and files ---


def test_copies_go_to_the_addresses_that_were_kept(
    own: Services, lead: FlaskClient, case: Case
) -> None:
    sent(lead, case, do="copies", cc="boss@example.com; hanako@example.com legal@example.com")
    assert again(own, case).cc_list == ["boss@example.com", "legal@example.com"]
    for wrong in ("no address", "a@b.c\r\nBcc: x@example.com", ",".join(["a@example.com"] * 9)):
        sent(lead, case, do="copies", cc=wrong)
    assert again(own, case).cc_list == ["a@example.com"], "the same one nine times"


def test_a_file_for_the_customer_is_on_the_page_of_the_case(
    own: Services, lead: FlaskClient, app: Flask, case: Case, at: int
) -> None:
    file = (io.BytesIO(PNG), "図面.png")
    form = "0b7e3a6e-7e21-4f6e-9f5a-0c7f5a3b1d11"
    status, _page = sent(
        lead,
        case,
        do="reply",
        text="図面をお送りします。",
        files=file,
        form_id=form,  # type: ignore[arg-type]
    )
    assert status == 303
    [kept] = own.support.cases.attachments(case.case_id)
    assert kept.name == "図面.png"
    link = own.support.workflow.sending.status_link(case, at).partition("://")[2].partition("/")[2]
    assert "図面.png" in app.test_client().get(f"/{link}").get_data(as_text=True)


def test_a_file_of_another_kind_stops_the_reply_and_keeps_its_text(
    own: Services, lead: FlaskClient, case: Case
) -> None:
    file = (io.BytesIO(b"MZ\x90\0" * 20), "run.exe")
    status, page = sent(lead, case, do="reply", text="実行してください", files=file)  # type: ignore[arg-type]
    assert status == 400 and "実行してください" in page and "run.exe" in page
    assert own.support.cases.attachments(case.case_id) == []


# --- merging ---


def second(own: Services, at: int, **changes: object) -> Case:
    given = {"form_id": "f2", "message": "返金の続きです", **changes}
    return own.support.workflow.open(replace(NEW, **given), at + MINUTE)  # type: ignore[arg-type]


def test_a_merged_case_goes_on_in_the_other_with_all_that_was_said(
    own: Services, lead: FlaskClient, app: Flask, case: Case, at: int
) -> None:
    other = second(own, at)
    own.support.workflow.customer_says(other, "追伸です", at + 2 * MINUTE, mail_message_id="<m@x>")
    assert sent(lead, other, do="merge", into=case.number)[0] == 303
    said = [one.text for one in own.support.cases.messages(case.case_id)]
    assert "返金の続きです" in said and "追伸です" in said
    merged = again(own, other)
    assert (merged.state, merged.merged_into) == ("closed", case.case_id)
    assert case.number in text_of(lead, f"/desk/cases/{other.number}")
    own.support.workflow.customer_says(merged, "もう一言", at + DAY)
    assert own.support.cases.messages(case.case_id)[-1].text == "もう一言"
    by_mail = own.support.cases.by_mail(["<m@x>"])
    assert by_mail is not None and by_mail.case_id == case.case_id
    link = own.support.workflow.sending.status_link(other, at).partition("://")[2].partition("/")[2]
    answer = app.test_client().get(f"/{link}")
    assert answer.status_code == 410 and "別の案件" in answer.get_data(as_text=True)
    assert "返金はいつ" not in answer.get_data(as_text=True), "anybody may have typed that address"


def test_nobody_answers_in_a_case_that_goes_on_elsewhere(
    own: Services, lead: FlaskClient, case: Case, at: int
) -> None:
    other = second(own, at)
    own.support.work.merge(other, case, "x", at)
    status, page = sent(lead, other, do="reply", text="書いた返信")
    assert status == 409 and "書いた返信" in page
    with pytest.raises(AnsweredMeanwhileError):
        own.support.workflow.reply(other, "x", "x@example.com", "同時に", at)
    assert again(own, other).state == "closed"


def test_merges_of_merges_lead_to_the_last_one(own: Services, case: Case, at: int) -> None:
    b, c = second(own, at), second(own, at, form_id="f3", message="三つ目")
    work = own.support.work
    work.merge(b, case, "x", at)
    with pytest.raises(CaseTransitionError):
        work.merge(case, b, "x", at)  # as another agent still sees it
    work.merge(again(own, case), again(own, c), "x", at)
    assert own.support.cases.going_on(again(own, b)).number == c.number
    own.support.workflow.customer_says(again(own, b), "最後の言葉", at + DAY)
    assert own.support.cases.messages(c.case_id)[-1].text == "最後の言葉"


def test_a_merge_keeps_the_higher_step_the_question_and_the_copies(
    own: Services, case: Case, at: int
) -> None:
    other = second(own, at)
    with own.support.cases.changing() as connection:
        own.support.cases.change(connection, other.case_id, at, step="supervisor", cc="a@b.jp")
        own.support.cases.change(connection, case.case_id, at, state="solved", snoozed_until=at * 2)
    own.support.work.merge(again(own, other), again(own, case), "x", at)
    merged = again(own, case)
    assert (merged.step, merged.state, merged.cc) == ("supervisor", "open", "a@b.jp")
    assert merged.due_at and not merged.snoozed_until


def test_copies_are_mails_of_their_own_without_the_customers_link(
    own: Services, case: Case, at: int
) -> None:
    support = own.support
    object.__setattr__(own.settings, "smtp_url", "smtp://127.0.0.1:9")
    object.__setattr__(own.settings, "mail_from", "Help <help@example.com>")
    support.work.copy_to(case, "boss@example.com HELP@example.com Boss@example.com", at)
    assert again(own, case).cc_list == ["Boss@example.com"], "our own address gets no copy"
    support.workflow.reply(again(own, case), "佐藤", "s@example.com", "送りました", at)
    mails = {one.payload["to"]: one.payload["body"] for one in support.outbox.listed()}
    own_mail, copy = mails["hanako@example.com"], mails["Boss@example.com"]
    assert "/cases/" in own_mail and "Boss@example.com" in own_mail
    assert "/cases/" not in copy and "送りました" in copy
    own.personal_data.erase("boss@example.com")
    assert again(own, case).cc_list == []
    assert "Boss@example.com" not in {one.payload["to"] for one in support.outbox.listed()}


def test_an_escalation_ends_a_snooze(own: Services, case: Case, at: int) -> None:
    own.support.work.snooze(case, at + 60 * DAY, at)
    own.support.workflow.escalate(again(own, case), at + 40 * DAY)
    assert again(own, case).snoozed_until is None


def test_a_mail_as_it_came_can_be_read_at_the_desk_alone(
    own: Services, lead: FlaskClient, case: Case, at: int
) -> None:
    kept = own.support.uploads.keep_mail(b"From: a@example.com\r\n\r\nx", "f9", at)
    own.support.cases.add_attachment(replace(kept, case_id=case.case_id))
    here = f"/desk/cases/{case.number}/files/{kept.attachment_id}"
    assert lead.get(here).status_code == 200


def test_files_that_were_chosen_stay_while_somebody_writes(
    own: Services, lead: FlaskClient, case: Case
) -> None:
    form = "0b7e3a6e-7e21-4f6e-9f5a-0c7f5a3b1d12"
    file = (io.BytesIO(PNG), "図面.png")
    page = sent(lead, case, do="look", text="見て", files=file, form_id=form)[1]  # type: ignore[arg-type]
    assert f'value="{form}"' in page and "図面.png" in page
    sent(lead, case, do="reply", text="見て", form_id=form)
    assert [one.name for one in own.support.cases.attachments(case.case_id)] == ["図面.png"]


def test_cases_of_two_customers_are_not_merged(
    own: Services, lead: FlaskClient, case: Case, at: int
) -> None:
    other = second(own, at, mail="taro@example.com")
    for number in (other.number, case.number, "XXXXXXXX"):
        sent(lead, case, do="merge", into=number)
    assert again(own, case).state == "open" and not again(own, case).merged_into
    assert own.support.cases.messages(other.case_id) == []


# --- two at one case ---


def test_who_is_writing_is_shown_to_the_others_for_a_minute(
    own: Services, lead: FlaskClient, app: Flask, case: Case, at: int
) -> None:
    own.users.add("taro@example.com", "agent", "太郎", password=PASSWORD)
    agent = sign_in(app, "taro@example.com")[0]
    page = text_of(agent, f"/desk/cases/{case.number}")
    token = page.split('data-csrf="')[1].split('"', maxsplit=1)[0]
    answer = agent.post(f"/desk/cases/{case.number}/writing", headers={"X-CSRFToken": token})
    assert answer.get_json() == []
    assert "太郎" in text_of(lead, f"/desk/cases/{case.number}") or (
        "taro@example.com" in text_of(lead, f"/desk/cases/{case.number}")
    )
    assert own.support.work.writers(case, at + 2 * MINUTE) == []


# --- handed over, harassment, ombudsman ---


def test_harassment_is_reported_kept_as_evidence_and_told_to_leads(
    own: Services, lead: FlaskClient, case: Case, at: int
) -> None:
    assert sent(lead, case, do="abuse", what="電話で2時間どなられた")[0] == 303
    page = text_of(lead, f"/desk/cases/{case.number}")
    assert "電話で2時間どなられた" in page and "証拠として" in page
    assert "abuse=1" in text_of(lead, "/desk/")
    own.support.workflow.solve(again(own, case), "x", at)
    own.support.cases.purge(at + 4_000 * DAY)
    assert own.support.cases.case(case.case_id) is not None
    sent(lead, case, do="no abuse")
    own.support.cases.purge(at + 4_000 * DAY)
    assert own.support.cases.case(case.case_id) is None


def escalated(own: Services, case: Case, at: int) -> Case:
    with own.support.cases.changing() as connection:
        own.support.cases.change(connection, case.case_id, at, step="ombudsman")
    return again(own, case)


def test_a_case_at_the_last_step_is_the_ombudsmans_alone(
    own: Services, lead: FlaskClient, app: Flask, case: Case, at: int
) -> None:
    escalated(own, case, at)
    assert lead.get(f"/desk/cases/{case.number}").status_code == 200, "while nobody has the role"
    own.users.add("om@example.com", "ombudsman", password=PASSWORD)
    ombudsman = sign_in(app, "om@example.com")[0]
    assert case.number in text_of(ombudsman, "/desk/cases")
    assert text_of(ombudsman, f"/desk/cases/{case.number}")
    assert lead.get(f"/desk/cases/{case.number}").status_code == 404
    assert case.number not in text_of(lead, "/desk/cases?state=all")
    assert lead.post(f"/desk/cases/{case.number}", data={"do": "take"}).status_code in (400, 404)
    assert own.support.cases.waiting(at, (), "ombudsman")[0] == 0
    found = lead.get(f"/desk/cases?words={case.number}")
    assert found.status_code == 200, "the exact number leads nowhere"
    assert f'/desk/cases/{case.number}"' not in found.get_data(as_text=True)


def test_whoever_hands_a_case_over_is_reminded_of_it_until_it_is_solved(
    own: Services, lead: FlaskClient, case: Case, at: int
) -> None:
    with own.support.cases.changing() as connection:
        own.support.cases.change(connection, case.case_id, at, handed_by="lead@example.com")
    assert "handed=1" in text_of(lead, "/desk/")
    assert case.number in text_of(lead, "/desk/cases?handed=1")
    own.support.workflow.solve(again(own, case), "x", at)
    assert "handed=1" not in text_of(lead, "/desk/")


# --- the list beside a case ---


def test_a_case_keeps_the_list_that_it_was_opened_from(
    own: Services, lead: FlaskClient, case: Case, at: int
) -> None:
    workflow = own.support.workflow
    others = [workflow.open(replace(NEW, form_id=name), at) for name in ("one", "two")]
    for one in others:
        own.support.work.tag(one, "vip", at)
    page = text_of(lead, f"/desk/cases/{others[0].number}?tag=vip")
    listed = page.split('class="case-queue"')[1].split("</nav>")[0]
    assert all(f"/desk/cases/{one.number}?tag=vip" in listed for one in others)
    assert case.number not in listed
    assert listed.count('aria-current="page"') == 1
    neighbour = re.search(r'rel="(prev|next)" href="([^"]+)"', page)
    assert neighbour and others[1].number in neighbour[2] and "tag=vip" in neighbour[2]
    answer = lead.post(
        f"/desk/cases/{others[0].number}?tag=vip",
        data={"csrf_token": token_in(page), "do": "take", "read": "0", "form_id": "x"},
    )
    assert answer.location.endswith("?tag=vip")


# --- from cases to articles ---


def test_known_and_new_articles_are_told_apart(own: Services, case: Case, at: int) -> None:
    engine = own.store.engine
    other = own.support.workflow.open(replace(NEW, form_id="later"), at)
    assert note_served(engine, ["before"], at - DAY) == 1
    assert note_served(engine, [], at - DAY) == 0
    assert note_served(engine, ["before", "after"], at + MINUTE) == 1
    assert note_served(engine, ["before", "after"], at + DAY) == 0
    for one, article in ((case, "before"), (other, "after")):
        own.support.workflow.solve(one, "Lea", at + 2 * MINUTE, article)
    found = case_figures(engine, at - DAY, at + DAY, at)
    assert (found.solved, found.linked, found.known, found.dated) == (2, 2, 1, 2)


@pytest.mark.parametrize(
    ("since", "at", "wanted"),
    [(5, 9, True), (5, 5, True), (9, 5, False), (-5, 9, True), (-9, 5, None), (None, 5, None)],
)
def test_whether_an_article_was_there(since: int | None, at: int, wanted: bool | None) -> None:
    assert was_there(since, at) is wanted


def test_the_draft_of_a_case_names_nobody(own: Services, lead: FlaskClient, case: Case) -> None:
    sent(lead, case, do="reply", text=f"Dear {case.name},\n\nPress the button, {case.name}.")
    status, _page = sent(lead, case, do="article")
    assert status == 303
    drafts = [path.read_text("utf-8") for path in own.settings.articles.rglob("*.md")]
    (draft,) = [text for text in drafts if "Press the button, [name]." in text]
    assert case.name not in draft and "Dear" not in draft
