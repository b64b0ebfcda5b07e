"""Texts that nobody thought of: each reader answers with a result or its own error, in time."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

from hypothesis import example, given
from hypothesis import strategies as st

from indexer.model import Problem
from indexer.reading.article import read_article_text
from indexer.reading.learned_file import read_learned
from indexer.reading.sections_file import read_sections
from indexer.reading.synonyms_file import read_synonyms
from kb_app.support.config.file import SupportError, parse_support
from kb_app.support.inbound.email_parser import read_mail
from search.query.parser import parse

# What the readers treat specially, so that texts of these reach far into them.
YAML = ["---\n", "title: ", "id: ", "tags: ", "- ", "{", "}", "[", "]", "&a ", "*a", "|\n", ">\n"]
YAML += [
    "tests:\n",
    "  ",
    "'",
    '"',
    ": ",
    "#",
    "!!python/object:os.system ",
    "<<: *a\n",
    "\n",
    "0o17",
]
YAML += ["2026-13-45", "1e999", ".inf", "ja:\n", "keys: ", "返品", "\t", "? ", "%YAML 1.1\n", "..."]
BODY = [
    "# ",
    "## ",
    "- ",
    "1. ",
    "> ",
    "```",
    "~~~\n",
    "|",
    "---",
    "\n",
    "\n\n",
    "    ",
    "[",
    "](",
    ")",
]
BODY += [
    "![",
    "[^1]",
    "[^1]: ",
    "!!! note",
    '=== "',
    "{",
    "#id}",
    "<b>",
    "<!--",
    "-->",
    "&#0;",
    "\\",
]
BODY += [
    "*",
    "**",
    "_",
    "`",
    "$",
    ":::",
    "<a href=x>",
    "<script>",
    "返品はこちら",
    "\x00",
    "\u202e",
    "é",
]
QUERY = [
    '"',
    "-",
    "OR",
    "(",
    ")",
    "type:",
    "tag:",
    ":",
    " ",
    "*",
    "~",
    "返品",
    "\u3000",
    "E-42",
    "+",
    "𠮷",
]
MAIL = [
    b"From: a@example.com\r\n",
    b"Content-Type: ",
    b"text/plain",
    b"multipart/mixed; boundary=b",
]
MAIL += [
    b"; charset=",
    b"iso-2022-jp",
    b"utf-7",
    b"\r\n",
    b"\r\n\r\n",
    b"--b\r\n",
    b"--b--",
    b"=?utf-8?B?",
]
MAIL += [b"Subject: ", b"message/rfc822", b"text/html", b"<table><td>", b"\x1b$B", b"\xff", b"?="]
MAIL += [
    b"Content-Transfer-Encoding: base64\r\n",
    b"Content-Disposition: attachment; filename*=x''%ff",
]


def texts(pieces: list[str], most: int = 60) -> st.SearchStrategy[str]:
    """Texts of these pieces with arbitrary text in between."""
    piece = st.one_of(st.sampled_from(pieces), st.text(max_size=8))
    return st.lists(piece, max_size=most).map("".join)


@given(texts(YAML), texts(BODY))
@example("title: &a [*a]\n", "")
@example("title: x\nlang: [[[[[[[[", "#")
def test_an_article_is_read_or_its_problem_named(front: str, body: str) -> None:
    article, problems = read_article_text("en/general/a.md", f"---\n{front}\n---\n{body}")
    assert article is not None or problems
    assert all(isinstance(problem, Problem) and problem.message for problem in problems)


@given(texts(YAML))
def test_files_beside_the_articles_are_read_or_their_problems_named(text: str) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        for file in ("learned.yml", "sections.yml", "synonyms.yml"):
            (folder / file).write_text(text, encoding="utf-8")
        for read in (read_learned, read_sections, read_synonyms):
            _, problems = read(folder)
            assert all(isinstance(problem, Problem) for problem in problems)


@given(texts(YAML))
def test_support_yml_is_read_or_refused(text: str) -> None:
    try:
        parse_support("support.yml", text, ZoneInfo("Asia/Tokyo"))
    except SupportError as error:
        assert "support.yml" in str(error)


@given(texts(QUERY))
def test_any_query_is_parsed(query: str) -> None:
    parsed = parse(query)
    assert isinstance(parsed.plain, str)


@given(st.lists(st.one_of(st.sampled_from(MAIL), st.binary(max_size=8)), max_size=40))
def test_any_mail_is_read(pieces: list[bytes]) -> None:
    found = read_mail(b"".join(pieces))
    assert "\n" not in found.subject and isinstance(found.text, str)
