"""kserve's InferenceRESTClient."""
import asyncio

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
