"""kserve's InferenceGRPCClient."""
import asyncio

import grpc
import numpy as np
import pytest
from kserve import InferenceGRPCClient, InferInput, InferRequest


def run(grpc_url, use):
    async def main():
        client = InferenceGRPCClient(grpc_url)
        try:
            return await use(client)
        finally:
            await client.close()

    return asyncio.run(main())


def kinds_request(kinds, name="kinds", binary=True):
    rows = np.array(kinds["rows"], dtype=np.float32)
    given = InferInput("input-0", list(rows.shape), "FP32")
    given.set_data_from_numpy(rows, binary_data=binary)
    return InferRequest(model_name=name, request_id="k1", infer_inputs=[given])


@pytest.mark.parametrize("binary", [True, False])
def test_infer(grpc_url, kinds, binary):
    result = run(grpc_url, lambda client: client.infer(kinds_request(kinds, binary=binary)))
    assert result.id == "k1"
    assert result.outputs[0].as_numpy() == pytest.approx(np.array(kinds["predict"]), abs=1e-6)


def test_health(grpc_url):
    async def use(client):
        return [await client.is_server_live(), await client.is_server_ready(), await client.is_model_ready("sale")]

    assert run(grpc_url, use) == [True, True, True]


def test_errors(grpc_url, kinds):
    with pytest.raises(grpc.RpcError) as raised:
        run(grpc_url, lambda client: client.infer(kinds_request(kinds, "nobody")))
    assert raised.value.code() == grpc.StatusCode.NOT_FOUND
