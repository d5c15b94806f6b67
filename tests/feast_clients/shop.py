"""One shop's drivers for both servers: the rows, Slipway's definitions of them, and Feast's."""
import pathlib
import subprocess
import sys

import pandas as pd

NOW = pd.Timestamp("2024-01-10T12:00:00Z")  # where the event clock stands
HOUR = pd.Timedelta("1h")

SLIPWAY = """
project: shop
clock: rehearsal
start: 2024-01-10T12:00:00Z
datasets:
  drivers:
    path: drivers.parquet
    key: [row]
    event_time: event_timestamp
    arrival_time: created
features:
  sources:
    drivers_push: {dataset: drivers, event_time: event_timestamp, arrival_time: created}
  views:
    stats:
      source: drivers_push
      keys: [driver]
      ttl: 2d
      columns: {trips: trips, rate: rate, name: name, ok: ok, seen: seen}
    busy:
      source: drivers_push
      keys: [driver]
      windows: [24h]
      aggregates: {rows: count(), rate: mean(rate)}
    fare: {columns: {twice: dist * 2}}
  services:
    ride:
      event_time: asked_at
      request: {driver: int64, dist: double, asked_at: timestamp}
      features: [stats, fare]
    driver:
      event_time: asked_at
      request: {driver: int64, asked_at: timestamp}
      features: [stats.trips, stats.name]
"""

STORE = """
project: shop
provider: local
registry: registry.db
entity_key_serialization_version: 3
online_store: {online_store}
"""

DEFINITIONS = '''
from datetime import timedelta

from feast import Entity, FeatureService, FeatureView, Field, FileSource, PushSource, RequestSource
from feast.on_demand_feature_view import on_demand_feature_view
from feast.types import Bool, Float64, Int64, String, UnixTimestamp
from feast.value_type import ValueType

driver = Entity(name="driver", join_keys=["driver"], value_type=ValueType.INT64)
rows = FileSource(name="drivers", path="drivers.parquet", timestamp_field="event_timestamp", created_timestamp_column="created")
pushed = PushSource(name="drivers_push", batch_source=rows)
stats = FeatureView(name="stats", entities=[driver], ttl=timedelta(days=2), source=pushed, schema=[
    Field(name="trips", dtype=Int64), Field(name="rate", dtype=Float64), Field(name="name", dtype=String),
    Field(name="ok", dtype=Bool), Field(name="seen", dtype=UnixTimestamp)])
request = RequestSource(name="request", schema=[Field(name="dist", dtype=Float64)])


@on_demand_feature_view(sources=[request], schema=[Field(name="twice", dtype=Float64)], mode="python")
def fare(inputs):
    return {"twice": [2 * x for x in inputs["dist"]]}


ride = FeatureService(name="ride", features=[stats, fare])
driver_service = FeatureService(name="driver", features=[stats[["trips", "name"]]])
'''


def drivers() -> pd.DataFrame:
    """1001 with two rows, 1002 with missing values, 1003 only long ago, and 1004 whose only row becomes known later than NOW."""
    at = [NOW - 5 * HOUR, NOW - 2 * HOUR, NOW - 1 * HOUR, NOW - 240 * HOUR, NOW - 1 * HOUR]
    rows = pd.DataFrame({
        "row": range(5), "driver": [1001, 1001, 1002, 1003, 1004], "event_timestamp": at, "created": at,
        "trips": pd.array([5, 6, None, 7, 8], dtype="Int64"), "rate": [1.5, 2.0, float("nan"), 0.25, 1e-7],
        "name": ["a", "b", None, "c", "d"], "ok": [True, False, True, True, False], "seen": at})
    rows.loc[4, "created"] = NOW + HOUR
    times = {c: "datetime64[us, UTC]" for c in ("event_timestamp", "created", "seen")}
    return rows.astype(times)


def write_slipway(folder: pathlib.Path) -> pathlib.Path:
    folder.mkdir(parents=True, exist_ok=True)
    drivers().to_parquet(folder / "drivers.parquet", index=False)
    (folder / "slipway.yaml").write_text(SLIPWAY)
    return folder / "slipway.yaml"


def write_feast(folder: pathlib.Path, online_store: str) -> pathlib.Path:
    """A repository of Feast over the same rows, applied."""
    folder.mkdir(parents=True, exist_ok=True)
    drivers().to_parquet(folder / "drivers.parquet", index=False)
    (folder / "feature_store.yaml").write_text(STORE.format(online_store=online_store))
    (folder / "definitions.py").write_text(DEFINITIONS)
    done = subprocess.run([sys.executable, "-m", "feast.cli.cli", "apply"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder
