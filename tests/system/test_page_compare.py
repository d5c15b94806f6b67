"""The page's comparison of runs in Chromium, against what the mlflow client logged and the API says."""
import csv
import io
import math
import re

import mlflow
import pytest
import requests
from conftest import Server
from playwright.sync_api import expect
from test_page_for_everybody import violations

DEPTHS = [2, 3, 4, 6, 8, 9]


@pytest.fixture(scope="module")
def tried(tmp_path_factory):
    """Six runs with curves: the deeper, the better; one has no rate, all share their seed."""
    server = Server(tmp_path_factory.mktemp("server") / "data")
    client = mlflow.MlflowClient(server.url)
    experiment = client.create_experiment("depths")
    server.runs = []
    for number, depth in enumerate(DEPTHS):
        run = client.create_run(experiment, run_name=f"depth {depth}")
        params = {"depth": depth, "kind": "abc"[number % 3], "seed": 7} | ({} if depth == 9 else {"rate": 10.0**-number})
        for name, value in params.items():
            client.log_param(run.info.run_id, name, value)
        for step in range(20):
            client.log_metric(run.info.run_id, "auc", 0.5 + depth / 20 * (1 - math.exp(-step / 5)), step=step)
        client.log_metric(run.info.run_id, "seconds", 10 - number)
        client.set_tag(run.info.run_id, "team", "harbour")
        client.set_terminated(run.info.run_id)
        server.runs.append(run.info.run_id)
    client.log_metric(server.runs[0], "accident", 1)
    server.experiment = experiment
    yield server
    server.stop()


def values(page):
    table = page.get_by_role("table", name="Values")
    return {row.locator("th").inner_text(): row.locator("td").all_inner_texts() for row in table.locator("tbody tr").all()}


def last(server, metric):
    runs = [requests.get(f"{server.url}/api/2.0/mlflow/runs/get?run_id={run}", timeout=10).json()["run"] for run in server.runs]
    return [next(m["value"] for m in run["data"]["metrics"] if m["key"] == metric) for run in runs]


def test_runs_are_chosen_and_compared(tried, open_page):
    page = open_page(f"{tried.url}/ui/experiments/{tried.experiment}")
    expect(page.get_by_role("button", name="Compare")).to_be_disabled()
    page.get_by_role("checkbox", name="Choose depth 2").check()
    page.get_by_role("checkbox", name="Choose depth 9").check()
    page.get_by_role("link", name="Compare 2 runs").click()
    expect(page.get_by_role("heading", name="2 runs compared")).to_be_visible()
    expect(page.get_by_role("list", name="Runs").get_by_role("link")).to_have_count(2)
    expect(page.get_by_text("It takes 5 runs")).to_be_visible()


def compared(tried, more=""):
    return f"{tried.url}/ui/compare?{'&'.join(f'runs={run}' for run in tried.runs)}{more}"


def test_only_what_is_different_or_all(tried, open_page):
    page = open_page(compared(tried))
    expect(page.get_by_role("table", name="Values")).to_be_visible()
    shown = values(page)
    assert shown["depth"] == [str(depth) for depth in DEPTHS] and shown["rate"][-1] == "–" and "seed" not in shown and "team" not in shown
    page.get_by_role("checkbox", name="only what is different").click()
    expect(page).to_have_url(compared(tried, "&all="))
    expect(page.get_by_role("rowheader", name="team")).to_be_visible()
    shown = values(page)
    assert shown["seed"] == ["7"] * 6 and shown["team"] == ["harbour"] * 6
    with page.expect_download() as download:
        page.get_by_role("button", name="runs as CSV").click()
    table = list(csv.DictReader(io.StringIO(download.value.path().read_text())))
    assert [(row["run_id"], row["depth"], float(row["auc"])) for row in table] == [(run, str(depth), auc) for run, depth, auc in zip(tried.runs, DEPTHS, last(tried, "auc"), strict=True)]


def test_what_goes_with_a_metric(tried, open_page):
    page = open_page(compared(tried, "&metric=auc"))
    table = page.get_by_role("table", name="What goes with auc")
    expect(table).to_be_visible()
    told = {row.locator("td").nth(0).inner_text(): row.locator("td").all_inner_texts()[1:] for row in table.locator("tbody tr").all()}
    assert told["depth"] == ["1", "the more, the higher", "6"] and told["rate"] == ["1", "the more, the lower", "5"]
    assert told["kind"][1] == "depends on which" and 0 < float(told["kind"][0]) < 1
    page.get_by_label("Looked at by").select_option("seconds")
    expect(page).to_have_url(compared(tried, "&metric=seconds"))
    expect(page.get_by_role("table", name="What goes with seconds").locator("tbody tr").filter(has_text="depth")).to_contain_text("the more, the lower")


def test_lines_and_dots_are_the_runs(tried, open_page):
    page = open_page(compared(tried, "&metric=auc"))
    lines = page.get_by_role("img", name=re.compile("^Parallel coordinates")).locator("path")
    expect(lines).to_have_count(6)
    assert "depth 9: depth 9, kind c, rate –, auc" in lines.nth(5).locator("title").text_content()
    assert lines.nth(5).get_attribute("d").count("M") == 2 and lines.nth(0).get_attribute("d").count("M") == 1  # a gap where there is no rate
    expect(page.locator(".scatter circle")).to_have_count(6)
    page.get_by_label("Across").select_option("rate")
    expect(page.locator(".scatter circle")).to_have_count(5)
    chart = page.get_by_role("figure", name="auc")
    expect(chart).to_have_count(1)
    with page.expect_download() as download:
        chart.get_by_role("button", name="auc as CSV").click()
    table = list(csv.DictReader(io.StringIO(download.value.path().read_text())))
    assert len(table) == 20 and float(table[-1]["depth 9"]) == last(tried, "auc")[-1]
    assert page.get_by_role("img", name=re.compile("^Parallel coordinates")).get_by_text("(log)").count() == 1  # the rate goes over decades
    call = requests.get(tried.url + chart.get_by_role("link", name="auc: the call of the API").get_attribute("href"), timeout=10)
    assert len(call.json()["metrics"]) == 120


def kept(page):
    """The depths whose lines are."""
    titles = page.locator("path[data-kept=true] title").all_text_contents()
    return [int(re.match(r"depth (\d+):", title)[1]) for title in titles]


def test_a_part_of_an_axis_keeps_the_runs_in_it(tried, open_page):
    page = open_page(compared(tried, "&metric=auc"))
    rates = page.locator("[data-axis=rate]")
    rates.scroll_into_view_if_needed()
    box = page.locator("[data-axis=depth]").bounding_box()
    middle = box["x"] + box["width"] / 2
    page.mouse.move(middle, box["y"] + 0.72 * box["height"])  # 2 is below, 3 is at 1/7, 4 at 2/7
    page.mouse.down()
    page.mouse.move(middle, box["y"] + 0.3 * box["height"], steps=4)
    expect(page.locator("path[data-kept=true]")).to_have_count(2)  # while one drags, too
    page.mouse.move(middle, box["y"] + 0.05 * box["height"], steps=4)
    page.mouse.up()
    expect(page).to_have_url(re.compile(r"&keep=parameter%2Fdepth%3A0\.2[78]-0\.9[56]$"))
    group = page.get_by_role("group", name="Runs that are kept")
    expect(group.get_by_role("status")).to_have_text("3 of 6 runs kept. Compare only these")
    assert kept(page) == [4, 6, 8]
    # The same by keyboard, of another axis: both hold.
    group.get_by_label("Keep runs by").select_option("kind")
    most = group.get_by_role("slider", name="kind, at most")
    most.focus()
    for _ in range(30):
        page.keyboard.press("ArrowLeft")
    expect(most).to_have_attribute("aria-valuetext", "b")
    expect(group.get_by_role("status")).to_contain_text("2 of 6 runs kept.")
    assert kept(page) == [6, 8] and "keep=parameter%2Fkind%3A0-0.7" in page.url
    assert violations(page) == []
    page.reload()  # as a colleague has it
    expect(page.locator("path[data-kept=true]")).to_have_count(2)
    page.get_by_role("button", name="Keep runs of any kind").press("Enter")
    expect(page.locator("path[data-kept=true]")).to_have_count(3)
    group.get_by_label("Keep runs by").select_option("rate")  # the run without one lies nowhere
    expect(group.get_by_role("status")).to_contain_text("3 of 6 runs kept.")
    group.get_by_role("link", name="Compare only these").click()
    expect(page.get_by_role("heading", name="3 runs compared")).to_be_visible()
    expect(page.locator("path[data-kept=true]")).to_have_count(3)
    page.go_back()
    depth = page.locator("[data-axis=depth]")
    expect(page.get_by_role("heading", name="6 runs compared")).to_be_visible()
    depth.click()  # a click takes the part away
    expect(group.get_by_role("status")).to_contain_text("5 of 6 runs kept.")


def test_the_metric_that_most_have_is_looked_at_first(tried, open_page):
    page = open_page(compared(tried, "&smooth=0.9&y=log"))
    expect(page.get_by_label("Looked at by")).to_have_value("auc")  # and not the one of a single run
    chart = page.get_by_role("figure", name="auc")
    with page.expect_download() as download:
        chart.get_by_role("button", name="auc as CSV").click()
    table = list(csv.DictReader(io.StringIO(download.value.path().read_text())))
    assert float(table[0]["depth 9 smoothed"]) == pytest.approx(0.5) and float(table[-1]["depth 9 smoothed"]) < float(table[-1]["depth 9"])
    page.goto(f"{tried.url}/ui/experiments/{tried.experiment}?group=params.kind&charts=")
    expect(page.get_by_role("status").filter(has_text="No run is seen or chosen: open a group")).to_be_visible()


def test_twenty_runs_can_be_read(tried, open_page):
    client = mlflow.MlflowClient(tried.url)
    runs = [client.create_run(tried.experiment, run_name=f"wide {number}").info.run_id for number in range(20)]
    for number, run in enumerate(runs):
        client.log_param(run, "a_parameter_with_a_long_name", number)
        client.log_metric(run, "auc", 0.5 + 0.0123 * number)
    page = open_page(f"{tried.url}/ui/compare?{'&'.join(f'runs={run}' for run in runs)}")
    name = page.get_by_role("rowheader", name="a_parameter_with_a_long_name")
    expect(name).to_be_visible()
    assert name.bounding_box()["width"] >= 200 and name.bounding_box()["height"] < 60
    scatter = page.locator(".scatter")
    expect(scatter.get_by_text("auc", exact=True)).to_be_visible()  # beside the upright axis
    edge = scatter.bounding_box()
    for text in scatter.locator("text").all():
        box = text.bounding_box()
        assert box["x"] >= edge["x"] - 1 and box["x"] + box["width"] <= edge["x"] + edge["width"] + 1, text.text_content()


def test_what_is_not_there_is_told(tried, open_page):
    page = open_page(tried.url + "/ui/compare")
    expect(page.get_by_text("No run was chosen.")).to_be_visible()
    page.goto(f"{tried.url}/ui/compare?runs={'0' * 32}")
    expect(page.get_by_text("None of these runs is there any more.")).to_be_visible()


def test_runs_of_one_name_that_diverged_and_that_counted_no_steps(tried, open_page):
    client = mlflow.MlflowClient(tried.url)
    runs = []
    for loss in (0.85, 0.9, math.nan, 0.123456):
        run = client.create_run(tried.experiment, run_name="same").info.run_id
        for moment in range(3):
            client.log_metric(run, "loss", loss, timestamp=1_700_000_000_000 + 1000 * moment)
        client.log_param(run, "seed", 1234567890 + len(runs))
        runs.append(run)
    page = open_page(f"{tried.url}/ui/compare?{'&'.join(f'runs={run}' for run in runs)}&runs={'f' * 32}")
    expect(page.get_by_role("note")).to_have_text("1 run of these is not there any more, or not for you to see.")
    expect(page.get_by_role("table", name="Values")).to_be_visible()
    assert values(page)["seed"] == [str(1234567890 + number) for number in range(4)]
    assert page.get_by_role("list", name="Runs").get_by_role("link").all_inner_texts() == [f"same {run[:8]}" for run in runs]
    heights = [float(circle.get_attribute("cy")) for circle in page.locator(".scatter circle").all()]
    assert len(heights) == 3 and heights[1] < heights[0] < heights[2]  # the one that is not a number has no place
    with page.expect_download() as download:
        page.get_by_role("figure", name="loss").get_by_role("button", name="loss as CSV").click()
    table = list(csv.DictReader(io.StringIO(download.value.path().read_text())))
    assert [row["seconds"] for row in table] == ["0", "1", "2"] and len(table[0]) == 4
