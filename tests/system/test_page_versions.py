"""The page's screens of folders and their versions, in Chromium: what is shown is what the API says."""
import re

import pytest
import requests
from conftest import Server
from playwright.sync_api import expect
from test_data_versions import Folder

FILES_A_PAGE = 200


@pytest.fixture(scope="module")
def flights(tmp_path_factory):
    """A folder with three commits on main, a tag on the first, a branch, and more files in one folder than a page of it has."""
    server = Server(tmp_path_factory.mktemp("server") / "data")
    work = Folder(tmp_path_factory.mktemp("work") / "flights", server.url)
    work("init")
    work.write("2013/01.csv", "day,delay\n1,5\n")
    work.write("2013/gone.csv", "day,delay\n")
    work.write("notes.txt", "hello, harbour")
    work("commit", "-a", "-m", "January")
    work("tag", "v1")
    work.write("2013/01.csv", "day,delay\n1,5\n2,7\n")
    (work.path / "2013/gone.csv").unlink()
    (work.path / "notes.txt").rename(work.path / "README")
    for i in range(FILES_A_PAGE + 5):
        work.write(f"many/{i:04}.bin", bytes(i))
    work("commit", "-a", "-m", "February")
    work.write("2013/02.csv", "day,delay\n1,7\n")
    work("commit", "-a", "-m", "March")
    work("push")
    work("checkout", "-b", "clean")
    work.write("2013/02.csv", "day,delay\n")
    work("commit", "-a", "-m", "Without bad rows")
    work("push")
    yield server
    server.stop()


def ask(server, route, **query):
    reply = requests.get(f"{server.url}/slipway/v1/data/flights{route}", params=query, timeout=20)
    assert reply.ok, reply.text
    return reply.json()


def rows(page, table, count):
    """What the table says as soon as it has that many rows."""
    found = page.get_by_role("table", name=table).locator("tbody tr")
    expect(found).to_have_count(count)
    return [[cell.strip() for cell in row.locator("td").all_inner_texts()] for row in found.all()]


def test_from_all_folders_to_a_file(flights, open_page):
    page = open_page(flights.url + "/ui/")
    page.get_by_role("link", name="Folders").click()
    repository = ask(flights, "")
    name, branches, tags, pushed = rows(page, "Folders", 1)[0]
    assert (name, branches, tags) == ("flights", "2", "1") == ("flights", str(sum(r["kind"] == "branch" for r in repository["refs"])), str(sum(r["kind"] == "tag" for r in repository["refs"])))
    assert "clean" in pushed
    page.get_by_role("link", name="flights").click()
    expect(page.get_by_role("combobox", name="Version")).to_have_value("main")

    commits = ask(flights, "/log")["commits"]
    assert [c["message"] for c in commits] == ["March", "February", "January"]
    for shown, commit in zip(rows(page, "Commits", 3), commits, strict=True):
        assert [shown[0], shown[1], shown[2], shown[4]] == [commit["commit"][:12], commit["message"], commit["author"], str(commit["files"])]
    bytes_shown = page.get_by_role("table", name="Commits").locator("tbody td[title$=bytes]").evaluate_all("cells => cells.map(cell => cell.title)")
    assert bytes_shown == [f"{c['bytes']:,} bytes" for c in commits]
    expect(page.locator(".command")).to_contain_text(f"slipway --url {flights.url} data clone flights --version main")

    listed = [[e["name"] + "/" * (e["kind"] == "folder"), e["kind"], f"{e['bytes']} B" if "bytes" in e else "–"] for e in ask(flights, "/files")["entries"]]
    assert rows(page, "Entries", 3) == listed
    page.get_by_role("link", name="2013/").click()
    expect(page).to_have_url(f"{flights.url}/ui/data/flights?ref=main&path=2013")
    expect(page.get_by_role("link", name="02.csv")).to_be_visible()
    assert rows(page, "Entries", 2) == [[e["name"], e["kind"], f"{e['bytes']} B"] for e in ask(flights, "/files", path="2013")["entries"]]
    with page.expect_download() as download:
        page.get_by_role("link", name="02.csv").click()
    assert download.value.suggested_filename == "02.csv"
    assert download.value.path().read_text() == "day,delay\n1,7\n"


def test_the_address_says_what_is_shown(flights, open_page):
    page = open_page(flights.url + "/ui/data/flights?ref=clean")
    expect(page.get_by_text("Without bad rows").first).to_be_visible()
    page.get_by_role("combobox", name="Version").select_option("v1")
    expect(page).to_have_url(f"{flights.url}/ui/data/flights?ref=v1")
    expect(page.get_by_role("table", name="Commits").locator("tbody tr")).to_have_count(1)
    assert [name for name, _, _ in rows(page, "Entries", 2)] == ["2013/", "notes.txt"]
    page.go_back()
    expect(page.get_by_role("combobox", name="Version")).to_have_value("clean")
    january = ask(flights, "/log", ref="v1")["commits"][0]["commit"]
    page.goto(f"{flights.url}/ui/data/flights?ref={january}")
    expect(page.get_by_role("combobox", name="Version")).to_have_value(january)
    expect(page.get_by_role("table", name="Commits").locator("tbody tr")).to_have_count(1)


def test_a_large_folder_has_pages(flights, open_page):
    page = open_page(flights.url + "/ui/data/flights?path=many")
    total = ask(flights, "/files", path="many", limit=1)["total"]
    assert total == FILES_A_PAGE + 5
    expect(page.get_by_text(f"1 to {FILES_A_PAGE} of {total}")).to_be_visible()
    page.get_by_role("link", name="after").click()
    expect(page.get_by_text(f"{FILES_A_PAGE + 1} to {total} of {total}")).to_be_visible()
    assert [name for name, _, _ in rows(page, "Entries", 5)] == [f"{i:04}.bin" for i in range(FILES_A_PAGE, total)]
    page.get_by_role("link", name="before", exact=True).click()
    expect(page.get_by_text(f"1 to {FILES_A_PAGE} of {total}")).to_be_visible()


def test_what_is_different_between_two_commits(flights, open_page):
    page = open_page(flights.url + "/ui/data/flights")
    march, february, january = (c["commit"] for c in ask(flights, "/log")["commits"])
    page.get_by_role("link", name=f"what is new in {february[:12]}").click()
    expect(page).to_have_url(f"{flights.url}/ui/data/flights?from={january}&to={february}")
    diff = ask(flights, "/diff", **{"from": january, "to": february})
    facts = page.get_by_label("Difference")
    assert diff["counts"] == {"added": FILES_A_PAGE + 5, "removed": 1, "changed": 1, "moved": 1}
    for name, count in diff["counts"].items():
        expect(facts.get_by_text(name.capitalize(), exact=True).locator("..")).to_contain_text(str(count))
    shown = {row[0].split("\n")[0]: row[1:] for row in rows(page, "Changes", diff["changed"])}
    size = lambda count: "–" if count is None else f"{count} B"
    for change in diff["changes"]:
        before, after = change.get("bytes_before"), change.get("bytes_after")
        by = (after or 0) - (before or 0)
        assert shown[change["path"]] == [change["change"], size(before), size(after), f"{'+' if by > 0 else '−' if by < 0 else ''}{abs(by)} B"]
    expect(page.get_by_text("was notes.txt")).to_be_visible()
    page.get_by_role("combobox", name="To version").select_option("main")
    expect(page).to_have_url(f"{flights.url}/ui/data/flights?from={january}&to=main")
    page.get_by_role("link", name="the other way round").click()
    expect(page).to_have_url(re.compile(f"from=main&to={january}"))
    page.get_by_role("combobox", name="To version").select_option("main")
    expect(page.get_by_text("The two versions have the same files.")).to_be_visible()
    page.get_by_role("link", name="files and history").click()
    expect(page.get_by_role("table", name="Commits").locator("tbody tr")).to_have_count(3)


def test_a_version_is_found_in_the_search_box_by_keyboard(flights, open_page):
    page = open_page(flights.url + "/ui/")
    expect(page.get_by_role("heading", name="Models in production")).to_be_visible()
    for typed, kind, address in (("flights", "folder", "/ui/data/flights"), ("flights v1", "version", "/ui/data/flights?ref=v1"), ("folders", "screen", "/ui/data")):
        page.keyboard.press("Control+k")
        expect(page.get_by_role("combobox", name="Search everything")).to_be_focused()
        page.keyboard.type(typed)
        expect(page.get_by_role("listbox", name="Found").get_by_role("option").first.locator(".found-kind")).to_have_text(kind)
        page.keyboard.press("Enter")
        expect(page).to_have_url(flights.url + address)


def test_nothing_pushed_says_how_to_begin(server, open_page):
    page = open_page(server.url + "/ui/data")
    expect(page.get_by_text("No folder was pushed yet.")).to_be_visible()
    expect(page.locator(".command")).to_contain_text(f"export SLIPWAY_URL={server.url}")


@pytest.mark.expects_errors  # a refused request is an error in the browser's console
@pytest.mark.parametrize("address, said", [("none", "no such data repository: none"), ("flights?ref=none", "no such branch, tag or commit: none"), ("flights?path=none", "no such path: none"),
                                           ("flights?from=v1&to=none", "no such branch, tag or commit: none")])
def test_what_is_not_there_is_told(flights, open_page, address, said):
    page = open_page(f"{flights.url}/ui/data/{address}")
    expect(page.get_by_role("alert").first).to_contain_text(said)
