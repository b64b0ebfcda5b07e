"""Bodies as the Markdown of MkDocs, Docusaurus, Jekyll and Document360."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape
from typing import Literal

from tests.vendors.blocks import (
    Accordion,
    Attached,
    Block,
    Blocks,
    Break,
    Callout,
    CodeBlock,
    Heading,
    Image,
    Inline,
    Inlines,
    Link,
    Listing,
    Noise,
    Para,
    Quote,
    Ruby,
    Str,
    Table,
    Tabs,
    Terms,
    Video,
)
from tests.vendors.html_writer import Dialect, data_uri, write_table, write_terms

SPECIAL = re.compile(r"([\\`*_\[\]<>#|~{}])")
SPECIAL_PYTHON = re.compile(r"([\\`*_\[\]>#|{}])")
LINE_START = re.compile(r"^(\s*)([-+]|\d+[.)])(?=\s)")
HEADINGS = {"note": "Note", "tip": "Tip", "warning": "Warning", "danger": "Danger"}
D360 = {"note": "Info", "tip": "Success", "warning": "Warning", "danger": "Error"}


@dataclass(frozen=True)
class Flavour:
    name: Literal["mkdocs", "docusaurus", "jekyll", "document360"]
    dialect: Dialect

    @property
    def mdx(self) -> bool:
        return self.name == "docusaurus"


def escaped(text: str, flavour: Flavour) -> str:
    """Plain text that no Markdown reader takes for markup."""
    if flavour.name == "mkdocs":
        # Python-Markdown knows no backslash before < and ~.
        text = SPECIAL_PYTHON.sub(r"\\\1", text).replace("<", "&lt;")
    else:
        text = SPECIAL.sub(r"\\\1", text)
    start = LINE_START.match(text)
    if start and start[2][-1] in ".)":
        return f"{start[1]}{start[2][:-1]}\\{start[2][-1]}{text[start.end() :]}"
    return f"{start[1]}\\{text[len(start[1]) :]}" if start else text


def write_str(part: Str, flavour: Flavour) -> str:
    match part.style:
        case "bold":
            return f"**{escaped(part.text, flavour)}**"
        case "italic":
            return f"*{escaped(part.text, flavour)}*"
        case "code":
            ticks = "``" if "`" in part.text else "`"
            space = " " if "`" in part.text else ""
            return f"{ticks}{space}{part.text}{space}{ticks}"
        case "kbd" | "sup" | "sub":
            return f"<{part.style}>{escape(part.text, quote=False)}</{part.style}>"
        case _:
            return escaped(part.text, flavour)


def write_inline(part: Inline, flavour: Flavour) -> str:
    match part:
        case Str():
            return write_str(part, flavour)
        case Ruby(base, reading):
            return f"<ruby>{base}<rt>{reading}</rt></ruby>"
        case Link(_, text):
            target = flavour.dialect.link(part)
            return f"[{escaped(text, flavour)}]({target})"
        case Break():
            return "<br />" if flavour.mdx else "<br>"


def write_inlines(parts: Inlines, flavour: Flavour) -> str:
    return "".join(write_inline(part, flavour) for part in parts)


def write_listing(listing: Listing, flavour: Flavour, depth: int = 0) -> str:
    lines = []
    for number, item in enumerate(listing.items, start=1):
        mark = f"{number}." if listing.ordered else "-"
        lines.append(" " * 4 * depth + f"{mark:<4}" + write_inlines(item.parts, flavour))
        if item.below:
            lines.append(write_listing(item.below, flavour, depth + 1))
    return "\n".join(lines)


def as_jsx(html: str) -> str:
    """HTML that MDX takes: JSX names, closed tags, no style strings, no loose braces."""
    html = re.sub(r' style="[^"]*"', "", html).replace("colspan=", "colSpan=")
    html = html.replace("rowspan=", "rowSpan=").replace("<br>", "<br />").replace(' border="1"', "")
    return html.replace("{", "&#123;").replace("}", "&#125;")


def write_pipe_table(table: Table, flavour: Flavour) -> str:
    if any(cell.cols > 1 or cell.rows > 1 for row in table.rows for cell in row):
        html = write_table(table, flavour.dialect)
        return as_jsx(html) if flavour.mdx else html
    lines = [
        "| " + " | ".join(write_inlines(cell.parts, flavour) for cell in row) + " |"
        for row in table.rows
    ]
    return "\n".join([lines[0], "|" + " --- |" * len(table.rows[0]), *lines[1:]])


def write_code(block: CodeBlock, flavour: Flavour) -> str:
    if flavour.name == "jekyll" and block.form == "language":
        start = f"{{% highlight {block.language} %}}"
        return f"{start}\n{{% raw %}}{block.text}{{% endraw %}}\n{{% endhighlight %}}"
    language = block.language if block.form == "language" else ""
    return f"```{language}\n{block.text}\n```"


def write_image(image: Image, flavour: Flavour) -> str:
    if image.form == "data":
        source = data_uri(flavour.dialect.pictures[image.name])
    else:
        source = flavour.dialect.picture(image)
    plain = f"![{escaped(image.alt, flavour)}]({source})"
    if image.form != "width":
        return plain
    match flavour.name:
        case "mkdocs":
            return plain + '{ width="320" }'
        case "docusaurus":
            return f'<img src="{source}" alt="{escape(image.alt)}" width="320" />'
        case "jekyll":
            return plain + '{: width="320"}'
        case "document360":
            return plain + '{height="" width="320"}'


def indented(text: str) -> str:
    return "\n".join("    " + line if line else line for line in text.splitlines())


def write_callout(kind: str, text: str, flavour: Flavour) -> str:
    match flavour.name:
        case "mkdocs":
            return f"!!! {kind}\n\n{indented(text)}"
        case "docusaurus":
            return f":::{kind}\n\n{text}\n\n:::"
        case "jekyll":
            return f"> {text}\n{{: .{kind} }}"
        case "document360":
            return f":::({D360[kind]}) ({HEADINGS[kind]})\n{text}\n:::"


def write_tabs(tabs: list[tuple[str, str]], flavour: Flavour) -> str:
    if flavour.name == "mkdocs":
        return "\n\n".join(f'=== "{title}"\n\n{indented(text)}' for title, text in tabs)
    if flavour.mdx:
        items = "\n".join(
            f'<TabItem value="t{i}" label="{title}">\n\n{text}\n\n</TabItem>'
            for i, (title, text) in enumerate(tabs)
        )
        return f"<Tabs>\n{items}\n</Tabs>"
    return "\n\n".join(f"**{escaped(title, flavour)}**\n\n{text}" for title, text in tabs)


def write_accordion(title: str, text: str, flavour: Flavour) -> str:
    if flavour.name == "mkdocs":
        return f'??? note "{title}"\n\n{indented(text)}'
    attribute = ' markdown="1"' if flavour.name == "jekyll" else ""
    return f"<details{attribute}>\n<summary>{title}</summary>\n\n{text}\n\n</details>"


def write_heading(block: Heading, flavour: Flavour) -> str:
    line = "#" * block.level + " " + escaped(block.text, flavour)
    if not block.anchor:
        return line
    match flavour.name:
        case "mkdocs":
            return f"{line} {{ #{block.anchor} }}"
        case "document360":
            return f'<a id="{block.anchor}"></a>\n\n{line}'
        case _:
            return f"{line} {{#{block.anchor}}}"


def write_simple(block: Block, flavour: Flavour) -> str:
    match block:
        case Heading():
            text = write_heading(block, flavour)
        case CodeBlock():
            text = write_code(block, flavour)
        case Quote(parts):
            text = "> " + write_inlines(parts, flavour)
        case Attached(name):
            text = f"[{escaped(name, flavour)}]({flavour.dialect.file(name)})"
        case Video(url):
            full = 'allowFullScreen="true"' if flavour.mdx else "allowfullscreen"
            text = f'<iframe src="{url}" width="560" height="315" {full}></iframe>'
        case Terms():
            text = write_terms(block, flavour.dialect)
            text = as_jsx(text) if flavour.mdx else text
        case Noise():
            text = ""
        case _:
            raise AssertionError(block)
    return text


def write_block(block: Block, flavour: Flavour) -> str:
    match block:
        case Para(parts):
            text = write_inlines(parts, flavour)
        case Listing():
            text = write_listing(block, flavour)
        case Table():
            text = write_pipe_table(block, flavour)
        case Callout(kind, parts):
            text = write_callout(kind, write_inlines(parts, flavour), flavour)
        case Tabs(tabs):
            pairs = [(title, write_inlines(parts, flavour)) for title, parts in tabs]
            text = write_tabs(pairs, flavour)
        case Accordion(title, parts):
            text = write_accordion(title, write_inlines(parts, flavour), flavour)
        case Image():
            text = write_image(block, flavour)
        case _:
            text = write_simple(block, flavour)
    return text


def write_markdown(blocks: Blocks, flavour: Flavour) -> str:
    written = (write_block(block, flavour) for block in blocks)
    return "\n\n".join(text for text in written if text) + "\n"
