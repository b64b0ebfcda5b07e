"""What kind of answer a question asks for, and whether a text holds one.

Only kinds that show in the text itself: an amount of money, a time or date, a measure, a phone
number. A question that asks for one is not answered by a text without it.
"""

from __future__ import annotations

import re

from search.analysis.normalize import fold

_NUMBER = r"(?<![0-9])[0-9][0-9,.]{0,12}"
_WEEKDAYS = "monday|tuesday|wednesday|thursday|friday|saturday|sunday"
_MONTHS = "january|february|march|april|may|june|july|august|september|october|november|december"
_UNITS_OF_TIME = "seconds?|minutes?|hours?|days?|weeks?|months?|years?"
# For each kind: how a question asks for it, and how a text tells it.
_KINDS = {
    "money": (
        r"いくら(?!か|でも|も|つ)|料金|手数料|値段|価格|何円|送料は"
        r"|\bhow much (?:is|are|does|do|will|would|for|to)\b|\bprices?\b|\bcosts?\b|\bfees?\b",
        rf"{_NUMBER} ?(?:円|万|yen|jpy|usd|eur|gbp|dollars?|euros?)|[¥$€£] ?[0-9]"
        r"|無料|かかりません|かからず|いただきません|負担|(?:料|代|費): ?なし"
        r"|\bfree\b|\bno (?:charge|fee|cost)|\bcosts? nothing\b",
    ),
    "time": (
        r"いつ(?!も|の間)|何日|何時|何分|何週間|何か月|何ヶ月|何ヵ月|何年|期限|締め?切"
        r"|\bhow (?:long|soon)\b|\bhow many (?:days|hours|minutes|weeks|months|years)\b"
        r"|\bwhen (?:is|are|will|do|does|can|must)\b|\bdeadline\b|\bwhat time\b|\bexpir",
        rf"{_NUMBER} ?(?:秒|分|時|日|週|か月|ヶ月|ヵ月|月|年|営業日)|[0-9]{{1,2}}:[0-9]{{2}}"
        rf"|{_NUMBER}[ -]?(?:business |working )?(?:{_UNITS_OF_TIME}|am|pm)\b"
        rf"|\b(?:one|two|three|an?) (?:{_UNITS_OF_TIME})\b|\b(?:{_WEEKDAYS}|{_MONTHS})s?\b"
        r"|当日|翌日|翌々日|翌営業日|即日|すぐ|ただちに|期限(?:は|が)?(?:ありません|なし|ない)"
        r"|\b(?:same|next) (?:business |working )?day\b|\bat once\b|\bimmediately\b|\bnever\b",
    ),
    "measure": (
        r"重さ|重量は|何グラム|何キロ|何センチ|寸法|大きさは"
        r"|\bhow (?:heavy|big|tall|wide|large)\b|\bdimensions\b|\bweigh",
        rf"{_NUMBER} ?(?:mm|cm|m|km|g|kg|l|ml|センチ|ミリ|メートル|キロ|グラム|リットル)"
        r"(?![a-z])|\b[0-9]+ ?(?:inch|pounds?|lbs?|oz)\b",
    ),
    "phone number": (
        r"電話番号(?:は|を|が|教)|何番に(?:電話|かけ)|\bphone number\b|\bwhat number\b",
        r"(?<![0-9])(?:[0-9]{2,5}[- ][0-9]{1,4}[- ][0-9]{3,4}|[0-9]{10,11})(?![0-9])",
    ),
}
_PATTERNS = {name: (re.compile(asks), re.compile(tells)) for name, (asks, tells) in _KINDS.items()}


def tells_what_is_asked(query: str, text: str) -> bool:
    """Whether a text has each kind of answer that a query asks for; True where it asks for none."""
    asked = fold(query)
    told = fold(text)
    return all(tells.search(told) for asks, tells in _PATTERNS.values() if asks.search(asked))
