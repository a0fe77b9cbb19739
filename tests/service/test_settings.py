import re
from pathlib import Path
from typing import Any

import pytest

from service.errors import SettingsInvalid
from service.settings import DEV_SECRET, Settings, load_server_urls, load_settings, load_settings_before_servers

LONG = "a-secret-of-more-than-thirty-two-bytes"
NEEDED = {"database_url": "postgresql://u:p@localhost:5435/matching_db", "redis_url": "redis://localhost:6379/0"}


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)  # a developer's own .env is not part of the tests
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def settings(**given: Any) -> Settings:
    return load_settings(**{**NEEDED, **given})


def refusal(**given: Any) -> str:
    with pytest.raises(SettingsInvalid) as caught:
        settings(**given)
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_defaults_are_those_of_the_readme() -> None:
    found = settings()
    assert (found.port, found.host, found.env) == (8002, "0.0.0.0", "dev")
    assert (found.matching_timeout_seconds, found.confirm_match_timeout_seconds) == (60, 120)
    assert found.auth_access_secret.get_secret_value() == DEV_SECRET


def test_the_environment_and_dotenv_are_read_and_the_environment_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("PORT=9001\nAPP_NAME=from-file\nPOSTGRES_USER=not-ours\n")
    monkeypatch.setenv("PORT", "9002")
    assert (settings().port, settings().app_name) == (9002, "from-file")


def test_every_bad_variable_is_named_at_once_and_no_value_is_repeated() -> None:
    said = refusal(env="prod", port="geheim", topics="a:b", matching_timeout_seconds=0, auth_access_secret="geheim")
    assert {"PORT", "TOPICS", "MATCHING_TIMEOUT_SECONDS", "AUTH_ACCESS_SECRET"} <= set(re.findall(r"[A-Z_]{4,}", said))
    assert "geheim" not in said


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("database_url", "mysql://h/d"), ("database_url", "postgresql:///d"), ("database_url", ""),
        ("redis_url", "http://h"), ("redis_url", "redis://h:99999"), ("rabbitmq_url", "http://h"),
        ("question_service_url", "ftp://h"), ("question_service_url", "questions:8003"),
        ("port", 65_536), ("port", -1), ("log_level", "loud"), ("auth_algorithm", "none"), ("auth_algorithm", "RS256"),
        ("matching_timeout_seconds", 0), ("matching_timeout_seconds", "nan"), ("drain_seconds", "inf"),
        ("confirm_match_timeout_seconds", -1), ("session_ttl_seconds", 59), ("max_buckets", 0),
        ("rate_limit", "many"), ("rate_limit", "0/minute"), ("cors_origins", "example.org"),
        ("cors_origins", "https://a.example/path"), ("topics", "[1"), ("topics", "x" * 65), ("env", "a b"),
        ("auth_verify_remote", "true"),
    ],
)  # fmt: skip
def test_what_is_impossible_is_refused_by_name(name: str, value: object) -> None:
    assert f"  {name.upper()} " in refusal(**{name: value})


@pytest.mark.parametrize("env", ["test", "prod", "staging"])
def test_outside_dev_a_short_or_missing_secret_stops_the_start(env: str) -> None:
    assert "AUTH_ACCESS_SECRET" in refusal(env=env)
    assert "AUTH_ACCESS_SECRET" in refusal(env=env, auth_access_secret="x" * 31)
    strict = settings(env=env, auth_access_secret=LONG, question_service_url="http://question-service:8003")
    assert strict.auth_access_secret.get_secret_value() == LONG


def test_outside_dev_questions_must_come_from_somewhere() -> None:
    assert "QUESTION_SERVICE_URL must be set unless ENV=dev" in refusal(env="prod", auth_access_secret=LONG)
    assert settings().question_service_url is None


def test_in_dev_a_short_secret_is_used_as_it_is() -> None:
    assert settings(auth_access_secret="secretkey").auth_access_secret.get_secret_value() == "secretkey"


@pytest.mark.parametrize(
    "url", ["postgresql+psycopg://u:p@h:5435/d", "postgres://u:p@h:5435/d", "postgresql+asyncpg://u:p@h:5435/d"]
)
def test_any_spelling_of_a_postgresql_url_becomes_one_for_asyncpg(url: str) -> None:
    assert settings(database_url=url).database_dsn == "postgresql://u:p@h:5435/d"


@pytest.mark.parametrize(
    "text", ["Array, Dynamic Programming", '["Array", "Dynamic Programming"]', " Array,Dynamic Programming, "]
)
def test_lists_are_comma_separated_or_json(text: str) -> None:
    assert settings(topics=text).topics == ("Array", "Dynamic Programming")


def test_empty_variables_are_variables_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "RABBITMQ_URL",
        "QUESTION_SERVICE_URL",
        "USER_SERVICE_URL",
        "AUTH_ISSUER",
        "TOPICS",
        "CORS_ORIGINS",
        "RATE_LIMIT",
    ):
        monkeypatch.setenv(name, "")
    found = settings()
    assert (found.rabbitmq_url, found.question_service_url, found.user_service_url, found.auth_issuer) == (None,) * 4
    assert (found.topics, found.cors_origins, found.rate_limit) == ((), (), "")


def test_timeouts_may_be_fractions() -> None:
    assert settings(matching_timeout_seconds="0.3").matching_timeout_seconds == 0.3


def test_urls_and_secrets_are_not_shown_when_printed() -> None:
    shown = repr(settings(auth_access_secret=LONG, rabbitmq_url="amqp://u:p@h/"))
    assert LONG not in shown
    assert "u:p@" not in shown


def test_servers_addresses_can_be_read_alone() -> None:
    assert load_server_urls(redis_url="redis://h").redis_url == "redis://h"
    assert load_server_urls().database_url is None
    assert load_settings_before_servers(port=1).port == 1


def test_the_example_file_has_every_setting_with_its_comment_and_default() -> None:
    lines = (Path(__file__).parents[2] / ".env.example").read_text().splitlines()
    entries = {
        line.split("=")[0]: (lines[at - 1], line.split("=", 1)[1])
        for at, line in enumerate(lines)
        if re.match("[A-Z]", line)
    }
    assert list(entries) == [name.upper() for name in Settings.model_fields]
    for name, field in Settings.model_fields.items():
        comment, value = entries[name.upper()]
        assert comment == f"# {field.description}"
        if value:
            assert getattr(settings(**{name: value}), name) == getattr(settings(), name)
