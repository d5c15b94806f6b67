"""Pipelines that are steps of pipelines: the built binary and its command line, killed at any moment."""
import json
import random
import time

import pytest
import requests
from conftest import Server, eventually
from playwright.sync_api import expect

YAML = """\
project: nested
pipelines:
  outer:
    params: {country: FR}
    steps:
      - {name: rows, run: 'echo 4 > {out}/count', outputs: [count]}
      - {name: train, pipeline: inner, parameters: {rows: '{rows/count}', country: '{country}'}}
      - {name: report, run: 'cat {train}/fit/model {train}/again/twice/model > {out}/report', outputs: [report]}
  inner:
    params: {rows: 0, country: none}
    steps:
      - {name: fit, run: 'echo fit >> began; sleep 0.2; echo {country} {rows} > {out}/model', outputs: [model]}
      - {name: check, run: 'test -f ok || (echo not ok; exit 1)', after: [fit]}
      - {name: again, pipeline: innermost, after: [fit]}
  innermost:
    steps:
      - {name: twice, run: 'echo twice >> began; sleep 0.2; echo deep > {out}/model', outputs: [model]}
"""


@pytest.fixture
def project(tmp_path):
    server = Server(tmp_path / "data")
    server.folder = tmp_path / "project"
    server.folder.mkdir()
    (server.folder / "slipway.yaml").write_text(YAML)
    server.cli("apply", str(server.folder / "slipway.yaml"))
    yield server
    server.stop()


def begin(server, pipeline, *flags):
    return json.loads(server.cli("--json", "run", pipeline, "--detach", *flags).stdout)["id"]


def show(server, run):
    return json.loads(server.cli("--json", "pipelines", "show", run).stdout)


def states(shown):
    return " ".join([shown["state"] + ":"] + [step["state"] for step in shown["steps"]])


def runs(server, pipeline):
    return requests.get(f"{server.url}/slipway/v1/pipelines/{pipeline}/runs", timeout=60).json()["runs"]


def test_what_fails_inside_is_told_and_tried_again_there(project):
    failed = project.cli("run", "outer", check=False)
    assert failed.returncode == 1
    assert "--- check wrote:\nnot ok" in failed.stderr
    run = requests.get(f"{project.url}/slipway/v1/pipelines/outer/runs", timeout=60).json()["runs"][0]["id"]
    outer = show(project, run)
    assert states(outer) == "failed: succeeded failed skipped"
    inner = show(project, outer["steps"][1]["nested_run"])
    assert states(inner) == "failed: succeeded failed succeeded"
    assert inner["parent"] == {"run": run, "step": "train"} and inner["params"] == {"rows": "4", "country": "FR"}
    assert f"step train of run {run}" in project.cli("pipelines", "show", inner["id"]).stdout
    assert inner["id"] in outer["reason"] and "step check: exit code 1" in outer["reason"]
    assert run in project.cli("pipelines", "runs", "inner").stdout
    assert f"slipway pipelines show {inner['id']}" in project.cli("pipelines", "log", run, "train", check=False).stderr
    (project.folder / "ok").write_text("")
    project.cli("pipelines", "retry", run)
    assert states(show(project, run)) == "succeeded: succeeded succeeded succeeded"
    assert show(project, run)["steps"][1]["nested_run"] == inner["id"]
    report = show(project, run)["steps"][2]
    assert open(report["folder"] + "/report").read() == "FR 4\ndeep\n"
    assert (project.folder / "began").read_text().split() == ["fit", "twice"]
    explained = project.cli("run", "outer", "--explain").stdout
    assert "train/fit" in explained and "train/again" in explained, explained


def test_kills_at_any_moment_start_no_second_run(project):
    (project.folder / "ok").write_text("")
    chance = random.Random(5)
    for turn in range(5):
        run = begin(project, "outer", "--param", f"country=C{turn}")
        for _ in range(2):
            time.sleep(chance.uniform(0, 0.5))  # the moment of the kill is chance
            project.kill()
            project.start()
        eventually(lambda: show(project, run)["finished_at"])
        outer = show(project, run)
        assert states(outer) == "succeeded: " + ("succeeded" if turn == 0 else "cached") + " succeeded succeeded", outer
    assert len(runs(project, "inner")) == 5 and len(runs(project, "innermost")) == 5
    assert {one["parent"]["step"] for one in runs(project, "innermost")} == {"again"}


def test_a_cancel_ends_all_of_it(project):
    (project.folder / "slipway.yaml").write_text("""\
project: nested
pipelines:
  outer:
    steps: [{name: sub, pipeline: inner}]
  inner:
    steps: [{name: deep, pipeline: innermost}]
  innermost:
    steps: [{name: long, run: sleep 1000}]
""")
    project.cli("apply", str(project.folder / "slipway.yaml"))
    run = begin(project, "outer")
    eventually(lambda: runs(project, "innermost") and show(project, runs(project, "innermost")[0]["id"])["steps"][0]["state"] == "running")
    project.cli("pipelines", "cancel", run)
    eventually(lambda: show(project, run)["finished_at"])
    eventually(lambda: [show(project, one)["state"] for one in (run, runs(project, "inner")[0]["id"], runs(project, "innermost")[0]["id"])] == ["cancelled"] * 3)


def test_a_circle_is_refused_with_its_chain(project):
    (project.folder / "slipway.yaml").write_text("""\
project: nested
pipelines:
  a:
    steps: [{name: s, pipeline: b}]
  b:
    steps: [{name: s, pipeline: a}]
""")
    refused = project.cli("plan", str(project.folder / "slipway.yaml"), check=False)
    assert refused.returncode != 0
    assert "line 6, column" in refused.stderr and "pipelines run each other in a circle: a -> b -> a" in refused.stderr


def test_the_page_leads_from_a_step_to_its_run_and_back(project, open_page):
    (project.folder / "ok").touch()
    outer = begin(project, "outer")
    eventually(lambda: show(project, outer)["state"] == "succeeded")
    page = open_page(f"{project.url}/ui/pipeline-runs/{outer}?step=train")
    inner = next(step["nested_run"] for step in show(project, outer)["steps"] if step["name"] == "train")
    page.get_by_role("region", name="Step train").get_by_role("link", name=inner).click()
    expect(page.get_by_role("heading", name=f"Run {inner}")).to_be_visible()
    page.get_by_role("link", name=f"train of {outer}").click()
    expect(page.get_by_role("region", name="Step train")).to_be_visible()
