"""Inputs that break a rule, as tritonclient is told of them over REST and over gRPC, and boto3 as of SageMaker's runtime."""
import json

import boto3
import numpy as np
import pytest
import tritonclient.grpc
import tritonclient.http
from botocore.config import Config
from botocore.exceptions import ClientError
from tritonclient.utils import InferenceServerException


def inputs(triton, pages: list[float], shops: list[str]):
    given = []
    for name, values in (("pages", pages), ("hour", [12.0] * len(pages)), ("shop", shops)):
        given.append(triton.InferInput(name, [len(values)], "BYTES" if name == "shop" else "FP64"))
        given[-1].set_data_from_numpy(np.array(values, dtype=object if name == "shop" else np.float64))
    return given


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_rejected_and_answered(served, protocol):
    triton = getattr(tritonclient, protocol)
    client = triton.InferenceServerClient(served["grpc_url"] if protocol == "grpc" else served["url"].removeprefix("http://"))
    assert len(client.infer("sale", inputs(triton, [3.0, 4.0], ["north", "south"])).as_numpy("sold")) == 2
    with pytest.raises(InferenceServerException) as raised:
        client.infer("sale", inputs(triton, [3.0, 4000.0], ["north", "south"]), request_id=f"refused-{protocol}")
    assert raised.value.status() == ("StatusCode.INVALID_ARGUMENT" if protocol == "grpc" else "400")
    assert 'row 1: input pages breaks a rule of this endpoint: got=4000 rule="max: 30"' in raised.value.message()
    # Put aside, and answered.
    assert len(client.infer("sale", inputs(triton, [3.0], ["east"]), request_id=f"apart-{protocol}").as_numpy("sold")) == 1


def test_sagemaker(served):
    client = boto3.client("sagemaker-runtime", endpoint_url=served["url"], region_name="eu-west-1", aws_access_key_id="any", aws_secret_access_key="any",
                          config=Config(retries={"max_attempts": 1}))
    rows = [{"pages": 4000, "hour": 12, "shop": "north"}]
    with pytest.raises(ClientError, match="input pages breaks a rule") as raised:
        client.invoke_endpoint(EndpointName="sale", ContentType="application/json", Body=json.dumps({"instances": rows}))
    assert raised.value.response["Error"]["Code"] == "ModelError" and raised.value.response["OriginalStatusCode"] == 400
