"""boto3's sagemaker-runtime."""
import json

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError


@pytest.fixture
def client(url):
    return boto3.client("sagemaker-runtime", endpoint_url=url, region_name="eu-west-1", aws_access_key_id="any", aws_secret_access_key="any",
                        config=Config(retries={"max_attempts": 1}))


def invoke(client, kinds, **more):
    body = json.dumps({"instances": kinds["rows"]})
    return client.invoke_endpoint(**{"EndpointName": "kinds", "ContentType": "application/json", "Body": body, **more})


def test_invoke(client, kinds):
    reply = invoke(client, kinds, InferenceId="sm-1", CustomAttributes="trace=1")
    assert reply["ContentType"] == "application/json" and reply["InvokedProductionVariant"]
    got = json.loads(reply["Body"].read())["predictions"]
    assert got == [pytest.approx(row, abs=1e-6) for row in kinds["predict"]]
    assert reply["ResponseMetadata"]["HTTPHeaders"]["slipway-request-id"] == "sm-1"
    again = invoke(client, kinds, TargetVariant=reply["InvokedProductionVariant"])
    assert again["InvokedProductionVariant"] == reply["InvokedProductionVariant"]


def test_csv(client, kinds):
    body = "a,b,c\n" + "".join(",".join(map(str, row)) + "\n" for row in kinds["rows"])
    got = json.loads(invoke(client, kinds, ContentType="text/csv", Body=body)["Body"].read())["predictions"]
    assert got == [pytest.approx(row, abs=1e-6) for row in kinds["predict"]]


@pytest.mark.parametrize("change, name, status, words", [
    ({"EndpointName": "nobody"}, "ValidationError", 400, "no such endpoint"),
    ({"TargetVariant": "green"}, "ValidationError", 400, "variant=green"),
    ({"Body": "{"}, "ModelError", 424, "JSON"),
    ({"Body": '{"instances":[[1]]}'}, "ModelError", 424, "1 values for 3 columns"),
])
def test_errors_as_boto3_reads_them(client, kinds, change, name, status, words):
    with pytest.raises(ClientError, match=words) as raised:
        invoke(client, kinds, **change)
    assert raised.value.response["Error"]["Code"] == name
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    if name == "ModelError":
        assert raised.value.response["OriginalStatusCode"] == 400 and words in raised.value.response["OriginalMessage"]
