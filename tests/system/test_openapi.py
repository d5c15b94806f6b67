"""The server answers what its OpenAPI description says, and the page's types are made from that description."""
import json
import os
import pathlib
import re
import subprocess

import pandas as pd
import pytest
import requests
from conftest import ROOT, eventually
from jsonschema import Draft202012Validator
from test_page_for_everybody import shop  # noqa: F401

BASE = "/slipway/v1"
# Of each route with a described answer an address that the shop answers.
ASKED = {
    f"{BASE}/version": "", f"{BASE}/servers": "", f"{BASE}/clock": "", f"{BASE}/batch": "?path=/slipway/v1/clock&path=/nothing", f"{BASE}/overview": "", f"{BASE}/events": "?limit=1000", f"{BASE}/events/verify": "", f"{BASE}/incidents": "",
    f"{BASE}/incidents/{{id}}": "{incident}", f"{BASE}/costs": "", f"{BASE}/endpoints/{{name}}/cost": "sale", f"{BASE}/endpoints/{{name}}/drills": "sale",
    f"{BASE}/endpoints/{{name}}/advice": "sale", f"{BASE}/data": "", f"{BASE}/data/{{name}}": "parts", f"{BASE}/data/{{name}}/log": "parts?ref=main", f"{BASE}/data/{{name}}/files": "parts?ref=main&path=more",
    f"{BASE}/data/{{name}}/diff": "parts?from=v1&to=main", f"{BASE}/routes": "", f"{BASE}/silences": "?state=all", f"{BASE}/models/{{name}}/aliases": "sale", f"{BASE}/models/{{name}}/alias-moves": "sale",
    f"{BASE}/models/{{name}}/gates": "sale", f"{BASE}/endpoints": "", f"{BASE}/endpoints/{{name}}": "sale", f"{BASE}/endpoints/{{name}}/revisions": "sale", f"{BASE}/endpoints/{{name}}/inputs": "sale", f"{BASE}/endpoints/{{name}}/traffic": "sale", f"{BASE}/endpoints/{{name}}/traffic-history": "sale?from=2026-01-01T00:00:00Z&until=2035-01-01T00:00:00Z",
    f"{BASE}/endpoints/{{name}}/requests": "sale?from=2024-01-29T00:00:00Z&until=2024-02-02T00:00:00Z",
    f"{BASE}/endpoints/{{name}}/requests/{{id}}": "sale/v004033", f"{BASE}/endpoints/{{name}}/drills/{{id}}": "sale/{drill}", f"{BASE}/alerts": "", f"{BASE}/alarm-budget": "", f"{BASE}/monitors": "", f"{BASE}/monitors/{{name}}": "sale-health",
    f"{BASE}/monitors/{{name}}/windows": "sale-health", f"{BASE}/monitors/{{name}}/verdicts": "sale-health", f"{BASE}/monitors/{{name}}/slices": "sale-health", f"{BASE}/monitors/{{name}}/alerts/{{alert}}/bands": "sale-health/log_loss", f"{BASE}/monitors/{{name}}/bands": "sale-health",
    f"{BASE}/datasets": "", f"{BASE}/datasets/{{name}}": "visits", f"{BASE}/datasets/{{name}}/diff": "visits?from=1&to=2", f"{BASE}/features": "", f"{BASE}/features/skew": "", f"{BASE}/features/explain": "?request=v004033&endpoint=sale",
    f"{BASE}/drift": "?reference=monitor:sale-health&current=monitor:sale-health", f"{BASE}/lineage/graph": "?of=told/job", f"{BASE}/lineage/dataset": "?namespace=told&name=rows",
    f"{BASE}/pipelines": "?runs=2", f"{BASE}/pipelines/{{name}}/runs": "train?steps=true", f"{BASE}/pipeline-runs": "?pipeline=train&limit=1", f"{BASE}/pipeline-runs/{{id}}": "{asks}", f"{BASE}/pipeline-runs/{{id}}/steps/{{step}}/why": "{trained}/train", f"{BASE}/searches": "", f"{BASE}/schedules": "",
    f"{BASE}/experiments/{{id}}/table": "{experiment}?columns=attributes.status,params.max_depth,metrics.auc", f"{BASE}/experiments/{{id}}/columns": "{experiment}", f"{BASE}/experiments/{{id}}/groups": "{experiment}?by=attributes.status&metrics=auc",
    f"{BASE}/runs/{{id}}/metrics/curves": "{run}",
}
POSTED = {
    f"{BASE}/incidents": ("", {"endpoint": "sale", "title": "is it described?", "severity": "warning"}),
    f"{BASE}/incidents/{{id}}/notes": ("{incident}", {"text": "it is", "actor": "ada"}),
    f"{BASE}/incidents/{{id}}/assign": ("{incident}", {"owner": "ada"}),
    f"{BASE}/incidents/{{id}}/state": ("{incident}", {"state": "mitigated", "reason": "well again"}),
    f"{BASE}/models/{{name}}/aliases/{{alias}}/protect": ("sale/shown", {"approvers": ["ada"], "reason": "she knows"}),
    f"{BASE}/endpoints/{{name}}/rollback": ("sale", {"reason": "for the test", "actor": "ada"}),
    f"{BASE}/endpoints/{{name}}/follow": ("sale", {"reason": "for the test", "actor": "ada"}),
    f"{BASE}/alerts/{{id}}/acknowledge": ("{alert}", {"comment": "I look", "actor": "ada"}),
    f"{BASE}/pipelines/{{name}}/runs": ("asks", {"params": {}, "reason": "for the test", "actor": "ada"}),
    f"{BASE}/pipelines/{{name}}/explain": ("train", {"params": {"bad": "1"}}),
    f"{BASE}/pipelines/{{name}}/backfills": ("asks", {"schedule": "nightly", "from": "2024-01-01T00:00:00Z", "to": "2024-01-03T00:00:00Z", "parallel": 1, "dry_run": True}),
    f"{BASE}/pipeline-runs/{{id}}/steps/{{step}}/answer": ("{asks}/ask", {"approved": True, "reason": "it is", "actor": "ada"}),
    f"{BASE}/pipeline-runs/{{id}}/cancel": ("{second}", {"actor": "ada"}),
    f"{BASE}/pipeline-runs/{{id}}/retry": ("{second}", {"actor": "ada"}),
    f"{BASE}/schedules/{{name}}/pause": ("nightly", {"actor": "ada"}),
    f"{BASE}/schedules/{{name}}/resume": ("nightly", {"actor": "ada"}),
    f"{BASE}/silences": ("", {"match": ["endpoint=sale", "alert=none"], "for": "1h", "comment": "described"}),
}
WITH_LOGIN = {f"{BASE}/me", f"{BASE}/tokens"}
MAKE_TOKEN = f"{BASE}/tokens"
APPROVE = f"{BASE}/models/{{name}}/aliases/{{alias}}/approve"  # by somebody who has logged in


def closed(schema):
    """The same schema, which allows no member that it doesn't name, where it doesn't say that there are others."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: closed(one) for name, one in schema.items()}
    return {"additionalProperties": False, **made} if "properties" in made and made.get("type") == "object" else made


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


TRY = """
import argparse, mlflow
parser = argparse.ArgumentParser()
parser.add_argument("--x", type=float)
with mlflow.start_run():
    mlflow.log_metric("auc", parser.parse_args().x)
"""
MORE = """\
  searches:
    steps:
      - {name: fit, run: 'python3 try.py --x {x}', code: [try.py], search: {method: random, trials: 2, parallel: 2, metric: auc, goal: maximize, seed: 1, experiment: tried, space: {x: {low: 0.1, high: 0.9}}}}
schedules:
  nightly: {pipeline: asks, cron: '0 3 * * *'}
"""
VERDICT = {"fault": "dead sensor", "what": "an input says nothing", "group": "inputs", "share": 1.0, "caught": False, "by": None, "delay_seconds": None, "harmed": 7, "action": None, "action_right": None, "cause_right": None,
           "noticed": [], "suggestion": {"metric": "missing_rate", "window": "day", "over": 0.1, "min_rows": 50, "value": 1.0, "delay_seconds": 3600.0}}
DRILL = {"endpoint": "sale", "from": "2024-01-29T00:00:00Z", "start": "2024-02-01T00:00:00Z", "until": "2024-02-08T00:00:00Z", "seed": 1, "grade": "E", "caught": 0, "faults_played": 1, "false_pages": 0, "alerts_without_fault": 0,
         "sources_not_pushed": [], "not_made": [], "faults": [VERDICT], "controls": []}
TOLD = {"eventType": "COMPLETE", "eventTime": "2024-01-29T00:00:00Z", "producer": "https://example.org", "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent", "run": {"runId": "0190c7a5-1a2b-7c3d-8e4f-5a6b7c8d9e0f"},
        "job": {"namespace": "told", "name": "job"}, "inputs": [{"namespace": "told", "name": "rows"}], "outputs": [{"namespace": "told", "name": "made"}]}


@pytest.fixture(scope="module")
def full(shop):  # noqa: F811
    """The shop with something of everything that is described."""
    post = lambda path, body: requests.post(shop.url + path, json=body, timeout=20).raise_for_status()  # noqa: E731
    shop.file.write_text(shop.file.read_text().replace("endpoints:\n", MORE + "endpoints:\n", 1))
    (shop.file.parent / "try.py").write_text(TRY)
    shop.cli("apply", str(shop.file))
    shop.cli("run", "searches")
    visits = pd.read_parquet(shop.file.parent / "visits.parquet")
    visits.loc[10:20, "pages"] += 1
    visits.drop(index=30).to_parquet(shop.file.parent / "visits.parquet", index=False)
    shop.cli("data", "ingest", "visits")
    post(f"{BASE}/endpoints/sale/drills", {"report": DRILL})
    shop.drill = requests.get(f"{shop.url}{BASE}/endpoints/sale/drills", timeout=60).json()["drills"][0]["id"]
    post("/api/v1/lineage", TOLD)
    shop.alert = requests.get(f"{shop.url}{BASE}/alerts", timeout=60).json()["alerts"][0]["id"]
    shop.second = json.loads(shop.cli("--json", "run", "asks", "--detach").stdout)["id"]
    return shop


@pytest.fixture(scope="module")
def description(shop):  # noqa: F811
    return requests.get(f"{shop.url}{BASE}/openapi.json", timeout=60).json()


def test_no_described_route_goes_unasked(description):
    assert set(ASKED) | WITH_LOGIN == set(described(description, "get")) | WITH_LOGIN
    assert set(POSTED) | {APPROVE, MAKE_TOKEN} == set(described(description, "post")) | {MAKE_TOKEN}


@pytest.mark.parametrize("path", ASKED)
def test_an_answer_is_as_described(full, description, path):
    reply = requests.get(address(full, path, ASKED[path]), timeout=60)
    assert reply.status_code == 200, reply.text
    check(description, described(description, "get")[path], reply.json())


@pytest.mark.parametrize("path", POSTED)
def test_what_is_posted_is_as_described(full, description, path):
    given, body = POSTED[path]
    check(description, name_of(description["paths"][path]["post"]["requestBody"]["content"]), body)
    if path.endswith("/retry"):  # which was cancelled, and must be over
        eventually(lambda: requests.get(f"{full.url}{BASE}/pipeline-runs/{full.second}", timeout=60).json()["finished_at"])
    reply = requests.post(address(full, path, given), json=body, timeout=60)
    assert reply.status_code == 200, reply.text
    check(description, described(description, "post")[path], reply.json())


def test_answers_to_who_has_logged_in(start_server, monkeypatch):
    monkeypatch.setenv("SLIPWAY_ADMIN_PASSWORD", "a password for admins")
    server, asked = start_server("login", "--login"), requests.Session()
    asked.auth = ("admin", "a password for admins")
    description = asked.get(f"{server.url}{BASE}/openapi.json", timeout=60).json()
    post = lambda path, body: asked.post(server.url + path, json=body, timeout=60)  # noqa: E731
    body = {"name": "for a day", "expires_in_seconds": 86400}
    check(description, name_of(description["paths"][MAKE_TOKEN]["post"]["requestBody"]["content"]), body)
    check(description, described(description, "post")[MAKE_TOKEN], post(MAKE_TOKEN, body).json())
    assert WITH_LOGIN <= set(described(description, "get"))
    for path in WITH_LOGIN:
        check(description, described(description, "get")[path], asked.get(server.url + path, timeout=60).json())
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
