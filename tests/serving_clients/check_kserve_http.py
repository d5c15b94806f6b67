"""kserve's InferenceRESTClient."""
import asyncio
import math

import httpx
import numpy as np
import pytest
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig


def run(url, protocol, use):
    async def main():
        client = InferenceRESTClient(RESTConfig(protocol=protocol))
        try:
            return await use(client)
        finally:
            await client.close()

    return asyncio.run(main())


def kinds_request(kinds, binary):
    rows = np.array(kinds["rows"], dtype=np.float32)
    given = InferInput("input-0", list(rows.shape), "FP32")
    given.set_data_from_numpy(rows, binary_data=binary)
    return InferRequest(model_name="kinds", request_id="k1", infer_inputs=[given])


@pytest.mark.parametrize("binary", [True, False])
def test_v2(url, kinds, binary):
    async def use(client):
        return await client.infer(url, kinds_request(kinds, binary), model_name="kinds")

    result = run(url, "v2", use)
    assert result.id == "k1" and result.model_name == "kinds"
    assert result.outputs[0].as_numpy() == pytest.approx(np.array(kinds["predict"]), abs=1e-6)


def test_v2_health(url):
    async def use(client):
        return [await client.is_server_live(url), await client.is_server_ready(url), await client.is_model_ready(url, "sale")]

    assert run(url, "v2", use) == [True, True, True]


def test_v2_errors(url, kinds):
    async def use(client):
        await client.infer(url, kinds_request(kinds, True), model_name="nobody")

    with pytest.raises(httpx.HTTPStatusError, match="no such endpoint"):
        run(url, "v2", use)


def test_v1(url, kinds, sale):
    named = [{"pages": p, "hour": h, "shop": s} for p, h, s in zip(sale["pages"], sale["hour"], sale["shop"])]

    async def use(client):
        return [await client.infer(url, {"instances": kinds["rows"]}, model_name="kinds"), await client.infer(url, {"instances": named}, model_name="sale"),
                await client.is_model_ready(url, "sale")]

    rows, probabilities, ready = run(url, "v1", use)
    assert rows["predictions"] == [pytest.approx(row, abs=1e-6) for row in kinds["predict"]]
    assert probabilities["predictions"] == pytest.approx(sale["sold"], abs=1e-6)
    assert ready is True


def test_v1_explain(url, sale):
    named = [{"pages": p, "hour": h, "shop": s} for p, h, s in zip(sale["pages"], sale["hour"], sale["shop"])]

    async def explain(client):
        return await client.explain(url, "sale", {"instances": named})

    answer = run(url, "v1", explain)
    assert answer["predictions"] == pytest.approx(sale["sold"], abs=1e-6)
    data = answer["data"]
    assert data["feature_names"] == ["pages", "hour", "shop"]
    raw = [data["expected_value"][0] + sum(row) for row in data["shap_values"][0]]
    assert [1 / (1 + math.exp(-value)) for value in raw] == pytest.approx(sale["sold"], abs=1e-6)


def test_v1_errors(url, kinds):
    async def unknown(client):
        await client.infer(url, {"instances": kinds["rows"]}, model_name="nobody")

    async def broken(client):
        await client.infer(url, {"inputs": kinds["rows"]}, model_name="kinds")

    with pytest.raises(httpx.HTTPStatusError, match="no such endpoint"):
        run(url, "v1", unknown)
    with pytest.raises(httpx.HTTPStatusError, match="instances must be a list"):
        run(url, "v1", broken)
