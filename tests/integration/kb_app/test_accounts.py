"""Sign-in, roles and permissions."""

import re
import socket
from collections.abc import Iterator
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from flask import Flask
from flask.testing import FlaskClient

from kb_app import create_app
from kb_app.accounts.model import RIGHTS, ROLES, password_problem
from kb_app.accounts.store import AccountError
from kb_app.services.container import Services
from kb_app.web.site.account import first_link
from search.embedding.background import DisabledEmbedder
from tests.support import make_services

PASSWORD = "correct horse battery"


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


def token_in(html: str) -> str:
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', html)
    assert found, html[:500]
    return found.group(1)


def sign_in(app: Flask, mail: str, password: str = PASSWORD) -> tuple[FlaskClient, int]:
    client = app.test_client()
    form = token_in(client.get("/account/sign-in").get_data(as_text=True))
    return client, client.post(
        "/account/sign-in", data={"mail": mail, "password": password, "csrf_token": form}
    ).status_code


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


def test_ten_failed_attempts_lock_the_account_for_a_while(own: Services, desk: Flask) -> None:
    own.users.add("lead@example.com", "lead", password=PASSWORD)
    assert [sign_in(desk, "lead@example.com", "wrong")[1] for _ in range(10)] == [401] * 10
    assert sign_in(desk, "lead@example.com")[1] == 429


def test_a_session_has_a_maximum_lifetime(own: Services, desk: Flask) -> None:
    own.users.add("lead@example.com", "lead", password=PASSWORD)
    client, _ = sign_in(desk, "lead@example.com")
    with client.session_transaction() as session:
        session["since"] -= 13 * 3600
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
        assert (
            client.post("/account/reset", data={"mail": mail, "csrf_token": form}).status_code
            == 200
        )
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
    assert password_problem("something else", "taro@b.c") == ""
