"""What Kubernetes is told is what the service is."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

from service.settings import Settings
from tests.supply.image import Recipe
from web.routes import ROUTES

PROJECT = Path(__file__).parents[2]
TEXT = (PROJECT / "deploy/kubernetes/matching.yml").read_text()
THINGS: dict[str, Any] = {thing["kind"]: thing for thing in yaml.safe_load_all(TEXT)}
PODS = {kind: THINGS[kind]["spec"]["template"]["spec"] for kind in ("Deployment", "Job")}
CONTAINERS = {kind: pod["containers"][0] for kind, pod in PODS.items()}
SERVICE = CONTAINERS["Deployment"]
RECIPE = Recipe.read(PROJECT / "Dockerfile")
NAMES = {name.upper() for name in Settings.model_fields}


def test_pods_run_as_the_images_user_with_nothing_to_write_to_but_tmp() -> None:
    for kind, pod in PODS.items():
        container = CONTAINERS[kind]
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] == int(RECIPE.user)
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert [mount["mountPath"] for mount in container["volumeMounts"]] == ["/tmp"]
        assert "memory" in container["resources"]["limits"]


def test_probes_ask_what_is_served() -> None:
    served = {route.path for route in ROUTES}
    paths = {name: SERVICE[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "liveness", "readiness")}
    assert set(paths.values()) <= served
    assert (paths["liveness"], paths["readiness"]) == ("/health/live", "/health/ready")


def test_settings_exist_and_no_secret_is_among_them() -> None:
    given = THINGS["ConfigMap"]["data"]
    assert given.keys() <= NAMES
    assert given["ENV"] != "dev"
    secret = {"DATABASE_URL", "REDIS_URL", "RABBITMQ_URL", "AUTH_ACCESS_SECRET"}
    assert given.keys().isdisjoint(secret)
    assert {name for name in secret if name in TEXT} == secret, "the page says which secrets are wanted"
    assert "://" not in json.dumps([thing for kind, thing in THINGS.items() if kind != "ConfigMap"])


def test_everything_finds_the_pods_and_the_port() -> None:
    labels = THINGS["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert THINGS["Deployment"]["spec"]["selector"]["matchLabels"] == labels
    assert THINGS["Service"]["spec"]["selector"] == labels
    assert THINGS["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    assert THINGS["Job"]["spec"]["template"]["metadata"]["labels"] != labels, "a migration gets no traffic"
    assert str(SERVICE["ports"][0]["containerPort"]) == THINGS["ConfigMap"]["data"]["PORT"]


def test_there_is_time_to_drain_and_always_somebody_who_serves() -> None:
    drain = Settings.model_fields["drain_seconds"].default
    assert PODS["Deployment"]["terminationGracePeriodSeconds"] > 2 * drain
    assert THINGS["Deployment"]["spec"]["replicas"] > THINGS["PodDisruptionBudget"]["spec"]["minAvailable"]
    assert THINGS["Deployment"]["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_the_image_is_this_version() -> None:
    version = re.search(r'^version = "(.+)"$', (PROJECT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version
    assert {container["image"] for container in CONTAINERS.values()} == {f"peerprep/matching-service:{version[1]}"}
