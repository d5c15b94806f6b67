"""OpenLineage: what the unmodified openlineage-python client sends is kept, read again, and joined with our own lineage."""
import json
import pathlib
import sys
import threading
import time
import uuid

import attr
import pandas as pd
import pytest
import requests
import small_project
from conftest import Server
from openlineage.client import OpenLineageClient
from openlineage.client import event_v2 as ol
from openlineage.client.generated import (column_lineage_dataset, dataset_version_dataset, output_statistics_output_dataset, parent_run,
                                          processing_engine_run, schema_dataset, sql_job, symlinks_dataset)
from openlineage.client.transport.http import ApiKeyTokenProvider, HttpCompression, HttpConfig, HttpTransport
from openlineage.client.uuid import generate_new_uuid



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


def test_what_nobody_told_of_is_not_found(shop):
    done = shop.cli("lineage", "nowhere/nothing", check=False)
    assert done.returncode == 4 and "nobody has told of such a run, job or dataset" in done.stderr
