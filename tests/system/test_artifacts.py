"""Artifacts on the local disk: MLflow's proxy and what lies around it, with the unmodified client and over raw HTTP."""
import hashlib
import http.client
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import mlflow
import numpy as np
import pytest
import requests
import xgboost
from conftest import eventually
from mlflow.tracking import MlflowClient

PROXY = "/api/2.0/mlflow-artifacts/artifacts"


@pytest.fixture
def use(monkeypatch):
    """use(server) -> client, with mlflow's global state pointed at it."""

    def point(server):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server.url)
        mlflow.set_tracking_uri(server.url)
        mlflow.set_registry_uri(server.url)
        return MlflowClient(server.url)

    return point


def make_file(path: pathlib.Path, bytes_: int) -> str:
    """A file that doesn't compress; gives its digest."""
    digest = hashlib.sha256()
    block = np.random.default_rng(7).bytes(1 << 20)
    with open(path, "wb") as f:
        for i in range(0, bytes_, len(block)):
            piece = (i.to_bytes(8, "big") + block[8:])[: bytes_ - i]
            f.write(piece)
            digest.update(piece)
    return digest.hexdigest()


def digest_of(path) -> str:
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def raw(server, method: str, target: str, body: bytes = b"", headers: dict = {}) -> http.client.HTTPResponse:
    """The target as it is: requests would tidy it up first."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.request(method, target, body=body, headers=headers)
    reply = connection.getresponse()
    reply.text = reply.read().decode(errors="replace")
    connection.close()
    return reply


def test_a_large_file_and_a_tree_there_and_back(shared_server, use, tmp_path):
    client = use(shared_server)
    run = client.create_run("0").info.run_id
    digest = make_file(tmp_path / "large.bin", 200 << 20)
    client.log_artifact(run, str(tmp_path / "large.bin"), "big")
    down = client.download_artifacts(run, "big/large.bin", str(tmp_path))
    assert digest_of(down) == digest

    tree = tmp_path / "tree"
    for name in ("a.txt", "deep/er/b.txt", "deep/ü c+d&e.txt", "empty"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text("" if name == "empty" else name)
    client.log_artifacts(run, str(tree), "tree")
    assert [f.path for f in client.list_artifacts(run, "tree")] == ["tree/a.txt", "tree/deep", "tree/empty"]
    (tmp_path / "back").mkdir()
    back = pathlib.Path(client.download_artifacts(run, "tree", str(tmp_path / "back")))
    assert {str(p.relative_to(back)): p.read_text() for p in back.rglob("*") if p.is_file()} == \
        {str(p.relative_to(tree)): p.read_text() for p in tree.rglob("*") if p.is_file()}


def test_what_a_download_says(shared_server):
    url = shared_server.url + PROXY + "/headers/report.html"
    requests.put(url, data=b"0123456789").raise_for_status()
    reply = requests.get(url)
    assert reply.headers["Content-Disposition"] == "attachment; filename=report.html"
    assert reply.headers["X-Content-Type-Options"] == "nosniff" and reply.headers["Content-Type"] == "text/html"
    assert reply.headers["Accept-Ranges"] == "bytes" and reply.headers["Content-Length"] == "10"
    for asked, status, content, told in (("bytes=2-4", 206, b"234", "bytes 2-4/10"), ("bytes=-3", 206, b"789", "bytes 7-9/10"),
                                         ("bytes=8-99", 206, b"89", "bytes 8-9/10"), ("bytes=10-", 416, b"", "bytes */10"),
                                         ("bytes=1-2,4-5", 200, b"0123456789", None), ("lines=1-2", 200, b"0123456789", None)):
        reply = requests.get(url, headers={"Range": asked})
        assert (reply.status_code, reply.content, reply.headers.get("Content-Range")) == (status, content, told), asked
    head = requests.head(url)
    assert head.status_code == 200 and head.headers["Content-Length"] == "10" and head.content == b""
    assert requests.get(shared_server.url + PROXY + "/headers/nothing").json()["error_code"] == "RESOURCE_DOES_NOT_EXIST"
    assert requests.get(shared_server.url + PROXY + "/headers").status_code == 404  # a folder is no file


@pytest.mark.parametrize("path", ["../x", "a/../../x", "%2e%2e/x", "%252e%252e%252fx", "%25252e%25252e/x", "a%5c..%5cx", "%2fetc%2fpasswd",
                                  "%252fetc%252fpasswd", "C:%5cx", "a%23b", "a%00b", "%c0%ae%c0%ae/x", "a%0ab"])
def test_no_path_leads_out(shared_server, path):
    before = sorted(shared_server.data_dir.rglob("*x*"))
    for method in ("GET", "PUT", "DELETE"):
        reply = raw(shared_server, method, f"{PROXY}/{path}", b"evil" if method == "PUT" else b"")
        allowed = (400, 404) if method == "GET" else (400, 200)
        assert reply.status in allowed, (method, reply.status, reply.text)
        if reply.status == 400:
            assert "Invalid path" in reply.text
    assert raw(shared_server, "GET", f"{PROXY}?path={path}").status in (200, 400)
    outside = [p for p in sorted(shared_server.data_dir.rglob("*x*")) if p not in before and "artifacts" not in p.parts]
    assert outside == [] and not (shared_server.data_dir.parent / "x").exists()


def test_links_and_names_that_are_too_long(shared_server, tmp_path):
    root = shared_server.data_dir / "artifacts"
    root.mkdir(exist_ok=True)
    (tmp_path / "secret").write_text("secret")
    (root / "link").symlink_to(tmp_path)
    assert raw(shared_server, "GET", f"{PROXY}/link/secret").status == 400
    assert raw(shared_server, "DELETE", f"{PROXY}/link/secret").status == 400
    assert raw(shared_server, "PUT", f"{PROXY}/{'n' * 300}", b"x").status == 400
    assert raw(shared_server, "DELETE", f"{PROXY}/.").status in (400, 404, 405)
    assert (tmp_path / "secret").read_text() == "secret"
    (root / "link").unlink()


def test_delete_takes_a_file_or_a_folder(shared_server, use):
    client = use(shared_server)
    run = client.create_run("0").info
    client.log_text(run.run_id, "x", "a/b.txt")
    client.log_text(run.run_id, "x", "c.txt")
    repository = mlflow.store.artifact.artifact_repository_registry.get_artifact_repository(run.artifact_uri)
    repository.delete_artifacts("a")
    assert [f.path for f in client.list_artifacts(run.run_id)] == ["c.txt"]
    repository.delete_artifacts("not-there")


def test_what_the_page_asks_for(shared_server, use):
    client = use(shared_server)
    run = client.create_run("0").info.run_id
    upload = f"{shared_server.url}/ajax-api/2.0/mlflow/upload-artifact"
    assert requests.post(upload, params={"run_uuid": run, "path": "sub/note.md"}, data="hello").status_code == 200
    assert requests.post(upload, params={"run_uuid": run, "path": "big"}, data=b"x" * (10 << 20) + b"x").json()["message"] == \
        "Artifact size is too large. Max size is 10MB."
    got = requests.get(f"{shared_server.url}/get-artifact", params={"run_uuid": run, "path": "sub/note.md"})
    assert got.text == "hello" and got.headers["Content-Type"] == "text/plain"

    with mlflow.start_run():
        model = mlflow.xgboost.log_model(tiny_model(), name="model", registered_model_name="page-model")
    files = requests.get(f"{shared_server.url}/ajax-api/2.0/mlflow/logged-models/{model.model_id}/artifacts/directories").json()["files"]
    assert "MLmodel" in [f["path"] for f in files]
    one = requests.get(f"{shared_server.url}/ajax-api/2.0/mlflow/logged-models/{model.model_id}/artifacts/files",
                       params={"artifact_file_path": "MLmodel"})
    assert one.status_code == 200 and model.model_id in one.text
    version = requests.get(f"{shared_server.url}/model-versions/get-artifact", params={"name": "page-model", "version": "1", "path": "MLmodel"})
    assert version.text == one.text
    assert requests.get(f"{shared_server.url}/model-versions/get-artifact",
                        params={"name": "page-model", "version": "1", "path": "../x"}).json()["message"] == "Invalid path"


def tiny_model():
    x = np.arange(40, dtype=np.float32).reshape(20, 2)
    return xgboost.XGBClassifier(n_estimators=2, max_depth=2).fit(x, (x[:, 0] > 20).astype(int))


def test_the_local_disk_offers_no_parts_and_the_client_falls_back(shared_server, use, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD", "true")
    monkeypatch.setenv("MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD", "true")
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE", "1")
    client = use(shared_server)
    info = requests.get(shared_server.url + "/api/3.0/mlflow/server-info").json()
    assert info["multipart_uploads_enabled"] is False and info["multipart_downloads_enabled"] is False
    run = client.create_run("0").info.run_id
    (tmp_path / "f.txt").write_text("hello")
    client.log_artifact(run, str(tmp_path / "f.txt"))
    assert open(client.download_artifacts(run, "f.txt", str(tmp_path))).read() == "hello"
    for route in ("presigned-upload-url", "presigned-download-url"):
        reply = requests.post(f"{shared_server.url}/api/2.0/mlflow/artifacts/{route}", json={"run_id": run, "path": "f.txt"})
        assert reply.status_code == 400 and "proxied artifact storage" in reply.json()["message"]


def test_without_the_proxy_the_client_writes_to_the_root_itself(start_server, use, tmp_path):
    root = tmp_path / "mlruns with space"
    server = start_server("data", "--no-serve-artifacts", "--default-artifact-root", root.as_uri())
    client = use(server)
    reply = requests.get(server.url + PROXY + "/a.txt")
    assert reply.status_code == 503
    assert reply.text == ("Endpoint: /api/2.0/mlflow-artifacts/artifacts/<path:artifact_path> disabled due to the mlflow server running with "
                          "`--no-serve-artifacts`. To enable artifacts server functionality, run `mlflow server` with `--serve-artifacts`")
    experiment = client.create_experiment("here")
    run = client.create_run(experiment).info
    assert run.artifact_uri == f"{root.as_uri()}/{experiment}/{run.run_id}/artifacts"
    client.log_text(run.run_id, "hello", "docs/a.txt")
    assert (root / experiment / run.run_id / "artifacts" / "docs" / "a.txt").read_text() == "hello"
    listed = requests.get(f"{server.url}/api/2.0/mlflow/artifacts/list", params={"run_id": run.run_id, "path": "docs"}).json()
    assert listed == {"root_uri": run.artifact_uri, "files": [{"path": "docs/a.txt", "is_dir": False, "file_size": 5}]}
    assert requests.get(f"{server.url}/get-artifact", params={"run_id": run.run_id, "path": "docs/a.txt"}).text == "hello"
    # Whoever may create an experiment may not read the machine through it.
    elsewhere = client.create_run(client.create_experiment("elsewhere", artifact_location="/etc")).info.run_id
    reply = requests.get(f"{server.url}/get-artifact", params={"run_id": elsewhere, "path": "../../../hostname"})
    assert reply.status_code == 400
    reply = requests.get(f"{server.url}/api/2.0/mlflow/artifacts/list", params={"run_id": elsewhere})
    assert reply.status_code == 403 and reply.json()["error_code"] == "PERMISSION_DENIED"


def test_artifacts_only_answers_the_proxy_alone(start_server, tmp_path):
    server = start_server("data", "--artifacts-only", "--artifacts-destination", str(tmp_path / "kept"))
    requests.put(server.url + PROXY + "/a/b.txt", data=b"hello").raise_for_status()
    assert (tmp_path / "kept" / "a" / "b.txt").read_bytes() == b"hello"
    assert requests.get(server.url + PROXY, params={"path": "a"}).json() == {"files": [{"path": "b.txt", "is_dir": False, "file_size": 5}]}
    for method, path in (("POST", "/api/2.0/mlflow/runs/create"), ("GET", "/get-artifact"), ("GET", "/api/2.0/mlflow/artifacts/list")):
        reply = requests.request(method, server.url + path)
        assert reply.status_code == 503, path
        assert reply.text == (f"Endpoint: {path} disabled due to the mlflow server running in `--artifacts-only` mode. To enable tracking "
                              "server functionality, run `mlflow server` without `--artifacts-only`")
    assert requests.get(server.url + "/api/3.0/mlflow/server-info").status_code == 200


def test_relative_places_begin_at_the_working_folder(start_server, use):
    server = start_server("data", "--default-artifact-root", "./some-root")
    client = use(server)
    assert client.get_experiment("0").artifact_location == f"{os.getcwd()}/some-root/0"
    made = client.create_experiment("mine", artifact_location="my_location")
    assert client.get_experiment(made).artifact_location == f"{os.getcwd()}/my_location"


def test_a_killed_upload_leaves_the_old_file_and_no_rest(start_server):
    server = start_server("data")
    url = server.url + PROXY + "/file.bin"
    requests.put(url, data=b"old").raise_for_status()
    def endless():
        for _ in range(10_000):
            yield b"n" * 65536
            time.sleep(0.001)

    thread = threading.Thread(target=lambda: pytest.raises(requests.RequestException, requests.put, url, data=endless()))
    thread.start()
    eventually(lambda: list((server.data_dir / "uploads").iterdir()))
    server.kill()
    thread.join()
    server.start()
    assert requests.get(url).content == b"old"
    assert list((server.data_dir / "uploads").iterdir()) == []


def test_an_acknowledged_upload_survives_a_kill(start_server):
    server = start_server("data")
    for i in range(5):
        requests.put(f"{server.url}{PROXY}/kill/{i}", data=bytes([i]) * 100_000).raise_for_status()
        server.kill()
        server.start()
        assert requests.get(f"{server.url}{PROXY}/kill/{i}").content == bytes([i]) * 100_000


def test_a_destination_on_another_file_system(start_server, tmp_path):
    other = pathlib.Path("/dev/shm")
    if not other.is_dir() or other.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("no second file system here")
    destination = other / f"slipway-test-{os.getpid()}"
    try:
        server = start_server("data", "--artifacts-destination", str(destination))
        requests.put(server.url + PROXY + "/a/b.bin", data=b"x" * 1_000_000).raise_for_status()
        assert (destination / "a" / "b.bin").stat().st_size == 1_000_000
        assert [p.name for p in (destination / "a").iterdir()] == ["b.bin"]
    finally:
        subprocess.run(["rm", "-rf", str(destination)], check=True)


def test_a_large_folder_is_listed_as_mlflow_does_it_or_page_by_page(start_server, use):
    server = start_server("data")
    client = use(server)
    run = client.create_run("0").info.run_id
    folder = server.data_dir / "artifacts" / "0" / run / "artifacts" / "many"
    folder.mkdir(parents=True)
    for n in range(10_000):
        (folder / f"f{n:05}").touch()
    assert [f.path for f in client.list_artifacts(run, "many")] == [f"many/f{n:05}" for n in range(10_000)]
    ask = lambda **more: requests.get(f"{server.url}/api/2.0/mlflow/artifacts/list", params={"run_id": run, "path": "many", **more}, timeout=20)
    whole = ask().json()
    assert len(whole["files"]) == 10_000 and "next_page_token" not in whole
    server.stop()
    server = start_server("data", "--artifact-list-max", "4000")
    paths, token = [], ""
    while True:
        page = ask(page_token=token).json()
        assert len(page["files"]) <= 4000
        paths += [f["path"] for f in page["files"]]
        token = page.get("next_page_token")
        if token is None:
            break
    assert paths == [f"many/f{n:05}" for n in range(10_000)]
    assert ask(page_token="nonsense").status_code == 400
    # The proxy's listing has no pages: half of it must not look like all of it.
    use(server)
    with pytest.raises(requests.exceptions.HTTPError, match="raise artifact-list-max"):
        MlflowClient(server.url).list_artifacts(run, "many")


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "small"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(folder)], capture_output=True).returncode:
        pytest.skip("mounting a small file system needs root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("full", ["the data folder", "the destination"])
def test_a_full_disk_leaves_no_half_upload(small_disk, start_server, use, tmp_path, full):
    flags = ("--artifacts-destination", str(small_disk / "files")) if full == "the destination" else ()
    server = start_server("data" if flags else "small/data", *flags)
    client = use(server)
    run = client.create_run("0").info.run_id
    make_file(tmp_path / "large.bin", 48 << 20)
    make_file(tmp_path / "fits.bin", 4 << 20)
    with pytest.raises(requests.exceptions.HTTPError, match="507"):
        client.log_artifact(run, str(tmp_path / "large.bin"))
    with open(tmp_path / "large.bin", "rb") as body:
        reply = requests.put(f"{server.url}{PROXY}/0/{run}/artifacts/large.bin", data=body, timeout=30)
    assert reply.status_code == 507 and reply.json()["error_code"] == "INTERNAL_ERROR"
    assert "No space left" in reply.json()["message"]
    assert client.list_artifacts(run) == []
    for root in (small_disk, server.data_dir):  # what has come goes after the reply
        eventually(lambda root=root: [f for word in ("large*", "upload-*", ".slipway-unfinished*") for f in root.rglob(word)] == [])
    client.log_artifact(run, str(tmp_path / "fits.bin"))
    assert [f.path for f in client.list_artifacts(run)] == ["fits.bin"]
    assert client.get_run(run).info.run_id == run
