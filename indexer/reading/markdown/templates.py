"""Removes what other tools would have filled in: Liquid, shortcodes, MDX, comments of Obsidian.

A link to a file with spaces in its name, ``[a](my file.md)``, becomes one that CommonMark knows.

Each removed piece is a note with its line; the lines of the text stay as many. Code is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from indexer.reading.markdown.code_spans import Fences, pieces
from indexer.reading.markdown.converted import Note

# {% tag %}, {{ object.of | a filter }}, {{< shortcode >}}, {{% shortcode %}}
_TAG = re.compile(r"\{%-?[ \t]*+([A-Za-z_]*+)([^%\n]*+)%\}")
_SHORTCODE = re.compile(r"\{\{([<%])[^\n{}]*+\}\}")
_OUTPUT = re.compile(r"\{\{-?[ \t]*+([^{}\n]*+)\}\}")
_IMPORT = re.compile(r"\Aimport[ \t]([^\"'\n]*+)[\"'][^\"'\n]++[\"'];?[ \t]*+\Z")
_EXPORT = re.compile(r"\Aexport[ \t]++(?:const|let|var|default|function)\b")
_MDX_COMMENT = re.compile(r"\{/\*[^*\n]*+\*/\}")
_COMMENT = re.compile(r"%%[^%\n]++%%")
_SITE_URLS = ("site.baseurl", "site.url", "page.baseurl", "page.url")
_QUOTED = re.compile(r"\A[\"']([^\"']*+)[\"'][ \t]*+(?:\||\Z)")
_MARKS = ("{%", "{{", "%%", "[TOC", "[toc", "[[", "{:", "${", "import ")
_TOC_MARKS = ("[toc]", "[[toc]]", "[[_toc_]]", "[_toc_]", "${toc}")
_SPACED = re.compile(r"\]\(([^()<>\n\"']*+)\)")
_NAMED = re.compile(r"\.[A-Za-z0-9]{2,8}(?:#\S*+)?\Z")
_HINT = "This site does not run templates: write the text itself."


def without_templates(body: str, *, mdx: bool = False) -> tuple[str, list[Note]]:
    """Return the body without template code, and a note for each piece that was removed."""
    if not mdx and not any(mark in body for mark in _MARKS) and not _has_spaced_link(body):
        return body, []
    return _Remover(mdx).run(body)


class _Remover:
    """Walks the lines of one body."""

    def __init__(self, mdx: bool) -> None:
        self._mdx = mdx
        self._notes: list[Note] = []
        self._line = 0
        self._verbatim = ""
        self._commented = False

    def run(self, body: str) -> tuple[str, list[Note]]:
        lines, fences = [], Fences()
        for self._line, line in enumerate(body.split("\n")):
            is_code = fences.hold(line, opens=not self._commented)
            lines.append(line if is_code else self._without(line))
        return "\n".join(lines), self._notes

    def _without(self, line: str) -> str:
        if line.strip() == "%%":
            self._commented = not self._commented
            if self._commented:
                self._note("comment", "a comment (%%) is not shown.")
            return ""
        if self._commented:
            return ""
        mark = line.strip().lower()
        if mark in _TOC_MARKS or (mark.startswith(("{:toc", "{: toc")) and mark.endswith("}")):
            self._note("leftover", f"{mark} was removed: pages have a table of contents.")
            return ""
        if self._is_module_code(line):
            self._note("leftover", f"{line.strip()[:60]!r} was removed.", _HINT)
            return ""
        if "{" not in line and "%%" not in line and "](" not in line:
            return line
        return "".join(
            piece if is_code else self._replaced(piece) for piece, is_code in pieces(line)
        )

    def _is_module_code(self, line: str) -> bool:
        """``import X from "y"`` of MDX; in Markdown only with a path or package in quotes."""
        found = _IMPORT.match(line)
        names = found[1].strip() if found else "-"
        return names == "" or names.endswith("from") or (self._mdx and bool(_EXPORT.match(line)))

    def _replaced(self, text: str) -> str:
        steps: list[tuple[re.Pattern[str], Callable[[re.Match[str]], str]]] = [
            (_COMMENT, self._comment),
            (_SHORTCODE, self._shortcode),
            (_TAG, self._tag),
            (_OUTPUT, self._output),
            (_SPACED, _in_angles),
        ]
        for pattern, replace in steps:
            text = pattern.sub(replace, text)
        return _MDX_COMMENT.sub("", text) if self._mdx else text

    def _comment(self, match: re.Match[str]) -> str:
        self._note("comment", "a comment (%%) is not shown.")
        return ""

    def _tag(self, match: re.Match[str]) -> str:
        name = match[1]
        if name in ("raw", "endraw", "comment", "endcomment"):
            self._verbatim = "" if name.startswith("end") else name
            return ""
        if self._verbatim == "raw":
            return match[0]
        if name == "link" and match[2].strip():
            return f"/{match[2].split()[0].lstrip('/')}"
        self._note("leftover", f"{match[0][:60]} was removed.", _HINT)
        return ""

    def _shortcode(self, match: re.Match[str]) -> str:
        self._note("leftover", f"{match[0][:60]} was removed.", _HINT)
        return ""

    def _output(self, match: re.Match[str]) -> str:
        inside = match[1].rstrip("- \t")
        if self._verbatim == "raw":
            return match[0]
        if inside in _SITE_URLS:
            return ""
        if quoted := _QUOTED.match(inside):
            return quoted[1]
        if "." not in inside and "|" not in inside:
            hint = "If it is meant, put it between backticks."
            self._note("leftover", f"{match[0][:60]} is shown as it is.", hint)
            return match[0]
        self._note("leftover", f"{match[0][:60]} was removed.", _HINT)
        return ""

    def _note(self, code: str, message: str, hint: str = "") -> None:
        self._notes.append(Note(self._line, code, message, hint))


def _has_spaced_link(body: str) -> bool:
    return any(_in_angles(match) != match[0] for match in _SPACED.finditer(body))


def _in_angles(match: re.Match[str]) -> str:
    """``](<my file.md>)`` for ``](my file.md)``: in angles, CommonMark takes spaces."""
    target = match[1].strip()
    return f"](<{target}>)" if " " in target and _NAMED.search(target) else match[0]
