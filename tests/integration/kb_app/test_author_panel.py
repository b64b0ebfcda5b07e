"""After a save, the writer sees the problems and the search ranks of the article."""

from pathlib import Path

import pytest

from kb_app import create_app
from tests.support import make_services, write_article


def test_the_panel_shows_problems_and_ranks_of_the_saved_article(tmp_path: Path) -> None:
    folder, data = tmp_path / "articles", tmp_path / "var"
    write_article(folder, "ja/a.md", "返金の時期", "返金は5営業日です。")
    services = make_services(folder, data, writer_panel="local")
    services.indexing.publish_build(services.indexing.rebuild())
    write_article(
        folder,
        "ja/b.md",
        "パスワードを忘れた",
        "再設定できます。[無い](none.md)",
        tests=["合言葉を忘れました", "返金の時期はいつ"],
    )
    services.indexing.publish_build(services.indexing.rebuild())
    html = create_app(services).test_client().get("/writer/panel").get_data(as_text=True)
    assert "ja/b.md:6" in html and "none.md" in html
    assert "合言葉を忘れました" in html and "返金の時期" in html
    last = services.indexing.last_build()
    assert last is not None and last.trials[1].rank != 1


def test_a_draft_is_labelled_as_hidden(tmp_path: Path) -> None:
    folder = tmp_path / "articles"
    write_article(folder, "ja/a.md", "一")
    services = make_services(folder, tmp_path / "var", writer_panel="local")
    services.indexing.publish_build(services.indexing.rebuild())
    write_article(folder, "ja/b.md", "二", status="draft")
    services.indexing.publish_build(services.indexing.rebuild())
    html = (
        create_app(services)
        .test_client()
        .get("/writer/panel", headers={"Accept-Language": "en"})
        .get_data(as_text=True)
    )
    assert "not shown to customers now" in html


@pytest.mark.parametrize(
    ("headers", "environment"),
    [
        ({"Host": "192.0.2.7"}, {}),
        ({"X-Forwarded-For": "203.0.113.5"}, {}),
        ({}, {"REMOTE_ADDR": "203.0.113.5"}),
    ],
)
def test_only_local_requests_see_the_panel(
    articles: Path, data: Path, headers: dict[str, str], environment: dict[str, str]
) -> None:
    site = create_app(make_services(articles, data, writer_panel="local")).test_client()
    assert "writer-panel" in site.get("/ja/").get_data(as_text=True)
    assert (
        site.get("/writer/panel", headers=headers, environ_overrides=environment).status_code == 404
    )
    assert "writer-panel" not in site.get(
        "/ja/", headers=headers, environ_overrides=environment
    ).get_data(as_text=True)


def test_the_panel_can_be_switched_off(articles: Path, data: Path) -> None:
    site = create_app(make_services(articles, data, writer_panel="off")).test_client()
    assert site.get("/writer/panel").status_code == 404
