"""A run's screen in Chromium: its files, what its step wrote, what the machine did, and how it is made again."""
import json
import struct
import subprocess
import sys
import zlib

import mlflow
import pytest
import requests
from conftest import BINARY, Server, eventually
from playwright.sync_api import expect
from test_page_for_everybody import ready, tab_to, violations

FIT = """\
import mlflow
print("the tide is coming in")
mlflow.set_experiment("tides")
with mlflow.start_run(run_name="made by a step"):
    mlflow.log_metric("height", 4.5)
"""
SLOW = """\
import mlflow, pathlib, time
print("the ebb begins")
mlflow.set_experiment("tides")
with mlflow.start_run(run_name="left early"):
    mlflow.log_metric("height", 1.5)
while not pathlib.Path("go-on").exists():
    time.sleep(0.05)
for line in range(40_000):
    print(f"low water {line:05}")
print("the last word", end="")
"""


def picture() -> bytes:
    """Two by one pixels."""
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 1, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(b"\0" + bytes(6))) + chunk(b"IEND", b"")


@pytest.fixture(scope="module")
def harbour(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    (folder / "fit.py").write_text(FIT)
    (folder / "slow.py").write_text(SLOW)
    (folder / "slipway.yaml").write_text(
        f"project: harbour\npipelines:\n  tides:\n    steps: [{{name: fit, run: '{sys.executable} fit.py'}}]\n"
        f"  ebb:\n    steps: [{{name: slow, run: '{sys.executable} slow.py'}}]\n")
    server = Server(tmp_path_factory.mktemp("server") / "data")
    subprocess.run([BINARY, "--url", server.url, "apply"], cwd=folder, check=True, capture_output=True)
    client = mlflow.MlflowClient(server.url)
    server.client, server.folder = client, folder
    run = client.create_run("0", run_name="by hand").info.run_id
    client.log_text(run, "the first line\nthe second\n", "notes.txt")
    client.log_text(run, '{"depth":[1,2]}', "more/deep/shape.json")
    client.log_text(run, "place,metres\n\"pier, west\",4.5\nlock,2\n", "soundings.csv")
    client.log_text(run, "x" * 300_000, "long.log")
    client.log_text(run, "", "empty.txt")
    for name, content in (("chart.png", picture()), ("weights.bin", bytes(10))):
        (folder / name).write_bytes(content)
        client.log_artifact(run, str(folder / name))
    for number in range(30):
        for step in range(2):
            client.log_metric(run, f"metric {number:02}", number, step=step)
    for step in range(3):
        client.log_metric(run, "system/cpu_utilization_percentage", 10.0 * step, step=step, timestamp=1_700_000_000_000 + step)
    many = client.create_run("0", run_name="many curves").info.run_id
    for number in range(39):
        for step in range(3):
            client.log_metric(many, f"train/m{number:02}", number, step=step)
    for step in range(21):
        client.log_metric(many, "val/loss", 10.0 ** -step, step=step, timestamp=1_700_000_000_000 + 60_000 * step)
    server.run, server.many = run, many
    server.parent = client.create_run("0", run_name="the whole search").info.run_id
    server.children = [client.create_run("0", run_name=f"try {number}", tags={"mlflow.parentRunId": server.parent}).info.run_id for number in range(3)]
    client.set_tag(server.parent, "mlflow.note.content", "# Tides\n\nThe **higher** the better.\n")
    server.piped = json.loads(server.cli("--json", "run", "tides").stdout)["id"]
    made = client.search_runs([client.get_experiment_by_name("tides").experiment_id])[0]
    server.made = made.info.run_id
    yield server
    server.stop()


def go(page, name):
    page.get_by_role("navigation", name="Parts of the run").get_by_role("link", name=name).click()


def test_files_are_listed_looked_at_and_downloaded(harbour, open_page):
    page = open_page(f"{harbour.url}/ui/runs/{harbour.run}")
    go(page, "Artifacts")
    table = page.get_by_role("table", name="Files", exact=True)
    listed = requests.get(f"{harbour.url}/api/2.0/mlflow/artifacts/list", params={"run_id": harbour.run}, timeout=10).json()["files"]
    expect(table.locator("tbody tr")).to_have_count(len(listed))
    assert [row.locator("td").first.inner_text() for row in table.locator("tbody tr").all()] == [one["path"] + "/" * one["is_dir"] for one in listed]
    table.get_by_role("link", name="notes.txt", exact=True).click()
    preview = page.get_by_role("region", name="Preview of notes.txt")
    expect(preview.locator(".log")).to_have_text("the first line\nthe second\n")
    expect(page).to_have_url(f"{harbour.url}/ui/runs/{harbour.run}?view=files&file=notes.txt")
    with page.expect_download() as download:
        preview.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == "notes.txt" and download.value.path().read_text() == "the first line\nthe second\n"
    table.get_by_role("link", name="soundings.csv", exact=True).click()
    rows = page.get_by_role("table", name="Rows of the file").locator("tbody tr")
    expect(rows).to_have_count(2)
    assert [row.locator("td").all_inner_texts() for row in rows.all()] == [["pier, west", "4.5"], ["lock", "2"]]
    assert violations(page) == []
    table.get_by_role("link", name="chart.png", exact=True).click()
    image = page.get_by_role("img", name="chart.png")
    expect(image).to_be_visible()
    page.wait_for_function("image => image.naturalWidth === 2", arg=image.element_handle())
    table.get_by_role("link", name="weights.bin", exact=True).click()
    expect(page.get_by_text("Files of this kind are not shown here")).to_be_visible()
    table.get_by_role("link", name="long.log", exact=True).click()
    expect(page.get_by_text("The first 256 kB are here")).to_be_visible()
    table.get_by_role("link", name="empty.txt", exact=True).click()
    expect(page.get_by_text("It is empty.")).to_be_visible()
    table.get_by_role("link", name="more/").click()
    table.get_by_role("link", name="deep/").click()
    table.get_by_role("link", name="shape.json", exact=True).click()
    expect(page.locator(".log")).to_have_text('{\n  "depth": [\n    1,\n    2\n  ]\n}')
    page.reload()
    expect(page.locator(".log")).to_contain_text('"depth"')  # the address says it
    page.get_by_role("link", name="files", exact=True).click()
    expect(table.get_by_role("link", name="notes.txt", exact=True)).to_be_visible()


def test_system_metrics_have_a_place_of_their_own(harbour, open_page):
    page = open_page(f"{harbour.url}/ui/runs/{harbour.run}")
    expect(page.get_by_role("figure", name="metric 00")).to_be_visible()
    assert page.get_by_role("figure").filter(has_text="cpu").count() == 0
    go(page, "System metrics (1)")
    chart = page.get_by_role("figure", name="cpu_utilization_percentage: system/cpu_utilization_percentage 20")
    expect(chart).to_be_visible()  # beyond the 24 that are drawn of a run
    call = requests.get(harbour.url + chart.get_by_role("link", name="the call of the API").get_attribute("href"), timeout=10).json()
    assert [point["value"] for point in call["metrics"]] == [0, 10, 20]
    page.goto(f"{harbour.url}/ui/runs/{harbour.made}?view=system")
    expect(page.get_by_text("No system metrics were logged.")).to_be_visible()


def test_what_the_step_wrote_is_there(harbour, open_page):
    page = open_page(f"{harbour.url}/ui/runs/{harbour.made}?view=console")
    expect(page.locator(".log")).to_contain_text("the tide is coming in")
    assert violations(page) == []
    page.get_by_role("link", name=f"fit of {harbour.piped}").click()
    expect(page).to_have_url(f"{harbour.url}/ui/pipeline-runs/{harbour.piped}?step=fit")
    page.goto(f"{harbour.url}/ui/runs/{harbour.run}?view=console")
    expect(page.get_by_text("No console was logged.")).to_be_visible()


def test_what_a_step_writes_after_its_run_comes_too(harbour, open_page):
    piped = requests.post(f"{harbour.url}/slipway/v1/pipelines/ebb/runs", json={}, timeout=10).json()["id"]
    path = f"{harbour.url}/slipway/v1/pipeline-runs/{piped}/steps/slow/log"

    def ended():
        found = harbour.client.get_experiment_by_name("tides")
        return [run for run in harbour.client.search_runs([found.experiment_id], "attributes.run_name = 'left early' and attributes.status = 'FINISHED'")]

    run = eventually(ended)[0]
    page = open_page(f"{harbour.url}/ui/runs/{run.info.run_id}?view=console")
    log = page.locator(".log")
    expect(log).to_contain_text("the ebb begins")  # though it hasn't filled Python's buffer
    log.evaluate("log => { log.dataset.seen = 'yes' }")
    (harbour.folder / "go-on").touch()
    expect(log).to_contain_text("the last word", timeout=60_000)
    expect(log).to_contain_text("… the beginning is left out")
    expect(log).to_have_attribute("data-seen", "yes")  # it stays where somebody has scrolled to
    shown = log.text_content().split("\n")
    assert shown[1].startswith("low water ") and len(shown[1]) == len(shown[-2]) == len("low water 00000") and len("\n".join(shown)) <= 400_100
    whole = requests.get(path, timeout=10)
    assert (whole.status_code, whole.text.split("\n")[0], whole.text.endswith("the last word")) == (200, "the ebb begins", True)
    part = requests.get(path, headers={"Range": "bytes=-13"}, timeout=10)
    size = len(whole.content)
    assert (part.status_code, part.text, part.headers["Content-Range"]) == (206, "the last word", f"bytes {size - 13}-{size - 1}/{size}")
    beyond = requests.get(path, headers={"Range": f"bytes={size}-"}, timeout=10)
    assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, f"bytes */{size}")


def test_how_it_is_made_again(harbour, open_page):
    page = open_page(f"{harbour.url}/ui/runs/{harbour.made}")
    ready(page)
    tab_to(page, "Reproduce")
    page.keyboard.press("Enter")
    expect(page.get_by_text(f"slipway --url {harbour.url} runs reproduce {harbour.made}", exact=True)).to_be_visible()
    page.goto(f"{harbour.url}/ui/runs/{harbour.run}?view=reproduce")
    expect(page.get_by_text(f"runs reproduce {harbour.run} --repository FOLDER")).to_be_visible()
    expect(page.get_by_text("No commit was logged")).to_be_visible()


def titles(page):
    return [figure.locator("figcaption > span").first.inner_text() for figure in page.get_by_role("region", name="Curves").get_by_role("figure").all()]


def test_every_metric_is_found_and_drawn(harbour, open_page):
    page = open_page(f"{harbour.url}/ui/runs/{harbour.many}")
    curves = page.get_by_role("region", name="Curves")
    expect(curves.get_by_role("figure")).to_have_count(24)
    expect(curves.get_by_text("Metrics 1 to 24 of 40")).to_be_visible()
    curves.get_by_role("button", name="Next").click()
    expect(curves.get_by_role("figure")).to_have_count(16)
    expect(page).to_have_url(f"{harbour.url}/ui/runs/{harbour.many}?page=2")
    assert titles(page)[-1] == "val/loss"
    expect(curves.get_by_role("heading")).to_have_text(["train/", "val/"])
    curves.get_by_role("button", name="val/ 1").click()
    expect(curves.get_by_role("figure")).to_have_count(1)
    expect(page).to_have_url(f"{harbour.url}/ui/runs/{harbour.many}?metrics=val%2F")
    curves.get_by_role("textbox").fill("LOSS, m07")
    expect(curves.get_by_role("figure")).to_have_count(2)
    page.reload()  # the address says it
    expect(curves.get_by_role("figure")).to_have_count(2)
    assert titles(page) == ["train/m07", "val/loss"]
    call = curves.get_by_role("link", name="the call of the API").first.get_attribute("href")
    answer = requests.get(harbour.url + call, timeout=10).json()["curves"]
    assert [(curve[0]["key"], len(curve)) for curve in answer] == [("train/m07", 3), ("val/loss", 21)]
    curves.get_by_role("textbox").fill("nothing")
    expect(curves.get_by_text("No metric has a name like this.")).to_be_visible()
    assert violations(page) == []
    over = requests.get(f"{harbour.url}/slipway/v1/runs/{harbour.many}/metrics/curves", params={"key": ["x"] * 101}, timeout=10)
    assert over.status_code == 400 and "at most 100 metrics" in over.text


def test_curves_are_smoothed_and_stretched_as_the_address_says(harbour, open_page):
    page = open_page(f"{harbour.url}/ui/runs/{harbour.many}?metrics=val/&smooth=0.5&y=log&x=time")
    chart = page.get_by_role("figure", name="val/loss: val/loss")
    expect(chart).to_be_visible()
    expect(page.get_by_role("slider", name="Smoothing")).to_have_value("0.5")
    expect(page.get_by_role("checkbox", name="logarithmic")).to_be_checked()
    with page.expect_download() as download:
        chart.get_by_role("button", name="val/loss as CSV").click()
    rows = [line.split(",") for line in download.value.path().read_text().splitlines()]
    assert rows[0] == ["time", "val/loss", "val/loss smoothed"] and rows[1][0] == "2023-11-14T22:13:20.000Z"
    total = weight = 0.0
    for step, (_, raw, smooth) in enumerate(rows[1:]):
        total, weight = total / 2 + 10.0**-step / 2, weight / 2 + 0.5
        assert float(raw) == pytest.approx(10.0**-step) and float(smooth) == pytest.approx(total / weight)
    assert violations(page) == []
    page.get_by_label("Curves over").select_option("relative")
    page.get_by_role("checkbox", name="logarithmic").click()
    page.get_by_role("slider", name="Smoothing").fill("0")
    expect(page).to_have_url(f"{harbour.url}/ui/runs/{harbour.many}?metrics=val%2F&x=relative")


def test_a_chart_is_read_by_keyboard(harbour, open_page):
    page = open_page(f"{harbour.url}/ui/runs/{harbour.many}?metrics=val/loss,m07")
    ready(page)
    chart = page.get_by_role("slider", name="Values of val/loss")
    chart.focus()
    expect(chart).to_have_attribute("aria-valuetext", "val/loss 1.00e-20")  # the last
    for key, words in (("ArrowRight", "step 0, val/loss  1"), ("ArrowRight", "step 1, val/loss  0.1"), ("End", "step 20, val/loss  1.00e-20"), ("ArrowLeft", "step 19, val/loss  1.00e-19"), ("PageDown", "step 9, val/loss  1.00e-9"), ("Home", "step 0, val/loss  1")):
        page.keyboard.press(key)
        expect(chart).to_have_attribute("aria-valuetext", words)
    page.evaluate("for (let turn = 0; turn < 3; ++turn) document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight', bubbles: true }))")
    expect(chart).to_have_attribute("aria-valuetext", "step 3, val/loss  0.001")  # faster than anything is drawn
    assert violations(page) == []

    def drawn():
        return chart.locator("canvas").evaluate("canvas => canvas.toDataURL()")

    whole = drawn()
    page.keyboard.press("Home")
    page.keyboard.press("+")
    eventually(lambda: drawn() != whole)
    page.keyboard.press("End")  # what is beyond the edge is moved to
    expect(chart).to_have_attribute("aria-valuetext", "step 20, val/loss  1.00e-20")
    box, over = chart.locator(".chart-tip"), chart.locator(".u-over")
    expect(box).to_be_visible()
    inside = lambda: over.bounding_box()["x"] - 1 <= box.evaluate("box => parseFloat(box.style.left) + box.parentElement.getBoundingClientRect().left") <= over.bounding_box()["x"] + over.bounding_box()["width"] + 1
    eventually(inside)
    page.keyboard.press("0")
    page.keyboard.press("Home")
    page.keyboard.press("Tab")  # and away
    expect(box).to_be_hidden()
    eventually(lambda: drawn() == whole)


def test_what_people_wrote_and_which_runs_belong_together(harbour, open_page):
    page = open_page(f"{harbour.url}/ui/runs/{harbour.parent}")
    ready(page)
    note = page.get_by_role("region", name="Description")
    expect(note.get_by_role("heading", name="Tides")).to_be_visible()
    expect(note.locator("strong")).to_have_text("higher")
    assert page.get_by_role("table", name="Tags").get_by_text("mlflow.note.content").count() == 0
    children = page.get_by_role("region", name="Child runs")
    expect(children.get_by_role("heading")).to_have_text("3 child runs")
    assert violations(page) == []
    children.get_by_role("link", name="In the table").click()
    for number in range(3):
        expect(page.get_by_role("link", name=f"try {number}")).to_be_visible()
    expect(page.get_by_role("link", name="many curves")).to_have_count(0)
    page.goto(f"{harbour.url}/ui/runs/{harbour.children[0]}")
    page.get_by_role("link", name="the whole search").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("the whole search")
