"""Login and permissions, with the unmodified mlflow client, the command line, and a unit file's line."""
import contextlib
import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

import mlflow
import pytest
import yaml
from conftest import BINARY, ROOT, free_port
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

ADMIN = ("admin", "password of the admin")
ADA = ("ada", "password of ada")
BOB = ("bob", "password of bob")


@contextlib.contextmanager
def logged_in(user=None, token=None):
    """The variables that MLflow's client reads."""
    names = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")
    before = {name: os.environ.pop(name, None) for name in names}
    values = dict(zip(names, user)) if user else {"MLFLOW_TRACKING_TOKEN": token} if token else {}
    os.environ.update(values)
    try:
        yield
    finally:
        for name in names:
            os.environ.pop(name, None)
            if before[name] is not None:
                os.environ[name] = before[name]


def ask(url, method="GET", body=None, user=None, headers=None):
    """(status, text) of one request."""
    request = urllib.request.Request(url, method=method, headers={"Content-Type": "application/json", **(headers or {})},
                                     data=None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode())
    if user:
        import base64
        request.add_header("Authorization", "Basic " + base64.b64encode(":".join(user).encode()).decode())
    try:
        with urllib.request.urlopen(request, timeout=20) as reply:
            return reply.status, reply.read().decode(errors="replace")  # the page is sent compressed
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


@pytest.fixture
def guarded(start_server, monkeypatch, request):
    """`indirect` parameters are more flags of the server."""
    monkeypatch.setenv("SLIPWAY_ADMIN_PASSWORD", ADMIN[1])
    server = start_server("data", "--app-name", "basic-auth", "--host", "127.0.0.1", *getattr(request, "param", ()))
    for user in (ADA, BOB):
        status, text = ask(server.url + "/api/2.0/mlflow/users/create", "POST", {"username": user[0], "password": user[1]}, ADMIN)
        assert status == 200, text
    return server


def test_what_is_open_and_what_is_not(guarded):
    for path in ("/health", "/version", "/v2/health/live", "/v2/health/ready"):
        assert ask(guarded.url + path)[0] == 200, path
    closed = ("/", "/ui/", "/metrics", "/slipway/v1/overview", "/slipway/v1/version", "/v2/models/x", "/get-artifact?run_uuid=x&path=y",
              "/api/2.0/mlflow/experiments/search?max_results=1", "/ajax-api/2.0/mlflow/users/current", "/api/2.0/mlflow-artifacts/artifacts",
              "/no-such-path", "/v1/traces")
    for path in closed:
        assert ask(guarded.url + path)[0] == 401, path
        assert ask(guarded.url + path, user=("ada", "a wrong password"))[0] == 401, path
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(guarded.url + "/ui/", timeout=20)
    assert refused.value.headers["WWW-Authenticate"].startswith("Basic")
    assert ask(guarded.url + "/ui/", user=ADA)[0] == 200
    assert "no table says" not in guarded.log.read_text()


def test_a_reader_who_writes_is_refused(guarded):
    client = MlflowClient(guarded.url)
    with logged_in(), pytest.raises(MlflowException, match="You are not authenticated"):
        client.create_experiment("e")
    with logged_in(ADA):
        experiment = client.create_experiment("ada's")
        run = client.create_run(experiment).info.run_id
        client.log_metric(run, "loss", 0.5)
        client.log_batch(run, params=[mlflow.entities.Param("a", "b")])
    with logged_in(BOB):
        assert client.get_run(run).data.metrics == {"loss": 0.5}  # READ is the default
        for write in (lambda: client.log_metric(run, "loss", 1), lambda: client.set_tag(run, "a", "b"), lambda: client.create_run(experiment),
                      lambda: client.delete_run(run), lambda: client.delete_experiment(experiment), lambda: client.rename_experiment(experiment, "x")):
            with pytest.raises(MlflowException, match="Permission denied") as refused:
                write()
            assert refused.value.error_code == "PERMISSION_DENIED"
    # One id for the permission and another for the handler.
    own = ask(guarded.url + "/api/2.0/mlflow/experiments/create", "POST", {"name": "bob's"}, BOB)[1]
    body = json.dumps({"run_id": "x", "key": "k", "value": "v"})
    made = json.loads(ask(guarded.url + "/api/2.0/mlflow/runs/create", "POST", {"experiment_id": json.loads(own)["experiment_id"]}, BOB)[1])
    bobs = made["run"]["info"]["run_id"]
    for twice in (body.replace('"run_id": "x"', f'"run_id": "{bobs}", "run_id": "{run}"'), body.replace('"run_id": "x"', f'"run_id": "{run}", "run_uuid": "{bobs}"'),
                  body.replace('"run_id": "x"', f'"run_id": "{bobs}", "run\\u005fid": "{run}"')):
        assert ask(guarded.url + "/api/2.0/mlflow/runs/set-tag", "POST", twice.encode(), BOB)[0] == 403, twice
    assert ask(guarded.url + "/api/2.0/mlflow/experiments/set-experiment-tag", "POST", {"experiment_id": f"0{experiment}", "key": "k", "value": "v"}, BOB)[0] == 403


def test_a_run_is_watched_by_who_may_read_its_experiment(guarded):
    experiment = json.loads(ask(guarded.url + "/api/2.0/mlflow/experiments/create", "POST", {"name": "e"}, ADA)[1])["experiment_id"]
    run = json.loads(ask(guarded.url + "/api/2.0/mlflow/runs/create", "POST", {"experiment_id": experiment}, ADA)[1])["run"]["info"]["run_id"]
    assert ask(guarded.url + "/api/2.0/mlflow/runs/update", "POST", {"run_id": run, "status": "FINISHED"}, ADA)[0] == 200  # so that streams end
    stream = guarded.url + f"/slipway/v1/runs/{run}/metrics/stream"
    assert ask(stream)[0] == 401
    assert [ask(stream, user=user)[0] for user in (ADA, BOB, ADMIN)] == [200, 200, 200]
    refuse = {"experiment_id": experiment, "username": "bob", "permission": "NO_PERMISSIONS"}
    assert ask(guarded.url + "/api/2.0/mlflow/experiments/permissions/create", "POST", refuse, ADA)[0] == 200
    assert [ask(stream, user=user)[0] for user in (ADA, BOB, ADMIN)] == [200, 403, 200]
    assert ask(guarded.url + f"/slipway/v1/runs/{'f' * 32}/metrics/stream", user=BOB)[0] == 404


def test_searches_show_what_may_be_read(guarded):
    client = MlflowClient(guarded.url)
    with logged_in(ADA):
        hidden = []
        for i in range(7):
            experiment = client.create_experiment(f"e{i}")
            run = client.create_run(experiment).info.run_id
            client.create_registered_model(f"m{i}")
            client.create_model_version(f"m{i}", f"runs:/{run}/model", run)
            if i % 2:
                hidden.append(experiment)
                for route, body in (("experiments", {"experiment_id": experiment}), ("registered-models", {"name": f"m{i}"})):
                    status, text = ask(guarded.url + f"/api/2.0/mlflow/{route}/permissions/create", "POST",
                                       {**body, "username": "bob", "permission": "NO_PERMISSIONS"}, ADA)
                    assert status == 200, text
        everything = [e.experiment_id for e in client.search_experiments()]
    with logged_in(BOB):
        assert [e.name for e in client.search_experiments(filter_string="name LIKE 'e%'")] == ["e6", "e4", "e2", "e0"]
        first = client.search_experiments(filter_string="name LIKE 'e%'", max_results=3)
        assert [e.name for e in first] == ["e6", "e4", "e2"] and first.token
        rest = client.search_experiments(filter_string="name LIKE 'e%'", max_results=3, page_token=first.token)
        assert [e.name for e in rest] == ["e0"] and not rest.token
        assert [m.name for m in client.search_registered_models()] == ["m0", "m2", "m4", "m6"]
        assert sorted(v.name for v in client.search_model_versions("")) == ["m0", "m2", "m4", "m6"]
        assert {r.info.experiment_id for r in client.search_runs(everything)} == set(everything) - set(hidden) - {"0"}
        assert client.search_runs(hidden) == []
        for read in (lambda: client.get_experiment(hidden[0]), lambda: client.get_experiment_by_name("e1"), lambda: client.get_registered_model("m1"),
                     lambda: client.get_model_version("m1", "1"), lambda: client.get_model_version_download_uri("m1", "1")):
            with pytest.raises(MlflowException, match="Permission denied"):
                read()


def test_a_batch_is_permitted_path_by_path(guarded):
    with logged_in(ADA):
        client = MlflowClient(guarded.url)
        client.create_registered_model("price")
        mlflow_model = "/ajax-api/2.0/mlflow/registered-models/get?name=price"
    paths = ["/slipway/v1/me", "/slipway/v1/models/price/aliases", mlflow_model, "/slipway/v1/events", "/slipway/v1/models/none/aliases", "/slipway/v1/nothing", "/slipway/v1/events/stream",
             "/slipway/v1/batch?path=/slipway/v1/me", "/health", "/slipway/v1/datasets?x=%20"]
    asked = "/slipway/v1/batch?" + urllib.parse.urlencode([("path", path) for path in paths])

    def together(user):
        status, text = ask(guarded.url + asked, user=user)
        assert status == 200, text
        return json.loads(text)["replies"]

    for user in (ADA, BOB, ADMIN):
        for path, reply in zip(paths, together(user), strict=True):
            if path.startswith(("/slipway/v1/events/stream", "/slipway/v1/batch", "/health")):
                assert reply["status"] == 400 and "asked for alone" in reply["body"]["error"]["message"]
                continue
            status, text = ask(guarded.url + path, user=user)
            assert reply["status"] == status
            assert reply["body"] == json.loads(text) if text.startswith("{") else text in reply["body"]["error"]["message"]
    client = {user: [reply["status"] for reply in together(user)][:5] for user in (ADA, BOB, ADMIN)}
    assert client == {ADA: [200, 200, 200, 403, 404], BOB: [200, 200, 200, 403, 404], ADMIN: [200, 200, 200, 200, 404]}
    # What MLflow doesn't know it says in HTML, and what would lead elsewhere is not asked for: the others are answered.
    odd = "&".join("path=" + path for path in ("/slipway/v1/me", "/api/2.0/mlflow/nope", "/slipway/v1/./batch", "/slipway/v1/../health", "/slipway/v1/me"))
    replies = json.loads(ask(f"{guarded.url}/slipway/v1/batch?{odd}", user=ADA)[1])["replies"]
    assert [reply["status"] for reply in replies] == [200, 404, 404, 404, 200]
    assert ask(guarded.url + asked)[0] == 401
    assert ask(guarded.url + "/slipway/v1/batch", user=ADA)[0] == 400
    assert ask(guarded.url + "/slipway/v1/batch?" + "&".join(["path=/slipway/v1/me"] * 65), user=ADA)[0] == 400


def test_graphql_shows_what_may_be_read(guarded):
    client = MlflowClient(guarded.url)
    with logged_in(ADA):
        experiment = client.create_experiment("secret")
        run = client.create_run(experiment).info.run_id
        client.create_registered_model("m")
        client.create_model_version("m", f"runs:/{run}/model", run)
        for route, body in (("experiments", {"experiment_id": experiment}), ("registered-models", {"name": "m"})):
            ask(guarded.url + f"/api/2.0/mlflow/{route}/permissions/create", "POST", {**body, "username": "bob", "permission": "NO_PERMISSIONS"}, ADA)
    queries = {
        "mlflowGetExperiment": (f'{{mlflowGetExperiment(input: {{experimentId: "{experiment}"}}) {{experiment {{name}}}}}}', "secret"),
        "mlflowGetRun": (f'{{mlflowGetRun(input: {{runId: "{run}"}}) {{run {{info {{runId}}}}}}}}', run),
        "mlflowSearchRuns": (f'mutation {{mlflowSearchRuns(input: {{experimentIds: ["{experiment}"]}}) {{runs {{info {{runId}}}}}}}}', run),
        "mlflowSearchModelVersions": ("{mlflowSearchModelVersions(input: {}) {modelVersions {name}}}", '"m"'),
    }
    assert ask(guarded.url + "/graphql", "POST", {"query": "{test(inputString: \"a\") {output}}"})[0] == 401
    for field, (query, found) in queries.items():
        for user, sees in ((ADA, True), (BOB, False)):
            status, text = ask(guarded.url + "/graphql", "POST", {"query": query}, user)
            assert status == 200 and (found in text) == sees, (field, user, text)


def test_artifacts_go_with_their_experiment(guarded, tmp_path):
    client = MlflowClient(guarded.url)
    (tmp_path / "f.txt").write_text("hello")
    with logged_in(ADA):
        experiment = client.create_experiment("secret")
        run = client.create_run(experiment).info.run_id
        client.log_artifact(run, tmp_path / "f.txt")
        ask(guarded.url + "/api/2.0/mlflow/experiments/permissions/create", "POST", {"experiment_id": experiment, "username": "bob", "permission": "NO_PERMISSIONS"}, ADA)
        assert [f.path for f in client.list_artifacts(run)] == ["f.txt"]
    path = f"/api/2.0/mlflow-artifacts/artifacts/{experiment}/{run}/artifacts/f.txt"
    assert ask(guarded.url + path, user=ADA) == (200, "hello")
    for method, target in (("GET", path), ("PUT", path), ("DELETE", path), ("GET", path.replace(f"/{experiment}/", f"/%{ord(experiment[0]):x}{experiment[1:]}/")),
                           ("GET", f"/api/2.0/mlflow-artifacts/artifacts?path={experiment}/{run}"), ("GET", f"/get-artifact?run_uuid={run}&path=f.txt"),
                           ("GET", f"/ajax-api/2.0/mlflow/artifacts/list?run_id={run}"), ("GET", f"/api/2.0/mlflow-artifacts/artifacts/./{experiment}/{run}/artifacts/f.txt")):
        assert ask(guarded.url + target, method, b"x" if method == "PUT" else None, BOB)[0] == 403, (method, target)
    # A model version of files that one may not read would be a way to read them.
    assert ask(guarded.url + "/api/2.0/mlflow/registered-models/create", "POST", {"name": "bobs"}, BOB)[0] == 200
    for source in ({"source": f"runs:/{run}/f.txt", "run_id": run}, {"source": f"mlflow-artifacts:/{experiment}/{run}/artifacts"}):
        assert ask(guarded.url + "/api/2.0/mlflow/model-versions/create", "POST", {"name": "bobs", **source}, BOB)[0] == 403, source


def test_permissions_go_with_their_model(guarded):
    client = MlflowClient(guarded.url)
    with logged_in(ADA):
        client.create_registered_model("one")
        client.rename_registered_model("one", "two")
        client.update_registered_model("two", "still hers")
        client.delete_registered_model("two")
    with logged_in(BOB):
        client.create_registered_model("two")
    with logged_in(ADA), pytest.raises(MlflowException, match="Permission denied"):
        client.update_registered_model("two", "no longer hers")


def test_one_moves_an_alias_after_another_has_approved(guarded):
    client = MlflowClient(guarded.url)
    alias = guarded.url + "/slipway/v1/models/shared/aliases/champion"
    with logged_in(ADA):
        client.create_registered_model("shared")
        for _ in range(3):
            client.create_model_version("shared", "s3://bucket/model")
        client.set_registered_model_alias("shared", "champion", "1")
    assert ask(alias + "/protect", "POST", {"approvers": ["bob"]}, BOB)[0] == 403  # it is not his
    assert ask(alias + "/protect", "POST", {"approvers": ["bob"]}, ADA)[0] == 200
    with logged_in(ADA), pytest.raises(MlflowException, match="bob may move it or approve a version for it"):
        client.set_registered_model_alias("shared", "champion", "2")
    # Calling herself bob does not make her bob, and being the administrator makes nobody an approver.
    assert ask(alias + "/move", "POST", {"version": 2, "actor": "bob"}, ADA, {"Slipway-Actor": "bob"})[0] == 403
    for user in (ADA, ADMIN):
        assert ask(alias + "/approve", "POST", {"version": 2, "reason": "mine"}, user)[0] == 403, user
        assert ask(alias + "/move", "POST", {"version": 2}, user)[0] == 403, user
        assert ask(alias + "/unprotect", "POST", {}, user)[0] == 403, user
    status, text = ask(alias + "/approve", "POST", {"version": 2, "reason": "looked at it"}, BOB)
    assert status == 200, text
    assert ask(alias + "/move", "POST", {"version": 2}, BOB)[0] == 403  # he may read the model only
    with logged_in(ADA):
        with pytest.raises(MlflowException, match="approve a version for it"):
            client.set_registered_model_alias("shared", "champion", "3")  # he approved another
        client.set_registered_model_alias("shared", "champion", "2")
        assert client.get_model_version_by_alias("shared", "champion").version == "2"
        with pytest.raises(MlflowException, match="unprotect it first"):
            client.rename_registered_model("shared", "elsewhere")
        with pytest.raises(MlflowException, match="approve a version for it"):
            client.delete_registered_model_alias("shared", "champion")
    moves = json.loads(ask(guarded.url + "/slipway/v1/models/shared/alias-moves", user=BOB)[1])["moves"]
    assert [(move["to"], move["actor"]) for move in moves] == [(2, "ada"), (1, "ada")]


def test_passwords_and_tokens(guarded):
    client = MlflowClient(guarded.url)
    change = guarded.url + "/api/2.0/mlflow/users/update-password"
    assert ask(change, "PATCH", {"username": "ada", "password": "another password"}, BOB)[0] == 403
    assert "Current password is required" in ask(change, "PATCH", {"username": "ada", "password": "another password"}, ADA)[1]
    assert "does not match" in ask(change, "PATCH", {"username": "ada", "password": "another password", "current_password": "x"}, ADA)[1]
    assert ask(change, "PATCH", {"username": "ada", "password": "another password", "current_password": ADA[1]}, ADA)[0] == 200
    assert ask(guarded.url + "/slipway/v1/me", user=ADA)[0] == 401
    ada = ("ada", "another password")
    assert json.loads(ask(guarded.url + "/slipway/v1/me", user=ada)[1]) == {"user": "ada", "is_admin": False, "is_service": False}

    made = json.loads(ask(guarded.url + "/slipway/v1/tokens", "POST", {"name": "laptop"}, ada)[1])
    with logged_in(token=made["token"]):
        client.create_experiment("with a token")
    assert made["token"] not in guarded.log.read_text()
    assert ask(guarded.url + "/slipway/v1/tokens/" + made["id"], "DELETE", user=BOB)[0] == 404
    assert ask(guarded.url + "/slipway/v1/tokens?user=ada", user=BOB)[0] == 403
    guarded.stop()
    guarded.start()
    with logged_in(token=made["token"]):
        assert client.get_experiment_by_name("with a token")
    assert ask(guarded.url + "/slipway/v1/tokens/" + made["id"], "DELETE", user=ada)[0] == 200
    with logged_in(token=made["token"]), pytest.raises(MlflowException, match="You are not authenticated"):
        client.get_experiment_by_name("with a token")

    assert ask(guarded.url + "/api/2.0/mlflow/users/create", "POST", {"username": "", "password": "x" * 12}, ADMIN) == (400, "Username and password cannot be empty.")
    assert ask(guarded.url + "/api/2.0/mlflow/users/delete", "DELETE", {"username": "ada"}, ADMIN)[0] == 200
    assert ask(guarded.url + "/slipway/v1/me", user=ada)[0] == 401


def test_events_name_who_did_it(guarded):
    client = MlflowClient(guarded.url)
    with logged_in(ADA):
        experiment = client.create_experiment("e")
        client.create_registered_model("m")
        run = client.create_run(experiment).info.run_id
        client.create_model_version("m", f"runs:/{run}/model", run)
        client.set_registered_model_alias("m", "best", "1")
    events = json.loads(ask(guarded.url + "/slipway/v1/events?limit=1000", user=ADMIN)[1])["events"]
    actors = {event["kind"]: event["actor"] for event in events}
    assert actors["experiment.created"] == "ada"
    assert actors["permission.granted"] == "ada"
    assert next(event["actor"] for event in events if event["kind"].startswith("alias.") or "alias" in event["kind"]) == "ada"
    assert ask(guarded.url + "/slipway/v1/events", user=ADA)[0] == 403
    text = json.dumps(events)
    assert ADA[1] not in text and "scrypt" not in text


def test_changing_production_needs_more_than_reading(guarded):
    assert ask(guarded.url + "/slipway/v1/endpoints", user=ADA)[0] == 200
    for method, path in (("POST", "/slipway/v1/endpoints/x/rollback"), ("POST", "/slipway/v1/endpoints/x/deploy"), ("POST", "/slipway/v1/apply"),
                         ("POST", "/slipway/v1/pipelines/x/runs"), ("POST", "/v2/models/x/infer"), ("POST", "/endpoints/x/invocations")):
        assert ask(guarded.url + path, method, {}, ADA)[0] == 403, path
    role = json.loads(ask(guarded.url + "/api/3.0/mlflow/roles/create", "POST", {"name": "services", "workspace": "default"}, ADMIN)[1])["role"]["id"]
    ask(guarded.url + "/api/3.0/mlflow/roles/permissions/add", "POST", {"role_id": role, "resource_type": "workspace", "resource_pattern": "*", "permission": "USE"}, ADMIN)
    ask(guarded.url + "/api/3.0/mlflow/roles/assign", "POST", {"role_id": role, "username": "ada"}, ADMIN)
    assert ask(guarded.url + "/v2/models/x/infer", "POST", {}, ADA)[0] in (400, 404)
    assert ask(guarded.url + "/slipway/v1/endpoints/x/rollback", "POST", {}, ADA)[0] == 403


def test_pipeline_steps_log_in_by_themselves(guarded, tmp_path):
    project = tmp_path / "project"
    project.mkdir()
    (project / "step.py").write_text(
        "import mlflow, subprocess\nwith mlflow.start_run(run_name='from a step'):\n    mlflow.log_metric('m', 1)\n"
        "subprocess.run(['slipway', 'endpoints', 'list'], check=True)\nopen(__import__('os').environ['SLIPWAY_OUT'] + '/done', 'w').close()\n")
    python = ROOT / ".deps" / "venv" / "bin" / "python3"
    text = yaml.dump({"project": "p", "pipelines": {"train": {"steps": [{"name": "one", "run": f"{python} step.py", "outputs": ["done"]}]}}})
    status, reply = ask(guarded.url + "/slipway/v1/apply", "POST", {"yaml": text, "dir": str(project)}, ADMIN)
    assert status == 200, reply
    status, reply = ask(guarded.url + "/slipway/v1/pipelines/train/runs", "POST", {"actor": "somebody else"}, ADMIN)
    assert status in (200, 202), reply
    run_id = json.loads(reply)["id"]
    for _ in range(600):
        run = json.loads(ask(guarded.url + f"/slipway/v1/pipeline-runs/{run_id}", user=ADMIN)[1])
        if run["state"] in ("succeeded", "failed", "cancelled"):
            break
        time.sleep(0.1)
    assert run["state"] == "succeeded", ask(guarded.url + f"/slipway/v1/pipeline-runs/{run_id}/steps/one/log", user=ADMIN)
    assert run["actor"] == "admin"
    with logged_in(ADMIN):
        assert [r.info.run_name for r in MlflowClient(guarded.url).search_runs(["0"])] == ["from a step"]
    assert "slipway_" not in json.dumps(json.loads(ask(guarded.url + "/slipway/v1/tokens", user=ADMIN)[1]))


def test_the_command_line_logs_in(guarded):
    def run(*args, token=None, password=None, url=None):
        env = {**os.environ, "SLIPWAY_URL": url or guarded.url, **({"SLIPWAY_TOKEN": token} if token else {})}
        return subprocess.run([BINARY, *args], capture_output=True, text=True, env=env, input=password)

    assert "SLIPWAY_TOKEN" in run("endpoints", "list").stderr
    as_admin = guarded.url.replace("//", f"//{ADMIN[0]}:{ADMIN[1].replace(' ', '%20')}@")
    token = run("tokens", "create", "cli", "--days", "1", url=as_admin).stdout.strip()
    assert token.startswith("slipway_")
    assert run("endpoints", "list", token=token).returncode == 0
    assert run("users", "create", "eve", token=token, password="password of eve\n").returncode == 0
    assert "longer than 12" in run("users", "create", "mallory", token=token, password="short\n").stderr
    assert "eve" in run("users", "list", token=token).stdout
    assert run("users", "grant", "eve", "EDIT", "--experiment", "0", token=token).returncode == 0
    assert ask(guarded.url + "/api/2.0/mlflow/runs/create", "POST", {"experiment_id": "0"}, ("eve", "password of eve"))[0] == 200
    identity = json.loads(run("--json", "tokens", "list", token=token).stdout)["tokens"][0]["id"]
    assert run("users", "delete", "eve", token=token).returncode == 0
    assert run("tokens", "revoke", identity, token=token).returncode == 0
    assert run("endpoints", "list", token=token).returncode == 1


def test_the_first_administrator(start_server, tmp_path, monkeypatch):
    monkeypatch.delenv("SLIPWAY_ADMIN_PASSWORD", raising=False)
    server = start_server("random", "--login")
    file = server.data_dir / "admin-password"
    assert file.stat().st_mode & 0o777 == 0o600
    assert ask(server.url + "/slipway/v1/me", user=("admin", file.read_text().strip()))[0] == 200
    assert file.read_text().strip() not in server.log.read_text()

    ini = tmp_path / "basic_auth.ini"
    ini.write_text("[mlflow]\ndefault_permission = NO_PERMISSIONS\nadmin_username = root\nadmin_password = password1234\n")
    monkeypatch.setenv("MLFLOW_AUTH_CONFIG_PATH", str(ini))
    server = start_server("ini", "--app-name", "basic-auth")
    assert ask(server.url + "/slipway/v1/me", user=("root", "password1234"))[0] == 200
    assert "default password" in server.log.read_text()
    server.stop()
    refused = subprocess.run([BINARY, "server", "--port", str(free_port()), "--data", str(server.data_dir), "--app-name", "basic-auth", "--host", "0.0.0.0"],
                             capture_output=True, text=True, timeout=90)
    assert refused.returncode != 0 and "MLflow's default password" in refused.stderr


def test_the_line_of_a_unit_file(tmp_path, monkeypatch):
    """ExecStart=/opt/venv/bin/mlflow server ..., with the one word changed."""
    monkeypatch.setenv("MLFLOW_AUTH_ADMIN_PASSWORD", ADMIN[1])
    port = free_port()
    line = (f"server --backend-store-uri sqlite:///{tmp_path}/mlflow.db --artifacts-destination {tmp_path}/artifacts --serve-artifacts "
            f"--host 0.0.0.0 -p {port} --workers 4 --app-name basic-auth --expose-prometheus {tmp_path}/metrics --allowed-hosts mlflow.example.com").split()
    line += ["--gunicorn-opts", "--timeout 120 --keep-alive 5"]
    taken = socket.socket()  # the default gRPC port, which the line doesn't name
    with contextlib.suppress(OSError):
        taken.bind(("0.0.0.0", 5001))
        taken.listen()
    with open(tmp_path / "log", "wb") as log:
        process = subprocess.Popen([BINARY, *line], stdout=log, stderr=log, cwd=tmp_path)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(2400):
            with contextlib.suppress(OSError):
                if ask(url + "/health")[0] == 200:
                    break
            time.sleep(0.05)
        with logged_in(ADMIN):
            client = MlflowClient(url)
            run = client.create_run("0").info.run_id
            client.log_dict(run, {"a": 1}, "d.json")
        assert list((tmp_path / "artifacts").rglob("d.json"))
        assert (tmp_path / "mlflow.db.slipway" / "slipway.db").exists() and not (tmp_path / "mlflow.db").exists()
        hosts = {host: ask(url + "/api/2.0/mlflow/experiments/get?experiment_id=0", user=ADMIN, headers={"Host": host})[0]
                 for host in ("mlflow.example.com", f"127.0.0.1:{port}", "evil.example.com")}
        assert hosts == {"mlflow.example.com": 200, f"127.0.0.1:{port}": 200, "evil.example.com": 403}
        log = (tmp_path / "log").read_text()
        for said in ("--workers: ignored", "--gunicorn-opts: ignored", "--expose-prometheus: ", "--app-name: everybody must log in", "mlflow.db.slipway",
                     "gRPC is off: "):
            assert said in log, said
    finally:
        taken.close()
        process.terminate()
        process.wait(timeout=30)


def test_an_existing_database_of_mlflow_is_not_touched(tmp_path):
    import sqlite3
    with sqlite3.connect(tmp_path / "mlflow.db") as db:
        db.execute("CREATE TABLE experiments(a)")
    before = (tmp_path / "mlflow.db").read_bytes()
    done = subprocess.run([BINARY, "server", "--backend-store-uri", f"sqlite:///{tmp_path}/mlflow.db", "--port", "0"], capture_output=True, text=True, timeout=30, cwd=tmp_path)
    assert done.returncode == 2 and "slipway import mlflow" in done.stderr
    assert (tmp_path / "mlflow.db").read_bytes() == before and not (tmp_path / "mlflow.db.slipway").exists()
