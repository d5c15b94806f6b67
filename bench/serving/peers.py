"""The servers that Slipway is compared with: how each is started, and what it is asked.

FastAPI runs in the bench's own environment. The others don't agree on versions: each has one of its own, made when it is first asked for.
All run as one process that answers (none shares a row among threads), without a log of requests where that can be turned off.
"""
import dataclasses
import json
import pathlib
import sys

import processes

HERE = pathlib.Path(__file__).resolve().parent / "peers"
OIP = "/v2/models/bench/infer"


@dataclasses.dataclass
class Asked:
    process: processes.Process
    path: str
    body: dict


def start(name: str, folder: pathlib.Path, model: pathlib.Path, mlflow_model: pathlib.Path, row: list[float], columns: list[str]) -> Asked:
    port, log = processes.free_port(), folder / f"{name}.log"
    env = {"BENCH_MODEL": str(model), "OMP_NUM_THREADS": "1", "PYTHONPATH": str(HERE)}
    tensor = {"inputs": [{"name": "input", "shape": [1, len(row)], "datatype": "FP32", "data": row}]}
    if name == "fastapi":
        command = [sys.executable, "-m", "uvicorn", "--port", port, "--workers", 1, "--loop", "uvloop", "--http", "httptools", "--no-access-log",
                   "--log-level", "warning", "fastapi_app:app"]
        return Asked(processes.Process(command, port, log, env=env), OIP, tensor)
    commands = processes.environment(f"bench-serving-{name}", HERE / f"{name}.txt")
    if name == "mlserver":
        home = folder / "mlserver"
        home.mkdir()
        (home / "model-settings.json").write_text(json.dumps({"name": "bench", "implementation": "mlserver_model.Bench"}))
        (home / "settings.json").write_text(json.dumps({"debug": False, "parallel_workers": 0, "host": "127.0.0.1", "http_port": port,
                                                        "grpc_port": processes.free_port(), "metrics_port": processes.free_port()}))
        return Asked(processes.Process([commands / "mlserver", "start", home], port, log, env=env, health="/v2/models/bench/ready", seconds=180), OIP, tensor)
    if name == "kserve":
        command = [commands / "python3", HERE / "kserve_model.py", "--http_port", port, "--enable_grpc", "false", "--workers", 1]
        return Asked(processes.Process(command, port, log, env=env, health="/v2/models/bench/ready", seconds=180), OIP, tensor)
    if name == "bentoml":
        command = [commands / "bentoml", "serve", "bentoml_service:Bench", "--host", "127.0.0.1", "--port", port]
        env |= {"BENTOML_HOME": str(folder / "bentoml"), "BENTOML_DO_NOT_TRACK": "true"}
        return Asked(processes.Process(command, port, log, env=env, health="/readyz", seconds=180), "/predict", {"rows": [row]})
    if name == "mlflow":
        env["PATH"] = f"{commands}:/usr/bin:/bin"  # it calls uvicorn by name
        command = [commands / "mlflow", "models", "serve", "-m", mlflow_model, "--env-manager", "local", "--host", "127.0.0.1", "--port", port]
        return Asked(processes.Process(command, port, log, env=env, health="/ping", seconds=300), "/invocations",
                     {"dataframe_split": {"columns": columns, "data": [row]}})
    raise SystemExit(f"no such peer: {name}; there are {', '.join(ALL)}")


ALL = ["fastapi", "mlserver", "kserve", "bentoml", "mlflow"]
