"""`slipway plan` says what another declaration of features means; a dataset without rows holds up its own features alone."""
import json

import pandas as pd
import requests

SALES = """\
project: shop
datasets:
  sales: {path: sales.parquet, key: [id], arrival_time: at}
  shops: {path: shops.parquet, key: [shop]}
features:
  sources:
    sales: {dataset: sales, event_time: at, arrival_time: at}
    shops: {dataset: shops}
  views:
    sold: {source: sales, keys: [shop], windows: [1d], aggregates: {total: sum(price)}}
    shop: {source: shops, keys: [shop], columns: {size: size}}
  services:
    price: {event_time: at, request: {at: timestamp, shop: string}, features: [sold]}
    both: {event_time: at, request: {at: timestamp, shop: string}, features: [sold, shop]}
"""


def changes(server, verb, file, *flags):
    return {(one["kind"], one["name"]): (one["change"], one.get("means", "")) for one in json.loads(server.cli("--json", verb, str(file), *flags).stdout)["changes"]}


def online(server, service):
    reply = requests.post(server.url + "/slipway/v1/features/online", json={"service": service, "as_of": "2026-01-02T12:00:00Z", "rows": [{"shop": "a", "at": "2026-01-02T12:00:00Z"}]}, timeout=20)
    return reply.json()["rows"] if reply.ok else reply.status_code


def test_what_a_change_means_and_what_waits_for_rows(start_server, tmp_path):
    server = start_server("data")
    pd.DataFrame({"id": [1, 2], "at": pd.to_datetime(["2026-01-02T09:00:00Z", "2026-01-02T10:00:00Z"]), "shop": ["a", "a"], "price": [2.0, 3.0]}).to_parquet(tmp_path / "sales.parquet")
    pd.DataFrame({"shop": ["a"], "size": [7.0]}).to_parquet(tmp_path / "shops.parquet")
    file = tmp_path / "slipway.yaml"
    file.write_text(SALES)
    assert changes(server, "plan", file)["view", "sold"] == ("created", "new: sold__total_1d; read by: price, both; its rows are loaded again from what is materialized")
    said = server.cli("apply", str(file)).stderr
    assert "the features of source sales wait for the first rows of its dataset" in said and "slipway data ingest shops" in said

    server.cli("data", "ingest", "sales")
    server.cli("features", "materialize", "--as-of", "2026-01-03T00:00:00Z")
    assert online(server, "price") == [[5.0]] and online(server, "both") == 404
    server.kill()  # what waits must not keep the rest from coming back
    server.start()
    assert online(server, "price") == [[5.0]]

    other = tmp_path / "other.yaml"
    other.write_text(SALES.replace("sum(price)", "sum(price * 2)").replace("    both:", "    # both:"))
    planned = changes(server, "plan", other)
    assert planned["view", "sold"] == ("updated", "values change: sold__total_1d; read by: price; its rows are loaded again from what is materialized")
    assert planned["feature service", "both"][0] == "removed" and planned["source", "sales"] == ("unchanged", "")
    same, differs = [server.cli("plan", str(each), "--check", check=False) for each in (file, other)]
    assert (same.returncode, differs.returncode) == (0, 6) and "values change" in differs.stdout
    assert changes(server, "apply", other) == planned
    assert online(server, "price") == [[10.0]]
    kept = server.cli("features", "versions", "price").stdout.splitlines()
    assert [line.split()[0] for line in kept] == ["VERSION", "2", "1"]
    first, now = [json.loads(server.cli("features", "versions", "price", "--version", version).stdout)["views"]["sold"] for version in ("1", "2")]
    assert (first["aggregates"], now["aggregates"]) == ({"total": "sum(price)"}, {"total": "sum(price * 2)"})
    assert "no such version" in server.cli("features", "versions", "price", "--version", "3", check=False).stderr
    rows = requests.post(server.url + "/slipway/v1/features/online", json={"service": "price", "rows": [{"shop": "a", "at": "2026-01-02T12:00:00Z"}]}, timeout=20).json()
    made = requests.post(server.url + "/slipway/v1/features/history", json={"service": "price", "entities": "sales", "as_of": "2026-01-03T00:00:00Z"}, timeout=20)
    assert rows["version"] == 2 and (made.status_code, made.headers["Slipway-Service-Version"]) == (200, "2")

    server.cli("data", "ingest", "shops")
    server.cli("apply", str(file))
    assert online(server, "both") == [[5.0, 7.0]]
    # Nothing is known of a time to come: what comes until then is still found.
    server.cli("features", "materialize", "--as-of", "2090-01-01T00:00:00Z")
    told = requests.get(server.url + "/slipway/v1/features", timeout=20).json()["online"]["materialized"]
    assert told < "2090"
