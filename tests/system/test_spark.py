"""A training set made by Spark, in local mode, is the server's own, bit for bit: the same definitions and the same evaluator on every part."""
import os
import pathlib
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import BINARY, ROOT, Server

sys.path.insert(0, str(ROOT / "python"))
import slipway as sw  # noqa: E402

YAML = """
project: rides
datasets:
  trips: {path: trips.parquet, key: [trip], event_time: at, arrival_time: known, columns: {fare: {min: 0}}, on_violation: quarantine}
  places: {path: places.parquet, key: [place, at], event_time: at, arrival_time: at}
features:
  sources:
    trips: {dataset: trips, event_time: at, arrival_time: known}
    places: {dataset: places, event_time: at, arrival_time: at}
  views:
    driver: {source: trips, keys: [driver], windows: [1h, 24h], aggregates: {fare: sum(fare), n: count(), late: "quantile(fare, 0.9)"}}
    last: {source: trips, keys: [driver, place], ttl: 12h, columns: {fare: fare, doubled: fare * 2}}
    place: {source: places, keys: [place], columns: {name: "upper(name)", size: size}}
    clock: {columns: {hour: "hour(asked_at, 'America/New_York')"}}
    mixed: {columns: {ratio: driver__fare_24h / last__fare, often: driver__n_1h > 1, where: "concat(place__name, place)"}}
  services:
    fare:
      event_time: asked_at
      request: {driver: int64, place: string, asked_at: timestamp}
      features: [driver, clock, last.doubled, mixed, place, request.driver]
"""
MICROS = "datetime64[us, UTC]"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder, random = tmp_path_factory.mktemp("rides"), np.random.default_rng(5)
    start, days = pd.Timestamp("2026-01-01", tz="UTC"), 5 * 86_400

    def times(count: int) -> pd.Series:
        return start + pd.to_timedelta(pd.Series(random.integers(0, days, count)), unit="s")

    trips = pd.DataFrame({"trip": np.arange(20_000), "driver": random.integers(0, 300, 20_000), "place": random.choice(["a", "b", "c", "ü"], 20_000),
                          "at": times(20_000), "fare": random.normal(20, 9, 20_000)})  # some are below 0: quarantined
    trips["known"] = trips["at"] + pd.to_timedelta(random.integers(0, 7200, 20_000), unit="s")
    places = pd.DataFrame({"place": np.repeat(["a", "b", "ü"], 40), "at": times(120), "name": random.choice(["x", "y"], 120), "size": random.random(120)})
    entities = pd.DataFrame({"row": np.arange(3_000), "driver": random.integers(0, 320, 3_000).astype("int32"), "place": random.choice(["a", "c", "ü", None], 3_000),
                             "asked_at": times(3_000)})
    trips.astype({"at": MICROS, "known": MICROS}).to_parquet(folder / "trips.parquet", index=False)
    places.astype({"at": MICROS}).drop_duplicates(["place", "at"]).to_parquet(folder / "places.parquet", index=False)
    entities.astype({"asked_at": MICROS}).to_parquet(folder / "entities.parquet", index=False)
    (folder / "slipway.yaml").write_text(YAML)
    return folder


@pytest.fixture(scope="module")
def whole(folder):
    """The training set as one server makes it."""
    server = Server(folder / "data")
    client = sw.Client(server.url)
    try:
        for document in (YAML.split("features:")[0], YAML):
            (folder / "slipway.yaml").write_text(document)
            server.cli("apply", str(folder / "slipway.yaml"))
            if "features" not in document:
                server.cli("data", "ingest", "trips", "places")
        entities = pq.read_table(folder / "entities.parquet")
        made = client.training_set("fare", entities.select(["driver", "place", "asked_at"]), kind="arrow")
        return made.append_column("row", entities["row"])
    finally:
        server.stop()


def job(folder: pathlib.Path, out: str, *more: str, **env: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, ROOT / "python" / "slipway" / "spark.py", folder / "slipway.yaml", "fare", "--entities", folder / "entities.parquet",
                           "--source", f"trips={folder}/trips.parquet", "--source", f"places={folder}/places.parquet", "--out", folder / out, "--parts", "4", *more],
                          env=os.environ | {"SLIPWAY_BINARY": str(BINARY), "PYTHONPATH": str(ROOT / "python"), "SPARK_LOCAL_IP": "127.0.0.1",
                                            "PYSPARK_PYTHON": sys.executable, "PYSPARK_SUBMIT_ARGS": "--master local[2] --conf spark.ui.enabled=false pyspark-shell"} | env,
                          capture_output=True, text=True, timeout=600)


def test_the_same_bits_as_in_one_place(folder, whole):
    done = job(folder, "out")
    assert done.returncode == 0, done.stderr[-4000:]
    made = pq.read_table(folder / "out")
    features = ["driver__fare_1h", "driver__fare_24h", "driver__n_1h", "driver__n_24h", "driver__late_1h", "driver__late_24h", "clock__hour", "last__doubled",
                "mixed__ratio", "mixed__often", "mixed__where", "place__name", "place__size"]
    assert whole.column_names == ["driver", "place", "asked_at", *features, "row"]
    assert made.column_names == ["row", "driver", "place", "asked_at", *features]
    assert made.num_rows == whole.num_rows == 3_000
    made, whole = made.sort_by("row"), whole.sort_by("row")
    for feature in features:
        ours, theirs = made[feature].combine_chunks(), whole[feature].combine_chunks()
        assert ours.cast(theirs.type).equals(theirs), feature  # bits: no tolerance
        assert 0 < theirs.null_count < 3_000 or "__n_" in feature or feature in ("clock__hour", "mixed__often"), feature
    assert pa.compute.sum(made["driver__n_24h"]).as_py() > 0


def test_mistakes_are_told_before_much_is_done(folder):
    missing = job(folder, "no", SLIPWAY_BINARY="/nowhere/slipway")
    assert missing.returncode != 0 and "/nowhere/slipway" in missing.stderr
    (folder / "other.yaml").write_text(YAML.replace("fare:\n      event_time", "other:\n      event_time"))
    unknown = subprocess.run([sys.executable, "-c", f"from slipway.spark import training_set; training_set(None, '{folder}/other.yaml', 'fare', None, {{}})"],
                             env=os.environ | {"PYTHONPATH": str(ROOT / "python")}, capture_output=True, text=True)
    assert "no such feature service: service=fare known=other" in unknown.stderr
