"""What is installed is what the lock files name, and each has a known licence."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
LOCKS = [ROOT / "locks" / name for name in ("torch.txt", "serve.txt", "dev.txt")]
_ENTRY = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>[^\s;]+)(?: ; (?P<marker>[^\\]+))?", re.M)


def locked(*files: Path) -> list[tuple[str, str, str]]:
    """Name, version and marker of each entry."""
    return [
        (canonicalize_name(found["name"]), found["version"], (found["marker"] or "").strip())
        for file in files
        for found in _ENTRY.finditer(file.read_text())
    ]


@pytest.mark.parametrize("file", LOCKS, ids=lambda file: file.name)
def test_every_entry_has_a_hash(file: Path) -> None:
    entries = re.split(r"\n(?=[\w.-]+==)", file.read_text())[1:]
    assert entries and all("--hash=sha256:" in entry for entry in entries)


def test_every_pin_is_locked_at_its_version() -> None:
    known = {(name, version) for name, version, _ in locked(*LOCKS)}
    for file in (
        "requirements.txt",
        "requirements-bench.txt",
        "requirements-dev.txt",
        "locks/build.in",
    ):
        for line in (ROOT / file).read_text().splitlines():
            text = line.split("#")[0].strip()
            if text and not text.startswith("-r"):
                pin = Requirement(text)
                version = str(pin.specifier).removeprefix("==")
                assert (canonicalize_name(pin.name), version) in known, f"{text}: run make lock"


def test_the_tests_run_on_what_is_locked() -> None:
    for name, version, marker in locked(*LOCKS):
        if not marker or Marker(marker).evaluate():
            assert metadata.version(name).split("+")[0] == version, name


def test_every_licence_is_listed() -> None:
    rows = (ROOT / "docs/licences.md").read_text().splitlines()
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows if row[:1] == "|"]
    listed = {(canonicalize_name(row[0]), row[1].split("+")[0]): row[2] for row in cells}
    for name, version, marker in locked(ROOT / "locks/torch.txt", ROOT / "locks/serve.txt"):
        if not marker or Marker(marker).evaluate():
            assert listed.get((name, version), "UNKNOWN") != "UNKNOWN", f"{name}: make licences"
