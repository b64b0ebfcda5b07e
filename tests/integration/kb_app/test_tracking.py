"""Which events of visitors are recorded, and which are not."""

import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient

from kb_app import create_app
from kb_app.analytics.model import ActionEvent, QueryEvent
from kb_app.db import schema
from kb_app.services.container import Services
from search.embedding.background import DisabledEmbedder
from tests.integration.kb_app.deskwork import PASSWORD, sign_in
from tests.support import build_folder, count_rows, make_services, write_article

BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
ARTICLE = "/ja/articles/refund"
Log = Callable[[], tuple[list[QueryEvent], list[ActionEvent]]]


@pytest.fixture
def own(articles: Path, data: Path, tmp_path: Path) -> Iterator[Services]:
    """A site with its own log."""
    made = make_services(
        articles,
        data,
        DisabledEmbedder(),
        database_url=f"sqlite:///{tmp_path / 'log.sqlite'}",
        survey_share=0,
    )
    yield made
    made.events.close()


def client(services: Services, **headers: str) -> FlaskClient:
    made = create_app(services).test_client()
    made.environ_base |= {
        "HTTP_" + name.upper().replace("-", "_"): value
        for name, value in (BROWSER | headers).items()
    }
    return made


@pytest.fixture
def visitor(own: Services) -> FlaskClient:
    return client(own)


@pytest.fixture
def log(own: Services) -> Log:
    def read() -> tuple[list[QueryEvent], list[ActionEvent]]:
        assert own.events.flush(5)
        return own.store.queries(0, 2**60, bots=True), own.store.actions(0, 2**60)

    return read


def names(actions: list[ActionEvent]) -> list[str]:
    return sorted(action.action_name for action in actions)


def send(visitor: FlaskClient, *actions: dict[str, Any], **headers: str) -> int:
    return visitor.post(
        "/api/v1/events", json={"actions": list(actions)}, headers=headers
    ).status_code


def ask(visitor: FlaskClient, log: Log, text: str = "返金の時期") -> str:
    visitor.get(f"/ja/search?q={text}")
    return log()[0][-1].query_id


def test_a_search_is_recorded_with_its_results(visitor: FlaskClient, log: Log) -> None:
    visitor.get("/ja/search?q=返金の時期 090-1234-5678&section=returns")
    (query,), _ = log()
    assert (
        query.user_query == "返金の時期 [phone]"
        and query.filters == {"section": "returns"}
        and query.channel == "site"
    )
    assert (
        query.hit_ids[0] == "ja-returns-refund"
        and query.section == "returns"
        and query.language == "ja"
        and query.arms == "keyword"
    )
    assert query.client_id == visitor.get_cookie("kb_client").value  # type: ignore[union-attr]


def test_api_searches_and_selected_suggestions_are_recorded(visitor: FlaskClient, log: Log) -> None:
    visitor.get("/api/v1/search?q=返金&lang=ja")
    visitor.get(f"{ARTICLE}?typed=へんき")
    queries, actions = log()
    taken = {query.channel: query for query in queries}["suggest"]
    assert taken.origin == "suggestion" and {query.channel for query in queries} == {
        "api",
        "suggest",
    }
    assert names(actions) == ["click", "view"] and actions[0].query_id == taken.query_id


def test_a_click_counts_once_even_if_the_page_is_reloaded(visitor: FlaskClient, log: Log) -> None:
    query_id = ask(visitor, log)
    for _ in range(3):
        visitor.get(f"{ARTICLE}?from={query_id}&at=2")
    _, actions = log()
    assert [action.position for action in actions if action.action_name == "click"] == [
        2
    ] and names(actions).count("view") == 1


def test_a_new_query_from_the_results_is_a_refinement_but_paging_is_not(
    visitor: FlaskClient, log: Log
) -> None:
    first = ask(visitor, log)
    visitor.get(f"/ja/search?q=返金&from={first}")
    visitor.get(f"/ja/search?q=返金&page=2&of={first}")
    queries, actions = log()
    assert sorted(query.origin for query in queries) == ["refinement", "typed"] and actions[
        0
    ].attributes == {"from": first}


@pytest.mark.parametrize("wish", [{"Sec-GPC": "1"}, {"DNT": "1"}])
def test_with_a_privacy_signal_there_is_no_cookie_and_only_totals_count(
    own: Services, log: Log, wish: dict[str, str]
) -> None:
    quiet = client(own, **wish)
    answer = quiet.get("/ja/search?q=返金")
    (query,), _ = log()
    assert query.client_id is None and "Set-Cookie" not in answer.headers


def test_staff_are_not_counted(own: Services, log: Log) -> None:
    own.users.add("lead@example.com", "lead", password=PASSWORD)
    staff, status = sign_in(create_app(own), "lead@example.com")
    assert status == 302
    staff.get("/ja/search?q=返金", headers=BROWSER)
    staff.get(ARTICLE, headers=BROWSER)
    assert log() == ([], [])


def test_bots_are_flagged_and_their_actions_are_ignored(own: Services, log: Log) -> None:
    bot = client(
        own,
        **{
            "User-Agent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
        },
    )
    bot.get("/ja/search?q=返金")
    bot.get(ARTICLE)
    queries, actions = log()
    assert (
        [query.bot for query in queries] == [True]
        and actions == []
        and own.store.losses("2000-01-01", "2999-01-01") == {"bot action": 1}
    )


def test_nothing_is_recorded_before_consent(articles: Path, data: Path, tmp_path: Path) -> None:
    services = make_services(
        articles,
        data,
        DisabledEmbedder(),
        database_url=f"sqlite:///{tmp_path / 'c.sqlite'}",
        consent="ask",
    )
    visitor = client(services)
    page = visitor.get("/ja/search?q=返金")
    assert (
        "記録してもよろしいですか" in page.get_data(as_text=True)
        and "Set-Cookie" not in page.headers
    )
    services.events.flush()
    assert count_rows(services.store.engine, schema.queries) == 0
    back = visitor.post("/ja/privacy", data={"choice": "yes", "back": "/ja/search?q=返金"})
    assert back.status_code == 303
    visitor.get("/ja/search?q=返金")
    services.events.close()
    assert count_rows(services.store.engine, schema.queries) == 1


def test_refusing_consent_removes_the_trail(own: Services, visitor: FlaskClient, log: Log) -> None:
    ask(visitor, log)
    visitor.post("/ja/privacy", data={"choice": "no"})
    assert log() == ([], []) and visitor.get_cookie("kb_client") is None
    visitor.get("/ja/search?q=返金")
    assert log()[0][0].client_id is None


def test_consent_never_redirects_to_another_site(visitor: FlaskClient) -> None:
    for back in ("//evil.example", "https://evil.example", "/\\evil.example"):
        assert (
            visitor.post("/ja/privacy", data={"choice": "yes", "back": back}).location
            == "/ja/privacy?done=yes"
        )


def test_a_vote_is_committed_before_the_response_and_counts_once(
    own: Services, visitor: FlaskClient, log: Log
) -> None:
    query_id, form_id = ask(visitor, log), str(uuid.uuid4())
    for _ in range(2):
        answer = visitor.post(
            f"{ARTICLE}/vote", data={"value": "yes", "from": query_id, "form_id": form_id}
        )
    assert answer.status_code == 303 and "said=yes" in (answer.location or "")
    actions = own.store.actions(0, 2**60)
    assert [(action.action_name, action.query_id, action.object_id) for action in actions] == [
        ("vote_yes", query_id, "ja-returns-refund")
    ]


def test_a_vote_is_changed_as_often_as_one_likes(own: Services, visitor: FlaskClient) -> None:
    first, vote = str(uuid.uuid4()), ""
    for value in ("yes", "again", "no", "again", "yes"):
        form = {"value": value, "form_id": first if not vote else str(uuid.uuid4()), "vote": vote}
        answer = visitor.post(f"{ARTICLE}/vote", data=form)
        assert f"said={value}" in (answer.location or "")
        vote = parse_qs(urlsplit(answer.location or "").query)["vote"][0]
        assert vote == first
        page = visitor.get(answer.location or "").get_data(as_text=True)
        assert ("回答を変える" in page) == (value != "again") and first in page
    actions = own.store.actions(0, 2**60)
    assert sorted(names(actions)) == ["vote_no", "vote_yes", "vote_yes"]
    assert {action.event_id.partition(":")[0] for action in actions} == {first}


def test_the_reason_of_a_no_vote_is_redacted(own: Services, visitor: FlaskClient) -> None:
    page = visitor.get(f"{ARTICLE}?said=no").get_data(as_text=True)
    assert "お役に立てず申し訳ありません" in page and "/ja/contact" in page
    visitor.post(
        f"{ARTICLE}/vote",
        data={
            "value": "no",
            "reason": "out of date",
            "comment": "<b>taro@example.com</b>へ",
            "form_id": str(uuid.uuid4()),
        },
    )
    assert own.store.actions(0, 2**60)[0].attributes == {
        "reason": "out of date",
        "comment": "<b>[mail]</b>へ",
    }


def test_a_no_vote_with_a_reason_counts_once(own: Services, visitor: FlaskClient) -> None:
    form_id = str(uuid.uuid4())
    visitor.post(f"{ARTICLE}/vote", data={"value": "no", "form_id": form_id})
    visitor.post(
        f"{ARTICLE}/vote", data={"value": "no", "reason": "out of date", "form_id": form_id}
    )
    assert names(own.store.actions(0, 2**60)) == ["vote_no", "vote_reason"]


def test_a_vote_counts_for_the_article_in_the_page_language(articles: Path, tmp_path: Path) -> None:
    folder = tmp_path / "articles"
    for lang in ("ja", "en"):
        write_article(folder, f"{lang}/returns/same.md", "題名", slug="same")
    build_folder(folder, tmp_path / "var", DisabledEmbedder())
    services = make_services(folder, tmp_path / "var", DisabledEmbedder())
    client(services).post("/en/articles/same/vote", data={"value": "yes"})
    assert [action.object_id for action in services.store.actions(0, 2**60)] == ["en-returns-same"]


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_cross_site_forms_are_refused(own: Services, visitor: FlaskClient, site: str) -> None:
    for path, data in (
        (f"{ARTICLE}/vote", {"value": "yes"}),
        ("/ja/contact", {"message": "x"}),
        ("/ja/privacy", {"choice": "no"}),
    ):
        assert visitor.post(path, data=data, headers={"Sec-Fetch-Site": site}).status_code == 403
        assert (
            visitor.post(path, data=data, headers={"Origin": "https://evil.example"}).status_code
            == 403
        )
    assert send(visitor, {"action_name": "copy"}, **{"Sec-Fetch-Site": site}) == 403
    assert count_rows(own.store.engine, schema.actions) == 0


def test_the_browser_reports_the_reading_time(
    own: Services, visitor: FlaskClient, log: Log
) -> None:
    query_id, event_id = ask(visitor, log), str(uuid.uuid4())
    event = {
        "action_name": "engaged",
        "event_id": event_id,
        "query_id": query_id,
        "object_id": "ja-returns-refund",
    }
    read = event | {"attributes": {"seconds": 42, "scroll": 0.5, "x": "y"}}
    assert send(visitor, read) == 202 and send(visitor, read) == 202
    (engaged,) = log()[1]
    assert engaged.attributes == {"seconds": 42.0, "scroll": 0.5} and engaged.query_id == query_id


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"actions": []}',
        b'{"actions": [1]}',
        b'{"actions": [{"action_name": "vote_yes"}]}',
        b'{"actions": [{"action_name": "ticket_created"}]}',
        b'{"actions": [{"action_name": "copy", "object_id": 3}]}',
        b'{"actions": [{"action_name": "copy", "attributes": []}]}',
        b'{"actions": [{"action_name": "channel_opened", "attributes": {"channel": "x"}}]}',
        json.dumps({"actions": [{"action_name": "copy"}] * 21}).encode(),
    ],
)
def test_invalid_events_are_refused_with_the_field_named(
    own: Services, visitor: FlaskClient, body: bytes
) -> None:
    answer = visitor.post("/api/v1/events", data=body, content_type="application/json")
    assert (
        answer.status_code == 400
        and answer.get_json()["detail"]
        and count_rows(own.store.engine, schema.actions) == 0
    )


def test_forged_ids_and_extreme_numbers_are_ignored(visitor: FlaskClient, log: Log) -> None:
    forged = {
        "action_name": "engaged",
        "query_id": str(uuid.uuid4()),
        "object_id": "no-such",
        "position": -3,
        "attributes": {"seconds": 1e12, "rage": True},
    }
    assert send(visitor, forged) == 202
    (action,) = log()[1]
    assert (action.query_id, action.object_id, action.position, action.attributes) == (
        None,
        "",
        None,
        {},
    )


def test_a_forged_cookie_is_ignored(own: Services, log: Log) -> None:
    visitor = client(own)
    visitor.set_cookie("kb_client", "' or 1=1 --")
    visitor.get("/ja/search?q=返金")
    assert log()[0][0].client_id != "' or 1=1 --"


def test_a_message_becomes_one_case_and_its_token_is_logged(
    own: Services, visitor: FlaskClient, log: Log
) -> None:
    query_id = ask(visitor, log)
    assert "返金の時期" in visitor.get(f"/ja/contact?from={query_id}").get_data(as_text=True)
    form = {
        "form_id": str(uuid.uuid4()),
        "from": query_id,
        "kind": "complaint",
        "message": "返金されない。電話 090-1234-5678",
        "mail": "taro@example.com",
    }
    for _ in range(2):
        answer = visitor.post("/ja/contact", data=form)
    assert answer.status_code == 303 and "受け付けました" in visitor.get(
        answer.location or ""
    ).get_data(as_text=True)
    ticket = next(action for action in log()[1] if action.action_name == "ticket_created")
    assert (
        count_rows(own.store.engine, schema.cases) == 1
        and ticket.query_id == query_id
        and "[phone]" in ticket.attributes["text"]
    )


def test_an_invalid_form_names_the_field_and_keeps_the_input(
    own: Services, visitor: FlaskClient
) -> None:
    answer = visitor.post(
        "/ja/contact", data={"message": "", "name": "花子", "mail": "nobody", "kind": "x"}
    )
    html = answer.get_data(as_text=True)
    assert (
        answer.status_code == 422
        and "内容をお書きください" in html
        and "メールアドレスの形ではありません" in html
        and 'value="花子"' in html
    )
    assert count_rows(own.store.engine, schema.cases) == 0


def test_a_query_of_another_visitor_is_not_put_into_the_form(
    own: Services, visitor: FlaskClient, log: Log
) -> None:
    query_id = ask(visitor, log, "秘密の相談")
    assert "秘密の相談" not in client(own).get(f"/ja/contact?from={query_id}").get_data(
        as_text=True
    )


def test_the_privacy_page_states_the_retention_period(visitor: FlaskClient) -> None:
    assert "400日後に削除" in visitor.get("/ja/privacy").get_data(
        as_text=True
    ) and "400 days" in visitor.get("/en/privacy").get_data(as_text=True)


def test_a_comment_of_a_megabyte_is_refused_and_the_page_says_so(visitor: FlaskClient) -> None:
    assert (
        visitor.post(
            f"{ARTICLE}/vote", data={"value": "no", "comment": "x" * 2_000_000}
        ).status_code
        == 413
    )


def test_without_a_database_pages_are_served_and_votes_report_the_failure(
    own: Services, visitor: FlaskClient, tmp_path: Path
) -> None:
    with own.store.engine.begin() as connection:
        connection.exec_driver_sql("drop table actions")
        connection.exec_driver_sql("drop table queries")
    assert (
        visitor.get("/ja/search?q=返金").status_code == 200
        and visitor.get(ARTICLE).status_code == 200
    )
    answer = visitor.post(f"{ARTICLE}/vote", data={"value": "yes"})
    assert answer.status_code == 503 and "今は保存できませんでした" in answer.get_data(as_text=True)


def test_no_log_line_contains_a_query(
    visitor: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("DEBUG"):
        visitor.get("/ja/search?q=ひみつのしつもん")
        visitor.post("/ja/contact", data={"message": "ひみつのしつもん"})
    assert "ひみつ" not in caplog.text and "%E3%81%B2" not in caplog.text


# --- what is no visit ---


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Purpose": "prefetch"},
        {"Sec-Purpose": "prefetch;prerender"},
        {"Purpose": "prefetch"},
        {"X-Moz": "prefetch"},
        {"X-Purpose": "preview"},
    ],
)
def test_pages_that_a_browser_fetches_ahead_are_no_visits(
    visitor: FlaskClient, log: Log, headers: dict[str, str]
) -> None:
    for path in ("/ja/search?q=返金の時期", ARTICLE, "/ja/contact"):
        assert visitor.get(path, headers=headers).status_code == 200
    assert log() == ([], [])


def test_head_is_no_visit(visitor: FlaskClient, log: Log) -> None:
    for path in ("/ja/search?q=返金の時期", ARTICLE, "/ja/contact"):
        assert visitor.head(path).status_code == 200
    assert log() == ([], [])


def test_reload_and_back_are_no_new_searches_views_or_contacts(
    visitor: FlaskClient, log: Log
) -> None:
    query_id = ask(visitor, log)
    for _ in range(2):
        visitor.get("/ja/search?q=返金の時期")
        visitor.get(f"{ARTICLE}?from={query_id}&at=1")
        visitor.get(f"/ja/contact?from={query_id}")
    queries, actions = log()
    assert [query.query_id for query in queries] == [query_id]
    assert names(actions) == ["click", "contact_open", "view"]


def test_the_same_words_in_another_spelling_are_the_same_search(
    visitor: FlaskClient, log: Log
) -> None:
    for text in ("My Parcel", "my  parcel", "ｍｙ ｐａｒｃｅｌ"):
        visitor.get("/en/search", query_string={"q": text})
    assert len(log()[0]) == 1


def test_other_words_other_filters_and_other_visitors_are_other_searches(
    own: Services, visitor: FlaskClient, log: Log
) -> None:
    visitor.get("/ja/search?q=返金の時期")
    visitor.get("/ja/search?q=返金の方法")
    visitor.get("/ja/search?q=返金の時期&section=returns")
    client(own).get("/ja/search?q=返金の時期")
    assert len(log()[0]) == 4
