"""Live metrics as server-sent events, read by a client that knows nothing of us, and `slipway runs watch`."""
import os
import subprocess
import time

import requests
from mlflow import MlflowClient

from conftest import BINARY, read_stream


def read_events(server, run, last=None):
    return read_stream(f"{server.url}/slipway/v1/runs/{run}/metrics/stream", last)


def test_points_are_streamed_as_they_are_committed(server):
    client = MlflowClient(server.url)
    run = client.create_run("0").info.run_id
    client.log_metric(run, "loss", 1.0, step=0)
    events = read_events(server, run)
    kind, _, data = next(events)
    assert kind == "latest" and data["status"] == "RUNNING" and data["metrics"][0]["value"] == 1.0
    seen = []
    for step in range(1, 6):
        client.log_metric(run, "loss", 1 / (step + 1), step=step)
        kind, number, data = next(events)
        assert kind == "points" and data["points"][0]["step"] == step
        seen.append(number)
    # Gone and back: nothing is lost and nothing comes twice.
    resumed = read_events(server, run, last=seen[2])
    assert [next(resumed)[2]["points"][0]["step"] for _ in range(2)] == [4, 5]
    client.log_metric(run, "loss", float("nan"), step=6)
    assert next(events)[2]["points"][0]["value"] == "NaN"
    client.set_terminated(run)
    assert next(events)[2]["status"] == "FINISHED"
    assert list(events) == []  # the stream is over
    assert [e[0] for e in read_events(server, run)] == ["latest", "status"]
    assert requests.get(f"{server.url}/slipway/v1/runs/{'f' * 32}/metrics/stream", timeout=60).status_code == 404


def test_watch_shows_points_and_ends_with_the_run(server):
    client = MlflowClient(server.url)
    run = client.create_run("0").info.run_id
    watch = subprocess.Popen([BINARY, "runs", "watch", run], env={**os.environ, "SLIPWAY_URL": server.url}, stdout=subprocess.PIPE, text=True)
    client.log_metric(run, "loss", 0.5, step=3)
    assert watch.stdout.readline() == "loss step=3 0.5\n"
    client.set_terminated(run, status="FAILED")
    assert watch.wait(timeout=90) == 1


def test_many_streams_one_stop(start_server):
    server = start_server("data", "--drain-seconds", "60")
    client = MlflowClient(server.url)
    run = client.create_run("0").info.run_id
    threads = lambda: len(os.listdir(f"/proc/{server.process.pid}/task"))
    before = threads()
    streams = [read_events(server, run) for _ in range(200)]
    assert all(next(s)[0] == "latest" for s in streams)
    client.log_metric(run, "loss", 0.5)
    assert all(next(s)[0] == "points" for s in streams)
    assert threads() < before + 20  # none for a client
    started = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - started < 45  # draining closes streams
    assert all(list(s) == [] for s in streams)  # whole: each has had its last chunk


def test_points_of_another_server_are_seen(start_server, postgres):
    flags = postgres.fresh()
    one, other = start_server("one", *flags), start_server("other", *flags)
    run = MlflowClient(one.url).create_run("0").info.run_id
    events = read_events(other, run)
    assert next(events)[2]["metrics"] == []
    MlflowClient(one.url).log_metric(run, "loss", 0.5, step=3)  # also when the other one has not looked yet
    kind, data = next((kind, data) for kind, _, data in events if data["metrics"])
    assert kind == "latest" and data["metrics"][0]["step"] == 3
    MlflowClient(one.url).set_terminated(run)
    assert [e[2]["status"] for e in events][-1] == "FINISHED"
