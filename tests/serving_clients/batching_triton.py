"""tritonclient over HTTP and gRPC against a slow model: requests become fewer calls, with their own rows, in order of priority and within their time."""
import concurrent.futures
import pathlib
import time

import numpy as np
import pytest
import tritonclient.grpc
import tritonclient.http
from tritonclient.utils import InferenceServerException


def inputs(module, numbers):
    x = module.InferInput("x", [len(numbers)], "FP64")
    x.set_data_from_numpy(np.array(numbers, dtype=np.float64))
    return [x]


@pytest.fixture(params=["http", "grpc"])
def protocol(request, url, grpc_url):
    """The client's module and how to make a client: that of HTTP belongs to one thread."""
    if request.param == "http":
        return tritonclient.http, lambda: tritonclient.http.InferenceServerClient(url.removeprefix("http://"))
    shared = tritonclient.grpc.InferenceServerClient(grpc_url)
    return tritonclient.grpc, lambda: shared


class Held:
    """Calls with 2000 among their numbers: they stay in the model until this ends."""

    def __init__(self, folder):
        self.folder = folder
        for file in (folder / "go", *folder.glob("begun-*")):
            file.unlink(missing_ok=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        (self.folder / "go").touch()

    def wait(self):
        deadline = time.monotonic() + 60
        while not list(self.folder.glob("begun-*")):
            assert time.monotonic() < deadline
            time.sleep(0.01)


@pytest.fixture
def held(served):
    return Held(pathlib.Path(served["folder"]))


def stats(url, name):
    client = tritonclient.http.InferenceServerClient(url.removeprefix("http://"))
    (only,) = client.get_inference_statistics(name)["model_stats"]
    return only


def infer(protocol, name, numbers, **options):
    module, client = protocol
    return client().infer(name, inputs(module, numbers), **options).as_numpy("prediction").tolist()


def test_requests_become_fewer_calls(protocol, url, held):
    before = stats(url, "slow")
    requests = [[float(i), i + 0.5] if i % 3 else [float(i)] for i in range(100, 130)]
    with concurrent.futures.ThreadPoolExecutor(31) as pool:
        with held:
            busy = pool.submit(infer, protocol, "slow", [2000.0])
            held.wait()
            asked = [pool.submit(infer, protocol, "slow", numbers) for numbers in requests]
            time.sleep(1.5)  # they meet
        assert busy.result() == [4000.0]
        answers = [one.result() for one in asked]
    assert answers == [[2 * x for x in numbers] for numbers in requests]
    after = stats(url, "slow")
    rows = 1 + sum(len(r) for r in requests)
    calls = after["execution_count"] - before["execution_count"]
    assert after["inference_count"] - before["inference_count"] == rows
    assert calls < len(requests) / 2, "they were not put together"
    assert after["inference_stats"]["queue"]["ns"] - before["inference_stats"]["queue"]["ns"] > 0
    assert sum(b["compute_infer"]["count"] for b in after["batch_stats"]) == after["execution_count"]
    assert max(b["batch_size"] for b in after["batch_stats"]) > 2


def test_a_request_that_is_late_is_not_scored(protocol, url, held):
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        with held:
            busy = pool.submit(infer, protocol, "slow", [2000.0])
            held.wait()
            before = stats(url, "slow")["inference_count"]
            with pytest.raises(InferenceServerException) as raised:
                infer(protocol, "slow", [1.0], timeout=100_000)
            assert "time was over" in raised.value.message()
        assert busy.result() == [4000.0]
    assert stats(url, "slow")["inference_count"] == before + 1
    if protocol[0] is tritonclient.grpc:
        assert raised.value.status() == "StatusCode.DEADLINE_EXCEEDED"


def test_a_grpc_deadline_counts(grpc_url, url, held):
    client = tritonclient.grpc.InferenceServerClient(grpc_url)
    protocol = (tritonclient.grpc, lambda: client)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        with held:
            busy = pool.submit(infer, protocol, "slow", [2000.0])
            held.wait()
            before = stats(url, "slow")["inference_count"]
            # Client and server both watch the clock; either may say it first.
            with pytest.raises(InferenceServerException, match=r"StatusCode\.DEADLINE_EXCEEDED"):
                infer(protocol, "slow", [1.0], client_timeout=0.1)
            time.sleep(1)  # until both have seen it
        busy.result()
    time.sleep(0.2)
    assert stats(url, "slow")["inference_count"] == before + 1


def test_lower_priorities_go_first(protocol, held):
    """The endpoint `alone` scores one request a call; the model keeps the order of those."""
    order = held.folder / "order"
    order.unlink(missing_ok=True)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        def ask(number, priority):
            infer(protocol, "alone", [float(number)], priority=priority)

        with held:
            waiting = [pool.submit(ask, 2000, 0)]  # until all of them wait
            held.wait()
            for number, priority in [(1, 3), (2, 0), (3, 1), (4, 2), (5, 1)]:
                waiting.append(pool.submit(ask, number, priority))
                time.sleep(0.5)
        for each in waiting:
            each.result()
    assert order.read_text().split() == ["2000", "3", "5", "2", "4", "1"], "0 is the default, 2"


def test_a_full_queue_is_said(protocol, url, held):
    """The endpoint `short` lets two rows wait."""
    def infer_when_there_is_room(numbers):
        while True:
            try:
                return infer(protocol, "short", numbers)
            except InferenceServerException as refused:
                assert "too many rows wait" in refused.message()

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        with held:
            waiting = [pool.submit(infer, protocol, "short", [2000.0])]
            held.wait()
            waiting.append(pool.submit(infer_when_there_is_room, [1.0, 2.0]))
            deadline = time.monotonic() + 60
            while True:  # until those two wait, it is this one that waits, for a moment
                with pytest.raises(InferenceServerException) as raised:
                    infer(protocol, "short", [3.0], timeout=50_000)
                if "time was over" not in raised.value.message():
                    break
                assert time.monotonic() < deadline
        assert "too many rows wait" in raised.value.message()
        assert raised.value.status() in ("429", "StatusCode.RESOURCE_EXHAUSTED")
        assert [w.result() for w in waiting] == [[4000.0], [2.0, 4.0]]


def test_a_bad_request_spoils_no_neighbour(protocol):
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        busy = pool.submit(infer, protocol, "slow", [1000.0])
        time.sleep(0.15)
        neighbours = [pool.submit(infer, protocol, "slow", [float(i)]) for i in range(8)]
        refused = pool.submit(infer, protocol, "slow", [13.0])
        assert [n.result() for n in neighbours] == [[2.0 * i] for i in range(8)]
        with pytest.raises(InferenceServerException, match="not thirteen"):
            refused.result()
        busy.result()
