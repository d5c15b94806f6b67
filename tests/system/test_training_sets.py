"""Training sets as Parquet and Arrow streams, of datasets and of rows that are posted, in parts that a kill -9 leaves."""
import contextlib
import json
import signal
import subprocess
import threading
import urllib.error
import urllib.request

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import BINARY, Server, eventually

ARROW, PARQUET = "application/vnd.apache.arrow.stream", "application/vnd.apache.parquet"
AS_OF = "2030-01-01T00:00:00Z"
YAML = """
project: sets
datasets:
  events: {path: events.parquet, key: [event_id], event_time: event_time, arrival_time: arrival_time}
  entities: {path: entities.parquet, key: [row_id], event_time: asked_at, arrival_time: asked_at}
features:
  sources:
    events: {dataset: events, event_time: event_time, arrival_time: arrival_time}
  views:
    newest: {source: events, keys: [key], ttl: 48h, columns: {a: a, kind: kind}}
    windows: {source: events, keys: [key], windows: [1h, 24h], aggregates: {sum_a: sum(a), n: count(), top: max(a)}}
    kinds: {source: events, keys: [key], windows: [24h], aggregates: {kinds: distinct(kind), mid: "quantile(a, 0.5)"}}
  services:
    all: {event_time: asked_at, request: {key: string, asked_at: timestamp}, features: [newest, windows, kinds]}
"""
ROWS, EVENTS, KEYS = 20_000, 40_000, 300


def make_data(folder):
    random = np.random.default_rng(5)
    start, month = 1_600_000_000_000_000, 30 * 86_400 * 1_000_000
    micros = pa.timestamp("us", "UTC")
    at = np.sort(random.integers(0, month, EVENTS)) + start
    late = at + np.where(random.random(EVENTS) < 0.1, random.integers(0, 86_400_000_000, EVENTS), 0)
    keys = np.array([f"k{i}" for i in range(KEYS)])
    pq.write_table(pa.table({"event_id": np.arange(EVENTS), "key": keys[random.integers(0, KEYS, EVENTS)], "event_time": pa.array(at, micros),
                             "arrival_time": pa.array(late, micros), "a": random.normal(size=EVENTS),
                             "kind": np.array(["x", "y", "z"])[random.integers(0, 3, EVENTS)]}), folder / "events.parquet")
    pq.write_table(pa.table({"row_id": np.arange(ROWS), "key": keys[random.integers(0, KEYS, ROWS)],
                             "asked_at": pa.array(random.integers(0, month, ROWS) + start, micros)}), folder / "entities.parquet")
    (folder / "slipway.yaml").write_text(YAML)


def prepare(server, folder):
    for verb in (["apply"], ["data", "ingest", "events", "entities"]):
        subprocess.run([BINARY, "--url", server.url, *verb], cwd=folder, check=True, stdout=subprocess.DEVNULL)


def post(server, path, body, **headers):
    """The reply's bytes and headers; an HTTPError for a failure."""
    asked = urllib.request.Request(server.url + path, data=body, headers={name.replace("_", "-"): value for name, value in headers.items()})
    with urllib.request.urlopen(asked, timeout=120) as reply:
        return reply.read(), reply.headers


def of_dataset(server, **more):
    body = {"service": "all", "entities": "entities", "as_of": AS_OF, **more}
    return post(server, "/slipway/v1/features/history", json.dumps(body).encode(), Content_Type="application/json")


def read_stream(data):
    return pa.ipc.open_stream(data).read_all()


def as_stream(table):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets")
    make_data(folder)
    server = Server(folder / "data")
    prepare(server, folder)
    yield server, folder
    server.stop()


@pytest.fixture(scope="module")
def whole(served):
    data, headers = of_dataset(served[0])
    assert headers["Content-Type"] == PARQUET and headers["Slipway-Rows"] == str(ROWS)
    table = pq.read_table(pa.BufferReader(data))
    assert table["row_id"].to_pylist() == list(range(ROWS))
    assert table["windows__n_24h"].null_count == 0 and table["newest__a"].null_count > 0
    return table


def test_an_arrow_stream_has_the_rows_of_the_parquet_file(served, whole):
    data, headers = of_dataset(served[0], format="arrow")
    assert headers["Content-Type"] == ARROW
    assert read_stream(data).equals(whole)
    data, headers = post(served[0], "/slipway/v1/features/history", json.dumps({"service": "all", "entities": "entities", "as_of": AS_OF}).encode(),
                         Content_Type="application/json", Accept=ARROW)
    assert read_stream(data).equals(whole)


def test_posted_rows_are_answered_in_their_order(served, whole):
    server, folder = served
    rows = pq.read_table(folder / "entities.parquet").append_column("label", pa.array(np.arange(ROWS) % 2))
    picked = rows.take(pa.array([5, 3, 3, 19_999]))
    path = "/slipway/v1/features/history/rows?service=all"
    expected = whole.take(pa.array([5, 3, 3, 19_999]))
    for data, headers in (post(server, path, as_stream(picked), Content_Type=ARROW, Accept=ARROW), post(server, path + "&format=arrow", as_stream(picked), Content_Type=ARROW)):
        table = read_stream(data)
        assert table["label"].to_pylist() == [1, 1, 1, 1]
        assert table.select(expected.column_names).equals(expected)
    pq.write_table(picked, folder / "picked.parquet")
    data, _ = post(server, path, (folder / "picked.parquet").read_bytes(), Content_Type=PARQUET)
    assert pq.read_table(pa.BufferReader(data)).select(expected.column_names).equals(expected)
    data, headers = post(server, path, as_stream(picked.slice(0, 0)), Content_Type=ARROW, Accept=ARROW)
    assert headers["Slipway-Rows"] == "0" and read_stream(data).num_rows == 0


@pytest.mark.parametrize("path, body, kind, said", [
    ("rows", b"", ARROW, "service is missing"),
    ("rows?service=nobody", as_stream(pa.table({"key": ["k1"]})), ARROW, "nobody"),
    ("rows?service=all", b"no stream", ARROW, "Arrow stream"),
    ("rows?service=all", as_stream(pa.table({"key": ["k1"]})), ARROW, "asked_at"),
    ("rows?service=all", as_stream(pa.table({"key": ["k1"], "asked_at": [1]})), ARROW, "timestamp"),
    ("rows?service=all", as_stream(pa.table({"key": ["k1"], "asked_at": pa.array([1], pa.timestamp("us", "UTC")), "x": [[1]]})), ARROW, "type"),
    ("rows?service=all", as_stream(pa.table({"key": ["k1"], "asked_at": pa.array([None], pa.timestamp("us", "UTC"))})), ARROW, "row=0 column=asked_at"),
    ("rows?service=all", as_stream(pa.table({"key": ["k1"], "asked_at": pa.array([1], pa.timestamp("us", "UTC")), "newest__a": [1.0]})), ARROW, "column=newest__a"),
    ("rows?service=all", as_stream(pa.table({"key": ["k1"], "asked_at": pa.array([1 << 60], pa.timestamp("s", "UTC"))})), ARROW, "column=asked_at"),
    ("rows?service=all", b"PAR1", PARQUET, "Parquet"),
    ("rows?service=all", b"x", "text/csv", "Content-Type"),
    ("rows?service=all&format=csv", as_stream(pa.table({"key": ["k1"]})), ARROW, "format"),
])
def test_what_cannot_be_answered_is_refused_with_the_reason(served, path, body, kind, said):
    with pytest.raises(urllib.error.HTTPError) as refused:
        post(served[0], "/slipway/v1/features/history/" + path, body, Content_Type=kind)
    assert 400 <= refused.value.code < 500
    assert said.lower() in refused.value.read().decode().lower()


def nulls(rows):
    """A stream that says that there are so many rows, in a column that takes no bytes."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, pa.schema([("x", pa.null())]), options=pa.ipc.IpcWriteOptions(allow_64bit=True)) as writer:
        writer.write_batch(pa.record_batch([pa.nulls(rows)], names=["x"]))
    return sink.getvalue().to_pybytes()


def test_a_few_bytes_do_not_take_all_memory(served):
    server, _ = served
    path = "/slipway/v1/features/history/rows?service=all"
    at = pa.array([1_600_000_000_000_000] * 300_000, pa.timestamp("us", "UTC"))
    text = pa.DictionaryArray.from_arrays(pa.array(np.zeros(len(at)), pa.int8()), ["x" * 1_000_000])
    named = pa.table({"key": pa.array(["k1"] * len(at)), "asked_at": at, "text": text})
    as_parquet = pa.BufferOutputStream()
    pq.write_table(named, as_parquet)
    for body, kind, status in ((nulls(5_000_000_000), ARROW, (404,)), (as_stream(named), ARROW, (429,)),
                               (as_parquet.getvalue().to_pybytes(), PARQUET, (400, 429))):
        with pytest.raises(urllib.error.HTTPError) as refused:
            post(server, path, body, Content_Type=kind)
        assert refused.value.code in status, refused.value.read()
    peak = next(int(line.split()[1]) for line in open(f"/proc/{server.process.pid}/status") if line.startswith("VmHWM"))
    assert peak < 3 << 20, f"{peak} kB"


def test_the_command_writes_both_and_says_how_far_it_is(served, whole, tmp_path):
    for name, flags in (("set.parquet", []), ("set.arrow", ["--format", "arrow"])):
        done = subprocess.run([BINARY, "--url", served[0].url, "features", "history", "all", "--entities", "dataset:entities", "--as-of", AS_OF, "--out",
                               tmp_path / name, *flags], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert name in done.stderr
    assert pq.read_table(tmp_path / "set.parquet").equals(whole)
    assert read_stream((tmp_path / "set.arrow").read_bytes()).equals(whole)


def test_after_a_kill_it_goes_on_and_gives_the_same_rows(served, whole, tmp_path):
    """Parts of 500 rows: killed when some are there, asked again after the restart."""
    make_data(tmp_path)
    server = Server(tmp_path / "data", "--training-set-rows", "500")
    try:
        prepare(server, tmp_path)
        def ask():
            with contextlib.suppress(Exception):  # it is killed
                of_dataset(server)

        parts = lambda: sorted((tmp_path / "data").glob("training-sets/*/part-*.parquet"))  # noqa: E731
        for _ in range(10):  # until one is not too quick for us
            asked = threading.Thread(target=ask)
            asked.start()
            eventually(lambda: len(parts()) >= 3 or not asked.is_alive(), pause=0.002)
            server.stop(signal.SIGKILL)
            asked.join()
            before = parts()
            server.start()
            if 3 <= len(before) < ROWS / 500:
                break
        else:
            pytest.fail("it was done before it was killed")
        done = subprocess.run([BINARY, "--url", server.url, "features", "history", "all", "--entities", "dataset:entities", "--as-of", AS_OF, "--out",
                               tmp_path / "again.parquet", "--json"], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["rows"] == ROWS
        assert json.loads(done.stdout)["rows_found"] >= 500 * len(before) - 500
        assert pq.read_table(tmp_path / "again.parquet").equals(whole)
        eventually(lambda: not parts())  # they go with the reply
    finally:
        server.stop()


def test_memory_grows_with_the_batch_and_not_with_the_set(tmp_path):
    """Entity rows and events of a hundred megabytes; batches of ten thousand rows."""
    def peak_mb(process):
        lines = open(f"/proc/{process.pid}/status").read().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))

    random = np.random.default_rng(6)
    rows, events = 300_000, 3_000_000
    micros = pa.timestamp("us", "UTC")
    start, month = 1_600_000_000_000_000, 30 * 86_400 * 1_000_000
    at = np.sort(random.integers(0, month, events)) + start
    pq.write_table(pa.table({"event_id": np.arange(events), "key": random.integers(0, 20_000, events), "event_time": pa.array(at, micros),
                             "arrival_time": pa.array(at, micros), "a": random.normal(size=events)}), tmp_path / "events.parquet")
    pq.write_table(pa.table({"row_id": np.arange(rows), "key": random.integers(0, 20_000, rows),
                             "asked_at": pa.array(np.sort(random.integers(0, month, rows)) + start, micros)}), tmp_path / "entities.parquet")
    (tmp_path / "slipway.yaml").write_text(YAML.replace("columns: {a: a, kind: kind}", "columns: {a: a}").replace(
        'kinds: {source: events, keys: [key], windows: [24h], aggregates: {kinds: distinct(kind), mid: "quantile(a, 0.5)"}}', "").replace(", kinds]", "]").replace("key: string", "key: int64"))
    peaks = {}
    for batch in (10_000, 300_000):
        server = Server(tmp_path / f"data-{batch}", "--training-set-rows", str(batch))
        try:
            prepare(server, tmp_path)
            server.stop()
            server.start()
            before = peak_mb(server.process)
            data, headers = of_dataset(server)
            assert headers["Slipway-Rows"] == str(rows)
            peaks[batch] = peak_mb(server.process) - before
        finally:
            server.stop()
    assert peaks[10_000] < 0.6 * peaks[300_000], peaks
    assert peaks[10_000] < 120, peaks  # the source alone has 3,000,000 rows of 32 bytes in the columns that are read
