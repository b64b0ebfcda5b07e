"""The webhook of a git host: somebody changed the articles' repository."""

import hmac
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from kb_app import create_app
from kb_app.services.articles_remote import ASKED, ArticlesRemote
from tests.support import make_services

SECRET, BODY = "a-secret-of-the-hook", b'{"ref": "refs/heads/main"}'
PATH = "/api/v1/articles-changed"


def signature(secret: str) -> str:
    return f"sha256={hmac.new(secret.encode(), BODY, 'sha256').hexdigest()}"


@pytest.fixture
def made(articles: Path, tmp_path: Path) -> tuple[FlaskClient, ArticlesRemote]:
    services = make_services(
        articles,
        tmp_path / "var",
        articles_remote=str(tmp_path / "remote.git"),
        articles_secret=SECRET,
    )
    assert services.remote is not None
    return create_app(services).test_client(), services.remote


@pytest.mark.parametrize(
    "headers", [{"X-Hub-Signature-256": signature(SECRET)}, {"X-Gitlab-Token": SECRET}]
)
def test_a_signed_call_is_taken_note_of(
    made: tuple[FlaskClient, ArticlesRemote], headers: dict[str, str]
) -> None:
    site, remote = made
    assert site.post(PATH, data=BODY, headers=headers).status_code == 202
    assert remote._stored(ASKED)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Hub-Signature-256": signature("another")},
        {"X-Hub-Signature-256": "sha256=ü"},
        {"X-Gitlab-Token": "another"},
        {"X-Gitlab-Token": ""},
    ],
)
def test_any_other_call_is_refused(
    made: tuple[FlaskClient, ArticlesRemote], headers: dict[str, str]
) -> None:
    site, remote = made
    answer = site.post(PATH, data=BODY, headers=headers)
    assert answer.status_code == 401 and "KB_ARTICLES_SECRET" in answer.get_json()["detail"]
    assert not remote._stored(ASKED)


def test_without_a_secret_there_is_no_webhook(articles: Path, data: Path) -> None:
    site = create_app(make_services(articles, data)).test_client()
    assert site.post(PATH, data=BODY, headers={"X-Gitlab-Token": ""}).status_code == 404
