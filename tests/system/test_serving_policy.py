"""What an endpoint is asked, against the rules of its inputs: rejected, put aside, or counted; over every protocol, and what a monitor makes of it."""
import json
import os
import pathlib
import signal
import subprocess

import mlflow
import numpy as np
import pandas as pd
import pytest
import requests
import xgboost
from conftest import ROOT, Server, free_port
from mlflow.models import infer_signature
from playwright.sync_api import expect

CLIENTS = pathlib.Path(__file__).parents[1] / "serving_clients"
PYTHON = ROOT / ".deps" / "serving-clients" / "bin" / "python3"
START = pd.Timestamp("2024-01-29", tz="UTC")
BASE = """
project: shop
clock: rehearsal
start: 2024-01-29T00:00:00Z
datasets:
  visits: {path: visits.parquet, key: [visit]}
endpoints:
  sale:
    model: models:/sale@champion
    output: sold
"""
INPUTS = """
    inputs:
      on_violation: flag
      columns:
        pages: {type: int64, min: 0, max: 30, on_violation: reject}
        hour: {min: 0, max: 24, required: true}
        shop: {in: [north, south], on_violation: quarantine}
"""
MONITORS = """
monitors:
  sale-health:
    endpoint: sale
    windows: [day]
    complete: {share: 1, after: 1h}
    alerts:
      dirty: {metric: violation_rate, window: day, over: 0.5, min_rows: 5}
"""


def visits(count: int = 200) -> pd.DataFrame:
    random = np.random.default_rng(3)
    shop = pd.Categorical(random.choice(["north", "south"], count), categories=["north", "south"])
    return pd.DataFrame({"pages": random.integers(1, 30, count).astype(float), "hour": random.uniform(0, 24, count).round(2), "shop": shop})


@pytest.fixture
def shop(tmp_path):
    """An endpoint without rules, whose model reads pages, hour and shop."""
    grpc_port = free_port()
    server = Server(tmp_path / "data", "--grpc-port", str(grpc_port), "--allowed-hosts", "*")
    server.grpc_url = f"127.0.0.1:{grpc_port}"
    server.yaml = tmp_path / "slipway.yaml"
    mlflow.set_tracking_uri(server.url)
    mlflow.set_registry_uri(server.url)
    rows = visits()
    data = xgboost.DMatrix(rows, (rows.pages > 12).astype(float), enable_categorical=True)
    booster = xgboost.train({"objective": "binary:logistic", "max_depth": 3, "seed": 1}, data, 8)
    with mlflow.start_run():
        mlflow.xgboost.log_model(booster, name="model", registered_model_name="sale", model_format="json", pip_requirements=["xgboost-cpu"],
                                 signature=infer_signature(rows, booster.predict(data)))
    rows.astype({"shop": str}).assign(visit=[f"v{i}" for i in range(len(rows))]).to_parquet(tmp_path / "visits.parquet", index=False)
    apply(server, BASE)
    server.cli("endpoints", "deploy", "sale", "models:/sale/1")
    yield server
    server.stop()


def apply(server, yaml: str, check: bool = True):
    server.yaml.write_text(yaml)
    return server.cli("apply", str(server.yaml), check=check)


def infer(server, id: str, pages=3.0, hour=12.0, shop="north", at: pd.Timestamp = START, **parameters):
    body = {"id": id, "parameters": {"event_time": at.isoformat(), **parameters},
            "inputs": [{"name": name, "shape": [1], "datatype": "BYTES" if name == "shop" else "FP64", "data": [value]}
                       for name, value in (("pages", pages), ("hour", hour), ("shop", shop))]}
    return requests.post(f"{server.url}/v2/models/sale/infer", json=body, timeout=60)


def own(server, path: str) -> dict:
    reply = requests.get(f"{server.url}/slipway/v1/{path}", timeout=60)
    assert reply.status_code == 200, reply.text
    return reply.json()


def logged(server, id: str) -> dict:
    return own(server, f"endpoints/sale/requests/{id}")["request"]


def metric(server, name: str, **labels: str) -> float:
    lines = requests.get(f"{server.url}/metrics", timeout=60).text.splitlines()
    found = [line for line in lines if line.startswith(name + "{") and all(f'{key}="{value}"' in line for key, value in labels.items())]
    return sum(float(line.rsplit(" ", 1)[1]) for line in found)


def test_rejected_put_aside_or_counted(shop):
    """A change of the rules holds for the next request; what they say is in the log, in the counts and after a kill."""
    assert infer(shop, "before", pages=4000.0).status_code == 200
    planned = json.loads(shop.cli("--json", "plan", str(_written(shop, BASE + INPUTS))).stdout)
    changed = next(change for change in planned["changes"] if change["kind"] == "endpoint")
    assert changed["change"] == "updated" and [part["at"] for part in changed["differs"]] == ["inputs"]
    apply(shop, BASE + INPUTS)

    refused = infer(shop, "refused", pages=4000.0, shop="east")
    assert refused.status_code == 400
    assert refused.json()["error"] == 'input pages breaks a rule of this endpoint: got=4000 rule="max: 30"'
    assert "type: int64" in infer(shop, "half", pages=2.5).json()["error"]
    apart = infer(shop, "apart", shop="east")
    assert apart.status_code == 200 and apart.json()["outputs"][0]["data"]
    flagged = infer(shop, "flagged", hour=None)
    assert flagged.status_code == 200
    assert infer(shop, "fine").status_code == 200
    assert infer(shop, "loaded", pages=77.0, traffic="load").status_code == 400
    words = requests.post(f"{shop.url}/v1/models/sale:predict", json={"id": "typed", "instances": [{"pages": "many", "hour": 1, "shop": "north"}]}, timeout=60)
    assert words.status_code == 400 and words.json()["error"] == 'feature pages must be a number: got="many"'

    def told(id: str) -> tuple:
        row = logged(shop, id)
        variant = row["variants"][0]
        return row["traffic"], variant["error"] is not None, variant["prediction"] is not None, json.loads(variant["input_violations"] or "{}")

    expected = {"refused": ("rejected", True, False, {"pages": "max", "shop": "in"}), "apart": ("quarantined", False, True, {"shop": "in"}),
                "flagged": ("", False, True, {"hour": "required"}), "fine": ("", False, True, {}), "loaded": ("load", True, False, {"pages": "max"})}
    assert {id: told(id) for id in expected} == expected
    assert logged(shop, "before")["variants"][0]["input_violations"] is None
    assert logged(shop, "refused")["features"] == {"pages": 4000, "hour": 12, "shop": "east"}

    found = own(shop, "endpoints/sale/inputs")
    assert found["rows"] == {"rejected": 4, "quarantined": 1, "flagged": 1}
    values = {(one["column"], one["rule"]): (one["on_violation"], one["values"], one["last"][0]["value"]) for one in found["violations"]}
    assert values == {("pages", "max"): ("reject", 2, "77"), ("pages", "type"): ("reject", 2, "many"), ("shop", "in"): ("quarantine", 2, "east"),
                      ("hour", "required"): ("flag", 1, "")}
    assert metric(shop, "slipway_endpoint_violations_total", column="pages", rule="max", on_violation="reject") == 2
    assert metric(shop, "slipway_endpoint_violating_rows_total", on_violation="quarantine") == 1
    assert metric(shop, "slipway_endpoint_errors_total", endpoint="sale") == 4
    words = shop.cli("endpoints", "inputs", "show", "sale").stdout
    assert "4 rows rejected, 1 quarantined, 1 flagged" in words and "required" in words

    shop.stop(signal.SIGKILL)
    shop.start()
    assert infer(shop, "again", pages=4000.0).status_code == 400
    assert own(shop, "endpoints/sale/inputs")["columns"]["pages"]["max"] == 30
    assert logged(shop, "refused")["traffic"] == "rejected"
    apply(shop, BASE)
    assert infer(shop, "after", pages=4000.0).status_code == 200


def test_a_text_is_like_a_pattern(shop, open_page):
    apply(shop, BASE + "    inputs:\n      columns:\n        shop: {pattern: '^(?i)no|th$', on_violation: reject}\n")
    for id, name in (("all", "north"), ("case", "NOwhere"), ("end", "south")):
        assert infer(shop, id, shop=name).status_code == 200, name
    refused = infer(shop, "refused", shop="east")
    assert refused.status_code == 400
    assert refused.json()["error"] == 'input shop breaks a rule of this endpoint: got="east" rule="pattern: ^(?i)no|th$"'
    assert metric(shop, "slipway_endpoint_violations_total", column="shop", rule="pattern", on_violation="reject") == 1
    section = open_page(f"{shop.url}/ui/endpoints/sale").get_by_role("region", name="Inputs")
    expect(section.get_by_role("row").filter(has_text="shop")).to_contain_text("like ^(?i)no|th$refused1east")


def test_files_are_checked_by_the_rules_of_an_endpoint(shop, tmp_path):
    rows = visits(2000).astype({"shop": str})
    rows.loc[10:14, "pages"] = 4000.0
    rows.loc[14:17, "shop"] = "east"
    rows.loc[20, "hour"] = np.nan
    file, out = tmp_path / "rows.parquet", tmp_path / "scored"
    rows.to_parquet(file, index=False)
    words = ["--json", "batch", "score", "models:/sale/1", "--in", str(file), "--out", str(out), "--inputs-of", "sale"]
    none = shop.cli(*words, check=False)
    assert none.returncode != 0 and "declares no rules for its inputs" in none.stderr and not out.exists()
    apply(shop, BASE + INPUTS)
    report = json.loads(shop.cli(*words).stdout)
    assert report["violations"] == {"rows": {"reject": 5, "quarantine": 3, "flag": 1}, "values": {"hour required": 1, "pages max": 5, "shop in": 4}, "not_checked": []}
    scored = pd.read_parquet(out / "part-00000-0000.parquet")
    assert len(scored) == len(rows)
    broken = scored[scored.on_violation.notna()].set_index("row")
    assert broken.on_violation.to_dict() == {**dict.fromkeys(range(10, 15), "reject"), **dict.fromkeys(range(15, 18), "quarantine"), 20: "flag"}
    assert json.loads(broken.input_violations[14]) == {"pages": "max", "shop": "in"}
    answer = next(name for name in scored if name not in ("row", "model", "input_violations", "on_violation"))
    assert scored[answer].isna().sum() == 5 and scored[answer][10:15].isna().all()
    one = infer(shop, "same", *rows.loc[30, ["pages", "hour", "shop"]]).json()["outputs"][0]["data"][0]
    assert scored[answer][30] == pytest.approx(one, rel=1e-6)
    again = shop.cli(*words[1:], check=False).stdout
    assert "rules: 5 rows rejected, which have no answer, 3 quarantined, 1 flagged" in again and "pages max: 5 values" in again


def test_the_page_shows_what_broke_a_rule(shop, open_page):
    page = open_page(f"{shop.url}/ui/endpoints/sale")
    section = page.get_by_role("region", name="Inputs")
    expect(section).to_contain_text("declares no rules for its inputs")
    expect(section).to_contain_text("slipway endpoints inputs infer sale")
    apply(shop, BASE + INPUTS)
    page.reload()
    expect(section).to_contain_text("No value broke a rule.")
    infer(shop, "refused", pages=4000.0)
    infer(shop, "flagged", hour=None)
    page.reload()
    expect(section).to_contain_text("3 inputs with rules. Since the server started 1 row refused, 0 put aside, 1 flagged.")
    rows = section.get_by_role("row")
    expect(rows.filter(has_text="pages")).to_contain_text("at most 30refused14000refused")
    expect(rows.filter(has_text="hour")).to_contain_text("not missingflagged1missingflagged")


def _written(server, yaml: str) -> pathlib.Path:
    server.yaml.write_text(yaml)
    return server.yaml


def test_every_protocol_says_it_in_its_own_way(shop):
    apply(shop, BASE + INPUTS)
    done = subprocess.run([PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", CLIENTS, CLIENTS / "policy_clients.py"],
                          env={**os.environ, "SERVED": json.dumps({"url": shop.url, "grpc_url": shop.grpc_url})}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    words = 'row 1: input pages breaks a rule of this endpoint: got=4000 rule="max: 30"'
    rows = [{"pages": 3, "hour": 12, "shop": "north"}, {"pages": 4000, "hour": 12, "shop": "north"}]
    frame = pd.DataFrame(rows)
    calls = {
        "MLflow records": ("/endpoints/sale/invocations", {"json": {"dataframe_records": rows}}, lambda reply: (reply["error_code"], reply["message"]), "BAD_REQUEST"),
        "MLflow CSV": ("/endpoints/sale/invocations", {"data": frame.to_csv(index=False), "headers": {"Content-Type": "text/csv"}},
                       lambda reply: (reply["error_code"], reply["message"]), "BAD_REQUEST"),
        "v1": ("/v1/models/sale:predict", {"json": {"instances": rows}}, lambda reply: ("", reply["error"]), ""),
        "Vertex AI": ("/v1/projects/p/locations/l/endpoints/sale:predict", {"json": {"instances": rows}},
                      lambda reply: (reply["error"]["status"], reply["error"]["message"]), "INVALID_ARGUMENT"),
        "Azure ML": ("/score", {"json": {"input_data": {"columns": list(frame), "index": [0, 1], "data": frame.values.tolist()}}},
                     lambda reply: ("", json.dumps(reply, ensure_ascii=False).replace('\\"', '"')), ""),
    }
    for protocol, (path, request, read, code) in calls.items():
        reply = requests.post(shop.url + path, timeout=60, **request)
        assert reply.status_code == 400, (protocol, reply.text)
        said, message = read(reply.json())
        assert said == code and words in message, (protocol, reply.text)
    assert own(shop, "endpoints/sale/inputs")["rows"] == {"rejected": 3 + len(calls), "quarantined": 2, "flagged": 0}


def test_rules_are_made_from_training_rows(shop):
    refused = shop.cli("endpoints", "inputs", "infer", "sale", check=False)
    assert refused.returncode != 0 and "no dataset has all inputs" in refused.stderr
    shop.cli("data", "ingest", "visits")
    made = shop.cli("endpoints", "inputs", "infer", "sale").stdout
    assert "200 rows of dataset visits version 1" in made
    lines = "".join(f"    {line}\n" for line in made.splitlines())
    apply(shop, BASE + lines)
    rules = own(shop, "endpoints/sale/inputs")["columns"]
    assert rules["pages"] == {"type": "double", "min": 0, "max": 32, "required": True} and rules["shop"]["in"] == ["north", "south"]
    for row in visits().head(50).astype({"shop": str}).itertuples():
        assert infer(shop, f"trained-{row.Index}", row.pages, row.hour, row.shop).status_code == 200
    assert own(shop, "endpoints/sale/inputs")["rows"]["flagged"] == 0
    assert infer(shop, "new", shop="east").status_code == 200
    assert own(shop, "endpoints/sale/inputs")["rows"]["flagged"] == 1


@pytest.mark.parametrize("columns, words", [
    ("pages: {max: 3, min: 4}", "max is less than min"),
    ("pages: {most: 3}", "most"),
    ("pages: {on_violation: drop}", "on_violation must be quarantine, reject or flag: got=drop"),
    ("shop: {pattern: 'nor[th'}", "missing ]: [th at character 4 of nor[th"),
    ("pages: {pattern: '^1'}", "the rule for an input is one of texts, and the model that answers reads numbers: endpoint=sale input=pages"),
    ("shop: {max: 3}", "the rule for an input is one of numbers, and the model that answers reads texts: endpoint=sale input=shop"),
])
def test_bad_rules_change_nothing(shop, columns, words):
    assert infer(shop, "wakes").status_code == 200
    for command in ("plan", "apply"):
        done = shop.cli(command, str(_written(shop, BASE + f"    inputs:\n      columns:\n        {columns}\n")), check=False)
        assert done.returncode != 0 and words in done.stderr, done.stderr
        assert "line " in done.stderr or " reads " in words
    assert own(shop, "endpoints/sale")["revision"]["number"] == 1


def test_a_rule_for_what_nobody_reads_is_told(shop):
    assert infer(shop, "wakes").status_code == 200
    done = apply(shop, BASE + "    inputs:\n      columns:\n        weather: {in: [rain]}\n")
    assert "nothing is checked of the input weather, which the model that answers doesn't read: it reads pages, hour, shop" in done.stdout + done.stderr
    assert infer(shop, "fine").status_code == 200


def test_a_monitor_watches_the_rate_and_learns_from_nothing_else(shop):
    """On the second day most requests break a rule: the alert names the inputs; the rows that were put aside or refused are no traffic."""
    apply(shop, BASE + INPUTS + MONITORS)
    for hour in range(8):
        assert infer(shop, f"good-{hour}", at=START + pd.Timedelta(hours=hour)).status_code == 200
    day = START + pd.Timedelta(days=1)
    for hour in range(8):
        infer(shop, f"bad-{hour}", pages=3000.0 if hour < 4 else 3.0, shop="north" if hour == 6 else "east", at=day + pd.Timedelta(hours=hour))
    third = day + pd.Timedelta(days=1)
    for hour in range(8):  # nobody is answered
        assert infer(shop, f"worse-{hour}", pages=3000.0, at=third + pd.Timedelta(hours=hour)).status_code == 400
    shop.cli("clock", "--advance-to", (third + pd.Timedelta(days=2)).isoformat())
    windows = own(shop, "monitors/sale-health/windows?variant=live")["windows"]
    assert [(w["rows"], w["metrics"].get("violation_rate")) for w in windows[:3]] == [(8, 0), (1, 0.875), (0, 1)]
    assert windows[1]["violations"] == {"rows": 8, "rejected": 4, "quarantined": 3, "flagged": 0, "columns": {"pages": {"max": 4}, "shop": {"in": 7}}}
    alerts = own(shop, "alerts?monitor=sale-health")["alerts"]
    assert [(a["alert"], a["value"]) for a in alerts] == [("dirty", 0.875)], alerts
    assert [(cause["feature"], cause["how"]) for cause in alerts[0]["causes"]] == [("shop", "violation"), ("pages", "violation")]
    rehearsed = shop.cli("monitors", "rehearse", "sale-health", "{metric: violation_rate, window: day, over: 0.9, min_rows: 5}")
    assert "would have fired 1 time" in rehearsed.stdout, rehearsed.stdout
