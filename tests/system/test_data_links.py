"""Checkout by links: the folder's files are one with the cache's, what is written into them is found, and nothing is lost by it."""
import os
import random
import shutil
import signal
import stat
import subprocess
import time

import numpy as np
import pytest
from conftest import eventually
from test_data_versions import Folder, fill, sharing_disk  # noqa: F401


@pytest.fixture
def linked(tmp_path):
    work = Folder(tmp_path / "flights")
    work("init")
    fill(work, 300)
    work.write("large", np.random.default_rng(7).bytes(20 << 20))
    work("commit", "-a", "-m", "first")
    assert work.json("config") == {"cache.type": "reflink,copy"}
    work("config", "cache.type", "hardlink,copy")
    assert work.json("checkout", "HEAD", "--relink")["linked"] == 301
    return work


def overwrite(file, content: bytes):
    """As who may: root, or the owner after chmod."""
    mode = file.stat().st_mode
    file.chmod(mode | stat.S_IWUSR)
    with open(file, "r+b") as out:
        out.write(content)
    file.chmod(mode)


def test_links_take_no_room_and_can_be_undone(linked):
    files = [p for p in linked.path.rglob("*") if p.is_file() and ".slipway" not in p.parts]
    assert all(p.stat().st_nlink == 2 and not p.stat().st_mode & 0o222 for p in files)
    before = linked.contents()
    shutil.rmtree(linked.path / "set")
    (linked.path / "large").unlink()
    packed = sum(p.stat().st_blocks for p in (linked.path / ".slipway").rglob("*"))
    assert linked.json("checkout", "HEAD", "--force")["linked"] == 301
    assert linked.contents() == before
    assert sum(p.stat().st_blocks for p in (linked.path / ".slipway").rglob("*")) <= packed + 64
    assert "nothing has changed" in linked("status")
    assert linked.json("unprotect", "set/3")["files"] == 30
    (linked.path / "set/3/00003.bin").write_bytes(b"mine")
    assert [c["change"] for c in linked.json("status")["not_added"]] == ["modified"]
    linked("commit", "-a", "-m", "second")
    linked("config", "cache.type", "copy")
    assert linked.json("checkout", "HEAD", "--relink")["linked"] == 0
    assert all(p.stat().st_nlink == 1 and p.stat().st_mode & 0o200 for p in files)
    assert linked.json("gc")["bytes_freed"] > 20 << 20
    assert not [p for p in (linked.path / ".slipway/data/cache").rglob("*") if p.is_file()]
    for value in ("symlink", "", ","):
        assert "cache.type" in linked("config", "cache.type", value or " ", code=1)
    assert "no such setting" in linked("config", "core.editor", "vi", code=1)


def test_what_is_written_into_a_link_is_named_and_not_committed(linked):
    before = linked.contents()
    overwrite(linked.path / "set/1/00001.bin", b"overwritten")
    assert [(c["path"], c["change"]) for c in linked.json("status")["not_added"]] == [("set/1/00001.bin", "overwritten")]
    assert "unprotect" in linked("status")
    for verb in (("add", "."), ("add", "set/1/00001.bin"), ("commit", "-a", "-m", "x")):
        said = linked(*verb, code=1)
        assert "set/1/00001.bin" in said and "written into" in said, said
    damages = linked.json("verify", code=1)["damages"]
    assert [d["links"] for d in damages] == [["set/1/00001.bin"]]
    assert linked.json("restore", "set")["renewed"] == ["set/1/00001.bin"]
    assert linked.contents() == before and linked.json("verify")["whole"]
    overwrite(linked.path / "large", b"changed")
    assert linked.json("verify", "--repair")["whole"]
    assert (linked.path / "large").read_bytes()[:7] == b"changed"  # nobody's work is thrown away
    assert [(c["path"], c["change"]) for c in linked.json("status")["not_added"]] == [("large", "overwritten")]
    linked("restore", "large")
    assert linked.contents() == before and "nothing has changed" in linked("status")
    # One that another folder's files are links of, too: each folder names its own.
    overwrite(linked.path / "large", b"mine")
    linked("unprotect", "large")
    linked("commit", "-a", "-m", "mine")
    assert (linked.path / "large").read_bytes().startswith(b"mine")
    linked("checkout", "HEAD~1")
    assert linked.contents() == before


def test_kills_while_links_are_made_lose_nothing(linked):
    first = linked.contents()
    linked("unprotect", ".")
    fill(linked, 300, seed=5)
    linked("commit", "-a", "-m", "second")
    second = linked.contents()
    numbers = random.Random(11)
    for round in range(20):
        target, want = ("HEAD~1", first) if round % 2 == 0 else ("main", second)
        verb = ("checkout", target) if target == "main" else ("checkout", "main~1")
        running = subprocess.Popen(linked.command(*verb, "--force"), cwd=linked.path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(numbers.random() * 0.03)  # dies anywhere
        running.send_signal(signal.SIGKILL)
        running.wait()
        linked(*verb, "--force")
        assert linked.contents() == want
        if round % 5 == 4:
            running = subprocess.Popen(linked.command("gc"), cwd=linked.path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(numbers.random() * 0.03)
            running.send_signal(signal.SIGKILL)
            running.wait()
    assert linked.json("verify")["whole"]


def test_small_files_are_links_where_long_ones_share_blocks(sharing_disk):  # noqa: F811
    work = Folder(sharing_disk / "flights")
    work("init")
    work("config", "cache.type", "reflink,hardlink,copy")
    fill(work, 20)
    work.write("large", np.random.default_rng(1).bytes(50 << 20))
    work("commit", "-a", "-m", "first")
    before = work.contents()
    os.sync()
    free = shutil.disk_usage(sharing_disk).free
    assert work.json("checkout", "HEAD", "--relink")["linked"] == 20
    assert work.contents() == before

    def freed() -> int:  # a file system may take a moment for it
        os.sync()
        return shutil.disk_usage(sharing_disk).free - free

    eventually(lambda: freed() > 40 << 20)  # what the folder had for itself
    assert (work.path / "large").stat().st_mode & 0o200
    (work.path / "large").write_bytes(b"mine")
    assert work.json("verify")["whole"]


def test_what_was_added_is_taken_back(tmp_path):
    """restore, restore --staged, restore --source: as of git."""
    work = Folder(tmp_path / "flights")
    work("init")
    work.write("a", "1")
    work.write("d/b", "1")
    work("add", ".")
    work("restore", "--staged", "d")
    assert [c["path"] for c in work.json("status")["to_commit"]] == ["a"]
    work("add", ".")
    work("commit", "-m", "first")
    work.write("a", "2")
    work.write("d/new", "new")
    work("add", ".")
    work("restore", "--staged", ".")
    said = work.json("status")
    assert said["to_commit"] == []
    assert {(c["path"], c["change"]) for c in said["not_added"]} == {("a", "modified"), ("d/new", "new")}
    work("restore", "a")
    assert (work.path / "a").read_text() == "1" and (work.path / "d/new").read_text() == "new"
    work.write("a", "3")
    work("add", "a")
    work.write("a", "4")
    work("restore", "a")
    assert (work.path / "a").read_text() == "3"  # as it was added
    work("restore", "--staged", "--worktree", "a")
    assert (work.path / "a").read_text() == "1" and work.json("status")["to_commit"] == []
    work.write("a", "5")
    work("commit", "-a", "-m", "second")
    work("restore", "--source", "HEAD~1", "a")
    assert (work.path / "a").read_text() == "1"
    assert [c["path"] for c in work.json("status")["not_added"]] == ["a"]
    shutil.rmtree(work.path / "d")
    assert work.json("restore", ".")["written"] == 3
    assert "neither added" in work("restore", "nowhere", code=4)
    assert "outside" in work("restore", "/etc/passwd", code=1)
