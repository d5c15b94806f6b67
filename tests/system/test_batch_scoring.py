"""`slipway batch score`: a registered model over Parquet files, killed in the middle, against xgboost itself."""
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap

import lightgbm
import mlflow
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xgboost
from conftest import BINARY, eventually, free_port
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema
from s3_server import S3Server

FEATURES = [f"f{i}" for i in range(8)]


@pytest.fixture
def job(server, tmp_path):
    """A registered model, and two files of which one has a missing value in every column."""
    mlflow.set_tracking_uri(server.url)
    random = np.random.default_rng(2)
    rows = pd.DataFrame(random.normal(size=(2000, len(FEATURES))), columns=FEATURES)
    booster = xgboost.train({"objective": "binary:logistic", "max_depth": 5}, xgboost.DMatrix(rows, (rows.sum(axis=1) > 0).astype(float)), 60)
    with mlflow.start_run():
        mlflow.xgboost.log_model(booster, name="model", registered_model_name="risk", pip_requirements=["xgboost-cpu"])
    mlflow.tracking.MlflowClient().set_registered_model_alias("risk", "champion", "1")
    data = tmp_path / "days"
    data.mkdir()
    frames = []
    for i, count in enumerate((60_000, 250_000)):
        frame = pd.DataFrame(random.normal(size=(count, len(FEATURES))).astype("float32"), columns=FEATURES)
        frame.loc[7] = np.nan
        frame["customer"] = [f"{i}-{row}" for row in range(count)]
        frame["noise"] = "x"
        frame["clicks"] = [[1, 2]] * len(frame)  # of a type that no table has; nobody asks for it
        pq.write_table(pa.Table.from_pandas(frame), data / f"day-{i}.parquet", row_group_size=10_000)
        frames.append(frame)
    server.booster, server.frames, server.data, server.out = booster, frames, data, tmp_path / "scored"
    return server


def command(server, *flags):
    return [BINARY, "--url", server.url, "--json", "batch", "score", "models:/risk@champion", "--in", str(server.data), "--out", str(server.out),
            "--keep", "customer", "--rows-per-part", "50000", *flags]


def test_files_are_scored_across_a_kill_as_xgboost_scores_them(job):
    for _ in range(10):  # until one is not too quick for us
        victim = subprocess.Popen(command(job, "--threads", "1"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        eventually(lambda: len(list(job.out.glob("part-*.parquet"))) >= 2, pause=0.002)
        os.kill(victim.pid, signal.SIGKILL)
        victim.wait()
        if not (job.out / "_slipway.json").exists():
            break
        shutil.rmtree(job.out)
    else:
        pytest.fail("no job was under way when it was killed")
    finished = {part: part.stat().st_mtime_ns for part in job.out.glob("part-*.parquet")}
    assert finished

    report = json.loads(subprocess.run(command(job), check=True, capture_output=True, text=True).stdout)
    assert report["rows"] == 310_000 and report["model"] == "models:/risk/1"
    assert 0 < report["rows_resumed"] < 310_000
    again = json.loads(subprocess.run(command(job), check=True, capture_output=True, text=True).stdout)
    assert again["run"] == report["run"], "the same job is told of once"
    job.stop()
    job.start()

    def lineage(*words):
        return json.loads(subprocess.run([BINARY, "--url", job.url, "--json", "lineage", *words], check=True, capture_output=True, text=True).stdout)["lineage"]

    batch, = lineage("models:/risk/1", "--walk", "down")
    assert (batch["kind"], batch["id"], batch["text"]) == ("batch", report["run"], f"310000 rows of {job.data} scored to {job.out}")
    assert ("model version", "models:/risk/1") in [(link["kind"], link["id"]) for link in lineage(report["run"], "--walk", "up")]
    assert all(part.stat().st_mtime_ns == at for part, at in finished.items()), "what was whole is not made again"
    assert not list(job.out.glob("*.unfinished")), "the cut part's rest is gone"
    for i, frame in enumerate(job.frames):
        scored = pd.concat(pd.read_parquet(part) for part in sorted(job.out.glob(f"part-{i:05}-*.parquet"))).reset_index(drop=True)
        assert (scored["customer"] == frame["customer"]).all() and (scored["row"] == np.arange(len(frame))).all()
        assert (scored["model"] == "models:/risk/1").all()
        expected = job.booster.predict(xgboost.DMatrix(frame[FEATURES]))
        assert np.abs(scored["predict"] - expected).max() < 1e-6
    assert report["summary"]["input f3"]["missing"] == 2


def test_a_file_without_a_column_of_the_model_is_refused_by_name(job):
    pd.DataFrame({"f0": [1.0], "customer": ["a"]}).to_parquet(job.data / "day-9.parquet")
    done = subprocess.run(command(job), capture_output=True, text=True)
    assert done.returncode != 0 and "column=f1" in done.stderr and "day-9.parquet" in done.stderr
    assert not job.out.exists()
    other = subprocess.run([BINARY, "--url", job.url, "batch", "score", "models:/nobody/1", "--in", str(job.data), "--out", str(job.out)], capture_output=True, text=True)
    assert other.returncode == 4, other.stderr


def test_a_model_file_with_other_bytes_is_another_job(tmp_path):
    rows = pd.DataFrame(np.random.default_rng(1).normal(size=(200, 2)), columns=["a", "b"])
    rows.to_parquet(tmp_path / "in.parquet")

    def train(label):
        xgboost.train({"objective": "binary:logistic"}, xgboost.DMatrix(rows, (label > 0).astype(float)), 5).save_model(tmp_path / "model.ubj")

    def score(*flags):
        return subprocess.run([BINARY, "--json", "batch", "score", str(tmp_path / "model.ubj"), "--in", str(tmp_path / "in.parquet"), "--out", str(tmp_path / "out"), *flags],
                              capture_output=True, text=True)

    train(rows.a)
    assert json.loads(score().stdout)["rows_resumed"] == 0
    assert json.loads(score().stdout)["rows_resumed"] == 200
    train(rows.b)
    refused = score()
    assert refused.returncode != 0 and "something else than this job" in refused.stderr, refused.stderr
    assert json.loads(score("--overwrite").stdout)["rows_resumed"] == 0


def test_a_booster_of_lightgbm_is_run_without_python(job):
    """Its numbers and categories answer as LightGBM itself answers."""
    random = np.random.default_rng(3)
    rows = pd.DataFrame(random.normal(size=(1500, 3)), columns=["a", "b", "c"])
    rows["shop"] = pd.Categorical(random.choice(["north", "south", "west"], 1500))
    label = rows.a + (rows["shop"] == "south") * 2 + random.normal(size=1500) / 5
    booster = lightgbm.train({"objective": "regression", "verbose": -1}, lightgbm.Dataset(rows, label), 40)
    with mlflow.start_run():
        mlflow.lightgbm.log_model(booster, name="model", registered_model_name="sales", pip_requirements=["lightgbm"])
    rows.loc[3, "a"] = np.nan
    rows.astype({"shop": str}).to_parquet(job.data.parent / "sales.parquet")
    subprocess.run([BINARY, "--url", job.url, "batch", "score", "models:/sales/1", "--in", str(job.data.parent / "sales.parquet"), "--out", str(job.out)],
                   check=True, capture_output=True)
    scored = pd.read_parquet(job.out / "part-00000-0000.parquet")
    assert np.abs(scored["predict"] - booster.predict(rows)).max() < 1e-9


def test_a_python_model_scores_files(job, tmp_path):
    code = tmp_path / "model.py"
    code.write_text(textwrap.dedent('''
        import mlflow
        from mlflow.pyfunc import PythonModel

        class Sum(PythonModel):
            def predict(self, context, model_input, params=None):
                return model_input["f0"] + model_input["f1"] * 2

        mlflow.models.set_model(Sum())
    '''))
    with mlflow.start_run():
        mlflow.pyfunc.log_model(name="sum", python_model=str(code), registered_model_name="sum", pip_requirements=["mlflow-skinny"],
                                signature=ModelSignature(Schema([ColSpec(DataType.double, n) for n in ("f0", "f1")]), Schema([ColSpec(DataType.double, "y")])))
    words = [BINARY, "--url", job.url, "batch", "score", "models:/sum/1", "--in", str(job.data / "day-0.parquet"), "--out", str(job.out), "--threads", "2",
             "--rows-per-part", "20000"]
    refused = subprocess.run(words, capture_output=True, text=True)
    assert refused.returncode != 0 and "--python-models" in refused.stderr
    done = subprocess.run([*words, "--python-models", sys.executable], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    scored = pd.concat(pd.read_parquet(part) for part in sorted(job.out.glob("part-*.parquet"))).reset_index(drop=True)
    expected = job.frames[0]["f0"].astype(float) + job.frames[0]["f1"].astype(float) * 2
    assert np.allclose(scored["y"], expected, equal_nan=True)


def test_parts_whose_rows_are_all_refused_are_like_the_others(job, tmp_path):
    """A Python model that says nothing of its answers: they are whole numbers and texts."""
    code = tmp_path / "model.py"
    code.write_text(textwrap.dedent('''
        import mlflow
        import pandas as pd
        from mlflow.pyfunc import PythonModel

        class Label(PythonModel):
            def predict(self, context, model_input, params=None):
                return pd.DataFrame({"label": (model_input["f0"] * 7).astype("int64"), "word": ["yes"] * len(model_input)})

        mlflow.models.set_model(Label())
    '''))
    with mlflow.start_run():
        mlflow.pyfunc.log_model(name="label", python_model=str(code), registered_model_name="label", pip_requirements=["mlflow-skinny"],
                                signature=ModelSignature(Schema([ColSpec(DataType.double, "f0")])))
    (tmp_path / "slipway.yaml").write_text(textwrap.dedent("""
        project: rules
        endpoints:
          asked: {model: models:/risk@champion, inputs: {on_violation: reject, columns: {f0: {min: 0}}}}
    """))
    job.cli("apply", str(tmp_path / "slipway.yaml"))
    rows = pd.DataFrame({"f0": np.repeat([-1.0, -1.0, 2.0, -1.0], 5000)})
    rows.loc[17_500, "f0"] = 3.0
    pq.write_table(pa.Table.from_pandas(rows), tmp_path / "rows.parquet", row_group_size=5000)
    words = ["--json", "batch", "score", "models:/label/1", "--in", str(tmp_path / "rows.parquet"), "--out", str(job.out), "--rows-per-part", "5000",
             "--inputs-of", "asked", "--python-models", sys.executable]
    report = json.loads(job.cli(*words).stdout)
    assert report["violations"]["rows"]["reject"] == 14_999
    parts = [pq.read_table(part) for part in sorted(job.out.glob("part-*.parquet"))]
    assert len(parts) == 4
    for part in parts:
        assert part.schema.equals(parts[2].schema)
    scored = pa.concat_tables(parts).to_pandas()
    answered = scored[scored.label.notna()]
    assert (answered["row"] == np.flatnonzero(rows.f0 > 0)).all() and (answered.label == rows.f0[answered.index] * 7).all()
    assert set(answered.word) == {"yes"} and scored.word.notna().sum() == len(answered)


def test_from_and_to_a_bucket_across_a_kill(job, tmp_path):
    s3 = S3Server(tmp_path / "s3", free_port())
    try:
        (s3.objects / s3.bucket / "days").mkdir()
        for file in job.data.glob("*.parquet"):
            shutil.copy(file, s3.objects / s3.bucket / "days" / file.name)
        (s3.objects / s3.bucket / "days" / "notes.txt").write_text("not a Parquet file")
        words = [BINARY, "--url", job.url, "--json", "batch", "score", "models:/risk@champion", "--in", f"s3://{s3.bucket}/days/*.parquet",
                 "--out", f"s3://{s3.bucket}/scored/june", "--keep", "customer", "--rows-per-part", "50000"]
        environment = {**os.environ, **s3.variables}
        for _ in range(10):  # until one is not too quick for us
            victim = subprocess.Popen([*words, "--threads", "1"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
            eventually(lambda: sum("part-" in key and key.endswith(".parquet") for key in s3.files("scored/june/")) >= 2, pause=0.002)
            os.kill(victim.pid, signal.SIGKILL)
            victim.wait()
            if "scored/june/_slipway.json" not in s3.files():
                break
            shutil.rmtree(s3.objects / s3.bucket / "scored")
        else:
            pytest.fail("no job was under way when it was killed")
        done = subprocess.run(words, capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr
        report = json.loads(done.stdout)
        assert report["rows"] == 310_000 and 0 < report["rows_resumed"] < 310_000
        out = s3.objects / s3.bucket / "scored" / "june"
        scored = pd.concat(pd.read_parquet(part) for part in sorted(out.glob("part-00001-*.parquet"))).reset_index(drop=True)
        assert (scored["customer"] == job.frames[1]["customer"]).all()
        assert np.abs(scored["predict"] - job.booster.predict(xgboost.DMatrix(job.frames[1][FEATURES]))).max() < 1e-6
        assert json.loads((out / "_slipway.json").read_text())["summary"]["input f3"]["rows"] == 310_000
        other = subprocess.run([*words[:-1], "70000"], capture_output=True, text=True, env=environment)
        assert other.returncode != 0 and "something else than this job" in other.stderr
    finally:
        s3.stop()
