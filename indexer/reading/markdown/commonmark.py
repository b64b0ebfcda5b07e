"""Converts Markdown as it is written today: CommonMark with the extensions of other tools."""

from __future__ import annotations

from functools import cache
from typing import Any

from markdown_it import MarkdownIt
from mdit_py_plugins.deflist import deflist_plugin
from mdit_py_plugins.footnote import footnote_plugin
from mdit_py_plugins.gfm_autolink import gfm_autolink_plugin

from indexer.reading.markdown.abbreviations import abbreviation_plugin
from indexer.reading.markdown.attributes import attribute_plugin
from indexer.reading.markdown.blocks import block_plugin
from indexer.reading.markdown.converted import Converted, Note, RawLink
from indexer.reading.markdown.html_filter import components_in, html_plugin, with_lines
from indexer.reading.markdown.inline_images import inline_image_plugin
from indexer.reading.markdown.obsidian import obsidian_plugin
from indexer.reading.markdown.renderers import renderer_plugin
from indexer.reading.markdown.templates import without_templates
from indexer.reading.markdown.typography import japanese_plugin

# Levels of lists, quotes and boxes in one another; what is deeper is left out, and said.
DEEPEST = 100


def to_html(body: str, lang: str, *, mdx: bool = False) -> Converted:
    """Convert a body. Pure; the parser keeps nothing between two texts."""
    text, notes = without_templates(body, mdx=mdx)
    env: dict[str, Any] = {
        "lang": lang,
        "mdx": mdx,
        "components": components_in(text),
        "notes": notes,
        "links": [],
    }
    tokens = _parser().parse(text, env)
    links: list[RawLink] = env["links"]
    for token in tokens:
        if token.type == "inline":
            for child, line in with_lines(token):
                if child.type == "link_open":
                    links.append(RawLink(str(child.attrs.get("href", "")), line))
                elif child.type == "image":
                    links.append(RawLink(str(child.attrs.get("src", "")), line, image=True))
    if deep := next((t for t in tokens if t.level >= DEEPEST - 1), None):
        line = deep.map[0] if deep.map else 0
        message = f"lists, quotes or boxes are nested deeper than {DEEPEST} levels."
        hint = "What is deeper is not shown: put it further out."
        notes.append(Note(line, "too-deep", message, hint))
    made = _parser().renderer.render(tokens, _parser().options, env)
    return Converted(made, env.get("toc", []), links, sorted(notes, key=lambda note: note.line))


@cache
def _parser() -> MarkdownIt:
    md = MarkdownIt("commonmark", {"tasklists": True, "strikethrough_single_tilde": False})
    md.options["xhtmlOut"] = False
    md.options["maxNesting"] = DEEPEST
    md.enable(["table", "strikethrough"])
    # Links of every kind are parsed, and the sanitiser removes those that could run code.
    md.validateLink = lambda url: True  # type: ignore[method-assign]
    for plugin in (gfm_autolink_plugin, deflist_plugin):
        md.use(plugin)
    md.use(footnote_plugin, inline=False)
    for own in (
        html_plugin,
        block_plugin,
        attribute_plugin,
        abbreviation_plugin,
        obsidian_plugin,
        inline_image_plugin,
        japanese_plugin,
        renderer_plugin,
    ):
        md.use(own)
    return md
