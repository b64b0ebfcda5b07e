"""The log: our own lines, and only warnings and errors of libraries."""

import json
import logging
from collections.abc import Iterator

import pytest
from gunicorn.config import Config

from kb_app.logs import set_up
from kb_app.web.server import _Logger

CHANGED = ("", "some.library", "kb_app.request", "gunicorn.error", "gunicorn.access")


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = [
        (
            logging.getLogger(name),
            logging.getLogger(name).level,
            logging.getLogger(name).handlers[:],
        )
        for name in CHANGED
    ]
    yield
    for logger, level, handlers in before:
        logger.setLevel(level)
        logger.handlers[:] = handlers


@pytest.mark.parametrize("form", ["text", "json"])
def test_libraries_log_only_warnings(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    set_up("debug", form)
    logging.getLogger("some.library").setLevel(logging.DEBUG)

    logging.getLogger("some.library").info("a page of details")
    logging.getLogger("some.library").warning("the disk is slow")
    logging.getLogger("kb_app.request").info("request")

    written = capsys.readouterr().err
    assert "a page of details" not in written
    assert "the disk is slow" in written
    assert "request" in written


def test_web_server_errors_contain_no_request_data(
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_up("info", "text")
    logger = _Logger(Config())
    logger.warning("Invalid request from ip=203.0.113.5: GET /search?q=secret")
    logger.exception("Error handling request %s", "/search?q=secret")
    logger.error("Worker (pid:7) was sent SIGKILL!")

    written = capsys.readouterr().err
    assert "secret" not in written and "203.0.113.5" not in written
    assert "a request could not be handled" in written and "SIGKILL" in written


def test_lines_name_their_process(capsys: pytest.CaptureFixture[str]) -> None:
    set_up("info", "json")
    logging.getLogger("kb_app.request").info("request")
    assert json.loads(capsys.readouterr().err)["process"] == "MainProcess"
