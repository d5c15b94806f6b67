"""Feast's own SDK, unmodified, with `online_store: {type: remote}`."""
import pandas as pd
import pytest
import requests
import shop
from feast.errors import FeatureViewNotFoundException


def read(store, features, rows, **flags):
    return store.get_online_features(features=features, entity_rows=rows, **flags)


def test_values_are_those_of_the_newest_known_rows(store):
    found = read(store, ["stats:trips", "stats:rate", "stats:name", "stats:ok", "stats:seen"], [{"driver": d} for d in (1001, 1002, 1003, 1004, 9)])
    assert found.to_dict() == {
        "driver": [1001, 1002, 1003, 1004, 9], "trips": [6, None, None, None, None], "rate": [2.0, None, None, None, None],
        "name": ["b", None, None, None, None], "ok": [False, True, None, None, None],
        "seen": [int((shop.NOW - 2 * shop.HOUR).timestamp()), int((shop.NOW - shop.HOUR).timestamp()), None, None, None]}
    assert isinstance(found.to_dict()["trips"][0], int)
    statuses = {n: list(r.statuses) for n, r in zip(found.proto.metadata.feature_names.val, found.proto.results)}
    # PRESENT 1, NULL_VALUE 3, NOT_FOUND 2, OUTSIDE_MAX_AGE 4
    from feast.protos.feast.serving.ServingService_pb2 import FieldStatus as S
    assert statuses["trips"] == [S.PRESENT, S.NULL_VALUE, S.OUTSIDE_MAX_AGE, S.NOT_FOUND, S.NOT_FOUND]
    assert statuses["ok"] == [S.PRESENT, S.PRESENT, S.OUTSIDE_MAX_AGE, S.NOT_FOUND, S.NOT_FOUND]


def test_frames_full_names_and_services(store):
    frame = read(store, ["stats:trips"], [{"driver": 1001}], full_feature_names=True).to_df()
    assert frame.to_dict("list") == {"driver": [1001], "stats__trips": [6]}
    service = store.get_feature_service("driver")
    assert read(store, service, [{"driver": 1001}]).to_dict() == {"driver": [1001], "trips": [6], "name": ["b"]}


def test_request_data_of_on_demand_views(store):
    service = store.get_feature_service("ride")
    assert read(store, service, [{"driver": 1001, "dist": 1.5}]).to_dict()["twice"] == [3.0]
    assert read(store, ["fare:twice"], [{"dist": 2.0}, {"dist": 3.0}]).to_dict() == {"twice": [4.0, 6.0]}


def test_an_unknown_view_is_feasts_exception(store):
    with pytest.raises(FeatureViewNotFoundException, match="Feature view nobody does not exist"):
        read(store, ["nobody:x"], [{"driver": 1001}])


def row(driver: int, at: pd.Timestamp, **values) -> pd.DataFrame:
    return pd.DataFrame([{"driver": driver, "event_timestamp": at, "created": at, "trips": 70, "rate": 7.5, "name": "new", "ok": True, "seen": at, **values}])


def test_a_push_is_read_at_once_and_older_rows_do_not_win(store):
    store.push("drivers_push", row(2001, shop.NOW - 2 * shop.HOUR))
    names = ["stats:trips", "stats:rate", "stats:name", "stats:ok", "stats:seen"]
    found = read(store, names, [{"driver": 2001}]).to_dict()
    assert found == {"driver": [2001], "trips": [70], "rate": [7.5], "name": ["new"], "ok": [True], "seen": [int((shop.NOW - 2 * shop.HOUR).timestamp())]}
    store.push("drivers_push", row(2001, shop.NOW - 3 * shop.HOUR, trips=1))
    assert read(store, ["stats:trips"], [{"driver": 2001}]).to_dict()["trips"] == [70]
    store.write_to_online_store("stats", row(2001, shop.NOW - 1 * shop.HOUR, trips=71))
    assert read(store, ["stats:trips"], [{"driver": 2001}]).to_dict()["trips"] == [71]


def test_many_rows_of_one_moment(store):
    many = pd.concat([row(3000 + i, shop.NOW - shop.HOUR, trips=i) for i in range(50)])
    store.write_to_online_store("stats", many)
    found = read(store, ["stats:trips"], [{"driver": 3000 + i} for i in range(50)]).to_dict()
    assert found["trips"] == list(range(50))


def test_the_sdk_materializes_here(store):
    """Feast reads its own files and writes what it found; a row that is here already changes nothing."""
    before = read(store, ["stats:trips", "stats:name"], [{"driver": 1001}]).to_dict()
    store.materialize((shop.NOW - 9 * shop.HOUR).to_pydatetime(), shop.NOW.to_pydatetime())
    assert read(store, ["stats:trips", "stats:name"], [{"driver": 1001}]).to_dict() == before


def test_windowed_views_over_http(url):
    body = {"features": ["busy:rows_24h", "busy:rate_24h"], "entities": {"driver": [1002, 1003, 9]}}
    reply = requests.post(f"{url}/get-online-features", json=body, timeout=60).json()
    columns = dict(zip(reply["metadata"]["feature_names"], reply["results"]))
    hour_ago = (shop.NOW - shop.HOUR).isoformat().replace("+00:00", "Z")
    never = "1970-01-01T00:00:00Z"
    assert columns["rows_24h"] == {"values": [1, 0, 0], "statuses": ["PRESENT", "PRESENT", "NOT_FOUND"], "event_timestamps": [hour_ago, never, never]}
    assert columns["rate_24h"]["statuses"] == ["NULL_VALUE", "NULL_VALUE", "NOT_FOUND"]


def test_health(url):
    assert requests.get(f"{url}/health", timeout=60).status_code == 200
