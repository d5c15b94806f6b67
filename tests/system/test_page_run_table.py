"""The table of an experiment's runs in Chromium, against what the mlflow client logged and its searches say."""
import csv
import io
import math
import re
from urllib.parse import parse_qs, urlparse

import mlflow
import pytest
import requests
from conftest import Server, eventually
from mlflow.entities import Metric, Param, RunTag
from playwright.sync_api import expect
from test_page_for_everybody import ready, tab_to, violations

RUNS = 260
WIDE = 12_000


@pytest.fixture(scope="module")
def harbour(tmp_path_factory):
    """Runs of three depths, some without; metrics that are missing or no number; one run with 12,000 metrics more."""
    server = Server(tmp_path_factory.mktemp("server") / "data")
    client = mlflow.MlflowClient(server.url)
    server.client, server.experiment = client, client.create_experiment("harbour")
    server.ids = []
    for number in range(RUNS):
        run = client.create_run(server.experiment, run_name=f"run {number:03}", start_time=1_700_000_000_000 + 1000 * number).info.run_id
        metrics = [Metric("auc", math.nan if number % 50 == 7 else (number * 37 % RUNS) / RUNS, 1, 1)] if number % 10 else []
        params = [Param("max depth", str(number % 3 + 4))] if number % 4 else []
        client.log_batch(run, metrics=[*metrics, Metric("loss", number, 1, 1)], params=[*params, Param("rate", "0.1")], tags=[RunTag("team", "ab"[number % 2])])
        client.set_terminated(run, "FAILED" if number % 7 == 0 else "FINISHED", end_time=1_700_000_005_000 + 1000 * number)
        server.ids.append(run)
    for first in range(0, WIDE, 1000):
        client.log_batch(server.ids[0], metrics=[Metric(f"layer/{first + at:05}", at, 1, 1) for at in range(1000)])
    yield server
    server.stop()


def screen(harbour, **query):
    return f"{harbour.url}/ui/experiments/{harbour.experiment}?{requests.models.RequestEncodingMixin._encode_params(query)}"


def table(page):
    return page.get_by_role("table", name="Runs")


def shown(page):
    """What is drawn: by the number of their line, the cells of rows by their columns' names."""
    return {int(index): row for index, row in table(page).evaluate("""table => {
        const names = [...table.querySelectorAll('[role=columnheader] .run-grid-title')].map(one => one.innerText.replace(/ [↑↓]$/, ''))
        const cells = row => [...row.querySelectorAll('[role=cell]')].map((cell, at) => [names[at], cell.innerText.trim()])
        return Object.fromEntries([...table.querySelectorAll('.run-grid-line')].map(row => [row.ariaRowIndex - 2, Object.fromEntries(cells(row))]))
    }""").items()}


def searched(harbour, **query):
    return harbour.client.search_runs([harbour.experiment], max_results=RUNS, **query)


def names(runs):
    return [run.info.run_name for run in runs]


def ask(harbour, what, **query):
    reply = requests.get(f"{harbour.url}/slipway/v1/experiments/{harbour.experiment}/{what}", params=query, timeout=20)
    assert reply.status_code == 200, reply.text
    return reply.json()


def test_pages_of_the_api_are_what_the_client_finds(harbour):
    query = {"filter": "metrics.auc > 0.2", "order_by": "params.`max depth` DESC", "columns": "metrics.auc,params.max depth,tags.team,attributes.end_time"}
    found = searched(harbour, filter_string=query["filter"], order_by=[query["order_by"]])
    page = ask(harbour, "table", **query, offset=20, limit=50)
    assert (page["total"], page["run_ids"]) == (len(found), [run.info.run_id for run in found[20:70]])
    values = {column["name"]: column["values"] for column in page["columns"]}
    assert values["metrics.auc"] == [run.data.metrics["auc"] for run in found[20:70]]
    assert values["params.max depth"] == [run.data.params.get("max depth") for run in found[20:70]]
    assert values["tags.team"] == [run.data.tags["team"] for run in found[20:70]]
    assert values["attributes.end_time"] == [run.info.end_time for run in found[20:70]]
    groups = ask(harbour, "groups", by="params.max depth", metrics="loss", filter="tags.team = 'a'")["groups"]
    team = searched(harbour, filter_string="tags.team = 'a'")
    for group in groups:
        of = [run.data.metrics["loss"] for run in team if run.data.params.get("max depth") == group["value"]]
        assert (group["runs"], group["metrics"]["loss"]["min"], group["metrics"]["loss"]["max"]) == (len(of), min(of), max(of))
        assert math.isclose(group["metrics"]["loss"]["mean"], sum(of) / len(of))
    assert sum(group["runs"] for group in groups) == len(team) and len(groups) == 4
    assert ask(harbour, "columns", prefix="metrics.", limit=1) == {"total": WIDE + 2, "columns": [{"name": "metrics.loss", "runs": RUNS}]}


@pytest.mark.parametrize(("what", "query", "status", "says"), [
    ("table", {"filter": "nonsense"}, 400, "Invalid clause"), ("table", {"columns": "auc"}, 400, "a column is metrics.KEY"), ("table", {"limit": 5000}, 400, "limit must be"),
    ("table", {"offset": -1}, 400, "offset"), ("groups", {"by": "metrics.auc"}, 400, "grouped by a parameter"), ("groups", {}, 400, "a column is")])
def test_what_cannot_be_answered_is_told(harbour, what, query, status, says):
    reply = requests.get(f"{harbour.url}/slipway/v1/experiments/{harbour.experiment}/{what}", params=query, timeout=10)
    assert reply.status_code == status and says in reply.json()["error"]["message"]


def test_an_experiment_that_is_not_there(harbour):
    assert requests.get(f"{harbour.url}/slipway/v1/experiments/777/table", timeout=10).status_code == 404
    assert requests.get(f"{harbour.url}/slipway/v1/experiments/0{harbour.experiment}/table", timeout=10).status_code == 400


def test_the_table_shows_what_the_client_finds_to_its_end(harbour, open_page):
    page = open_page(screen(harbour, columns="metrics.auc,params.max depth,attributes.status"))
    ready(page)
    expect(page.get_by_text(f"{RUNS} runs")).to_be_visible()
    expect(table(page)).to_have_attribute("aria-rowcount", str(RUNS + 1))
    found = searched(harbour)
    for end in (False, True):
        if end:
            table(page).focus()
            page.keyboard.press("End")
            expect(page.get_by_role("link", name="run 000")).to_be_visible()
        rows = eventually(lambda: (all_ := shown(page)) and all("…" not in row.values() for row in all_.values()) and all_)
        assert len(rows) < 60  # only what is seen is drawn
        for index, row in rows.items():
            run = found[index]
            auc = run.data.metrics.get("auc")
            assert row["Run"] == run.info.run_name and row["max depth"] == run.data.params.get("max depth", "–") and row["State"].lower() == run.info.status.lower()
            assert row["auc"] == ("–" if auc is None else "NaN" if math.isnan(auc) else f"{float(f'{auc:.4g}'):g}")
    assert max(rows) == RUNS - 1


# What is seen of the table, from its head to its lower edge, where no line is drawn: in pixels.
GAPS = """table => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => {
    const lines = [...table.querySelectorAll('.run-grid-line')].map(line => line.getBoundingClientRect()).filter(({ height }) => height > 0).sort((a, b) => a.top - b.top)
    const edge = table.getBoundingClientRect()
    let [at, gaps] = [edge.top + table.querySelector('[role=columnheader]').getBoundingClientRect().height, 0]
    for (const { top, bottom } of lines) { gaps += Math.max(0, Math.min(top, edge.top + table.clientHeight) - at); at = Math.max(at, bottom) }
    done(gaps + Math.max(0, edge.top + table.clientHeight - at))
})))"""


def test_a_million_runs_scroll_without_a_gap(harbour, open_page):
    """The page alone: what the server takes for a page of a million is measured (`./x bench run_table`)."""
    total = 1_000_000

    def answer(route):
        asked = parse_qs(urlparse(route.request.url).query)
        offset, limit = int(asked["offset"][0]), int(asked["limit"][0])
        numbers = range(offset, min(total, offset + limit))
        names = asked["columns"][0].split(",")
        route.fulfill(json={"total": total, "offset": offset, "view": 1, "run_ids": [f"{number:032x}" for number in numbers], "columns": [{"name": name, "values": [f"number {number}" for number in numbers]} for name in names]})

    page = open_page(harbour.url + "/ui/no/such/place")
    page.route("**/table?*", answer)
    page.goto(screen(harbour, columns="params.rate"))
    expect(page.get_by_text("1,000,000 runs")).to_be_visible()
    runs = table(page)
    seen = set()
    for place in (0, 0.000_3, 0.000_6, 0.000_9, 0.25, 0.5, 0.500_01, 0.9, 1):
        runs.evaluate("(table, place) => { table.scrollTop = place * (table.scrollHeight - table.clientHeight) }", place)
        for _ in range(5):  # on from there, as with a wheel
            runs.evaluate("table => { table.scrollTop += 0.7 * table.clientHeight }")
            assert runs.evaluate(GAPS) <= 1, place
        rows = eventually(lambda: (all_ := shown(page)) and all("…" not in row.values() for row in all_.values()) and all_)
        assert all(row["rate"] == f"number {index}" for index, row in rows.items())
        assert len(rows) < 60
        seen |= set(rows)
    assert min(seen) < 60 and max(seen) == total - 1


def test_a_title_orders_and_the_address_says_so(harbour, open_page):
    page = open_page(screen(harbour, columns="metrics.auc,params.max depth"))
    for direction, address in (("DESC", "order=-metrics.auc"), ("ASC", "order=metrics.auc")):
        page.get_by_role("columnheader", name="auc").get_by_role("button").first.click()
        expect(page.get_by_role("columnheader", name="auc")).to_have_attribute("aria-sort", {"DESC": "descending", "ASC": "ascending"}[direction])
        expect(page).to_have_url(re.compile(rf"[?&]{address}(&|$)"))
        found = names(searched(harbour, order_by=[f"metrics.auc {direction}"]))
        eventually(lambda: shown(page).get(0, {}).get("Run") == found[0])
        eventually(lambda: (drawn := [row["Run"] for _, row in sorted(shown(page).items())]) == found[:len(drawn)])
    page.get_by_role("columnheader", name="auc").get_by_role("button").first.click()
    expect(page.get_by_role("columnheader", name="auc")).to_have_attribute("aria-sort", "none")
    page.goto(screen(harbour, columns="metrics.auc", order="-params.max depth", filter="metrics.loss > 100"))
    found = names(searched(harbour, filter_string="metrics.loss > 100", order_by=["params.`max depth` DESC"]))
    expect(page.get_by_text(f"{len(found)} runs")).to_be_visible()
    eventually(lambda: (drawn := [row["Run"] for _, row in sorted(shown(page).items())]) == found[:len(drawn)])


def test_pinned_columns_stay_while_others_scroll(harbour, open_page):
    columns = ",".join(["params.rate", *(f"metrics.layer/{number:05}" for number in range(40)), "metrics.auc"])
    page = open_page(screen(harbour, columns=columns))
    ready(page)
    assert len(table(page).get_by_role("columnheader").all()) < 30  # those that are seen
    expect(page.get_by_role("columnheader", name="auc")).to_have_count(0)
    page.get_by_role("button", name="Pin rate").click()
    expect(page.get_by_role("button", name="Pin rate")).to_have_attribute("aria-pressed", "true")
    expect(page).to_have_url(re.compile("pin=params.rate"))
    table(page).evaluate("table => { table.scrollLeft = table.scrollWidth }")
    expect(page.get_by_role("columnheader", name="auc")).to_be_visible()
    expect(page.get_by_role("columnheader", name="layer/00000")).to_have_count(0)
    inside = "(cell) => { const [a, b] = [cell.getBoundingClientRect(), cell.closest('.run-grid').getBoundingClientRect()]; return a.left >= b.left && a.right <= b.right }"
    for name in ("Run", "rate"):
        assert page.get_by_role("columnheader", name=name).evaluate(inside)
    page.get_by_role("button", name="Pin rate").click()
    expect(page.get_by_role("columnheader", name="rate")).to_have_count(0)


def test_groups_are_counted_over_all_runs_and_open(harbour, open_page):
    page = open_page(screen(harbour, columns="metrics.loss,params.max depth"))
    page.get_by_label("Group by").select_option("By max depth (parameter)")
    expect(page.get_by_text(f"{RUNS} runs in 4 groups, counted over all")).to_be_visible()
    expect(page).to_have_url(re.compile(r"group=params\.max\+depth"))
    runs = searched(harbour)
    of = {}
    for run in runs:
        of.setdefault(run.data.params.get("max depth"), []).append(run)
    expect(page.locator(".run-grid-toggle")).to_have_count(4)
    told = {button.locator("b").inner_text(): button.locator(".dim").inner_text() for button in page.locator(".run-grid-toggle").all()}
    assert told == {("without max depth" if value is None else f"max depth = {value}"): f"{len(some)} runs" for value, some in of.items()}
    page.get_by_role("button", name="without max depth").click()
    first = page.get_by_role("link", name=of[None][0].info.run_name)
    expect(first).to_be_visible()

    def opened():
        rows = shown(page)
        begin = next(index for index, row in rows.items() if row["Run"].startswith("▾"))
        return [rows[index]["Run"] for index in sorted(rows) if begin < index <= begin + 5]

    eventually(lambda: opened() == names(of[None][:5]))
    assert violations(page) == []
    page.get_by_role("button", name="without max depth").click()
    expect(first).to_have_count(0)


def test_a_filter_is_completed_by_keyboard(harbour, open_page):
    page = open_page(screen(harbour))
    box = page.get_by_role("combobox", name="Filter runs")
    box.focus()
    page.keyboard.type("max")
    option = page.get_by_role("listbox", name="What may come next").get_by_role("option")
    expect(option.filter(has_text="params.`max depth`")).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(option.first).to_have_attribute("aria-selected", "true")
    assert violations(page) == []
    page.keyboard.press("Enter")
    expect(box).to_have_value("params.`max depth` ")
    page.keyboard.type("=")
    expect(option.first).to_have_text("'4'" + str(sum(1 for run in searched(harbour) if run.data.params.get("max depth") == "4")))
    page.keyboard.type(" '5")
    expect(option).to_have_count(1)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    expect(box).to_have_value("params.`max depth` = '5' ")
    expect(option.filter(has_text="AND")).to_be_visible()
    page.keyboard.press("Escape")
    expect(option).to_have_count(0)
    page.keyboard.press("Enter")
    expect(page).to_have_url(screen(harbour, filter="params.`max depth` = '5'"))
    found = searched(harbour, filter_string="params.`max depth` = '5'")
    expect(page.get_by_text(f"{len(found)} runs")).to_be_visible()


def test_any_of_12_000_columns_is_found(harbour, open_page):
    page = open_page(screen(harbour, columns="metrics.auc"))
    page.get_by_role("button", name="Columns", exact=True).click()
    expect(page.get_by_text("commonest of 12,0")).to_be_visible()
    assert violations(page) == []
    page.get_by_label("Find columns").fill("layer/11987")
    page.get_by_role("checkbox", name="layer/11987").click()
    expect(page.get_by_role("checkbox", name="layer/11987")).to_be_checked()
    page.keyboard.press("Escape")
    expect(page.get_by_role("columnheader", name="layer/11987")).to_be_visible()
    expect(page).to_have_url(re.compile("columns=metrics.auc%2Cmetrics.layer%2F11987"))
    table(page).focus()
    page.keyboard.press("End")
    eventually(lambda: shown(page).get(RUNS - 1, {}).get("layer/11987") == "987")


def test_charts_beside_are_of_the_chosen_runs(harbour, open_page):
    page = open_page(screen(harbour, columns="metrics.auc"))
    page.get_by_role("checkbox", name="Charts").click()
    expect(page.get_by_text("that are seen in the table")).to_be_visible()
    expect(page).to_have_url(re.compile("charts="))
    for number in (259, 258, 257):
        page.get_by_role("checkbox", name=f"Choose run {number}").check()
    expect(page.get_by_text("The 3 runs that are chosen.")).to_be_visible()
    page.get_by_label("Looked at by").select_option("loss")
    expect(page.locator(".scatter circle")).to_have_count(3)
    page.get_by_label("Across").select_option("auc")
    expect(page.locator(".scatter circle")).to_have_count(2)  # one is not a number
    assert violations(page) == []
    page.get_by_role("link", name="Compare 3 runs").click()
    expect(page.get_by_role("heading", name="3 runs compared")).to_be_visible()


def test_all_runs_are_there_as_csv_and_the_first_as_a_call(harbour, open_page):
    page = open_page(screen(harbour, columns="metrics.auc,computed.duration", order="metrics.loss"))
    ready(page)
    expect(page.get_by_role("link", name="run 000")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="runs as CSV").click()
    rows = list(csv.DictReader(io.StringIO(download.value.path().read_text())))
    assert [row["run_id"] for row in rows] == harbour.ids
    assert (rows[3]["Run"], float(rows[3]["auc"]), float(rows[3]["Took"])) == ("run 003", 3 * 37 / RUNS, 5)
    call = requests.get(harbour.url + page.get_by_role("link", name="runs: the call of the API").get_attribute("href"), timeout=10).json()
    assert call["run_ids"][:5] == harbour.ids[:5]


def test_groups_are_there_as_csv_and_as_a_call(harbour, open_page):
    page = open_page(screen(harbour, columns="metrics.loss", group="params.max depth"))
    ready(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="groups as CSV").click()
    rows = list(csv.DictReader(io.StringIO(download.value.path().read_text())))
    call = requests.get(harbour.url + page.get_by_role("link", name="groups: the call of the API").get_attribute("href"), timeout=10).json()
    assert [[row["max depth"] or None, int(row["runs"]), float(row["loss mean"]), float(row["loss max"])] for row in rows] == [
        [group["value"], group["runs"], group["metrics"]["loss"]["mean"], group["metrics"]["loss"]["max"]] for group in call["groups"]]
    assert sum(int(row["runs"]) for row in rows) == RUNS


@pytest.mark.expects_errors
def test_a_file_that_cannot_be_made_says_why(harbour, open_page):
    page = open_page(screen(harbour, columns="metrics.auc"))
    ready(page)
    page.route("**/table?*limit=1000*", lambda route: route.fulfill(status=503, json={"error": {"message": "the server is full"}}))
    page.get_by_role("button", name="runs as CSV").click()
    expect(page.get_by_role("alert").filter(has_text="the server is full")).to_be_visible()


def test_a_run_with_12_000_metrics_is_shown_in_part(harbour, open_page):
    page = open_page(f"{harbour.url}/ui/runs/{harbour.ids[0]}")
    rows = page.get_by_role("table", name="Metrics").locator("tr")
    expect(rows).to_have_count(200)
    page.get_by_role("button", name=f"Show all {WIDE + 1:,}").click()
    expect(rows).to_have_count(WIDE + 1, timeout=60_000)


def test_by_keyboard_from_the_filter_to_the_last_run(harbour, open_page):
    page = open_page(screen(harbour, columns="metrics.auc"))
    ready(page)
    tab_to(page, "Runs")
    page.keyboard.press("End")
    expect(page.get_by_role("link", name="run 000")).to_be_visible()
    page.keyboard.press("Home")
    expect(page.get_by_role("link", name="run 259")).to_be_visible()


def test_the_arrows_go_from_run_to_run(harbour, open_page):
    page = open_page(screen(harbour, columns="metrics.auc"))
    ready(page)
    tab_to(page, "Choose run 259")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("checkbox", name="Choose run 258")).to_be_focused()
    page.keyboard.press("Space")
    expect(page.get_by_role("checkbox", name="Choose run 258")).to_be_checked()
    page.keyboard.press("ArrowRight")
    for number in range(257, 230, -1):  # beyond what is seen at first
        page.keyboard.press("ArrowDown")
        expect(page.get_by_role("link", name=f"run {number}")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator(".run-grid-line :focus")).to_have_count(0)
    page.keyboard.press("Shift+Tab")
    expect(page.get_by_role("link", name="run 231")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name="run 231")).to_be_visible()


def test_the_keyboard_stays_with_its_run_when_newer_ones_come(harbour, open_page):
    page = open_page(screen(harbour, columns="metrics.auc"))
    ready(page)
    page.get_by_role("link", name="run 259").focus()
    run = harbour.client.create_run(harbour.experiment, run_name="newer").info.run_id
    expect(page.get_by_role("link", name="newer")).to_be_visible(timeout=30_000)
    expect(page.get_by_role("link", name="run 259")).to_be_focused()
    harbour.client.delete_run(run)
    expect(page.get_by_role("link", name="newer")).to_have_count(0, timeout=30_000)


def test_new_runs_and_values_come_by_themselves(harbour, open_page):
    page = open_page(screen(harbour, columns="metrics.loss", filter="tags.team = 'new'"))
    expect(page.get_by_text("No run fits this filter.")).to_be_visible()
    run = harbour.client.create_run(harbour.experiment, run_name="newest", tags={"team": "new"}).info.run_id
    expect(page.get_by_role("link", name="newest")).to_be_visible(timeout=30_000)
    harbour.client.log_metric(run, "loss", 0.125)
    expect(page.get_by_role("cell", name="0.125")).to_be_visible(timeout=30_000)
    harbour.client.delete_run(run)
    expect(page.get_by_text("No run fits this filter.")).to_be_visible(timeout=30_000)


def test_names_are_as_wide_as_there_is_room(harbour, open_page):
    page = open_page(screen(harbour, columns="metrics.auc"))
    ready(page)
    name = page.get_by_role("columnheader", name="Run", exact=True)
    page.set_viewport_size({"width": 1440, "height": 900})
    eventually(lambda: name.bounding_box()["width"] > 600)
    page.set_viewport_size({"width": 390, "height": 900})
    eventually(lambda: name.bounding_box()["width"] == 170)
