"""Alerts that act: what they do is guarded, done once also after a kill -9, and gives way to the release policy and to people."""
import json
import os
import pathlib
import sys
import threading
import time

import pytest
import requests
import small_project
from conftest import Server
from playwright.sync_api import expect

# Two versions of a model that need no training: what turns the labels around makes the second one wrong.
ACTIONS = """
    alerts:
      wrong: {metric: brier, window: day, over: 0.3, min_rows: 20, action: [back, page], severity: critical}
    actions:
      back: {do: rollback, cool_down: 5d, min_labels: 20}
      page: {do: incident}
"""


def project(folder: pathlib.Path, actions: str = ACTIONS, more: str = "") -> pathlib.Path:
    file = small_project.write(folder)
    text = file.read_text()
    start, end = text.index("    alerts:\n"), len(text)
    file.write_text(text[:start] + actions.lstrip("\n") + text[end:] + more)
    return file


@pytest.fixture
def shop(tmp_path, request):
    """A server with version 1 (good, in charge) and 2 (its labels turned around) of the model; on the store that a test names."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    store = request.getfixturevalue("postgres").fresh() if getattr(request, "param", "") == "postgresql" else []
    server = Server(tmp_path / "data", "--python-path", str(pathlib.Path(sys.executable).parent), *store)
    folder = tmp_path / "shop"
    try:
        server.cli("apply", str(project(folder)))
        server.cli("data", "ingest", "visits")
        server.cli("features", "materialize", "--as-of", small_project.START.isoformat())
        server.cli("run", "train")
        server.cli("run", "train", "--param", "bad=1", check=False)  # the gate refuses it: it is registered all the same
        versions = requests.get(server.url + "/api/2.0/mlflow/model-versions/search", timeout=60).json()["model_versions"]
        assert sorted(int(v["version"]) for v in versions) == [1, 2]
        yield server, folder
    finally:
        server.stop()


def replay(server: Server, folder: pathlib.Path, until: str):
    server.cli("replay", "sale", *small_project.replay_flags(folder, until))


def get(server: Server, path: str):
    reply = requests.get(server.url + "/slipway/v1/" + path, timeout=60)
    reply.raise_for_status()
    return reply.json()


def actions(server: Server) -> list[dict]:
    return [action for alert in reversed(get(server, "alerts")["alerts"]) for action in alert["actions"]]


def live(server: Server) -> int:
    return get(server, "endpoints/sale")["revision"]["variants"][0]["version"]


@pytest.mark.parametrize("shop", ["sqlite", "postgresql"], indirect=True)
def test_an_alert_rolls_back_and_opens_an_incident(shop):
    server, folder = shop
    more = 'routes:\n  am: {alertmanager: "https://93.184.216.34"}\n  hook: {webhook: "https://93.184.216.34/", secret: s}\n'
    text = project(folder, more=more).read_text()
    (folder / "slipway.yaml").write_text(text.replace("severity: critical}", "severity: critical, route: [am, hook]}"))
    server.cli("apply", str(folder / "slipway.yaml"))
    assert [(r["name"], r["signed"]) for r in get(server, "routes")["routes"]] == [("am", False), ("hook", True)]
    replay(server, folder, "2024-01-30T00:00:00Z")
    server.cli("endpoints", "deploy", "sale", "models:/sale/2", "--reason", "a mistake")
    replay(server, folder, "2024-02-02T12:00:00Z")
    # The bad day fires; both actions are done, the rollback first.
    done = actions(server)
    by_kind = {a["kind"]: a for a in done if a["state"] == "done"}
    assert set(by_kind) == {"back", "page"}, done
    assert by_kind["back"]["does"] == "rollback" and "rollback" in by_kind["back"]["reason"]
    assert live(server) == 1
    ledger = get(server, "endpoints/sale/revisions")["revisions"]
    entry = next(r for r in ledger if r["number"] == by_kind["back"]["revision"])
    assert entry["kind"] == "rollback" and entry["actor"] == "monitor:sale-health" and entry["cause"].startswith("alerts/1/actions/")
    assert "alert wrong" in entry["reason"]
    assert get(server, "endpoints/sale")["rollout"]["held"] is True
    # Whatever is held back says why.
    assert all(a["reason"] for a in done)

    # Users are well again: the alert is resolved, the incident mitigated, a person resolves it.
    incident = get(server, "incidents")["incidents"][0]
    assert incident["state"] == "mitigated" and incident["severity"] == "critical", incident
    whole = get(server, f"incidents/{incident['id']}")
    words = [e["words"] for e in whole["time_line"]]
    assert any("alert wrong opened" in w for w in words) and any("(rollback): sale 1 answers" in w for w in words), words
    assert whole["suspects"][0]["event"] == "endpoint.deployed" and "sale 2 answers; a mistake" in whole["suspects"][0]["words"]
    durations = whole["durations"]
    assert 0 < durations["to_detect_seconds"] < 3 * 86400 and durations["to_act_seconds"] == 0 and durations["to_recover_seconds"] > durations["to_detect_seconds"]
    server.cli("incidents", "assign", "1", "ann", "--by", "bob")
    server.cli("incidents", "note", "1", "version 2 was trained on turned labels", "--by", "ann")
    assert "is resolved" in server.cli("incidents", "resolve", "1", "--reason", "kept back", "--by", "ann").stdout
    shown = server.cli("incidents", "show", "1").stdout
    assert "resolved" in shown and "owned by ann" in shown and "what changed before" in shown and "trained on turned labels" in shown
    exported = server.cli("incidents", "export", "1").stdout
    assert exported.startswith("# Incident 1: sale: wrong\n") and "## Root cause" in exported and "time to recover" in exported
    assert server.cli("incidents", "resolve", "1", check=False).returncode == 1
    assert server.cli("incidents", "show", "9", check=False).returncode == 4
    assert get(server, "alerts")["alerts"][0]["state"] == "resolved"
    assert server.cli("alerts", "list", "--open").stdout == server.cli("alerts", "--open").stdout != server.cli("alerts", "list").stdout
    assert "a round failed" not in server.log.read_text()  # of deliveries


def test_an_action_survives_a_kill_and_is_done_once(shop):
    server, folder = shop
    replay(server, folder, "2024-01-30T00:00:00Z")
    server.cli("endpoints", "deploy", "sale", "models:/sale/2", "--reason", "a mistake")
    replay(server, folder, "2024-01-30T23:55:00Z")
    server.cli("endpoints", "request", "sale", "v004032")  # the request log is written behind, or when somebody reads it
    # Killed again and again while the clock walks over the decision; each time it goes on where it stood.
    for wait in (0.002, 0.01, 0.02, 0.05, 0.1, 0.2):
        walk = threading.Thread(target=advance, args=(server, "2024-01-31T12:00:00Z"))
        walk.start()
        time.sleep(wait)
        server.kill()
        walk.join()
        server.start()
    advance(server, "2024-01-31T12:00:00Z")
    advance(server, "2024-02-01T12:00:00Z")
    done = [a for a in actions(server) if a["kind"] == "back"]
    assert [a["state"] for a in done] == ["done"], done
    ledger = get(server, "endpoints/sale/revisions")["revisions"]
    assert [r["number"] for r in ledger if r["cause"]] == [done[0]["revision"]]
    assert len(get(server, "incidents")["incidents"]) == 1 and live(server) == 1


def advance(server: Server, to: str):
    try:
        requests.post(server.url + "/slipway/v1/clock", json={"advance_to": to}, timeout=60)
    except requests.ConnectionError:
        pass  # it was killed


def test_a_silence_keeps_an_alert_quiet(shop):
    server, folder = shop
    assert server.cli("silences", "add", "endpoint=sale", "--comment", "", "--for", "1h", check=False).returncode == 1
    assert server.cli("silences", "add", "what=sale", "--comment", "x", "--for", "1h", check=False).returncode == 1
    replay(server, folder, "2024-01-30T00:00:00Z")
    added = server.cli("silences", "add", "endpoint=sale", "--comment", "we know", "--for", "46h", "--by", "ann").stdout
    assert added == "silence 1 from 2024-01-30T00:00:00Z to 2024-01-31T22:00:00Z\n"
    server.cli("endpoints", "deploy", "sale", "models:/sale/2", "--reason", "a mistake")
    replay(server, folder, "2024-01-31T06:00:00Z")
    alert = get(server, "alerts?state=open")["alerts"][0]
    assert alert["silenced"] == "silenced by ann until 2024-01-31T22:00:00Z: we know (silence 1)"
    assert {a["state"] for a in alert["actions"]} == {"skipped"} and alert["actions"][0]["reason"] == alert["silenced"]
    assert live(server) == 2 and get(server, "incidents")["incidents"] == []
    assert "ann has seen alert 1" in server.cli("alerts", "acknowledge", "1", "--comment", "mine", "--by", "ann").stdout
    assert "we know" in server.cli("silences", "list").stdout
    # At its end it is told of; the next window acts.
    replay(server, folder, "2024-02-01T12:00:00Z")
    events = get(server, "events?subject=monitors/sale-health/alerts/wrong&limit=100")["events"]
    ended = next(e for e in events if e["kind"] == "alert.silence_ended")
    assert ended["event_time"] == "2024-01-31T22:00:00Z"
    assert live(server) == 1 and get(server, "alerts")["alerts"][0]["acknowledged"]["comment"] == "mine"
    assert get(server, "silences")["silences"] == [] and len(get(server, "silences?state=all")["silences"]) == 1


def test_the_page_silences_and_acknowledges(shop, open_page):  # noqa: F811
    server, folder = shop
    replay(server, folder, "2024-01-30T00:00:00Z")
    server.cli("endpoints", "deploy", "sale", "models:/sale/2", "--reason", "a mistake")
    server.cli("endpoints", "hold", "sale", "--reason", "we look at it ourselves")
    replay(server, folder, "2024-01-31T06:00:00Z")
    page = open_page(server.url + "/ui/endpoints/sale/monitoring?window=day")
    alerts = page.get_by_role("table", name="Alerts")
    expect(alerts).to_contain_text("the endpoint is held: we look at it ourselves")
    page.get_by_role("button", name="Acknowledge").click()
    page.get_by_label("Comment").fill("on it")
    page.get_by_label("Your name").fill("ann")
    page.get_by_role("dialog").get_by_role("button", name="Acknowledge").click()
    expect(alerts).to_contain_text("seen by ann: on it")
    page.get_by_role("button", name="Silence").click()
    page.get_by_label("Comment").fill("until the fix")
    page.get_by_role("dialog").get_by_role("button", name="Silence").click()
    expect(alerts).to_contain_text("silenced by ann until 2024-01-31T10:00:00Z: until the fix")
    if folder := os.environ.get("SCREENSHOTS"):
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.wait_for_timeout(300)
            alerts.screenshot(path=f"{folder}/alerts-{scheme}.png")
    alerts.get_by_role("link", name="page").first.click()  # the action that opened the incident
    expect(page.get_by_role("heading", name="sale: wrong")).to_be_visible()


def test_people_and_the_release_policy_win(shop):
    """A held endpoint, and a version that is no longer in charge, are left alone; both refusals say so."""
    server, folder = shop
    replay(server, folder, "2024-01-30T00:00:00Z")
    server.cli("endpoints", "deploy", "sale", "models:/sale/2", "--reason", "a mistake")
    server.cli("endpoints", "hold", "sale", "--reason", "we look at it ourselves")
    replay(server, folder, "2024-01-31T06:00:00Z")
    refused = next(a for a in actions(server) if a["kind"] == "back")
    assert refused["state"] == "skipped" and refused["reason"] == "the endpoint is held: we look at it ourselves"
    assert live(server) == 2
    shown = server.cli("alerts", "show", "1").stdout
    assert "rollback" in shown and "the endpoint is held: we look at it ourselves" in shown
    assert server.cli("alerts", "show", "9", check=False).returncode == 4
    # Let go, the alias' version comes back by the release policy; what was judged is not in charge any more.
    server.cli("endpoints", "follow", "sale", "--reason", "it goes on")
    replay(server, folder, "2024-02-01T06:00:00Z")
    late = [a for a in actions(server) if a["kind"] == "back"][-1]
    assert late["state"] == "skipped" and late["reason"] == "version 2 was judged, but version 1 is in charge by now", late
    assert live(server) == 1
    assert not [r for r in get(server, "endpoints/sale/revisions")["revisions"] if r["cause"]]


def test_maintenance_is_declared(shop):
    server, folder = shop
    more = "maintenance:\n  nights: {match: endpoint=sale, from: '00:00', for: 24h, why: we rebuild}\n"
    changes = json.loads(server.cli("--json", "plan", str(project(folder, more=more))).stdout)["changes"]
    assert {"kind": "maintenance", "name": "nights", "change": "created"} in changes
    server.cli("apply", str(folder / "slipway.yaml"))
    assert "nights" in server.cli("silences", "maintenance").stdout
    replay(server, folder, "2024-01-30T00:00:00Z")
    server.cli("endpoints", "deploy", "sale", "models:/sale/2", "--reason", "a mistake")
    replay(server, folder, "2024-01-31T06:00:00Z")
    alert = get(server, "alerts?state=open")["alerts"][0]
    assert alert["silenced"].startswith("in maintenance until ") and alert["silenced"].endswith(": we rebuild (nights)")
    assert live(server) == 2
    done = server.cli("apply", str(project(folder, more="maintenance:\n  n: {from: '24:00', for: 1h}\n")), check=False)
    assert done.returncode == 1 and "02:30" in done.stderr
