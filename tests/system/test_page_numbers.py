"""What is shown can be taken along: every table and chart has its numbers as CSV and the call that gave them; tables are sorted by their heads."""
import csv

import pytest
import requests
from playwright.sync_api import expect
from test_page_for_everybody import ready, screens, shop  # noqa: F401

# Charts and tables of data without a CSV in the same section, and numbers without the call of the API that gave them.
WITHOUT = """
  [...document.querySelectorAll('main :is(table, svg[role=img], figure, .gantt, .heat)')]
    .filter(one => !one.closest('.written') && !(one.closest('figure, section') ?? one.closest('main')).querySelector('.numbers'))
    .concat([...document.querySelectorAll('main .numbers:not(:has([aria-label$="the call of the API"]))')])
    .map(one => one.getAttribute('aria-label') ?? one.querySelector('[aria-label]')?.getAttribute('aria-label') ?? one.outerHTML.slice(0, 120))
"""


def test_every_chart_and_table_has_its_numbers(shop, open_page):  # noqa: F811
    page = open_page(shop.url + "/ui/")
    without = {}
    for screen in screens(shop):
        page.goto(f"{shop.url}/ui/{screen}")
        ready(page)
        if found := page.evaluate(WITHOUT):
            without[screen] = found
    assert without == {}


def saved(page, name):
    with page.expect_download() as download:
        page.get_by_role("button", name=f"{name} as CSV", exact=True).click()
    with open(download.value.path(), newline="") as file:
        return list(csv.DictReader(file))


def test_a_table_is_sorted_by_its_heads_and_its_csv_with_it(shop, open_page):  # noqa: F811
    page = open_page(f"{shop.url}/ui/endpoints/sale")
    table = page.get_by_role("table", name="Ledger")
    head = table.get_by_role("columnheader", name="Revision")
    shown = lambda: [int(text) for text in table.locator("tbody td:first-child b").all_inner_texts()]  # noqa: E731
    expect(head).to_have_attribute("aria-sort", "none")
    newest_first = shown()
    assert newest_first == sorted(newest_first, reverse=True) and len(newest_first) > 1
    for way, order in (("ascending", newest_first[::-1]), ("descending", newest_first), ("none", newest_first)):
        head.get_by_role("button").press("Enter")
        expect(head).to_have_attribute("aria-sort", way)
        assert shown() == order
        assert [int(row["revision"]) for row in saved(page, "ledger")] == order


def test_a_file_has_all_that_its_cells_tell(shop, open_page):  # noqa: F811
    page = open_page(f"{shop.url}/ui/cost?of=sale")
    options = requests.get(f"{shop.url}/slipway/v1/endpoints/sale/advice", timeout=60).json()["options"]
    assert [{name: row[name] for name in ("mode", "max_rows", "replicas")} for row in saved(page, "ways to serve it")] == [{name: str(one[name]) for name in ("mode", "max_rows", "replicas")} for one in options]
    page.goto(f"{shop.url}/ui/endpoints/sale/monitoring")
    opened = requests.get(f"{shop.url}/slipway/v1/alerts?endpoint=sale", timeout=10).json()["alerts"]
    assert [(row["monitor"], row["metric"], float(row["limit"])) for row in saved(page, "alerts")] == [(one["monitor"], one["metric"], one["threshold"]) for one in opened] != []
    page.goto(f"{shop.url}/ui/")
    wide = saved(page, "models in production")
    page.set_viewport_size({"width": 390, "height": 800})
    expect(page.get_by_role("columnheader", name="Owner")).to_have_count(0)
    assert saved(page, "models in production") == wide
    assert [row["owner"] for row in wide] == ["sales"]


@pytest.mark.parametrize("width", [1280, 1024, 800, 390])
def test_nothing_of_the_header_is_cut(shop, open_page, width):  # noqa: F811
    page = open_page(f"{shop.url}/ui/")
    page.set_viewport_size({"width": width, "height": 800})
    expect(page.get_by_label("Event clock")).to_be_visible()
    cut = page.evaluate("[...document.querySelectorAll('header .clock *')].filter(one => one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).display !== 'inline').map(one => one.textContent)")
    assert cut == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for part in (page.get_by_role("img", name="Slipway"), page.get_by_label("Event clock"), page.get_by_role("button", name="Search"), page.get_by_role("navigation", name="Screens")):
        box, header = part.bounding_box(), page.locator("header").bounding_box()
        assert box["y"] >= header["y"] and box["y"] + box["height"] <= header["y"] + header["height"], (part, box, header)
