"""The page for who can't see it, use a mouse, or has a small screen: every screen, empty and full, in both colours."""
import json
import pathlib
import sys

import pytest
import requests
import small_project
from conftest import ROOT, Server, eventually
from playwright.sync_api import expect
from test_data_versions import Folder

AXE = ROOT / "page" / "node_modules" / "axe-core" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]


MORE = """\
  asks:
    steps:
      - {name: first, run: 'exit 1', retry: {times: 1, after: 20ms}}
      - {name: ask, approve: 'Is it good?'}
      - {name: last, run: 'true', after: [ask]}
  tune:
    steps:
      - name: fit
        run: python3 fit.py --rate {rate} --l2 {l2} --with-shop {with_shop}
        code: [fit.py]
        search:
          {method: tpe, trials: 8, parallel: 2, metric: log_loss, goal: minimize, seed: 3,
           space: {rate: {low: 0.01, high: 3.0, log: true}, l2: {low: 1e-4, high: 0.3, log: true}, with_shop: {choices: ["yes", "no"]}}}
"""

# A logistic regression by steps downhill; without a client, so that eight of them take little time.
FIT = '''
import argparse, json, os, time, urllib.request
import numpy as np, pyarrow.parquet as parquet

parser = argparse.ArgumentParser()
parser.add_argument("--rate", type=float), parser.add_argument("--l2", type=float), parser.add_argument("--with-shop")
args = parser.parse_args()
rows = parquet.read_table("visits.parquet", columns=["pages", "shop", "sold"]).slice(10, 4000)
pages, shop, sold = (rows[name].to_numpy() for name in ("pages", "shop", "sold"))
x = np.column_stack([np.ones(len(pages)), (pages - 15) / 8, (shop == "north") * (args.with_shop == "yes")])
weights, points = np.zeros(3), []
answer = lambda rows: np.clip(1 / (1 + np.exp(-rows @ weights)), 1e-6, 1 - 1e-6)
for step in range(30):
    weights -= args.rate * (x[:3000].T @ (answer(x[:3000]) - sold[:3000]) / 3000 + args.l2 * weights)
    held, label = answer(x[3000:]), sold[3000:]
    for key, value in (("log_loss", -np.mean(np.where(label > 0, np.log(held), np.log(1 - held)))), ("accuracy", np.mean((held > 0.5) == (label > 0)))):
        points.append({"key": key, "value": float(value), "step": step, "timestamp": int(time.time() * 1000)})
body = json.dumps({"run_id": os.environ["MLFLOW_RUN_ID"], "metrics": points}).encode()
urllib.request.urlopen(urllib.request.Request(os.environ["MLFLOW_TRACKING_URI"] + "/api/2.0/mlflow/runs/log-batch", body, {"Content-Type": "application/json"}), timeout=30)
'''


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A model in charge after a retraining, an open alert, an incident, a search of parameters, and runs that went well and badly."""
    folder = tmp_path_factory.mktemp("shop")
    server = Server(tmp_path_factory.mktemp("server") / "data", "--python-path", str(pathlib.Path(sys.executable).parent))
    file = small_project.write(folder)
    file.write_text(file.read_text().replace("pipelines:\n", "pipelines:\n" + MORE))
    (folder / "fit.py").write_text(FIT)
    server.file = file
    server.folder = folder
    server.cli("apply", str(file))
    tuned = json.loads(server.cli("--json", "run", "tune", "--detach").stdout)["id"]
    server.cli("data", "ingest", "visits")
    server.cli("features", "materialize", "--as-of", small_project.START.isoformat())
    server.cli("run", "train")
    server.cli("replay", "sale", *small_project.replay_flags(folder, "2024-02-13T00:00:00Z"))
    server.cli("incidents", "open", "sale", "sells to nobody")
    parts = Folder(folder / "parts", server.url)
    parts("init")
    for number in range(2):
        parts.write(f"more/{number}.csv", f"x\n{number}\n")
        parts("commit", "-a", "-m", f"number {number}")
    parts("tag", "v1", "HEAD~1")
    parts("push")
    server.incident = requests.get(server.url + "/slipway/v1/incidents", timeout=10).json()["incidents"][0]["id"]
    server.asks = json.loads(server.cli("--json", "run", "asks", "--detach").stdout)["id"]
    eventually(lambda: {step["state"] for step in requests.get(f"{server.url}/slipway/v1/pipeline-runs/{server.asks}", timeout=10).json()["steps"]} == {"failed", "waiting", "pending"})
    server.trained = requests.get(server.url + "/slipway/v1/pipelines/train/runs", timeout=10).json()["runs"][0]["id"]
    server.tuned = eventually(lambda: (run := requests.get(f"{server.url}/slipway/v1/pipeline-runs/{tuned}", timeout=10).json())["state"] == "succeeded" and run)
    server.trials = "&".join(f"runs={trial['tracked_run']}" for trial in server.tuned["steps"][0]["items"])
    found = requests.post(server.url + "/api/2.0/mlflow/experiments/search", json={"max_results": 10}, timeout=10).json()["experiments"]
    server.experiment, server.tried = (next(one["experiment_id"] for one in found if one["name"] == name) for name in ("sale", "tune"))
    server.runs = [run["info"]["run_id"] for run in requests.post(server.url + "/api/2.0/mlflow/runs/search", json={"experiment_ids": [server.experiment]}, timeout=10).json()["runs"]]
    server.run = server.runs[0]
    yield server
    server.stop()


def screens(server):
    return ["", "endpoints/sale", "endpoints/sale/monitoring", "endpoints/sale/monitoring?at=2024-02-05T00:00:00Z", "endpoints/sale/features", "features", "features/shop_recent", "endpoints/sale/plain", "endpoints/sale/drills", "incidents", f"incidents/{server.incident}",
            "experiments", f"experiments/{server.experiment}", f"experiments/{server.experiment}?group=attributes.status&charts=", f"runs/{server.run}", f"runs/{server.run}?view=files", f"runs/{server.run}?view=console", "pipelines", "pipelines/train", f"pipeline-runs/{server.trained}?step=train",
            f"pipeline-runs/{server.trained}?view=time", f"pipeline-runs/{server.asks}?step=ask", f"pipeline-runs/{server.tuned['id']}?step=fit", f"experiments/{server.tried}", f"compare?{server.trials}&metric=log_loss", "datasets", "datasets/visits", "data", "data/parts?path=more", "data/parts?from=v1&to=main", "lineage", "lineage?of=models:/sale/1", "audit", "audit?kind=none", "cost", "cost?of=sale", "searches", "models", "models/sale", "policies", "compare?" + "&".join(f"runs={run}" for run in server.runs), "no/such/place"]


def ready(page):
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_role("status", name="Loading")).to_have_count(0)


def violations(page):
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text())  # the page's own rules allow no other scripts
    found = page.evaluate("tags => axe.run(document, { runOnly: { type: 'tag', values: tags }, resultTypes: ['violations'] })", TAGS)["violations"]
    return [f"{one['id']}: {one['help']}: {node['html'][:200]} {node.get('failureSummary', '')[:300]}" for one in found for node in one["nodes"]]


def looks(page):
    """The screen in both colours, wide and narrow, one after the other; says which."""
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 900})
        for colours in ("light", "dark"):
            page.emulate_media(color_scheme=colours, reduced_motion="reduce")
            expect(page.locator(f"html[data-mantine-color-scheme={colours}]")).to_have_count(1)
            ready(page)
            page.evaluate("Promise.allSettled(document.getAnimations().filter(one => one instanceof CSSTransition).map(one => one.finished))")
            yield f"{colours}, {width}"


def problems_of(page, screen):
    problems = [f"{screen}, {look}: {one}" for look in looks(page) for one in violations(page)]
    if (wide := page.evaluate("document.documentElement.scrollWidth")) > 390:
        problems.append(f"{screen}: is {wide} pixels wide on a narrow screen")
    return problems


def search(page, typed):
    page.keyboard.press("/")
    expect(page.get_by_role("combobox", name="Search everything")).to_be_focused()
    page.keyboard.type(typed)


def test_axe_finds_nothing_on_any_screen(shop, open_page):
    page = open_page(shop.url + "/ui/")
    problems = []
    for screen in screens(shop):
        page.goto(f"{shop.url}/ui/{screen}")
        ready(page)
        problems += problems_of(page, screen)
    page.goto(shop.url + "/ui/")
    ready(page)
    search(page, "sale")
    expect(page.get_by_role("option").first).to_be_visible()
    problems += problems_of(page, "search")
    page.goto(shop.url + "/ui/endpoints/sale")
    page.get_by_role("button", name="Roll back").click()
    expect(page.get_by_label("Reason")).to_be_visible()
    problems += problems_of(page, "rollback")
    assert problems == []


def test_a_wide_table_says_so_and_is_scrolled_by_keyboard(shop, open_page):
    page = open_page(f"{shop.url}/ui/endpoints/sale")
    ready(page)
    ledger = page.get_by_role("table", name="Ledger")
    edges = page.locator(".side-edges").filter(has=ledger)
    shades = lambda: edges.evaluate("one => ['::before', '::after'].map(edge => getComputedStyle(one, edge).opacity)")  # noqa: E731
    page.emulate_media(reduced_motion="reduce")
    expect(page.get_by_role("group", name="Ledger, scrolls")).to_have_count(0)  # all of it is seen: no stop for the tab key
    eventually(lambda: shades() == ["0", "0"])
    page.set_viewport_size({"width": 390, "height": 844})
    region = page.get_by_role("group", name="Ledger, scrolls")
    expect(region).to_be_visible()
    expect(edges).to_have_attribute("data-right", "true")
    eventually(lambda: shades() == ["0", "1"])
    tab_to(page, "Ledger, scrolls")
    page.keyboard.press("ArrowRight")
    expect(edges).to_have_attribute("data-left", "true")
    eventually(lambda: shades() == ["1", "1"])
    region.evaluate("one => one.scrollLeft = one.scrollWidth")
    expect(edges).not_to_have_attribute("data-right", "true")
    assert ledger.locator("th").last.bounding_box()["x"] < 390
    assert ledger.locator("tbody td").first.bounding_box()["x"] >= 0  # which revision it is stays in sight
    region.evaluate("one => one.scrollLeft = 0")
    expect(edges.get_by_text("more →")).to_be_visible()
    region.evaluate("one => one.scrollLeft = one.scrollWidth")
    expect(edges.get_by_text("more →")).to_be_hidden()
    page.set_viewport_size({"width": 1440, "height": 900})
    expect(region).to_have_count(0)
    runs = page.locator(".run-grid-edges")
    page.goto(f"{shop.url}/ui/experiments/{shop.experiment}")
    page.set_viewport_size({"width": 390, "height": 844})
    expect(runs).to_have_attribute("data-right", "true")
    page.get_by_role("table", name="Runs").evaluate("one => one.scrollLeft = one.scrollWidth")
    expect(runs).not_to_have_attribute("data-right", "true")


def test_a_picture_without_a_name_is_found(shop, open_page):
    """What the test above relies on."""
    page = open_page(shop.url + "/ui/")
    ready(page)
    page.evaluate("document.querySelector('h1').insertAdjacentHTML('afterend', '<img src=\"/ui/icon.svg\">')")
    assert any(one.startswith("image-alt") for one in violations(page))


EMPTY = {"": "No model is in production yet.", "incidents": "There was no incident yet.", "pipelines": "No pipeline is declared yet.", "pipelines/none": "There is no such pipeline.", "datasets": "No dataset is declared yet.", "features": "No feature view is declared yet.", "data": "No folder was pushed yet.", "audit?kind=none": "No event is like this.", "compare": "No run was chosen.", "experiments/0": "This experiment has no runs yet.", "cost": "No model is in production yet.", "searches": "Nothing was searched for yet.", "models": "No model was registered yet.", "policies": "Nothing is laid down yet.", "models?name=none": "No model has a name like this."}


@pytest.mark.parametrize("screen", EMPTY)
def test_empty_screens_say_what_would_change_that(server, open_page, screen):
    page = open_page(f"{server.url}/ui/{screen}")
    expect(page.get_by_text(EMPTY[screen])).to_be_visible()
    assert violations(page) == []


ASKED = {"": "overview", "endpoints/sale": "batch?*", "endpoints/sale/monitoring": "batch?*", "endpoints/sale/features": "batch?*", "endpoints/sale/plain": "batch?*",
         "endpoints/sale/drills": "endpoints/sale/drills", "incidents": "incidents", "pipelines": "pipelines?*", "features": "features", "features/shop_recent": "features", "datasets": "datasets", "datasets/visits": "datasets/visits", "data": "data", "data/parts": "data/parts", "lineage?of=models:/sale/1": "endpoints", "audit": "events?*", "cost": "batch?*", "searches": "searches?*", "experiments/0": "experiments/0/table?*", "models/sale": "batch?*", "policies": "batch?*"}


@pytest.mark.expects_errors  # a refused request is an error in the browser's console
@pytest.mark.parametrize("screen", ASKED)
def test_a_screen_waits_tells_what_failed_and_comes_back(shop, open_page, screen):
    page = open_page(shop.url + "/ui/no/such/place")
    held, state = [], "silent"

    def answer(route):
        if state == "silent":
            held.append(route)
        elif state == "broken":
            route.fulfill(status=503, json={"error": {"message": "the disk is being changed"}})
        else:
            route.continue_()

    page.route(f"**/slipway/v1/{ASKED[screen]}", answer)
    page.goto(f"{shop.url}/ui/{screen}")
    expect(page.get_by_role("status", name="Loading").first).to_be_visible()
    assert violations(page) == []
    state = "broken"
    for route in held:
        answer(route)
    expect(page.get_by_role("alert").first).to_contain_text("the disk is being changed")
    assert violations(page) == []
    state = "well"
    page.get_by_role("button", name="Try again").first.click()
    expect(page.get_by_role("alert").filter(has_text="the disk is being changed")).to_have_count(0)


def tab_to(page, name):
    """Presses the tab key until what has this name has the focus."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("name => (document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent).trim() === name", name):
            return
    raise AssertionError(f"the tab key does not reach {name}")


def test_keyboard_alone_from_an_alert_to_a_rollback(shop, open_page):
    endpoint = requests.get(shop.url + "/slipway/v1/endpoints/sale", timeout=10).json()
    assert endpoint["last_good"] is not None
    alerts = str(requests.get(shop.url + "/slipway/v1/overview", timeout=10).json()["models"][0]["open_alerts"])
    page = open_page(shop.url + "/ui/")
    ready(page)
    expect(page.get_by_role("link", name=f"{alerts} open")).to_be_visible()
    tab_to(page, f"{alerts} open")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Monitoring", level=1)).to_be_visible()
    expect(page.get_by_role("button", name="Acknowledge").first).to_be_visible()
    tab_to(page, "Acknowledge")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Comment")).to_be_focused()
    page.keyboard.type("I look")
    page.keyboard.press("Tab")
    page.keyboard.type("grace")
    page.keyboard.press("Enter")
    expect(page.get_by_text("seen by grace: I look").first).to_be_visible()
    search(page, "sale")
    expect(page.get_by_role("listbox", name="Found").get_by_role("option").first.locator(".found-kind")).to_have_text("model")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="sale", level=1)).to_be_visible()
    expect(page.get_by_role("button", name="Roll back")).to_be_enabled()
    tab_to(page, "Roll back")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Reason")).to_be_focused()
    page.keyboard.type("sells to nobody")
    page.keyboard.press("Tab")
    page.keyboard.type("grace")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("is in charge again")
    revision = requests.get(shop.url + "/slipway/v1/endpoints/sale", timeout=10).json()["revision"]
    assert (revision["kind"], revision["actor"], revision["reason"]) == ("rollback", "grace", "sells to nobody")
