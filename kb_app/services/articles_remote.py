"""Content by git: takes articles from a remote repository, and gives edits of the desk to it.

The articles folder is a clone. Of several nodes the one that leads does this; the others get the
files from the database. An edit that contradicts the remote is kept on a branch of its own there.
"""

from __future__ import annotations

import json
import logging
import re
import subprocess
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError

from indexer.atomic_write import replace_file
from kb_app.db import schema
from kb_app.db.writing import upsert
from kb_app.settings import Settings

log = logging.getLogger("kb_app.services.articles_remote")
STATE = "articles-remote.json"
# In the database: when somebody said that the remote has changed, and its revision that all have.
ASKED, BASE = "articles-remote-asked", "articles-remote-base"
GIT_S = 120.0
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


class ArticlesRemote:
    """The remote repository of the articles folder."""

    def __init__(self, settings: Settings, engine: Engine, clock: Callable[[], datetime]) -> None:
        self._settings = settings
        self._engine = engine
        self._clock = clock
        self._folder = settings.articles.resolve()
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
        except (GitError, OSError, subprocess.TimeoutExpired, SQLAlchemyError) as error:
            before = self.state
            said = str(error).strip() or type(error).__name__
            log.error("the articles' remote repository: %s", said)
            found = RemoteState(self._now(), before.revision if before else "", said[:2_000])
        replace_file(self._settings.data / STATE, json.dumps(asdict(found)))
        return found

    # --- the exchange ------------------------------------------------------------------------

    def _exchange(self) -> str:
        """Returns the branch on which edits were kept that contradict the remote, or ""."""
        branch = self._settings.articles_branch
        base = self._stored(BASE) if self._settings.share_articles else ""
        if not (self._folder / ".git").exists():
            if not base:
                self._clone(branch)
                self._store(BASE, self._git("rev-parse", "HEAD"))
                return ""
            self._git("init", "--quiet", f"--initial-branch={branch}")
            self._git("remote", "add", "origin", self._settings.articles_remote)
        self._check_remote()
        tracked = f"refs/remotes/origin/{branch}"
        if base and base != self._known(tracked):
            # Another node has led: this folder is what it had, and its clone is older.
            self._fetch(branch)
            self._git("update-ref", tracked, base)
            self._git("reset", "--quiet", "--mixed", base)
        self._commit_edits()
        before, known = self._git("rev-parse", "HEAD"), self._known(tracked)
        fetched = self._fetch(branch)
        if known and not self._is_ancestor(known, fetched):
            log.warning("the remote's history was rewritten: %s is now %s", known[:9], fetched[:9])
        kept_on = self._rebase(known or fetched, fetched, before)
        self._push(branch, fetched)
        self._store(BASE, self._git("rev-parse", tracked))
        return kept_on

    def _fetch(self, branch: str) -> str:
        """Returns the revision that the remote has."""
        tracked = f"refs/remotes/origin/{branch}"
        self._git("fetch", "--quiet", "--no-tags", "origin", f"+{branch}:{tracked}")
        return self._git("rev-parse", tracked)

    def _clone(self, branch: str) -> None:
        if self._folder.is_dir() and any(self._folder.iterdir()):
            raise GitError(
                f"{self._folder} is not empty and no clone of {self._settings.articles_remote}. "
                "Set KB_ARTICLES to an empty folder, or clone the repository there."
            )
        self._folder.parent.mkdir(parents=True, exist_ok=True)
        url, folder = self._settings.articles_remote, str(self._folder)
        self._git("clone", "--branch", branch, "--", url, folder, cwd=self._folder.parent)

    def _check_remote(self) -> None:
        url = self._git("config", "--get", "remote.origin.url")
        if url != self._settings.articles_remote:
            raise GitError(
                f"{self._folder} is a clone of another repository than KB_ARTICLES_REMOTE. "
                "Set KB_ARTICLES to an empty folder."
            )

    def _commit_edits(self) -> None:
        """Commit what the desk of another node, or an editor, changed."""
        self._git("add", "--all", "--", ".")
        if self._git("status", "--porcelain"):
            self._git(*_AUTHOR, "commit", "--quiet", "-m", "Edited at the knowledge base")

    def _rebase(self, known: str, fetched: str, before: str) -> str:
        """Put our commits on the remote's; where they contradict it, keep them on a branch."""
        if before == fetched:
            return ""
        try:
            self._git(*_AUTHOR, "rebase", "--quiet", "--onto", fetched, known)
            return ""
        except GitError as error:
            self._git("rebase", "--abort")
            kept = f"{CONFLICT_BRANCH}-{before[:9]}"
            self._git("branch", "--force", kept, before)
            self._git("reset", "--quiet", "--hard", fetched)
            log.error(
                "edits of this site contradict the remote's; they are on the branch %s: %s",
                kept,
                str(error)[:300],
            )
            if self._settings.articles_push != "off":
                self._git("push", "--quiet", "origin", f"{kept}:{kept}")
            return kept

    def _push(self, branch: str, fetched: str) -> None:
        if self._settings.articles_push == "off" or self._git("rev-parse", "HEAD") == fetched:
            return
        if self._settings.articles_push == "main":
            self._git("push", "--quiet", "origin", f"HEAD:{branch}")
            self._fetch(branch)
        else:
            # The branch is this site's own, and is made anew from the remote's at each exchange.
            self._git("push", "--quiet", "--force", "origin", f"HEAD:{DESK_BRANCH}")

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

    def _git(self, *arguments: str, cwd: Path | None = None) -> str:
        """Run git; returns what it prints. Raises GitError with what it says."""
        done = subprocess.run(
            ["git", *_SAFE, *arguments],
            cwd=cwd or self._folder,
            env=self._settings.git_environment,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
            timeout=GIT_S,
            check=False,
        )
        if done.returncode:
            said = done.stderr.strip() or done.stdout.strip() or f"exit status {done.returncode}"
            command = next(each for each in arguments if each[0] != "-" and "=" not in each)
            raise GitError(f"git {command}: {without_password(said)}")
        return done.stdout.strip()

    def _now(self) -> str:
        return self._clock().isoformat(timespec="seconds")


def without_password(text: str) -> str:
    """A message of git without the passwords of URLs in it."""
    return re.sub(r"(?<=://)[^/@\s]++@", "", text)
