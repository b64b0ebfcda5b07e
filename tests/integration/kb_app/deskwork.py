"""Requests of somebody who is signed in at the desk."""

import re
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient

from kb_app.durations import DAY
from kb_app.services.container import Services
from search.embedding.background import DisabledEmbedder
from tests.support import NOW, make_services

PASSWORD = "correct horse battery"
AT = int(NOW.timestamp() * 1000) - 10 * DAY


def services_of(site: Path) -> Services:
    return make_services(site / "articles", site / "var", DisabledEmbedder(), smallest_group=2)


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


def text_of(client: FlaskClient, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status, (path, answer.status_code)
    return answer.get_data(as_text=True)


def post(client: FlaskClient, path: str, **form: str) -> str:
    """Send a form of the desk and return the page it redirects to."""
    token = token_in(text_of(client, "/desk/gaps"))
    answer = client.post(path, data={**form, "csrf_token": token})
    assert answer.status_code == 303, (answer.status_code, answer.get_data(as_text=True)[:300])
    return text_of(client, answer.location or "")
