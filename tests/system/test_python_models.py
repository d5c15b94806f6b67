"""Models that only Python can run, logged with the real client: their predictions are MLflow's own, and what goes wrong with one stays with it."""
import concurrent.futures
import os
import signal
import sys
import textwrap
import time

import mlflow
import numpy as np
import pandas as pd
import pytest
import requests
from conftest import Server, eventually
from mlflow.models import ModelSignature, infer_signature
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

YAML = """
project: python
clock: wall
endpoints:
  pipeline: {model: "models:/pipeline@champion"}
  scaled: {model: "models:/scaled@champion"}
  several: {model: "models:/several@champion"}
  moody: {model: "models:/moody@champion", batching: {max_rows: 1}}
  broken: {model: "models:/broken@champion"}
  unsigned: {model: "models:/unsigned@champion"}
"""

PYTHON_MODELS = textwrap.dedent('''
    import os, signal, time
    import numpy as np
    import pandas as pd
    import mlflow
    from mlflow.pyfunc import PythonModel

    class Scaled(PythonModel):
        """Params with defaults."""
        def predict(self, context, model_input, params=None):
            return model_input["x"].to_numpy() * params["factor"] + len(params["word"])

    class Several(PythonModel):
        """Several outputs of several types."""
        def predict(self, context, model_input, params=None):
            n = model_input["n"]
            return pd.DataFrame({"twice": n * 2, "half": n / 2, "word": ["even" if v % 2 == 0 else "odd" for v in n], "large": n > 10})

    class Moody(PythonModel):
        """Does what its first row says."""
        def predict(self, context, model_input, params=None):
            mood = model_input["mood"].iloc[0]
            if mood == "hang":
                time.sleep(600)
            if mood == "eat":
                return np.ones(1 << 34)
            if mood == "raise":
                raise ValueError("not today")
            if mood == "pid":
                return np.full(len(model_input), os.getpid())
            time.sleep(0.02)
            return np.arange(len(model_input))

    class Unsigned(PythonModel):
        def predict(self, context, model_input, params=None):
            return model_input

    class Broken(PythonModel):
        def load_context(self, context):
            import package_that_is_not_there
        def predict(self, context, model_input, params=None):
            return model_input

    mlflow.models.set_model(globals()[KIND]())
''')


def log_python(folder, name, signature):
    path = folder / f"{name}.py"
    path.write_text(PYTHON_MODELS.replace("KIND", repr(name.capitalize())))
    mlflow.pyfunc.log_model(name=name, python_model=str(path), signature=signature, pip_requirements=["mlflow-skinny"], registered_model_name=name)
    if name not in ("broken", "unsigned"):
        mlflow.MlflowClient().set_registered_model_alias(name, "champion", 1)


def columns(**types):
    return Schema([ColSpec(getattr(DataType, kind), name) for name, kind in types.items()])


def rows(n, seed=1):
    random = np.random.default_rng(seed)
    return pd.DataFrame({"age": random.normal(40, 10, n), "visits": random.integers(0, 9, n), "city": random.choice(["Rome", "Wien", "Košice"], n)})


@pytest.fixture(scope="module")
def server(request, tmp_path_factory):
    """Every model here; those that can be loaded answer."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    folder = tmp_path_factory.mktemp("models")
    running = Server(
        tmp_path_factory.mktemp("server") / "data", "--python-models", sys.executable, "--python-call-timeout-ms", "3000",
        "--python-memory-bytes-max", str(2 << 30))
    request.addfinalizer(running.stop)
    mlflow.set_tracking_uri(running.url)
    mlflow.set_experiment("python")
    train = rows(300)
    pipeline = make_pipeline(
        ColumnTransformer([("numbers", StandardScaler(), ["age", "visits"]), ("names", OneHotEncoder(handle_unknown="ignore"), ["city"])]),
        LogisticRegression()).fit(train, train["age"] > 40)
    with mlflow.start_run():
        mlflow.sklearn.log_model(
            pipeline, name="pipeline", signature=infer_signature(train, pipeline.predict(train)), pip_requirements=["scikit-learn"], serialization_format="cloudpickle",
            registered_model_name="pipeline")
        mlflow.MlflowClient().set_registered_model_alias("pipeline", "champion", 1)
        log_python(folder, "scaled", ModelSignature(
            columns(x="double"), columns(y="double"),
            ParamSchema([ParamSpec("factor", DataType.double, 2.0), ParamSpec("word", DataType.string, "ab")])))
        log_python(folder, "several", ModelSignature(columns(n="long"), columns(twice="long", half="double", word="string", large="boolean")))
        log_python(folder, "moody", ModelSignature(columns(mood="string"), columns(y="double")))
        log_python(folder, "broken", ModelSignature(columns(x="double")))
        log_python(folder, "unsigned", None)
    (folder / "slipway.yaml").write_text(YAML)
    running.cli("apply", str(folder / "slipway.yaml"))  # what has a champion answers from now on
    return running


def invoke(server, name, body, timeout=30, **headers):
    return requests.post(f"{server.url}/endpoints/{name}/invocations", json=body, timeout=timeout, headers=headers)


def predictions(server, name, body):
    reply = invoke(server, name, body)
    assert reply.status_code == 200, reply.text
    return reply.json()["predictions"]


def mood(server, what, n=1, **kwargs):
    return invoke(server, "moody", {"dataframe_records": [{"mood": what}] * n}, **kwargs)


def test_a_pipeline_of_strings_and_numbers_predicts_as_mlflow_loads_it(server):
    data = rows(57, seed=2)
    expected = mlflow.pyfunc.load_model("models:/pipeline/1").predict(data)
    got = predictions(server, "pipeline", {"dataframe_split": data.to_dict(orient="split", index=False)})
    assert got == expected.tolist()
    one = {"inputs": [{"name": "age", "shape": [1], "datatype": "FP64", "data": [33.0]}, {"name": "visits", "shape": [1], "datatype": "INT64", "data": [2]},
                      {"name": "city", "shape": [1], "datatype": "BYTES", "data": ["Košice"]}]}
    reply = requests.post(f"{server.url}/v2/models/pipeline/infer", json=one, timeout=30).json()
    assert reply["outputs"][0]["datatype"] == "BOOL"
    assert reply["outputs"][0]["data"] == mlflow.pyfunc.load_model("models:/pipeline/1").predict(
        pd.DataFrame({"age": [33.0], "visits": [2], "city": ["Košice"]})).tolist()
    described = requests.get(f"{server.url}/v2/models/pipeline", timeout=30).json()
    assert described["platform"] == "python"
    assert [i["datatype"] for i in described["inputs"]] == ["FP64", "INT64", "BYTES"]


def test_params_have_defaults_and_are_checked(server):
    model = mlflow.pyfunc.load_model("models:/scaled/1")
    data = pd.DataFrame({"x": [1.0, 2.5]})
    body = {"dataframe_split": data.to_dict(orient="split", index=False)}
    assert predictions(server, "scaled", body) == model.predict(data).tolist()
    assert predictions(server, "scaled", {**body, "params": {"factor": 10.0, "word": "abcd"}}) == model.predict(data, {"factor": 10.0, "word": "abcd"}).tolist()
    wrong = invoke(server, "scaled", {**body, "params": {"factor": "many"}})
    assert (wrong.status_code, wrong.json()["error_code"]) == (400, "BAD_REQUEST")
    v2 = {"inputs": [{"name": "x", "shape": [2], "datatype": "FP64", "data": [1.0, 2.5]}], "parameters": {"factor": 10.0}}
    reply = requests.post(f"{server.url}/v2/models/scaled/infer", json=v2, timeout=30).json()
    assert reply["outputs"][0]["data"] == model.predict(data, {"factor": 10.0}).tolist()


def test_several_outputs_keep_their_types(server):
    data = pd.DataFrame({"n": [3, 12]})
    got = predictions(server, "several", {"dataframe_records": data.to_dict(orient="records")})
    assert got == mlflow.pyfunc.load_model("models:/several/1").predict(data).to_dict(orient="records")
    v2 = requests.post(f"{server.url}/v2/models/several/infer", json={"inputs": [{"name": "n", "shape": [2], "datatype": "INT64", "data": [3, 12]}]}, timeout=30).json()
    assert [(o["name"], o["datatype"]) for o in v2["outputs"]] == [("twice", "INT64"), ("half", "FP64"), ("word", "BYTES"), ("large", "BOOL")]
    assert invoke(server, "several", {"dataframe_records": [{"n": None}]}).status_code == 400
    assert "whole numbers" in invoke(server, "several", {"dataframe_records": [{"n": 1.5}]}).json()["message"]


def test_what_the_model_raises_is_said(server):
    reply = mood(server, "raise")
    assert reply.status_code == 500
    assert "ValueError: not today" in reply.json()["message"]


def test_a_killed_worker_fails_what_it_had_and_nothing_else(server):
    """Both endpoints are asked all the time; one loses its process three times."""
    before = predictions(server, "moody", {"dataframe_records": [{"mood": "pid"}]})[0]
    until = time.monotonic() + 6
    moody, others = [], []

    def ask_moody():
        while time.monotonic() < until:
            moody.append(mood(server, "fine", n=3))

    def ask_other():
        while time.monotonic() < until:
            others.append(invoke(server, "several", {"dataframe_records": [{"n": 4}]}))

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        running = [pool.submit(ask) for ask in (ask_moody, ask_moody, ask_moody, ask_other, ask_other)]
        for _ in range(3):
            time.sleep(1)
            reply = mood(server, "pid")
            if reply.status_code == 200:
                os.kill(int(reply.json()["predictions"][0]), signal.SIGKILL)
        for each in running:
            each.result()
    assert {reply.status_code for reply in others} == {200}
    assert {reply.status_code for reply in moody} == {200, 503}
    for reply in moody:
        if reply.status_code == 503:
            assert "signal 9 (Killed)" in reply.json()["message"]
            assert reply.headers["Retry-After"] == "1"
        else:
            assert reply.json()["predictions"] == [0, 1, 2]
    deadline = time.monotonic() + 120
    while mood(server, "fine").status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert predictions(server, "moody", {"dataframe_records": [{"mood": "pid"}]})[0] != before


def test_too_much_memory_is_an_error_of_that_request(server):
    reply = mood(server, "eat")
    assert reply.status_code == 503
    assert "more memory than it may have" in reply.json()["message"]
    assert mood(server, "fine").status_code == 200


def test_a_model_that_hangs_is_ended_and_disturbs_nobody(server):
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        hanging = pool.submit(mood, server, "hang")
        while not hanging.done():
            assert invoke(server, "several", {"dataframe_records": [{"n": 4}]}).status_code == 200
        assert hanging.result().status_code == 504
        assert "longer than 3000 ms" in hanging.result().json()["message"]
    deadline = time.monotonic() + 120
    while mood(server, "fine").status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_client_says_how_long_it_waits(server):
    began = time.monotonic()
    reply = mood(server, "hang", **{"Slipway-Timeout-Ms": "200"})
    assert reply.status_code == 504
    assert time.monotonic() - began < 2.8  # a call may take 3


def test_what_cannot_load_is_refused_with_the_reason(server):
    broken = server.cli("endpoints", "deploy", "broken", "models:/broken/1", "--reason", "test", check=False)
    assert broken.returncode != 0
    assert "No module named 'package_that_is_not_there'" in broken.stderr
    unsigned = server.cli("endpoints", "deploy", "unsigned", "models:/unsigned/1", "--reason", "test", check=False)
    assert "no signature" in unsigned.stderr
    assert invoke(server, "broken", {"dataframe_records": [{"x": 1}]}).status_code == 404


def test_processes_end_with_the_server(server):
    eventually(lambda: mood(server, "fine").status_code == 200)  # after those that hung
    pid = int(predictions(server, "moody", {"dataframe_records": [{"mood": "pid"}]})[0])
    server.kill()
    eventually(lambda: not os.path.exists(f"/proc/{pid}"), seconds=60)
    server.start()  # doesn't wait for them
    deadline = time.monotonic() + 120
    while (reply := mood(server, "fine")).status_code != 200:
        assert reply.status_code == 503 and "being loaded" in reply.json()["message"]
        assert time.monotonic() < deadline
        time.sleep(0.2)
