"""docs/page.md shows each view as it is: the pictures are taken here (`./x screenshots` writes them), and no view asks for much."""
import os
import re

import pytest
import small_project
from conftest import ROOT
from playwright.sync_api import expect
from test_page_for_everybody import problems_of, ready, shop  # noqa: F401

TOUR = ROOT / "docs" / "page.md"
REQUESTS_MAX = 5  # of one view, until it stands

# Picture -> where it is; {run} and the like are the shop's own.
VIEWS = {"home": "", "plain": "endpoints/sale/plain", "experiments": "experiments/{tried}", "run": "runs/{runs[2]}", "compare": "compare?{trials}&metric=log_loss",
         "dataset": "datasets/visits", "folder": "data/parts?path=more", "features": "endpoints/sale/features", "view": "features/shop_recent", "pipeline": "pipelines/train", "pipeline_run": "pipeline-runs/{trained}?step=train",
         "registry": "models", "model": "models/sale", "endpoint": "endpoints/sale", "monitoring": "endpoints/sale/monitoring", "window": "endpoints/sale/monitoring?at=2024-02-07T00:00:00Z", "incident": "incidents/{incident}", "drill": "endpoints/sale/drills",
         "lineage": "lineage?of=models:/sale/1", "cost": "cost", "audit": "audit", "policies": "policies", "searches": "searches"}


# Some that are noticed and one that is not.
FAULTS = "nulls:pages,labels:none,concept:pages,model:wrong"


@pytest.fixture(scope="module")
def toured(shop):  # noqa: F811
    """The shop after a drill."""
    rows = str(shop.folder / "visits.parquet")
    shop.cli("drill", "sale", "--requests", rows, "--push", f"ended={rows}:known_at", *small_project.REPLAY[:-2], "--from", "2024-01-15T00:00:00Z", "--start", "2024-01-22T00:00:00Z",
             "--until", "2024-02-04T00:00:00Z", "--project", str(shop.file), "--faults", FAULTS)
    return shop


class Asked:
    """What a page fetches from here on."""

    def __init__(self, page):
        self.page, self.asked, self.answered = page, [], []
        of_data = lambda into: lambda request: into.append(request.url) if request.resource_type == "fetch" else None  # noqa: E731
        page.on("request", of_data(self.asked))
        page.on("requestfinished", of_data(self.answered))

    def all(self):
        while len(self.answered) < len(self.asked):
            self.page.wait_for_event("requestfinished")
        return self.asked


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_stands_after_few_requests(toured, open_page, tmp_path, view):  # noqa: F811
    page = open_page(toured.url + "/ui/no/such/place")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    asked = Asked(page)
    page.goto(f"{toured.url}/ui/{VIEWS[view].format(**vars(toured))}")
    ready(page)
    page.evaluate("document.fonts.ready")
    folder = os.environ.get("SCREENSHOTS", tmp_path)
    page.screenshot(path=f"{folder}/{view}.png")
    assert len(asked.all()) <= REQUESTS_MAX, asked.asked


# What one opens on a view: where, by what, what stands then.
OPENED = {
    "search": ("incidents", lambda page: page.keyboard.press("/"), lambda page: page.get_by_role("listbox", name="Found").get_by_role("option").filter(has_text="sale").first),
    "charts beside": ("experiments/{experiment}", lambda page: page.get_by_label("Charts").click(), lambda page: page.get_by_role("region", name="Curves").locator("figure").first),
    "a traffic's history": ("endpoints/sale", lambda page: page.get_by_role("combobox", name="Time shown").select_option("day"), lambda page: page.get_by_text("Requests per 15 minutes")),
    "costs of a month": ("cost", lambda page: page.get_by_role("combobox", name="Time shown").select_option("month"), lambda page: page.get_by_role("columnheader", name="Predictions", exact=True)),
    "about an experiment": ("experiments/{experiment}", lambda page: page.get_by_text("About the experiment").click(), lambda page: page.get_by_text("No run of it is deleted.")),
    "names of lineage": ("lineage", lambda page: page.get_by_role("textbox", name="Lineage of").fill("sale"), lambda page: page.get_by_role("option").first),
}


@pytest.mark.parametrize("what", OPENED)
def test_what_is_opened_on_a_view_asks_little(toured, open_page, what):
    path, act, stands = OPENED[what]
    page = open_page(f"{toured.url}/ui/{path.format(**vars(toured))}")
    ready(page)
    asked = Asked(page)
    act(page)
    expect(stands(page)).to_be_visible()
    assert 0 < len(asked.all()) <= REQUESTS_MAX, asked.asked


def test_a_drill_is_for_everybody(toured, open_page):
    page = open_page(f"{toured.url}/ui/endpoints/sale/drills")
    ready(page)
    expect(page.get_by_role("table", name="Faults by monitor")).to_be_visible()
    assert problems_of(page, "drill") == []


def test_the_tour_shows_every_view():
    told = TOUR.read_text()
    assert re.findall(r"!\[[^\]]+\]\(screens/(\w+)\.png\)", told) == list(VIEWS)
    assert [name for name in VIEWS if not (TOUR.parent / "screens" / f"{name}.png").exists()] == []
