"""Reads style.yml: the house style of each language, and what differs by situation.

ja:
  form: です・ます
  instead: {あなた: お客様, サーバ: サーバー}
  sentence: 100
  situations:
    complaints: {needs: [申し訳ございません], emoji: false}
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from indexer.model import Problem
from indexer.reading.yaml_loader import Lines, error_in, load_yaml

STYLE = "style.yml"
MAX_BYTES = 256 * 1024
Phrase = Annotated[str, Field(min_length=1, max_length=80)]
POLITE, PLAIN = "です・ます", "だ・である"


class Tone(BaseModel):
    """What can differ by situation. None is what the language says."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    form: Literal["です・ます", "だ・である"] | None = None
    instead: Annotated[dict[Phrase, Phrase], Field(max_length=500)] = {}
    avoid: Annotated[list[Phrase], Field(max_length=500)] = []
    needs: Annotated[list[Phrase], Field(max_length=50)] = []
    sentence: Annotated[int, Field(ge=5, le=1000)] | None = None
    emoji: bool | None = None
    contractions: bool | None = None
    reading: Annotated[float, Field(ge=0, le=100)] | None = None


class Style(Tone):
    """The style of one language.

    ``parts`` are headings by the type of an article, ``situations`` what differs by the section, a
    tag or the type of an article.
    """

    parts: Annotated[dict[Phrase, list[Phrase]], Field(max_length=50)] = {}
    situations: Annotated[dict[Phrase, Tone], Field(max_length=100)] = {}

    def tone(self, names: frozenset[str]) -> Tone:
        """The tone of an article with this section, tags and type; the last that fits counts."""
        own = Tone(**{key: getattr(self, key) for key in Tone.model_fields})
        for name, tone in self.situations.items():
            if name in names:
                told = {key: getattr(tone, key) for key in tone.model_fields_set}
                merged = {**own.instead, **tone.instead}
                both = [*own.avoid, *tone.avoid]
                own = own.model_copy(update={**told, "instead": merged, "avoid": both})
        return own


def read_style(folder: Path) -> tuple[Mapping[str, Style], list[Problem]]:
    """Return the style by language and what is wrong with the file; none where there is none."""
    path = folder / STYLE
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1).decode("utf-8-sig")
    except FileNotFoundError:
        return {}, []
    except (OSError, UnicodeDecodeError) as error:
        why = f"cannot be read ({type(error).__name__})."
        return {}, [error_in(STYLE, 0, "style-file", why, "Save it as UTF-8.")]
    return parsed_style(text)


def parsed_style(text: str) -> tuple[Mapping[str, Style], list[Problem]]:
    """The style by language of a file's text, and a problem for each language that is wrong."""
    values, lines, problem = load_yaml(STYLE, text, most=MAX_BYTES)
    if problem:
        return {}, [problem]
    found: dict[str, Style] = {}
    problems: list[Problem] = []
    for lang, given in values.items():
        try:
            found[lang] = Style.model_validate(given)
        except ValidationError as error:
            message, hint = _told(lang, error.errors()[0])
            problems.append(Lines(STYLE, lines).error(lang, "style-file", message, hint))
    return found, problems


def _told(lang: str, error: Any) -> tuple[str, str]:
    path = [str(part) for part in error["loc"]]
    key = path[-1] if path else lang
    if error["type"] == "extra_forbidden":
        near = get_close_matches(key, [*Style.model_fields], 1)
        hint = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(Style.model_fields)}."
        return f"{lang}: {key[:60]} is not known.", hint
    where = ".".join([lang, *path])[:120]
    return f"{where} has the wrong value: {str(error['input'])[:60]!r}.", f"{error['msg']}."
