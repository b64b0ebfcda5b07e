"""How often articles have the structure that GitHub's Markdown gives them.

    python -m bench.markdown FOLDER ... [--classic] [--show 5]

Renders every Markdown file of the folders and compares headings, lists with their numbers, items,
tables with their rows, and blocks of code with those of cmark-gfm (GitHub's own parser). What
stands in containers, tabs and admonitions counts like the rest. Prints the share of articles that
agree, and where the others differ.
"""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import cmarkgfm
from cmarkgfm.cmark import Options

from indexer.reading.files import MAX_BYTES
from indexer.reading.front_matter import split_front_matter
from indexer.reading.markdown import classic, commonmark
from indexer.reading.markdown.sanitise import sanitise
from indexer.reading.markdown.templates import without_templates

_OPTIONS = Options.CMARK_OPT_UNSAFE | Options.CMARK_OPT_FOOTNOTES
_SHOWN = {"h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "table", "tr", "pre"}
_LEFT_OUT = {"node_modules", ".git", "_includes", "_layouts"}


class _Structure(HTMLParser):
    """The block elements of an HTML text, in order; ``ol`` with the number it begins with."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._footnotes = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called by feed()."""
        values = dict(attrs)
        name = values.get("class") or ""
        if self._footnotes or name in ("footnote", "footnotes"):
            self._footnotes += tag in ("div", "section")
            return
        if tag in _SHOWN:
            start = values.get("start") or "1"
            self.found.append(f"{tag}{start}" if tag == "ol" else tag)

    def handle_endtag(self, tag: str) -> None:
        """Called by feed()."""
        if self._footnotes:
            self._footnotes -= tag in ("div", "section")
        elif tag in ("ul", "ol", "table"):
            self.found.append(f"/{tag}")


def structure(markup: str) -> list[str]:
    """The structure of sanitised HTML."""
    reader = _Structure()
    reader.feed(sanitise(markup))
    reader.close()
    return reader.found


def _reference(body: str, mdx: bool) -> str:
    """GitHub's HTML of a text; template code, which GitHub cannot know either, is taken out."""
    body, _ = without_templates(body, mdx=mdx)
    markup = cmarkgfm.github_flavored_markdown_to_html(body, _OPTIONS)
    return str(markup).replace("<section", "<div").replace("</section", "</div")


def texts(folder: Path) -> Iterator[tuple[Path, str]]:
    """The Markdown files of a folder with their bodies."""
    for path in sorted(folder.rglob("*.md*")):
        inside = path.relative_to(folder).parts
        if path.suffix not in (".md", ".mdx", ".markdown") or _LEFT_OUT & set(inside):
            continue
        if path.stat().st_size <= MAX_BYTES:
            text = path.read_bytes().decode("utf-8-sig", "replace").replace("\r\n", "\n")
            yield path, split_front_matter(text)[1]


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--classic", action="store_true", help="render with Python-Markdown")
    parser.add_argument("--show", type=int, default=0, help="differences to print")
    flags = parser.parse_args()
    whole, same, shown = 0, 0, 0
    for folder in flags.folders:
        count, agree = 0, 0
        for path, body in texts(folder):
            ours = (
                classic.to_html(body, "en")
                if flags.classic
                else commonmark.to_html(body, "en", mdx=path.suffix == ".mdx")
            )
            reference = structure(_reference(body, path.suffix == ".mdx"))
            found = structure(ours.html)
            count, agree = count + 1, agree + (found == reference)
            if found != reference and shown < flags.show:
                shown += 1
                print(f"--- {path}")
                lines = difflib.unified_diff(reference, found, "GitHub", "here", lineterm="", n=3)
                print(" ".join(list(lines)[2:60]))
        print(f"{folder}: {agree} of {count} agree ({agree / max(count, 1):.3f})")
        whole, same = whole + count, same + agree
    print(f"all: {same} of {whole} agree ({same / max(whole, 1):.3f})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
