"""HTML inside Markdown: what is no HTML is shown as text, what is removed is named."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_block.html_block import html_block
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markdown_it.utils import EnvType

from indexer.reading.markdown.converted import Note, RawLink
from indexer.reading.markdown.sanitise import ATTRIBUTES, TAGS
from indexer.reading.media_types import MEDIA_TAGS

_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9-]*+)((?:[^<>\"']++|\"[^\"<]*+\"|'[^'<]*+')*+)>")
_NAME = re.compile(r"</?([A-Za-z][A-Za-z0-9-]*+)")
_ATTRIBUTE = re.compile(
    r"(?<![\w:.@-])([A-Za-z_:@][\w:.@-]*+)(?:\s*+=\s*+(\"[^\"]*+\"|'[^']*+'|[^\s\"'>]++))?"
)
_COMPONENT = re.compile(r"\A[A-Z][a-z0-9][A-Za-z0-9]*+\Z")
# A component has an end, a slash or a value; <Name> alone is text that a writer shows.
_USED_AS_COMPONENT = re.compile(
    r"</([A-Z][a-z0-9][A-Za-z0-9]*+)>"
    r"|<([A-Z][a-z0-9][A-Za-z0-9]*+)(?:[ \t]*+/>|\s++[:@]?[\w-]++=[\"'{])"
)
# Attributes whose loss changes nothing that a reader sees.
_QUIET = (
    *("markdown", "target", "rel", "loading", "role", "tabindex", "frameborder", "allow", "key"),
    *("allowfullscreen", "xmlns", "version", "decoding", "crossorigin", "referrerpolicy"),
    *("name", "type"),
)
_QUIET_STARTS = ("data-", "aria-", "item", "xmlns:")
_NAMES_OF_HTML = (
    "a abbr acronym address applet area article aside audio b base basefont bdi bdo big blink "
    "blockquote body br button canvas caption center cite code col colgroup data datalist dd "
    "del details dfn dialog dir div dl dt em embed fieldset figcaption figure font footer form "
    "frame frameset h1 h2 h3 h4 h5 h6 head header hgroup hr html i iframe img input ins kbd "
    "label legend li link main map mark marquee math menu meta meter nav nobr noframes noscript "
    "object ol optgroup option output p param picture pre progress q rp rt ruby s samp script "
    "search section select slot small source span strike strong style sub summary sup svg table "
    "tbody td template textarea tfoot th thead time title tr track tt u ul var video wbr xmp "
    "path circle rect line polyline polygon ellipse g defs use symbol text tspan lineargradient "
    "radialgradient stop clippath mask pattern filter foreignobject mi mo mn mrow msup msub "
    "mfrac annotation semantics mtext msqrt"
)
_HTML = frozenset(_NAMES_OF_HTML.split())
_INVISIBLE = re.compile(r"(?i)(?:display\s*+:\s*+none|visibility\s*+:\s*+hidden)")
# Removed with all that is inside.
_WITH_CONTENT = ("script", "style", "svg", "template", "noscript")


def html_plugin(md: MarkdownIt) -> None:
    """Add the rules."""
    md.block.ruler.at("html_block", _html_block, {"alt": ["paragraph", "reference", "blockquote"]})
    md.core.ruler.after("inline", "html-filter", _filter)


def components_in(body: str) -> frozenset[str]:
    """Names of the components of MDX, Vue or Nuxt that a body uses."""
    return frozenset(match[1] or match[2] for match in _USED_AS_COMPONENT.finditer(body))


def _html_block(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """CommonMark's rule, but ``<user-name>`` begins no HTML; after ``markdown`` comes Markdown."""
    line = state.src[state.bMarks[start] + state.tShift[start] : state.eMarks[start]]
    name = _NAME.match(line)
    if name and not _is_html(name[1], state.env):
        return False
    if name and line[1] != "/" and "markdown" in line and _wants_markdown(line):
        if silent:
            return True
        if state.is_code_block(start):
            return False
        state.line = start + 1
        token = state.push("html_block", "", 0)
        token.map, token.content = [start, start + 1], f"{line}\n"
        return True
    return html_block(state, start, end, silent)


def _wants_markdown(line: str) -> bool:
    found = _TAG.fullmatch(line.strip())
    return bool(found) and any(
        match[1].lower() == "markdown" for match in _ATTRIBUTE.finditer(found[3] if found else "")
    )


def _is_html(name: str, env: EnvType) -> bool:
    """Whether it is an element of HTML, or a component of MDX."""
    is_component = name in env["components"] or (env["mdx"] and bool(_COMPONENT.match(name)))
    return name.lower() in _HTML or is_component


def _filter(state: StateCore) -> None:
    notes, links = state.env.setdefault("notes", []), state.env.setdefault("links", [])
    for token in state.tokens:
        line = token.map[0] if token.map else 0
        if token.type == "html_block":
            token.content = _filtered(token.content, line, state.env, notes, links)
        elif token.type == "inline":
            for child, at in with_lines(token):
                if child.type == "html_inline":
                    child.content = _filtered(child.content, at, state.env, notes, links)


def with_lines(token: Token) -> Iterator[tuple[Token, int]]:
    """The children of an inline token, each with its line in the body."""
    line = token.map[0] if token.map else 0
    for child in token.children or []:
        yield child, line
        if child.type in ("softbreak", "hardbreak"):
            line += 1
        elif child.type in ("code_inline", "html_inline"):
            line += child.content.count("\n")


def _filtered(text: str, line: int, env: EnvType, notes: list[Note], links: list[RawLink]) -> str:
    """Show tags that are no HTML as text, and note what the sanitiser will remove."""
    if text.startswith("<!--"):
        if "-->" not in text:
            hint = "Add --> where the comment ends."
            notes.append(Note(line, "unclosed", "a comment (<!--) is not closed.", hint))
        return text
    hidden = ""

    def replaced(match: re.Match[str]) -> str:
        nonlocal hidden
        closing, name, rest = bool(match[1]), match[2], match[3]
        at = line + text.count("\n", 0, match.start())
        if hidden:
            hidden = "" if closing and name.lower() == hidden else hidden
            return match[0]
        if not _is_html(name, env):
            return html.escape(match[0], quote=False)
        if closing:
            return match[0]
        if name.lower() not in TAGS:
            notes.append(_removed(name, at))
            hidden = (
                name.lower() if name.lower() in _WITH_CONTENT and not rest.endswith("/") else ""
            )
            return match[0]
        return _opened(match, at, notes, links)

    return _TAG.sub(replaced, text)


def _opened(match: re.Match[str], line: int, notes: list[Note], links: list[RawLink]) -> str:
    """An opening tag that an article may have; one whose text is invisible says so."""
    name, rest = match[2], match[3]
    tag = name.lower()
    values = {
        each[1].lower(): html.unescape((each[2] or "").strip("\"'"))
        for each in _ATTRIBUTE.finditer(rest)
    }
    notes.extend(_removed_attributes(tag, values, line))
    if url := values.get("href" if tag == "a" else MEDIA_TAGS.get(tag, "")):
        links.append(RawLink(url, line, tag == "img"))
    if not _is_hidden(values):
        return match[0]
    notes.append(_hidden(tag, line))
    return f"<{name} hidden{rest}>"


def _is_hidden(values: Mapping[str, str]) -> bool:
    return "hidden" in values or bool(_INVISIBLE.search(values.get("style", "")))


def _hidden(tag: str, line: int) -> Note:
    message = f"the text of <{tag}> is hidden: it is found, and not shown."
    return Note(line, "hidden-text", message, "Write words for the search to keywords: instead.")


def _removed(name: str, line: int) -> Note:
    if _COMPONENT.match(name) and name.lower() not in _HTML:
        message = f"<{name}> was removed: components of MDX do not run here."
        return Note(line, "leftover", message, "Its text is shown; write the rest in Markdown.")
    if name.lower() in _WITH_CONTENT:
        message = f"<{name}> was removed with its content."
    else:
        message = f"<{name}> was removed; text inside it is shown."
    return Note(line, "unsafe-html", message, "To show it, put it between backticks.")


def _removed_attributes(tag: str, values: Mapping[str, str], line: int) -> Iterator[Note]:
    allowed = ATTRIBUTES["*"] | ATTRIBUTES.get(tag, set())
    for name in values:
        if name == "style" and _INVISIBLE.search(values[name]):
            continue
        if name not in allowed and name not in _QUIET and not name.startswith(_QUIET_STARTS):
            yield Note(line, "removed-attribute", f"{name} of <{tag}> was removed.")
