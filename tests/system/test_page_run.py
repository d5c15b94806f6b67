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
    server.run = run
    server.piped = json.loads(server.cli("--json", "run", "tides").stdout)["id"]
    made = client.search_runs([client.get_experiment_by_name("tides").experiment_id])[0]
    server.made = made.info.run_id
    yield server
    server.stop()


def go(page, name):
    page.get_by_role("navigation", name="Parts of the run").get_by_role("link", name=name).click()


def test_files_are_listed_looked_at_and_downloaded(harbour, open_page):
    page = open_page(f"{harbour.url}/ui/runs/{harbour.run}")
    go(page, "Files")
    table = page.get_by_role("table", name="Files", exact=True)
    listed = requests.get(f"{harbour.url}/api/2.0/mlflow/artifacts/list", params={"run_id": harbour.run}, timeout=10).json()["files"]
    expect(table.locator("tbody tr")).to_have_count(len(listed))
    assert [row.locator("td").first.inner_text() for row in table.locator("tbody tr").all()] == [one["path"] + "/" * one["is_dir"] for one in listed]
    table.get_by_role("link", name="notes.txt", exact=True).click()
    preview = page.get_by_role("region", name="Preview of notes.txt")
    expect(preview.locator(".log")).to_have_text("the first line\nthe second\n")
    assert page.url.endswith("?view=files&file=notes.txt")
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
    tab_to(page, "Make it again")
    page.keyboard.press("Enter")
    expect(page.get_by_text(f"slipway --url {harbour.url} runs reproduce {harbour.made}", exact=True)).to_be_visible()
    page.goto(f"{harbour.url}/ui/runs/{harbour.run}?view=reproduce")
    expect(page.get_by_text(f"runs reproduce {harbour.run} --repository FOLDER")).to_be_visible()
    expect(page.get_by_text("No commit was logged")).to_be_visible()
