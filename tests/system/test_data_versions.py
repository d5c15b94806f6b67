"""Versions of folders: `slipway data` on this machine and with a server, killed at any time, on full disks and damaged ones."""
import hashlib
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import threading
import time

import numpy as np
import pytest
import requests
from conftest import BINARY, eventually
from test_artifacts import small_disk  # noqa: F401


class Folder:
    """A working folder and `slipway data` in it."""

    def __init__(self, path: pathlib.Path, url: str = "http://127.0.0.1:9", **environment):
        self.path, self.url = path, url
        self.environment = {**os.environ, "SLIPWAY_AUTHOR": "Ada", **environment}
        path.mkdir(exist_ok=True)

    def __call__(self, *args, code=0) -> str:
        done = subprocess.run(self.command(*args), cwd=self.path, env=self.environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == code, f"{args} gave {done.returncode}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done.stdout if code == 0 else done.stdout + done.stderr

    def command(self, *args):
        return [BINARY, "--url", self.url, "data", *map(str, args)]

    def json(self, *args, code=0):
        return json.loads(self("--json", *args, code=code))

    def write(self, path: str, content: bytes | str):
        file = self.path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())

    def contents(self) -> dict[str, str]:
        files = (p for p in self.path.rglob("*") if p.is_file() and ".slipway" not in p.parts)
        return {p.relative_to(self.path).as_posix(): hashlib.md5(p.read_bytes()).hexdigest() for p in files}

    def packs(self) -> list[pathlib.Path]:
        return sorted((self.path / ".slipway/data/packs").glob("*.pack"))


def fill(folder: Folder, files: int, seed: int = 1):
    numbers = np.random.default_rng(seed)
    for i in range(files):
        folder.write(f"set/{i % 10}/{i:05}.bin", numbers.bytes(500 + i % 1000))


def clone(tmp_path, name, url, repository="flights", *args) -> Folder:
    folder = Folder(tmp_path / name, url)
    subprocess.run([BINARY, "--url", url, "data", "clone", repository, folder.path, *args], check=True, capture_output=True, timeout=300)
    return folder


@pytest.fixture
def work(tmp_path, server):
    folder = Folder(tmp_path / "flights", server.url)
    folder("init")
    return folder


def test_a_day_with_versions(work):
    """What a person does from the first file to the second branch, with what each verb says."""
    assert "no data repository" in Folder(work.path.parent / "elsewhere")("status", code=4)
    assert "nothing to commit" in work("commit", "-m", "x", code=1)
    work.write("2013/01.csv", "day,delay\n1,5\n")
    work.write("notes.txt", "hello")
    assert "new" in work("status") and "notes.txt" in work("status")
    assert work.json("add", ".")["files"] == 2
    first = work.json("commit", "-m", "January")
    assert first["files"] == 2 and first["author"] == "Ada" and first["parents"] == []
    assert "nothing has changed" in work("status")
    work.write("2013/02.csv", "day,delay\n1,7\n")
    (work.path / "notes.txt").rename(work.path / "README")
    assert work.json("diff")["changes"] == [{"path": "2013/02.csv", "change": "added", "bytes_after": 14},
                                            {"path": "README", "change": "added", "bytes_after": 5},
                                            {"path": "notes.txt", "change": "removed", "bytes_before": 5}]
    work("commit", "-a", "-m", "February")
    assert [c["message"] for c in work.json("log")["commits"]] == ["February", "January"]
    assert [(c["path"], c["change"]) for c in work.json("diff", "HEAD~1", "HEAD")["changes"]] == [("2013/02.csv", "added"), ("README", "moved")]
    assert work("diff", "--exit-code", code=0) == "0 added, 0 removed, 0 changed, 0 moved\n"
    work("diff", "HEAD~1", "HEAD", "--exit-code", code=1)
    work("tag", "v1", "HEAD~1")
    work("checkout", "v1")
    assert set(work.contents()) == {"2013/01.csv", "notes.txt"}
    work("checkout", "main")
    work("checkout", "-b", "clean")
    work.write("2013/01.csv", "day,delay\n")
    work("commit", "-a", "-m", "Rows that can't be go")
    work("checkout", "main")
    assert (work.path / "2013/01.csv").read_text() == "day,delay\n1,5\n"
    work("checkout", "clean", "--path", "2013/01.csv")
    assert (work.path / "2013/01.csv").read_text() == "day,delay\n"
    assert "not committed" in work("checkout", "v1", code=1)
    work.write("README", "changed")
    assert "would be lost of: README" in work("checkout", "HEAD", "--path", "README", code=1)
    assert "clean" in work("branch") and "* " in work("branch")
    assert "checked out" in work("branch", "-d", "main", code=1)


def test_what_was_pushed_is_what_is_cloned(work, server, tmp_path):
    fill(work, 300)
    work.write("large.bin", np.random.default_rng(5).bytes(40 << 20))
    (work.path / "link").symlink_to("set/0")
    work.write("run.sh", "#!/bin/sh\n")
    (work.path / "run.sh").chmod(0o755)
    work("commit", "-a", "-m", "first")
    work("tag", "v1")
    sent = work.json("push")
    assert sent["repository"] == "flights" and sent["bytes"] > 40 << 20
    assert work.json("push")["objects"] == 0
    assert work.json("push", "elsewhere")["objects"] == sent["objects"]
    assert work.json("push", "flights")["objects"] == 0
    there = clone(tmp_path, "there", server.url)
    assert there.contents() == work.contents()
    assert os.readlink(there.path / "link") == "set/0" and os.access(there.path / "run.sh", os.X_OK)
    assert "v1" in there("tag") and "nothing has changed" in there("status")

    # A row more in the large file costs a chunk.
    content = (work.path / "large.bin").read_bytes()
    work.write("large.bin", content[:20 << 20] + b"one row more\n" + content[20 << 20:])
    work("commit", "-a", "-m", "second")
    assert work.json("push")["bytes"] < 2 << 20
    pulled = there.json("pull")
    assert pulled["how"] == "forward" and pulled["bytes"] < 2 << 20 and pulled["written"] == 1
    assert there.contents() == work.contents()
    assert there.json("pull")["how"] == "nothing new"

    shown = requests.get(f"{server.url}/slipway/v1/data/flights", timeout=20).json()
    assert {(r["kind"], r["name"]) for r in shown["refs"]} == {("branch", "main"), ("tag", "v1")}
    log = requests.get(f"{server.url}/slipway/v1/data/flights/log", timeout=20).json()["commits"]
    assert [c["message"] for c in log] == ["second", "first"]
    listed = requests.get(f"{server.url}/slipway/v1/data/flights/files?path=set", timeout=20).json()["entries"]
    assert [e["name"] for e in listed] == [str(i) for i in range(10)]
    part = requests.get(f"{server.url}/slipway/v1/data/flights/files?path=set&limit=3&offset=8", timeout=20).json()
    assert part["total"] == 10 and [e["name"] for e in part["entries"]] == ["8", "9"]
    for wrong in ("limit=0", "limit=100001", "offset=-1", "offset=x"):
        assert requests.get(f"{server.url}/slipway/v1/data/flights/files?{wrong}", timeout=20).status_code == 400
    assert requests.get(f"{server.url}/slipway/v1/data/flights/files?offset=9000", timeout=20).json()["entries"] == []
    file = requests.get(f"{server.url}/slipway/v1/data/flights/file?ref=v1&path=large.bin", timeout=60)
    assert file.content == content
    changes = requests.get(f"{server.url}/slipway/v1/data/flights/diff?from=v1&to=main", timeout=60).json()
    assert [c["path"] for c in changes["changes"]] == ["large.bin"]
    assert changes["counts"] == {"added": 0, "removed": 0, "changed": 1, "moved": 0}
    assert changes["bytes_after"] - changes["bytes_before"] == len("one row more\n")
    events = requests.get(f"{server.url}/slipway/v1/events", timeout=20).text
    assert "data.ref_moved" in events


def test_a_push_elsewhere_is_for_once(work, server, tmp_path):
    work.write("a", "1")
    work("commit", "-a", "-m", "first")
    work("push")
    work.write("a", "2")
    work("commit", "-a", "-m", "second")
    work("push", "elsewhere")
    assert "not what the server had last" in work("status")
    assert work.json("push")["repository"] == "flights" and "the server has it" in work("status")

    other = clone(tmp_path, "other", server.url, "elsewhere")
    other.write("b", "3")
    other("commit", "-a", "-m", "third")
    other("push")
    pulled = work.json("pull", "elsewhere")
    assert pulled["how"] == "forward" and (work.path / "b").read_text() == "3"
    assert "not what the server had last" in work("status")
    assert work.json("push")["repository"] == "flights"
    # Theirs are named so that they can be had.
    for folder, text in ((work, "mine"), (other, "theirs")):
        folder.write("a", text)
        folder("commit", "-a", "-m", text)
    other("push")
    said = work("pull", "elsewhere", code=1)
    work("checkout", said.split("data checkout ")[1].split()[0], "--path", "a")
    assert (work.path / "a").read_text() == "theirs"
    # Which one it is can be changed.
    work("commit", "-a", "-m", "both")
    work("push", "elsewhere", "-u", "--force")
    assert "the server has it" in work("status") and work.json("push")["repository"] == "elsewhere"


def test_names_are_taken_once_and_the_log_says_where_it_ends(work):
    for number in range(3):
        work.write("a", str(number))
        work("commit", "-a", "-m", f"number {number}")
    work("tag", "v1", "HEAD~1")
    for words in (("checkout", "-b", "v1"), ("branch", "v1"), ("branch", "v1", "--force")):
        assert "there is a tag v1" in work(*words, code=1)
    assert "there is a branch main" in work("tag", "main", "--force", code=1)
    work("checkout", "-b", "v2")

    assert "number 0" in work("log") and "--limit" not in work("log") and work.json("log", "--limit", 3)["more"] is False
    short = work("log", "--limit", 2)
    assert "number 1" in short and "number 0" not in short and "the newest 2: --limit shows more" in short
    assert work.json("log", "--limit", 2)["more"] is True
    for wrong in (0, -1):
        work("log", "--limit", wrong, code=2)


def test_two_people_work_on_one_branch(work, server, tmp_path):
    work.write("a", "1")
    work.write("b", "1")
    work("commit", "-a", "-m", "base")
    work("push")
    other = clone(tmp_path, "other", server.url)
    work.write("a", "mine")
    work("commit", "-a", "-m", "mine")
    work("push")
    other.write("b", "theirs")
    other("commit", "-a", "-m", "theirs")
    assert "pull" in other("push", code=1)
    assert other.json("pull")["how"] == "brought together"
    other("push")
    work("pull")
    assert work.contents() == other.contents() and (work.path / "b").read_text() == "theirs"
    work.write("a", "again")
    work("commit", "-a", "-m", "again")
    other.write("a", "and again")
    other("commit", "-a", "-m", "and again")
    work("push")
    said = other("pull", code=1)
    assert "both sides changed, in different ways: a; take theirs with `slipway data checkout origin/main --path P`" in said
    assert (other.path / "a").read_text() == "and again"


def test_of_many_who_push_at_once_none_is_lost(work, server, tmp_path):
    work.write("base", "1")
    work("commit", "-a", "-m", "base")
    work("push")
    people = [clone(tmp_path, f"person-{i}", server.url) for i in range(4)]

    def contribute(i):
        people[i].write(f"file-{i}", str(i))
        people[i]("commit", "-a", "-m", f"by {i}")
        deadline = time.monotonic() + 300
        while subprocess.run(people[i].command("push"), cwd=people[i].path, capture_output=True).returncode != 0:
            assert time.monotonic() < deadline
            people[i]("pull")

    threads = [threading.Thread(target=contribute, args=(i,)) for i in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    work("pull")
    assert set(work.contents()) == {"base", *(f"file-{i}" for i in range(4))}


def test_kills_at_any_time_lose_nothing(tmp_path, server):
    """add, commit, push, checkout and gc die at random moments; the next try always ends well and every version comes back."""
    work = Folder(tmp_path / "flights", server.url)
    work("init")
    numbers = random.Random(3)
    versions = {}
    for round in range(6):
        fill(work, 1500, seed=round)
        for verb in (("add", "."), ("commit", "-m", str(round)), ("push",), ("checkout", "main"), ("gc",)):
            for _ in range(2):
                running = subprocess.Popen(work.command(*verb), cwd=work.path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                time.sleep(numbers.random() * 0.05)
                running.send_signal(signal.SIGKILL)
                running.wait()
            done = subprocess.run(work.command(*verb), cwd=work.path, capture_output=True, text=True)
            # The killed commit may have been done.
            assert done.returncode == 0 or (verb[0] == "commit" and "nothing to commit" in done.stderr), done.stderr
        versions[work.json("log", "--limit", 1)["commits"][0]["commit"]] = work.contents()
        if round == 2:
            server.kill()
            server.start()
    assert work.json("verify")["whole"]
    for commit, contents in versions.items():
        work("checkout", commit)
        assert work.contents() == contents
    there = clone(tmp_path, "there", server.url)
    assert there.contents() == list(versions.values())[-1]


def test_a_push_goes_on_where_the_server_was_killed(work, server, tmp_path):
    for i in range(5):
        work.write(f"{i}.bin", np.random.default_rng(i).bytes(40 << 20))
    work("commit", "-a", "-m", "first")
    for attempt in range(10):  # until one is not too quick for us
        name = f"flights-{attempt}"
        there = server.data_dir / "versions" / name / "packs"
        push = subprocess.Popen(work.command("push", name), cwd=work.path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        eventually(lambda: len(list(there.glob("*.index"))) >= 2)
        server.kill()
        server.start()
        if push.wait(timeout=120) != 0:
            break
    else:
        pytest.fail("no push was under way when the server was killed")
    assert work.json("push", name)["bytes"] < 170 << 20
    assert clone(tmp_path, "there", server.url, name).contents() == work.contents()


def test_flipped_bits_are_found_named_and_mended(work, server, tmp_path):
    fill(work, 200)
    work("commit", "-a", "-m", "first")
    work("push")
    before = work.contents()
    pack = work.packs()[0]
    content = bytearray(pack.read_bytes())
    for at in (100, len(content) // 2, len(content) - 10):
        content[at] ^= 4
    pack.write_bytes(content)
    said = work.json("verify", code=1)
    assert not said["whole"] and 1 <= len(said["damages"]) <= 3 and all(d["file"] == str(pack) for d in said["damages"])
    shutil.rmtree(work.path / "set")  # else the folder has it all
    mended = work.json("verify", "--repair")
    assert mended["whole"] and mended["repaired"] == len(said["damages"])
    assert work.json("verify")["damages"] == []
    # An index that can't be read costs its whole pack.
    index = work.packs()[0].with_suffix(".index")
    index.write_bytes(index.read_bytes()[:-7])
    assert "an index is not what was written" in work("verify", code=1)
    assert work.json("verify", "--repair")["whole"]
    work("checkout", "main", "--force")
    assert work.contents() == before


def test_what_is_lost_is_brought_back_from_folder_and_server(work, server, tmp_path):
    fill(work, 50)
    work("commit", "-a", "-m", "first")
    before = work.contents()
    for pack in work.packs():
        pack.with_suffix(".index").unlink()
    assert "incomplete" in work("verify", code=1)
    mended = work.json("verify", "--repair", code=1)  # the folders and the commit are nowhere else
    assert mended["files_read"] == 50 and not mended["whole"]
    again = Folder(tmp_path / "again", server.url)
    again("init")
    fill(again, 50)
    again("commit", "-a", "-m", "first")
    again("push", "again")
    for pack in again.packs():
        pack.with_suffix(".index").unlink()
    shutil.rmtree(again.path / "set/3")
    mended = again.json("verify", "--repair")
    assert mended["whole"] and mended["files_read"] == 45 and mended["repaired"] >= 5
    again("checkout", "main", "--force")
    assert again.contents() == before


def test_a_clone_goes_on_after_a_kill(work, server, tmp_path):
    for i in range(3):
        work.write(f"{i}.bin", np.random.default_rng(i).bytes(40 << 20))
    work("commit", "-a", "-m", "first")
    work("push")
    there = Folder(tmp_path / "there", server.url)
    cloning = subprocess.Popen(there.command("clone", "flights", there.path), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    eventually(lambda: list((there.path / ".slipway/data/packs").glob("*")) or cloning.poll() is not None)
    cloning.kill()
    if cloning.wait() != 0:  # else it was quicker
        there("clone", "flights", there.path)
    assert there.contents() == work.contents()
    assert "not empty" in there("clone", "flights", there.path, code=1)


def test_odd_names_and_places(work):
    """Names that are no UTF-8 or would write on a terminal, no names, no folder to be in."""
    names = [b"bad\xff", b"\x1b[31mred", b"two\nlines", "ümlaut".encode(), b"-x", b"a" * 250]
    for name in names:
        with open(os.path.join(os.fsencode(work.path), name), "wb") as file:
            file.write(name)
    (work.path / "deep/er").mkdir(parents=True)
    first = work.json("status")
    assert {c["path"] for c in first["not_added"]} >= {"bad\\xff", "two\nlines", "ümlaut", "-x"}
    assert "\x1b" not in work("status") and "\\x1b[31mred" in work("status")
    work("add", ".")
    work("commit", "-m", "names\nand a second line")
    assert "second line" not in work("log")
    work("push")
    assert "flights" in work("repositories")
    entries = requests.get(f"{work.url}/slipway/v1/data/flights/files", timeout=20).json()["entries"]
    assert len(entries) == len(names)
    for path in os.listdir(os.fsencode(work.path)):
        if os.path.isfile(os.path.join(os.fsencode(work.path), path)):
            os.unlink(os.path.join(os.fsencode(work.path), path))
    work("checkout", "main", "--force")
    assert {n for n in os.listdir(os.fsencode(work.path)) if n not in (b".slipway", b"deep")} == set(names)
    for args in (("init", ""), ("add", ""), ("clone", ""), ("push", ".."), ("add", ".slipway")):
        assert "terminate" not in work(*args, code=1), args
    work.write("deep/er/f", "1")
    work("commit", "-a", "-m", "deep")
    inside = Folder(work.path / "deep/er", work.url)
    inside("checkout", "HEAD~1")  # does not pull the rug away
    inside("status")
    inside("checkout", "main")
    assert (work.path / "deep/er/f").exists()


def test_a_full_disk_leaves_the_last_version_whole(small_disk):  # noqa: F811
    work = Folder(small_disk / "flights")
    work("init")
    fill(work, 100)
    work("commit", "-a", "-m", "first")
    before = work.contents()
    work.write("half", np.random.default_rng(2).bytes(18 << 20))
    assert "No space left" in work("add", ".", code=1)
    assert all(pack.with_suffix(".index").exists() for pack in work.packs())
    (work.path / "half").unlink()
    assert work.json("verify")["whole"] and "nothing has changed" in work("status")
    work.write("small", "1")
    work("commit", "-a", "-m", "second")
    work("checkout", "HEAD~1")
    assert work.contents() == before


def test_a_full_server_takes_nothing_by_halves(small_disk, start_server, tmp_path):  # noqa: F811
    server = start_server("small/data")
    work = Folder(tmp_path / "flights", server.url)
    work("init")
    work.write("large", np.random.default_rng(1).bytes(40 << 20))
    work("commit", "-a", "-m", "large")
    assert "No space left" in work("push", code=1)
    packs = server.data_dir / "versions/flights/packs"
    assert packs.is_dir() and all(pack.with_suffix(".index").exists() for pack in packs.glob("*.pack"))
    (work.path / "large").write_bytes(b"small")
    work("checkout", "-b", "small")
    work("commit", "-a", "-m", "small")
    assert requests.get(f"{server.url}/slipway/v1/data/flights", timeout=20).json()["refs"] == []


def test_what_no_client_would_send(server):
    at = f"{server.url}/slipway/v1/data/flights"
    assert requests.get(at, timeout=20).status_code == 404
    assert requests.post(at + "/objects", data=b"\1" + b"\0" * 7 + b"x" * 40 + b"object", timeout=20).status_code == 400
    assert requests.post(at + "/objects", data=b"\xff" * 100, timeout=20).status_code == 400
    assert requests.post(at + "/missing", data=b"x" * 33, timeout=20).status_code == 400
    digest = hashlib.sha256(b"x").hexdigest()
    for body, status in (({}, 400), ({"kind": "branch", "name": "main", "to": "x"}, 400), ({"kind": "x", "name": "main", "to": digest}, 400),
                         ({"kind": "branch", "name": "../main", "to": digest}, 400), ({"kind": "branch", "name": "main", "to": digest}, 412),
                         ({"kind": "branch", "name": "main", "from": digest, "to": digest}, 409), ({"kind": "branch", "name": "main"}, 404)):
        reply = requests.put(at + "/refs", json=body, timeout=20)
        assert reply.status_code == status, (body, reply.text)
        assert set(reply.json()["error"]) == {"code", "message"}
    assert requests.post(at + "/objects/read", data=bytes.fromhex(digest), timeout=20).status_code == 404
    assert requests.post(f"{server.url}/slipway/v1/data/..%2Fx/objects", data=b"\0" * 8, timeout=20).status_code == 400
    assert not (server.data_dir / "x").exists()


def test_who_may_what(start_server, tmp_path, monkeypatch):
    admin = ("admin", "password of the admin")
    monkeypatch.setenv("SLIPWAY_ADMIN_PASSWORD", admin[1])
    server = start_server("data", "--login")
    requests.post(f"{server.url}/api/2.0/mlflow/users/create", json={"username": "reader", "password": "password of reader"}, auth=admin,
                  timeout=20).raise_for_status()
    tokens = {user[0]: requests.post(f"{server.url}/slipway/v1/tokens", json={"name": "data"}, auth=user, timeout=20).json()["token"]
              for user in (admin, ("reader", "password of reader"))}
    work = Folder(tmp_path / "flights", server.url)
    work("init")
    content = np.random.default_rng(3).bytes(3000)
    work.write("a", content)
    work("commit", "-a", "-m", "first")
    assert "SLIPWAY_TOKEN" in work("push", code=1)
    work.environment["SLIPWAY_TOKEN"] = tokens["reader"]
    work("push", code=1)
    work.environment["SLIPWAY_TOKEN"] = tokens["admin"]
    work("push")
    assert requests.get(f"{server.url}/slipway/v1/data/flights", auth=admin, timeout=20).json()["refs"][0]["by"] == "admin"
    reader = Folder(tmp_path / "reader", server.url, SLIPWAY_TOKEN=tokens["reader"])
    reader.path.rmdir()
    subprocess.run(reader.command("clone", "flights", reader.path), env=reader.environment, check=True, capture_output=True)
    assert reader.contents() == work.contents()
    (reader.path / "a").unlink()
    pack = reader.packs()[0]
    damaged = bytearray(pack.read_bytes())
    damaged[damaged.find(content)] ^= 4
    pack.write_bytes(damaged)
    assert reader.json("verify", "--repair")["repaired"] == 1  # what may be read mends, too
    reader("checkout", "main", "--force")
    assert reader.contents() == work.contents()


@pytest.fixture(params=["xfs", "btrfs"])
def sharing_disk(request, tmp_path):
    """A file system whose files can share blocks."""
    image, folder = tmp_path / "image", tmp_path / "disk"
    folder.mkdir()
    with open(image, "wb") as file:
        file.truncate(600 << 20)
    subprocess.run([f"mkfs.{request.param}", "-q", image], check=True)
    if subprocess.run(["mount", "-o", "loop", image, folder], capture_output=True).returncode:
        pytest.skip("mounting a file system needs root")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_long_files_share_blocks_where_the_file_system_can(sharing_disk):
    work = Folder(sharing_disk / "flights")
    work("init")
    work.write("large", np.random.default_rng(1).bytes(100 << 20))
    work("commit", "-a", "-m", "first")
    content = work.contents()
    (work.path / "large").unlink()
    os.sync()
    before = shutil.disk_usage(sharing_disk).free
    work("checkout", "main", "--force")
    os.sync()
    assert work.contents() == content
    assert before - shutil.disk_usage(sharing_disk).free < 10 << 20
