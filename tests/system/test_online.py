"""Online features in each store: what was acknowledged is there after a kill, what is down is said, and the answers are the same."""
import datetime
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import pandas as pd
import pytest
import requests
from conftest import BINARY, ROOT, Server, eventually, free_port

sys.path.insert(0, str(ROOT / "python"))
import slipway as sw  # noqa: E402

BEGIN = pd.Timestamp("2024-01-01T00:00:00Z")
PROJECT = """
project: clicks
datasets:
  clicks:
    path: clicks.parquet
    key: [id]
    event_time: at
    arrival_time: known_at
  shops:
    path: shops.parquet
    key: [shop]
features:
  sources:
    clicks: {dataset: clicks, event_time: at, arrival_time: known_at}
    shops: {dataset: shops}
  views:
    clicks:
      source: clicks
      keys: [shop]
      windows: [1h, 24h, 365d]
      aggregates: {count: count(), amount: sum(amount)}
    last: {source: clicks, keys: [shop], columns: {amount: amount, page: page}}
    shop: {source: shops, keys: [shop], columns: {city: city}}
  services:
    sale: {event_time: asked_at, request: {shop: string, asked_at: timestamp}, features: [clicks, last, shop]}
"""


class Redis:
    """A Redis that keeps everything in memory; it ends with the test."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="slipway-redis-"))
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/2"
        self.start()

    def start(self):
        self.process = subprocess.Popen(["redis-server", "--bind", "127.0.0.1", "--port", str(self.port), "--dir", self.folder, "--save", "", "--appendonly", "no"],
                                        stdout=subprocess.DEVNULL)
        eventually(lambda: subprocess.run(["redis-cli", "-p", str(self.port), "ping"], capture_output=True, text=True).stdout == "PONG\n")

    def stop(self, sig=signal.SIGKILL):
        self.process.send_signal(sig)
        self.process.wait(timeout=20)


@pytest.fixture
def redis():
    running = Redis()
    yield running
    running.stop()
    shutil.rmtree(running.folder)


@pytest.fixture(params=["memory", "rocksdb", "redis"])
def store(request):
    # Moments long before the newest rows are asked for.
    return ["--online-store", request.getfixturevalue("redis").url if request.param == "redis" else request.param, "--online-history-hours", "0"]


def write_clicks(folder: pathlib.Path, rows: int):
    folder.mkdir(exist_ok=True)
    at = [BEGIN + pd.Timedelta(minutes=i % 5000) for i in range(rows)]
    pd.DataFrame({"id": range(rows), "shop": [f"s{i % 20}" for i in range(rows)], "at": at, "known_at": [t + pd.Timedelta(minutes=i % 3) for i, t in enumerate(at)],
                  "amount": [i / 7 for i in range(rows)], "page": [f"/p{i % 5}" for i in range(rows)]}).to_parquet(folder / "clicks.parquet")
    pd.DataFrame({"shop": [f"s{i}" for i in range(20)], "city": [f"city {i}" for i in range(20)]}).to_parquet(folder / "shops.parquet")
    (folder / "slipway.yaml").write_text(PROJECT)


def begin(tmp_path, store, rows=200, *flags) -> Server:
    server = Server(tmp_path / "data", *store, *flags)
    write_clicks(tmp_path / "project", rows)
    server.cli("apply", str(tmp_path / "project" / "slipway.yaml"))
    for dataset in ("clicks", "shops"):
        server.cli("data", "ingest", dataset)
    return server


def features(server: Server, shop: str, at: pd.Timestamp) -> dict:
    reply = requests.post(f"{server.url}/slipway/v1/features/online", json={"service": "sale", "rows": [{"shop": shop, "asked_at": at.isoformat()}]}, timeout=60)
    assert reply.status_code == 200, reply.text
    return dict(zip(reply.json()["names"], reply.json()["rows"][0]))


def everything(server: Server) -> list:
    return [features(server, f"s{i}", BEGIN + pd.Timedelta(minutes=m)) for i in (0, 7, 19) for m in (60, 2000, 5100)]


def push(server: Server, rows: list, **stream):
    body = {"source": "clicks", "rows": rows}
    if stream:
        body["stream"] = stream
    return requests.post(f"{server.url}/slipway/v1/features/push", json=body, timeout=60)


def test_what_was_acknowledged_survives_a_kill(tmp_path, store):
    server = begin(tmp_path, store)
    server.cli("features", "materialize", "--as-of", "2024-01-05T00:00:00Z")
    acknowledged, refused = {}, []
    now = BEGIN + pd.Timedelta(days=6)
    stop = threading.Event()

    def write(worker: int):
        session = requests.Session()
        offset = 0
        while not stop.is_set():
            rows = [{"id": 10_000_000 + worker * 1_000_000 + offset + i, "shop": f"w{worker}", "at": now.isoformat(), "known_at": now.isoformat(), "amount": 1.0} for i in range(5)]
            body = {"source": "clicks", "rows": rows, "stream": {"name": "clicks", "partition": worker, "offsets": list(range(offset, offset + 5))}}
            try:
                done = session.post(f"{server.url}/slipway/v1/features/push", json=body, timeout=60)
            except requests.RequestException:
                time.sleep(0.02)  # the same messages again: whether they were written nobody knows
                continue
            if done.status_code == 200:
                offset += 5
                acknowledged[worker] = offset
            else:
                refused.append(done.text)

    workers = [threading.Thread(target=write, args=(w,)) for w in range(3)]
    for worker in workers:
        worker.start()
    def all_went_on() -> bool:
        return all(acknowledged.get(worker, 0) > seen.get(worker, 0) + 5 for worker in range(3))

    for _ in range(3):
        seen = dict(acknowledged)
        time.sleep(0.6)
        eventually(lambda: refused or all_went_on())
        server.kill()
        server.start()
    seen = dict(acknowledged)
    eventually(lambda: refused or all_went_on())
    stop.set()
    for worker in workers:
        worker.join()
    assert not refused
    server.kill()
    before = dict(acknowledged)
    server.start()
    assert len(before) == 3 and min(before.values()) > 20
    offsets = requests.get(f"{server.url}/slipway/v1/features/offsets", params={"source": "clicks", "stream": "clicks"}, timeout=60).json()["partitions"]
    assert {p["partition"]: p["next"] for p in offsets} == before
    for worker, rows in before.items():
        assert features(server, f"w{worker}", now)["clicks__count_1h"] == rows
    assert features(server, "s1", BEGIN + pd.Timedelta(minutes=2000))["shop__city"] == "city 1"
    server.stop()


def test_tiles_serve_what_a_training_set_has(tmp_path, store):
    """Rows arrive late and again, the server is killed, and what was served of each moment is what the training set of it has."""
    server = begin(tmp_path, store)
    coarse = PROJECT.replace("[1h, 24h, 365d]", "[1h, 24h, 7d]\n      resolution: 15m").replace(
        "amount: sum(amount)}", "amount: sum(amount), mean: mean(amount), most: max(amount), first: first(amount), page: last(page)}")
    (tmp_path / "project" / "slipway.yaml").write_text(coarse)
    server.cli("apply", str(tmp_path / "project" / "slipway.yaml"))
    random_rows, asked, served = random.Random(7), [], []
    rows, waiting, now = [], [], BEGIN
    for step in range(60):
        for _ in range(40):
            now += pd.Timedelta(minutes=2)
            late = pd.Timedelta(minutes=random_rows.choice([0, 0, 0, 1, 30, 700]))
            waiting.append({"id": 1_000_000 + len(rows) + len(waiting), "shop": f"t{random_rows.randrange(2)}", "at": (now - late).isoformat(), "known_at": now.isoformat(),
                            "amount": random_rows.random() * 10 ** random_rows.randrange(-3, 4), "page": random_rows.choice("abc")})
        again = random_rows.sample(rows, min(len(rows), 10))
        reply = push(server, waiting + again)
        assert reply.status_code == 200, reply.text
        rows, waiting = rows + waiting, []
        if step % 20 == 10:
            server.kill()
            server.start()
        for shop in ("t0", "t1"):
            asked.append({"shop": shop, "asked_at": now})
            served.append(features(server, shop, now))
    assert push(server, rows[:2000]).status_code == 200  # all of it once more
    assert [features(server, shop, now) for shop in ("t0", "t1")] == served[-2:]
    server.cli("data", "ingest", "clicks", "--pushed")
    trained = sw.Client(server.url).training_set("sale", pd.DataFrame(asked), kind="pandas")
    names = [name for name in served[0] if name.startswith("clicks__")]
    assert len(names) == 18
    for at, row in enumerate(served):
        of_training = {name: None if pd.isna(trained[name][at]) else trained[name][at] for name in names}
        assert {name: row[name] for name in names} == of_training, asked[at]
    # Loaded from the dataset it is the same again, whatever was pushed of it.
    server.cli("features", "materialize", "--as-of", now.isoformat())
    assert [features(server, shop, now) for shop in ("t0", "t1")] == served[-2:]
    assert push(server, rows[:2000]).json()["added"] == 0
    server.kill()
    server.start()
    assert [features(server, shop, now) for shop in ("t0", "t1")] == served[-2:]
    server.stop()

def test_a_corrected_row_counts_no_longer_anywhere(tmp_path, store):
    """Rows are told again, late, twice and with other times: what was served is what its training set has, what pandas finds, and what is computed again."""
    server = begin(tmp_path, store)
    clicks = pd.read_parquet(tmp_path / "project" / "clicks.parquet").assign(click="")
    clicks.assign(click=None).astype({"click": "string"}).to_parquet(tmp_path / "project" / "clicks.parquet")
    corrected = PROJECT.replace("clicks, event_time: at, arrival_time: known_at}", "clicks, event_time: at, arrival_time: known_at, deduplication_key: [click]}").replace(
        "keys: [shop], columns: {amount", "keys: [shop], ttl: 9h, columns: {amount").replace(
        "amount: sum(amount)}", "amount: sum(amount), most: max(amount), first: first(amount), page: last(page), pages: distinct(page), mid: 'quantile(amount, 0.5)'}")
    (tmp_path / "project" / "slipway.yaml").write_text(corrected)
    refused = server.cli("apply", str(tmp_path / "project" / "slipway.yaml"), check=False)
    assert refused.returncode != 0 and "the source has no column click" in refused.stderr  # of the version before
    server.cli("data", "ingest", "clicks")
    server.cli("apply", str(tmp_path / "project" / "slipway.yaml"))
    draw, asked, served, told, now = random.Random(3), [], [], [], BEGIN
    for step in range(40):
        rows = []
        for _ in range(20):
            now += pd.Timedelta(minutes=draw.choice([1, 3, 20]))
            row = {"id": 1_000_000 + len(told) + len(rows), "shop": f"t{draw.randrange(2)}", "at": now - pd.Timedelta(minutes=draw.choice([0, 0, 5, 700])), "known_at": now,
                   "amount": draw.random() * 100, "page": draw.choice("abc"), "click": f"c{len(told) + len(rows)}"}
            if told and draw.random() < 0.4:  # of an earlier one: the same once more, the same but for the amount, or at another time
                before = draw.choice(told[-60:])
                row |= draw.choice([before, {"shop": before["shop"], "click": before["click"], "at": before["at"]}, {"shop": before["shop"], "click": before["click"]}])
            rows.append(row)
        reply = push(server, [row | {"at": row["at"].isoformat(), "known_at": row["known_at"].isoformat()} for row in rows])
        assert reply.status_code == 200, reply.text
        told += rows
        if step % 20 == 10:
            server.kill()
            server.start()
        for shop in ("t0", "t1"):
            asked.append({"shop": shop, "asked_at": now})
            served.append(features(server, shop, now))
    all_told = pd.DataFrame(told).drop_duplicates("id")
    for at, row in zip(asked, served):
        known = all_told[(all_told.shop == at["shop"]) & (all_told.known_at <= at["asked_at"])]
        counting = known.sort_values(["known_at", "at"]).drop_duplicates("click", keep="last")
        for window, length in (("1h", "1h"), ("24h", "24h")):
            inside = counting[(counting["at"] > at["asked_at"] - pd.Timedelta(length)) & (counting["at"] <= at["asked_at"])]
            assert row[f"clicks__count_{window}"] == len(inside) and row[f"clicks__pages_{window}"] == inside.page.nunique(), (at, window)
            assert row[f"clicks__most_{window}"] == (inside.amount.max() if len(inside) else None)
    assert sum(all_told.click.duplicated()) > 100
    server.cli("data", "ingest", "clicks", "--pushed")
    trained = sw.Client(server.url).training_set("sale", pd.DataFrame(asked), kind="pandas")
    names = [name for name in served[0] if not name.startswith("shop__")]
    assert len(names) == 23
    for at, row in enumerate(served):
        of_training = {name: None if pd.isna(trained[name][at]) else trained[name][at] for name in names}
        assert {name: row[name] for name in names} == of_training, asked[at]
    server.cli("features", "materialize", "--as-of", now.isoformat())
    assert [features(server, shop, now) for shop in ("t0", "t1")] == served[-2:]
    server.kill()
    server.start()
    assert [features(server, shop, now) for shop in ("t0", "t1")] == served[-2:]
    server.stop()


def test_a_materialization_goes_on_after_a_kill(tmp_path, store):
    server = begin(tmp_path, store, 6000)
    server.cli("features", "materialize", "--as-of", "2024-01-01T12:00:00Z")
    early = everything(server)
    until = "2024-01-09T00:00:00Z"
    slow = threading.Thread(target=lambda: server.cli("features", "materialize", "--as-of", until, "--rows-per-second", "1000", check=False))
    slow.start()
    url = f"{server.url}/slipway/v1/features/materialize"
    eventually(lambda: (at := requests.get(url, timeout=60).json())["running"] and at["rows_done"] > 2000)
    assert everything(server) == early  # what was there serves until it is done
    server.kill()
    slow.join()
    server.start()
    assert everything(server) == early
    done = server.cli("features", "materialize", "--as-of", until)
    rows = int(done.stdout.split()[0])
    assert rows < 5000 if "memory" not in store else rows == 6020
    late = everything(server)
    assert late != early

    # The same answers as a store that never was interrupted.
    other = Server(tmp_path / "other")
    other.cli("apply", str(tmp_path / "project" / "slipway.yaml"))
    for dataset in ("clicks", "shops"):
        other.cli("data", "ingest", dataset)
    other.cli("features", "materialize", "--as-of", until)
    assert everything(other) == late
    other.stop()
    server.stop()


def test_a_server_that_is_to_stop_does_not_wait_for_a_materialization(tmp_path):
    server = begin(tmp_path, ["--online-store", "rocksdb"], 3000)
    refused = []

    def load():
        refused.append(server.cli("features", "materialize", "--as-of", "2024-01-09T00:00:00Z", "--rows-per-second", "20", check=False).stderr)

    slow = threading.Thread(target=load)
    slow.start()
    url = f"{server.url}/slipway/v1/features/materialize"
    eventually(lambda: requests.get(url, timeout=60).json()["running"])
    # Meanwhile the others go on: features are bound to new data, and a second one isn't waited for.
    begun = time.monotonic()
    server.cli("data", "ingest", "clicks")
    second = server.cli("features", "materialize", "--as-of", "2024-01-09T00:00:00Z", check=False)
    assert second.returncode != 0 and "under way" in second.stderr
    assert time.monotonic() - begun < 60  # of 150
    begun = time.monotonic()
    server.stop()
    assert time.monotonic() - begun < 45
    slow.join()
    assert "the server stops" in refused[0]
    server.start()
    assert int(server.cli("features", "materialize", "--as-of", "2024-01-09T00:00:00Z").stdout.split()[0]) > 2000
    # A start that loads what memory has lost may be ended too.
    server.stop()


def test_a_server_that_waits_for_its_store_may_be_ended(tmp_path, redis):
    server = begin(tmp_path, ["--online-store", redis.url, "--online-timeout-ms", "30000"])
    server.stop()
    redis.process.send_signal(signal.SIGSTOP)
    server.process = subprocess.Popen([BINARY, "server", "--port", str(server.port), "--data", str(server.data_dir), *server.flags])
    time.sleep(1)
    begun = time.monotonic()
    server.stop()
    assert time.monotonic() - begun < 15  # it waits 30 for each answer


def test_little_by_little_is_all_at_once(tmp_path, store):
    server = begin(tmp_path, store, 3000)
    for hours in (5, 20, 30, 60, 100):
        server.cli("features", "materialize", "--incremental", "--as-of", (BEGIN + pd.Timedelta(hours=hours)).isoformat())
    assert server.cli("features", "materialize", "--incremental", "--as-of", BEGIN.isoformat()).stdout == "0 rows\n"
    bits = everything(server)
    server.kill()
    server.start()
    assert everything(server) == bits
    server.cli("features", "materialize", "--as-of", (BEGIN + pd.Timedelta(hours=100)).isoformat())
    assert everything(server) == bits

    # Rows that the dataset got later, of a time that was loaded already: only looked for again they come.
    frame = pd.read_parquet(tmp_path / "project" / "clicks.parquet")
    at = BEGIN + pd.Timedelta(hours=10, seconds=30)
    late = pd.DataFrame({"id": [-1], "shop": ["s0"], "at": [at], "known_at": [at], "amount": [1000.0], "page": ["/late"]})
    pd.concat([frame, late]).to_parquet(tmp_path / "project" / "clicks.parquet")
    server.cli("data", "ingest", "clicks")
    server.cli("features", "materialize", "--incremental", "--as-of", (BEGIN + pd.Timedelta(hours=101)).isoformat())
    server.cli("features", "materialize", "--from", "2024-01-01T09:00:00Z", "--until", "2024-01-01T11:00:00Z")
    assert features(server, "s0", at)["last__page"] == "/late"
    refused = server.cli("features", "materialize", "--incremental", "--from", "2024-01-01T09:00:00Z", check=False)
    assert refused.returncode != 0 and "excludes" in refused.stderr
    server.stop()


def test_the_age_of_views_is_told(tmp_path, store):
    server = begin(tmp_path, store)
    at = pd.Timestamp(datetime.datetime.now(datetime.timezone.utc)) - pd.Timedelta(minutes=10)
    assert push(server, [{"id": 1, "shop": "s0", "at": at.isoformat(), "known_at": at.isoformat(), "amount": 1}]).status_code == 200
    shown = server.cli("features", "show").stdout
    assert at.strftime("%Y-%m-%dT%H:%M") in shown and "materialized  -" in shown, shown
    metrics = requests.get(f"{server.url}/metrics", timeout=60).text
    age = next(float(line.split()[1]) for line in metrics.splitlines() if line.startswith('slipway_feature_view_age_seconds{view="last"}'))
    assert 590 < age < 700
    server.stop()


def test_redis_down_is_said_and_nothing_is_lost(tmp_path, redis):
    server = begin(tmp_path, ["--online-store", redis.url, "--online-timeout-ms", "1000"])
    now = BEGIN + pd.Timedelta(days=6)
    server.cli("features", "materialize", "--as-of", now.isoformat())
    row = {"id": 5_000_000, "shop": "s0", "at": now.isoformat(), "known_at": now.isoformat(), "amount": 1}
    count = features(server, "s0", now)["clicks__count_365d"]
    redis.stop()
    begun = time.monotonic()
    pushed = push(server, [row])
    asked = requests.post(f"{server.url}/slipway/v1/features/online", json={"service": "sale", "rows": [{"shop": "s0", "asked_at": now.isoformat()}]}, timeout=60)
    feast = requests.post(f"{server.url}/get-online-features", json={"features": ["last:amount"], "entities": {"shop": ["s0"]}}, timeout=60)
    assert time.monotonic() - begun < 10
    assert [r.status_code for r in (pushed, asked, feast)] == [503, 503, 503], (pushed.text, asked.text, feast.text)
    assert "online store" in asked.text
    redis.start()  # empty

    def answers():
        reply = requests.post(f"{server.url}/slipway/v1/features/online", json={"service": "sale", "rows": [{"shop": "s0", "asked_at": now.isoformat()}]}, timeout=60)
        return reply.status_code == 200 and dict(zip(reply.json()["names"], reply.json()["rows"][0]))

    assert eventually(answers)["clicks__count_365d"] == count + 1
    assert push(server, [row]).json()["added"] == 0
    assert features(server, "s0", now)["clicks__count_365d"] == count + 1

    # It may be down when the server starts.
    redis.stop()
    server.kill()
    server.start()
    assert requests.post(f"{server.url}/slipway/v1/features/online", json={"service": "sale", "rows": [{"shop": "s0", "asked_at": now.isoformat()}]}, timeout=60).status_code == 503
    redis.start()
    assert eventually(answers)["clicks__count_365d"] == count + 1
    server.stop()


def test_a_wrong_store_is_refused(tmp_path):
    with pytest.raises(RuntimeError, match="expected memory, rocksdb or redis://"):
        Server(tmp_path / "data", "--online-store", "rocks")
