"""Runs of pipelines with real commands: side by side, tried again, taken up after a kill, and by the page's button."""
import json
import os
import re
import signal
import sqlite3
import subprocess
import time

import pytest
import requests
from conftest import BINARY, Server
from playwright.sync_api import expect

STEPS = """\
project: runs
pipelines:
  many:
    steps:
%s
      - {name: fan, run: 'sleep 0.05; echo $SLIPWAY_STEP >> done', each: [%s]}
      - {name: last, run: 'echo last >> done', after: [fan, %s]}
  asks:
    steps:
      - {name: good, approve: 'Is the model good?'}
      - {name: promote, run: 'echo promoted', after: [good]}
  late:
    steps:
      - {name: first, run: 'echo first >> late'}
      - {name: second, run: 'test -f go', after: [first]}
      - {name: tidy, run: 'echo $SLIPWAY_RUN_STATE >> tidied', always: true}
  gated:
    params: {auc: 0.8, country: US}
    steps:
      - {name: evaluate, run: 'printf "{\\"test\\": {\\"auc\\": %%s}}" {auc} > {out}/metrics.json', outputs: [metrics.json]}
      - {name: promote, run: 'echo promoted', when: "{evaluate/metrics.json#test.auc} > 0.7 and {country} == 'US'"}
      - {name: tell, run: 'echo told', after: [promote]}
      - {name: on-failure, run: 'echo $SLIPWAY_RUN_REASON', always: true, when: "{run.state} == 'failed'"}
  told:
    params: {auc: 0.8}
    steps:
      - {name: rows, run: 'cat rows.csv > {out}/rows', inputs: [rows.csv], outputs: [rows]}
      - {name: train, run: 'wc -c {rows}/rows > {out}/model', code: [train.py], outputs: [model]}
      - {name: score, run: 'echo {auc} > {out}/auc; cat {train}/model', outputs: [auc]}
      - {name: ask, approve: Is it good, when: "{score/auc} > 0.9"}
      - {name: effect, run: 'echo {train} >> effects'}
      - {name: agreed, run: 'echo agreed', after: [ask]}
""" % ("\n".join(f"      - {{name: s{i}, run: 'sleep 0.05; echo s{i} >> done'}}" for i in range(40)), ", ".join(map(str, range(20))), ", ".join(f"s{i}" for i in range(40)))


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "slipway.yaml").write_text(STEPS)
    server = Server(tmp_path / "data")
    subprocess.run([BINARY, "--url", server.url, "apply"], cwd=folder, check=True, capture_output=True)
    server.folder = folder
    yield server
    server.stop()


def test_kills_at_any_moment_neither_lose_nor_double_a_step(project):
    run = json.loads(project.cli("--json", "run", "many", "--detach").stdout)["id"]
    interrupted = 0
    for turn in range(6):
        time.sleep(0.06 * (turn + 1))
        project.kill()
        with sqlite3.connect(project.data_dir / "slipway.db") as db:  # as the next server will find it
            states = dict(db.execute("SELECT name, state FROM pipeline_steps WHERE run = ?", (run,)).fetchall())
        interrupted += any(state == "running" for step, state in states.items() if step != "fan")
        project.start()
    assert interrupted > 0
    deadline = time.monotonic() + 180
    while not (state := json.loads(project.cli("--json", "pipelines", "show", run).stdout))["finished_at"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert state["state"] == "succeeded"
    done = (project.folder / "done").read_text().split()
    assert sorted(done) == sorted([*(f"s{i}" for i in range(40)), *(f"fan[{i}]" for i in range(20)), "last"]) and done[-1] == "last"
    assert [item["name"] for item in state["steps"][40]["items"]] == [f"fan[{i}]" for i in range(20)]
    started = [step["started_at"] for step in state["steps"]]
    assert max(started) == started[-1]


def test_a_run_goes_on_from_what_failed(project):
    failed = subprocess.run([BINARY, "--url", project.url, "--json", "run", "late"], capture_output=True, text=True)
    run = json.loads(failed.stdout)
    assert failed.returncode == 1 and [step["state"] for step in run["steps"]] == ["succeeded", "failed", "succeeded"]
    (project.folder / "go").touch()
    again = json.loads(project.cli("--json", "pipelines", "retry", run["id"]).stdout)
    assert again["state"] == "succeeded"
    assert (project.folder / "late").read_text() == "first\n"
    assert (project.folder / "tidied").read_text() == "failed\n"  # it went well, so it isn't run again
    refused = subprocess.run([BINARY, "--url", project.url, "pipelines", "retry", run["id"]], capture_output=True, text=True)
    assert refused.returncode == 1 and "nothing of the run failed" in refused.stderr


def test_ctrl_c_ends_the_waiting_and_says_so(project):
    waiting = subprocess.Popen([BINARY, "--url", project.url, "run", "asks"], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert "good" in waiting.stderr.readline()
    waiting.send_signal(signal.SIGINT)
    told = waiting.communicate(timeout=60)[1]
    assert waiting.returncode == -signal.SIGINT  # so that a script that it is in ends, too
    run = re.search("the run goes on: `slipway pipelines show ([0-9a-f]+)`", told)[1]
    assert json.loads(project.cli("--json", "pipelines", "show", run).stdout)["state"] == "running"
    project.cli("pipelines", "cancel", run)


def test_what_has_run_is_found_in_pages(project):
    for actor in ("ada", "bob", "ada"):
        requests.post(f"{project.url}/slipway/v1/pipelines/asks/runs", json={"actor": actor}, timeout=10).raise_for_status()

    def listed(*flags):
        return [run["id"] for run in json.loads(project.cli("--json", "pipelines", "runs", *flags).stdout)["runs"]]

    everything = listed()
    assert len(everything) == 3 and listed("asks") == everything and listed("many") == []
    assert listed("--actor", "bob") == everything[1:2] and listed("--actor", "ada", "--state", "failed") == []
    assert f"older ones: --after {everything[1]}" in project.cli("pipelines", "runs", "--limit", "2").stderr
    assert listed("asks", "--after", everything[1]) == everything[2:]
    assert listed("--from", "2999-01-01T00:00:00Z") == listed("--until", "2000-01-01T00:00:00Z") == []
    wrong = project.cli("pipelines", "runs", "--from", "yesterday", check=False)
    assert wrong.returncode == 1 and "from" in wrong.stderr
    assert project.cli("pipelines", "runs", "--after", "none", check=False).returncode == 4
    of_one = f"{project.url}/slipway/v1/pipeline-runs/{everything[0]}"
    whole, short = [requests.get(of_one + query, timeout=10).json() for query in ("", "?steps=false")]
    assert len(whole.pop("steps")) == 2 and short == whole
    assert requests.get(f"{project.url}/slipway/v1/pipeline-runs/none?steps=false", timeout=10).status_code == 404


def test_a_condition_decides_what_runs(project, open_page):
    def run(*params):
        flags = [flag for param in params for flag in ("--param", param)]
        return json.loads(subprocess.run([BINARY, "--url", project.url, "--json", "run", "gated", *flags], capture_output=True, text=True).stdout)

    good = run()
    assert good["state"] == "succeeded" and [step["state"] for step in good["steps"]] == ["succeeded", "succeeded", "succeeded", "skipped"]
    for params, evaluated, why in ((["auc=0.61"], "succeeded", "{evaluate/metrics.json#test.auc} (0.61) > 0.7"),
                                   (["country=FR"], "cached", "{evaluate/metrics.json#test.auc} (0.8) > 0.7, {country} (FR) == US")):
        bad = run(*params)
        assert bad["state"] == "succeeded" and [step["state"] for step in bad["steps"]] == [evaluated] + ["skipped"] * 3
        assert bad["steps"][1]["reason"] == "its condition says no: " + why and bad["steps"][1]["seconds"] is None
    broken = run("auc=[]")
    assert broken["state"] == "failed" and [step["state"] for step in broken["steps"]] == ["succeeded", "failed", "skipped", "succeeded"]
    assert "its condition: {evaluate/metrics.json#test.auc}: it is no number" in broken["steps"][1]["reason"]
    page = open_page(f"{project.url}/ui/pipeline-runs/{bad['id']}")
    expect(page.get_by_role("table", name="Steps").get_by_role("row").nth(2)).to_contain_text("its condition says no")


def test_a_run_is_explained_before_it_is_started(project):
    def explain(*params):
        told = json.loads(project.cli("--json", "run", "told", "--explain", *params).stdout)["steps"]
        return {step["step"]: (step["verdict"], step["why"]) for step in told}

    first = explain()
    assert first["rows"][0] == "fails" and "rows.csv" in first["rows"][1]
    assert first["train"] == ("skipped", "it needs rows, which is failing")
    (project.folder / "rows.csv").write_text("1\n")
    (project.folder / "train.py").write_text("a\n")
    first = explain()
    assert first["rows"] == ("runs", "it has not succeeded before")
    assert first["train"] == ("depends", "it runs unless what rows writes is as before")
    assert first["ask"] == ("depends", "its condition reads {score/auc}")
    assert first["agreed"] == ("depends", "it needs ask, which may be skipped")
    assert first["effect"] == ("runs", "it declares no outputs, so it runs for its effect")
    assert "told" in project.cli("pipelines", "list").stdout == project.cli("pipelines").stdout
    assert json.loads(project.cli("--json", "pipelines", "runs", "told").stdout)["runs"] == []  # nothing ran

    run = json.loads(project.cli("--json", "run", "told").stdout)
    assert run["state"] == "succeeded"
    since = f"since run {run['id']}: "
    unchanged = "nothing it depends on has changed since run " + run["id"]
    second = explain()
    assert {step: second[step] for step in ("rows", "train", "score")} == dict.fromkeys(("rows", "train", "score"), ("cached", unchanged))
    assert second["ask"] == ("skipped", "its condition says no: {score/auc} (0.8) > 0.9")
    assert explain("--param", "auc=0.95")["score"] == ("runs", since + "parameter auc changed from `0.8` to `0.95`")
    (project.folder / "train.py").write_text("b\n")
    assert explain()["train"] == ("runs", since + "code/train.py changed")
    assert explain()["score"] == ("depends", "it runs unless what train writes is as before")
    (project.folder / "train.py").write_text("a\n")
    outputs = project.data_dir / "pipelines" / run["id"] / "rows" / "rows"
    outputs.write_text("damaged")
    assert explain()["rows"] == ("runs", f"what run {run['id']} wrote is gone or damaged")
    table = project.cli("run", "told", "--explain").stdout
    assert table.split()[:3] == ["STEP", "VERDICT", "WHY"] and "code/train.py" not in table
    nobody = subprocess.run([BINARY, "--url", project.url, "run", "nobody", "--explain"], capture_output=True, text=True)
    assert nobody.returncode == 4
    assert explain()["train"] != explain("--no-cache")["train"] == ("runs", "the run takes nothing from the cache")
    again = json.loads(project.cli("--json", "run", "told", "--no-cache").stdout)
    assert again["no_cache"] and "cached" not in [step["state"] for step in again["steps"]]
    cached = json.loads(project.cli("--json", "run", "told").stdout)
    assert [step["state"] for step in cached["steps"][:3]] == ["cached"] * 3


def test_what_is_tried_again_is_the_old_pipeline_and_says_so(project):
    failed = json.loads(project.cli("--json", "run", "late", check=False).stdout)["id"]
    same = project.cli("pipelines", "retry", failed, check=False)
    assert same.returncode == 1 and "was changed since" not in same.stderr
    (project.folder / "slipway.yaml").write_text(STEPS.replace("test -f go", "test -e go"))
    subprocess.run([BINARY, "--url", project.url, "apply"], cwd=project.folder, check=True, capture_output=True)
    again = project.cli("pipelines", "retry", failed, check=False)
    assert again.returncode == 1 and "pipeline late was changed since: this runs it as it was; `slipway run late` takes the new one" in again.stderr
    assert again.stdout.splitlines()[0].count("exit code") == 1


def test_a_log_from_cache_says_whose_it_is(project):
    (project.folder / "rows.csv").write_text("1\n")
    (project.folder / "train.py").write_text("a\n")
    first = json.loads(project.cli("--json", "run", "told").stdout)["id"]
    second = json.loads(project.cli("--json", "run", "told").stdout)["id"]
    told = project.cli("pipelines", "log", second, "score")
    assert told.stdout == project.cli("pipelines", "log", first, "score").stdout != "" and f"since run {first}" in told.stderr
    assert f"since run {first}" in project.cli("pipelines", "show", second).stdout


def test_the_page_tries_again(project, open_page):
    failed = subprocess.run([BINARY, "--url", project.url, "--json", "run", "late"], capture_output=True, text=True)
    page = open_page(f"{project.url}/ui/pipeline-runs/{json.loads(failed.stdout)['id']}")
    expect(page.get_by_role("table", name="Steps").get_by_role("row").nth(2)).to_contain_text("failed")
    (project.folder / "go").touch()
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("table", name="Steps").get_by_role("row").nth(2)).to_contain_text("succeeded")
    expect(page.get_by_role("button", name="Try again")).to_have_count(0)


def test_a_person_decides_on_the_page_and_the_command_line(project, open_page):
    run = json.loads(project.cli("--json", "run", "asks", "--detach").stdout)["id"]
    project.kill()  # a question outlives the server
    project.start()
    page = open_page(f"{project.url}/ui/pipeline-runs/{run}")
    expect(page.get_by_text("Is the model good?")).to_be_visible()
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=f"{folder}/waits.png")
        page.goto(f"{project.url}/ui/pipelines")
        page.wait_for_timeout(500)
        page.screenshot(path=f"{folder}/pipelines.png")
        page.goto(f"{project.url}/ui/pipeline-runs/{run}")
    page.get_by_role("button", name="Approve").click()
    page.get_by_label("Your name").fill("ann")
    page.get_by_role("dialog").get_by_role("button", name="Approve").click()
    steps = page.get_by_role("table", name="Steps")
    expect(steps.get_by_role("row").nth(1)).to_contain_text("approved by ann")
    expect(steps.get_by_role("row").nth(2)).to_contain_text("succeeded")
    other = json.loads(project.cli("--json", "run", "asks", "--detach").stdout)["id"]
    deadline = time.monotonic() + 120
    while json.loads(project.cli("--json", "pipelines", "show", other).stdout)["steps"][0]["state"] != "waiting":
        assert time.monotonic() < deadline
    project.cli("pipelines", "refuse", other, "good", "--reason", "too few rows")
    while not (ended := json.loads(project.cli("--json", "pipelines", "show", other).stdout))["finished_at"]:
        assert time.monotonic() < deadline
    assert ended["state"] == "refused" and [step["state"] for step in ended["steps"]] == ["refused", "skipped"]
    assert "too few rows" in ended["reason"]
