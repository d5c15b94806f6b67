"""Artifacts in an S3 bucket: through the proxy, straight with signed URLs, and as the root of experiments."""
import http.client
import json
import os
import pathlib
import select
import socket
import subprocess
import time

import mlflow
import pytest
import requests
from conftest import BINARY, Server, eventually, free_port
from mlflow.tracking import MlflowClient
from s3_server import S3Server, sizes
from test_artifacts import PROXY, digest_of, make_file, raw, tiny_model, use  # noqa: F401


@pytest.fixture(scope="module")
def s3(tmp_path_factory):
    running = S3Server(tmp_path_factory.mktemp("s3"), free_port())
    yield running
    running.stop()


@pytest.fixture(scope="module")
def s3_environment(s3):
    before = dict(os.environ)
    os.environ.update(s3.variables)
    yield s3
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="module")
def server(s3_environment, tmp_path_factory):
    running = Server(tmp_path_factory.mktemp("server") / "data", "--artifacts-destination", f"s3://{s3_environment.bucket}/kept/here")
    yield running
    running.stop()


def test_both_stores_pass_one_suite(s3):
    unit = next(BINARY.parent.glob("**/store_test"))
    environment = {**os.environ, **s3.variables, "SLIPWAY_TEST_S3": f"s3://{s3.bucket}/unit"}
    done = subprocess.run([unit, "--gtest_filter=*ObjectStoreTest*/S3"], env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and "SKIPPED" not in done.stdout, done.stdout[-3000:]
    assert done.stdout.count("[       OK ]") == 8


def test_models_and_trees_through_the_proxy(server, s3, use, tmp_path):  # noqa: F811
    client = use(server)
    with mlflow.start_run() as run:
        info = mlflow.xgboost.log_model(tiny_model(), name="model", registered_model_name="in-a-bucket")
        mlflow.log_text("hello", "docs/ü c+d&e.txt")
        mlflow.log_text("", "docs/empty.txt")
    assert any(key.startswith("kept/here/0/models/") and key.endswith("/MLmodel") for key in s3.files())
    eventually(lambda: list((server.data_dir / "uploads").iterdir()) == [])
    assert not (server.data_dir / "artifacts").exists()
    loaded = mlflow.xgboost.load_model("models:/in-a-bucket/1")
    assert loaded.predict([[1.0, 2.0], [30.0, 31.0]]).tolist() == [0, 1]
    assert [(f.path, f.file_size) for f in client.list_artifacts(run.info.run_id, "docs")] == [("docs/empty.txt", None), ("docs/ü c+d&e.txt", 5)]
    got = requests.get(f"{server.url}/get-artifact", params={"run_id": run.info.run_id, "path": "docs/ü c+d&e.txt"}, headers={"Range": "bytes=1-3"})
    assert (got.status_code, got.text, got.headers["Content-Range"]) == (206, "ell", "bytes 1-3/5")
    assert requests.get(f"{server.url}/get-artifact", params={"run_id": run.info.run_id, "path": "docs/nothing"}).status_code == 404
    version = requests.get(f"{server.url}/model-versions/get-artifact", params={"name": "in-a-bucket", "version": "1", "path": "MLmodel"})
    assert info.model_id in version.text
    mlflow.store.artifact.artifact_repository_registry.get_artifact_repository(run.info.artifact_uri).delete_artifacts("docs")
    assert client.list_artifacts(run.info.run_id) == []


def test_a_model_in_a_bucket_is_served(server, use, tmp_path):  # noqa: F811
    use(server)
    with mlflow.start_run():
        mlflow.xgboost.log_model(tiny_model(), name="model", registered_model_name="served")
    (tmp_path / "slipway.yaml").write_text("project: bucket\nendpoints: {from-s3: {model: models:/served@champion}}\n")
    server.cli("apply", str(tmp_path / "slipway.yaml"))
    server.cli("endpoints", "deploy", "from-s3", "models:/served/1")
    reply = requests.post(f"{server.url}/endpoints/from-s3/invocations",
                          json={"dataframe_split": {"columns": ["f0", "f1"], "data": [[1, 2], [30, 31]]}})
    assert reply.status_code == 200, reply.text


def test_large_files_go_straight_to_the_bucket(server, s3, use, tmp_path, monkeypatch):  # noqa: F811
    """The client asks server-info, then sends parts to signed URLs and reads ranges from one."""
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE", str(20 << 20))
    client = use(server)
    run = client.create_run("0").info
    digest = make_file(tmp_path / "large.bin", 64 << 20)
    passed = {"PUT": 0}
    real = mlflow.store.artifact.http_artifact_repo.http_request

    def watch(creds, endpoint, method, **flags):
        passed[method] = passed.get(method, 0) + 1
        return real(creds, endpoint, method, **flags)

    monkeypatch.setattr(mlflow.store.artifact.http_artifact_repo, "http_request", watch)
    client.log_artifact(run.run_id, str(tmp_path / "large.bin"), "big")
    assert passed["PUT"] == 0 and passed["POST"] == 2  # create and complete; the parts went elsewhere
    assert s3.files()[f"kept/here/0/{run.run_id}/artifacts/big/large.bin"] == 64 << 20
    (tmp_path / "down").mkdir()
    assert digest_of(client.download_artifacts(run.run_id, "big/large.bin", str(tmp_path / "down"))) == digest
    reply = requests.get(f"{server.url}/api/2.0/mlflow-artifacts/presigned/0/{run.run_id}/artifacts/big/large.bin").json()
    assert reply["url"].startswith(s3.endpoint) and reply["file_size"] == 64 << 20
    assert requests.get(reply["url"], headers={"Range": "bytes=0-9"}).headers["Content-Disposition"] == "attachment; filename=large.bin"


def test_large_files_through_the_proxy_when_clients_may_not(s3_environment, start_server, use, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE", str(20 << 20))
    server = start_server("data", "--artifacts-destination", f"s3://{s3_environment.bucket}/proxied", "--no-direct-artifacts")
    assert requests.get(server.url + "/api/3.0/mlflow/server-info").json()["multipart_uploads_enabled"] is False
    client = use(server)
    run = client.create_run("0").info.run_id
    digest = make_file(tmp_path / "large.bin", 100 << 20)
    client.log_artifact(run, str(tmp_path / "large.bin"))
    (tmp_path / "down").mkdir()
    assert digest_of(client.download_artifacts(run, "large.bin", str(tmp_path / "down"))) == digest
    assert requests.post(f"{server.url}/api/2.0/mlflow-artifacts/mpu/create/x", json={"path": "f", "num_parts": 1}).status_code == 501


def test_a_root_in_a_bucket_gives_signed_urls(s3_environment, start_server, use):  # noqa: F811
    server = start_server("data", "--default-artifact-root", f"s3://{s3_environment.bucket}/roots")
    client = use(server)
    run = client.create_run("0").info
    assert run.artifact_uri == f"s3://{s3_environment.bucket}/roots/0/{run.run_id}/artifacts"

    def ask(route, **body):
        return requests.post(f"{server.url}/api/2.0/mlflow/artifacts/{route}", json=body)

    up = ask("presigned-upload-url", run_id=run.run_id, path="a/b.json").json()
    assert requests.put(up["presigned_url"], data="{}", headers=up["headers"]).status_code == 200
    assert requests.put(up["presigned_url"], data="{}", headers={"Content-Type": "text/html"}).status_code == 403
    down = ask("presigned-download-url", run_id=run.run_id, path="a/b.json").json()
    assert requests.get(down["presigned_url"]).text == "{}" and down["file_size"] == 2
    assert [f["path"] for f in requests.get(f"{server.url}/api/2.0/mlflow/artifacts/list",
                                            params={"run_id": run.run_id, "path": "a"}).json()["files"]] == ["a/b.json"]
    assert ask("presigned-download-url", run_id=run.run_id, path="a/b.json", expiration=0).status_code == 400
    assert ask("presigned-download-url", run_id=run.run_id, path="../b").json()["message"] == "Invalid path"
    assert ask("presigned-upload-url", path="b").json()["message"] == "Exactly one of run_id and model_id must be provided."
    model = client.create_logged_model("0")
    up = ask("presigned-upload-url", model_id=model.model_id, path="m").json()
    assert requests.put(up["presigned_url"], data=b"1", headers=up["headers"]).status_code == 200
    assert f"roots/0/models/{model.model_id}/artifacts/m" in s3_environment.files()


def test_no_path_leads_out_of_the_prefix(server, s3):
    for path in ("../x", "%2e%2e/x", "%252e%252e%252fx", "a/../../x"):
        for method in ("GET", "PUT", "DELETE"):
            assert raw(server, method, f"{PROXY}/{path}", b"x").status == 400, (method, path)
    assert all(key.startswith(("kept/here/", "proxied/", "roots/", "unit/")) for key in s3.files())


def test_errors_in_plain_words(s3, start_server, monkeypatch):
    for name, value in s3.variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    reply = requests.get(start_server("one", "--artifacts-destination", f"s3://{s3.bucket}/x").url + PROXY)
    assert reply.status_code == 403 and "does not accept the server's secret key" in reply.json()["message"]
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3.variables["AWS_SECRET_ACCESS_KEY"])
    reply = requests.get(start_server("two", "--artifacts-destination", "s3://no-such-bucket/x").url + PROXY)
    assert reply.status_code == 404 and "the bucket does not exist" in reply.json()["message"]
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    with pytest.raises(RuntimeError, match="no credentials for S3"):
        start_server("three", "--artifacts-destination", f"s3://{s3.bucket}/x")


def test_a_storage_that_comes_back_is_used_again(s3, start_server, monkeypatch):
    for name, value in s3.variables.items():
        monkeypatch.setenv(name, value)
    server = start_server("data", "--artifacts-destination", f"s3://{s3.bucket}/again")
    requests.put(server.url + PROXY + "/a", data=b"1").raise_for_status()
    s3.stop()
    reply = requests.get(server.url + PROXY + "/a")
    assert reply.status_code == 503 and "storage does not answer" in reply.json()["message"]
    s3.start()
    assert requests.get(server.url + PROXY + "/a").content == b"1"


def in_progress(s3):
    """Bytes of uploads that are not finished, as the storage keeps them."""
    return sum(size for file, size in sizes(s3.objects / s3.bucket) if ".sgwtmp" in file.parts)


def test_an_upload_is_on_its_way_to_the_bucket_while_it_arrives(s3_environment, start_server):
    s3 = s3_environment
    server = start_server("data", "--artifacts-destination", f"s3://{s3.bucket}/streamed", "--no-direct-artifacts")
    wait_for = lambda is_so: any(is_so() or time.sleep(0.05) for _ in range(2400))
    piece, pieces = b"slipway!" * (1 << 17), 300  # of 1 MiB

    def body(name, stop_at=pieces):
        for n in range(stop_at):
            if n == 200:  # most of it is there before the client has said the last word
                assert wait_for(lambda: in_progress(s3) >= 64 << 20), in_progress(s3)
                assert list((server.data_dir / "uploads").iterdir()) == []
                assert s3.files(f"streamed/{name}") == {}
            yield piece
        if stop_at < pieces:
            raise ConnectionError("the client is gone")

    reply = requests.put(f"{server.url}{PROXY}/large.bin", data=body("large.bin"), timeout=120)  # chunked: its size is not known
    assert reply.status_code == 200, reply.text
    assert s3.files("streamed/") == {"streamed/large.bin": 300 << 20}
    got = requests.get(f"{server.url}{PROXY}/large.bin", headers={"Range": f"bytes={(150 << 20) - 4}-{(150 << 20) + 3}"}, timeout=30)
    assert got.content == b"way!slip"
    memory = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{server.process.pid}/status").read_text().splitlines())
    assert int(memory["VmHWM"].split()[0]) < 260 << 10, memory["VmHWM"]  # parts on their way, not the file
    # Who leaves in the middle leaves nothing behind.
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.put(f"{server.url}{PROXY}/broken.bin", data=body("broken.bin", stop_at=201), timeout=120)
    assert wait_for(lambda: in_progress(s3) == 0), in_progress(s3)
    assert set(s3.files("streamed/")) == {"streamed/large.bin"}


def test_a_storage_that_stops_in_the_middle_of_an_upload_is_told(start_server, tmp_path, monkeypatch):
    s3 = S3Server(tmp_path / "other", free_port())
    for name, value in s3.variables.items():
        monkeypatch.setenv(name, value)
    server = start_server("data", "--artifacts-destination", f"s3://{s3.bucket}/x", "--no-direct-artifacts")
    try:
        # By hand: a client that sends on without looking may lose the answer that comes before it is done.
        with socket.create_connection(("127.0.0.1", server.port), timeout=120) as connection:
            connection.sendall(f"PUT {PROXY}/f HTTP/1.1\r\nHost: localhost\r\nContent-Length: {120 << 20}\r\n\r\n".encode())
            for n in range(120):
                if n == 60:
                    s3.stop()
                if select.select([connection], [], [], 0)[0]:
                    break  # it is told, and has not sent all
                try:
                    connection.sendall(b"x" * (1 << 20))
                except ConnectionError:
                    break
            reply = http.client.HTTPResponse(connection)
            reply.begin()
            assert reply.status == 503 and json.loads(reply.read())["error_code"] == "TEMPORARILY_UNAVAILABLE"
        assert requests.get(server.url + "/health", timeout=60).status_code == 200
        s3.start()
        assert requests.put(f"{server.url}{PROXY}/f", data=b"x" * (40 << 20), timeout=120).status_code == 200
    finally:
        s3.stop()
