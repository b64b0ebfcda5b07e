"""Reads glossary.yml: one term in each language, as translations are to have it.

- {ja: 返品, en: return}
- {ja: 定期便, en: [subscription box, subscription]}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from indexer.model import Problem
from indexer.reading.yaml_loader import BrokenYamlError, error_in, plain, read_yaml

GLOSSARY = "glossary.yml"
MAX_BYTES, MOST_TERMS, LONGEST_TERM = 256 * 1024, 2_000, 100
# The ways in which a term may be written, by language; the first one is preferred.
Term = Mapping[str, Sequence[str]]


def read_glossary(folder: Path) -> tuple[list[Term], list[Problem]]:
    """Return the terms and what is wrong with the file; none where there is none."""
    try:
        with (folder / GLOSSARY).open("rb") as file:
            given = read_yaml(file.read(MAX_BYTES + 1).decode("utf-8-sig"))
    except FileNotFoundError:
        return [], []
    except BrokenYamlError as error:
        return [], [error_in(GLOSSARY, error.line + 1, "glossary", f"{error}.", error.hint)]
    except (OSError, UnicodeDecodeError) as error:
        why = f"cannot be read ({type(error).__name__})."
        return [], [error_in(GLOSSARY, 0, "glossary", why, "Save it as UTF-8.")]
    if not isinstance(given, list):
        hint = "For example: - {ja: 返品, en: return}"
        return [], [error_in(GLOSSARY, 1, "glossary", "is no list of terms.", hint)]
    terms: list[Term] = []
    problems: list[Problem] = []
    for number, one in enumerate(plain(given)[:MOST_TERMS]):
        term = _term(one)
        if term is None:
            line = given.lc.data[number][0] + 1 if hasattr(given, "lc") else number + 1
            message = "a term needs a text for each of two languages or more."
            hint = "For example: - {ja: 返品, en: return}"
            problems.append(error_in(GLOSSARY, line, "glossary", message, hint))
        else:
            terms.append(term)
    return terms, problems


def _term(given: Any) -> Term | None:
    if not isinstance(given, dict) or len(given) < 2:
        return None
    term = {str(lang): _written(text) for lang, text in given.items()}
    return term if all(term.values()) else None


def _written(given: Any) -> Sequence[str]:
    """The ways to write a term; none where it is no text."""
    texts = given if isinstance(given, list) else [given]
    clean = [str(text).strip() for text in texts if isinstance(text, str)]
    is_good = len(clean) == len(texts) and all(0 < len(text) <= LONGEST_TERM for text in clean)
    return clean if is_good else []
