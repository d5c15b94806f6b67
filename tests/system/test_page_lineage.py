"""The page's lineage in Chromium: from a prediction to data and code as `slipway lineage` says, and from a feature to models."""
import json
import pathlib
import sys

import pytest
import requests
import small_project
from conftest import Server, eventually
from playwright.sync_api import expect


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A model in charge, and one request that it has answered."""
    folder = tmp_path_factory.mktemp("shop")
    server = Server(tmp_path_factory.mktemp("server") / "data", "--python-path", str(pathlib.Path(sys.executable).parent))
    server.cli("apply", str(small_project.write(folder)))
    server.cli("data", "ingest", "visits")
    server.cli("features", "materialize", "--as-of", small_project.START.isoformat())
    server.cli("run", "train")
    row = {"id": "asked-for", "shop": "north", "pages": 12.0, "at": small_project.START.isoformat()}
    columns = [{"name": "shop", "datatype": "BYTES", "shape": [1], "data": ["north"]}, {"name": "pages", "datatype": "FP64", "shape": [1], "data": [12.0]},
               {"name": "at", "datatype": "BYTES", "shape": [1], "data": [row["at"]]}]
    asked = requests.post(f"{server.url}/v2/models/sale/infer", json={"id": row["id"], "inputs": columns}, timeout=20)
    assert asked.ok, asked.text
    server.trained = requests.get(server.url + "/slipway/v1/pipelines/train/runs", timeout=10).json()["runs"][0]["id"]
    server.run = requests.get(server.url + "/api/2.0/mlflow/model-versions/get?name=sale&version=1", timeout=10).json()["model_version"]["run_id"]
    yield server
    server.stop()


def table(page):
    """What, name, made from, of each row."""
    body = page.get_by_role("table", name="Lineage").locator("tbody tr")
    expect(body.first).to_be_visible(timeout=15_000)
    return [[cell.strip() for cell in row.locator("td").all_inner_texts()] for row in body.all()]


def test_a_prediction_leads_back_as_the_command_says(shop, open_page):
    told = json.loads(shop.cli("--json", "lineage", "asked-for").stdout)["lineage"]
    page = open_page(shop.url + "/ui/lineage")
    expect(page.get_by_text("Of what?")).to_be_visible()
    page.get_by_role("textbox", name="Lineage of").focus()
    page.keyboard.type("asked-for")
    page.keyboard.press("Enter")
    expect(page).to_have_url(shop.url + "/ui/lineage?of=asked-for")
    shown = table(page)
    names = {(row[0], row[1]) for row in shown}
    assert ("prediction", "asked-for") in names and ("model version", "sale 1") in names and ("pipeline run", "train") in names and ("dataset", "visits") in names
    for link in told:
        if link["kind"] in ("revision", "gate", "code"):
            assert (link["kind"], link["id"]) in names, link
    made_from = {row[0]: row[2] for row in shown}
    assert made_from["prediction"] == "revision sale/1"
    assert "model version sale 1" == made_from["revision"]
    assert "pipeline run train" in made_from["run"] and "dataset visits" in made_from["pipeline run"] and "code train.py" in made_from["pipeline run"]
    assert page.get_by_label("Graph").locator("path").count() == sum(len(row[2].split(", ")) for row in shown if row[2] != "–")


def test_the_graph_is_walked_by_keyboard_and_leads_to_screens(shop, open_page):
    page = open_page(f"{shop.url}/ui/lineage?of=models:/sale/1")
    table(page)
    page.get_by_label("Graph").focus()
    walked = []
    while (href := page.evaluate("document.activeElement.closest('.lineage-node')?.getAttribute('href') ?? ''")) or not walked:
        walked += [href] if href else ["graph"]
        page.keyboard.press("Tab")
    order = walked[1:]
    assert order.index("/ui/datasets/visits") < order.index(f"/ui/pipeline-runs/{shop.trained}") < order.index(f"/ui/runs/{shop.run}") < order.index("/ui/endpoints/sale")
    page.get_by_label("Graph").get_by_role("link", name="pipeline run train").click()
    expect(page).to_have_url(f"{shop.url}/ui/pipeline-runs/{shop.trained}")


@pytest.mark.parametrize("of", ["run", "trained"])
def test_a_run_leads_on_to_models_and_endpoints(shop, open_page, of):
    page = open_page(f"{shop.url}/ui/runs/{shop.run}")
    if of == "run":
        page.get_by_role("link", name="Lineage").last.click()
        expect(page).to_have_url(f"{shop.url}/ui/lineage?of={shop.run}")
    else:
        page.goto(f"{shop.url}/ui/lineage?of={shop.trained}")
    made_from = {(row[0], row[1]): row[2] for row in table(page)}
    assert made_from[("model version", "sale 1")].endswith(f"run {page.get_by_role('table', name='Lineage').locator('tr', has_text='pipeline run train').locator('td').nth(1).inner_text()}")
    assert any(kind == "revision" and needs == "model version sale 1" for (kind, _), needs in made_from.items())


def test_a_column_leads_to_every_model_that_answers_with_it(shop, open_page):
    page = open_page(f"{shop.url}/ui/lineage?of=feature:shop_recent__sale_share_24h")
    rows = [row[:3] for row in table(page)]
    assert ["column", "sold", "dataset visits"] in rows
    assert ["feature", "shop_recent__sale_share_24h", "column sold"] in rows
    assert ["feature service", "sale", "feature shop_recent__sale_share_24h"] in rows
    assert ["model version", "sale 1", "feature service sale"] in rows
    page.get_by_role("link", name="lineage of dataset visits").click()
    expect(page).to_have_url(f"{shop.url}/ui/lineage?of=dataset%3Avisits")
    expect(page.get_by_role("table", name="Lineage").get_by_text("shop_recent__visits_24h").first).to_be_visible()
    page.goto(f"{shop.url}/ui/lineage?of=feature:pages")
    rows = [row[:3] for row in table(page)]
    assert ["feature service", "sale", "feature pages"] in rows and ["model version", "sale 1", "feature service sale"] in rows


@pytest.mark.parametrize("of, features", [("column:visits.sold", ["sale_share_24h"]), ("column:visits.shop", ["sale_share_24h", "visits_24h"])])
def test_a_raw_column_leads_through_expressions_to_the_models(shop, open_page, of, features):
    """`sold` is in an expression; `shop` is a key, which says of which rows every feature of the view is."""
    column = of.rpartition(".")[2]
    reads = next(one for one in requests.get(shop.url + "/slipway/v1/features", timeout=10).json()["views"] if one["name"] == "shop_recent")["reads"]
    assert reads == {"shop_recent__sale_share_24h": ["sold"], "shop_recent__visits_24h": []}
    page = open_page(f"{shop.url}/ui/lineage?of={of}")
    rows = [row[:3] for row in table(page)]
    assert [row for row in rows if row[0] == "column"] == [["column", column, "dataset visits"]]
    assert sorted(row[1] for row in rows if row[0] == "feature") == [f"shop_recent__{name}" for name in features]
    assert all(row[2] == f"column {column}" for row in rows if row[0] == "feature")
    assert ["model version", "sale 1", "feature service sale"] in rows
    assert any(row[0] == "revision" for row in rows)
    expect(page.get_by_label("Graph").locator("[aria-current]")).to_contain_text(column)


@pytest.mark.expects_errors  # it is no request's id
def test_a_column_is_found_by_its_name(shop, open_page):
    page = open_page(f"{shop.url}/ui/lineage")
    ask = page.get_by_role("textbox", name="Lineage of")
    ask.fill("sale_share")
    page.get_by_role("option", name="feature:shop_recent__sale_share_24h").click()
    expect(page).to_have_url(f"{shop.url}/ui/lineage?of=feature%3Ashop_recent__sale_share_24h")
    eventually(lambda: ["model version", "sale 1"] in [row[:2] for row in table(page)])
    ask.fill("sale_share_24h")  # as people type it
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{shop.url}/ui/lineage?of=sale_share_24h")
    eventually(lambda: ["model version", "sale 1"] in [row[:2] for row in table(page)])
    call = page.get_by_role("link", name="lineage: the call of the API").get_attribute("href")
    assert requests.get(shop.url + call, timeout=10).json()["views"]


def test_on_a_telephone_it_is_a_list(shop, open_page):
    page = open_page(f"{shop.url}/ui/lineage?of=models:/sale/1")
    wide = table(page)
    page.set_viewport_size({"width": 390, "height": 844})
    cards = page.get_by_role("region", name="Lineage, from first to last").get_by_role("listitem")
    expect(cards).to_have_count(len(wide))
    expect(page.get_by_label("Graph")).to_have_count(0)
    seen = [[line for line in card.inner_text().split("\n") if line][:2] for card in cards.all()]
    assert sorted(map(tuple, seen)) == sorted((row[0], row[1]) for row in wide)
    assert seen.index(["dataset", "visits"]) < seen.index(["model version", "sale 1"]) < [kind for kind, _ in seen].index("revision")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    cards.get_by_role("link", name="lineage of dataset visits").click()
    expect(page).to_have_url(f"{shop.url}/ui/lineage?of=dataset%3Avisits")


@pytest.mark.expects_errors  # what isn't found is an error in the browser's console
@pytest.mark.parametrize("of, said", [("never-asked", "Nothing is called never-asked"), ("models:/sale", "A model version is models:/NAME/VERSION"), ("models:/sale/99", "99"), ("feature:none", "Nothing is called feature:none")])
def test_what_is_not_there_is_told(shop, open_page, of, said):
    page = open_page(f"{shop.url}/ui/lineage?of={of}")
    expect(page.get_by_role("alert")).to_contain_text(said)
