"""Incidents by people: over the API, the command line and the page, joined with what the ledger says, and kept over a restart."""
import os

import pytest
import requests
from playwright.sync_api import expect
from test_page import endpoint, post  # noqa: F401: a fixture

API = "/slipway/v1/incidents"


def test_an_incident_from_its_opening_to_its_post_mortem(endpoint):
    server = endpoint
    opened = post(server, API, {"endpoint": "berth", "title": "late ships | are called early", "severity": "critical", "actor": "ann"})
    assert (opened["id"], opened["state"], opened["opened_by"], opened["owner"]) == (1, "open", "ann", "")
    post(server, f"{API}/1/assign", {"owner": "bob", "actor": "ann"})
    post(server, f"{API}/1/notes", {"text": "version 2 is <odd>", "actor": "bob"})
    post(server, "/slipway/v1/endpoints/berth/rollback", {"reason": "incident 1", "actor": "bob"})
    server.kill()
    server.start()
    report = requests.get(f"{server.url}{API}/1", timeout=60).json()
    words = [(e["words"], e["actor"]) for e in report["time_line"]]
    assert ("bob owns it", "ann") in words and ("version 2 is <odd>", "bob") in words
    assert [w for w, _ in words if "revision 3 (rollback): berth 1 answers; incident 1" in w]
    # What was deployed last before it comes first.
    assert "revision 2 (deploy): berth 2 answers; try 2" in report["suspects"][0]["words"], report["suspects"]
    assert report["durations"]["to_act_seconds"] > 0 and report["durations"]["to_recover_seconds"] is None
    assert post(server, f"{API}/1/state", {"state": "resolved", "reason": "back on 1", "actor": "bob"})["resolved"]
    text = requests.get(f"{server.url}{API}/1/post-mortem", timeout=60)
    assert text.headers["Content-Type"].startswith("text/markdown")
    assert text.text.startswith("# Incident 1: late ships \\| are called early") and "&lt;odd>" in text.text and "## What we change" in text.text
    listed = server.cli("incidents", "list", "--state", "resolved").stdout
    assert "berth" in listed and "bob" in listed
    assert "is open" in server.cli("incidents", "reopen", "1", "--by", "bob").stdout
    assert "is mitigated" in server.cli("incidents", "mitigate", "1", "--by", "bob").stdout


@pytest.mark.parametrize("path, body, status, words", [
    ("", {"endpoint": "absent", "title": "t"}, 404, "absent"),
    ("", {"endpoint": "berth"}, 400, "title"),
    ("", {"endpoint": "berth", "title": "t", "severity": "bad"}, 400, "critical, warning or info"),
    ("", {"endpoint": "berth", "title": "t", "bad_since": "2999-01-01T00:00:00Z"}, 400, "future"),
    ("/9/notes", {"text": "x"}, 404, "no such incident"),
    ("/x/notes", {"text": "x"}, 404, "no such incident"),
    ("/9/state", {"state": "gone"}, 400, "known=open, mitigated, resolved")])
def test_mistakes_are_told(endpoint, path, body, status, words):
    reply = requests.post(endpoint.url + API + path, json=body, timeout=60)
    assert reply.status_code == status and words in reply.text, reply.text


def test_the_page_leads_through_an_incident(endpoint, open_page):  # noqa: F811
    server = endpoint
    page = open_page(server.url + "/ui/incidents")
    expect(page.get_by_text("There was no incident yet.")).to_be_visible()
    post(server, API, {"endpoint": "berth", "title": "wrong berths", "severity": "warning", "actor": "ann"})
    page.get_by_role("link", name="1: wrong berths").click()
    expect(page.get_by_role("heading", name="wrong berths")).to_be_visible()
    suspects = page.get_by_role("table", name="Suspects")
    expect(suspects.get_by_role("row").nth(1)).to_contain_text("berth 2 answers")
    # What is named is linked.
    suspects.get_by_role("link", name="revision 2").first.click()
    expect(page).to_have_url(server.url + "/ui/endpoints/berth?revision=2")
    expect(page.get_by_role("table", name="Ledger").locator("tr[data-current]")).to_contain_text("try 2")
    page.go_back()
    suspects.get_by_role("link", name="berth 2").first.click()
    expect(page).to_have_url(server.url + "/ui/models/berth?version=2")
    page.go_back()
    # Who has seen it works on it.
    page.get_by_role("button", name="Acknowledge").click()
    page.get_by_label("Note").fill("I look at the tide")
    page.get_by_label("Your name").fill("eve")
    page.get_by_role("dialog").get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_role("table", name="What happened")).to_contain_text("I look at the tide")
    expect(page.get_by_text("eve owns it")).to_be_visible()
    expect(page.get_by_role("button", name="Acknowledge")).to_have_count(0)
    # With the keyboard alone.
    page.get_by_role("button", name="Add a note").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("textbox", name="Note")).to_be_focused()
    page.keyboard.type("the tide table is old")
    page.keyboard.press("Tab")
    page.keyboard.type("ann")
    page.keyboard.press("Enter")
    expect(page.get_by_role("table", name="What happened")).to_contain_text("the tide table is old")
    page.get_by_role("button", name="Assign").click()
    page.get_by_label("Owner").fill("bob")
    page.get_by_role("dialog").get_by_role("button", name="Assign").click()
    expect(page.get_by_text("bob owns it")).to_be_visible()
    if folder := os.environ.get("SCREENSHOTS"):
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.wait_for_timeout(300)
            page.screenshot(path=f"{folder}/incident-{scheme}.png", full_page=True)
    page.get_by_role("button", name="Resolve").click()
    page.get_by_label("Reason").fill("new tide table")
    page.get_by_role("dialog").get_by_role("button", name="Resolve").click()
    expect(page.get_by_role("button", name="Reopen")).to_be_visible()
    page.get_by_role("link", name="Incidents").first.click()
    expect(page.get_by_text("Nothing is wrong now.")).to_be_visible()
    page.get_by_text("All", exact=True).click()
    expect(page.get_by_role("link", name="1: wrong berths")).to_be_visible()


@pytest.mark.expects_errors
def test_an_unknown_incident_is_told(server, open_page):  # noqa: F811
    page = open_page(server.url + "/ui/incidents/77")
    expect(page.get_by_text("no such incident")).to_be_visible()
