"""What people write on the page of runs, experiments, models and versions, in Chromium, as MLflow's client reads it afterwards."""
import mlflow
import pytest
import requests
from conftest import Server
from mlflow import MlflowClient
from mlflow.entities import ViewType
from playwright.sync_api import expect
from test_page_for_everybody import looks, ready, violations
from test_page_users import PASSWORDS, login

NOTE = "mlflow.note.content"
TEXT = '# Spring tides\n\nMeasured at *the pier*, "twice".\n'


@pytest.fixture(scope="module")
def harbour(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("server") / "data")
    client = MlflowClient(server.url)
    server.experiment = client.create_experiment("tides")
    server.tide = client.create_run(server.experiment, run_name="first").info.run_id
    client.log_metric(server.tide, "height", 4.5)
    client.set_terminated(server.tide)
    client.create_registered_model("tide")
    client.create_model_version("tide", f"runs:/{server.tide}/model", server.tide)
    server.client = client
    yield server
    server.stop()
    mlflow.set_tracking_uri(None)


def write(page, of, text):
    """A description, by keyboard."""
    page.get_by_role("button", name=f"Edit the description of {of}").press("Enter")
    box = page.get_by_role("dialog").get_by_label("Markdown")
    expect(box).to_be_focused()
    box.fill(text)
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)


NOUNS = {
    "run": lambda server: (f"runs/{server.tide}", "the run", "Tags", lambda: ((tags := server.client.get_run(server.tide).data.tags).get(NOTE), tags)),
    "experiment": lambda server: (f"experiments/{server.experiment}", "the experiment", "Tags of the experiment", lambda: ((tags := server.client.get_experiment(server.experiment).tags).get(NOTE), tags)),
    "model": lambda server: ("models/tide", "the model", "Tags of the model", lambda: ((model := server.client.get_registered_model("tide")).description, model.tags)),
    "version": lambda server: ("models/tide?version=1", "version 1", "Tags of the version", lambda: ((version := server.client.get_model_version("tide", "1")).description, version.tags)),
}


@pytest.mark.parametrize("noun", NOUNS)
def test_descriptions_and_tags_are_what_the_client_reads(harbour, open_page, noun):
    path, of, tags, read = NOUNS[noun](harbour)
    page = open_page(f"{harbour.url}/ui/{path}")
    ready(page)
    if noun == "experiment":
        page.get_by_text("About the experiment").click()
    write(page, of, TEXT)
    described = page.get_by_role("region", name=f"Description of {of}")
    expect(described.get_by_role("heading", name="Spring tides")).to_be_visible()
    assert read()[0] == TEXT
    expect(page.get_by_role("button", name=f"Edit the description of {of}")).to_be_focused()  # where one came from

    place = page.get_by_role("region", name=tags, exact=True)
    place.get_by_role("button", name=f"Add to {tags.lower()}").click()
    page.get_by_role("dialog").get_by_label("Name").fill("water")
    page.get_by_role("dialog").get_by_label("Value").fill("low")
    page.keyboard.press("Enter")
    expect(place.get_by_role("row", name="water")).to_contain_text("low")
    assert read()[1]["water"] == "low"
    place.get_by_role("button", name="Change tag water").click()
    value = page.get_by_role("dialog").get_by_label("Value")
    expect(value).to_have_value("low")
    value.fill("high, and\nrising")
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(place.get_by_role("row", name="water")).to_contain_text("rising")
    assert read()[1]["water"] == "high, and\nrising"
    assert [f"{look}: {one}" for look in looks(page) for one in violations(page)] == []
    place.get_by_role("button", name="Delete tag water").click()
    expect(page.get_by_role("dialog")).to_contain_text("high, and")
    expect(page.get_by_role("dialog").get_by_role("button", name="Cancel")).to_be_focused()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(place.get_by_role("row", name="water")).to_have_count(0)
    assert "water" not in read()[1]
    write(page, of, "")
    expect(described.get_by_text("Not described yet.")).to_be_visible()
    assert not read()[0]


def test_a_run_is_renamed_deleted_and_restored(harbour, open_page):
    client = harbour.client
    run = client.create_run(harbour.experiment, run_name="second").info.run_id
    client.set_terminated(run)
    page = open_page(f"{harbour.url}/ui/runs/{run}")
    ready(page)
    page.get_by_role("button", name="Rename").click()
    expect(page.get_by_role("dialog").get_by_label("Name")).to_have_value("second")
    page.get_by_role("dialog").get_by_label("Name").fill("neap tide")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name="neap tide")).to_be_visible()
    assert client.get_run(run).info.run_name == "neap tide"
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_role("dialog").get_by_role("button", name="Cancel")).to_be_focused()
    page.keyboard.press("Enter")  # the first is to leave it
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert client.get_run(run).info.lifecycle_stage == "active"
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("This run is deleted")).to_be_visible()
    assert client.get_run(run).info.lifecycle_stage == "deleted"
    assert run not in [one.info.run_id for one in client.search_runs([harbour.experiment])]
    expect(page.get_by_role("dialog")).to_have_count(0)  # not while it fades
    assert violations(page) == []

    page.goto(f"{harbour.url}/ui/experiments/{harbour.experiment}")
    ready(page)
    page.get_by_text("About the experiment").click()
    deleted = page.get_by_role("table", name="Deleted runs")
    expect(deleted.get_by_role("row")).to_have_count(2)
    assert [one.info.run_id for one in client.search_runs([harbour.experiment], run_view_type=ViewType.DELETED_ONLY)] == [run]
    deleted.get_by_role("link", name="neap tide").click()
    page.get_by_role("button", name="Restore").click()
    page.get_by_role("dialog").get_by_role("button", name="Restore").click()
    expect(page.get_by_text("This run is deleted")).to_have_count(0)
    assert client.get_run(run).info.lifecycle_stage == "active"


@pytest.mark.expects_errors  # what is refused is an error in the browser's console
def test_what_one_may_not_is_told(tmp_path, open_page):
    server = Server(tmp_path / "data", "--login")
    try:
        PASSWORDS["admin"] = (server.data_dir / "admin-password").read_text().strip()
        PASSWORDS["brunel"] = "another-long-password"
        as_admin = {"auth": ("admin", PASSWORDS["admin"]), "timeout": 20}
        for path, body in (("users/create", {"username": "brunel", "password": PASSWORDS["brunel"]}), ("experiments/create", {"name": "tides"})):
            made = requests.post(f"{server.url}/api/2.0/mlflow/{path}", json=body, **as_admin)
            assert made.ok, made.text
        experiment = made.json()["experiment_id"]
        given = requests.post(f"{server.url}/api/2.0/mlflow/experiments/permissions/create", json={"experiment_id": experiment, "username": "brunel", "permission": "READ"}, **as_admin)
        assert given.ok, given.text
        run = requests.post(f"{server.url}/api/2.0/mlflow/runs/create", json={"experiment_id": experiment, "run_name": "admin's"}, **as_admin).json()["run"]["info"]["run_id"]
        read = lambda: requests.get(f"{server.url}/api/2.0/mlflow/runs/get?run_id={run}", **as_admin).json()["run"]  # noqa: E731
        page = open_page(f"{server.url}/ui/runs/{run}", **login("brunel"))
        ready(page)
        page.get_by_role("button", name="Edit the description of the run").click()
        page.get_by_role("dialog").get_by_label("Markdown").fill("mine")
        page.get_by_role("dialog").get_by_role("button", name="Save").click()
        said = requests.post(f"{server.url}/api/2.0/mlflow/runs/set-tag", json={"run_id": run, "key": NOTE, "value": "mine"}, auth=("brunel", PASSWORDS["brunel"]), timeout=20)
        assert said.status_code == 403
        expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("You have no permission for this.")
        expect(page.get_by_role("dialog").get_by_label("Markdown")).to_have_value("mine")  # nothing that was typed is lost
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Delete", exact=True).click()
        page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("You have no permission for this.")
        assert read()["info"]["lifecycle_stage"] == "active" and NOTE not in [tag["key"] for tag in read()["data"]["tags"]]
    finally:
        server.stop()


def test_several_runs_are_deleted_and_restored(harbour, open_page):
    client = harbour.client
    experiment = client.create_experiment("many tides")
    runs = {f"tide {number}": client.create_run(experiment, run_name=f"tide {number}").info.run_id for number in range(4)}
    for run in runs.values():
        client.set_terminated(run)
    seen = lambda view: {one.info.run_name for one in client.search_runs([experiment], run_view_type=view)}  # noqa: E731
    page = open_page(f"{harbour.url}/ui/experiments/{experiment}")
    expect(page.get_by_role("button", name="Delete", exact=True)).to_be_disabled()
    for name in ("tide 1", "tide 3"):
        page.get_by_role("checkbox", name=f"Choose {name}").check()
    page.get_by_role("button", name="Delete 2 runs").click()
    dialog = page.get_by_role("dialog", name="Delete 2 runs?")
    expect(dialog.get_by_role("listitem")).to_have_text(["tide 1", "tide 3"])
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    assert violations(page) == []
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert len(seen(ViewType.ACTIVE_ONLY)) == 4
    page.get_by_role("button", name="Delete 2 runs").click()
    dialog.get_by_role("button", name="Delete").click()
    expect(dialog).to_have_count(0)
    expect(page.get_by_role("link", name="tide 1")).to_have_count(0)
    expect(page.get_by_role("link", name="tide 2")).to_be_visible()
    assert seen(ViewType.DELETED_ONLY) == {"tide 1", "tide 3"}
    expect(page.get_by_role("button", name="Delete", exact=True)).to_be_disabled()  # nothing is chosen any more
    page.get_by_text("About the experiment").click()
    deleted = page.get_by_role("region", name="Deleted runs")
    for name in ("tide 1", "tide 3"):
        deleted.get_by_role("checkbox", name=f"Choose {name}").check()
    deleted.get_by_role("button", name="Restore 2 runs").click()
    page.get_by_role("dialog").get_by_role("button", name="Restore").click()
    expect(deleted.get_by_text("No run of it is deleted.")).to_be_visible()
    expect(page.get_by_role("table", name="Runs").get_by_role("link", name="tide 3")).to_be_visible()
    assert len(seen(ViewType.ACTIVE_ONLY)) == 4


def test_several_experiments_are_deleted_and_restored(harbour, open_page):
    client = harbour.client
    made = {name: client.create_experiment(name) for name in ("old ebb", "old flood")}
    stage = lambda name: client.get_experiment(made[name]).lifecycle_stage  # noqa: E731
    page = open_page(f"{harbour.url}/ui/experiments?name=old")
    table = page.get_by_role("table", name="Experiments")
    expect(table.locator("tbody tr")).to_have_count(2)
    for name in made:
        table.get_by_role("checkbox", name=f"Choose {name}").check()
    page.get_by_role("button", name="Delete 2 experiments").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("No experiment has a name like old.")).to_be_visible()
    assert {stage(name) for name in made} == {"deleted"}
    page.get_by_text("Deleted", exact=True).click()
    expect(page).to_have_url(f"{harbour.url}/ui/experiments?name=old&show=deleted")
    table.get_by_role("checkbox", name="Choose old ebb").check()
    assert violations(page) == []
    page.get_by_role("button", name="Restore 1 experiment").click()
    page.get_by_role("dialog").get_by_role("button", name="Restore").click()
    expect(table.locator("tbody tr")).to_have_count(1)
    assert (stage("old ebb"), stage("old flood")) == ("active", "deleted")
    page.get_by_text("In use", exact=True).click()
    expect(table.get_by_role("link", name="old ebb")).to_be_visible()


@pytest.mark.expects_errors
def test_of_several_the_ones_that_could_not_are_told(harbour, open_page):
    client = harbour.client
    experiment = client.create_experiment("stuck tides")
    runs = [client.create_run(experiment, run_name=f"stuck {number}").info.run_id for number in range(3)]
    page = open_page(f"{harbour.url}/ui/experiments/{experiment}")
    for number in range(3):
        page.get_by_role("checkbox", name=f"Choose stuck {number}").check()
    page.route("**/runs/delete", lambda route: route.fulfill(status=503, json={"message": "the disk is full"}) if runs[1] in (route.request.post_data or "") else route.continue_())
    page.get_by_role("button", name="Delete 3 runs").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Delete").click()
    expect(dialog.get_by_role("alert")).to_contain_text("1 of 3 runs done; stuck 1: the disk is full")
    expect(dialog.get_by_role("listitem")).to_have_text(["stuck 1", "stuck 2"])
    page.unroute("**/runs/delete")
    dialog.get_by_role("button", name="Delete").click()
    expect(dialog).to_have_count(0)
    assert client.search_runs([experiment]) == []
