"""Many writers and searchers at once: nobody gets an error, and what was acknowledged is there after a kill."""
import random
import threading
import time

import requests
from conftest import eventually

WRITERS, SEARCHERS = 64, 8


def post(session, server, path, body):
    return session.post(f"{server.url}/api/2.0/mlflow/{path}", json=body, timeout=120)


def new_run(server):
    return post(requests, server, "runs/create", {"experiment_id": "0"}).json()["run"]["info"]["run_id"]


def batch(run, number):
    """Ten points of five keys, at steps of their own."""
    return {"run_id": run, "metrics": [{"key": f"m{i % 5}", "value": number + i / 10, "timestamp": 1000 + number, "step": number * 10 + i}
                                       for i in range(10)]}


def read_steps(server, run, key):
    steps, token = [], None
    while True:
        query = {"run_id": run, "metric_key": key, "max_results": 100, **({"page_token": token} if token else {})}
        reply = requests.get(f"{server.url}/api/2.0/mlflow/metrics/get-history", params=query, timeout=30).json()
        steps += [point["step"] for point in reply.get("metrics", [])]
        token = reply.get("next_page_token")
        if not token:
            return steps


def test_batches_of_64_clients_survive_a_kill(start_server):
    server = start_server("killed")
    runs = [new_run(server) for _ in range(WRITERS // 2)]  # two clients write one run
    acknowledged = [[] for _ in range(WRITERS)]
    stop = threading.Event()

    def write(worker):
        session = requests.Session()
        number = worker // len(runs)  # the two take turns
        while not stop.is_set():
            try:
                if post(session, server, "runs/log-batch", batch(runs[worker % len(runs)], number)).status_code != 200:
                    return
            except requests.RequestException:
                return
            acknowledged[worker].append(number)
            number += 2

    threads = [threading.Thread(target=write, args=(w,)) for w in range(WRITERS)]
    [t.start() for t in threads]
    time.sleep(3)
    eventually(lambda: sum(map(len, acknowledged)) > 200)
    server.kill()
    stop.set()
    [t.join() for t in threads]
    server.start()
    for at, run in enumerate(runs):
        numbers = set(acknowledged[at]) | set(acknowledged[at + len(runs)])
        wanted = {number * 10 + i for number in numbers for i in range(10)}
        there = [step for m in range(5) for step in read_steps(server, run, f"m{m}")]
        assert wanted <= set(there)
        assert len(there) == len(set(there))
        # A batch is there as a whole or not at all: at most the two that were under way when the server died, whole ones too.
        assert all(there.count(number * 10 + i) == 1 for number in {step // 10 for step in there} for i in range(10))
    found = post(requests, server, "runs/search", {"experiment_ids": ["0"], "max_results": 1000, "order_by": ["metrics.m0 DESC"]}).json()["runs"]
    latest = {run["info"]["run_id"]: {m["key"]: m["step"] for m in run["data"]["metrics"]} for run in found}
    for run in runs:
        for m in range(5):
            assert latest[run][f"m{m}"] == max(read_steps(server, run, f"m{m}"))


def test_writers_and_searchers_together_get_no_error(server):
    stop, failures = threading.Event(), []
    acknowledged = {}  # run: the greatest value that is acknowledged

    def loop(work):
        session = requests.Session()
        while not stop.is_set():
            try:
                work(session)
            except Exception as e:  # noqa: BLE001: a thread tells what went wrong
                failures.append(repr(e))
                return

    def write(session):
        run = post(session, server, "runs/create", {"experiment_id": "0"}).json()["run"]["info"]["run_id"]
        for value in range(3):
            reply = post(session, server, "runs/log-batch", {
                "run_id": run, "metrics": [{"key": "loss", "value": value, "timestamp": value, "step": value}],
                "params": [{"key": "depth", "value": "3"}], "tags": [{"key": "team", "value": random.choice("ab")}]})
            assert reply.status_code == 200, reply.text
            acknowledged[run] = value

    def search(session):
        before = dict(acknowledged)
        reply = post(session, server, "runs/search", {"experiment_ids": ["0"], "filter": "metrics.loss >= 0 AND params.depth = '3'",
                                                      "order_by": ["metrics.loss DESC"], "max_results": 50_000})
        assert reply.status_code == 200, reply.text
        found = {run["info"]["run_id"]: run["data"]["metrics"][0]["value"] for run in reply.json().get("runs", [])}
        # A search sees everything that was acknowledged before it.
        assert all(found[run] >= value for run, value in before.items())

    threads = [threading.Thread(target=loop, args=(write,)) for _ in range(WRITERS)]
    threads += [threading.Thread(target=loop, args=(search,)) for _ in range(SEARCHERS)]
    [t.start() for t in threads]
    time.sleep(4)
    try:
        eventually(lambda: failures or len(acknowledged) > 20)
    finally:
        stop.set()
        [t.join() for t in threads]
    assert not failures, failures[:3]
