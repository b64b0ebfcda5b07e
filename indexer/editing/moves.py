"""Moves, merges and removes articles: links are mended, and old addresses lead to the new place."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from indexer.editing.editor import Editor
from indexer.editing.front_text import (
    WITH_QUESTIONS,
    body_of,
    listed,
    normalised,
    published,
    values_of,
    with_body,
    with_values,
)
from indexer.editing.links import mentions, moved_links
from indexer.editing.model import Author, EditConflictError, Opened
from indexer.model import ArticleSummary
from indexer.reading.files import resolve
from indexer.reading.front_matter import parse, slugify
from indexer.reading.layout import SUFFIXES

_PART = re.compile(r"[^\s./\\:*?\"<>|#%][^/\\:*?\"<>|#%\n\r\t]{0,99}")
_JOINED = ("questions", "tests", "keywords", "tags")
# [label]: and [^label]: at the start of a line.
_LABEL = re.compile(r"(?m)^[ >]{0,12}\[(\^?[^\]\n]{1,200})\]:")


@dataclass(frozen=True)
class Neighbours:
    """The other articles: ``paths`` of all of them, and the ``group`` of translations.

    ``slugs`` are the addresses of the articles in the same language, by path.
    """

    paths: Sequence[str]
    group: Sequence[ArticleSummary]
    slugs: Mapping[str, str] = field(default_factory=dict)


class _Changes:
    """Files that change together. Each is read once, so that a change of others is noticed."""

    def __init__(self, editor: Editor, *opened: Opened) -> None:
        self._editor = editor
        self._opened = {one.name: one for one in opened}
        self._texts: dict[str, str | None] = {}
        self._like: dict[str, str] = {}

    def moved(self, old: str, new: str) -> None:
        """Let a new file have the line ends and the byte order mark of another one."""
        self._like[new] = old

    def text(self, name: str) -> str:
        """The text as it is to be so far. Raises EditConflictError if it cannot be read."""
        if name not in self._opened:
            self._opened[name] = self._editor.open(name)
        return self._texts.get(name) or self._opened[name].text

    def set(self, name: str, text: str | None) -> None:
        """Change a file; None removes it."""
        if text is None or name not in self._opened or text != self.text(name):
            self._texts[name] = text

    @property
    def names(self) -> list[str]:
        """The files that change."""
        return sorted(self._texts)

    @property
    def read(self) -> list[str]:
        """The files that were read."""
        return list(self._opened)

    def write(self, author: Author, message: str) -> None:
        """Write them in one commit. Raises EditConflictError, with nothing changed."""
        digests = {name: one.digest for name, one in self._opened.items() if name in self._texts}
        if self._texts:
            self._editor.write(self._texts, digests, author, message, self._like)


class Mover:
    """Moves and removes articles of one folder, each time in one commit."""

    def __init__(self, editor: Editor) -> None:
        self._editor = editor

    def linking(self, card: ArticleSummary, paths: Iterable[str]) -> list[str]:
        """The files that link to an article or name it as related."""
        changes = _Changes(self._editor)
        _mend(changes, card, _Target("?", "?"), paths)
        address = f"/{card.lang}/articles/{card.slug}"
        written = (address, quote(address))
        by_address = (
            path for path in changes.read if any(one in changes.text(path) for one in written)
        )
        return sorted({*changes.names, *by_address} - {card.path})

    def move(
        self,
        card: ArticleSummary,
        opened: Opened,
        new_path: str,
        near: Neighbours,
        author: Author,
        slug: str = "",
    ) -> None:
        """Give an article's file another name or folder, and the page the address ``slug``.

        Without ``slug`` the address follows the file's name. The id and the translations stay,
        links to it and out of it are mended, and an address that changes leads on. Raises
        EditConflictError where the new place is none, or is taken.
        """
        if new_path != card.path:
            check_place(card.path, new_path)
        wanted = _slug(card, opened.text, new_path, slug)
        taken = next((path for path, one in near.slugs.items() if one == wanted), card.path)
        if taken != card.path:
            raise EditConflictError(f"{taken} has the address {wanted!r} already. Choose another.")
        changes = _Changes(self._editor, opened)
        text = moved_links(opened.text, opened.name, new_path, {card.path: new_path})
        pinned = _pinned(card, opened.text, new_path, wanted)
        changes.set(new_path, with_values(opened.name, text, pinned))
        if new_path == opened.name and "slug" in pinned:
            changes.write(author, f"Address: {card.path}")
            return
        check_place(card.path, new_path)
        if self._editor.has(new_path):
            raise EditConflictError(f"There is a file {new_path} already. Choose another name.")
        self._editor.check_is_read(new_path)
        changes.set(opened.name, None)
        changes.moved(opened.name, new_path)
        _mend(changes, card, _Target(new_path, card.id), near.paths)
        for other in near.group:
            if other.path != card.path and other.translation_of:
                text = changes.text(other.path)
                if "translation_of" not in values_of(other.path, text):
                    pin = {"translation_of": other.translation_of}
                    changes.set(other.path, with_values(other.path, text, pin))
        changes.write(author, f"Move: {card.path} to {new_path}")

    def remove(
        self,
        card: ArticleSummary,
        opened: Opened,
        into: ArticleSummary | None,
        near: Neighbours,
        author: Author,
        keep_text: bool = False,
    ) -> None:
        """Remove an article. Its addresses, and links to it, lead to the article ``into``.

        With ``keep_text`` its text and its questions go to the end of that article. Raises
        EditConflictError without ``into`` where other articles link to it.
        """
        changes = _Changes(self._editor, opened)
        if into is None:
            links = self.linking(card, near.paths)
            if links:
                raise EditConflictError(
                    f"{', '.join(links[:5])} link to {card.path}. Choose an article to take its "
                    "place, or take the links out first."
                )
        else:
            _check_readers(card, into, keep_text)
            self._editor.check_learned()
            _mend(changes, card, _Target(into.path, into.id, anchors=False), near.paths)
            target = changes.text(into.path)
            changes.set(into.path, _taken_over(card, opened.text, into, target, keep_text))
        _give_away_translations(changes, card, into, near.group)
        changes.set(opened.name, None)
        what = "Merge" if keep_text else "Remove"
        changes.write(author, f"{what}: {card.path}" + (f", see {into.path}" if into else ""))
        if into is not None:
            self._editor.move_learned(card.id, into.id, author)

    def change(
        self, names: Sequence[str], values: Mapping[str, Any], author: Author, message: str
    ) -> int:
        """Set front matter values of several articles; ``tags`` are added. Returns how many."""
        changes = _Changes(self._editor)
        for name in dict.fromkeys(names):
            text, wanted = changes.text(name), dict(values)
            if "tags" in wanted:
                before = listed(name, text, "tags")
                wanted["tags"] = list(dict.fromkeys([*before, *wanted["tags"]]))
                if wanted["tags"] == before:
                    wanted.pop("tags")
            if wanted.get("status") == "published":
                wanted = published(name, text) | wanted
            changes.set(name, with_values(name, text, wanted))
        changes.write(author, message)
        return len(changes.names)


@dataclass(frozen=True)
class _Target:
    """Where links to an article are to lead."""

    path: str
    article_id: str
    anchors: bool = True


def _mend(changes: _Changes, card: ArticleSummary, target: _Target, paths: Iterable[str]) -> None:
    """Let the links of other files to an article lead to the target."""
    for path in paths:
        if path == card.path:
            continue
        try:
            text = changes.text(path)
            if not mentions(text, card.path) and card.id not in text:
                continue
            mended = moved_links(text, path, path, {card.path: target.path}, target.anchors)
            if target.article_id != card.id and card.id in text:
                mended = _related_to(path, mended, card.id, target.article_id)
        except EditConflictError:
            continue
        if mended != text and not isinstance(parse(path, normalised(mended)), list):
            changes.set(path, mended)


def _give_away_translations(
    changes: _Changes,
    card: ArticleSummary,
    into: ArticleSummary | None,
    group: Sequence[ArticleSummary],
) -> None:
    """The translations of a removed original become those of the first of them."""
    left = [one for one in group if one.id != card.id and (into is None or one.id != into.id)]
    if not any(other.translation_of == card.id for other in left):
        return
    for number, other in enumerate(left):
        value = left[0].id if number else ""
        text = with_values(other.path, changes.text(other.path), {"translation_of": value})
        changes.set(other.path, text)


def archive(name: str, text: str) -> str:
    """The text of an article that customers are no longer to see."""
    return with_values(name, text, {"status": "archived", "updated": date.today()})


def place_of(folder: str, file_name: str) -> str:
    """The path of a file with this name, or made of this title, in a folder."""
    name = file_name.strip()
    if not name.lower().endswith(SUFFIXES):
        name = f"{slugify(name)}.md"
    return posixpath.normpath(f"{folder.strip().strip('/')}/{name}").lstrip("/")


def relative(source: str, target: str) -> str:
    """The link from one article's file to another's."""
    return quote(relative_path(source, target))


def relative_path(source: str, target: str) -> str:
    """A path beside one article's file, from the folder of the articles."""
    return posixpath.relpath(f"/{target}", f"/{posixpath.dirname(source)}")


def check_place(path: str, new_path: str) -> None:
    """Raise EditConflictError unless an article's file may go from one path to the other."""
    parts = new_path.split("/")
    if not new_path.lower().endswith(SUFFIXES) or not all(map(_PART.fullmatch, parts)):
        raise EditConflictError(
            f"{new_path[:200]!r} is no place for an article. Name a folder and a file; "
            'leave out dots at the start and the signs / \\ : * ? " < > | # %.'
        )
    if new_path == path:
        raise EditConflictError("It is there already. Choose another folder or name.")
    root = path.partition("/")[0] if "/" in path else ""
    if root and parts[0] != root:
        raise EditConflictError(
            f"An article of {root}/ stays below that folder: it names the language."
        )


def _check_readers(card: ArticleSummary, into: ArticleSummary, keep_text: bool) -> None:
    """Refuse what would lead readers to a page that they do not see, or show what they may not."""
    if into.status != "published" and card.status == "published":
        raise EditConflictError(f"{into.path} is not published: publish it first.")
    if into.audience == "internal" and card.audience == "public":
        raise EditConflictError(f"{into.path} is for the team only: choose a public article.")
    if keep_text and card.audience == "internal" and into.audience == "public":
        raise EditConflictError(f"{card.path} is for the team only: its text would become public.")


def _slug(card: ArticleSummary, text: str, new_path: str, given: str) -> str:
    """The address of the moved article. Raises EditConflictError for a given one that is none."""
    if given.strip():
        if not any(char.isalnum() for char in given):
            raise EditConflictError(f"{given[:60]!r} is no address: use letters or digits.")
        return slugify(given)
    own = values_of(card.path, text).get("slug")
    return card.slug if own else slugify(PurePosixPath(new_path).stem)


def _pinned(card: ArticleSummary, text: str, new_path: str, slug: str) -> dict[str, Any]:
    """What an article had by its place, and keeps: its id, its original, its old addresses."""
    front = values_of(card.path, text)
    values: dict[str, Any] = {}
    if not front.get("id"):
        values["id"] = card.id
    if card.translation_of and not front.get("translation_of"):
        values["translation_of"] = card.translation_of
    by_file = slugify(PurePosixPath(new_path).stem)
    if slug != (card.slug if front.get("slug") else by_file):
        values["slug"] = "" if slug == by_file else slug
    cover = front.get("cover")
    if isinstance(cover, str) and not cover.startswith("/") and "://" not in cover:
        values["cover"] = relative_path(new_path, resolve(card.path, cover))
    old = [*card.addresses, *([card.slug] if slug != card.slug else [])]
    return values | _more_aliases(card.path, text, old)


def _taken_over(
    card: ArticleSummary, text: str, into: ArticleSummary, target: str, keep_text: bool
) -> str:
    """The text of the article that takes another one's place."""
    same = card.lang == into.lang
    own = card.slug if same else f"/{card.lang}/articles/{card.slug}"
    aliases = [alias if same else f"/{card.lang}/articles/{alias}" for alias in card.aliases]
    values = _more_aliases(into.path, target, [own, *aliases, *card.addresses])
    if keep_text:
        for name in _JOINED:
            before, more = listed(into.path, target, name), listed(card.path, text, name)
            added = [card.title, *more] if name == "questions" else more
            joined = list(dict.fromkeys([*before, *added]))
            values |= {name: joined} if joined != before else {}
        front, merged = values_of(into.path, target), values_of(card.path, text)
        for name in WITH_QUESTIONS.values():
            if merged.get(name):
                values[name] = {**merged[name], **(front.get(name) or {})}
        body = moved_links(_body(card.path, text), card.path, into.path, {card.path: into.path})
        joined_body = f"{body_of(target).rstrip()}\n\n## {card.title}\n\n"
        body = _with_other_labels(body.strip(), body_of(target))
        target = with_body(target, f"{joined_body}{body}\n")
    return with_values(into.path, target, values) if values else target


def _body(name: str, text: str) -> str:
    """The text below the front matter, without a heading that is the title."""
    parsed = parse(name, normalised(text))
    return body_of(text) if isinstance(parsed, list) else parsed.body


def _with_other_labels(body: str, other: str) -> str:
    """A body whose reference links and footnotes have other labels than those of another body."""
    taken = {label.casefold() for label in _LABEL.findall(other)}
    clashing = {label for label in _LABEL.findall(body) if label.casefold() in taken}
    for label in clashing:
        written = f"[{label}]"
        new = next(
            f"[{label}-{n}]" for n in range(2, 1_000) if f"{label}-{n}".casefold() not in taken
        )
        body = body.replace(written, new)
    return body


def _more_aliases(name: str, text: str, old: Sequence[str]) -> dict[str, Any]:
    before = listed(name, text, "aliases")
    new = [alias for alias in dict.fromkeys(old) if alias and alias not in before]
    return {"aliases": [*before, *new]} if new else {}


def _related_to(path: str, text: str, old_id: str, new_id: str) -> str:
    """The text with another article among its related ones."""
    related = listed(path, text, "related")
    if old_id not in related:
        return text
    named = dict.fromkeys(new_id if one == old_id else one for one in related)
    return with_values(path, text, {"related": list(named)})
