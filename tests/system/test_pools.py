"""Pools with slots and priorities: who goes first, who waits for what, also after a kill."""
import json
import time

import pytest
import requests
from conftest import Server

STEPS = """\
project: pools
pools: {gpu: %d, licence: 1}
pipelines:
  holds:
    steps:
      - {name: h1, run: 'until test -f go; do sleep 0.02; done', pool: gpu}
      - {name: h2, run: 'until test -f go; do sleep 0.02; done', pool: gpu}
  low:
    params: {n: 0}
    steps:
      - {name: train, run: 'echo low {n} >> order', pool: gpu, slots: 2}
  high:
    priority: 5
    steps:
      - {name: train, run: 'echo high >> order', pool: gpu, slots: 2}
  kept:
    steps:
      - {name: rows, run: 'echo 1 > {out}/rows', outputs: [rows], pool: gpu}
  free:
    steps:
      - {name: train, run: 'echo free >> order', pool: licence}
"""


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    server = Server(tmp_path / "data")
    server.folder = folder
    server.slots = lambda n: ((folder / "slipway.yaml").write_text(STEPS % n), server.cli("apply", str(folder / "slipway.yaml")))
    server.slots(2)
    yield server
    server.stop()


def begin(project, pipeline, *flags):
    return json.loads(project.cli("--json", "run", pipeline, "--detach", *flags).stdout)["id"]


def show(project, run):
    return json.loads(project.cli("--json", "pipelines", "show", run).stdout)


def wait(project, run, is_so):
    deadline = time.monotonic() + 60
    while not is_so(state := show(project, run)):
        assert time.monotonic() < deadline, state
        time.sleep(0.02)
    return state


def over(state):
    return state["finished_at"] is not None


def waits(state):
    return "waits for pool" in state["steps"][0]["reason"]


def order(project):
    return (project.folder / "order").read_text().splitlines()


def test_what_matters_more_goes_first_then_the_older(project):
    begin(project, "kept")
    holder = begin(project, "holds")
    wait(project, holder, lambda run: all(step["state"] == "running" for step in run["steps"]))
    low = [begin(project, "low", "--param", f"n={n}") for n in range(3)]
    urgent = begin(project, "low", "--param", "n=9", "--priority", "100")
    high = begin(project, "high")
    for run in (*low, urgent, high):
        wait(project, run, waits)
    state = show(project, low[0])
    assert state["steps"][0]["state"] == "pending" and state["steps"][0]["started_at"] is None
    assert state["steps"][0]["reason"] == f"waits for pool gpu: 2 of 2 slots taken by h1 of run {holder}, h2 of run {holder}; it needs 2"
    assert (show(project, high)["priority"], show(project, urgent)["priority"], state["priority"]) == (5, 100, 0)
    gpu = json.loads(project.cli("--json", "pipelines", "pools").stdout)["pools"][0]
    assert (gpu["name"], gpu["slots"], gpu["taken"], gpu["waiting"]) == ("gpu", 2, 2, 5) and gpu["taken_by"][0] == f"h1 of run {holder}"
    # Who waits holds nobody up that doesn't need the pool, nor what is answered from cache.
    assert json.loads(project.cli("--json", "run", "free").stdout)["state"] == "succeeded"
    assert json.loads(project.cli("--json", "run", "kept").stdout)["steps"][0]["state"] == "cached"
    assert order(project) == ["free"]
    cancelled = begin(project, "low")
    wait(project, cancelled, waits)
    project.cli("pipelines", "cancel", cancelled)
    assert wait(project, cancelled, over)["state"] == "cancelled"
    (project.folder / "go").touch()
    for run in (*low, urgent, high, holder):
        assert wait(project, run, over)["state"] == "succeeded"
    assert order(project) == ["free", "low 9", "high", "low 0", "low 1", "low 2"]


def test_what_waits_still_waits_after_a_kill(project):
    holder = begin(project, "holds")
    wait(project, holder, lambda run: all(step["state"] == "running" for step in run["steps"]))
    low, high = begin(project, "low"), begin(project, "high")
    for run in (low, high):
        wait(project, run, waits)
    project.kill()
    project.start()
    # What runs goes on, and has its slots before anybody can ask for them.
    assert all(step["state"] == "running" for step in show(project, holder)["steps"])
    for run in (low, high):
        assert "2 of 2 slots taken by h1" in wait(project, run, waits)["steps"][0]["reason"]
    (project.folder / "go").touch()
    for run in (low, high, holder):
        assert wait(project, run, over)["state"] == "succeeded"
    assert order(project) == ["high", "low 0"]


def test_a_pool_grows_and_shrinks(project):
    holder = begin(project, "holds")
    wait(project, holder, lambda run: all(step["state"] == "running" for step in run["steps"]))
    low = begin(project, "low")
    wait(project, low, waits)
    project.slots(4)
    assert wait(project, low, over)["state"] == "succeeded"
    (project.folder / "go").touch()
    wait(project, holder, over)
    (project.folder / "slipway.yaml").write_text("project: pools\npools: {gpu: 1}\n")  # the pipelines stay
    told = json.loads(project.cli("--json", "apply", str(project.folder / "slipway.yaml")).stdout)["changes"]
    assert {"kind": "pool", "name": "gpu", "change": "updated", "differs": [{"at": "", "before": 4, "now": 1}]} in told and {"kind": "pool", "name": "licence", "change": "not in the file"} in told
    failed = wait(project, begin(project, "low"), over)
    assert failed["reason"] == "step train: it needs 2 slots of pool gpu, which has 1"


@pytest.mark.parametrize("change, says", [
    (("pool: gpu, slots: 2", "pool: cpu"), "isn't declared under `pools:`"), (("slots: 2", "slots: 3"), "needs more slots than its pool has"),
    (("slots: 2", "slots: 0"), "must be from 1"), (("pool: gpu, slots: 2", "slots: 2"), "slots are of a pool"),
    (("priority: 5", "priority: 5000"), "from -1000 to 1000"), (("gpu: 2", "gpu: many"), "whole number"), (("gpu: 2", "g/u: 2"), "name of a pool")])
def test_mistakes_are_told(project, change, says):
    reply = requests.post(f"{project.url}/slipway/v1/plan", json={"yaml": (STEPS % 2).replace(*change), "dir": str(project.folder)}, timeout=30)
    assert reply.status_code == 400 and says in reply.text and "line" in reply.text
    reply = requests.post(f"{project.url}/slipway/v1/pipelines/low/runs", json={"priority": 1001}, timeout=30)
    assert reply.status_code == 400 and "priority must be from -1000 to 1000" in reply.text
