"""Links that leave the site, names it answers to, and headers of what is not for everybody."""

from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from kb_app import create_app
from kb_app.services.container import Services
from kb_app.settings import SettingsError
from kb_app.web.core.rate_limits import client_key
from search.embedding.background import DisabledEmbedder
from tests.integration.kb_app.deskwork import PASSWORD, sign_in
from tests.support import make_services, make_settings


def site_with(articles: Path, data: Path, folder: Path, **given: Any) -> tuple[Services, Flask]:
    services = make_services(
        articles,
        data,
        DisabledEmbedder(),
        database_url=f"sqlite:///{folder / 'kb.sqlite'}",
        **given,
    )
    return services, create_app(services)


@pytest.mark.parametrize("given", [{}, {"base_url": "https://help.example/kb"}])
@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "[", "a b", "a.example@x"])
def test_a_request_for_another_host_is_refused(
    articles: Path, data: Path, tmp_path: Path, given: dict[str, str], host: str
) -> None:
    _, app = site_with(articles, data, tmp_path, **given)
    assert app.test_client().get("/ja/", headers={"Host": host}).status_code == 400


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1", "[::1]:8000", "192.0.2.7:8000"])
def test_without_a_public_address_this_machine_is_answered(
    articles: Path, data: Path, tmp_path: Path, host: str
) -> None:
    _, app = site_with(articles, data, tmp_path)
    assert app.test_client().get("/ja/", headers={"Host": host}).status_code == 200


def test_links_in_the_head_are_never_made_from_the_request(
    articles: Path, data: Path, tmp_path: Path
) -> None:
    _, app = site_with(articles, data, tmp_path, proxies=1)
    forwarded = {"X-Forwarded-Host": "127.0.0.9"}
    html = app.test_client().get("/ja/articles/refund", headers=forwarded).get_data(as_text=True)
    assert '<link rel="canonical" href="/ja/articles/refund">' in html and "127.0.0.9" not in html


@pytest.mark.parametrize("name", ["smtp_url", "oidc_issuer"])
def test_mails_and_sign_in_elsewhere_need_the_public_address(tmp_path: Path, name: str) -> None:
    value = {"smtp_url": "smtp://mail.example", "oidc_issuer": "https://login.example"}[name]
    with pytest.raises(SettingsError, match=f"KB_{name.upper()}.*needs KB_BASE_URL"):
        make_settings(tmp_path, tmp_path, **{name: value})


def test_the_writers_panel_is_for_signed_in_writers(
    articles: Path, data: Path, tmp_path: Path
) -> None:
    services, app = site_with(articles, data, tmp_path)
    for role in ("agent", "writer"):
        services.users.add(f"{role}@example.com", role, password=PASSWORD)
    statuses = {
        "anonymous": app.test_client().get("/writer/panel").status_code,
        "agent": sign_in(app, "agent@example.com")[0].get("/writer/panel").status_code,
        "writer": sign_in(app, "writer@example.com")[0].get("/writer/panel").status_code,
    }
    assert statuses == {"anonymous": 404, "agent": 404, "writer": 200}


def test_a_public_site_never_shows_the_panel_to_this_machine(
    articles: Path, data: Path, tmp_path: Path
) -> None:
    _, app = site_with(
        articles, data, tmp_path, writer_panel="local", base_url="https://help.example"
    )
    answer = app.test_client().get("/writer/panel", headers={"Host": "127.0.0.1"})
    assert answer.status_code == 404


@pytest.fixture
def staff(articles: Path, data: Path, tmp_path: Path) -> FlaskClient:
    services, app = site_with(articles, data, tmp_path)
    services.users.add("agent@example.com", "agent", password=PASSWORD)
    return sign_in(app, "agent@example.com")[0]


@pytest.mark.parametrize(
    "path", ["/desk/cases", "/ja/articles/approve", "/ja/search?q=承認", "/api/v1/search?q=承認"]
)
def test_no_cache_keeps_what_staff_see(staff: FlaskClient, path: str) -> None:
    answer = staff.get(path)
    assert answer.status_code == 200 and answer.headers["Cache-Control"] == "no-store"


def test_an_image_of_an_internal_article_is_not_kept_by_caches(
    staff: FlaskClient, site: FlaskClient
) -> None:
    articles = staff.application.extensions["kb_services"].live.current().articles
    names = {owners[0].slug: name for name, owners in articles._image_owners.items() if owners}
    inside = staff.get(f"/media/{names['approve']}")
    assert inside.status_code == 200 and inside.headers["Cache-Control"] == "no-store"
    shown = site.get(f"/media/{names['refund']}")
    assert "public" in shown.headers["Cache-Control"]
    inside.close()
    shown.close()


def test_the_session_cookie_is_bound_to_the_host_over_https(
    articles: Path, data: Path, tmp_path: Path
) -> None:
    services, app = site_with(articles, data, tmp_path, proxies=1)
    services.users.add("lead@example.com", "lead", password=PASSWORD)
    client = app.test_client()
    client.environ_base |= {"HTTP_X_FORWARDED_PROTO": "https"}
    cookie = client.get("/account/sign-in").headers["Set-Cookie"]
    assert cookie.startswith("__Host-kb_session=") and "Secure" in cookie and "HttpOnly" in cookie


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.1:51234", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("[2001:db8:1:2::9]:443", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unknown", "unknown"),
        ("", ""),
    ],
)
def test_a_client_is_counted_by_its_network(address: str, key: str) -> None:
    assert client_key(address) == key


def test_the_database_is_readable_by_its_owner_only(
    articles: Path, data: Path, tmp_path: Path
) -> None:
    services, _ = site_with(articles, data, tmp_path)
    services.users.add("lead@example.com", "lead")
    modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.glob("kb.sqlite*")}
    assert len(modes) == 3 and set(modes.values()) == {0o600}


def test_every_response_has_the_id_of_its_log_lines(
    articles: Path, data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    given = {"X-Request-ID": "from-the-proxy-1"}
    alone = create_app(make_services(articles, data)).test_client()
    ids = [alone.get("/healthz", headers=given).headers["X-Request-ID"] for _ in range(2)]
    assert len(set(ids)) == 2 and given["X-Request-ID"] not in ids
    behind = create_app(make_services(articles, data, proxies=1)).test_client()
    assert behind.get("/ja/", headers=given).headers["X-Request-ID"] == given["X-Request-ID"]
    strange = behind.get("/ja/", headers={"X-Request-ID": "a b\x7f<"}).headers["X-Request-ID"]
    assert len(strange) == 16
