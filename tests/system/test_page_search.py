"""The search box of the page: everything that has a screen is found and reached by keyboard alone."""
import json
import re
import subprocess
from urllib.parse import parse_qs, urlsplit

import mlflow
import pytest
import requests
from conftest import BINARY, Server
from playwright.sync_api import expect

YAML = """\
project: harbour
owner: pilots
datasets:
  soundings: {path: soundings.parquet, key: [place]}
pipelines:
  dredge:
    steps: [{name: scoop, run: 'true'}]
endpoints:
  berth-time:
    model: models:/berth@champion
"""


@pytest.fixture(scope="module")
def harbour(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    (folder / "slipway.yaml").write_text(YAML)
    server = Server(tmp_path_factory.mktemp("server") / "data")
    subprocess.run([BINARY, "--url", server.url, "apply"], cwd=folder, check=True, capture_output=True)
    mlflow.set_tracking_uri(server.url)
    mlflow.set_experiment("tides")
    with mlflow.start_run(run_name="spring-tide") as run:
        mlflow.log_param("moon", "full")
    client = mlflow.MlflowClient(server.url)
    client.create_registered_model("tug")
    client.create_registered_model("raft")  # without a version
    client.create_model_version("tug", "runs:/" + run.info.run_id + "/model", run.info.run_id)
    server.run = run.info.run_id
    server.experiment = run.info.experiment_id
    server.dredged = json.loads(server.cli("--json", "run", "dredge").stdout)["id"]
    opened = requests.post(server.url + "/slipway/v1/incidents", json={"endpoint": "berth-time", "title": "gulls on the crane"}, timeout=10)
    assert opened.ok, opened.text
    server.incident = opened.json()["id"]
    yield server
    server.stop()


def test_everything_is_found_and_reached_by_keyboard(harbour, open_page):
    page = open_page(harbour.url + "/ui/")
    expect(page.get_by_role("heading", name="Models in production")).to_be_visible()
    for typed, kind, address in (("berth-t", "model", "/ui/endpoints/berth-time"), ("dredge", "pipeline", "/ui/pipelines/dredge"),
                                 (harbour.dredged[:9], "pipeline run", f"/ui/pipeline-runs/{harbour.dredged}"), ("spring", "run", f"/ui/runs/{harbour.run}"),
                                 (harbour.run, "run", f"/ui/runs/{harbour.run}"), ("tides", "experiment", f"/ui/experiments/{harbour.experiment}"),
                                 ("tug", "model", "/ui/models/tug"), ("raft", "model", "/ui/models/raft"), ("soundings", "dataset", "/ui/datasets/soundings"), ("crane gulls", "incident", f"/ui/incidents/{harbour.incident}"),
                                 ("monitoring berth", "screen", "/ui/endpoints/berth-time/monitoring"), ("experiments", "screen", "/ui/experiments")):
        page.keyboard.press("/")
        box = page.get_by_role("combobox", name="Search everything")
        expect(box).to_be_focused()
        page.keyboard.type(typed)
        first = page.get_by_role("listbox", name="Found").get_by_role("option").first
        expect(first.locator(".found-kind")).to_have_text(kind)
        expect(first).to_have_attribute("aria-selected", "true")
        page.keyboard.press("Enter")
        expect(page).to_have_url(harbour.url + address, timeout=30_000)  # a screen's code may have to come first
        expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_arrows_choose_and_escape_leaves(harbour, open_page):
    page = open_page(harbour.url + "/ui/incidents")
    expect(page.get_by_role("link", name=re.compile("gulls"))).to_be_visible()
    page.keyboard.press("Control+k")
    box = page.get_by_role("combobox", name="Search everything")
    expect(box).to_be_focused()
    page.keyboard.type("berth")
    expect(page.get_by_role("option")).to_have_count(5)  # the model, its three screens, its incident
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("option").nth(1)).to_have_attribute("aria-selected", "true")
    assert box.get_attribute("aria-activedescendant") == page.get_by_role("option").nth(1).get_attribute("id")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(page.get_by_role("option").last).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert page.url.endswith("/ui/incidents")


def test_a_slash_in_a_field_is_a_slash_and_nothing_is_said_to_be_nothing(harbour, open_page):
    page = open_page(f"{harbour.url}/ui/experiments/{harbour.experiment}")
    page.get_by_label("Filter runs").click()
    page.keyboard.type("a/b")
    expect(page.get_by_label("Filter runs")).to_have_value("a/b")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("button", name="Search").click()
    page.get_by_role("combobox", name="Search everything").fill("no such thing \" ' % \\")
    expect(page.get_by_text("Nothing fits.")).to_be_visible()


def test_what_cannot_be_asked_is_told_and_the_rest_is_found(harbour, open_page):
    page = open_page(harbour.url + "/ui/")

    def without_pipelines(route):
        replies = route.fetch().json()["replies"]
        paths = parse_qs(urlsplit(route.request.url).query)["path"]
        at = next(at for at, path in enumerate(paths) if path.startswith("/slipway/v1/pipelines?"))
        replies[at] = {"status": 503, "body": {"error": {"message": "it is being moved"}}}
        route.fulfill(json={"replies": replies})

    page.route("**/slipway/v1/batch?*pipelines*", without_pipelines)
    expect(page.get_by_role("heading", name="Models in production")).to_be_visible()  # from here on the page hears keys
    page.keyboard.press("/")
    expect(page.get_by_role("alert")).to_have_text("pipelines: it is being moved")
    page.keyboard.type("gulls")
    expect(page.get_by_role("option")).to_have_count(1)


def palette(page, typed):
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox", name="Search everything")).to_be_focused()
    page.keyboard.type(typed)
    first = page.get_by_role("listbox", name="Found").get_by_role("option").first
    expect(first.locator(".found-kind")).to_have_text("action")
    return first


def test_an_action_says_what_it_will_do_and_does_it_when_it_is_confirmed(harbour, open_page):
    page = open_page(harbour.url + "/ui/")
    expect(page.get_by_role("heading", name="Models in production")).to_be_visible()
    runs = len(requests.get(harbour.url + "/slipway/v1/pipelines/dredge/runs", timeout=10).json()["runs"])
    expect(palette(page, "run dredge")).to_contain_text("Run dredge")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    forecast = requests.post(harbour.url + "/slipway/v1/pipelines/dredge/explain", json={}, timeout=10).json()["steps"]
    for step in forecast:
        expect(dialog.get_by_role("list", name="What it will do")).to_contain_text(step["step"])
        expect(dialog.get_by_role("list", name="What it will do")).to_contain_text(step["why"])
    page.keyboard.press("Escape")  # nothing is done
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert len(requests.get(harbour.url + "/slipway/v1/pipelines/dredge/runs", timeout=10).json()["runs"]) == runs
    palette(page, "run dredge")
    page.keyboard.press("Enter")
    expect(dialog.get_by_label("Reason")).to_be_focused()
    page.keyboard.type("silt")
    dialog.get_by_role("button", name="Run").click()
    expect(page).to_have_url(re.compile(r"/ui/pipeline-runs/[0-9a-f]{16}$"))
    run = requests.get(f"{harbour.url}/slipway/v1/pipeline-runs/{page.url.rsplit('/', 1)[1]}", timeout=10).json()
    assert (run["pipeline"], run["reason"]) == ("dredge", "silt")
