"""Tags of sanitised HTML, found without mistaking text for tags."""

import time

import pytest

from indexer.reading.html_tags import rewrite_tags, tags


def test_tags_have_names_and_attributes() -> None:
    link, end = tags('<a class="x" href="/a?b=1&amp;c=2">text</a>')
    assert (link.name, end.name) == ("a", "/a")
    assert (link.attribute("href"), link.attribute("id")) == ("/a?b=1&amp;c=2", None)


def test_a_tag_inside_an_attribute_is_text() -> None:
    markup = '<img alt="<a href=/x>" src="a.png">'
    assert [tag.name for tag in tags(markup)] == ["img"]


def test_an_attribute_inside_a_value_is_text() -> None:
    (image,) = tags('<img alt="x src=" src="a.png">')
    assert (image.attribute("alt"), image.attribute("src")) == ("x src=", "a.png")
    assert image.replaced("src", 'src="b.png"') == '<img alt="x src=" src="b.png">'
    assert image.replaced("href", 'href="b"') == image.text


def test_tags_are_rewritten_and_the_rest_is_kept() -> None:
    markup = '甲<img src="a.png" alt="乙">丙<br>'
    shown = rewrite_tags(
        markup, lambda tag: tag.replaced("src", 'src="b.png"') if tag.name == "img" else tag.text
    )
    assert shown == '甲<img src="b.png" alt="乙">丙<br>'


@pytest.mark.parametrize("unit", ["<a ", '<a "', "<a", '<img alt="<img ', "<"])
def test_broken_markup_takes_linear_time(unit: str) -> None:
    started = time.process_time()
    list(tags(unit * 100_000))
    assert time.process_time() - started < 2
