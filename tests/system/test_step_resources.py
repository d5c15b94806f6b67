"""CPU and memory of steps: who waits for them, what takes too much, what was used."""
import json
import subprocess
import sys
import time

import pytest
from conftest import Server

STEPS = """\
project: resources
pipelines:
  holds:
    steps:
      - {name: a, run: 'until test -f go; do sleep 0.02; done', resources: {memory: 768Mi, cpu: 500m}}
  waits:
    steps:
      - {name: a, run: 'echo > {out}/a', outputs: [a], resources: {memory: 0.5Gi}}
      - {name: b, run: 'true'}
  grows:
    steps:
      - {name: train, run: '%s -c "x = bytearray(300 << 20); import time; time.sleep(60)"', resources: {memory: 100Mi}}
  huge:
    steps:
      - name: fits
        run: 'true'
      - name: train
        run: 'true'
        resources: {memory: %s}
"""


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    server = Server(tmp_path / "data", "--pipeline-memory-bytes-max", str(1 << 30))
    server.folder = folder
    yield server
    server.stop()


def declare(project, memory, verb="apply"):
    file = project.folder / "slipway.yaml"
    file.write_text(STEPS % (sys.executable, memory))
    return project.cli(verb, str(file), check=False)


def show(project, run):
    return json.loads(project.cli("--json", "pipelines", "show", run).stdout)


def test_a_step_that_could_never_run_is_refused_with_its_line(project):
    for verb in ("plan", "apply"):
        refused = declare(project, "2Gi", verb)
        assert refused.returncode != 0
        assert "line 19" in refused.stderr and "it needs 2 GiB of memory, and steps may have 1 GiB (setting pipeline-memory-bytes-max): step=train" in refused.stderr, refused.stderr
    assert declare(project, "1Gi").returncode == 0


def test_who_waits_says_for_what(project):
    assert declare(project, "1Gi").returncode == 0
    held = json.loads(project.cli("--json", "run", "holds", "--detach").stdout)["id"]
    deadline = time.monotonic() + 60
    while show(project, held)["steps"][0]["state"] != "running":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    waiting = json.loads(project.cli("--json", "run", "waits", "--detach").stdout)["id"]
    while (state := show(project, waiting))["steps"][1]["state"] != "succeeded":
        assert time.monotonic() < deadline, state
        time.sleep(0.02)
    assert state["steps"][0]["state"] == "pending"
    assert state["steps"][0]["reason"] == f"waits for memory: 768 MiB of 1 GiB taken by a of run {held}; it needs 512 MiB"
    (project.folder / "go").touch()
    while not (state := show(project, waiting))["finished_at"]:
        assert time.monotonic() < deadline, state
        time.sleep(0.02)
    assert state["state"] == "succeeded", state
    project.cli("run", "waits")  # from cache


def test_a_step_with_more_memory_than_it_said_is_ended(project):
    assert declare(project, "1Gi").returncode == 0
    ended = project.cli("run", "grows", check=False)
    assert ended.returncode == 1, ended
    assert "OOMKilled: step train used " in ended.stdout and "more than its 100 MiB; raise resources.memory" in ended.stdout, ended.stdout
    run = json.loads(project.cli("--json", "pipelines", "runs", "grows").stdout)["runs"][0]["id"]
    step = show(project, run)["steps"][0]
    assert step["exit_code"] == 137 and step["peak_memory_bytes"] > 100 << 20 and step["cpu_seconds"] >= 0
    told = project.cli("pipelines", "show", run).stdout
    assert "MEMORY" in told and "CPU S" in told
    assert not [line for line in subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout.splitlines() if "bytearray(300" in line and "-c" in line and "ps" not in line]
