"""Every success criterion is judged by a test, or it is said why not; the statement has all."""

import ast
import json
from datetime import date
from pathlib import Path
from types import SimpleNamespace

from kb_app.web.site import accessibility
from tests.conftest import accessibility_table
from tests.criteria import APART, CRITERIA

TESTS = Path(__file__).parents[1] / "e2e" / "test_accessibility.py"


def named() -> set[str]:
    """The criteria that tests name."""
    return {
        argument.value
        for node in ast.walk(ast.parse(TESTS.read_text("utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "criterion"
        for argument in node.args
        if isinstance(argument, ast.Constant)
    }


def test_every_criterion_is_judged_or_it_is_said_why_not() -> None:
    assert named() <= CRITERIA.keys()
    assert named() | APART.keys() == CRITERIA.keys() and not named() & APART.keys()


def test_jis_has_38_criteria_of_levels_a_and_aa() -> None:
    assert sum(since == "2.0" for _level, since, _en, _ja in CRITERIA.values()) == 38


def test_the_statement_shows_every_criterion() -> None:
    _day, criteria = accessibility.tested()
    assert [one.number for one in criteria] == list(CRITERIA)
    assert {one.number for one in criteria if one.tests} == named()


def test_a_criterion_that_one_test_fails_is_not_met() -> None:
    def report(number: str, passed: bool) -> SimpleNamespace:
        given = [("criterion", number)]
        return SimpleNamespace(when="call", passed=passed, failed=not passed, user_properties=given)

    reports = [report("2.1.1", True), report("2.1.1", False), report("2.4.7", True)]
    table = json.loads(accessibility_table(reports, date(2026, 12, 1)))
    results = {one["number"]: one["result"] for one in table["criteria"]}
    assert (results["2.1.1"], results["2.4.7"]) == ("not met", "met")
    assert (results["1.2.4"], results["2.4.1"]) == ("none", "not met")
