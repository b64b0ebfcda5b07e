"""Reader and validator of ``support.yml``: channels, opening hours, escalation steps and routes.

An invalid file is rejected as a whole; the error names line, field and the expected value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from indexer.reading.opening_hours import (
    Promise,
    Span,
    Week,
    parsed_promise,
    parsed_spans,
    parsed_week,
)
from indexer.reading.yaml_loader import BrokenYamlError, plain, read_yaml
from kb_app.support.config.business_hours import Calendar, Channel, Closure
from kb_app.support.config.values import (
    INBOX,
    CaseField,
    Messenger,
    Route,
    Step,
    Support,
    TicketSystem,
)
from kb_app.support.model import BY_HAND, KINDS, MAIL_SINK, STEP_SINK, STEPS

FILE = "support.yml"
MAX_BYTES = 64 * 1024
CHANNELS = ("phone", "chat", "mail", "form", "social")
# Names that the outbox reserves.
TAKEN = (INBOX, MAIL_SINK, STEP_SINK)
LONGEST_CHANNEL = 16
OWN_CHANNELS = (*BY_HAND, "contact", "mail", "api", "widget", "assistant", "site")
_NAME = re.compile(r"^[a-z0-9][a-z0-9-]{0,29}$")


class SupportError(Exception):
    """The file is invalid; the message names file, line and field, and what to write."""


# --- schema of the file --------------------------------------------------------------------------


def _texts(value: object) -> Mapping[str, str]:
    if isinstance(value, str):
        return {"": value}
    if isinstance(value, dict) and all(isinstance(text, str) for text in value.values()):
        return {str(lang): text for lang, text in value.items()}
    raise ValueError("must be a text, or a text by language: {ja: 年末年始, en: New Year}")


Promised = Annotated[Promise, BeforeValidator(parsed_promise)]
Hours = Annotated[tuple[Span, ...], BeforeValidator(parsed_spans)]
Weekly = Annotated[Week, BeforeValidator(parsed_week)]
Texts = Annotated[Mapping[str, str], BeforeValidator(_texts)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)


class _Channel(_Strict):
    kind: Literal["phone", "chat", "mail", "form", "social", ""] = ""
    address: str = ""
    hours: Weekly = ((),) * 7
    reply: Promised | None = None
    open_on_holidays: bool = False
    languages: list[str] = []


class _Closure(_Strict):
    first: date = Field(alias="from")
    last: date | None = Field(None, alias="to")
    name: Texts = {}
    hours: Hours = ()
    channels: list[str] = []

    @model_validator(mode="after")
    def _in_order(self) -> _Closure:
        if self.last is not None and self.last < self.first:
            raise ValueError("to: must not be before from")
        return self


class _Step(_Strict):
    reply: Promised = Promise(2, "day")
    mail: str = ""
    text: Texts = {}


class _Complaints(_Strict):
    reply: Promised


class _Desk(_Strict):
    type: Literal["smtp", "webhook", "zendesk", "freshdesk"]
    url: str = ""
    user: str = ""
    mail: str = ""
    poll: bool = True

    @model_validator(mode="after")
    def _reachable(self) -> _Desk:
        if self.type == "smtp" and "@" not in self.mail:
            raise ValueError("mail: smtp needs the mail address that receives the cases")
        if self.type != "smtp" and not re.match(r"^https?://[^\s/]+", self.url):
            raise ValueError(
                f"url: a {self.type} desk needs its address, e.g. https://example.zendesk.com"
            )
        if self.type == "zendesk" and not self.user:
            raise ValueError("user: zendesk needs the mail address of the account of its API token")
        return self


class _Messenger(_Strict):
    type: Literal["line", "whatsapp"]
    phone_number_id: Annotated[str, BeforeValidator(str), Field(pattern=r"^[0-9]{0,30}$")] = ""
    api: Annotated[str, Field(pattern=r"^(https?://[^\s/]+(/[^\s]*)?)?$")] = ""

    @model_validator(mode="after")
    def _has_number(self) -> _Messenger:
        if self.type == "whatsapp" and not self.phone_number_id:
            raise ValueError("phone_number_id: whatsapp needs the id of its number, in quotes")
        return self


class _Route(_Strict):
    to: str
    kind: str = ""
    language: str = ""
    section: str = ""

    @field_validator("kind")
    @classmethod
    def _is_kind(cls, value: str) -> str:
        if value and value not in KINDS:
            raise ValueError(f"must be one of {', '.join(KINDS)}")
        return value


_Choice = Annotated[str, Field(min_length=1, max_length=200)]


class _Field(_Strict):
    label: Texts
    example: Annotated[str, Field(max_length=200)] = ""
    choices: Annotated[list[_Choice], Field(max_length=100)] = []


class _FollowUp(_Strict):
    after_hours: Annotated[int, Field(ge=0, le=24 * 30)] = 24
    close_after_days: Annotated[int, Field(ge=1, le=90)] = 7


class _Attachments(_Strict):
    most: Annotated[int, Field(ge=0, le=20)] = 5
    megabytes: Annotated[int, Field(ge=1, le=50)] = 10


class _File(_Strict):
    timezone: str = ""
    holidays: str | list[str] = []
    reply: Promised = Promise(1, "day")
    complaints: _Complaints | None = None
    channels: dict[str, _Channel] = {}
    closed: list[_Closure] = []
    skeleton: list[_Closure] = []
    ladder: dict[str, _Step] = {}
    desks: dict[str, _Desk] = {}
    routes: list[_Route] = []
    messengers: dict[str, _Messenger] = {}
    fields: Annotated[dict[str, _Field], Field(max_length=10)] = {}
    follow_up: _FollowUp = _FollowUp()
    attachments: _Attachments = _Attachments()

    @field_validator("timezone")
    @classmethod
    def _is_zone(cls, value: str) -> str:
        try:
            if value:
                ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"{value!r} is no time zone; write one like Asia/Tokyo") from error
        return value

    @field_validator("holidays")
    @classmethod
    def _are_countries(cls, value: str | list[str]) -> list[str]:
        countries = [value] if isinstance(value, str) else value
        for country in countries:
            public_holidays(country)
        return countries

    @field_validator("fields")
    @classmethod
    def _have_names(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name in value:
            if not _NAME.match(name):
                raise ValueError(
                    f"{name!r} is not a valid name: use lower-case letters, digits and -"
                )
        return value

    @field_validator("desks", "messengers")
    @classmethod
    def _are_named(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name in value:
            if not _NAME.match(name) or name in TAKEN:
                raise ValueError(
                    f"{name!r} is not a valid name: use lower-case letters, digits and -; "
                    f"{', '.join(TAKEN)} are reserved"
                )
        return value

    @field_validator("messengers")
    @classmethod
    def _are_channels(cls, value: dict[str, Any]) -> dict[str, Any]:
        # The name is the channel of its cases, beside those of the site.
        for name in value:
            if len(name) > LONGEST_CHANNEL or name in OWN_CHANNELS:
                raise ValueError(
                    f"{name!r} is not a valid name: at most {LONGEST_CHANNEL} letters, and none of "
                    f"{', '.join(OWN_CHANNELS)}"
                )
        return value

    @field_validator("ladder")
    @classmethod
    def _are_steps(cls, value: dict[str, _Step]) -> dict[str, _Step]:
        for name in value:
            if name not in STEPS:
                raise ValueError(f"{name!r} is no step; there are {', '.join(STEPS)}")
        return value

    @model_validator(mode="after")
    def _joined(self) -> _File:
        for name, channel in self.channels.items():
            if not channel.kind and name not in CHANNELS:
                raise ValueError(f"channels.{name}.kind: must be one of {', '.join(CHANNELS)}")
        for number, route in enumerate(self.routes):
            if route.to != INBOX and route.to not in self.desks:
                raise ValueError(
                    f"routes.{number}.to: {route.to!r} is not among desks; "
                    f"add it there or write {INBOX}"
                )
        both = self.desks.keys() & self.messengers.keys()
        if both:
            raise ValueError(f"messengers.{min(both)}: a desk has this name; choose another one")
        for special in self.skeleton:
            unknown = [name for name in special.channels if name not in self.channels]
            if unknown:
                raise ValueError(f"skeleton: {unknown[0]!r} is not among channels")
        return self


# --- reading -------------------------------------------------------------------------------------


def read_support(path: Path, zone: ZoneInfo) -> Support:
    """Read and validate a file; ``zone`` applies if it has no timezone. Raises SupportError."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SupportError(
            f"{path.name}: cannot be read as UTF-8 text ({type(error).__name__})."
        ) from error
    return parse_support(path.name, text, zone)


def parse_support(name: str, text: str, zone: ZoneInfo) -> Support:
    """Validate the text of a file. Raises SupportError naming every invalid line."""
    values = _load(name, text)
    try:
        return _support(_File.model_validate(plain(values)), zone)
    except ValidationError as error:
        raise SupportError(
            "\n".join(_explain(name, values, entry) for entry in error.errors())
        ) from None


def _load(name: str, text: str) -> Any:
    if len(text.encode()) > MAX_BYTES:
        raise SupportError(f"{name}: is too large; it may have {MAX_BYTES // 1024} KB at most.")
    try:
        values = read_yaml(text)
    except BrokenYamlError as error:
        raise SupportError(f"{name}:{error.line + 1}: broken YAML: {error}.") from error
    if not isinstance(values, dict):
        raise SupportError(f"{name}:1: must be keys with values, such as timezone: Asia/Tokyo.")
    return values


def _explain(name: str, values: Any, entry: Any) -> str:
    where, line = [str(part) for part in entry["loc"] if part not in ("[key]",)], 1
    node = values
    for part in entry["loc"]:
        try:
            places = node.lc.data[part]
            line, node = places[0] + 1, node[part]
        except (AttributeError, KeyError, TypeError, IndexError):
            break
    message = str(entry["msg"]).removeprefix("Value error, ")
    known = {"extra_forbidden": "is not known here", "missing": "is missing"}
    field = f"{'.'.join(where)}: " if where else ""
    return f"{name}:{line}: {field}{known.get(entry['type'], message)}."


def _support(file: _File, zone: ZoneInfo) -> Support:
    channels = tuple(
        Channel(
            name,
            one.kind or name,
            one.hours,
            one.address,
            one.reply,
            one.open_on_holidays,
            tuple(one.languages),
        )
        for name, one in file.channels.items()
    )
    skeleton = tuple(
        Closure(
            one.first,
            one.last or one.first,
            one.name,
            dict.fromkeys(one.channels or [channel.name for channel in channels], one.hours),
        )
        for one in file.skeleton
    )
    ladder = tuple(
        Step(name, step.reply, step.mail, step.text)
        for name in STEPS
        for step in [file.ladder.get(name, _Step())]
    )
    return Support(
        calendar=Calendar(
            ZoneInfo(file.timezone) if file.timezone else zone,
            _holiday_of(tuple(file.holidays)),
            tuple(Closure(one.first, one.last or one.first, one.name) for one in file.closed),
            skeleton,
        ),
        channels=channels,
        ladder=ladder,
        reply=file.reply,
        complaint_reply=file.complaints.reply if file.complaints else file.reply,
        routes=tuple(Route(one.to, one.kind, one.language, one.section) for one in file.routes),
        desks={
            name: TicketSystem(name, one.type, one.url.rstrip("/"), one.user, one.mail, one.poll)
            for name, one in file.desks.items()
        },
        messengers={
            name: Messenger(name, one.type, one.phone_number_id, one.api.rstrip("/"))
            for name, one in file.messengers.items()
        },
        fields=tuple(
            CaseField(name, one.label, one.example, tuple(one.choices))
            for name, one in file.fields.items()
        ),
        follow_up_hours=file.follow_up.after_hours,
        close_days=file.follow_up.close_after_days,
        most_files=file.attachments.most,
        most_megabytes=file.attachments.megabytes,
    )


# --- public holidays -----------------------------------------------------------------------------


@lru_cache(maxsize=32)
def public_holidays(country: str, lang: str = "") -> Any:
    """The public holidays of a country (JP) or a part of one (GB-ENG), by the holidays library.

    Raises ValueError for a country that the library does not know.
    """
    import holidays

    code, _, part = country.partition("-")
    try:
        default = holidays.country_holidays(code, subdiv=part or None)
        language = next(
            (one for one in default.supported_languages if one.split("_")[0] == lang), None
        )
        return (
            holidays.country_holidays(code, subdiv=part or None, language=language)
            if language
            else default
        )
    except NotImplementedError as error:
        raise ValueError(
            f"{country!r} is no country that the holidays library knows; write JP, US-NY, GB-ENG"
        ) from error


def _holiday_of(countries: tuple[str, ...]) -> Any:
    def holiday(day: date, lang: str) -> str:
        for country in countries:
            name = public_holidays(country, lang).get(day)
            if name:
                return str(name)
        return ""

    return holiday
