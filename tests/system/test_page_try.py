"""The endpoint's screen in Chromium: what goes on now, and the form that asks the model."""
import os
import re
import threading

import requests
from playwright.sync_api import expect
from test_page_for_everybody import looks, shop, violations  # noqa: F401

VALUES = {"at": "2024-02-12T00:00:00Z", "shop": "north", "visit": "v9"}


def test_the_form_asks_what_the_model_is_asked_by_others(shop, open_page):  # noqa: F811
    inputs = requests.get(shop.url + "/v2/models/sale", timeout=10).json()["inputs"]
    page = open_page(shop.url + "/ui/endpoints/sale")
    page.get_by_role("button", name="Ask the model").click()
    form = page.get_by_role("region", name="Try it")
    form.get_by_label("Send the features instead of looking them up").check()
    form.get_by_role("button", name="Ask", exact=True).click()
    expect(form.get_by_role("alert")).to_contain_text(inputs[0]["name"])
    values = {one["name"]: VALUES.get(one["name"], "12") for one in inputs}
    for name, value in values.items():
        form.get_by_label(name, exact=True).fill(value)
    form.get_by_role("button", name="Ask", exact=True).click()
    status = form.get_by_role("status")
    expect(status).to_contain_text("version ")
    version = re.search(r"version (\d+)", status.inner_text())[1]  # a canary answers some
    reply = requests.post(shop.url + f"/v2/models/sale/versions/{version}/infer", json=body_of(shop), timeout=10).json()
    for output in reply["outputs"]:
        expect(status).to_contain_text(f"{output['name']}: {output['data'][0]}")
    expect(form.get_by_text("curl " + shop.url)).to_be_visible()
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=f"{folder}/try.png", full_page=True)
    assert [f"{look}: {one}" for look in looks(page) for one in violations(page)] == []


def body_of(server):
    inputs = requests.get(server.url + "/v2/models/sale", timeout=10).json()["inputs"]
    values = {one["name"]: VALUES.get(one["name"], "12") for one in inputs}
    return {"inputs": [{"name": one["name"], "datatype": one["datatype"], "shape": [1], "data": [values[one["name"]] if one["datatype"] == "BYTES" else float(values[one["name"]])]} for one in inputs]}


def test_what_goes_on_is_shown_while_it_goes_on(shop, open_page):  # noqa: F811
    page = open_page(shop.url + "/ui/endpoints/sale")
    now = page.get_by_role("region", name="Now", exact=True)
    expect(now).to_contain_text("Requests per second0", timeout=20_000)
    body, stop = body_of(shop), threading.Event()

    def ask():
        while not stop.wait(0.02):
            requests.post(shop.url + "/v2/models/sale/infer", json=body, timeout=10)
            requests.post(shop.url + "/v2/models/sale/infer", json={"inputs": []}, timeout=10)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        expect(now).to_contain_text(re.compile(r"Requests per second[1-9].*Half take at most[\d.]+ m?s95 of 100[\d.]+ m?s99 of 100[\d.]+ m?s"), timeout=20_000)
        expect(now.get_by_role("figure", name=re.compile(r"Latency in ms: p50 [\d.]+, p95 [\d.]+, p99 [\d.]+"))).to_be_visible()
        expect(now.locator("canvas")).to_have_count(3)
        if folder := os.environ.get("SCREENSHOTS"):
            for look in looks(page):
                page.screenshot(path=f"{folder}/now {look}.png")
    finally:
        stop.set()
        asking.join()
    minutes = requests.get(shop.url + "/slipway/v1/endpoints/sale/traffic", timeout=10).json()["minutes"]
    assert len(minutes) == 60
    for asked in (minute for minute in minutes if minute["latency_ms_p50"] is not None):
        assert asked["requests"] > asked["errors"] >= 0
        assert 0 < asked["latency_ms_p50"] <= asked["latency_ms_p95"] <= asked["latency_ms_p99"]
