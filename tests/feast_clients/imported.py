"""A repository of Feast goes on here: applied with Feast, imported, and asked beside `feast serve` over the same rows."""
import json
import os
import pathlib
import socket
import subprocess
import sys
import time

import grpc
import pandas as pd
import pytest
import requests
from feast.protos.feast.serving import GrpcServer_pb2, ServingService_pb2
from feast.protos.feast.serving.GrpcServer_pb2_grpc import GrpcFeatureServerStub
from feast.protos.feast.serving.ServingService_pb2_grpc import ServingServiceStub
from feast.protos.feast.types.Value_pb2 import RepeatedValue, Value

URL = os.environ["SLIPWAY_URL"]
GRPC = os.environ["SLIPWAY_GRPC"]
SLIPWAY = os.environ["SLIPWAY_BINARY"]

STORE = """
project: taxi
provider: local
registry: data/registry.db
entity_key_serialization_version: 3
online_store: {type: sqlite, path: data/online.db}
"""

DEFINITIONS = '''
from datetime import timedelta

import pandas as pd
from feast import Entity, FeatureService, FeatureView, Field, FileSource, PushSource, RequestSource
from feast.data_source import KafkaSource
from feast.data_format import JsonFormat
from feast.on_demand_feature_view import on_demand_feature_view
from feast.types import Array, Bool, Float32, Float64, Int32, Int64, String, UnixTimestamp
from feast.value_type import ValueType

driver = Entity(name="driver", join_keys=["driver_id"], value_type=ValueType.INT64)
zone = Entity(name="zone", join_keys=["zone"], value_type=ValueType.STRING, description="A part of town")
rows = FileSource(name="driver_rows", path="data/drivers.parquet", timestamp_field="at", created_timestamp_column="created", owner="ada")
pushed = PushSource(name="driver_push", batch_source=rows)
stats = FeatureView(name="stats", entities=[driver], ttl=timedelta(days=2), source=pushed, owner="ada", description="What drivers did",
                    tags={"team": "rides"}, schema=[
    Field(name="driver_id", dtype=Int64), Field(name="trips", dtype=Int64), Field(name="rate", dtype=Float64), Field(name="stars", dtype=Float32),
    Field(name="name", dtype=String), Field(name="ok", dtype=Bool), Field(name="seen", dtype=UnixTimestamp)])
words = FeatureView(name="words", entities=[driver], source=FileSource(name="words", path="data/words.parquet", timestamp_field="at"), schema=[
    Field(name="driver_id", dtype=Int64), Field(name="tokens", dtype=Array(Int64))])
zones = FileSource(path="data/zones.parquet", timestamp_field="at")
demand = FeatureView(name="demand", entities=[driver, zone], source=zones, schema=[
    Field(name="driver_id", dtype=Int64), Field(name="zone", dtype=String), Field(name="calls", dtype=Int32)])
request = RequestSource(name="request", schema=[Field(name="dist", dtype=Float64), Field(name="tip", dtype=Float64)])


@on_demand_feature_view(sources=[request], schema=[Field(name="fee", dtype=Float64), Field(name="is_far", dtype=Bool)])
def fare(inputs: pd.DataFrame) -> pd.DataFrame:
    """What a ride costs."""
    df = pd.DataFrame()
    df["fee"] = 2.5 + inputs["dist"] * 1.25 - inputs["tip"] / 2
    df["is_far"] = inputs["dist"] > 10
    return df


@on_demand_feature_view(sources=[request], schema=[Field(name="per_km", dtype=Float64)], mode="python")
def tips(inputs):
    return {"per_km": [t / d for t, d in zip(inputs["tip"], inputs["dist"])]}


@on_demand_feature_view(sources=[stats], schema=[Field(name="rated", dtype=Float64)])
def rated(inputs: pd.DataFrame) -> pd.DataFrame:
    df = pd.DataFrame()
    df["rated"] = inputs["trips"] * inputs["rate"]
    return df


@on_demand_feature_view(sources=[stats, request], schema=[Field(name="both", dtype=Float64)])
def joined(inputs: pd.DataFrame) -> pd.DataFrame:
    df = pd.DataFrame()
    df["both"] = inputs["rate"] + inputs["dist"]
    return df


@on_demand_feature_view(sources=[stats, demand, request], schema=[Field(name="income", dtype=Float64)])
def worth(inputs: pd.DataFrame) -> pd.DataFrame:
    df = pd.DataFrame()
    df["income"] = inputs["calls"] * inputs["rate"] + inputs["dist"]
    return df


ride = FeatureService(name="ride", features=[stats[["trips", "rate"]], demand, fare, worth], owner="bob", description="A ride", tags={"tier": "1"})
clicks = KafkaSource(name="clicks", kafka_bootstrap_servers="nowhere:9092", topic="clicks", timestamp_field="at", batch_source=rows,
                     message_format=JsonFormat("driver_id bigint"))
'''


def write_repository(folder: pathlib.Path) -> pathlib.Path:
    now = pd.Timestamp.now(tz="UTC").floor("s")
    hours = [now - pd.Timedelta(hours=h) for h in (5, 2, 1, 1)]
    times = {"at": "datetime64[us, UTC]", "created": "datetime64[us, UTC]", "seen": "datetime64[us, UTC]"}
    drivers = pd.DataFrame({
        "driver_id": [1001, 1001, 1002, 1003], "at": hours, "created": hours, "trips": [5, 6, 7, 8], "rate": [1.5, 2.0, 0.1, 1e-7],
        "stars": pd.array([4.5, 4.25, 3.5, 1.1], dtype="float32"), "name": ["a", "b", "ä\"'", "d"], "ok": [True, False, True, True], "seen": hours})
    zones = pd.DataFrame({"driver_id": [1001, 1001, 1002], "zone": ["north", "south", "north"], "at": hours[:3], "calls": pd.array([1, 2, 3], dtype="int32")})
    (folder / "data").mkdir(parents=True)
    drivers.astype(times).to_parquet(folder / "data" / "drivers.parquet", index=False)
    zones.astype({"at": "datetime64[us, UTC]"}).to_parquet(folder / "data" / "zones.parquet", index=False)
    words = pd.DataFrame({"driver_id": [1001], "tokens": [[1, 2]], "at": hours[:1]})
    words.astype({"at": "datetime64[us, UTC]"}).to_parquet(folder / "data" / "words.parquet", index=False)
    (folder / "feature_store.yaml").write_text(STORE)
    (folder / "definitions.py").write_text(DEFINITIONS)
    return folder


def feast(repo, *args):
    done = subprocess.run([sys.executable, "-m", "feast.cli.cli", *args], cwd=repo, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def slipway(*args, status=0) -> subprocess.CompletedProcess:
    done = subprocess.run([SLIPWAY, "--url", URL, *args], capture_output=True, text=True)
    assert done.returncode == status, done.stdout + done.stderr
    return done


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def until(holds, process, log):
    deadline = time.monotonic() + 60
    while not holds():
        assert process.poll() is None and time.monotonic() < deadline, log.read_text()[-3000:]
        time.sleep(0.1)


@pytest.fixture(scope="module")
def repo(tmp_path_factory):
    return write_repository(tmp_path_factory.mktemp("taxi") / "repo")


@pytest.fixture(scope="module")
def applied(repo):
    feast(repo, "apply")
    return repo


@pytest.fixture(scope="module")
def report(applied):
    return json.loads(slipway("--json", "import", "feast", str(applied), "--out", str(applied.parent / "slipway.yaml")).stdout)


def answers(url, body):
    """By column: values, statuses and event times."""
    reply = requests.post(f"{url}/get-online-features", json=body, timeout=60)
    assert reply.status_code == 200, (url, body, reply.text)
    said = reply.json()
    return {name: (column["values"], column["statuses"], column["event_timestamps"])
            for name, column in zip(said["metadata"]["feature_names"], said["results"], strict=True)}


def test_what_is_only_in_python_is_not_read(repo, tmp_path):
    said = slipway("import", "feast", str(repo), "--out", str(tmp_path / "slipway.yaml"), status=1).stderr
    assert "feast apply" in said and "registry.db" in said
    assert slipway("import", "feast", str(repo / "nowhere"), status=4).stderr


def test_what_does_not_map_is_said_line_by_line(report, applied):
    assert (report["project"], report["datasets"], report["sources"], report["views"], report["services"]) == ("taxi", 2, 2, 7, 3)
    said = {(r["kind"], r["name"], r["what"]): r["why"] for r in report["remarks"]}
    assert set(said) == {
        ("entity", "zone", "differs"), ("source", "clicks", "left out"), ("feature", "words.tokens", "left out"), ("view", "words", "left out"),
        ("view", "stats", "differs"),
        ("source", "driver_push", "differs"), ("source", "data/zones.parquet", "differs"), ("on-demand view", "joined", "differs"),
        ("on-demand view", "tips", "differs")}, said
    text = (applied.parent / "slipway.yaml").read_text()
    assert all(why in text for why in said.values())
    refused = slipway("import", "feast", str(applied), "--out", str(applied.parent / "slipway.yaml"), status=1).stderr
    assert "--force" in refused


def test_a_registry_server_and_its_file_say_the_same(report, applied, tmp_path):
    whole = (applied.parent / "slipway.yaml").read_text()
    slipway("import", "feast", str(applied / "data" / "registry.db"), "--out", str(applied.parent / "from_file.yaml"))
    # The file alone does not say where its repository is: its own folder counts.
    assert (applied.parent / "from_file.yaml").read_text() == whole.replace("repo/data/", "repo/data/data/")
    port, log = free_port(), tmp_path / "registry.log"
    with open(log, "wb") as out:
        process = subprocess.Popen([sys.executable, "-m", "feast.cli.cli", "serve_registry", "--port", str(port)], cwd=applied, stdout=out, stderr=out)
    try:
        def listens():
            with socket.socket() as s:
                return s.connect_ex(("127.0.0.1", port)) == 0
        until(listens, process, log)
        slipway("import", "feast", f"grpc://127.0.0.1:{port}", "--out", str(tmp_path / "from_server.yaml"))
        theirs = (tmp_path / "from_server.yaml").read_text().splitlines()
        assert [line for line in theirs if "path:" not in line] == [line for line in whole.splitlines() if "path:" not in line]
    finally:
        process.terminate()
        process.wait(timeout=30)
    assert "does not answer" in slipway("import", "feast", f"grpc://127.0.0.1:{port}", "--out", str(tmp_path / "none.yaml"), status=1).stderr


REQUESTS = {
    "a view": {"features": ["stats:trips", "stats:rate", "stats:stars", "stats:name", "stats:ok", "stats:seen"], "entities": {"driver_id": [1001, 1002, 1003, 9]}},
    "a view of two keys": {"features": ["demand:calls"], "entities": {"driver_id": [1001, 1001, 1002, 1002], "zone": ["north", "south", "north", "south"]}},
    "from the request": {"features": ["fare:fee", "fare:is_far", "tips:per_km"], "entities": {"dist": [3.5, 10.0, 10.5], "tip": [1.0, 0.0, 2.5]}},
    "from a view": {"features": ["rated:rated", "stats:trips"], "entities": {"driver_id": [1001, 1002, 1003]}},
    "from a view and the request": {"features": ["joined:both", "stats:rate"], "entities": {"driver_id": [1001, 1003], "dist": [0.25, 4.0], "tip": [0.0, 0.0]}},
    "from views that are not asked for": {"features": ["worth:income"],
        "entities": {"driver_id": [1001, 1002], "zone": ["south", "north"], "dist": [1.0, 2.0], "tip": [0.0, 0.0]}},
    "a service": {"feature_service": "ride", "entities": {"driver_id": [1001, 1002], "zone": ["south", "north"], "dist": [1.0, 20.0], "tip": [0.5, 0.25]}},
}


def test_online_answers_are_those_of_feast_serve(report, applied):
    now = pd.Timestamp.now(tz="UTC").strftime("%Y-%m-%dT%H:%M:%S")
    feast(applied, "materialize-incremental", now)
    slipway("apply", str(applied.parent / "slipway.yaml"))
    for dataset in ("driver_rows", "zones"):
        slipway("data", "ingest", dataset)
    slipway("features", "materialize", "--as-of", now + "Z")
    port, log = free_port(), applied / "serve.log"
    with open(log, "wb") as out:
        process = subprocess.Popen([sys.executable, "-m", "feast.cli.cli", "serve", "--port", str(port)], cwd=applied, stdout=out, stderr=out)
    theirs = f"http://127.0.0.1:{port}"
    try:
        def lives():
            try:
                return requests.get(f"{theirs}/health", timeout=1).ok
            except OSError:
                return False
        until(lives, process, log)
        for name, body in REQUESTS.items():
            ours, expected = answers(URL, body), answers(theirs, body)
            for column in {"rated", "fee", "is_far", "per_km", "both", "income"} & set(expected):  # computed: Feast's time is the moment of asking
                ours[column], expected[column] = ours[column][:2], expected[column][:2]
            assert ours == expected, name
    finally:
        process.terminate()
        process.wait(timeout=30)
    views = requests.get(f"{URL}/slipway/v1/features", timeout=60).json()
    about = {v["name"]: v for v in views["views"]}["stats"]
    assert (about["owner"], about["description"], about["tags"]) == ("ada", "What drivers did", {"team": "rides"})
    assert {s["name"]: s["owner"] for s in views["services"]}["ride"] == "bob"


def typed(value):
    kind = {bool: "bool_val", int: "int64_val", float: "double_val", str: "string_val"}[type(value)]
    return Value(**{kind: value})


def asked(body):
    entities = {name: RepeatedValue(val=[typed(value) for value in values]) for name, values in body["entities"].items()}
    if "feature_service" in body:
        return ServingService_pb2.GetOnlineFeaturesRequest(feature_service=body["feature_service"], entities=entities)
    return ServingService_pb2.GetOnlineFeaturesRequest(features=ServingService_pb2.FeatureList(val=body["features"]), entities=entities)


def columns(response):
    def plain(value):  # Feast's INT32 and FLOAT are INT64 and DOUBLE here
        kind = value.WhichOneof("val")
        return kind and getattr(value, kind)

    return {name: ([plain(value) for value in column.values], list(column.statuses), list(column.event_timestamps))
            for name, column in zip(response.metadata.feature_names.val, response.results, strict=True)}


def test_grpc_answers_are_those_of_feast_listen(report, applied):
    port, log = free_port(), applied / "listen.log"
    with open(log, "wb") as out:
        process = subprocess.Popen([sys.executable, "-m", "feast.cli.cli", "listen", "--address", f"127.0.0.1:{port}"], cwd=applied, stdout=out, stderr=out)
    try:
        def listens():
            with socket.socket() as s:
                return s.connect_ex(("127.0.0.1", port)) == 0
        until(listens, process, log)
        with grpc.insecure_channel(f"127.0.0.1:{port}") as theirs, grpc.insecure_channel(GRPC) as ours:
            for name, body in REQUESTS.items():
                found = [columns(stub.GetOnlineFeatures(asked(body), timeout=60)) for stub in (GrpcFeatureServerStub(ours), ServingServiceStub(ours))]
                assert found[0] == found[1], name
                over_http = answers(URL, body)
                assert {column: values for column, (values, *_) in found[0].items()} == {column: values for column, (values, *_) in over_http.items()}, name
                if name.startswith("a view"):  # of on-demand views `feast listen` says that it can't convert request data
                    assert found[0] == columns(GrpcFeatureServerStub(theirs).GetOnlineFeatures(asked(body), timeout=60)), name
    finally:
        process.terminate()
        process.wait(timeout=30)


def test_rows_are_pushed_over_grpc():
    with grpc.insecure_channel(GRPC) as channel:
        stub = GrpcFeatureServerStub(channel)
        now = pd.Timestamp.now(tz="UTC").isoformat()
        row = {"driver_id": typed(1001), "at": typed(now), "created": typed(now), "trips": typed(99), "rate": typed(0.5),
               "stars": typed(1.0), "name": typed("x"), "ok": typed(True), "seen": typed(now)}
        assert stub.Push(GrpcServer_pb2.PushRequest(stream_feature_view="driver_push", to="online", typed_features=row), timeout=20).status
        body = {"features": ["stats:trips"], "entities": {"driver_id": [1001]}}
        assert columns(stub.GetOnlineFeatures(asked(body), timeout=20))["trips"][0] == [99]
        for wrong, code in ((GrpcServer_pb2.PushRequest(stream_feature_view="nobody", to="online", features={"a": "1"}), grpc.StatusCode.INVALID_ARGUMENT),
                            (GrpcServer_pb2.PushRequest(stream_feature_view="driver_push", to="sideways", features={"a": "1"}), grpc.StatusCode.INVALID_ARGUMENT)):
            with pytest.raises(grpc.RpcError) as refused:
                stub.Push(wrong, timeout=20)
            assert refused.value.code() == code, refused.value.details()
        with pytest.raises(grpc.RpcError) as missing:
            stub.GetOnlineFeatures(asked({"features": ["nobody:x"], "entities": {"driver_id": [1]}}), timeout=20)
        assert missing.value.code() == grpc.StatusCode.NOT_FOUND
        assert ServingServiceStub(channel).GetFeastServingInfo(ServingService_pb2.GetFeastServingInfoRequest(), timeout=20).version
