"""What the server counts, sent to a collector of OpenTelemetry and read with OpenTelemetry's own classes."""
import concurrent.futures
import gzip
import http.server
import socket
import subprocess
import threading
import time
import urllib.request

import grpc
import pytest
from conftest import eventually
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2_grpc
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_CUMULATIVE
from test_server import run


class Collector(http.server.ThreadingHTTPServer):
    """Keeps what it is sent; answers with `status`."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answer)
        self.status, self.requests, self.refused = 200, [], 0
        self.once, self.times = [], []  # what is answered next, before `status`; and when it was asked
        self.words, self.retry_after, self.date = ("text/plain", b""), None, None  # of a refusal
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def newest(self) -> dict:
        """By metric's name, of the newest request."""
        scopes = ExportMetricsServiceRequest.FromString(self.requests[-1][1]).resource_metrics[0].scope_metrics
        return {metric.name: metric for scope in scopes for metric in scope.metrics}


class Answer(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = self.server.once.pop(0) if self.server.once else self.server.status  # which a test may change meanwhile
        self.server.times.append(time.monotonic())
        if status < 300:
            self.server.requests.append((self.path, body, dict(self.headers)))
        else:
            self.server.refused += 1
        kind, words = self.server.words if status >= 300 else ("application/x-protobuf", b"")
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(words)))
        if self.server.retry_after:
            self.send_header("Retry-After", self.server.retry_after)
        self.end_headers()
        self.wfile.write(words)

    def date_time_string(self, timestamp=None):
        return self.server.date or super().date_time_string(timestamp)

    def log_message(self, *_):
        pass


@pytest.fixture
def collector():
    running = Collector()
    yield running
    running.shutdown()
    running.server_close()


def attributes(of) -> dict:
    return {attribute.key: attribute.value.string_value for attribute in of.attributes}


def test_a_collector_hears_what_metrics_says(collector, start_server, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", f"http://127.0.0.1:{collector.server_port}/v1/metrics")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20x%3D1,x-team=ml")
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "100")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "models")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=staging")
    server = start_server()
    eventually(lambda: collector.requests)
    path, body, headers = collector.requests[-1]
    assert (path, headers["Content-Type"]) == ("/v1/metrics", "application/x-protobuf")
    assert (headers["authorization"], headers["x-team"]) == ("Bearer x=1", "ml")
    resource = attributes(ExportMetricsServiceRequest.FromString(body).resource_metrics[0].resource)
    assert (resource["service.name"], resource["deployment.environment"]) == ("models", "staging")
    assert resource["service.instance.id"].endswith(f":{server.port}")

    for _ in range(7):
        urllib.request.urlopen(server.url + "/slipway/v1/clock").read()

    def asked(metrics):
        return sum(point.count for point in metrics["slipway_http_request_seconds"].histogram.data_points)

    before = asked(collector.newest())
    urllib.request.urlopen(server.url + "/slipway/v1/clock").read()
    eventually(lambda: asked(collector.newest()) > before)
    metrics = collector.newest()
    latency = metrics["slipway_http_request_seconds"]
    assert latency.unit == "s" and latency.histogram.aggregation_temporality == AGGREGATION_TEMPORALITY_CUMULATIVE
    for point in latency.histogram.data_points:
        assert len(point.bucket_counts) == len(point.explicit_bounds) + 1
        assert sum(point.bucket_counts) == point.count and point.sum > 0
        assert 0 < point.start_time_unix_nano < point.time_unix_nano
    connections = metrics["slipway_http_connections"]
    assert connections.HasField("gauge")
    exported = metrics["slipway_otlp_exports_total"].sum
    assert exported.is_monotonic and exported.data_points[0].as_int > 0

    text = urllib.request.urlopen(server.url + "/metrics").read().decode()
    assert {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")} >= set(metrics)


def test_attributes_that_others_wrote_stop_no_server(collector, start_server, monkeypatch):
    """A percent sign that is no escape is one, as for OpenTelemetry's SDKs; what is no pair is left out."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", f"http://127.0.0.1:{collector.server_port}/v1/metrics")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-share=100%")
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "100")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "share=100%,half=50%zz,bytes=%ff%fe,odd,=none,team=a%20b")
    server = start_server()
    eventually(lambda: collector.requests)
    path, body, headers = collector.requests[-1]
    assert headers["x-share"] == "100%"
    resource = attributes(ExportMetricsServiceRequest.FromString(body).resource_metrics[0].resource)
    assert {key: resource[key] for key in ("share", "half", "bytes", "team")} == {"share": "100%", "half": "50%zz", "bytes": "%ff%fe", "team": "a b"}
    assert "odd" not in resource
    log = server.log.read_text()
    assert "pair 4 of OTEL_RESOURCE_ATTRIBUTES" in log and "pair 5" in log


def test_what_a_collector_misses_comes_with_the_next(collector, start_server):
    collector.status = 503
    server = start_server("data", "--otlp-metrics-url", f"http://127.0.0.1:{collector.server_port}/v1/metrics", "--otlp-metrics-interval-ms", "100")
    eventually(lambda: collector.refused > 1)
    collector.status = 200
    eventually(lambda: collector.requests)
    assert collector.newest()["slipway_otlp_export_failures_total"].sum.data_points[0].as_int >= 2
    log = server.log.read_text()
    assert log.count("metrics are not taken") == 1 and "answered 503" in log
    assert server.stop() == 0
    last = collector.newest()["slipway_otlp_exports_total"].sum.data_points[0].as_int
    assert last + 1 >= len(collector.requests), "the last one is sent when the server stops"


@pytest.mark.parametrize("kind, words, says", [
    ("application/x-protobuf", status_pb2.Status(code=14, message="over quota").SerializeToString(), "answered 503: over quota"),
    ("application/x-protobuf", b"\xff\xff", "answered 503: "),
    ("text/html", b"<p>no gateway", "answered 503: <p>no gateway")])
def test_the_words_of_a_refusal_are_logged(collector, start_server, kind, words, says):
    collector.status, collector.words = 503, (kind, words)
    server = start_server("data", "--otlp-metrics-url", f"http://127.0.0.1:{collector.server_port}/v1/metrics", "--otlp-metrics-interval-ms", "100")
    eventually(lambda: "metrics are not taken" in server.log.read_text())
    line = next(line for line in server.log.read_text().splitlines() if "metrics are not taken" in line)
    assert says in line and "\\x" not in line and "\ufffd" not in line


def test_a_collector_says_until_when_it_is_away(collector, start_server):
    """Retry-After as a time of the collector's own clock, which is wrong here by years."""
    collector.once, collector.date, collector.retry_after = [503], "Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:40 GMT"
    server = start_server("data", "--otlp-metrics-url", f"http://127.0.0.1:{collector.server_port}/v1/metrics", "--otlp-metrics-interval-ms", "100")
    eventually(lambda: collector.requests)
    assert collector.times[1] - collector.times[0] > 2
    assert failures(server.port) == 1


def test_wrong_headers_are_a_usage_error(tmp_path, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization Bearer x")
    done = run("server", "--data", str(tmp_path / "d"))
    assert done.returncode == 2
    assert "expected KEY=VALUE,KEY=VALUE" in done.stderr and "Bearer" not in done.stderr


def test_what_is_sent_over_http_is_compressed(collector, start_server, monkeypatch):
    """And OTEL_EXPORTER_OTLP_ENDPOINT is a collector of everything: the path of metrics is below it."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{collector.server_port}/otel/")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "100")
    start_server()
    eventually(lambda: collector.requests)
    path, body, headers = collector.requests[-1]
    assert (path, headers["Content-Encoding"]) == ("/otel/v1/metrics", "gzip")
    assert ExportMetricsServiceRequest.FromString(gzip.decompress(body)).resource_metrics


class GrpcCollector(metrics_service_pb2_grpc.MetricsServiceServicer):
    """OpenTelemetry's own servicer. `answer` gets the call's context, and may refuse in it."""

    def __init__(self, credentials=None, port=0):
        self.answer, self.requests, self.metadata, self.times, self.taken = None, [], [], [], []
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(2))
        metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(self, self.server)
        self.port = self.server.add_secure_port("localhost:0", credentials) if credentials else self.server.add_insecure_port(f"127.0.0.1:{port}")
        self.server.start()

    def Export(self, request, context):
        answer, now = self.answer, time.monotonic()  # a test may change the answer meanwhile
        self.times.append(now)
        self.metadata.append(dict(context.invocation_metadata()))
        reply = answer(context) if answer else None
        self.taken.append(now)
        self.requests.append(request)
        return reply or ExportMetricsServiceResponse()


@pytest.fixture
def grpc_collector():
    running = GrpcCollector()
    yield running
    running.server.stop(None)


def failures(port: int) -> int:
    text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()
    return int(next(line.split()[1] for line in text.splitlines() if line.startswith("slipway_otlp_export_failures_total")))


def test_a_collector_is_told_over_grpc(grpc_collector, start_server, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{grpc_collector.port}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "Authorization=Bearer%20x%3D1,x-team=ml")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_COMPRESSION", "gzip")
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "100")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "models")
    grpc_collector.answer = lambda context: ExportMetricsServiceResponse(partial_success=ExportMetricsPartialSuccess(rejected_data_points=2, error_message="too many series"))
    server = start_server()
    eventually(lambda: len(grpc_collector.requests) > 1)
    metadata = grpc_collector.metadata[-1]
    assert (metadata["authorization"], metadata["x-team"]) == ("Bearer x=1", "ml")
    resource = grpc_collector.requests[-1].resource_metrics[0]
    assert attributes(resource.resource)["service.name"] == "models"
    metrics = {metric.name: metric for scope in resource.scope_metrics for metric in scope.metrics}
    assert metrics["slipway_http_connections"].HasField("gauge")
    assert metrics["slipway_otlp_rejected_points_total"].sum.data_points[0].as_int >= 2
    assert server.log.read_text().count("too many series") == 1
    assert server.stop() == 0


def unavailable(context):
    context.abort(grpc.StatusCode.UNAVAILABLE, "restarting")


def test_a_grpc_collector_that_refuses_is_asked_again_before_the_interval_is_over(grpc_collector, start_server):
    grpc_collector.answer = unavailable
    interval = 8
    start_server("data", "--otlp-metrics-url", f"http://127.0.0.1:{grpc_collector.port}", "--otlp-metrics-protocol", "grpc", "--otlp-metrics-interval-ms", str(1000 * interval))
    eventually(lambda: len(grpc_collector.times) > 2)
    assert grpc_collector.times[2] - grpc_collector.times[0] < interval, "the second try and the third"


def test_a_grpc_collector_that_refuses_is_asked_again_when_it_may_take_it(grpc_collector, start_server):
    told = threading.Event()

    def resource_exhausted(context):
        told.set()
        details = any_pb2.Any()
        details.Pack(error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(seconds=2, nanos=500_000_000)))
        status = status_pb2.Status(code=grpc.StatusCode.RESOURCE_EXHAUSTED.value[0], message="slow down", details=[details])
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "slow down")

    grpc_collector.answer = unavailable
    server = start_server("data", "--otlp-metrics-url", f"http://127.0.0.1:{grpc_collector.port}", "--otlp-metrics-protocol", "grpc", "--otlp-metrics-interval-ms", "1500")
    eventually(lambda: len(grpc_collector.times) > 2)
    grpc_collector.answer = resource_exhausted
    assert told.wait(timeout=60)
    grpc_collector.answer = None
    eventually(lambda: grpc_collector.requests)
    taken = grpc_collector.taken[0]
    assert taken - max(at for at in grpc_collector.times if at < taken) >= 2.4, "RetryInfo is kept to, also beyond the interval"
    eventually(lambda: failures(server.port) == len(grpc_collector.times) - len(grpc_collector.requests))
    eventually(lambda: "metrics are taken again" in server.log.read_text())  # said once it has heard so
    log = server.log.read_text()
    assert log.count("metrics are not taken") == 1 and "restarting" in log


def test_a_grpc_collector_that_hung_is_reached_within_seconds(start_server):
    """gRPC itself gives a connection that nobody answers 20 s, and later waits up to two minutes before the next."""
    hung = socket.socket()
    hung.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    hung.bind(("127.0.0.1", 0))
    hung.listen()
    port = hung.getsockname()[1]
    start_server("data", "--otlp-metrics-url", f"http://127.0.0.1:{port}", "--otlp-metrics-protocol", "grpc", "--otlp-metrics-interval-ms", "100")
    taken, _ = hung.accept()
    hung.close()
    collector = GrpcCollector(port=port)
    try:
        eventually(lambda: collector.requests, seconds=15)
    finally:
        collector.server.stop(None)
        taken.close()


def certificate(folder, name: str, *, by: str | None = None) -> None:
    """`name`.pem and its key, signed by `by` or itself."""
    signed = ["-CA", folder / f"{by}.pem", "-CAkey", folder / f"{by}.key"] if by else []
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext",
                    "subjectAltName=DNS:localhost", "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem", *signed], check=True, capture_output=True)


def test_a_grpc_collector_with_tls_knows_its_client(tmp_path, start_server):
    certificate(tmp_path, "ca")
    certificate(tmp_path, "collector", by="ca")
    certificate(tmp_path, "client", by="ca")
    read = lambda name: (tmp_path / name).read_bytes()
    collector = GrpcCollector(grpc.ssl_server_credentials([(read("collector.key"), read("collector.pem"))], read("ca.pem"), require_client_auth=True))
    try:
        flags = ["--otlp-metrics-url", f"https://localhost:{collector.port}", "--otlp-metrics-protocol", "grpc", "--otlp-metrics-interval-ms", "100"]
        trusting = [*flags, "--otlp-metrics-ca-file", tmp_path / "ca.pem"]
        stranger = start_server("stranger", *map(str, trusting))
        eventually(lambda: failures(stranger.port) > 0)
        assert not collector.requests
        start_server("known", *map(str, [*trusting, "--otlp-metrics-client-certificate-file", tmp_path / "client.pem", "--otlp-metrics-client-key-file", tmp_path / "client.key"]))
        eventually(lambda: collector.requests)
    finally:
        collector.server.stop(None)


@pytest.mark.parametrize("flags, says", [
    (["--otlp-metrics-url", "http://localhost:4317/v1/metrics", "--otlp-metrics-protocol", "grpc"], "http://HOST:PORT"),
    (["--otlp-metrics-protocol", "http/json"], "http/protobuf, grpc"),
    (["--otlp-metrics-url", "http://localhost:4318", "--otlp-metrics-ca-file", "/absent/ca.pem", "--otlp-metrics-protocol", "grpc"], "/absent/ca.pem"),
    (["--otlp-metrics-url", "http://localhost:4317", "--otlp-metrics-protocol", "grpc"], "two words"),
    (["--otlp-metrics-url", "http://localhost:4318/v1/metrics"], "two words"),
])
def test_a_collector_that_can_not_be_stops_the_start(tmp_path, monkeypatch, flags, says):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "two words=secret")
    done = run("server", "--data", str(tmp_path / "d"), "--port", "0", *flags)
    assert done.returncode != 0 and says in done.stderr and "secret" not in done.stderr
