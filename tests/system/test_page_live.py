"""The page hears of changes over one stream, asks for what they are about, and asks for nothing while nothing happens."""
import re

import pytest
import requests
from conftest import eventually
from mlflow import MlflowClient
from playwright.sync_api import expect
from test_page_for_everybody import ready, shop  # noqa: F401

STREAM = "/slipway/v1/events/stream"


def counted(page):
    """Addresses that the page asks for, as it does."""
    asked = []
    page.on("request", lambda request: asked.append(re.sub(r"^http://[^/]+", "", request.url)) if request.resource_type in ("fetch", "eventsource") else None)
    return asked


def open_incident(server, title):
    requests.post(server.url + "/slipway/v1/incidents", json={"endpoint": "sale", "title": title}, timeout=10).raise_for_status()


def test_a_change_is_shown_when_it_happens(shop, open_page):  # noqa: F811
    page = open_page(shop.url + "/health")  # opens no stream
    asked = counted(page)
    page.goto(shop.url + "/ui/incidents")
    ready(page)
    # The clock of the page stands still: nothing is asked for because time went by.
    eventually(lambda: any(STREAM in one for one in asked))
    page.clock.install()
    for name in ("Audit", "Incidents"):
        page.get_by_role("navigation", name="Screens").get_by_role("link", name=name).click()
        expect(page.get_by_role("heading", level=1, name=name)).to_be_visible()
        ready(page)
    open_incident(shop, "heard of at once")
    page.clock.run_for(2000)
    link = page.get_by_role("link", name="heard of at once")

    def shown():
        page.clock.run_for(500)
        return link.is_visible()

    eventually(shown)
    assert sum(STREAM in one for one in asked) == 1  # one stream for all screens


def test_nothing_is_asked_for_while_nothing_happens(shop, open_page):  # noqa: F811
    page = open_page(shop.url + "/health")  # opens no stream
    asked = counted(page)
    page.clock.install()
    page.goto(shop.url + "/ui/datasets")
    ready(page)
    eventually(lambda: page.evaluate("performance.now() >= 0") and any(STREAM in one for one in asked))

    def settled():
        before = len(asked)
        page.clock.run_for(5000)  # of polls that began before the stream did
        return len(asked) == before

    eventually(settled)
    before = len(asked)
    page.clock.run_for(30_000)
    assert asked[before:] == []
    page.clock.run_for(40_000)  # what is shown may depend on more than changes
    eventually(lambda: page.clock.run_for(100) or "/slipway/v1/datasets" in asked[before:])


@pytest.mark.expects_errors  # a refused stream is an error in the browser's console
def test_without_the_stream_the_page_asks_again_and_again(shop, open_page):  # noqa: F811
    page = open_page(shop.url + "/ui/no/such/place")
    page.route(f"**{STREAM}*", lambda route: route.fulfill(status=503, json={"error": {"message": "not now"}}))
    page.goto(shop.url + "/ui/incidents")
    ready(page)
    open_incident(shop, "heard of by asking")
    expect(page.get_by_role("link", name="heard of by asking")).to_be_visible(timeout=20_000)  # every 5 s


@pytest.mark.expects_errors
def test_what_happened_while_the_server_was_away_is_shown(start_server, open_page):
    server = start_server("away")
    page = open_page(server.url + "/ui/models")
    asked = counted(page)
    expect(page.get_by_text("No model was registered yet.")).to_be_visible()
    server.kill()
    expect(page.get_by_text("no connection")).to_be_visible()
    server.start()
    MlflowClient(server.url).create_registered_model("made meanwhile")
    expect(page.get_by_role("link", name="made meanwhile")).to_be_visible(timeout=20_000)
    expect(page.get_by_text("no connection")).to_have_count(0)
    eventually(lambda: any(STREAM in one for one in asked))


def test_a_tab_in_the_background_holds_no_connection(shop, open_page):  # noqa: F811
    page = open_page(shop.url + "/ui/incidents")
    ready(page)
    ended = []
    page.on("requestfailed", lambda request: ended.append(request.url) if STREAM in request.url else None)
    hide = "hidden => { Object.defineProperty(document, 'hidden', { value: hidden, configurable: true }); document.dispatchEvent(new Event('visibilitychange')); }"
    page.evaluate(hide, True)
    eventually(lambda: page.evaluate("1") and ended)
    open_incident(shop, "while nobody looked")
    with page.expect_request(lambda request: STREAM in request.url) as again:
        page.evaluate(hide, False)
    assert re.search(r"after=\d+", again.value.url)  # goes on where it was
    expect(page.get_by_role("link", name="while nobody looked")).to_be_visible(timeout=20_000)
