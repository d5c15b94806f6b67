"""Traces with MLflow's own tracing client and with OpenTelemetry's exporter, both unmodified."""
import base64
import gzip
import json
import time

import mlflow
import pytest
import requests
from mlflow.entities import AssessmentSource, Feedback, SpanType
from mlflow.entities.trace_metrics import AggregationType, MetricAggregation, MetricViewType
from mlflow.exceptions import MlflowException
from mlflow.tracing.attachments import Attachment
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from test_access import ADA, BOB, guarded, logged_in  # noqa: F401


@pytest.fixture(params=["sqlite", "postgres"])
def tracked(request, start_server):
    """A server with MLflow's client pointed at it and an experiment made."""
    flags = request.getfixturevalue("postgres").fresh() if request.param == "postgres" else []
    server = start_server("data", *flags)
    mlflow.set_tracking_uri(server.url)
    server.experiment = mlflow.set_experiment("assistant").experiment_id
    yield server
    mlflow.flush_trace_async_logging()


def ids(traces) -> set[str]:
    return {trace.info.trace_id for trace in traces}


def find(server, text=None, **more):
    return mlflow.search_traces(locations=[server.experiment], filter_string=text, return_type="list", **more)


@mlflow.trace(span_type=SpanType.TOOL)
def look_up(word: str) -> dict:
    return {"word": word, "found": [1, 2.5, None, True]}


@mlflow.trace(span_type=SpanType.CHAIN)
def answer(question: str) -> str:
    mlflow.update_current_trace(tags={"topic": question.split()[0]}, metadata={"mlflow.trace.session": "s-1"})
    if question == "crash":
        raise ValueError("nothing to say")
    with mlflow.start_span("model", span_type=SpanType.LLM) as span:
        span.set_attribute("mlflow.chat.tokenUsage", {"input_tokens": 7, "output_tokens": 3, "total_tokens": 10})
        span.set_attribute("model", "gpt-4")
        look_up(question)
    return f"about {question}"


def basic(user) -> str:
    return "Basic " + base64.b64encode(":".join(user).encode()).decode()


def traced(question: str) -> str:
    try:
        answer(question)
    except ValueError:
        pass
    mlflow.flush_trace_async_logging()
    return mlflow.get_last_active_trace_id()


def test_a_trace_comes_back_as_it_was(tracked):
    trace = mlflow.get_trace(traced("rain in Spain"))
    assert trace.info.state == "OK" and trace.info.experiment_id == tracked.experiment
    assert trace.info.token_usage == {"input_tokens": 7, "output_tokens": 3, "total_tokens": 10}
    assert trace.info.request_preview == '{"question": "rain in Spain"}'
    by_name = {span.name: span for span in trace.data.spans}
    assert set(by_name) == {"answer", "model", "look_up"}
    assert by_name["look_up"].parent_id == by_name["model"].span_id
    assert by_name["look_up"].outputs == {"word": "rain in Spain", "found": [1, 2.5, None, True]}
    assert by_name["model"].get_attribute("model") == "gpt-4"

    failed = mlflow.get_trace(traced("crash"))
    assert failed.info.state == "ERROR"
    (span,) = failed.data.spans
    assert span.status.description == "ValueError: nothing to say"
    assert span.events[0].name == "exception"


def test_search_finds_by_tag_time_span_and_text(tracked):
    rain, snow, crash = traced("rain today"), traced("snow today"), traced("crash")
    assert ids(find(tracked)) == {rain, snow, crash}
    assert ids(find(tracked, "tags.topic = 'snow'")) == {snow}
    assert ids(find(tracked, "trace.status = 'ERROR'")) == {crash}
    assert ids(find(tracked, "span.type = 'TOOL' AND span.name LIKE 'look%'")) == {rain, snow}
    assert ids(find(tracked, "span.attributes.model RLIKE '^gpt'")) == {rain, snow}
    assert ids(find(tracked, "trace.text LIKE '%nothing to say%'")) == {crash}
    assert ids(find(tracked, "metadata.`mlflow.trace.session` = 's-1'")) == {rain, snow, crash}
    assert [t.info.trace_id for t in find(tracked, order_by=["timestamp ASC"])] == [rain, snow, crash]
    assert [t.info.trace_id for t in find(tracked, max_results=2)] == [crash, snow]
    with pytest.raises(MlflowException, match="Invalid"):
        find(tracked, "color.of = 'x'")

    pages, token = [], None
    client = mlflow.MlflowClient()
    while True:
        page = client.search_traces(locations=[tracked.experiment], max_results=1, page_token=token)
        pages += ids(page)
        if (token := page.token) is None:
            break
    assert sorted(pages) == sorted([rain, snow, crash])


def test_feedback_and_expectations(tracked):
    good, bad = traced("rain"), traced("snow")
    human = AssessmentSource(source_type="HUMAN", source_id="ana")
    said = mlflow.log_feedback(trace_id=good, name="correct", value=True, rationale="as it is", source=human)
    mlflow.log_feedback(trace_id=bad, name="correct", value=False, source=human)
    mlflow.log_feedback(trace_id=bad, name="score", value=0.25)
    mlflow.log_feedback(trace_id=bad, name="judge", error=RuntimeError("no answer"))
    mlflow.log_expectation(trace_id=good, name="facts", value={"wet": ["yes", 1]}, source=human)
    assert ids(find(tracked, "feedback.correct = 'true'")) == {good}
    assert ids(find(tracked, "feedback.score < 0.5")) == {bad}
    assert ids(find(tracked, "expectation.facts IS NOT NULL")) == {good}

    by_name = {a.name: a for a in mlflow.get_trace(good).info.assessments}
    assert by_name["correct"].value is True and by_name["correct"].rationale == "as it is"
    assert by_name["facts"].value == {"wet": ["yes", 1]} and by_name["facts"].source.source_id == "ana"
    error = next(a for a in mlflow.get_trace(bad).info.assessments if a.name == "judge").error
    assert error.error_message == "no answer"

    mlflow.update_assessment(trace_id=good, assessment_id=said.assessment_id, assessment=Feedback(name="correct", value=False))
    assert mlflow.get_assessment(good, said.assessment_id).value is False
    new = mlflow.override_feedback(trace_id=good, assessment_id=said.assessment_id, value=True)
    assert not mlflow.get_assessment(good, said.assessment_id).valid
    mlflow.delete_assessment(trace_id=good, assessment_id=new.assessment_id)
    assert mlflow.get_assessment(good, said.assessment_id).valid


def test_tags_links_and_deletion(tracked):
    one, two = traced("rain"), traced("snow")
    client = mlflow.MlflowClient()
    mlflow.set_trace_tag(one, "team", "weather")
    assert ids(find(tracked, "tags.team = 'weather'")) == {one}
    mlflow.delete_trace_tag(one, "team")
    with pytest.raises(MlflowException, match="No trace tag with key 'team'"):
        mlflow.delete_trace_tag(one, "team")

    with mlflow.start_run() as run:
        inside = traced("hail")
    client.link_traces_to_run([one], run.info.run_id)
    assert ids(find(tracked, f"attribute.run_id = '{run.info.run_id}'")) == {inside, one}

    assert client.delete_traces(tracked.experiment, trace_ids=[one]) == 1
    assert mlflow.get_trace(one) is None
    assert ids(find(tracked)) == {two, inside}
    assert client.delete_traces(tracked.experiment, max_timestamp_millis=int(time.time() * 1000) + 1000) == 2
    assert find(tracked) == []


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip, Compression.Deflate])
def test_opentelemetrys_exporter(server, compression):
    exporter = OTLPSpanExporter(server.url + "/v1/traces", headers={"x-mlflow-experiment-id": "0"}, compression=compression)
    provider = TracerProvider(resource=Resource.create({"service.name": "shop"}))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with provider.get_tracer("t").start_as_current_span("chat") as span:
        span.set_attributes({"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 5, "gen_ai.usage.output_tokens": 2})
    provider.shutdown()
    mlflow.set_tracking_uri(server.url)
    (trace,) = mlflow.search_traces(locations=["0"], return_type="list")
    assert trace.info.tags["service.name"] == "shop"
    assert trace.info.token_usage["total_tokens"] == 7
    assert trace.data.spans[0].span_type == "CHAT_MODEL"


def test_what_is_wrong_with_a_request_is_said_in_otlps_envelope(server):
    span = {"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331", "name": "x", "startTimeUnixNano": "1", "endTimeUnixNano": "2"}

    def post(spans, experiment="0", body=None, **headers):
        text = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode() if body is None else body
        headers = {"Content-Type": "application/json", "x-mlflow-experiment-id": experiment, **headers}
        return requests.post(server.url + "/v1/traces", data=text, headers={k: v for k, v in headers.items() if v is not None}, timeout=60)

    assert post([span]).json() == {}
    partly = post([{**span, "spanId": "01"}, span])
    assert partly.status_code == 200 and partly.json()["partialSuccess"]["rejectedSpans"] == "1"
    assert post([{**span, "spanId": "01"}]).status_code == 422
    unknown = post([span], experiment="77")
    assert unknown.status_code == 404 and unknown.json()["code"] == 5 and "77" in unknown.json()["message"]
    assert "x-mlflow-experiment-id" in post([span], experiment=None).json()["message"]
    assert post([], body=b"{").status_code == 400
    assert post([], body=b"no gzip", **{"Content-Encoding": "gzip"}).status_code == 400
    bomb = gzip.compress(b" " * (80 << 20))
    assert post([], body=bomb, **{"Content-Encoding": "gzip"}).status_code == 413
    protobuf = requests.post(server.url + "/v1/traces", data=b"\xff\xff", timeout=60,
                             headers={"Content-Type": "application/x-protobuf", "x-mlflow-experiment-id": "0"})
    assert protobuf.status_code == 400 and protobuf.headers["Content-Type"] == "application/x-protobuf"


def test_traces_survive_a_kill(server):
    mlflow.set_tracking_uri(server.url)
    mlflow.set_experiment("assistant")
    kept = traced("rain")
    server.kill()
    server.start()
    assert len(mlflow.get_trace(kept).data.spans) == 3


def test_numbers_over_many_traces(tracked):
    store = mlflow.MlflowClient()._tracing_client.store
    for question in ("why", "who", "crash"):
        traced(question)
    mlflow.log_feedback(trace_id=traced("when"), name="good", value=True)

    def ask(view, metric, *aggregations, **more):
        wanted = [a if isinstance(a, MetricAggregation) else MetricAggregation(a) for a in aggregations]
        points = store.query_trace_metrics([tracked.experiment], view, metric, wanted, **more)
        return [(p.dimensions, p.values) for p in points]

    traces, spans, assessments = MetricViewType.TRACES, MetricViewType.SPANS, MetricViewType.ASSESSMENTS
    count = AggregationType.COUNT
    assert ask(traces, "trace_count", count) == [({}, {"COUNT": 4})]
    assert ask(traces, "trace_count", count, dimensions=["trace_name", "trace_status"]) == [
        ({"trace_name": "answer", "trace_status": "ERROR"}, {"COUNT": 1}), ({"trace_name": "answer", "trace_status": "OK"}, {"COUNT": 3})]
    assert ask(traces, "session_count", count) == [({}, {"COUNT": 1})]
    assert ask(traces, "total_tokens", AggregationType.SUM, AggregationType.AVG) == [({}, {"SUM": 30, "AVG": 10})]
    durations = sorted(t.info.execution_duration for t in find(tracked))
    ((_, latency),) = ask(traces, "latency", AggregationType.MAX, MetricAggregation(AggregationType.PERCENTILE, 50.0))
    assert latency == {"MAX": durations[-1], "P50.0": (durations[1] + durations[2]) / 2}
    now = int(time.time() * 1000)
    buckets = ask(traces, "trace_count", count, time_interval_seconds=86400, start_time_ms=now - 3600_000, end_time_ms=now)
    assert sum(values["COUNT"] for _, values in buckets) == 4 and buckets[0][0]["time_bucket"].endswith("T00:00:00+00:00")
    assert ask(traces, "trace_count", count, filters=["trace.status = 'ERROR'", "trace.tag.topic = 'crash'"]) == [({}, {"COUNT": 1})]
    assert ask(spans, "span_count", count, dimensions=["span_type"]) == [
        ({"span_type": "CHAIN"}, {"COUNT": 4}), ({"span_type": "LLM"}, {"COUNT": 3}), ({"span_type": "TOOL"}, {"COUNT": 3})]
    assert ask(spans, "span_count", count, filters=["span.name = 'look_up'"]) == [({}, {"COUNT": 3})]
    assert ask(assessments, "assessment_value", AggregationType.AVG, dimensions=["assessment_name"]) == [({"assessment_name": "good"}, {"AVG": 1})]
    with pytest.raises(MlflowException, match="metric_name must be one of"):
        ask(traces, "speed", count)


def gc(server, *flags):
    return json.loads(server.cli("gc", "--json", *flags).stdout)


def test_files_of_a_trace_go_with_it_and_with_its_experiment(tracked):
    client = mlflow.MlflowClient()
    picture = b"\x89PNG" + bytes(1000)

    def with_picture(name: str) -> str:
        with mlflow.start_span(name) as span:
            span.set_inputs({"image": Attachment(content_type="image/png", content_bytes=picture)})
        mlflow.flush_trace_async_logging()
        return span.trace_id

    def files():
        return {p.read_bytes() for p in (tracked.data_dir / "artifacts").rglob("*") if p.is_file()}

    gone, stays = with_picture("gone"), with_picture("stays")
    reference = client.get_trace(stays).data.spans[0].inputs["image"]
    attachment = reference.removeprefix("mlflow-attachment://").split("?")[0]
    url = f"{tracked.url}/ajax-api/3.0/mlflow/get-trace-artifact"
    got = requests.get(url, params={"request_id": stays, "path": attachment}, timeout=60)
    assert got.status_code == 200 and got.content == picture
    folder = tracked.data_dir / "artifacts" / tracked.experiment / "traces"
    # The client may have put the spans of one there, too.
    sizes = {t: [p.stat().st_size for p in (folder / t).rglob("*") if p.is_file()] for t in (gone, stays)}
    assert all(len(picture) in one for one in sizes.values())
    assert client.delete_traces(tracked.experiment, trace_ids=[gone]) == 1
    assert {p.name for p in folder.iterdir()} == {stays}
    events = json.loads(tracked.cli("events", "list", "--json", "--kind", "traces.deleted").stdout)["events"]
    assert [(e["subject"], e["payload"]["files"], e["payload"]["bytes"]) for e in events] == [
        (f"experiments/{tracked.experiment}", len(sizes[gone]), sum(sizes[gone]))]

    mlflow.delete_experiment(tracked.experiment)
    planned = gc(tracked, "--experiment-ids", tracked.experiment, "--dry-run")
    assert (planned["files"], planned["bytes"]) == (len(sizes[stays]), sum(sizes[stays])) and picture in files()
    done = gc(tracked, "--experiment-ids", tracked.experiment)
    assert (done["gone"], done["files"], done["bytes"]) == (1, len(sizes[stays]), sum(sizes[stays])) and picture not in files()
    with pytest.raises(MlflowException):
        client.get_trace(stays, display=False)


def refused(what):
    with pytest.raises(MlflowException, match="Permission denied"):
        what()


def test_traces_follow_the_permissions_of_their_experiment(guarded):  # noqa: F811
    mlflow.set_tracking_uri(guarded.url)
    client = mlflow.MlflowClient()
    with logged_in(ADA):
        hers = mlflow.set_experiment("hers").experiment_id
        run = client.create_run(hers).info.run_id
        trace_id = traced("why")
        feedback = mlflow.log_feedback(trace_id=trace_id, name="good", value=True).assessment_id
    with logged_in(BOB):
        his = client.create_experiment("his")
        # The default for others is to read.
        assert client.get_trace(trace_id).info.tags["topic"] == "why"
        assert ids(client.search_traces(locations=[hers])) == {trace_id}
        assert mlflow.get_assessment(trace_id, feedback).value is True
        for write in (lambda: client.set_trace_tag(trace_id, "k", "v"), lambda: client.delete_trace_tag(trace_id, "topic"),
                      lambda: mlflow.log_feedback(trace_id=trace_id, name="bad", value=True),
                      lambda: mlflow.update_assessment(trace_id, feedback, Feedback(name="good", value=False)),
                      lambda: mlflow.delete_assessment(trace_id, feedback), lambda: client.link_traces_to_run([trace_id], run),
                      lambda: client.delete_traces(hers, trace_ids=[trace_id])):
            refused(write)
        export = OTLPSpanExporter(guarded.url + "/v1/traces", headers={"x-mlflow-experiment-id": hers, "Authorization": basic(BOB)})
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(export))
        provider.get_tracer("t").start_span("sneaked in").end()
    deny = {"username": "bob", "experiment_id": hers, "permission": "NO_PERMISSIONS"}
    assert requests.post(guarded.url + "/api/2.0/mlflow/experiments/permissions/create", json=deny, auth=ADA, timeout=60).status_code == 200
    with logged_in(BOB):
        count = ([his, hers], MetricViewType.TRACES, "trace_count", [MetricAggregation(AggregationType.COUNT)])
        for read in (lambda: client.search_traces(locations=[hers]), lambda: client.search_traces(locations=[his, hers]),
                     lambda: mlflow.get_assessment(trace_id, feedback), lambda: client._tracing_client.store.query_trace_metrics(*count)):
            refused(read)
        for path, params in (("traces/get", {"trace_id": trace_id}), (f"traces/{trace_id}", {}), ("traces/batchGet", {"trace_ids": trace_id})):
            assert requests.get(f"{guarded.url}/api/3.0/mlflow/{path}", params=params, auth=BOB, timeout=60).status_code == 403, path
        artifact = requests.get(guarded.url + "/ajax-api/2.0/mlflow/get-trace-artifact", params={"request_id": trace_id}, auth=BOB, timeout=60)
        assert artifact.status_code == 403
        moved = requests.post(guarded.url + "/api/3.0/mlflow/traces", auth=BOB, timeout=60, json={"trace": {"trace_info": {
            "trace_id": trace_id, "trace_location": {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": his}},
            "request_time": "2024-01-01T00:00:00Z", "state": "OK"}}})
        assert moved.status_code == 403, "a trace is not taken over by writing it again"
        assert client.search_traces(locations=[his]) == []
    with logged_in(ADA):
        assert ids(client.search_traces(locations=[hers])) == {trace_id}
        assert client.delete_traces(hers, trace_ids=[trace_id]) == 1
