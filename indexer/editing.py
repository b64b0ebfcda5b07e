"""Edits articles, synonyms and confirmed questions on behalf of the desk, one file at a time.

Front matter keeps its comments and key order. A file that changed since it was read is not
overwritten. In a git repository, each change is committed on its own.
"""

from __future__ import annotations

import hashlib
import io
import logging
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from indexer.atomic_write import replace_file
from indexer.errors import IndexerError
from indexer.ids import new_id
from indexer.reading.files import MAX_BYTES
from indexer.reading.front_matter import parse, slugify
from indexer.reading.layout import SUFFIXES
from indexer.reading.learned_file import LEARNED, writing_yaml

log = logging.getLogger("indexer.editing")
SYNONYMS = "synonyms.yml"
MOST_VERSIONS = 100
_FRONT = re.compile(r"\A---[ \t]*\r?\n(.*?)^---[ \t]*\r?$\n?", re.DOTALL | re.MULTILINE)


class EditConflictError(IndexerError):
    """The edit was refused and nothing changed. The message says why and what to do."""


@dataclass(frozen=True)
class Opened:
    """A file as it was read. ``digest`` detects changes made before the save."""

    name: str
    text: str
    digest: str


@dataclass(frozen=True)
class Version:
    """A commit that changed a file; ``at`` is its time in seconds."""

    revision: str
    at: int
    author: str
    subject: str


@dataclass(frozen=True)
class Author:
    """Name and address for the git commit."""

    name: str
    mail: str


class Editor:
    """Edits the files of one articles folder.

    ``editing`` is held while a file is compared and replaced, so that nobody else replaces it
    meanwhile; it raises EditConflictError at its end where another node was first.
    """

    def __init__(
        self,
        folder: Path,
        editing: Callable[[str], AbstractContextManager[None]] = lambda _name: nullcontext(),
    ) -> None:
        self._folder = folder
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
        return Opened(name, text, _digest(text))

    def save(self, opened: Opened, text: str, author: Author, message: str) -> None:
        """Replace the text of an opened file and commit it.

        Raises EditConflictError if the file changed since it was opened, or if the new text is not
        a valid article.
        """
        if len(text.encode("utf-8", "replace")) > MAX_BYTES:
            raise EditConflictError(
                f"{opened.name} would be larger than {MAX_BYTES // 1024} KB. Shorten it."
            )
        if opened.name.lower().endswith(SUFFIXES):
            parsed = parse(opened.name, text.replace("\r\n", "\n"))
            if isinstance(parsed, list):
                raise EditConflictError(str(parsed[0]))
        with self._editing(opened.name):
            if self.open(opened.name).digest != opened.digest:
                raise EditConflictError(
                    f"{opened.name} was changed by somebody else since you opened it. "
                    "Open it again and repeat your change."
                )
            replace_file(self._inside(opened.name), text)
        self._commit(opened.name, author, message)

    def draft(
        self, lang: str, section: str, title: str, tests: Sequence[str], author: Author
    ) -> tuple[str, str]:
        """Create a draft with ``tests`` as its test queries; return (name in the folder, id)."""
        if not re.fullmatch(r"[a-z]{2,3}", lang) or not re.fullmatch(r"[\w-]+", section):
            raise EditConflictError(
                "A draft needs a language code (like ja) and a section. "
                "Use letters, digits and dashes in the section."
            )
        slug = slugify(title)
        names = (f"{lang}/{section}/{slug}{f'-{n}' if n > 1 else ''}.md" for n in range(1, 1000))
        name = next(name for name in names if not (self._folder / name).exists())
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
        }
        text = f"---\n{_dump(front)}---\n\n"
        path = self._folder / name
        with self._editing(name):
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, text)
        self._commit(name, author, f"Draft: {title}")
        return name, article_id

    def add_questions(
        self, opened: Opened, questions: Sequence[str], author: Author, key: str = "questions"
    ) -> int:
        """Add questions to an article's front matter; return how many were new."""

        def change(front: Any) -> int:
            existing = list(front.get(key) or [])
            new = [text for text in dict.fromkeys(questions) if text not in existing]
            if key in front and hasattr(front[key], "extend"):
                front[key].extend(new)
            else:
                front[key] = [*existing, *new]
            return len(new)

        added, text = self._with_front(opened, change)
        if added:
            self.save(opened, text, author, f"Add questions: {opened.name}")
        return added

    def publish(self, opened: Opened, author: Author) -> None:
        """Turn a draft into a published article."""

        def change(front: Any) -> int:
            front["status"], front["updated"] = "published", date.today()
            return 1

        self.save(opened, self._with_front(opened, change)[1], author, f"Publish: {opened.name}")

    def add_synonym(self, lang: str, words: Sequence[str], author: Author) -> None:
        """Add a group of synonyms to synonyms.yml."""
        group = [word.strip() for word in dict.fromkeys(words) if word.strip()]
        if len(group) < 2:
            raise EditConflictError("A synonym group needs at least two words.")

        def change(values: Any) -> int:
            groups = values.setdefault(lang, [])
            groups.append(_flow(group))
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

    # --- history -------------------------------------------------------------------------------

    def history(self, name: str) -> list[Version] | None:
        """The last commits that changed a file, newest first; None without a git repository.

        Raises EditConflictError if the name is not inside the folder.
        """
        self._inside(name)
        if not self._git("rev-parse", "--is-inside-work-tree"):
            return None
        form = "--format=%H%x1f%at%x1f%an%x1f%s"
        said = self._git_says("log", form, f"--max-count={MOST_VERSIONS}", "--", name) or ""
        parts = (line.split("\x1f", 3) for line in said.splitlines())
        return [Version(revision, int(at), who, what) for revision, at, who, what in parts]

    def text_at(self, name: str, revision: str) -> str:
        """The text of a file as a commit left it.

        Raises EditConflictError where there is no such commit or it has no such file.
        """
        self._inside(name)
        known = re.fullmatch(r"[0-9a-f]{40,64}", revision)
        text = self._git_says("show", f"{revision}:./{name}") if known else None
        if text is None or len(text) > MAX_BYTES:
            raise EditConflictError(f"{name} has no such version, or it is too large to show.")
        return text

    # --- helpers ------------------------------------------------------------------------------

    def _inside(self, name: str) -> Path:
        path = self._folder / name
        try:
            inside = _is_article(name) and path.resolve().is_relative_to(self._folder.resolve())
            refused = not inside or path.is_symlink()
        except OSError:  # a name that is too long
            refused = True
        if refused:
            raise EditConflictError(f"{name[:200]!r} is not a file of the articles folder.")
        return path

    def _with_front(self, opened: Opened, change: Callable[[Any], int]) -> tuple[int, str]:
        """Apply ``change`` to the front matter; return (its result, the new text).

        Comments and key order are kept.
        """
        match = _FRONT.match(opened.text)
        if match is None:
            raise EditConflictError(
                f"{opened.name} has no front matter between --- lines. Add it in an editor."
            )
        yaml = writing_yaml()
        front = _load(yaml, opened.name, match.group(1))
        result = change(front)
        written = io.StringIO()
        yaml.dump(front, written)
        return result, f"---\n{written.getvalue()}---\n{opened.text[match.end() :]}"

    def _change_yaml(
        self, name: str, change: Callable[[Any], int], author: Author, message: str
    ) -> None:
        with self._editing(name):
            if not self._changed_yaml(name, change, message):
                return
        self._commit(name, author, message)

    def _changed_yaml(self, name: str, change: Callable[[Any], int], message: str) -> bool:
        """Apply a change to a YAML file; whether it changed anything."""
        path = self._folder / name
        yaml = writing_yaml()
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        values = _load(yaml, name, text)
        if not isinstance(values, dict):
            raise EditConflictError(f"{name} is not a YAML mapping. Fix it in an editor first.")
        if not change(values):
            return False
        written = io.StringIO()
        yaml.dump(values, written)
        head = "" if text else f"# {message}. See docs/writing.md.\n"
        replace_file(path, head + written.getvalue())
        return True

    def _commit(self, name: str, author: Author, message: str) -> None:
        """Commit one file only. Other changes in the repository are left alone."""
        if not self._git("rev-parse", "--is-inside-work-tree"):
            return
        identity = {"user.name": author.name, "user.email": author.mail}
        settings = [part for key, value in identity.items() for part in ("-c", f"{key}={value}")]
        if not self._git("add", "--", name) or not self._git(
            *settings, "commit", "--quiet", "--only", "-m", message, "--", name
        ):
            log.warning("%s was saved but could not be committed to git", name)

    def _git(self, *arguments: str) -> bool:
        return self._git_says(*arguments) is not None

    def _git_says(self, *arguments: str) -> str | None:
        """What git prints; None where it refuses."""
        try:
            done = subprocess.run(
                ["git", "--literal-pathspecs", *arguments],
                cwd=self._folder,
                capture_output=True,
                timeout=20,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None


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


def _load(yaml: Any, name: str, text: str) -> Any:
    try:
        return (yaml.load(text) if text.strip() else None) or {}
    except Exception as error:  # ruamel raises many kinds
        said = str(error).splitlines() or [type(error).__name__]
        raise EditConflictError(f"{name} is no valid YAML: {said[0]}. Mend it first.") from error


def _dump(front: Mapping[str, Any]) -> str:
    written = io.StringIO()
    writing_yaml().dump(dict(front), written)
    return written.getvalue()


def _flow(words: Sequence[str]) -> Any:
    """Format a list on one line, as in synonyms.yml."""
    from ruamel.yaml.comments import CommentedSeq

    group = CommentedSeq(words)
    group.fa.set_flow_style()
    return group


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
