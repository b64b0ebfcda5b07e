"""Imports: nothing of what a vendor's shape can carry is lost, and what cannot come is said."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from kb_app.cli.transfer import import_
from kb_app.transfer.html_to_markdown import to_markdown
from kb_app.transfer.http_api import Api
from kb_app.transfer.import_report import Report
from kb_app.transfer.importer import Importer
from kb_app.transfer.model import Source, TransferError
from kb_app.transfer.sources.csv_file import CsvFile
from kb_app.transfer.sources.document360 import Document360
from kb_app.transfer.sources.freshdesk import Freshdesk
from kb_app.transfer.sources.helpscout import HelpScout
from kb_app.transfer.sources.html_pages import HtmlPages
from kb_app.transfer.sources.intercom import Intercom
from kb_app.transfer.sources.site_folders import SiteFolder
from kb_app.transfer.sources.zendesk import Zendesk
from kb_app.transfer.state import ImportState
from tests.vendors import (
    csv_export,
    document360,
    docusaurus,
    freshdesk,
    helpscout,
    html_pages,
    intercom,
    jekyll,
    mkdocs,
    zendesk,
)
from tests.vendors.comparison import losses
from tests.vendors.content import HelpCentre, help_centre

ENTRIES = 24


@pytest.fixture(scope="module")
def centre() -> HelpCentre:
    return help_centre(ENTRIES)


def imported(folder: Path, source: Source, state: ImportState | None = None) -> Report:
    return Importer(folder, source, state or ImportState()).run(lambda *_: None)


ZENDESK = f"{zendesk.MAIL}/token:{zendesk.TOKEN}"
APIS: dict[str, tuple[object, Callable[[str, Path], Source]]] = {
    "zendesk": (zendesk, lambda url, kept: Zendesk(url, ZENDESK, kept)),
    "freshdesk": (freshdesk, lambda url, kept: Freshdesk(url, freshdesk.TOKEN, kept)),
    "intercom": (intercom, lambda url, kept: Intercom(url, intercom.TOKEN, kept)),
    "helpscout": (helpscout, lambda url, kept: HelpScout(url, helpscout.TOKEN, kept)),
    "document360": (document360, lambda url, kept: Document360(url, document360.TOKEN, kept)),
}


@contextmanager
def served(vendor: str, centre: HelpCentre, **given: int | None) -> Iterator[SimpleNamespace]:
    module, make = APIS[vendor]
    with module.serve(centre, **given) as url:  # type: ignore[attr-defined]
        yield SimpleNamespace(url=url, source=lambda kept: make(url, kept))


@pytest.mark.parametrize("vendor", sorted(APIS))
def test_nothing_is_lost_from_an_api(vendor: str, centre: HelpCentre, tmp_path: Path) -> None:
    folder = tmp_path / "articles"
    folder.mkdir()
    with served(vendor, centre) as server:
        report = imported(folder, server.source(tmp_path / "kept"))
        assert report.written and losses(vendor, centre, folder, server.url.addresses) == []


def address(vendor: str, centre: HelpCentre, key: str, lang: str) -> str:
    entry = centre.by_key[key]
    text = entry.text(lang)
    assert text is not None
    if vendor == "mkdocs":
        return f"/docs/{mkdocs.page_path(centre, key, mkdocs.suffix_of(text))}"
    if vendor == "docusaurus":
        is_other = lang == "ja" and entry.text("en") is not None
        return ("/ja" if is_other else "") + docusaurus.route(centre, key)
    if vendor == "jekyll":
        return ("/en" if lang == "en" else "") + jekyll.permalink(entry)
    if vendor == "csv":
        return csv_export.HOST + csv_export.path(centre, key, lang)
    return f"{html_pages.HOST}/{html_pages.page_path(centre, key, lang)}"


EXPORTS: dict[str, Callable[[HelpCentre, Path], Source]] = {
    "mkdocs": lambda centre, to: SiteFolder("mkdocs", mkdocs.write_export(centre, to)),
    "docusaurus": lambda centre, to: SiteFolder("docusaurus", docusaurus.write_export(centre, to)),
    "jekyll": lambda centre, to: SiteFolder("jekyll", jekyll.write_export(centre, to)),
    "csv": lambda centre, to: CsvFile(csv_export.write_export(centre, to)),
    "html": lambda centre, to: HtmlPages(html_pages.write_export(centre, to)),
}


@pytest.mark.parametrize("vendor", sorted(EXPORTS))
def test_nothing_is_lost_from_an_export(vendor: str, centre: HelpCentre, tmp_path: Path) -> None:
    folder = tmp_path / "articles"
    folder.mkdir()
    assert imported(folder, EXPORTS[vendor](centre, tmp_path / "export")).written
    known = {
        f"{entry.key}/{text.lang}": address(vendor, centre, entry.key, text.lang)
        for entry in centre.entries
        for text in entry.texts
    }
    assert losses(vendor, centre, folder, known) == []


def test_a_table_in_shift_jis_with_japanese_headings(centre: HelpCentre, tmp_path: Path) -> None:
    file = csv_export.write_export(centre, tmp_path, "shift_jis")
    report = imported(tmp_path / "articles", CsvFile(file))
    assert report.written == sum(len(entry.texts) for entry in centre.entries)


# --- again, and cut ---


def test_a_second_import_writes_what_changed_there_and_never_what_changed_here(
    tmp_path: Path,
) -> None:
    table, folder, state = tmp_path / "a.csv", tmp_path / "articles", ImportState()
    rows = "id,title,body,language\n1,返品,三十日以内です,ja\n2,送料,無料です,ja\n"
    table.write_text(rows, "utf-8")
    assert imported(folder, CsvFile(table), state).written == 2
    assert imported(folder, CsvFile(table), state).unchanged == 2
    mine = folder / "ja/general/返品.md"
    mine.write_text(mine.read_text("utf-8") + "ここで書いた\n", "utf-8")
    table.write_text(rows.replace("三十日", "十四日").replace("無料", "有料"), "utf-8")
    report = imported(folder, CsvFile(table), state)
    assert (report.written, report.kept) == (1, 1)
    assert "ここで書いた" in mine.read_text("utf-8") and "三十日" in mine.read_text("utf-8")
    assert "有料" in (folder / "ja/general/送料.md").read_text("utf-8")
    assert [note.what for note in report.notes] == ["changed here since, and stays"]


def test_an_article_of_that_name_is_not_overwritten(tmp_path: Path) -> None:
    table, folder = tmp_path / "a.csv", tmp_path / "articles"
    (folder / "ja/general").mkdir(parents=True)
    (folder / "ja/general/返品.md").write_text("mine", "utf-8")
    table.write_text("id,title,body,language\n1,返品,本文,ja\n", "utf-8")
    imported(folder, CsvFile(table))
    assert (folder / "ja/general/返品.md").read_text("utf-8") == "mine"
    assert (folder / "ja/general/返品-1.md").exists()


def test_a_cut_import_goes_on_where_it_stopped(
    centre: HelpCentre, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    folder, kept = tmp_path / "articles", tmp_path / "kept"
    with served("zendesk", centre, cut_after=12) as server:
        with pytest.raises(TransferError, match="run the same command again"):
            imported(folder, server.source(kept))
        before = server.url.total
        server.url.cut_after = None
        imported(folder, server.source(kept))
        asked = [path for path, count in server.url.requests.items() if count > 7]
        assert asked == [] and server.url.total > before
        assert losses("zendesk", centre, folder, server.url.addresses) == []


def test_a_wrong_token_is_refused_and_not_told(centre: HelpCentre, tmp_path: Path) -> None:
    with served("zendesk", centre) as server:
        source = Zendesk(str(server.url), "a@example.com/token:secret-9", tmp_path)
        with pytest.raises(TransferError, match="refuses the token") as caught:
            imported(tmp_path / "articles", source)
        assert "secret-9" not in str(caught.value)


def test_a_page_of_another_host_is_not_followed_with_the_token(tmp_path: Path) -> None:
    api = Api("http://127.0.0.1:9", tmp_path, {"Authorization": "Bearer x"})
    with pytest.raises(TransferError, match="another host"):
        api.json("http://evil.example/api")
    with pytest.raises(TransferError, match="no address"):
        Api("file:///etc/passwd", tmp_path)


# --- hostile and odd ---


@pytest.mark.parametrize(
    ("html", "seen", "unseen"),
    [
        ("<p>a<script>b()</script></p>", "a", "b()"),
        ('<a href="javascript:x()">本文</a>', "本文", "javascript"),
        ("<div>" * 3_000 + "深い" + "</div>" * 3_000, "深い", "<div"),
        ("<p>{{ secret }} {% raw %}</p>", "secret", "{{"),
        ("<p>1. 数字 # 井桁 * 星</p>", "数字", "<p"),
        ("<table><tr><td><ul><li>一</li></ul></td></tr></table>", "一", "style"),
        ("", "", "x"),
    ],
)
def test_html_becomes_markdown_without_what_runs(html: str, seen: str, unseen: str) -> None:
    text = to_markdown(html).markdown
    assert seen in text and unseen not in text


def test_an_export_does_not_read_files_outside_its_folder(tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(b"\x89PNG secret")
    pages = tmp_path / "pages"
    pages.mkdir()
    body = '<html lang="ja"><main><h1>題</h1><p>文</p><img src="../secret.png" alt="a"></main>'
    (pages / "a.html").write_text(body, "utf-8")
    (pages / "b.html").symlink_to(tmp_path / "secret.png")
    report = imported(tmp_path / "articles", HtmlPages(pages))
    assert report.files == 0 and any("cannot be had" in note.what for note in report.notes)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,other\n1,2\n", "title and a column body"),
        ("title,body\n" + "x" * 10, None),
        ('title,body\na,"unclosed', None),
    ],
)
def test_tables_that_are_none(text: str, said: str | None, tmp_path: Path) -> None:
    table = tmp_path / "a.csv"
    table.write_text(text, "utf-8")
    if said is None:
        imported(tmp_path / "articles", CsvFile(table))
        return
    with pytest.raises(TransferError, match=said):
        imported(tmp_path / "articles", CsvFile(table))


# --- the command ---


def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str]:
    monkeypatch.setenv("KB_DATA", str(tmp_path / "var"))
    monkeypatch.setenv("KB_ARTICLES", str(tmp_path / "articles"))
    done = CliRunner().invoke(import_, list(arguments))
    return done.exit_code, done.output


def test_the_command_imports_commits_and_says_what_stayed_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "articles"
    folder.mkdir()
    git = ("git", "-C", str(folder))
    subprocess.run([*git, "init", "-q"], check=True)
    table = tmp_path / "a.csv"
    table.write_text("title,body,extra\n返品,本文,1\n", "utf-8")
    status, said = run(tmp_path, monkeypatch, "csv", str(table))
    assert status == 0 and "1 articles written" in said and "extra" in said
    log = subprocess.run([*git, "log", "--format=%s"], capture_output=True, text=True, check=True)
    assert log.stdout.strip() == "Import from csv"
    assert "1 unchanged" in run(tmp_path, monkeypatch, "csv", str(table))[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("salesforce", "x"), "not known"),
        (("zendesk", "https://example.zendesk.com"), "--token-file"),
        (("zendesk", "somewhere"), "from its API"),
        (("csv", "https://example.com/a.csv"), "file or folder"),
        (("mkdocs", "/nowhere"), "There is no /nowhere"),
    ],
)
def test_what_the_command_refuses(
    arguments: tuple[str, ...], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    status, output = run(tmp_path, monkeypatch, *arguments)
    assert status == 1 and said in output
