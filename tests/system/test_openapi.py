"""The server answers what its OpenAPI description says, and the page's types are made from that description."""
import json
import os
import pathlib
import re
import subprocess

import pytest
import requests
from conftest import ROOT
from jsonschema import Draft202012Validator
from test_page_for_everybody import shop  # noqa: F401

BASE = "/slipway/v1"
# Of each route with a described answer an address that the shop answers.
ASKED = {
    f"{BASE}/version": "", f"{BASE}/servers": "", f"{BASE}/clock": "", f"{BASE}/overview": "", f"{BASE}/events": "?limit=1000", f"{BASE}/events/verify": "", f"{BASE}/incidents": "",
    f"{BASE}/incidents/{{id}}": "{incident}", f"{BASE}/costs": "", f"{BASE}/endpoints/{{name}}/cost": "sale", f"{BASE}/endpoints/{{name}}/drills": "sale",
    f"{BASE}/endpoints/{{name}}/advice": "sale", f"{BASE}/data": "", f"{BASE}/data/{{name}}": "parts", f"{BASE}/data/{{name}}/log": "parts?ref=main", f"{BASE}/data/{{name}}/files": "parts?ref=main&path=more",
    f"{BASE}/data/{{name}}/diff": "parts?from=v1&to=main", f"{BASE}/routes": "", f"{BASE}/silences": "?state=all", f"{BASE}/schedules": "", f"{BASE}/models/{{name}}/aliases": "sale", f"{BASE}/models/{{name}}/alias-moves": "sale",
}
POSTED = {
    f"{BASE}/incidents": ("", {"endpoint": "sale", "title": "is it described?", "severity": "warning"}),
    f"{BASE}/incidents/{{id}}/notes": ("{incident}", {"text": "it is", "actor": "ada"}),
    f"{BASE}/incidents/{{id}}/assign": ("{incident}", {"owner": "ada"}),
    f"{BASE}/incidents/{{id}}/state": ("{incident}", {"state": "mitigated", "reason": "well again"}),
    f"{BASE}/models/{{name}}/aliases/{{alias}}/protect": ("sale/shown", {"approvers": ["ada"], "reason": "she knows"}),
    f"{BASE}/silences": ("", {"match": ["endpoint=sale", "alert=none"], "for": "1h", "comment": "described"}),
}
WITH_LOGIN = {f"{BASE}/me", f"{BASE}/tokens"}
APPROVE = f"{BASE}/models/{{name}}/aliases/{{alias}}/approve"  # by somebody who has logged in


def closed(schema):
    """The same schema, which allows no member that it doesn't name."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: closed(one) for name, one in schema.items()}
    return {**made, "additionalProperties": False} if "properties" in made and made.get("type") == "object" else made


def check(description, name, answer):
    schema = {"$ref": f"#/components/schemas/{name}", "components": closed(description["components"])}
    problems = [f"{error.json_path}: {error.message}" for error in Draft202012Validator(schema).iter_errors(answer)]
    assert problems == [], name


def name_of(content):
    return content["application/json"]["schema"]["$ref"].rpartition("/")[2]


def described(description, method):
    """Route -> the name of what it answers."""
    return {path: name_of(operations[method]["responses"]["200"]["content"]) for path, operations in description["paths"].items() if method in operations and "content" in operations[method]["responses"]["200"]}


def address(server, path, given):
    names, _, query = given.format(**vars(server)).partition("?")
    values = iter(names.split("/"))
    return server.url + re.sub(r"\{\w+\}", lambda _: next(values), path) + (query and f"?{query}")


@pytest.fixture(scope="module")
def description(shop):  # noqa: F811
    return requests.get(f"{shop.url}{BASE}/openapi.json", timeout=10).json()


def test_answers_are_as_described(shop, description):  # noqa: F811
    routes = described(description, "get")
    assert set(ASKED) == set(routes)  # none goes unasked
    for path, given in ASKED.items():
        reply = requests.get(address(shop, path, given), timeout=60)
        assert reply.status_code == 200, reply.text
        check(description, routes[path], reply.json())


def test_what_is_posted_is_as_described(shop, description):  # noqa: F811
    routes = described(description, "post")
    assert set(POSTED) | {APPROVE} == set(routes)
    for path, (given, body) in POSTED.items():
        check(description, name_of(description["paths"][path]["post"]["requestBody"]["content"]), body)
        reply = requests.post(address(shop, path, given), json=body, timeout=60)
        assert reply.status_code == 200, reply.text
        check(description, routes[path], reply.json())


def test_answers_to_who_has_logged_in(start_server, monkeypatch):
    monkeypatch.setenv("SLIPWAY_ADMIN_PASSWORD", "a password for admins")
    server, asked = start_server("login", "--login"), requests.Session()
    asked.auth = ("admin", "a password for admins")
    description = asked.get(f"{server.url}{BASE}/openapi.json", timeout=10).json()
    post = lambda path, body: asked.post(server.url + path, json=body, timeout=10)  # noqa: E731
    post(f"{BASE}/tokens", {"name": "for a day", "expires_in_seconds": 86400}).raise_for_status()
    assert WITH_LOGIN <= set(described(description, "get"))
    for path in WITH_LOGIN:
        check(description, described(description, "get")[path], asked.get(server.url + path, timeout=10).json())
    post("/api/2.0/mlflow/registered-models/create", {"name": "m"}).raise_for_status()
    post("/api/2.0/mlflow/model-versions/create", {"name": "m", "source": "mlflow-artifacts:/m"}).raise_for_status()
    post(f"{BASE}/models/m/aliases/a/protect", {"approvers": ["admin", "ada"]}).raise_for_status()
    body = {"version": 1, "reason": "it is good"}
    check(description, name_of(description["paths"][APPROVE]["post"]["requestBody"]["content"]), body)
    reply = post(f"{BASE}/models/m/aliases/a/approve", body)
    assert reply.status_code == 200, reply.text
    check(description, described(description, "post")[APPROVE], reply.json())


def test_an_answer_with_more_or_less_than_described_is_found(description):
    """What the tests above rely on."""
    clock = {"clock": "wall", "now": "2026-01-01T00:00:00Z", "state": "ready", "runs": []}
    check(description, "Clock", clock)
    for wrong in ({**clock, "more": 1}, {**clock, "clock": "sun"}, {name: value for name, value in clock.items() if name != "now"}):
        with pytest.raises(AssertionError):
            check(description, "Clock", wrong)


def test_the_page_s_types_are_made_from_it(description, tmp_path):
    """`./x types` writes them."""
    types = ROOT / "page" / "src" / "api" / "types.ts"
    file, made = tmp_path / "openapi.json", pathlib.Path(os.environ.get("TYPES", tmp_path / "types.ts"))
    file.write_text(json.dumps({**description, "paths": {}}))
    subprocess.run(["npx", "--no-install", "openapi-typescript", file, "-o", made], cwd=ROOT / "page", check=True, capture_output=True)
    assert made.read_text() == types.read_text()
