"""Personal data never reaches the database."""

import pytest

from kb_app.analytics.redaction import LONGEST, patterns, redact, redact_all


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("連絡先は 090-1234-5678 です", "連絡先は [phone] です"),
        ("電話０９０－１２３４－５６７８まで", "電話[phone]まで"),
        ("03（1234）5678に折り返して", "[phone]に折り返して"),
        ("0120 000 123 につながらない", "[phone] につながらない"),
        ("09012345678", "[phone]"),
        ("+81 90 1234 5678 へ", "[phone] へ"),
        ("call +44 20 7946 0958 please", "call [phone] please"),
        ("メールはyamada.taro@example.co.jpです", "メールは[mail]です"),
        ("taro＠example.com に送って", "[mail] に送って"),
        ("カード 4111 1111 1111 1111 が使えない", "カード [card] が使えない"),
        ("4111-1111-1111-1111", "[card]"),
        ("４１１１１１１１１１１１１１１１", "[card]"),
    ],
)
def test_personal_data_is_redacted(written: str, kept: str) -> None:
    assert redact(written) == kept


@pytest.mark.parametrize(
    "text",
    [
        "注文番号 123456789 の状況",
        "E-502 と出る",
        "RV-15のごみ容器",
        "2026-11-22に届く",
        "10,000円以上は送料無料",
        "3,980円",
        "1234 5678 9012 3456",
    ],
)
def test_other_numbers_are_kept(text: str) -> None:
    assert redact(text) == text


def test_configured_patterns_are_redacted() -> None:
    assert redact("会員番号 KB-0042 です", patterns([r"KB-\d{4}", ""])) == "会員番号 [removed] です"


def test_an_invalid_pattern_is_named() -> None:
    with pytest.raises(ValueError, match=r"'\(' is no regular expression"):
        patterns(["("])


def test_every_text_of_an_event_is_redacted_and_safe_for_a_database() -> None:
    assert redact_all({"comment": "a@example.com\x00\ud800", "seconds": 3}) == {
        "comment": "[mail]",
        "seconds": 3,
    }


def test_a_text_of_a_megabyte_is_truncated() -> None:
    assert len(redact("あ" * 1_000_000)) == LONGEST


def test_uuids_that_look_like_phone_numbers_are_kept() -> None:
    known = "bfcc6c46-351a-44b4-9874-b06684319461"
    assert redact(known) != known, "else there would be nothing to see"
    assert redact_all({"from": known, "comment": "call 06-6843-1946"}) == {
        "from": known,
        "comment": "call [phone]",
    }
