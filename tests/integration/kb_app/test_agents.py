"""Agents at a case: saved replies, any article, the mail as it will be sent, calls."""

import re
from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from indexer.editing.model import digest_of
from kb_app.services.container import Services
from kb_app.support.config.replies import ReplyError, filled, problem_of, read_replies
from kb_app.support.delivery import mail_templates
from kb_app.support.model import Case, NewCase
from tests.integration.kb_app.deskwork import post, text_of, token_in

NEW = NewCase("f1", "question", "返金はいつですか", "山田花子", "hanako@example.com", "ja")


@pytest.fixture
def case(own: Services) -> Case:
    return own.support.workflow.open(NEW, int(own.clock().timestamp() * 1000))


def sent(lead: FlaskClient, case: Case, **form: str) -> tuple[int, str]:
    page = text_of(lead, f"/desk/cases/{case.number}")
    read = re.search(r'name="read" value="(\d+)"', page).group(1)  # type: ignore[union-attr]
    data = {"csrf_token": token_in(page), "read": read, "form_id": "x", **form}
    answer = lead.post(f"/desk/cases/{case.number}", data=data)
    return answer.status_code, answer.get_data(as_text=True)


def answer_in(page: str) -> str:
    return page.split('id="text"')[1].split(">", 1)[1].split("</textarea>", maxsplit=1)[0]


def replies(own: Services, case: Case) -> list[str]:
    return [one.text for one in own.support.cases.messages(case.case_id) if one.author == "agent"]


# --- saved replies ---


def save(lead: FlaskClient, **form: str) -> int:
    token = token_in(text_of(lead, "/desk/replies"))
    return lead.post("/desk/replies", data={"do": "save", "csrf_token": token, **form}).status_code


def test_a_saved_reply_is_filled_in_for_the_case(
    own: Services, lead: FlaskClient, case: Case
) -> None:
    text = "{{ name }} 様\n受付番号 {{number}} の件、{{ agent }}が承ります。"
    assert save(lead, lang="ja", name="受付", text=text) == 303
    assert save(lead, lang="en", name="Received", text="Dear {{ name }},") == 303
    page = text_of(lead, f"/desk/cases/{case.number}")
    assert ">受付<" in page and ">Received<" not in page, "those of the customer's language"
    status, page = sent(lead, case, do="fill", saved="受付", text="まず。")
    expected = f"まず。\n\n山田花子 様\n受付番号 {case.number} の件、Hanakoが承ります。"
    assert status == 200 and answer_in(page) == expected
    assert replies(own, case) == [], "nothing is sent"


def test_a_reply_is_renamed_changed_and_removed(own: Services, lead: FlaskClient) -> None:
    def stored() -> dict[str, str]:
        text = (own.settings.articles / "replies.yml").read_text(encoding="utf-8")
        return dict(read_replies(text)["ja"])

    save(lead, lang="ja", name="甲", text="一")
    known = {"before": "甲", "digest": digest_of("一\n"), "lang": "ja"}
    assert save(lead, name="乙", text="二", **known) == 303
    assert stored() == {"乙": "二\n"}
    assert save(lead, name="乙", text="三", **known) == 409, "it is not there any more"
    save(lead, lang="ja", name="丙", text="三")
    now = {"before": "丙", "digest": digest_of("三\n"), "lang": "ja"}
    assert save(lead, name="乙", text="三", **now) == 409, "there is one of that name"
    assert save(lead, name="丙", text="x", **now | {"digest": digest_of("old")}) == 409
    assert save(lead, name="乙", do="remove", **now) == 303, "the one that was shown"
    assert stored() == {"乙": "二\n"}


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"lang": "ja", "name": "甲", "text": "{{ order }} です"}, "order"),
        ({"lang": "日本", "name": "甲", "text": "x"}, "日本"),
        ({"lang": "ja", "name": "", "text": "x"}, "name"),
        ({"lang": "ja", "name": "甲", "text": " "}, "text"),
        ({"lang": "ja", "name": "甲", "text": "長" * 10_001}, "10000"),
    ],
)
def test_a_reply_that_cannot_be_used_is_not_saved_and_not_lost(
    lead: FlaskClient, form: dict[str, str], said: str
) -> None:
    token = token_in(text_of(lead, "/desk/replies"))
    answer = lead.post("/desk/replies", data={"do": "save", "csrf_token": token, **form})
    page = answer.get_data(as_text=True)
    assert answer.status_code == 400 and said in page and form["text"].strip() in page


@pytest.mark.parametrize(
    "text", ["[", "ja: x", "- a", "a: &a [*a]", "x" * 600_000, "ja: [a]", "ja: {a: [1]}"]
)
def test_a_broken_file_of_replies_says_so_and_nothing_else_fails(
    own: Services, lead: FlaskClient, case: Case, text: str
) -> None:
    (own.settings.articles / "replies.yml").write_text(text, encoding="utf-8")
    with pytest.raises(ReplyError, match=r"replies\.yml"):
        read_replies(text)
    assert "replies.yml" in text_of(lead, "/desk/replies")
    assert sent(lead, case, do="fill", saved="x", text="残る文")[1].count("残る文") == 1
    assert text_of(lead, f"/desk/cases/{case.number}")


def test_variables_are_filled_or_refused() -> None:
    assert filled("{{name}}/{{ number }}/{ name }", {"name": "花"}) == "花//{ name }"
    with pytest.raises(ReplyError, match="order"):
        filled("{{ order }}", {})
    assert problem_of("ja", "甲", "{{ name }}") == ""


# --- articles and the mail ---


def test_any_article_is_found_by_words_and_its_answer_inserted(
    own: Services, lead: FlaskClient, case: Case
) -> None:
    status, page = sent(lead, case, do="find", find="パスワードを忘れた", text="お答えします。")
    assert status == 200 and answer_in(page) == "お答えします。"
    assert 'value="insert:ja-account-password"' in page
    form = {"find": "パスワードを忘れた", "text": "お答えします。"}
    page = sent(lead, case, do="insert:ja-account-password", **form)[1]
    text = answer_in(page)
    assert "再設定できます" in text and "/ja/articles/" in text
    assert re.search(r'value="ja-account-password"\s+selected', page)
    sent(lead, case, do="reply", text=text, article_id="ja-account-password")
    (reply,) = replies(own, case)
    assert reply.count("/ja/articles/") == 1, "its address is not added again"


def test_what_customers_cannot_read_is_not_inserted(
    own: Services, lead: FlaskClient, case: Case
) -> None:
    internal = next(
        card.id
        for card in own.live.current().articles.summaries.values()  # type: ignore[union-attr]
        if card.audience == "internal"
    )
    page = sent(lead, case, do=f"insert:{internal}", text="元の文")[1]
    assert answer_in(page) == "元の文" and "挿入しませんでした" in page


def test_enter_in_the_field_for_articles_sends_nothing(lead: FlaskClient, case: Case) -> None:
    page = text_of(lead, f"/desk/cases/{case.number}")
    form = page.split('id="reply"')[1]
    assert re.search(r'<button[^>]*value="(\w+)"', form).group(1) == "find"  # type: ignore[union-attr]


def test_the_mail_is_seen_before_it_is_sent(own: Services, lead: FlaskClient, case: Case) -> None:
    page = sent(lead, case, do="look", text="明日お送りします。")[1]
    shown = page.split('id="as-mail"')[1].split("</section>")[0]
    assert "山田花子 様" in shown and "明日お送りします。" in shown and case.number in shown
    assert replies(own, case) == [] and answer_in(page) == "明日お送りします。"


@pytest.mark.parametrize(
    ("name", "text", "greets"),
    [
        ("Hanako", "Dear Hanako,\n\nWe exchange it.", True),
        ("Hanako", "Hello Hanako!\nWe exchange it.", True),
        ("Hanako", "Hi,\nWe exchange it.", True),
        ("Mr Smith", "Dear Mr. Smith,\nWe exchange it.", True),
        ("Mr Smith", "Good morning Ms Yamada,\nWe exchange it.", True),
        ("Hanako Yamada", "Hanako,\nWe exchange it.", True),
        ("Hanako", "We exchange it.\nSoon.", False),
        ("Al", "All items are there.\nSoon.", False),
        ("Hanako", "Hi-res pictures are here.\nSoon.", False),
        ("Hanako", "Hello Hanako", False),
        ("山田花子", "山田様、\n\n交換します。", True),
        ("山田 花子", "山田花子様\n\n交換します。", True),
        ("山田花子", "山田さん\n交換します。", True),
        ("株式会社 山田", "株式会社 山田 御中\n交換します。", True),
        ("山田花子", "お客様\n交換します。", True),
        ("林", "森林の写真です。\n交換します。", False),
        ("山田花子", "送り先は次の住所のお客様\n東京都", False),
        ("山田花子", "交換します。", False),
    ],
)
def test_nobody_is_greeted_twice_or_not_at_all(name: str, text: str, greets: bool) -> None:
    from kb_app.support.delivery.mail_templates import greeting

    given = Case("c", "N", 0, "question", "m", name=name, language="ja" if name > "z" else "en")
    assert (greeting(given, text) == "") is greets


def test_the_mails_of_a_case_refer_to_each_other(own: Services) -> None:
    support = own.support
    at = int(own.clock().timestamp() * 1000)
    with support.cases.changing() as connection:
        assert support.cases.thread(connection, "none") == []
    case = support.workflow.open(replace(NEW, form_id="m", mail_message_id="<first@c.jp>"), at)
    with support.cases.changing() as connection:
        assert support.cases.thread(connection, case.case_id) == ["<first@c.jp>"]


# --- cases by hand, other cases, what is new ---


def phone_case(lead: FlaskClient, **form: str) -> tuple[int, str]:
    token = token_in(text_of(lead, "/desk/cases/new"))
    data = {
        "channel": "phone",
        "kind": "problem",
        "text": "電話: 箱がつぶれていた",
        "name": "山田花子",
        "mail": "Hanako@example.com",
        "language": "ja",
        "csrf_token": token,
        **form,
    }
    answer = lead.post("/desk/cases/new", data=data)
    return answer.status_code, answer.location or answer.get_data(as_text=True)


def test_a_call_becomes_a_case_of_who_took_it(own: Services, lead: FlaskClient, case: Case) -> None:
    status, place = phone_case(lead)
    assert status == 303
    made = own.support.cases.by_number(place.rsplit("/", 1)[1])
    assert made and (made.channel, made.owner) == ("phone", "lead@example.com")
    page = text_of(lead, place)
    assert "電話" in page and "このお客様のほかの案件" in page and case.number in page


def test_the_same_form_sent_twice_is_one_case(lead: FlaskClient) -> None:
    form_id = "0a0a0a0a-0000-4000-8000-000000000000"
    assert phone_case(lead, form_id=form_id)[1] == phone_case(lead, form_id=form_id)[1]


@pytest.mark.parametrize(
    ("field", "value"),
    [("text", " "), ("mail", "nobody"), ("kind", "x"), ("channel", "mail"), ("name", "長" * 300)],
)
def test_a_wrong_field_of_a_case_by_hand_is_named_and_the_rest_stays(
    lead: FlaskClient, field: str, value: str
) -> None:
    status, page = phone_case(lead, **{field: value})
    assert status == 400 and 'role="alert"' in page
    assert field == "text" or "箱がつぶれていた" in page


def test_an_inbox_left_open_learns_what_is_new(lead: FlaskClient, own: Services) -> None:
    before = lead.get("/desk/cases/waiting").get_json()
    assert before["count"] == 0
    own.support.workflow.open(NEW, int(own.clock().timestamp() * 1000))
    after = lead.get("/desk/cases/waiting").get_json()
    assert after["count"] == 1 and after["newest"] > before["newest"]


def test_an_automatic_reply_is_in_the_thread_for_the_desk(own: Services, lead: FlaskClient) -> None:
    quoted = mail_templates.Quoted("返金の時期", "https://x.example/ja/articles/refund", "5営業日")
    at = int(own.clock().timestamp() * 1000)
    sending = own.support.workflow.sending
    sending._post.can_mail = lambda: True  # type: ignore[method-assign]
    case = own.support.workflow.open(replace(NEW, form_id="auto"), at, [quoted])
    page = text_of(lead, f"/desk/cases/{case.number}")
    assert "自動で返信" in page and "5営業日" in page


def test_whoever_is_named_in_the_support_file_is_told_of_a_new_case(own: Services) -> None:
    (own.settings.articles / "support.yml").write_text(
        "ladder: {desk: {reply: 1 day, mail: team@example.com}}\n", encoding="utf-8"
    )
    own.support.workflow.sending._post.can_mail = lambda: True  # type: ignore[method-assign]
    at = int(own.clock().timestamp() * 1000)
    own.support.workflow.open(replace(NEW, form_id="told"), at)
    own.support.workflow.open(replace(NEW, form_id="spam", spam="links"), at)
    told = [one for one in own.support.outbox.listed() if one.sink == "steps"]
    assert [one.payload["to"] for one in told] == ["team@example.com"]


def test_only_agents_and_leads_use_these_pages(own: Services, lead: FlaskClient) -> None:
    from kb_app import create_app
    from tests.integration.kb_app.deskwork import sign_in

    writer = sign_in(create_app(own), "writer@example.com")[0]
    for path in ("/desk/replies", "/desk/cases/new", "/desk/cases/waiting"):
        assert writer.get(path).status_code == 403
        assert lead.get(path).status_code == 200
    assert post(lead, "/desk/cases/new", channel="phone", kind="question", text="x", language="en")


# --- what a stranger broke ---


def test_another_text_in_the_same_form_is_another_reply(
    own: Services, lead: FlaskClient, case: Case
) -> None:
    for text in ("一つ目", "一つ目", "二つ目、別の文"):
        sent(lead, case, do="reply", text=text, form_id="0a0a0a0a-0000-4000-8000-000000000000")
    assert replies(own, case) == ["一つ目", "二つ目、別の文"]
    other = {"form_id": "0b0b0b0b-0000-4000-8000-000000000000"}
    assert phone_case(lead, **other)[1] != phone_case(lead, text="別の電話", **other)[1]


def test_a_reply_that_is_too_long_is_kept_in_its_field(
    own: Services, lead: FlaskClient, case: Case
) -> None:
    status, page = sent(lead, case, do="reply", text="長" * 100_001)
    assert status == 400 and "長" * 1_000 in page and replies(own, case) == []


def test_a_link_that_begins_like_another_is_added(
    own: Services, lead: FlaskClient, case: Case
) -> None:
    card = own.live.current().articles.summaries["ja-returns-refund"]  # type: ignore[union-attr]
    text = f"見てください。 /ja/articles/{card.slug}-policy"
    sent(lead, case, do="reply", text=text, article_id=card.id)
    assert card.title in replies(own, case)[0]


def test_later_mails_of_the_customer_are_in_the_thread(own: Services, case: Case) -> None:
    support, at = own.support, int(own.clock().timestamp() * 1000)
    support.workflow.customer_says(case, "まだです", at + 1, "o", "<second@c.jp>")
    with support.cases.changing() as connection:
        assert support.cases.thread(connection, case.case_id)[-1] == "<second@c.jp>"


def test_references_are_whole_ids_and_the_last_ones() -> None:
    from kb_app.support.delivery.notifications import references

    ids = [f"<{number}{'a' * 90}@example.com>" for number in range(20)]
    found = references(ids).split()
    assert found == ids[-len(found) :] and len(" ".join(found)) <= 800 and len(found) > 5


def test_whoever_is_told_of_a_case_is_told_when_an_automatic_answer_did_not_help(
    own: Services,
) -> None:
    (own.settings.articles / "support.yml").write_text(
        "ladder: {desk: {reply: 1 day, mail: team@example.com}}\n", encoding="utf-8"
    )
    support, at = own.support, int(own.clock().timestamp() * 1000)
    support.workflow.sending._post.can_mail = lambda: True  # type: ignore[method-assign]
    quoted = mail_templates.Quoted("返金", "https://x.example/ja/articles/refund", "5営業日")
    made = support.workflow.open(replace(NEW, form_id="auto2"), at, [quoted])
    assert not [one for one in support.outbox.listed() if one.sink == "steps"]
    support.workflow.answer(made, False, at + 1)
    assert len([one for one in support.outbox.listed() if one.sink == "steps"]) == 1


def test_a_stale_page_does_not_treat_a_case_as_spam(lead: FlaskClient, case: Case) -> None:
    assert sent(lead, case, do="not spam")[0] == 303


def test_an_open_inbox_hears_of_every_word_of_a_customer(
    own: Services, lead: FlaskClient, case: Case
) -> None:
    before = lead.get("/desk/cases/waiting").get_json()["newest"]
    at = int(own.clock().timestamp() * 1000)
    own.support.workflow.customer_says(case, "もう一つあります", at + 5_000, "again")
    assert lead.get("/desk/cases/waiting").get_json()["newest"] > before
