"""F22: the disk below the tables is full."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import subprocess
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from service.embedded.datadir import give_to_nobody, is_root
from tests.chaos.faults.postgres import POSTGRES
from tests.chaos.faults.row import fault

if TYPE_CHECKING:
    from tests.chaos.town import Town

SIZE: Final = "64m"
CHUNK: Final = bytes(64 * 1024)
_MOVE: Final = "ALTER TABLE ALL IN TABLESPACE {} SET TABLESPACE {}; ALTER INDEX ALL IN TABLESPACE {} SET TABLESPACE {}"


def no_small_disk() -> str:
    """Why no small file system can be made."""
    if not is_root():
        return "only root may mount a small file system"
    with tempfile.TemporaryDirectory() as folder:
        try:
            _mount(Path(folder))
        except (OSError, subprocess.CalledProcessError):
            return "this machine mounts no tmpfs"
        _unmount(Path(folder))
    return ""


@fault(
    "disk-full", "F22", "the disk below the tables is full", POSTGRES, seconds=(4, 8), heavy=True, missing=no_small_disk
)
async def fill(town: Town, victim: int, chance: random.Random) -> AsyncGenerator[None, None]:
    async with _small_disk() as disk:
        async with town.database() as connection:
            await connection.execute(f"CREATE TABLESPACE small LOCATION '{disk / 'tables'}'")
            await connection.execute(_MOVE.format("pg_default", "small", "pg_default", "small"))
        try:
            await asyncio.to_thread(_fill, disk / "filler")
            yield
        finally:
            (disk / "filler").unlink()
            async with town.database() as connection:
                await connection.execute(_MOVE.format("small", "pg_default", "small", "pg_default"))
                await connection.execute("CHECKPOINT")  # so that files of dropped relations are gone
                await connection.execute("DROP TABLESPACE small")
    await town.until_answers(POSTGRES)


@contextlib.asynccontextmanager
async def _small_disk() -> AsyncIterator[Path]:
    """A file system with a folder for PostgreSQL's files."""
    folder = Path(tempfile.mkdtemp(prefix="peerprep-disk-"))
    _mount(folder)
    try:
        folder.chmod(0o711)
        (folder / "tables").mkdir(mode=0o700)
        give_to_nobody(folder / "tables")
        yield folder
    finally:
        _unmount(folder)
        folder.rmdir()


def _fill(path: Path) -> None:
    """Write until nothing fits any more."""
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(CHUNK):
            pass
        os.fsync(file.fileno())


def _mount(folder: Path) -> None:
    mount = shutil.which("mount") or "mount"
    subprocess.run([mount, "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", folder], check=True, capture_output=True)


def _unmount(folder: Path) -> None:
    # Lazily: whoever has a file there still, ends a moment later.
    subprocess.run([shutil.which("umount") or "umount", "--lazy", folder], check=True, capture_output=True)
