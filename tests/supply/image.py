"""The image without an engine: the Dockerfile's steps by hand, and a root file system that nobody may write to.

What an engine would do is done with a mount namespace: a fresh root, the host's ``/usr`` in the place of the base
image's, this environment's packages in the place of ``/opt/venv``, the code as the Dockerfile copies it, all of it
read-only; a ``/tmp``; another user, no capabilities, no way to new privileges.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.e2e.replica import PROJECT, Replica

# In a namespace of its own: nothing of this is seen outside, and it is gone with the last process.
_ENTER = """
set -eu
root=$1; app=$2; uid=$3; shift 3
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs "$root"
for folder in usr etc proc dev; do mkdir "$root/$folder"; mount --rbind "/$folder" "$root/$folder"; done
for name in bin sbin lib lib64; do
  if [ -L "/$name" ]; then cp -P "/$name" "$root/$name"
  elif [ -d "/$name" ]; then mkdir "$root/$name"; mount --rbind "/$name" "$root/$name"; fi
done
for folder in $PACKAGES; do
  case $folder in /usr/*) continue ;; esac
  mkdir -p "$root$folder"; mount --bind "$folder" "$root$folder"
done
mkdir "$root/app" "$root/tmp"; mount --bind "$app" "$root/app"
for folder in usr etc app $PACKAGES; do mount -o remount,bind,ro "$root/${folder#/}" 2>/dev/null || true; done
mount -o remount,ro "$root"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
exec chroot "$root" \\
  setpriv --reuid "$uid" --regid "$uid" --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all \\
  env --chdir=/app "$@"
"""


def why_not() -> str:
    """Why no image can be tried on this machine; empty when one can."""
    if os.geteuid() != 0:
        return "ONLY ROOT CAN MAKE A ROOT FILE SYSTEM: run the tests as root to try the image"
    if any(shutil.which(tool) is None for tool in ("unshare", "setpriv", "chroot", "curl")):
        return "UNSHARE, SETPRIV, CHROOT OR CURL IS MISSING: apt-get install util-linux coreutils curl to try the image"
    if subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode:
        return "THIS MACHINE ALLOWS NO MOUNT NAMESPACE: the image is not tried"
    return ""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What the last stage of a Dockerfile says."""

    copied: tuple[tuple[str, str], ...]
    compiled: str
    user: str
    health: tuple[str, ...]
    command: tuple[str, ...]

    @classmethod
    def read(cls, path: Path) -> Self:
        text = re.sub(r"^#.*\n", "", path.read_text(), flags=re.MULTILINE)
        stage = re.split(r"^FROM .*\n", re.sub(r" \\\n\s*", " ", text), flags=re.MULTILINE)[-1]
        steps = [(line.split(" ", 1)[0], line.split(" ", 1)[1]) for line in stage.splitlines() if " " in line]
        copies = [words.split() for step, words in steps if step == "COPY" and "--from" not in words]
        [compiled] = [words for step, words in steps if step == "RUN" and words.startswith("python ")]
        [user], [health], [command] = (
            [w for step, w in steps if step == name] for name in ("USER", "HEALTHCHECK", "CMD")
        )
        return cls(
            copied=tuple((source, target) for source, target in copies),
            compiled=compiled,
            user=user,
            health=tuple(json.loads(health.partition("CMD ")[2])),
            command=tuple(json.loads(command)),
        )


class Image:
    """The code as the Dockerfile copies it, and a way to run commands in it."""

    def __init__(self, folder: Path, recipe: Recipe) -> None:
        self.recipe = recipe
        self._app, self._root = folder / "app", folder / "root"
        self._app.mkdir()
        self._root.mkdir()
        for source, target in recipe.copied:
            self._copy(PROJECT / source, self._app / target)
        subprocess.run([sys.executable, *shlex.split(recipe.compiled)[1:]], cwd=self._app, check=True)

    def _copy(self, source: Path, target: Path) -> None:
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)

    def command(self, *words: str, **environment: str) -> list[str]:
        """How to run *words* in a container, as its user and with this environment and no other."""
        packages = f"PACKAGES={sys.base_prefix} {sys.prefix}"
        path = f"PATH={sys.prefix}/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        given = [f"{name}={value}" for name, value in environment.items()]
        enter = ["sh", "-c", _ENTER, "enter", str(self._root), str(self._app), self.recipe.user]
        return ["env", "-i", packages, path, "unshare", "-m", *enter, "-i", path, "PYTHONUNBUFFERED=1", *given, *words]

    async def run(self, *words: str, **environment: str) -> tuple[int, str]:
        """Exit code and output of a command in a container of its own."""
        process = await asyncio.create_subprocess_exec(
            *self.command(*words, **environment), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        said = (await asyncio.wait_for(process.communicate(), 60))[0].decode()
        return process.returncode or 0, said


class Container(Replica):
    """The service, started in the image by the image's own command."""

    def __init__(self, image: Image, folder: Path, **environment: str) -> None:
        super().__init__(folder, **environment)
        self._image = image

    async def launch(self) -> None:
        """Start it, and return at once."""
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._image.command(*self._image.recipe.command, **self.environment),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
