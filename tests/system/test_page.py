"""The page in Chromium, served by the built binary, over what clients have logged and deployed."""
import re
import time

import mlflow
import numpy as np
import pandas as pd
import pytest
import requests
import xgboost
from playwright.sync_api import expect

ENDPOINT = """
project: page
owner: harbour
endpoints:
  berth:
    model: models:/berth@champion
    output: late
    release: {steps: [10, 100]}
"""


def post(server, path, body):
    reply = requests.post(server.url + path, json=body, timeout=30)
    assert reply.ok, reply.text
    return reply.json()


@pytest.fixture
def endpoint(server, tmp_path):
    """An endpoint with two versions deployed by hand, version 2 in charge."""
    mlflow.set_tracking_uri(server.url)
    mlflow.set_registry_uri(server.url)
    rows = pd.DataFrame({"x": np.linspace(0, 1, 50), "y": np.linspace(1, 0, 50)})
    for depth in (1, 2):
        model = xgboost.XGBClassifier(n_estimators=3, max_depth=depth).fit(rows, (rows.x > 0.5).astype(int))
        with mlflow.start_run():
            mlflow.xgboost.log_model(model, name="model", registered_model_name="berth", input_example=rows.head(2))
    post(server, "/slipway/v1/apply", {"yaml": ENDPOINT, "dir": str(tmp_path), "actor": "test"})
    for version in (1, 2):
        post(server, "/slipway/v1/endpoints/berth/deploy",
             {"model": f"models:/berth/{version}", "reason": f"try {version}", "actor": "ada"})
    return server


def live_version(server):
    revision = requests.get(server.url + "/slipway/v1/endpoints/berth", timeout=10).json()["revision"]
    return next(variant["version"] for variant in revision["variants"] if variant["role"] == "live")


def test_home_is_empty_and_says_how_to_begin(server, open_page):
    page = open_page(server.url + "/")
    assert page.url == server.url + "/ui/"
    expect(page.get_by_text("No model is in production yet.")).to_be_visible()
    expect(page.get_by_text(f"MLFLOW_TRACKING_URI={server.url}")).to_be_visible()
    page.get_by_role("link", name="Pipelines").click()
    expect(page.get_by_text("No pipeline is declared yet.")).to_be_visible()


def test_a_held_endpoint_follows_again_from_the_search_box(endpoint, open_page):
    post(endpoint, "/slipway/v1/endpoints/berth/rollback", {"reason": "too many gulls", "actor": "ada"})
    page = open_page(endpoint.url + "/ui/")
    expect(page.get_by_role("table", name="Models in production")).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("follow berth")
    expect(page.get_by_role("option", name="Follow again berth")).to_contain_text("too many gulls")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("is held")
    page.keyboard.type("the gulls are gone")
    page.keyboard.press("Tab")
    page.keyboard.type("grace")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert requests.get(endpoint.url + "/slipway/v1/endpoints/berth", timeout=10).json()["rollout"]["held"] is False


def test_files_are_compressed_known_again_and_kept(server):
    index = requests.get(server.url + "/ui/", timeout=10)
    assert index.headers["Content-Encoding"] == "gzip"
    assert index.headers["Cache-Control"] == "no-cache"
    policy = dict(part.split(" ", 1) for part in index.headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'self'" and "script-src" not in policy and policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    icon = requests.get(server.url + "/favicon.ico", timeout=10)
    assert icon.url == server.url + "/ui/icon.svg" and icon.headers["Content-Type"] == "image/svg+xml"
    again = requests.get(server.url + "/ui/runs/any", timeout=10, headers={"If-None-Match": index.headers["ETag"]})
    assert again.status_code == 304
    script = re.search(r'src="(/ui/assets/[^"]+\.js)"', index.text).group(1)
    assert "immutable" in requests.get(server.url + script, timeout=10).headers["Cache-Control"]
    assert requests.get(server.url + "/ui/assets/none.js", timeout=10).status_code == 404


def test_run_with_curves(server, open_page):
    run = post(server, "/api/2.0/mlflow/runs/create", {"experiment_id": "0", "run_name": "first", "start_time": 1000})
    run_id = run["run"]["info"]["run_id"]
    points = [{"key": "loss", "value": 1 / (step + 1), "timestamp": step, "step": step} for step in range(200)]
    points += [{"key": "broken", "value": "NaN", "timestamp": 0, "step": 0}]
    post(server, "/api/2.0/mlflow/runs/log-batch",
         {"run_id": run_id, "metrics": points, "params": [{"key": "depth", "value": "6"}], "tags": [{"key": "team", "value": "red"}]})
    page = open_page(server.url + "/ui/experiments")
    page.get_by_role("link", name="Default").click()
    page.get_by_role("link", name="first").click()
    expect(page).to_have_url(f"{server.url}/ui/runs/{run_id}")
    chart = page.get_by_role("figure", name="loss: loss 0.005")
    expect(chart.locator("canvas")).to_be_visible()
    # Something is drawn: the canvas has pixels of the curve's colour.
    assert chart.locator("canvas").evaluate(
        """canvas => new Promise(done => requestAnimationFrame(() => {
             const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
             let curve = 0;
             for (let i = 0; i < data.length; i += 4)
               if (data[i] < 60 && Math.abs(data[i + 1] - 114) < 40 && Math.abs(data[i + 2] - 133) < 40 && data[i + 3] > 100) ++curve;
             done(curve);
           }))""") > 100
    expect(page.get_by_role("table", name="Parameters")).to_contain_text("depth")
    expect(page.get_by_role("table", name="Tags")).to_contain_text("red")
    expect(page.get_by_role("table", name="Metrics")).to_contain_text("NaN")
    # What is logged while somebody looks appears by itself.
    post(server, "/api/2.0/mlflow/runs/log-batch", {"run_id": run_id, "metrics": [{"key": "loss", "value": 0.25, "timestamp": 999, "step": 999}]})
    expect(page.get_by_role("figure", name="loss: loss 0.25")).to_be_visible()


def log_loss(server, run_id, step, value):
    post(server, "/api/2.0/mlflow/runs/log-batch",
         {"run_id": run_id, "metrics": [{"key": "loss", "value": value, "timestamp": step, "step": step}]})


def start_run(server, name):
    run = post(server, "/api/2.0/mlflow/runs/create", {"experiment_id": "0", "run_name": name})["run"]["info"]["run_id"]
    for step, value in enumerate((1, 0.75)):
        log_loss(server, run, step, value)
    return run


def test_the_link_that_the_client_prints_leads_to_the_run(server, open_page):
    mlflow.set_tracking_uri(server.url)
    with mlflow.start_run(run_name="linked") as run:
        pass
    link = f"{server.url}/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}"  # as "View run ... at:" has it
    page = open_page(link)
    expect(page.get_by_role("heading", name="linked")).to_be_visible()
    expect(page).to_have_url(f"{server.url}/ui/runs/{run.info.run_id}")


def test_points_are_pushed_to_who_looks_at_a_run(server, open_page):
    run = start_run(server, "live")
    page = open_page(server.url + "/ui/")
    page.goto("about:blank")  # what a screen still asks while it is left is not the next one's
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    with page.expect_response("**/metrics/stream"), page.expect_response(lambda reply: "/batch?" in reply.url and run in reply.url):
        page.goto(f"{server.url}/ui/runs/{run}")
    loss = page.get_by_role("figure", name="loss: loss 0.75")
    expect(loss).to_be_visible()
    del asked[:asked.index(page.url)]
    assert sum(run in url for url in asked) == 5, asked  # the page itself, the run, its curves, the stream, and what it belongs to with what belongs to it
    assert len(set(asked)) <= 10, asked  # and its experiment, four files, the clock and the stream of changes, which all screens have
    del asked[:]
    page.evaluate("window.isStillHere = true")
    for step, value in ((2, 0.5), (3, 0.25)):
        log_loss(server, run, step, value)
        expect(page.get_by_role("figure", name=f"loss: loss {value}")).to_be_visible()
    post(server, "/api/2.0/mlflow/runs/log-metric", {"run_id": run, "key": "auc", "value": 0.875, "timestamp": 1, "step": 1})
    expect(page.get_by_role("table", name="Metrics")).to_contain_text("0.875")
    assert [url for url in asked if run in url] == []  # nothing was asked for: all of it was pushed
    post(server, "/api/2.0/mlflow/runs/update", {"run_id": run, "status": "FINISHED", "end_time": 2})
    expect(page.get_by_text("finished", exact=True)).to_be_visible()
    assert page.evaluate("window.isStillHere")
    assert not any("stream" in url for url in asked)  # it is over, and nobody comes back for more


@pytest.mark.expects_errors  # what is refused and who does not answer are errors in the browser's console
def test_without_a_stream_the_page_asks_and_a_lost_one_comes_back(server, open_page):
    run = start_run(server, "lost")
    page = open_page(server.url + "/ui/")
    page.route("**/metrics/stream", lambda route: route.fulfill(status=429))
    page.goto(f"{server.url}/ui/runs/{run}")
    expect(page.get_by_role("figure", name="loss: loss 0.75")).to_be_visible()
    log_loss(server, run, 2, 0.5)
    expect(page.get_by_role("figure", name="loss: loss 0.5")).to_be_visible()
    page.unroute("**/metrics/stream")
    with page.expect_response("**/metrics/stream"):
        page.reload()
    server.kill()
    server.start()
    log_loss(server, run, 3, 0.25)  # while nobody watched
    with page.expect_response("**/metrics/stream"):
        pass
    expect(page.get_by_role("figure", name="loss: loss 0.25")).to_be_visible()
    log_loss(server, run, 4, 0.125)
    expect(page.get_by_role("figure", name="loss: loss 0.125")).to_be_visible()


def test_filter_is_in_the_address_and_its_mistakes_are_told(server, open_page):
    for name, auc in (("good", 0.9), ("bad", 0.5)):
        run = post(server, "/api/2.0/mlflow/runs/create", {"experiment_id": "0", "run_name": name})["run"]["info"]["run_id"]
        post(server, "/api/2.0/mlflow/runs/log-metric", {"run_id": run, "key": "auc", "value": auc, "timestamp": 1})
    page = open_page(server.url + "/ui/experiments/0?filter=metrics.auc+>+0.8")
    expect(page.get_by_role("link", name="good")).to_be_visible()
    expect(page.get_by_role("link", name="bad")).to_have_count(0)
    page.get_by_label("Filter runs").fill("metrics.auc > 0.99")
    page.keyboard.press("Enter")
    expect(page.get_by_text("No run fits this filter.")).to_be_visible()


@pytest.mark.expects_errors  # a refused filter is an error in the browser's console
def test_refused_filter_says_why(server, open_page):
    page = open_page(server.url + "/ui/experiments/0?filter=nonsense+here")
    expect(page.get_by_role("alert").first).to_contain_text("Invalid clause(s) in filter string")


def test_roll_back_by_the_button(endpoint, open_page):
    assert live_version(endpoint) == 2
    page = open_page(endpoint.url + "/ui/")
    page.get_by_role("link", name="berth").click()
    expect(page.get_by_role("img", name="version 2 answers 100 %")).to_be_visible()
    page.get_by_role("button", name="Roll back").click()
    dialog = page.get_by_role("dialog", name="Roll back berth?")
    expect(dialog.get_by_role("img", name="version 1 answers 100 %")).to_be_visible()
    confirm = dialog.get_by_role("button", name="Roll back")
    expect(confirm).to_be_disabled()  # not without a reason
    dialog.get_by_label("Reason").fill("too many late ships")
    dialog.get_by_label("Your name").fill("grace")
    confirm.click()
    expect(page.get_by_role("status")).to_contain_text(re.compile(r"Version 1 is in charge again.* the server took [\d.]+ m?s"))
    ledger = page.get_by_role("table", name="Ledger")
    expect(ledger.get_by_role("row").nth(1)).to_contain_text("rollback")
    expect(ledger.get_by_role("row").nth(1)).to_contain_text("grace")
    expect(ledger.get_by_role("row").nth(1)).to_contain_text("too many late ships")
    assert live_version(endpoint) == 1
    # It is held now, and nothing older is left to go back to.
    expect(page.get_by_text("Held: this endpoint does not follow its alias.")).to_be_visible()
    expect(page.get_by_role("button", name="Roll back")).to_be_disabled()
    page.get_by_role("button", name="Follow again").click()
    page.get_by_label("Reason").fill("fixed")
    page.get_by_role("dialog").get_by_role("button", name="Follow").click()
    expect(page.get_by_text("Held: this endpoint")).to_have_count(0)


def test_keyboard_alone_rolls_back(endpoint, open_page):
    page = open_page(endpoint.url + "/ui/endpoints/berth")
    expect(page.get_by_role("button", name="Roll back")).to_be_enabled()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "Roll back":
            break
    page.keyboard.press("Enter")
    expect(page.get_by_label("Reason")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name="Roll back")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Reason")).to_be_focused()
    page.keyboard.type("by hand")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Version 1 is in charge again")
    assert live_version(endpoint) == 1


def test_endpoint_without_a_monitor_says_so(endpoint, open_page):
    page = open_page(endpoint.url + "/ui/endpoints/berth")
    page.get_by_role("link", name="Monitoring").click()
    expect(page.get_by_text("No monitor watches this endpoint.")).to_be_visible()


def test_a_model_in_plain_words_is_one_sheet(endpoint, open_page):
    page = open_page(endpoint.url + "/ui/endpoints/berth")
    page.get_by_role("link", name="In plain words").click()
    expect(page.get_by_role("heading", name="Not known yet")).to_be_visible()
    expect(page.get_by_text("Nobody has asked it yet, and how well it works is not known yet.")).to_be_visible()
    expect(page.get_by_text("Version 2 was put in charge by ada.")).to_be_visible()
    expect(page.get_by_text("harbour answers for this model.")).to_be_visible()
    page.emulate_media(media="print")
    expect(page.get_by_role("navigation", name="Screens")).to_be_hidden()
    expect(page.get_by_role("button", name="Print")).to_be_hidden()
    assert len(re.findall(rb"/Type\s*/Page\b", page.pdf(format="A4"))) == 1


def test_without_a_drill_the_page_says_how_to_play_one(endpoint, open_page):
    page = open_page(endpoint.url + "/ui/endpoints/berth")
    page.get_by_role("link", name="Drill").click()
    expect(page.get_by_text("No drill was played for this endpoint yet.")).to_be_visible()
    expect(page.get_by_text("slipway drill berth --requests")).to_be_visible()


def background(page):
    red, green, blue = map(int, re.findall(r"\d+", page.evaluate("getComputedStyle(document.body).backgroundColor"))[:3])
    return "dark" if red + green + blue < 300 else "light"


@pytest.mark.parametrize("system", ["dark", "light"])
def test_colours_follow_the_system_until_somebody_chooses(server, open_page, system):
    page = open_page(server.url + "/ui/", color_scheme=system)
    expect(page.get_by_role("heading", name="Models in production")).to_be_visible()
    assert background(page) == system
    page.get_by_role("button", name="Colours follow the system").click()
    page.get_by_role("button", name="Light colours").click()
    expect(page.get_by_role("button", name="Dark colours")).to_be_visible()
    assert background(page) == "dark"
    page.reload()
    expect(page.get_by_role("button", name="Dark colours")).to_be_visible()
    assert background(page) == "dark"


@pytest.mark.expects_errors
def test_server_gone_and_back(endpoint, open_page):
    page = open_page(endpoint.url + "/ui/")
    expect(page.get_by_role("link", name="berth")).to_be_visible()
    endpoint.kill()
    expect(page.get_by_role("alert")).to_contain_text("does not answer")
    expect(page.get_by_role("link", name="berth")).to_be_visible()  # what was there stays
    expect(page.get_by_text("no connection")).to_be_visible()
    page.get_by_role("link", name="Pipelines").click()
    expect(page.get_by_role("alert")).to_contain_text("does not answer")
    endpoint.start()
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.get_by_text("No pipeline is declared yet.")).to_be_visible()


@pytest.mark.expects_errors  # the browser's console calls a 404 an error
def test_unknown_names_are_told(server, open_page):
    page = open_page(server.url + "/ui/endpoints/nowhere")
    expect(page.get_by_role("alert")).to_contain_text("nowhere")
    page.goto(server.url + "/ui/no/such/place")
    expect(page.get_by_text("There is nothing at this address.")).to_be_visible()


def test_what_is_different_between_two_versions_of_a_dataset(server, open_page, tmp_path):
    (tmp_path / "slipway.yaml").write_text("project: tables\ndatasets:\n  items:\n    path: items.parquet\n    key: [id]\n")

    def ingest(**columns):
        pd.DataFrame(columns).to_parquet(tmp_path / "items.parquet")
        server.cli("data", "ingest", "items")

    page = open_page(server.url + "/ui/datasets")
    expect(page.get_by_text("No dataset is declared yet.")).to_be_visible()
    server.cli("apply", str(tmp_path / "slipway.yaml"))
    page.reload()
    page.get_by_role("link", name="items").click()
    expect(page.get_by_text("Nothing has come in yet.")).to_be_visible()
    ingest(id=[1, 2, 3], x=[1.0, 2.0, None])
    page.reload()
    expect(page.get_by_text("There is one version: nothing to compare it with.")).to_be_visible()
    columns = page.get_by_role("region", name="Columns", exact=True).locator("tbody tr")
    assert [row.locator("td").all_inner_texts() for row in columns.all()] == [["id", "int64", "none", "3", "1 · 1 · 2 · 3 · 3", "2", "", ""], ["x", "double", "33.3 %", "2", "1 · 1 · 1 · 2 · 2", "1.5", "", ""]]
    ingest(id=[3, 2, 4], x=[None, 2.5, 9.0])
    ingest(id=[3, 2], x=[None, 2.5])
    page.reload()
    difference = page.get_by_role("region", name="Difference")
    expect(difference.get_by_role("table", name="Removed").get_by_role("row").last).to_contain_text("9")
    page.get_by_role("row").filter(has_text="what is new").last.get_by_role("link").click()
    expect(page).to_have_url(f"{server.url}/ui/datasets/items?from=1&to=2")
    expect(difference.get_by_role("table", name="Changed", exact=True).get_by_role("row").last).to_have_text("2x22.5")
    expect(difference.get_by_role("table", name="Added").get_by_role("row").last).to_have_text("49")
    expect(difference.get_by_role("table", name="Columns").get_by_role("row").last).to_contain_text("2 → 9")
    difference.get_by_label("To version").select_option("1")
    expect(difference.get_by_text("The two versions are the same")).to_be_visible()


@pytest.mark.expects_errors
def test_a_version_that_is_not_there_is_told(server, open_page, tmp_path):
    (tmp_path / "slipway.yaml").write_text("project: tables\ndatasets:\n  items:\n    path: items.parquet\n")
    server.cli("apply", str(tmp_path / "slipway.yaml"))
    for value in (1, 2):
        pd.DataFrame({"id": [value]}).to_parquet(tmp_path / "items.parquet")
        server.cli("data", "ingest", "items")
    page = open_page(server.url + "/ui/datasets/items?from=7&to=2")
    expect(page.get_by_role("alert")).to_contain_text("version 7")


def test_the_first_load_is_small_and_asks_little(server, open_page):
    """Everything the browser was sent until the first screen stood, as it travelled."""
    sizes = {}
    page = open_page(server.url + "/health")
    page.on("response", lambda response: sizes.update({response.url: int(response.all_headers().get("content-length", 0))}))
    page.goto(server.url + "/ui/")
    expect(page.get_by_text("No model is in production yet.")).to_be_visible()
    code = [url for url in sizes if "/assets/" in url]
    assert len(code) == 2 and min(sizes[url] for url in code) > 10_000
    assert sum(sizes.values()) < 300_000
    assert len([url for url in sizes if "/slipway/v1/" in url]) <= 5


def test_little_is_sent_before_a_view_stands(server, open_page):
    """What the time of a first load depends on, wherever the server is."""
    page = open_page(server.url + "/ui/no/such/place")
    sent = []
    page.on("response", lambda reply: sent.append(reply) if "/ui/" in reply.url else None)
    page.goto(server.url + "/ui/")
    expect(page.get_by_text("No model is in production yet.")).to_be_visible()
    sizes = {reply.url.rpartition("/")[2]: int(reply.headers.get("content-length", 0)) for reply in sent}
    assert all(sizes[name] > 0 for name in sizes if name.endswith((".js", ".css"))), sizes
    assert sum(sizes.values()) < 350_000, sizes
