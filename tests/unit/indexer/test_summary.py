"""Problems of one kind are one line of the report."""

import pytest

from indexer.checking.summary import grouped, lines_of
from indexer.model import Problem


@pytest.mark.parametrize(
    ("code", "messages", "kind"),
    [
        (
            "leftover",
            ["{% image a.png Menu %} was removed.", "{%- image b/c.png 画面 was removed."],
            "{% image ... was removed.",
        ),
        ("leftover", ["{{ a.b }} was removed.", "{{ x | upper }} was removed."], None),
        (
            "removed-attribute",
            ["style of <td> was removed.", "style of <span> was removed."],
            "style of <...> was removed.",
        ),
        (
            "anchor",
            [
                "links to #a b, which en/My files/a.md does not have.",
                "links to #c, which ja/関数.md does not have.",
            ],
            "links to ..., which ... does not have.",
        ),
    ],
)
def test_what_differs_from_file_to_file_is_left_out(
    code: str, messages: list[str], kind: str | None
) -> None:
    problems = [Problem(f"{n}.md", 1, "warning", code, m) for n, m in enumerate(messages * 2)]
    (group,) = grouped(problems)
    assert kind in (None, group.kind)
    assert lines_of(problems)[0].startswith("warning: in 4 files: ")


def test_other_attributes_and_tags_stay_apart() -> None:
    problems = [
        Problem("a.md", 1, "warning", "removed-attribute", "style of <td> was removed."),
        Problem("a.md", 1, "warning", "removed-attribute", "media of <td> was removed."),
        Problem("a.md", 1, "warning", "leftover", "{% if a %} was removed."),
        Problem("a.md", 1, "warning", "leftover", "{% for a %} was removed."),
    ]
    assert len(grouped(problems)) == 4
