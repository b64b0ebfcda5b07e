"""A writer at the desk: the form, two at one article, new articles, moves, pictures."""

import io
import os
import re
import subprocess
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from PIL import Image
from ruamel.yaml import YAML

from kb_app import create_app
from kb_app.services.container import Services
from kb_app.web.desk.pasted_text import markdown_of
from tests.integration.kb_app.deskwork import post, sign_in, text_of, token_in

NAME = "ja/returns/refund.md"


def hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found
    return found.group(1)


def fields(page: str) -> dict[str, str]:
    """What a browser sends of the editor's form."""
    import html

    form = page.split("data-preview")[1].split('id="preview"', maxsplit=1)[0]
    sent = dict(re.findall(r'<input id="([\w-]+)" name="\1"[^>]* value="([^"]*)"', form))
    sent |= dict(re.findall(r'<input [^>]*name="(\w+)" value="([^"]*)"', form))
    sent |= dict(
        re.findall(r'<textarea [^>]*name="(\w+)"[^>]*>\n?(.*?)</textarea>', form, re.DOTALL)
    )
    for name, body in re.findall(r'<select id="(\w+)".*?>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'value="(\w+)"\s+selected', body)
        sent[name] = chosen.group(1) if chosen else ""
    return {name: html.unescape(value) for name, value in sent.items()}


def stored(own: Services, name: str = NAME) -> str:
    return (own.settings.articles / name).read_text(encoding="utf-8")


def front(text: str) -> dict[str, object]:
    return dict(YAML(typ="safe").load(text.split("---")[1]))


def edited(lead: FlaskClient, status: int = 303, name: str = NAME, **changes: str) -> str:
    """Change fields of an article's form and save; returns the page that answers."""
    form = fields(text_of(lead, f"/desk/edit?name={name}")) | {"do": "save"} | changes
    answer = lead.post("/desk/edit", data=form)
    assert answer.status_code == status, answer.get_data(as_text=True)[-2000:]
    return answer.get_data(as_text=True)


def rebuild(own: Services) -> None:
    own.indexing.publish_build(own.indexing.rebuild())


# --- the form ---


def test_saving_an_untouched_form_changes_nothing(own: Services, lead: FlaskClient) -> None:
    before = stored(own)
    edited(lead)
    assert stored(own) == before


def test_a_form_changes_what_was_changed_and_nothing_else(own: Services, lead: FlaskClient) -> None:
    path = own.settings.articles / NAME
    path.write_text(stored(own).replace("title:", "# ours\nx_own: 1\ntitle:", 1), encoding="utf-8")
    before = front(stored(own))
    edited(
        lead,
        title="返金はいつですか",
        questions="お金はいつ戻りますか\n  返金 日数  \n\n返金 日数",
        tags="返金、支払い",
        review_by="2027-01-31",
        publish_at="2026-10-01T09:30",
        body="7営業日です。\r\n",
    )
    text = stored(own)
    after = front(text)
    assert "# ours" in text and text.endswith("---\n\n7営業日です。\n")
    assert after["questions"] == ["お金はいつ戻りますか", "返金 日数"]
    assert after["tags"] == ["返金", "支払い"] and str(after["review_by"]) == "2027-01-31"
    assert str(after["publish_at"]) == "2026-10-01 09:30:00"
    kept = before.keys() - {"title", "questions", "tags"}
    assert {key: after[key] for key in kept} == {key: before[key] for key in kept}
    assert fields(text_of(lead, f"/desk/edit?name={NAME}"))["publish_at"] == "2026-10-01T09:30"


def test_an_emptied_field_goes_and_a_wrong_one_stays_in_its_place(
    own: Services, lead: FlaskClient
) -> None:
    edited(lead, tags="")
    assert "tags" not in front(stored(own))
    before = stored(own)
    page = edited(lead, 409, review_by="soon", title="新しい題", body="本文は残る")
    assert "review_by" in page and "新しい題" in page and "本文は残る" in page
    assert stored(own) == before


def test_what_the_form_cannot_show_is_edited_as_a_file(own: Services, lead: FlaskClient) -> None:
    (own.settings.articles / NAME).write_text("---\ntitle: [\n---\nx\n", encoding="utf-8")
    page = text_of(lead, f"/desk/edit?name={NAME}")
    assert 'name="text"' in page and 'name="body"' not in page
    assert 'name="text"' in text_of(lead, "/desk/edit?name=ja/account/password.md&source=1")


def test_a_text_of_two_megabytes_comes_back_and_is_not_lost(
    own: Services, lead: FlaskClient
) -> None:
    before = stored(own)
    page = edited(lead, 409, body="長い文章。" * 140_000)
    assert "512 KB" in page and page.count("長い文章。") >= 140_000
    assert stored(own) == before


# --- two at one article ---


def test_changes_at_other_places_are_brought_together(own: Services, lead: FlaskClient) -> None:
    form = fields(text_of(lead, f"/desk/edit?name={NAME}"))
    path = own.settings.articles / NAME
    path.write_text(stored(own) + "\n## 別の人\n\n追記です。\n", encoding="utf-8")
    theirs = stored(own)
    form |= {"do": "save", "title": "私の題"}
    answer = lead.post("/desk/edit", data=form)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 409 and "別の箇所を変更しました" in page
    assert stored(own) == theirs, "nothing is saved unseen"
    again = fields(page)
    assert again["title"] == "私の題" and "追記です。" in again["body"]
    assert lead.post("/desk/edit", data=again | {"do": "save"}).status_code == 303
    assert "私の題" in stored(own) and "追記です。" in stored(own)


def test_what_both_changed_is_shown_side_by_side(own: Services, lead: FlaskClient) -> None:
    form = fields(text_of(lead, f"/desk/edit?name={NAME}"))
    path = own.settings.articles / NAME
    path.write_text(stored(own).replace("5営業日", "10営業日"), encoding="utf-8")
    form |= {"do": "save", "body": form["body"].replace("5営業日", "3営業日")}
    page = lead.post("/desk/edit", data=form).get_data(as_text=True)
    row = page.split('class="conflict"')[1].split("</table>")[0]
    assert all(f"{days}営業日" in row for days in (5, 10, 3))
    assert "3営業日" in fields(page)["body"] and "10営業日" in stored(own)


def test_the_text_for_an_article_that_is_gone_is_shown(own: Services, lead: FlaskClient) -> None:
    form = fields(text_of(lead, f"/desk/edit?name={NAME}"))
    (own.settings.articles / NAME).unlink()
    answer = lead.post("/desk/edit", data=form | {"do": "save", "body": "書きかけの文章"})
    assert answer.status_code == 409 and "書きかけの文章" in answer.get_data(as_text=True)


# --- new articles, moves ---


def test_somebody_new_gets_from_the_list_to_an_article_that_is_found(
    own: Services, lead: FlaskClient
) -> None:
    assert "/desk/new" in text_of(lead, "/desk/articles")
    page = text_of(lead, "/desk/new")
    assert 'value="ja/returns"' in page
    page = post(lead, "/desk/new", title="学割はありますか", folder="ja/returns")
    name = hidden(page, "name")
    form = fields(page) | {
        "do": "publish",
        "body": "学生証で1割引きです。",
        "questions": "学生割引",
    }
    assert lead.post("/desk/edit", data=form).status_code == 303
    rebuild(own)
    hits = lead.get("/api/v1/search?q=学生割引&lang=ja").get_json()["hits"]
    assert (
        hits[0]["title"] == "学割はありますか" and stored(own, name).count("status: published") == 1
    )


def test_a_new_article_needs_a_title_and_a_folder(own: Services, lead: FlaskClient) -> None:
    token = token_in(text_of(lead, "/desk/new"))
    for form, status in (
        ({"title": " ", "folder": "ja/returns"}, 400),
        ({"title": "題", "folder": "../out"}, 409),
        ({"title": "題", "other_folder": ".git"}, 409),
        ({"title": "題"}, 409),
    ):
        assert lead.post("/desk/new", data=form | {"csrf_token": token}).status_code == status
    assert not (own.settings.articles.parent / "out").exists()


def test_two_new_articles_of_one_title_are_two_files(own: Services, lead: FlaskClient) -> None:
    names = {hidden(post(lead, "/desk/new", title="題", folder="ja/returns"), "name") for _ in "ab"}
    assert len(names) == 2


def test_a_translation_is_one_of_its_original(own: Services, lead: FlaskClient) -> None:
    page = post(
        lead, "/desk/new", title="Refunds", folder="en/account", translation_of="ja-returns-refund"
    )
    assert front(stored(own, hidden(page, "name")))["translation_of"] == "ja-returns-refund"


def place(lead: FlaskClient, name: str = NAME, **form: str) -> tuple[int, str]:
    page = text_of(lead, f"/desk/place?name={name}")
    sent = {"name": name, "digest": hidden(page, "digest"), "csrf_token": token_in(page), **form}
    answer = lead.post("/desk/place", data=sent)
    return answer.status_code, answer.location or answer.get_data(as_text=True)


def test_a_renamed_article_answers_at_its_old_address(own: Services, lead: FlaskClient) -> None:
    status, target = place(lead, do="move", folder="ja/account", file="pay", slug="money-back")
    assert status == 303 and "pay.md" in target
    rebuild(own)
    answer = lead.get("/ja/articles/refund")
    assert answer.status_code == 301 and answer.location.endswith("/ja/articles/money-back")
    assert lead.get("/ja/articles/henkin").status_code == 301, "older ones too"


def test_another_address_alone_leads_on_too(own: Services, lead: FlaskClient) -> None:
    assert place(lead, do="move", folder="ja/returns", file="refund", slug="money-back")[0] == 303
    rebuild(own)
    assert lead.get("/ja/articles/refund").location.endswith("/ja/articles/money-back")
    assert place(lead, do="move", folder="ja/returns", file="refund", slug="money-back")[0] == 409


def test_a_file_with_another_name_keeps_its_address(own: Services, lead: FlaskClient) -> None:
    assert place(lead, do="move", folder="ja/returns", file="b", slug="refund")[0] == 303
    rebuild(own)
    assert lead.get("/ja/articles/refund").status_code == 200


def test_a_merged_article_answers_at_the_other_one(own: Services, lead: FlaskClient) -> None:
    other = "ja/account/password.md"
    assert place(lead, do="merge", into=other)[0] == 303
    rebuild(own)
    answer = lead.get("/ja/articles/refund")
    assert answer.status_code == 301 and "%E3%83%91%E3%82%B9" in answer.location
    assert "## 返金の時期" in stored(own, other)
    assert lead.get("/desk/edit?name=" + NAME).location == "/desk/articles"


def test_an_archived_article_is_not_shown_and_can_come_back(
    own: Services, lead: FlaskClient
) -> None:
    assert place(lead, do="archive")[0] == 303
    rebuild(own)
    assert create_app(own).test_client().get("/ja/articles/refund").status_code == 404
    edited(lead, do="publish")
    rebuild(own)
    assert create_app(own).test_client().get("/ja/articles/refund").status_code == 200


def test_a_move_to_a_taken_place_says_so(own: Services, lead: FlaskClient) -> None:
    status, page = place(lead, do="move", folder="ja/account", file="password.md", slug="a")
    assert status == 409 and "password.md" in page
    assert place(lead, do="remove", into="nothing")[0] == 409
    assert place(lead, do="burn")[0] == 400


# --- several at once ---


def test_chosen_articles_are_tagged_in_one_commit(own: Services, lead: FlaskClient) -> None:
    folder = own.settings.articles
    git = ("git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@example.com")
    for command in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "first")):
        subprocess.run([*git, *command], check=True)
    page = text_of(lead, "/desk/articles")
    form = {
        "chosen": [NAME, "ja/account/password.md"],
        "do": "tag",
        "value": "見直し、急ぎ",
        "csrf_token": token_in(page),
        "back": "https://evil.example/",
    }
    answer = lead.post("/desk/articles", data=form)
    assert answer.location == "/desk/articles", "never to another site"
    assert front(stored(own))["tags"] == ["返金", "見直し", "急ぎ"]
    log = subprocess.run([*git, "log", "--format=%s"], capture_output=True, text=True, check=True)
    assert log.stdout.splitlines() == ["Tag: 2 articles", "first"]
    assert lead.post("/desk/articles", data=form | {"do": "burn"}).status_code == 400
    for change in ({"chosen": []}, {"value": " 、 "}, {"chosen": ["../x.md"]}):
        assert lead.post("/desk/articles", data=form | change).status_code == 303


# --- pictures and pasted texts ---


def photo(width: int, height: int, kind: str = "JPEG") -> bytes:
    made, image = io.BytesIO(), Image.new("RGB", (width, height), "teal")
    exif = image.getexif()
    exif[0x010F] = "SecretCamera"
    image.save(made, kind, exif=exif)
    return made.getvalue()


def upload(lead: FlaskClient, name: str, data: bytes) -> tuple[int, dict[str, str]]:
    token = token_in(text_of(lead, f"/desk/edit?name={NAME}"))
    form = {"name": NAME, "csrf_token": token, "file": (io.BytesIO(data), name)}
    answer = lead.post("/desk/files", data=form, content_type="multipart/form-data")
    answer.request.environ["wsgi.input"].close()
    return answer.status_code, answer.get_json()


def test_an_uploaded_picture_is_small_and_does_not_tell_who_took_it(
    own: Services, lead: FlaskClient
) -> None:
    status, answer = upload(lead, "図 1.JPG", photo(4_000, 1_000))
    assert status == 201 and answer["markdown"].endswith("(図-1.jpg)")
    kept = own.settings.articles / "ja/returns/図-1.jpg"
    with Image.open(kept) as image:
        assert image.size == (2_000, 500)
    assert b"SecretCamera" not in kept.read_bytes()
    with lead.get("/desk/picture?file=ja/returns/図-1.jpg") as shown:
        assert shown.mimetype == "image/jpeg"
    assert upload(lead, "図 1.jpg", photo(10, 10))[1]["name"] == "図-1-2.jpg"


def test_a_pasted_picture_is_named_like_its_article(lead: FlaskClient) -> None:
    assert upload(lead, "image.png", photo(10, 10, "PNG"))[1]["name"] == "refund.png"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("x.svg", b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>"),
        ("x.png", b"<html>"),
        ("x.html", b"<html>"),
        ("x.pdf", b"MZ"),
        ("x.jpg", photo(100, 100)[:300]),
        ("x.png", b"\x89PNG\r\n\x1a\n" + b"\0" * 50),
    ],
)
def test_what_is_no_picture_is_refused_with_what_to_do(
    own: Services, lead: FlaskClient, name: str, data: bytes
) -> None:
    before = set(own.settings.articles.rglob("*"))
    status, answer = upload(lead, name, data)
    assert status == 422 and name in answer["problem"]
    assert set(own.settings.articles.rglob("*")) == before


def test_a_picture_of_too_many_pixels_is_refused(lead: FlaskClient) -> None:
    status, answer = upload(lead, "big.png", photo(10_000, 7_000, "PNG"))
    assert status == 422 and "60 million" in answer["problem"]


def test_a_picture_of_40_megapixels_is_made_smaller(lead: FlaskClient) -> None:
    assert upload(lead, "camera.jpg", photo(8_000, 5_000))[0] == 201


def test_the_preview_shows_a_picture_before_a_build_has_it(lead: FlaskClient) -> None:
    upload(lead, "new.png", photo(10, 10, "PNG"))
    form = fields(text_of(lead, f"/desk/edit?name={NAME}"))
    form |= {"do": "preview", "body": "![新しい図](new.png)"}
    page = lead.post("/desk/edit", data=form).get_data(as_text=True)
    assert 'src="/desk/picture?file=ja/returns/new.png"' in page.split('id="preview"')[1]


def test_only_writers_see_files_and_only_pictures(own: Services, lead: FlaskClient) -> None:
    for file in ("../kb.sqlite", "ja/returns/refund.md", "sections.yml", "", ".git/config"):
        assert lead.get("/desk/picture", query_string={"file": file}).status_code == 404
    own.users.add("agent@example.com", "agent", password="correct horse battery")
    agent = sign_in(create_app(own), "agent@example.com")[0]
    for path in (
        "/desk/new",
        "/desk/place?name=" + NAME,
        "/desk/picture?file=a.png",
        "/desk/targets",
    ):
        assert agent.get(path).status_code == 403
        assert create_app(own).test_client().get(path).status_code in (302, 401, 404)


def test_links_are_found_by_words_of_the_title(lead: FlaskClient) -> None:
    found = lead.get(f"/desk/targets?q=パスワード&name={NAME}").get_json()
    assert found[0]["link"] == "../account/password.md" and found[0]["lang"] == "ja"


def test_a_pasted_text_becomes_markdown(lead: FlaskClient) -> None:
    token = token_in(text_of(lead, f"/desk/edit?name={NAME}"))
    markup = (
        "<style>p{}</style><h2>返品</h2><ol><li>箱</li><li><b>送る</b></li></ol><script>1</script>"
    )
    answer = lead.post("/desk/pasted", data={"html": markup, "csrf_token": token})
    assert answer.get_json()["markdown"] == "## 返品\n\n1. 箱\n2. **送る**"
    long = {"html": "<p>" * 800_000, "csrf_token": token}
    assert lead.post("/desk/pasted", data=long).status_code == 413


@pytest.mark.parametrize("markup", ["<style><p>", "<STYLE>a</STYLE >b", "<head>x</head>y"])
def test_pasted_styles_and_scripts_are_no_text(markup: str) -> None:
    assert markdown_of(markup) in ("", "b", "y")


def test_a_disk_that_cannot_be_written_keeps_the_text(
    own: Services, lead: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, _text: str, _like: Path | None = None) -> None:
        raise OSError(30, "Read-only file system", str(path))

    monkeypatch.setattr("indexer.editing.editor.replace_file", refuse)
    page = edited(lead, 409, body="失われない文章")
    assert "Read-only file system" in page and "失われない文章" in page


# --- what a text would answer ---


def test_a_writer_sees_which_questions_an_edit_loses(own: Services, lead: FlaskClient) -> None:
    form = fields(text_of(lead, f"/desk/edit?name={NAME}"))
    sent = form | {
        "do": "answers",
        "title": "色の交換",
        "body": "色は交換できます。",
        "questions": "",
    }
    answer = lead.post("/desk/edit", data=sent)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 200 and "答えられなくなる質問" in page
    lost = page.split("change-lost")[1].split("</ul>")[0]
    assert "返金はいつ" in lost and "返金の時期" in lost
    assert "色は交換できます。" in fields(page)["body"], "the text is still there, unsaved"
    assert "5営業日" in stored(own)


def test_a_text_that_cannot_be_compared_says_why(own: Services, lead: FlaskClient) -> None:
    form = fields(text_of(lead, f"/desk/edit?name={NAME}&source=1"))
    sent = form | {"do": "answers", "text": "---\ntitle: [\n---\nx"}
    assert lead.post("/desk/edit", data=sent).status_code == 409


# --- languages ---


def test_a_translation_is_written_beside_its_original(own: Services, lead: FlaskClient) -> None:
    page = text_of(lead, f"/desk/edit?name={NAME}")
    link = re.search(r'href="(/desk/new\?translation_of=[^"]+)"', page)
    assert link and "English" in page
    query = link.group(1).replace("&amp;", "&")
    assert "folder=en/returns" in query and "返金の時期" in text_of(lead, query)
    made = post(
        lead,
        "/desk/new",
        title="When refunds arrive",
        other_folder="en/returns",
        translation_of="ja-returns-refund",
    )
    name = hidden(made, "name")
    assert "5営業日" in fields(made)["body"], "the original's text is there to be translated"
    assert front(stored(own, name))["translation_of"] == "ja-returns-refund"
    rebuild(own)
    page = text_of(lead, f"/desk/edit?name={name}")
    assert "原文:" in page and 'class="box original"' in page
    assert f'href="/desk/edit?name={NAME}"' in page


def test_what_changed_in_the_original_is_shown_with_its_translation(
    own: Services, lead: FlaskClient
) -> None:
    folder = own.settings.articles
    made = post(
        lead,
        "/desk/new",
        title="Refunds",
        other_folder="en/returns",
        translation_of="ja-returns-refund",
    )
    name = hidden(made, "name")
    git = ("git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@example.com")
    early = {"GIT_COMMITTER_DATE": "2026-11-01T00:00:00Z", "PATH": os.environ["PATH"]}
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-qm", "first", "--date=2026-11-01"], check=True, env=early)
    rebuild(own)
    assert "変更あり" not in text_of(lead, f"/desk/edit?name={name}")
    edited(lead, body="返金は9営業日です。")
    page = text_of(lead, f"/desk/edit?name={name}")
    changes = page.split('class="changes"')[1].split("</pre>")[0]
    assert "変更あり" in page and "<ins>+返金は9営業日です。</ins>" in changes
    assert "<del>-返金は5営業日です。</del>" in changes


def test_translations_older_than_their_original_are_listed(
    own: Services, lead: FlaskClient
) -> None:
    edited(lead, name="ja/account/password.md", do="publish")
    rebuild(own)
    listed = text_of(lead, "/desk/articles?show=outdated")
    assert "en/account/password.md" in listed and NAME not in listed


# --- what a stranger broke ---


def write(own: Services, text: str, name: str = NAME) -> None:
    (own.settings.articles / name).write_bytes(text.encode())


def test_an_untouched_save_of_a_file_from_windows_changes_nothing(
    own: Services, lead: FlaskClient
) -> None:
    text = (
        "---\r\nid: ja-returns-refund\r\ntitle: 返品\r\nquestions: [a, b]\r\n"
        "audience: internal\r\nowner: Bob\r\nstatus: draft\r\n---\r\n\r\nHello\r\n"
    )
    write(own, text)
    page = text_of(lead, f"/desk/edit?name={NAME}")
    assert fields(page)["owner"] == "Bob" and fields(page)["audience"] == "internal"
    assert "下書き" in page.split("<h1>")[1].split("</h1>")[0]
    edited(lead)
    assert (own.settings.articles / NAME).read_bytes() == text.encode()


def test_times_stay_in_the_time_zone_of_the_site(own: Services, lead: FlaskClient) -> None:
    object.__setattr__(own.settings, "timezone", "Asia/Tokyo")
    write(own, "---\ntitle: 題\npublish_at: 2026-10-01 09:00:00\n---\n本文\n")
    for owner in "xy":
        edited(lead, owner=owner)
    assert "publish_at: 2026-10-01 09:00:00" in stored(own)
    assert fields(text_of(lead, f"/desk/edit?name={NAME}"))["publish_at"] == "2026-10-01T09:00"


def test_of_two_equal_changes_the_rest_of_the_other_is_kept(
    own: Services, lead: FlaskClient
) -> None:
    form = fields(text_of(lead, f"/desk/edit?name={NAME}"))
    theirs = form | {"do": "save", "title": "直した題", "body": form["body"] + "\n\n新しい段落。"}
    assert lead.post("/desk/edit", data=theirs).status_code == 303
    answer = lead.post("/desk/edit", data=form | {"do": "save", "title": "直した題"})
    again = fields(answer.get_data(as_text=True))
    assert answer.status_code == 409 and "新しい段落。" in again["body"]
    assert lead.post("/desk/edit", data=again | {"do": "save"}).status_code == 303
    assert "新しい段落。" in stored(own)


def test_a_title_that_is_a_heading_stays_one(own: Services, lead: FlaskClient) -> None:
    write(own, "---\nid: ja-returns-refund\n---\n# 返品したいとき\n\n本文です。\n")
    form = fields(text_of(lead, f"/desk/edit?name={NAME}"))
    assert (form["title"], form["body"]) == ("返品したいとき", "本文です。")
    edited(lead, body="別の本文です。")
    assert "# 返品したいとき\n\n別の本文です。" in stored(own)
    edited(lead, title="返すとき")
    assert "# 返すとき\n\n別の本文です。" in stored(own) and "返品したいとき" not in stored(own)


def test_a_draft_of_another_tool_is_published_by_the_button(
    own: Services, lead: FlaskClient
) -> None:
    write(own, "---\ntitle: 題\ndraft: true\n---\n本文\n")
    edited(lead, do="publish")
    assert "下書き" not in text_of(lead, f"/desk/edit?name={NAME}").split("</h1>")[0]


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("<header>見出し</header><p>本文</p>", "見出し"),
        ("<p title='<style>'>a</p><p>b</p>", "b"),
        ("İ<p>a</p><style>x</style><p>b</p>", "b"),
        ("<a href='javascript:alert(1)'>x</a>", "x"),
        ("<table><tr><th>a|b</th></tr><tr><td>c|d</td></tr></table>", "c\\|d"),
        ("<div>" * 5_000 + "深い", "深い"),
    ],
)
def test_no_word_of_a_pasted_text_is_lost(markup: str, expected: str) -> None:
    markdown = markdown_of(markup)
    assert expected in markdown and "javascript" not in markdown


def test_an_animation_does_not_tell_who_took_it(own: Services, lead: FlaskClient) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    exif = frames[0].getexif()
    exif[0x010F] = "SecretCamera"
    made = io.BytesIO()
    frames[0].save(made, "WEBP", save_all=True, append_images=frames[1:], exif=exif)
    assert b"SecretCamera" in made.getvalue()
    assert upload(lead, "move.webp", made.getvalue())[0] == 201
    kept = (own.settings.articles / "ja/returns/move.webp").read_bytes()
    assert b"SecretCamera" not in kept and b"ANIM" in kept


# --- kept changes and reviews ---


def keep(lead: FlaskClient, do: str = "later", **changes: str) -> dict[str, str]:
    """Keep a change of the article and return the fields of the page that follows."""
    form = fields(text_of(lead, f"/desk/edit?name={NAME}")) | changes
    answer = lead.post("/desk/edit", data=form | {"do": do})
    assert answer.status_code == 303, answer.get_data(as_text=True)[-1500:]
    return fields(text_of(lead, answer.location or ""))


def reviewed(client: FlaskClient, do: str, **form: str) -> tuple[int, str]:
    page = text_of(client, f"/desk/review?name={NAME}")
    sent = {"name": NAME, "seen": hidden(page, "seen"), "csrf_token": token_in(page), "do": do}
    answer = client.post("/desk/review", data=sent | form)
    return answer.status_code, answer.location or answer.get_data(as_text=True)


@pytest.fixture
def writer(own: Services, lead: FlaskClient) -> FlaskClient:
    return sign_in(lead.application, "writer@example.com")[0]


def test_a_live_article_is_changed_in_peace(own: Services, lead: FlaskClient) -> None:
    before = stored(own)
    again = keep(lead, body="あとで仕上げる文章です。")
    assert stored(own) == before and again["body"] == "あとで仕上げる文章です。"
    page = text_of(lead, f"/desk/edit?name={NAME}")
    assert "保管しています" in page and "返金は5営業日です。" in fields(page)["body"]
    assert "返金の時期" in text_of(lead, "/desk/reviews")
    form = again | {"do": "save", "body": "仕上がった文章です。"}
    assert lead.post("/desk/edit", data=form).status_code == 303
    assert "仕上がった文章です。" in stored(own)
    assert "保管中の変更はありません" in text_of(lead, "/desk/reviews")


def test_two_kept_changes_do_not_replace_each_other(
    own: Services, lead: FlaskClient, writer: FlaskClient
) -> None:
    form = fields(text_of(writer, f"/desk/edit?name={NAME}"))
    keep(lead, body="一人目")
    answer = writer.post("/desk/edit", data=form | {"do": "later", "body": "二人目"})
    page = answer.get_data(as_text=True)
    assert answer.status_code == 409 and "二人目" in page and "ほかの人" in page
    assert own.kept_changes.get(NAME).text.endswith("一人目\n")  # type: ignore[union-attr]


def test_with_reviews_another_person_publishes(
    own: Services, lead: FlaskClient, writer: FlaskClient
) -> None:
    object.__setattr__(own.settings, "review", "on")
    before = stored(own)
    page = edited(lead, 409, body="見てもらっていない。")
    assert "確認を依頼" in page and "見てもらっていない。" in page and stored(own) == before
    keep(lead, "review", body="見てほしい文章です。")
    assert "件の変更が確認を待っています" in text_of(writer, "/desk/")
    assert "件の変更が確認を待っています" not in text_of(lead, "/desk/")
    assert reviewed(lead, "publish")[0] == 409, "not the one who wrote it"
    page = text_of(writer, f"/desk/review?name={NAME}")
    assert "<ins>+見てほしい文章です。</ins>" in page
    assert reviewed(writer, "back", note="日付を足してください")[0] == 303
    assert "日付を足してください" in text_of(lead, f"/desk/edit?name={NAME}&kept=1")
    kept = fields(text_of(lead, f"/desk/edit?name={NAME}&kept=1"))
    lead.post("/desk/edit", data=kept | {"do": "review", "body": "11月の文章です。"})
    assert reviewed(writer, "publish")[0] == 303
    assert "11月の文章です。" in stored(own) and own.kept_changes.get(NAME) is None


def test_a_review_of_what_changed_meanwhile_publishes_nothing(
    own: Services, lead: FlaskClient, writer: FlaskClient
) -> None:
    keep(lead, "review", body="変更")
    page = text_of(writer, f"/desk/review?name={NAME}")
    old = {"name": NAME, "seen": hidden(page, "seen"), "csrf_token": token_in(page)}
    kept = fields(text_of(lead, f"/desk/edit?name={NAME}&kept=1"))
    lead.post("/desk/edit", data=kept | {"do": "review", "body": "別の変更"})
    assert writer.post("/desk/review", data=old | {"do": "publish"}).status_code == 409
    path = own.settings.articles / NAME
    path.write_text(stored(own) + "\n追記\n", encoding="utf-8")
    status, page = reviewed(writer, "publish")
    assert status == 409 and "そのあとに記事が変更" in page and "追記" in stored(own)
    assert reviewed(writer, "discard")[0] == 303
    assert writer.get(f"/desk/review?name={NAME}").status_code == 303


def test_what_somebody_works_on_is_not_moved_or_removed(own: Services, lead: FlaskClient) -> None:
    keep(lead, body="書きかけ")
    for form in ({"do": "move", "folder": "ja/account", "file": "x"}, {"do": "archive"}):
        status, page = place(lead, **form)
        assert status == 409 and "保管中の変更" in page


def test_what_was_kept_as_a_file_stays_when_the_form_keeps_it_again(
    own: Services, lead: FlaskClient
) -> None:
    form = fields(text_of(lead, f"/desk/edit?name={NAME}&source=1"))
    text = form["text"].replace("title:", "# mine\nboost: 2\ntitle:", 1)
    lead.post("/desk/edit", data=form | {"do": "later", "text": text})
    again = fields(text_of(lead, f"/desk/edit?name={NAME}&kept=1"))
    assert lead.post("/desk/edit", data=again | {"do": "later"}).status_code == 303
    assert own.kept_changes.get(NAME).text == text  # type: ignore[union-attr]


def test_a_kept_change_goes_on_after_a_date_that_cannot_be_read(
    own: Services, lead: FlaskClient
) -> None:
    again = keep(lead, title="新しい題", questions="返金はいつ\n返金が来ない")
    wrong = again | {"do": "later", "review_by": "きのう"}
    page = lead.post("/desk/edit", data=wrong).get_data(as_text=True)
    assert "review_by cannot be read" in page
    mended = fields(page) | {"do": "later", "review_by": ""}
    assert lead.post("/desk/edit", data=mended).status_code == 303
    assert own.kept_changes.get(NAME).text == again["shown"]  # type: ignore[union-attr]


def test_an_outdated_kept_change_is_brought_together_and_published(
    own: Services, lead: FlaskClient, writer: FlaskClient
) -> None:
    object.__setattr__(own.settings, "review", "on")
    keep(lead, "review", title="新しい題")
    (own.settings.articles / NAME).write_text(stored(own) + "\n追記\n", encoding="utf-8")
    assert reviewed(writer, "publish")[0] == 409
    kept = fields(text_of(lead, f"/desk/edit?name={NAME}&kept=1"))
    page = lead.post("/desk/edit", data=kept | {"do": "review"}).get_data(as_text=True)
    assert "追記" in fields(page)["body"] and fields(page)["title"] == "新しい題"
    lead.post("/desk/edit", data=fields(page) | {"do": "review"})
    assert reviewed(writer, "publish")[0] == 303
    assert "新しい題" in stored(own) and "追記" in stored(own)


def test_a_restored_version_is_not_dropped_by_a_conflict(own: Services, lead: FlaskClient) -> None:
    folder = own.settings.articles
    git = ("git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@example.com")
    for command in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "first")):
        subprocess.run([*git, *command], check=True)
    first = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    edited(lead, body="壊れた文章です。")
    restored = fields(text_of(lead, f"/desk/edit?name={NAME}&version={first.stdout.strip()}"))
    path = folder / NAME
    path.write_text(stored(own).replace("title:", "# note\ntitle:", 1), encoding="utf-8")
    page = lead.post("/desk/edit", data=restored | {"do": "save"}).get_data(as_text=True)
    assert "5営業日" in fields(page)["body"] and "壊れた" not in fields(page)["body"]


def test_nobody_publishes_what_they_wrote_by_way_of_another(
    own: Services, lead: FlaskClient, writer: FlaskClient
) -> None:
    object.__setattr__(own.settings, "review", "on")
    keep(lead, "review", body="私の文章")
    kept = fields(text_of(writer, f"/desk/edit?name={NAME}&kept=1"))
    writer.post("/desk/edit", data=kept | {"do": "review"})
    assert own.kept_changes.get(NAME).by == "lead@example.com"  # type: ignore[union-attr]
    assert reviewed(lead, "publish")[0] == 409
    kept = fields(text_of(writer, f"/desk/edit?name={NAME}&kept=1"))
    writer.post("/desk/edit", data=kept | {"do": "review", "body": "私の文章と別の人の文章"})
    assert reviewed(lead, "publish")[0] == 409, "a part of it is theirs"


def test_a_kept_change_of_a_vanished_file_can_be_read_and_discarded(
    own: Services, lead: FlaskClient
) -> None:
    keep(lead, body="残る文章")
    (own.settings.articles / NAME).rename(own.settings.articles / "ja/returns/other.md")
    assert "残る文章" in text_of(lead, f"/desk/review?name={NAME}")
    assert reviewed(lead, "discard")[0] == 303 and own.kept_changes.get(NAME) is None


def test_with_reviews_nothing_gets_to_customers_by_another_way(
    own: Services, lead: FlaskClient, writer: FlaskClient
) -> None:
    object.__setattr__(own.settings, "review", "on")
    draft = "ja/returns/draft.md"
    write(own, "---\nid: d\ntitle: 下書き\nstatus: draft\n---\n見ていない文\n", draft)
    rebuild(own)
    form = fields(text_of(writer, f"/desk/edit?name={draft}&source=1"))
    text = form["text"].replace("status: draft", "publish_at: 2099-01-01")
    assert writer.post("/desk/edit", data=form | {"do": "save", "text": text}).status_code == 409
    for client, name, sent in (
        (lead, draft, {"do": "merge", "into": NAME}),
        (writer, NAME, {"do": "archive"}),
    ):
        assert place(client, name, **sent)[0] == 409
    token = token_in(text_of(writer, "/desk/articles"))
    chosen = {"chosen": [NAME], "do": "archive", "csrf_token": token}
    writer.post("/desk/articles", data=chosen)
    assert "archived" not in stored(own) and "見ていない文" not in stored(own)


def test_an_unfinished_change_is_published_by_nobody_else(
    own: Services, lead: FlaskClient, writer: FlaskClient
) -> None:
    keep(lead, body="途中")
    assert reviewed(writer, "publish")[0] == 409 and "途中" not in stored(own)
    page = edited(lead, 409, do="later", body="長い文章。" * 140_000)
    assert "512 KB" in page
