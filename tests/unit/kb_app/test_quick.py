"""What is done once instead of at each request gives what Flask's own way gives."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from flask import Flask, session
from flask.json.provider import DefaultJSONProvider

from kb_app.web import quick


@dataclass
class Case:
    number: int


@pytest.fixture
def app() -> Flask:
    made = Flask("quick")
    made.secret_key = "first"
    quick.set_up(made)
    return made


@pytest.mark.parametrize(
    "value",
    [
        {"語": "返品「送料」", "b": [1, 2.5, None, True], "a": {"z": 1, "y": "<&>"}},
        {"at": datetime(2026, 11, 23, 9, 0, tzinfo=UTC), "id": UUID(int=5), "case": Case(3)},
        {1: "a number is a key", 2: 2**70},
        [("pair", 1)],
    ],
)
def test_json_is_what_flask_writes(app: Flask, value: object) -> None:
    flask = DefaultJSONProvider(app)
    flask.ensure_ascii = False
    assert json.loads(app.json.dumps(value)) == json.loads(flask.dumps(value))
    assert app.json.response(value).get_data(as_text=True) == flask.response(value).get_data(as_text=True)


def test_what_nobody_can_write_is_an_error(app: Flask) -> None:
    with pytest.raises(TypeError, match="not JSON serializable"):
        app.json.dumps({"path": Path})


def test_a_session_signed_with_another_key_is_empty(app: Flask) -> None:
    app.add_url_rule("/keep", endpoint="keep", view_func=lambda: session.setdefault("who", "writer"))
    app.add_url_rule("/who", endpoint="who", view_func=lambda: session.get("who", "nobody"))
    browser = app.test_client()
    browser.get("/keep")
    assert browser.get("/who").text == "writer"
    app.secret_key = "second"
    assert browser.get("/who").text == "nobody"
    app.config["SECRET_KEY_FALLBACKS"] = ["first"]
    assert browser.get("/who").text == "writer"
