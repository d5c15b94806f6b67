import os

import pytest
import shop


@pytest.fixture(scope="session")
def url() -> str:
    """Slipway's server with the shop's drivers, loaded until shop.NOW."""
    return os.environ["SLIPWAY_URL"]


@pytest.fixture(scope="session")
def store(url, tmp_path_factory):
    """Feast's SDK with a registry of its own and its online store here."""
    from feast import FeatureStore
    return FeatureStore(repo_path=str(shop.write_feast(tmp_path_factory.mktemp("repo"), f"{{type: remote, path: '{url}'}}")))
