"""google-cloud-aiplatform over REST."""
import pytest
import requests
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud.aiplatform_v1.services.prediction_service import PredictionServiceClient
from google.cloud.aiplatform_v1.services.prediction_service.transports.rest import PredictionServiceRestTransport
from google.protobuf import json_format, struct_pb2

PARENT = "projects/shop/locations/europe-west1/endpoints/"


@pytest.fixture
def client(url):
    transport = PredictionServiceRestTransport(host=url, url_scheme="http", credentials=AnonymousCredentials())
    return PredictionServiceClient(transport=transport)


def instances(rows):
    return [json_format.ParseDict(row, struct_pb2.Value()) for row in rows]


def test_predict(client, kinds):
    reply = client.predict(endpoint=PARENT + "kinds", instances=instances(kinds["rows"]))
    assert [list(row) for row in reply.predictions] == [pytest.approx(row, abs=1e-6) for row in kinds["predict"]]
    assert reply.model_version_id == "1" and reply.model == "projects/shop/locations/europe-west1/models/kinds"
    assert reply.deployed_model_id


def test_named_instances(client, sale):
    rows = [{"pages": p, "hour": h, "shop": s} for p, h, s in zip(sale["pages"], sale["hour"], sale["shop"])]
    reply = client.predict(endpoint=PARENT + "sale", instances=instances(rows))
    assert list(reply.predictions) == pytest.approx(sale["sold"], abs=1e-6)


def test_raw_predict(url, kinds):
    """As Endpoint.raw_predict of the SDK sends it: a plain body (its address is https only; the generated REST client wraps bodies and drops answers)."""
    reply = requests.post(f"{url}/v1/{PARENT}kinds:rawPredict", json={"instances": kinds["rows"]}, timeout=60)
    assert reply.json()["predictions"][0] == pytest.approx(kinds["predict"][0], abs=1e-6)
    assert reply.headers["X-Vertex-AI-Model-Version-Id"] == "1" and reply.headers["X-Vertex-AI-Deployed-Model-Id"]


def test_errors(client, kinds):
    with pytest.raises(exceptions.NotFound, match="no such endpoint"):
        client.predict(endpoint=PARENT + "nobody", instances=instances(kinds["rows"]))
    with pytest.raises(exceptions.BadRequest, match="1 values for 3 columns"):
        client.predict(endpoint=PARENT + "kinds", instances=instances([[1]]))
