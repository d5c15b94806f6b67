#!/usr/bin/env python3
"""Minutes of mixed load while models are exchanged, rolled back, and their processes killed: does a request fail, does memory grow?

Callers of four kinds ask all the time: the Open Inference Protocol over REST and gRPC, MLflow's scoring protocol, and a model that runs in
Python processes. Meanwhile the other version is deployed, rolled back, deployed, and one process of the Python model is killed
with SIGKILL again and again. Every answer is compared with what one of the two versions must say. An answer that says that its process
ended is what a caller of a killed process is promised, and is counted apart; any other error is a failure, and the bench ends with 1.
"""
import argparse
import collections
import contextlib
import http.client
import json
import os
import pathlib
import random
import signal
import statistics
import sys
import tempfile
import textwrap
import threading
import time
import urllib.request

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1]), str(pathlib.Path(__file__).resolve().parents[1] / "serving")]
import mlflow  # noqa: E402
import numpy as np  # noqa: E402
import tritonclient.grpc  # noqa: E402
import xgboost  # noqa: E402
from mlflow.models import ModelSignature, infer_signature  # noqa: E402
from mlflow.types import ColSpec, DataType, Schema  # noqa: E402

import model  # noqa: E402
import processes  # noqa: E402

PROJECT = """
project: soak
clock: wall
endpoints:
  trees: {model: "models:/trees@champion", output: score}
  python: {model: "models:/python@champion"}
"""
PYTHON_MODEL = textwrap.dedent("""
    import mlflow
    from mlflow.pyfunc import PythonModel

    class Times(PythonModel):
        def predict(self, context, model_input, params=None):
            return model_input["x"].to_numpy() * FACTOR

    mlflow.models.set_model(Times())
""")
FACTORS = (2.0, 3.0)  # of versions 1 and 2 of the Python model
ROWS = 64             # that callers choose from
SAMPLE_SECONDS = 5


def register(url: str, folder: pathlib.Path):
    """Two versions of two models; gives the rows to ask about, and what version 1 and 2 of the trees say to each."""
    os.environ.update(GIT_PYTHON_REFRESH="quiet", MLFLOW_DISABLE_TELEMETRY="true")
    mlflow.set_tracking_uri(url)
    mlflow.set_registry_uri(url)
    mlflow.set_experiment("soak")
    booster, frame = model.train()
    rows = frame.head(ROWS).round(6)
    boosters = [booster, booster[: booster.num_boosted_rounds() // 2]]
    with mlflow.start_run():
        for each in boosters:
            said = each.predict(xgboost.DMatrix(rows))
            mlflow.xgboost.log_model(each, name="trees", registered_model_name="trees", model_format="json", signature=infer_signature(rows, said))
        for factor in FACTORS:
            script = folder / f"times_{factor:.0f}.py"
            script.write_text(PYTHON_MODEL.replace("FACTOR", str(factor)))
            column = [ColSpec(DataType.double, "x")], [ColSpec(DataType.double, "y")]
            mlflow.pyfunc.log_model(name="python", python_model=str(script), registered_model_name="python", pip_requirements=["mlflow-skinny"],
                                    signature=ModelSignature(Schema(column[0]), Schema(column[1])))
    for name in ("trees", "python"):
        mlflow.MlflowClient().set_registered_model_alias(name, "champion", 1)
    return rows, [each.predict(xgboost.DMatrix(rows)) for each in boosters]


class Callers:
    """What they asked and what came of it, by protocol."""

    def __init__(self, server: processes.Process, grpc_port: int, rows, expected):
        self.server, self.grpc_port, self.rows, self.expected = server, grpc_port, rows.to_numpy(np.float32), expected
        self.columns = list(rows.columns)
        self.stop = threading.Event()
        self.lock = threading.Lock()
        self.asked, self.ended, self.latencies = collections.Counter(), collections.Counter(), collections.defaultdict(list)
        self.failures: list[str] = []
        self.threads = [threading.Thread(target=self.run, args=(kind,)) for kind in (self.rest, self.grpc, self.scoring, self.python) for _ in range(2)]

    def run(self, kind) -> None:
        name = kind.__name__
        with kind() as ask:
            while not self.stop.is_set():
                start = time.perf_counter()
                try:
                    wrong = ask(random.randrange(ROWS))
                except Exception as e:  # a caller that dies would hide what happened to it
                    wrong = f"{type(e).__name__}: {e}"
                seconds = time.perf_counter() - start
                with self.lock:
                    self.asked[name] += 1
                    if len(self.latencies[name]) < 1_000_000:
                        self.latencies[name].append(seconds)
                    if wrong and name == "python" and "process" in wrong:
                        self.ended[name] += 1
                    elif wrong:
                        self.failures.append(f"{name}: {wrong}"[:300])

    @contextlib.contextmanager
    def post(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)

        def post(path: str, body: dict) -> tuple[int, dict]:
            connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            reply = connection.getresponse()
            return reply.status, json.loads(reply.read())

        yield post
        connection.close()

    def check(self, said: float, row: int) -> str | None:
        if any(abs(said - version[row]) < 1e-6 for version in self.expected):
            return None
        return f"said {said}, expected one of {[float(version[row]) for version in self.expected]}"

    @contextlib.contextmanager
    def rest(self):
        with self.post() as post:
            def ask(row: int):
                status, answer = post("/v2/models/trees/infer", {"inputs": [
                    {"name": "input", "shape": [1, len(self.columns)], "datatype": "FP32", "data": self.rows[row].tolist()}]})
                return f"{status}: {answer}" if status != 200 else self.check(answer["outputs"][0]["data"][0], row)
            yield ask

    @contextlib.contextmanager
    def scoring(self):
        with self.post() as post:
            def ask(row: int):
                status, answer = post("/endpoints/trees/invocations", {"dataframe_split": {"columns": self.columns, "data": [self.rows[row].tolist()]}})
                if status != 200:
                    return f"{status}: {answer}"
                first = answer["predictions"][0]
                return self.check(first["score"] if isinstance(first, dict) else first, row)
            yield ask

    @contextlib.contextmanager
    def grpc(self):
        with tritonclient.grpc.InferenceServerClient(f"127.0.0.1:{self.grpc_port}") as client:
            def ask(row: int):
                tensor = tritonclient.grpc.InferInput("input", [1, len(self.columns)], "FP32")
                tensor.set_data_from_numpy(self.rows[row:row + 1])
                return self.check(float(client.infer("trees", [tensor]).as_numpy("score").ravel()[0]), row)
            yield ask

    @contextlib.contextmanager
    def python(self):
        with self.post() as post:
            def ask(row: int):
                status, answer = post("/v2/models/python/infer", {"inputs": [{"name": "x", "shape": [1], "datatype": "FP64", "data": [row]}]})
                if status != 200:
                    return f"{status}: {answer}"
                said = answer["outputs"][0]["data"][0]
                return None if said in [row * factor for factor in FACTORS] else f"said {said} to {row}"
            yield ask


def descendants(pid: int) -> list[int]:
    found = []
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += [int(child), *descendants(int(child))]
    return found


class Disturbance:
    """What an operator and bad luck do, one thing after the other."""

    def __init__(self, server: processes.Process):
        self.server, self.done, self.version = server, collections.Counter(), {"trees": 1, "python": 1}
        self.steps = [self.deploy, self.roll_back, self.deploy, self.kill_process]

    def next(self) -> None:
        step = self.steps[self.done.total() % len(self.steps)]
        name = ("trees", "python")[self.done.total() // len(self.steps) % 2]
        step(name)
        self.done[step.__name__] += 1

    def own(self, path: str, body: dict) -> None:
        request = urllib.request.Request(f"{self.server.url}/slipway/v1/{path}", json.dumps(body).encode(), {"Content-Type": "application/json"})
        urllib.request.urlopen(request, timeout=60).close()

    def deploy(self, name: str) -> None:
        self.version[name] = 3 - self.version[name]
        self.own(f"endpoints/{name}/deploy", {"model": f"models:/{name}/{self.version[name]}", "reason": "soak"})

    def roll_back(self, name: str) -> None:
        self.own(f"endpoints/{name}/rollback", {"reason": "soak"})
        self.version[name] = 3 - self.version[name]

    def kill_process(self, _: str) -> None:
        workers = [pid for pid in descendants(self.server.process.pid) if b"worker" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()]
        if workers:
            os.kill(random.choice(workers), signal.SIGKILL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--every", type=float, default=2, help="seconds between two disturbances")
    parser.add_argument("--json", action="store_true")
    args, _ = parser.parse_known_args()  # ./x bench gives all flags to all benches
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # unwinds, so that folders go away too

    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as name:
        folder, port, grpc_port = pathlib.Path(name), processes.free_port(), processes.free_port()
        command = [processes.BUILD / "slipway", "server", "--port", port, "--grpc-port", grpc_port, "--data", folder / "data",
                   "--python-models", sys.executable]
        with processes.Process(command, port, folder / "slipway.log") as server, contextlib.redirect_stdout(sys.stderr):
            rows, expected = register(server.url, folder)
            disturbance = Disturbance(server)
            disturbance.own("apply", {"yaml": PROJECT, "dir": str(folder)})
            callers, memory, next_sample = Callers(server, grpc_port, rows, expected), [], 0.0
            for thread in callers.threads:
                thread.start()
            start = time.monotonic()
            try:
                while (passed := time.monotonic() - start) < args.minutes * 60 and server.process.poll() is None:
                    disturbance.next()
                    if passed >= next_sample:
                        memory.append((round(passed), server.memory_kib()["Pss_Anon"] // 1024))
                        next_sample += SAMPLE_SECONDS
                        print(f"\r{passed:5.0f} s  {callers.asked.total():,} requests, {len(callers.failures)} failed, {memory[-1][1]} MB",
                              end="", file=sys.stderr, flush=True)
                    time.sleep(args.every)
            finally:
                callers.stop.set()
                for thread in callers.threads:
                    thread.join()
                print(file=sys.stderr)
            alive = server.process.poll() is None

    quarter = max(1, len(memory) // 4)
    second, last = (statistics.median(mb for _, mb in part) for part in (memory[quarter:2 * quarter] or memory, memory[-quarter:]))
    table = [{"caller": kind, "requests": asked, "process_ended": callers.ended[kind],
              "p50_ms": round(statistics.median(callers.latencies[kind]) * 1000, 2),
              "p99_ms": round(statistics.quantiles(callers.latencies[kind], n=100)[-1] * 1000, 2)} for kind, asked in callers.asked.items()]
    result = {"bench": "soak", **processes.machine(), "minutes": args.minutes, "alive": alive, "failed": len(callers.failures), "table": table,
              "disturbances": dict(disturbance.done), "mb_in_second_quarter": second, "mb_in_last_quarter": last, "failures": callers.failures[:20]}
    if args.json:
        print(json.dumps(result, indent=1))
    else:
        print("  ".join(f"{key:>12}" for key in table[0]))
        for row in table:
            print("  ".join(f"{value:>12}" for value in row.values()))
        print("\n" + "  ".join(f"{key}={value}" for key, value in result.items() if key not in ("table", "failures")))
        print("\n".join(result["failures"]))
    if not alive or callers.failures or last > 1.1 * second:
        raise SystemExit("the server ended" if not alive else "requests failed" if callers.failures else "memory grew")


if __name__ == "__main__":
    main()
