"""What happens as server-sent events: who hears what, going on after a break, and the limits."""
import time

import requests
from mlflow import MlflowClient

from conftest import eventually, read_stream

STREAM = "/slipway/v1/events/stream"


def read_events(server, last=None, after=None, auth=None):
    return read_stream(server.url + STREAM, last, auth=auth, params={"after": after} if after else {})


def changes(events, subject):
    """Reads on until something of `subject` was told; its id and kind."""
    for kind, number, data in events:
        for change in data["changes"] if kind == "changes" else []:
            if change["subject"] == subject:
                return number, change["kind"]
    raise AssertionError("the stream has ended")


def test_what_happens_is_told_and_nothing_twice_after_a_break(server):
    client = MlflowClient(server.url)
    events = read_events(server)
    kind, _, data = next(events)
    assert (kind, data) == ("begin", {"missed": False})
    client.create_registered_model("a")
    number, kind = changes(events, "models/a")
    assert kind == "model.created"
    client.create_registered_model("b")
    client.create_registered_model("c")
    for resumed in (read_events(server, last=number), read_events(server, after=number)):
        assert next(resumed)[2] == {"missed": False}
        subjects = []
        while len(subjects) < 2:
            subjects += [change["subject"] for change in next(resumed)[2]["changes"]]
        assert subjects == ["models/b", "models/c"]
    assert next(read_events(server, last="1000000"))[2] == {"missed": True}  # of another database
    assert next(read_events(server, last="not ours"))[2] == {"missed": False}


def test_nobody_hears_of_what_they_may_not_read(start_server, monkeypatch):
    admin, ada = ("admin", "a password for admins"), ("ada", "a password for ada")
    monkeypatch.setenv("SLIPWAY_ADMIN_PASSWORD", admin[1])
    server = start_server("login", "--login", "--default-permission", "NO_PERMISSIONS")
    post = lambda path, body: requests.post(server.url + path, json=body, auth=admin, timeout=60).raise_for_status()  # noqa: E731
    assert requests.get(server.url + STREAM, timeout=60).status_code == 401
    post("/api/2.0/mlflow/users/create", {"username": ada[0], "password": ada[1]})
    for name in ("secret", "hers"):
        post("/api/2.0/mlflow/registered-models/create", {"name": name})
    post("/api/2.0/mlflow/registered-models/permissions/create", {"username": ada[0], "name": "hers", "permission": "READ"})
    hers, all_of_it = read_events(server, auth=ada), read_events(server, auth=admin)
    assert next(hers)[0] == next(all_of_it)[0] == "begin"
    for name in ("secret", "hers"):
        post("/api/2.0/mlflow/registered-models/set-tag", {"name": name, "key": "k", "value": "v"})
    assert changes(all_of_it, "models/secret")
    heard = next(hers)
    assert [change["subject"] for change in heard[2]["changes"]] == ["models/hers"]
    # Coming back goes on behind what was not for her, too.
    again = read_events(server, auth=ada, last=heard[1])
    assert next(again)[0] == "begin"
    behind = read_events(server, auth=admin)  # is told after her
    assert next(behind)[0] == "begin"
    # What she may read is asked for with each event.
    permit = lambda permission: requests.patch(server.url + "/api/2.0/mlflow/registered-models/permissions/update", json={"username": ada[0], "name": "hers", "permission": permission}, auth=admin, timeout=60).raise_for_status()  # noqa: E731
    permit("NO_PERMISSIONS")
    for name in ("hers", "secret"):
        post("/api/2.0/mlflow/registered-models/set-tag", {"name": name, "key": "k", "value": "v"})
    assert changes(behind, "models/secret")
    permit("READ")
    requests.patch(server.url + "/api/2.0/mlflow/registered-models/update", json={"name": "hers", "description": "x"}, auth=admin, timeout=60).raise_for_status()
    told = []
    while "model.updated" not in told:
        told += [change["kind"] for change in next(again)[2]["changes"]]
    assert told == ["permission.granted", "permission.granted", "model.updated"]  # what she is given she is told; of the tags that were set meanwhile, nothing


def test_no_more_streams_than_the_limit(start_server):
    server = start_server("few", "--stream-clients-max", "2")
    streams = [read_events(server) for _ in range(2)]
    assert all(next(one)[0] == "begin" for one in streams)
    refused = requests.get(server.url + STREAM, timeout=60)
    assert refused.status_code == 429 and "listeners_max=2" in refused.json()["error"]["message"]
    streams.pop().close()
    eventually(lambda: requests.get(server.url + STREAM, timeout=60, stream=True).status_code == 200)


def test_stopping_ends_every_stream(start_server):
    server = start_server("data", "--drain-seconds", "60")
    streams = [read_events(server) for _ in range(50)]
    assert all(next(one)[0] == "begin" for one in streams)
    started = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - started < 45  # draining closes streams
    assert all(list(one) == [] for one in streams)  # whole: each has had its last chunk


def test_what_another_server_does_is_told(start_server, postgres):
    flags = postgres.fresh()
    one, other = start_server("one", *flags), start_server("other", *flags)
    events = read_events(other)
    assert next(events)[0] == "begin"
    MlflowClient(one.url).create_registered_model("a")
    assert changes(events, "models/a")
