"""Every regular expression of the code runs in linear time, whatever text it meets.

Each pattern is tried on long texts made of its own parts, repeated. Linear time is well under a
ms for 10,000 characters; what takes longer is tried on twenty times as many, where quadratic time
takes seconds.
"""

import ast
import importlib
import pkgutil
import re
import re._parser as sre_parse
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
LENGTH = 10_000
SUSPICIOUS_S = 0.002
LONGER, LIMIT_S = 20, 1.5
CALLS = ("compile", "sub", "match", "search", "fullmatch", "findall", "finditer", "split")
# Characters that patterns treat in different ways.
OTHERS = (
    " ",
    "\n",
    "a",
    "A",
    "1",
    "あ",
    "ー",
    "<",
    ">",
    '"',
    "'",
    "@",
    ".",
    "-",
    "=",
    "[",
    "(",
    "`",
)


def modules() -> Iterator[ModuleType]:
    for package in ("search", "indexer", "kb_app"):
        for module in pkgutil.walk_packages([str(ROOT / package)], package + "."):
            if "migrations" not in module.name and not module.name.endswith("__main__"):
                yield importlib.import_module(module.name)


def literal_patterns() -> dict[str, tuple[str | bytes, int]]:
    """Patterns that the source passes to re, by place; those made of parts are found below."""
    found: dict[str, tuple[str | bytes, int]] = {}
    for package in ("search", "indexer", "kb_app"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Attribute)
                    and isinstance(node.func.value, ast.Name)
                    and node.func.value.id == "re"
                    and node.func.attr in CALLS
                    and isinstance(node.args[0], ast.Constant)
                ):
                    place = f"{path.relative_to(ROOT)}:{node.lineno}"
                    found[place] = (node.args[0].value, 0)
    return found


def compiled_patterns() -> dict[str, tuple[str | bytes, int]]:
    """Patterns in the modules' variables, by name."""
    found: dict[str, tuple[str | bytes, int]] = {}

    def look(name: str, value: Any) -> None:
        if isinstance(value, re.Pattern):
            found[name] = (value.pattern, value.flags)
        elif isinstance(value, tuple | list):
            for part in value:
                look(name, part)

    for module in modules():
        for name, value in vars(module).items():
            look(f"{module.__name__}.{name}", value)
    return found


PATTERNS = {
    pattern: (place, flags)
    for place, (pattern, flags) in sorted((compiled_patterns() | literal_patterns()).items())
    if re.search(rb"[*+}]" if isinstance(pattern, bytes) else "[*+}]", pattern)
}


def texts_of(parsed: Any) -> list[str]:
    """A few short texts that a part of a pattern matches."""
    texts = [""]
    for kind, given in parsed:
        texts = [text + more for text in texts for more in _texts_of_item(str(kind), given)][:12]
    return texts


def _texts_of_item(kind: str, given: Any) -> list[str]:  # noqa: PLR0911, one for each kind
    match kind:
        case "LITERAL":
            return [chr(given)]
        case "NOT_LITERAL":
            return ["x" if given != ord("x") else "y"]
        case "ANY":
            return ["x"]
        case "IN":
            return [_character_in(given)]
        case "BRANCH":
            return [text for part in given[1] for text in texts_of(part)[:2]]
        case "SUBPATTERN":
            return texts_of(given[-1])
        case "ATOMIC_GROUP":
            return texts_of(given)
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            return [text * max(1, given[0]) for text in texts_of(given[2])]
        case _:
            return [""]


def _character_in(items: Any) -> str:
    classes = {"CATEGORY_SPACE": " ", "CATEGORY_DIGIT": "1", "CATEGORY_WORD": "a"}
    (first, *_) = items
    if str(first[0]) == "NEGATE":
        return next(char for char in "xy1 .あ" if re.match(_rebuilt(items), char))
    if str(first[0]) == "RANGE":
        return chr(first[1][0])
    return chr(first[1]) if str(first[0]) == "LITERAL" else classes.get(str(first[1]), "-")


def _rebuilt(items: Any) -> str:
    """The class without what it excludes by category, which OTHERS try anyway."""
    excluded = "".join(re.escape(chr(given)) for kind, given in items if str(kind) == "LITERAL")
    return f"[^{excluded}]" if excluded else "."


def parts_of(pattern: str) -> list[str]:
    """The beginnings of texts that the pattern matches."""
    whole = texts_of(sre_parse.parse(pattern))
    cut = {text[:length] for text in whole for length in range(1, len(text) + 1)}
    return sorted(text for text in cut if text)[:40]


def pumps(pattern: str) -> Iterator[tuple[str, str]]:
    """(start, unit to repeat): each part, and each part before one character or a run of it."""
    parts = parts_of(pattern)
    for part in [*parts, *OTHERS]:
        yield "", part
    for part in parts:
        for other in OTHERS:
            yield part, other
            yield "", part + other


@contextmanager
def limit(seconds: float) -> Iterator[None]:
    """Raise TimeoutError after some seconds; re looks for signals while it works."""

    def stop(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_patterns_were_found() -> None:
    assert len(PATTERNS) > 60


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: PATTERNS[pattern][0])
def test_a_pattern_takes_linear_time(pattern: str | bytes) -> None:
    place, flags = PATTERNS[pattern]
    compiled: re.Pattern[Any] = re.compile(pattern, flags)
    for start, unit in pumps(pattern if isinstance(pattern, str) else pattern.decode("ascii")):

        def run(length: int, start: str = start, unit: str = unit) -> float:
            text = start + unit * (length // len(unit)) + "\x00"
            given: Any = text if isinstance(pattern, str) else text.encode("utf-8")
            began = time.perf_counter()
            for _match in compiled.finditer(given):
                pass
            return time.perf_counter() - began

        try:
            with limit(LIMIT_S):
                if run(LENGTH) > SUSPICIOUS_S:
                    run(LENGTH * LONGER)
        except TimeoutError:
            text = f"{start!r} and then {unit!r}, repeated"
            pytest.fail(f"{place}: {pattern!r} takes more than linear time on {text}")
