"""Steps as processes and as Jobs of Kubernetes: one suite for both, and what only a cluster does.

The cluster is a real one that this machine is a node of, as pods get folders of it. It is named by SLIPWAY_TEST_KUBECONFIG (a kubeconfig with a client
certificate), SLIPWAY_TEST_KUBE_IMAGE (an image that its nodes have, with a shell, wget and the usual commands), SLIPWAY_TEST_KUBE_NODE (the name of this
machine's node) and SLIPWAY_TEST_KUBE_HOST (its address, as pods reach it); without them the half that needs it is skipped.
"""
import base64
import json
import os
import re
import signal
import time
import urllib.parse

import pytest
import requests
import yaml
from conftest import Server

CONFIG, IMAGE, NODE, HOST = (os.environ.get("SLIPWAY_TEST_" + name, "") for name in ("KUBECONFIG", "KUBE_IMAGE", "KUBE_NODE", "KUBE_HOST"))
needs_cluster = pytest.mark.skipif(not (CONFIG and IMAGE and NODE and HOST), reason="no cluster: set SLIPWAY_TEST_KUBECONFIG, and what this file says beside it")
SECRET = "correct-horse-battery-staple"

PIPELINES = """\
project: jobs
pipelines:
  flows:
%(where)s
    params: {word: hello}
    steps:
      - {name: make, run: 'echo {word} $SLIPWAY_STEP "$$ \\$(x)" > {out}/a; echo made', outputs: [a], resources: {cpu: 100m, memory: 64Mi}}
      - {name: use, run: 'tr a-z A-Z < {make}/a > {out}/b; cat {make}/a', outputs: [b]}
      - {name: each, run: 'test {item} != none; echo {item} > {out}/c', each: [x, Y_2], outputs: [c]}
  fails:
%(where)s
    steps:
      - {name: loud, run: 'echo before; echo to stderr >&2; exit 7'}
  refuses:
%(where)s
    steps:
      - {name: gate, run: 'exit 3'}
  hangs:
%(where)s
    steps:
      - {name: late, run: 'trap "" TERM; while :; do echo >> beats; sleep 0.2; done', timeout: 2s}
  waits:
%(where)s
    steps:
      - {name: long, run: 'echo begun; echo >> begun; until test -f go; do echo >> beats; sleep 0.2; done; echo over; echo done > {out}/o', outputs: [o]}
  again:
%(where)s
    steps:
      - {name: second, run: 'echo try $SLIPWAY_TRY; test -f tried || { touch tried; exit 1; }', retry: {times: 2, after: 10ms}}
  hides:
%(where)s
    steps:
      - {name: told, run: 'echo "key: $STORE_KEY."; test $STORE_KEY = correct-horse-battery"-"staple && echo $STORE_KEY > {out}/k', outputs: [k], secrets: [STORE_KEY]}
      - {name: reads, run: 'cat {told}/k'}
  grows:
%(where)s
    steps:
      - {name: train, run: 'x=x; for i in $(seq 27); do x=$x$x; done; sleep 600', resources: {memory: 64Mi}}
"""


class Cluster:
    """Calls of the API server, and what our Jobs are there."""

    def __init__(self, folder):
        config = yaml.safe_load(open(CONFIG))
        user, cluster = config["users"][0]["user"], config["clusters"][0]["cluster"]
        self.url = cluster["server"]
        self.session = requests.Session()
        self.session.trust_env = False  # it would trust others
        files = []
        for name, data in (("crt", user["client-certificate-data"]), ("key", user["client-key-data"]), ("ca", cluster["certificate-authority-data"])):
            (folder / name).write_bytes(base64.b64decode(data))
            files.append(str(folder / name))
        self.session.cert, self.session.verify = tuple(files[:2]), files[2]

    def call(self, method, path, **more):
        reply = self.session.request(method, self.url + path, timeout=20, **more)
        assert reply.status_code < 300 or reply.status_code == 404, reply.text
        return reply.json() if reply.status_code < 300 else None

    def of_run(self, kind, run):
        api = "/apis/batch/v1" if kind == "jobs" else "/api/v1"
        return self.call("GET", f"{api}/namespaces/default/{kind}?labelSelector=" + urllib.parse.quote(f"slipway/run={run}"))["items"]


def volume(tmp_path, more=""):
    return ("--kubernetes-volumes", f"host:{tmp_path}={tmp_path}{more}")


@pytest.fixture
def cluster(tmp_path):
    return Cluster(tmp_path)


def begin(tmp_path, monkeypatch, executor, text, *flags, volumes=""):
    folder = tmp_path / "project"
    folder.mkdir()
    where = f"    executor: kubernetes\n    image: {IMAGE}\n    node_selector: {{kubernetes.io/hostname: {NODE}}}" if executor == "kubernetes" else "    executor: local"
    (folder / "slipway.yaml").write_text(text % {"where": where})
    monkeypatch.setenv("SLIPWAY_SECRET_STORE_KEY", SECRET)
    if executor == "kubernetes":
        flags = ("--kubeconfig", CONFIG, *volume(tmp_path, volumes), "--kubernetes-pending-timeout-seconds", "4", "--kubernetes-container-timeout-seconds", "4", *flags)
    server = Server(tmp_path / "data", *flags)
    server.folder, server.executor = folder, executor
    server.cli("apply", str(folder / "slipway.yaml"))
    return server


@pytest.fixture(params=["local", pytest.param("kubernetes", marks=needs_cluster)])
def project(request, tmp_path, monkeypatch):
    server = begin(tmp_path, monkeypatch, request.param, PIPELINES)
    yield server
    (server.folder / "go").touch()
    server.stop()


def start(project, pipeline, *flags):
    return json.loads(project.cli("--json", "run", pipeline, "--detach", *flags).stdout)["id"]


def show(project, run):
    return json.loads(project.cli("--json", "pipelines", "show", run).stdout)


def wait(project, run, is_so=lambda state: state["finished_at"], seconds=180):
    deadline = time.monotonic() + seconds
    while not is_so(state := show(project, run)):
        assert time.monotonic() < deadline, state
        time.sleep(0.05)
    return state


def until(is_so, seconds=120):
    deadline = time.monotonic() + seconds
    while not (value := is_so()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return value


def ends(project, pipeline, *flags):
    return wait(project, start(project, pipeline, *flags))


def log(project, run, step):
    return project.cli("pipelines", "log", run, step).stdout


def stands_still(file):
    """Nobody writes to it any more."""
    until(file.exists)
    size = -1
    while size != file.stat().st_size:
        size = file.stat().st_size
        time.sleep(0.7)  # three beats
    return True


def test_steps_read_what_others_wrote_and_come_from_the_cache(project):
    run = ends(project, "flows")
    assert run["state"] == "succeeded", run
    make, use, each = run["steps"]
    assert re.fullmatch(r"hello make \d+ \$\(x\)\n", open(f"{make['folder']}/a").read())
    assert open(f"{use['folder']}/b").read().startswith("HELLO MAKE ")
    assert [open(f"{item['folder']}/c").read() for item in each["items"]] == ["x\n", "Y_2\n"]
    assert log(project, run["id"], "make") == "made\n"
    assert log(project, run["id"], "use").startswith("hello make")
    again = ends(project, "flows")
    assert [step["state"] for step in again["steps"][:2]] == ["cached"] * 2 and {item["state"] for item in again["steps"][2]["items"]} == {"cached"}
    other = ends(project, "flows", "--param", "word=bye")
    assert [step["state"] for step in other["steps"][:2]] == ["succeeded"] * 2


def test_an_exit_code_and_a_gates_no(project):
    run = ends(project, "fails")
    assert (run["state"], run["steps"][0]["exit_code"]) == ("failed", 7)
    assert run["steps"][0]["reason"] == "exit code 7: see the step's log"
    assert sorted(log(project, run["id"], "loud").splitlines()) == ["before", "to stderr"]
    refused = ends(project, "refuses")
    assert (refused["state"], refused["steps"][0]["reason"]) == ("refused", "the gate said no")


def test_what_hangs_is_ended(project):
    run = ends(project, "hangs")
    assert (run["state"], run["steps"][0]["reason"]) == ("failed", "it took longer than its timeout"), run
    assert stands_still(project.folder / "beats")


def test_a_cancel_ends_what_runs(project):
    run = start(project, "waits")
    until((project.folder / "beats").exists)
    project.cli("pipelines", "cancel", run)
    ended = wait(project, run)
    assert (ended["state"], ended["steps"][0]["state"]) == ("cancelled", "cancelled")
    assert stands_still(project.folder / "beats")
    (project.folder / "go").touch()
    project.cli("pipelines", "retry", run)
    assert wait(project, run)["state"] == "succeeded"


def test_a_failed_try_is_followed_by_another(project):
    run = ends(project, "again")
    assert (run["state"], run["steps"][0]["tries"], len(run["steps"][0]["earlier_tries"])) == ("succeeded", 2, 1), run
    assert log(project, run["id"], "second") == "try 1\ntry 2\n"


def test_the_log_is_there_while_it_is_written(project):
    run = start(project, "waits")
    until(lambda: (project.folder / "begun").exists() and project.cli("pipelines", "log", run, "long", check=False).stdout == "begun\n")
    assert show(project, run)["state"] == "running"
    (project.folder / "go").touch()
    wait(project, run)
    assert log(project, run, "long") == "begun\nover\n"


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_run_goes_on_after_the_server_ended(project, how):
    run = start(project, "waits")
    until((project.folder / "beats").exists)
    project.stop(how)
    project.start()
    (project.folder / "go").touch()
    ended = wait(project, run)
    assert ended["state"] == "succeeded", ended
    begun = (project.folder / "begun").read_text().count("\n")
    lines = log(project, run, "long")
    if project.executor == "kubernetes":
        assert begun == 1 and lines == "begun\nover\n"  # the Job went on, and no line of it is lost or twice
    else:
        assert lines.endswith("begun\nover\n")
    assert open(f"{ended['steps'][0]['folder']}/o").read() == "done\n"


def test_secrets_are_told_and_not_shown(project):
    run = ends(project, "hides")
    assert run["state"] == "succeeded", run
    assert log(project, run["id"], "told") == "key: ***.\n"
    assert SECRET not in json.dumps(run)


def test_too_much_memory(project):
    run = ends(project, "grows")
    assert run["state"] == "failed" and run["steps"][0]["reason"].startswith("OOMKilled: step train used "), run
    assert run["steps"][0]["reason"].endswith("raise resources.memory")
    assert run["steps"][0]["exit_code"] == 137


# What only a cluster does.

CLUSTER_ONLY = """\
project: jobs
pipelines:
  waits:
%(where)s
    steps:
      - {name: long, run: 'echo begun; echo >> begun; until test -f go; do echo >> beats; sleep 0.2; done; echo over', secrets: [STORE_KEY], ttl: 2h, resources: {cpu: 50m, memory: 64Mi},
         tolerations: [{key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}]}
  nowhere:
%(where)s
    steps:
      - {name: far, run: 'true', node_selector: {disk: none-has-this}}
  gpus:
%(where)s
    steps:
      - {name: train, run: 'true', gpus: 2}
  images:
%(where)s
    steps:
      - {name: none, run: 'true', image: 'localhost:1/not-there:1'}
      - {name: wrong, run: 'true', image: 'Not/An:Image:'}
"""


@pytest.fixture
def jobs(tmp_path, monkeypatch):
    server = begin(tmp_path, monkeypatch, "kubernetes", CLUSTER_ONLY)
    yield server
    (server.folder / "go").touch()
    server.stop()


@needs_cluster
def test_a_try_is_one_job_that_says_what_it_is_of(jobs, cluster):
    run = start(jobs, "waits")
    until((jobs.folder / "beats").exists)
    [job], [pod] = cluster.of_run("jobs", run), cluster.of_run("pods", run)
    assert job["metadata"]["name"] == show(jobs, run)["steps"][0]["job"]
    labels = job["metadata"]["labels"]
    assert (labels["slipway/pipeline"], labels["slipway/step"], labels["slipway/try"]) == ("waits", "long", "1")
    assert (job["spec"]["backoffLimit"], job["spec"]["ttlSecondsAfterFinished"]) == (0, 7200)
    container = pod["spec"]["containers"][0]
    assert container["resources"] == {"limits": {"memory": "64Mi"}, "requests": {"cpu": "50m", "memory": "64Mi"}} or container["resources"]["limits"]["memory"] == str(64 << 20)
    assert {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"} in pod["spec"]["tolerations"]
    assert SECRET not in json.dumps([job, pod])
    secret = cluster.call("GET", f"/api/v1/namespaces/default/secrets/{job['metadata']['name']}")
    assert base64.b64decode(secret["data"]["STORE_KEY"]).decode() == SECRET
    assert secret["metadata"]["ownerReferences"][0]["uid"] == job["metadata"]["uid"]
    (jobs.folder / "go").touch()
    assert wait(jobs, run)["state"] == "succeeded"
    until(lambda: cluster.call("GET", f"/api/v1/namespaces/default/secrets/{job['metadata']['name']}") is None)
    assert len(cluster.of_run("jobs", run)) == 1  # to be looked at, until its ttl


@needs_cluster
def test_a_cancel_deletes_the_job_with_its_pods(jobs, cluster):
    run = start(jobs, "waits")
    until((jobs.folder / "beats").exists)
    jobs.cli("pipelines", "cancel", run)
    wait(jobs, run)
    assert cluster.of_run("jobs", run) == []
    until(lambda: cluster.of_run("pods", run) == [])


@needs_cluster
def test_kills_at_any_moment_double_no_job(jobs, cluster):
    run = start(jobs, "waits")
    for moment in (0.0, 0.05, 0.1, 0.2, 0.4, 0.8):
        time.sleep(moment)
        jobs.kill()
        jobs.start()
    until((jobs.folder / "beats").exists)
    (jobs.folder / "go").touch()
    assert wait(jobs, run)["state"] == "succeeded"
    assert len(cluster.of_run("jobs", run)) == 1 and (jobs.folder / "begun").read_text() == "\n"
    assert log(jobs, run, "long") == "begun\nover\n"


@needs_cluster
def test_what_ended_while_no_server_ran_is_seen(jobs):
    run = start(jobs, "waits")
    until((jobs.folder / "beats").exists)
    jobs.kill()
    (jobs.folder / "go").touch()
    assert stands_still(jobs.folder / "beats")
    jobs.start()
    ended = wait(jobs, run)
    assert (ended["state"], log(jobs, run, "long")) == ("succeeded", "begun\nover\n")


@needs_cluster
@pytest.mark.parametrize("pipeline, words", [("nowhere", "no node takes the pod: Unschedulable: "), ("gpus", "Insufficient nvidia.com/gpu")])
def test_a_pod_that_no_node_takes(jobs, cluster, pipeline, words):
    run = ends(jobs, pipeline)
    reason = run["steps"][0]["reason"]
    assert run["state"] == "failed" and words in reason and reason.endswith("(for 4 s)"), run
    assert "kubernetes: no node takes the pod" in log(jobs, run["id"], run["steps"][0]["name"])
    assert cluster.of_run("jobs", run["id"]) == []


@needs_cluster
def test_images_that_can_not_be_pulled(jobs):
    run = ends(jobs, "images")
    none, wrong = run["steps"]
    assert none["reason"].startswith(("the image can't be pulled: ErrImagePull", "the image can't be pulled: ImagePullBackOff")), none
    assert wrong["reason"].startswith("the image can't be pulled: InvalidImageName"), wrong


@needs_cluster
def test_a_pod_that_can_not_start(tmp_path, monkeypatch):
    server = begin(tmp_path, monkeypatch, "kubernetes", CLUSTER_ONLY, volumes=",host:/is-not-there=/more")
    run = ends(server, "waits")
    reason = run["steps"][0]["reason"]
    assert reason.startswith("the container doesn't start: MountVolume.SetUp failed") and "/is-not-there" in reason and reason.endswith("(for 4 s)"), run
    assert "kubernetes: the container doesn't start: " in log(server, run["id"], "long")
    server.stop()


@needs_cluster
def test_a_job_that_somebody_deletes(jobs, cluster):
    run = start(jobs, "waits")
    until((jobs.folder / "beats").exists)
    [job] = cluster.of_run("jobs", run)
    cluster.call("DELETE", f"/apis/batch/v1/namespaces/default/jobs/{job['metadata']['name']}?propagationPolicy=Background")
    ended = wait(jobs, run)
    assert ended["state"] == "failed" and ended["steps"][0]["reason"] in ("somebody deleted its Job", "its pod is gone", "exit code 143 (SIGTERM): see the step's log", "exit code 137 (SIGKILL): see the step's log"), ended


@needs_cluster
def test_a_pod_that_is_evicted(jobs, cluster):
    run = start(jobs, "waits")
    until((jobs.folder / "beats").exists)
    [pod] = cluster.of_run("pods", run)
    name = pod["metadata"]["name"]
    cluster.call("POST", f"/api/v1/namespaces/default/pods/{name}/eviction", json={"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}})
    ended = wait(jobs, run)
    assert ended["state"] == "failed" and ended["steps"][0]["reason"].startswith("the pod was evicted: EvictionByEvictionAPI"), ended


@needs_cluster
def test_a_step_signs_in_also_after_a_restart(tmp_path, monkeypatch, cluster):
    folder = tmp_path / "project"
    folder.mkdir()
    text = f"""\
project: jobs
pipelines:
  asks:
    executor: kubernetes
    image: {IMAGE}
    node_selector: {{kubernetes.io/hostname: {NODE}}}
    steps:
      - {{name: ask, run: 'touch begun; until test -f go; do sleep 0.2; done; echo "token $SLIPWAY_TOKEN"; wget -qO {{out}}/all --header "Authorization: Bearer $SLIPWAY_TOKEN" $SLIPWAY_URL/slipway/v1/pipelines', outputs: [all]}}
"""
    server = Server(tmp_path / "data", "--login", "--host", "0.0.0.0", "--kubeconfig", CONFIG, *volume(tmp_path), "--kubernetes-server-url", "http://set-below")
    server.stop()
    server.flags = (*server.flags[:-1], f"http://{HOST}:{server.port}")
    server.start()
    auth = ("admin", (server.data_dir / "admin-password").read_text().strip())

    def ask(method, path, **body):
        reply = requests.request(method, f"{server.url}/slipway/v1/{path}", json=body or None, auth=auth, timeout=20)
        assert reply.ok, reply.text
        return reply.json()

    try:
        ask("POST", "apply", yaml=text, dir=str(folder))
        run = ask("POST", "pipelines/asks/runs", params={})["id"]
        until((folder / "begun").exists)
        [job], [pod] = cluster.of_run("jobs", run), cluster.of_run("pods", run)
        name = job["metadata"]["name"]
        secret = cluster.call("GET", f"/api/v1/namespaces/default/secrets/{name}")
        token = base64.b64decode(secret["data"]["SLIPWAY_TOKEN"]).decode()
        assert token not in json.dumps([job, pod])
        server.kill()
        server.start()
        (folder / "go").touch()
        ended = until(lambda: (state := ask("GET", f"pipeline-runs/{run}"))["finished_at"] and state)
        assert ended["state"] == "succeeded", ended
        assert json.loads(open(f"{ended['steps'][0]['folder']}/all").read())["pipelines"][0]["name"] == "asks"
        said = requests.get(f"{server.url}/slipway/v1/pipeline-runs/{run}/steps/ask/log", auth=auth, timeout=20).text
        assert said == "token ***\n", said
        until(lambda: requests.get(f"{server.url}/slipway/v1/pipelines", headers={"Authorization": f"Bearer {token}"}, timeout=20).status_code == 401)
    finally:
        (folder / "go").touch()
        server.stop()


def test_a_server_without_a_cluster_or_a_volume_says_so(tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    file = folder / "slipway.yaml"
    file.write_text("project: jobs\npipelines:\n  p:\n    steps:\n      - {name: here, run: 'true'}\n      - {name: a, run: 'true', executor: kubernetes, image: x}\n")
    server = Server(tmp_path / "data")
    try:
        refused = server.cli("plan", str(file), check=False)
        assert refused.returncode != 0 and "line 6" in refused.stderr and "this server knows no Kubernetes cluster (setting kubeconfig): step=a" in refused.stderr
        config = tmp_path / "config"
        config.write_text(json.dumps({"current-context": "c", "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
                                      "clusters": [{"name": "k", "cluster": {"server": "https://127.0.0.1:1"}}], "users": [{"name": "u", "user": {"token": "t"}}]}))
        server.stop()
        for flags, words in (((), "nothing is shared with its pods (setting kubernetes-volumes)"),
                             (("--kubernetes-volumes", f"claim:files={tmp_path}/other"), "the project is on no volume"),
                             (("--kubernetes-volumes", f"claim:files={folder}"), "what runs write is on no volume")):
            server.flags = ("--grpc-port", "0", "--kubeconfig", str(config), *flags)
            server.start()
            refused = server.cli("apply", str(file), check=False)
            assert refused.returncode != 0 and "line 6" in refused.stderr and words in refused.stderr, refused.stderr
            server.stop()
    finally:
        server.stop()


# Tasks of Kubeflow pipelines, whose components say which image they run in.

def kubeflow_spec(image):
    text = {"parameterType": "STRING"}
    make = {"image": image, "command": ["sh", "-ec", 'mkdir -p "$(dirname "$1")"; printf %s "$0 $MODE in $(pwd)" > "$1"; command -v slipway || echo no slipway; echo $HOME'],
            "args": ["{{$.inputs.parameters['word']}}", "{{$.outputs.parameters['said'].output_file}}"], "env": [{"name": "MODE", "value": "loudly"}],
            "resources": {"resourceCpuRequest": "50m", "resourceMemoryLimit": "64Mi", "cpuRequest": 0.05, "memoryLimit": 0.067}}
    use = {"image": image, "command": ["sh", "-ec", 'echo "got: $0"'], "args": ["{{$.inputs.parameters['said']}}"]}
    return {"pipelineInfo": {"name": "hello"}, "schemaVersion": "2.1.0", "sdkVersion": "kfp-2.17.3",
            "deploymentSpec": {"executors": {"make": {"container": make}, "use": {"container": use}}},
            "components": {"comp-make": {"executorLabel": "make", "inputDefinitions": {"parameters": {"word": text}}, "outputDefinitions": {"parameters": {"said": text}}},
                           "comp-use": {"executorLabel": "use", "inputDefinitions": {"parameters": {"said": text}}}},
            "root": {"inputDefinitions": {"parameters": {"word": text}}, "dag": {"tasks": {
                "make": {"taskInfo": {"name": "make"}, "componentRef": {"name": "comp-make"}, "inputs": {"parameters": {"word": {"componentInputParameter": "word"}}}},
                "use": {"taskInfo": {"name": "use"}, "componentRef": {"name": "comp-use"}, "dependentTasks": ["make"],
                        "inputs": {"parameters": {"said": {"taskOutputParameter": {"producerTask": "make", "outputParameterKey": "said"}}}}}}}}}


def send_to_kubeflow(server, spec):
    body = {"display_name": "r", "pipeline_spec": spec, "runtime_config": {"parameters": {"word": "hello $HOME $(x)"}}}
    reply = requests.post(f"{server.url}/apis/v2beta1/runs", json=body, timeout=20)
    assert reply.status_code == 200, reply.text
    plan = reply.json()["slipway"]["pipeline"]
    return requests.get(f"{server.url}/slipway/v1/pipelines/{plan}/runs", timeout=20).json()["runs"][0]["id"], reply.json()


@needs_cluster
def test_tasks_of_kubeflow_run_in_their_own_images(tmp_path, cluster):
    server = Server(tmp_path / "data", "--kubeconfig", CONFIG, *volume(tmp_path), "--kubeflow-executor", "kubernetes")
    try:
        run, sent = send_to_kubeflow(server, kubeflow_spec(IMAGE))
        assert "as Jobs" in sent["slipway"]["note"]
        ended = wait(server, run)
        assert ended["state"] == "succeeded", ended
        make, use = ended["steps"]
        said = json.load(open(f"{make['folder']}/outputs.json"))["parameters"]["said"]
        assert said.startswith("hello $HOME $(x) loudly in /"), said
        assert str(tmp_path) not in said, "the folder is the image's"
        assert log(server, run, "make") == "no slipway\n/tmp\n" and log(server, run, "use") == f"got: {said}\n"
        jobs = {job["metadata"]["labels"]["slipway/step"]: job["spec"]["template"]["spec"]["containers"][0] for job in cluster.of_run("jobs", run)}
        assert {name: job["image"] for name, job in jobs.items()} == {"make": IMAGE, "use": IMAGE}
        assert jobs["make"]["command"][:2] == ["sh", "-ec"] and jobs["make"]["resources"]["requests"]["cpu"] == "50m"
    finally:
        server.stop()


@needs_cluster
def test_a_task_of_kubeflow_goes_on_while_its_server_is_killed(tmp_path, cluster):
    spec = kubeflow_spec(IMAGE)
    spec["deploymentSpec"]["executors"]["make"]["container"]["command"][2] += f'; echo x >> {tmp_path}/begun; until test -f {tmp_path}/go; do sleep 0.2; done'
    server = Server(tmp_path / "data", "--kubeconfig", CONFIG, *volume(tmp_path), "--kubeflow-executor", "kubernetes")
    try:
        run, _ = send_to_kubeflow(server, spec)
        until((tmp_path / "begun").exists)
        server.kill()
        server.start()
        (tmp_path / "go").touch()
        assert wait(server, run)["state"] == "succeeded"
        assert (tmp_path / "begun").read_text() == "x\n" and len(cluster.of_run("jobs", run)) == 2
    finally:
        (tmp_path / "go").touch()
        server.stop()


def test_here_images_of_kubeflow_are_not_used_and_that_is_said(tmp_path):
    server = Server(tmp_path / "data")
    try:
        run, sent = send_to_kubeflow(server, kubeflow_spec("none.example/has/this:1"))
        assert "images" in sent["slipway"]["note"] and "not used" in sent["slipway"]["note"]
        assert wait(server, run)["state"] == "succeeded"
        assert "the image is not used: none.example/has/this:1" in log(server, run, "make")
    finally:
        server.stop()
