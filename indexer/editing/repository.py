"""The git repository that an articles folder may be in: its commits and its history."""

from __future__ import annotations

import logging
import re
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from indexer.editing.model import Author, Version

log = logging.getLogger("indexer.editing")
MOST_VERSIONS = 100
ATTEMPTS, WAIT_S = 8, 0.25
_REVISION = re.compile(r"[0-9a-f]{40,64}")


class Repository:
    """The repository of one folder. Without git, or without a repository, it does nothing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def exists(self) -> bool:
        """Whether the folder is in a git repository."""
        return self._says("rev-parse", "--is-inside-work-tree") is not None

    def commit(self, names: Sequence[str], author: Author, message: str) -> None:
        """Commit these files only. Other changes in the repository are left alone.

        A file that git ignores is left out. Where another process holds git's index, it is tried
        again for a moment.
        """
        if not self.exists:
            return
        shown = author.name.strip() or author.mail or "desk"
        identity = {"user.name": shown, "user.email": author.mail or "desk@localhost"}
        settings = [part for key, value in identity.items() for part in ("-c", f"{key}={value}")]
        # A file that git never knew and that is gone is no path that it takes.
        known = [name for name in names if (self._folder / name).exists() or self._tracks(name)]
        known = [name for name in known if not self._ignores(name)]
        for attempt in range(ATTEMPTS):
            time.sleep(attempt * WAIT_S)
            if not known or self._committed(settings, message, known):
                return
        self._says("reset", "--quiet", "--", *known)
        log.warning("%s was saved but could not be committed to git", ", ".join(names))

    def _committed(self, settings: Sequence[str], message: str, names: Sequence[str]) -> bool:
        # Git reads its index before it locks it, so that a commit beside this one can drop what
        # was added here. What counts is therefore the folder against HEAD, not the index.
        said = self._says("--no-optional-locks", "status", "--porcelain", "--", *names)
        if said is None:
            return False
        if not said:
            return True
        self._says("add", "--all", "--", *names)
        arguments = (*settings, "commit", "--quiet", "--only", "-m", message, "--", *names)
        return self._says(*arguments) is not None

    def _ignores(self, name: str) -> bool:
        return self._says("check-ignore", "--quiet", "--", name) is not None

    def _tracks(self, name: str) -> bool:
        return bool(self._says("ls-files", "--", name))

    def history(self, name: str) -> list[Version] | None:
        """The last commits that changed a file, newest first; None without a repository."""
        if not self.exists:
            return None
        form = "--format=%H%x1f%at%x1f%an%x1f%s"
        said = self._says("log", form, f"--max-count={MOST_VERSIONS}", "--", name) or ""
        parts = (line.split("\x1f", 3) for line in said.splitlines())
        return [Version(revision, int(at), who, what) for revision, at, who, what in parts]

    def text_before(self, name: str, at: int) -> str | None:
        """The text of a file as it was at a time, in seconds since 1970; None if it was not there.

        Commits within that second count.
        """
        said = self._says("log", "--format=%H", "--max-count=1", f"--before=@{at}", "--", name)
        return self.text_at(name, said.strip()) if said else None

    def text_at(self, name: str, revision: str) -> str | None:
        """The text of a file as a commit left it; None where there is none."""
        if not _REVISION.fullmatch(revision):
            return None
        return self._says("show", f"{revision}:./{name}")

    def _says(self, *arguments: str) -> str | None:
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
