"""Content by git: takes articles from a remote repository, and gives edits of the desk to it.

The articles folder is a clone. Commits of the desk are put on those of the remote in a work tree
of their own, so that the folder never holds half a rebase. Of several nodes the one that leads
does this; the others get the files from the database. An edit that contradicts the remote is
kept on a branch of its own there before it gives way.
"""

from __future__ import annotations

import json
import logging
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from fnmatch import fnmatch
from pathlib import Path

from filelock import Timeout
from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError

from indexer.atomic_write import replace_file
from kb_app.db import schema
from kb_app.db.writing import upsert
from kb_app.services.shared_articles import ForeignFolderError, SharedArticles
from kb_app.services.shared_folder import articles_lock
from kb_app.settings import Settings

log = logging.getLogger("kb_app.services.articles_remote")
STATE = "articles-remote.json"
# In the database: when somebody said that the remote has changed, and its revision that all have.
ASKED, BASE = "articles-remote-asked", "articles-remote-base"
GIT_S, CLONE_S = 120.0, 3600.0
# A lock file of git that is older was left by a process that was killed.
LOCK_OLD_S = 600.0
# Edits while a rebase is worked out; after so many the next exchange goes on.
ROUNDS = 3
# More than half of so many files gone at once is a disk that is away, not an edit.
MANY = 10
DESK_BRANCH, CONFLICT_BRANCH = "kb/desk", "kb/conflict"
_AUTHOR = ("-c", "user.name=Knowledge base", "-c", "user.email=knowledge-base@localhost")
# Nothing of the repository may run here, and nothing asks at a terminal.
_SAFE = (
    *("-c", "core.hooksPath=/dev/null", "-c", "protocol.ext.allow=never"),
    *("-c", "core.symlinks=false", "-c", "core.fsmonitor=false", "-c", "gc.auto=0"),
)


@dataclass(frozen=True)
class RemoteState:
    """What the last exchange with the remote came to. ``wrong`` is "" where it went well."""

    at: str
    revision: str = ""
    wrong: str = ""
    kept_on: str = ""


def remote_state(data: Path) -> RemoteState | None:
    """What the last exchange of the site in this data folder came to; None before the first."""
    try:
        return RemoteState(**json.loads((data / STATE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


class GitError(Exception):
    """What git refused, in its own words."""


_FAILURES = (
    GitError,
    OSError,
    subprocess.TimeoutExpired,
    SQLAlchemyError,
    ForeignFolderError,
    Timeout,
)


class ArticlesRemote:
    """The remote repository of the articles folder. ``articles`` shares the folder with nodes."""

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        clock: Callable[[], datetime],
        articles: SharedArticles | None = None,
    ) -> None:
        self._settings = settings
        self._engine = engine
        self._clock = clock
        self._articles = articles
        self._folder = settings.articles.resolve()
        self._branch = settings.articles_branch
        self._tracked = f"refs/remotes/origin/{settings.articles_branch}"
        self._done_at, self._asked = 0.0, ""

    @property
    def state(self) -> RemoteState | None:
        """What the last exchange came to; None before the first."""
        return remote_state(self._settings.data)

    def ask(self) -> None:
        """Note that the remote has changed: the leading node takes it within seconds."""
        self._store(ASKED, f"{self._clock().timestamp():.3f}")

    def run_due(self) -> bool:
        """Exchange if the time has come or somebody asked; returns whether it was tried."""
        asked, now = self._stored(ASKED), self._clock().timestamp()
        if asked == self._asked and now - self._done_at < self._settings.articles_pull_s:
            return False
        self._done_at, self._asked = now, asked
        self.exchange()
        return True

    def exchange(self) -> RemoteState:
        """Commit what was edited, take what is new, give back what is ours; keep what git says."""
        try:
            kept_on = self._exchange()
            revision = self._git("rev-parse", "--short", "HEAD")
            found = RemoteState(self._now(), revision, kept_on=kept_on)
        except _FAILURES as error:
            before = self.state
            said = without_password(str(error).strip() or type(error).__name__)
            log.error("the articles' remote repository: %s", said)
            found = RemoteState(
                self._now(),
                before.revision if before else "",
                said[:2_000],
                before.kept_on if before else "",
            )
        replace_file(self._settings.data / STATE, json.dumps(asdict(found)))
        return found

    # --- the exchange ------------------------------------------------------------------------

    def _exchange(self) -> str:
        """Returns the branch on which edits are kept that contradict the remote, or ""."""
        # What all nodes have; a node that leads anew has an older clone.
        base = self._stored(BASE) if self._articles else ""
        self._make_clone(base)
        self._forget_old_lock()
        known = base or self._known(self._tracked)
        fetched = self._fetch()
        if known and not self._is_ancestor(known, fetched):
            log.warning("the remote's history was rewritten: %s is now %s", known[:9], fetched[:9])
        for _ in range(ROUNDS):
            before = self._committed(base)
            result = self._rebased(before, known or fetched, fetched)
            if self._moved_to(before, result):
                break
        else:
            raise GitError("the articles are being edited all the time; it is tried again")
        if self._articles:
            self._store(BASE, fetched)
        self._push(fetched)
        return self._conflicts()

    def _make_clone(self, base: str) -> None:
        """Clone into an empty folder, beside it first: a clone that was cut short is none."""
        if not (self._folder / ".git").exists():
            if base:  # the folder came from the other nodes
                self._git("init", "--quiet", f"--initial-branch={self._branch}")
                self._git("remote", "add", "origin", self._settings.articles_remote)
            else:
                self._clone()
        if self._git("config", "--get", "remote.origin.url") != self._settings.articles_remote:
            raise GitError(
                f"{self._folder} is a clone of another repository than KB_ARTICLES_REMOTE. "
                "Set KB_ARTICLES to an empty folder."
            )

    def _clone(self) -> None:
        if self._folder.is_dir() and any(self._folder.iterdir()):
            raise GitError(
                f"{self._folder} is not empty and no clone of KB_ARTICLES_REMOTE. "
                "Set KB_ARTICLES to an empty folder, or clone the repository there."
            )
        self._folder.parent.mkdir(parents=True, exist_ok=True)
        made = self._folder.with_name(f".{self._folder.name}.clone")
        shutil.rmtree(made, ignore_errors=True)
        url, beside = self._settings.articles_remote, self._folder.parent
        command = ("clone", "--quiet", "--branch", self._branch, "--", url, str(made))
        self._git(*command, cwd=beside, seconds=CLONE_S)
        if self._folder.is_dir():
            self._folder.rmdir()
        made.rename(self._folder)

    def _forget_old_lock(self) -> None:
        lock = self._folder / ".git" / "index.lock"
        with suppress(FileNotFoundError):
            if time.time() - lock.stat().st_mtime > LOCK_OLD_S:
                lock.unlink()

    def _fetch(self) -> str:
        """Returns the revision that the remote has."""
        refs = f"+{self._branch}:{self._tracked}"
        self._git("fetch", "--quiet", "--no-tags", "origin", refs)
        return self._git("rev-parse", self._tracked)

    def _committed(self, base: str) -> str:
        """Commit what the desk of another node, or an editor, changed; returns the revision."""
        with articles_lock(self._settings.data):
            if self._articles:
                self._articles.sync()
            if base and not self._is_ancestor(base, "HEAD"):
                self._git("reset", "--quiet", "--mixed", base)
            return self._commit_edits()

    def _commit_edits(self) -> str:
        self._git("add", "--all", "--", ".")
        changed = self._git("diff", "--cached", "--name-status", "--no-renames").splitlines()
        gone = sum(line[:1] == "D" for line in changed)
        there = len(self._git("ls-tree", "-r", "--name-only", "HEAD").splitlines())
        if gone == there > 0 or (gone >= MANY and 2 * gone > there):
            self._git("reset", "--quiet")
            raise GitError(
                f"{gone} of {there} files of {self._folder} are gone: nothing is taken from the "
                "repository. Is the disk mounted? Else remove them in the repository."
            )
        if changed:
            message = "Edited at the knowledge base"
            self._git(*_AUTHOR, "commit", "--quiet", "--no-verify", "-m", message)
        return self._git("rev-parse", "HEAD")

    def _rebased(self, ours: str, known: str, fetched: str) -> str:
        """Our commits on the remote's; the remote's alone where they contradict it."""
        if self._is_ancestor(ours, fetched):
            return fetched
        place = self._settings.data.resolve() / "articles-rebase"
        self._forget_worktree(place)
        self._git("worktree", "add", "--quiet", "--detach", str(place), ours)
        try:
            self._git(*_AUTHOR, "rebase", "--quiet", "--onto", fetched, known, cwd=place)
            return self._git("rev-parse", "HEAD", cwd=place)
        except GitError as error:
            # Named by what it contradicts: edits of the next moment join it.
            kept = f"{CONFLICT_BRANCH}-{fetched[:9]}"
            self._git("branch", "--force", kept, ours)
            # At the remote before it gives way here.
            self._conflicts()
            log.error(
                "edits of this site contradict the remote's; they are on the branch %s: %s",
                kept,
                str(error)[:300],
            )
            return fetched
        finally:
            self._forget_worktree(place)

    def _forget_worktree(self, place: Path) -> None:
        shutil.rmtree(place, ignore_errors=True)
        self._git("worktree", "prune")

    def _moved_to(self, before: str, result: str) -> bool:
        """Make the folder as a revision is; False where it was edited since ``before``."""
        with articles_lock(self._settings.data):
            if self._articles:
                self._articles.sync()
            if self._commit_edits() != before:
                return False
            if result != before:
                self._git("reset", "--quiet", "--hard", result)
            if self._articles:
                # Before anybody is told that all nodes have it.
                self._articles.sync(removes_many=True)
            return True

    def _push(self, fetched: str) -> None:
        if self._settings.articles_push == "off" or self._git("rev-parse", "HEAD") == fetched:
            return
        if self._settings.articles_push == "main":
            self._git("push", "--quiet", "origin", f"HEAD:{self._branch}")
            self._fetch()
        else:
            # The branch is this site's own, and is made anew from the remote's at each exchange.
            self._git("push", "--quiet", "--force", "origin", f"HEAD:{DESK_BRANCH}")

    def _conflicts(self) -> str:
        """Bring branches with contradicting edits to the remote; returns one, or "".

        One that was there and is there no more was dealt with.
        """
        ours = self._names("refs/heads", f"{CONFLICT_BRANCH}-*")
        if not ours or self._settings.articles_push == "off":
            return ours[-1] if ours else ""
        listed = self._git("ls-remote", "--heads", "origin", f"{CONFLICT_BRANCH}-*")
        there = {line.partition("refs/heads/")[2] for line in listed.splitlines()}
        for name in ours:
            now, pushed = self._git("rev-parse", name), self._known(f"refs/kb-kept/{name}")
            if now != pushed:
                self._git("push", "--quiet", "--force", "origin", f"{name}:{name}")
                self._git("update-ref", f"refs/kb-kept/{name}", now)
            elif name not in there:
                self._git("branch", "--quiet", "-D", name)
                self._git("update-ref", "-d", f"refs/kb-kept/{name}")
        left = self._names("refs/heads", f"{CONFLICT_BRANCH}-*")
        return left[-1] if left else ""

    def _names(self, below: str, pattern: str) -> list[str]:
        listed = self._git("for-each-ref", "--format=%(refname)", f"{below}/")
        names = [line.removeprefix(f"{below}/") for line in listed.splitlines()]
        return [name for name in names if fnmatch(name, pattern)]

    # --- what nodes tell each other ----------------------------------------------------------

    def _stored(self, name: str) -> str:
        table = schema.job_state
        with self._engine.connect() as connection:
            found = connection.execute(select(table.c.value).where(table.c.name == name)).scalar()
        return str(found or "")

    def _store(self, name: str, value: str) -> None:
        with self._engine.begin() as connection:
            upsert(connection, schema.job_state, {"name": name, "value": value})

    # --- git ---------------------------------------------------------------------------------

    def _known(self, reference: str) -> str:
        try:
            return self._git("rev-parse", "--verify", "--quiet", reference)
        except GitError:
            return ""

    def _is_ancestor(self, one: str, other: str) -> bool:
        try:
            self._git("merge-base", "--is-ancestor", one, other)
        except GitError:
            return False
        return True

    def _git(self, *arguments: str, cwd: Path | None = None, seconds: float = GIT_S) -> str:
        """Run git; returns what it prints. Raises GitError with what it says."""
        done = subprocess.run(
            ["git", *_SAFE, "-c", f"safe.directory={self._folder}", *arguments],
            cwd=cwd or self._folder,
            env=self._settings.git_environment,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
        if done.returncode:
            said = done.stderr.strip() or done.stdout.strip() or f"exit status {done.returncode}"
            command = next(each for each in arguments if each[0] != "-" and "=" not in each)
            raise GitError(f"git {command}: {said}")
        return done.stdout.strip()

    def _now(self) -> str:
        return self._clock().isoformat(timespec="seconds")


def without_password(text: str) -> str:
    """A message of git without the passwords of URLs in it."""
    return re.sub(r"(?<=://)[^/\s]{1,500}@", "", text)
