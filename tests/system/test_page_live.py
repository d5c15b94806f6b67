"""The page hears of changes over one stream, asks for what they are about, and asks for nothing while nothing happens."""
import re

import pytest
import requests
from conftest import ROOT, eventually
from mlflow import MlflowClient
from playwright.sync_api import expect
from test_data_versions import Folder
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


def post(server, path, body):
    reply = requests.post(server.url + path, json=body, timeout=20)
    assert reply.ok, reply.text


def declare(server, section, entry):
    """Applies the shop's file with an entry more in a section, or a section more."""
    text = server.file.read_text()
    head = f"{section}:\n"
    server.file.write_text(text.replace(f"\n{head}", f"\n{head}{entry}\n", 1) if f"\n{head}" in text else f"{text}{head}{entry}\n")
    server.cli("apply", str(server.file))


def push_folder(server):
    folder = Folder(server.file.parent / "heard-folder", server.url)
    folder("init")
    folder.write("a.csv", "x\n1\n")
    folder("commit", "-a", "-m", "first")
    folder("push")


# Screen, what is done meanwhile, what it shows then.
HEARD = {
    "models": (lambda server: MlflowClient(server.url).create_registered_model("heard-model"), "heard-model"),
    "models/sale": (lambda server: MlflowClient(server.url).update_registered_model("sale", "heard description"), "heard description"),
    "experiments": (lambda server: MlflowClient(server.url).create_experiment("heard-experiment"), "heard-experiment"),
    "datasets": (lambda server: declare(server, "datasets", "  heard-data: {path: none.parquet}"), "heard-data"),
    "pipelines": (lambda server: declare(server, "pipelines", "  heard-pipeline: {steps: [{name: one, run: 'true'}]}"), "heard-pipeline"),
    "features": (lambda server: declare(server, "  views", "    heard_view: {source: ended, keys: [shop], windows: [24h], aggregates: {most: max(pages)}}"), "heard_view"),
    "data": (push_folder, "heard-folder"),
    "policies": (lambda server: post(server, "/slipway/v1/silences", {"match": ["alert=heard"], "for": "1h", "comment": "heard silence"}), "heard silence"),
    "policies#budget": (lambda server: declare(server, "alarm_budget", "  false_pages: 7"), "At most 7 false pages a week"),
    "policies#routes": (lambda server: declare(server, "routes", "  heard-route: {webhook: 'https://93.184.216.34/'}"), "heard-route"),
    "endpoints/sale": (lambda server: post(server, "/slipway/v1/endpoints/sale/rollback", {"reason": "heard rollback", "actor": "test"}), "heard rollback"),
}


@pytest.mark.parametrize("screen", HEARD)
def test_each_screen_hears_of_what_it_shows(shop, open_page, screen):  # noqa: F811
    deed, text = HEARD[screen]
    page = open_page(shop.url + "/ui/no/such/place")
    asked = counted(page)
    page.clock.install()
    page.goto(f"{shop.url}/ui/{screen}")
    ready(page)
    eventually(lambda: page.evaluate("1") and any(STREAM in one for one in asked))

    def settled():  # but for what is measured now
        before = [one for one in asked if not one.endswith(("/stats", "/inputs", "/traffic"))]
        page.clock.run_for(5000)
        return [one for one in asked if not one.endswith(("/stats", "/inputs", "/traffic"))] == before

    eventually(settled)
    expect(page.get_by_text(text)).to_have_count(0)
    deed(shop)
    ran = 0

    def shown():
        nonlocal ran
        page.clock.run_for(200)
        ran += 200
        assert ran < 55_000, "it came by asking, not by hearing"
        return page.get_by_text(text).first.is_visible()

    eventually(shown)


def test_screens_listen_to_what_is_told(shop):  # noqa: F811
    """The nouns that the page knows are those that the server tells of, but for those that no screen shows."""
    known = set(re.findall(r'\| "(\w+)"', (ROOT / "page/src/lib/news.ts").read_text()))
    audience = (ROOT / "src/api/access/audience.cc").read_text()
    told = set(re.findall(r'"([a-z_]+)"', re.search(r"kOfProject\{(.*?)\}", audience, re.S)[1])) | set(re.findall(r'what == "(\w+)"', audience)) | {"webhooks"}
    not_shown = {"kubeflow", "lfs", "pools", "streams"}
    assert known | not_shown == told and not known & not_shown
    appended = "\n".join(file.read_text() for file in (ROOT / "src").rglob("*.cc") if not file.name.endswith("_test.cc"))
    assert [noun for noun in told if f'"{noun}/' not in appended and not re.search(rf'subject = "{noun}"', appended)] == []
    events = requests.get(f"{shop.url}/slipway/v1/events?limit=1000", timeout=20).json()["events"]
    assert {event["subject"].partition("/")[0] for event in events} <= told | {"logged-models"}


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


def test_what_happens_before_listening_begins_is_shown(server, open_page):
    page = open_page(server.url + "/health")
    held = []
    page.route(f"**{STREAM}*", lambda route: held.append(route))
    page.goto(server.url + "/ui/models")
    expect(page.get_by_text("No model was registered yet.")).to_be_visible()
    eventually(lambda: page.evaluate("1") and held)
    MlflowClient(server.url).create_registered_model("made meanwhile")
    held[0].continue_()
    expect(page.get_by_role("link", name="made meanwhile")).to_be_visible(timeout=20_000)


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
