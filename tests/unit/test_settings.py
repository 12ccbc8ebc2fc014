"""Settings: documented, strict, and clear when they are wrong."""

import re
import stat
from pathlib import Path

import pytest

from storage import settings as module
from storage.settings import REPOSITORY, Settings, SettingsError, load_settings


@pytest.fixture
def env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / ".env"
    monkeypatch.setitem(Settings.model_config, "env_file", path)
    return path


def test_every_setting_is_documented() -> None:
    text = (REPOSITORY / "docs" / "settings.md").read_text()
    documented = set(re.findall(r"^\| `(ATRIUM_[A-Z_]+)`", text, re.MULTILINE))
    assert documented == {f"ATRIUM_{name.upper()}" for name in Settings.model_fields}


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("ATRIUM_WEB_PORT", "eighty", "valid integer"),
        ("ATRIUM_WEB_PORT", "70000", "less than or equal to 65535"),
        ("ATRIUM_DATABASE_URL", "mysql://x", "must begin with postgresql://"),
        ("ATRIUM_OBJECT_STORE", "ftp://x", "must be a folder or s3://bucket/prefix"),
        ("ATRIUM_DEFAULT_LOCALE", "fr", "'zh_CN' or 'en'"),
        ("ATRIUM_CLOCK", "2026-04-01T00:05:00", "must state its offset"),
    ],
)
def test_wrong_value_names_the_setting_and_what_is_allowed(
    name: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch, env_file: Path
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as error:
        load_settings()
    assert name in str(error.value)
    assert said in str(error.value)
    assert value in str(error.value)


def test_unknown_setting_in_env_file_is_refused(env_file: Path) -> None:
    env_file.write_text("ATRIUM_WEB_PROT=8080\n")
    with pytest.raises(SettingsError, match="ATRIUM_WEB_PROT: there is no such setting"):
        load_settings()


def test_env_file_that_is_not_utf8_is_named(env_file: Path) -> None:
    env_file.write_bytes(b"ATRIUM_HOST=\xff\xfe\n")
    with pytest.raises(SettingsError, match="\\.env cannot be read"):
        load_settings()


def test_environment_wins_over_env_file(env_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    env_file.write_text("ATRIUM_WEB_PORT=9000\nATRIUM_HOST=127.0.0.2\n")
    monkeypatch.setenv("ATRIUM_WEB_PORT", "9001")
    settings = load_settings()
    assert (settings.web_port, settings.host) == (9001, "127.0.0.2")


def test_secret_is_made_once_and_private(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path / "var", _env_file=None)
    first = settings.secret("session-key")
    path = settings.secrets_dir / "session-key"
    assert settings.secret("session-key") == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(settings.secrets_dir.stat().st_mode) == 0o700


def test_empty_secret_left_by_a_crash_is_made_again(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path / "var", _env_file=None)
    (settings.secrets_dir / "session-key").touch()
    assert settings.secret("session-key")


def test_second_writer_of_a_secret_keeps_the_first(tmp_path: Path) -> None:
    path = tmp_path / "key"
    module.write_private(path, "first")
    module.write_private(path, "second")
    assert path.read_text().strip() == "first"


def test_password_in_a_wrong_address_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, env_file: Path
) -> None:
    monkeypatch.setenv("ATRIUM_DATABASE_URL", "mysql://mall:hunter2@db/atrium")
    with pytest.raises(SettingsError) as error:
        load_settings()
    assert "hunter2" not in str(error.value)
