"""A background task that hangs twice is set aside until somebody lets it run again."""

import threading
from pathlib import Path

import pytest

from kb_app.db.leadership import Leadership
from kb_app.services.background import Task, _repeat
from kb_app.services.set_aside import FILE, SetAside


def test_a_task_that_hangs_twice_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('{"figures": 1}')
    aside = SetAside(tmp_path)
    aside._running["figures"] = 0.0
    ended: list[bool] = []
    aside.check({"figures": 1.0}, lambda: ended.append(True))
    assert ended and SetAside(tmp_path).holds("figures")
    assert not aside.holds("support")
    assert aside.release("figures") and not aside.holds("figures")
    assert not aside.release("figures")


def test_a_task_that_ends_is_not_counted_any_more(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('{"figures": 1}')
    aside = SetAside(tmp_path)
    with aside.running("figures"):
        aside.check({"figures": 60.0}, lambda: pytest.fail("it is not late"))
    assert aside.counts() == {}


@pytest.mark.parametrize("text", ["", "[]", "{", '{"a": "b"}'])
def test_a_broken_file_holds_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    assert not SetAside(tmp_path).holds("a")


def test_a_task_set_aside_does_not_run_until_it_is_released(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('{"figures": 2}')
    aside, stop, ran = SetAside(tmp_path), threading.Event(), threading.Event()
    thread = _repeat(Task("figures", 0.01, ran.set), stop, aside, Leadership("sqlite://"))
    assert not ran.wait(0.2)
    aside.release("figures")
    assert ran.wait(5)
    stop.set()
    thread.join(5)


def test_what_must_be_done_once_is_left_to_the_leading_node(tmp_path: Path) -> None:
    stop, ran, ran_once = threading.Event(), threading.Event(), threading.Event()
    node, aside = Leadership("sqlite://"), SetAside(tmp_path)
    node.leads = False
    threads = [
        _repeat(Task("figures", 0.01, ran_once.set, once=True), stop, aside, node),
        _repeat(Task("index", 0.01, ran.set), stop, aside, node),
    ]
    assert ran.wait(5) and not ran_once.wait(0.2)
    node.leads = True
    assert ran_once.wait(5)
    stop.set()
    for thread in threads:
        thread.join(5)
