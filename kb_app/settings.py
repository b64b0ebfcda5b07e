"""All settings, read once from the environment and kb.toml; no other module reads them.

docs/operating.md explains each setting.
"""

from __future__ import annotations

import os
import re
import shutil
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from kb_app.settings_file import NAME, SettingsFile, SettingsFileError, read_settings_file

# Settings that are paths; in kb.toml they are relative to the file.
_PATHS = frozenset({"articles", "data", "logo", "backup_folder"})
INTERFACE_LANGUAGES = ("ja", "en")
# Those of kb_app.accounts.model.
ROLES = ("agent", "writer", "lead", "admin", "ombudsman")
_COST = re.compile(r"^(\d{1,9}(?:\.\d+)?)-(\d{1,9}(?:\.\d+)?) (\S{1,8})$")
_WEEKLY = re.compile(r"^(mon|tue|wed|thu|fri|sat|sun) ([01]\d|2[0-3]):([0-5]\d)$")
_DAILY = re.compile(r"^([01]\d|2[0-3]):([0-5]\d)$")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_COLOUR = re.compile(r"^#[0-9a-fA-F]{6}$")


# Settings whose values never appear in messages or command output.
SECRETS = frozenset(
    {
        "secret_key",
        "database_url",
        "articles_remote",
        "articles_secret",
        "smtp_url",
        "imap_url",
        "desk_secrets",
        "oidc_client_secret",
        "backup_passphrase",
    }
)


# Old names that are still read in this version; names without an effect, with a replacement.
RENAMED = {"threads": "http_threads", "jobs": "background_jobs"}
REMOVED = {
    "workers": "set KB_WEB_PROCESSES instead",
    "processors": "the operating system schedules the processes",
    "embedding_dtype": (
        "the bundled model uses 8-bit weights, other models the native type of the processor"
    ),
}


class SettingsError(Exception):
    """A setting has an invalid value; the message names the setting and the valid values."""


# The process that reads the settings starts the others.
_SUPERVISOR = os.getpid()


class Settings(BaseSettings):
    """The site's settings; each is read from the variable KB_ plus its name in capitals."""

    model_config = SettingsConfigDict(
        env_prefix="KB_", extra="ignore", frozen=True, validate_default=True
    )

    config: Path = Field(
        Path(NAME),
        description="The settings file; every setting may stand in it, e.g. `port = 8080`.",
    )
    articles: Path = Field(Path("articles"), description="The articles folder.")
    data: Path = Field(
        Path("var"),
        description="The data folder: index, model, and the database if that is a file.",
    )
    embedding_model: str = Field(
        "",
        description="A sentence-transformers id or folder, `off`, or empty for the bundled model.",
    )
    embedding_threads: int = Field(
        0,
        ge=0,
        le=256,
        description="Threads that embed articles during a build; 0 is one per core, four at most.",
    )
    host: str = Field("127.0.0.1", description="Address to listen on; 0.0.0.0 for all.")
    port: int = Field(8000, ge=1, le=65535, description="Port to listen on.")
    web_processes: int | None = Field(
        None,
        ge=0,
        le=64,
        description=(
            "Web processes; empty is one per processor, 0 runs only the background process."
        ),
    )
    http_threads: int = Field(
        4, ge=1, le=256, description="Requests that each web process serves concurrently."
    )
    base_url: str = Field(
        "",
        description=(
            "Public URL of the site, with its path if it has one, e.g. https://example.com/help."
        ),
    )
    proxies: int = Field(
        0,
        ge=0,
        le=10,
        description="Number of reverse proxies in front whose X-Forwarded headers are trusted.",
    )
    secret_key: str = Field(
        "",
        description=(
            "Key that signs cookies and links; generated and kept in the database when empty."
        ),
        repr=False,
    )
    site_name: str = Field("Help Centre", min_length=1, description="Name of the site.")
    site_name_ja: str = Field("", description="The name in Japanese; `KB_SITE_NAME` when empty.")
    logo: Path | None = Field(
        None, description="An image file (SVG, PNG, WebP) shown beside the name."
    )
    colour: str = Field(
        "#0b6e66",
        description=(
            "The site's colour as #rrggbb; shades for text and dark mode are derived to "
            "keep contrast."
        ),
    )
    languages: Annotated[tuple[str, ...], NoDecode] = Field(
        INTERFACE_LANGUAGES,
        description="Interface languages; the first one is the default: ja,en.",
    )
    embed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description=(
            "Hosts whose frames, images and media articles may show, e.g. "
            "www.youtube-nocookie.com; those of others become links."
        ),
    )
    api_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description=(
            "Origins of other sites whose pages may use the API and show the help widget, e.g. "
            "https://www.example.com."
        ),
    )
    timezone: str = Field(
        "UTC", description="Time zone of dates in front matter and on pages, e.g. Asia/Tokyo."
    )
    contact_mail: str = Field("", description="Mail address of the support team.")
    contact_phone: str = Field("", description="Phone number of the support team.")
    contact_link: str = Field(
        "", description="A page where the support team can be reached, e.g. a contact form."
    )
    security_contact: str = Field(
        "",
        description=(
            "Where security faults of the site are reported, a mail address or https:// page; "
            "it is shown in /.well-known/security.txt."
        ),
    )
    contact_hours: str = Field("", description="When the support team can be reached.")
    contact_hours_ja: str = Field(
        "", description="The same in Japanese; `KB_CONTACT_HOURS` when empty."
    )
    rate_limit: str = Field(
        "600 per minute",
        description=(
            "Searches and suggestions allowed per client address; `off` disables all rate limits "
            "but the slowing of wrong passwords."
        ),
    )
    writer_panel: Literal["signed-in", "local", "off"] = Field(
        "signed-in",
        description=(
            "Who sees problems of saved articles on the pages: `signed-in` writers; `local`, "
            "browsers on this machine too (not behind a proxy); or `off`."
        ),
    )
    review: Literal["off", "on"] = Field(
        "off",
        description=(
            "`on`: what customers see is changed at the desk only after another person has looked "
            "at the change."
        ),
    )
    watch: bool = Field(True, description="Rebuild the index when an article is saved.")
    database_url: str = Field(
        "",
        description=(
            "sqlite:///path or postgresql://user:password@host/name; a file in the data "
            "folder when empty."
        ),
        repr=False,
    )
    articles_remote: str = Field(
        "",
        description=(
            "A git repository of the articles, https://, ssh:// or a path, whose clone KB_ARTICLES "
            "is."
        ),
        repr=False,
    )
    articles_branch: str = Field("main", description="The branch of it that is served.")
    articles_pull_s: int = Field(
        60, ge=5, le=86_400, description="How often the repository is asked for changes."
    )
    articles_push: Literal["off", "branch", "main"] = Field(
        "branch",
        description=(
            "Where edits at the desk go: `branch`, to the branch kb/desk; `main`, to the branch "
            "that is served; or `off`, nowhere."
        ),
    )
    articles_secret: str = Field(
        "",
        description=(
            "Secret of the webhook `/api/v1/articles-changed`, by which GitHub, GitLab and others "
            "tell of a change at once."
        ),
        repr=False,
    )
    share_articles: bool = Field(
        False,
        description=(
            "Several nodes serve this site: keep the articles folder of each like the others', by "
            "the PostgreSQL database of KB_DATABASE_URL."
        ),
    )
    node_name: str = Field(
        "",
        max_length=60,
        description=(
            "What `kb nodes` and the log call this node; its host name when empty. Nodes on one "
            "machine need one each."
        ),
    )
    metrics_port: int = Field(
        0,
        ge=0,
        le=65535,
        description="Port of the metrics for Prometheus, at `/metrics`; none when 0.",
    )
    metrics_host: str = Field(
        "127.0.0.1",
        description="Address of the metrics; they are for the operator, not for visitors.",
    )
    traces_url: str = Field(
        "",
        description=(
            "Endpoint for OpenTelemetry traces, e.g. http://collector:4318/v1/traces; needs "
            "`pip install 'kb-app[traces]'`."
        ),
    )
    stop_delay_s: int = Field(
        0,
        ge=0,
        le=300,
        description=(
            "Seconds for which a node that is told to stop (SIGTERM) serves on, and answers "
            "`/readyz` with 503, so that a proxy sends it nothing new."
        ),
    )
    analytics: Literal["on", "off"] = Field(
        "on", description="Record searches and their outcomes; or `off`."
    )
    consent: Literal["notice", "ask"] = Field(
        "notice",
        description=(
            "`ask`: record nothing before a visitor agrees; `notice`: state on the privacy "
            "page what is kept."
        ),
    )
    retention_days: int = Field(
        400, ge=1, le=3650, description="Days after which searches and actions are removed."
    )
    redact: str = Field(
        "",
        description=(
            "Regular expressions, one per line, to redact from texts before they are "
            "stored, in addition to mail addresses, phone and card numbers."
        ),
    )
    survey_share: float = Field(
        0.1,
        ge=0,
        le=1,
        description=(
            "Share of readers, selected at random, who are asked whether an article solved "
            "their problem."
        ),
    )
    smallest_group: int = Field(
        5, ge=1, le=100, description="Exports leave out groups of fewer people than this."
    )
    contact_cost: str = Field(
        "",
        description=(
            "Your cost of one contact, as a range with its currency, e.g. 400-900 JPY; "
            "money saved is shown only if this is set."
        ),
    )
    digest: str = Field(
        "",
        description=(
            "When the weekly digest is mailed to the leads, e.g. mon 08:00; only by command "
            "when empty."
        ),
    )
    desk_secrets: str = Field(
        "",
        description=(
            "Secrets of the ticket systems and messengers in support.yml, as name=secret separated "
            "by spaces: tokens, API keys, webhook secrets. A messenger has NAME-secret, NAME-token "
            "and, for WhatsApp, NAME-verify."
        ),
        repr=False,
    )
    imap_url: str = Field(
        "",
        description=(
            "Mailbox of the help address, whose mails become cases: "
            "imaps://user:password@host/INBOX."
        ),
        repr=False,
    )
    case_days: int = Field(
        730,
        ge=30,
        le=3650,
        description="Days after which closed cases are removed, with all their messages.",
    )
    link_days: int = Field(
        180,
        ge=1,
        le=3650,
        description="Days for which a customer's secret link to a case is valid.",
    )
    background_jobs: bool = Field(
        True,
        description="Update figures, and send and fetch mail, in the background process.",
    )
    session_hours: int = Field(
        12,
        ge=1,
        le=720,
        description="Hours after which a signed-in person must sign in again.",
    )
    second_factor: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description=(
            "Roles that must sign in with a second factor, e.g. admin,lead; others may. Sign-in "
            "by OpenID Connect is left to the provider."
        ),
    )
    smtp_url: str = Field(
        "",
        description=(
            "Mail server for digests, replies and password resets: "
            "smtp://user:password@host:587 or smtps://..."
        ),
        repr=False,
    )
    mail_from: str = Field("", description="Sender of mails; `KB_CONTACT_MAIL` when empty.")
    oidc_issuer: str = Field(
        "", description="OpenID Connect: URL of the provider, e.g. https://login.example.com."
    )
    oidc_client_id: str = Field("", description="OpenID Connect: client id of this site.")
    oidc_client_secret: str = Field("", description="OpenID Connect: client secret.", repr=False)
    link_check: Literal["off", "public", "all"] = Field(
        "public",
        description=(
            "Links of articles to other sites are looked at once a week: `public`, those to public "
            "addresses; `all`, those in the own network too; `off`, none."
        ),
    )
    backup: str = Field(
        "",
        description=(
            "When a backup is made every day, in KB_TIMEZONE, e.g. 03:30; only by command when "
            "empty."
        ),
    )
    backup_folder: Path = Field(
        Path("backups"), description="The folder of the daily backups; best on another disk."
    )
    backup_keep: int = Field(
        14, ge=1, le=3650, description="Daily backups that are kept; older ones are removed."
    )
    backup_passphrase: str = Field(
        "",
        description="Passphrase that encrypts backups, and opens them for `kb restore`.",
        repr=False,
    )
    log_format: Literal["json", "text"] = Field(
        "text", description="Format of the log: `text` or `json`."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severe level to log: debug, info, warning or error."
    )

    @field_validator("web_processes", "logo", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("languages", "second_factor", "embed_hosts", "api_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return (
            tuple(part.strip() for part in value.split(",") if part.strip())
            if isinstance(value, str)
            else value
        )

    @field_validator("languages")
    @classmethod
    def _known_languages(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [lang for lang in value if lang not in INTERFACE_LANGUAGES]
        if unknown or not value:
            raise ValueError(f"must be one or more of {', '.join(INTERFACE_LANGUAGES)}")
        return tuple(dict.fromkeys(value))

    @field_validator("embed_hosts")
    @classmethod
    def _are_hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(re.match(r"\A(?:[a-z0-9-]++\.)++[a-z0-9-]++\Z", host) for host in value):
            raise ValueError("must be host names without https://, such as player.vimeo.com")
        return value

    @field_validator("api_origins")
    @classmethod
    def _are_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        pattern = r"\Ahttps?://[a-z0-9.-]{1,253}(?::[0-9]{1,5})?\Z"
        if not all(re.match(pattern, origin) for origin in value):
            raise ValueError(
                "must be origins without a path, in small letters, such as https://www.example.com"
            )
        return value

    @field_validator("second_factor")
    @classmethod
    def _known_roles(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if set(value) - set(ROLES):
            raise ValueError(f"must be roles among {', '.join(ROLES)}")
        return value

    @field_validator("colour")
    @classmethod
    def _is_colour(cls, value: str) -> str:
        if not _COLOUR.match(value):
            raise ValueError("must be like #0b6e66")
        return value.lower()

    @field_validator("redact")
    @classmethod
    def _are_patterns(cls, value: str) -> str:
        for line in filter(str.strip, value.splitlines()):
            try:
                re.compile(line.strip())
            except re.error as error:
                raise ValueError(f"{line.strip()!r} is no regular expression ({error})") from error
        return value

    @field_validator("database_url")
    @classmethod
    def _is_database(cls, value: str) -> str:
        if value and not re.match(r"^(sqlite:///|postgres(ql)?(\+psycopg)?://)", value):
            raise ValueError("must begin with sqlite:/// or postgresql://")
        return value

    @field_validator("share_articles")
    @classmethod
    def _can_be_shared(cls, value: bool, info: ValidationInfo) -> bool:
        if value and not str(info.data.get("database_url", "")).startswith("postgres"):
            raise ValueError("needs KB_DATABASE_URL too, a PostgreSQL database that nodes share")
        return value

    @field_validator("articles_remote")
    @classmethod
    def _is_repository(cls, value: str) -> str:
        if value and not re.match(r"^(https?://|ssh://|file://|/|[\w.-]+@[\w.-]+:)\S+$", value):
            raise ValueError("must be like https://host/name.git, git@host:name.git, or a path")
        return value

    @field_validator("articles_branch")
    @classmethod
    def _is_branch(cls, value: str) -> str:
        if not re.match(r"^[A-Za-z0-9][\w./-]*$", value) or ".." in value:
            raise ValueError("must be the name of a branch")
        return value

    @field_validator("contact_cost")
    @classmethod
    def _is_cost(cls, value: str) -> str:
        match = _COST.match(value)
        if value and (not match or float(match[1]) > float(match[2])):
            raise ValueError("must be like 400-900 JPY, the lower cost first")
        return value

    @field_validator("digest")
    @classmethod
    def _is_weekly(cls, value: str) -> str:
        if value and not _WEEKLY.match(value):
            raise ValueError("must be like mon 08:00")
        return value

    @field_validator("backup")
    @classmethod
    def _is_daily(cls, value: str) -> str:
        if value and not _DAILY.match(value):
            raise ValueError("must be like 03:30")
        return value

    @field_validator("smtp_url")
    @classmethod
    def _is_smtp(cls, value: str) -> str:
        if value and not re.match(r"^smtps?://[^\s/]+$", value):
            raise ValueError("must be like smtp://user:password@host:587")
        return value

    @field_validator("smtp_url", "oidc_issuer")
    @classmethod
    def _has_an_address(cls, value: str, info: ValidationInfo) -> str:
        # Links that leave the site must not be made from a request, whose host anybody can write.
        if value and not info.data.get("base_url"):
            raise ValueError("needs KB_BASE_URL too, the public address, for links to this site")
        return value

    @field_validator("imap_url")
    @classmethod
    def _is_imap(cls, value: str) -> str:
        if value and not re.match(r"^imaps?://[^\s/]+(/\S*)?$", value):
            raise ValueError("must be like imaps://user:password@host/INBOX")
        return value

    @field_validator("desk_secrets")
    @classmethod
    def _are_secrets(cls, value: str) -> str:
        if any("=" not in part for part in value.split()):
            raise ValueError("must be like name=secret, separated by spaces")
        return value

    @field_validator("base_url")
    @classmethod
    def _is_url(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (
            parts.scheme not in ("http", "https")
            or not parts.hostname
            or parts.query
            or parts.fragment
            or re.search(r"\s", value)
        ):
            raise ValueError("must be like https://example.com or https://example.com/help")
        return value.rstrip("/")

    @field_validator("contact_link")
    @classmethod
    def _is_link(cls, value: str) -> str:
        if value and not re.match(r"^(https?://|/)", value):
            raise ValueError("must begin with https:// or /")
        return value

    @field_validator("contact_mail")
    @classmethod
    def _is_mail(cls, value: str) -> str:
        if value and not re.match(r"^[^@\s<>\"]+@[^@\s<>\"]+$", value):
            raise ValueError("must be a mail address")
        return value

    @field_validator("security_contact")
    @classmethod
    def _is_contact(cls, value: str) -> str:
        if value and not re.match(r"^(https://[^\s<>\"]+|[^@\s<>\":]+@[^@\s<>\"]+)$", value):
            raise ValueError("must be a mail address or begin with https://")
        return value

    @field_validator("timezone")
    @classmethod
    def _is_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError("must be a time zone like Asia/Tokyo") from error
        return value

    @field_validator("logo")
    @classmethod
    def _is_image(cls, value: Path | None) -> Path | None:
        if value is not None and (
            value.suffix.lower() not in (".svg", ".png", ".webp", ".jpg", ".jpeg")
            or not value.is_file()
        ):
            raise ValueError("must be an existing image file (.svg, .png, .webp or .jpg)")
        return value

    @field_validator("rate_limit")
    @classmethod
    def _is_limit(cls, value: str) -> str:
        if value != "off" and not re.match(
            r"^[1-9]\d* per ([1-9]\d* )?(second|minute|hour|day)s?$", value
        ):
            raise ValueError("must be like `600 per minute`, or `off`")
        return value

    @property
    def web_process_count(self) -> int:
        """The number of web processes: the one set, or one per processor."""
        return self.web_processes if self.web_processes is not None else os.cpu_count() or 1

    @property
    def git_environment(self) -> dict[str, str]:
        """The environment of git: it asks nobody at a terminal, and reads no settings of ours."""
        kept = {key: value for key, value in os.environ.items() if key[:3] not in ("KB_", "GIT")}
        return kept | {
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_SSH_COMMAND": os.environ.get("GIT_SSH_COMMAND", "ssh -o BatchMode=yes"),
            "LC_ALL": "C.UTF-8",
        }

    @property
    def metrics_folder(self) -> Path:
        """Where the processes below this one keep the values that Prometheus reads."""
        return self.data / "metrics" / str(_SUPERVISOR)

    @property
    def zone(self) -> ZoneInfo:
        """The site's time zone."""
        return ZoneInfo(self.timezone)

    @property
    def database(self) -> str:
        """The database URL: the one set, or a SQLite file in the data folder."""
        return self.database_url or f"sqlite:///{(self.data / 'kb.sqlite').resolve()}"

    @property
    def has_site(self) -> bool:
        """Whether a site has been started with these settings before, as far as the disk tells."""
        return bool(self.database_url) or (self.data / "kb.sqlite").exists()

    @property
    def cost(self) -> tuple[float, float] | None:
        """The lowest and highest cost of a contact; None where it is not set."""
        match = _COST.match(self.contact_cost)
        return (float(match[1]), float(match[2])) if match else None

    def desk_secret(self, name: str) -> str:
        """The secret of a ticket system; "" where it is not set."""
        return dict(part.split("=", 1) for part in self.desk_secrets.split()).get(name, "")

    @property
    def address(self) -> str:
        """The site's URL, for links in mails."""
        return self.base_url or f"http://localhost:{self.port}"

    @property
    def currency(self) -> str:
        """The currency of the contact cost; "" where it is not set."""
        match = _COST.match(self.contact_cost)
        return match[3] if match else ""

    @property
    def digest_time(self) -> tuple[int, int, int] | None:
        """(weekday from Monday 0, hour, minute) of the digest; None where it is not scheduled."""
        match = _WEEKLY.match(self.digest)
        return (WEEKDAYS.index(match[1]), int(match[2]), int(match[3])) if match else None

    @property
    def path_prefix(self) -> str:
        """The path of the public URL: "/help" or ""."""
        return urlsplit(self.base_url).path.rstrip("/")

    def spoken(self, lang: str) -> str:
        """``lang`` if it is an interface language of the site, else the site's first one."""
        return lang if lang in self.languages else self.languages[0]

    def name(self, lang: str) -> str:
        """Return the site's name in a language."""
        return self.site_name_ja if lang == "ja" and self.site_name_ja else self.site_name

    def hours(self, lang: str) -> str:
        """The contact hours in a language."""
        return (
            self.contact_hours_ja if lang == "ja" and self.contact_hours_ja else self.contact_hours
        )

    @property
    def has_contact(self) -> bool:
        """Whether a contact mail address, phone number or link is set."""
        return bool(self.contact_mail or self.contact_phone or self.contact_link)


def load_settings(**given: object) -> Settings:
    """Load the settings from kb.toml and the environment above it, overridden by ``given``.

    Raises SettingsError, which names each invalid setting.
    """
    environment = _environment()
    for old, new in RENAMED.items():
        if old in environment and new not in environment:
            given.setdefault(new, environment[old])
    file = settings_file()
    of_file = {
        name: value
        for name, value in file.values.items()
        if name in Settings.model_fields and name not in given and name not in environment
    }
    try:
        return Settings(**(of_file | given))  # type: ignore[arg-type]
    except ValidationError as error:
        lines = [
            _explain(
                str(entry["loc"][0]),
                entry["msg"],
                entry.get("input"),
                file.path if entry["loc"][0] in of_file else None,
            )
            for entry in error.errors()
        ]
        raise SettingsError("\n".join(lines)) from None


def settings_file() -> SettingsFile:
    """The settings file: the one that KB_CONFIG names, or kb.toml in the current folder if any.

    Raises SettingsError where it cannot be read.
    """
    named = _environment().get("config", "")
    path = Path(named or NAME)
    if not named and not path.is_file():
        return SettingsFile()
    try:
        return read_settings_file(path, _PATHS)
    except SettingsFileError as error:
        raise SettingsError(str(error)) from error


def _environment() -> dict[str, str]:
    """The KB_ variables that are set, by the setting's name in lower case."""
    return {
        name[len("KB_") :].lower(): value
        for name, value in os.environ.items()
        if name.upper().startswith("KB_")
    }


def settings_warnings() -> list[str]:
    """Warnings about variables and lines of kb.toml with old, ineffective or unknown names.

    For an unknown name the warning suggests the nearest setting.
    """
    file = settings_file()
    of_file = [f"{file.path}: {_nearest(name, name)}" for name in file.values if _is_unknown(name)]
    return of_file + [warning for name in sorted(_environment()) if (warning := _warning(name))]


def _is_unknown(name: str) -> bool:
    return name not in Settings.model_fields


def _warning(name: str) -> str:
    shown = f"KB_{name.upper()}"
    if name in Settings.model_fields:
        return ""
    if name in RENAMED:
        return (
            f"{shown} is now KB_{RENAMED[name].upper()}; "
            "this is the last version that reads the old name."
        )
    if name in REMOVED:
        return f"{shown} has no effect: {REMOVED[name]}."
    return _nearest(name, shown)


def _nearest(name: str, shown: str) -> str:
    """That a name, written as ``shown``, is no setting, and which one may be meant."""
    nearest = get_close_matches(name.lower().removeprefix("kb_"), Settings.model_fields, n=1)
    meant = f"KB_{nearest[0].upper()}" if nearest and shown.startswith("KB_") else "".join(nearest)
    hint = f"Did you mean {meant}?" if meant else "See docs/operating.md for all settings."
    return f"{shown} is not a setting. {hint}"


def _explain(name: str, message: str, value: object, file: Path | None = None) -> str:
    reason = message.removeprefix("Value error, ")
    shown = "(hidden)" if name in SECRETS else repr(str(value))
    where = f"{file}: {name} = {shown}" if file else f"KB_{name.upper()}={shown}"
    return f"{where}: {reason[0].lower() + reason[1:]}"


def share_metrics(folder: Path) -> None:
    """Let the processes that start from here keep their metrics in a folder of this one's.

    Those of processes that are gone are removed. prometheus_client reads the variable when it is
    imported: nothing of the site is before this.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    for other in folder.parent.iterdir():
        if not Path("/proc", other.name).exists() or other == folder:
            shutil.rmtree(other, ignore_errors=True)
    folder.mkdir()
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
