"""What each file is told: where the S3 port is, with credentials in the environment as clients of S3 have them."""
import os
import uuid

import boto3
import pytest


@pytest.fixture(scope="session")
def endpoint() -> str:
    return os.environ["S3_ENDPOINT"]


@pytest.fixture(scope="session")
def s3(endpoint):
    return boto3.client("s3", endpoint_url=endpoint)


@pytest.fixture
def bucket(s3) -> str:
    name = f"test-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    return name
