"""Servers of one PostgreSQL that share the steps of pipelines: a real database, real processes, and kills."""
import collections
import contextlib
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import time
import uuid

import conftest
import pytest
import requests
from conftest import BINARY, eventually, free_port
from test_access import ADMIN
from test_loop import cli_json
from test_postgres import leads, psql

LEASE = 6  # seconds


@pytest.fixture
def start_two(start_server, postgres, tmp_path):
    """The first leads."""

    def start(*more: str, places: int = 3, lease: int = LEASE):
        flags = [*postgres.fresh(), "--run-steps", "--pipelines-folder", str(tmp_path / "shared"), "--server-lease-seconds", str(lease), "--pipeline-steps-max", str(places), *more]
        servers = [start_server("one", *flags, "--server-name", "one")]
        servers.append(start_server("two", *flags, "--server-name", "two"))
        eventually(lambda: len(known(servers[0])) == 2)
        return servers

    yield start


def declare(server, folder, steps: list):
    folder.mkdir(exist_ok=True)
    body = {"dir": str(folder), "yaml": json.dumps({"pipelines": {"shared": {"steps": steps}}})}
    requests.post(server.url + "/slipway/v1/pipelines", json=body, timeout=60).raise_for_status()


def run_of(server, run: str) -> dict:
    return requests.get(f"{server.url}/slipway/v1/pipeline-runs/{run}", timeout=60).json()


def begin(server) -> str:
    return cli_json(server, "run", "shared", "--detach")["id"]


def known(server) -> list[dict]:
    """The servers that it knows of; none while it takes over, or is starting again."""
    told = server.cli("--json", "servers", check=False)
    return json.loads(told.stdout)["servers"] if told.returncode == 0 else []


def found(servers, run: str) -> dict | None:
    """As the first of them that answers has it; who takes over, or passes on to who does, says 503."""
    for server in servers:
        try:
            if "state" in (told := run_of(server, run)):
                return told
        except (requests.RequestException, ValueError):
            continue
    return None


def state_of(servers, run: str) -> str:
    """"?": none of them answers."""
    return (found(servers, run) or {"state": "?"})["state"]


def text_of(file) -> str:
    return file.read_text() if file.exists() else ""


def test_steps_run_on_both_and_are_read_through_either(start_two, tmp_path):
    """Six at once, three on each; what each writes is there for the next; its log and what it used are told wherever one asks."""
    one, two = start_two()
    steps = [{"name": f"s{i}", "run": f"sleep 5; echo made {i} on $SLIPWAY_SERVER | tee {{out}}/part; curl -s $SLIPWAY_URL/slipway/v1/version", "outputs": ["part"]} for i in range(6)]
    steps.append({"name": "all", "run": "cat " + " ".join(f"{{s{i}}}/part" for i in range(6)) + " > {out}/all", "outputs": ["all"]})
    declare(two, tmp_path / "project", steps)
    run = cli_json(two, "run", "shared")
    assert run["state"] == "succeeded"
    assert max(step["started_at"] for step in run["steps"][:6]) < min(step["finished_at"] for step in run["steps"][:6])  # all at the same time
    servers = collections.Counter(step["server"] for step in run["steps"][:6])
    assert servers == {"one": 3, "two": 3}
    for i, step in enumerate(run["steps"][:6]):
        for server in (one, two):
            log = requests.get(f"{server.url}/slipway/v1/pipeline-runs/{run['id']}/steps/s{i}/log", timeout=60).text
            assert log.startswith(f"made {i} on {step['server']}\n") and '"version"' in log
        assert step["cpu_seconds"] is not None
    table = two.cli("pipelines", "show", run["id"]).stdout
    assert "SERVER" in table and " two " in table
    again = cli_json(one, "run", "shared")
    assert [step["state"] for step in again["steps"]] == ["cached"] * 7


def test_secrets_timeouts_and_exit_codes_of_the_other_server(start_two, tmp_path, monkeypatch):
    monkeypatch.setenv("SLIPWAY_SECRET_DOOR", "open sesame")
    one, two = start_two(places=1)  # so that the second of two is the other's
    declare(one, tmp_path / "project", [
        {"name": "busy", "run": "until [ -e go ]; do sleep 0.1; done"},
        {"name": "told", "run": "test \"$DOOR\" = 'open sesame' && echo $DOOR $SLIPWAY_SERVER", "secrets": ["DOOR"]},
        {"name": "slow", "run": "sleep 60", "timeout": "1s"},
        {"name": "gate", "run": "exit 3"},
        {"name": "again", "run": "test $SLIPWAY_TRY = 2", "retry": {"times": 1, "after": "1s"}},
    ])
    run = cli_json(one, "run", "shared", "--detach")["id"]
    eventually(lambda: [step["state"] for step in run_of(one, run)["steps"]] == ["running", "succeeded", "failed", "refused", "succeeded"])
    (tmp_path / "project" / "go").touch()
    eventually(lambda: run_of(one, run)["state"] == "failed")
    steps = {step["name"]: step for step in run_of(two, run)["steps"]}
    assert {step["server"] for name, step in steps.items() if name != "busy"} == {"two"} and steps["busy"]["server"] == "one"
    assert requests.get(f"{two.url}/slipway/v1/pipeline-runs/{run}/steps/told/log", timeout=60).text == "*** two\n"
    assert [(steps[n]["state"], steps[n]["exit_code"]) for n in ("told", "slow", "gate", "again")] == [("succeeded", 0), ("failed", None), ("refused", 3), ("succeeded", 0)]
    assert "timeout" in steps["slow"]["reason"] and steps["again"]["tries"] == 2


def test_a_cancel_reaches_the_other_server(start_two, tmp_path):
    one, two = start_two(places=1)
    declare(one, tmp_path / "project", [{"name": n, "run": f"echo $$ > {n}.pid; sleep 600"} for n in ("a", "b")])
    run = begin(one)
    pids = eventually(lambda: [int(f.read_text()) for f in (tmp_path / "project").glob("*.pid") if f.read_text()] if len(list((tmp_path / "project").glob("*.pid"))) == 2 else None)
    two.cli("pipelines", "cancel", run)
    eventually(lambda: run_of(one, run)["state"] == "cancelled")
    assert {step["server"] for step in run_of(one, run)["steps"]} == {"one", "two"}
    for pid in pids:
        eventually(lambda pid=pid: subprocess.run(["kill", "-0", str(pid)], capture_output=True).returncode != 0)


def test_pools_and_resources_hold_over_servers(start_two, tmp_path):
    """What a server has counts for its own steps; a pool counts for all."""
    one, two = start_two("--pipeline-cpus-max", "1")
    folder = tmp_path / "project"
    declare(one, folder, [{"name": f"s{i}", "run": "sleep 4", "resources": {"cpu": 1}} for i in range(4)])
    run = cli_json(one, "run", "shared")
    assert collections.Counter(step["server"] for step in run["steps"]) == {"one": 2, "two": 2}
    steps = [{"name": f"s{i}", "run": "sleep 1", "pool": "licence"} for i in range(3)]
    (folder / "slipway.yaml").write_text(json.dumps({"project": "p", "pools": {"licence": 1}, "pipelines": {"licensed": {"steps": steps}}}))
    two.cli("apply", str(folder / "slipway.yaml"))
    run = cli_json(one, "run", "licensed")
    ends = [(step["started_at"], step["finished_at"]) for step in sorted(run["steps"], key=lambda step: step["started_at"])]
    assert all(before[1] <= after[0] for before, after in zip(ends, ends[1:]))


def test_the_server_that_stands_still_loses_its_steps(start_two, tmp_path):
    """A stopped process can't end what it started: its guard does, before the step begins elsewhere."""
    one, two = start_two(places=1)
    folder = tmp_path / "project"
    # Whoever runs beside another copy of itself says so.
    declare(one, folder, [{"name": n, "run": f"flock -n {n}.lock sh -c 'echo $SLIPWAY_SERVER >> {n}; sleep 8' || echo overlap >> overlaps"} for n in ("a", "b")])
    run = begin(one)
    eventually(lambda: (folder / "a").exists() and (folder / "b").exists())
    victim = next(step["name"] for step in run_of(one, run)["steps"] if step["server"] == "two")
    two.process.send_signal(signal.SIGSTOP)
    try:
        eventually(lambda: run_of(one, run)["state"] == "succeeded")
    finally:
        two.process.send_signal(signal.SIGCONT)
    step = next(step for step in run_of(one, run)["steps"] if step["name"] == victim)
    assert (folder / victim).read_text() == "two\none\n" and step["tries"] == 1 and step["server"] == "one"
    assert [earlier["reason"] for earlier in step["earlier_tries"]] == ["it was lost with its server two"]
    assert not (folder / "overlaps").exists()
    eventually(lambda: len(known(two)) == 2)  # it is back
    eventually(lambda: (folder / victim).read_text() == "two\none\n" and not leads(two))


def test_kills_lose_and_double_no_step(start_two, postgres, tmp_path):
    """Either server is killed at random under load: each step succeeds once, and no two of its tries ever run side by side."""
    seed = random.randrange(1 << 30)
    dice = random.Random(seed)
    print("seed", seed)
    servers = start_two("--pipeline-workers", "4")
    folder = tmp_path / "project"
    steps = [{"name": f"s{i}", "run": f"flock -n s{i}.lock sh -c 'sleep {0.3 + dice.random():.2f}; echo s{i} >> lines' || echo s{i} >> overlaps", **({"after": [f"s{i - 10}"]} if i >= 10 else {})} for i in range(50)]
    declare(servers[0], folder, steps)
    run = begin(servers[0])
    kills = 0

    deadline = time.monotonic() + 480
    while state_of(servers, run) in ("queued", "running", "?"):
        assert time.monotonic() < deadline, "the run never ends"
        time.sleep(dice.uniform(0.5, 3))
        victim = dice.choice(servers)
        victim.kill()
        kills += 1
        if dice.random() < 0.5:
            time.sleep(dice.uniform(0, 1.5 * LEASE))  # the others hear of it by its silence
        victim.start()
        # Both must be able to do something before the next.
        lines = text_of(folder / "lines").count("\n")
        eventually(lambda: state_of(servers, run) not in ("queued", "running", "?") or text_of(folder / "lines").count("\n") > lines)
    done = eventually(lambda: found(servers, run))
    assert done["state"] == "succeeded", [(s["name"], s["state"], s["reason"]) for s in done["steps"] if s["state"] != "succeeded"]
    assert kills >= 2
    assert not (folder / "overlaps").exists(), (folder / "overlaps").read_text()
    lines = collections.Counter((folder / "lines").read_text().split())
    assert set(lines) == {f"s{i}" for i in range(50)}
    # Who is killed between a step's last line and its record lets it run again: no more lines than tries.
    for step in done["steps"]:
        assert lines[step["name"]] <= 1 + len(step["earlier_tries"])
    schema = f"test_{postgres.schemas}"
    succeeded = psql(postgres, f"SELECT count(*), count(DISTINCT subject) FROM {schema}.events WHERE kind = 'pipeline.step.succeeded'")
    assert succeeded == "50|50"
    eventually(lambda: psql(postgres, f"SELECT count(*) FROM {schema}.pipeline_tasks") == "0")
    eventually(lambda: "intact" in servers[0].cli("events", "verify", check=False).stdout)


def test_a_step_goes_on_while_the_leader_is_replaced(start_server, postgres, tmp_path):
    """What runs on a third server doesn't notice."""
    flags = [*postgres.fresh(), "--run-steps", "--pipelines-folder", str(tmp_path / "shared"), "--server-lease-seconds", "12", "--pipeline-steps-max", "1"]
    one, two, three = [start_server(name, *flags, "--server-name", name) for name in ("one", "two", "three")]
    eventually(lambda: len(known(one)) == 3)
    folder = tmp_path / "project"
    declare(one, folder, [{"name": n, "run": f"echo $SLIPWAY_SERVER >> {n}; sleep 14; echo end >> {n}"} for n in ("a", "b", "c")])
    run = begin(one)
    eventually(lambda: all((folder / n).exists() for n in "abc"))
    on = {step["server"]: step["name"] for step in run_of(one, run)["steps"]}
    one.kill()
    leader = eventually(lambda: next((s for s in (two, three) if leads(s)), None))
    other = "three" if leader is two else "two"
    eventually(lambda: state_of([leader], run) == "succeeded")
    assert (folder / on[other]).read_text() == f"{other}\nend\n"


def test_a_server_that_goes_costs_its_steps_one_try(start_two, tmp_path):
    """Its steps were lost ten times within seconds, because they were given to the server that had gone until the leader's next beat."""
    one, two = start_two(places=1, lease=60)
    folder = tmp_path / "project"
    declare(one, folder, [{"name": n, "run": f"echo $SLIPWAY_SERVER >> {n}; until [ -e go ]; do sleep 0.1; done"} for n in ("a", "b")])
    run = begin(one)
    eventually(lambda: text_of(folder / "a") == "one\n" and text_of(folder / "b") == "two\n")
    for times, how in enumerate((signal.SIGTERM, signal.SIGKILL, signal.SIGKILL), start=2):
        two.stop(how)
        two.start()
        eventually(lambda times=times: text_of(folder / "b") == "two\n" * times)
    (folder / "go").touch()
    eventually(lambda: run_of(one, run)["state"] == "succeeded")
    a, b = run_of(one, run)["steps"]
    assert b["tries"] == 1 and [earlier["reason"] for earlier in b["earlier_tries"]] == ["it was lost with its server two"] * 3
    assert a["tries"] == 1 and a["earlier_tries"] == []


@pytest.mark.parametrize("shared", [False, True])
def test_runs_go_on_when_the_database_is_back(start_server, start_two, postgres, tmp_path, shared):
    """What ends meanwhile is kept, what comes after it begins then. Who leads afterwards may be another one, which begins anew what ran on it."""
    servers = start_two(places=1, lease=60) if shared else [start_server("one", *postgres.fresh())]
    folder = tmp_path / "project"
    steps = [{"name": n, "run": f"echo begin {n} >> lines; until [ -e go ]; do sleep 0.1; done; echo end {n} >> lines"} for n in "ab"[: len(servers)]]
    declare(servers[0], folder, [*steps, {"name": "z", "run": "echo z >> lines", "after": [step["name"] for step in steps]}])
    run = begin(servers[0])
    eventually(lambda: text_of(folder / "lines").count("begin") == len(steps))
    postgres.stop()
    try:
        (folder / "go").touch()
        eventually(lambda: text_of(folder / "lines").count("end") == len(steps))
        eventually(lambda: "runs wait: " in servers[0].log.read_text())
    finally:
        postgres.start()
    eventually(lambda: state_of(servers, run) not in ("queued", "running", "?"))
    done = eventually(lambda: found(servers, run))
    assert done["state"] == "succeeded", done
    assert {earlier["reason"][:23] for step in done["steps"] for earlier in step["earlier_tries"]} <= {"it was lost with its se"}
    if not shared:
        assert text_of(folder / "lines") == "begin a\nend a\nz\n" and [step["tries"] for step in done["steps"]] == [1, 1]
    assert text_of(folder / "lines").count("z\n") == 1


def test_a_leader_without_run_steps_follows_those_of_others(start_server, postgres, tmp_path):
    """It began them anew, beside those that still ran."""
    flags = [*postgres.fresh(), "--pipelines-folder", str(tmp_path / "shared"), "--server-lease-seconds", "60", "--pipeline-steps-max", "1"]
    one, two = [start_server(name, *flags, "--run-steps", "--server-name", name) for name in ("one", "two")]
    three = start_server("three", *flags, "--server-name", "three")
    eventually(lambda: len(known(one)) == 3)
    folder = tmp_path / "project"
    declare(one, folder, [{"name": n, "run": f"echo begin >> {n}; until [ -e go ]; do sleep 0.1; done; echo end >> {n}"} for n in ("a", "b")])
    run = begin(one)
    eventually(lambda: text_of(folder / "a") and text_of(folder / "b"))
    assert [step["server"] for step in run_of(one, run)["steps"]] == ["one", "two"]
    two.process.send_signal(signal.SIGSTOP)  # so that it isn't the next to lead
    try:
        one.stop()
        eventually(lambda: leads(three))
    finally:
        two.process.send_signal(signal.SIGCONT)
    eventually(lambda: text_of(folder / "a") == "begin\nbegin\n")
    (folder / "go").touch()
    eventually(lambda: state_of([three], run) == "succeeded")
    assert text_of(folder / "b") == "begin\nend\n"


def test_steps_stay_signed_in_while_another_server_takes_the_lead(start_server, postgres, tmp_path, monkeypatch):
    """The next leader knew their tokens only once it had taken up their run."""
    monkeypatch.setenv("SLIPWAY_ADMIN_PASSWORD", ADMIN[1])
    flags = [*postgres.fresh(), "--run-steps", "--pipelines-folder", str(tmp_path / "shared"), "--server-lease-seconds", "20", "--pipeline-steps-max", "1", "--app-name", "basic-auth", "--host", "127.0.0.1"]
    servers = {name: start_server(name, *flags, "--server-name", name) for name in ("one", "two", "three")}

    def ask(server, path, **body):
        reply = requests.request("POST" if body else "GET", f"{server.url}/slipway/v1/{path}", json=body or None, auth=ADMIN, timeout=20)
        reply.raise_for_status()
        return reply.json()

    def leader():
        try:
            return next((s["name"] for s in ask(servers["two"], "servers")["servers"] if s["leads"] and s["name"] != "one"), None)
        except requests.RequestException:  # it is starting again
            return None

    def state(server):
        try:
            return ask(server, f"pipeline-runs/{run}")["state"]
        except requests.RequestException:  # nobody leads yet
            return None

    eventually(lambda: len(ask(servers["one"], "servers")["servers"]) == 3)
    folder = tmp_path / "project"
    folder.mkdir()
    call = "curl -s -o /dev/null -w '%{{http_code}}\\n' -H \"Authorization: Bearer $SLIPWAY_TOKEN\" $SLIPWAY_URL/slipway/v1/endpoints >> codes-$SLIPWAY_SERVER"
    steps = [{"name": n, "run": f"echo $SLIPWAY_SERVER has $SLIPWAY_TOKEN; until [ -e go ]; do {call}; sleep 0.05; done"} for n in "abc"]
    ask(servers["one"], "pipelines", dir=str(folder), yaml=json.dumps({"pipelines": {"shared": {"steps": steps}}}))
    run = ask(servers["one"], "pipelines/shared/runs", actor="x")["id"]
    eventually(lambda: all("200" in text_of(folder / f"codes-{name}") for name in servers))
    servers["one"].kill()
    third = {"two": "three", "three": "two"}[eventually(leader)]
    codes = folder / f"codes-{third}"
    eventually(lambda: text_of(codes).rstrip().endswith("200") and "503" in text_of(codes) or text_of(codes).split()[-50:] == ["200"] * 50)
    eventually(lambda: state(servers[third]) == "running")
    assert "401" not in text_of(codes).split()
    (folder / "go").touch()
    eventually(lambda: state(servers[third]) == "succeeded")
    assert "401" not in text_of(codes).split()
    for name in "abc":
        log = requests.get(f"{servers[third].url}/slipway/v1/pipeline-runs/{run}/steps/{name}/log", auth=ADMIN, timeout=20).text
        assert log and all(line.endswith(" has ***") for line in log.splitlines()), log


def test_of_two_with_one_name_the_one_started_last_stays(start_server, postgres, tmp_path):
    """Both came back in turn, and each took the other's steps for its own."""
    flags = [*postgres.fresh(), "--run-steps", "--pipelines-folder", str(tmp_path / "shared"), "--server-lease-seconds", str(LEASE), "--pipeline-steps-max", "1"]
    one, two = [start_server(name, *flags, "--server-name", name) for name in ("one", "two")]
    eventually(lambda: len(known(one)) == 2)
    folder = tmp_path / "project"
    declare(one, folder, [{"name": n, "run": f"echo begin >> {n}; until [ -e go ]; do sleep 0.1; done; echo end >> {n}"} for n in ("a", "b")])
    run = begin(one)
    eventually(lambda: text_of(folder / "a") and text_of(folder / "b"))
    twin = start_server("twin", *flags, "--server-name", "two")
    eventually(lambda: "has this one's name" in two.log.read_text())
    eventually(lambda: text_of(folder / "b") == "begin\nbegin\n")
    (folder / "go").touch()
    eventually(lambda: run_of(one, run)["state"] == "succeeded")
    assert text_of(folder / "a") == "begin\nend\n" and text_of(folder / "b") == "begin\nbegin\nend\n"
    assert {s["name"]: s["url"] for s in eventually(lambda: known(one))} == {"one": one.url, "two": twin.url}


def test_the_guard_is_that_of_the_program_that_runs(start_server, postgres, tmp_path, monkeypatch):
    """After an upgrade, which puts another program at its path, there was none."""
    for program in ("slipway", "slipway-engine"):
        shutil.copy(BINARY.parent / program, tmp_path)
    monkeypatch.setattr(conftest, "BINARY", tmp_path / "slipway")
    server = start_server("one", *postgres.fresh(), "--run-steps", "--pipelines-folder", str(tmp_path / "shared"), "--server-lease-seconds", str(LEASE))

    def guard():
        for file in pathlib.Path(f"/proc/{server.process.pid}/task").glob("*/children"):
            children = []
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # the thread has ended since
                children = file.read_text().split()
            for pid in children:
                with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended since
                    if b"step-guard" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
                        return int(pid)
        return None

    first = eventually(guard)
    (tmp_path / "slipway-engine").unlink()
    os.kill(first, signal.SIGKILL)
    assert eventually(lambda: (pid := guard()) != first and pid)


def test_the_guard_looks_again_until_it_is_fed(tmp_path):
    """What was just being started lived for another two thirds of the lease."""
    name, value = "SLIPWAY_PROCESS_OF_SERVER", f"test#{uuid.uuid4().hex}"
    marked = {"env": {**os.environ, name: value}, "cwd": tmp_path}
    guard = subprocess.Popen([BINARY, "step-guard", f"{name}={value}", "4"], stdin=subprocess.PIPE)
    try:
        assert subprocess.Popen(["sleep", "600"], **marked).wait(timeout=60) == -signal.SIGKILL
        assert subprocess.Popen(["sh", "-c", "sleep 20; touch survived"], **marked).wait(timeout=60) == -signal.SIGKILL
        assert not (tmp_path / "survived").exists()
        guard.stdin.write(b".")
        guard.stdin.flush()
        eventually(lambda: subprocess.Popen(["true"], **marked).wait(timeout=60) == 0)
    finally:
        guard.stdin.close()
        guard.wait(timeout=60)


def test_what_is_missing_is_said(postgres, tmp_path, start_server):
    def refused(*flags: str) -> str:
        done = subprocess.run([BINARY, "server", "--port", str(free_port()), "--grpc-port", "0", "--data", str(tmp_path / "refused"), "--run-steps", *flags], capture_output=True, text=True, timeout=90)
        assert done.returncode != 0
        return done.stderr

    assert "--database" in refused("--pipelines-folder", str(tmp_path / "f"))
    flags = postgres.fresh()
    assert "--pipelines-folder" in refused(*flags)
    start_server("one", *flags, "--run-steps", "--pipelines-folder", str(tmp_path / "shared"), "--server-name", "one")
    said = refused(*flags, "--pipelines-folder", str(tmp_path / "another"), "--server-name", "two")
    assert "it is not the folder of the other servers" in said and "server=one" in said
