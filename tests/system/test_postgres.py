"""Tables in PostgreSQL: what an operator and two servers meet there. test_mlflow.py runs the clients on it too."""
import json
import pathlib
import signal
import subprocess
import sys
import threading
import time

import pytest
import requests
import small_project
from conftest import BINARY, eventually, free_port
from mlflow.entities import Metric, RunTag
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from test_access import ADA, ADMIN, ask
from test_loop import cli_json


@pytest.fixture(autouse=True)
def fail_at_once(monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")


def psql(postgres, sql: str) -> str:
    return subprocess.run(["psql", "-qAtX", postgres.url, "-c", sql], capture_output=True, text=True, check=True).stdout.strip()


def leads(server) -> bool:
    """Whether it leads and does what only the leader does; others pass that on."""
    try:
        if requests.get(server.url + "/slipway/v1/endpoints", timeout=60, headers={"Slipway-Passed-On": "1"}).status_code != 200:
            return False
        return server.url in [s["url"] for s in cli_json(server, "servers")["servers"] if s["leads"]]
    except (requests.RequestException, AssertionError):  # it is starting again, or taking over
        return False


def refused(tmp_path, *flags: str) -> str:
    done = subprocess.run([BINARY, "server", "--port", str(free_port()), "--data", str(tmp_path / "refused"), *flags], capture_output=True, text=True, timeout=90)
    assert done.returncode != 0
    return done.stderr


def log_batches(server, run: str, stop: threading.Event, writers: int) -> tuple[list, list]:
    """Concurrent log-batch until `stop`; the (writer, batch) that were acknowledged, and the threads."""
    acknowledged = []

    def write(writer: int):
        session = requests.Session()
        for i in range(100_000):
            if stop.is_set():
                return
            points = [{"key": f"m{writer}", "value": i, "timestamp": 1000 + i, "step": i * 10 + p} for p in range(10)]
            points.append({"key": "shared", "value": i, "timestamp": writer * 100_000 + i, "step": writer * 100_000 + i})
            try:
                if session.post(server.url + "/api/2.0/mlflow/runs/log-batch", json={"run_id": run, "metrics": points}, timeout=60).status_code == 200:
                    acknowledged.append((writer, i))
            except requests.RequestException:
                time.sleep(0.01)

    threads = [threading.Thread(target=write, args=(w,)) for w in range(writers)]
    [t.start() for t in threads]
    return acknowledged, threads


def assert_all_there(client, run: str, acknowledged: list, writers: int):
    shared = {m.step for m in client.get_metric_history(run, "shared")}
    for writer in range(writers):
        steps = [m.step for m in client.get_metric_history(run, f"m{writer}")]
        assert len(steps) == len(set(steps))
        mine = {i for w, i in acknowledged if w == writer}
        assert {i * 10 + p for i in mine for p in range(10)} <= set(steps)
        assert {writer * 100_000 + i for i in mine} <= shared


@pytest.mark.parametrize("victim", ["slipway", "postgresql"])
def test_a_kill_under_concurrent_batches_loses_nothing(start_server, postgres, victim):
    writers = 16
    server = start_server("killed", *postgres.fresh())
    client = MlflowClient(server.url)
    run = client.create_run(client.create_experiment("e")).info.run_id
    stop = threading.Event()
    acknowledged, threads = log_batches(server, run, stop, writers)
    time.sleep(1.0)
    eventually(lambda: len(acknowledged) > 50)
    before = len(acknowledged)
    if victim == "slipway":
        server.kill()
        stop.set()
    else:
        postgres.stop(signal.SIGQUIT)
        time.sleep(0.3)
        down = requests.post(server.url + "/api/2.0/mlflow/runs/log-metric", json={"run_id": run, "key": "x", "value": 1, "timestamp": 1})
        assert down.status_code == 503 and "PostgreSQL" in down.json()["message"]
        postgres.start()
        eventually(lambda: len(acknowledged) >= before + 100)  # it goes on by itself
        stop.set()
    [t.join() for t in threads]
    if victim == "slipway":
        server.start()
    assert_all_there(client, run, acknowledged, writers)
    assert "intact" in server.cli("events", "verify").stdout


def test_two_servers_serve_clients_of_one_database(start_server, postgres):
    flags = postgres.fresh()
    servers = [start_server("one", *flags), start_server("two", *flags)]
    clients = [MlflowClient(s.url, registry_uri=s.url) for s in servers]
    experiment = clients[0].create_experiment("shared")
    assert clients[1].get_experiment_by_name("shared").experiment_id == experiment
    run = clients[1].create_run(experiment).info.run_id
    failures, made = [], []

    def work(worker: int):
        mine, other = clients[worker % 2], clients[1 - worker % 2]
        try:
            for i in range(20):
                mine.log_batch(run, metrics=[Metric("m", worker * 1000 + i, 1_000_000 + worker * 1000 + i, i)], tags=[RunTag(f"t{worker}", str(i))])
                assert other.get_run(run).data.tags[f"t{worker}"] == str(i)  # what one acknowledged, the other knows
                own = mine.create_run(experiment, tags={"worker": str(worker)}).info.run_id
                other.log_metric(own, "score", i)
                other.set_terminated(own)
                mine.create_model_version("model", f"runs:/{own}/m", own)
            for i in range(5):
                try:
                    mine.create_experiment(f"race-{i}")
                    made.append(i)
                except MlflowException as e:
                    assert e.error_code == "RESOURCE_ALREADY_EXISTS"
        except Exception as e:  # noqa: BLE001
            failures.append(e)

    clients[0].create_registered_model("model")
    threads = [threading.Thread(target=work, args=(w,)) for w in range(4)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert failures == []
    assert sorted(made) == [0, 1, 2, 3, 4]
    for client in clients:
        assert len(client.get_metric_history(run, "m")) == 80
        assert sorted(int(v.version) for v in client.search_model_versions("name='model'")) == list(range(1, 81))
        found = client.search_runs([experiment], "metrics.score >= 10", order_by=["metrics.score DESC"])
        assert len(found) == 40 and {r.info.status for r in found} == {"FINISHED"}
    # The loop belongs to the first, whichever is asked.
    assert leads(servers[0]) and not leads(servers[1])
    for server in servers:
        assert requests.get(server.url + "/slipway/v1/endpoints").json() == {"endpoints": []}
        assert server.cli("endpoints", "show", "nobodys", check=False).returncode == 4
        assert [s["leads"] for s in sorted(cli_json(server, "servers")["servers"], key=lambda s: s["url"] != servers[0].url)] == [True, False]
    time.sleep(1.2)  # both have sealed
    for server in servers:
        assert "intact" in server.cli("events", "verify").stdout
    servers[0].kill()
    eventually(lambda: leads(servers[1]))  # nobody has touched it
    assert clients[1].get_run(run).data.metrics["m"] == 3019
    clients[1].log_metric(run, "after", 1)
    servers[0].start()
    assert clients[0].get_run(run).data.metrics["after"] == 1
    assert leads(servers[1]) and not leads(servers[0])


def test_a_leader_that_lost_its_lead_follows(start_server, postgres):
    """It stands still, its connection is cut, another takes over; when it goes on it must not lead beside that one."""
    flags = postgres.fresh()
    first, second = start_server("one", *flags), start_server("two", *flags)
    assert leads(first) and not leads(second)
    locks = "SELECT DISTINCT pid FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    first.process.send_signal(signal.SIGSTOP)
    try:
        assert psql(postgres, f"SELECT count(pg_terminate_backend(pid)) FROM ({locks}) AS holders") == "1"
        eventually(lambda: leads(second))
    finally:
        first.process.send_signal(signal.SIGCONT)
    eventually(lambda: not leads(first) and requests.get(first.url + "/slipway/v1/endpoints").status_code == 200)
    assert leads(second)
    client = MlflowClient(first.url)
    run = client.create_run("0").info.run_id
    assert MlflowClient(second.url).get_run(run).info.run_id == run


def test_a_server_that_does_not_lead_passes_on(start_server, postgres, tmp_path, monkeypatch):
    """A pipeline is declared, run, followed and read through one that doesn't run it; logins count as they do on the other."""
    monkeypatch.setenv("SLIPWAY_ADMIN_PASSWORD", ADMIN[1])
    flags = [*postgres.fresh(), "--login", "--default-permission", "NO_PERMISSIONS", "--server-lease-seconds", "3"]
    first, second = start_server("one", *flags), start_server("two", *flags)
    project = tmp_path / "project"
    project.mkdir()
    through = requests.Session()
    through.auth = ADMIN
    api = second.url + "/slipway/v1/"
    declared = through.post(api + "pipelines", json={"dir": str(project), "yaml": "pipelines: {hello: {steps: [{name: say, run: 'seq 1 100000; echo the end'}]}}"})
    assert declared.status_code == 200, declared.text
    run = through.post(api + "pipelines/hello/runs", json={}).json()["id"]
    eventually(lambda: through.get(f"{api}pipeline-runs/{run}").json().get("state") == "succeeded")
    log = through.get(f"{api}pipeline-runs/{run}/steps/say/log")
    assert log.text.endswith("100000\nthe end\n") and log.headers["content-type"].startswith("text/plain")
    part = through.get(f"{api}pipeline-runs/{run}/steps/say/log", headers={"Range": "bytes=-8"})
    assert (part.status_code, part.text) == (206, "the end\n")
    names = [name.lower() for name in part.raw.headers]
    assert len(names) == len(set(names)), names
    assert through.head(f"{api}pipeline-runs/{run}").status_code == 200
    assert through.get(api + "no-such-thing").status_code == 404
    both = through.get(api + "batch", params={"path": [f"/slipway/v1/pipeline-runs/{run}", "/slipway/v1/me"]}).json()["replies"]
    assert [reply["status"] for reply in both] == [200, 200] and both[0]["body"]["state"] == "succeeded"
    assert requests.get(api + "batch", params={"path": f"/slipway/v1/pipeline-runs/{run}"}).status_code == 401
    assert requests.get(f"{api}pipeline-runs/{run}").status_code == 401
    assert requests.get(f"{api}pipeline-runs/{run}", auth=("nobody", "knows")).status_code == 401
    first.kill()
    eventually(lambda: through.get(api + "pipelines").status_code == 200)  # it leads now
    eventually(lambda: len(through.get(api + "servers").json().get("servers", [])) == 1)  # nobody has heard of the other


def test_an_alias_moved_on_any_server_is_followed(start_server, postgres, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES")  # a server that takes over closes connections, and clients ask again
    flags = [*postgres.fresh(), "--python-path", str(pathlib.Path(sys.executable).parent), "--artifacts-destination", str(tmp_path / "artifacts")]
    first = start_server("one", *flags)
    first.cli("apply", str(small_project.write(tmp_path / "shop")))
    first.cli("data", "ingest", "visits")
    first.cli("features", "materialize", "--as-of", small_project.START.isoformat())
    first.cli("run", "train")
    second = start_server("two", *flags)
    assert leads(first) and not leads(second)
    # Another endpoint of the same model follows an alias that anybody may move.
    project = tmp_path / "shop" / "slipway.yaml"
    project.write_text(project.read_text().replace("endpoints:\n", "endpoints:\n  trial:\n    model: models:/sale@trial\n    features: sale\n    output: sold\n"
                         "    release: {delay: 1h, steps: [100], hold: 6h}\n", 1))
    first.cli("apply", str(project))
    first.cli("models", "unprotect", "sale", "trial")
    client = MlflowClient(second.url, registry_uri=second.url)
    client.set_registered_model_alias("sale", "trial", "1")

    def kinds(server) -> list[str]:
        listed = server.cli("--json", "events", "list", "--subject", "endpoints/trial", check=False)
        return [e["kind"] for e in json.loads(listed.stdout)["events"]] if listed.returncode == 0 else []

    eventually(lambda: "endpoint.deployed" in kinds(first))
    # Moved while nobody leads: whoever leads next hears of it.
    first.kill()
    client.delete_registered_model_alias("sale", "trial")
    client.set_registered_model_alias("sale", "trial", "1")
    eventually(lambda: leads(second))
    eventually(lambda: "endpoint.proposal_ignored" in kinds(second))  # for that version is in charge already


def test_users_and_permissions_of_one_server_count_on_all(start_server, postgres, monkeypatch):
    monkeypatch.setenv("SLIPWAY_ADMIN_PASSWORD", ADMIN[1])
    flags = [*postgres.fresh(), "--login", "--default-permission", "NO_PERMISSIONS"]
    one, two = start_server("one", *flags), start_server("two", *flags)
    api = "/api/2.0/mlflow/"

    def get(server, user):
        return ask(server.url + api + "experiments/get?experiment_id=0", user=user)[0]

    def admin(server, path, body, method="POST"):
        status, text = ask(server.url + api + path, method, body, ADMIN)
        assert status == 200, text

    admin(one, "users/create", {"username": ADA[0], "password": ADA[1]})
    eventually(lambda: get(two, ADA) == 403)  # known there, without a permission
    admin(one, "experiments/permissions/create", {"experiment_id": "0", "username": ADA[0], "permission": "READ"})
    eventually(lambda: get(two, ADA) == 200)
    new = (ADA[0], "another password of ada")
    admin(two, "users/update-password", {"username": new[0], "password": new[1]}, "PATCH")
    eventually(lambda: get(one, ADA) == 401 and get(one, new) == 200)
    admin(two, "experiments/permissions/delete", {"experiment_id": "0", "username": ADA[0]}, "DELETE")
    eventually(lambda: get(one, new) == 403)
    admin(one, "users/delete", {"username": ADA[0]}, "DELETE")
    eventually(lambda: get(two, new) == 401)


def test_search_agrees_with_sqlite(start_server, postgres):
    """Names, orders and comparisons that databases see differently."""
    answers = []
    for store, flags in (("sqlite", []), ("postgresql", postgres.fresh())):
        client = MlflowClient(start_server(store, *flags).url)
        experiment = client.create_experiment("e")
        client.create_experiment("Other", tags={"team": "Red"})
        for i, name in enumerate(["b", "B", "_", "a", "ä", "a%b", "a_b", "a\\b", "a*b", "a'b"]):
            run = client.create_run(experiment, run_name=name, start_time=1000 + i, tags={"name": name})
            if i % 3:
                client.log_metric(run.info.run_id, "score", float("nan") if i == 4 else i / 7)
            client.log_param(run.info.run_id, "p", name)
        queries = [("", ["params.p"]), ("", ["tags.name DESC"]), ("", ["metrics.score"]), ("", ["metrics.score DESC"]), ("", ["attributes.run_name"]),
                   ("tags.name LIKE 'a%'", []), ("tags.name ILIKE 'B'", []), ("tags.name LIKE 'a_b'", []), ("tags.name LIKE 'a\\b'", []),
                   ("params.p = 'a''b'", []), ("params.p != 'a'", []), ("metrics.score > 0.2", []), ("metrics.score != 0.2", []),
                   ("attributes.run_name LIKE '%B'", []), ("attributes.start_time > 1003", []), ("attributes.status = 'RUNNING'", []),
                   ("tags.name IS NULL", []), ("params.p IN ('a')", [])]
        said = []
        for text, order in queries:
            try:
                said.append((text, order, [r.info.run_name for r in client.search_runs([experiment], text, order_by=order)]))
            except MlflowException as e:
                said.append((text, order, e.error_code))
        said.append([e.name for e in client.search_experiments(filter_string="name LIKE 'O%'")])
        said.append([e.name for e in client.search_experiments(filter_string="name LIKE 'o%'")])
        said.append([e.name for e in client.search_experiments(filter_string="tags.team ILIKE 'r%'")])
        answers.append(said)
    assert answers[0] == answers[1]


def test_what_is_wrong_is_said_at_the_start(tmp_path, postgres):
    said = refused(tmp_path, "--database", "postgresql://u:secret@127.0.0.1:1/d")
    assert "cannot be reached" in said and "127.0.0.1" in said and "secret" not in said
    assert "expected postgresql://" in refused(tmp_path, "--database", "mysql://u:secret@h/d")
    assert "schema's name" in refused(tmp_path, "--database", postgres.url, "--database-schema", "a b")
    psql(postgres, "CREATE ROLE guest LOGIN")
    guest = postgres.url.replace("slipway:not-asked-for", "guest")
    said = refused(tmp_path, "--database", guest, "--database-schema", "guests")
    assert "the schema guests is missing and cannot be made" in said and "GRANT CREATE" in said
    psql(postgres, "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    assert "UTF-8" in refused(tmp_path, "--database", postgres.url.replace("/postgres", "/latin"))


def test_a_database_of_mlflow_is_not_touched(tmp_path, postgres):
    psql(postgres, "CREATE DATABASE mlflow")
    url = postgres.url.removesuffix("/postgres") + "/mlflow"
    mine = type("Database", (), {"url": url})
    psql(mine, "CREATE TABLE alembic_version(v text); CREATE TABLE experiment_tags(k text)")
    said = refused(tmp_path, "--backend-store-uri", url)
    assert "slipway import mlflow" in said and "not-asked-for" not in said
    assert psql(mine, "SELECT count(*) FROM pg_namespace WHERE nspname = 'slipway'") == "0"


def test_the_password_is_kept_to_itself(tmp_path, postgres):
    file = tmp_path / "s.yaml"
    file.write_text(f"database: {postgres.url}\n")
    done = subprocess.run([BINARY, "server", "--config", str(file), "--print-config"], capture_output=True, text=True)
    assert "slipway:***@" in done.stdout and "not-asked-for" not in done.stdout + done.stderr
