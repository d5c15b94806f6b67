"""boto3's invoke_endpoint_async, with S3 as boto3 reads and writes it."""
import json
import pathlib
import time

import boto3
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError


@pytest.fixture
def client(url):
    return boto3.client("sagemaker-runtime", endpoint_url=url, region_name="eu-west-1", aws_access_key_id="any", aws_secret_access_key="any",
                        config=Config(retries={"max_attempts": 1}))


@pytest.fixture
def s3(served):
    variables = served["s3"]
    return boto3.client("s3", endpoint_url=variables["MLFLOW_S3_ENDPOINT_URL"], region_name=variables["AWS_DEFAULT_REGION"],
                        aws_access_key_id=variables["AWS_ACCESS_KEY_ID"], aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"])


def invoke(client, **more):
    reply = client.invoke_endpoint_async(**{"EndpointName": "sum", "ContentType": "application/json", **more})
    assert reply["ResponseMetadata"]["HTTPStatusCode"] == 202
    return reply


def parts(location: str) -> dict:
    bucket, key = location.removeprefix("s3://").split("/", 1)
    return {"Bucket": bucket, "Key": key}


def wait_for(s3, location: str, not_at: str, seconds: float = 120) -> dict:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            found = s3.get_object(**parts(location))
        except s3.exceptions.NoSuchKey:
            time.sleep(0.02)
            continue
        with pytest.raises(s3.exceptions.NoSuchKey):
            s3.get_object(**parts(not_at))
        assert found["ContentType"] == "application/json"
        return json.loads(found["Body"].read())
    raise AssertionError(f"nothing at {location}")


def answer(s3, reply) -> list:
    return wait_for(s3, reply["OutputLocation"], reply["FailureLocation"])["predictions"]


def failure(s3, reply) -> dict:
    return wait_for(s3, reply["FailureLocation"], reply["OutputLocation"])


def test_an_input_in_s3(client, s3, served):
    s3.put_object(Bucket=served["bucket"], Key="questions/one two.json", Body=json.dumps({"dataframe_split": {"columns": ["x"], "data": [[1], [2.5]]}}))
    reply = invoke(client, InputLocation=f"s3://{served['bucket']}/questions/one two.json", InferenceId="mine-1", Accept="application/json")
    assert reply["InferenceId"] == "mine-1"
    assert reply["OutputLocation"].startswith(f"s3://{served['bucket']}/answers/") and reply["OutputLocation"].endswith(".out")
    assert reply["FailureLocation"].startswith(f"s3://{served['bucket']}/failures/") and reply["FailureLocation"].endswith("-error.out")
    assert answer(s3, reply) == [2.0, 5.0]
    for row, x in enumerate([1, 2.5]):
        logged = requests.get(f"{served['url']}/slipway/v1/endpoints/sum/requests/mine-1%2F{row}", timeout=60)
        assert logged.status_code == 200 and logged.json()["request"]["features"]["x"] == x, logged.text


def test_an_input_in_the_request(client, s3, served):
    reply = invoke(client, Body=b"x\n3\n4\n", ContentType="text/csv", S3OutputPathExtension="june/first", Filename="mine.json")
    assert reply["OutputLocation"] == f"s3://{served['bucket']}/answers/june/first/mine.json" and len(reply["InferenceId"]) == 36
    assert answer(s3, reply) == [6.0, 8.0]


def test_what_cannot_be_answered(client, s3, served):
    place = f"s3://{served['bucket']}/questions"
    missing = invoke(client, InputLocation=f"{place}/nothing.json")
    s3.put_object(Bucket=served["bucket"], Key="questions/broken.json", Body="{")
    broken = invoke(client, InputLocation=f"{place}/broken.json")
    elsewhere = invoke(client, InputLocation="s3://nobodys-bucket/x.json")
    image = invoke(client, Body=b"...", ContentType="image/png")
    crashed = invoke(client, Body=json.dumps({"dataframe_split": {"columns": ["x"], "data": [[-13]]}}))
    slow = invoke(client, Body=json.dumps({"dataframe_split": {"columns": ["x"], "data": [[3000]]}}), InvocationTimeoutSeconds=1)
    assert "the input can't be read" in failure(s3, missing)["Message"]
    assert "JSON" in failure(s3, broken)["Message"] and failure(s3, broken)["OriginalStatusCode"] == 400
    assert "no such bucket: location=s3://nobodys-bucket/x.json" in failure(s3, elsewhere)["Message"]
    assert "image/png" in failure(s3, image)["OriginalMessage"]
    assert "unlucky" in failure(s3, crashed)["Message"]
    assert failure(s3, slow)["OriginalStatusCode"] == 504


def test_a_question_that_ends_the_models_process(client, s3):
    """It is asked eight times; those beside it are answered."""
    deadly, *others = [invoke(client, Body=json.dumps({"dataframe_split": {"columns": ["x"], "data": [[x]]}})) for x in (-99, 1, 2, 3)]
    assert [answer(s3, each) for each in others] == [[2.0], [4.0], [6.0]]
    found = wait_for(s3, deadly["FailureLocation"], deadly["OutputLocation"], seconds=120)
    assert found["OriginalStatusCode"] == 500 and "the model gave no answer: tries=8" in found["Message"]


@pytest.mark.parametrize("change, words", [
    ({"EndpointName": "nobody"}, "no such endpoint"),
    ({"EndpointName": "plain"}, "declares no `async:`"),
    ({"InputLocation": "/etc/passwd"}, "async-root"),
    ({"InputLocation": "https://bucket.s3.amazonaws.com/x"}, "s3://BUCKET/KEY"),
    ({"InputLocation": "s3://bucket/a/../b"}, "without empty parts"),
    ({"RequestTTLSeconds": 30_000}, "60 to 21600"),
    ({"InvocationTimeoutSeconds": 4_000}, "1 to 3600"),
    ({"Filename": "../x"}, "Filename"),
    ({"S3OutputPathExtension": "a/../../b"}, "without empty parts"),
    ({"S3OutputPathExtension": "../other", "EndpointName": "local"}, "without empty parts"),
    ({"S3OutputPathExtension": "a/./b", "EndpointName": "local"}, "without empty parts"),
    ({"S3OutputPathExtension": "a//b", "EndpointName": "local"}, "without empty parts"),
    ({"S3OutputPathExtension": "a" * 256, "EndpointName": "local"}, "no part over 255 bytes"),
    ({"Body": b"x"}, "one of them"),
])
def test_refused_at_once(client, served, change, words):
    with pytest.raises(ClientError, match=words) as raised:
        invoke(client, **{"InputLocation": f"s3://{served['bucket']}/questions/any.json", **change})
    assert raised.value.response["Error"]["Code"] == "ValidationError"
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_neither_an_input_nor_a_body(client):
    with pytest.raises(ClientError, match="one of them"):
        client.invoke_endpoint_async(EndpointName="sum")


def test_a_folder_of_the_server(client, served):
    root = pathlib.Path(served["root"])
    (root / "in.json").write_text(json.dumps({"dataframe_split": {"columns": ["x"], "data": [[21]]}}))
    (root / "link.json").symlink_to("/etc/hostname")
    reply = invoke(client, EndpointName="local", InputLocation=f"file://{root}/in.json")
    linked = invoke(client, EndpointName="local", InputLocation=str(root / "link.json"))
    assert pathlib.Path(reply["OutputLocation"]).parent == root / "answers" == pathlib.Path(reply["FailureLocation"]).parent
    deadline = time.monotonic() + 120
    while not (pathlib.Path(reply["OutputLocation"]).exists() and pathlib.Path(linked["FailureLocation"]).exists()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert json.loads(pathlib.Path(reply["OutputLocation"]).read_text())["predictions"] == [42.0]
    assert not pathlib.Path(linked["OutputLocation"]).exists()
    for outside in (root.parent / "other.json", root / ".." / "other.json", root):
        with pytest.raises(ClientError, match="async-root"):
            invoke(client, EndpointName="local", InputLocation=str(outside))


def test_a_full_queue(client):
    """`narrow` takes one at a time, and four wait."""
    body = json.dumps({"dataframe_split": {"columns": ["x"], "data": [[1500]]}})
    with pytest.raises(ClientError, match="too many asynchronous invocations wait") as raised:
        for _ in range(10):
            invoke(client, EndpointName="narrow", Body=body)
    assert raised.value.response["Error"]["Code"] == "ThrottlingException"
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429
