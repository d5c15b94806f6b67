"""The feature server of Feast, asked by Feast's own SDK and beside `feast serve`.

The SDK lives in an environment of its own (../feast_clients/requirements.txt), so each file there is a pytest run of its own that is told
where the server is.
"""
import os
import pathlib
import subprocess
import sys

import pytest
import requests
from conftest import BINARY, ROOT, Server, free_port

CLIENTS = pathlib.Path(__file__).parents[1] / "feast_clients"
PYTHON = ROOT / ".deps" / "feast-clients" / "bin" / "python3"

sys.path.insert(0, str(CLIENTS))
import shop  # noqa: E402


def begin(folder: pathlib.Path, *flags: str) -> Server:
    """A server with the shop's drivers; what is loaded, the tests load."""
    grpc_port = free_port()
    server = Server(folder / "data", "--grpc-port", str(grpc_port), *flags)
    server.grpc, server.address = f"127.0.0.1:{grpc_port}", server.url
    if "--login" in flags:
        password = (server.data_dir / "admin-password").read_text().strip()
        server.admin = ("admin", password)
        server.url = server.url.replace("http://", f"http://admin:{password}@")
    server.cli("apply", str(shop.write_slipway(folder / "shop")))
    server.cli("data", "ingest", "drivers")
    return server


def run_clients(file: str, server: Server, **facts: str):
    done = subprocess.run([PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", CLIENTS, CLIENTS / f"{file}.py"],
                          env={**os.environ, "SLIPWAY_URL": server.address, "SLIPWAY_GRPC": server.grpc, "FEAST_USAGE": "False", **facts}, capture_output=True, text=True)
    server.stop()
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]


@pytest.mark.parametrize("client", sorted(p.stem for p in CLIENTS.glob("check_*.py")))
def test_unmodified_client(tmp_path, client):
    server = begin(tmp_path)
    if client != "check_congruence":  # which loads on both sides
        server.cli("features", "materialize", "--as-of", shop.NOW.isoformat())
    run_clients(client, server)


def test_a_repository_is_imported_and_answers_as_before(tmp_path):
    grpc_port = free_port()
    server = Server(tmp_path / "data", "--grpc-port", str(grpc_port))
    server.grpc, server.address = f"127.0.0.1:{grpc_port}", server.url
    run_clients("imported", server, SLIPWAY_BINARY=str(BINARY))


def test_a_token_opens_both_ports(tmp_path):
    server = begin(tmp_path, "--login")
    server.cli("features", "materialize", "--as-of", shop.NOW.isoformat())
    made = requests.post(f"{server.address}/slipway/v1/tokens", json={"name": "feast"}, auth=server.admin, timeout=60)
    run_clients("login_sdk", server, SLIPWAY_TOKEN=made.json()["token"])


def test_with_login_a_reader_may_neither_look_up_nor_write(tmp_path):
    server = begin(tmp_path, "--login")
    password = "password-of-ada"
    made = requests.post(f"{server.address}/api/2.0/mlflow/users/create", json={"username": "ada", "password": password}, auth=server.admin, timeout=60)
    assert made.status_code == 200, made.text
    bodies = {"get-online-features": {"features": ["stats:trips"], "entities": {"driver": [1001]}},
              "push": {"push_source_name": "drivers_push", "df": {}, "to": "online"},
              "write-to-online-store": {"feature_view_name": "stats", "df": {}},
              "materialize": {"start_ts": "2023-12-01", "end_ts": "2024-01-10"}, "materialize-incremental": {"end_ts": "2024-01-10"}}
    for path, body in bodies.items():
        assert requests.post(f"{server.address}/{path}", json=body, timeout=60).status_code == 401
        refused = requests.post(f"{server.address}/{path}", json=body, auth=("ada", password), timeout=60)
        assert refused.status_code == 403, (path, refused.text)
        assert requests.post(f"{server.address}/{path}", json=body, auth=server.admin, timeout=60).status_code in (200, 422)
    server.stop()
