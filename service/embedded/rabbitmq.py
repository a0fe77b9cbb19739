"""An installed RabbitMQ, run as a private instance with a port mapper of its own."""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path
from typing import BinaryIO

from service.embedded.datadir import DataDir, replace_file
from service.embedded.process import Command, answers

# Not /usr/sbin/rabbitmq-server: that wrapper insists on the system's own user and folders.
_HOMES = ("/usr/lib/rabbitmq/bin", "/opt/homebrew/opt/rabbitmq/sbin", "/usr/local/opt/rabbitmq/sbin")
ABSENT = (
    "RabbitMQ is not installed: events wait in the outbox. "
    "Install rabbitmq-server or set RABBITMQ_URL to have them delivered."
)


def find_scripts() -> Path | None:
    """The folder with ``rabbitmq-server`` and ``rabbitmqctl``, or None where RabbitMQ is not installed."""
    return next((Path(home) for home in _HOMES if (Path(home) / "rabbitmq-server").exists() and _epmd()), None)


def _epmd() -> str | None:
    return shutil.which("epmd", path="/usr/bin:/usr/local/bin:/opt/homebrew/bin:/usr/lib/erlang/bin")


class Epmd:
    """Erlang's port mapper. RabbitMQ would start a shared one that outlives it."""

    name = "epmd"
    stop_signal = signal.SIGTERM
    hurry_signal = signal.SIGKILL

    def __init__(self, data: DataDir) -> None:
        self._data = data
        self._port = data.claim_port(self.name)

    async def prepare(self, log: BinaryIO) -> None:
        del log

    def command(self) -> Command:
        argv = (_epmd() or "epmd", "-port", str(self._port), "-address", "127.0.0.1")
        return Command(argv=argv, folder=self._data.folder("rabbitmq"))

    async def is_ready(self, pid: int) -> bool:
        del pid
        return await answers(self._port, b"\x00\x01n", b"\x00\x00")  # NAMES_REQ; the answer begins with the port


class RabbitMQ:
    """A broker on a loopback port; takes some seconds to be ready."""

    name = "rabbitmq"
    stop_signal = signal.SIGTERM
    hurry_signal = signal.SIGKILL  # what was confirmed is on disk

    def __init__(self, data: DataDir, scripts: Path) -> None:
        self._scripts = scripts
        self._port = data.claim_port(self.name)
        self._home = data.folder("rabbitmq")
        data.claim_port("rabbitmq_dist")
        self._environment = environment(data)

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self._port}/"

    async def prepare(self, log: BinaryIO) -> None:
        del log
        settings = (
            f"listeners.tcp.1 = 127.0.0.1:{self._port}",
            "log.console = true",
            "log.file = false",
            "disk_free_limit.absolute = 50MB",
        )
        replace_file(self._home / "rabbitmq.conf", "\n".join(settings) + "\n")
        replace_file(self._home / "enabled_plugins", "[].\n")
        replace_file(self._home / "env.conf", "")

    def command(self) -> Command:
        server = str(self._scripts / "rabbitmq-server")
        # Starting takes all the processors there are, for seconds; nobody waits for it.
        return Command(argv=(server,), folder=self._home, environment=self._environment, niceness=10)

    async def is_ready(self, pid: int) -> bool:
        del pid
        return await answers(self._port, b"AMQP\x00\x00\x09\x01", b"\x01")  # a method frame: connection.start


def environment(data: DataDir) -> dict[str, str]:
    """What makes RabbitMQ's scripts speak of this instance and no other."""
    home = data.folder("rabbitmq")
    return {
        "HOME": str(home),
        "ERL_EPMD_PORT": str(data.port("epmd")),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_ALLOW_INPUT": "1",  # the script becomes the broker: one process to stop, none in between
        "RABBITMQ_CONF_ENV_FILE": str(home / "env.conf"),
        "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf"),
        "RABBITMQ_DIST_PORT": str(data.port("rabbitmq_dist")),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "enabled_plugins"),
        "RABBITMQ_LOG_BASE": str(home / "log"),
        "RABBITMQ_MNESIA_BASE": str(home / "mnesia"),
        "RABBITMQ_NODENAME": "matching@localhost",
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-noinput -kernel inet_dist_use_interface {127,0,0,1}",
    }


def control(data: DataDir, *arguments: str) -> str:
    """The output of ``rabbitmqctl`` for this instance."""
    scripts = find_scripts() or Path()
    argv = [str(scripts / "rabbitmqctl"), "--quiet", *arguments]
    path = {"PATH": "/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin"}
    done = subprocess.run(argv, env=environment(data) | path, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout
