"""Messages of a topic scored by an endpoint's model: over Kafka, with its unmodified client, and over the embedded log.

Kafka is librdkafka's mock cluster inside the client, a real endpoint of the protocol; or the cluster that SLIPWAY_TEST_KAFKA names.
"""
import collections
import json
import os
import signal
import sys
import time
import uuid

import mlflow
import numpy as np
import pandas as pd
import pytest
import requests
import xgboost
from confluent_kafka import Consumer, Producer
from conftest import ROOT, Server, eventually
from mlflow.models import infer_signature

sys.path.insert(0, str(ROOT / "python"))
import slipway as sw  # noqa: E402

YAML = """
project: shop
endpoints:
  sale: {{model: "models:/sale@champion", output: sold}}
streams:
  score: {{endpoint: sale, from: "{source}", to: "{answers}", dead_letters: "{dead}", group: {group}, batching: {{max_rows: 50, max_wait_ms: 5}}}}
"""


class Brokers:
    def __init__(self):
        self.real = os.environ.get("SLIPWAY_TEST_KAFKA")
        self.properties = ""
        if self.real:
            self.address = self.real
            self.producer = Producer({"bootstrap.servers": self.real})
            return
        # The cluster lives as long as this producer.
        self.producer = Producer({"test.mock.num.brokers": 1})
        broker = next(iter(self.producer.list_topics(timeout=20).brokers.values()))
        self.address = f"{broker.host}:{broker.port}"
        # A member that was killed is waited for as long as its session lasts.
        self.properties = "session.timeout.ms=4000\nheartbeat.interval.ms=500\n"

    def send(self, topic: str, messages: list[tuple], wait: bool = True):
        for key, value, headers in messages:
            self.producer.produce(topic, value, key, headers=headers)
            self.producer.poll(0)
        if wait:
            assert self.producer.flush(60) == 0

    def read(self, topic: str, enough, timeout: float = 60.0) -> list:
        """All messages of a topic, once `enough` of them holds."""
        consumer = Consumer({"bootstrap.servers": self.address, "group.id": uuid.uuid4().hex, "auto.offset.reset": "earliest",
                             "topic.metadata.refresh.interval.ms": 500, "session.timeout.ms": 6000})
        consumer.subscribe([topic])
        messages, deadline = [], time.monotonic() + timeout
        try:
            while time.monotonic() < deadline and not enough(messages):
                message = consumer.poll(0.2)
                if message is not None and message.error() is None:
                    messages.append(message)
            assert enough(messages), f"{len(messages)} messages of {topic}"
        finally:
            consumer.close()
        return messages


@pytest.fixture(scope="module")
def brokers():
    return Brokers()


def register(server, name="sale"):
    mlflow.set_tracking_uri(server.url)
    mlflow.set_registry_uri(server.url)
    random = np.random.default_rng(3)
    rows = pd.DataFrame({"pages": random.integers(1, 30, 200).astype(float), "hour": random.integers(0, 24, 200).astype(float)})
    booster = xgboost.train({"max_depth": 3, "seed": 1, "objective": "binary:logistic"}, xgboost.DMatrix(rows, (rows.pages > 12).astype(float)), 8)
    with mlflow.start_run():
        mlflow.xgboost.log_model(booster, name="model", registered_model_name=name, model_format="json", pip_requirements=["xgboost-cpu"],
                                 signature=infer_signature(rows, booster.predict(xgboost.DMatrix(rows))))
    return lambda pages, hour: float(booster.predict(xgboost.DMatrix(pd.DataFrame({"pages": [pages], "hour": [hour]}, dtype=float)))[0])


def begin(folder, brokers=None) -> Server:
    flags = []
    if brokers and brokers.properties:
        (folder / "kafka.properties").write_text(brokers.properties)
        flags = ["--kafka-properties", str(folder / "kafka.properties")]
    return Server(folder / "data", *flags)


def declare(server, folder, place: str):
    mark = uuid.uuid4().hex[:8]
    topics = {"source": f"{place}/in-{mark}", "answers": f"{place}/out-{mark}", "dead": f"{place}/dead-{mark}"}
    (folder / "slipway.yaml").write_text(YAML.format(**topics, group=f"g-{mark}"))
    server.cli("apply", str(folder / "slipway.yaml"))
    return [url.rsplit("/", 1)[1] for url in topics.values()]


def stream(server) -> dict:
    return requests.get(f"{server.url}/slipway/v1/streams/score", timeout=60).json()


def row(i: int) -> str:
    return json.dumps({"pages": i % 29 + 1, "hour": i % 24, "customer": {"id": i}})


def test_kafka_messages_are_answered_with_who_answered(tmp_path, brokers):
    server = begin(tmp_path, brokers)
    try:
        predict = register(server)
        source, out, dead = declare(server, tmp_path, f"kafka://{brokers.address}")
        brokers.send(source, [(f"k{i}", row(i), [("trace", b"t")]) for i in range(20)])
        # No model is in charge yet: nothing is dropped, and it is said what it waits for.
        waiting = eventually(lambda: (s := stream(server))["state"] == "waiting" and s["lag"] == 20 and s)
        assert "no such endpoint answers" in waiting["reason"]
        server.cli("endpoints", "deploy", "sale", "models:/sale/1")
        brokers.send(source, [(None, "not json", []), ("bad", '{"pages": "many", "hour": 1}', [("h", b"v")]), ("wrong", '{"page": 1, "hour": 1}', []),
                              (None, row(20), [("slipway-request-id", b"my-own-id")])])
        answers = brokers.read(out, lambda m: len(m) == 21)
        for i, message in enumerate(sorted(answers, key=lambda m: int(m.key()[1:]) if m.key().startswith(b"k") else 99)[:20]):
            headers = dict(message.headers())
            assert json.loads(message.value())["sold"] == pytest.approx(predict(i % 29 + 1, i % 24), abs=1e-6)
            assert headers["slipway-model-version"] == b"1" and headers["slipway-endpoint"] == b"sale" and headers["trace"] == b"t"
            place = headers["slipway-prediction-id"].decode()
            logged = requests.get(f"{server.url}/slipway/v1/endpoints/sale/requests/{place}", timeout=60).json()["request"]
            assert logged["features"]["pages"] == i % 29 + 1
        assert any(dict(m.headers())["slipway-prediction-id"] == b"my-own-id" for m in answers)
        letters = {m.value(): dict(m.headers()) for m in brokers.read(dead, lambda m: len(m) == 3)}
        assert set(letters) == {b"not json", b'{"pages": "many", "hour": 1}', b'{"page": 1, "hour": 1}'}
        refused = letters[b'{"pages": "many", "hour": 1}']
        assert refused["h"] == b"v" and refused["__connect.errors.topic"].decode() == source
        assert b"feature pages must be a number" in refused["__connect.errors.exception.message"]
        done = eventually(lambda: (s := stream(server))["lag"] == 0 and s["state"] == "running" and s)
        assert done["dead_letter_count"] == 3 and done["answers"] == 21
        metrics = requests.get(f"{server.url}/metrics", timeout=60).text
        assert f'slipway_stream_lag_messages{{partition="0",stream="score",topic="{source}"}} 0' in metrics
        assert 'slipway_stream_dead_letters_total{stream="score"} 3' in metrics
        # Labels find predictions by the id in the header.
        label = requests.post(f"{server.url}/slipway/v1/endpoints/sale/labels", json={"labels": [{"id": "my-own-id", "value": 1}]}, timeout=60)
        assert label.json()["added"] == 1, label.text
        shown = server.cli("streams", "list").stdout
        assert "score" in shown and "running" in shown
        # Paused it reads nothing, and shows how far it is behind.
        server.cli("streams", "pause", "score")
        eventually(lambda: stream(server)["state"] == "paused")
        brokers.send(source, [("late", row(1), [])])
        eventually(lambda: stream(server)["lag"] == 1)
        server.cli("streams", "resume", "score")
        eventually(lambda: stream(server)["lag"] == 0)
        assert server.stop() == 0
    finally:
        server.stop()


def test_a_kill_in_mid_stream_loses_nothing_and_repeats_under_the_same_id(tmp_path, brokers):
    server = begin(tmp_path, brokers)
    try:
        predict = register(server)
        source, out, _ = declare(server, tmp_path, f"kafka://{brokers.address}")
        server.cli("endpoints", "deploy", "sale", "models:/sale/1")
        total = 3000
        brokers.send(source, [(f"k{i}", row(i), []) for i in range(total // 3)])
        for part in (1, 2):
            brokers.send(source, [(f"k{i}", row(i), []) for i in range(total // 3 * part, total // 3 * (part + 1))], wait=False)
            eventually(lambda: stream(server).get("answers", 0) > 0, pause=0.01)
            server.kill()
            assert server.process.returncode == -signal.SIGKILL
            server.start()
            brokers.producer.flush(60)
        answers = brokers.read(out, lambda m: len({x.key() for x in m}) == total, timeout=120)
        by_key = collections.defaultdict(set)
        for message in answers:
            by_key[message.key()].add((message.value(), dict(message.headers())["slipway-prediction-id"]))
        assert len(by_key) == total
        assert all(len(values) == 1 for values in by_key.values()), "what comes twice is the same"
        value = json.loads(next(iter(by_key[b"k17"]))[0])["sold"]
        assert value == pytest.approx(predict(17 % 29 + 1, 17), abs=1e-6)
        eventually(lambda: stream(server)["lag"] == 0)
    finally:
        server.stop()


def test_the_embedded_log_needs_nothing_else(tmp_path):
    server = begin(tmp_path)
    try:
        register(server)
        source, out, dead = declare(server, tmp_path, "log:")
        server.cli("endpoints", "deploy", "sale", "models:/sale/1")
        lines = tmp_path / "lines"
        lines.write_text("".join(row(i) + "\n" for i in range(2500)) + "nonsense\n")
        assert "2501 messages" in server.cli("topics", "write", source, str(lines)).stdout
        time.sleep(0.1)
        server.kill()
        server.start()
        eventually(lambda: (s := stream(server))["lag"] == 0 and s["state"] == "running")
        read = requests.get(f"{server.url}/slipway/v1/topics/{out}/messages", params={"limit": 10_000}, timeout=30).json()
        by_key = collections.Counter(m["key"] for m in read["messages"])
        assert len(by_key) == 2500 and f"{source}-0-2499" in by_key
        assert all(m["headers"]["slipway-prediction-id"] == m["key"] for m in read["messages"])
        letters = requests.get(f"{server.url}/slipway/v1/topics/{dead}/messages", timeout=60).json()["messages"]
        assert {m["value"] for m in letters} == {"nonsense"}
        assert out in server.cli("topics", "list").stdout
        bad = requests.post(f"{server.url}/slipway/v1/topics/{source}/messages", json={"messages": [{"key": "k"}]}, timeout=60)
        assert bad.status_code == 400 and "needs a value" in bad.text
        # What is not declared any more ends.
        (tmp_path / "slipway.yaml").write_text('project: shop\nendpoints: {sale: {model: "models:/sale@champion", output: sold}}\n')
        assert "removed" in server.cli("apply", str(tmp_path / "slipway.yaml")).stdout
        assert requests.get(f"{server.url}/slipway/v1/streams", timeout=60).json()["streams"] == []
    finally:
        server.stop()


def test_mistakes_are_told_where_they_are(server, tmp_path):
    file = tmp_path / "slipway.yaml"
    for text, words in [("{endpoint: e, from: 'kafka://b:9092', to: 'log:/out'}", "line 4, column 26: expected kafka://HOST"),
                        ("{endpoint: f, from: 'log:/in', to: 'log:/out'}", "no such endpoint is declared: endpoint=f")]:
        file.write_text(f"project: p\nendpoints: {{e: {{model: models:/m@c}}}}\nstreams:\n  s: {text}\n")
        refused = server.cli("plan", str(file), check=False)
        assert refused.returncode != 0 and words in refused.stderr, refused.stderr
    properties = tmp_path / "kafka.properties"
    properties.write_text("security.protocol=ssl\nacks=0\n")
    with pytest.raises(RuntimeError, match="line 2: the server sets this itself: property=acks"):
        Server(tmp_path / "other", "--kafka-properties", str(properties))


ROWS = """
project: shop
datasets:
  clicks: {{path: clicks.parquet, key: [click], event_time: at, arrival_time: known, columns: {{click: {{type: string}}}}}}
features:
  sources: {{clicks: {{dataset: clicks, event_time: at, arrival_time: known}}}}
  views: {{recent: {{source: clicks, keys: [customer], windows: [1h], aggregates: {{n: count(), spent: sum(amount)}}}}}}
  services: {{recent: {{event_time: asked_at, request: {{customer: string, asked_at: timestamp}}, features: [recent]}}}}
streams:
  clicks: {{from: "kafka://{brokers}/{topic}", features: clicks, dead_letters: "kafka://{brokers}/{topic}-dead", group: {topic}, batching: {{max_rows: 100}}}}
"""


def test_kafka_messages_are_feature_rows_once_each(tmp_path, brokers):
    """Kills in mid-stream included: what was taken and not committed comes again and does not count again."""
    topic = "clicks-" + uuid.uuid4().hex[:8]
    now = pd.Timestamp.now("UTC").floor("s")
    micros = "datetime64[us, UTC]"
    pd.DataFrame({"click": ["first"], "customer": ["nobody"], "amount": [1.0], "at": [now], "known": [now]}).astype({"at": micros, "known": micros}).to_parquet(
        tmp_path / "clicks.parquet", index=False)
    (tmp_path / "slipway.yaml").write_text(ROWS.format(brokers=brokers.address, topic=topic))
    server = begin(tmp_path, brokers)
    at = (now - pd.Timedelta(minutes=30)).isoformat()

    def message(i: int) -> tuple:
        # Neither an arrival time nor a key of their own: only the place in the topic tells many of them apart.
        return f"k{i}", json.dumps({"customer": f"c{i % 7}", "amount": 2.0, "at": at, "page": "ignored"}), []

    def features(customer: str) -> list:
        body = {"features": ["recent:n_1h", "recent:spent_1h"], "entities": {"customer": [customer]}}
        reply = requests.post(f"{server.url}/get-online-features", json=body, timeout=60)
        return [result["values"][0] for result in reply.json()["results"]][-2:] if reply.ok else [reply.text]

    def state() -> dict:
        return requests.get(f"{server.url}/slipway/v1/streams/clicks", timeout=60).json()

    try:
        server.cli("apply", str(tmp_path / "slipway.yaml"))
        server.cli("data", "ingest", "clicks")
        server.cli("apply", str(tmp_path / "slipway.yaml"))
        brokers.send(topic, [message(i) for i in range(700)] + [("bad", '{"customer": "c0", "amount": "much"}', []), ("text", "no json", [])])
        for kill in range(2):
            brokers.send(topic, [message(i) for i in range(700)])
            eventually(lambda: state().get("messages", 0) > 0)
            server.kill()
            server = begin(tmp_path, brokers)
        done = eventually(lambda: (s := state())["lag"] == 0 and s["state"] == "running" and s["partitions"] and s)
        assert done["features"] == "clicks" and "endpoint" not in done
        for customer in range(7):
            assert features(f"c{customer}") == [300.0, 600.0]
        letters = {m.value(): dict(m.headers()) for m in brokers.read(f"{topic}-dead", lambda m: len({x.value() for x in m}) == 2)}
        assert b"amount" in letters[b'{"customer": "c0", "amount": "much"}']["__connect.errors.exception.message"]
        assert letters[b"no json"]["__connect.errors.class.name"] == b"slipway.features.clicks"
        # What came is a version of the dataset when that is asked for, and training sets are what was served.
        kept = requests.post(f"{server.url}/slipway/v1/datasets/clicks/ingest", json={"pushed": True}, timeout=30).json()
        assert (kept["snapshot"]["rows"], kept["without_key"], kept["new"]) == (2101, 0, True)
        server.cli("data", "ingest", "clicks", "--pushed")
        client = sw.Client(server.url)
        asked = {"customer": [f"c{i}" for i in range(7)], "asked_at": [pd.Timestamp.now("UTC").to_pydatetime()] * 7}
        made = client.training_set("recent", asked, kind="arrow")
        assert made["recent__n_1h"].to_pylist() == [300.0] * 7 and made["recent__spent_1h"].to_pylist() == [600.0] * 7
        assert features("c0") == [300.0, 600.0]  # and count once beside what was loaded
        server.cli("features", "materialize", "--as-of", pd.Timestamp.now("UTC").isoformat())
        assert features("c0") == [300.0, 600.0]
    finally:
        server.stop()
