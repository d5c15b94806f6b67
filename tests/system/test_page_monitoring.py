"""The monitoring screen: health over time as the server's verdicts say it, one window of it, and several monitors of one endpoint."""
import re

import pandas as pd
import pytest
import requests
import small_project
from conftest import Server, eventually
from playwright.sync_api import expect
from test_page_for_everybody import ready, violations

SECOND = """\
  sale-drift:
    endpoint: sale
    windows: [day, week]
    complete: {share: 0.95, after: 6h}
    reference: {from: 2024-01-08T00:00:00Z, to: 2024-01-29T00:00:00Z}
    alerts:
      moved: {metric: prediction_psi, window: day, over: 100}
      few: {metric: auc, window: day, under: 0.01, min_rows: 100000}
      weekly: {metric: completeness, window: week, under: 0.01}
"""
STATES = {"fires": "alert fires", "fine": "fine", "not_judged": "not judged", None: "waits for labels"}


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """Two monitors of one endpoint; the first has fired."""
    folder = tmp_path_factory.mktemp("shop")
    server = Server(tmp_path_factory.mktemp("server") / "data")
    file = small_project.write(folder)
    file.write_text(file.read_text() + SECOND)
    server.cli("apply", str(file))
    server.cli("data", "ingest", "visits")
    server.cli("features", "materialize", "--as-of", small_project.START.isoformat())
    server.cli("run", "train")
    server.cli("replay", "sale", *small_project.replay_flags(folder, "2024-02-13T00:00:00Z"))
    yield server
    server.stop()


def own(server, path):
    reply = requests.get(f"{server.url}/slipway/v1/{path}", timeout=10)
    assert reply.status_code == 200, reply.text
    return reply.json()


def verdicts(server, monitor="sale-health", window="day"):
    return own(server, f"monitors/{monitor}/verdicts?window={window}")


def test_verdicts_are_a_rehearsals_beside_the_windows(shop):
    for monitor, alerts in (("sale-health", ["log_loss"]), ("sale-drift", ["moved", "few"])):
        said = verdicts(shop, monitor)
        assert [one["alert"] for one in said["alerts"]] == alerts
        windows = [one for one in own(shop, f"monitors/{monitor}/windows?window=day&variant=live")["windows"]]
        assert [(one["start"], one["judged"], one["rows"], one["inputs_drifted"]) for one in said["windows"]] == [
            (one["start"], one["judged"], one["rows"], sum(drift["drifted"] for drift in one["drift"])) for one in windows]
        for alert in said["alerts"]:
            told = requests.post(f"{shop.url}/slipway/v1/monitors/{monitor}/rehearse", json={"alert": alert["alert"]}, timeout=10).json()
            judged = [word for word, window in zip(alert["verdicts"], windows) if window["judged"]]
            assert "".join({"fires": "#", "fine": ".", "not_judged": "?"}[word] for word in judged) == told["strip"]
            assert alert["values"] == [one["metrics"].get(alert["watches"]) for one in windows]
            assert alert["threshold"] == told["threshold"]
    assert "fires" in verdicts(shop)["alerts"][0]["verdicts"]
    assert set(verdicts(shop, "sale-drift")["alerts"][1]["verdicts"]) <= {"not_judged", None}


def test_verdicts_of_what_is_not_there(shop):
    assert requests.get(f"{shop.url}/slipway/v1/monitors/none/verdicts", timeout=10).status_code == 404
    assert requests.get(f"{shop.url}/slipway/v1/monitors/sale-health/verdicts?window=year", timeout=10).status_code == 400
    assert [one["alert"] for one in verdicts(shop, "sale-drift", "week")["alerts"]] == ["weekly"]
    assert len(own(shop, "monitors/sale-health/verdicts?limit=3")["windows"]) >= 3


def test_the_line_says_what_the_server_says(shop, open_page):
    page = open_page(f"{shop.url}/ui/endpoints/sale/monitoring")
    ready(page)
    line = page.get_by_role("table", name="Health over time")
    said = verdicts(shop)
    [alert] = said["alerts"]
    row = line.get_by_role("row").filter(has=page.get_by_role("rowheader", name="log_loss"))
    labels = row.get_by_role("link").evaluate_all("all => all.map(one => one.getAttribute('aria-label'))")
    assert len(labels) == len(alert["verdicts"])
    for label, word in zip(labels, alert["verdicts"]):
        assert STATES[word] in label
    happened = line.get_by_role("row").filter(has=page.get_by_role("rowheader", name="Happened"))
    expect(happened).to_contain_text("▲")
    expect(happened).to_contain_text("●")
    told = happened.get_by_role("link").evaluate_all("all => all.map(one => one.getAttribute('aria-label')).join()")
    for opened in own(shop, "alerts?endpoint=sale&monitor=sale-health")["alerts"]:
        assert f"alert {opened['alert']}" in told


def test_a_window_is_chosen_with_the_keyboard_and_in_the_address(shop, open_page):
    said = verdicts(shop)
    index = said["alerts"][0]["verdicts"].index("fires")
    window = said["windows"][index]
    page = open_page(f"{shop.url}/ui/endpoints/sale/monitoring")
    ready(page)
    line = page.get_by_role("table", name="Health over time")
    newest = line.locator('[data-row="0"][tabindex="0"]')
    newest.focus()
    for _ in range(len(said["windows"]) - 1 - index):
        page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    chosen = page.get_by_role("region", name="The chosen window")
    expect(chosen).to_contain_text(f"{window['rows']:,}")
    expect(page).to_have_url(re.compile(f"at={window['start'].replace(':', '%3A')}"))
    alerts = chosen.get_by_role("table", name="What the alerts say of it")
    expect(alerts).to_contain_text("alert fires")
    value = said["alerts"][0]["values"][index]
    expect(alerts).to_contain_text(f"{value:.4g}")
    expect(page.get_by_role("region", name="Slices")).to_be_visible()
    assert violations(page) == []
    page.goto(page.url)  # as a colleague has it
    expect(page.get_by_role("region", name="The chosen window").get_by_role("table", name="What the alerts say of it")).to_contain_text("alert fires")
    page.get_by_role("link", name="All windows").click()
    expect(page.get_by_role("region", name="The chosen window")).to_have_count(0)
    page.goto(f"{shop.url}/ui/endpoints/sale/monitoring?at=1999-01-01T00:00:00Z")
    expect(page.get_by_text("No day is kept that begins at 1999-01-01T00:00:00Z.")).to_be_visible()


def test_the_part_of_a_chart_that_one_sees_is_in_the_address(shop, open_page):
    page = open_page(f"{shop.url}/ui/endpoints/sale/monitoring?window=day")
    ready(page)
    values = page.get_by_role("slider", name="Values of ")
    expect(values.nth(1)).to_be_visible()
    zoomed = re.compile(r"[?]window=day&zoom=monitoring%3A2024-0[^&]+Z%2F2024-0[^&]+Z$")
    values.first.press("+")
    expect(page).to_have_url(zoomed)
    once = page.url
    values.nth(1).press("+")  # charts of one screen go together: a half, and its half
    expect(page).not_to_have_url(once)
    expect(page).to_have_url(zoomed)
    twice = page.url
    page.goto(once)  # as a colleague has it: what is nearer begins at the same place
    ready(page)
    values.first.press("+")
    expect(page).to_have_url(twice)
    values.first.press("0")
    expect(page).to_have_url(re.compile(r"[?]window=day$"))


def test_time_is_chosen_with_the_keyboard_and_in_the_address(shop, open_page):
    def starts():
        links = page.get_by_role("table", name="Health over time").locator('[data-row="0"]')
        return [re.search(r"at=([^&]+)", link)[1].replace("%3A", ":") for link in links.evaluate_all("all => all.map(one => one.href)")]

    now = pd.Timestamp(own(shop, "clock")["now"])
    every = verdicts(shop)["windows"]
    page = open_page(f"{shop.url}/ui/endpoints/sale/monitoring?window=day&at={every[0]['start']}")
    ready(page)
    assert starts() == [one["start"] for one in every]
    choice = page.get_by_role("combobox", name="Time shown")
    choice.focus()
    page.keyboard.type("Last w")
    expect(page).to_have_url(re.compile(r"[?]window=day&last=week$"))  # a window that may not be in it is left
    expect(choice).to_be_focused()
    week = [one["start"] for one in every if pd.Timestamp(one["end"]) > now - pd.Timedelta(days=7)]
    assert 0 < len(week) < len(every)
    eventually(lambda: starts() == week)
    call = page.get_by_role("link", name="Health of sale: the call of the API").get_attribute("href")
    assert [one["start"] for one in requests.get(shop.url + call, timeout=10).json()["windows"]] == week
    page.keyboard.press("End")
    for name, part in (("from", every[1]["start"]), ("until", every[4]["start"])):
        while page.evaluate("document.activeElement.name") != name:  # a field has a stop for each part of a time
            page.keyboard.press("Tab")
        page.locator(":focus").fill(part.removesuffix(":00Z"))
    page.keyboard.press("Enter")
    eventually(lambda: starts() == [one["start"] for one in every[1:4]])
    assert violations(page) == []
    opened = [one for one in own(shop, "alerts?endpoint=sale")["alerts"] if one["time"] < every[4]["start"] and (one["resolved"] or "9") >= every[1]["start"]]
    expect(page.get_by_role("region", name="Alerts").get_by_role("row")).to_have_count(len(opened) + 1 if opened else 0)
    page.goto(page.url)  # as a colleague has it
    eventually(lambda: starts() == [one["start"] for one in every[1:4]])
    expect(page.get_by_label("From (UTC)")).to_have_value(every[1]["start"].removesuffix(":00Z"))
    page.get_by_label("Until (UTC)").fill("2020-01-01T00:00")
    page.keyboard.press("Enter")
    expect(page.get_by_text("must be later than From")).to_be_visible()
    page.get_by_label("From (UTC)").fill("2019-01-01T00:00")
    page.keyboard.press("Enter")
    expect(page.get_by_text("No day of this time is kept.")).to_be_visible()
    page.go_back()
    eventually(lambda: starts() == [one["start"] for one in every[1:4]])


def test_verdicts_of_some_time_are_those_of_all(shop):
    every = verdicts(shop)
    part = own(shop, f"monitors/sale-health/verdicts?window=day&from={every['windows'][3]['start']}&to={every['windows'][9]['start']}")
    assert part["windows"] == every["windows"][3:9]
    for alert, whole in zip(part["alerts"], every["alerts"]):
        assert (alert["verdicts"], alert["values"]) == (whole["verdicts"][3:9], whole["values"][3:9])


def test_traffic_and_cost_of_a_chosen_time_are_the_logs(shop, open_page):
    now = pd.Timestamp.now(tz="UTC")
    text = lambda at: at.strftime("%Y-%m-%dT%H:%M:%SZ")  # noqa: E731
    history = own(shop, f"endpoints/sale/traffic-history?from={text(now - pd.Timedelta(days=1))}&until={text(now + pd.Timedelta(minutes=1))}")
    assert history["step_seconds"] == 900
    asked = own(shop, "endpoints/sale/requests?from=2024-01-29T00:00:00Z&until=2024-03-01T00:00:00Z&limit=10000")["requests"]
    total = sum(one["requests"] for one in history["steps"])
    assert total == len({one["id"] for one in asked}) > 0  # a replay sends its rows together, and names each
    answered = [one for one in history["steps"] if one["requests"] > one["errors"]]
    assert all(0 < one["latency_ms_p50"] <= one["latency_ms_p95"] <= one["latency_ms_p99"] for one in answered)
    page = open_page(f"{shop.url}/ui/endpoints/sale?last=day")
    traffic = page.get_by_role("region", name="Traffic")
    expect(traffic.locator("figure")).to_have_count(3)
    expect(traffic).to_contain_text(f"Requests{total:,}")
    expect(traffic.get_by_text("Requests per 15 minutes")).to_be_visible()
    assert violations(page) == []
    page.goto(f"{shop.url}/ui/endpoints/sale?until=2020-01-01T00:00:00Z")
    expect(page.get_by_text("No request of this time was logged.")).to_be_visible()
    page.goto(f"{shop.url}/ui/cost?last=week")
    costs = page.get_by_role("table", name="Cost of models")
    expect(costs.get_by_role("row").nth(1)).to_contain_text(f"{sum(one['rows'] for one in history['steps']):,}")
    expect(costs.get_by_role("columnheader", name="Predictions per week")).to_have_count(0)
    page.get_by_role("link", name="how best served").click()  # the time stays while one asks for more
    expect(page).to_have_url(f"{shop.url}/ui/cost?last=week&of=sale")
    page.get_by_label("at requests per second").fill("50")
    page.get_by_role("button", name="Reckon").click()
    expect(page).to_have_url(f"{shop.url}/ui/cost?last=week&of=sale&rate=50")
    expect(page.get_by_role("table", name="Ways to serve it")).to_be_visible()
    expect(costs.get_by_role("columnheader", name="Predictions per week")).to_have_count(0)
    page.get_by_role("combobox", name="Time shown").select_option("")
    expect(costs.get_by_role("columnheader", name="Predictions per week")).to_be_visible()
    assert requests.get(f"{shop.url}/slipway/v1/endpoints/sale/traffic-history?from=2024-01-01T00:00:00Z", timeout=10).status_code == 400
    assert requests.get(f"{shop.url}/slipway/v1/endpoints/none/traffic-history?from=2024-01-01T00:00:00Z&until=2025-01-01T00:00:00Z", timeout=10).status_code == 404


def test_each_monitor_of_an_endpoint_has_its_screen(shop, open_page):
    page = open_page(f"{shop.url}/ui/endpoints/sale/monitoring")
    ready(page)
    line = page.get_by_role("table", name="Health over time")
    first = {one["name"]: one["open_alerts"] for one in own(shop, "monitors")["monitors"]}
    assert first["sale-health"] > first["sale-drift"] == 0
    expect(line.get_by_role("rowheader", name="log_loss")).to_be_visible()  # what is open comes first
    choice = page.get_by_role("combobox", name="Monitor")
    assert {text.split(" ")[0] for text in choice.locator("option").all_text_contents()} == set(first)
    choice.select_option("sale-health")
    expect(line.get_by_role("rowheader", name="log_loss")).to_be_visible()
    choice.select_option("sale-drift")
    expect(line.get_by_role("rowheader", name="weekly")).to_be_visible()
    expect(page).to_have_url(re.compile("monitor=sale-drift"))
    page.get_by_text("By day", exact=True).click()
    expect(line.get_by_role("rowheader", name="moved")).to_be_visible()
    expect(line.get_by_role("rowheader", name="log_loss")).to_have_count(0)
    assert violations(page) == []
    page.goto(f"{shop.url}/ui/endpoints/sale/monitoring?monitor=none")
    expect(page.get_by_text("No monitor none watches this endpoint.")).to_be_visible()
    page.get_by_role("combobox", name="Monitor").select_option("sale-drift")
    expect(line.get_by_role("rowheader", name="weekly")).to_be_visible()


def test_what_is_to_be_done_is_done_from_the_search_box(shop, open_page):
    [alert] = [one for one in own(shop, "alerts?state=open&monitor=sale-health")["alerts"]]
    page = open_page(f"{shop.url}/ui/incidents")
    ready(page)
    for verb, words in (("Acknowledge", "I look"), ("Silence", "known")):
        page.keyboard.press("/")
        expect(page.get_by_role("combobox", name="Search everything")).to_be_focused()
        page.keyboard.type(f"{verb} {alert['alert']}")
        expect(page.get_by_role("listbox", name="Found").get_by_role("option").first).to_contain_text(f"{verb} {alert['alert']} of sale")
        page.keyboard.press("Enter")
        expect(page.get_by_role("dialog")).to_contain_text(f"{verb} {alert['alert']}")
        expect(page.get_by_label("Comment")).to_be_focused()
        page.keyboard.type(words)
        page.get_by_role("dialog").get_by_role("button", name=verb).click()
        expect(page.get_by_role("heading", name="Monitoring", level=1)).to_be_visible()
        expect(page.get_by_role("dialog")).to_have_count(0)
        ready(page)
    [now] = [one for one in own(shop, "alerts?state=open&monitor=sale-health")["alerts"] if one["id"] == alert["id"]]
    assert now["acknowledged"]["comment"] == "I look" and "known" in now["silenced"]
    endpoint = own(shop, "endpoints/sale")
    page.keyboard.press("/")
    page.keyboard.type("roll back sale")
    expect(page.get_by_role("listbox", name="Found").get_by_role("option").first).to_contain_text(f"to revision {endpoint['last_good']}")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text(f"All requests go back to what revision {endpoint['last_good']} served")
    page.get_by_label("Reason").fill("sells to nobody")
    page.get_by_role("dialog").get_by_role("button", name="Roll back").click()
    expect(page.get_by_role("heading", name="sale", level=1)).to_be_visible()
    revision = own(shop, "endpoints/sale")["revision"]
    assert (revision["kind"], revision["reason"]) == ("rollback", "sells to nobody")
