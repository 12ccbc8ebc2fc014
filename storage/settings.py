"""Every setting of Atrium, read once from the environment or `.env`.

Belongs here: names, types, defaults and limits of settings, and the secrets made once.
Not here: anything that uses them. `docs/settings.md` names every field; a test holds it to that.
"""

import os
import re
import secrets as random
from datetime import UTC, datetime, timedelta
from functools import cached_property
from ipaddress import ip_network
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

REPOSITORY = Path(__file__).resolve().parent.parent


class SettingsError(Exception):
    """A setting is missing or has a value that is not allowed; the message names it."""


class Settings(BaseSettings):
    """Values come from `ATRIUM_<NAME>` in the environment, else from `.env`, else the default."""

    model_config = SettingsConfigDict(
        env_prefix="ATRIUM_",
        env_file=REPOSITORY / ".env",
        env_file_encoding="utf-8",
        extra="forbid",
        env_ignore_empty=True,
    )

    state_dir: Path = Field(REPOSITORY / "var", description="Folder for all state and secrets.")
    database_url: str = Field(
        "",
        description="postgresql://user:password@host:port/database; empty: the embedded server.",
    )
    door_database_url: str = Field(
        "", description="The same database as the site's sign-in enters it; empty: a login of ours."
    )
    staff_database_url: str = Field("", description="The same, as the staff site enters it.")
    tenant_database_url: str = Field("", description="The same, as the shops' site enters it.")
    ingest_database_url: str = Field("", description="The same, as the device API enters it.")
    pipelines_database_url: str = Field("", description="The same, as the pipelines enter it.")
    backup_database_url: str = Field("", description="The same, as backups are taken.")
    object_store: str = Field(
        "",
        description="A folder, or s3://bucket/prefix; empty: the folder objects/ in state_dir.",
    )
    object_store_endpoint: str = Field(
        "", description="Address of an S3-compatible server; empty: the cloud's own."
    )
    object_store_access_key: SecretStr = Field(SecretStr(""), description="S3 access key.")
    object_store_secret_key: SecretStr = Field(SecretStr(""), description="S3 secret key.")
    object_store_region: str = Field("us-east-1", description="S3 region.")
    host: str = Field("127.0.0.1", description="Address the site and the API listen on.")
    web_port: int = Field(8080, ge=1, le=65535, description="Port of the staff site and the API.")
    dagster_host: str = Field(
        "127.0.0.1", description="Address Dagster's UI listens on; it asks nobody who comes."
    )
    dagster_port: int = Field(3000, ge=1, le=65535, description="Port of Dagster's UI.")
    web_workers: int = Field(2, ge=1, le=64, description="Web worker processes.")
    web_threads: int = Field(4, ge=1, le=64, description="Threads of each web worker.")
    default_locale: Literal["zh_CN", "en"] = Field(
        "zh_CN", description="Language of messages to people who have not chosen one."
    )
    clock: datetime | None = Field(
        None,
        description="Application time: an ISO instant from which its clock ticks; empty: now.",
    )
    clock_skew_ahead_minutes: int = Field(
        15, ge=1, le=1440, description="A reading further ahead of our clock is UNCERTAIN."
    )
    clock_skew_behind_days: int = Field(
        7, ge=1, le=3660, description="A reading posted later than this is UNCERTAIN."
    )
    file_skew_behind_days: int = Field(
        62, ge=1, le=3660, description="The same limit for files of the drop-box."
    )
    api_max_readings: int = Field(10_000, ge=1, description="Readings in one API call.")
    api_max_bytes: int = Field(
        16 * 1024 * 1024, ge=1024, description="Bytes of one API call, unpacked."
    )
    api_key_calls_per_minute: int = Field(
        600, ge=1, description="Calls a minute of one device key, in each web process."
    )
    api_key_bytes_per_minute: int = Field(
        64 * 1024 * 1024, ge=1024, description="Bytes a minute of one device key, likewise."
    )
    inbox_max_file_bytes: int = Field(
        4 * 1024**3, ge=1024, description="Bytes of one file of the drop-box."
    )
    upload_max_image_bytes: int = Field(
        20_000_000, ge=1024, description="Bytes of one picture that people send."
    )
    upload_max_pdf_bytes: int = Field(
        20_000_000, ge=1024, description="Bytes of one PDF that people send."
    )
    upload_max_table_bytes: int = Field(
        10_000_000, ge=1024, description="Bytes of one CSV or XLSX that people send."
    )
    upload_max_pixels: int = Field(
        40_000_000, ge=10_000, description="Pixels of one picture that people send."
    )
    upload_max_rows: int = Field(20_000, ge=1, description="Rows of one table that people send.")
    upload_max_columns: int = Field(
        100, ge=1, le=1000, description="Columns of one table that people send."
    )
    upload_memory_bytes: int = Field(
        768 * 1024 * 1024,
        ge=256 * 1024 * 1024,
        description="Memory of the process that opens a file that people send.",
    )
    upload_seconds: int = Field(
        15, ge=1, le=120, description="CPU seconds of the process that opens such a file."
    )
    backup_recipients: str = Field(
        "",
        description="age public keys (age1…), separated by commas, that can open backups; "
        "empty: a key pair made in state_dir/secrets.",
    )
    email_server: SecretStr = Field(
        SecretStr(""),
        description="smtp://user:password@host:port, or smtps://…; empty: letters are written "
        "to the file log/email.mbox in state_dir.",
    )
    email_sender: str = Field(
        "atrium@localhost", pattern=r"^[^@\s]+@[^@\s]+$", description="Sender of letters."
    )
    sms_provider: Literal["", "aliyun", "tencent", "http"] = Field(
        "",
        description="Who sends text messages; empty: they are written to log/sms.log in state_dir.",
    )
    sms_endpoint: str = Field(
        "",
        description="http: the gateway's sendsms address; aliyun and tencent: another address "
        "than the cloud's own.",
    )
    sms_key_id: str = Field(
        "", description="AccessKey ID (aliyun), SecretId (tencent) or user name (http)."
    )
    sms_key_secret: SecretStr = Field(
        SecretStr(""), description="AccessKey secret, SecretKey or password."
    )
    sms_region: str = Field("", description="Region of the cloud; empty: its usual one.")
    sms_app_id: str = Field("", description="SmsSdkAppId of tencent.")
    sms_sign_name: str = Field(
        "", description="The signature (签名) of aliyun or tencent; the sender's number of http."
    )
    sms_templates: str = Field(
        "",
        description="Templates of aliyun or tencent, separated by semicolons: "
        "PAYMENT_REMINDER=SMS_123(mall,shop,outstanding); one for a language: SIGNING_CODE/en=….",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Least severe log line written."
    )
    log_format: Literal["auto", "json", "console"] = Field(
        "auto",
        description="json: an object a line; console: for people; auto: console on a terminal.",
    )
    public_url: str = Field(
        "",
        description="Address under which people reach the site (https://mall.example.org), for "
        "links in letters; empty: http://host:web_port.",
    )
    trusted_hosts: str = Field(
        "",
        description="Further names under which the site may be called, separated by commas; "
        "localhost, ATRIUM_HOST and the name in ATRIUM_PUBLIC_URL are known.",
    )
    trusted_proxies: str = Field(
        "",
        description="Addresses or networks of reverse proxies, separated by commas, whose "
        "X-Forwarded-For, X-Forwarded-Proto and X-Request-ID are believed; empty: nobody's.",
    )
    security_contact: str = Field(
        "",
        description="Who hears of a weakness: mailto:… or https://…, told in "
        "/.well-known/security.txt; empty: there is no such page.",
    )

    @field_validator(
        "database_url",
        "door_database_url",
        "staff_database_url",
        "tenant_database_url",
        "ingest_database_url",
        "pipelines_database_url",
        "backup_database_url",
    )
    @classmethod
    def _plain_postgres_url(cls, value: str) -> str:
        if value and not re.match(r"postgres(ql)?://", value):
            raise ValueError("must begin with postgresql://")
        return value

    @field_validator("email_server")
    @classmethod
    def _mail_server(cls, value: SecretStr) -> SecretStr:
        if value and not re.match(r"smtps?://[^/]", value.get_secret_value()):
            raise ValueError("must begin with smtp:// or smtps://")
        return value

    @field_validator("sms_endpoint")
    @classmethod
    def _sms_address(cls, value: str) -> str:
        if value and not re.fullmatch(r"(https?://)?[^\s/?#@]+(/[^\s?#@]*)?", value):
            raise ValueError("must be http(s)://host/path, without user, password and query")
        return value

    @field_validator("public_url")
    @classmethod
    def _web_address(cls, value: str) -> str:
        if value and not re.fullmatch(r"https?://[^\s/?#@]+/?", value):
            raise ValueError("must be http(s)://host or http(s)://host:port")
        return value.rstrip("/")

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: str) -> str:
        for part in comma_separated(value):
            try:
                ip_network(part)
            except ValueError:
                raise ValueError(
                    f"{part!r} is no address or network such as 10.0.0.5 or 10.0.0.0/24"
                ) from None
        return value

    @field_validator("trusted_hosts")
    @classmethod
    def _names(cls, value: str) -> str:
        for part in comma_separated(value):
            if not re.fullmatch(r"[a-zA-Z0-9.-]+|\[[0-9a-fA-F:.]+\]", part):
                raise ValueError(f"{part!r} is no host name; leave scheme and port out")
        return value

    @field_validator("security_contact")
    @classmethod
    def _contact(cls, value: str) -> str:
        if value and not re.fullmatch(r"(mailto:[^@\s]+@[^@\s]+|https://[^\s/]\S*)", value):
            raise ValueError("must be mailto:… or https://…")
        return value

    @field_validator("object_store")
    @classmethod
    def _known_object_store(cls, value: str) -> str:
        if "://" in value and not re.match(r"s3://[a-z0-9][a-z0-9.-]+(/|$)", value):
            raise ValueError("must be a folder or s3://bucket/prefix")
        return value

    @field_validator("state_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return (REPOSITORY / value).resolve()

    @field_validator("clock")
    @classmethod
    def _with_zone(cls, value: datetime | None) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("must state its offset, such as 2026-04-01T00:05:00+08:00")
        return value

    @property
    def site(self) -> str:
        """Address under which people reach the site, without a slash at its end."""
        return self.public_url or f"http://{self.host}:{self.web_port}"

    @cached_property
    def secrets_dir(self) -> Path:
        path = self.state_dir / "secrets"
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path

    def secret(self, name: str) -> str:
        """The secret `name`, made once with 256 random bits in a file of mode 0600."""
        path = self.secrets_dir / name
        for _ in range(2):
            try:
                value = path.read_text().strip()
            except FileNotFoundError:
                value = ""
            if value:
                return value
            write_private(path, random.token_urlsafe(32))
        return path.read_text().strip()


def comma_separated(value: str) -> tuple[str, ...]:
    """The parts of a setting that holds several values."""
    return tuple(part.strip() for part in value.split(",") if part.strip())


def write_private(path: Path, text: str) -> None:
    """Write a file of mode 0600 in one step: another process sees all of it or none.

    An existing non-empty file is kept: the first writer wins.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.{random.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        if path.exists() and path.stat().st_size == 0:
            path.unlink()
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def load_settings() -> Settings:
    """Settings of this process.

    Raises SettingsError naming each wrong setting, what it was and what is allowed.
    """
    try:
        return Settings()
    except ValidationError as error:
        lines = []
        for problem in error.errors():
            name = "_".join(str(part) for part in problem["loc"])
            name = name if name.lower().startswith("atrium_") else f"ATRIUM_{name}"
            if problem["type"] == "extra_forbidden":
                lines.append(f"{name.upper()}: there is no such setting (see docs/settings.md)")
            else:
                message = problem["msg"].removeprefix("Value error, ")
                shown = re.sub(r"//[^@/]*@", "//********@", repr(problem["input"]))
                lines.append(f"{name.upper()}: {message}; it is {shown}")
        raise SettingsError("\n".join(lines)) from None
    except (UnicodeDecodeError, OSError) as error:
        raise SettingsError(f".env cannot be read: {error}") from None


class Clock:
    """The application's clock: the machine's, or one that starts at `settings.clock`."""

    def __init__(self, start: datetime | None = None) -> None:
        self._offset = timedelta(0) if start is None else start - datetime.now(UTC)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._offset
