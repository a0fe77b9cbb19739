"""The README's commands, typed as they are printed."""

from __future__ import annotations

import asyncio
import os
import re
import shutil

import pytest

from tests.e2e.conftest import Spawn
from tests.e2e.replica import PROJECT

README = (PROJECT / "README.md").read_text()


def block(start: str) -> str:
    """The shell block that begins with *start*."""
    [found] = [text for text in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) if text.startswith(start)]
    return str(found)


async def test_the_api_on_one_screen_works_when_it_is_pasted(spawn: Spawn) -> None:
    if shutil.which("curl") is None:
        reason = "CURL IS NOT INSTALLED: apt-get install curl to type what the README says"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    replica = await spawn(ENV="dev", QUESTION_SERVICE_URL="")
    typed = block("API=").replace("http://localhost:8002", replica.url).replace("curl ", "curl -sS --fail-with-body ")
    shell = await asyncio.create_subprocess_exec(
        *("bash", "-euo", "pipefail", "-c", typed),
        cwd=PROJECT,
        env=os.environ | {"ENV": "dev", "AUTH_ACCESS_SECRET": replica.environment["AUTH_ACCESS_SECRET"]},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output = (await shell.communicate())[0].decode()
    assert shell.returncode == 0, output
    assert '"status":"pending"' in output
    assert '"waiting_for_partner"' in output
    assert '"users":["ann","bob"]' in output
    assert output.endswith('{"status":"left"}')


@pytest.mark.parametrize("path", re.findall(r"\]\(([^)h][^)]*)\)", README))
def test_what_the_readme_points_to_is_there(path: str) -> None:
    assert (PROJECT / path).exists()
