"""Imports meet odd names, odd links and odd servers: nothing here is lost and each one ends."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner

from indexer.editing.links import rewritten_links
from kb_app.cli.transfer import export, import_
from kb_app.transfer.html_to_markdown import to_markdown
from kb_app.transfer.http_api import Api
from kb_app.transfer.import_report import Report
from kb_app.transfer.importer import Importer
from kb_app.transfer.model import ForeignArticle, ForeignText, TransferError
from kb_app.transfer.sources.csv_file import CsvFile
from kb_app.transfer.sources.html_pages import HtmlPages
from kb_app.transfer.sources.zendesk import Zendesk
from kb_app.transfer.state import ImportState


class Given:
    """A source with the articles that a test names, and one picture for every address."""

    name = "given"

    def __init__(self, *articles: ForeignArticle, picture: bytes = b"\x89PNG") -> None:
        self._articles, self._picture = articles, picture

    def sections(self) -> Iterable[object]:
        return ()

    def articles(self) -> Iterable[ForeignArticle]:
        return self._articles

    def file(self, url: str, place: str) -> bytes | None:
        return self._picture

    def unmapped(self) -> Iterable[str]:
        return ()


def article(key: str, title: str = "", body: str = "<p>x</p>", lang: str = "en") -> ForeignArticle:
    text = ForeignText(lang, title or key, body, url=f"https://other.example/{key}")
    return ForeignArticle(key, "s", (text,))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "articles"
    made.mkdir()
    return made


def run(folder: Path, source: object, state: ImportState | None = None) -> Report:
    importer = Importer(folder, source, state or ImportState())  # type: ignore[arg-type]
    return importer.run(lambda *_: None)


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.md"))


def ids(folder: Path) -> list[str]:
    lines = [(folder / name).read_text("utf-8").splitlines() for name in files(folder)]
    return [line for one in lines for line in one if line.startswith("id:")]


@pytest.mark.parametrize("lang", ["../../../pwn-en", "/etc/abs", "..", ""])
def test_a_language_never_leads_out_of_the_folder(folder: Path, lang: str) -> None:
    run(folder, Given(article("1", lang=lang)))
    assert files(folder) == ["en/s/1.md"]
    assert sorted(path.name for path in folder.parent.iterdir()) == ["articles"]


def test_a_page_names_a_language_that_is_no_language(folder: Path, tmp_path: Path) -> None:
    pages = tmp_path / "pages"
    pages.mkdir()
    page = '<html lang="../../pwn"><title>A</title><body><h1>A</h1><p>Some words.</p></body></html>'
    (pages / "a.html").write_text(page, "utf-8")
    (pages / "folder.html").mkdir()
    run(folder, HtmlPages(pages))
    assert [name.split("/")[0] for name in files(folder)] == ["en"]


def test_japanese_keys_have_ids_of_their_own(folder: Path) -> None:
    run(folder, Given(article("質問一"), article("質問二"), article("a/b"), article("a-b")))
    found = ids(folder)
    assert len(set(found)) == 4 and "id: given-質問一" in found


def test_three_pages_of_one_name_are_three_files(folder: Path) -> None:
    keys = [f"v{n}/getting-started/installation" for n in (1, 2, 3, 4)]
    run(folder, Given(*(article(key, "Installation") for key in keys)))
    assert len(files(folder)) == 4


def test_two_tables_without_ids_do_not_share_them(folder: Path, tmp_path: Path) -> None:
    for name, title in (("one.csv", "送料"), ("two.csv", "返品")):
        (tmp_path / name).write_text(f"title,body\n{title},本文\n", "utf-8")
        run(folder, CsvFile(tmp_path / name))
    assert len(files(folder)) == len(set(ids(folder))) == 2


def test_rows_of_one_id_and_language_are_named(folder: Path, tmp_path: Path) -> None:
    table = "id,language,title,body\n1,ja,甲,一\n1,ja,乙,二\n"
    (tmp_path / "t.csv").write_text(table, "utf-8")
    report = run(folder, CsvFile(tmp_path / "t.csv"))
    assert "甲" in (folder / files(folder)[0]).read_text("utf-8")
    assert any("two variants of one language" in str(note) for note in report.notes)


def test_what_was_moved_or_removed_here_stays_so(folder: Path) -> None:
    source, state = Given(article("one"), article("two")), ImportState()
    run(folder, source, state)
    (folder / "en/new").mkdir()
    (folder / "en/s/one.md").rename(folder / "en/new/uno.md")
    (folder / "en/s/two.md").unlink()
    report = run(folder, source, state)
    assert files(folder) == ["en/new/uno.md"]
    assert [str(note).split(": ")[1] for note in report.notes] == [
        "removed here since, and not brought again"
    ]


def test_what_is_gone_there_is_named_and_stays(folder: Path) -> None:
    state = ImportState()
    run(folder, Given(article("one"), article("two")), state)
    report = run(folder, Given(article("one")), state)
    assert files(folder) == ["en/s/one.md", "en/s/two.md"]
    assert [str(note) for note in report.notes] == [
        "two/en: no longer there, and stays here: en/s/two.md"
    ]


def test_a_link_to_a_folder_leads_to_its_readme(folder: Path) -> None:
    guide = ForeignText("en", "Guide", "x", url="file:///guide/README.md", is_markdown=True)
    start = ForeignText("en", "Start", "[g](guide/)", url="file:///start.md", is_markdown=True)
    run(folder, Given(*(ForeignArticle(text.title, "s", (text,)) for text in (guide, start))))
    assert "[g](guide.md)" in (folder / "en/s/start.md").read_text("utf-8")


def test_a_link_that_a_template_makes_stays_as_it_is(folder: Path) -> None:
    body = "[#1]({{ site.repository }}/issues/1)"
    text = ForeignText("en", "t", body, is_markdown=True)
    report = run(folder, Given(ForeignArticle("1", "s", (text,))))
    assert body in (folder / "en/s/t.md").read_text("utf-8")
    assert "a template makes" in str(report.notes[0])


def test_a_cell_kept_from_being_a_formula_is_its_text(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("title,body\n'=SUM とは,'+81 と書く\n'引用',x\n", "utf-8")
    made = [one.texts[0] for one in CsvFile(tmp_path / "t.csv").articles()]
    assert [one.title for one in made] == ["=SUM とは", "'引用'"]
    assert "'" not in made[0].body


def test_a_definition_of_a_link_that_leads_nowhere_leaves_the_next_one(folder: Path) -> None:
    body = "[a][one] [b][two]\n\n[one]: #gone\n[two]: https://b.example/\n"
    text = ForeignText("en", "t", body, is_markdown=True, anchors=())
    run(folder, Given(ForeignArticle("1", "s", (text,))))
    assert "[one]: #\n[two]: https://b.example/" in (folder / "en/s/t.md").read_text("utf-8")


def test_an_import_that_was_killed_goes_on_without_second_copies(folder: Path) -> None:
    articles = [article(f"k{n}") for n in range(5)]
    run(folder, Given(*articles[:3]))  # its state was never kept
    run(folder, Given(*articles))
    assert files(folder) == [f"en/s/k{n}.md" for n in range(5)] and len(set(ids(folder))) == 5


def test_what_a_killed_import_wrote_and_somebody_changed_stays(folder: Path) -> None:
    run(folder, Given(article("a")))
    changed = (folder / "en/s/a.md").read_text("utf-8") + "\nOurs.\n"
    (folder / "en/s/a.md").write_text(changed, "utf-8")
    report = run(folder, Given(article("a")))
    assert (folder / "en/s/a.md").read_text("utf-8") == changed
    assert "there already, and stays" in str(report.notes[0])


def test_a_file_beside_an_article_is_never_read_as_one(folder: Path) -> None:
    body = '<img src="/readme.md">'
    text = b"---\ntitle: secret\nstatus: published\n---\n\nx"
    run(folder, Given(article("1", body=body), picture=text))
    assert files(folder) == ["en/s/1.md"]


@pytest.mark.parametrize("answer", [b'{"users": []}', b"[1]", b"<!DOCTYPE html><p>Sign in</p>"])
def test_an_answer_that_is_no_picture_is_not_kept(folder: Path, answer: bytes) -> None:
    report = run(folder, Given(article("1", body='<img src="/p.png">'), picture=answer))
    assert not (folder / "imported").exists()
    assert "answers with no picture" in str(report.notes[0])


@pytest.mark.parametrize(
    "link", ["http://[your-domain]/admin", "http://[server-ip]:8080", "//[x]", "https://[::1"]
)
def test_a_link_that_is_no_address_does_not_end_the_import(folder: Path, link: str) -> None:
    body = f'<a href="{link}">x</a><img src="{link}/a.png"><p>last</p>'
    report = run(folder, Given(article("1", body=body)))
    assert "last" in (folder / "en/s/1.md").read_text("utf-8") and report.notes


@pytest.mark.parametrize("broken", [b"a: [", b"- a\n- b\n", b"just text", b"a: \x93\xfa"])
def test_a_broken_file_of_sections_is_refused_before_anything_is_written(
    folder: Path, broken: bytes
) -> None:
    (folder / "sections.yml").write_bytes(broken)
    with pytest.raises(TransferError, match=r"sections\.yml"):
        run(folder, Given(article("1")))
    assert files(folder) == []


def test_a_source_without_articles_is_no_success(folder: Path) -> None:
    with pytest.raises(TransferError, match="no articles"):
        run(folder, Given())


# --- servers ------------------------------------------------------------------------------------


@contextmanager
def server(answer: Callable[[str, str], tuple[int, bytes]]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, content = answer(self.path, self.headers.get("Authorization", ""))
            self.send_response(status)
            if status == 302:
                self.send_header("Location", content.decode())
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            pass

    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=made.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{made.server_port}"
    finally:
        made.shutdown()
        made.server_close()


def test_pictures_of_the_own_network_are_not_fetched(tmp_path: Path) -> None:
    with (
        server(lambda *_: (200, b"secret")) as inside,
        server(lambda *_: (302, f"{inside}/latest/meta-data".encode())) as vendor,
    ):
        api = Api(vendor, tmp_path)
        assert api.file(f"{inside}/latest/meta-data") is None
        assert api.file(f"{vendor}/sent-on.png") is None


def test_the_token_does_not_read_the_api_for_a_picture(tmp_path: Path) -> None:
    seen: list[str] = []

    def answer(path: str, token: str) -> tuple[int, bytes]:
        seen.append(token)
        return 200, b"\x89PNG"

    with server(answer) as vendor:
        api = Api(vendor, tmp_path, auth=("a", "b"))
        api.file(f"{vendor}/api/v2/users.json")
        api.file(f"{vendor}/hc/article_attachments/1/a.png")
    assert seen[0] == "" and seen[1].startswith("Basic ")


def test_one_file_that_always_fails_does_not_end_the_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kb_app.transfer.http_api.LONGEST_WAIT_S", 0)
    with server(lambda path, _: (500 if "broken" in path else 200, b"x")) as vendor:
        assert Api(vendor, tmp_path).file(f"{vendor}/broken.png") is None
    with (
        server(lambda *_: (500, b"x")) as vendor,
        pytest.raises(TransferError, match="go on from here"),
    ):
        Api(vendor, tmp_path).file(f"{vendor}/all.png")


ODD = {
    "id": 1,
    "title": 7,
    "body": None,
    "locale": ["x"],
    "label_names": [1, None, {}],
    "position": "abc",
    "vote_sum": 1e300,
    "translations": ["x", None],
    "user_segment_id": None,
}


def test_lists_of_zendesk_that_go_in_circles_and_odd_values_end(tmp_path: Path) -> None:
    def answer(path: str, _token: str) -> tuple[int, bytes]:
        here = f"{vendor}/api/v2/help_center/articles.json?page=2"
        if "redirect_rules" in path:
            rule = {"redirect_from": "/old", "redirect_to": "/x"}
            meta = {"has_more": True, "after_cursor": "same"}
            return 200, json.dumps({"records": [rule, 3], "meta": meta}).encode()
        if "/articles.json" in path:
            given = {"articles": [ODD, None, {"id": None}], "users": [3], "next_page": here}
            return 200, json.dumps(given).encode()
        return 200, b'{"sections": null, "categories": [1], "article_attachments": [{}]}'

    with server(answer) as vendor:
        source = Zendesk(vendor, "t", tmp_path)
        assert [one.key for one in source.articles()] == ["1"]
        assert list(source.sections()) == []
        assert len(list(source.unmapped())) == 1


def test_two_variants_of_a_language_are_one_text(tmp_path: Path, folder: Path) -> None:
    texts = [
        {"locale": lang, "title": lang, "body": "<p>x</p>"} for lang in ("zh-tw", "en-gb", "en-us")
    ]
    row = {"id": 5, "source_locale": "en-us", "translations": texts}

    def answer(path: str, _token: str) -> tuple[int, bytes]:
        return 200, json.dumps({"articles": [row]} if "/articles.json" in path else {}).encode()

    with server(answer) as vendor:
        report = run(folder, Zendesk(vendor, "t", tmp_path / "kept"))
    assert files(folder) == ["en/general/en-us.md", "zh/general/zh-tw.md"]
    assert any("two variants" in str(note) for note in report.notes)


# --- texts --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "unit",
    [
        "<details><summary>s</summary>x",
        '<div class="callout"><p class="title">t</p>x',
        "<dl><dt>a</dt><dd>b",
        '<div class="tabs"><ul class="nav"><li>a</li></ul><div class="tab">x',
    ],
)
def test_boxes_in_boxes_take_no_longer_than_their_number(unit: str) -> None:
    started = time.perf_counter()
    to_markdown(unit * 40)
    assert time.perf_counter() - started < 2


def test_blank_lines_take_no_longer_than_their_number() -> None:
    started = time.perf_counter()
    rewritten_links("x\n" + "\n" * 50_000, lambda address: address)
    assert time.perf_counter() - started < 2


@pytest.mark.parametrize(
    ("html", "markdown"),
    [
        ("<p>https://a.example/a_b_c</p>", "https://a.example/a_b_c"),
        ("<p>first_last@example.com へ</p>", "first_last@example.com へ"),
        ('<p>!!! note "x"</p>', r'\!!! note "x"'),
        ("<p>::: warning</p>", r"\::: warning"),
        ("<p>a_b_c *x*</p>", r"a\_b\_c \*x\*"),
        ("<details><summary>返品</summary><p>七日</p></details>", '??? note "返品"\n    七日'),
        ("<dl><dt>A</dt><dd>b</dd><dd>c</dd></dl>", "A\n:   b\n:   c"),
    ],
)
def test_html_as_markdown(html: str, markdown: str) -> None:
    assert to_markdown(html).markdown == markdown


# --- the commands -------------------------------------------------------------------------------


def test_an_export_into_the_articles_folder_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KB_ARTICLES", str(folder))
    result = CliRunner().invoke(export, ["markdown", str(folder / "out")])
    assert result.exit_code == 1 and "in the articles folder" in result.output


def test_a_token_that_is_no_utf_8_is_named(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KB_DATA", str(tmp_path / "data"))
    (tmp_path / "token").write_bytes("tökén".encode("utf-16"))
    given = ["zendesk", "https://x.example", "--token-file", str(tmp_path / "token")]
    result = CliRunner().invoke(import_, [*given, "--articles", str(folder)])
    assert result.exit_code == 1 and "UTF-8" in result.output
