"""The settings file, kb.toml: settings in lower case, without KB_."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NAME = "kb.toml"
MAX_BYTES = 256 * 1024


class SettingsFileError(Exception):
    """A settings file cannot be read; the message names the file, and the line where it can."""


@dataclass(frozen=True)
class SettingsFile:
    """The values of a settings file by setting; ``path`` is None where there is no file."""

    path: Path | None = None
    values: Mapping[str, object] = field(default_factory=dict)


def read_settings_file(path: Path, paths: frozenset[str]) -> SettingsFile:
    """Read a settings file; the settings in ``paths`` are relative to its folder.

    Raises SettingsFileError.
    """
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1)
        if len(text) > MAX_BYTES:
            raise SettingsFileError(f"{path} is larger than {MAX_BYTES // 1024} KB.")
        values = tomllib.loads(text.decode("utf-8-sig"))
    except OSError as error:
        raise SettingsFileError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise SettingsFileError(f"{path} is not UTF-8. Save it as UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsFileError(f'{path}: {error}. Write name = "value".') from error
    tables = [name for name, value in values.items() if isinstance(value, dict)]
    if tables:
        raise SettingsFileError(f'{path}: [{tables[0]}] is a table. Write name = "value" alone.')
    folder = path.resolve().parent
    found = {
        name: folder / value if name in paths and isinstance(value, str) and value else value
        for name, value in values.items()
    }
    return SettingsFile(path, found)


def sample(fields: Mapping[str, Any]) -> Iterator[str]:
    """The lines of a settings file with every setting, its meaning and its default, commented."""
    yield "# Settings of the site. A variable of the environment (KB_ and the name in capitals) is"
    yield "# above a line here. docs/operating.md explains them; paths are relative to this file."
    for name, each in fields.items():
        if name == "config":
            continue
        yield ""
        yield from (f"# {line}" for line in _wrapped(each.description.replace("`", "")))
        yield f"#{name} = {toml(each.default)}"


def _wrapped(text: str, width: int = 96) -> Iterator[str]:
    line = ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > width:
            yield line
            line = word
        else:
            line = f"{line} {word}".strip()
    yield line


def toml(value: object) -> str:
    """A value as TOML writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, tuple):
        return f"[{', '.join(map(toml, value))}]"
    text = "" if value is None else str(value)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
