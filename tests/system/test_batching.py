"""Requests that meet at a model which takes its time are put together; small models get nothing in their way."""
import concurrent.futures
import re
import sys
import textwrap
import time

import mlflow
import pytest
import requests
from conftest import Server, eventually, free_port
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema
from test_serving_protocols import run_clients

YAML = """
project: batching
endpoints:
  slow: {model: "models:/slow@champion"}
  alone: {model: "models:/slow@champion", batching: {max_rows: 1, priority_levels: 3, default_priority_level: 2}}
  short: {model: "models:/slow@champion", batching: {max_queue_rows: 2}}
  wide: {model: "models:/slow@champion", batching: {max_rows: 8, max_wait_ms: 20}, python: {workers: 2, call_timeout_ms: 6000}}
"""

MODEL = textwrap.dedent('''
    import os, time
    import mlflow
    from mlflow.pyfunc import PythonModel

    class Slow(PythonModel):
        """Takes 40 ms a call, half a second for 1000, until the file `go` is there for 2000; doubles. Keeps the order of what is asked alone."""
        def predict(self, context, model_input, params=None):
            x = model_input["x"]
            if (x == 2000).any():
                open(f"FOLDER/begun-{os.getpid()}", "w").close()
                while not os.path.exists("FOLDER/go"):
                    time.sleep(0.005)
            time.sleep(0.5 if (x == 1000).any() else 0.04)
            if len(x) == 1:
                with open("FOLDER/order", "a") as order:
                    print(f"{x.iloc[0]:.0f}", file=order)
            if (x == 13).any():
                raise ValueError("not thirteen")
            if (x == 666).any():
                os._exit(3)
            if (x == 999).any():
                time.sleep(60)
            return x * 2

    mlflow.models.set_model(Slow())
''')


@pytest.fixture(scope="module")
def server(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("slow")
    grpc_port = free_port()
    running = Server(folder / "data", "--python-models", sys.executable, "--grpc-port", str(grpc_port))
    request.addfinalizer(running.stop)
    running.grpc_url = f"127.0.0.1:{grpc_port}"
    mlflow.set_tracking_uri(running.url)
    running.folder = folder
    (folder / "model.py").write_text(MODEL.replace("FOLDER", str(folder)))
    with mlflow.start_run():
        mlflow.pyfunc.log_model(
            name="slow", python_model=str(folder / "model.py"), pip_requirements=["mlflow-skinny"], registered_model_name="slow",
            signature=ModelSignature(Schema([ColSpec(DataType.double, "x")]), Schema([ColSpec(DataType.double, "y")])))
        mlflow.MlflowClient().set_registered_model_alias("slow", "champion", 1)
    (folder / "slipway.yaml").write_text(YAML)
    running.cli("apply", str(folder / "slipway.yaml"))
    return running


def ask(server, name, numbers, timeout=30, **headers):
    return requests.post(f"{server.url}/endpoints/{name}/invocations", json={"dataframe_split": {"columns": ["x"], "data": [[n] for n in numbers]}},
                         timeout=timeout, headers=headers)


class Held:
    """Calls with 2000 among their numbers: they stay in the model until this ends."""

    def __init__(self, server):
        self.folder = server.folder
        for file in (self.folder / "go", *self.folder.glob("begun-*")):
            file.unlink(missing_ok=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.release()

    def wait_for(self, processes: int):
        eventually(lambda: len(list(self.folder.glob("begun-*"))) == processes)

    def release(self):
        (self.folder / "go").touch()


def calls(server, name):
    (stats,) = requests.get(f"{server.url}/v2/models/{name}/stats", timeout=60).json()["model_stats"]
    return stats


def connections(server):
    return float(re.search(r"^slipway_http_connections (\S+)$", requests.get(f"{server.url}/metrics", timeout=60).text, re.MULTILINE)[1])


def test_unmodified_triton_clients(server):
    run_clients("batching_triton", {"url": server.url, "grpc_url": server.grpc_url, "folder": str(server.folder), "expected": {"sale": {}, "kinds": {}}})


def test_a_crash_fails_only_those_in_the_call(server):
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        busy = pool.submit(ask, server, "alone", [1000])
        time.sleep(0.15)
        crash = pool.submit(ask, server, "alone", [666])
        time.sleep(0.05)
        others = [pool.submit(ask, server, "alone", [i]) for i in range(5)]
        assert busy.result().status_code == 200
        failed = crash.result()
        assert failed.status_code == 503 and failed.headers["Retry-After"] and "exit code 3" in failed.json()["message"]
        assert [o.result().json() for o in others] == [{"predictions": [2.0 * i]} for i in range(5)]


def test_our_header_and_every_envelope(server):
    """429 and 504 as each protocol says them."""
    routes = {
        "/v2/models/short/infer": ({"inputs": [{"name": "x", "shape": [1], "datatype": "FP64", "data": [1]}]}, lambda b: b["error"]),
        "/v1/models/short:predict": ({"instances": [{"x": 1}]}, lambda b: b["error"]),
        "/endpoints/short/invocations": ({"dataframe_records": [{"x": 1}]}, lambda b: b["message"]),
        "/v1/projects/p/locations/l/endpoints/short:predict": ({"instances": [{"x": 1}]}, lambda b: b["error"]["message"]),
    }
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        def ask_until_taken(numbers):
            while (reply := ask(server, "short", numbers)).status_code == 429:
                pass
            return reply

        for path, (body, message) in routes.items():
            with Held(server) as held:
                busy = pool.submit(ask, server, "short", [2000])
                held.wait_for(1)
                late = requests.post(server.url + path, json=body, headers={"Slipway-Timeout-Ms": "50"}, timeout=60)
                assert late.status_code == 504 and "time was over" in message(late.json()), (path, late.text)
                waits = pool.submit(ask_until_taken, [1, 2])

                def refused():  # as soon as those wait
                    reply = requests.post(server.url + path, json=body, headers={"Slipway-Timeout-Ms": "50"}, timeout=60)
                    return [reply] if reply.status_code != 504 else []

                (full,) = eventually(refused)
                assert full.status_code == 429 and full.headers["Retry-After"] and "too many rows wait" in message(full.json()), (path, full.text)
            assert busy.result().status_code == waits.result().status_code == 200


def test_an_endpoint_has_its_own_workers_and_limits(server):
    with concurrent.futures.ThreadPoolExecutor(2) as pool, Held(server) as held:
        both = [pool.submit(ask, server, "wide", [2000] * 8) for _ in range(2)]  # each is a full call
        held.wait_for(2)  # two processes answer at the same time
        held.release()
        assert all(b.result().status_code == 200 for b in both)
    late = ask(server, "wide", [999])
    assert late.status_code == 504 and "6000 ms" in late.json()["message"]
    shown = requests.get(f"{server.url}/slipway/v1/endpoints/wide", timeout=60).json()
    assert shown["definition"]["python"] == {"workers": 2, "call_timeout_ms": 6000}
    assert shown["revision"]["batching"] == {"max_rows": 8, "max_wait_ms": 20.0}


def test_who_waits_for_others_finds_them(server):
    assert ask(server, "wide", [1]).status_code == 200  # it runs again
    before = calls(server, "wide")["execution_count"]
    with concurrent.futures.ThreadPoolExecutor(10) as pool, Held(server) as held:
        both = [pool.submit(ask, server, "wide", [2000] * 8) for _ in range(2)]  # keeps the two workers busy
        held.wait_for(2)
        asked = [pool.submit(ask, server, "wide", [i]) for i in range(8)]
        eventually(lambda: connections(server) > 2 + 8)  # and the one that looks
        time.sleep(0.3)
        held.release()
        assert [one.result().status_code for one in both] == [200, 200]
        answers = [one.result().json()["predictions"] for one in asked]
    assert answers == [[2.0 * i] for i in range(8)]
    assert calls(server, "wide")["execution_count"] - before <= 2 + 3  # of those that are slower yet
