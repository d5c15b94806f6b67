"""Feast's SDK with nothing of its own: `registry_type: remote` and `online_store: remote`, both here."""
import os
import socket
from datetime import timedelta

import grpc
import pandas as pd
import pytest
import shop
from feast import Entity, FeatureStore
from feast.errors import EntityNotFoundException, FeatureServiceNotFoundException, FeatureViewNotFoundException, ReadOnlyRegistryException
from feast.types import Bool, Float64, Int64, String, UnixTimestamp


def open_store(folder, url, project="shop"):
    folder.mkdir(exist_ok=True)
    (folder / "feature_store.yaml").write_text(f"""
project: {project}
provider: local
registry: {{registry_type: remote, path: '{os.environ["SLIPWAY_GRPC"]}'}}
online_store: {{type: remote, path: '{url}'}}
entity_key_serialization_version: 3
""")
    return FeatureStore(repo_path=str(folder))


@pytest.fixture(scope="module")
def store(url, tmp_path_factory):
    return open_store(tmp_path_factory.mktemp("registry"), url)


def test_views_are_listed_as_declared(store):
    views = {v.name: v for v in store.list_feature_views()}
    assert set(views) == {"stats", "busy"}
    stats = views["stats"]
    assert {f.name: f.dtype for f in stats.features} == {"trips": Int64, "rate": Float64, "name": String, "ok": Bool, "seen": UnixTimestamp}
    assert [(c.name, c.dtype) for c in stats.entity_columns] == [("driver", Int64)]
    assert stats.entities == ["driver"] and stats.ttl == timedelta(days=2) and stats.online
    assert stats.stream_source.name == "drivers_push"
    assert (stats.batch_source.timestamp_field, stats.batch_source.created_timestamp_column) == ("event_timestamp", "created")
    assert {f.name: f.dtype for f in views["busy"].features} == {"rows_24h": Int64, "rate_24h": Float64}
    assert store.get_feature_view("busy").features == views["busy"].features
    assert {v.name for v in store.list_all_feature_views()} == set(views)


def test_the_other_objects(store):
    assert [(e.name, e.join_key) for e in store.list_entities()] == [("driver", "driver")]
    assert store.get_entity("driver").join_key == "driver"
    assert {s.name for s in store.list_feature_services()} == {"ride", "driver"}
    ride = store.get_feature_service("ride")
    assert {p.name: [f.name for f in p.features] for p in ride.feature_view_projections} == {
        "stats": ["trips", "rate", "name", "ok", "seen"], "fare": ["twice"]}
    assert [d.name for d in store.list_data_sources()] == ["drivers_push"]
    assert [p.name for p in store.list_projects()] == ["shop"]
    assert store.get_project("shop").name == "shop"
    assert store.list_on_demand_feature_views() == [] and store.list_stream_feature_views() == [] and store.list_permissions() == []
    assert len(store.registry.proto().feature_views) == 2
    store.refresh_registry()


def test_features_are_read_and_pushed_without_any_definition(store):
    rows = [{"driver": 1001}]
    assert store.get_online_features(["stats:trips", "busy:rows_24h"], rows).to_dict() == {"driver": [1001], "trips": [6], "rows_24h": [2]}
    ride = store.get_feature_service("ride")
    assert store.get_online_features(ride, [{"driver": 1001, "dist": 1.5}]).to_dict()["twice"] == [3.0]
    at = shop.NOW - shop.HOUR
    row = {"driver": 7001, "event_timestamp": at, "created": at, "trips": 3, "rate": 0.5, "name": "seven", "ok": True, "seen": at}
    store.write_to_online_store("stats", pd.DataFrame([row]))
    assert store.get_online_features(["stats:trips", "stats:name"], [{"driver": 7001}]).to_dict() == {"driver": [7001], "trips": [3], "name": ["seven"]}


def test_what_is_not_there_is_feasts_exception(store):
    for ask, error in ((store.get_feature_view, FeatureViewNotFoundException), (store.get_feature_service, FeatureServiceNotFoundException),
                       (store.get_entity, EntityNotFoundException)):
        with pytest.raises(error, match="nobody does not exist in project shop"):
            ask("nobody")


def test_another_project_has_nothing(url, tmp_path):
    assert open_store(tmp_path / "other", url, "another").list_feature_views() == []


def test_definitions_are_not_changed_from_there(store):
    with pytest.raises(ReadOnlyRegistryException, match="slipway.yaml"):
        store.registry.apply_entity(Entity(name="rider", join_keys=["rider"]), "shop")


def test_calls_that_are_no_service(url):
    """Bytes that are no message, and a peer that is no client, disturb nobody."""
    with grpc.insecure_channel(os.environ["SLIPWAY_GRPC"]) as channel:
        call = channel.unary_unary("/feast.registry.RegistryServer/GetEntity", request_serializer=None, response_deserializer=None)
        with pytest.raises(grpc.RpcError) as refused:
            call(b"\xff\xff", timeout=60)
        assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        with pytest.raises(grpc.RpcError) as refused:
            channel.unary_unary("/nobody/Calls", request_serializer=None, response_deserializer=None)(b"", timeout=60)
        assert refused.value.code() == grpc.StatusCode.UNIMPLEMENTED
        stream = channel.stream_unary("/feast.registry.RegistryServer/Proto", request_serializer=None, response_deserializer=None)
        with pytest.raises(grpc.RpcError) as refused:
            stream(iter(()), timeout=60)
        assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        for _ in range(50):
            channel.unary_unary("/feast.registry.RegistryServer/Proto", request_serializer=None, response_deserializer=None)(b"", timeout=60)
    host, port = os.environ["SLIPWAY_GRPC"].split(":")
    with socket.create_connection((host, int(port))) as peer:
        peer.sendall(b"no http at all\r\n\r\n")
