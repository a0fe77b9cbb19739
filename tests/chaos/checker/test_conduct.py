"""I12, I15 and the conduct of processes: each can fail."""

import json
from pathlib import Path

import pytest

from tests.chaos.checker import judge
from tests.chaos.checker.bounds import everything_is_bounded, memory_stays
from tests.chaos.checker.conduct import nobody_ends_unasked, nothing_loud_is_logged, the_run_was_one
from tests.chaos.checker.finding import Finding
from tests.chaos.checker.secrets import PRINTED, nothing_secret_is_printed
from tests.chaos.evidence import Exit, Sample
from tests.chaos.story import MIB, Story, a_story


def said(finding: Finding) -> list[str]:
    return [one.what for one in finding.violations]


# -- I12 and memory ----------------------------------------------------------------------------------


def sample(at: float = 1.0, **changes: int) -> Sample:
    usual = {"replica": 0, "pid": 1, "rss_bytes": 80 * MIB, "descriptors": 40, "mailbox_depth": 0, "sockets": 9}
    return Sample(at=at, **usual | changes)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"rss_bytes": 600 * MIB}, "600 MiB of memory, above 512"),
        ({"descriptors": 600}, "591 descriptors beside sockets, above 512"),
        ({"mailbox_depth": 10_001}, "10001 letters in a mailbox, above 10000"),
    ],
)
def test_a_replica_beyond_its_bounds_is_seen(changes: dict[str, int], what: str) -> None:
    story = a_story()
    story.samples.append(sample(**changes))
    assert said(everything_is_bounded(story.case())) == [what]


def test_memory_that_grows_within_one_life_is_seen() -> None:
    story = a_story()
    story.samples += [sample(1.0), sample(2.0, rss_bytes=150 * MIB, pid=2), sample(3.0, rss_bytes=143 * MIB)]
    assert said(memory_stays(story.case())) == []
    story.samples.append(sample(4.0, rss_bytes=145 * MIB))
    assert said(memory_stays(story.case())) == ["grew by 65 MiB"]


def test_memory_is_not_counted_before_a_replica_serves() -> None:
    story = a_story()
    story.samples += [sample(0.5, rss_bytes=9 * MIB, pid=3, sockets=-1), sample(1.0, pid=3)]
    assert said(memory_stays(story.case())) == []


# -- I15 and the logs --------------------------------------------------------------------------------

LINE = {"event": "matched", "level": "info", "action": "match_found"}


def written(folder: Path, *lines: str, name: str = "replica-1.log") -> Story:
    (folder / "logs").mkdir()
    (folder / "logs" / name).write_text("".join(f"{line}\n" for line in lines))
    return Story(folder=folder)


def planted(folder: Path) -> Path:
    """Where secrets are no leak of this run."""
    place = folder / "planted"
    place.mkdir()
    return place


TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("line", "what"), [(f"x {TOKEN}", "a token"), ("postgresql://postgres:s3cret@127.0.0.1/db", "a password in a URL")]
)
def test_a_secret_in_a_log_is_seen(tmp_path: Path, line: str, what: str) -> None:
    finding = nothing_secret_is_printed(written(planted(tmp_path), json.dumps(LINE), line).case())
    assert [str(one) for one in finding.violations] == [f"{what} in replica-1.log (line 2)"]


@pytest.mark.parametrize("name", ["operations-users-1.jsonl", "frames-users-1.jsonl", PRINTED])
def test_answers_frames_and_what_was_printed_are_looked_at(tmp_path: Path, name: str) -> None:
    story = written(folder := planted(tmp_path), "dsn postgresql://***@127.0.0.1/db and redis://127.0.0.1:6379")
    assert said(nothing_secret_is_printed(story.case())) == []
    (folder / name).write_text(f'{{"got": "{TOKEN}"}}\n')
    assert said(nothing_secret_is_printed(story.case())) == [f"a token in {name}"]


def test_what_only_the_run_could_recognise_is_seen() -> None:
    story = a_story()
    story.run["secrets_found"] = {"signing_secret": 0, "database_password": 2}
    story.run["crowd"] = {"leaks": 1}
    assert said(nothing_secret_is_printed(story.case())) == [
        "database_password found 2 times by the run itself",
        "a token or secret in answers found 1 times by the run itself",
    ]


@pytest.mark.parametrize(
    "line",
    [
        json.dumps(LINE | {"level": "error"}),
        json.dumps(LINE | {"level": "critical"}),
        json.dumps(LINE | {"exception": [{"exc_type": "KeyError"}]}),
        "Traceback (most recent call last):",
        "RuntimeError: no running event loop",
    ],
)
def test_a_loud_line_in_a_replica_s_log_is_seen(tmp_path: Path, line: str) -> None:
    finding = nothing_loud_is_logged(written(tmp_path, json.dumps(LINE), line).case())
    assert len(finding.violations) == 1
    assert finding.violations[0].ids == {"log": "replica-1.log", "line": "2"}


def test_half_a_line_and_a_warning_are_not_loud(tmp_path: Path) -> None:
    finding = nothing_loud_is_logged(
        written(tmp_path, '{"event": "mat', json.dumps(LINE | {"level": "warning"})).case()
    )
    assert (said(finding), finding.looked_at) == ([], {"logs": 1, "lines": 2})


# -- P0 ----------------------------------------------------------------------------------------------


def test_a_process_that_ends_unasked_is_seen() -> None:
    story = a_story()
    story.exits += [Exit(replica=1, at=9.0, code=-9, asked_for=True), Exit(replica=2, at=9.0, code=1, asked_for=False)]
    assert said(nobody_ends_unasked(story.case())) == ["ended with 1"]


def test_a_slow_drain_is_seen() -> None:
    story = a_story()
    story.run["drained"] = 131.0
    assert said(the_run_was_one(story.case())) == ["draining took 31 s"]


def test_what_never_ends_is_seen() -> None:
    story = a_story()
    story.run["left"] = {"events": 3}
    assert said(the_run_was_one(story.case())) == ["3 events under way for ever"]


def test_a_run_whose_fault_was_never_healed_is_not_clean() -> None:
    story = a_story()
    story.run["failures"] = ["redis-kill failed: TimeoutError()"]
    assert said(the_run_was_one(story.case())) == ["the town is not whole: redis-kill failed: TimeoutError()"]


def test_the_verdict_names_what_was_wrong() -> None:
    story = a_story()
    story.asks("gil", 30.0)
    verdict = judge(story.evidence())
    assert not verdict.is_clean
    assert verdict.violations == 1
    assert str(verdict.finding("I2").violations[0]).startswith("still pending at the end at 30.000 s (request ")
