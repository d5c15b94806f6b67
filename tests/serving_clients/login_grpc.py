"""Against a server with --login and no endpoint: what a stranger, a user without permission and the administrator are told."""
import base64
import queue

import numpy as np
import pytest
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException


def header(name: str, password: str) -> dict:
    return {"authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def status_of(call) -> str:
    with pytest.raises(InferenceServerException) as raised:
        call()
    return raised.value.status().removeprefix("StatusCode.")


def test_login(served):
    client = triton.InferenceServerClient(served["grpc_url"])
    assert client.is_server_live() and client.is_server_ready()  # probes
    given = triton.InferInput("x", [1], "FP32")
    given.set_data_from_numpy(np.zeros(1, np.float32))
    admin, reader = header(*served["admin"]), header(*served["reader"])
    for call, reader_gets, admin_gets in (
            (lambda headers: client.get_model_metadata("nobody", headers=headers), "NOT_FOUND", "NOT_FOUND"),
            (lambda headers: client.infer("nobody", [given], headers=headers), "PERMISSION_DENIED", "NOT_FOUND"),
            (lambda headers: client.load_model("nobody", headers=headers), "PERMISSION_DENIED", "NOT_FOUND")):
        assert status_of(lambda: call({})) == "UNAUTHENTICATED"
        assert status_of(lambda: call(header("ada", "wrong"))) == "UNAUTHENTICATED"
        for _ in range(2):  # the second time the server knows the header
            assert status_of(lambda: call(reader)) == reader_gets
            assert status_of(lambda: call(admin)) == admin_gets
    assert client.get_server_metadata(headers=reader).name == "slipway"


def test_stream(served):
    client = triton.InferenceServerClient(served["grpc_url"])
    errors = queue.Queue()
    client.start_stream(lambda result, error: errors.put(error))
    given = triton.InferInput("x", [1], "FP32")
    given.set_data_from_numpy(np.zeros(1, np.float32))
    client.async_stream_infer("nobody", [given])
    assert "UNAUTHENTICATED" in str(errors.get(timeout=60).status())
    client.stop_stream()
