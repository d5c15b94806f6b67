"""tritonclient.grpc, and grpcio with its health messages written by hand."""
import queue

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.utils import InferenceServerException


@pytest.fixture
def client(grpc_url):
    return triton.InferenceServerClient(grpc_url)


def sale_inputs(sale):
    inputs = []
    for name in ("pages", "hour", "shop"):
        is_text = name == "shop"
        inputs.append(triton.InferInput(name, [3], "BYTES" if is_text else "FP64"))
        inputs[-1].set_data_from_numpy(np.array(sale[name], dtype=object if is_text else np.float64))
    return inputs


def matrix(kinds, dtype=np.float32):
    rows = np.array(kinds["rows"], dtype=dtype)
    given = triton.InferInput("input-0", list(rows.shape), {"float16": "FP16", "float32": "FP32", "float64": "FP64"}[rows.dtype.name])
    given.set_data_from_numpy(rows)
    return [given]


def test_infer(client, sale):
    result = client.infer("sale", sale_inputs(sale), outputs=[triton.InferRequestedOutput("sold")], request_id="g1", model_version="1")
    assert result.as_numpy("sold") == pytest.approx(sale["sold"], abs=1e-6)
    assert result.get_response().id == "g1" and result.get_response().parameters["variant"].string_param


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_matrix_spreads_over_the_columns(client, kinds, dtype):
    got = client.infer("kinds", matrix(kinds, dtype)).as_numpy("predict")
    assert got.shape == (2, 3)
    assert got == pytest.approx(np.array(kinds["predict"]), abs=0.2 if dtype == np.float16 else 1e-6)


def test_typed_contents(grpc_url, sale):
    stub = service_pb2_grpc.GRPCInferenceServiceStub(grpc.insecure_channel(grpc_url))
    request = service_pb2.ModelInferRequest(model_name="sale")
    for name in ("pages", "hour", "shop"):
        tensor = request.inputs.add(name=name, shape=[3], datatype="BYTES" if name == "shop" else "FP64")
        if name == "shop":
            tensor.contents.bytes_contents.extend(text.encode() for text in sale[name])
        else:
            tensor.contents.fp64_contents.extend(sale[name])
    answer = stub.ModelInfer(request)
    assert np.frombuffer(answer.raw_output_contents[0], np.float32) == pytest.approx(sale["sold"], abs=1e-6)


def test_stream(client, kinds):
    answers = queue.Queue()
    client.start_stream(lambda result, error: answers.put((result, error)))
    client.async_stream_infer("kinds", matrix(kinds), request_id="s1")
    client.async_stream_infer("nobody", matrix(kinds), request_id="s2")
    client.async_stream_infer("kinds", matrix(kinds), request_id="s3")
    first, failed, last = (answers.get(timeout=60) for _ in range(3))
    client.stop_stream()
    assert first[1] is None and first[0].get_response().id == "s1"
    assert "no such endpoint" in str(failed[1])
    assert last[0].as_numpy("predict") == pytest.approx(np.array(kinds["predict"]), abs=1e-6)


def test_health_and_metadata(client, grpc_url):
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready("sale", "1") and not client.is_model_ready("sale", "9") and not client.is_model_ready("nobody")
    server = client.get_server_metadata()
    assert server.name == "slipway" and {"model_repository", "statistics"} <= set(server.extensions)
    model = client.get_model_metadata("kinds")
    assert [list(o.shape) for o in model.outputs] == [[-1, 3]] and list(model.versions) == ["1"]
    check = grpc.insecure_channel(grpc_url).unary_unary("/grpc.health.v1.Health/Check")
    assert check(b"") == b"\x08\x01"  # SERVING


def test_repository_and_statistics(client, kinds):
    assert ("sale", "1", "READY") in {(m.name, m.version, m.state) for m in client.get_model_repository_index().models}
    client.load_model("sale")
    client.unload_model("sale")  # out of memory; the next request loads it
    assert client.is_model_ready("sale")
    before = client.get_inference_statistics("kinds").model_stats[0].inference_count
    client.infer("kinds", matrix(kinds))
    after = client.get_inference_statistics("kinds", "1").model_stats[0]
    assert after.inference_count == before + 2 and after.inference_stats.success.ns > 0


def test_errors(client, sale, kinds):
    def status_of(call):
        with pytest.raises(InferenceServerException) as raised:
            call()
        return raised.value.status(), raised.value.message()

    status, message = status_of(lambda: client.infer("nobody", matrix(kinds)))
    assert status == "StatusCode.NOT_FOUND" and "no such endpoint" in message
    status, message = status_of(lambda: client.infer("sale", sale_inputs(sale)[:2]))
    assert status == "StatusCode.INVALID_ARGUMENT" and "shop" in message
    status, message = status_of(lambda: client.infer("sale", sale_inputs(sale), outputs=[triton.InferRequestedOutput("x")]))
    assert status == "StatusCode.INVALID_ARGUMENT" and "unexpected output x" in message
