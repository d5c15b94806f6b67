"""DVC remotes, with the unmodified dvc client (../data_clients/requirements.txt) and with what no client would send."""
import hashlib
import http.client
import os
import pathlib
import shutil
import signal
import subprocess
import threading

import numpy as np
import pytest
import requests
from conftest import ROOT, Server, eventually, free_port
from s3_server import S3Server
from test_artifacts import small_disk  # noqa: F401

DVC = ROOT / ".deps" / "data-clients" / "bin" / "dvc"
FILES = 1000
LARGE_BYTES = 96 << 20


class Repository:
    """A git repository with dvc, whose default remote is ours."""

    def __init__(self, folder: pathlib.Path, source: pathlib.Path | None = None):
        self.folder = folder
        home = folder.parent / f"{folder.name}-home"
        home.mkdir()
        self.environment = {**os.environ, "HOME": str(home), "DVC_NO_ANALYTICS": "1", "DVC_GLOBAL_CONFIG_DIR": str(home), "DVC_SYSTEM_CONFIG_DIR": str(home),
                            "DVC_SITE_CACHE_DIR": str(home / "site"), "GIT_CONFIG_GLOBAL": str(home / "gitconfig"), "GIT_CONFIG_SYSTEM": "/dev/null",
                            **{f"GIT_{who}_{what}": "test@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}}
        if source is None:
            folder.mkdir()
            self.git("init", "-q", "-b", "main")
            self.dvc("init", "-q")
        else:
            subprocess.run(["git", "clone", "-q", source, folder], check=True, env=self.environment)

    def git(self, *args):
        subprocess.run(["git", *args], cwd=self.folder, check=True, env=self.environment, capture_output=True)

    def dvc(self, *args, check=True) -> subprocess.CompletedProcess:
        done = subprocess.run([DVC, *args], cwd=self.folder, env=self.environment, capture_output=True, text=True)
        assert not check or done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done

    def use(self, server, name="data", **options):
        self.dvc("remote", "add", "-f", "-d", "slipway", f"{server.url}/dvc/{name}")
        for key, value in options.items():
            self.dvc("remote", "modify", "--local", "slipway", key, value)

    def add(self, *paths):
        self.dvc("add", "-q", *paths)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "data")


@pytest.fixture
def repository(tmp_path):
    return Repository(tmp_path / "repository")


def fill(folder: pathlib.Path, files: int, seed: int = 1):
    folder.mkdir()
    numbers = np.random.default_rng(seed)
    for i in range(files):
        (folder / f"{i:05}.bin").write_bytes(numbers.bytes(1000 + i % 100))


def contents(folder: pathlib.Path) -> dict[str, str]:
    return {p.relative_to(folder).as_posix(): hashlib.md5(p.read_bytes()).hexdigest() for p in folder.rglob("*") if p.is_file()}


def path_of(content: bytes) -> str:
    digest = hashlib.md5(content).hexdigest()
    return f"files/md5/{digest[:2]}/{digest[2:]}"


def stored(server, name="data") -> list[pathlib.Path]:
    return [p for p in (server.data_dir / "remotes" / name).rglob("*") if p.is_file()]


def assert_nothing_is_half(server, name="data"):
    for file in stored(server, name):
        assert hashlib.md5(file.read_bytes()).hexdigest() == (file.parent.name + file.name).removesuffix(".dir"), file
    eventually(lambda: list((server.data_dir / "uploads").iterdir()) == [])  # what was refused goes after the reply


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_what_is_pushed_here_is_pulled_elsewhere(server, repository, tmp_path, method):
    fill(repository.folder / "many", FILES)
    block = np.random.default_rng(7).bytes(1 << 20)
    with open(repository.folder / "large.bin", "wb") as large:
        for i in range(LARGE_BYTES >> 20):
            large.write(block[i:] + block[:i])
    (repository.folder / "empty.bin").touch()
    repository.use(server, method=method)
    repository.add("many", "large.bin", "empty.bin")
    assert f"{FILES + 3} files pushed" in repository.dvc("push").stdout
    assert_nothing_is_half(server)
    assert len(stored(server)) == FILES + 3  # with the folder's list
    assert "Everything is up to date" in repository.dvc("push").stdout
    assert "in sync" in repository.dvc("status", "-c").stdout

    clone = Repository(tmp_path / "clone", repository.folder)
    assert "new" not in clone.dvc("status", "-c").stdout
    clone.dvc("pull")
    for path in ("many", "large.bin", "empty.bin"):
        assert contents(clone.folder / path) == contents(repository.folder / path)
    assert (clone.folder / "large.bin").read_bytes() == (repository.folder / "large.bin").read_bytes()

    shutil.rmtree(clone.folder / ".dvc" / "cache")
    (clone.folder / "large.bin").unlink()
    clone.dvc("fetch", "large.bin")
    clone.dvc("checkout", "large.bin")
    assert (clone.folder / "large.bin").stat().st_size == LARGE_BYTES


def test_status_names_what_is_missing(server, repository):
    repository.use(server)
    (repository.folder / "a.bin").write_bytes(b"first")
    repository.add("a.bin")
    repository.dvc("push")
    (repository.folder / "a.bin").write_bytes(b"second")
    repository.add("a.bin")
    assert "new:" in repository.dvc("status", "-c").stdout
    requests.delete(f"{server.url}/dvc/data/{path_of(b'first')}", timeout=20).raise_for_status()
    shutil.rmtree(repository.folder / ".dvc" / "cache")
    (repository.folder / "a.bin").unlink()
    missing = repository.dvc("pull", check=False)
    assert missing.returncode != 0 and "a.bin" in missing.stderr


def test_another_repository_imports(server, repository, tmp_path):
    repository.use(server)
    fill(repository.folder / "set", 20)
    repository.add("set")
    repository.dvc("push")
    other = Repository(tmp_path / "other")
    other.dvc("import", str(repository.folder), "set")
    assert contents(other.folder / "set") == contents(repository.folder / "set")
    other.dvc("get", str(repository.folder), "set", "-o", "got")
    assert contents(other.folder / "got") == contents(repository.folder / "set")


def test_gc_says_that_http_has_no_listing_and_takes_nothing(server, repository):
    repository.use(server)
    (repository.folder / "a.bin").write_bytes(b"content")
    repository.add("a.bin")
    repository.dvc("push")
    assert repository.dvc("gc", "-c", "-w", "-f", check=False).returncode != 0  # of the client, for every remote over HTTP
    assert len(stored(server)) == 1


def test_text_of_dvc_2_is_named_by_its_lines(server, repository, tmp_path):
    content, name = b"a\r\nb\r\n", hashlib.md5(b"a\nb\n").hexdigest()
    repository.use(server)
    cached = repository.folder / ".dvc" / "cache" / name[:2] / name[2:]
    cached.parent.mkdir(parents=True)
    cached.write_bytes(content)
    (repository.folder / "a.txt.dvc").write_text(f"outs:\n- md5: {name}\n  size: {len(content)}\n  path: a.txt\n")
    repository.git("add", "-A")
    repository.git("commit", "-q", "-m", "data")
    repository.dvc("push")
    assert [p.relative_to(server.data_dir / "remotes" / "data").as_posix() for p in stored(server)] == [f"{name[:2]}/{name[2:]}"]
    clone = Repository(tmp_path / "clone", repository.folder)
    clone.dvc("pull")
    assert (clone.folder / "a.txt").read_bytes() == content


def test_other_bytes_than_named_are_refused_and_leave_nothing(server):
    content = os.urandom(3 << 20)
    url = f"{server.url}/dvc/data/{path_of(content)}"
    for wrong in (b"", content[:-1], content + b"x", content[:-1] + bytes([content[-1] ^ 1])):
        for method in ("POST", "PUT"):
            for body in (wrong, iter([piece for piece in (wrong[:1 << 20], wrong[1 << 20:]) if piece])):  # with a length, and in chunks
                reply = requests.request(method, url, data=body, timeout=30)
                assert reply.status_code == 400 and "the content is not what its name says" in reply.json()["error"]["message"]
                assert hashlib.md5(wrong).hexdigest() in reply.json()["error"]["message"]
    assert requests.get(url, timeout=20).status_code == 404
    assert stored(server) == []
    assert requests.post(url, data=iter([content]), timeout=30).status_code == 201
    before = stored(server)[0].stat()
    assert requests.post(url, data=content, timeout=30).status_code == 200
    assert requests.post(url, data=content[1:], timeout=30).status_code == 400
    after = stored(server)[0].stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)  # not written twice
    assert_nothing_is_half(server)

    head = requests.head(url, timeout=20)
    assert int(head.headers["Content-Length"]) == len(content) and head.headers["ETag"] == f'"{hashlib.md5(content).hexdigest()}"'
    part = requests.get(url, headers={"Range": "bytes=1000-1999"}, timeout=20)
    assert part.status_code == 206 and part.content == content[1000:2000]
    for path in ("../" + path_of(content), "data/files/md5/../../../slipway.db", "data/x", ".x/" + path_of(content)):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        connection.request("PUT", f"/dvc/{path}", body=content)
        assert connection.getresponse().status in (400, 404), path
        connection.close()


def test_many_write_one_file(server):
    content = os.urandom(2 << 20)
    statuses = []

    def upload():
        statuses.append(requests.post(f"{server.url}/dvc/data/{path_of(content)}", data=iter([content]), timeout=60).status_code)

    writers = [threading.Thread(target=upload) for _ in range(8)]
    for one in writers:
        one.start()
    for one in writers:
        one.join()
    assert len(statuses) == 8 and set(statuses) <= {200, 201} and 201 in statuses
    assert len(stored(server)) == 1
    assert_nothing_is_half(server)


def test_a_broken_upload_leaves_nothing(server):
    content = os.urandom(4 << 20)
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.putrequest("POST", f"/dvc/data/{path_of(content)}")
    connection.putheader("Content-Length", str(len(content)))
    connection.endheaders()
    connection.send(content[:3 << 20])
    uploads = server.data_dir / "uploads"
    eventually(lambda: [p for p in uploads.iterdir() if p.stat().st_size >= 2 << 20])
    assert requests.get(f"{server.url}/dvc/data/{path_of(content)}", timeout=20).status_code == 404
    connection.close()
    eventually(lambda: list(uploads.iterdir()) == [])
    assert stored(server) == []


def test_a_push_goes_on_after_a_kill(server, repository, tmp_path):
    fill(repository.folder / "many", FILES)
    repository.use(server)
    repository.add("many")
    push = subprocess.Popen([DVC, "push"], cwd=repository.folder, env=repository.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    eventually(lambda: len(stored(server)) > FILES // 10)
    server.kill()
    assert push.wait(timeout=120) != 0
    assert 0 < len(stored(server)) < FILES
    server.start()
    assert_nothing_is_half(server)
    repository.dvc("push")
    assert len(stored(server)) == FILES + 1
    server.stop(signal.SIGTERM)
    server.start()
    clone = Repository(tmp_path / "clone", repository.folder)
    clone.dvc("pull")
    assert contents(clone.folder / "many") == contents(repository.folder / "many")


@pytest.mark.parametrize("full", ["the data folder", "the destination"])
def test_a_full_disk_says_so(small_disk, start_server, full):  # noqa: F811
    flags = ("--remotes-destination", str(small_disk / "files")) if full == "the destination" else ()
    server = start_server("data" if flags else "small/data", *flags)
    large, fits = os.urandom(48 << 20), os.urandom(1 << 20)
    reply = requests.post(f"{server.url}/dvc/data/{path_of(large)}", data=large, timeout=60)
    assert reply.status_code == 507 and "No space left" in reply.json()["error"]["message"]
    eventually(lambda: not list((server.data_dir / "uploads").iterdir()))  # what has come goes after the reply
    for root in (small_disk, server.data_dir):
        assert [f for f in root.rglob("*") if f.is_file() and f.stat().st_size > 8 << 20] == []
    assert requests.post(f"{server.url}/dvc/data/{path_of(fits)}", data=fits, timeout=60).status_code == 201
    assert requests.get(f"{server.url}/dvc/data/{path_of(fits)}", timeout=60).content == fits


def test_a_file_beyond_the_limit_is_refused(start_server):
    server = start_server("data", "--remote-file-bytes-max", str(1 << 20))
    content = os.urandom((1 << 20) + 1)
    for body in (content, iter([content])):
        assert requests.post(f"{server.url}/dvc/data/{path_of(content)}", data=body, timeout=30).status_code == 413
    assert requests.post(f"{server.url}/dvc/data/{path_of(content[1:])}", data=content[1:], timeout=30).status_code == 201


def test_who_may_what(start_server, repository, tmp_path, monkeypatch):
    admin = ("admin", "password of the admin")
    monkeypatch.setenv("SLIPWAY_ADMIN_PASSWORD", admin[1])
    server = start_server("data", "--login")
    api = f"{server.url}/api/2.0/mlflow/users/create"
    requests.post(api, json={"username": "reader", "password": "password of reader"}, auth=admin, timeout=20).raise_for_status()
    token = requests.post(f"{server.url}/slipway/v1/tokens", json={"name": "dvc"}, auth=admin, timeout=20).json()["token"]

    repository.use(server)
    fill(repository.folder / "set", 20)
    repository.add("set")
    assert "401" in repository.dvc("push", "-v", check=False).stderr
    repository.use(server, auth="basic", user="reader", password="password of reader")
    refused = repository.dvc("push", "-v", check=False)
    assert refused.returncode != 0 and "403" in refused.stderr
    assert stored(server) == []
    repository.use(server, auth="custom", custom_auth_header="Authorization", password=f"Bearer {token}")
    repository.dvc("push")
    clone = Repository(tmp_path / "clone", repository.folder)
    clone.use(server, auth="basic", user="reader", password="password of reader")
    clone.dvc("pull")
    assert contents(clone.folder / "set") == contents(repository.folder / "set")

    url = f"{server.url}/dvc/data/{path_of((repository.folder / 'set' / '00000.bin').read_bytes())}"
    assert requests.get(url, timeout=20).status_code == 401 and "WWW-Authenticate" in requests.get(url, timeout=20).headers
    assert requests.post(url, data=os.urandom(8 << 20), timeout=20).status_code == 401  # told, not broken off
    assert requests.delete(url, auth=("reader", "password of reader"), timeout=20).status_code == 403
    assert requests.delete(url, headers={"Authorization": f"Bearer {token}"}, timeout=20).json()["files"] == 1
    assert requests.get(url, auth=admin, timeout=20).status_code == 404


def test_a_remote_in_a_bucket(tmp_path, repository, monkeypatch):
    s3 = S3Server(tmp_path / "s3", free_port())
    for name, value in s3.variables.items():
        monkeypatch.setenv(name, value)
    server = Server(tmp_path / "data", "--remotes-destination", f"s3://{s3.bucket}/remotes")
    try:
        fill(repository.folder / "set", 20)
        (repository.folder / "large.bin").write_bytes(os.urandom(40 << 20))  # in parts
        repository.use(server)
        repository.add("set", "large.bin")
        repository.dvc("push")
        keys = s3.files()
        assert len(keys) == 22 and all(key.startswith("remotes/data/files/md5/") for key in keys)
        wrong = requests.post(f"{server.url}/dvc/data/{path_of(b'right')}", data=b"wrong", timeout=30)
        assert wrong.status_code == 400 and s3.files() == keys
        clone = Repository(tmp_path / "clone", repository.folder)
        clone.dvc("pull")
        assert contents(clone.folder / "set") == contents(repository.folder / "set")
        assert (clone.folder / "large.bin").read_bytes() == (repository.folder / "large.bin").read_bytes()
        assert not (server.data_dir / "remotes").exists()
        eventually(lambda: list((server.data_dir / "uploads").iterdir()) == [])
    finally:
        server.stop()
        s3.stop()
