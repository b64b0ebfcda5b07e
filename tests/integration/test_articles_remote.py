"""Articles that come from a git repository, and edits that go back to it."""

import os
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from indexer.editing.editor import Editor
from indexer.editing.model import Author
from kb_app.services.articles_remote import ArticlesRemote, RemoteState, without_password
from kb_app.services.shared_articles import SharedArticles
from kb_app.settings import Settings
from tests.support import make_settings, write_article

NAME = "en/returns/postage.md"
WRITER = Author("Writer", "writer@example.com")


def git(folder: Path, *arguments: str) -> str:
    author = ("-c", "user.name=Colleague", "-c", "user.email=colleague@example.com")
    command = ["git", *author, *arguments]
    return subprocess.run(
        command, cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


class Place:
    """A bare repository, a colleague's clone, and sites that take their articles from it."""

    def __init__(self, root: Path, engine: Engine) -> None:
        self.root, self._engine = root, engine
        self.remote, self.colleague = root / "remote.git", root / "colleague"
        subprocess.run(["git", "init", "--quiet", "--bare", "-b", "main", self.remote], check=True)
        git(root, "clone", "--quiet", str(self.remote), str(self.colleague))
        self.colleague_writes(NAME, "It is 5 dollars.")

    def colleague_writes(self, name: str, body: str) -> None:
        write_article(self.colleague, name, "Return postage", body)
        git(self.colleague, "add", "--all")
        git(self.colleague, "commit", "--quiet", "-m", "Colleague")
        git(self.colleague, "push", "--quiet", "origin", "HEAD:main")

    def folder(self, name: str) -> Path:
        return self.root / name / "articles"

    def site(self, name: str = "site", push: str = "main", shares: bool = False) -> ArticlesRemote:
        data = self.root / name / "var"
        data.mkdir(parents=True, exist_ok=True)
        settings = make_settings(
            self.folder(name), data, articles_remote=str(self.remote), articles_push=push
        )
        shared = SharedArticles(self._engine, self.folder(name), data) if shares else None
        return ArticlesRemote(settings, self._engine, lambda: datetime.now(UTC), shared)

    def text(self, name: str = "site", path: str = NAME) -> str:
        return (self.folder(name) / path).read_text(encoding="utf-8")

    def at_remote(self, branch: str = "main", path: str = NAME) -> str:
        return git(self.remote, "show", f"{branch}:{path}")


@pytest.fixture
def place(tmp_path: Path, engine: Engine) -> Place:
    return Place(tmp_path, engine)


def went_well(state: RemoteState) -> bool:
    return not state.wrong and not state.kept_on and bool(state.revision)


def test_an_empty_folder_becomes_a_clone_and_follows(place: Place) -> None:
    site = place.site()
    assert went_well(site.exchange()) and "5 dollars" in place.text()
    place.colleague_writes(NAME, "It is free.")
    assert went_well(site.exchange()) and "It is free." in place.text()


@pytest.mark.parametrize(("push", "branch"), [("main", "main"), ("branch", "kb/desk")])
def test_an_edit_at_the_desk_goes_back_with_its_author(
    place: Place, push: str, branch: str
) -> None:
    site = place.site(push=push)
    site.exchange()
    editor = Editor(place.folder("site"))
    opened = editor.open(NAME)
    editor.save(opened, opened.text.replace("5 dollars", "6 dollars"), WRITER, "Edited")
    place.colleague_writes("en/returns/new.md", "New.")
    assert went_well(site.exchange())
    assert "6 dollars" in place.at_remote(branch) and "New." in place.text(path="en/returns/new.md")
    said = git(place.remote, "log", "-1", "--format=%an <%ae>", branch)
    assert said == "Writer <writer@example.com>"


def test_with_push_off_edits_stay_here(place: Place) -> None:
    site = place.site(push="off")
    site.exchange()
    write_article(place.folder("site"), NAME, "Return postage", "It is 7 dollars.")
    assert went_well(site.exchange())
    assert "7 dollars" in place.text() and "5 dollars" in place.at_remote()


def test_an_edit_that_contradicts_the_remote_is_kept_on_a_branch(place: Place) -> None:
    site = place.site()
    site.exchange()
    write_article(place.folder("site"), NAME, "Return postage", "It is 7 dollars.")
    place.colleague_writes(NAME, "It is 8 dollars.")
    state = site.exchange()
    assert state.kept_on.startswith("kb/conflict-") and not state.wrong
    assert "8 dollars" in place.text() and "7 dollars" in place.at_remote(state.kept_on)


def test_a_remote_that_rewrites_its_history_is_followed(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    site = place.site()
    site.exchange()
    write_article(place.folder("site"), "en/returns/ours.md", "Ours", "Ours.")
    write_article(place.colleague, NAME, "Return postage", "It is 9 dollars.")
    git(place.colleague, "commit", "--quiet", "--all", "--amend", "-m", "Other history")
    git(place.colleague, "push", "--quiet", "--force", "origin", "HEAD:main")
    assert went_well(site.exchange()) and "rewritten" in caplog.text
    assert "9 dollars" in place.text() and "Ours." in place.at_remote(path="en/returns/ours.md")


def test_what_git_refuses_is_shown_and_the_articles_stay(place: Place) -> None:
    site = place.site()
    site.exchange()
    place.remote.rename(place.root / "away.git")
    state = site.exchange()
    assert "git fetch" in state.wrong and state.revision and "5 dollars" in place.text()
    assert site.state == state
    (place.root / "away.git").rename(place.remote)
    assert went_well(site.exchange())


def test_a_hook_of_the_remote_that_refuses_is_shown(place: Place) -> None:
    site = place.site()
    site.exchange()
    hook = place.remote / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho 'main is protected' >&2; exit 1\n", encoding="utf-8")
    hook.chmod(0o755)
    write_article(place.folder("site"), NAME, "Return postage", "It is 7 dollars.")
    state = site.exchange()
    assert "main is protected" in state.wrong and "7 dollars" in place.text()


def test_another_folder_is_left_alone(place: Place) -> None:
    write_article(place.folder("site"), "en/own/article.md", "Own")
    assert "is not empty" in place.site().exchange().wrong
    assert "Own" in place.text(path="en/own/article.md")


def test_a_node_that_leads_anew_takes_back_nothing(place: Place) -> None:
    one, two = place.site("one", shares=True), place.site("two", shares=True)
    assert went_well(one.exchange())
    place.colleague_writes(NAME, "It is 9 dollars.")
    place.colleague_writes("en/returns/extra.md", "Extra.")
    assert went_well(one.exchange())  # and is never heard of again
    write_article(place.folder("two"), "en/returns/ours.md", "Ours", "Ours.")
    # The second node has what it wrote and what the database has.
    assert "files that the site's database has not" in two.exchange().wrong
    (place.folder("two") / "en/returns/ours.md").unlink()
    assert went_well(two.exchange())
    assert "9 dollars" in place.at_remote() and "9 dollars" in place.text("two")
    assert "Extra." in place.at_remote(path="en/returns/extra.md")
    write_article(place.folder("two"), NAME, "Return postage", "It is 10 dollars.")
    assert went_well(two.exchange()) and "10 dollars" in place.at_remote()
    assert went_well(one.exchange()) and "10 dollars" in place.text("one")


def edited_while(monkeypatch: pytest.MonkeyPatch, method: str, edit: Callable[[], object]) -> None:
    original, done = getattr(ArticlesRemote, method), []

    def slow(self: ArticlesRemote, *given: Any) -> Any:
        result = original(self, *given)
        if not done:
            done.append(True)
            edit()
        return result

    monkeypatch.setattr(ArticlesRemote, method, slow)


@pytest.mark.parametrize("method", ["_fetch", "_committed", "_rebased"])
@pytest.mark.parametrize("theirs", ["It is 5 dollars.", "It is 8 dollars."])
def test_an_edit_during_the_exchange_is_in_the_folder_or_on_the_branch(
    place: Place, monkeypatch: pytest.MonkeyPatch, method: str, theirs: str
) -> None:
    site, folder = place.site(), place.folder("site")
    site.exchange()
    write_article(folder, NAME, "Return postage", "It is 7 dollars.")
    place.colleague_writes(NAME, theirs) if theirs[6] == "8" else None
    editor = Editor(folder)

    def edit() -> None:
        opened = editor.open(NAME)
        editor.save(opened, opened.text.replace("7 dollars", "77 dollars"), WRITER, "Edited")
        editor.draft("en/returns", "A draft", [], WRITER)

    edited_while(monkeypatch, method, edit)
    state = site.exchange()
    assert not state.wrong
    everywhere = [place.at_remote(name) for name in filter(None, ["main", state.kept_on])]
    assert any("77 dollars" in text for text in everywhere)
    files = [
        git(place.remote, "ls-tree", "-r", "--name-only", name)
        for name in filter(None, ["main", state.kept_on])
    ]
    assert any("a-draft.md" in listed for listed in files)
    assert "<<<<" not in "".join(path.read_text("utf-8") for path in folder.rglob("*.md"))


def test_a_conflict_is_at_the_remote_before_it_gives_way(place: Place) -> None:
    site = place.site()
    site.exchange()
    hook = place.remote / "hooks" / "update"
    refuses = "#!/bin/sh\ncase $1 in refs/heads/kb/*) echo 'no such branches' >&2; exit 1;; esac\n"
    hook.write_text(refuses, encoding="utf-8")
    hook.chmod(0o755)
    write_article(place.folder("site"), NAME, "Return postage", "It is 7 dollars.")
    place.colleague_writes(NAME, "It is 8 dollars.")
    for _ in range(2):
        assert "no such branches" in site.exchange().wrong and "7 dollars" in place.text()
    hook.unlink()
    state = site.exchange()
    assert state.kept_on and not state.wrong and "8 dollars" in place.text()
    assert site.exchange().kept_on == state.kept_on, "until somebody has dealt with it"
    git(place.remote, "branch", "-D", state.kept_on)
    assert went_well(site.exchange())


def test_a_folder_that_is_away_removes_nothing_at_the_remote(place: Place) -> None:
    site, folder = place.site(), place.folder("site")
    site.exchange()
    (folder / "en").rename(place.root / "en")
    assert "Is the disk mounted?" in site.exchange().wrong
    assert "5 dollars" in place.at_remote()
    (place.root / "en").rename(folder / "en")
    assert went_well(site.exchange())


def test_what_killed_processes_left_is_no_hindrance(place: Place) -> None:
    half = place.folder("site").with_name(".articles.clone")
    (half / ".git").mkdir(parents=True)
    site = place.site()
    assert went_well(site.exchange())
    lock = place.folder("site") / ".git" / "index.lock"
    lock.touch()
    os.utime(lock, (1, 1))
    (place.root / "site/var/articles-rebase").mkdir()
    write_article(place.folder("site"), NAME, "Return postage", "It is 7 dollars.")
    assert went_well(site.exchange()) and "7 dollars" in place.at_remote()


def test_no_password_is_kept_or_logged(
    place: Place, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "https://me:p@ss-of-mine@localhost:9/x.git"
    monkeypatch.setattr(place, "remote", url)
    for name in ("site", "full"):
        site = place.site(name)
        write_article(place.folder("full"), NAME, "Full")
        assert site.exchange().wrong
    kept = [path.read_text("utf-8") for path in place.root.rglob("articles-remote.json")]
    assert len(kept) == 2 and "ss-of-mine" not in "".join(kept) + caplog.text


def test_it_is_asked_at_intervals_and_when_somebody_says_so(place: Place) -> None:
    site = place.site()
    assert site.run_due() and not site.run_due()
    site.ask()
    assert site.run_due() and not site.run_due()


def test_passwords_are_not_shown() -> None:
    said = "fatal: unable to access 'https://me:secret@example.com/x.git/'"
    assert without_password(said) == "fatal: unable to access 'https://example.com/x.git/'"


@pytest.mark.parametrize("remote", ["--upload-pack=touch", "ext::sh -c id", "../x", "a b"])
def test_what_is_no_repository_is_refused(remote: str) -> None:
    with pytest.raises(ValueError, match="must be like"):
        Settings(articles_remote=remote)
