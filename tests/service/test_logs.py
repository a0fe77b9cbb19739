import io
import json
import logging
import sys
from collections.abc import Iterator

import jwt
import pytest
import structlog

from service import logs

TOKEN = jwt.encode({"sub": "alice"}, "a-secret-of-more-than-thirty-two-bytes")


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root, levels = logging.getLogger(), {name: logging.getLogger(name).level for name in logs._QUIET + logs._SILENT}
    handlers, level = list(root.handlers), root.level
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_an_event_is_one_json_object_with_what_is_bound_to_the_context(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(level="INFO", pretty=False)
    structlog.contextvars.bind_contextvars(request_id="r-1", user_id="alice")
    structlog.get_logger("actors.bucket").info("pair_found", match_id="m-1")
    [line] = lines(capsys)
    assert line.pop("timestamp")
    assert line == {
        "event": "pair_found", "level": "info", "logger": "actors.bucket",
        "match_id": "m-1", "request_id": "r-1", "user_id": "alice",
    }  # fmt: skip


def test_a_logger_is_named_after_the_module_that_asks_for_it(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(level="INFO", pretty=False)
    structlog.get_logger().info("here")
    assert [line["logger"] for line in lines(capsys)] == [__name__]


def test_nobody_fails_because_nobody_can_read(monkeypatch: pytest.MonkeyPatch) -> None:
    logs.configure(level="INFO", pretty=False)
    hung_up = io.StringIO()
    hung_up.close()
    monkeypatch.setattr(sys, "stderr", hung_up)
    structlog.get_logger().info("is anybody there?")
    monkeypatch.setattr(sys, "stderr", None)  # closed before the start
    structlog.get_logger().info("is anybody there?")


class Unspeakable:
    def __str__(self) -> str:
        raise RuntimeError


def test_nobody_fails_because_something_cannot_be_written_down(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(level="INFO", pretty=False)
    structlog.get_logger().info("odd", one=Unspeakable(), map={(1, 2): b"x", "token": "geheim"}, some={Unspeakable()})
    [line] = lines(capsys)
    assert (line["one"], line["some"]) == ("<Unspeakable>", ["<Unspeakable>"])
    assert "geheim" not in str(line)


@pytest.mark.parametrize(
    "key",
    [
        "access_token", "Authorization", "password", "passwd", "auth_access_secret", "dsn", "Set-Cookie",
        "database_url", "redis_url", "rabbitmq_url",
    ],
)  # fmt: skip
def test_the_name_of_a_field_alone_gives_a_secret_away(capsys: pytest.CaptureFixture[str], key: str) -> None:
    logs.configure(level="INFO", pretty=False)
    structlog.get_logger().info("a", **{key: "geheim"})
    [line] = lines(capsys)
    assert line[key] == logs.HIDDEN


@pytest.mark.parametrize("pretty", [False, True])
def test_no_secret_gets_into_a_line_whoever_writes_it(capsys: pytest.CaptureFixture[str], *, pretty: bool) -> None:
    logs.configure(level="DEBUG", pretty=pretty)
    log = structlog.get_logger("test")
    log.info("a", token="geheim", headers={"Authorization": "Bearer geheim"}, nested=[{"password": "geheim"}])
    log.info("b", path=f"/ws?token={TOKEN}&x=1", dsn="postgresql://u:geheim@h/d", note="Bearer geheim")
    logging.getLogger("elsewhere").warning("connecting to amqp://guest:geheim@h/ with %s", TOKEN)
    try:
        raise ValueError(f"cannot use redis://u:geheim@h for {TOKEN}")
    except ValueError:
        log.exception("c")
        logging.getLogger("elsewhere").exception("d")
    written = capsys.readouterr().err
    assert "geheim" not in written
    assert "eyJ" not in written
    assert written.count(logs.HIDDEN) >= 10
    assert "cannot use redis://***@h" in written


def test_tracebacks_show_no_local_variables(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(level="INFO", pretty=False)
    hidden_local = "only-in-a-local-variable".upper()
    try:
        raise RuntimeError("broken")
    except RuntimeError:
        structlog.get_logger("test").exception("failed")
    assert hidden_local not in capsys.readouterr().err


def test_levels_hold_for_both_worlds_and_access_lines_stay_out(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(level="INFO", pretty=False)
    structlog.get_logger("a").debug("too_much")
    logging.getLogger("a").debug("too much")
    logging.getLogger("aiohttp.access").info("GET /ws?token=x")
    logging.getLogger("aiohttp.server").info("seen")
    assert [line["event"] for line in lines(capsys)] == ["seen"]


def test_text_without_secrets_is_left_alone() -> None:
    text = "match m-1 of alice@example.org and bob: GET http://host:8002/health?x=1"
    assert logs.hidden_text(text) == text
