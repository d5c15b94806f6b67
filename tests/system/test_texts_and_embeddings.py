"""Columns of texts, embeddings and what else is different between two data sets, beside Evidently and pandas on the same files.

Evidently lives in an environment of its own (../evidently_clients/requirements.txt).
"""
import json
import pathlib
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
import requests
from conftest import ROOT
from reports import report, run

CLIENTS = pathlib.Path(__file__).parents[1] / "evidently_clients"
PYTHON = ROOT / ".deps" / "evidently-clients" / "bin" / "python3"
WORDS = "delay flight Gate_7 crew weather storm Zürich engine fuel late again night baggage lost seat window cancel rebook refund the of".split()


def evidently(script: str, *files) -> dict:
    done = subprocess.run([PYTHON, CLIENTS / script, *files], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def texts(seed: int, rows: int, now: bool) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    complaints, calm = [], []
    for _ in range(rows):
        words = list(random.choice(WORDS, 8))
        calm.append(" ".join(words) + f" {random.integers(1, 10**6)}.")
        if now and random.random() < 0.3:
            words[0] = "Strike,"
        complaints.append(" ".join(words) + f" {random.integers(1, 10**6)}!" if random.random() > 0.02 else None)
    return pd.DataFrame({"complaint": complaints, "calm": calm, "number": random.normal(size=rows)})


@pytest.mark.parametrize("rows, rows_now", [(700, 500), (1000, 1000), (3000, 2000)])
def test_texts_are_compared_as_evidently_does(tmp_path, rows, rows_now):
    files = tmp_path / "reference.parquet", tmp_path / "current.parquet"
    texts(1, rows, False).to_parquet(files[0])
    texts(2, rows_now, True).to_parquet(files[1])
    theirs = evidently("report.py", *files)["columns"]
    ours = {column["column"]: column for column in report(*files, "--method", "evidently")["columns"]}
    titles = {"perc_text_content_drift": "Percentile text content drift", "abs_text_content_drift": "Absolute text content drift"}
    for name in ("complaint", "calm"):
        assert ours[name]["kind"] == "text" and titles[ours[name]["method"]] == theirs[name]["method"]
        assert ours[name]["score"] == pytest.approx(theirs[name]["score"], rel=1e-9)
        assert (ours[name]["verdict"] == "drift") == theirs[name]["drifted"], name
    assert ours["complaint"]["verdict"] == "drift" and ours["complaint"]["words"]["current"][0] == "strike"
    # Ours alarms when it is sure and worth a look.
    plain = {column["column"]: column for column in report(*files)["columns"]}
    assert plain["complaint"]["method"] == "text_content_drift" and plain["complaint"]["score"] == ours["complaint"]["score"]
    assert plain["calm"]["verdict"] == "no drift"
    done = run("monitor", "report", *files, "--out", tmp_path / "report.html")
    assert "words of now: strike" in done.stdout and "words of now: strike" in (tmp_path / "report.html").read_text()


def vectors(seed: int, rows: int, shift: float, components: int = 16) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    values = random.normal(size=(rows, components)) / 4 + np.linspace(-1, 1, components)
    values[:, : components // 4] += shift
    return pd.DataFrame(values, columns=[f"e{i}" for i in range(components)])


@pytest.mark.parametrize("rows, shift", [(600, 0.0), (600, 0.15), (1500, 0.0), (1500, 0.15)])
def test_embeddings_are_compared_as_evidently_does(tmp_path, rows, shift):
    files = tmp_path / "reference.parquet", tmp_path / "current.parquet"
    vectors(1, rows, 0).to_parquet(files[0])
    vectors(2, rows - 200, shift).to_parquet(files[1])
    theirs = evidently("embeddings.py", *files)
    for name, want in theirs.items():
        method, _, distance = name.partition(" ")
        more = ["--embedding-distance", distance] if distance else []
        found = report(*files, "--embeddings", "sentence=e*", "--embedding-method", method, *more)
        assert found["columns"] == []
        (got,) = found["embeddings"]
        assert (got["embedding"], got["method"], got["components"]) == ("sentence", method, 16)
        assert got["score"] == pytest.approx(want["score"], rel=1e-9, abs=1e-12), name
        assert got["drifted"] == want["drifted"], name


def test_embeddings_may_be_lists(tmp_path):
    files = tmp_path / "reference.parquet", tmp_path / "current.parquet"
    flat = []
    for file, (seed, rows, shift) in zip(files, ((1, 1200, 0), (2, 900, 0.2))):
        frame = vectors(seed, rows, shift)
        flat.append(tmp_path / f"flat-{file.name}")
        frame.assign(age=np.arange(rows) % 90).to_parquet(flat[-1])
        lists = pa.array(list(frame.to_numpy()), type=pa.list_(pa.float64(), 16) if seed == 1 else pa.list_(pa.float64()))
        pa.parquet.write_table(pa.table({"age": np.arange(rows) % 90, "sentence": lists}), file)
    of_lists = report(*files)
    of_columns = report(*flat, "--embeddings", "sentence=e*")
    assert of_lists["embeddings"] == of_columns["embeddings"] and of_lists["embeddings"][0]["drifted"]
    assert [column["column"] for column in of_lists["columns"]] == ["age"]
    done = run("monitor", "report", *files, "--out", tmp_path / "report.html", "--fail-on-drift")
    assert done.returncode == 3 and "embedding sentence, model: 0." in done.stdout
    assert "Embedding sentence" in (tmp_path / "report.html").read_text()


def test_mistakes_of_embeddings_are_told(tmp_path):
    files = tmp_path / "reference.parquet", tmp_path / "current.parquet"
    for seed, file in enumerate(files):
        vectors(seed, 50, 0).assign(name="x").to_parquet(file)

    def refused(*arguments) -> str:
        done = run("monitor", "report", *arguments)
        assert done.returncode not in (0, 3), done.stdout
        return done.stderr

    assert "an embedding is NAME=COLUMN,COLUMN or NAME=PREFIX*" in refused(*files, "--embeddings", "sentence")
    assert "no such column: column=f1" in refused(*files, "--embeddings", "s=f1,e2")
    assert "no column begins so: s=f*" in refused(*files, "--embeddings", "s=f*")
    assert "no such embedding method: method=tsne" in refused(*files, "--embeddings", "s=e*", "--embedding-method", "tsne")
    assert "no number: embedding=s column=name type=string" in refused(*files, "--embeddings", "s=name,e1")
    uneven = tmp_path / "uneven.parquet"
    pa.parquet.write_table(pa.table({"sentence": pa.array([[1.0, 2.0], [1.0]] * 20)}), uneven)
    assert "lists of different lengths" in refused(uneven, uneven)
    other = tmp_path / "other.parquet"
    pa.parquet.write_table(pa.table({"sentence": pa.array([[1.0, 2.0]] * 40), "age": pa.array([1.0] * 40)}), uneven)
    pa.parquet.write_table(pa.table({"sentence": pa.array([[1.0, 2.0, 3.0]] * 40), "age": pa.array([1.0] * 40)}), other)
    assert "embedding=sentence reference=2 current=3" in refused(uneven, other)


def test_quality_beside_pandas(tmp_path):
    random = np.random.default_rng(5)

    def side(rows: int, now: bool) -> pd.DataFrame:
        height = random.normal(170, 10, rows)
        weight = height - 100 + random.normal(0, 3, rows)
        kind = random.choice(["a", "b", "c"], rows)
        frame = pd.DataFrame({
            "height": height / 2.54 if now else height, "weight": random.permutation(weight) if now else weight,
            "hole": np.where(random.random(rows) < 0.1, np.nan, weight), "kind": kind, "same": kind if not now else random.choice(["a", "b", "c"], rows),
            "at": pd.Timestamp("2024-01-01" if not now else "2024-03-01", tz="UTC") + pd.to_timedelta(np.arange(rows) % 50, unit="h"),
        })
        return pd.concat([frame, frame.iloc[:rows // 10 if now else 7]], ignore_index=True)

    sides = side(1500, False), side(1200, True)
    files = tmp_path / "reference.parquet", tmp_path / "current.parquet"
    for frame, file in zip(sides, files):
        frame.to_parquet(file)
    found = report(*files, "--quality")
    assert found["quality"]["duplicates"] == {"reference": int(sides[0].duplicated().sum()), "current": int(sides[1].duplicated().sum())} == {"reference": 7, "current": 120}
    changes = {(*change["columns"], change["kind"]): change for change in found["quality"]["associations"]}
    for kind in ("pearson", "spearman"):
        want = [frame[["height", "weight"]].corr(method=kind).iloc[0, 1] for frame in sides]
        got = changes["height", "weight", kind]
        assert [got["reference"], got["current"]] == pytest.approx(want, rel=1e-9)
        want = [frame[["weight", "hole"]].corr(method=kind).iloc[0, 1] for frame in sides]
        got = changes["weight", "hole", kind]
        assert [got["reference"], got["current"]] == pytest.approx(want, rel=1e-9)
    assert changes["kind", "same", "cramer_v"]["reference"] == pytest.approx(1) and changes["kind", "same", "cramer_v"]["current"] < 0.2
    notes = {column["column"]: column["notes"] for column in found["columns"]}
    assert "the values are 0.3937 times what they were, as from centimetres to inches: another unit?" in notes["height"]
    assert notes["at"] == ["from 2024-01-01T00:00:00Z to 2024-01-03T01:00:00Z before, from 2024-03-01T00:00:00Z to 2024-03-03T01:00:00Z now"]
    done = run("monitor", "report", *files, "--quality", "--out", tmp_path / "report.html")
    assert "rows that are there twice: 7 before, 120 now" in done.stdout and "height and weight (pearson): " in done.stdout
    page = (tmp_path / "report.html").read_text()
    assert "Rows that are there twice" in page and "<td>height, weight</td>" in page
    assert "quality" not in report(*files)


REVIEWS = """
project: reviews
owner: tests
clock: rehearsal
start: 2024-01-08T00:00:00Z
datasets:
  reviews: {path: reviews.parquet, key: [id], event_time: at, arrival_time: at}
features:
  services:
    reviews: {event_time: at, request: {complaint: string, a: double, b: double, at: timestamp}, features: [request.complaint, request.a, request.b]}
endpoints: {reviews: {model: MODEL, features: reviews}}
monitors:
  health:
    endpoint: reviews
    windows: [day]
    complete: {share: 1, after: 1h}
    reference: {from: 2024-01-01T00:00:00Z, to: 2024-01-08T00:00:00Z}
    drift: {columns: {complaint: {method: text_content_drift}}, associations: true}
    alerts:
      words: {metric: drifted_share, window: day, over: 0.3}
      together: {metric: associations_changed, window: day, over: 0}
      twice: {metric: duplicate_rate, window: day, over: 0.4}
      quiet: {metric: quiet_hours_max, window: day, over: 5}
"""
MODEL = """
class Model:
    inputs = {"complaint": "string", "a": "double", "b": "double"}
    outputs = {"score": "double"}

    def predict(self, inputs, params):
        return {"score": inputs["a"] * 0 + 0.5}
"""


def reviews(seed: int, rows: int, changed: bool = False) -> pd.DataFrame:
    """Texts, and two numbers of which one follows the other; when they have changed each number is as before, but they don't go together."""
    random = np.random.default_rng(seed)
    a, b = random.normal(size=rows), random.normal(size=rows)
    return pd.DataFrame({"complaint": texts(seed, rows, changed)["complaint"].fillna("nothing"), "a": a, "b": b * 5**0.5 if changed else 2 * a + b})


def test_monitors_watch_texts_and_what_goes_together(start_server, tmp_path):
    before = reviews(1, 2000)
    at = pd.date_range("2024-01-01", "2024-01-07", periods=len(before), tz="UTC").floor("us")
    before.assign(id=[f"r{i}" for i in range(len(before))], at=at).to_parquet(tmp_path / "reviews.parquet", index=False)
    folder = tmp_path / "models" / "reviews"
    folder.mkdir(parents=True)
    (folder / "model.py").write_text(MODEL)
    (tmp_path / "slipway.yaml").write_text(REVIEWS.replace("MODEL", str(folder)))
    server = start_server("data", "--models-root", str(tmp_path / "models"), "--python-models", sys.executable)
    server.cli("apply", str(tmp_path / "slipway.yaml"))
    server.cli("data", "ingest", "reviews")
    server.cli("endpoints", "deploy", "reviews", str(folder))

    def ask(day: str, hours: list[int], rows: pd.DataFrame) -> None:
        for hour, places in zip(hours, np.array_split(np.arange(len(rows)), len(hours)), strict=True):
            part = rows.iloc[places]
            time = f"{day}T{hour:02}:00:00Z"
            columns = [("complaint", "BYTES", part.complaint.tolist()), ("a", "FP64", part.a.tolist()), ("b", "FP64", part.b.tolist()), ("at", "BYTES", [time] * len(part))]
            body = {"id": f"{day}-{hour}", "inputs": [{"name": name, "datatype": kind, "shape": [len(part)], "data": data} for name, kind, data in columns],
                    "parameters": {"event_time": time}}
            reply = requests.post(f"{server.url}/v2/models/reviews/infer", json=body, timeout=60)
            assert reply.ok, reply.text

    every_hour = list(range(24))
    ask("2024-01-08", every_hour, reviews(2, 1200))
    ask("2024-01-09", every_hour, reviews(3, 1200, changed=True))
    ask("2024-01-10", [*range(10), *range(16, 24)], pd.concat([reviews(4, 600)] * 2))
    clock = requests.post(f"{server.url}/slipway/v1/clock", json={"advance_to": "2024-01-12T00:00:00Z"}, timeout=120)
    assert clock.ok, clock.text
    windows = requests.get(f"{server.url}/slipway/v1/monitors/health/windows?variant=live&window=day", timeout=60).json()["windows"]
    calm, changed, repeated = sorted((w for w in windows if w["judged"] and w["rows"] > 0), key=lambda w: w["start"])
    metrics = ("associations_changed", "duplicate_rate", "quiet_hours_max", "drifted_share")
    assert [calm["metrics"][name] for name in metrics] == [0, 0, 1, 0], calm
    drift = {one["feature"]: one for one in changed["drift"]}
    assert {name for name, one in drift.items() if one["drifted"]} == {"complaint"}
    assert (drift["complaint"]["kind"], drift["complaint"]["method"], drift["complaint"]["current_words"][0]) == ("text", "text_content_drift", "strike")
    assert {tuple(one["columns"]) for one in changed["associations"]} == {("a", "b")} and changed["metrics"]["associations_changed"] == 2
    assert [repeated["metrics"][name] for name in metrics[:3]] == [0, 0.5, 7], repeated
    # The score is the report's of the same rows.
    files = tmp_path / "before.parquet", tmp_path / "now.parquet"
    for rows, file in ((before, files[0]), (reviews(3, 1200, changed=True), files[1])):
        rows.to_parquet(file)
    (complaint,) = (column for column in report(*files)["columns"] if column["column"] == "complaint")
    assert drift["complaint"]["score"] == pytest.approx(complaint["score"], abs=0.05)  # half of them are learned from: which, follows from their order
    alerts = {a["alert"]: a for a in requests.get(f"{server.url}/slipway/v1/alerts?monitor=health", timeout=60).json()["alerts"]}
    assert set(alerts) == {"words", "together", "twice", "quiet"}
    assert alerts["words"]["window_start"].startswith("2024-01-09") and alerts["twice"]["window_start"].startswith("2024-01-10")
    (cause,) = alerts["words"]["causes"]
    assert (cause["feature"], cause["how"]) == ("complaint", "texts") and "strike" in cause["current_words"]
