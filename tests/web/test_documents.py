"""The generated descriptions and the pages that show them."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from tests.web.conftest import Edge
from web import documents
from web.documents import STATIC
from web.frames import SENT
from web.routes import ROUTES

VENDOR = STATIC / "vendor"
PAGES = ["//docs", "//docs/events"]
LOCAL = re.compile(r'(?:src|href)="([^"]+)"')


async def test_the_rest_api_is_valid_openapi(edge: Edge) -> None:
    document = (await edge.get("//openapi.json", user=None)).body
    validate(document, cls=OpenAPIV31SpecValidator)
    assert document["openapi"].startswith("3.1")
    assert {(method.upper(), path) for path, methods in document["paths"].items() for method in methods} == {
        (route.method, route.path) for route in ROUTES
    }


async def test_every_row_says_what_may_go_wrong_and_what_comes_out(edge: Edge) -> None:
    paths = (await edge.get("//openapi.json")).body["paths"]
    find = paths["/api/v1/matching/request"]["post"]
    assert set(find["responses"]) == {"200", "201", "400", "401", "408", "409", "413", "415", "422", "429", "503"}
    assert find["requestBody"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/MatchWish"}
    assert find["security"] == [{"accessToken": []}]
    assert paths["/health"]["get"]["security"] == []
    for route in ROUTES:
        assert route.summary
        assert route.tag


async def test_events_are_described_for_users_and_for_siblings(edge: Edge) -> None:
    document = (await edge.get("//asyncapi.json", user=None)).body
    assert document["asyncapi"] == "3.0.0"
    names = {message["name"] for message in document["components"]["messages"].values()}
    assert names == {str(model.model_fields["type"].default) for model in SENT} | {
        "ping",
        "match.found",
        "session.left",
    }
    assert document["channels"]["match_found"]["address"] == "match.found"


async def test_no_reference_leads_nowhere(edge: Edge) -> None:
    for path in ("//openapi.json", "//asyncapi.json"):
        answer = await edge.get(path)
        for reference in re.findall(r'"\$ref": "#/([^"]+)"', answer.text):
            target = answer.body
            for key in reference.split("/"):
                target = target[key]


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_needs_nobody_else(edge: Edge, path: str) -> None:
    answer = await edge.get(path, user=None)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html")
    assert "//" not in answer.text.replace("<!doctype", "")
    links = LOCAL.findall(answer.text)
    assert links
    for link in links:
        if not link.startswith("data:"):
            assert (await edge.get(f"/{link}", user=None)).status == 200


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_runs_no_script_but_ours(edge: Edge, path: str) -> None:
    answer = await edge.get(path, user=None)
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "connect-src 'self'" in policy
    assert "unsafe-eval" not in policy
    assert "<script>" not in answer.text


async def test_own_scripts_ask_nobody_else() -> None:
    for script in (STATIC / "docs").glob("*.js"):
        assert "://" not in script.read_text()


def test_vendored_files_are_what_was_published() -> None:
    manifest = json.loads((VENDOR / "manifest.json").read_text())
    assert set(manifest) == {path.name for path in VENDOR.iterdir() if path.is_dir()}
    for name, package in manifest.items():
        assert package["version"]
        assert package["licence"]
        found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (VENDOR / name).iterdir()}
        assert found == package["sha256"]


@pytest.mark.parametrize(
    "path",
    ["/static/", "/static/docs/", "/static/docs/../../app.py", "/static/docs/%2e%2e/%2e%2e/app.py", "/static/vendor"],
)
async def test_static_files_are_not_listed_and_not_left(edge: Edge, path: str) -> None:
    assert (await edge.get(f"/{path}", user=None)).status in (403, 404)


async def test_scripts_are_asked_for_again_but_not_sent_again(edge: Edge) -> None:
    first = await edge.get("//static/docs/rest.js")
    assert first.headers["Cache-Control"] == "no-cache"
    again = await edge.get("//static/docs/rest.js", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status == 304


async def test_the_root_says_who_this_is(edge: Edge) -> None:
    answer = await edge.get("//", user=None)
    assert (answer.status, answer.body) == (200, {"name": "matching-service", "version": "1.2.3"})


async def test_the_root_is_the_demo_page_in_development(
    edge: Edge, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "index.html").write_text("<h1>demo</h1>")
    monkeypatch.setattr(documents, "DEMO", tmp_path / "index.html")
    assert (await edge.get("//", user=None)).body["name"] == "matching-service"
    await edge.close()
    edge.set(env="dev")
    await edge.open()
    answer = await edge.get("//", user=None)
    assert answer.text == "<h1>demo</h1>"
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]


async def test_without_a_demo_page_development_is_like_the_rest(
    edge: Edge, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(documents, "DEMO", tmp_path / "index.html")
    edge.set(env="dev")
    assert (await edge.get("//", user=None)).body["name"] == "matching-service"
