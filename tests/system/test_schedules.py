"""Schedules on a running server: declared, started at their time, also after a kill; paused; filled up."""
import json

import pytest
import requests
from playwright.sync_api import expect

from conftest import eventually, on_every_store

pytestmark = on_every_store

YAML = """
project: clockwork
pipelines:
  tick: {params: {day: none}, steps: [{name: a, run: "echo {day}"}]}
schedules:
  often: {pipeline: tick, every: 1s, params: {day: "{scheduled}"}}
  nightly: {pipeline: tick, cron: "30 2 * * *", time_zone: Europe/Berlin, params: {day: "{scheduled}"}}
"""


@pytest.fixture
def server(start_server, store_flags):
    return start_server("data", *store_flags)


def apply(server, text: str) -> list[dict]:
    (server.data_dir.parent / "slipway.yaml").write_text(text)
    reply = requests.post(f"{server.url}/slipway/v1/apply", json={"yaml": text, "dir": str(server.data_dir.parent)}, timeout=60)
    assert reply.ok, reply.text
    return reply.json()["changes"]


def turns(server, name: str) -> list[dict]:
    return requests.get(f"{server.url}/slipway/v1/schedules/{name}/turns?limit=1000", timeout=60).json()["turns"]


def test_runs_start_by_themselves_also_after_a_kill(server):
    assert {(c["kind"], c["name"], c["change"]) for c in apply(server, YAML)} >= {("schedule", "often", "created"), ("schedule", "nightly", "created")}
    eventually(lambda: len(turns(server, "often")) >= 3)
    server.kill()
    server.start()
    before = len(turns(server, "often"))
    eventually(lambda: len(turns(server, "often")) >= before + 2)
    server.cli("schedules", "pause", "often")
    assert json.loads(server.cli("--json", "schedules", "show", "often").stdout)["next"] is None
    eventually(lambda: all(turn["state"] != "waiting" for turn in turns(server, "often")))
    started = [turn for name in ("often", "nightly") for turn in turns(server, name) if turn["run"]]  # it may be half past two in Berlin
    runs = requests.get(f"{server.url}/slipway/v1/pipelines/tick/runs?limit=1000", timeout=60).json()["runs"]
    # One run for each time, and each knows its time.
    assert sorted(run["id"] for run in runs) == sorted(turn["run"] for turn in started)
    assert {run["id"]: run["params"]["day"] for run in runs} == {turn["run"]: turn["scheduled"] for turn in started}
    paused = len(turns(server, "often"))
    server.cli("schedules", "resume", "often")
    eventually(lambda: len(turns(server, "often")) > paused)


def test_a_range_is_filled_up(server):
    apply(server, YAML.replace("  often: {pipeline: tick, every: 1s", "  often: {pipeline: tick, every: 365d"))
    given = ("pipelines", "backfill", "tick", "--schedule", "nightly", "--from", "2024-03-30", "--to", "2024-04-02")
    dry = json.loads(server.cli("--json", *given, "--dry-run").stdout)
    # Berlin put its clocks forward at 02:00 on 31 March: half past two was missing, and three o'clock is 01:00Z.
    assert dry["times"] == ["2024-03-30T01:30:00Z", "2024-03-31T01:00:00Z", "2024-04-01T00:30:00Z", "2024-04-02T00:30:00Z"] and dry["id"] is None
    asked_for = lambda: [turn["state"] for turn in turns(server, "nightly") if turn["scheduled"] < "2025"]  # noqa: E731: it may be half past two in Berlin
    assert asked_for() == []
    server.cli(*given, "--parallel", "2")
    eventually(lambda: asked_for() == ["ended"] * 4)
    assert json.loads(server.cli("--json", *given).stdout)["runs"] == 0
    assert server.cli("pipelines", "backfill", "tick", "--from", "2024-03-30", "--to", "2024-04-02", check=False).returncode != 0
    refused = requests.post(f"{server.url}/slipway/v1/plan", json={"yaml": YAML.replace("30 2 *", "61 2 *"), "dir": "/"}, timeout=60)
    assert refused.status_code == 400 and "line 7" in refused.text and "must be 0 to 59" in refused.text


FLAKY = """
project: clockwork
pipelines:
  flaky: {params: {day: none}, steps: [{name: a, run: "case {day} in 2026-01-03*) exit $(cat code);; esac"}]}
schedules:
  daily: {pipeline: flaky, cron: "@daily", params: {day: "{scheduled}"}}
"""


def test_a_backfill_is_waited_for_and_says_which_runs_failed(server):
    code = server.data_dir.parent / "code"
    code.write_text("1")
    apply(server, FLAKY)
    given = ("pipelines", "backfill", "flaky", "--from", "2026-01-01", "--to", "2026-01-06", "--wait")
    done = server.cli(*given, "--parallel", "2", check=False)
    assert done.returncode == 1, done
    assert "2026-01-03T00:00:00Z failed    run " in done.stderr and "6 runs: failed=1, succeeded=5" in done.stdout
    wanted = ["succeeded", "succeeded", "failed", "succeeded", "succeeded", "succeeded"]
    assert [line.split()[2] for line in done.stdout.splitlines()[1:7]] == wanted
    eventually(lambda: [turn["state"] for turn in turns(server, "daily") if turn["backfill"]] == ["ended"] * 6)
    told = server.cli("schedules", "turns", "daily").stdout
    assert [line.split()[2] for line in told.splitlines() if "2026-01-0" in line] == wanted[::-1]
    code.write_text("3")
    assert server.cli(*given, "--rerun-failed", check=False).returncode == 3
    code.write_text("0")
    again = json.loads(server.cli("--json", *given, "--rerun-failed").stdout)
    assert again["counts"] == {"succeeded": 1} and [turn["outcome"] for turn in again["turns"]] == ["succeeded"]
    assert server.cli(*given).stdout.endswith("0 runs: -\n")
    listed = [line for line in server.cli("schedules", "backfills").stdout.splitlines() if " daily " in line]
    assert "failed=1, succeeded=5" in listed[3] and len(listed) == 4
    assert "OUTCOME" in server.cli("schedules", "list").stdout and "failed=1" in server.cli("schedules", "backfills", listed[3].split()[0]).stdout
    assert server.cli("schedules", "backfills", "none", check=False).returncode == 4
    assert json.loads(server.cli("--json", *given, "--rerun-all").stdout)["counts"] == {"succeeded": 6}


def test_the_page_shows_pauses_and_fills_up(server, open_page):
    apply(server, YAML.replace("  often: {pipeline: tick, every: 1s", "  often: {pipeline: tick, every: 365d"))
    page = open_page(server.url + "/ui/pipelines/tick")
    row = page.get_by_role("table", name="Schedules").get_by_role("row").filter(has_text="nightly")
    expect(row).to_contain_text("30 2 * * * in Europe/Berlin")
    row.get_by_role("button", name="Pause").click()
    expect(row).to_contain_text("paused")
    row.get_by_role("button", name="Resume").click()
    expect(row).not_to_contain_text("paused")
    row.get_by_role("button", name="Backfill").click()
    page.get_by_label("From").fill("2023-03-25")
    page.get_by_label("To", exact=False).last.fill("2023-03-28")
    page.get_by_role("button", name="Look").click()
    expect(page.get_by_role("status")).to_contain_text("4 runs; 0 of the range")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    eventually(lambda: [turn["state"] for turn in turns(server, "nightly") if turn["scheduled"] < "2024"] == ["ended"] * 4)
    expect(row).to_contain_text("succeeded")
    requests.post(f"{server.url}/slipway/v1/apply", json={"yaml": YAML[:YAML.index("schedules:")], "dir": "/"}, timeout=60)
    page.reload()
    expect(page.get_by_text("there is no schedule under")).to_be_visible()
