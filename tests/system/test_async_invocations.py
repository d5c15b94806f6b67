"""SageMaker's InvokeEndpointAsync with the unmodified boto3, against an S3 server; and a kill in the middle of the queue."""
import json
import os
import signal
import subprocess
import sys
import time

import mlflow
import pytest
import requests
from conftest import Server, eventually, free_port
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema
from s3_server import S3Server
from test_serving_protocols import PYTHON, run_clients

# Doubles numbers; those over 1000 take as many milliseconds, and one ends the process. The number 40 waits while there is a file `held`.
MODEL = """
import os
import time
import mlflow
from mlflow.pyfunc import PythonModel

class Double(PythonModel):
    def predict(self, context, model_input, params=None):
        for x in model_input["x"]:
            if x == -13:
                raise ValueError("an unlucky number")
            if x == -99:
                os._exit(3)
            while x == 40 and os.path.exists("FOLDER/held"):
                time.sleep(0.01)
            time.sleep(x / 1000 if x > 1000 else 0.02)
        return model_input["x"] * 2

mlflow.models.set_model(Double())
"""
YAML = """
project: shop
endpoints:
  sum: {{model: models:/sum/1, async: {{output: "s3://{bucket}/answers", failure: "s3://{bucket}/failures/"}}}}
  narrow: {{model: models:/sum/1, async: {{output: "s3://{bucket}/narrow", in_flight: 1}}}}
  local: {{model: models:/sum/1, async: {{output: {root}/answers}}}}
  plain: {{model: models:/sum/1}}
"""
SUBMIT = """
import boto3, json, os
facts = json.loads(os.environ["SERVED"])
client = boto3.client("sagemaker-runtime", endpoint_url=facts["url"], region_name="eu-west-1", aws_access_key_id="any", aws_secret_access_key="any")
for i in range(facts["count"]):
    body = json.dumps({"dataframe_split": {"columns": ["x"], "data": [[i]]}})
    reply = client.invoke_endpoint_async(EndpointName="narrow", ContentType="application/json", Body=body, InferenceId=f"q-{i}")
    print(json.dumps([reply["InferenceId"], reply["OutputLocation"], reply["FailureLocation"]]), flush=True)
"""


@pytest.fixture
def s3(tmp_path, monkeypatch):
    running = S3Server(tmp_path / "s3", free_port())
    for name, value in running.variables.items():
        monkeypatch.setenv(name, value)
    yield running
    running.stop()


def begin(tmp_path, s3, *flags) -> Server:
    root = tmp_path / "root"
    root.mkdir()
    server = Server(tmp_path / "data", "--python-models", sys.executable, "--async-root", str(root), *flags)
    mlflow.set_tracking_uri(server.url)
    mlflow.set_registry_uri(server.url)
    (tmp_path / "model.py").write_text(MODEL.replace("FOLDER", str(tmp_path)))
    with mlflow.start_run():
        mlflow.pyfunc.log_model(name="sum", python_model=str(tmp_path / "model.py"), registered_model_name="sum", pip_requirements=["mlflow-skinny"],
                                signature=ModelSignature(Schema([ColSpec(DataType.double, "x")]), Schema([ColSpec(DataType.double, "y")])))
    (tmp_path / "slipway.yaml").write_text(YAML.format(bucket=s3.bucket, root=root))
    server.cli("apply", str(tmp_path / "slipway.yaml"))
    return server


def metric(server, name: str) -> float:
    (line,) = [line for line in requests.get(f"{server.url}/metrics", timeout=60).text.splitlines() if line.startswith(name)]
    return float(line.rsplit(" ", 1)[1])


def test_unmodified_client(tmp_path, s3):
    server = begin(tmp_path, s3, "--async-queue-length-max", "4")
    try:
        run_clients("async_sagemaker", {"url": server.url, "s3": s3.variables, "bucket": s3.bucket, "root": str(tmp_path / "root")})
    finally:
        server.stop()


@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_a_kill_in_the_middle_of_the_queue_loses_nothing(tmp_path, s3, store, request):
    server = begin(tmp_path, s3, *(request.getfixturevalue("postgres").fresh() if store == "postgresql" else []))
    try:
        (tmp_path / "held").touch()
        done = subprocess.run([PYTHON, "-c", SUBMIT], env={**os.environ, "SERVED": json.dumps({"url": server.url, "count": 60})}, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
        accepted = [json.loads(line) for line in done.stdout.splitlines()]
        assert len(accepted) == 60 and len({output for _, output, _ in accepted}) == 60
        written = lambda: [key for key in s3.files("narrow/") if key.endswith(".out")]  # noqa: E731
        eventually(lambda: len(written()) >= 5)
        assert metric(server, 'slipway_async_waiting{endpoint="narrow"}') > 0
        assert metric(server, 'slipway_async_oldest_seconds{endpoint="narrow"}') > 0
        server.kill()
        before = len(written())
        assert before < 60
        (tmp_path / "held").unlink()
        server.start()
        deadline = time.monotonic() + 120
        while len(written()) < 60:
            assert time.monotonic() < deadline, f"{len(written())} of 60"
            time.sleep(0.05)
        for i, (name, output, failure) in enumerate(accepted):
            assert name == f"q-{i}"
            answer = (s3.objects / output.removeprefix("s3://")).read_text()
            assert json.loads(answer)["predictions"] == [2.0 * i]
            assert not (s3.objects / failure.removeprefix("s3://")).exists()
        deadline = time.monotonic() + 90
        while metric(server, "slipway_async_answers_total") < 60 - before or metric(server, 'slipway_async_in_flight{endpoint="narrow"}'):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        # Nothing is left to do at the next start.
        assert server.stop(signal.SIGTERM) == 0
        server.start()
        assert "slipway_async_waiting" not in requests.get(f"{server.url}/metrics", timeout=60).text
        row = requests.get(f"{server.url}/slipway/v1/endpoints/narrow/requests/q-59", timeout=60).json()["request"]
        assert row["features"]["x"] == 59
    finally:
        server.stop()
