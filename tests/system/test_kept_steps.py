"""Steps of one server over a `kill -9` of it: followed to their end, which is taken; run again only when nobody has seen it."""
import json
import os
import pathlib
import random
import signal
import subprocess
import time

import pytest
import requests
from conftest import BINARY, Server, eventually

ADMIN = ("admin", "a long enough password")


def declare(server, folder, steps, **asked):
    folder.mkdir(exist_ok=True)
    body = {"dir": str(folder), "yaml": json.dumps({"pipelines": {"p": {"steps": steps}}})}
    requests.post(f"{server.url}/slipway/v1/pipelines", json=body, **asked).raise_for_status()
    reply = requests.post(f"{server.url}/slipway/v1/pipelines/p/runs", json={"actor": "x"}, **asked)
    reply.raise_for_status()
    return reply.json()["id"]


def run_of(server, run, **asked):
    return requests.get(f"{server.url}/slipway/v1/pipeline-runs/{run}", timeout=20, **asked).json()


def end_of(server, run):
    eventually(lambda: run_of(server, run)["finished_at"])
    return run_of(server, run)


def text_of(file):
    return file.read_text() if file.exists() else ""


def processes(mark):
    """Ids of those with this in their environment: of the steps of one test."""
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:
            pass
    return found


def keeper_of(server, run, step):
    """The process that keeps a step, as its notes say."""
    return json.loads((server.data_dir / "pipelines" / run / f"{step}.try").read_bytes().split(b"\n")[0])["pid"]


def is_alive(process):
    try:
        return "Z" not in pathlib.Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False


@pytest.fixture
def killed(server, tmp_path):
    """killed(steps, meanwhile, until) -> the run at its end: the server is killed when `until` has come, and started again after `meanwhile`."""
    def play(steps, meanwhile=lambda run: None, until=lambda folder: (folder / "begun").exists()):
        folder = tmp_path / "project"
        run = declare(server, folder, steps)
        eventually(lambda: until(folder))
        server.kill()
        meanwhile(run)
        server.start()
        return end_of(server, run)
    return play


@pytest.fixture
def waiting(server, tmp_path):
    """waiting(steps, *flags) -> `slipway run` of them, once the first has begun."""
    def play(steps, *flags):
        folder = tmp_path / "project"
        folder.mkdir()
        (folder / "slipway.yaml").write_text(json.dumps({"project": "waiting", "pipelines": {"waited": {"steps": steps}}}))
        server.cli("apply", str(folder / "slipway.yaml"))
        command = subprocess.Popen([BINARY, "--url", server.url, "--json", "run", "waited", *flags], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(command)
        eventually(lambda: (folder / "begun").exists())
        return command
    started = []
    yield play
    for command in started:
        command.kill()
        command.communicate()


def test_the_command_that_waits_for_a_run_waits_for_its_server(waiting, server, tmp_path):
    """It gave up when its server was killed, and nobody heard how the run ended."""
    folder = tmp_path / "project"
    command = waiting([{"name": "a", "run": "echo try >> begun; until [ -e go ]; do sleep 0.05; done"}, {"name": "b", "after": ["a"], "run": "exit 3"}])
    for _ in range(2):
        server.kill()
        time.sleep(1)
        assert command.poll() is None
        server.start()
        time.sleep(1)
    (folder / "go").touch()
    out, said = command.communicate(timeout=60)
    run = json.loads(out)
    assert command.returncode == 3 and run["state"] == "refused" and text_of(folder / "begun") == "try\n"
    assert requests.get(f"{server.url}/slipway/v1/pipelines/waited/runs").json()["runs"][0]["id"] == run["id"]
    lines = [line for line in said.splitlines() if line.startswith("slipway: the server is ")]
    assert len(lines) == 4 and all("away (" in line and "waiting up to 60 s" in line for line in lines[::2]), said
    assert all("back after " in line for line in lines[1::2]), said
    assert said.count("succeeded") == 1, "what was told before isn't told again"


@pytest.mark.parametrize("seconds", ["0", "1.5"])
def test_the_command_gives_up_as_it_was_told(waiting, server, tmp_path, seconds):
    command = waiting([{"name": "a", "run": "touch begun; until [ -e go ]; do sleep 0.05; done"}], "--reconnect-seconds", seconds)
    server.kill()
    killed = time.monotonic()
    _, said = command.communicate(timeout=60)
    assert command.returncode == 5 and "may go on: `slipway pipelines show " in said and time.monotonic() - killed >= float(seconds) - 0.3
    assert ("waiting up to 1.5 s" in said) == (seconds != "0")
    (tmp_path / "project" / "go").touch()
    server.start()
    run = requests.get(f"{server.url}/slipway/v1/pipelines/waited/runs").json()["runs"][0]["id"]
    assert end_of(server, run)["state"] == "succeeded"


def test_random_kills_neither_lose_nor_double_a_step(server, tmp_path):
    """Of 40 steps four were run twice: what ran when the server was killed was ended, or ended unseen, and begun again."""
    folder, seed = tmp_path / "project", random.randrange(1 << 30)
    chance = random.Random(seed)
    print(f"seed {seed}")
    steps = [{"name": f"s{i}", "outputs": ["made"], "run": f"echo begin s{i} >> said; sleep {chance.uniform(0.2, 1):.2f}; echo s{i} > {{out}}/made; echo end s{i} >> said"} for i in range(40)]
    steps.append({"name": "last", "after": [f"s{i}" for i in range(40)], "run": "echo begin last >> said; echo end last >> said"})
    run = declare(server, folder, steps)
    kills = 0
    while True:
        time.sleep(chance.uniform(0, 0.8))
        if run_of(server, run)["finished_at"]:
            break
        server.kill()
        kills += 1
        time.sleep(chance.uniform(0, 0.6))
        server.start()
    ended = run_of(server, run)
    names = [f"s{i}" for i in range(40)] + ["last"]
    assert kills > 5 and [step["state"] for step in ended["steps"]] == ["succeeded"] * 41
    assert sorted((folder / "said").read_text().splitlines()) == sorted(f"{word} {name}" for word in ("begin", "end") for name in names)
    assert all(step["tries"] == 1 for step in ended["steps"])
    assert all((server.data_dir / "pipelines" / run / f"s{i}" / "made").read_text() == f"s{i}\n" for i in range(40))


def test_what_ended_while_the_server_was_away_is_taken(killed, server, tmp_path, monkeypatch):
    """Its outputs, its exit code, its time, and its log with the secrets masked by who outlived the server."""
    monkeypatch.setenv("SLIPWAY_SECRET_KEY", "hush-hush-hush")
    server.stop()
    server.start()
    went = {}

    def meanwhile(run):
        eventually(lambda: (tmp_path / "project" / "ended").exists())
        time.sleep(4)
        went["back"] = time.time()

    run = killed([
        {"name": "good", "outputs": ["made"], "secrets": ["KEY"], "run": "echo try >> tries; touch begun; sleep 1; echo $KEY is late; echo 7 > {out}/made; sleep 0.2; touch ended"},
        {"name": "no", "run": "echo no >> tries; sleep 0.7; exit 3"},
        {"name": "next", "run": "cat {good}/made"}], meanwhile, lambda folder: text_of(folder / "tries").count("\n") == 2)
    good, no, after = run["steps"]
    assert (good["state"], no["state"], after["state"]) == ("succeeded", "refused", "succeeded")
    assert sorted(text_of(tmp_path / "project" / "tries").split()) == ["no", "try"]
    logs = {step["name"]: server.cli("pipelines", "log", run["id"], step["name"]).stdout for step in run["steps"] if step["name"] != "no"}
    assert logs == {"good": "*** is late\n", "next": "7\n"}
    ended = subprocess.run(["date", "+%s", "-d", good["finished_at"]], capture_output=True, text=True, check=True)
    assert int(ended.stdout) < went["back"] - 1


def test_a_timeout_holds_while_the_server_is_away(killed, tmp_path):
    def meanwhile(_):
        eventually(lambda: not processes(str(tmp_path / "data")), seconds=60)

    run = killed([{"name": "slow", "timeout": "1s", "run": "echo try >> begun; sleep 100"}], meanwhile)
    assert run["steps"][0]["state"] == "failed" and run["steps"][0]["reason"] == "it took longer than its timeout"
    assert text_of(tmp_path / "project" / "begun") == "try\n"


def test_a_step_whose_group_is_killed_meanwhile_has_failed(killed, tmp_path):
    def meanwhile(_):
        os.killpg(int(text_of(tmp_path / "project" / "begun")), signal.SIGKILL)

    run = killed([{"name": "a", "run": "echo $$ > begun; sleep 100"}], meanwhile, lambda folder: text_of(folder / "begun").endswith("\n"))
    assert run["steps"][0]["reason"] == "exit code 137 (SIGKILL): see the step's log"


@pytest.mark.parametrize("all_of_it", [True, False], ids=["as a reboot does", "its keeper alone"])
def test_what_is_gone_without_a_word_is_run_again_and_told(killed, server, tmp_path, all_of_it):
    """And what is left of it is ended first; a process that has the keeper's number by now is none of ours."""
    bystander = subprocess.Popen(["sleep", "100"])
    left = []

    def meanwhile(run):
        notes = server.data_dir / "pipelines" / run / "a.try"
        keeper = keeper_of(server, run, "a")
        left.extend(processes(f"SLIPWAY_OUT={server.data_dir}"))
        for process in [keeper, *(left if all_of_it else [])]:
            os.kill(process, signal.SIGKILL)
        eventually(lambda: not is_alive(keeper))
        notes.write_bytes(notes.read_bytes().replace(f'"pid":{keeper}'.encode(), f'"pid":{bystander.pid}'.encode()))

    try:
        run = killed([{"name": "a", "run": "echo try $SLIPWAY_TRY >> begun; [ $(wc -l < begun) = 2 ] || sleep 100"}], meanwhile)
        assert bystander.poll() is None and left and not any(is_alive(process) for process in left)
    finally:
        bystander.kill()
        bystander.wait()
    step = run["steps"][0]
    assert step["state"] == "succeeded" and step["tries"] == 1 and text_of(tmp_path / "project" / "begun") == "try 1\ntry 1\n"
    assert [earlier["reason"] for earlier in step["earlier_tries"]] == ["it was lost: its process is gone and nobody saw how it ended"]


def test_a_keeper_that_is_killed_beside_its_server_costs_one_try(server, tmp_path):
    folder = tmp_path / "project"
    run = declare(server, folder, [{"name": "a", "run": "echo $$ >> begun; [ $(wc -l < begun) = 2 ] || sleep 100"}])
    eventually(lambda: text_of(folder / "begun").endswith("\n"))
    os.kill(keeper_of(server, run, "a"), signal.SIGKILL)
    step = end_of(server, run)["steps"][0]
    assert step["state"] == "succeeded" and len(step["earlier_tries"]) == 1
    assert not is_alive(int(text_of(folder / "begun").split()[0]))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_keeper_that_is_done_keeps_the_next_step(server, tmp_path, number):
    """One that is gone meanwhile, or was told to end when it kept nothing, costs the next step nothing."""
    steps = [{"name": "a", "run": "echo $PPID > a"}, {"name": "b", "after": ["a"], "run": "echo $PPID > b"}]
    folder = tmp_path / "project"
    end_of(server, declare(server, folder, steps))
    keeper = int(text_of(folder / "a"))
    assert int(text_of(folder / "b")) == keeper and is_alive(keeper)
    os.kill(keeper, number)
    if number == signal.SIGKILL:
        eventually(lambda: not is_alive(keeper))
    again = end_of(server, declare(server, folder, steps))
    assert [(step["state"], step["tries"], step["earlier_tries"]) for step in again["steps"]] == [("succeeded", 1, [])] * 2
    keeper = int(text_of(folder / "b"))
    server.stop()
    eventually(lambda: not is_alive(keeper))


def test_a_followed_step_is_cancelled(server, tmp_path):
    folder = tmp_path / "project"
    run = declare(server, folder, [{"name": "a", "run": "trap 'echo told >> told; exit 1' TERM; touch begun; while :; do sleep 0.1; done"}])
    eventually(lambda: (folder / "begun").exists())
    server.kill()
    server.start()
    requests.post(f"{server.url}/slipway/v1/pipeline-runs/{run}/cancel", json={"actor": "x"}).raise_for_status()
    ended = end_of(server, run)
    assert ended["state"] == "cancelled" and text_of(folder / "told") == "told\n"
    eventually(lambda: not processes(f"SLIPWAY_OUT={server.data_dir}"))


def test_a_server_that_is_stopped_leaves_nothing_and_begins_again(server, tmp_path):
    folder = tmp_path / "project"
    run = declare(server, folder, [{"name": "a", "run": "echo try >> begun; [ $(wc -l < begun) = 2 ] || sleep 100"}])
    eventually(lambda: text_of(folder / "begun").endswith("\n"))
    server.stop()
    eventually(lambda: not processes(f"SLIPWAY_OUT={server.data_dir}"), seconds=60)
    server.start()
    step = end_of(server, run)["steps"][0]
    assert step["state"] == "succeeded" and step["tries"] == 1
    assert [earlier["reason"] for earlier in step["earlier_tries"]] == ["it was ended with its server"]


def test_steps_that_are_left_go_on_over_a_stop(start_server, tmp_path):
    server = start_server("left", "--leave-steps")
    folder = tmp_path / "project"
    run = declare(server, folder, [{"name": "a", "outputs": ["made"], "run": "echo try >> begun; until [ -e go ]; do sleep 0.05; done; echo 7 > {out}/made"},
                                   {"name": "b", "after": ["a"], "run": "cat {a}/made"}])
    eventually(lambda: (folder / "begun").exists())
    for _ in range(2):
        server.stop()
        server.start()
    (folder / "go").touch()
    ended = end_of(server, run)
    assert [(step["state"], step["tries"], step["earlier_tries"]) for step in ended["steps"]] == [("succeeded", 1, [])] * 2
    assert text_of(folder / "begun") == "try\n" and server.cli("pipelines", "log", run, "b").stdout == "7\n"


def test_a_followed_step_stays_signed_in(start_server, tmp_path, monkeypatch):
    """With what it was lent, as long as it runs and no longer."""
    monkeypatch.setenv("SLIPWAY_ADMIN_PASSWORD", ADMIN[1])
    server = start_server("login", "--app-name", "basic-auth", "--host", "127.0.0.1")
    folder = tmp_path / "project"
    call = "curl -s -o /dev/null -w '%{{http_code}}\\n' -H \"Authorization: Bearer $SLIPWAY_TOKEN\" $SLIPWAY_URL/slipway/v1/endpoints"
    run = declare(server, folder, [{"name": "a", "run": f"echo $SLIPWAY_TOKEN > token; echo told $SLIPWAY_TOKEN; until [ -e go ]; do {call} >> codes; sleep 0.05; done"}], auth=ADMIN)
    eventually(lambda: "200" in text_of(folder / "codes"))
    server.kill()
    server.start()
    seen = len(text_of(folder / "codes").split())
    eventually(lambda: len(text_of(folder / "codes").split()) > seen + 10)
    (folder / "go").touch()
    eventually(lambda: run_of(server, run, auth=ADMIN)["state"] == "succeeded")
    assert set(text_of(folder / "codes").split()) <= {"200", "000", "503"} and text_of(folder / "codes").split()[-1] == "200"
    told = requests.get(f"{server.url}/slipway/v1/pipeline-runs/{run}/steps/a/log", auth=ADMIN)
    assert told.text == "told ***\n"
    late = {"Authorization": "Bearer " + text_of(folder / "token").strip()}
    eventually(lambda: requests.get(f"{server.url}/slipway/v1/endpoints", headers=late).status_code == 401)


def test_steps_on_record_leave_no_notes(server, tmp_path):
    """Each left a file of 8 KiB beside its log for good; the next step takes it over, and the last ones go with their server."""
    def notes():
        return sorted(file.name for file in server.data_dir.glob("pipelines/*/*.try"))

    steps = [{"name": f"s{i}", "run": "true", "after": [f"s{i - 1}"] if i else []} for i in range(8)]
    assert end_of(server, declare(server, tmp_path / "project", steps))["state"] == "succeeded" and notes() == ["s7.try"]
    run = end_of(server, declare(server, tmp_path / "project", [*steps, {"name": "bad", "run": "exit 1"}]))
    assert run["state"] == "failed" and len(notes()) <= 2  # as many as ran side by side
    server.stop()
    assert notes() == []
