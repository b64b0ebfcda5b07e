"""Sums up problems of one kind: 211 files with one unknown key are one line, not 211."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from indexer.model import Problem, Severity

# So many of a kind are shown one by one.
FEW = 3
_QUOTED = re.compile(r"'[^']*+'|\"[^\"]*+\"")
_VARIABLE = re.compile(r"[/#\d]|\w\.\w")
_VALUE = re.compile(r"(?<=\w): [^:]*+\Z")
_TAG = re.compile(r"</?+\w++>")
_TEMPLATE = re.compile(r"\A\{([{%])[-\s]*+(\w*+)")


@dataclass(frozen=True)
class ProblemGroup:
    """Problems of one kind, in the order of their files."""

    severity: Severity
    code: str
    kind: str
    problems: tuple[Problem, ...]

    @property
    def files(self) -> int:
        """The number of files that have it."""
        return len({problem.path for problem in self.problems})

    def __str__(self) -> str:
        first = self.problems[0]
        places = ", ".join(
            f"{problem.path}:{problem.line}" if problem.line else problem.path
            for problem in self.problems[:FEW]
        )
        hint = f" {first.hint}" if len({problem.hint for problem in self.problems}) == 1 else ""
        times = "" if self.files == len(self.problems) else f", {len(self.problems)} times"
        return f"{self.severity}: in {self.files} files{times}: {self.kind}{hint}\n    {places} ..."


def kind_of(problem: Problem) -> str:
    """The message without what differs from file to file."""
    message = _VALUE.sub(".", problem.message)
    if problem.code == "removed-attribute":
        message = _TAG.sub("<...>", message)
    if problem.code == "anchor":
        article = " which ..." if "which this article" not in message else " which this article"
        message = f"links to ...,{article} does not have."
    if template := _TEMPLATE.match(message):
        name = f"% {template[2]}" if template[1] == "%" else "{"
        message = f"{{{name} ... {message[message.rfind(' was ') + 1 :]}"
    words = _QUOTED.sub("...", message).split()
    return " ".join("..." if _VARIABLE.search(word) else word for word in words)


def grouped(problems: Sequence[Problem]) -> list[ProblemGroup]:
    """The problems by kind: errors first, then the most frequent."""
    groups: dict[tuple[Severity, str, str], list[Problem]] = defaultdict(list)
    for problem in problems:
        groups[problem.severity, problem.code, kind_of(problem)].append(problem)
    made = [
        ProblemGroup(severity, code, kind, tuple(found))
        for (severity, code, kind), found in groups.items()
    ]
    return sorted(made, key=lambda group: (group.severity != "error", -len(group.problems)))


def lines_of(problems: Sequence[Problem], *, everything: bool = False) -> list[str]:
    """What a report prints: few of a kind each on its line, many as one."""
    if everything:
        return [str(problem) for problem in problems]
    shown: list[str] = []
    for group in grouped(problems):
        few = len(group.problems) <= FEW
        shown += [str(problem) for problem in group.problems] if few else [str(group)]
    return shown
