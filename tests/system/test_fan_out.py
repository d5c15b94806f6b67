"""Steps that become items: from a list, a parameter or what an earlier step wrote; in the API, the command line, --explain and on the page."""
import json
import subprocess
import time

import pytest
import requests
from conftest import BINARY, Server
from playwright.sync_api import expect

STEPS = """\
project: fans
pools: {gpu: 1}
pipelines:
  sweep:
    params: {rates: [0.1, 0.01], word: it's}
    steps:
      - {name: train, run: 'echo "{item} {word}" | tee {out}/model', each: '{rates}', outputs: [model]}
      - {name: files, run: 'cat files.json > {out}/files.json', inputs: [files.json], outputs: [files.json]}
      - {name: score, run: 'cat {train}/*/model | wc -l > {out}/n; echo {item.name} > {out}/name; cat {item.path} > {out}/rows', each: '{files/files.json#found}', outputs: [n, name, rows],
         parallel: 2, retry: {times: 1, after: 10ms}}
      - {name: report, run: 'cat {score}/*/name > {out}/names; cat {score}/items.json > {out}/items.json', outputs: [names, items.json]}
      - {name: tell, run: 'echo {train} {score}', when: "{score/0001/n} == 2"}
  flaky:
    steps:
      - {name: a, run: 'echo $SLIPWAY_TRY >> tries-{item}; test $SLIPWAY_TRY = {item}', each: [1, 2, 4], retry: {times: 2, after: 10ms}}
  gates:
    steps:
      - {name: a, run: 'exit {item}', each: [0, 3]}
  one-gpu:
    steps:
      - {name: a, run: 'mkdir busy && sleep 0.05 && rmdir busy', each: [1, 2, 3, 4, 5], pool: gpu}
  large:
    params: {list: []}
    steps:
      - {name: a, run: 'echo {item}', each: '{list}'}
"""


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "slipway.yaml").write_text(STEPS)
    for name in ("x", "y", "z"):
        (folder / f"{name}.csv").write_text(f"{name}\n")
    server = Server(tmp_path / "data", "--pipeline-items-max", "50")
    server.cli("apply", str(folder / "slipway.yaml"))
    server.folder = folder
    server.list = lambda *names: (folder / "files.json").write_text(json.dumps({"found": [{"name": n, "path": f"{n}.csv"} for n in names]}))
    server.list("x", "y")
    yield server
    server.stop()


def run(project, pipeline, *flags):
    return json.loads(subprocess.run([BINARY, "--url", project.url, "--json", "run", pipeline, *flags], capture_output=True, text=True).stdout)


def states(step):
    return [step["state"], *(item["state"] for item in step.get("items", []))]


def test_a_sweep_runs_its_items_and_gives_them_all_to_what_follows(project, open_page):
    good = run(project, "sweep")
    assert good["state"] == "succeeded", good
    steps = {step["name"]: step for step in good["steps"]}
    assert list(steps) == ["train", "files", "score", "report", "tell"]
    assert [(item["name"], item["item"], item["command"].split("|")[0]) for item in steps["train"]["items"]] == [
        ("train[0]", 0.1, 'echo "0.1 it\'s" '), ("train[1]", 0.01, 'echo "0.01 it\'s" ')]
    report = project.data_dir / "pipelines" / good["id"] / "report"
    assert (report / "names").read_text() == "x\ny\n"
    assert json.loads((report / "items.json").read_text()) == [
        {"item": 0, "value": {"name": "x", "path": "x.csv"}, "folder": "0000"}, {"item": 1, "value": {"name": "y", "path": "y.csv"}, "folder": "0001"}]
    assert set(steps["score"]["outputs"]) == {"items.json"} | {f"000{i}/{file}" for i in (0, 1) for file in ("n", "name", "rows")}
    assert project.cli("pipelines", "log", good["id"], "train[1]").stdout == "0.01 it's\n"
    assert "train[1]" in project.cli("pipelines", "show", good["id"]).stdout
    # One file more and one rate less: what is new runs, what is as before doesn't, and the outputs of both stand side by side.
    project.list("x", "z", "y")
    more = run(project, "sweep", "--param", "rates=[0.1, 0.01]")
    assert states(more["steps"][0]) == ["cached"] * 3 and states(more["steps"][2]) == ["succeeded", "cached", "succeeded", "cached"]
    assert (project.data_dir / "pipelines" / more["id"] / "report" / "names").read_text() == "x\nz\ny\n"
    fewer = run(project, "sweep", "--param", "rates=[0.01]")
    assert states(fewer["steps"][0]) == ["cached", "cached"] and states(fewer["steps"][2]) == ["succeeded"] * 4  # they read what train wrote
    assert fewer["steps"][4]["state"] == "skipped"
    page = open_page(f"{project.url}/ui/pipeline-runs/{more['id']}")
    rows = page.get_by_role("table", name="Steps").get_by_role("row")
    expect(rows).to_have_count(1 + 5 + 2 + 3)
    expect(rows.nth(2)).to_contain_text("train[0]")
    rows.get_by_role("button", name="score[1]", exact=True).click()
    panel = page.get_by_role("region", name="Step score[1]", exact=True)
    expect(panel).to_contain_text("the command changed from `")
    expect(panel.get_by_role("region", name="Log of score[1]")).to_be_visible()


def test_items_are_explained_before_they_run(project):
    def explain(*params):
        told = json.loads(project.cli("--json", "run", "sweep", "--explain", *params).stdout)["steps"]
        return {each["step"]: (each["verdict"], each["why"]) for step in told for each in [step, *step.get("items", [])]}

    first = explain()
    assert first["train"] == ("runs", "2 of 2 items: train[0]: it has not succeeded before") and first["train[1]"][0] == "runs"
    assert first["score"] == ("depends", "its items are what files writes") and "score[0]" not in first
    done = run(project, "sweep")
    second = explain()
    assert second["train[1]"] == ("cached", "nothing it depends on has changed since run " + done["id"])
    assert second["train"][0] == second["score"][0] == second["score[1]"][0] == second["report"][0] == "cached"
    third = explain("--param", "rates=[0.1, 0.5]")
    assert third["train"][0] == "runs" and third["train"][1].startswith("1 of 2 items: train[1]: since run ")
    assert third["score"][0] == "depends" and third["report"][0] == "depends"
    assert "train[1]" in project.cli("run", "sweep", "--explain").stdout
    assert json.loads(project.cli("--json", "pipelines", "runs", "sweep").stdout)["runs"][0]["id"] == done["id"]  # nothing ran


def test_items_fail_and_are_tried_again_by_themselves(project):
    flaky = run(project, "flaky")
    assert states(flaky["steps"][0]) == ["failed", "succeeded", "succeeded", "failed"]
    assert [item["tries"] for item in flaky["steps"][0]["items"]] == [1, 2, 3]
    assert flaky["reason"] == "step a: 1 of 3 items failed: a[2]: exit code 1: see the step's log"
    again = subprocess.run([BINARY, "--url", project.url, "--json", "pipelines", "retry", flaky["id"]], capture_output=True, text=True)
    assert states(json.loads(again.stdout)["steps"][0]) == ["failed", "succeeded", "succeeded", "failed"]
    assert [len((project.folder / f"tries-{n}").read_text().split()) for n in (1, 2, 4)] == [1, 2, 6]
    refused = run(project, "gates")
    assert refused["state"] == "refused" and states(refused["steps"][0]) == ["refused", "succeeded", "refused"]
    assert "1 of 2 items refused: a[1]: the gate said no" in refused["reason"]


def test_limits_hold_for_items_too(project):
    assert run(project, "one-gpu")["state"] == "succeeded"  # never two in the pool
    empty = run(project, "large")
    assert empty["state"] == "succeeded" and empty["steps"][0]["reason"] == "the list is empty" and list(empty["steps"][0]["outputs"]) == ["items.json"]
    assert run(project, "large", "--param", f"list={json.dumps(list(range(50)))}")["state"] == "succeeded"
    over = run(project, "large", "--param", f"list={json.dumps(list(range(51)))}")
    assert over["state"] == "failed" and "too many items: items=51 limit=50 (setting pipeline-items-max)" in over["reason"]
    reply = requests.post(f"{project.url}/slipway/v1/pipelines/large/runs", json={"params": {"list": "word"}}, timeout=30)
    assert reply.status_code == 400 and "must be a JSON list" in reply.text
    reply = requests.post(f"{project.url}/slipway/v1/pipelines/large/runs", json={"params": {"list": ["a b", {"c": 1}]}}, timeout=30).json()
    deadline = time.monotonic() + 120
    while not (state := json.loads(project.cli("--json", "pipelines", "show", reply["id"]).stdout))["finished_at"]:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert [item["command"] for item in state["steps"][0]["items"]] == ["echo 'a b'", "echo '{\"c\":1}'"]
