"""The program as an operator meets it: start, stop, settings, locks, limits."""
import json
import signal
import socket
import subprocess
import urllib.error
import urllib.request

import pytest
from conftest import BINARY, free_port


def run(*args, **kwargs):
    return subprocess.run([BINARY, *args], capture_output=True, text=True, timeout=90, **kwargs)


def get(url):
    with urllib.request.urlopen(url, timeout=60) as reply:
        return reply.read().decode()


def test_stops_in_order_on_sigterm_and_sigint(server):
    assert server.stop(signal.SIGTERM) == 0
    server.start()
    assert server.stop(signal.SIGINT) == 0


def test_data_folder_is_locked(server):
    second = run("server", "--port", "0", "--data", str(server.data_dir))
    assert second.returncode == 1
    assert "another process uses this data folder" in second.stderr
    assert str(server.process.pid) in second.stderr


def test_port_in_use_is_named(server, tmp_path):
    second = run("server", "--port", str(server.port), "--data", str(tmp_path / "other"))
    assert second.returncode == 1
    assert f"port={server.port}" in second.stderr


@pytest.mark.parametrize("flags, words", [
    (["--port", "70000"], "expected a whole number from 0 to 65535"),
    (["--host", "0.0.0.0"], "--no-auth"),
    (["--log-level", "loud"], "expected one of"),
    (["--no-such-flag"], "no-such-flag"),
])
def test_wrong_settings_are_usage_errors(flags, words, tmp_path):
    done = run("server", "--data", str(tmp_path / "d"), *flags)
    assert done.returncode == 2
    assert words in done.stderr
    assert not (tmp_path / "d").exists()


def test_print_config_says_where_values_come_from(tmp_path):
    file = tmp_path / "s.yaml"
    file.write_text("port: 7000\n")
    done = run("server", "--config", str(file), "--io-threads", "3", "--print-config")
    assert done.returncode == 0
    assert "port: 7000  # file" in done.stdout
    assert "io-threads: 3  # flag" in done.stdout


def test_not_a_database(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "slipway.db").write_bytes(b"x" * 8192)
    done = run("server", "--port", str(free_port()), "--data", str(tmp_path / "d"))
    assert done.returncode == 1
    assert "not a database" in done.stderr


def test_metrics_and_openapi(server):
    get(server.url + "/health")
    assert "slipway_http_requests_total" in get(server.url + "/metrics")
    description = json.loads(get(server.url + "/slipway/v1/openapi.json"))
    assert description["openapi"].startswith("3.1")
    assert "/slipway/v1/events" in description["paths"]


def test_events_in_pages_from_either_end(server):
    for name in "abc":
        urllib.request.urlopen(urllib.request.Request(server.url + "/api/2.0/mlflow/experiments/create", json.dumps({"name": name}).encode(), {"Content-Type": "application/json"}))
    everything = [event["sequence"] for event in json.loads(get(server.url + "/slipway/v1/events"))["events"]]
    assert len(everything) >= 3

    def walk(order, place, behind):
        seen, more = [], ""
        while page := json.loads(get(f"{server.url}/slipway/v1/events?limit=2&order={order}{more}"))["events"]:
            seen += [event["sequence"] for event in page]
            more = f"&{place}={behind(seen)}"
        return seen

    assert walk("oldest", "after", max) == everything
    assert walk("newest", "before", min) == everything[::-1]


def test_exit_codes_of_the_command_line(server):
    assert server.cli("events", "list").returncode == 0
    assert run("--url", "http://127.0.0.1:1", "events", "list").returncode == 5
    for words in (["no-such-verb"], ["runs", "no-such-verb"]):
        unknown = run(*words)
        assert unknown.returncode == 2 and "no such command: no-such-verb" in unknown.stderr
    assert run("events").returncode == 2


def test_a_request_that_stops_half_way_does_not_hold_the_server(server):
    with socket.create_connection(("127.0.0.1", server.port)) as half:
        half.sendall(b"POST /slipway/v1/apply HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
        assert get(server.url + "/health") == "OK"
        assert server.stop() == 0


def test_a_page_of_another_site_may_not_change_anything(server):
    request = urllib.request.Request(server.url + "/slipway/v1/endpoints/x/rollback", data=b"{}", headers={"Sec-Fetch-Site": "cross-site", "Content-Type": "text/plain"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=60)
    assert refused.value.code == 403
    assert "Cross-origin request blocked" in refused.value.read().decode()
