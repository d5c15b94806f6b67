"""Steps that wait for data, a model, a file or a time (`wait_for`): the built binary, killed while they wait, S3, and a rehearsal."""
import json
import os

import pytest
import requests
from conftest import Server, eventually, free_port
from playwright.sync_api import expect
from s3_server import S3Server

YAML = """\
project: waits
datasets:
  rows: {path: rows.csv, key: [id], event_time: at}
pipelines:
  on-data:
    steps:
      - {name: new-rows, wait_for: {dataset: rows}, timeout: 1d}
      - {name: then, run: 'echo done >> {out}/x', after: [new-rows]}
  on-model:
    steps:
      - {name: new-champion, wait_for: {model: m, alias: champion}}
  on-object:
    params: {day: 2026-01-01}
    steps:
      - {name: landed, wait_for: {file: 's3://slipway/day={day}/_SUCCESS', poke_interval: 1s}}
      - {name: folder, wait_for: {file: 's3://slipway/day={day}/', poke_interval: 1s}}
  late:
    steps:
      - {name: never, wait_for: {file: never.csv, soft_fail: true, poke_interval: 1s}, timeout: 1s}
      - {name: then, run: 'true', after: [never]}
      - {name: anyway, run: 'true', unless_failed: [never]}
"""


@pytest.fixture(scope="module")
def s3(tmp_path_factory):
    running = S3Server(tmp_path_factory.mktemp("s3"), free_port())
    yield running
    running.stop()


@pytest.fixture
def project(tmp_path, s3):
    before = dict(os.environ)
    os.environ.update(s3.variables)
    server = Server(tmp_path / "data")
    server.folder = tmp_path / "project"
    server.folder.mkdir()
    write_rows(server, 1)
    (server.folder / "slipway.yaml").write_text(YAML)
    server.cli("apply", str(server.folder / "slipway.yaml"))
    server.cli("data", "ingest", "rows")
    yield server
    server.stop()
    os.environ.clear()
    os.environ.update(before)


def write_rows(server, count):
    lines = "".join(f"{i},2026-01-01T00:00:{i:02}Z\n" for i in range(count))
    (server.folder / "rows.csv").write_text("id,at\n" + lines)


def begin(server, pipeline, *flags):
    return json.loads(server.cli("--json", "run", pipeline, "--detach", *flags).stdout)["id"]


def show(server, run):
    return json.loads(server.cli("--json", "pipelines", "show", run).stdout)


def states(server, run):
    shown = show(server, run)
    return " ".join([shown["state"] + ":"] + [step["state"] for step in shown["steps"]])


def test_a_killed_server_goes_on_waiting_with_the_same_deadline(project):
    run = begin(project, "on-data")
    eventually(lambda: states(project, run) == "running: waiting pending")
    step = show(project, run)["steps"][0]
    assert step["reason"].startswith("it waits for a snapshot of dataset rows since the run began, until 20")
    assert step["reason"] in project.cli("pipelines", "show", run).stdout
    project.kill()
    project.start()
    eventually(lambda: states(project, run) == "running: waiting pending")
    assert show(project, run)["steps"][0]["waits_for"] == step["waits_for"]
    write_rows(project, 2)
    project.cli("data", "ingest", "rows")
    eventually(lambda: states(project, run) == "succeeded: succeeded succeeded")
    assert show(project, run)["steps"][0]["reason"] == "a snapshot of dataset rows came: version 2"


def test_an_alias_moves_while_nobody_is_there_to_see_it(project):
    run = begin(project, "on-model")
    eventually(lambda: states(project, run) == "running: waiting")
    api = f"{project.url}/api/2.0/mlflow/registered-models"
    requests.post(f"{api}/create", json={"name": "m"}, timeout=60).raise_for_status()
    requests.post(f"{project.url}/api/2.0/mlflow/model-versions/create", json={"name": "m", "source": "s3://slipway/m"}, timeout=60).raise_for_status()
    assert states(project, run) == "running: waiting"
    requests.post(f"{api}/alias", json={"name": "m", "alias": "champion", "version": "1"}, timeout=60).raise_for_status()
    project.kill()
    project.start()
    eventually(lambda: states(project, run) == "succeeded: succeeded")
    assert show(project, run)["steps"][0]["reason"] == "a move of alias champion of model m came: version 1"


def test_an_object_is_looked_for_also_while_the_storage_is_away(project, s3):
    run = begin(project, "on-object", "--param", "day=2026-02-02")
    eventually(lambda: states(project, run) == "running: waiting waiting")
    s3.stop()
    s3.start()
    folder = s3.objects / s3.bucket / "day=2026-02-02"
    folder.mkdir()
    (folder / "_SUCCESS").write_text("")
    eventually(lambda: states(project, run) == "succeeded: succeeded succeeded")


def test_too_late_with_soft_fail_is_a_skip_and_a_cancel_ends_a_wait(project):
    run = begin(project, "late")
    eventually(lambda: states(project, run) == "succeeded: skipped skipped succeeded")
    run = begin(project, "on-data")
    eventually(lambda: states(project, run) == "running: waiting pending")
    project.cli("pipelines", "cancel", run)
    eventually(lambda: states(project, run) == "cancelled: cancelled cancelled")
    explained = project.cli("run", "on-data", "--explain").stdout
    assert "waits" in explained and "for a snapshot of dataset rows" in explained


def test_a_rehearsals_clock_goes_on_to_what_is_waited_for(tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    server = Server(tmp_path / "data")
    (folder / "slipway.yaml").write_text("""\
project: waits
clock: rehearsal
start: 2026-03-10T00:00:00Z
pipelines:
  p:
    steps:
      - {name: morning, wait_for: {time: '06:30', time_zone: Europe/Berlin}}
      - {name: then, run: 'slipway clock > {out}/clock', after: [morning]}
      - {name: never, wait_for: {file: never.csv}, timeout: 2d}
""")
    server.cli("apply", str(folder / "slipway.yaml"))
    clock = lambda to=None: (requests.post(f"{server.url}/slipway/v1/clock", json={"advance_to": to}, timeout=30) if to else
                             requests.get(f"{server.url}/slipway/v1/clock", timeout=30)).json()
    run = begin(server, "p")
    eventually(lambda: states(server, run) == "running: waiting pending waiting")
    eventually(lambda: clock()["state"] == "ready")
    server.kill()
    server.start()
    eventually(lambda: clock()["state"] == "ready")
    stood = clock("2026-03-20T00:00:00Z")  # stops where the first wait is over
    assert stood["now"] == "2026-03-10T05:30:00Z", stood
    eventually(lambda: states(server, run) == "running: succeeded succeeded waiting")
    eventually(lambda: clock()["state"] == "ready")
    stood = clock("2026-03-20T00:00:00Z")
    assert stood.get("now") == "2026-03-12T00:00:00Z", stood
    eventually(lambda: states(server, run) == "failed: succeeded succeeded failed")
    eventually(lambda: clock("2026-03-20T00:00:00Z")["now"] == "2026-03-20T00:00:00Z")
    server.stop()


def test_the_page_says_what_a_step_waits_for_and_lets_it_pass(project, open_page):
    run = begin(project, "on-data")
    page = open_page(f"{project.url}/ui/pipeline-runs/{run}?step=new-rows")
    expect(page.get_by_role("button", name="new-rows: waits for something")).to_be_visible()
    panel = page.get_by_role("region", name="Step new-rows")
    expect(panel).to_contain_text("it waits for a snapshot of dataset rows")
    panel.get_by_role("button", name="Let it pass").click()
    page.get_by_role("dialog").get_by_role("button", name="Let it pass").click()
    eventually(lambda: states(project, run) == "succeeded: succeeded succeeded")


TYPOS = """\
project: waits
datasets:
  rows: {path: rows.csv, key: [id], event_time: at}
pipelines:
  p:
    steps:
      - {name: a, wait_for: {dataset: rowz}}
      - name: b
        run: 'true'
        inputs:
          - dataset:rows
          - model:churm@champion
      - {name: c, wait_for: {model: churn}}
schedules:
  s: {pipeline: p, when: {dataset: rosw}}
"""


def test_data_that_nobody_has_is_warned_of_with_its_line(project):
    """A typo was a step that waited for its whole timeout, and a schedule that never began."""
    requests.post(f"{project.url}/api/2.0/mlflow/registered-models/create", json={"name": "churn"}, timeout=60).raise_for_status()
    file = project.folder / "typos.yaml"
    file.write_text(TYPOS)

    def place(text: str) -> str:
        at = TYPOS.index(text)
        return f"line {TYPOS.count(chr(10), 0, at) + 1}, column {at - TYPOS.rfind(chr(10), 0, at)}"

    assert json.loads(project.cli("--json", "plan", str(file)).stdout)["warnings"] == [
        f"{place('rowz')}: pipeline p, step a: no dataset is called rowz, here or on the server",
        f"{place('model:churm')}: pipeline p, step b: no model is called churm, here or on the server",
        f"{place('rosw')}: schedule s: no dataset is called rosw, here or on the server"]
