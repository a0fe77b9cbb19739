"""What is deployed is what the code does: images, compose file, dashboards, alerts."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from domain.topic import Topics
from service.metrics import Metrics
from service.settings import Settings, load_settings

PROJECT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]


def test_the_compose_file_follows_the_specification() -> None:
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*check, PROJECT / "docker-compose.yml"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_dockerfile_is_clean() -> None:
    hadolint = shutil.which("hadolint", path=Path(sys.executable).parent)
    if hadolint is None:
        pytest.skip("hadolint has no wheel for this machine")
    done = subprocess.run([hadolint, PROJECT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_image_gets_every_package_and_nothing_that_stays_out_of_its_context() -> None:
    copied = {
        line.split()[1].rstrip("/") for line in (PROJECT / "Dockerfile").read_text().splitlines() if "COPY " in line
    }
    allowed = {line[1:] for line in (PROJECT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    packages = {"domain", "actors", "web", "persistence", "messaging", "migrations", "service"}
    assert packages <= copied
    assert copied - {"--from=packages"} == allowed
    assert all((PROJECT / path).exists() for path in allowed)


def test_the_services_settings_exist_and_are_accepted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    given = SERVICES["matching-service"]["environment"]
    assert set(given) <= {name.upper() for name in Settings.model_fields}
    plain = {name.lower(): value for name, value in given.items() if "$" not in value}
    assert load_settings(**plain).port == 8002


def test_the_readmes_commands_find_their_services() -> None:
    assert {"matching-service", "postgres", "redis", "rabbitmq"} <= set(SERVICES)
    assert SERVICES["postgres"]["environment"] == {
        "POSTGRES_USER": "postgres",
        "POSTGRES_PASSWORD": "postgres",
        "POSTGRES_DB": "matching_db",
        "PGPORT": "5435",
    }
    assert SERVICES["rabbitmq"]["environment"] == {
        "RABBITMQ_DEFAULT_USER": "admin",
        "RABBITMQ_DEFAULT_PASS": "password",
    }
    assert any(port.endswith("15672:15672") for port in SERVICES["rabbitmq"]["ports"])


def test_the_service_can_be_scaled() -> None:
    assert not {"container_name", "ports"} & set(SERVICES["matching-service"])
    assert SERVICES["gateway"]["ports"] == ["8002:8002"]


def test_every_mounted_file_is_there() -> None:
    mounts = [mount.split(":")[0] for service in SERVICES.values() for mount in service.get("volumes", ())]
    assert [mount for mount in mounts if mount.startswith("./") and not (PROJECT / mount).exists()] == []


def exported() -> set[str]:
    """Every series name that the service can export."""
    metrics = Metrics(topics=Topics(), version="test")
    names: set[str] = set()
    for family in metrics.registry.collect():
        endings = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(family.type, ("",))
        names |= {family.name + ending for ending in endings}
    return names


def expressions() -> list[str]:
    dashboard = json.loads((PROJECT / "deploy/grafana/dashboards/matching.json").read_text())
    rules = yaml.safe_load((PROJECT / "deploy/prometheus/alerts.yml").read_text())
    panels = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]
    return panels + [rule["expr"] for group in rules["groups"] for rule in group["rules"]]


def test_dashboards_and_alerts_ask_only_for_what_is_exported() -> None:
    asked = {name for expression in expressions() for name in re.findall(r"\b(?:matching|process)_\w+", expression)}
    assert asked
    assert asked - exported() == set()


def test_everything_exported_is_on_the_dashboard_or_alerted_on() -> None:
    asked = " ".join(expressions())
    ours = {name for name in exported() if name.startswith("matching_")}
    known = {re.sub(r"_(bucket|sum|count|total)$", "", name) for name in ours}
    # The summed depth says less than the fullest mailbox; the lag's distribution is for a closer look.
    by_hand = {"matching_mailbox_depth", "matching_event_loop_lag_seconds"}
    assert {name for name in known if name not in asked} <= by_hand
