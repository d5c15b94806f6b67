"""Columns with tags are masked by role, somebody's rows are erased everywhere, and nothing is kept longer than declared."""
import datetime as dt
import io
import json
import os
import pathlib
import subprocess
import time

import mlflow
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import requests
import xgboost
from conftest import BINARY, eventually
from mlflow.models import infer_signature
from test_access import ADA, ADMIN, BOB, guarded, logged_in  # noqa: F401  (a fixture)

NAMES = ["ann", "bob", "cyd", "dan"]
YAML = """
project: clinic
datasets:
  visits:
    path: visits.parquet
    key: [visit]
    event_time: at
    arrival_time: at
    columns:
      patient: {tags: [pii, patient]}
      email: {tags: [pii], pattern: "@"}
      age: {tags: [pii], max: 120}
  plain: {path: visits.parquet, key: [visit]}
features:
  sources: {visits: {dataset: visits, event_time: at, arrival_time: at}}
  views:
    latest: {source: visits, keys: [patient], columns: {age: age, cost: cost}}
    spent: {source: visits, keys: [patient], windows: [24h], aggregates: {cost: sum(cost)}}
  services:
    triage: {event_time: at, request: {patient: string, at: timestamp}, features: [latest, spent]}
    harmless: {event_time: at, request: {patient: string, at: timestamp}, features: [spent]}
"""
ENDPOINT = """
endpoints:
  triage: {model: "models:/triage/1", features: harmless, output: risk}
"""
TAGS = """tags:
  pii: {mask: hash, readable_by: [stewards]}
"""


def visits(rows=40, **changed) -> pa.Table:
    names = [NAMES[i % 4] for i in range(rows)]
    start = dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)
    return pa.table({"visit": list(range(rows)), "patient": names, "email": [changed.get("email", f"{name}@example.org") for name in names],
                     "age": [30.0 + 5 * (i % 4) for i in range(rows)], "cost": [float(i) for i in range(rows)],
                     "at": [start + dt.timedelta(minutes=i) for i in range(rows)]})


def call(server, method, place, user=None, /, **body):
    return requests.request(method, f"{server.url}/slipway/v1/{place}", auth=user, timeout=60, **({"json": body} if body else {}))


def ok(reply):
    assert reply.status_code == 200, reply.text
    return reply.json()


def cli(server, *words, user=None, stdin=None, code=0):
    url = server.url.replace("//", f"//{user[0]}:{user[1].replace(' ', '%20')}@") if user else server.url
    done = subprocess.run([BINARY, "--url", url, *words], capture_output=True, text=True, input=stdin, timeout=120)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def give_role(server, name, user, permission=None):
    def mlflow_api(path, **body):
        return ok(requests.post(f"{server.url}/api/3.0/mlflow/{path}", json=body, auth=ADMIN, timeout=20))

    role = mlflow_api("roles/create", name=name, workspace="default")["role"]["id"]
    if permission:
        mlflow_api("roles/permissions/add", role_id=role, resource_type="workspace", resource_pattern="*", permission=permission)
    mlflow_api("roles/assign", role_id=role, username=user)


def declare(server, folder, yaml, user=None):
    return ok(call(server, "POST", "apply", user, yaml=yaml, dir=str(folder)))


def register(server, features=("spent__cost_24h",)):
    random = np.random.default_rng(1)
    rows = pd.DataFrame({name: random.normal(size=200) for name in features})
    booster = xgboost.train({"objective": "binary:logistic", "seed": 1}, xgboost.DMatrix(rows, (rows[features[0]] > 0).astype(int)), 3)
    mlflow.set_tracking_uri(server.url)
    mlflow.set_registry_uri(server.url)
    with mlflow.start_run():
        mlflow.xgboost.log_model(booster, name="model", registered_model_name="triage", model_format="json",
                                 signature=infer_signature(rows, booster.predict(xgboost.DMatrix(rows))))


def predict(server, patient, request_id, user=None):
    return ok(requests.post(f"{server.url}/v2/models/triage/infer", auth=user, timeout=20, json={
        "id": request_id, "inputs": [{"name": "patient", "datatype": "BYTES", "shape": [1], "data": [patient]},
                                     {"name": "at", "datatype": "BYTES", "shape": [1], "data": ["2026-01-02T00:00:00Z"]}]}))


@pytest.fixture
def clinic(guarded, tmp_path):  # noqa: F811
    """Ada is a steward, Bob isn't."""
    give_role(guarded, "stewards", ADA[0])
    pq.write_table(visits(), tmp_path / "visits.parquet")
    declare(guarded, tmp_path, YAML + TAGS, ADMIN)
    for dataset in ("visits", "plain"):
        ok(call(guarded, "POST", f"datasets/{dataset}/ingest", ADMIN, path=""))
    guarded.folder = tmp_path
    return guarded


def rows_of(server, user, dataset="visits", **query):
    reply = requests.get(f"{server.url}/slipway/v1/datasets/{dataset}/rows", params=query, auth=user, timeout=60)
    assert reply.status_code == 200, reply.text
    return pq.read_table(io.BytesIO(reply.content))


def test_a_column_is_masked_by_role_wherever_its_rows_are_read(clinic):
    whole = visits()
    for user in (ADMIN, ADA):
        assert rows_of(clinic, user).to_pydict() == whole.to_pydict()
    masked = rows_of(clinic, BOB)
    assert masked.schema.names == whole.schema.names
    assert masked["age"].null_count == 40 and masked["cost"].to_pylist() == whole["cost"].to_pylist()
    emails = masked["email"].to_pylist()
    assert len(set(emails)) == 4 and all(len(text) == 16 and "@" not in text for text in emails)
    assert emails[0] == emails[4]  # pseudonyms can be joined
    assert rows_of(clinic, BOB, "plain").to_pydict() == whole.to_pydict()  # the tags are the dataset's

    seen, hidden = (ok(call(clinic, "GET", "datasets/visits", user))["latest"]["profile"] for user in (ADA, BOB))
    assert seen[2]["top"][0]["value"].endswith("@example.org") and seen[3]["max"] == 45
    assert "example.org" not in json.dumps(hidden) and hidden[3] == {"name": "age", "type": "double", "rows": 40, "missing": 0, "distinct": 4, "masked": True}
    assert hidden[4] == seen[4]
    inferred = ok(call(clinic, "GET", "datasets/visits/rules/inferred", BOB))["yaml"]
    assert "example.org" not in inferred and "cost: {" in inferred
    assert "email: {type: string" in inferred and "in:" not in inferred.split("email:")[1].splitlines()[0], inferred

    # A version that differs, and rows that are put aside.
    pq.write_table(visits(email="no address"), clinic.folder / "visits.parquet")
    ok(call(clinic, "POST", "datasets/visits/ingest", ADMIN, path=""))
    pq.write_table(visits(email="new@example.net"), clinic.folder / "visits.parquet")
    ok(call(clinic, "POST", "datasets/visits/ingest", ADMIN, path=""))
    aside = {user: ok(call(clinic, "GET", "datasets/visits/quarantine?version=2", user)) for user in (ADA, BOB)}
    assert aside[ADA]["quarantined"] == 40 and "no address" in aside[ADA]["rows"][0]["_reason"]
    assert "no address" not in json.dumps(aside[BOB]) and aside[BOB]["rows"][0]["_reason"] == "email pattern (values are masked)"
    assert aside[BOB]["rows"][7]["cost"] == 7
    # Who makes a version hears no more of it.
    give_role(clinic, "editors", BOB[0], "EDIT")
    for place in ("ingest", "quarantine/replay"):
        told = {user: ok(call(clinic, "POST", f"datasets/visits/{place}", user, version=2)) for user in (ADMIN, BOB)}
        assert "new@example.net" in json.dumps(told[ADMIN]) and "example" not in json.dumps(told[BOB]) and told[BOB]["new"] is False
    diffs = {user: ok(call(clinic, "GET", "datasets/visits/diff?from=1&to=3", user)) for user in (ADA, BOB)}
    assert "new@example.net" in json.dumps(diffs[ADA]) and "example" not in json.dumps(diffs[BOB]["columns"]) + json.dumps(diffs[BOB]["examples"])
    assert diffs[BOB]["rows"] == diffs[ADA]["rows"] and diffs[BOB]["rows"]["changed"] == 40


def test_what_is_refused_is_told_without_values_of_columns_with_tags(clinic):
    give_role(clinic, "editors", BOB[0], "EDIT")
    declare(clinic, clinic.folder, YAML.replace("    event_time: at\n", "    event_time: at\n    on_violation: reject\n", 1) + TAGS, ADMIN)
    pq.write_table(visits(email="no address"), clinic.folder / "visits.parquet")
    refused = call(clinic, "POST", "datasets/visits/ingest", BOB, path="")
    assert refused.status_code == 412 and "dataset visits: 40 rows break a rule" in refused.text and "row=0 column=email rule=pattern" in refused.text
    assert "no address" not in refused.text
    sent = requests.post(f"{clinic.url}/slipway/v1/datasets/visits/rows", data="visit,patient,email,age,cost,at\n1,ann,a@x,thirty,1,2026-01-01T00:00:00Z\n", auth=BOB, timeout=60)
    assert sent.status_code == 400 and "line=2 column=age" in sent.text and "thirty" not in sent.text


def test_messages_are_shown_to_who_may_see_all_columns(clinic):
    ok(call(clinic, "POST", "topics/news/messages", ADMIN, messages=[{"key": "ann", "value": {"email": "ann@example.org"}}]))
    assert ok(call(clinic, "GET", "topics/news/messages", ADA))["messages"][0]["key"] == "ann"
    refused = call(clinic, "GET", "topics/news/messages", BOB)
    assert refused.status_code == 403 and "masked for you" in refused.text and "ann" not in refused.text
    assert ok(call(clinic, "GET", "topics", BOB))["topics"][0]["end_offset"] == 1


def test_a_training_set_with_masked_values_is_refused(clinic):
    wanted = {"service": "triage", "entities": "visits", "as_of": "2026-02-01T00:00:00Z"}
    refused = call(clinic, "POST", "features/history", BOB, **wanted)
    assert refused.status_code == 403 and "dataset=visits column=patient" in refused.text and "pii" in refused.text
    rows = io.BytesIO()
    pq.write_table(pa.table({"patient": ["ann"], "at": [dt.datetime(2026, 1, 2, tzinfo=dt.timezone.utc)]}), rows)

    def posted(service, user):
        return requests.post(f"{clinic.url}/slipway/v1/features/history/rows?service={service}", data=rows.getvalue(), auth=user, timeout=60,
                             headers={"Content-Type": "application/vnd.apache.parquet"})

    refused = posted("triage", BOB)
    assert refused.status_code == 403 and "column=age" in refused.text
    assert posted("harmless", BOB).status_code == 200  # costs have no tag
    assert posted("triage", ADA).status_code == 200
    assert call(clinic, "POST", "features/history", ADA, **wanted).status_code == 200


def test_pii_is_hidden_also_where_nobody_says_so(guarded, tmp_path):  # noqa: F811
    pq.write_table(visits(), tmp_path / "visits.parquet")
    declare(guarded, tmp_path, YAML, ADMIN)
    ok(call(guarded, "POST", "datasets/visits/ingest", ADMIN, path=""))
    assert rows_of(guarded, ADA)["email"].null_count == 40
    tags = {tag["tag"]: tag for tag in ok(call(guarded, "GET", "tags", ADA))["tags"]}
    assert tags["pii"]["mask"] == "hide" and tags["patient"]["mask"] == "none"
    assert {"dataset": "visits", "column": "email"} in tags["pii"]["columns"]
    assert "visits.email" in cli(guarded, "data", "tags", user=ADA)


def test_requests_are_masked(clinic):
    with logged_in(ADMIN):
        register(clinic)
    declare(clinic, clinic.folder, YAML + ENDPOINT + TAGS, ADMIN)
    predict(clinic, "ann", "r1", ADMIN)
    of = {user: ok(call(clinic, "GET", "endpoints/triage/requests/r1", user))["request"] for user in (ADA, BOB)}
    assert of[ADA]["request"]["patient"] == "ann"
    assert len(of[BOB]["request"]["patient"]) == 16 and of[BOB]["features"] == of[ADA]["features"]
    now = dt.datetime.now(dt.timezone.utc)
    span = "&".join(f"{name}={now + dt.timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}" for name, days in (("from", -1), ("until", 1)))
    listed = ok(call(clinic, "GET", f"endpoints/triage/requests?{span}", BOB))["requests"]
    assert [row["request"]["patient"] for row in listed] == [of[BOB]["request"]["patient"]]


def test_rules_inferred_for_inputs_name_neither_values_nor_pseudonyms(clinic):
    rows = visits().to_pandas().astype({"email": "category"})[["email", "age"]]
    matrix = xgboost.DMatrix(rows, rows.age > 40, enable_categorical=True)
    with logged_in(ADMIN):
        mlflow.set_tracking_uri(clinic.url)
        mlflow.set_registry_uri(clinic.url)
        booster = xgboost.train({"objective": "binary:logistic"}, matrix, 2)
        with mlflow.start_run():
            mlflow.xgboost.log_model(booster, name="model", registered_model_name="mails", model_format="json",
                                     signature=infer_signature(rows.astype({"email": object}), booster.predict(matrix)))
    declare(clinic, clinic.folder, YAML + 'endpoints: {mails: {model: "models:/mails/1", output: risk}}\n' + TAGS, ADMIN)
    ada, bob = (ok(call(clinic, "GET", "endpoints/mails/inputs/inferred?dataset=visits", user)) for user in (ADA, BOB))
    assert ada["inputs"]["columns"]["email"]["in"] == [f"{name}@example.org" for name in NAMES] and ada["inputs"]["columns"]["age"]["max"] > 45
    assert bob["inputs"]["columns"] == {"email": {"type": "string", "required": True}, "age": {"type": "double", "required": True}}
    assert "in:" not in bob["yaml"] and bob["rows"] == 40


METERS = ("--profile-interval-seconds", "1", "--skew-interval-seconds", "1", "--skew-delay-seconds", "1")


@pytest.mark.parametrize("guarded", [METERS], indirect=True)
def test_features_are_masked_that_are_computed_from_a_masked_column(clinic):
    yaml = YAML.replace("  services:", "    half: {columns: {age: latest__age / 2, cost: latest__cost / 2}}\n  services:").replace("[latest, spent]", "[latest, spent, half]") + TAGS
    features = ("latest__age", "latest__cost", "half__age", "half__cost")
    with logged_in(ADMIN):
        register(clinic, features)
    rules = "inputs: {columns: {latest__age: {max: 20, on_violation: flag}, latest__cost: {max: 20, on_violation: flag}}}"
    declare(clinic, clinic.folder, yaml + ENDPOINT.replace("harmless", "triage").replace("output: risk", f"output: risk, {rules}"), ADMIN)
    ok(call(clinic, "POST", "features/materialize", ADMIN, as_of="2026-01-02T00:00:00Z"))
    predict(clinic, "ann", "r1", ADMIN)
    ok(requests.post(f"{clinic.url}/v2/models/triage/infer", auth=ADMIN, timeout=20, json={  # skewed
        "id": "r2", "inputs": [{"name": "patient", "datatype": "BYTES", "shape": [1], "data": ["ann"]}, {"name": "at", "datatype": "BYTES", "shape": [1], "data": ["2026-01-02T00:00:00Z"]},
                               {"name": "latest__age", "datatype": "FP64", "shape": [1], "data": [300.0]}, {"name": "latest__cost", "datatype": "FP64", "shape": [1], "data": [7.0]}]}))

    now = dt.datetime.now(dt.timezone.utc)
    first, last = (f"{now + dt.timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}" for days in (-1, 1))

    def both(place):
        return [ok(call(clinic, "GET", place, user)) for user in (ADA, BOB)]

    ada, bob = (reply["request"]["features"] for reply in both("endpoints/triage/requests/r1"))
    assert ada["latest__age"] == 30 and ada["half__age"] == 15 and None not in ada.values()
    assert bob == ada | {"latest__age": None, "half__age": None}
    listed = both(f"endpoints/triage/requests?from={first}&until={last}")[1]["requests"]
    assert [row["features"]["latest__age"] for row in listed] == [None, None] and listed[0]["features"]["half__cost"] == ada["half__cost"]
    assert "latest__age = 30" in cli(clinic, "why", "r1", user=ADA)
    told = cli(clinic, "why", "r1", user=BOB)
    assert " = 30" not in told and " = 15" not in told and "is masked for you" in told
    assert ok(call(clinic, "GET", "endpoints/triage/requests/r1", BOB))["request"]["masked"] == ["half__age", "latest__age", "patient"]
    broken = {of["column"]: [value["value"] for value in of["last"]] for of in both("endpoints/triage/inputs")[1]["violations"]}
    assert broken["latest__age"] == ["(masked)"] * 2 and "(masked)" not in broken["latest__cost"]
    assert call(clinic, "GET", "features/explain?request=r1", BOB).status_code == 403

    eventually(lambda: len(both("features/skew")[0]["features"]) == 4 and both(f"endpoints/triage/profile?from={first}&to={last}")[0]["inputs"], seconds=180)
    ada, bob = ({of["feature"]: of for of in reply["features"]} for reply in both("features/skew"))
    assert ada["latest__age"]["first"]["served"] == 300 and ada["latest__age"]["last_recomputed"]["p50"] == 30
    assert bob["latest__age"]["first"]["served"] is None and bob["latest__age"]["last_recomputed"]["p50"] is None
    assert ada["latest__age"]["detail"] == "x10" and ada["latest__age"]["reasons"]["unit"]["detail"] == "x10"
    assert bob["latest__age"]["reason"] == "unit" and bob["latest__age"]["detail"] is None and "x10" not in json.dumps(bob["latest__age"])
    assert bob["latest__cost"] == ada["latest__cost"] and bob["latest__cost"]["first"]["served"] == 7
    ada, bob = ({of["input"]: of for of in reply["inputs"]} for reply in both(f"endpoints/triage/profile?from={first}&to={last}"))
    assert ada["latest__age"]["numbers"]["max"] == 300 and "numbers" not in bob["latest__age"] and bob["latest__age"]["rows"] == 2
    assert bob["latest__cost"] == ada["latest__cost"]
    assert "latest__cost" in cli(clinic, "monitors", "profile", "triage", "--from", first, "--to", last, user=BOB)

    changed = visits().to_pandas().assign(age=lambda rows: rows.age + 50)
    pq.write_table(pa.Table.from_pandas(changed, preserve_index=False), clinic.folder / "visits.parquet")
    ok(call(clinic, "POST", "datasets/visits/ingest", ADMIN, path=""))
    ada, bob = ({of["column"]: of for of in reply["columns"]} for reply in both("drift?reference=dataset:visits@1&current=dataset:visits@2"))
    assert ada["age"]["reference"]["min"] == 30 and bob["age"]["reference"]["min"] is None and bob["age"]["verdict"] == "drift"
    assert "ann" in json.dumps(ada["patient"]) and "ann" not in json.dumps(bob["patient"]) and "histogram" not in bob["age"]
    assert bob["cost"] == ada["cost"]


def files_with(folder: pathlib.Path, text: str) -> list[str]:
    """Parquet columns and bytes of files: where somebody still is."""
    found = []
    for file in folder.rglob("*"):
        if not file.is_file():
            continue
        content = file.read_bytes()
        if content[:4] == b"PAR1":
            table = pq.read_table(file)
            content = json.dumps(table.to_pydict(), default=str).encode()
        if text.encode() in content:
            found.append(str(file.relative_to(folder)))
    return found


@pytest.fixture
def served(start_server, tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    pq.write_table(visits(40), folder / "visits.parquet")
    server = start_server("data")
    declare(server, folder, YAML)
    ok(call(server, "POST", "datasets/visits/ingest", path=""))
    register(server)
    declare(server, folder, YAML + ENDPOINT)
    pq.write_table(visits(44), folder / "visits.parquet")
    ok(call(server, "POST", "datasets/visits/ingest", path=""))
    ok(call(server, "POST", "features/materialize", as_of="2026-01-02T00:00:00Z"))
    ok(call(server, "POST", "features/push", source="visits", rows=[
        {"visit": 900 + i, "patient": NAMES[i], "email": f"{NAMES[i]}@pushed.org", "age": 40, "cost": 1000, "at": "2026-01-01T05:00:00Z"} for i in range(4)]))
    for number, name in enumerate(NAMES):
        predict(server, name, f"r{number}")
    server.folder = folder
    return server


def looked_up(server, patient):
    reply = ok(call(server, "POST", "features/online", service="triage", rows=[{"patient": patient, "at": "2026-01-02T00:00:00Z"}]))
    return reply["rows"][0] if "rows" in reply else reply


def test_somebody_is_erased_everywhere_and_stays_away(served):
    digests = {version["version"]: version["digest"] for version in ok(call(served, "GET", "datasets/visits"))["versions"]}
    told = cli(served, "data", "erase", "patient", "bob")
    assert "would be erased" in told and "models:/" not in told
    counted = json.loads(cli(served, "--json", "data", "erase", "patient", "bob"))
    places = {(place["kind"], place.get("version")): place["rows"] for place in counted["places"]}
    assert places == {("dataset", 1): 10, ("dataset", 2): 11, ("pushed rows", None): 1, ("request log", None): 1} and counted["rows"] == 23
    assert ok(call(served, "GET", "erasures"))["erasures"] == []
    before = {name: looked_up(served, name) for name in NAMES}

    done = json.loads(cli(served, "--json", "data", "erase", "patient", "-", "--yes", stdin="bob\n"))
    assert done["rows"] == 23 and done["done_at"] and "bob" not in json.dumps(done)
    after = {name: looked_up(served, name) for name in NAMES}
    assert {name: after[name] for name in NAMES if name != "bob"} == {name: before[name] for name in NAMES if name != "bob"}
    assert after["bob"] != before["bob"] and after["bob"] == looked_up(served, "nobody")
    for version, digest in digests.items():
        assert "bob" not in rows_of(served, None, version=version)["patient"].to_pylist()
        known = ok(call(served, "GET", "datasets/visits"))["versions"][2 - version]
        assert known["digests_before"] == [digest] and "rows were erased" in known["notes"][-1]
    assert call(served, "GET", "endpoints/triage/requests/r1").status_code == 404
    assert call(served, "GET", "endpoints/triage/requests/r2").status_code == 200

    # It doesn't come back with its file, unless as somebody new.
    report = ok(call(served, "POST", "datasets/visits/ingest", path=""))
    assert report["snapshot"]["rows"] == 33 and report["new"] is False
    later = visits(44).to_pandas()
    later.loc[1, "at"] = pd.Timestamp("2099-01-01", tz="UTC")
    pq.write_table(pa.Table.from_pandas(later, preserve_index=False), served.folder / "visits.parquet")
    report = ok(call(served, "POST", "datasets/visits/ingest", path=""))
    assert report["snapshot"]["rows"] == 34 and "10 rows of people who were erased" in json.dumps(report["snapshot"]["notes"])
    assert ok(call(served, "POST", "erasures", tag="patient", value="bob"))["rows"] == 1

    served.stop()
    assert files_with(served.data_dir / "requests", "bob") == [] and files_with(served.data_dir / "blobs", "bob") == []
    assert files_with(served.data_dir / "requests", "ann") != []
    served.start()
    assert len(ok(call(served, "GET", "erasures"))["erasures"]) == 2
    assert looked_up(served, "bob") == looked_up(served, "nobody")


ZEBULON = "zebulon-unlikely-4711"


def with_zebulon(rows) -> pa.Table:
    """Every fifth row is Zebulon's; one of his breaks a rule."""
    table = visits(rows).to_pandas()
    table.loc[::5, "patient"] = ZEBULON
    table.loc[::5, "email"] = f"{ZEBULON}@example.org"
    table.loc[5, "email"] = f"{ZEBULON} has none"
    return pa.Table.from_pandas(table, preserve_index=False)


def test_numbers_are_found_however_they_are_written(start_server, tmp_path):
    server = start_server("numbers")
    (tmp_path / "slipway.yaml").write_text("project: p\ndatasets:\n  people: {path: people.parquet, columns: {patient: {tags: [patient]}}}\n")
    cli(server, "apply", tmp_path / "slipway.yaml")

    def ingest(values):
        pq.write_table(pa.table({"patient": pa.array(values, pa.float64()), "n": list(range(len(values)))}), tmp_path / "people.parquet")
        return ok(call(server, "POST", "datasets/people/ingest", path=""))["snapshot"]["rows"]

    assert ingest([4711.0, 12345678901234567.0, 5.0]) == 3
    for value in ("4711", "4711.0", "12345678901234567", "1.2345678901234568e+16"):
        assert json.loads(cli(server, "--json", "data", "erase", "patient", value))["rows"] == 1, value
    told = cli(server, "data", "erase", "patient", "4712")
    assert "0 rows" in told and any(line.split() == ["dataset", "people", "patient", "double"] for line in told.splitlines()), told
    assert json.loads(cli(server, "--json", "data", "erase", "patient", "4711.0", "--yes"))["rows"] == 1
    assert ingest([4711.0, 6.0, 7.0]) == 2  # it stays away


def test_the_bytes_of_somebody_erased_are_in_no_file(start_server, tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    yaml = YAML.replace("cost: cost}", "cost: cost, email: email}")
    pq.write_table(with_zebulon(40), folder / "visits.parquet")
    server = start_server("data", "--online-store", "rocksdb")
    declare(server, folder, yaml)
    ok(call(server, "POST", "datasets/visits/ingest", path=""))
    register(server)
    declare(server, folder, yaml + ENDPOINT)
    ok(call(server, "POST", "features/materialize", as_of="2026-01-02T00:00:00Z"))
    names = [*NAMES, ZEBULON]

    def push(turn):  # rows of a few bytes, and of more than a page of the database
        ok(call(server, "POST", "features/push", source="visits", rows=[
            {"visit": 900 + 5 * turn + i, "patient": name, "email": f"{name}@pushed.org" + "-" * (7000 if turn % 4 == 3 else 0) + name, "age": 40, "cost": 1000,
             "at": f"2026-01-01T05:{turn:02}:00Z"} for i, name in enumerate(names)]))

    for turn in range(10):
        push(turn)
    server.stop()  # what is in the logs goes into the files
    server.start()
    pq.write_table(with_zebulon(44), folder / "visits.parquet")
    ok(call(server, "POST", "datasets/visits/ingest", path=""))
    ok(call(server, "POST", "features/materialize", as_of="2026-01-02T00:00:00Z"))
    for turn in range(10, 20):
        push(turn)
    for number, name in enumerate(names):
        predict(server, name, f"r{number}")
    assert {"slipway.db", "slipway.db-wal"} <= set(files_with(server.data_dir, ZEBULON)) and any(name.startswith("online/") for name in files_with(server.data_dir, ZEBULON))
    time.sleep(0.1)  # files have times of a clock that ticks seldom
    began = time.time()

    done = ok(call(server, "POST", "erasures", tag="patient", value=ZEBULON))
    assert done["rows"] == 8 + 9 + 20 + 1 and done["left"] == []

    def nothing_is_left():
        assert files_with(server.data_dir, ZEBULON) == []
        online = [file for file in (server.data_dir / "online").iterdir() if file.suffix in (".sst", ".log", ".blob") or file.name.startswith("MANIFEST")]
        # Tables are compressed: what is in them isn't found by its bytes, so none may be older.
        assert len(online) >= 3 and [file.name for file in online if file.stat().st_mtime < began - 0.05] == []

    nothing_is_left()
    assert looked_up(server, ZEBULON) == looked_up(server, "nobody") and looked_up(server, "ann") != looked_up(server, "nobody")
    assert "ann" in rows_of(server, None)["patient"].to_pylist() and files_with(server.data_dir, "ann@pushed.org")
    server.stop()
    nothing_is_left()
    server.start()
    assert looked_up(server, ZEBULON) == looked_up(server, "nobody") and looked_up(server, "ann") != looked_up(server, "nobody")


# What a step that trains does: a run with the tags that MLFLOW_RUN_CONTEXT says, as mlflow's client has it, and a version of a model made from it.
LEARN = """
import json, os, sys, time
import requests
def api(path, **body):
    reply = requests.post(f"{os.environ['MLFLOW_TRACKING_URI']}/api/2.0/mlflow/{path}", json=body, timeout=60)
    reply.raise_for_status()
    return reply.json()
tags = [{"key": key, "value": value} for key, value in json.loads(os.environ["MLFLOW_RUN_CONTEXT"]).items()]
run = api("runs/create", experiment_id="0", start_time=int(time.time() * 1000), tags=tags)["run"]["info"]["run_id"]
try:
    api("registered-models/create", name=sys.argv[1])
except requests.HTTPError:
    pass  # there is one
api("model-versions/create", name=sys.argv[1], source=f"runs:/{run}/model", run_id=run)
"""
LEARNING = """
pipelines:
  learn:
    params: {seed: 0}
    steps:
      - {name: rows, run: 'echo {seed} > {out}/rows', inputs: ["dataset:visits"], outputs: [rows]}
      - {name: train, run: 'python3 learn.py learned {rows}/rows', code: [learn.py]}
      - {name: apart, run: 'python3 learn.py apart {seed}', code: [learn.py]}
  ask:
    steps:
      - {name: train, run: 'python3 learn.py asked # dataset:visits', code: [learn.py]}
"""


def learn(server, pipeline="learn", **params):
    run = ok(call(server, "POST", f"pipelines/{pipeline}/runs", params=params, actor="ann"))
    ended = eventually(lambda: (now := ok(call(server, "GET", f"pipeline-runs/{run['id']}")))["finished_at"] and now, seconds=90)
    assert ended["state"] == "succeeded", ended
    return run["id"]


def log_with_input(server, name, model, digest=None, rows=None):
    """By the unmodified client: a model whose run has a dataset as its input."""
    frame = (rows or visits(8)).to_pandas().drop(columns="at")
    mlflow.set_tracking_uri(server.url)
    mlflow.set_registry_uri(server.url)
    with mlflow.start_run() as run:
        mlflow.log_input(mlflow.data.from_pandas(frame, name=name, digest=digest), context="training")
        booster = xgboost.train({"seed": 1}, xgboost.DMatrix(frame[["cost"]], frame.age), 1)
        mlflow.xgboost.log_model(booster, name="model", model_format="json", **({"registered_model_name": model} if model else {}))
    return run.info.run_id


def test_an_erasure_names_the_models_that_were_trained_on_the_rows(start_server, tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "learn.py").write_text(LEARN)
    server = start_server("data")

    def ingest(rows):
        pq.write_table(rows, folder / "visits.parquet")
        return ok(call(server, "POST", "datasets/visits/ingest", path=""))["snapshot"]

    declare(server, folder, YAML + LEARNING)
    first = ingest(visits(40))
    runs = [learn(server, seed=seed) for seed in range(7)]  # more than a page shows at once, versions 1 to 7
    without = visits(40).to_pandas()
    without = pa.Table.from_pandas(without[without.patient != "bob"], preserve_index=False)
    second = ingest(without)
    learn(server, seed=7)  # version 8
    ingest(visits(48))
    runs.append(learn(server, seed=8))  # version 9
    asked = learn(server, "ask")
    log_with_input(server, "visits", "triage", first["digest"][:36])
    log_with_input(server, "visits", "harmless", second["digest"][:36])
    of_nobody = log_with_input(server, "visits", None)  # a digest of mlflow's own
    log_with_input(server, "harmless", "served")  # a service whose features are of the dataset
    declare(server, folder, YAML + LEARNING + ENDPOINT.replace("features: harmless, ", ""))

    def check(report, versions=(1, 3)):
        named = {model["model"]: model for model in report["models"]}
        assert set(named) == {f"models:/learned/{number}" for number in (1, 2, 3, 4, 5, 6, 7, 9)} | {"models:/triage/1"}
        assert len(report["models"]) == len(named)
        assert [named[f"models:/learned/{number}"]["pipeline_run"] for number in (1, 2, 3, 4, 5, 6, 7, 9)] == runs
        assert named["models:/learned/1"]["dataset"] == "visits" and named["models:/learned/1"]["how"] == "step train of pipeline learn read it"
        assert [named[f"models:/learned/{number}"]["versions"] for number in (1, 9)] == [[versions[0]], [versions[1]]]
        assert named["models:/triage/1"]["versions"] == [1] and named["models:/triage/1"]["endpoints"] == ["triage"]
        assert named["models:/triage/1"]["how"] == "visits is an input of its run, for training" and named["models:/triage/1"]["pipeline_run"] is None
        uncertain = {model["model"]: model for model in report["models_uncertain"]}
        assert set(uncertain) - {"models:/asked/1", "models:/served/1"} == {model["model"] for model in report["models_uncertain"] if model["run"] == of_nobody}
        assert len(uncertain) == 3 and uncertain["models:/asked/1"]["pipeline_run"] == asked
        assert "isn't on record" in uncertain["models:/asked/1"]["why"] and "features" in uncertain["models:/served/1"]["why"]

    check(json.loads(cli(server, "--json", "data", "erase", "patient", "bob")))  # nothing is erased yet
    done = json.loads(cli(server, "--json", "data", "erase", "patient", "bob", "--yes"))
    assert done["done_at"] and {place["version"] for place in done["places"]} == {1, 3}
    check(done)
    check(json.loads(cli(server, "--json", "data", "erasures"))["erasures"][0])
    # The versions have other digests now than those that runs have read.
    told = cli(server, "data", "erase", "patient", "cyd")
    assert "models:/learned/7" in told and "can't be told" in told and "models:/apart" not in told
    names = {model["model"] for model in ok(call(server, "POST", "erasures", tag="patient", value="cyd"))["models"]}
    assert names == {f"models:/learned/{number}" for number in range(1, 10)} | {"models:/triage/1", "models:/harmless/1"}
    server.stop()
    server.start()
    newest, older = json.loads(cli(server, "--json", "data", "erasures"))["erasures"]
    check(older)
    assert {model["model"] for model in newest["models"]} == names
    listed = cli(server, "data", "erasures")
    assert "models:/learned/9" in listed and "models:/asked/1?" in listed
    events = ok(call(server, "GET", "events?kind=erasure.done&limit=10"))["events"]
    assert {event["subject"]: event["payload"]["models"] for event in events} == {f"erasures/{older['id']}": 9, f"erasures/{newest['id']}": 11}


def test_models_are_named_by_rows_that_their_versions_had(start_server, tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "learn.py").write_text(LEARN)
    server = start_server("data", "--reclaim-interval-seconds", "1")
    yaml = YAML.replace("project: clinic", "project: clinic\nclock: rehearsal\nstart: 2026-01-02T00:00:00Z").replace("    key: [visit]\n    event_time", "    keep: 3d\n    key: [visit]\n    event_time")
    declare(server, folder, yaml + LEARNING)

    def found(name):
        return ok(call(server, "POST", "erasures", tag="patient", value=name, dry_run=True))

    rows = visits(40).to_pandas()
    rows.loc[rows.patient == "bob", "email"] = "none"  # his rows are put aside
    for people in (rows, rows[rows.patient != "ann"]):
        pq.write_table(pa.Table.from_pandas(people, preserve_index=False), folder / "visits.parquet")
        ok(call(server, "POST", "datasets/visits/ingest", path=""))
        learn(server, seed=len(people))
    of_bob, of_ann = found("bob"), found("ann")
    assert of_bob["rows"] == 20 and of_bob["models"] == of_bob["models_uncertain"] == []
    assert of_ann["rows"] == 10 and [(model["model"], model["versions"]) for model in of_ann["models"]] == [("models:/learned/1", [1])] and of_ann["models_uncertain"] == []

    ok(call(server, "POST", "clock", advance_to="2026-01-09T00:00:00Z"))
    eventually(lambda: ok(call(server, "GET", "datasets/visits"))["versions"][1]["rows_removed_at"], seconds=30)
    of_ann = found("ann")
    assert of_ann["rows"] == 0 and of_ann["models"] == []
    assert [(model["model"], "were removed" in model["why"]) for model in of_ann["models_uncertain"]] == [("models:/learned/1", True)]


def test_an_erasure_that_a_kill_ended_is_listed_and_done_again(served):
    rows = 200_000
    names = [NAMES[i % 4] for i in range(rows)]
    big = visits(4).to_pandas().iloc[[0] * rows].assign(visit=range(rows), patient=names)
    pq.write_table(pa.Table.from_pandas(big, preserve_index=False), served.folder / "visits.parquet")
    for _ in range(3):
        big["cost"] += 1
        pq.write_table(pa.Table.from_pandas(big, preserve_index=False), served.folder / "visits.parquet")
        ok(call(served, "POST", "datasets/visits/ingest", path=""))
    asking = subprocess.Popen([BINARY, "--url", served.url, "data", "erase", "patient", "cyd", "--yes"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    eventually(lambda: ok(call(served, "GET", "erasures"))["erasures"], seconds=60)
    served.kill()
    asking.wait(timeout=120)
    served.start()
    first = ok(call(served, "GET", "erasures"))["erasures"]
    assert len(first) == 1
    again = ok(call(served, "POST", "erasures", tag="patient", value="cyd"))
    assert again["done_at"]
    for version in range(1, 6):
        assert "cyd" not in rows_of(served, None, version=version)["patient"].to_pylist()
    served.stop()
    assert files_with(served.data_dir / "blobs", "cyd") == [] and files_with(served.data_dir / "requests", "cyd") == []


def test_what_is_asked_wrongly_is_told(served):
    assert call(served, "POST", "erasures", tag="doctor", value="1").status_code == 404
    assert call(served, "POST", "erasures", tag="patient", value="").status_code == 400
    assert call(served, "POST", "erasures", tag="patient").status_code == 400
    assert "no column has this tag" in subprocess.run([BINARY, "--url", served.url, "data", "erase", "doctor", "1"], capture_output=True, text=True, timeout=60).stderr
    plan = call(served, "POST", "plan", yaml=YAML + ENDPOINT + "tags: {pii: {mask: blur}}\n", dir=str(served.folder))
    assert plan.status_code == 400 and "hide, hash or none" in plan.text and "line" in plan.text


def test_who_may_erase(clinic):
    assert call(clinic, "POST", "erasures", BOB, tag="patient", value="ann").status_code == 403
    assert call(clinic, "GET", "erasures", BOB).status_code == 403
    assert ok(call(clinic, "POST", "erasures", ADMIN, tag="patient", value="ann"))["actor"] == "admin"


def test_nothing_is_kept_longer_than_declared(start_server, tmp_path):
    pq.write_table(visits(8), tmp_path / "visits.parquet")
    server = start_server("data", "--reclaim-interval-seconds", "1")
    yaml = YAML.replace("project: clinic", "project: clinic\nclock: rehearsal\nstart: 2026-01-02T00:00:00Z").replace("    key: [visit]\n    event_time", "    keep: 3d\n    key: [visit]\n    event_time")
    endpoint = ENDPOINT.replace("output: risk}", "output: risk, log: {policy: best_effort, keep: 5d}}")
    declare(server, tmp_path, yaml)
    ok(call(server, "POST", "datasets/visits/ingest", path=""))
    register(server)
    declare(server, tmp_path, yaml + endpoint)
    pq.write_table(visits(12), tmp_path / "visits.parquet")
    ok(call(server, "POST", "datasets/visits/ingest", path=""))
    predict(server, "ann", "old")
    ok(call(server, "POST", "clock", advance_to="2026-01-09T00:00:00Z"))
    old = lambda: call(server, "GET", "datasets/visits/rows?version=1")
    eventually(lambda: old().status_code != 200, seconds=30)
    assert "keep" in old().text
    assert rows_of(server, None, version=2).num_rows == 12
    eventually(lambda: call(server, "GET", "endpoints/triage/requests/old").status_code == 404, seconds=30)
    record = ok(call(server, "GET", "datasets/visits"))["versions"][1]
    assert record["version"] == 1 and record["rows"] == 8 and record["rows_removed_at"]
    shown = cli(server, "data", "show", "visits").splitlines()
    assert "12 " in shown[1] and "removed" not in shown[1] and f"8, removed at {record['rows_removed_at']}" in shown[2]
