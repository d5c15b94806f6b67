"""What the server counts, sent to a collector of OpenTelemetry and read with OpenTelemetry's own classes."""
import http.server
import threading
import urllib.request

import pytest
from conftest import eventually
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_CUMULATIVE
from test_server import run


class Collector(http.server.ThreadingHTTPServer):
    """Keeps what it is sent; answers with `status`."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answer)
        self.status, self.requests, self.refused = 200, [], 0
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def newest(self) -> dict:
        """By metric's name, of the newest request."""
        scopes = ExportMetricsServiceRequest.FromString(self.requests[-1][1]).resource_metrics[0].scope_metrics
        return {metric.name: metric for scope in scopes for metric in scope.metrics}


class Answer(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.status < 300:
            self.server.requests.append((self.path, body, dict(self.headers)))
        else:
            self.server.refused += 1
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

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


def test_wrong_headers_are_a_usage_error(tmp_path, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization Bearer x")
    done = run("server", "--data", str(tmp_path / "d"))
    assert done.returncode == 2
    assert "expected KEY=VALUE,KEY=VALUE" in done.stderr and "Bearer" not in done.stderr
