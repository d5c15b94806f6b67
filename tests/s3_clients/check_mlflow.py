"""MLflow whose artifacts the client itself puts into S3 (MLFLOW_S3_ENDPOINT_URL), with runs on the same server."""
import os
import pathlib

import mlflow
import pytest
from mlflow.tracking import MlflowClient


@pytest.fixture
def client(endpoint, monkeypatch):
    monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", endpoint)
    mlflow.set_tracking_uri(os.environ["SLIPWAY_URL"])
    return MlflowClient()


def test_artifacts_of_runs(client, bucket, tmp_path):
    experiment = client.create_experiment("in-a-bucket", artifact_location=f"s3://{bucket}/mlflow/here")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "ü c+d.txt").write_text("hello")
    (tmp_path / "large").write_bytes(os.urandom(20 << 20))
    with mlflow.start_run(experiment_id=experiment) as run:
        mlflow.log_artifacts(str(tmp_path / "folder"), "docs")
        mlflow.log_artifact(str(tmp_path / "large"))
        mlflow.log_text("", "empty.txt")
    listed = {f.path: f.file_size for f in client.list_artifacts(run.info.run_id)}
    assert listed == {"docs": None, "empty.txt": 0, "large": 20 << 20}
    back = pathlib.Path(client.download_artifacts(run.info.run_id, "", str(tmp_path)))
    assert (back / "docs" / "ü c+d.txt").read_text() == "hello" and (back / "large").read_bytes() == (tmp_path / "large").read_bytes()
    with pytest.raises(Exception, match="no-such"):
        mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="no-such")
