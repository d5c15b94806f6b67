"""Git LFS with the unmodified client (Debian's git-lfs): push, clone, pull, resume, locks, login; and what no client would send."""
import base64
import hashlib
import os
import pathlib
import subprocess

import pytest
import requests
from conftest import Server
from test_artifacts import small_disk  # noqa: F401

JSON = "application/vnd.git-lfs+json"


class Repository:
    """A git repository whose *.bin go through Git LFS to our server; its other remote is a bare folder."""

    def __init__(self, folder: pathlib.Path, home: pathlib.Path):
        self.folder = folder
        home.mkdir(exist_ok=True)
        self.environment = {**os.environ, "HOME": str(home), "GIT_CONFIG_GLOBAL": str(home / "gitconfig"), "GIT_CONFIG_SYSTEM": "/dev/null",
                            "GIT_TERMINAL_PROMPT": "0",
                            **{f"GIT_{who}_{what}": "test@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}}
        self.git("lfs", "install", "--skip-repo", folder=home)

    @classmethod
    def new(cls, tmp_path, url: str, name: str = "work"):
        origin = tmp_path / "origin.git"
        made = cls(tmp_path / name, tmp_path / f"{name}-home")
        made.git("init", "-q", "--bare", "-b", "main", str(origin), folder=tmp_path)
        made.git("init", "-q", "-b", "main", str(made.folder), folder=tmp_path)
        made.git("remote", "add", "origin", str(origin))
        made.git("config", "-f", ".lfsconfig", "lfs.url", url)
        made.git("lfs", "track", "*.bin")
        made.git("add", "-A")
        made.git("commit", "-q", "-m", "begin")
        return made

    @classmethod
    def clone(cls, tmp_path, name: str = "clone", **environment):
        made = cls(tmp_path / name, tmp_path / f"{name}-home")
        made.environment |= environment
        made.git("clone", "-q", str(tmp_path / "origin.git"), str(made.folder), folder=tmp_path)
        return made

    def git(self, *args, folder=None, check=True) -> subprocess.CompletedProcess:
        done = subprocess.run(["git", *args], cwd=folder or self.folder, env=self.environment, capture_output=True, text=True)
        assert not check or done.returncode == 0, f"git {' '.join(args)}: {done.stdout[-2000:]}{done.stderr[-3000:]}"
        return done

    def commit(self, **files: bytes):
        for name, content in files.items():
            (self.folder / f"{name}.bin").write_bytes(content)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "files")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    running = Server(tmp_path_factory.mktemp("lfs") / "data")
    yield running
    running.stop()


def url_of(server, name: str, login: str = "") -> str:
    return f"{server.url.replace('//', f'//{login}@') if login else server.url}/lfs/{name}"


def oid_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def batch(url: str, operation: str, *files, **more) -> requests.Response:
    return requests.post(f"{url}/objects/batch", headers={"Accept": JSON, "Content-Type": JSON}, timeout=60,
                         json={"operation": operation, "transfers": ["basic"], "objects": list(files), **more})


def test_push_clone_and_pull(server, tmp_path):
    work = Repository.new(tmp_path, url_of(server, "models"))
    large, many = os.urandom(30 << 20), {f"f{i}": os.urandom(1000 + i) for i in range(150)}  # more than one batch
    work.commit(large=large, **many)
    work.git("push", "-q", "origin", "main")
    clone = Repository.clone(tmp_path)
    assert (clone.folder / "large.bin").read_bytes() == large
    assert all((clone.folder / f"{name}.bin").read_bytes() == content for name, content in many.items())
    work.commit(large=b"changed")
    work.git("push", "-q", "origin", "main")
    clone.git("pull", "-q")
    assert (clone.folder / "large.bin").read_bytes() == b"changed"
    clone.git("checkout", "-q", "HEAD~1")
    assert (clone.folder / "large.bin").read_bytes() == large
    clone.git("lfs", "fsck")
    kept = set((server.data_dir / "objects").glob("*/*"))
    work.git("lfs", "push", "--all", "origin")
    assert set((server.data_dir / "objects").glob("*/*")) == kept, "what is there is not sent again"


def test_a_push_survives_a_kill_right_behind_it(start_server, tmp_path):
    server = start_server("data")
    work = Repository.new(tmp_path, url_of(server, "kept"))
    content = os.urandom(5 << 20)
    work.commit(kept=content)
    work.git("push", "-q", "origin", "main")
    server.kill()
    server.start()
    assert (Repository.clone(tmp_path).folder / "kept.bin").read_bytes() == content


def test_a_broken_download_goes_on_where_it_was(server, tmp_path):
    content = os.urandom(8 << 20)
    work = Repository.new(tmp_path, url_of(server, "resumed"))
    work.commit(big=content)
    work.git("push", "-q", "origin", "main")
    clone = Repository.clone(tmp_path, GIT_LFS_SKIP_SMUDGE="1")
    del clone.environment["GIT_LFS_SKIP_SMUDGE"]
    # As the client leaves it when it is broken off.
    incomplete = clone.folder / ".git" / "lfs" / "incomplete"
    incomplete.mkdir(parents=True)
    (incomplete / f"{oid_of(content)}.part").write_bytes(content[:5 << 20])
    clone.environment["GIT_CURL_VERBOSE"] = clone.environment["GIT_TRACE"] = "1"
    done = clone.git("lfs", "pull")
    assert (clone.folder / "big.bin").read_bytes() == content
    assert f"Range: bytes={5 << 20}-" in done.stderr and "206" in done.stderr, done.stderr[-3000:]


def test_locks(start_server, tmp_path):
    server = start_server("login", "--login", "--default-permission", "EDIT")
    admin = ("admin", (server.data_dir / "admin-password").read_text().strip())
    for name in ("ada", "bob"):
        made = requests.post(f"{server.url}/api/2.0/mlflow/users/create", json={"username": name, "password": f"password-of-{name}"}, auth=admin, timeout=60)
        assert made.status_code == 200, made.text
    ada = Repository.new(tmp_path, url_of(server, "locked"))
    ada.git("config", "lfs.url", url_of(server, "locked", "ada:password-of-ada"))
    ada.commit(scene=b"one")
    ada.git("push", "-q", "origin", "main")
    ada.git("lfs", "lock", "scene.bin")
    again = ada.git("lfs", "lock", "scene.bin", check=False)
    assert again.returncode != 0 and "already locked by ada" in again.stderr + again.stdout
    assert "ada" in ada.git("lfs", "locks").stdout

    bob = Repository.clone(tmp_path, "bob", GIT_LFS_SKIP_SMUDGE="1")
    bob.git("config", "lfs.url", url_of(server, "locked", "bob:password-of-bob"))
    bob.git("lfs", "pull")
    bob.git("config", "lfs.locksverify", "true")
    bob.commit(scene=b"two")
    refused = bob.git("push", "origin", "main", check=False)
    assert refused.returncode != 0 and "scene.bin - ada" in refused.stdout, refused.stdout + refused.stderr
    forced = bob.git("lfs", "unlock", "--force", "scene.bin", check=False)
    assert forced.returncode != 0 and "MANAGE" in forced.stderr, "bob may not take it"
    ada.git("lfs", "unlock", "scene.bin")
    bob.git("push", "-q", "origin", "main")
    bob.git("lfs", "lock", "scene.bin")
    root = Repository.clone(tmp_path, "root", GIT_LFS_SKIP_SMUDGE="1")
    root.git("config", "lfs.url", url_of(server, "locked", f"{admin[0]}:{admin[1]}"))
    root.git("lfs", "unlock", "--force", "scene.bin")
    assert root.git("lfs", "locks").stdout == ""
    events = requests.get(f"{server.url}/slipway/v1/events?subject=lfs/locked", auth=admin, timeout=60).json()["events"]
    assert sorted((e["kind"], e["actor"]) for e in events) == sorted([("lfs.locked", "ada"), ("lfs.unlocked", "ada"), ("lfs.locked", "bob"), ("lfs.unlocked", "admin")])


def test_login(start_server, tmp_path):
    server = start_server("login", "--login")
    admin = ("admin", (server.data_dir / "admin-password").read_text().strip())
    assert requests.post(f"{server.url}/api/2.0/mlflow/users/create", json={"username": "reader", "password": "password-of-reader"}, auth=admin, timeout=60).status_code == 200
    work = Repository.new(tmp_path, url_of(server, "private"))
    work.commit(secret=b"content")
    refused = work.git("push", "origin", "main", check=False)
    assert refused.returncode != 0 and "credentials" in refused.stderr.lower() + refused.stdout.lower()
    work.git("config", "lfs.url", url_of(server, "private", "reader:password-of-reader"))
    refused = work.git("push", "origin", "main", check=False)
    assert refused.returncode != 0 and "pushing needs EDIT" in refused.stderr, refused.stderr
    token = requests.post(f"{server.url}/slipway/v1/tokens", json={"name": "lfs"}, auth=admin, timeout=60).json()["token"]
    work.git("config", "--unset", "lfs.url")
    work.git("config", f"http.{server.url}/.extraheader", f"Authorization: Bearer {token}")
    work.git("push", "-q", "origin", "main")
    clone = Repository.clone(tmp_path, GIT_LFS_SKIP_SMUDGE="1")
    del clone.environment["GIT_LFS_SKIP_SMUDGE"]
    clone.git("config", "lfs.url", url_of(server, "private", "reader:password-of-reader"))
    clone.git("lfs", "pull")
    assert (clone.folder / "secret.bin").read_bytes() == b"content"
    assert requests.put(f"{server.url}/lfs/private/objects/{oid_of(b'x')}", data=b"x", auth=("reader", "password-of-reader"), timeout=60).status_code == 403


def test_what_was_never_pushed_is_told(server, tmp_path):
    work = Repository.new(tmp_path, url_of(server, "missing"))
    work.commit(lost=b"nobody has pushed this")
    work.git("push", "-q", "--no-verify", "origin", "main")
    clone = Repository.clone(tmp_path, GIT_LFS_SKIP_SMUDGE="1")
    del clone.environment["GIT_LFS_SKIP_SMUDGE"]
    failed = clone.git("lfs", "pull", check=False)
    assert failed.returncode != 0 and "has not pushed it" in failed.stderr, failed.stderr


def test_the_protocol(server):
    url, content = url_of(server, "raw"), b"hello"
    oid = oid_of(content)
    asked = batch(url, "upload", {"oid": oid, "size": 5}, {"oid": "../x", "size": 1}, {"oid": oid_of(b"x"), "size": -1})
    assert asked.status_code == 200 and asked.headers["Content-Type"] == JSON
    first, second, third = asked.json()["objects"]
    assert set(first["actions"]) == {"upload", "verify"} and second["error"]["code"] == third["error"]["code"] == 422
    wrong = requests.put(first["actions"]["upload"]["href"], data=b"other", timeout=60)
    assert wrong.status_code == 422 and "not what its oid says" in wrong.json()["message"] and wrong.headers["Content-Type"] == JSON
    verify = first["actions"]["verify"]["href"]
    assert requests.post(verify, json={"oid": oid, "size": 5}, timeout=60).status_code == 404, "nothing was kept"
    assert requests.put(first["actions"]["upload"]["href"], data=content, timeout=60).status_code == 200
    assert requests.post(verify, json={"oid": oid, "size": 5}, timeout=60).status_code == 200
    assert requests.post(verify, json={"oid": oid, "size": 6}, timeout=60).status_code == 422
    assert "actions" not in batch(url, "upload", {"oid": oid, "size": 5}).json()["objects"][0], "it is there"
    assert batch(url, "upload", {"oid": oid, "size": 6}).json()["objects"][0]["error"]["code"] == 422
    # A file of one repository is none of another.
    assert batch(url_of(server, "other"), "download", {"oid": oid, "size": 5}).json()["objects"][0]["error"]["code"] == 404
    href = batch(url, "download", {"oid": oid, "size": 5}).json()["objects"][0]["actions"]["download"]["href"]
    assert requests.get(href, timeout=60).content == content
    part = requests.get(href, headers={"Range": "bytes=1-3"}, timeout=60)
    assert part.status_code == 206 and part.content == b"ell" and part.headers["Content-Range"] == "bytes 1-3/5"
    assert requests.get(href, headers={"Range": "bytes=5-"}, timeout=60).status_code == 416
    assert requests.head(href, timeout=60).headers["Content-Length"] == "5"
    # An empty file, and a proxy that speaks TLS.
    empty = batch(url, "upload", {"oid": oid_of(b""), "size": 0}).json()["objects"][0]["actions"]["upload"]["href"]
    assert requests.put(empty, data=b"", timeout=60).status_code == 200 and requests.get(empty, timeout=60).content == b""
    assert requests.post(f"{url}/objects/batch", json={"operation": "download", "objects": [{"oid": oid, "size": 5}]}, headers={"X-Forwarded-Proto": "https"},
                         timeout=60).json()["objects"][0]["actions"]["download"]["href"].startswith("https://")


@pytest.mark.parametrize("path, body, status, words", [
    ("raw/objects/batch", {"operation": "steal", "objects": []}, 422, "upload or download"),
    ("raw/objects/batch", {"operation": "upload"}, 422, "list of objects"),
    ("raw/objects/batch", {"operation": "upload", "transfers": ["ssh"], "objects": []}, 422, "basic"),
    ("raw/objects/batch", {"operation": "upload", "hash_algo": "sha512", "objects": []}, 422, "sha256"),
    ("raw/objects/batch", [], 422, ""),
    (".raw/objects/batch", {"operation": "upload", "objects": []}, 422, "repository's name"),
    ("raw/locks", {}, 422, "path"),
    ("raw/locks/none/unlock", {}, 404, "no such lock"),
    ("raw.git/info/lfs/objects/batch", {}, 404, "lfs.url"),
])
def test_what_is_refused_says_why(server, path, body, status, words):
    reply = requests.post(f"{server.url}/lfs/{path}", json=body, timeout=60)
    assert reply.status_code == status and words in reply.json()["message"], reply.text
    assert reply.headers["Content-Type"] == JSON


def test_locks_come_in_pages(server):
    url = url_of(server, "pages")
    for i in range(5):
        assert requests.post(f"{url}/locks", json={"path": f"{i}.bin", "ref": {"name": "refs/heads/main"}}, timeout=60).status_code == 201
    first = requests.get(f"{url}/locks", params={"limit": 3}, timeout=60).json()
    second = requests.get(f"{url}/locks", params={"limit": 3, "cursor": first["next_cursor"]}, timeout=60).json()
    assert [lock["path"] for lock in first["locks"] + second["locks"]] == [f"{i}.bin" for i in range(5)] and "next_cursor" not in second
    assert [lock["path"] for lock in requests.get(f"{url}/locks", params={"path": "3.bin"}, timeout=60).json()["locks"]] == ["3.bin"]
    verified = requests.post(f"{url}/locks/verify", json={"limit": 4}, timeout=60).json()
    assert len(verified["ours"]) == 4 and verified["theirs"] == [] and verified["next_cursor"] == "3.bin"


def test_a_full_disk_is_told_and_leaves_nothing(small_disk, start_server):  # noqa: F811
    server = Server(small_disk / "data")
    try:
        content = b"x" * (60 << 20)
        reply = requests.put(f"{url_of(server, 'full')}/objects/{oid_of(content)}", data=content, timeout=60)
        assert reply.status_code == 507 and "message" in reply.json()
        small = requests.put(f"{url_of(server, 'full')}/objects/{oid_of(b'small')}", data=b"small", timeout=60)
        assert small.status_code == 200, small.text
    finally:
        server.stop()


def test_basic_login_in_raw(start_server):
    server = start_server("login", "--login")
    reply = batch(url_of(server, "raw"), "download")
    assert reply.status_code == 401 and reply.headers["WWW-Authenticate"].startswith("Basic")
    admin = "admin:" + (server.data_dir / "admin-password").read_text().strip()
    login = "Basic " + base64.b64encode(admin.encode()).decode()
    reply = requests.post(f"{url_of(server, 'raw')}/objects/batch", headers={"Authorization": login}, timeout=60,
                          json={"operation": "upload", "objects": [{"oid": oid_of(b"x"), "size": 1}]})
    upload = reply.json()["objects"][0]["actions"]["upload"]
    assert requests.put(upload["href"], data=b"x", headers=upload["header"], timeout=60).status_code == 200
