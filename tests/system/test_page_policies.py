"""The screen of policies in Chromium: what slipway.yaml and people have laid down, as the API has it."""
import pytest
import requests
import small_project
from playwright.sync_api import expect
from test_page_for_everybody import looks, violations

MORE = """\
routes:
  ops: {webhook: "https://example.com/hook"}
alarm_budget: {false_pages: 2, per: week}
"""


def test_what_is_laid_down_is_shown(server, open_page, tmp_path):
    file = small_project.write(tmp_path)
    file.write_text(file.read_text().replace("min_rows: 50, action: retrain}", "min_rows: 50, action: retrain, route: [ops]}\n      quiet: {metric: requests, window: day, unusual: low}") + MORE)
    server.cli("apply", str(file))
    for path, body in (("registered-models/create", {"name": "sale"}), ("model-versions/create", {"name": "sale", "source": "s3://models/sale"})):
        requests.post(f"{server.url}/api/2.0/mlflow/{path}", json=body, timeout=10).raise_for_status()
    server.cli("silences", "add", "endpoint=sale", "--for", "2h", "--comment", "moving house")
    page = open_page(server.url + "/ui/audit")
    page.get_by_role("link", name="Policies").click()

    def rows(table):
        found = page.get_by_role("table", name=table, exact=True).locator("tbody tr")
        expect(found.first).to_be_visible()
        return [row.locator("td").all_inner_texts() for row in found.all()]

    assert rows("Releases") == [["sale", "models:/sale@champion", "20 %, 100 %", "6 h", "error rate over 0.05; from 3 requests and 30 labels on", "empty"]]
    assert rows("Who may move an alias") == [["sale", "@champion", "a gate's verdict"]]
    assert sorted(rows("Alerts and what they do")) == [["sale-health", "log_loss", "log_loss_ratio over 1, by day", "warning", "retrain", "ops"], ["sale-health", "quiet", "requests unusually low, by day", "warning", "–", "–"]]
    expect(page.get_by_text("At most 2 false pages a week")).to_be_visible()
    assert rows("Where alerts go") == [["ops", "webhook", "no", "0"]]
    kept = rows("What is kept quiet")
    assert [(row[0], row[1]) for row in kept] == [("endpoint=sale", "active")] and "moving house" in kept[0][4]
    assert [f"{look}: {one}" for look in looks(page) for one in violations(page)] == []


@pytest.mark.expects_errors
def test_what_cannot_be_read_is_told(server, open_page, tmp_path):
    server.cli("apply", str(small_project.write(tmp_path)))
    page = open_page(server.url + "/ui/audit")
    page.route("**/slipway/v1/batch?*aliases*", lambda route: route.fulfill(status=503, json={"error": {"message": "the server is full"}}))
    page.get_by_role("link", name="Policies").click()
    expect(page.get_by_role("alert").filter(has_text="the server is full")).to_contain_text("Trying again every few seconds.")
    page.unroute("**/slipway/v1/batch?*aliases*")
    expect(page.get_by_role("region", name="Who may move an alias")).to_be_visible(timeout=30_000)  # it was tried again
    expect(page.get_by_role("alert")).to_have_count(0)
