"""The lead's desk: metrics with their rows, gaps turned into articles, and safe exports."""

import csv
import io
import re
import subprocess
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from sqlalchemy import insert, update

from kb_app import create_app
from kb_app.analytics import model as m
from kb_app.csv_cells import guarded, unguarded
from kb_app.db import schema
from kb_app.durations import HOUR
from kb_app.services.container import Services
from kb_app.web.desk import previews
from tests.integration.kb_app.deskwork import AT, PASSWORD, post, sign_in, text_of, token_in
from tests.support import NOW
from tests.unit.kb_app.trails import asked, did


def test_the_overview_shows_metrics_with_interval_and_chart(lead: FlaskClient) -> None:
    html = text_of(lead, "/desk/reports")
    assert (
        "20.0 %" in html
        and "1 / 5" in html
        and '<svg role="img"' in html
        and "<style" not in html.split("<svg", 1)[1]
    )
    assert "学割" in html and "返金の時期" in html


def test_every_metric_links_to_its_rows(lead: FlaskClient) -> None:
    html = text_of(lead, "/desk/reports")
    for link in re.findall(r'href="(/desk/rows[^"]+)"', html):
        text_of(lead, link.replace("&amp;", "&"))
    rows = text_of(lead, "/desk/rows?outcome=unanswered")
    assert rows.count("何も見つからなかった") == 4
    trail = re.search(r'href="(/desk/episodes/[^"]+)"', rows)
    assert trail and "何も見つからなかった" in text_of(lead, trail.group(1))


def test_a_mail_without_a_cookie_stands_in_the_trail_that_it_ended(
    own: Services, lead: FlaskClient
) -> None:
    came = did(m.TICKET_CREATED, None, AT + 2 * HOUR, None, "", text="学割はありますか 大学生です")
    own.store.append([], [replace(came, channel="mail")])
    with own.store.engine.begin() as connection:  # as the job links it by what it says
        link = {"event_id": came.event_id, "query_id": "none1"}
        connection.execute(insert(schema.ticket_links).values(**link))
    own.analytics.update_episodes(everything=True)
    rows = text_of(lead, "/desk/rows?outcome=escalated")
    (trail,) = set(re.findall(r'href="(/desk/episodes/[^"]+)"', rows))
    page = text_of(lead, trail)
    assert "問い合わせを送った" in page and "大学生です" in page and "ticket_created" not in page


def test_a_trail_shows_whole_seconds_and_only_its_own_steps(lead: FlaskClient) -> None:
    rows = text_of(lead, "/desk/rows?outcome=confirmed")
    (trail,) = set(re.findall(r'href="(/desk/episodes/[^"]+)"', rows))
    page = text_of(lead, trail)
    assert "記事を読んだ" in page and "40 秒" in page and "役に立ったと答えた" in page


def test_all_rows_are_exported_not_one_page(
    own: Services, lead: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kb_app.analytics.reports.reports.MOST_ROWS", 2)
    page = text_of(lead, "/desk/rows?verdict=none")
    (link,) = re.findall(r'href="(/desk/rows\.csv[^"]+)"', page)
    lines = list(csv.reader(io.StringIO(text_of(lead, link.replace("&amp;", "&"))[1:])))
    assert [line[1] for line in lines] == ["question", "学割", "'=cmd()", "学割", "学割"]
    episodes = text_of(lead, "/desk/rows.csv?outcome=unanswered")
    assert len(list(csv.reader(io.StringIO(episodes)))) == 1 + 4
    noted = [entry["did"] for entry in own.users.notes()]
    assert noted.count("exported rows") == 2


def test_only_who_sees_rows_exports_them(own: Services) -> None:
    writer = sign_in(create_app(own), "writer@example.com")[0]
    text_of(writer, "/desk/rows.csv?verdict=none", 403)


@pytest.mark.parametrize(
    "query",
    [
        "days=x",
        "from=2026-13-99&to=x",
        "from=2030-01-01&to=2020-01-01",
        "days=99999999",
        "section=' or 1=1 --",
        "channel=" + "x" * 5000,
    ],
)
def test_unusual_periods_are_no_error(lead: FlaskClient, query: str) -> None:
    text_of(lead, f"/desk/reports?{query}")


@pytest.mark.parametrize("path", ["articles", "inventory", "definitions", "pillars", "learned"])
def test_every_report_is_a_page(lead: FlaskClient, path: str) -> None:
    assert "<h1" in text_of(lead, f"/desk/{path}")


def test_a_gap_becomes_an_article_with_its_queries_as_search_tests(
    own: Services, lead: FlaskClient
) -> None:
    page = text_of(lead, "/desk/gaps")
    gap = re.search(r'href="(/desk/gaps/[^"]+)">学割<', page)
    assert gap and "3人" in page
    editor = post(
        lead, gap.group(1), do="write", title="学割はありますか", lang="ja", section="payment"
    )
    found = re.search(r'name="name" value="(ja/payment/[^"]+\.md)"', editor)
    assert found
    name = found.group(1)
    text = (own.settings.articles / name).read_text(encoding="utf-8")
    assert "status: draft" in text and "学割" in text
    digest = re.search(r'name="digest" value="([^"]+)"', editor).group(1)  # type: ignore[union-attr]
    post(
        lead,
        "/desk/edit",
        name=name,
        digest=digest,
        text=text + "\n学割はありません。\n",
        do="publish",
    )
    assert "status: published" in (own.settings.articles / name).read_text(encoding="utf-8")
    own.indexing.publish_build(own.indexing.rebuild())
    assert (
        lead.get("/api/v1/search?q=学割はありますか&lang=ja").get_json()["hits"][0]["title"]
        == "学割はありますか"
    )


def test_a_concurrently_changed_file_is_not_overwritten(own: Services, lead: FlaskClient) -> None:
    editor = text_of(lead, "/desk/edit?name=ja/returns/refund.md")
    digest = re.search(r'name="digest" value="([^"]+)"', editor).group(1)  # type: ignore[union-attr]
    path = own.settings.articles / "ja/returns/refund.md"
    before = path.read_text(encoding="utf-8")
    path.write_text(before + "\nthe writer was faster\n", encoding="utf-8")
    form = {
        "name": "ja/returns/refund.md",
        "digest": digest,
        "text": before + "mine",
        "do": "save",
        "csrf_token": token_in(editor),
    }
    answer = lead.post("/desk/edit", data=form)
    assert (
        answer.status_code == 409
        and "ほかの人がこの記事を変更しました" in answer.get_data(as_text=True)
        and "mine" in answer.get_data(as_text=True)
    )
    assert "the writer was faster" in path.read_text(encoding="utf-8")


def test_a_preview_is_sanitised_and_says_what_is_wrong(own: Services, lead: FlaskClient) -> None:
    token = token_in(text_of(lead, "/desk/edit?name=ja/returns/refund.md"))
    text = "---\nid: x\ntitle: 題\nowl: 1\n---\n<script>alert(1)</script>\n\n**太字**"
    html = lead.post(
        "/desk/edit",
        data={"name": "ja/returns/refund.md", "text": text, "do": "preview", "csrf_token": token},
    ).get_data(as_text=True)
    shown = html.split('class="preview"')[1]
    assert "<strong>太字</strong>" in shown and "<script>alert" not in shown and "owl" in shown


def test_saving_does_not_publish_a_draft_unasked(own: Services, lead: FlaskClient) -> None:
    path = own.settings.articles / "ja/returns/new.md"
    draft = "---\nid: new\ntitle: 返品の送料\nstatus: draft\n---\n無料です。\n"
    path.write_text(draft, encoding="utf-8")
    page = text_of(lead, "/desk/edit?name=ja/returns/new.md")
    form = {
        "name": "ja/returns/new.md",
        "digest": re.search(r'name="digest" value="([^"]+)"', page).group(1),  # type: ignore[union-attr]
        "text": draft.replace("status: draft\n", ""),
        "csrf_token": token_in(page),
    }
    answer = lead.post("/desk/edit", data=form | {"do": "save"})
    html = answer.get_data(as_text=True)
    assert answer.status_code == 409 and "保存していません" in html
    assert 'value="publish"' in html and "data-unsaved" in html
    assert path.read_text(encoding="utf-8") == draft, "nothing was saved"
    assert lead.post("/desk/edit", data=form).status_code == 400
    assert lead.post("/desk/edit", data=form | {"do": "publish"}).status_code == 303


def test_what_cannot_be_published_is_not_saved(own: Services, lead: FlaskClient) -> None:
    name = "ja/returns/refund.md"
    page = text_of(lead, f"/desk/edit?name={name}")
    before = (own.settings.articles / name).read_text(encoding="utf-8")
    form = {
        "name": name,
        "digest": re.search(r'name="digest" value="([^"]+)"', page).group(1),  # type: ignore[union-attr]
        "csrf_token": token_in(page),
        "do": "publish",
    }
    answer = lead.post("/desk/edit", data=form | {"text": "---\ntitle: [\n---\n本文\n"})
    assert answer.status_code == 409 and "YAML" in answer.get_data(as_text=True)
    assert (own.settings.articles / name).read_text(encoding="utf-8") == before
    assert lead.post("/desk/edit", data=form | {"text": before}).status_code == 303


def test_a_name_that_is_no_file_leads_back_to_the_list(lead: FlaskClient) -> None:
    for name in ("a" * 300 + ".md", "../x.md", "gone.md", "\0.md"):
        assert lead.get(f"/desk/edit?name={quote(name)}").location == "/desk/articles"


def test_an_earlier_version_is_shown_and_restored(own: Services, lead: FlaskClient) -> None:
    name, folder = "ja/returns/refund.md", own.settings.articles
    assert "git リポジトリではない" in text_of(lead, f"/desk/history?name={name}")
    git = ("git", "-C", str(folder), "-c", "user.name=始め", "-c", "user.email=a@example.com")
    for command in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "最初の版")):
        subprocess.run([*git, *command], check=True)
    page = text_of(lead, f"/desk/edit?name={name}")
    before = (folder / name).read_text(encoding="utf-8")
    form = {
        "name": name,
        "digest": re.search(r'name="digest" value="([^"]+)"', page).group(1),  # type: ignore[union-attr]
        "csrf_token": token_in(page),
        "do": "save",
        "text": before + "\n<b>追加の行</b>\n",
    }
    assert lead.post("/desk/edit", data=form).status_code == 303
    html = text_of(lead, f"/desk/history?name={name}")
    assert "最初の版" in html and "Hanako" in html
    first = re.findall(r"version=([0-9a-f]{40})", html)[-1]
    html = text_of(lead, f"/desk/history?name={name}&version={first}")
    assert "<ins>+&lt;b&gt;追加の行&lt;/b&gt;</ins>" in html and "この版に戻す" in html
    restored = text_of(lead, f"/desk/edit?name={name}&version={first}")
    written = restored.split('id="body"')[1].split("</textarea>")[0]
    assert "以前の版です" in restored and "追加の行" not in written and "data-unsaved" in restored
    for wrong in ("HEAD", "--help", "0" * 40):
        assert lead.get(f"/desk/history?name={name}&version={wrong}").status_code == 303


def test_the_preview_names_links_and_images_that_lead_nowhere(lead: FlaskClient) -> None:
    name = "ja/returns/refund.md"
    token = token_in(text_of(lead, f"/desk/edit?name={name}"))
    text = "---\nid: x\ntitle: 題\n---\n[a](nowhere.md) [b](refund.md) ![c](gone.png) [d](#none)\n"
    form = {"name": name, "text": text, "do": "preview", "csrf_token": token}
    html = lead.post("/desk/edit", data=form).get_data(as_text=True)
    shown = html.split('id="preview"')[1]
    assert all(what in shown for what in ("nowhere.md", "gone.png", "#none"))
    assert "refund.md, which does not exist" not in shown


def test_all_articles_are_listed_and_lead_to_the_editor(own: Services, lead: FlaskClient) -> None:
    html = text_of(lead, "/desk/articles")
    count = len(own.live.snapshot().articles.summaries)  # type: ignore[union-attr]
    assert f"{count}件" in html and 'href="/desk/edit?name=ja/returns/refund.md"' in html
    one = text_of(lead, "/desk/articles?words=返金&lang=ja&sort=views")
    assert "name=ja/returns/refund.md" in one and "name=en/" not in one
    assert "当てはまる記事はありません" in text_of(lead, "/desk/articles?words=ありえない")
    assert text_of(lead, "/desk/articles?page=99&sort=no&show=no&status=no")


def test_a_writer_gets_from_the_article_to_its_editor(own: Services, lead: FlaskClient) -> None:
    address = "/ja/articles/refund"
    edit = "/desk/edit?name=ja/returns/refund.md"
    assert edit in text_of(lead, address)
    assert edit not in text_of(create_app(own).test_client(), address)


def test_a_question_has_one_draft(own: Services, lead: FlaskClient) -> None:
    gap = re.search(r'href="(/desk/gaps/[^"]+)">学割<', text_of(lead, "/desk/gaps")).group(1)  # type: ignore[union-attr]
    post(lead, gap, do="write")
    own.indexing.publish_build(own.indexing.rebuild())
    assert "すでに記事があります" in post(lead, gap, do="write")
    drafts = list(own.settings.articles.rglob("学割*.md"))
    assert len(drafts) == 1 and drafts[0].parent.name in own.live.snapshot().articles.sections  # type: ignore[union-attr]
    assert "記事を開く" in text_of(lead, "/desk/gaps"), "the question leads to its draft"


def test_setting_a_question_aside_can_be_undone(own: Services, lead: FlaskClient) -> None:
    gap = re.search(r'href="(/desk/gaps/[^"]+)">学割<', text_of(lead, "/desk/gaps")).group(1)  # type: ignore[union-attr]
    post(lead, gap, do="take")
    html = post(lead, gap, do="dismiss")
    assert "「学割」を対象外にしました" in html and 'value="reopen"' in html
    assert 'name="was" value="assigned"' in html
    assert "lead@example.com" in post(lead, gap, do="reopen", was="assigned")
    assert ">学割<" in text_of(lead, "/desk/gaps?mine=1")
    assert "対象外にしました" not in text_of(lead, f"/desk/gaps?dismissed={gap.rsplit('/')[-1]}")


def test_today_shows_each_role_its_work(own: Services, lead: FlaskClient) -> None:
    html = text_of(lead, "/desk/")
    assert ">学割<" in html and "20.0 %" in html and "/desk/rows?from=" in html
    with own.store.engine.begin() as connection:
        connection.execute(schema.daily.delete())
    assert "この期間に質問がなかったか" in text_of(lead, "/desk/"), "a new site shows no dashes"
    own.users.add("agent@example.com", "agent", "Ken", PASSWORD)
    agent = sign_in(create_app(own), "agent@example.com")[0]
    html = text_of(agent, "/desk/")
    assert "今すぐ対応が必要なものはありません" in html
    assert "学割" not in html and "/desk/rows" not in html, "what an agent may not see"
    assert 'href="/desk/cases"' in html and 'href="/desk/reports"' not in html


def forever(*_given: Any) -> Any:
    while True:
        pass


def test_a_text_that_takes_too_long_is_not_shown_and_says_so(
    lead: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(previews, "read_article_text", forever)
    monkeypatch.setattr(previews, "PREVIEW_S", 0.2)
    name = "ja/returns/refund.md"
    token = token_in(text_of(lead, f"/desk/edit?name={name}"))
    form = {"name": name, "text": "# a", "do": "preview", "csrf_token": token}
    html = lead.post("/desk/edit", data=form).get_data(as_text=True)
    assert "took too long" in html and "Take out what you added last." in html


def test_a_gap_is_assigned_noted_dismissed_and_reopened(own: Services, lead: FlaskClient) -> None:
    gap = re.search(r'href="(/desk/gaps/[^"]+)">学割<', text_of(lead, "/desk/gaps")).group(1)  # type: ignore[union-attr]
    assert "lead@example.com" in post(lead, gap, do="take")
    assert "あとで聞く" in post(lead, gap, do="note", notes="あとで聞く")
    assert ">学割<" not in post(lead, gap, do="dismiss", reason="ほかの店の話")
    assert "ほかの店の話" in text_of(lead, gap)
    post(lead, gap, do="reopen")
    assert ">学割<" in text_of(lead, "/desk/gaps")
    assert [note["did"] for note in own.users.notes()][:2] == ["gap: reopen", "gap: dismiss"]


def test_questions_and_synonyms_are_written_to_the_files(own: Services, lead: FlaskClient) -> None:
    gap = re.search(r'href="(/desk/gaps/[^"]+)">学割<', text_of(lead, "/desk/gaps")).group(1)  # type: ignore[union-attr]
    post(lead, gap, do="question", article_id="ja-returns-refund", question="学割")
    assert "学割" in (own.settings.articles / "ja/returns/refund.md").read_text(encoding="utf-8")
    post(lead, gap, do="synonym", words="学割、学生割引")
    assert "[学割, 学生割引]" in (own.settings.articles / "synonyms.yml").read_text(
        encoding="utf-8"
    )
    assert "synonym" in post(lead, gap, do="synonym", words="ひとつ").lower()


def test_confirmed_questions_are_approved_into_learned_yml(
    own: Services, lead: FlaskClient
) -> None:
    with own.store.engine.begin() as connection:
        connection.execute(update(schema.learned).values(article_id="ja-returns-refund"))
    page = text_of(lead, "/desk/learned")
    assert '<td class="number">1</td>' in page, "how many people asked"
    chosen = re.search(r'name="chosen" value="([^"]+)"', page).group(1).replace("&#9;", "\t")  # type: ignore[union-attr]
    post(lead, "/desk/learned", chosen=chosen, do="approve")
    assert "返金はいつ" in (own.settings.articles / "learned.yml").read_text(encoding="utf-8")
    assert 'name="chosen"' not in text_of(lead, "/desk/learned")


def test_an_approved_question_is_written_wherever_it_stands_in_the_list(
    own: Services, lead: FlaskClient
) -> None:
    article = "ja-returns-refund"
    row = {"article_id": article, "state": "offered", "by": "", "at": AT}
    rows = [{"text_key": f"{n:040}", "text": f"質問 {n:03}", **row} for n in range(250)]
    with own.store.engine.begin() as connection:
        connection.execute(insert(schema.learned), rows)
    post(lead, "/desk/learned", chosen=f"{249:040}\t{article}", do="approve")
    assert "質問 249" in (own.settings.articles / "learned.yml").read_text(encoding="utf-8")
    assert ">250<" in text_of(lead, "/desk/"), "all that wait, not a page of them"


def test_exports_hide_small_groups_and_contain_no_formulas(lead: FlaskClient) -> None:
    answer = lead.get("/desk/export.csv")
    rows = list(csv.reader(io.StringIO(answer.get_data(as_text=True).lstrip("\ufeff"))))
    assert ["学割", "3", "3", "3"] in rows and not any(
        "cmd" in cell for row in rows for cell in row
    )
    assert lead.get("/desk/export.json").get_json()["questions"] == [
        {"text": "学割", "searches": 3, "people": 3, "no answer": 3}
    ]


@pytest.mark.parametrize(
    "cell", ["=cmd()", "+1", "-1", "@x", "\tx", "＝cmd()", "＋1", "－1", "＠x"]
)
def test_no_cell_is_a_formula(cell: str) -> None:
    assert guarded(cell) == f"'{cell}" and unguarded(guarded(cell)) == cell
    assert guarded("返金") == unguarded("返金") == "返金" and unguarded("'引用'") == "'引用'"


def test_html_in_a_question_is_shown_as_text(own: Services, lead: FlaskClient) -> None:
    own.store.append(
        [
            asked(
                "x",
                "<img src=x onerror=alert(1)>",
                at=AT + HOUR,
                client="z",
                verdict="none",
                first="",
            )
        ],
        [],
    )
    own.analytics.update_episodes()
    own.analytics.update_gaps()
    for path in ("/desk/reports", "/desk/gaps", "/desk/rows?verdict=none", "/desk/inventory"):
        assert "<img src=x" not in text_of(lead, path)


def test_a_writer_sees_metrics_but_no_rows(own: Services) -> None:
    writer = sign_in(create_app(own), "writer@example.com")[0]
    assert (
        "/desk/rows" not in text_of(writer, "/desk/reports")
        and writer.get("/desk/rows").status_code == 403
    )


def test_database_maintenance_by_command_line(own: Services, tmp_path: Path) -> None:
    runner = create_app(own).test_cli_runner()
    assert "rows" in runner.invoke(args=["kb", "backup", str(tmp_path / "kb.zip")]).output
    assert "not empty" in runner.invoke(args=["kb", "restore", str(tmp_path / "kb.zip")]).output
    assert "0 events removed" in runner.invoke(args=["kb", "purge"]).output
    assert "1 events removed" in runner.invoke(args=["kb", "erase", "--client", "c0"]).output
    assert "queries.jsonl" in runner.invoke(args=["kb", "events", str(tmp_path / "ubi")]).output
    assert len((tmp_path / "ubi" / "queries.jsonl").read_text(encoding="utf-8").splitlines()) == 4
    assert (
        "1 answered, 2 not"
        in runner.invoke(args=["kb", "known", str(tmp_path / "known.jsonl")]).output
    )
    assert "episodes of" in runner.invoke(args=["kb", "figures", "--everything"]).output
    added = runner.invoke(
        args=[
            "kb",
            "user",
            "add",
            "new@example.com",
            "--role",
            "agent",
            "--password",
            "a long enough one",
        ]
    )
    assert added.output == "new@example.com is agent.\n"
    assert (
        "ten characters"
        in runner.invoke(
            args=["kb", "user", "add", "b@example.com", "--role", "agent", "--password", "short"]
        ).output
    )
    assert runner.invoke(
        args=["kb", "token", "add", "widget", "--mail", "new@example.com", "--scope", "search"]
    ).output.startswith("kb_")


def test_the_digest_summarises_the_week(own: Services) -> None:
    own.store.append(
        [
            asked(
                "late",
                "学割",
                at=int((NOW - timedelta(days=2)).timestamp() * 1000),
                client="c9",
                verdict="none",
                first="",
            )
        ],
        [],
    )
    own.analytics.update_episodes(everything=True)
    own.analytics.update_gaps()
    shown = create_app(own).test_cli_runner().invoke(args=["kb", "digest", "--print"]).output
    assert (
        "0% confirmed, 1 problems" in shown
        and "1. 学割 (4 people, 4 searches)" in shown
        and "Unanswered: 100.0% (1 of 1" in shown
    )


def test_savings_are_shown_only_if_a_cost_is_set(own: Services, lead: FlaskClient) -> None:
    assert "JPY" not in text_of(lead, "/desk/reports")
    paid = replace(own, settings=own.settings.model_copy(update={"contact_cost": "400-900 JPY"}))
    assert "400–900 JPY" in text_of(
        sign_in(create_app(paid), "lead@example.com")[0], "/desk/reports"
    )


def test_other_definitions_explain_their_limits_in_the_reader_language(lead: FlaskClient) -> None:
    html = text_of(lead, "/desk/definitions")
    assert "あきらめた人" in html and "Opening an article" not in html


def test_users_are_counted_for_a_quarter_and_not_for_a_year(lead: FlaskClient) -> None:
    told = "92 日までの期間で表示します"
    quarter = text_of(lead, "/desk/definitions?days=92")
    assert "問い合わせた利用者" in quarter and told not in quarter
    year = text_of(lead, "/desk/definitions?days=365")
    assert "問い合わせた利用者" not in year and told in year


def test_writers_see_what_the_last_build_refused(own: Services, lead: FlaskClient) -> None:
    assert "まだありません" in text_of(lead, "/desk/build")
    bad = own.settings.articles / "ja" / "returns" / "broken.md"
    bad.write_text("---\ntitle: [\n---\n", encoding="utf-8")
    own.indexing.publish_build(own.indexing.rebuild())
    html = text_of(lead, "/desk/build")
    assert "ja/returns/broken.md" in html and "broken YAML" in html
    assert "/desk/edit?name=ja/returns/broken.md" in html


def test_every_figure_has_exactly_the_rows_that_it_counts(own: Services, lead: FlaskClient) -> None:
    """Walks every figure of the dashboard and compares its count with the rows behind it."""
    from datetime import date
    from urllib.parse import parse_qs

    from kb_app.analytics.reports.reports import Period, Reports

    own.analytics.update_episodes()
    reader = Reports(own.store.engine)
    period = Period(date(2020, 1, 1), date(2030, 1, 1), own.settings.zone)
    figures = reader.figures(period)
    checked = 0
    for figure in figures:
        if not figure.rows:
            continue
        asked = {name: values[0] for name, values in parse_qs(figure.rows).items()}
        wanted = figure.whole if figure.unit in ("s", "") else figure.part
        if figure.name == "click_through_per_impression":
            continue  # counts clicks; its rows are the searches that have one
        if {"verdict", "clicked", "refined"} & set(asked):
            clicked = {"1": True, "0": False}.get(asked.get("clicked", ""))
            rows = reader.searches(period, asked.get("verdict", ""), clicked, "refined" in asked)
        else:
            rows = reader.episodes(
                period,
                [name for name in asked.get("outcome", "").split(",") if name],
                "frustrated" in asked,
                asked.get("surveyed", ""),
                "read" in asked,
            )
        assert rows.total == wanted, figure
        checked += bool(wanted)
    assert checked > 3


def test_a_question_closes_as_soon_as_its_article_is_published(
    own: Services, lead: FlaskClient
) -> None:
    gap = re.search(r'href="(/desk/gaps/[^"]+)">学割<', text_of(lead, "/desk/gaps")).group(1)  # type: ignore[union-attr]
    page = post(lead, gap, do="write", title="学割", lang="ja", section="returns")
    name = re.search(r'name="name" value="([^"]+)"', page).group(1)  # type: ignore[union-attr]
    own.indexing.publish_build(own.indexing.rebuild())
    own.analytics.replay_gaps(own.indexing.last_build().report.changed)  # type: ignore[union-attr]
    assert state_of_gap(own, gap) == "drafted"
    path = own.settings.articles / name
    text = path.read_text(encoding="utf-8").replace("status: draft", "status: published")
    path.write_text(f"{text}学割はありません。\n", encoding="utf-8")
    report = own.indexing.rebuild()
    own.indexing.publish_build(report)
    own.analytics.replay_gaps([])
    own.analytics.replay_gaps(report.changed)
    assert state_of_gap(own, gap) == "answered"


def state_of_gap(own: Services, url: str) -> str:
    found = own.analytics.gaps().gap(
        url.rsplit("/", maxsplit=1)[-1], int(own.clock().timestamp() * 1000)
    )
    return found.state if found else ""


def test_a_learned_question_takes_none_from_another_article(
    own: Services, lead: FlaskClient
) -> None:
    path = own.settings.articles / "ja/account/address.md"
    path.write_text(
        "---\nid: address\ntitle: 住所の変更\ntests: [引っ越しの手続き]\n---\n引っ越しの時。\n",
        encoding="utf-8",
    )
    own.indexing.publish_build(own.indexing.rebuild())
    pairs = {"引っ越しの手続き": "ja-returns-refund", "返金はまだですか": "ja-returns-refund"}
    with own.store.engine.begin() as connection:
        for number, (text, article) in enumerate(pairs.items()):
            row = {"text_key": f"k{number}", "article_id": article, "text": text}
            connection.execute(insert(schema.learned).values(**row, state="offered", by="", at=AT))
    page = post_all(lead, ["k0\tja-returns-refund"])
    assert "登録しませんでした" in page and "住所の変更" in page
    assert not (own.settings.articles / "learned.yml").exists()
    assert "登録しませんでした" not in post_all(lead, ["k1\tja-returns-refund"])
    assert "返金はまだですか" in (own.settings.articles / "learned.yml").read_text("utf-8")
    assert ">引っ越しの手続き<" in text_of(lead, "/desk/learned").replace(" ", "")


def test_a_learned_question_is_not_slipped_in_beside_the_victims_own(
    own: Services, lead: FlaskClient
) -> None:
    path = own.settings.articles / "ja/account/address.md"
    path.write_text(
        "---\nid: address\ntitle: 住所の変更\ntests: [引っ越しの手続き]\n---\n引っ越しの時。\n",
        encoding="utf-8",
    )
    own.indexing.publish_build(own.indexing.rebuild())
    offered = [
        ("引っ越しの手続き", "ja-returns-refund"),
        ("住所が変わった", "address"),
        ("x", "no"),
    ]
    with own.store.engine.begin() as connection:
        for number, (text, article) in enumerate(offered):
            row = {"text_key": f"k{number}", "article_id": article, "text": text}
            connection.execute(insert(schema.learned).values(**row, state="offered", by="", at=AT))
    chosen = [f"k{number}\t{article}" for number, (_text, article) in enumerate(offered)]
    page = post_all(lead, chosen)
    learned = (own.settings.articles / "learned.yml").read_text("utf-8")
    assert "登録しませんでした" in page and "引っ越し" not in learned and "no:" not in learned
    assert "住所が変わった" in learned
    for broken in ("[", "- a", "address: x", "address:"):
        (own.settings.articles / "learned.yml").write_text(broken, encoding="utf-8")
        token = token_in(text_of(lead, "/desk/learned"))
        form = {"chosen": ["k0\tja-returns-refund"], "do": "approve", "csrf_token": token}
        assert lead.post("/desk/learned", data=form).status_code == 303


def post_all(client: FlaskClient, chosen: list[str]) -> str:
    """Approve learned questions and return the page that follows."""
    token = token_in(text_of(client, "/desk/learned"))
    form = {"chosen": chosen, "do": "approve", "csrf_token": token}
    return client.post("/desk/learned", data=form, follow_redirects=True).get_data(as_text=True)
