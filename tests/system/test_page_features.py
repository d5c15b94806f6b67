"""The features' screens: training beside serving as the server compares them, and who reads a view."""
import re

import requests
from playwright.sync_api import expect
from test_page_for_everybody import ready, shop, violations  # noqa: F401


def own(server, path):
    reply = requests.get(f"{server.url}/slipway/v1/{path}", timeout=60)
    assert reply.status_code == 200, reply.text
    return reply.json()


def newest(server):
    """The reference beside the day that the page shows first."""
    windows = [one for one in own(server, "monitors/sale-health/verdicts?window=day")["windows"] if one["judged"] and one["rows"] > 0]
    return {"reference": "monitor:sale-health", "current": f"monitor:sale-health@{windows[-1]['start']}..{windows[-1]['end']}"}, windows


def test_a_link_compares_as_a_post_does(shop):  # noqa: F811
    sides, _ = newest(shop)
    posted = requests.post(f"{shop.url}/slipway/v1/drift", json=sides, timeout=60).json()
    assert requests.get(f"{shop.url}/slipway/v1/drift", params=sides, timeout=60).json() == posted
    some = requests.get(f"{shop.url}/slipway/v1/drift", params={**sides, "columns": "pages,shop", "method": "psi"}, timeout=60).json()
    assert {one["column"] for one in some["columns"]} == {"pages", "shop"}
    assert {one["method"] for one in some["columns"]} == {"psi"}
    for asked, status in (({}, 400), ({**sides, "columns": "none"}, 404), ({**sides, "method": "none"}, 400), ({**sides, "reference": "nothing"}, 400)):
        assert requests.get(f"{shop.url}/slipway/v1/drift", params=asked, timeout=60).status_code == status, asked


def test_training_and_serving_stand_beside_each_other(shop, open_page):  # noqa: F811
    sides, windows = newest(shop)
    report = requests.get(f"{shop.url}/slipway/v1/drift", params=sides, timeout=60).json()
    page = open_page(f"{shop.url}/ui/endpoints/sale/features")
    section = page.get_by_role("region", name="Training and serving")
    drawn = [one for one in report["columns"] if "histogram" in one]
    assert {"pages", "shop"} <= {one["column"] for one in drawn}
    for one in drawn:
        expect(section.get_by_role("figure", name=f"{one['column']}: {one['verdict']}")).to_be_visible()
    shops = next(one for one in drawn if one["column"] == "shop")
    table = section.get_by_role("figure", name="shop").get_by_role("table")
    for label, training, serving in zip(shops["histogram"]["labels"], shops["histogram"]["reference"], shops["histogram"]["current"]):
        expect(table.get_by_role("row", name=label)).to_contain_text(f"{round(training * 100, 1):g} % → {round(serving * 100, 1):g} %")
    pages = next(one for one in drawn if one["column"] == "pages")
    with page.expect_download() as download:
        page.get_by_role("button", name="Training and serving of pages as CSV").click()
    lines = download.value.path().read_text().splitlines()
    assert [line.split(",")[1:] for line in lines[1:]] == [[f"{a:g}" if a in (0, 1) else repr(a), f"{b:g}" if b in (0, 1) else repr(b)]
                                                            for a, b in zip(pages["histogram"]["reference"], pages["histogram"]["current"])]
    link = page.get_by_role("link", name="Training and serving of pages: the call of the API").get_attribute("href")
    assert requests.get(shop.url + link, timeout=60).json() == report
    page.get_by_label("Served in the day").select_option(index=1)
    ready(page)
    expect(page).to_have_url(re.compile(windows[-2]["start"].replace(":", "%3A")))
    other = page.get_by_role("link", name="Training and serving of pages: the call of the API")
    expect(other).to_have_attribute("href", re.compile(re.escape(windows[-2]["start"].replace(":", "%3A"))))


def test_a_view_says_who_reads_it(shop, open_page):  # noqa: F811
    page = open_page(f"{shop.url}/ui/features")
    view = next(one for one in own(shop, "features")["views"] if one["name"] == "shop_recent")
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name="shop_recent"))
    expect(row).to_contain_text("1 service, 1 endpoint")
    row.get_by_role("link", name="shop_recent").click()
    expect(page.get_by_role("heading", name="shop_recent", level=1)).to_be_visible()
    services = page.get_by_role("table", name="Services that give it")
    for feature in view["features"]:
        expect(services).to_contain_text(feature.removeprefix("shop_recent__"))
    endpoint = own(shop, "endpoints/sale")
    models = page.get_by_role("table", name="Models that answer with it")
    for variant in endpoint["revision"]["variants"]:
        expect(models).to_contain_text(f"{variant['model']} {variant['version']}")
    expect(page.get_by_role("table", name="Features").get_by_role("row")).to_have_count(1 + len(view["features"]))
    assert violations(page) == []
    page.get_by_role("link", name="skew and distributions").click()
    expect(page.get_by_role("region", name="Training and serving")).to_be_visible()
    page.goto(f"{shop.url}/ui/features/nothing")
    expect(page.get_by_text("No feature view is called nothing.")).to_be_visible()
