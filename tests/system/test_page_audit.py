"""The page's audit in Chromium: what is shown is what the API says; filters, pages, CSV, and a record that was changed."""
import csv
import io
import sqlite3

import pytest
import requests
from conftest import Server
from playwright.sync_api import expect

EVENTS_SHOWN = 100


@pytest.fixture(scope="module")
def busy(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("server") / "data")
    for number in range(EVENTS_SHOWN + 3):
        made = requests.post(server.url + "/api/2.0/mlflow/experiments/create", json={"name": f"number {number}"}, timeout=20)
        assert made.ok, made.text
    requests.post(server.url + "/api/2.0/mlflow/registered-models/create", json={"name": "churn, \"new\""}, timeout=20)
    yield server
    server.stop()


def ask(server, **query):
    return requests.get(server.url + "/slipway/v1/events", params={"order": "newest", **query}, timeout=20).json()["events"]


def rows(page, count):
    found = page.get_by_role("table", name="Events").locator("tbody tr")
    expect(found).to_have_count(count)
    return [[cell.strip() for cell in row.locator("td").all_inner_texts()] for row in found.all()]


def test_all_events_by_page_and_as_csv(busy, open_page):
    page = open_page(busy.url + "/ui/")
    page.get_by_role("link", name="Audit").click()
    events = ask(busy, limit=EVENTS_SHOWN)
    shown = rows(page, EVENTS_SHOWN)
    assert [row[2:4] for row in shown] == [[event["kind"], event["subject"]] for event in events]
    created = next(at for at, event in enumerate(events) if event["kind"] == "experiment.created")
    assert shown[created][4].startswith(f"name: {events[created]['payload']['name']}")  # in words; as it was written behind them
    with page.expect_download() as download:
        page.get_by_role("button", name="events as CSV").click()
    assert download.value.suggested_filename == "events.csv"
    table = list(csv.DictReader(io.StringIO(download.value.path().read_text())))
    assert [(row["sequence"], row["subject"], row["arrival_time"]) for row in table] == [(str(event["sequence"]), event["subject"], event["arrival_time"]) for event in events]
    call = page.get_by_role("link", name="events: the call of the API").get_attribute("href")
    assert requests.get(busy.url + call, timeout=20).json()["events"] == events
    rest = ask(busy, before=events[-1]["sequence"])
    page.get_by_role("link", name="earlier").click()
    expect(page).to_have_url(f"{busy.url}/ui/audit?before={events[-1]['sequence']}")
    assert [row[3] for row in rows(page, len(rest))] == [event["subject"] for event in rest]
    page.get_by_role("link", name="newest").click()
    expect(page).to_have_url(busy.url + "/ui/audit")


def test_filters_are_in_the_address(busy, open_page):
    page = open_page(busy.url + "/ui/audit")
    page.get_by_label("On what").fill("models/")
    page.keyboard.press("Enter")
    expect(page).to_have_url(busy.url + "/ui/audit?subject=models%2F")
    (model,) = ask(busy, subject="models/")
    assert [row[2:4] for row in rows(page, 1)] == [[model["kind"], 'models/churn, "new"']]
    time = page.get_by_role("form", name="Time shown")
    time.get_by_role("combobox").select_option("between")
    time.get_by_label("Until (UTC)").fill("2020-01-01T00:00")
    page.keyboard.press("Enter")
    expect(page.get_by_text("No event is like this.")).to_be_visible()
    expect(page).to_have_url(busy.url + "/ui/audit?subject=models%2F&until=2020-01-01T00%3A00%3A00Z")
    time.get_by_role("combobox").select_option("day")
    expect(page).to_have_url(busy.url + "/ui/audit?subject=models%2F&last=day")
    rows(page, 1)
    page.get_by_label("What", exact=True).fill(model["kind"])  # what is asked for otherwise leaves the time as it is
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{busy.url}/ui/audit?kind={model['kind']}&subject=models%2F&last=day")
    page.get_by_role("button", name="All").click()
    rows(page, EVENTS_SHOWN)
    assert ask(busy, **{"from": model["arrival_time"]}) == [model] == ask(busy, kind=model["kind"], actor=model["actor"])
    assert ask(busy, until=model["arrival_time"], limit=1)[0]["sequence"] == model["sequence"] - 1
    assert ask(busy, actor="nobody") == []
    page.get_by_role("link", name="experiments/").first.click()
    expect(page).to_have_url(f"{busy.url}/ui/experiments/{ask(busy, subject='experiments/', limit=1)[0]['subject'].split('/')[1]}")


@pytest.mark.expects_errors
def test_a_time_that_is_none_is_told(busy, open_page):
    page = open_page(busy.url + "/ui/audit?from=yesterday")
    said = requests.get(busy.url + "/slipway/v1/events?from=yesterday", timeout=20).json()["error"]["message"]
    assert said.startswith("query parameter from: ")
    expect(page.get_by_role("alert")).to_contain_text(said)
    refused = requests.get(busy.url + "/slipway/v1/events?until=2026-13-01", timeout=20)
    assert refused.status_code == 400 and "query parameter until" in refused.text


@pytest.mark.expects_errors
def test_a_changed_record_is_found(busy, open_page):
    page = open_page(busy.url + "/ui/audit")
    page.get_by_role("button", name="Is the record intact?").click()
    expect(page.get_by_role("alert")).to_contain_text("are as they were written")
    with sqlite3.connect(next(busy.data_dir.glob("*.db")), timeout=20) as database:
        changed = database.execute("UPDATE events SET payload = '{}' WHERE sequence = 5").rowcount
    assert changed == 1
    page.get_by_role("button", name="Is the record intact?").click()
    expect(page.get_by_role("alert")).to_contain_text(requests.get(busy.url + "/slipway/v1/events/verify", timeout=20).json()["error"]["message"])
