"""Damage of versions, here and on the server: found, named with the files it costs, and mended."""
import hashlib
import os
import shutil
import subprocess

import numpy as np
import pytest
import requests
from conftest import BINARY
from test_data_versions import Folder, clone, fill, work  # noqa: F401


def flip(pack, at):
    content = bytearray(pack.read_bytes())
    content[at] ^= 4
    pack.write_bytes(content)


def flip_in(packs, content: bytes):
    """Flips a bit of `content` in the one of `packs` that has it."""
    for pack in packs:
        at = pack.read_bytes().find(content)
        if at >= 0:
            flip(pack, at + len(content) // 2)
            return pack, at
    raise AssertionError("no pack has it")


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def packs_there(server, name="flights"):
    return sorted((server.data_dir / "versions" / name / "packs").glob("*.pack"))


def try_clone(tmp_path, server, name):
    return subprocess.run([BINARY, "--url", server.url, "data", "clone", "flights", tmp_path / name], capture_output=True, text=True, timeout=60)


def events(server):
    return requests.get(f"{server.url}/slipway/v1/events", timeout=20).text


def test_commits_that_nothing_names_are_told_and_head_is_made_anew(work):  # noqa: F811
    for number in range(3):
        work.write("a", str(number))
        work("commit", "-a", "-m", f"number {number}")
    newest, second = (c["commit"] for c in work.json("log")["commits"][:2])
    assert work.json("verify")["unnamed"] == []
    # A branch that is gone.
    work("checkout", "-b", "aside", second)
    work.write("a", "lost")
    work("commit", "-a", "-m", "lost")
    lost = work.json("log")["commits"][0]["commit"]
    work("checkout", "main")
    work("branch", "-d", "aside")
    said = work("verify")
    assert f"commit {lost}" in said and "(lost)" in said and newest not in said and said.endswith("whole\n")
    work("branch", "found", lost)
    assert work.json("verify")["unnamed"] == []

    head = work.path / ".slipway/data/HEAD"
    head.unlink()
    for verb in ("status", "log", "gc"):
        assert "HEAD is missing: `slipway data verify --repair` makes it" in work(verb, code=1)
    assert "HEAD is missing" in work("verify", code=1)
    assert "HEAD is branch main again" in work("verify", "--repair")
    assert "nothing has changed" in work("status")

    shutil.rmtree(work.path / ".slipway/data/refs")
    found = work.json("verify", code=1)
    assert found["unnamed"] == [lost, newest] and not found["whole"]
    work("branch", "main", newest)
    assert work.json("verify")["whole"] and work.json("log")["commits"][0]["commit"] == newest and "nothing has changed" in work("status")


def test_damage_on_the_server_is_named_and_mended_from_an_intact_copy(work, server, tmp_path):  # noqa: F811
    fill(work, 100)
    bad = np.random.default_rng(9).bytes(3000)
    work.write("set/bad.bin", bad)
    work("commit", "-a", "-m", "first")
    work.write("more.txt", "more")
    work("commit", "-a", "-m", "second")
    work("push")
    newest = work.json("log")["commits"][0]["commit"]
    assert work.json("verify", "--cloud")["whole"]
    pack, at = flip_in(packs_there(server), bad)

    failed = try_clone(tmp_path, server, "fails")
    assert failed.returncode == 1
    for part in ("the server's copy of flights is damaged", str(pack), f"at {at}", digest(bad), "set/bad.bin", "slipway data verify --cloud --repair flights"):
        assert part in failed.stderr, failed.stderr
    assert '"data.damaged"' in events(server) and digest(bad) in server.log.read_text()
    for told in (failed.stderr, server.log.read_text()):  # that is for damage here
        assert "data verify --repair" not in told

    found = work.json("verify", "--cloud", code=1)
    assert found["damages"] == [{"object": digest(bad), "file": str(pack), "offset": at}]
    assert found["affected"] == [{"object": digest(bad), "missing": False, "path": "set/bad.bin", "newest": newest, "versions": 2}]
    assert found["missing_objects"] == [] and not found["affected_cut"]
    elsewhere = Folder(tmp_path / "elsewhere", server.url)  # no repository is needed to ask
    assert f"set/bad.bin in {newest[:12]} and 1 older" in elsewhere("verify", "--cloud", "flights", code=1)

    mended = work.json("verify", "--cloud", "--repair")
    assert mended["whole"] and mended["repaired"] == 1
    assert work.json("verify", "--cloud")["damages"] == []
    assert clone(tmp_path, "there", server.url).contents() == work.contents()
    assert try_clone(tmp_path, server, "fails").returncode == 0  # goes on


def test_folders_and_whole_packs_that_the_server_lost_are_sent_again(work, server, tmp_path):  # noqa: F811
    fill(work, 60)
    work("commit", "-a", "-m", "first")
    work("push")
    for pack in packs_there(server):  # folders lie at the end
        for at in range(pack.stat().st_size - 4000, pack.stat().st_size, 50):
            flip(pack, at)
    failed = try_clone(tmp_path, server, "fails")
    assert failed.returncode == 1 and "the server's copy of flights is damaged" in failed.stderr
    assert work.json("verify", "--cloud", "--repair")["whole"]
    server.stop()
    for pack in packs_there(server):
        pack.with_suffix(".index").write_bytes(b"not an index")
    server.start()
    failed = try_clone(tmp_path, server, "fails")
    for part in ("the server's copy of flights is damaged", "an index", "slipway data verify --cloud --repair flights"):
        assert part in failed.stderr, failed.stderr
    said = work("verify", "--cloud", code=1)
    assert "an index" in said and "missing: object" in said and "commit itself" in said
    assert "data verify --repair" not in said and "data verify --repair" not in server.log.read_text()
    assert work.json("verify", "--cloud", "--repair")["whole"]
    assert clone(tmp_path, "there", server.url).contents() == work.contents()


def test_what_only_the_server_has_is_not_dropped_for_a_copy_without_it(work, server, tmp_path):  # noqa: F811
    fill(work, 20)
    work("commit", "-a", "-m", "first")
    work("push")
    other = Folder(tmp_path / "other", server.url)
    other("init")
    other.write("x", "x")
    other("commit", "-a", "-m", "x")
    flip(packs_there(server)[0], 200)
    before = [p.read_bytes() for p in packs_there(server)]
    assert other.json("verify", "--cloud", "flights", "--repair", code=1)["repaired"] == 0
    assert [p.read_bytes() for p in packs_there(server)] == before
    assert requests.post(f"{server.url}/slipway/v1/data/flights/objects/drop-damaged", json={"objects": ["x"]}, timeout=20).status_code == 400
    assert requests.post(f"{server.url}/slipway/v1/data/nobody/verify", timeout=20).status_code == 404


def test_a_push_of_what_is_damaged_here_says_where(work, server):  # noqa: F811
    fill(work, 30)
    work("commit", "-a", "-m", "first")
    pack, _ = flip_in(work.packs(), (work.path / "set/3/00003.bin").read_bytes())
    said = work("push", code=1)
    assert str(pack) in said and "slipway data verify --repair" in said and "offset=" in said
    assert work.json("verify", "--repair")["files_read"] >= 1
    work("push")


def test_checkout_writes_nothing_that_is_damaged(work):  # noqa: F811
    content = np.random.default_rng(3).bytes(200_000)
    work.write("r.bin", content)
    work("commit", "-a", "-m", "first")
    pack, _ = flip_in(work.packs(), content[:1000])
    (work.path / "r.bin").unlink()
    said = work("checkout", "HEAD", "--path", "r.bin", code=1)
    assert str(pack) in said and "slipway data verify --repair" in said
    assert not (work.path / "r.bin").exists()


def test_files_that_were_copied_from_damage_are_found_and_written_anew(work, server):  # noqa: F811
    """Long files are copied by the kernel, which reads no digests."""
    content = np.random.default_rng(4).bytes(12 << 20)
    work.write("r.bin", content)
    work.write("kept.bin", content[:9 << 20])
    work("commit", "-a", "-m", "first")
    work("push")
    flip_in(work.packs(), content[5_000_000:5_001_000])
    (work.path / "r.bin").unlink()
    work("checkout", "HEAD", "--path", "r.bin")
    (work.path / "kept.bin").write_bytes(b"mine")
    assert (work.path / "r.bin").read_bytes() != content
    found = work("verify", code=1)
    assert "which is of r.bin in " in found and "r.bin of the folder is not what was added" in found
    mended = work("verify", "--repair")
    assert "1 files of the folder written anew" in mended and "whole" in mended
    assert (work.path / "r.bin").read_bytes() == content and (work.path / "kept.bin").read_bytes() == b"mine"


def test_repair_brings_what_the_server_has_whole_and_names_the_rest(work, server):  # noqa: F811
    lost, back = (np.random.default_rng(seed).bytes(5000) for seed in (1, 2))
    work.write("lost.bin", lost)
    work.write("back.bin", back)
    work("commit", "-a", "-m", "first")
    work("push")
    for content in (lost, back):
        flip_in(work.packs(), content)
    flip_in(packs_there(server), lost)
    for name in ("lost.bin", "back.bin"):
        (work.path / name).unlink()
    said = work("verify", "--repair", code=1)
    assert f"missing: object {digest(lost)}" in said and "lost.bin" in said and "NOT whole" in said
    work("checkout", "HEAD", "--path", "back.bin")
    assert (work.path / "back.bin").read_bytes() == back
    assert work.json("verify", code=1)["affected"][0]["path"] == "lost.bin"


def test_what_is_damaged_is_told_when_no_server_answers(work, server):  # noqa: F811
    """It is dropped before: nothing else could tell what it was."""
    lost = np.random.default_rng(1).bytes(5000)
    work.write("lost.bin", lost)
    work.write("kept.bin", "kept")
    work("commit", "-a", "-m", "first")
    work("push")
    pack, at = flip_in(work.packs(), lost)
    (work.path / "lost.bin").unlink()
    server.stop()
    said = work("verify", "--repair", code=1)
    for part in (f"damaged: object {digest(lost)} in {pack} at {at}", "which is of lost.bin", f"missing: object {digest(lost)}", "not all was tried"):
        assert part in said, said
    server.start()
    mended = work.json("verify", "--repair")
    assert mended["whole"] and mended["repaired"] == 1
    work("checkout", "HEAD", "--path", "lost.bin")
    assert (work.path / "lost.bin").read_bytes() == lost


@pytest.mark.parametrize("damage", ["", "garbage\n"])
def test_damaged_branches_come_back_from_origin(work, server, damage):  # noqa: F811
    fill(work, 20)
    work("commit", "-a", "-m", "first")
    work("tag", "v1")
    work("push")
    commit = work.json("log")["commits"][0]["commit"]
    refs = work.path / ".slipway/data/refs"
    for name in ("branches/main", "tags/v1"):
        (refs / name).write_text(damage)
    (work.path / ".slipway/data/HEAD").write_text(damage)
    assert "slipway data verify --repair" in work("log", code=1)
    said = work("verify", code=1)
    assert all(name in said for name in ("refs/branches/main is damaged", "refs/tags/v1 is damaged", "HEAD is damaged"))
    assert work.json("verify", "--repair")["whole"]
    assert work.json("log")["commits"][0]["names"] == ["main", "v1", "origin/main"] and work.json("status")["commit"] == commit
    # Nobody else has this one.
    work("branch", "mine")
    (refs / "branches/mine").write_text(damage)
    assert "branches/mine is damaged" in work("verify", "--repair", code=1)


def test_a_damaged_index_is_made_anew(work):  # noqa: F811
    fill(work, 20)
    work("commit", "-a", "-m", "first")
    index = work.path / ".slipway/data/index"
    index.write_bytes(index.read_bytes()[:-40])
    work("status", code=1)
    assert "index is damaged" in work("verify", code=1)
    assert "the index is that of HEAD" in work("verify", "--repair")
    assert "nothing has changed" in work("status")
    shutil.rmtree(work.path / "set/3")
    assert "deleted" in work("status")


def test_links_are_looked_at_once_the_index_is_there(work):  # noqa: F811
    work("config", "cache.type", "hardlink")
    work.write("a.bin", "content")
    work("commit", "-a", "-m", "first")
    work("checkout", "HEAD", "--relink")
    link = work.path / "a.bin"
    before = link.stat()
    assert before.st_nlink == 2
    link.chmod(0o644)
    link.write_text("CONTENT")
    link.chmod(0o444)
    os.utime(link, ns=(before.st_atime_ns, before.st_mtime_ns))
    index = work.path / ".slipway/data/index"
    index.write_bytes(index.read_bytes()[:-40])
    mended = work.json("verify", "--repair")
    assert mended["whole"] and any("of the cache, which is a.bin" in damage["what"] for damage in mended["damages"])
    assert link.read_text() == "content"
