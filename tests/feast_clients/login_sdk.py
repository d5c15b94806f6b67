"""Feast's SDK against a server with login: its `oidc` client sends whatever token it is given, over both ports."""
import os

import grpc
import pytest
from feast import FeatureStore

STORE = """
project: shop
provider: local
registry: {{registry_type: remote, path: '{registry}'}}
online_store: {{type: remote, path: '{url}'}}
auth: {auth}
entity_key_serialization_version: 3
"""


def open_store(folder, url, auth):
    (folder / "feature_store.yaml").write_text(STORE.format(registry=os.environ["SLIPWAY_GRPC"], url=url, auth=auth))
    return FeatureStore(repo_path=str(folder))


def test_a_token_opens_both_ports(url, tmp_path):
    store = open_store(tmp_path, url, "{type: oidc, token_env_var: SLIPWAY_TOKEN}")
    assert {v.name for v in store.list_feature_views()} == {"stats", "busy"}
    assert store.get_online_features(["stats:trips"], [{"driver": 1001}]).to_dict() == {"driver": [1001], "trips": [6]}


def test_nobody_is_let_in_without(url, tmp_path):
    with pytest.raises(grpc.RpcError) as refused:
        open_store(tmp_path, url, "{type: no_auth}").list_feature_views()
    assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED
