"""Edits articles, synonyms and confirmed questions on behalf of the desk.

Front matter keeps its comments and key order. A file that changed since it was read is not
overwritten. In a git repository, each change is one commit.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import date
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any

from indexer.atomic_write import replace_bytes, replace_file
from indexer.editing.front_text import dump, flow, listed, load, normalised, published, with_values
from indexer.editing.model import Author, EditConflictError, Opened, Version, digest_of
from indexer.editing.repository import Repository
from indexer.editing.values import change_value, digest_of_value
from indexer.ids import new_id
from indexer.reading.files import MAX_BYTES, is_read
from indexer.reading.front_matter import parse, slugify
from indexer.reading.layout import SUFFIXES
from indexer.reading.learned_file import LEARNED, writing_yaml
from indexer.reading.packs_file import (
    MOST_LETTERS,
    MOST_PACKS,
    PACKS,
    Pack,
    digest_of_pack,
    read_packs,
    size_of,
)
from indexer.reading.values_file import VALUES, read_values

SYNONYMS, REPLIES = "synonyms.yml", "replies.yml"


class _TakenError(EditConflictError):
    """There is a file of that name already."""


class Editor:
    """Edits the files of one articles folder.

    ``editing`` is held while a file is compared and replaced, so that nobody else replaces it
    meanwhile; it raises EditConflictError at its end where another node was first.
    """

    def __init__(
        self,
        folder: Path,
        editing: Callable[..., AbstractContextManager[None]] = lambda *_names: nullcontext(),
    ) -> None:
        self._folder = folder
        self._root = folder.resolve()
        self._repository = Repository(folder)
        self._editing = editing

    def open(self, name: str) -> Opened:
        """Read a file of the folder.

        Raises EditConflictError if the name is not inside the folder or the file cannot be read.
        """
        path = self._inside(name)
        try:
            text = path.read_bytes().decode("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise EditConflictError(
                f"{name} cannot be read. Check that it exists and is UTF-8."
            ) from error
        return Opened(name, text, digest_of(text))

    def has(self, name: str) -> bool:
        """Whether there is such a file in the folder."""
        return self._inside(name).is_file()

    def save(self, opened: Opened, text: str, author: Author, message: str) -> None:
        """Replace the text of an opened file and commit it.

        Raises EditConflictError if the file changed since it was opened, or if the new text is not
        a valid article.
        """
        self.write({opened.name: text}, {opened.name: opened.digest}, author, message)

    def write(
        self,
        texts: Mapping[str, str | None],
        digests: Mapping[str, str],
        author: Author,
        message: str,
        like: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Write several files at once and commit them together; None removes a file.

        A file without a digest is new; ``like`` names the file that it is to resemble in line ends
        and byte order mark. Raises EditConflictError, with nothing changed, if one of them changed
        since it was opened, exists already, cannot be written, or would be no valid article.
        """
        for name, text in texts.items():
            self._inside(name)
            if text is not None:
                _check_text(name, text)
        with self._writing(*texts):
            for name in texts:
                self._check_unchanged(name, digests.get(name))
            self._write_all(texts, like)
            self._repository.commit(list(texts), author, message)

    def _write_all(self, texts: Mapping[str, str | None], like: Mapping[str, str]) -> None:
        """Write and remove files; puts back what was there if one of them fails."""
        paths = {name: self._inside(name) for name in texts}
        before = {
            name: path.read_bytes() if path.exists() else None for name, path in paths.items()
        }
        done: list[str] = []
        try:
            # What is removed goes last: a text that moves is at both places for a moment.
            for name, text in sorted(texts.items(), key=lambda item: item[1] is None):
                done.append(name)
                if text is None:
                    paths[name].unlink()
                else:
                    paths[name].parent.mkdir(parents=True, exist_ok=True)
                    replace_file(paths[name], text, paths.get(like.get(name, "")))
        except OSError:
            for name in done:
                content = before[name]
                with suppress(OSError):
                    if content is None:
                        paths[name].unlink(missing_ok=True)
                    elif not paths[name].exists() or paths[name].read_bytes() != content:
                        replace_bytes(paths[name], content)
            raise

    @contextmanager
    def _writing(self, *names: str) -> Iterator[None]:
        """Hold the files; raises EditConflictError where the folder cannot be written."""
        try:
            with self._editing(*names):
                yield
        except OSError as error:
            raise EditConflictError(
                f"{', '.join(names[:3])} could not be written: {error.strerror or error}. "
                "Nothing else changed; ask whoever runs the site."
            ) from error

    def _check_unchanged(self, name: str, digest: str | None) -> None:
        if digest is None:
            if (self._folder / name).exists():
                raise _TakenError(f"There is a file {name} already. Choose another name.")
        elif self.open(name).digest != digest:
            raise EditConflictError(
                f"{name} was changed by somebody else since you opened it. "
                "Open it again and repeat your change."
            )

    def attach(self, article: str, name: str, data: bytes, author: Author) -> str:
        """Put a file beside an article, under a name that is free; return that name."""
        folder = self._inside(article).parent
        wanted = PurePosixPath(name)
        stem = slugify(wanted.stem)[:60] or "file"
        names = (f"{stem}{f'-{n}' if n > 1 else ''}{wanted.suffix}" for n in range(1, 10_000))
        above = article.rpartition("/")[0]
        with self._writing(article):
            name = next(one for one in names if not (folder / one).exists())
            replace_bytes(folder / name, data)
            self._repository.commit([f"{above}/{name}".lstrip("/")], author, f"File: {name}")
        return name

    def draft(
        self,
        folder: str,
        title: str,
        tests: Sequence[str],
        author: Author,
        values: Mapping[str, Any] | None = None,
        body: str = "",
    ) -> tuple[str, str]:
        """Create a draft with ``tests`` as its test queries; return (name in the folder, id).

        ``values`` are further keys of its front matter. Raises EditConflictError for a folder that
        is none.
        """
        inside = folder.strip().strip("/")
        if not inside:
            raise EditConflictError("A draft needs a folder, such as ja/orders.")
        names = (
            f"{inside}/{slugify(title)[:80]}{f'-{n}' if n > 1 else ''}.md" for n in range(1, 1000)
        )
        article_id = new_id()
        front = {
            "id": article_id,
            "type": "faq",
            "title": title,
            "summary": "",
            "tags": [],
            "questions": [],
            "tests": list(tests),
            "status": "draft",
            "updated": date.today(),
        } | dict(values or {})
        text = f"---\n{dump(front)}---\n\n{body}"
        for name in names:
            if self.has(name):
                continue
            self.check_is_read(name)
            with suppress(_TakenError):
                self.write({name: text}, {}, author, f"Draft: {title}")
                return name, article_id
        raise EditConflictError(f"There are too many files named like {title[:60]!r} already.")

    def add_questions(
        self, opened: Opened, questions: Sequence[str], author: Author, key: str = "questions"
    ) -> int:
        """Add questions to an article's front matter; return how many were new."""

        existing = listed(opened.name, opened.text, key)
        new = [text for text in dict.fromkeys(questions) if text not in existing]
        if new:
            text = with_values(opened.name, opened.text, {key: [*existing, *new]})
            self.save(opened, text, author, f"Add questions: {opened.name}")
        return len(new)

    def publish(self, opened: Opened, author: Author) -> None:
        """Turn a draft into a published article, whatever tool's key hides it."""
        text = self.published_text(opened.name, opened.text)
        self.save(opened, text, author, f"Publish: {opened.name}")

    @staticmethod
    def published_text(name: str, text: str) -> str:
        """The text of an article as a published one of today."""
        return with_values(name, text, published(name, text) | {"updated": date.today()})

    def add_synonym(self, lang: str, words: Sequence[str], author: Author) -> None:
        """Add a group of synonyms to synonyms.yml."""
        group = [word.strip() for word in dict.fromkeys(words) if word.strip()]
        if len(group) < 2:
            raise EditConflictError("A synonym group needs at least two words.")

        def change(values: Any) -> int:
            groups = values.setdefault(lang, [])
            groups.append(flow(group))
            return 1

        self._change_yaml(SYNONYMS, change, author, f"Synonyms: {', '.join(group)}")

    def add_learned(self, article_id: str, questions: Sequence[str], author: Author) -> None:
        """Add confirmed questions of an article to learned.yml."""

        def change(values: Any) -> int:
            existing = values.setdefault(article_id, [])
            new = [text for text in dict.fromkeys(questions) if text not in existing]
            existing.extend(new)
            return len(new)

        self._change_yaml(LEARNED, change, author, "Learned questions")

    def set_reply(
        self,
        lang: str,
        name: str,
        text: str | None,
        author: Author,
        before_name: str = "",
        digest: str = "",
    ) -> None:
        """Save a reply of the desk in replies.yml; None removes it.

        ``before_name`` is that of the reply to be changed, ``digest`` that of its text. Raises
        EditConflictError if it was changed meanwhile, or another one has the new name.
        """

        def change(values: Any) -> int:
            replies = values.setdefault(lang, {})
            stored = replies.get(name)
            if before_name != name and stored is not None:
                raise EditConflictError(f"There is a reply {name!r} already. Choose another name.")
            known = replies.get(before_name) if before_name else None
            if before_name and (known is None or digest_of(str(known)) != digest):
                raise EditConflictError(
                    "Somebody else changed or removed this reply since you opened it. "
                    "Look at it again; your text is below."
                )
            if text is None:
                replies.pop(before_name)
                return 1
            if before_name and before_name != name:
                replies.pop(before_name)
            from ruamel.yaml.scalarstring import LiteralScalarString

            written = f"{text.strip()}\n"
            changed = replies.get(name) != written
            replies[name] = LiteralScalarString(written)
            return int(changed)

        self._change_yaml(REPLIES, change, author, f"Saved reply: {name}")

    def set_value(
        self, name: str, texts: Mapping[str, str] | None, author: Author, digest: str = ""
    ) -> None:
        """Save a shared value in values.yml, by language; None removes it.

        ``digest`` is that of the value to be changed, "" for a new one. Raises EditConflictError
        if it was changed meanwhile.
        """
        known, _problems = read_values(self._folder)
        stored = known.texts.get(name)
        if (digest_of_value(stored) if stored is not None else "") != digest:
            raise EditConflictError(
                "Somebody else changed this value since you opened it, or it is there already. "
                "Look at it again."
            )
        self._change_yaml(
            VALUES,
            lambda values: change_value(values, name, texts),
            author,
            f"Shared value: {name}",
        )

    def set_pack(self, key: str, pack: Pack | None, author: Author, digest: str = "") -> None:
        """Save a pack in packs.yml; None removes it.

        ``digest`` is that of the pack to be changed, "" for a new one. Raises EditConflictError
        if it was changed meanwhile.
        """

        def change(values: Any) -> int:
            stored = read_packs(self._folder)[0].get(key)
            if (digest_of_pack(stored) if stored else "") != digest or (key in values) != bool(
                digest
            ):
                raise EditConflictError(
                    "Somebody else changed this pack since you opened it, or it is there already. "
                    "Look at it again."
                )
            if pack is None:
                del values[key]
                return 1
            entry = {"title": dict(pack.title), "text": dict(pack.text)}
            values[key] = entry | {"articles": list(pack.articles)}
            if len(values) > MOST_PACKS or size_of(values) > MOST_LETTERS:
                raise EditConflictError(
                    "There is no room for more in packs.yml. Remove a pack that nobody uses, or "
                    "shorten an introduction."
                )
            return int(pack != stored)

        self._change_yaml(PACKS, change, author, f"Pack: {key}")

    def check_is_read(self, name: str) -> None:
        """Raise EditConflictError for a place where no article would be found."""
        self._inside(name)
        if not is_read(self._folder, name):
            raise EditConflictError(
                f"Nothing is read at {name[:200]!r}: names that begin with _ and folders of other "
                "tools are passed over. Choose another folder or name."
            )

    def check_learned(self) -> None:
        """Raise EditConflictError if the file of confirmed questions cannot be changed."""
        path = self._folder / LEARNED
        if path.is_file():
            load(writing_yaml(), LEARNED, path.read_text(encoding="utf-8"))

    def move_learned(self, old_id: str, new_id: str, author: Author) -> None:
        """Give the confirmed questions of an article to another one."""

        def change(values: Any) -> int:
            texts = values.pop(old_id, None)
            existing = values.setdefault(new_id, []) if texts else []
            existing.extend(text for text in texts or () if text not in existing)
            return len(texts or ())

        if (self._folder / LEARNED).is_file():
            self._change_yaml(LEARNED, change, author, "Learned questions")

    # --- history -------------------------------------------------------------------------------

    def history(self, name: str) -> list[Version] | None:
        """The last commits that changed a file, newest first; None without a git repository.

        Raises EditConflictError if the name is not inside the folder.
        """
        self._inside(name)
        return self._repository.history(name)

    def changed_since(self, name: str, other: str) -> tuple[str, str] | None:
        """The text of a file when another one was last committed, and as it is now.

        None without a git repository, or where it did not change. Raises EditConflictError if a
        name is not inside the folder.
        """
        now = self.open(name).text
        versions = self.history(other)
        before = self._repository.text_before(name, versions[0].at) if versions else None
        return (before, now) if before is not None and before != now else None

    def text_at(self, name: str, revision: str) -> str:
        """The text of a file as a commit left it.

        Raises EditConflictError where there is no such commit or it has no such file.
        """
        self._inside(name)
        text = self._repository.text_at(name, revision)
        if text is None or len(text) > MAX_BYTES:
            raise EditConflictError(f"{name} has no such version, or it is too large to show.")
        return text

    # --- helpers ------------------------------------------------------------------------------

    def _inside(self, name: str) -> Path:
        path = self._folder / name
        try:
            # A link may lead out of the folder, at any part of the path.
            inside = _is_article(name) and path.parent.resolve().is_relative_to(self._root)
            refused = not inside or path.is_symlink()
        except OSError:  # a name that is too long
            refused = True
        if refused:
            raise EditConflictError(f"{name[:200]!r} is not a file of the articles folder.")
        return path

    def _change_yaml(
        self, name: str, change: Callable[[Any], int], author: Author, message: str
    ) -> None:
        with self._writing(name):
            if self._changed_yaml(name, change, message):
                self._repository.commit([name], author, message)

    def _changed_yaml(self, name: str, change: Callable[[Any], int], message: str) -> bool:
        """Apply a change to a YAML file; whether it changed anything."""
        path = self._folder / name
        yaml = writing_yaml()
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        values = load(yaml, name, text)
        if not isinstance(values, dict):
            raise EditConflictError(f"{name} is not a YAML mapping. Fix it in an editor first.")
        try:
            if not change(values):
                return False
        except (AttributeError, TypeError) as error:  # an entry that is no list or no mapping
            raise EditConflictError(
                f"{name} has an entry of another form. Mend it in an editor first."
            ) from error
        written = io.StringIO()
        yaml.dump(values, written)
        head = "" if text else f"# {message}. See docs/writing.md.\n"
        replace_file(path, head + written.getvalue())
        return True


def _is_article(name: str) -> bool:
    """Whether a name is that of an article, whatever its letters.

    Not images, and not support.yml, which names the addresses that the site calls.
    """
    parts = name.split("/")
    return (
        name.lower().endswith(SUFFIXES)
        and name.isprintable()
        and all(part and not part.startswith(".") for part in parts)
        and "\\" not in name
    )


def _check_text(name: str, text: str) -> None:
    """Raise EditConflictError if the text is too large or no valid article."""
    if len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise EditConflictError(f"{name} would be larger than {MAX_BYTES // 1024} KB. Shorten it.")
    if name.lower().endswith(SUFFIXES):
        parsed = parse(name, normalised(text))
        if isinstance(parsed, list):
            raise EditConflictError(str(parsed[0]))
