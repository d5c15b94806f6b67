"""Where a model does worst: a planted slice is found and named, a week without one has none; slices that are declared; and what the model goes by.

`flights` has one row every four minutes. What makes a flight late is a matter of the hour, but for the few that have many seats. In the week BAD flights
of HA over more than 2,000 miles turn it around; in the week after it they still do, and nearly all flights have many seats.
"""
import json
import pathlib
import re

import mlflow
import numpy as np
import pandas as pd
import pytest
import xgboost
from conftest import Server
from mlflow.models import infer_signature
from playwright.sync_api import expect

START = pd.Timestamp("2024-01-29", tz="UTC")  # a Monday; three weeks before it are known
BAD, SEATS, END = (START + pd.Timedelta(days=days) for days in (7, 14, 21))
INPUTS = ["carrier", "distance", "hour", "seats"]
YAML = """
project: air
clock: rehearsal
start: 2024-01-29T00:00:00Z
datasets:
  flights: {path: flights.parquet, key: [flight], event_time: at, arrival_time: known_at}
features:
  sources:
    landed: {dataset: flights, event_time: known_at, arrival_time: known_at}
  views:
    carrier_recent: {source: landed, keys: [carrier], windows: [24h], aggregates: {flights: count()}}
  services:
    late:
      event_time: at
      request: {carrier: string, distance: double, hour: double, seats: double, at: timestamp}
      features: [request.carrier, request.distance, request.hour, request.seats]
endpoints:
  late: {model: models:/late@champion, features: late, output: late}
monitors:
  late-health:
    endpoint: late
    windows: [week]
    complete: {share: 1, after: 6h}
    reference: {from: 2024-01-08T00:00:00Z, to: 2024-01-29T00:00:00Z}
    slices: [carrier, {name: long-haul, when: "distance > 2000"}, {name: broken, when: "nobody > 1"}]
    alerts:
      long: {metric: log_loss, window: week, slice: long-haul, over: 0.5, min_rows: 50}
      hawaiian: {metric: log_loss, window: week, slice: carrier=HA, over: 0.5, min_rows: 50}
      united: {metric: log_loss, window: week, slice: carrier=UA, over: 0.5, min_rows: 50}
      order: {metric: attribution_ndcg, window: week, under: 0.9}
"""


def flights() -> pd.DataFrame:
    random = np.random.default_rng(3)
    at = pd.date_range(START - pd.Timedelta(days=21), END, freq="4min", tz="UTC")
    count = len(at)
    rows = pd.DataFrame({"flight": [f"f{i:06d}" for i in range(count)], "at": at, "known_at": at + pd.Timedelta(hours=1),
                         "carrier": random.choice(["AA", "B6", "DL", "HA", "UA"], count), "distance": random.uniform(100, 3000, count).round(),
                         "hour": random.uniform(0, 24, count).round(1), "seats": random.uniform(50, 290, count).round()})
    many = random.random(count) < np.where(at >= SEATS, 0.95, 0.02)
    rows.loc[many, "seats"] = random.uniform(310, 500, many.sum()).round()
    chance = np.where(many, 0.97, np.where(rows.hour < 12, 0.85, 0.15))
    planted = (at >= BAD) & (rows.carrier == "HA") & (rows.distance > 2000)
    chance = np.where(planted, 1 - chance, chance)
    rows["late"] = (random.random(count) < chance).astype(float)
    return rows.astype({"at": "datetime64[us, UTC]", "known_at": "datetime64[us, UTC]"})


class Air:
    pass


@pytest.fixture(scope="module")
def air(tmp_path_factory):
    folder = tmp_path_factory.mktemp("air")
    made = Air()
    made.server = server = Server(folder / "data")
    rows = flights()
    rows.to_parquet(folder / "flights.parquet", index=False)
    (folder / "slipway.yaml").write_text(YAML)
    mlflow.set_tracking_uri(server.url)
    mlflow.set_registry_uri(server.url)
    known = rows[rows["at"] < START].astype({"carrier": "category"})
    made.booster = booster = xgboost.train({"objective": "binary:logistic", "max_depth": 3, "eta": 0.3, "seed": 1},
                                           xgboost.DMatrix(known[INPUTS], known.late, enable_categorical=True), 15)
    with mlflow.start_run():
        mlflow.xgboost.log_model(booster, name="model", registered_model_name="late", model_format="json", pip_requirements=["xgboost-cpu"],
                                 signature=infer_signature(known[INPUTS].astype({"carrier": object}), booster.predict(xgboost.DMatrix(known[INPUTS], enable_categorical=True))))
    made.known, made.rows = known, rows
    server.cli("apply", str(folder / "slipway.yaml"))
    server.cli("data", "ingest", "flights")
    server.cli("endpoints", "deploy", "late", "models:/late/1")
    file = str(folder / "flights.parquet")
    server.cli("replay", "late", "--requests", file, "--id", "flight", "--event-time", "at", "--inputs", ",".join([*INPUTS, "at"]), "--label", "late > 0",
               "--label-time", "known_at", "--connections", "4", "--until", (END + pd.Timedelta(hours=8)).isoformat())
    yield made
    server.stop()


def slices(air, start: pd.Timestamp) -> dict:
    return json.loads(air.server.cli("--json", "monitor", "slices", "late", "--window", "week", "--start", start.isoformat()).stdout)


def test_declared_slices_have_profiles_of_their_own(air):
    window = air.rows[(air.rows["at"] >= BAD) & (air.rows["at"] < BAD + pd.Timedelta(days=2))]
    for name, rows in (("", window), ("carrier=HA", window[window.carrier == "HA"]), ("long-haul", window[window.distance > 2000])):
        flags = ["--from", BAD.isoformat(), "--to", (BAD + pd.Timedelta(days=2)).isoformat(), *(["--slice", name] if name else [])]
        inputs = {one["input"]: one for one in json.loads(air.server.cli("--json", "monitor", "profile", "late", *flags).stdout)["inputs"]}
        assert inputs["distance"]["rows"] == inputs["prediction"]["rows"] == len(rows) > 0, name
        assert inputs["distance"]["numbers"]["mean"] == pytest.approx(rows.distance.mean(), rel=1e-9), name
        assert inputs["distance"]["numbers"]["min"] == rows.distance.min(), name
    assert json.loads(air.server.cli("--json", "monitor", "profile", "late", "--slice", "carrier=XX").stdout)["inputs"] == []


def test_a_planted_slice_is_found_and_named(air):
    week = slices(air, BAD)
    found = week["slices"]["found"]
    assert len(found) == 1, found
    slice = found[0]
    by_input = {predicate["input"]: predicate for predicate in slice["predicates"]}
    assert by_input["carrier"] == {"input": "carrier", "is": "HA"}
    assert set(by_input) == {"carrier", "distance"} and 1900 < by_input["distance"]["over"] < 2200 and "at_most" not in by_input["distance"]
    assert re.fullmatch(r"(carrier is HA and distance > [\d.]+|distance > [\d.]+ and carrier is HA)", slice["slice"])
    # Those rows, counted by hand.
    of_week = air.rows[(air.rows["at"] >= BAD) & (air.rows["at"] < SEATS)]
    inside = of_week[(of_week.carrier == "HA") & (of_week.distance > by_input["distance"]["over"])]
    assert slice["rows"] == len(inside) and slice["share"] == pytest.approx(len(inside) / len(of_week))
    chance = air.booster.predict(xgboost.DMatrix(inside.assign(carrier=pd.Categorical(inside.carrier, air.known.carrier.cat.categories))[INPUTS], enable_categorical=True)).astype(float)
    assert slice["inside"] == pytest.approx(-np.mean(np.log(np.where(inside.late > 0, chance, 1 - chance))), rel=1e-6)
    assert slice["inside"] > 2 * slice["outside"] and slice["low"] > 0.3
    # The model doesn't know, and the week before was fine.
    assert slice["expected"] < 0.6 < slice["inside"] and slice["before"]["inside"] < 0.6


def test_a_week_without_one_has_none(air):
    week = slices(air, START)
    assert week["slices"]["found"] == [] and week["slices"]["examined"] > 300 and week["slices"]["loss"] == "log_loss"


def test_declared_slices_have_metrics_and_alerts(air):
    week = slices(air, BAD)
    declared = {slice["name"]: slice for slice in week["declared_slices"]}
    assert set(declared) == {"long-haul", *(f"carrier={name}" for name in ("AA", "B6", "DL", "HA", "UA"))}
    of_week = air.rows[(air.rows["at"] >= BAD) & (air.rows["at"] < SEATS)]
    assert declared["long-haul"]["rows"] == (of_week.distance > 2000).sum() and declared["carrier=HA"]["labels"] == (of_week.carrier == "HA").sum()
    assert declared["carrier=HA"]["metrics"]["auc"] < declared["carrier=UA"]["metrics"]["auc"] - 0.1
    assert "no slice broken" in week["note"] and "nobody" in week["note"]
    alerts = json.loads(air.server.cli("--json", "alerts").stdout)["alerts"]
    opened = {alert["alert"]: alert for alert in alerts}
    assert "hawaiian" in opened and "united" not in opened
    assert opened["hawaiian"]["metric"] == "log_loss of carrier=HA" and opened["hawaiian"]["window_start"] == BAD.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert opened["hawaiian"]["value"] == pytest.approx(declared["carrier=HA"]["metrics"]["log_loss"])


def test_what_the_model_goes_by(air):
    quiet, moved = slices(air, BAD)["attributions"], slices(air, SEATS)["attributions"]
    assert quiet["ndcg"] > 0.98 and quiet["rows"] == 1000 == quiet["reference_rows"]
    assert moved["ndcg"] < 0.9
    shown = {input["input"]: input for input in moved["inputs"]}
    assert shown["hour"]["reference_rank"] == 1 and shown["seats"]["rank"] == 1 and shown["seats"]["reference_rank"] > 1
    # The reference's are XGBoost's own.
    own = np.abs(air.booster.predict(xgboost.DMatrix(air.known[INPUTS], enable_categorical=True), pred_contribs=True)[:, :4]).mean(0)
    for name, value in zip(INPUTS, own):
        assert shown[name]["reference"] == pytest.approx(value, rel=0.25, abs=0.01), name
    alert = next(alert for alert in json.loads(air.server.cli("--json", "alerts").stdout)["alerts"] if alert["alert"] == "order")
    assert alert["value"] == pytest.approx(moved["ndcg"])
    assert {"seats", "hour"} <= {cause["feature"] for cause in alert["causes"]}
    assert any(cause["how"] == "attribution" for cause in alert["causes"])


def test_the_command_says_it_in_words(air):
    shown = air.server.cli("monitor", "slices", "late-health", "--start", BAD.isoformat()).stdout
    assert "where log_loss is worst" in shown and "carrier is HA" in shown and "long-haul" in shown and "NDCG" in shown
    assert "nothing stands out" in air.server.cli("monitor", "slices", "late", "--start", START.isoformat()).stdout
    unknown = air.server.cli("monitor", "slices", "nobody", check=False)
    assert unknown.returncode != 0 and "no monitor watches" in unknown.stderr


@pytest.mark.parametrize("change, says", [
    ("slice: long-haul", "slice: short-haul"), ("slice: carrier=UA", "slice: airport=JFK"), ("metric: log_loss, window: week, slice: long-haul", "metric: estimated_auc, window: week, slice: long-haul"),
    ("slices: [carrier,", "slices: [carrier, carrier,"), ('when: "distance > 2000"', "when_ever: x")])
def test_a_slice_that_makes_no_sense_is_refused_with_the_line(air, tmp_path, change, says):
    file = pathlib.Path(tmp_path / "slipway.yaml")
    file.write_text(YAML.replace(change, says))
    refused = air.server.cli("plan", str(file), check=False)
    assert refused.returncode != 0 and re.search(r"line \d+", refused.stderr), refused.stderr


def test_the_page_shows_the_slices(air, open_page):
    page = open_page(air.server.url + "/ui/endpoints/late/monitoring?window=week")
    page.get_by_role("region", name="Slices").scroll_into_view_if_needed()
    found = page.get_by_role("table", name="Slices where it does worst")
    expect(found.get_by_role("row").nth(1)).to_contain_text("carrier is HA")
    expect(page.get_by_role("region", name="Slices")).to_contain_text("by log loss")
    declared = page.get_by_role("table", name="Declared slices")
    expect(declared.get_by_role("row", name=re.compile("carrier=HA"))).to_be_visible()
    goes_by = page.get_by_role("table", name="What the model goes by")
    expect(goes_by.get_by_role("row").nth(1)).to_contain_text("hour")
    expect(page.get_by_role("region", name="Slices")).to_contain_text("Where it does worst")
