"""One person's data is found by their address, exported, and gone from every file afterwards."""

import io
import json
import shutil
import zipfile
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from kb_app import create_app
from kb_app.services.container import Services
from kb_app.support.case_store import Filter
from kb_app.support.model import NewCase
from kb_app.support.notices import Notice
from search.embedding.background import DisabledEmbedder
from tests.integration.kb_app.deskwork import PASSWORD, sign_in, token_in
from tests.integration.kb_app.test_email_parser import mail as raw_mail
from tests.support import NOW, make_services

MAIL = "hanako.marker@example.com"
MARKER = "ZXQ目印"
AT = int(NOW.timestamp() * 1000)
BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}


@pytest.fixture
def own(articles: Path, data: Path, tmp_path: Path) -> Services:
    shutil.copytree(data, tmp_path / "var")
    return make_services(articles, tmp_path / "var", DisabledEmbedder())


@pytest.fixture
def number(own: Services) -> str:
    """Somebody searches, writes with a file, is answered, mails again and waits for a notice."""
    visitor = create_app(own).test_client()
    visitor.environ_base |= {"HTTP_USER_AGENT": BROWSER["User-Agent"]}
    visitor.get(f"/ja/search?q={MARKER} は防水ですか")
    own.events.flush()
    form = {
        "form_id": "0b8f7a52-7a52-4b8f-8a52-0b8f7a520b8f",
        "kind": "question",
        "message": f"{MARKER} が壊れました",
        "name": f"{MARKER} 花子",
        "mail": MAIL,
        "do": "anyway",
    }
    files = {"files": (io.BytesIO(f"{MARKER} の記録".encode()), f"{MARKER}.txt")}
    sent = visitor.post("/ja/contact", data=form | files, content_type="multipart/form-data")
    assert sent.status_code == 303
    sent.request.environ["wsgi.input"].close()
    (found,) = own.support.cases.inbox(Filter(state="all"), AT).cases
    case = own.support.cases.by_number(found.number)
    assert case is not None
    own.support.workflow.reply(case, "佐藤", "agent@example.com", f"{MARKER} を見ました", AT, "r1")
    own.support.mail_intake.take(raw_mail(f"{MARKER} まだです", sender=MAIL), AT)
    own.support.notices.add(Notice("n", {"ja": "障害"}, {"ja": "x"}, AT, None, by="lead"))
    own.support.notices.subscribe("n", MAIL.upper(), "ja", AT)
    own.users.note(MAIL, "sign-in refused")
    own.analytics.update_episodes()
    own.analytics.update_gaps()
    return case.number


def files_with_marker(own: Services) -> list[str]:
    marks = (MARKER.encode(), MAIL.encode(), json.dumps(MARKER).strip('"').encode())
    files = [path for path in own.settings.data.rglob("*") if path.is_file()]
    return [path.name for path in files if any(mark in path.read_bytes() for mark in marks)]


def test_all_of_a_person_is_exported(own: Services, number: str) -> None:
    target = io.BytesIO()
    counts = own.personal_data.export(MAIL.upper(), target)
    assert counts["cases"] == 2 and counts["queries"] >= 1 and counts["subscribers"] == 1
    with zipfile.ZipFile(target) as archive:
        cases = json.loads(archive.read("cases.json"))
        assert {case["mail"] for case in cases} == {MAIL}
        searches = json.loads(archive.read("queries.json"))
        assert any(MARKER in search["user_query"] for search in searches)
        files = [name for name in archive.namelist() if name.startswith("files/")]
        assert any(MARKER in archive.read(name).decode() for name in files)


def test_nothing_of_a_person_is_left_in_any_file(own: Services, number: str) -> None:
    assert files_with_marker(own)
    removed = own.personal_data.erase(MAIL)
    assert removed["cases"] == 2 and removed["files"] == 2
    assert own.personal_data.count(MAIL) == {}
    assert files_with_marker(own) == []
    own.analytics.update_episodes()
    own.analytics.update_gaps()
    assert files_with_marker(own) == []


def test_what_belongs_to_others_stays_and_is_named(own: Services, number: str) -> None:
    other = own.support.workflow.open(
        NewCase("f2", "question", f"紹介してくれたのは {MAIL} です", mail="taro@example.com"), AT
    )
    assert own.personal_data.person(MAIL).mentions == (other.number,)
    own.personal_data.erase(MAIL)
    assert own.support.cases.by_number(other.number) is not None
    assert own.personal_data.erase_case(other.number)
    assert not own.personal_data.erase_case(other.number)
    assert files_with_marker(own) == []


@pytest.fixture
def admin(own: Services) -> FlaskClient:
    own.users.add("admin@example.com", "admin", password=PASSWORD)
    return sign_in(create_app(own), "admin@example.com")[0]


def post(client: FlaskClient, path: str, **form: str) -> str:
    token = token_in(client.get("/desk/users").get_data(as_text=True))
    answer = client.post(path, data={**form, "csrf_token": token}, follow_redirects=True)
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def test_an_admin_exports_and_erases_at_the_desk(
    own: Services, number: str, admin: FlaskClient
) -> None:
    assert "案件" in admin.get(f"/desk/persons?mail={MAIL}").get_data(as_text=True)
    token = token_in(admin.get("/desk/users").get_data(as_text=True))
    form = {"mail": MAIL, "do": "export", "csrf_token": token}
    with admin.post("/desk/persons", data=form) as sent:
        assert zipfile.ZipFile(io.BytesIO(sent.data)).namelist()
    assert "元に戻せない" in post(admin, "/desk/persons", mail=MAIL, do="erase")
    assert own.personal_data.count(MAIL)
    assert "削除しました" in post(admin, "/desk/persons", mail=MAIL, do="erase", sure="yes")
    assert own.personal_data.count(MAIL) == {}
    notes = [note["did"] for note in own.users.notes()]
    assert {"exported a person's data", "erased a person's data"} <= set(notes)


def test_a_case_is_erased_at_the_desk(own: Services, number: str, admin: FlaskClient) -> None:
    assert "この案件を削除" in admin.get(f"/desk/cases/{number}").get_data(as_text=True)
    post(admin, f"/desk/cases/{number}/erase")
    assert own.support.cases.by_number(number) is not None
    assert "削除しました" in post(admin, f"/desk/cases/{number}/erase", sure="yes")
    assert own.support.cases.by_number(number) is None


def test_the_commands_do_the_same(own: Services, number: str, tmp_path: Path) -> None:
    runner = create_app(own).test_cli_runner()
    target = tmp_path / "out.zip"
    export = ["kb", "person", "export", MAIL, "--to", str(target)]
    assert "2 cases" in runner.invoke(args=export).output
    again = runner.invoke(args=export)
    assert again.exit_code == 1 and "exists" in again.output
    assert runner.invoke(args=["kb", "person", "erase", MAIL], input="n\n").exit_code == 1
    assert "Removed" in runner.invoke(args=["kb", "person", "erase", MAIL, "--yes"]).output
    assert "Kept: nothing" in runner.invoke(args=["kb", "person", "erase", MAIL, "--yes"]).output
    assert runner.invoke(args=["kb", "case", "erase", number]).exit_code == 1


@pytest.mark.parametrize("given", ["", " ", "x", "@", "a b@example.com"])
def test_what_is_no_address_erases_nothing(own: Services, given: str) -> None:
    own.support.workflow.open(NewCase("f3", "question", "without an address"), AT)
    with pytest.raises(ValueError, match="no mail address"):
        own.personal_data.erase(given)
    run = create_app(own).test_cli_runner().invoke(args=["kb", "person", "erase", given, "--yes"])
    assert run.exit_code != 0
    assert own.support.cases.inbox(Filter(state="all"), AT).total == 1


def test_addresses_beyond_ascii_are_found(own: Services) -> None:
    for number, mail in enumerate(("straße@example.de", "ÄNNE@example.de")):
        own.support.workflow.open(NewCase(f"f{number}", "question", "x", mail=mail), AT)
    assert own.personal_data.count("straße@example.de")["cases"] == 1
    assert own.personal_data.count("änne@example.de")["cases"] == 1


def test_other_addresses_stay_in_the_audit_log(own: Services) -> None:
    own.support.workflow.open(NewCase("f", "question", "x", mail="ann@example.com"), AT)
    own.users.note("joann@example.com", "looked at", "ann@example.com, then ANN@example.com")
    own.users.note("İİ ann@example.com", "sign-in refused", "ann@example.com.au")
    own.personal_data.erase("ann@example.com")
    shown = [(note["who"], note["to_what"]) for note in own.users.notes()]
    assert ("joann@example.com", "[erased], then [erased]") in shown
    assert ("İİ [erased]", "ann@example.com.au") in shown
