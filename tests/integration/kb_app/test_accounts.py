"""Sign-in, roles and permissions."""

import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pyotp
import pytest
from aiosmtpd.controller import Controller
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from kb_app import create_app
from kb_app.accounts.model import RIGHTS, password_problem
from kb_app.accounts.second_factor import new_secret
from kb_app.accounts.store import AccountError
from kb_app.accounts.throttle import Attempt
from kb_app.db import schema
from kb_app.durations import DAY, HOUR
from kb_app.services.container import Services
from kb_app.settings import ROLES
from kb_app.web.site.account import first_link
from search.embedding.background import DisabledEmbedder
from tests.integration.kb_app.deskwork import PASSWORD, sign_in, token_in
from tests.support import NOW, make_services


@pytest.fixture
def own(articles: Path, data: Path, tmp_path: Path) -> Services:
    return make_services(
        articles,
        data,
        DisabledEmbedder(),
        database_url=f"sqlite:///{tmp_path / 'a.sqlite'}",
        rate_limit="600 per minute",
    )


@pytest.fixture
def desk(own: Services) -> Flask:
    return create_app(own)


def test_sign_in_and_sign_out(own: Services, desk: Flask) -> None:
    own.users.add("Lead@example.com", "lead", password=PASSWORD)
    client, status = sign_in(desk, "lead@EXAMPLE.com ")
    assert status == 302 and client.get("/desk/").status_code == 200
    form = token_in(client.get("/desk/").get_data(as_text=True))
    assert client.post("/account/sign-out", data={}).status_code == 400
    client.post("/account/sign-out", data={"csrf_token": form})
    assert client.get("/desk/").status_code == 302


@pytest.mark.parametrize(
    ("mail", "password"),
    [("lead@example.com", "wrong"), ("nobody@example.com", PASSWORD), ("", "")],
)
def test_a_failed_sign_in_reveals_no_details(
    own: Services, desk: Flask, mail: str, password: str
) -> None:
    own.users.add("lead@example.com", "lead", password=PASSWORD)
    client, status = sign_in(desk, mail, password)
    assert status == 401 and client.get("/desk/").status_code == 302


def failing(app: Flask, mail: str, count: int, **environ: str) -> list[int]:
    client = app.test_client()
    client.environ_base |= environ
    form = token_in(client.get("/account/sign-in").get_data(as_text=True))
    data = {"mail": mail, "password": "wrong", "csrf_token": form}
    return [client.post("/account/sign-in", data=data).status_code for _ in range(count)]


def test_wrong_passwords_are_slowed_down(own: Services, desk: Flask) -> None:
    own.users.add("lead@example.com", "lead", password=PASSWORD)
    assert failing(desk, "lead@example.com", 7) == [401] * 5 + [429] * 2
    client = desk.test_client()
    form = token_in(client.get("/account/sign-in").get_data(as_text=True))
    data = {"mail": "LEAD@example.com", "password": PASSWORD, "csrf_token": form}
    answer = client.post("/account/sign-in", data=data)
    assert answer.status_code == 429 and 1 <= int(answer.headers["Retry-After"]) <= 2
    assert "秒後に" in answer.get_data(as_text=True)


def test_others_wrong_passwords_never_lock_the_owner_out(own: Services, desk: Flask) -> None:
    own.users.add("lead@example.com", "lead", password=PASSWORD)
    owner, status = sign_in(desk, "lead@example.com")
    assert status == 302
    form = token_in(owner.get("/desk/").get_data(as_text=True))
    owner.post("/account/sign-out", data={"csrf_token": form})
    for network in range(60):
        failing(desk, "lead@example.com", 1, REMOTE_ADDR=f"192.0.2.{network}")
    assert sign_in(desk, "lead@example.com")[1] == 429, "another browser has to wait"
    form = token_in(owner.get("/account/sign-in").get_data(as_text=True))
    data = {"mail": "lead@example.com", "password": PASSWORD, "csrf_token": form}
    assert owner.post("/account/sign-in", data=data).status_code == 302


def test_a_network_that_tries_many_accounts_is_slowed_down(own: Services, desk: Flask) -> None:
    answers = [failing(desk, f"x{number}@example.com", 1)[0] for number in range(25)]
    assert answers[:20] == [401] * 20 and answers[-1] == 429


def test_pauses_double_and_failures_are_forgotten_after_a_day(own: Services) -> None:
    attempt, now = Attempt("a@example.com", "192.0.2.1"), 10**12
    pauses = []
    for _ in range(12):
        own.throttle.failed(attempt, now)
        pauses.append(own.throttle.wait(attempt, now))
    assert pauses[:4] == [0] * 4 and pauses[4:8] == [1000, 2000, 4000, 8000]
    assert max(pauses) <= 300_000
    own.throttle.failed(Attempt("b@example.com", "192.0.2.2"), now + 2 * DAY)
    assert own.throttle.wait(attempt, now) == 0


def test_a_session_has_a_maximum_lifetime(own: Services, desk: Flask) -> None:
    own.users.add("lead@example.com", "lead", password=PASSWORD)
    client, _ = sign_in(desk, "lead@example.com")
    with own.store.engine.begin() as connection:
        table = schema.sessions
        connection.execute(update(table).values(created_at=table.c.created_at - 13 * HOUR))
    assert client.get("/desk/").status_code == 302


def test_a_new_password_ends_all_sessions(own: Services, desk: Flask) -> None:
    lead = own.users.add("lead@example.com", "lead", password=PASSWORD)
    client, _ = sign_in(desk, "lead@example.com")
    own.users.set_password(lead.user_id, "another long one")
    assert (
        client.get("/desk/").status_code == 302
        and sign_in(desk, "lead@example.com", "another long one")[1] == 302
    )


def test_a_disabled_account_cannot_sign_in(own: Services, desk: Flask) -> None:
    lead = own.users.add("lead@example.com", "lead", password=PASSWORD)
    client, _ = sign_in(desk, "lead@example.com")
    own.users.change(lead.user_id, active=False)
    assert client.get("/desk/").status_code == 302 and sign_in(desk, "lead@example.com")[1] == 401


def desk_routes(app: Flask) -> list[tuple[str, str, str]]:
    """(method, URL, permission) of every route of the desk."""
    found = []
    for rule in app.url_map.iter_rules():
        if rule.endpoint.split(".")[0] in ("desk", "gaps"):
            right = getattr(app.view_functions[rule.endpoint], "right", None)
            assert right, f"{rule.endpoint} is open to everybody"
            address = re.sub(r"<[^>]+>", "x", rule.rule)
            found += [
                (method, address, right)
                for method in rule.methods or ()
                if method in ("GET", "POST")
            ]
    return found


@pytest.mark.parametrize("role", ROLES)
def test_every_route_of_the_desk_checks_the_role(own: Services, desk: Flask, role: str) -> None:
    own.users.add(f"{role}@example.com", role, password=PASSWORD)
    client, _ = sign_in(desk, f"{role}@example.com")
    for method, address, right in desk_routes(desk):
        status = client.open(address, method=method).status_code
        if role in RIGHTS[right]:
            assert status != 403, (method, address)
        else:
            assert status == 403, (method, address, role)


def test_the_desk_requires_sign_in(desk: Flask) -> None:
    for method, address, _ in desk_routes(desk):
        answer = desk.test_client().open(address, method=method)
        assert answer.status_code == 302 and "/account/sign-in" in (answer.location or ""), address


def test_forms_of_the_desk_need_a_csrf_token(own: Services, desk: Flask) -> None:
    own.users.add("admin@example.com", "admin", password=PASSWORD)
    client, _ = sign_in(desk, "admin@example.com")
    assert (
        client.post("/desk/users", data={"mail": "x@example.com", "role": "admin"}).status_code
        == 400
        and len(own.users.all()) == 1
    )


@pytest.mark.parametrize(
    ("role", "internal", "draft"), [("agent", 200, 404), ("writer", 200, 200), ("lead", 200, 200)]
)
def test_only_permitted_roles_see_internal_articles_and_drafts(
    own: Services, desk: Flask, role: str, internal: int, draft: int
) -> None:
    own.users.add("x@example.com", role, password=PASSWORD)
    client, _ = sign_in(desk, "x@example.com")
    assert (
        client.get("/ja/articles/approve").status_code == internal
        and client.get("/ja/articles/draft").status_code == draft
    )
    found = {
        hit["article_id"]
        for hit in client.get("/api/v1/search?q=返金&lang=ja&limit=50").get_json()["hits"]
    }
    assert "ja-desk-approve" in found and ("ja-returns-draft" in found) == (draft == 200)
    nobody = desk.test_client()
    assert (
        nobody.get("/ja/articles/approve").status_code == 404
        and nobody.get("/ja/articles/draft").status_code == 404
    )


def test_a_token_has_only_its_scopes(own: Services, desk: Flask) -> None:
    agent = own.users.add("agent@example.com", "agent")
    token = own.users.add_token("widget", ("search",), agent.user_id)
    other = own.users.add_token("tickets", ("events",), agent.user_id)
    client = desk.test_client()

    def found(value: str) -> set[str]:
        answer = client.get(
            "/api/v1/search?q=返金&lang=ja&limit=50", headers={"Authorization": f"Bearer {value}"}
        )
        return {hit["article_id"] for hit in answer.get_json()["hits"]}

    assert "ja-desk-approve" in found(token)
    assert "ja-desk-approve" not in found(other) and "ja-desk-approve" not in found("kb_forged")
    assert client.get("/desk/", headers={"Authorization": f"Bearer {token}"}).status_code == 302


def test_the_first_account_is_created_by_a_single_use_link(own: Services, desk: Flask) -> None:
    link = first_link(desk.extensions["kb_services"])
    client = desk.test_client()
    form = token_in(client.get(link).get_data(as_text=True))
    assert (
        client.post(
            link, data={"mail": "a@example.com", "password": "short", "csrf_token": form}
        ).status_code
        == 422
    )
    assert (
        client.post(
            link, data={"mail": "a@example.com", "password": PASSWORD, "csrf_token": form}
        ).status_code
        == 302
    )
    assert client.get("/desk/users").status_code == 200
    assert (
        first_link(desk.extensions["kb_services"]) == ""
        and desk.test_client().get(link).status_code == 404
    )
    assert desk.test_client().get("/account/first/forged").status_code == 404


@pytest.fixture
def mails() -> Iterator[tuple[str, list[Any]]]:
    """A real SMTP server and the mails it accepted."""
    got: list[Any] = []

    class Keep:
        async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:  # noqa: N802, aiosmtpd's name
            got.append(message_from_bytes(envelope.content, policy=policy.default))
            return "250 OK"

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(Keep(), hostname="127.0.0.1", port=port)
    controller.start()
    yield f"smtp://127.0.0.1:{port}", got
    controller.stop()


def test_a_forgotten_password_is_reset_by_mail(
    articles: Path, data: Path, tmp_path: Path, mails: tuple[str, list[Any]]
) -> None:
    url = f"sqlite:///{tmp_path / 'm.sqlite'}"
    services = make_services(
        articles,
        data,
        DisabledEmbedder(),
        database_url=url,
        smtp_url=mails[0],
        mail_from="help@example.com",
        base_url="http://localhost",
    )
    app = create_app(services)
    services.users.add("lead@example.com", "lead", password=PASSWORD)
    client = app.test_client()
    form = token_in(client.get("/account/reset").get_data(as_text=True))
    for mail in ("nobody@example.com", "lead@example.com"):
        answer = client.post("/account/reset", data={"mail": mail, "csrf_token": form})
        assert answer.status_code == 200
        answer.close()
    (mail,) = mails[1]
    assert mail["To"] == "lead@example.com" and mail["Auto-Submitted"] == "auto-generated"
    link = re.search(r"http://localhost(/account/new-password/\S+)", mail.get_content()).group(1)  # type: ignore[union-attr]
    form = token_in(client.get(link).get_data(as_text=True))
    assert (
        client.post(link, data={"password": "a brand new one", "csrf_token": form}).status_code
        == 302
    )
    assert sign_in(app, "lead@example.com", "a brand new one")[1] == 302
    assert client.get(link).status_code == 410


def test_an_unavailable_mail_server_is_no_error_page(
    articles: Path, data: Path, tmp_path: Path
) -> None:
    services = make_services(
        articles,
        data,
        DisabledEmbedder(),
        database_url=f"sqlite:///{tmp_path / 'm.sqlite'}",
        smtp_url="smtp://127.0.0.1:1",
        base_url="http://localhost",
    )
    app = create_app(services)
    services.users.add("lead@example.com", "lead")
    client = app.test_client()
    form = token_in(client.get("/account/reset").get_data(as_text=True))
    assert (
        client.post(
            "/account/reset", data={"mail": "lead@example.com", "csrf_token": form}
        ).status_code
        == 200
    )


@pytest.mark.parametrize(
    "target", ["//evil.example/", "https://evil.example/", "/\\evil.example", "javascript:alert(1)"]
)
def test_sign_in_never_redirects_to_another_site(own: Services, desk: Flask, target: str) -> None:
    own.users.add("lead@example.com", "lead", password=PASSWORD)
    client = desk.test_client()
    form = token_in(client.get("/account/sign-in").get_data(as_text=True))
    answer = client.post(
        "/account/sign-in",
        data={"mail": "lead@example.com", "password": PASSWORD, "csrf_token": form, "next": target},
    )
    assert answer.location == "/desk/"


def test_admin_actions_are_logged(own: Services, desk: Flask) -> None:
    own.users.add("admin@example.com", "admin", password=PASSWORD)
    client, _ = sign_in(desk, "admin@example.com")
    form = token_in(client.get("/desk/users").get_data(as_text=True))
    client.post(
        "/desk/users", data={"mail": "new@example.com", "role": "agent", "csrf_token": form}
    )
    assert [(note["did"], note["to_what"]) for note in own.users.notes()][:1] == [
        ("added account", "new@example.com as agent")
    ]


@pytest.mark.parametrize(
    ("mail", "role"),
    [("no address", "lead"), ("a@example.com", "king"), ("taken@example.com", "lead")],
)
def test_a_refused_account_says_why(own: Services, mail: str, role: str) -> None:
    own.users.add("taken@example.com", "agent")
    with pytest.raises(AccountError, match=r"no mail address|no role|already"):
        own.users.add(mail, role)


def test_weak_passwords_are_refused() -> None:
    assert (
        password_problem("short", "a@b.c") == "short"
        and password_problem("tarotaro123", "tarotaro@b.c") == "mail"
    )
    for known in (
        "password123",
        "qwertyuiop1",
        "P@ssw0rd2026",
        "aaaaaaaaaaaa",
        "パスワードパスワード",
    ):
        assert password_problem(known, "taro@b.c") == "known"
    for accepted in ("something else", "tsubame kitte ao", "つばめと青い切手の話"):
        assert password_problem(accepted, "taro@b.c") == ""
    assert password_problem("a" * 100_000, "taro@b.c") == "known"


def test_a_copied_cookie_does_not_outlive_the_sign_out(own: Services, desk: Flask) -> None:
    own.users.add("lead@example.com", "lead", password=PASSWORD)
    client, _ = sign_in(desk, "lead@example.com")
    stolen = client.get_cookie("kb_session")
    assert stolen is not None
    thief = desk.test_client()
    thief.set_cookie("kb_session", stolen.value)
    assert thief.get("/desk/").status_code == 200
    form = token_in(client.get("/desk/").get_data(as_text=True))
    client.post("/account/sign-out", data={"csrf_token": form})
    assert thief.get("/desk/").status_code == 302
    assert own.users.notes()[0]["did"] == "signed out"


def form_of(client: FlaskClient, path: str, **fields: str) -> Any:
    token = token_in(client.get("/account/").get_data(as_text=True))
    return client.post(path, data={**fields, "csrf_token": token})


def test_a_user_changes_the_password_and_stays_signed_in_here_only(
    own: Services, desk: Flask
) -> None:
    own.users.add("agent@example.com", "agent", password=PASSWORD)
    here, _ = sign_in(desk, "agent@example.com")
    there, _ = sign_in(desk, "agent@example.com")
    wrong = form_of(here, "/account/password", before="wrong", password="a brand new one")
    assert wrong.status_code == 422 and "今のパスワード" in wrong.get_data(as_text=True)
    short = form_of(here, "/account/password", before=PASSWORD, password="short")
    assert short.status_code == 422
    done = form_of(here, "/account/password", before=PASSWORD, password="a brand new one")
    assert done.status_code == 303
    assert here.get("/account/").status_code == 200 and there.get("/account/").status_code == 302
    assert sign_in(desk, "agent@example.com", "a brand new one")[1] == 302


def test_other_sessions_are_ended(own: Services, desk: Flask) -> None:
    own.users.add("agent@example.com", "agent", password=PASSWORD)
    here, _ = sign_in(desk, "agent@example.com")
    there, _ = sign_in(desk, "agent@example.com")
    form_of(here, "/account/sessions")
    assert here.get("/account/").status_code == 200 and there.get("/account/").status_code == 302


def set_up_second_factor(client: FlaskClient) -> tuple[pyotp.TOTP, list[str]]:
    html = client.get("/account/second-factor/set-up").get_data(as_text=True)
    secret = re.search(r"secret=([A-Z2-7]+)", html).group(1)  # type: ignore[union-attr]
    assert "<svg" in html and " style=" not in html
    app = pyotp.TOTP(secret)
    wrong = {"code": "000000", "csrf_token": token_in(html)}
    assert client.post("/account/second-factor/set-up", data=wrong).status_code == 422
    right = {"code": app.at(NOW), "csrf_token": token_in(html)}
    shown = client.post("/account/second-factor/set-up", data=right).get_data(as_text=True)
    return app, re.findall(r"<code>([a-z0-9]{5}-[a-z0-9]{5})</code>", shown)


def second_step(client: FlaskClient, code: str) -> int:
    form = token_in(client.get("/account/second-factor").get_data(as_text=True))
    data = {"code": code, "csrf_token": form}
    return client.post("/account/second-factor", data=data).status_code


def test_a_second_factor_is_asked_for_after_the_password(own: Services, desk: Flask) -> None:
    own.users.add("lead@example.com", "lead", password=PASSWORD)
    app, codes = set_up_second_factor(sign_in(desk, "lead@example.com")[0])
    assert len(set(codes)) == 10
    client, status = sign_in(desk, "lead@example.com")
    assert status == 302 and client.get("/desk/").status_code == 302, "not signed in yet"
    assert second_step(client, "123456") == 401
    code = app.now()
    assert second_step(client, code) == 302 and client.get("/desk/").status_code == 200
    again, _ = sign_in(desk, "lead@example.com")
    assert second_step(again, code) == 401, "a code works once"
    assert second_step(again, codes[0].upper()) == 302
    third, _ = sign_in(desk, "lead@example.com")
    assert second_step(third, codes[0]) == 401, "a recovery code works once"
    with own.store.engine.connect() as connection:
        stored = str(connection.execute(select(schema.users)).mappings().one())
    assert app.secret not in stored


def test_the_second_step_alone_is_not_enough(own: Services, desk: Flask) -> None:
    lead = own.users.add("lead@example.com", "lead", password=PASSWORD)
    set_up_second_factor(sign_in(desk, "lead@example.com")[0])
    assert desk.test_client().get("/account/second-factor").status_code == 302
    client, _ = sign_in(desk, "lead@example.com")
    own.users.set_password(lead.user_id, "a brand new one")
    assert client.get("/account/second-factor").status_code == 302


def test_codes_cannot_be_guessed(own: Services, desk: Flask) -> None:
    own.users.add("lead@example.com", "lead", password=PASSWORD)
    set_up_second_factor(sign_in(desk, "lead@example.com")[0])
    client, _ = sign_in(desk, "lead@example.com")
    assert {second_step(client, f"{number:06}") for number in range(14)} == {401, 429}


def test_a_role_may_need_a_second_factor(articles: Path, data: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'r.sqlite'}"
    own = make_services(
        articles, data, DisabledEmbedder(), database_url=url, second_factor="admin,lead"
    )
    app = create_app(own)
    for role in ("lead", "agent"):
        own.users.add(f"{role}@example.com", role, password=PASSWORD)
    agent, _ = sign_in(app, "agent@example.com")
    assert agent.get("/desk/cases").status_code == 200
    lead, _ = sign_in(app, "lead@example.com")
    assert lead.get("/desk/").location == "/account/second-factor/set-up"
    set_up_second_factor(lead)
    assert lead.get("/desk/").status_code == 200


def test_a_second_factor_is_removed_with_the_password_only(own: Services, desk: Flask) -> None:
    own.users.add("lead@example.com", "lead", password=PASSWORD)
    client, _ = sign_in(desk, "lead@example.com")
    set_up_second_factor(client)
    assert form_of(client, "/account/second-factor/remove", before="wrong").status_code == 422
    assert form_of(client, "/account/second-factor/remove", before=PASSWORD).status_code == 303
    account = own.users.by_mail("lead@example.com")
    assert account is not None and not account.second_factor


def test_the_commands_for_accounts_and_tokens(own: Services, desk: Flask) -> None:
    runner = desk.test_cli_runner()

    def run(*arguments: str) -> str:
        return str(runner.invoke(args=["kb", *arguments]).output)

    run("user", "add", "lead@example.com", "--role", "lead", "--password", PASSWORD)
    assert "lead@example.com\tlead\tactive" in run("user", "list")
    client, _ = sign_in(desk, "lead@example.com")
    assert "is off" in run("user", "disable", "lead@example.com")
    assert client.get("/desk/").status_code == 302
    assert "is on" in run("user", "enable", "lead@example.com")
    assert "is set" in run("user", "password", "lead@example.com", "--password", "another one here")
    assert sign_in(desk, "lead@example.com", "another one here")[1] == 302
    assert "There is no account" in run("user", "disable", "nobody@example.com")

    token = run("token", "add", "crm", "--mail", "lead@example.com", "--scope", "search").strip()
    listed = run("token", "list")
    assert "crm" in listed and "never used" in listed and token not in listed
    headers = {"Authorization": f"Bearer {token}"}
    desk.test_client().get("/api/v1/search?q=返金", headers=headers)
    assert "never used" not in run("token", "list")
    token_id = listed.split("\t")[0]
    assert "is revoked" in run("token", "revoke", token_id)
    assert own.users.by_token(token, "search") is None
    assert "There is no token" in run("token", "revoke", token_id)


def test_a_token_is_revoked_at_the_desk(own: Services, desk: Flask) -> None:
    admin = own.users.add("admin@example.com", "admin", password=PASSWORD)
    token = own.users.add_token("widget", ("search",), admin.user_id)
    client, _ = sign_in(desk, "admin@example.com")
    assert "widget" in client.get("/desk/tokens").get_data(as_text=True)
    (known,) = own.users.tokens()
    form_of(client, "/desk/tokens", token_id=known.token_id)
    assert own.users.by_token(token, "search") is None and own.users.tokens() == []


def test_full_width_digits_are_a_code_too(own: Services, desk: Flask) -> None:
    own.users.add("lead@example.com", "lead", password=PASSWORD)
    app, codes = set_up_second_factor(sign_in(desk, "lead@example.com")[0])
    wide = str.maketrans("0123456789", "０１２３４５６７８９")
    client, _ = sign_in(desk, "lead@example.com")
    assert second_step(client, "１２３") == 401
    assert second_step(client, app.now().translate(wide)) == 302
    again, _ = sign_in(desk, "lead@example.com")
    assert second_step(again, codes[1].translate(wide)) == 302


def test_a_code_works_once_even_at_the_same_moment(own: Services, desk: Flask) -> None:
    lead = own.users.add("lead@example.com", "lead")
    for _ in range(5):
        secret = new_secret()
        own.second_factors.set_up(lead.user_id, secret)
        code = pyotp.TOTP(secret).at(NOW)
        with ThreadPoolExecutor(6) as pool:
            passed = pool.map(
                lambda code: own.second_factors.check(lead, code, NOW.timestamp()), [code] * 6
            )
        assert sum(passed) == 1


def test_failures_at_the_same_moment_are_all_counted(own: Services) -> None:
    attempt, now = Attempt("a@example.com", "192.0.2.1"), 10**12
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: own.throttle.failed(attempt, now), range(16)))
    assert own.throttle.wait(attempt, now) == 300_000


def test_looking_at_the_sign_in_page_is_no_attempt(desk: Flask, own: Services) -> None:
    for _ in range(25):
        assert desk.test_client().head("/account/sign-in").status_code == 200
    assert own.users.notes() == []
