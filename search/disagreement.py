"""Whether two quotes that answer one question say different things. Pure functions.

They do if their amounts of one unit have none in common ("within 30 days", "for 14 days"), or if a
sentence of one denies what a sentence of the other says in nearly the same words. Both quotes must
be known to answer the question, and to have it: how long a repair takes does not contradict how
long a warranty runs.
"""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Set

from search.analysis.analyzer import analyser
from search.analysis.normalize import fold
from search.analysis.sentences import sentence_bounds
from search.query.focus import codes

# Lowest probability with which the second article must answer the question.
BOTH_ANSWER = 0.9
# Lowest centred cosine of the query and a question that the second article has.
BOTH_ASKED = 0.7
# Lowest share of the words of the shorter sentence that one which denies it must have.
SAME_WORDS = 0.8

COUNT = "count"
# 1 GB is 1,000 MB or 1,024 MB.
SLACK = {"mb": 1.03}
Range = tuple[float, float]

_WORDS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6}
# The unit in which amounts are compared, its factor, and how texts write it.
_UNITS = (
    ("money", 1, r"円|yen|dollars?|euros?|pounds?"),
    ("%", 1, r"%|パーセント"),
    ("day", 1, r"(?:business |working )?days?|日間|営業日|日"),
    ("day", 7, r"weeks?|週間"),
    ("month", 1, r"months?|(?:か|ヶ|カ|ヵ|ケ)月"),
    ("month", 12, r"years?|年間|年"),
    ("hour", 1, r"hours?|時間"),
    ("hour", 1 / 60, r"minutes?|分"),
    ("hour", 1 / 3600, r"seconds?|秒"),
    ("mb", 1000, r"gb"),
    ("mb", 1, r"mb"),
    ("mb", 1 / 1000, r"kb"),
    ("kg", 1, r"kg|キロ(?!メートル)"),
    ("kg", 0.001, r"g|グラム"),
    ("l", 1, r"l|lit(?:re|er)s?|リットル"),
    ("l", 0.001, r"ml|ミリリットル"),
    ("cm", 100_000, r"km|キロメートル"),
    ("cm", 1, r"cm|センチ"),
    ("cm", 0.1, r"mm|ミリ(?!リットル)"),
    ("cm", 100, r"m|メートル"),
    ("w", 1, r"w|ワット"),
    (
        COUNT,
        1,
        r"台|席|文字|枚|個|点|回|本|人|名|箱|seats?|characters?|attempts?|devices?|items?|times?",
    ),
)
_UNIT = "|".join(rf"(?P<u{place}>{written})" for place, (_, _, written) in enumerate(_UNITS))
_NUMBER = (
    r"[0-9]{1,3}(?:,[0-9]{3}){1,4}(?:\.[0-9]{1,6})?|[0-9]{1,12}(?:\.[0-9]{1,6})?"
    rf"|\b(?:{'|'.join(_WORDS)})\b"
)
_AMOUNT = re.compile(
    rf"(?<![0-9.,a-z-])(?P<currency>[¥$€£])?(?P<number>{_NUMBER})"
    rf"(?: ?(?:-|~|〜|–|から|to) ?(?P<upto>[0-9]{{1,6}}))?[ -]?(?:{_UNIT})?(?![a-z0-9])"
)
# 1万2000, 3千: numbers that are written with words.
_LARGE = re.compile(r"(?P<number>[0-9]{1,4}(?:\.[0-9])?)(?P<power>[万千])(?P<rest>[0-9,]{1,5})?")
_POWERS = {"万": 10_000, "千": 1_000}
# A year, the day of each month, the second of several: no amounts.
_NO_AMOUNT = re.compile(r"[12][0-9]{3}年(?!間)|[毎翌当今来]月[0-9]{1,2}日|第[0-9]{1,4}[^0-9]?")
_CLOCK = re.compile(
    r"(?<![0-9:])(?P<half>午前|午後)?(?P<hour>[0-9]{1,2})"
    r"(?::(?P<minutes>[0-9]{2})|時(?!間)(?:(?P<minute>[0-9]{1,2})分|(?P<thirty>半))?"
    r"| ?(?P<latin>am|pm)\b)"
)
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
# "may" is a verb where more words follow the number: may 3 times.
_NAMES = "|".join(name for name in _MONTHS if name != "may")
_DATE = re.compile(
    r"(?P<month>[0-9]{1,2})月(?P<day>[0-9]{1,2})日"
    rf"|\b(?P<name>{_NAMES})[a-z]{{0,6}}\.? (?P<first>[0-9]{{1,2}})(?![0-9])"
    r"|\b(?P<may>may) (?P<mayday>[0-9]{1,2})(?![0-9]| ?[a-z])"
    rf"|(?<![0-9])(?P<last>[0-9]{{1,2}}) (?P<before>{_NAMES})[a-z]{{0,6}}\b"
    r"|(?<![0-9])(?P<maylast>[0-9]{1,2}) (?P<maybefore>may)\b(?! ?[a-z])"
)
_DENIAL = re.compile(
    r"ません|できない|られない|ではない|(?:は|が|も)ない|不可|\bnot\b|\bcannot\b|n't\b|\bno\b|\bnever\b"
)


def disagree(one: str, other: str, lang: str) -> bool:
    """Whether two answers to one question, in one language, contradict each other.

    Each is a text with the title of its article; those of two products are about two things.
    """
    products, others = _products(one), _products(other)
    if products and others and not products & others:
        return False
    told, also = amounts(one), amounts(other)
    common = told.keys() & also.keys()
    if common:
        # "1個の重さは20kg": what is counted tells less than what is measured.
        units = common - {COUNT} or common
        return not any(meet(told[unit], also[unit], SLACK.get(unit, 1.0)) for unit in units)
    return any(
        _denies(sentence, denied, lang)
        for sentence in _sentences(one)
        for denied in _sentences(other)
    )


def meet(ones: Set[Range], others: Set[Range], slack: float) -> bool:
    """Whether two ranges have something in common, times ``slack``."""
    return any(
        low <= highest * slack and lowest <= high * slack
        for low, high in ones
        for lowest, highest in others
    )


def amounts(text: str) -> Mapping[str, Set[Range]]:
    """The amounts of a text by unit, from and to: days, money, minutes of a day, dates (810), ...

    Currencies are not told apart. A number without a unit is no amount.
    """
    folded = _NO_AMOUNT.sub(" ", _LARGE.sub(_in_digits, fold(text)))
    found: dict[str, set[Range]] = defaultdict(set)
    for match in _DATE.finditer(folded):
        found["date"].add((_day_of_year(match),) * 2)
    folded = _DATE.sub(" ", folded)
    for match in _CLOCK.finditer(folded):
        found["clock"].add((_minutes(match),) * 2)
    for match in _AMOUNT.finditer(_CLOCK.sub(" ", folded)):
        unit, factor = _unit(match)
        if unit:
            low = round(_number(match["number"]) * factor, 3)
            high = round(_number(match["upto"] or match["number"]) * factor, 3)
            found[unit].add((min(low, high), max(low, high)))
    return found


def _in_digits(match: re.Match[str]) -> str:
    rest = int((match["rest"] or "0").replace(",", "") or 0)
    return str(round(float(match["number"]) * _POWERS[match["power"]]) + rest)


def _products(text: str) -> set[str]:
    """The codes of a text that are no amounts: of "TB-200: 25MB" tb200."""
    return {code for code in codes(text) if code[0].isalpha()}


def _unit(match: re.Match[str]) -> tuple[str, float]:
    if match["currency"]:
        return "money", 1
    for place, (unit, factor, _) in enumerate(_UNITS):
        if match[f"u{place}"]:
            return unit, factor
    return "", 1


def _number(text: str) -> float:
    return float(_WORDS[text]) if text in _WORDS else float(text.replace(",", ""))


def _day_of_year(match: re.Match[str]) -> float:
    """Month and day as one number: 810 is the tenth of August."""
    name = match["name"] or match["before"] or match["may"] or match["maybefore"]
    month = _MONTHS.index(name) + 1 if name else int(match["month"])
    days = ("day", "first", "last", "mayday", "maylast")
    return month * 100 + int(next(match[day] for day in days if match[day]))


def _minutes(match: re.Match[str]) -> float:
    hour = int(match["hour"])
    if match["latin"]:
        hour = hour % 12 + (12 if match["latin"] == "pm" else 0)
    elif match["half"] == "午後" and hour < 12:
        hour += 12
    return hour * 60 + (30 if match["thirty"] else int(match["minutes"] or match["minute"] or 0))


def _sentences(text: str) -> Iterator[str]:
    folded = fold(text)
    bounds = sentence_bounds(folded)
    for start, end in itertools.pairwise(bounds):
        yield folded[start:end]


def _denies(one: str, other: str, lang: str) -> bool:
    if denies(one) == denies(other):
        return False
    words, also = _words(one, lang), _words(other, lang)
    fewer = min(len(words), len(also))
    return fewer > 1 and len(words & also) >= SAME_WORDS * fewer


def denies(folded: str) -> bool:
    """Whether a folded sentence says that something is not so."""
    return bool(_DENIAL.search(folded))


def _words(sentence: str, lang: str) -> set[str]:
    return {token.text for token in analyser(lang).words(sentence)}
