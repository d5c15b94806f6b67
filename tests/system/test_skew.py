"""Skew of every kind, planted in what is served, is found and named by the built server; what is served as it should be stays silent.

Visits of two shops, one every ten minutes, with a weekly pattern; how each ended is known an hour later, what it was about up to five hours
later. An endpoint a kind of skew, all over the same features: what a client sends wins over what is looked up, so a client can do each wrong.
"""
import json
import os
import pathlib
import sys
import textwrap

import lightgbm
import mlflow
import numpy as np
import pandas as pd
import pytest
import requests
import xgboost
from conftest import Server, eventually
from mlflow.models import infer_signature
from playwright.sync_api import expect

START = pd.Timestamp("2024-02-05", tz="UTC")
SENT = {  # by endpoint: the feature that its client sends, and the reason that must be found
    "late": ("told__pages_6h", "late data"),
    "fallback": ("recent__sale_share_24h", "default"),
    "gone": ("told__pages_6h", "default"),
    "zone": ("clock__hour", "time zone"),
    "unit": ("told__pages_6h", "unit"),
    "narrow": ("recent__sale_share_24h", None),  # what the model reads is float32: no skew
    "wide": ("recent__sale_share_24h", "type"),  # LightGBM reads doubles
    "counted": ("told__pages_6h", "type"),
    "cached": ("recent__sale_share_24h", "stale"),
}
YAML = """
project: shop
clock: rehearsal
start: 2024-02-05T00:00:00Z
datasets:
  visits: {path: visits.parquet, key: [visit], event_time: at, arrival_time: known_at, columns: {shop: {type: string}}}
features:
  sources:
    ended: {dataset: visits, event_time: known_at, arrival_time: known_at}
    told: {dataset: visits, event_time: at, arrival_time: told_at}
    loaded: {dataset: visits, event_time: known_at, arrival_time: known_at}
  views:
    recent: {source: ended, keys: [shop], windows: [24h], aggregates: {sale_share: mean(sold), visits: count()}}
    told: {source: told, keys: [shop], windows: [6h], aggregates: {pages: mean(pages)}}
    stock: {source: loaded, keys: [shop], windows: [24h], aggregates: {visits: count(), pages: mean(pages)}}
    clock: {columns: {hour: "hour(at, 'America/New_York')", weekday: "weekday(at, 'America/New_York')"}}
  services:
    sale: {event_time: at, request: {shop: string, at: timestamp}, features: [recent, told, clock]}
    stock: {event_time: at, request: {shop: string, at: timestamp}, features: [stock]}
endpoints:
"""
COLUMNS = {"sale": ["recent__sale_share_24h", "recent__visits_24h", "told__pages_6h", "clock__hour", "clock__weekday"],
           "stock": ["stock__visits_24h", "stock__pages_24h"]}


def model_of(endpoint: str) -> str:
    return "wide" if endpoint == "wide" else "sale"


def visits() -> pd.DataFrame:
    random = np.random.default_rng(11)
    at = pd.date_range("2024-01-22", periods=21 * 144, freq="10min", tz="UTC")
    pages = random.integers(1, 30, len(at)) + 5.0 * (at.weekday >= 5)
    rows = pd.DataFrame({"visit": [f"v{i:05d}" for i in range(len(at))], "at": at, "known_at": at + pd.Timedelta(hours=1),
                         "told_at": at + pd.to_timedelta(random.integers(0, 300, len(at)), unit="min"), "shop": random.choice(["north", "south"], len(at)),
                         "pages": pages, "sold": (random.random(len(at)) < 0.3).astype(float)})
    return rows.astype({c: "datetime64[us, UTC]" for c in ("at", "known_at", "told_at")})


def cli_json(server, *words, **kwargs):
    return json.loads(server.cli("--json", *words, **kwargs).stdout)


def ask(server, endpoint: str, at: pd.Timestamp, shop: str, sent: dict | None = None) -> None:
    inputs = [{"name": "shop", "shape": [1], "datatype": "BYTES", "data": [shop]}, {"name": "at", "shape": [1], "datatype": "BYTES", "data": [at.isoformat()]}]
    for name, value in (sent or {}).items():
        inputs.append({"name": name, "shape": [1], "datatype": "FP64", "data": [value]})
    reply = requests.post(f"{server.url}/v2/models/{endpoint}/infer", timeout=60,
                          json={"id": f"{endpoint}-{at:%d%H%M}", "inputs": inputs, "parameters": {"event_time": at.isoformat()}})
    assert reply.status_code == 200, reply.text


def right(server, at: pd.Timestamp, shop: str, service: str = "sale") -> dict:
    reply = requests.post(f"{server.url}/slipway/v1/features/online", timeout=60, json={"service": service, "as_of": at.isoformat(), "rows": [{"shop": shop, "at": at.isoformat()}]}).json()
    return dict(zip(reply["names"], reply["rows"][0]))


def wrong(server, rows: pd.DataFrame, endpoint: str, at: pd.Timestamp, shop: str):
    """What each client makes of the feature that it sends."""
    now = right(server, at, shop)
    if endpoint == "late":  # computed in the evening, from all visits of the time, told by then or not
        return rows[(rows["at"] > at - pd.Timedelta(hours=6)) & (rows["at"] <= at) & (rows.shop == shop)].pages.mean()
    if endpoint == "fallback":
        return 0.25
    if endpoint == "zone":
        return float(at.hour)
    if endpoint == "unit":
        return now["told__pages_6h"] * 1000
    if endpoint == "counted":
        return float(round(now["told__pages_6h"]))
    if endpoint in ("narrow", "wide"):
        return float(np.float32(now["recent__sale_share_24h"]))
    if endpoint == "cached":
        return right(server, at.floor("6h"), shop)["recent__sale_share_24h"]
    return None


def apply(server, folder: pathlib.Path, yaml: str) -> None:
    (folder / "slipway.yaml").write_text(yaml)
    server.cli("apply", str(folder / "slipway.yaml"))


@pytest.fixture(scope="module")
def skewed(tmp_path_factory):
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    folder = tmp_path_factory.mktemp("shop")
    server = Server(tmp_path_factory.mktemp("server") / "data", "--python-path", str(pathlib.Path(sys.executable).parent))
    rows = visits()
    rows.to_parquet(folder / "visits.parquet", index=False)
    mlflow.set_tracking_uri(server.url)
    mlflow.set_registry_uri(server.url)
    for model, columns in COLUMNS.items():
        frame = pd.DataFrame(np.random.default_rng(3).random((200, len(columns))), columns=columns)
        with mlflow.start_run():
            booster = xgboost.train({"seed": 1, "max_depth": 2}, xgboost.DMatrix(frame, frame[columns[0]]), 3)
            mlflow.xgboost.log_model(booster, name="model", registered_model_name=model, model_format="json", pip_requirements=["xgboost-cpu"],
                                     signature=infer_signature(frame, booster.predict(xgboost.DMatrix(frame))))
    with mlflow.start_run():
        frame = pd.DataFrame(np.random.default_rng(3).random((200, 5)), columns=COLUMNS["sale"])
        booster = lightgbm.train({"verbose": -1, "num_leaves": 4}, lightgbm.Dataset(frame, frame[COLUMNS["sale"][0]]), 3)
        mlflow.lightgbm.log_model(booster, name="model", registered_model_name="wide", pip_requirements=["lightgbm"], signature=infer_signature(frame, booster.predict(frame)))
    server.folder = folder
    server.yaml = textwrap.dedent(YAML) + "".join(f'  {name}: {{model: "models:/{model_of(name)}/1", features: sale}}\n' for name in ("right", *SENT))
    server.yaml += '  changed: {model: "models:/sale/1", features: sale, log: {policy: durable}}\n'
    server.yaml += '  frozen: {model: "models:/stock/1", features: stock}\n'
    # The endpoint's first release needs the data that its features are bound to.
    apply(server, folder, server.yaml.split("endpoints:")[0])
    server.cli("data", "ingest", "visits")
    server.cli("features", "materialize", "--as-of", START.isoformat())
    apply(server, folder, server.yaml)
    for name in ("right", "changed", *SENT):
        server.cli("endpoints", "deploy", name, f"models:/{model_of(name)}/1")
    server.cli("endpoints", "deploy", "frozen", "models:/stock/1")
    # What is pushed reaches two of the sources; the third only has what was loaded.
    fresh = rows[(rows["at"] > START - pd.Timedelta(hours=30)) & (rows["at"] < START + pd.Timedelta(days=3))]
    wire = json.loads(fresh.assign(**{c: fresh[c].map(lambda t: t.isoformat()) for c in ("at", "known_at", "told_at")}).to_json(orient="records"))
    for source in ("ended", "told"):
        requests.post(f"{server.url}/slipway/v1/features/push", json={"source": source, "rows": wire}, timeout=30).raise_for_status()
    for i, at in enumerate(pd.date_range(START + pd.Timedelta(minutes=63), periods=66, freq="20min")):
        shop = ("north", "south")[i % 2]
        ask(server, "right", at, shop)
        ask(server, "frozen", at, shop)
        for endpoint, (feature, _) in SENT.items():
            ask(server, endpoint, at, shop, {feature: wrong(server, rows, endpoint, at, shop)})
    server.cli("clock", "--advance-to", (START + pd.Timedelta(days=1)).isoformat())
    yield server
    server.stop()


def by_feature(server, endpoint: str) -> dict:
    return {f["feature"]: f for f in cli_json(server, "features", "skew", endpoint)["features"] if f["current"]}


def test_what_was_looked_up_is_the_same_to_the_bit(skewed):
    features = by_feature(skewed, "right")
    assert sorted(features) == sorted(COLUMNS["sale"])
    for feature in features.values():
        assert (feature["compared"], feature["different"], feature["reason"]) == (66, 0, None)
    assert skewed.cli("features", "skew", "right", "--fail-over", "0").returncode == 0


@pytest.mark.parametrize("endpoint", SENT)
def test_what_a_client_does_wrong_is_named(skewed, endpoint):
    feature, reason = SENT[endpoint]
    features = by_feature(skewed, endpoint)
    found = features.pop(feature)
    if reason is None:
        assert (found["compared"], found["different"]) == (66, 0)
        return
    assert found["different"] > 30, found
    assert found["reason"] == reason, found["reasons"]
    assert found["rate_low"] < found["rate"] <= found["rate_high"]
    assert found["first"]["request"].startswith(endpoint)
    assert {f["different"] for f in features.values()} == {0}  # the others were looked up


def test_the_detail_says_how(skewed):
    assert by_feature(skewed, "unit")["told__pages_6h"]["detail"] == "x1000"
    assert by_feature(skewed, "wide")["recent__sale_share_24h"]["detail"] == "float32"
    assert by_feature(skewed, "fallback")["recent__sale_share_24h"]["detail"] == "always 0.25"
    assert by_feature(skewed, "zone")["clock__hour"]["detail"] == "+5h"


def test_a_source_that_was_loaded_too_long_ago_is_stale(skewed):
    for feature in by_feature(skewed, "frozen").values():
        assert (feature["reason"], feature["different"] > 60) == ("stale", True), feature
        assert feature["detail"].startswith("as materialized"), feature


def test_exit_code_table_and_gauge(skewed):
    assert skewed.cli("features", "skew", "unit", "--fail-over", "0.5", check=False).returncode == 3
    table = skewed.cli("features", "skew", "unit").stdout.splitlines()
    assert table[0].split()[:5] == ["ENDPOINT", "FEATURE", "COMPARED", "DIFFERENT", "RATE"]
    assert "unit (x1000)" in table[1]
    metrics = requests.get(skewed.url + "/metrics", timeout=60).text
    assert 'slipway_feature_skew_rate{endpoint="unit",feature="told__pages_6h"} 1\n' in metrics
    assert 'slipway_feature_skew_rate{endpoint="right",feature="told__pages_6h"} 0\n' in metrics


def test_explain_shows_where_a_value_comes_from(skewed):
    first = by_feature(skewed, "late")["told__pages_6h"]["first"]["request"]
    told = cli_json(skewed, "features", "explain", first, "told__pages_6h")
    feature = told["features"][0]
    assert (told["endpoint"], feature["same"]) == ("late", False)
    known = [r["value"] for r in feature["rows"] if r["known"]]
    assert feature["recomputed"] == pytest.approx(np.mean(known))
    assert feature["served"] == pytest.approx(np.mean([r["value"] for r in feature["rows"]]))
    assert "late data" in [r["reason"] for r in feature["reasons"]]
    assert skewed.cli("features", "explain", "nobody", check=False).returncode == 4
    words = skewed.cli("features", "explain", first, "told__pages_6h").stdout
    assert "different" in words and "KNOWN" in words


def test_a_changed_definition_is_told_and_all_of_it_survives_a_kill(skewed):
    for i, at in enumerate(pd.date_range(START + pd.Timedelta(days=1, minutes=3), periods=40, freq="20min")):
        ask(skewed, "changed", at, ("north", "south")[i % 2])
    before = cli_json(skewed, "features", "skew", "unit")["features"]
    apply(skewed, skewed.folder, skewed.yaml.replace("pages: mean(pages)}}\n    stock", "pages: max(pages)}}\n    stock"))
    skewed.kill()
    skewed.start()
    skewed.cli("clock", "--advance-to", (START + pd.Timedelta(days=2)).isoformat())
    features = by_feature(skewed, "changed")
    assert (features["told__pages_6h"]["reason"], features["told__pages_6h"]["different"] > 30) == ("definition", True)
    assert {f["different"] for name, f in features.items() if name != "told__pages_6h"} == {0}
    assert cli_json(skewed, "features", "skew", "unit")["features"] == before


@pytest.mark.expects_errors  # Chromium logs a refused request
def test_the_page_shows_what_differs_and_explains_a_request(skewed, open_page):
    page = open_page(f"{skewed.url}/ui/endpoints/unit/features", color_scheme="dark")
    expect(page.get_by_text("1 feature of 5 had values that differ when they are recomputed")).to_be_visible()
    table = page.get_by_role("table", name="Features")
    expect(table.get_by_role("row").nth(1)).to_contain_text("pages_6h")  # the most different first
    expect(table.get_by_role("row").nth(1)).to_contain_text("x1000")
    first = by_feature(skewed, "unit")["told__pages_6h"]
    served, right = first["last_served"], first["last_recomputed"]
    assert served["missing_rate"] == right["missing_rate"] == 0
    assert served["p50"] == pytest.approx(right["p50"] * 1000)
    link = table.get_by_role("link", name=first["first"]["request"])
    link.focus()
    page.keyboard.press("Enter")
    value = page.get_by_role("region", name="told__pages_6h")
    expect(value).to_contain_text("differs")
    rows = value.get_by_role("table", name="Rows of told__pages_6h")
    expect(rows.get_by_text("yes").first).to_be_visible()
    page.get_by_label("Id of a request").fill("nobody")
    with page.expect_response(lambda reply: "explain" in reply.url):
        page.get_by_role("button", name="Explain").click()
    expect(page.get_by_role("alert")).to_contain_text("no endpoint with a feature service has such a request")

    page = open_page(f"{skewed.url}/ui/endpoints/right/features")
    expect(page.get_by_text("5 features, recomputed as known when they were served: all the same")).to_be_visible()
    views = page.get_by_role("table", name="Views")
    expect(views.get_by_role("row")).to_have_count(3)  # the head and the views that have rows
    page = open_page(f"{skewed.url}/ui/endpoints/nobody/features")
    expect(page.get_by_text("Nothing was recomputed yet.")).to_be_visible()


WALL = """
project: kiosk
datasets:
  counts: {path: counts.parquet, key: [id], event_time: at, arrival_time: at}
features:
  sources:
    counted: {dataset: counts, event_time: at, arrival_time: at}
  views:
    last: {source: counted, keys: [id], columns: {n: n, m: m}}
  services:
    one: {event_time: at, request: {id: int64, at: timestamp}, features: [last]}
"""


def test_on_the_wall_clock_it_is_measured_by_itself_and_keys_are_exact(tmp_path):
    server = Server(tmp_path / "data", "--skew-interval-seconds", "1", "--skew-delay-seconds", "1")
    try:
        big = 2**53 + 1  # a double has its neighbours only
        frame = pd.DataFrame({"id": [big - 1, big, big + 1], "at": pd.to_datetime(["2024-01-01"] * 3, utc=True).astype("datetime64[us, UTC]"),
                              "n": [1.0, 2.0, 3.0], "m": [1.5, 2.5, 3.5]})
        frame.to_parquet(tmp_path / "counts.parquet", index=False)
        mlflow.set_tracking_uri(server.url)
        mlflow.set_registry_uri(server.url)
        rows = pd.DataFrame(np.random.default_rng(3).random((200, 2)), columns=["last__n", "last__m"])
        with mlflow.start_run():
            booster = xgboost.train({"seed": 1, "max_depth": 2}, xgboost.DMatrix(rows, rows["last__n"]), 3)
            mlflow.xgboost.log_model(booster, name="model", registered_model_name="kiosk", model_format="json", pip_requirements=["xgboost-cpu"],
                                     signature=infer_signature(rows, booster.predict(xgboost.DMatrix(rows))))
        apply(server, tmp_path, WALL)
        server.cli("data", "ingest", "counts")
        server.cli("features", "materialize", "--as-of", "2024-02-01T00:00:00Z")
        apply(server, tmp_path, WALL + 'endpoints:\n  kiosk: {model: "models:/kiosk/1", features: one}\n')
        server.cli("endpoints", "deploy", "kiosk", "models:/kiosk/1")

        def measured():
            now = pd.Timestamp.now("UTC").isoformat()
            reply = requests.post(f"{server.url}/v2/models/kiosk/infer", timeout=60, json={"inputs": [
                {"name": "id", "shape": [1], "datatype": "BYTES", "data": [str(big)]}, {"name": "at", "shape": [1], "datatype": "BYTES", "data": [now]},
                {"name": "last__m", "shape": [1], "datatype": "FP64", "data": [2500.0]}]})
            assert reply.status_code == 200, reply.text
            found = by_feature(server, "kiosk")
            return found if found.get("last__m", {"different": 0})["different"] >= 3 else None

        found = eventually(measured)
        assert (found["last__m"]["reason"], found["last__m"]["detail"]) == ("unit", "x1000")
        assert found["last__n"]["compared"] == found["last__m"]["compared"]
        assert found["last__n"]["different"] == 0
        told = cli_json(server, "features", "explain", found["last__m"]["first"]["request"])
        assert told["asked"]["id"] == big
    finally:
        server.stop()
