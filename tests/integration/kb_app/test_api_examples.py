"""The examples of docs/api.md do what the document says."""

import re
import shlex
from pathlib import Path

import pytest

from kb_app import create_app
from kb_app.services.container import Services

PAGE = Path(__file__).parents[3] / "docs" / "api.md"
EXAMPLES = re.findall(r"^curl (.+?) +# (\d{3})$", PAGE.read_text("utf-8"), re.MULTILINE)


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == PAGE.read_text("utf-8").count("\ncurl ") > 5


@pytest.mark.parametrize(("command", "status"), EXAMPLES)
def test_an_example_is_answered_as_told(own: Services, command: str, status: str) -> None:
    (lead, *_) = own.users.all()
    token = own.users.add_token("x", ("reports",), lead.user_id)
    words = shlex.split(command.replace("ARTICLE", "ja-returns-refund").replace("TOKEN", token))
    method, headers, data, url = "GET", {}, None, ""
    while words:
        word = words.pop(0)
        if word == "-X":
            method = words.pop(0)
        elif word == "-H":
            name, _, value = words.pop(0).partition(": ")
            headers[name] = value
        elif word == "-d":
            data = words.pop(0)
        else:
            url = word.removeprefix("http://localhost:8000")
    client = create_app(own).test_client()
    answer = client.open(url, method=method, headers=headers, data=data)
    assert answer.status_code == int(status), answer.text
