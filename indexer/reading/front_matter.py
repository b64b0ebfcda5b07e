"""Reads article files and validates their front matter."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from indexer.model import ARTICLE_FIELDS, Article, Problem
from indexer.reading.files import MAX_BYTES, SourceFile
from indexer.reading.yaml_loader import Lines, error_in, load_yaml
from search.analysis.language import detect
from search.analysis.normalize import fold

SCHEMA = 1
_FENCE = re.compile(r"^---[ \t]*$")
_LANG = re.compile(r"^[a-z]{2,3}(?:-[A-Za-z]{2,4})?$")
_NOT_IN_ID = re.compile(r"[^\w.-]+")
_SECTION = re.compile(r"[\w-]+")
ID = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")
_NOT_IN_SLUG = re.compile(r"[\s/\\?#%&\"'<>:;,.!*|(){}\[\]`~^=+@$。、？！「」『』（）：；…　]+")

Text = Annotated[str, Field(min_length=1)]
Texts = list[Text]


class FrontMatter(BaseModel):
    """The front matter keys of an article (docs/writing.md), strictly typed."""

    model_config = ConfigDict(strict=True, extra="allow")

    schema_: int = Field(SCHEMA, alias="schema")
    id: str | None = None
    type: Literal["faq", "guide", "paper", "case", "notice"] = "faq"
    title: str | None = None
    summary: str = ""
    slug: str | None = None
    lang: str | None = None
    translation_of: str | None = None
    section: str | None = None
    tags: Texts = []
    questions: Texts = []
    keywords: Texts = []
    tests: Texts = []
    audience: Literal["public", "internal"] = "public"
    status: Literal["draft", "published", "archived"] = "published"
    publish_at: datetime | date | None = None
    expire_at: datetime | date | None = None
    updated: datetime | date | None = None
    review_by: datetime | date | None = None
    owner: str = ""
    related: Texts = []
    aliases: Texts = []
    boost: Annotated[float, Field(ge=0.1, le=10)] = 1.0
    cover: str = ""
    featured: bool = False
    markdown: Literal["commonmark", "classic"] = "commonmark"


KNOWN_KEYS = tuple("schema" if name == "schema_" else name for name in FrontMatter.model_fields)
_EXPECTED: dict[str, Callable[[Any], str]] = {
    "literal_error": lambda error: f"one of {error['ctx']['expected']}",
    "list_type": lambda _error: "a list: one entry per line, each after a dash",
    "string_type": lambda _error: "text; put it in quotes",
    "string_too_short": lambda _error: "text that is not empty",
    "bool_type": lambda _error: "true or false",
    "float_type": lambda _error: "a number",
    "int_type": lambda _error: "a whole number",
    "greater_than_equal": lambda error: f"a number of at least {error['ctx']['ge']}",
    "less_than_equal": lambda error: f"a number of at most {error['ctx']['le']}",
    "datetime_type": lambda _error: (
        "a date like 2026-11-30 or a time like 2026-11-30T09:00:00+09:00"
    ),
    "date_type": lambda _error: "a date like 2026-11-30",
}


@dataclass(frozen=True)
class Parsed:
    """An article without HTML, its Markdown body, and the line where the body starts."""

    article: Article
    body: str
    body_line: int
    problems: tuple[Problem, ...]
    classic: bool = False


def read(file: SourceFile, zone: tzinfo = UTC) -> Parsed | list[Problem]:
    """Read and parse a file; returns only problems if it is no valid article. Raises OSError."""
    if file.size > MAX_BYTES:
        size = f"{file.size / 1024 / 1024:.1f} MB"
        return [
            error_in(
                file.name,
                0,
                "too-large",
                f"is {size}; the maximum is {MAX_BYTES // 1024} KB.",
                "Split it into several articles.",
            )
        ]
    try:
        text = file.path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = file.path.read_bytes()[: error.start].count(b"\n") + 1
        return [
            error_in(
                file.name,
                line,
                "encoding",
                "is not UTF-8.",
                'Save it as UTF-8 (in most editors: "Save with encoding").',
            )
        ]
    return parse(file.name, text.replace("\r\n", "\n").replace("\r", "\n"), zone)


def parse(name: str, text: str, zone: tzinfo = UTC) -> Parsed | list[Problem]:
    """Split the text into front matter and body, and validate the front matter."""
    header, body, body_line = split_front_matter(text)
    if body_line < 0:
        return [
            error_in(
                name,
                1,
                "front-matter",
                "the front matter is not closed.",
                "Add a line with --- after its last key.",
            )
        ]
    values, lines, problem = load_yaml(name, header)
    if problem:
        return [problem]
    positions = Lines(name, lines)
    schema = values.get("schema", SCHEMA)
    if isinstance(schema, int) and schema > SCHEMA:
        return [
            positions.error(
                "schema",
                "schema",
                f"schema {schema} is newer than the supported schema {SCHEMA}.",
                "Update the software, or remove the key.",
            )
        ]
    try:
        front = FrontMatter.model_validate(values)
    except ValidationError as error:
        errors_by_key = {str(entry["loc"][0]): entry for entry in reversed(error.errors())}
        return [_type_problem(positions, entry) for entry in reversed(errors_by_key.values())]
    problems = [_unknown_key(positions, key) for key in values if key not in KNOWN_KEYS]
    try:
        return _to_article(name, front, body, body_line, positions, problems, zone)
    except (OverflowError, ValueError) as error:
        return [
            positions.error(
                "publish_at",
                "dates",
                f"a date is out of range: {error}.",
                "Use years between 1900 and 9000.",
            )
        ]


def split_front_matter(text: str) -> tuple[str, str, int]:
    """Return (YAML, body, line where the body starts).

    The line is -1 if the front matter is not closed.
    """
    lines = text.split("\n")
    if not _FENCE.match(lines[0]):
        return "", text, 1
    for number, line in enumerate(lines[1:], 1):
        if _FENCE.match(line):
            return "\n".join(lines[1:number]), "\n".join(lines[number + 1 :]), number + 2
    return "\n".join(lines[1:]), "", -1


def slugify(title: str) -> str:
    """Return a URL slug for any title; Japanese is kept.

    For example "パスワードを忘れた？" gives "パスワードを忘れた".
    """
    slug = _NOT_IN_SLUG.sub("-", unicodedata.normalize("NFKC", title).lower()).strip("-")
    allowed = "".join(
        char
        for char in slug
        if char in "-_・" or char.isalnum() or unicodedata.category(char) in ("Mn", "Mc")
    )
    return re.sub(r"-{2,}", "-", allowed).strip("-")[:80] or "article"


def _type_problem(found: Lines, error: Any) -> Problem:
    key = str(error["loc"][0])
    describe = _EXPECTED.get(error["type"])
    expected = describe(error) if describe else str(error["msg"])
    return found.error(
        key,
        "type",
        f"{key} has the wrong type: {str(error['input'])[:60]!r}.",
        f"It must be {expected}.",
    )


def _unknown_key(found: Lines, key: str) -> Problem:
    from difflib import get_close_matches

    near = get_close_matches(key, KNOWN_KEYS, 1)
    return found.warning(
        key,
        "unknown-key",
        f"unknown key {key}; it is ignored.",
        f"Did you mean {near[0]}?" if near else "",
    )


def _to_article(
    name: str,
    front: FrontMatter,
    body: str,
    body_line: int,
    found: Lines,
    problems: list[Problem],
    zone: tzinfo,
) -> Parsed | list[Problem]:
    body, heading = _title_from_body(body, front.title)
    title = (front.title or heading or "").strip()
    folder_lang, folder_section = _from_folder(name)
    lang = front.lang or folder_lang or detect(f"{title}\n{body}", ("ja", "en"))
    section = front.section or folder_section or "general"
    wrong = _wrong_value(found, front, title, lang, section)
    if wrong:
        return [wrong]
    identity = front.id or _NOT_IN_ID.sub("-", name.removesuffix(".md").replace("/", ".")).strip(
        "-"
    )
    if front.id is None:
        hint = "Run: python -m indexer check --fix"
        problems.append(
            found.warning(
                "id", "no-id", "has no id; a rename loses its history.", hint, fixable=True
            )
        )
    slug = slugify(front.slug or Path(name).stem)
    if front.slug and slug != unicodedata.normalize("NFKC", front.slug).lower():
        problems.append(
            found.warning(
                "slug",
                "slug",
                f"slug {front.slug!r} is not valid in a URL; {slug!r} is used.",
                f"Write: slug: {slug}",
            )
        )
    given: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in front
        if key in ARTICLE_FIELDS
    }
    article = Article(
        **given
        | {
            "id": identity,
            "lang": lang.lower(),
            "section": section,
            "slug": slug,
            "title": title,
            "path": name,
            "summary": front.summary.strip(),
            "tags": tuple(tag.strip() for tag in front.tags),
            "aliases": tuple(map(slugify, front.aliases)),
            "translation_of": front.translation_of or "",
            "publish_at": _moment(front.publish_at, zone),
            "expire_at": _moment(front.expire_at, zone),
            "updated": _day(front.updated),
            "review_by": _day(front.review_by),
        }
    )
    if article.publish_at and article.expire_at and article.expire_at <= article.publish_at:
        problems.append(
            found.warning(
                "expire_at",
                "dates",
                "expire_at is not after publish_at; the article is never shown.",
            )
        )
    return Parsed(article, body, body_line, tuple(problems), front.markdown == "classic")


def _wrong_value(
    found: Lines, front: FrontMatter, title: str, lang: str, section: str
) -> Problem | None:
    """Return the first value that makes the article invalid."""
    if not fold(title).strip():
        return found.error(
            "title", "title", "has no title.", "Add a line to the front matter: title: ..."
        )
    if not _LANG.match(lang):
        return found.error(
            "lang", "lang", f"lang {lang!r} is not a language code.", "For example: ja, en, pt-br"
        )
    if not _SECTION.fullmatch(section):
        return found.error(
            "section",
            "section",
            f"section {section!r} is not valid in a URL.",
            "Use letters, digits, dashes and underscores.",
        )
    if front.id is not None and not ID.match(front.id):
        return found.error(
            "id",
            "id",
            f"id {front.id!r} may only have letters, digits, dots, dashes and underscores.",
        )
    return None


def _title_from_body(body: str, title: str | None) -> tuple[str, str | None]:
    """Remove a level-1 heading at the start of the body and return it as the title.

    Only if the front matter has no title or the same one.
    """
    start = len(body) - len(body.lstrip())
    line, newline, rest = body[start:].partition("\n")
    heading = line[1:].rstrip(" #\t\r").strip()
    if not line.startswith("# ") or not heading or (title and heading != title.strip()):
        return body, None
    return "\n" * body[:start].count("\n") + newline + rest, heading


def _from_folder(name: str) -> tuple[str, str]:
    """Return (lang, section) from <lang>/<section>/<slug>.md; "" for a missing part."""
    folders = name.split("/")[:-1]
    lang = folders[0] if folders and _LANG.match(folders[0]) else ""
    rest = folders[1:] if lang else folders
    return lang, rest[0] if rest else ""


def _moment(value: datetime | date | None, zone: tzinfo) -> datetime | None:
    if value is None:
        return None
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    return (value if value.tzinfo else value.replace(tzinfo=zone)).astimezone(UTC)


def _day(value: datetime | date | None) -> date | None:
    return value.date() if isinstance(value, datetime) else value
