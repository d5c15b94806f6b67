"""What each file is told: the server's address, and what its two models answer."""
import json
import os

import pytest


@pytest.fixture(scope="session")
def served() -> dict:
    return json.loads(os.environ["SERVED"])


@pytest.fixture(scope="session")
def url(served) -> str:
    return served["url"]


@pytest.fixture(scope="session")
def grpc_url(served) -> str:
    return served["grpc_url"]


@pytest.fixture(scope="session")
def sale(served) -> dict:
    return served["expected"]["sale"]


@pytest.fixture(scope="session")
def kinds(served) -> dict:
    return served["expected"]["kinds"]
