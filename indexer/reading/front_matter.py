"""Reads article files and validates their front matter."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, tzinfo
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from indexer.model import ARTICLE_FIELDS, Article, Problem
from indexer.reading.files import MAX_BYTES, SourceFile
from indexer.reading.foreign_keys import adapted
from indexer.reading.layout import Layout, Place, is_language
from indexer.reading.repeated_keys import keep_last_of_repeated
from indexer.reading.values_file import NO_VALUES, Values
from indexer.reading.yaml_loader import Lines, error_in, load_yaml
from search.analysis.language import detect
from search.analysis.normalize import fold
from search.model import OwnAnswer

SCHEMA = 1
_FENCE = re.compile(r"^---[ \t]*$")
# A heading of one line: after #, above === or ---, or in <h1>.
_UNDERLINED = r"(?![ \t#>*+`|=~:!<-]|\d++[.)])[^\n]++\n {0,3}"
_IN_HTML = r"<h1\b[^<>\n]*+>(?:[^<\n]++|<(?!/?h1\b))*+</h1>[ \t]*+(?:\n|\Z)"
_FIRST_HEADING = re.compile(
    rf"(?m)^ {{0,3}}(?:#{{1,6}}[ \t][^\n]*+(?:\n|\Z)"
    rf"|{_UNDERLINED}(?:=++|-++)[ \t]*+(?:\n|\Z)|{_IN_HTML})"
)
_TOP_HEADING = re.compile(rf"(?m)^(?:# [^\n]*+|{_UNDERLINED}=++[ \t]*+$|{_IN_HTML})")
_BLANK_LINES = re.compile(r"\A(?:[ \t\r]*+\n)*+")
_LANG = re.compile(r"^[a-z]{2,3}(?:-[A-Za-z]{2,4})?$")
_NOT_IN_ID = re.compile(r"[^\w.-]+")
# Letters and digits of any script, as in ids that are made of paths.
ID = re.compile(r"^\w[\w.-]{0,149}$")
# ``2.setup`` and ``02-setup``: the number only orders the files.
_ORDER = re.compile(r"\A(?:\d{1,3}\.|\d{2,3}[-_])(?=[^\d\s.])")
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
    answers: dict[Text, Text] = {}
    expect: dict[Text, Text | Texts] = {}
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
    order: float | None = None
    permalink: str | None = None
    redirect_to: str = ""
    markdown: Literal["commonmark", "classic"] = "commonmark"
    imported: dict[str, Any] = {}
    machine_translation: bool = False


KNOWN_KEYS = tuple(
    "schema" if name == "schema_" else name
    for name in FrontMatter.model_fields
    if name not in ("permalink", "redirect_to")
)
_EXPECTED: dict[str, Callable[[Any], str]] = {
    "literal_error": lambda error: f"one of {error['ctx']['expected']}",
    "list_type": lambda _error: "a list: one entry per line, each after a dash",
    "dict_type": lambda _error: "one line per question, each with its answer after a colon",
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
    values: Values = NO_VALUES


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
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    parsed = parse(file.name, lines, zone, file.place)
    return parsed if isinstance(parsed, list) else replace(parsed, values=file.values)


def parse(
    name: str, text: str, zone: tzinfo = UTC, place: Place | None = None
) -> Parsed | list[Problem]:
    """Split the text into front matter and body, and validate the front matter.

    Without a place, the name alone says language and section.
    """
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
    conflict = _conflict(name, text)
    values, lines, problem = load_yaml(name, header)
    repeated: dict[str, int] = {}
    if problem:
        header, repeated = keep_last_of_repeated(header)
        values, lines, problem = load_yaml(name, header) if repeated else (values, lines, problem)
    if conflict or problem:
        return [one for one in (conflict, problem) if one]
    positions = Lines(name, lines)
    parsed = _validated(name, values, positions, (header, body, body_line), zone, place)
    if isinstance(parsed, list):
        return parsed
    again = tuple(
        positions.warning(key, "repeated-key", f"the key {key} stands twice; the last one is used.")
        for key in repeated
    )
    return replace(parsed, problems=(*again, *parsed.problems))


def _validated(
    name: str,
    values: dict[str, Any],
    positions: Lines,
    parts: tuple[str, str, int],
    zone: tzinfo,
    place: Place | None,
) -> Parsed | list[Problem]:
    header, body, body_line = parts
    schema = values.get("schema", SCHEMA)
    if isinstance(schema, int) and schema > SCHEMA:
        message = f"schema {schema} is newer than the supported schema {SCHEMA}."
        hint = "Update the software, or remove the key."
        return [positions.error("schema", "schema", message, hint)]
    values, problems = adapted(values, header, positions, KNOWN_KEYS)
    if any(problem.severity == "error" for problem in problems):
        return problems
    try:
        front = FrontMatter.model_validate(values)
    except ValidationError as error:
        errors_by_key = {str(entry["loc"][0]): entry for entry in reversed(error.errors())}
        return [_type_problem(positions, entry) for entry in reversed(errors_by_key.values())]
    reading = _Reading(name, place or _place_of(name), positions, problems, zone)
    try:
        return _to_article(reading, front, body, body_line)
    except (OverflowError, ValueError) as error:
        message = f"a date is out of range: {error}."
        hint = "Use years between 1900 and 9000."
        return [positions.error("publish_at", "dates", message, hint)]


@dataclass(frozen=True)
class _Reading:
    """What is known of the file besides its values."""

    name: str
    place: Place
    lines: Lines
    problems: list[Problem]
    zone: tzinfo

    def warn(
        self, key: str, code: str, message: str, hint: str = "", fixable: bool = False
    ) -> None:
        self.problems.append(self.lines.warning(key, code, message, hint, fixable))


def _place_of(name: str) -> Place:
    first = name.split("/", maxsplit=1)[0]
    languages = frozenset({first} if "/" in name and is_language(first) else ())
    return Layout(languages=languages).place(name) or Place(stem=PurePosixPath(name).stem)


def _conflict(name: str, text: str) -> Problem | None:
    """Both sides of a merge that nobody has decided."""
    if "\n<<<<<<< " not in f"\n{text}" or "\n>>>>>>> " not in text:
        return None
    fence = ""
    for number, line in enumerate(text.split("\n"), 1):
        start = line.lstrip()[:3]
        if start in ("```", "~~~"):
            fence = "" if start == fence else fence or start
        elif not fence and line.startswith("<<<<<<< "):
            hint = (
                "Keep one of the two versions, and delete the lines with <<<<<<< ======= >>>>>>>."
            )
            return error_in(name, number, "conflict", "has a merge conflict.", hint)
    return None


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


@lru_cache(maxsize=4_096)
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


def _to_article(
    reading: _Reading, front: FrontMatter, body: str, body_line: int
) -> Parsed | list[Problem]:
    body, heading = _title_from_body(body, front.title)
    title = (front.title or heading or "").strip() or _title_from_name(reading)
    lang = _lang(reading, front, f"{title}\n{body}")
    given: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in front
        if key in ARTICLE_FIELDS
    }
    questions = tuple(dict.fromkeys((*front.questions, *front.answers)))
    old = [front.permalink or "", *front.aliases, front.slug or ""]
    article = Article(
        **given
        | {
            "id": _identity(reading, front.id),
            "lang": lang,
            "section": _section(reading, front),
            "slug": _slug(reading, front),
            "title": title,
            "path": reading.name,
            "questions": questions,
            "answers": tuple(_own_answers(front.answers, (title, *questions))),
            "tests": tuple(dict.fromkeys((*front.tests, *front.expect))),
            "expect": tuple(
                (query, (texts,) if isinstance(texts, str) else tuple(texts))
                for query, texts in front.expect.items()
            ),
            "summary": front.summary.strip(),
            "tags": tuple(tag.strip() for tag in front.tags),
            "aliases": tuple(slugify(alias) for alias in front.aliases if "/" not in alias),
            "addresses": tuple(dict.fromkeys(address_of(url) for url in old if "/" in url)),
            "translation_of": front.translation_of or "",
            "publish_at": _moment(front.publish_at, reading.zone),
            "expire_at": _moment(front.expire_at, reading.zone),
            "updated": _day(front.updated),
            "review_by": _day(front.review_by),
        }
    )
    if front.machine_translation and article.status == "published":
        message = "is a machine translation, and a draft until a person publishes it."
        reading.warn("machine_translation", "machine", message, "Publish it at the desk.")
        article = replace(article, status="draft")
    if article.publish_at and article.expire_at and article.expire_at <= article.publish_at:
        message = "expire_at is not after publish_at; the article is never shown."
        reading.warn("expire_at", "dates", message)
    return Parsed(article, body, body_line, tuple(reading.problems), front.markdown == "classic")


def _own_answers(given: dict[str, str], named: Sequence[str]) -> Iterator[OwnAnswer]:
    places = {text: place for place, text in enumerate(dict.fromkeys(named))}
    for question, target in given.items():
        yield OwnAnswer(question, target.strip(), places[question])


def _title_from_name(reading: _Reading) -> str:
    """A title for a file that has none: its name, or its folder's where it introduces that."""
    place = reading.place
    name = place.folders[-1] if place.is_index and place.folders else place.stem
    words = " ".join(re.sub(r"[-_]", " ", _ORDER.sub("", name)).split())
    title = words[:1].upper() + words[1:] if fold(words).strip() else "Untitled"
    hint = "Add a line to the front matter: title: ..."
    reading.warn("title", "title", f"has no title; {title!r} is used.", hint)
    return title


def _lang(reading: _Reading, front: FrontMatter, text: str) -> str:
    lang = front.lang or reading.place.lang
    if lang and not _LANG.match(lang):
        reading.warn("lang", "lang", f"lang {lang!r} is not a language code.", "Write ja or en.")
        lang = ""
    return (lang or detect(text, ("ja", "en"))).lower()


def _section(reading: _Reading, front: FrontMatter) -> str:
    """The key of the section: its name as an address has it."""
    for name in (front.section, reading.place.section):
        if name and any(char.isalnum() for char in name):
            return slugify(name)
    return "general"


def _identity(reading: _Reading, given: str | None) -> str:
    """The permanent id; without one, it is made of the path."""
    path = str(PurePosixPath(reading.name).with_suffix(""))
    by_path = _NOT_IN_ID.sub("-", path.replace("/", ".")).strip("-")
    if given is None:
        hint, message = (
            "Run: python -m indexer check --fix",
            "has no id; a rename loses its history.",
        )
        reading.warn("id", "no-id", message, hint, fixable=True)
    if given is None or reading.place.ids_are_local:
        return by_path
    if ID.match(given):
        return given
    made = re.sub(r"[^A-Za-z0-9._-]+", "-", given).strip("-.")[:100] or by_path
    hint = "Ids have letters, digits, dots, dashes and underscores."
    reading.warn("id", "id", f"id {given!r} is read as {made!r}.", hint)
    return made


def _slug(reading: _Reading, front: FrontMatter) -> str:
    """The last part of the address: the given slug, or the name of the file or its folder."""
    place = reading.place
    given = (front.slug or "").rstrip("/").rpartition("/")[2]
    if not given:
        return slugify(place.folders[-1] if place.is_index and place.folders else place.stem)
    slug = slugify(given)
    if slug != unicodedata.normalize("NFKC", given).lower():
        message = f"slug {given!r} is not valid in a URL; {slug!r} is used."
        reading.warn("slug", "slug", message, f"Write: slug: {slug}")
    return slug


def address_of(url: str) -> str:
    """The path of an old address, without what servers leave out: ``/a/b`` for ``/a/b.html``."""
    path = unquote(urlsplit(url.strip()).path if "://" in url else url.strip())
    path = "/" + path.partition("#")[0].partition("?")[0].strip("/")
    for end in (".html", ".htm", ".md", "/index"):
        path = path.removesuffix(end)
    return path or "/"


def _title_from_body(body: str, title: str | None) -> tuple[str, str | None]:
    """Remove a heading at the start of the body and return it as the title.

    Only if the front matter has no title or the same one. Without a title, the first heading of
    level 1 elsewhere is the title too, and stays.
    """
    blank = _BLANK_LINES.match(body)
    first = _FIRST_HEADING.match(body, blank.end() if blank else 0)
    heading = _heading(first[0]) if first else ""
    if first and heading and (title is None or (_is_top(first[0]) and heading == title.strip())):
        return "\n" * body[: first.end()].count("\n") + body[first.end() :], heading
    if title is not None:
        return body, None
    found = _TOP_HEADING.search(_without_fences(body))
    return body, _heading(found[0]) if found else None


def _is_top(heading: str) -> bool:
    """Whether a heading is of level 1."""
    return heading.lstrip().startswith(("# ", "<h1")) or heading.rstrip().endswith("=")


def _heading(markup: str) -> str:
    """The text of a heading, without attributes and marks."""
    line = markup.strip().split("\n")[0]
    text = re.sub(r"\{[^{}]*+\}\s*+\Z", "", line.strip("# \t\r"))
    return html.unescape(re.sub(r"[*_`]|<[^<>]*+>", "", text)).strip()


def _without_fences(body: str) -> str:
    return "\n".join("" if at % 2 else part for at, part in enumerate(f"\n{body}".split("\n```")))


def _moment(value: datetime | date | None, zone: tzinfo) -> datetime | None:
    if value is None:
        return None
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    return (value if value.tzinfo else value.replace(tzinfo=zone)).astimezone(UTC)


def _day(value: datetime | date | None) -> date | None:
    return value.date() if isinstance(value, datetime) else value
