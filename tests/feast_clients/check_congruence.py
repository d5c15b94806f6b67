"""The same rows and the same requests, asked of Slipway and of `feast serve` (sqlite). Where answers differ, DIFFERENCES says how.

docs/compat/feast.md has the reasons. A difference that is gone fails as well.
"""
import json
import socket
import subprocess
import sys
import time

import pytest
import requests
import shop

ALL = ["stats:trips", "stats:rate", "stats:name", "stats:ok", "stats:seen"]
AT = "2024-01-10T11:30:00"
PUSHED = {"driver": [5001], "event_timestamp": [AT], "created": [AT], "trips": [9], "rate": [0.5], "name": ["p"], "ok": [True], "seen": [1704067200]}
OLDER = {**PUSHED, "event_timestamp": ["2024-01-10T11:00:00"], "created": ["2024-01-10T11:00:00"], "trips": [1]}


def online(entities, features=ALL, **more):
    return "/get-online-features", {"features": features, "entities": entities, **more}


def service(name, entities, **more):
    return "/get-online-features", {"feature_service": name, "entities": entities, **more}


# In this order: some write.
REQUESTS = {
    "materialize": ("/materialize", {"start_ts": "2023-12-01T00:00:00", "end_ts": "2024-01-10T12:00:00"}),
    "materialize incrementally": ("/materialize-incremental", {"end_ts": "2024-01-10T12:00:00"}),
    "materialize no view": ("/materialize", {"start_ts": "2023-12-01", "end_ts": "2024-01-10", "feature_views": ["nobody"]}),
    "materialize without end": ("/materialize-incremental", {}),
    "materialize bad time": ("/materialize", {"start_ts": "soon", "end_ts": "2024-01-10"}),
    "one key": online({"driver": [1001]}),
    "two keys": online({"driver": [1001, 9]}),
    "whole and missing values": online({"driver": [1002]}),
    "past the ttl": online({"driver": [1003]}),
    "created later": online({"driver": [1004]}),
    "the same key twice": online({"driver": [1001, 1001]}),
    "full names": online({"driver": [1001]}, ["stats:trips"], full_feature_names=True),
    "versions of views": online({"driver": [1001]}, ["stats:trips"], include_feature_view_version_metadata=True),
    "numeric text as key": online({"driver": ["1001"]}),
    "a column nobody asked for": online({"driver": [1001], "weather": ["x"]}),
    "on demand": online({"dist": [1.5, 2.0]}, ["fare:twice"]),
    "on demand beside a view": online({"dist": [1.5], "driver": [1001]}, ["stats:rate", "fare:twice"]),
    "service": service("driver", {"driver": [1001]}),
    "service with request data": service("ride", {"driver": [1001], "dist": [4.0]}),
    "service with full names": service("ride", {"driver": [1001], "dist": [4.0]}, full_feature_names=True),
    "service without its request data": service("ride", {"driver": [1001]}),
    "no service": service("nobody", {"driver": [1001]}),
    "no view": online({"driver": [1001]}, ["nobody:x"]),
    "no feature": online({"driver": [1001]}, ["stats:nothing"]),
    "no reference": online({"driver": [1001]}, ["stats"]),
    "two of one name": online({"driver": [1001]}, ["stats:trips", "stats:trips"]),
    "nothing asked": online({"driver": [1001]}, []),
    "no entities": online({}),
    "no keys": online({"driver": []}),
    "other keys": online({"rider": [1]}),
    "null key": online({"driver": [None]}),
    "ill-typed key": online({"driver": ["x"]}),
    "ragged": online({"driver": [1, 2], "weather": [1]}),
    "features no list": ("/get-online-features", {"features": "stats:trips", "entities": {"driver": [1]}}),
    "entities missing": ("/get-online-features", {"features": ALL}),
    "push": ("/push", {"push_source_name": "drivers_push", "df": PUSHED, "to": "online"}),
    "pushed": online({"driver": [5001]}),
    "push an older row": ("/push", {"push_source_name": "drivers_push", "df": OLDER, "to": "online"}),
    "pushed older": online({"driver": [5001]}, ["stats:trips"]),
    "push an unknown source": ("/push", {"push_source_name": "nobody", "df": PUSHED, "to": "online"}),
    "push to nowhere": ("/push", {"push_source_name": "drivers_push", "df": PUSHED, "to": "up"}),
    "push without columns": ("/push", {"push_source_name": "drivers_push", "df": {"driver": [1]}, "to": "online"}),
    "push ragged": ("/push", {"push_source_name": "drivers_push", "df": {**PUSHED, "trips": [1, 2]}, "to": "online"}),
    "push ill-typed": ("/push", {"push_source_name": "drivers_push", "df": {**PUSHED, "trips": ["many"]}, "to": "online"}),
    "push offline": ("/push", {"push_source_name": "drivers_push", "df": PUSHED, "to": "offline"}),
    "write": ("/write-to-online-store", {"feature_view_name": "stats", "df": {**PUSHED, "driver": [5002], "event_timestamp": [AT]}}),
    "written": online({"driver": [5002]}),
    "write no view": ("/write-to-online-store", {"feature_view_name": "nobody", "df": PUSHED}),
    # The last one: Feast serves nothing until it is through.
    "materialize in the background": ("/materialize-incremental?async=true", {"end_ts": "2024-01-10T12:00:00", "feature_views": ["stats"]}),
}

# What Feast answers 500 to is refused with 422 here, in Feast's envelope and with words.
REFUSED = dict.fromkeys(["materialize bad time", "no feature", "no reference", "two of one name", "nothing asked", "no entities", "no keys", "other keys",
                         "null key", "ill-typed key", "ragged", "push to nowhere", "push without columns", "push ragged", "push ill-typed", "push offline"], "422 for 500")
DIFFERENCES = {
    **REFUSED,
    "whole and missing values": ["statuses: NULL_VALUE for PRESENT"],
    "past the ttl": ["statuses: OUTSIDE_MAX_AGE for PRESENT", "values: null for a value"],
    "created later": ["event_timestamps: 1970-01-01T00:00:00Z for 2024-01-10T11:00:00Z", "statuses: NOT_FOUND for PRESENT", "values: null for a value"],
    "service with full names": ["fare__twice: only here"],
    "pushed older": ["event_timestamps: 2024-01-10T11:30:00Z for 2024-01-10T11:00:00Z", "values: 9 for 1"],
}


@pytest.fixture(scope="module")
def feast_url(tmp_path_factory):
    repo = shop.write_feast(tmp_path_factory.mktemp("feast"), "{type: sqlite, path: online.db}")
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    with open(repo / "serve.log", "wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "feast.cli.cli", "serve", "--port", str(port)], cwd=repo, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 60
    while True:
        try:
            requests.get(f"{url}/health", timeout=1)
            break
        except OSError:
            assert process.poll() is None and time.monotonic() < deadline, (repo / "serve.log").read_text()[-3000:]
            time.sleep(0.1)
    yield url
    process.terminate()
    process.wait(timeout=30)


def ask(url, path, body):
    """The status, and what is comparable: columns by name (Feast's order is not the request's), else the error's class."""
    reply = requests.post(url + path, json=body, timeout=60)
    said = reply.json() if reply.content else None
    if reply.status_code == 200 and isinstance(said, dict) and "results" in said:
        columns = dict(zip(said["metadata"]["feature_names"], said["results"], strict=True))
        return reply.status_code, {**columns, "views": said["metadata"].get("feature_view_metadata") or []}
    if isinstance(said, str) and said.startswith("{"):
        return reply.status_code, json.loads(said)["class"]
    if isinstance(said, dict) and "detail" in said:
        return reply.status_code, "detail"
    return reply.status_code, said


def difference(ours, theirs) -> str | list[str] | None:
    if ours == theirs:
        return None
    if (ours[0], theirs[0]) == (422, 500):
        return "422 for 500"
    if ours[0] != theirs[0] or not isinstance(ours[1], dict):
        return f"{ours} for {theirs}"
    words = set()
    for name in {*ours[1], *theirs[1]}:
        if name not in ours[1] or name not in theirs[1]:
            words.add(f"{name}: only {'here' if name in ours[1] else 'there'}")
        elif name == "views":
            words |= {f"views: {ours[1][name]} for {theirs[1][name]}"} if ours[1][name] != theirs[1][name] else set()
        else:
            for part, cells in ours[1][name].items():
                for one, other in zip(cells, theirs[1][name][part], strict=True):
                    if one != other:
                        words.add(f"{part}: null for a value" if one is None else f"{part}: {one} for {other}")
    return sorted(words)


def test_answers_are_feasts_but_for_the_listed_ones(url, feast_url):
    found = {}
    for name, (path, body) in REQUESTS.items():
        differs = difference(ask(url, path, body), ask(feast_url, path, body))
        if differs:
            found[name] = differs
    assert found == DIFFERENCES, json.dumps({n: w for n, w in found.items() if DIFFERENCES.get(n) != w}, indent=1)


def test_the_sdk_reads_the_same_from_both(url, feast_url, tmp_path):
    """Feast's own SDK, unmodified, its online store once here and once at `feast serve`."""
    from feast import FeatureStore
    from feast.errors import FeatureViewNotFoundException
    ours, theirs = (FeatureStore(repo_path=str(shop.write_feast(tmp_path / name, f"{{type: remote, path: '{at}'}}"))) for name, at in (("here", url), ("there", feast_url)))

    def same(features, rows, **flags):
        answers = [store.get_online_features(features=store.get_feature_service(features) if isinstance(features, str) else features, entity_rows=rows, **flags)
                   for store in (ours, theirs)]
        assert answers[0].to_dict(include_event_timestamps=True) == answers[1].to_dict(include_event_timestamps=True)
        frames = [answer.to_df() for answer in answers]  # Feast's server has no order of columns
        assert frames[0].sort_index(axis=1).equals(frames[1].sort_index(axis=1))
        return answers[0].to_dict()

    assert same(ALL, [{"driver": 1001}, {"driver": 9}])["trips"] == [6, None]
    assert same(["stats:trips"], [{"driver": 1001}], full_feature_names=True)["stats__trips"] == [6]
    assert same("driver", [{"driver": 9}, {"driver": 1001}])["name"] == [None, "b"]
    assert same("ride", [{"driver": 1001, "dist": 1.5}])["twice"] == [3.0]
    assert same(["fare:twice"], [{"dist": 2.0}, {"dist": 3.0}])["twice"] == [4.0, 6.0]
    rows = shop.drivers().iloc[:2].drop(columns="row").assign(driver=[6001, 6002])
    for store in (ours, theirs):
        store.push("drivers_push", rows)
        store.write_to_online_store("stats", rows.iloc[:1].assign(driver=6003, trips=70))
        with pytest.raises(FeatureViewNotFoundException):
            store.get_online_features(features=["nobody:x"], entity_rows=[{"driver": 1001}])
    assert same(ALL, [{"driver": d} for d in (6001, 6002, 6003)])["trips"] == [5, 6, 70]
