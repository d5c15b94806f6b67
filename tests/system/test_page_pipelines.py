"""The page of a pipeline and of its runs: what is drawn is what the API says."""
import json
import re
import subprocess
import time

import pytest
import requests
from conftest import BINARY, Server, eventually, read_stream
from playwright.sync_api import expect

YAML = """\
project: drawn
pipelines:
  nightly:
    params: {day: 1}
    steps:
      - {name: rows, run: 'echo {day} > {out}/rows; echo counted', outputs: [rows]}
      - {name: train, run: 'cat {rows}/rows > {out}/model', outputs: [model]}
      - {name: flaky, run: 'test $SLIPWAY_TRY = 3 || { echo no luck; exit 7; }', after: [rows], retry: {times: 2, after: 50ms}}
      - {name: evaluate, run: 'test ! -f broken && cat {train}/model', after: [flaky]}
      - {name: bonus, run: 'true', after: [train], when: "{day} > 100"}
      - {name: good, approve: 'Is it good?', after: [evaluate]}
      - {name: release, run: 'echo out', after: [good, rows]}
"""
NEEDS = {("rows", "train"), ("rows", "flaky"), ("train", "evaluate"), ("flaky", "evaluate"), ("train", "bonus"), ("evaluate", "good"), ("good", "release"), ("rows", "release")}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    (folder / "slipway.yaml").write_text(YAML)
    server = Server(tmp_path_factory.mktemp("server") / "data")
    subprocess.run([BINARY, "--url", server.url, "apply"], cwd=folder, check=True, capture_output=True)
    server.folder = folder
    yield server
    server.stop()


def get(server, path):
    reply = requests.get(f"{server.url}/slipway/v1/{path}", timeout=10)
    assert reply.ok, reply.text
    return reply.json()


def run_of(server, run):
    return get(server, f"pipeline-runs/{run}")


def states(server, run):
    return {step["name"]: step["state"] for step in run_of(server, run)["steps"]}


def start(server, *params, until="waiting"):
    """A run that has come to its question, or to its end."""
    run = json.loads(server.cli("--json", "run", "nightly", "--detach", *params).stdout)["id"]
    if until == "waiting":
        eventually(lambda: states(server, run)["good"] == "waiting")
    else:
        eventually(lambda: run_of(server, run)["finished_at"])
    return run


@pytest.fixture(scope="module")
def runs(drawn):
    """Oldest first: good, from cache, failed twice, and one that waits for a person."""
    made = []
    for _ in range(2):
        made.append(start(drawn))
        drawn.cli("pipelines", "approve", made[-1], "good")
        eventually(lambda: run_of(drawn, made[-1])["finished_at"])
    (drawn.folder / "broken").touch()
    made += [start(drawn, "--param", f"day={day}", until="end") for day in (2, 3)]
    (drawn.folder / "broken").unlink()
    made.append(start(drawn, "--param", "day=4"))
    return made


WORDS = {"cached": "from cache", "waiting": "waits for a person"}


def test_the_graph_is_the_runs_own(drawn, runs, open_page):
    for run in runs:
        page = open_page(f"{drawn.url}/ui/pipeline-runs/{run}")
        graph = page.get_by_role("region", name="Graph of steps")
        expect(graph.get_by_role("button")).to_have_count(7)
        for step in run_of(drawn, run)["steps"]:
            node = graph.get_by_role("button", name=re.compile(f"^{step['name']}: "))
            expect(node).to_have_accessible_name(re.compile(f"(: |, ){WORDS.get(step['state'], step['state'])}"))
            if step["tries"] > 1:
                expect(node).to_contain_text(f"{step['tries']} tries")
        edges = graph.locator("svg path[data-from]").evaluate_all("all => all.map(path => [path.dataset.from, path.dataset.to])")
        assert {tuple(edge) for edge in edges} == NEEDS == {(need, step["name"]) for step in run_of(drawn, run)["steps"] for need in step["needs"]}
        page.context.close()


def test_no_node_lies_on_another_nor_before_what_it_needs(drawn, runs, open_page):
    for size in ({"width": 1440, "height": 900}, {"width": 390, "height": 800}):
        page = open_page(f"{drawn.url}/ui/pipeline-runs/{runs[0]}")
        page.set_viewport_size(size)
        nodes = page.get_by_role("region", name="Graph of steps").get_by_role("button")
        expect(nodes).to_have_count(7)
        boxes = {node.get_attribute("aria-label").split(":")[0]: node.bounding_box() for node in nodes.all()}
        for one in boxes.values():
            for two in boxes.values():
                assert one is two or one["x"] + one["width"] <= two["x"] or two["x"] + two["width"] <= one["x"] or one["y"] + one["height"] <= two["y"] or two["y"] + two["height"] <= one["y"]
        axis, length = ("x", "width") if size["width"] > 800 else ("y", "height")
        for before, after in NEEDS:
            assert boxes[before][axis] + boxes[before][length] < boxes[after][axis], (before, after, size)
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
        page.context.close()


def test_a_step_tells_why_it_ran_its_tries_and_its_log(drawn, runs, open_page):
    page = open_page(f"{drawn.url}/ui/pipeline-runs/{runs[2]}")
    flaky = page.get_by_role("button", name=re.compile("^flaky: "))
    flaky.focus()
    page.keyboard.press("Enter")
    panel = page.get_by_role("region", name="Step flaky", exact=True)
    expect(panel).to_contain_text("it declares no outputs, so it runs for its effect")
    step = next(step for step in run_of(drawn, runs[2])["steps"] if step["name"] == "flaky")
    tries = panel.get_by_role("table", name="Earlier tries").get_by_role("row")
    assert len(step["earlier_tries"]) == 2
    expect(tries).to_have_count(3)
    for row, one in zip(tries.all()[1:], step["earlier_tries"], strict=True):
        expect(row).to_contain_text(one["reason"])
    expect(page).to_have_url(re.compile(r"[?]step=flaky$"))  # somebody can be sent there
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    expect(flaky).to_be_focused()
    page.get_by_role("button", name=re.compile("^rows: ")).click()
    panel = page.get_by_role("region", name="Step rows", exact=True)
    why = get(drawn, f"pipeline-runs/{runs[2]}/steps/rows/why")["why"]
    assert why.startswith(f"since run {runs[1]}: ") and " changed from `" in why
    expect(panel).to_contain_text(why)
    expect(panel.get_by_role("region", name="Log of rows")).to_contain_text("counted")
    page.goto(f"{drawn.url}/ui/pipeline-runs/{runs[1]}?step=train")
    expect(page.get_by_role("region", name="Step train", exact=True)).to_contain_text(f"nothing it depends on has changed since run {runs[0]}")


SAYS = """\
project: drawn
pipelines:
  speak:
    steps:
      - {name: say, run: 'for i in $(seq 40); do echo "number $i"; done; printf "\\033[31mred\\033[0m caf\\303"; until test -f more; do sleep 0.05; done; printf "\\251 Error: one\\n"; until test -f last; do sleep 0.05; done; echo "error: two"'}
"""


def test_a_log_is_followed_and_looked_through(drawn, tmp_path, open_page):
    (tmp_path / "slipway.yaml").write_text(SAYS)
    subprocess.run([BINARY, "--url", drawn.url, "apply"], cwd=tmp_path, check=True, capture_output=True)
    run = json.loads(drawn.cli("--json", "run", "speak", "--detach").stdout)["id"]
    page = open_page(f"{drawn.url}/ui/pipeline-runs/{run}?step=say")
    log = page.locator(".log")
    at_end = lambda: log.evaluate("log => log.scrollHeight - log.scrollTop - log.clientHeight < 2")  # noqa: E731
    expect(log).to_contain_text("number 40\nred caf")
    eventually(at_end)
    # Pushed: nothing is asked for while it comes. Half a character waits for its other half.
    asked = []
    page.on("request", lambda request: asked.append(request.url) if request.url.endswith("/log") else None)
    (tmp_path / "more").touch()
    expect(log).to_contain_text("red café Error: one")
    eventually(at_end)
    assert asked == []
    # Who reads elsewhere stays there.
    follow = page.get_by_role("switch", name="Follow")
    expect(follow).to_be_checked()
    log.evaluate("log => log.scrollTo(0, 0)")
    expect(follow).not_to_be_checked()
    find = page.get_by_role("searchbox", name="Search in the log")
    find.fill("ERROR")
    expect(page.get_by_role("status", name="Matches")).to_have_text("1 of 1 match")
    (tmp_path / "last").touch()
    expect(page.get_by_role("status", name="Matches")).to_have_text("1 of 2 matches")
    expect(follow).to_have_count(0)  # it is over
    find.press("Enter")
    expect(page.get_by_role("status", name="Matches")).to_have_text("2 of 2 matches")
    expect(log.locator("mark[data-current]")).to_have_text("error")
    expect(page).to_have_url(re.compile(r"[?]step=say&find=ERROR$"))  # somebody can be sent there
    find.press("Escape")
    expect(log.locator("mark")).to_have_count(0)
    expect(page.get_by_role("region", name="Step say", exact=True)).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    whole = get_log(drawn, run)
    assert download.value.path().read_bytes() == whole.encode() and download.value.suggested_filename == f"{run}-say.log"
    # The same for any client, from any byte on.
    url = f"{drawn.url}/slipway/v1/pipeline-runs/{run}/steps/say/log/stream"
    told = list(read_stream(url))
    assert "".join(data["text"] for event, _, data in told if event == "text") == whole and told[-1][0] == "over"
    assert [data["text"] for event, _, data in read_stream(f"{url}?after={len(whole.encode()) - 4}") if event == "text"] == ["two\n"]
    assert [event for event, _, _ in read_stream(url, last=told[-1][1])] == ["over"]
    assert requests.get(url.replace("say", "none"), timeout=10).status_code == 404
    assert requests.get(f"{url}?after=-1", timeout=10).status_code == 400


def get_log(server, run):
    return requests.get(f"{server.url}/slipway/v1/pipeline-runs/{run}/steps/say/log", timeout=10).content.decode()


def test_over_time_each_try_is_where_it_was(drawn, runs, open_page):
    page = open_page(f"{drawn.url}/ui/pipeline-runs/{runs[2]}?view=time")
    run = run_of(drawn, runs[2])
    stamp = lambda text: time.mktime(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S")) + float("0." + (re.search(r"\.(\d+)", text) or [0, "0"])[1])
    begin, end = stamp(run["created_at"]), stamp(run["finished_at"])
    over = page.get_by_role("region", name="Steps over time")
    for step in run["steps"]:
        row = over.get_by_role("button", name=re.compile(f"^{step['name']}: "))
        tries = row.locator(".gantt-try")
        times = [(one["started_at"], one["finished_at"]) for one in step["earlier_tries"]] + ([(step["started_at"], step["finished_at"])] if step["started_at"] else [])
        expect(tries).to_have_count(len(times))
        track = row.locator(".gantt-track").bounding_box()
        for bar, (start_time, _) in zip(tries.all(), times, strict=True):
            at = track["x"] + track["width"] * (stamp(start_time) - begin) / (end - begin)
            rounded = track["width"] * 0.002 / (end - begin)  # a browser's times are whole milliseconds
            assert abs(bar.bounding_box()["x"] - at) < 4 + rounded, step["name"]
    flaky = over.get_by_role("button", name=re.compile("^flaky: "))
    expect(flaky).to_have_accessible_name(re.compile("after 2 earlier tries"))
    expect(flaky.locator(".gantt-pause")).to_have_count(2)
    expect(over.get_by_role("button", name=re.compile("^good: ")).locator(".gantt-try")).to_have_count(0)  # it never began


def test_the_graph_goes_on_with_the_run(drawn, runs, open_page):
    run = start(drawn, "--param", "day=5")
    page = open_page(f"{drawn.url}/ui/pipeline-runs/{run}")
    page.evaluate("window.isStillHere = true")
    expect(page.get_by_role("button", name="good: waits for a person")).to_be_visible()
    page.get_by_role("button", name="good: waits for a person").click()
    panel = page.get_by_role("region", name="Step good", exact=True)
    panel.get_by_role("button", name="Approve").click()
    page.get_by_role("dialog").get_by_role("button", name="Approve").click()
    expect(page.get_by_role("button", name=re.compile("^release: succeeded"))).to_be_visible()
    expect(panel).to_contain_text("approved by anonymous")
    assert page.evaluate("window.isStillHere")


def test_the_grid_says_what_fails_since_when(drawn, runs, open_page):
    page = open_page(f"{drawn.url}/ui/pipelines/nightly")
    grid = page.get_by_role("table", name="Steps of the last runs")
    listed = list(reversed(get(drawn, "pipelines/nightly/runs?steps=true")["runs"]))
    assert [run["id"] for run in listed[:5]] == runs
    expect(grid.get_by_role("row")).to_have_count(8)
    for name in (step["name"] for step in listed[-1]["steps"]):
        row = grid.get_by_role("row").filter(has=page.get_by_role("rowheader", name=name, exact=True))
        cells = row.locator(".grid-cell")
        expect(cells).to_have_count(len(listed))
        for cell, run in zip(cells.all(), listed, strict=True):
            state = next(step["state"] for step in run["steps"] if step["name"] == name)
            expect(cell).to_have_accessible_name(re.compile(f": {WORDS.get(state, state)}$"))
    # What fails now, and nothing that has been good again since.
    (drawn.folder / "broken").touch()
    broken = [start(drawn, "--param", f"day={day}", until="end") for day in (6, 7)]
    (drawn.folder / "broken").unlink()
    since = grid.get_by_role("row").filter(has=page.get_by_role("rowheader", name="evaluate")).locator(".grid-since a")
    expect(since).to_have_attribute("href", f"/ui/pipeline-runs/{broken[0]}?step=evaluate")
    expect(grid.locator("td.grid-since a")).to_have_count(1)
    expect(grid.get_by_role("row").nth(1).locator(".grid-cell")).to_have_count(min(len(listed) + 2, 25))  # both have come
    # By keyboard: one stop of the tab key, then the arrows.
    grid.locator('[tabindex="0"]').focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="Step rows", exact=True)).to_be_visible()
    expect(page).to_have_url(f"{drawn.url}/ui/pipeline-runs/{broken[0]}?step=rows")


def test_a_pipeline_that_never_ran_has_no_grid(drawn, tmp_path, open_page):
    (tmp_path / "slipway.yaml").write_text("project: drawn\npipelines:\n  new:\n    steps: [{name: a, run: 'true'}]\n")
    subprocess.run([BINARY, "--url", drawn.url, "apply"], cwd=tmp_path, check=True, capture_output=True)
    page = open_page(f"{drawn.url}/ui/pipelines/new")
    expect(page.get_by_text("It has not run yet.")).to_be_visible()
    expect(page.get_by_role("table", name="Steps of the last runs")).to_have_count(0)


def test_all_pipelines_show_their_newest_runs(drawn, runs, open_page):
    asked = []
    page = open_page(f"{drawn.url}/ui/incidents")
    page.on("request", lambda request: asked.append(request.url))
    page.get_by_role("navigation", name="Screens").get_by_role("link", name="Pipelines").click()
    nightly = page.get_by_role("region", name="nightly")
    newest = [run["id"] for run in get(drawn, "pipelines/nightly/runs?limit=5")["runs"]]
    expect(nightly.get_by_role("table", name="Pipeline runs").locator("tbody tr")).to_have_count(5)
    assert nightly.get_by_role("table", name="Pipeline runs").locator("tbody a").all_inner_texts() == newest
    assert not [url for url in asked if "steps=true" in url]
    nightly.get_by_role("link", name="All runs of nightly").click()
    expect(page.get_by_role("table", name="Steps of the last runs")).to_be_visible()
