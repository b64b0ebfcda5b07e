"""What comes from outside is bounded before anything is made of it."""

from datetime import UTC, date
from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from kb_app.web.core.inputs import day, moment, own_path, parse_body, whole_number

SITE = "https://help.example/ja/"


@pytest.mark.parametrize(
    "text",
    ["", "-1", "+1", "1.0", " 1", "1\n", "²", "１", "٣", "1e3", "101", "0" * 19 + "1", "9" * 4_400],
)
def test_what_is_no_small_number_is_none(text: str) -> None:
    assert whole_number(text, 0, 100) is None


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("7", 7), ("100", 100), ("0000100", 100)])
def test_digits_are_a_number(text: str, number: int) -> None:
    assert whole_number(text, 0, 100) == number


@given(st.text(max_size=40))
def test_a_number_is_always_within_its_bounds(text: str) -> None:
    number = whole_number(text, 1, 1_000)
    assert number is None or 1 <= number <= 1_000


@pytest.mark.parametrize("text", ["", "0001-01-01", "9999-12-31", "2026-13-01", "x", "2026-1-1"])
def test_a_day_out_of_range_is_none(text: str) -> None:
    assert day(text) is None


def test_a_day_is_read() -> None:
    assert day("2026-11-29") == date(2026, 11, 29)


@pytest.mark.parametrize(
    "text",
    ["", "0001-01-01T00:00", "9999-12-31T23:59+00:00", "yesterday", "1e9", "2026-11-29T25:00"],
)
def test_a_time_out_of_range_is_none(text: str) -> None:
    assert moment(text, UTC) is None


def test_a_time_needs_a_zone() -> None:
    assert moment("2026-11-29T09:00") is None
    assert moment("2026-11-29T09:00", UTC) == moment("2026-11-29T18:00+09:00") == 1_795_942_800_000


OTHER_SITES = [
    "//evil.example",
    "/\t/evil.example",
    "\t//evil.example",
    "/\n/evil.example",
    "/\r\n/evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "https://evil.example",
    "http:evil.example",
    "javascript:alert(1)",
    "evil.example",
    "/\x00/evil.example",
    " //evil.example",
    "/ /evil.example",
    "",
]


@pytest.mark.parametrize("text", OTHER_SITES)
def test_a_path_of_another_site_is_refused(text: str) -> None:
    assert own_path(text) == ""


@pytest.mark.parametrize("text", ["/", "/ja/search?q=返品&page=2", "/en/articles/a#b", "/a//b"])
def test_a_path_of_this_site_is_kept(text: str) -> None:
    assert own_path(text) == text


@given(st.text(alphabet="/\\\t\n\r :@.?#ahevil[]", max_size=20))
def test_a_kept_path_stays_on_this_site(text: str) -> None:
    kept = own_path(text)
    assert not kept or urlsplit(urljoin(SITE, kept)).netloc == "help.example"


class Body(BaseModel):
    name: str
    count: int = 0


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        (b"", "JSON object"),
        (b"[1]", "JSON object"),
        (b"\xff", "JSON object"),
        (b"[" * 100_000, "JSON object"),
        (b'{"a":' * 50_000, "JSON object"),
        (b'{"name": "\\ud800"}', "JSON object"),
        (b"{}", "name: Field required"),
        (b'{"name": []}', "name: must be a valid string"),
        (b'{"name": "a", "count": "many"}', "count: must be a valid integer"),
    ],
)
def test_a_wrong_body_is_explained(body: bytes, wrong: str) -> None:
    parsed, said = parse_body(Body, body)
    assert parsed is None and wrong in said


def test_a_right_body_is_read() -> None:
    assert parse_body(Body, b'{"name": "a", "count": 2}') == (Body(name="a", count=2), "")
