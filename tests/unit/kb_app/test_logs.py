"""What the log says: this program's own lines, and of libraries no more than their warnings."""

import logging
from collections.abc import Iterator

import pytest

from kb_app.logs import set_up

CHANGED = ("", "some.library", "kb_app.request", "waitress.queue")


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = [(logging.getLogger(name), logging.getLogger(name).level, logging.getLogger(name).handlers[:]) for name in CHANGED]
    yield
    for logger, level, handlers in before:
        logger.setLevel(level)
        logger.handlers[:] = handlers


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_library_is_heard_only_when_it_warns(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    set_up("debug", form)
    logging.getLogger("some.library").setLevel(logging.DEBUG)

    logging.getLogger("some.library").info("a page of details")
    logging.getLogger("some.library").warning("the disk is slow")
    logging.getLogger("kb_app.request").info("request")

    written = capsys.readouterr().err
    assert "a page of details" not in written
    assert "the disk is slow" in written
    assert "request" in written


def test_the_web_server_does_not_say_at_each_request_that_others_wait(capsys: pytest.CaptureFixture[str]) -> None:
    set_up("info", "text")

    logging.getLogger("waitress.queue").warning("Task queue depth is 1")

    assert not capsys.readouterr().err
