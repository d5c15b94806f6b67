"""OpenLineage: what the unmodified openlineage-python client sends is kept, read again, and joined with our own lineage."""
import gzip
import http.server
import json
import pathlib
import sys
import threading
import time
import uuid

import attr
import jsonschema
import pandas as pd
import pytest
import referencing
import requests
import small_project
from conftest import Server, eventually, free_port
from openlineage.client import OpenLineageClient
from openlineage.client import event_v2 as ol
from openlineage.client.generated import (column_lineage_dataset, dataset_version_dataset, output_statistics_output_dataset, parent_run,
                                          processing_engine_run, schema_dataset, sql_job, symlinks_dataset)
from openlineage.client.transport.http import ApiKeyTokenProvider, HttpCompression, HttpConfig, HttpTransport
from openlineage.client.uuid import generate_new_uuid
from playwright.sync_api import expect


@pytest.fixture(params=["sqlite", "postgresql"])
def server(request, start_server):
    return start_server("data", *(request.getfixturevalue("postgres").fresh() if request.param == "postgresql" else []))


PRODUCER = "https://example.com/orchestrator"


def client(server, **config) -> OpenLineageClient:
    return OpenLineageClient(transport=HttpTransport(HttpConfig(url=server.url, **config)))


def dataset(kind, text: str, **facets):
    """"s3://lake orders.parquet@7": namespace, name and, maybe, version."""
    space, name = text.split(" ")
    name, _, version = name.partition("@")
    if version:
        facets["version"] = dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=version)
    return kind(namespace=space, name=name, facets=facets)


def event(state, run: str, job: str, inputs=(), outputs=(), facets=None, job_facets=None, at="2026-01-02T03:04:05Z"):
    return ol.RunEvent(
        eventTime=at, eventType=state, run=ol.Run(runId=run, facets=facets or {}), job=ol.Job(namespace="airflow", name=job, facets=job_facets or {}), producer=PRODUCER,
        inputs=[dataset(ol.InputDataset, one) if isinstance(one, str) else one for one in inputs],
        outputs=[dataset(ol.OutputDataset, one) if isinstance(one, str) else one for one in outputs])


def get(server, path: str, **query):
    reply = requests.get(server.url + "/slipway/v1/lineage/" + path, params=query, timeout=20)
    assert reply.ok, reply.text
    return reply.json()


def graph(server, of: str, **query) -> dict[str, set[str]]:
    """What each job and dataset was made from, by their names."""
    nodes = get(server, "graph", of=of, **query)["nodes"]
    titles = {node["key"]: f"{node['namespace']} {node['name']}" for node in nodes}
    return {titles[node["key"]]: {titles[need] for need in node["needs"]} for node in nodes}


def test_a_run_is_read_as_it_was_told(server):
    emit = client(server).emit
    run, parent = str(generate_new_uuid()), str(generate_new_uuid())
    above = parent_run.ParentRunFacet(run=parent_run.Run(runId=parent), job=parent_run.Job(namespace="airflow", name="daily"))
    columns = column_lineage_dataset.ColumnLineageDatasetFacet(fields={"total": column_lineage_dataset.Fields(
        inputFields=[column_lineage_dataset.InputField(namespace="s3://lake", name="orders", field="amount")], transformationDescription="", transformationType="")})
    schema = schema_dataset.SchemaDatasetFacet(fields=[schema_dataset.SchemaDatasetFacetFields(name="total", type="double")])
    written = ol.OutputDataset(namespace="postgres://db:5432", name="shop.public.totals", facets={"columnLineage": columns, "schema": schema},
                               outputFacets={"outputStatistics": output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(rowCount=12)})

    @attr.define
    class Weather(parent_run.RunFacet):
        clouds: list = attr.field(factory=list)

        @staticmethod
        def _get_schema() -> str:
            return "https://example.com/weather.json"

    emit(event(ol.RunState.START, run, "daily.totals", ["s3://lake orders@7"], facets={"parent": above, "weather": Weather(clouds=["cirrus", 2.5])}))
    emit(event(ol.RunState.RUNNING, run, "daily.totals", at="2026-01-02T03:04:06Z"))
    emit(event(ol.RunState.COMPLETE, run, "daily.totals", ["s3://lake orders@7"], [written], at="2026-01-02T03:05:05Z", job_facets={"sql": sql_job.SQLJobFacet(query="SELECT 1")},
               facets={"processing_engine": processing_engine_run.ProcessingEngineRunFacet(version="3.5", name="spark")}))

    told = get(server, f"runs/{run}")
    assert told["state"] == "completed" and told["ended"] == "2026-01-02T03:05:05Z" and told["parent"] == parent
    assert told["job"] == {"namespace": "airflow", "name": "daily.totals"}
    assert told["facets"]["processing_engine"]["name"] == "spark", "of one event"
    assert told["facets"]["weather"]["clouds"] == ["cirrus", 2.5], "of another, and nobody here knows it"
    assert [(one["name"], one["version"]) for one in told["inputs"]] == [("orders", "7")]
    assert told["outputs"][0]["facets"]["outputStatistics"]["rowCount"] == 12
    found = get(server, "dataset", namespace="postgres://db:5432", name="shop.public.totals")
    assert found["facets"]["columnLineage"]["fields"]["total"]["inputFields"][0]["field"] == "amount"
    assert [job["name"] for job in found["written_by"]] == ["daily.totals"]
    job = get(server, "job", namespace="airflow", name="daily.totals")
    assert job["facets"]["sql"]["query"] == "SELECT 1" and job["parent"]["name"] == "daily" and [one["id"] for one in job["runs"]] == [run]
    assert {one["name"] for one in get(server, "jobs")["jobs"]} == {"daily", "daily.totals"}
    assert [one["name"] for one in get(server, "datasets", namespace="s3://lake")["datasets"]] == ["orders"]
    assert len(get(server, f"runs/{run}/events")["events"]) == 3


def test_what_the_client_can_say_arrives(server):
    """Every kind of event and state, with and without compression; the same again is the same."""
    plain, packed = client(server), client(server, compression=HttpCompression.GZIP)
    for number, state in enumerate(ol.RunState):
        run = str(uuid.uuid4())
        for sender in (plain, packed, plain):
            sender.emit(event(state, run, f"job-{number}", ["s one"]))
        told = get(server, f"runs/{run}")
        assert told["state"] == {"START": "started", "RUNNING": "running", "COMPLETE": "completed", "ABORT": "aborted", "FAIL": "failed", "OTHER": "unknown"}[state.value]
        assert len(get(server, f"runs/{run}/events")["events"]) == 1
    at = "2026-01-02T03:04:05Z"
    job = ol.JobEvent(eventTime=at, job=ol.Job(namespace="dbt", name="model"), inputs=[dataset(ol.InputDataset, "s one")], outputs=[dataset(ol.OutputDataset, "s two")], producer=PRODUCER)
    data = ol.DatasetEvent(eventTime=at, dataset=dataset(ol.StaticDataset, "s two@v1"), producer=PRODUCER)
    for sender in (plain, packed):
        sender.emit(job)
        sender.emit(data)
    assert graph(server, "s/two") == {"s one": set(), "dbt model": {"s one"}, "s two": {"dbt model"}}
    assert [one["version"] for one in get(server, "dataset", namespace="s", name="two")["versions"]] == ["v1"]


def test_batches(server):
    from openlineage.client.serde import Serde

    events = [json.loads(Serde.to_json(event(ol.RunState.COMPLETE, str(uuid.uuid4()), f"job-{i}", ["s in"], ["s out"]))) for i in range(250)]
    del events[17]["job"]["name"]
    reply = requests.post(server.url + "/api/v1/lineage/batch", json=events, timeout=60)
    assert reply.status_code == 200 and reply.json()["summary"] == {"received": 250, "successful": 249, "failed": 1, "retriable": 0, "non_retriable": 1}
    assert reply.json()["failed_events"] == [{"index": 17, "reason": "job.name: is missing", "retriable": False}]
    assert len(get(server, "jobs", limit=1000)["jobs"]) == 249


@pytest.mark.parametrize("change, status, said", [
    ({"eventTime": "yesterday"}, 400, "eventTime: "), ({"run": {"runId": "7"}}, 400, "run.runId: a UUID is expected: got=7"), ({"eventType": "DONE"}, 400, "eventType: is START"),
    ({"inputs": [{"namespace": "s", "name": "a"}, {"name": "b"}]}, 400, "inputs[1].namespace: is missing"),
    ({"inputs": [{"namespace": "s", "name": str(i)} for i in range(11)]}, 413, "inputs: too many datasets in an event: datasets=11 max=10"),
    ({"producer": "x" * 30_000}, 413, "20000")])
def test_what_is_wrong_is_said(start_server, change, status, said):
    server = start_server("data", "--lineage-datasets-max", "10", "--lineage-event-bytes-max", "20000")
    good = {"eventTime": "2026-01-02T03:04:05Z", "eventType": "START", "producer": "p", "schemaURL": "s", "run": {"runId": str(uuid.uuid4())}, "job": {"namespace": "n", "name": "j"}}
    assert requests.post(server.url + "/api/v1/lineage", json=good, timeout=20).status_code == 200
    reply = requests.post(server.url + "/api/v1/lineage", json=good | change, timeout=20)
    assert reply.status_code == status and reply.json()["code"] == status and said in reply.json()["message"], reply.text
    # The client raises what it was told.
    with pytest.raises(requests.HTTPError):
        client(server, endpoint="api/v1/namespaces").emit(event(ol.RunState.START, str(uuid.uuid4()), "j"))


def test_a_body_of_several_gzip_members_is_read_whole(start_server):
    server = start_server("gzip")
    run = str(uuid.uuid4())
    text = json.dumps({"eventType": "START", "eventTime": "2026-01-02T03:04:05Z", "producer": "http://here", "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
                       "run": {"runId": run}, "job": {"namespace": "s", "name": "halves"}}).encode()
    post = lambda body: requests.post(server.url + "/api/v1/lineage", body, headers={"Content-Type": "application/json", "Content-Encoding": "gzip"}, timeout=20)
    reply = post(gzip.compress(text[:40]) + gzip.compress(text[40:]))
    assert reply.status_code == 200, reply.text
    assert get(server, f"runs/{run}")["state"].lower() in ("start", "started", "running")
    assert post(gzip.compress(text) + b"more").status_code == 400
    assert post(gzip.compress(text[:40])).status_code == 400


def test_login(start_server):
    """Writing needs EDIT on the workspace, reading READ; the client's api_key is a token."""
    server = start_server("data", "--login", "--default-permission", "READ")
    admin = ("admin", (server.data_dir / "admin-password").read_text().strip())
    assert requests.post(server.url + "/api/2.0/mlflow/users/create", json={"username": "bob", "password": "long enough bob"}, auth=admin, timeout=20).ok
    token = requests.post(server.url + "/slipway/v1/tokens", json={"name": "airflow"}, auth=admin, timeout=20).json()["token"]
    low = requests.post(server.url + "/slipway/v1/tokens", json={"name": "airflow"}, auth=("bob", "long enough bob"), timeout=20).json()["token"]
    run = str(uuid.uuid4())
    client(server, auth=ApiKeyTokenProvider({"api_key": token})).emit(event(ol.RunState.START, run, "j"))
    for config, status in (({}, 401), ({"auth": ApiKeyTokenProvider({"api_key": "wrong"})}, 401), ({"auth": ApiKeyTokenProvider({"api_key": low})}, 403)):
        with pytest.raises(requests.HTTPError) as refused:
            client(server, **config).emit(event(ol.RunState.START, run, "j"))
        assert refused.value.response.status_code == status
    read = requests.get(f"{server.url}/slipway/v1/lineage/runs/{run}", headers={"Authorization": f"Bearer {low}"}, timeout=20)
    assert read.ok and read.json()["state"] == "started"
    assert requests.get(f"{server.url}/slipway/v1/lineage/runs/{run}", timeout=20).status_code == 401


def test_what_was_acknowledged_survives_a_kill(start_server):
    """Emitters on several threads, the server killed among them: every event that was acknowledged is there, once."""
    server = start_server("data")
    acknowledged, stop = [], threading.Event()

    def emit_all(number: int):
        sender = client(server, retry={"total": 0})
        while not stop.is_set():
            run = str(uuid.uuid4())
            told = event(ol.RunState.COMPLETE, run, f"job-{number}", ["s in"], [f"s out-{number}"])
            while not stop.is_set():  # as a client that does not give up: the same event again
                try:
                    sender.emit(told)
                    acknowledged.append(run)
                    break
                except requests.RequestException:
                    stop.wait(0.02)

    threads = [threading.Thread(target=emit_all, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(3):
            seen, deadline = len(acknowledged), time.monotonic() + 60
            while len(acknowledged) < seen + 40:
                assert time.monotonic() < deadline, "nothing is acknowledged any more"
                stop.wait(0.01)
            server.kill()
            server.start()
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert len(acknowledged) >= 120 and len(set(acknowledged)) == len(acknowledged)
    for run in acknowledged:
        assert len(get(server, f"runs/{run}/events")["events"]) == 1, run
    assert set(graph(server, "s/in")) == {"s in"} | {f"airflow job-{n}" for n in range(4)} | {f"s out-{n}" for n in range(4)}


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A model in charge, trained on a dataset that somebody else's job has written."""
    folder = tmp_path_factory.mktemp("shop")
    server = Server(tmp_path_factory.mktemp("server") / "data", "--python-path", str(pathlib.Path(sys.executable).parent))
    server.project = pathlib.Path(small_project.write(folder)).parent
    server.cli("apply", str(server.project / "slipway.yaml"))
    server.cli("data", "ingest", "visits")
    server.cli("features", "materialize", "--as-of", small_project.START.isoformat())
    server.cli("run", "train")
    emit = client(server).emit
    emit(event(ol.RunState.COMPLETE, str(uuid.uuid4()), "export", ["postgres://db:5432 shop.public.visits"], [f"file {server.project / 'visits.parquet'}"]))
    also = symlinks_dataset.SymlinksDatasetFacet(identifiers=[symlinks_dataset.Identifier(namespace="file", name=str(server.project / "visits.parquet"), type="LOCATION")])
    emit(event(ol.RunState.COMPLETE, str(uuid.uuid4()), "report", [dataset(ol.InputDataset, "hive shop.visits", symlinks=also)], ["s3://lake report"]))
    yield server
    server.stop()


def lineage(server, *args: str):
    return [(link["kind"], link["id"]) for link in json.loads(server.cli("--json", "lineage", *args).stdout)["lineage"]]


def test_foreign_data_leads_into_our_models(shop):
    visits = f"file/{shop.project / 'visits.parquet'}"
    found = lineage(shop, "postgres://db:5432/shop.public.visits")
    order = [kind_and_id for kind_and_id in found if kind_and_id in [
        ("dataset", "postgres://db:5432/shop.public.visits"), ("job", "airflow/export"), ("dataset", visits), ("model version", "models:/sale/1")]]
    assert [one for _, one in order] == ["postgres://db:5432/shop.public.visits", "airflow/export", visits, "models:/sale/1"]
    assert any(kind == "pipeline run" for kind, _ in found)
    assert ("dataset", "s3://lake/report") in found, "through the other name of the same data"


def test_our_models_lead_back_to_foreign_jobs(shop):
    found = lineage(shop, "models:/sale/1")
    assert ("input", "dataset:visits") in found and ("job", "airflow/export") in found and ("dataset", "postgres://db:5432/shop.public.visits") in found
    assert ("job", "airflow/report") not in found, "nothing was made from that"
    assert ("model version", "models:/sale/1") in lineage(shop, "dataset:visits")
    told = shop.cli("lineage", "airflow/export", "--walk", "down").stdout
    assert "here: dataset:visits" in told and "completed at 2026-01-02T03:04:05Z" in told


def test_the_page_shows_both(shop, open_page):
    fields = {"total": column_lineage_dataset.Fields(inputFields=[column_lineage_dataset.InputField(namespace="s", name="orders", field="amount")], transformationDescription="", transformationType="")}
    raw = dataset(ol.OutputDataset, "postgres://db:5432 shop.public.visits", columnLineage=column_lineage_dataset.ColumnLineageDatasetFacet(fields=fields))
    client(shop).emit(event(ol.RunState.COMPLETE, str(uuid.uuid4()), "collect", ["s orders"], [raw]))
    page = open_page(shop.url + "/ui/lineage?of=postgres://db:5432/shop.public.visits")
    rows = page.get_by_role("table", name="Lineage").locator("tbody tr")

    def shown():
        """Made from and detail, by kind and name."""
        expect(rows.first).to_be_visible(timeout=15_000)
        cells = [[cell.strip() for cell in row.locator("td").all_inner_texts()] for row in rows.all()]
        return {(kind, name): (made_from, detail) for kind, name, made_from, detail, _ in cells}

    found = shown()
    file = str(shop.project / "visits.parquet")
    assert found["foreign job", "export"][0] == "foreign dataset shop.public.visits"
    assert "columns: total from orders.amount" in found["foreign dataset", "shop.public.visits"][1]
    assert found["foreign dataset", file][0] == "foreign job export"
    both = {f"foreign dataset {file}", "foreign dataset shop.visits"}  # the same data by two names
    assert set(found["dataset", "visits"][0].split(", ")) == both
    assert ("model version", "sale 1") in found and ("foreign job", "report") in found
    page.goto(shop.url + "/ui/lineage?of=dataset:visits")
    assert set(shown()["dataset", "visits"][0].split(", ")) == both


def test_what_nobody_told_of_is_not_found(shop):
    done = shop.cli("lineage", "nowhere/nothing", check=False)
    assert done.returncode == 4 and "nobody has told of such a job or dataset" in done.stderr


# ---- what our pipelines tell others

SCHEMAS = {file.stem: json.loads(file.read_text()) for file in (pathlib.Path(__file__).parent / "testdata" / "openlineage").glob("*.json")}
REGISTRY = referencing.Registry().with_resources((schema["$id"], referencing.Resource.from_contents(schema)) for schema in SCHEMAS.values())


def check_schema(schema_url: str, value):
    """The value is what the spec's schema at that address says; an address that the spec hasn't is an error."""
    jsonschema.Draft202012Validator({"$ref": schema_url}, registry=REGISTRY, format_checker=jsonschema.FormatChecker()).validate(value)


def check_event(told: dict):
    """As the spec has it, with all its facets, and as the client's own classes have it."""
    check_schema(told["schemaURL"], told)
    datasets = told["inputs"] + told["outputs"]
    for owner in [told["run"], told["job"], *datasets]:
        for facets in (owner.get("facets", {}), owner.get("outputFacets", {})):
            for facet in facets.values():
                check_schema(facet["_schemaURL"], facet)
    as_class = lambda kind, one: kind(namespace=one["namespace"], name=one["name"])
    ol.RunEvent(eventTime=told["eventTime"], producer=told["producer"], eventType=ol.RunState(told["eventType"]), run=ol.Run(runId=told["run"]["runId"]), job=as_class(ol.Job, told["job"]),
                inputs=[as_class(ol.InputDataset, one) for one in told["inputs"]], outputs=[as_class(ol.OutputDataset, one) for one in told["outputs"]])
    assert str(uuid.UUID(told["run"]["runId"])) == told["run"]["runId"]


class Receiver:
    """Takes events at a port of its own, in the order in which they come; may be away."""

    def __init__(self):
        self.events, self.keys, self.paths = [], set(), set()
        self.port, self.server = free_port(), None

    def start(self):
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                receiver.events.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                receiver.keys.add(self.headers["Authorization"])
                receiver.paths.add(self.path)
                self.send_response(201)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def said(self):
        return [(told["job"]["name"], told["eventType"]) for told in self.events]


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.stop()


PIPELINE = """
project: told
datasets:
  visits: {path: visits.parquet}
pipelines:
  daily:
    steps:
      - {name: count, run: "echo 12 > {out}/count.txt", inputs: ["dataset:visits"], outputs: [count.txt]}
      - {name: report, run: "cat {count}/count.txt > {out}/report.txt", outputs: [report.txt]}
  broken:
    steps:
      - {name: fails, run: "exit 7"}
"""


def project(folder: pathlib.Path, server) -> pathlib.Path:
    folder.mkdir()
    pd.DataFrame({"shop": ["north"], "pages": [3.0]}).to_parquet(folder / "visits.parquet")
    (folder / "slipway.yaml").write_text(PIPELINE)
    server.cli("apply", str(folder / "slipway.yaml"))
    server.cli("data", "ingest", "visits")
    return folder


def test_pipelines_tell_as_the_spec_has_it(start_server, receiver, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENLINEAGE_URL", f"http://127.0.0.1:{receiver.port}/")
    monkeypatch.setenv("OPENLINEAGE_ENDPOINT", "some/where")
    monkeypatch.setenv("OPENLINEAGE_API_KEY", "secret-key")
    server = start_server("data", "--openlineage-namespace", "plant")
    folder = project(tmp_path / "project", server)
    server.cli("run", "daily")  # nobody is there, and no step minds
    assert server.cli("run", "broken", check=False).returncode == 1
    server.kill()  # what was not told yet is told after the next start
    receiver.start()
    server.start()
    eventually(lambda: len(receiver.events) >= 10)
    for told in receiver.events:
        check_event(told)
        assert told["job"]["namespace"] == "plant"
    assert receiver.keys == {"Bearer secret-key"} and receiver.paths == {"/some/where"}
    daily = [one for one in receiver.said() if one[0].startswith("daily")]
    assert daily == [("daily", "START"), ("daily.count", "START"), ("daily.count", "COMPLETE"), ("daily.report", "START"), ("daily.report", "COMPLETE"), ("daily", "COMPLETE")]
    assert [one for one in receiver.said() if one[0].startswith("broken")] == [("broken", "START"), ("broken.fails", "START"), ("broken.fails", "FAIL"), ("broken", "FAIL")]

    by = {(told["job"]["name"], told["eventType"]): told for told in receiver.events}
    above, count = by["daily", "START"]["run"]["runId"], by["daily.count", "COMPLETE"]
    assert count["run"]["runId"] == by["daily.count", "START"]["run"]["runId"]
    assert count["run"]["facets"]["parent"]["run"]["runId"] == above == by["daily", "COMPLETE"]["run"]["runId"]
    assert count["run"]["facets"]["processing_engine"]["name"] == "slipway"
    visits, = count["inputs"]
    assert (visits["namespace"], visits["name"], visits["facets"]["version"]["datasetVersion"]) == ("plant", "visits", "1")
    assert visits["facets"]["schema"]["fields"] == [{"name": "shop", "type": "string"}, {"name": "pages", "type": "double"}]
    assert visits["facets"]["symlinks"]["identifiers"] == [{"namespace": "file", "name": str(folder / "visits.parquet"), "type": "LOCATION"}]
    written, = count["outputs"]
    assert written["name"] == "daily/count" and written["outputFacets"]["outputStatistics"]["fileCount"] == 1
    read, = by["daily.report", "START"]["inputs"]
    assert (read["name"], read["facets"]["version"]) == (written["name"], written["facets"]["version"]), "one dataset, one version"
    assert "7" in by["broken.fails", "FAIL"]["run"]["facets"]["errorMessage"]["message"]
    assert "secret-key" not in server.log.read_text() and b"secret-key" not in b"".join(file.read_bytes() for file in server.data_dir.glob("*.db*"))

    # A step that is answered from cache has begun and ended, too; a run that is tried again is another one.
    before = len(receiver.events)
    server.cli("run", "daily")
    eventually(lambda: len(receiver.events) >= before + 6)
    assert receiver.said()[before:] == daily
    again = {told["job"]["name"]: told["run"]["runId"] for told in receiver.events[before:]}
    assert again["daily"] != above and again["daily.count"] != count["run"]["runId"]
    before = len(receiver.events)
    failed = requests.get(server.url + "/slipway/v1/pipelines/broken/runs", timeout=20).json()["runs"][0]["id"]
    assert requests.post(f"{server.url}/slipway/v1/pipeline-runs/{failed}/retry", json={}, timeout=20).ok
    eventually(lambda: len(receiver.events) >= before + 4)
    assert receiver.said()[before:] == [("broken", "START"), ("broken.fails", "START"), ("broken.fails", "FAIL"), ("broken", "FAIL")]
    assert not {told["run"]["runId"] for told in receiver.events[before:]} & {told["run"]["runId"] for told in receiver.events[:before]}


def test_a_schedules_time_is_told(start_server, receiver, tmp_path):
    receiver.start()
    server = start_server("data", "--openlineage-url", f"http://127.0.0.1:{receiver.port}")
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "slipway.yaml").write_text("project: told\npipelines:\n  tick: {steps: [{name: one, run: 'true'}]}\nschedules:\n  often: {pipeline: tick, cron: '0 * * * *'}\n")
    server.cli("apply", str(folder / "slipway.yaml"))
    server.cli("pipelines", "backfill", "tick", "--schedule", "often", "--from", "2026-01-02T03:00:00Z", "--to", "2026-01-02T04:00:00Z")
    eventually(lambda: receiver.said().count(("tick", "COMPLETE")) == 2)
    times = {}
    for told in receiver.events:
        check_event(told)
        times.setdefault(told["run"]["facets"]["nominalTime"]["nominalStartTime"], []).append((told["job"]["name"], told["eventType"]))
    assert sorted(times) == ["2026-01-02T03:00:00Z", "2026-01-02T04:00:00Z"]
    assert all(sorted(told) == [("tick", "COMPLETE"), ("tick", "START"), ("tick.one", "COMPLETE"), ("tick.one", "START")] for told in times.values())


def test_another_server_shows_our_pipelines(start_server, tmp_path_factory):
    """Events out of one server into another: its lineage has the first one's pipeline, from data to model."""
    second = start_server("second")
    first = start_server("first", "--openlineage-url", second.url, "--openlineage-namespace", "plant", "--python-path", str(pathlib.Path(sys.executable).parent))
    first.cli("apply", str(small_project.write(tmp_path_factory.mktemp("plant"))))
    first.cli("data", "ingest", "visits")
    first.cli("features", "materialize", "--as-of", small_project.START.isoformat())
    first.cli("run", "train")

    def ended():
        reply = requests.get(second.url + "/slipway/v1/lineage/job", params={"namespace": "plant", "name": "train"}, timeout=20)
        return reply.ok and reply.json()["runs"][0]["state"] == "completed"

    eventually(ended)
    found = lineage(second, "plant/visits")
    order = [one for _, one in found]
    assert order.index("plant/visits") < order.index("plant/train.rows") < order.index("plant/train/rows") < order.index("plant/train.train") < order.index("plant/models:/sale")
    run = get(second, "job", namespace="plant", name="train")["runs"][0]["id"]
    told = get(second, f"runs/{run}")
    assert len(told["children"]) == 4 and all(get(second, f"runs/{child}")["state"] == "completed" for child in told["children"])
    assert {one for _, one in lineage(second, run)} >= {"plant/train.gate", "plant/train.promote", "plant/models:/sale"}
    versions = get(second, "dataset", namespace="plant", name="models:/sale")["versions"]
    assert [one["version"] for one in versions] == ["1"] and versions[0]["written_by"] in told["children"]
