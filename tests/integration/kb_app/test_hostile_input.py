"""Hostile values in addresses, forms and bodies: refused or ignored, never a failed page."""

import base64
import hashlib
import hmac
import json
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from kb_app import create_app
from kb_app.services.container import Services
from search.embedding.background import DisabledEmbedder
from tests.integration.kb_app.deskwork import PASSWORD, sign_in, token_in
from tests.support import make_services

NINES = "9" * 4_400
SUPERSCRIPT = "²"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture
def own(articles: Path, data: Path, tmp_path: Path) -> Services:
    url = f"sqlite:///{tmp_path / 'kb.sqlite'}"
    return make_services(articles, data, DisabledEmbedder(), database_url=url)


@pytest.fixture
def visitor(own: Services) -> FlaskClient:
    client = create_app(own).test_client()
    client.environ_base["HTTP_USER_AGENT"] = BROWSER
    return client


@pytest.fixture
def admin(own: Services) -> FlaskClient:
    own.users.add("admin@example.com", "admin", password=PASSWORD)
    return sign_in(create_app(own), "admin@example.com")[0]


@pytest.mark.parametrize(
    "path",
    [
        f"/ja/articles/refund?at=00001{NINES}&from=" + "0" * 8 + "-0000-4000-8000-" + "0" * 12,
        f"/ja/search?q=返金&page={NINES}",
        f"/ja/search?q=返金&page={SUPERSCRIPT}",
        "/ja/search?q=%00%ED%A0%80返金",
        "/ja/articles/refund%00",
        "/ja/speak?to=%0a",
        "/media/" + "a" * 5_000 + ".png",
        "/media/%00.png",
        "/media/..%2f..%2fmanifest.json",
    ],
)
def test_an_address_never_fails(visitor: FlaskClient, path: str) -> None:
    assert visitor.get(path).status_code < 500


@pytest.mark.parametrize("value", [NINES, SUPERSCRIPT, "0000000011000000", "-1", "1e9"])
@pytest.mark.parametrize("name", ["limit", "offset"])
def test_the_api_names_a_wrong_number(visitor: FlaskClient, name: str, value: str) -> None:
    answer = visitor.get(f"/api/v1/search?q=返金&{name}={value}")
    assert answer.status_code == 400 and name in answer.get_json()["detail"]


def test_a_poisoned_position_loses_no_event_of_others(own: Services, visitor: FlaskClient) -> None:
    query_id = visitor.get("/api/v1/search?q=返金").get_json()["query_id"]
    for number in range(20):
        visitor.get(f"/ja/search?q=返金{number}")
        visitor.get(f"/ja/articles/refund?from={query_id}&at=00001{'9' * 30}")
    assert own.events.flush(5)
    assert len(own.store.queries(0, 2**60)) == 21
    assert own.store.losses("2000-01-01", "2999-01-01") == {}


@pytest.mark.parametrize(
    "target",
    ["/%09/evil.example", "//evil.example", "/%5Cevil.example", "https://evil.example", "%0a//e.x"],
)
def test_a_redirect_stays_on_this_site(visitor: FlaskClient, target: str) -> None:
    location = visitor.get(f"/en/speak?to={target}").headers["Location"]
    assert location == "/en/"


def test_the_privacy_page_goes_back_only_to_this_site(visitor: FlaskClient) -> None:
    form = {"choice": "yes", "back": "/\t/evil.example"}
    assert visitor.post("/en/privacy", data=form).headers["Location"].startswith("/en/privacy")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[" * 100_000,
        b'{"actions": [{"action_name": []}]}',
        b'{"actions": [{"action_name": {}}]}',
        b'{"actions": [{"action_name": "channel_opened", "attributes": {"channel": []}}]}',
        b'{"actions": [{"action_name": "click", "event_id": "\\ud800"}]}',
        b'{"actions": "many"}',
        b"\xff\xfe",
    ],
)
def test_a_wrong_report_of_a_browser_is_refused(visitor: FlaskClient, body: bytes) -> None:
    answer = visitor.post("/api/v1/events", data=body, content_type="application/json")
    assert answer.status_code == 400 and answer.get_json()["detail"]


@pytest.mark.parametrize(
    "report",
    [
        {"ticket_id": "1", "state": {}},
        {"ticket_id": "1", "state": []},
        {"ticket_id": "1", "channel": []},
        {"ticket_id": "a\n"},
        {"ticket_id": 7},
        {"ticket_id": "1", "text": ["a"]},
        {"ticket_id": "1", "at": "0001-01-01T00:00:00+00:00"},
        {"ticket_id": "1", "at": 10**30},
        {"ticket_id": "1", "at": []},
    ],
)
def test_a_wrong_ticket_is_refused(own: Services, visitor: FlaskClient, report: object) -> None:
    admin = own.users.add("admin@example.com", "admin")
    token = own.users.add_token("crm", ("events",), admin.user_id)
    headers = {"Authorization": f"Bearer {token}"}
    answer = visitor.post("/api/v1/tickets", json=report, headers=headers)
    assert answer.status_code == 400 and answer.get_json()["detail"]


@pytest.mark.parametrize("origin", ["http://[", "null", "http://evil.example", "http://["])
def test_another_or_broken_origin_is_refused(visitor: FlaskClient, origin: str) -> None:
    answer = visitor.post("/en/privacy", data={"choice": "no"}, headers={"Origin": origin})
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "query",
    [
        f"days={SUPERSCRIPT}",
        f"days={NINES}",
        "from=0001-01-01&to=9999-12-31",
        "from=9999-12-31",
        "to=0001-01-01",
        "from=%00",
    ],
)
@pytest.mark.parametrize("page", ["", "rows", "inventory", "articles", "pillars", "definitions"])
def test_a_report_of_an_unusual_period_is_shown(admin: FlaskClient, page: str, query: str) -> None:
    assert admin.get(f"/desk/{page}?{query}").status_code == 200


@pytest.mark.parametrize("number", [NINES, SUPERSCRIPT, "9" * 30, "0", "-1", "77"])
def test_an_account_that_is_not_there_is_not_changed(admin: FlaskClient, number: str) -> None:
    form = token_in(admin.get("/desk/users").get_data(as_text=True))
    data = {"user_id": number, "role": "lead", "csrf_token": form}
    answer = admin.post("/desk/users", data=data, follow_redirects=True)
    assert answer.status_code == 200 and "アカウント" in answer.get_data(as_text=True)


@pytest.mark.parametrize("start", ["0001-01-01T00:00", "9999-12-31T00:00", "tomorrow"])
def test_a_notice_of_an_impossible_time_is_refused(admin: FlaskClient, start: str) -> None:
    form = token_in(admin.get("/desk/notices").get_data(as_text=True))
    data = {"title_ja": "障害", "starts": start, "csrf_token": form}
    answer = admin.post("/desk/notices", data=data)
    assert "開始" in answer.get_data(as_text=True)
    assert admin.get("/ja/contact").status_code == 200


def test_a_stored_time_without_a_local_one_fails_no_page(
    own: Services, visitor: FlaskClient
) -> None:
    from kb_app.support.notices import Notice

    own.support.notices.add(Notice("n", {"ja": "障害"}, {"ja": "x"}, -(10**14), None, by="x"))
    assert visitor.get("/ja/contact").status_code == 200
    assert visitor.get("/ja/search?q=返金").status_code == 200


SUPPORT = "desks: {crm: {type: webhook, url: 'http://127.0.0.1:9/x'}}\nroutes: [{to: crm}]\n"


def test_a_recorded_webhook_is_not_applied_again(
    articles: Path, data: Path, tmp_path: Path
) -> None:
    import shutil

    shutil.copytree(articles, tmp_path / "articles")
    (tmp_path / "articles" / "support.yml").write_text(SUPPORT, encoding="utf-8")
    url = f"sqlite:///{tmp_path / 'kb.sqlite'}"
    own = make_services(
        tmp_path / "articles",
        data,
        DisabledEmbedder(),
        database_url=url,
        desk_secrets="crm=hush",
    )
    from kb_app.support.model import NewCase

    now = int(own.clock().timestamp() * 1000)
    case = own.support.workflow.open(NewCase("form", "question", "hello"), now)
    body = json.dumps({"number": case.number, "state": "solved"}).encode()
    stamp = str(int(own.clock().timestamp()))
    key = hmac.new(b"hush", stamp.encode() + body, hashlib.sha256).digest()
    signature = base64.b64encode(key).decode()
    client = create_app(own).test_client()

    def send(event_id: str) -> int:
        headers = {
            "X-KB-Signature": signature,
            "X-KB-Timestamp": stamp,
            "X-KB-Event-Id": event_id,
        }
        return client.post("/api/v1/hooks/crm", data=body, headers=headers).status_code

    assert [send("e1"), send("e1"), send("e2"), send("e3")] == [200, 202, 202, 202]
