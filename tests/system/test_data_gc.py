"""gc of versions: files of old ones go by number and age, here and on the server, killed at any time; what stays is whole."""
import random
import signal
import subprocess
import threading
import time

import pytest
import requests
from conftest import eventually
from test_data_versions import Folder, clone, fill


@pytest.fixture
def work(tmp_path, server):
    folder = Folder(tmp_path / "flights", server.url)
    folder("init")
    return folder


def commits(work, count: int, first: int = 0) -> list[str]:
    for i in range(first, first + count):
        fill(work, 60, seed=i)
        work.write("same", "in all")
        work("commit", "-a", "-m", f"version {i}")
    return [c["commit"] for c in reversed(work.json("log", "--limit", 1000)["commits"])]


def test_what_the_server_has_lost_is_pushed_anew(work, server, tmp_path):
    """Who commits what an expired version had must bring it again, though the server knows that version."""
    work.write("f", "old")
    work("commit", "-a", "-m", "one")
    first = work.json("log")["commits"][0]["commit"]
    work.write("f", "new")
    work("commit", "-a", "-m", "two")
    work("push")
    reply = requests.post(f"{server.url}/slipway/v1/data/flights/gc", json={"keep_last": 1}, timeout=20)
    assert reply.json()["versions_expired"] == 1
    assert "no server has" in work("gc", "--keep-last", "1", code=1)  # the last copy is here
    work("checkout", first, "--path", "f")
    work("commit", "-a", "-m", "old again")
    work("push")
    assert (clone(tmp_path, "late", server.url).path / "f").read_text() == "old"


def test_a_tag_on_a_version_without_files_holds_up_nothing(work, server):
    commits(work, 2)
    work("push")
    requests.post(f"{server.url}/slipway/v1/data/flights/gc", json={"keep_last": 1}, timeout=20).raise_for_status()
    work("tag", "aaa", "HEAD~1")
    work("tag", "zzz", "HEAD")
    said = work("push", code=1)
    assert "tag aaa is not there" in said and "tag -d aaa" in said and "tag zzz is" in said
    work("tag", "-d", "aaa")
    work("push")


def test_what_was_lost_here_comes_with_a_version_that_has_it_again(work, server, tmp_path):
    work.write("f", "old")
    work.write("g", "old")
    work("commit", "-a", "-m", "one")
    first = work.json("log")["commits"][0]["commit"]
    work.write("f", "new")
    work("commit", "-a", "-m", "two")
    work("push")
    other = clone(tmp_path, "other", server.url)
    other("checkout", first, "--path", "f")
    (other.path / "g").unlink()
    other("commit", "-a", "-m", "old again")
    other("push")
    assert work.json("gc", "--keep-last", "1")["versions_expired"] == 1
    work("pull")
    assert (work.path / "f").read_text() == "old" and not (work.path / "g").exists()
    assert work.json("verify")["whole"]
    work("gc")


def test_old_versions_go_here_and_on_the_server(work, server, tmp_path):
    all_ = commits(work, 6)
    contents = work.contents()
    work("tag", "v0", all_[0])
    for flags in (["--keep-last", "2"], ["--keep-last", "2", "--dry-run"]):
        assert "no server has" in work("gc", *flags, code=1)
    work("push")
    packed = sum(p.stat().st_size for p in work.packs())
    would = work.json("gc", "--keep-last", "2", "--dry-run")
    assert would["versions_expired"] == 3 and would["dry_run"] and would["bytes_freed"] > 100_000
    assert sum(p.stat().st_size for p in work.packs()) == packed
    done = work.json("gc", "--keep-last", "2")
    assert {**would, "dry_run": False} == done
    assert packed - sum(p.stat().st_size for p in work.packs()) == done["bytes_freed"]
    assert work.json("verify")["whole"]
    # History is all there; what is gone says so, wherever it is asked for.
    log = work.json("log")["commits"]
    assert [c["expired"] for c in log] == [False, False, True, True, True, False]
    assert "removed by gc" in work("log")
    for verb in (("checkout", all_[1]), ("diff", all_[1], "HEAD"), ("restore", "--source", all_[1], "same")):
        assert "removed by gc" in work(*verb, code=4), verb
    for version in (all_[0], all_[4], all_[5]):
        work("checkout", version)
        assert (work.path / "same").read_text() == "in all"
    work("checkout", "main")
    assert work.contents() == contents
    # The server has them all until it is told.
    assert clone(tmp_path, "all", server.url, "flights", "--version", all_[1]).json("log")["commits"][0]["message"] == "version 1"
    stored = requests.get(f"{server.url}/slipway/v1/data/flights", timeout=20).json()["bytes"]
    dry = work.json("gc", "--keep-last", "2", "--cloud", "--dry-run")["cloud"]
    assert dry["versions_expired"] == 3 and requests.get(f"{server.url}/slipway/v1/data/flights", timeout=20).json()["bytes"] == stored
    there = work.json("gc", "--keep-last", "2", "--cloud")["cloud"]
    assert there["versions_expired"] == 3
    assert stored - requests.get(f"{server.url}/slipway/v1/data/flights", timeout=20).json()["bytes"] == there["bytes_freed"] > 100_000
    assert '"data.collected"' in requests.get(f"{server.url}/slipway/v1/events", timeout=20).text
    late = clone(tmp_path, "late", server.url)
    assert late.contents() == contents and late.json("verify")["whole"]
    assert [c["expired"] for c in late.json("log")["commits"]] == [False, False, True, True, True, False]
    for path in (f"files?ref={all_[1]}", f"file?path=same&ref={all_[1]}", f"diff?from={all_[1]}&to=main"):
        reply = requests.get(f"{server.url}/slipway/v1/data/flights/{path}", timeout=20)
        assert reply.status_code == 404 and "removed by gc" in reply.json()["error"]["message"], path
    # Work goes on, from both.
    commits(late, 2, first=6)
    late("push")
    work("pull")
    assert work.contents() == late.contents()
    assert work.json("gc", "--keep-days", "1")["versions_expired"] == 0  # all are of today
    work("gc", "--keep-days", "0")
    assert [c["expired"] for c in work.json("log")["commits"]].count(False) == 2  # main's newest and v0


def test_what_gc_refuses(work, server):
    commits(work, 1)
    work("gc", "--keep-last", "x", code=2)
    work("gc", "--keep-last", "-1", code=2)
    assert "no such data repository" in work("gc", "--cloud", code=4)
    work("push")
    at = f"{server.url}/slipway/v1/data/flights/gc"
    for body in ({"keep_last": -1}, {"keep_last": "2"}, {"keep_days": 1e30}, {"dry_run": 1}):
        reply = requests.post(at, json=body, timeout=20)
        assert reply.status_code == 400 and set(reply.json()["error"]) == {"code", "message"}, (body, reply.text)


def test_kills_in_mid_gc_lose_nothing(work, server, tmp_path):
    """Here and on the server; the next gc ends well, kept versions come back, others say that they are gone."""
    numbers = random.Random(17)
    for round in range(4):
        all_ = commits(work, 5, first=5 * round)
        kept = work.contents()
        work("push")
        for there in (False, True):
            for _ in range(4):
                running = subprocess.Popen(work.command("gc", "--keep-last", "3", *(["--cloud"] if there else [])), cwd=work.path,
                                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                time.sleep(numbers.random() * 0.06)  # dies anywhere
                if there:
                    server.kill()
                    server.start()
                else:
                    running.send_signal(signal.SIGKILL)
                running.wait()
                assert work.json("verify")["whole"]
        work("gc", "--keep-last", "3", "--cloud")
        for version in all_[-3:]:
            work("checkout", version)
        work("checkout", "main")
        assert work.contents() == kept
        assert [c["expired"] for c in work.json("log", "--limit", 1000)["commits"]] == [False] * 3 + [True] * (len(all_) - 3)
        late = clone(tmp_path, f"late-{round}", server.url)
        assert late.contents() == kept and late.json("verify")["whole"]


def test_gc_on_the_server_beside_people_who_push(work, server, tmp_path):
    """Pushes and pulls of others end well, or say to try again; nothing that was acknowledged is lost."""
    commits(work, 2)
    work("push")
    people = [clone(tmp_path, f"person-{i}", server.url) for i in range(2)]
    done = threading.Event()
    failures = []

    def collect():
        while not done.is_set():
            said = subprocess.run(work.command("gc", "--keep-last", "2", "--cloud"), cwd=work.path, env=work.environment, capture_output=True, text=True)
            if said.returncode != 0 and "try again" not in said.stderr:
                failures.append(said.stderr)

    def contribute(i):
        for n in range(4):
            people[i].write(f"file-{i}-{n}", str(n) * 5000)
            people[i]("commit", "-a", "-m", f"{n} by {i}")
            deadline = time.monotonic() + 300
            while subprocess.run(people[i].command("push"), cwd=people[i].path, env=people[i].environment, capture_output=True).returncode != 0:
                assert time.monotonic() < deadline
                subprocess.run(people[i].command("pull"), cwd=people[i].path, env=people[i].environment, capture_output=True)

    collecting = threading.Thread(target=collect)
    threads = [threading.Thread(target=contribute, args=(i,)) for i in range(2)]
    for one in (collecting, *threads):
        one.start()
    for one in threads:
        one.join()
    done.set()
    collecting.join()
    assert not failures, failures[0]
    eventually(lambda: subprocess.run(work.command("pull"), cwd=work.path, env=work.environment, capture_output=True).returncode == 0)
    assert {f"file-{i}-{n}" for i in range(2) for n in range(4)} <= set(work.contents())
    assert work.json("verify")["whole"]


def test_a_server_removes_old_versions_by_itself(start_server, tmp_path):
    server = start_server("data")
    work = Folder(tmp_path / "flights", server.url)
    work("init")
    all_ = commits(work, 4)
    work("tag", "v0", all_[0])
    work("push")
    server.stop()  # so that nothing goes between the branch and its tag
    server.flags = (*server.flags, "--data-retention-versions", "2", "--reclaim-interval-seconds", "1")
    server.start()

    def late():
        said = requests.get(f"{server.url}/slipway/v1/data/flights/files?ref={all_[1]}", timeout=20)
        return said.status_code == 404 and "removed by gc" in said.text

    eventually(late)
    for ref in ("v0", all_[2], "main"):
        requests.get(f"{server.url}/slipway/v1/data/flights/files?ref={ref}", timeout=20).raise_for_status()
    assert "slipway_data_versions_freed_bytes_total" in requests.get(f"{server.url}/metrics", timeout=20).text
    assert [c["expired"] for c in clone(tmp_path, "late", server.url).json("log")["commits"]] == [False, False, True, False]
