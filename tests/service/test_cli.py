"""The command line as somebody types it."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import jwt
import pytest

from service.settings import DEV_SECRET, Settings

PROJECT = Path(__file__).parents[2]
SECRET = "a-secret-of-more-than-thirty-two-bytes"


def typed(*words: str, at: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    known = {name.upper() for name in Settings.model_fields}
    clean = {name: value for name, value in os.environ.items() if name not in known}
    return subprocess.run(
        [sys.executable, "-m", "service", *words],
        cwd=at,
        env=clean | {"PYTHONPATH": str(PROJECT)} | environment,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def test_help_names_every_command(tmp_path: Path) -> None:
    said = typed("--help", at=tmp_path).stdout
    assert all(word in said for word in ("serve", "migrate", "token", "doctor", "test", "load", "--port", "--data-dir"))


def test_token_prints_what_the_user_service_would_sign(tmp_path: Path) -> None:
    printed = typed("token", "alice", at=tmp_path, AUTH_AUDIENCE="peerprep", AUTH_ALGORITHM="HS384").stdout.strip()
    claims = jwt.decode(printed, DEV_SECRET, ["HS384"], audience="peerprep")
    assert (claims["sub"], claims["type"], claims["exp"] - claims["iat"]) == ("alice", "access", 12 * 3600)


def test_token_is_refused_outside_dev(tmp_path: Path) -> None:
    refused = typed(
        "token", "alice", at=tmp_path, ENV="prod", AUTH_ACCESS_SECRET=SECRET, QUESTION_SERVICE_URL="http://q:8003"
    )
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "ENV=dev only" in refused.stderr


@pytest.mark.parametrize("command", [[], ["serve"], ["token", "alice"]])
def test_bad_settings_are_one_message_and_exit_code_2(tmp_path: Path, command: list[str]) -> None:
    refused = typed(*command, at=tmp_path, PORT="x", LOG_LEVEL="loud")
    assert refused.returncode == 2
    assert "PORT" in refused.stderr
    assert "LOG_LEVEL" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_port_in_use_is_told_before_anything_is_started(tmp_path: Path) -> None:
    with socket.create_server(("0.0.0.0", 0)) as holder:
        port = str(holder.getsockname()[1])
        refused = typed("--port", port, "--data-dir", str(tmp_path / "data"), at=tmp_path)
    assert refused.returncode == 1
    assert (
        refused.stderr.strip() == f"Port {port} is in use by another program: choose another one with --port or PORT."
    )
    assert not (tmp_path / "data").exists()


def test_migrating_a_database_that_is_down_is_one_sentence(tmp_path: Path) -> None:
    refused = typed("migrate", at=tmp_path, DATABASE_URL="postgresql://u:geheim@127.0.0.1:1/d")
    assert refused.returncode == 1
    assert refused.stderr.startswith("PostgreSQL does not answer at DATABASE_URL")
    assert "geheim" not in refused.stderr
    assert "Traceback" not in refused.stderr


def test_migrate_twice_is_as_good_as_once(tmp_path: Path, database_url: str) -> None:
    assert typed("migrate", at=tmp_path, DATABASE_URL=database_url).returncode == 0
    assert "revision" in typed("migrate", at=tmp_path, DATABASE_URL=database_url).stdout


def test_the_doctor_is_content_with_servers_that_work(tmp_path: Path, database_url: str, redis_url: str) -> None:
    report = typed("doctor", at=tmp_path, DATABASE_URL=database_url, REDIS_URL=redis_url)
    assert report.returncode == 0, report.stdout
    assert "ok    PostgreSQL        reachable, migrated" in report.stdout
    assert "ok    Redis             reachable" in report.stdout


def test_the_doctor_names_each_thing_that_is_wrong_and_what_to_do(tmp_path: Path, postgres_url: str) -> None:
    nothing = "127.0.0.1:1"
    report = typed(
        "doctor", at=tmp_path, DATABASE_URL=postgres_url, REDIS_URL=f"redis://:geheim@{nothing}", RABBITMQ_URL=f"amqp://{nothing}",
        QUESTION_SERVICE_URL=f"http://{nothing}", AUTH_VERIFY_REMOTE="true", USER_SERVICE_URL=f"http://{nothing}",
    )  # fmt: skip
    assert report.returncode == 1
    assert [line[:22].strip() for line in report.stdout.splitlines()] == [
        "ok    settings",
        "FAIL  PostgreSQL",
        "FAIL  Redis",
        "note  RabbitMQ",
        "FAIL  Question Service",
        "FAIL  User Service",
    ]
    assert "./run migrate" in report.stdout
    assert "geheim" not in report.stdout + report.stderr
