"""Kubeflow Pipelines, with the unmodified kfp.Client.

The SDK lives in an environment of its own (../kfp_clients/requirements.txt), so each file there is a pytest run of its own that is told
where the server is. Steps run in that environment, too: the setting python-path.
"""
import os
import pathlib
import subprocess

import pytest
import requests
from conftest import BINARY, ROOT, Server
from playwright.sync_api import expect

CLIENTS = pathlib.Path(__file__).parents[1] / "kfp_clients"
BIN = ROOT / ".deps" / "kfp-clients" / "bin"


@pytest.fixture
def begin(tmp_path):
    running = []

    def start(*flags: str) -> Server:
        running.append(Server(tmp_path / "data", "--python-path", str(BIN), *flags))
        return running[-1]

    yield start
    for one in running:
        one.stop()


def run_clients(file: str, server: Server, *flags: str, **facts: str):
    done = subprocess.run([BIN / "python3", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--rootdir", CLIENTS, *flags, CLIENTS / f"{file}.py"],
                          env={**os.environ, "SLIPWAY_URL": server.url, "SLIPWAY_BINARY": str(BINARY), **facts}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]


@pytest.mark.parametrize("client", sorted(p.stem for p in CLIENTS.glob("check_*.py")))
def test_unmodified_client(begin, client):
    run_clients(client, begin())


def test_a_run_survives_kill_9_and_the_clients_link_shows_it(begin, tmp_path, open_page):
    server = begin()
    folder = tmp_path / "survives"
    folder.mkdir()
    run_clients("survives", server, "-k", "before", SURVIVES=str(folder))
    server.kill()
    server.start()
    run_clients("survives", server, "-k", "after", SURVIVES=str(folder))
    run = requests.get(f"{server.url}/apis/v2beta1/runs", timeout=60).json()["runs"][0]
    page = open_page(f"{server.url}/#/runs/details/{run['run_id']}")  # as kfp.Client prints it
    expect(page).to_have_url(f"{server.url}/ui/pipeline-runs/{run['run_id']}")
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def test_with_login_a_token_opens_and_readers_start_nothing(begin):
    server = begin("--login")
    admin = ("admin", (server.data_dir / "admin-password").read_text().strip())
    address = server.url
    assert requests.get(f"{address}/apis/v2beta1/healthz", timeout=60).status_code == 200
    assert requests.get(f"{address}/apis/v2beta1/runs", timeout=60).status_code == 401
    made = requests.post(f"{address}/api/2.0/mlflow/users/create", json={"username": "ada", "password": "password-of-ada"}, auth=admin, timeout=60)
    assert made.status_code == 200, made.text
    refused = requests.post(f"{address}/apis/v2beta1/runs", json={"display_name": "x"}, auth=("ada", "password-of-ada"), timeout=60)
    assert refused.status_code == 403
    token = requests.post(f"{address}/slipway/v1/tokens", json={"name": "kfp"}, auth=admin, timeout=60).json()["token"]
    run_clients("check_catalog", server, "-k", "experiments or uploaded", SLIPWAY_TOKEN=token)


def test_what_is_not_here_is_said_in_kubeflows_words(begin):
    server = begin()
    for method, path, status in [("GET", "nothing", 404), ("GET", "runs/none", 404), ("PATCH", "pipelines/x", 501), ("POST", "runs", 400)]:
        answer = requests.request(method, f"{server.url}/apis/v2beta1/{path}", json={}, timeout=60)
        assert answer.status_code == status, (path, answer.text)
        assert {"error", "code", "message", "details"} == set(answer.json()), answer.text
