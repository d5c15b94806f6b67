"""The registry's screens in Chromium: what MLflow's client registered, its card, and who moved which alias."""
import mlflow
import pytest
import requests
from conftest import Server
from mlflow import MlflowClient
from playwright.sync_api import expect
from test_page_for_everybody import looks, ready, violations
from test_page_users import PASSWORDS, login

CARD = """# Price of a trip

| asked for | answer |
|---|---|
| a trip | a *price* |

- [x] reviewed
<script>document.title = "taken over"</script>
![map](https://example.com/map.png)
"""


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("server") / "data")
    client = MlflowClient(server.url)
    client.create_registered_model("price", description=CARD)
    for number in (1, 2, 3):
        run = client.create_run("0")
        client.log_metric(run.info.run_id, "rmse", 10 / number)
        client.log_param(run.info.run_id, "depth", number)
        client.create_model_version("price", f"runs:/{run.info.run_id}/model", run.info.run_id, description=f"number {number}")
    client.set_registered_model_alias("price", "champion", "1")
    client.set_registered_model_alias("price", "champion", "2")
    for number in range(120):
        client.create_registered_model(f"other-{number:03}")
    server.client = client
    yield server
    server.stop()
    mlflow.set_tracking_uri(None)


def test_models_are_found_by_name_and_paged(registry, open_page):
    page = open_page(registry.url + "/ui/models")
    rows = page.get_by_role("table", name="Models").locator("tbody tr")
    expect(rows).to_have_count(100)
    page.get_by_role("button", name="Show more").click()
    expect(rows).to_have_count(121)
    name = page.get_by_label("Part of the name")
    name.focus()
    page.keyboard.type("PC")
    page.keyboard.press("ArrowLeft")
    page.keyboard.type("RI", delay=40)
    expect(name).to_have_value("PRIC")
    expect(rows).to_have_count(1)
    expect(page).to_have_url(registry.url + "/ui/models?name=PRIC")
    page.get_by_role("navigation", name="Screens").get_by_role("link", name="Registry").click()
    expect(name).to_have_value("")
    expect(rows).to_have_count(100)
    page.go_back()
    expect(name).to_have_value("PRIC")
    expect(rows).to_have_count(1)
    expect(rows.first).to_contain_text("@champion → 2")
    rows.first.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1, name="price")).to_be_visible()


def test_a_models_card_versions_and_history(registry, open_page):
    page = open_page(registry.url + "/ui/models/price")
    card = page.get_by_role("region", name="Model card")
    expect(card.get_by_role("heading", name="Version 3", exact=True)).to_be_visible()
    expect(card.get_by_role("table").filter(has_text="asked for")).to_be_visible()
    expect(card.get_by_text("document.title")).to_be_visible()  # as text
    assert page.title() == "price · Slipway"
    expect(card.get_by_role("link", name="map")).to_have_attribute("href", "https://example.com/map.png")
    expect(card.get_by_role("table", name="Metrics")).to_contain_text("3.333")

    page.get_by_role("button", name="Card of version 2").click()
    expect(page).to_have_url(registry.url + "/ui/models/price?version=2")
    expect(card.get_by_role("heading", name="Version 2", exact=True)).to_be_visible()
    expect(card.get_by_text("@champion")).to_be_visible()
    expect(card.get_by_role("table", name="Parameters").get_by_role("row")).to_have_text(["depth2"])
    versions = page.get_by_role("table", name="Versions").locator("tbody tr")
    assert [row.locator("td").first.inner_text() for row in versions.all()] == ["3", "2", "1"]

    moves = requests.get(registry.url + "/slipway/v1/models/price/alias-moves", timeout=10).json()["moves"]
    history = page.get_by_role("table", name="History of aliases").locator("tbody tr")
    expect(history).to_have_count(len(moves))
    assert [[cell for cell in row.locator("td").all_inner_texts()[1:4]] for row in history.all()] == [["@champion", "version 1", "version 2"], ["@champion", "nothing", "version 1"]]
    expect(page.get_by_role("link", name="compare the runs of the newest two")).to_be_visible()
    page.reload()
    expect(card.get_by_role("heading", name="Version 2", exact=True)).to_be_visible()


@pytest.mark.expects_errors
def test_a_tab_that_is_older_than_the_server_keeps_its_card(registry, open_page):
    page = open_page(registry.url + "/ui/models?name=price")
    page.route("**/assets/markdown-*", lambda route: route.fulfill(status=404))
    page.get_by_role("link", name="price", exact=True).click()
    card = page.get_by_role("region", name="Model card")
    expect(card.get_by_text("# Price of a trip")).to_be_visible()  # as it was typed
    expect(card.get_by_role("table", name="Metrics")).to_contain_text("3.333")


@pytest.mark.expects_errors
def test_a_run_that_cannot_be_read_is_not_taken_for_none(registry, open_page):
    page = open_page(registry.url + "/ui/models?name=price")
    page.route("**/runs/get*", lambda route: route.fulfill(status=503, json={"message": "the server is full"}))
    page.get_by_role("link", name="price", exact=True).click()
    card = page.get_by_role("region", name="Model card")
    expect(card.get_by_role("alert").filter(has_text="the server is full")).to_be_visible()
    page.unroute("**/runs/get*")
    expect(card.get_by_role("table", name="Metrics")).to_contain_text("3.333", timeout=30_000)


@pytest.mark.expects_errors
def test_a_screen_that_breaks_leaves_the_others(registry, open_page):
    page = open_page(registry.url + "/ui/incidents")
    page.route("**/registered-models/search*", lambda route: route.fulfill(json={"registered_models": [{"name": "price", "aliases": 7}]}))
    screens = page.get_by_role("navigation", name="Screens")
    screens.get_by_role("link", name="Registry").click()
    expect(page.get_by_role("alert").filter(has_text="This screen broke")).to_be_visible()
    screens.get_by_role("link", name="Incidents").click()
    expect(page.get_by_role("heading", level=1, name="Incidents")).to_be_visible()
    screens.get_by_role("link", name="Registry").click()
    expect(page.get_by_role("alert").filter(has_text="This screen broke")).to_be_visible()
    page.unroute("**/registered-models/search*")
    page.get_by_role("button", name="Reload").click()
    expect(page.get_by_role("table", name="Models").locator("tbody tr")).to_have_count(100)


def test_an_approver_lets_a_version_through(start_server, open_page):
    server = start_server("data", "--login")
    admin = ("admin", (server.data_dir / "admin-password").read_text().strip())
    PASSWORDS["ada"] = "a-long-password"

    def ask(path, **body):
        reply = requests.post(server.url + path, json=body, auth=admin, timeout=20)
        assert reply.ok, reply.text

    ask("/api/2.0/mlflow/users/create", username="ada", password=PASSWORDS["ada"])
    ask("/api/2.0/mlflow/registered-models/create", name="price")
    ask("/api/2.0/mlflow/registered-models/permissions/create", name="price", username="ada", permission="MANAGE")
    for _ in range(2):
        ask("/api/2.0/mlflow/model-versions/create", name="price", source="s3://models/price")
    ask("/slipway/v1/models/price/aliases/prod/protect", approvers=["ada"], reason="she knows it")
    page = open_page(server.url + "/ui/models/price", **login("ada"))
    alias = page.get_by_role("table", name="Aliases").locator("tbody tr").filter(has_text="@prod")
    expect(alias).to_contain_text("moved or approved by ada")
    page.get_by_role("button", name="Approve version 2 for prod").click()
    page.get_by_label("Reason").fill("looks good")
    page.get_by_role("button", name="Approve", exact=True).click()
    expect(alias).to_contain_text("version 2 by ada")
    kept = requests.get(server.url + "/slipway/v1/models/price/aliases", auth=admin, timeout=10).json()["aliases"][0]["approvals"]
    assert [(one["version"], one["approver"], one["reason"]) for one in kept] == [(2, "ada", "looks good")]
    requests.post(server.url + "/api/2.0/mlflow/registered-models/alias", json={"name": "price", "alias": "prod", "version": "2"}, auth=admin, timeout=10).raise_for_status()
    expect(page.get_by_role("table", name="History of aliases")).to_contain_text("version 2", timeout=20_000)


def test_everybody_can_read_them(registry, open_page):
    page = open_page(registry.url + "/ui/models/price")
    expect(page.get_by_role("region", name="Model card").get_by_role("table").filter(has_text="asked for")).to_be_visible()
    problems = [f"{look}: {one}" for look in looks(page) for one in violations(page)]
    page.goto(registry.url + "/ui/models")
    ready(page)
    problems += [f"list, {look}: {one}" for look in looks(page) for one in violations(page)]
    assert problems == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_mlflows_addresses_lead_here(registry, open_page):
    page = open_page(registry.url + "/#/models/price/versions/1")
    expect(page.get_by_role("region", name="Model card").get_by_role("heading", name="Version 1", exact=True)).to_be_visible()
