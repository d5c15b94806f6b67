"""What steps leave behind that no program expects: their own run fails with a word, and everything else goes on."""
import json
import pathlib
import subprocess
import time

import pytest
import requests
from conftest import BINARY, eventually


@pytest.fixture
def run_steps(server, tmp_path):
    """run_steps(pipelines, name) -> the run at its end, as the API has it."""
    def play(pipelines: dict, name: str, **files):
        folder = tmp_path / "project"
        folder.mkdir(exist_ok=True)
        for file, text in files.items():
            (folder / file).write_text(text)
        (folder / "slipway.yaml").write_text(json.dumps({"project": "damage", "pipelines": pipelines}))
        server.cli("apply", str(folder / "slipway.yaml"))
        done = subprocess.run([BINARY, "--url", server.url, "--json", "run", name], capture_output=True, text=True, timeout=60)
        assert done.returncode in (0, 1), done
        return json.loads(done.stdout)
    return play


@pytest.mark.parametrize("command, outputs, state, why", [
    ("rm -rf {out}", [], "failed", "read the folder"),
    ("mkdir {out}/d; ln -s l {out}/d/l; ln -s nowhere {out}/d/n; echo 1 > {out}/d/x", ["d"], "succeeded", None),
    ("mkdir {out}/d; mkfifo {out}/d/pipe", ["d"], "succeeded", None),
    ("touch {out}/$(printf 'caf\\351')", [], "failed", "names of outputs are UTF-8"),
], ids=["no folder", "links in a loop", "pipe", "name"])
def test_outputs_that_are_no_files(run_steps, server, command, outputs, state, why):
    """The server ended itself, and again at each start."""
    run = run_steps({"p": {"steps": [{"name": "a", "run": command, "outputs": outputs}]}}, "p")
    step = run["steps"][0]
    assert step["state"] == state and (why is None or why in step["reason"]), step
    server.stop()
    server.start()
    assert server.cli("pipelines", "show", run["id"]).returncode == 0


def test_an_input_with_links_in_a_loop(run_steps, server, tmp_path):
    (tmp_path / "project" / "data").mkdir(parents=True)
    (tmp_path / "project" / "data" / "loop").symlink_to("loop")
    (tmp_path / "project" / "data" / "x").write_text("1")
    run = run_steps({"p": {"steps": [{"name": "a", "run": "cat data/x > {out}/x", "inputs": ["data"], "outputs": ["x"]}]}}, "p")
    assert run["state"] == "succeeded"
    assert "loop" not in server.cli("run", "p", "--explain").stdout


NO_TEXT = {"name": "a", "run": "printf 'caf\\351' > {out}/t", "outputs": ["t"]}


@pytest.mark.parametrize("reader", [{"pipeline": "inner", "parameters": {"x": "{a/t}"}}, {"run": "true", "when": "{a/t} == 'x'"}, {"run": "echo {item}", "each": "{a/t}"}], ids=["nested", "when", "each"])
def test_a_value_that_is_no_text(run_steps, server, reader):
    """Lists of all pipelines were no JSON for good, and the next server didn't start."""
    run = run_steps({"inner": {"params": {"x": 1}, "steps": [{"name": "i", "run": "echo {x}"}]}, "outer": {"steps": [NO_TEXT, {"name": "b", **reader}]}}, "outer")
    assert run["state"] == "failed" and "no UTF-8 text: {a/t}" in run["steps"][1]["reason"], run["steps"][1]
    for words in (("list",), ("runs",), ("show", run["id"])):
        assert server.cli("pipelines", *words).returncode == 0
    server.stop()
    server.start()
    assert server.cli("pipelines", "list").returncode == 0


def test_large_outputs_are_not_read_into_memory(run_steps, server):
    def peak_mb():
        lines = pathlib.Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))

    pipelines = {"big": {"steps": [{"name": "a", "run": "truncate -s 400M {out}/x", "outputs": ["x"]}]}}
    before = peak_mb()
    assert [run_steps(pipelines, "big")["steps"][0]["state"] for _ in range(2)] == ["succeeded", "cached"]
    assert peak_mb() < before + 100


def test_a_signal_has_its_name_and_tries_are_told(run_steps, server):
    run = run_steps({"p": {"steps": [{"name": "a", "run": "kill -9 $$", "retry": {"times": 1, "after": "1ms"}}]}}, "p")
    assert run["steps"][0]["reason"] == "exit code 137 (SIGKILL): see the step's log"
    assert "failed, try 2" in server.cli("pipelines", "show", run["id"]).stdout


def test_a_paused_schedule_starts_nothing_that_waited(server, tmp_path):
    """What `overlap: queue` had in its queue went on starting."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "slipway.yaml").write_text(json.dumps({"project": "slow", "pipelines": {"slow": {"steps": [{"name": "s", "run": "echo >> begun; sleep 1.5"}]}},
                                                     "schedules": {"slow": {"pipeline": "slow", "every": "1s", "overlap": "queue"}}}))
    server.cli("apply", str(folder / "slipway.yaml"))

    def waiting():
        return [turn for turn in requests.get(f"{server.url}/slipway/v1/schedules/slow/turns", timeout=10).json()["turns"] if turn["state"] == "waiting"]

    eventually(lambda: len(waiting()) >= 2)
    server.cli("schedules", "pause", "slow")
    eventually(lambda: not [run for run in requests.get(f"{server.url}/slipway/v1/pipeline-runs", timeout=10).json()["runs"] if run["state"] in ("queued", "running")])
    begun = (folder / "begun").read_text()
    time.sleep(2)
    assert (folder / "begun").read_text() == begun and len(waiting()) >= 1
    server.cli("schedules", "resume", "slow")
    eventually(lambda: (folder / "begun").read_text() != begun)
