"""tritonclient.http: binary and JSON tensors both ways, compressed bodies, metadata, repository, statistics."""
import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException


@pytest.fixture
def client(url):
    return triton.InferenceServerClient(url.removeprefix("http://"))


def sale_inputs(sale, binary=True):
    inputs = []
    for name in ("pages", "hour", "shop"):
        is_text = name == "shop"
        inputs.append(triton.InferInput(name, [3], "BYTES" if is_text else "FP64"))
        inputs[-1].set_data_from_numpy(np.array(sale[name], dtype=object if is_text else np.float64), binary_data=binary)
    return inputs


def matrix(kinds, dtype=np.float32, name="input-0"):
    rows = np.array(kinds["rows"], dtype=dtype)
    given = triton.InferInput(name, list(rows.shape), triton._infer_input.np_to_triton_dtype(dtype))
    given.set_data_from_numpy(rows)
    return [given]


@pytest.mark.parametrize("sent", [True, False])
@pytest.mark.parametrize("wanted", [True, False, None])
def test_tensors_in_binary_and_json(client, sale, sent, wanted):
    outputs = None if wanted is None else [triton.InferRequestedOutput("sold", binary_data=wanted)]
    result = client.infer("sale", sale_inputs(sale, sent), outputs=outputs, request_id="r1")
    assert result.as_numpy("sold") == pytest.approx(sale["sold"], abs=1e-6)
    response = result.get_response()
    assert response["id"] == "r1" and response["model_name"] == "sale" and response["model_version"] == "1"
    assert ("data" in response["outputs"][0]) == (wanted is False)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_matrix_spreads_over_the_columns(client, kinds, dtype):
    got = client.infer("kinds", matrix(kinds, dtype)).as_numpy("predict")
    assert got.shape == (2, 3)
    assert got == pytest.approx(np.array(kinds["predict"]), abs=0.2 if dtype == np.float16 else 1e-6)


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_compressed_bodies(client, kinds, algorithm):
    got = client.infer("kinds", matrix(kinds), request_compression_algorithm=algorithm, response_compression_algorithm=algorithm)
    assert got.as_numpy("predict") == pytest.approx(np.array(kinds["predict"]), abs=1e-6)


def test_integers_and_booleans_are_columns_too(client, kinds):
    inputs = []
    for name, datatype, dtype in (("a", "INT64", np.int64), ("b", "BOOL", bool), ("c", "UINT8", np.uint8)):
        inputs.append(triton.InferInput(name, [1], datatype))
        inputs[-1].set_data_from_numpy(np.array([1], dtype=dtype))
    assert client.infer("kinds", inputs).as_numpy("predict").sum() == pytest.approx(1, abs=1e-6)
    beyond = triton.InferInput("a", [1], "INT64")
    beyond.set_data_from_numpy(np.array([2**53 + 1]))
    with pytest.raises(InferenceServerException, match="beyond 2\\^53.*9007199254740993"):
        client.infer("kinds", [beyond, *inputs[1:]])


def test_metadata(client):
    server = client.get_server_metadata()
    assert server["name"] == "slipway" and {"binary_tensor_data", "model_repository", "statistics"} <= set(server["extensions"])
    model = client.get_model_metadata("sale", "1")
    assert {"name": "shop", "datatype": "BYTES", "shape": [-1]} in model["inputs"]
    assert model["outputs"] == [{"name": "sold", "datatype": "FP32", "shape": [-1]}]
    assert client.get_model_metadata("kinds")["outputs"][0]["shape"] == [-1, 3]
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready("sale") and client.is_model_ready("sale", "1")
    assert not client.is_model_ready("sale", "9") and not client.is_model_ready("nobody")
    with pytest.raises(InferenceServerException, match="version 9"):
        client.get_model_metadata("sale", "9")


def test_repository(client):
    assert {"name": "sale", "version": "1", "state": "READY", "reason": ""} in client.get_model_repository_index()
    client.load_model("sale")
    with pytest.raises(InferenceServerException, match="deploy"):
        client.load_model("sale", config='{"max_batch_size": 8}')
    with pytest.raises(InferenceServerException, match="no such endpoint"):
        client.load_model("nobody")
    client.unload_model("sale")  # out of memory; the next request loads it
    assert client.is_model_ready("sale")


def test_statistics(client, kinds):
    def read():
        (only,) = client.get_inference_statistics("kinds", "1")["model_stats"]
        return only

    before = read()
    for _ in range(3):
        client.infer("kinds", matrix(kinds))
    after = read()
    assert after["inference_count"] - before["inference_count"] == 6 and after["execution_count"] - before["execution_count"] == 3
    assert after["inference_stats"]["success"]["count"] - before["inference_stats"]["success"]["count"] == 3
    assert after["inference_stats"]["compute_infer"]["ns"] > before["inference_stats"]["compute_infer"]["ns"]
    assert after["last_inference"] > 1_600_000_000_000
    assert {m["name"] for m in client.get_inference_statistics()["model_stats"]} == {"sale", "kinds"}


def test_errors_are_the_servers_words(client, sale, kinds):
    with pytest.raises(InferenceServerException, match="unexpected input weather"):
        client.infer("kinds", [*columns(kinds), column("weather", [1.0, 2.0])])
    with pytest.raises(InferenceServerException, match="unexpected output x"):
        client.infer("sale", sale_inputs(sale), outputs=[triton.InferRequestedOutput("x")])
    with pytest.raises(InferenceServerException, match="no such endpoint"):
        client.infer("nobody", sale_inputs(sale))


def column(name, values):
    given = triton.InferInput(name, [len(values)], "FP32")
    given.set_data_from_numpy(np.array(values, dtype=np.float32))
    return given


def columns(kinds):
    return [column(name, [row[i] for row in kinds["rows"]]) for i, name in enumerate("abc")]
