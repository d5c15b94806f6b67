"""Secrets of pipeline steps: from the server's environment or files, given to the steps that name them, and nowhere to be read afterwards."""
import json
import subprocess
import sys
import time

import pytest
import requests
from conftest import BINARY, ROOT, Server

sys.path.insert(0, str(ROOT / "python"))
import slipway as sw  # noqa: E402

VALUE, OF_A_FILE = "correct-horse-battery-staple", "of-a-file-7f3a91"
SPLIT = 'printf correct-horse-; sleep 0.1; printf "battery-staple\\n"; echo "$STORE_KEY" >&2'
STEPS = f"""\
project: secrets
pipelines:
  uses:
    params: {{rows: 1}}
    steps:
      - {{name: told, run: 'test "$STORE_KEY" = {VALUE[:7]}-horse-battery"-"staple && {SPLIT}; echo key $STORE_KEY and $TOKEN {{rows}} > {{out}}/n; wc -c < {{out}}/n > {{out}}/m; rm {{out}}/n',
         outputs: [m], secrets: [STORE_KEY, TOKEN]}}
      - {{name: not-told, run: 'echo "<$STORE_KEY$TOKEN>"; env; tr "\\0" "\\n" < /proc/$PPID/environ; cat {{told}}/m'}}
  lacks:
    steps:
      - {{name: here, run: 'true'}}
      - {{name: uses, run: 'echo never', secrets: [NOBODY_HAS_IT], after: [here]}}
  fails:
    steps:
      - {{name: loud, run: 'set -x; curl --silent "http://127.0.0.1:1/?key=$STORE_KEY"; false', secrets: [STORE_KEY], retry: {{times: 1, after: 10ms}}}}
  passes-on:
    steps:
      - {{name: writes, run: 'printf %s "$HARD" > {{out}}/t.txt', outputs: [t.txt], secrets: [HARD]}}
      - {{name: reads, run: 'python3 forms.py {{writes}}/t.txt; echo "<$HARD>"'}}
      - {{name: each, run: 'cat {{writes}}/t.txt', each: [a, b]}}
  waits:
    steps:
      - {{name: half, run: 'printf "key: correct-horse-b"; until test -f go; do sleep 0.02; done; printf "attery-staple.\\n"', secrets: [STORE_KEY]}}
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    folder, secrets = tmp_path / "project", tmp_path / "secrets"
    for each in (folder, secrets):
        each.mkdir()
    (secrets / "TOKEN").write_text(OF_A_FILE + "\n")
    (secrets / "TOKEN").chmod(0o600)
    (folder / "slipway.yaml").write_text(STEPS)
    monkeypatch.setenv("SLIPWAY_SECRET_STORE_KEY", VALUE)
    server = Server(tmp_path / "data", "--secrets-dir", str(secrets))
    monkeypatch.delenv("SLIPWAY_SECRET_STORE_KEY")  # steps must not have it from us
    server.folder, server.secrets = folder, secrets
    yield server
    server.stop()


def run(project, pipeline, *flags):
    return json.loads(subprocess.run([BINARY, "--url", project.url, "--json", "run", pipeline, *flags], capture_output=True, text=True).stdout)


def log(project, run, step):
    return project.cli("pipelines", "log", run["id"], step).stdout


def nowhere(project):
    """Neither value is in any file of the server, its log, or what it says of anything."""
    files = [path for path in [project.log, *project.data_dir.rglob("*")] if path.is_file()]
    assert any(path.name == "slipway.db" for path in files) and any(path.suffix == ".log" for path in files)
    for path in files:
        try:
            content = path.read_bytes()
        except FileNotFoundError:  # it was one for a moment
            continue
        assert VALUE.encode() not in content and OF_A_FILE.encode() not in content, path
    for path in ("events?limit=1000", "pipelines", "overview"):
        reply = requests.get(f"{project.url}/slipway/v1/{path}", timeout=30)
        assert reply.ok and VALUE not in reply.text and OF_A_FILE not in reply.text


def test_a_secret_is_in_the_steps_that_name_it_and_nowhere_else(project):
    applied = project.cli("apply", str(project.folder / "slipway.yaml"))
    assert "warning: pipeline lacks, step uses: the server knows no such secret: secret=NOBODY_HAS_IT" in applied.stderr
    assert "STORE_KEY" not in applied.stderr and "TOKEN" not in applied.stderr
    good = run(project, "uses")
    assert good["state"] == "succeeded"
    assert log(project, good, "told") == "***\n***\n"  # also when it comes in two writes
    told = log(project, good, "not-told")
    assert told.startswith("<>\n") and "SLIPWAY_STEP=not-told" in told and f"{len(f'key {VALUE} and {OF_A_FILE} 1') + 1}\n" in told
    assert "SLIPWAY_SECRET_STORE_KEY=" + VALUE not in told
    # A new value is no reason to run again, and counts from the next step on.
    (project.secrets / "TOKEN").write_text("another-one")
    assert run(project, "uses")["steps"][0]["state"] == "cached"
    again = run(project, "uses", "--param", "rows=2")
    assert again["steps"][0]["state"] == "succeeded"
    assert f"{len(f'key {VALUE} and another-one 2') + 1}\n" in log(project, again, "not-told")
    loud = run(project, "fails")
    assert loud["state"] == "failed" and loud["steps"][0]["tries"] == 2 and loud["reason"] == "step loud: exit code 1: see the step's log"
    assert log(project, loud, "loud").count("?key=***") == 2
    nowhere(project)
    project.kill()  # and what a kill leaves
    nowhere_on_disk = [path for path in project.data_dir.rglob("*") if path.is_file() and VALUE.encode() in path.read_bytes()]
    assert nowhere_on_disk == []


HARD = 'my"quoted$ecret\\x'
FORMS = """\
import base64, json, sys, urllib.parse
value = open(sys.argv[1]).read()
data = value.encode()
for form in (value, json.dumps({"key": value}), repr([value]), urllib.parse.quote(value), urllib.parse.urlencode({"q": value}), base64.b64encode(data).decode(),
             base64.b64encode(b"user:" + data).decode(), base64.urlsafe_b64encode(b"a:" + data + b":z").decode()):
    print(form)
"""


def test_a_secret_is_masked_in_every_step_of_its_pipeline_and_as_programs_write_it(project):
    (project.secrets / "HARD").write_text(HARD)
    (project.secrets / "HARD").chmod(0o600)
    (project.folder / "forms.py").write_text(FORMS)
    project.cli("apply", str(project.folder / "slipway.yaml"))
    done = run(project, "passes-on")
    assert done["state"] == "succeeded"
    told = log(project, done, "reads").splitlines()
    assert told[:6] == ["***", '{"key": "***"}', "['***']", "***", "q=***", "***"]
    assert told[6].startswith("dXNlc") and "***" in told[6] and len(told[6]) <= 13 and "***" in told[7] and len(told[7]) <= 9
    assert told[8] == "<>"  # masked, not given
    assert [log(project, done, name) for name in ("each[0]", "each[1]")] == ["***", "***"]


def test_a_missing_secret_fails_its_step_and_says_so(project):
    project.cli("apply", str(project.folder / "slipway.yaml"))
    explained = json.loads(project.cli("--json", "run", "lacks", "--explain").stdout)["steps"]
    assert [step["verdict"] for step in explained] == ["runs", "fails"] and "SLIPWAY_SECRET_NOBODY_HAS_IT" in explained[1]["why"]
    failed = run(project, "lacks")
    assert [step["state"] for step in failed["steps"]] == ["succeeded", "failed"]
    assert "the server knows no such secret: secret=NOBODY_HAS_IT" in failed["reason"]
    secret = project.secrets / "NOBODY_HAS_IT"
    secret.write_text("for-everybody")
    secret.chmod(0o644)
    assert "is open to others" in run(project, "lacks")["reason"]
    secret.chmod(0o400)
    assert run(project, "lacks")["state"] == "succeeded"
    with pytest.warns(UserWarning, match="pipeline p, step a: the server knows no such secret: secret=NOT_THERE"):
        sw.Client(project.url).plan(sw.Project("other", folder=project.folder).add(sw.Pipeline("p", [sw.Step("a", "true", secrets=["NOT_THERE"])])))


def test_the_live_log_holds_back_what_may_become_a_secret(project):
    project.cli("apply", str(project.folder / "slipway.yaml"))
    started = json.loads(project.cli("--json", "run", "waits", "--detach").stdout)
    deadline = time.monotonic() + 90
    path = project.data_dir / "pipelines" / started["id"] / "half.log"
    while not path.exists() or path.read_text() != "key: ":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert log(project, started, "half") == "key: "
    (project.folder / "go").touch()
    while not json.loads(project.cli("--json", "pipelines", "show", started["id"]).stdout)["finished_at"]:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert log(project, started, "half") == "key: ***.\n"
    nowhere(project)


def test_the_servers_own_secrets_reach_no_step(tmp_path, start_server, monkeypatch):
    own = {"OPENLINEAGE_API_KEY": "of-the-receiver", "SLIPWAY_WEBHOOK_KEY": "of-the-webhooks", "SLIPWAY_S3_KEY": "of-the-tokens"}
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    server = start_server("data")
    for name in own:
        monkeypatch.delenv(name)
    (tmp_path / "slipway.yaml").write_text("""\
project: p
pipelines:
  look: {steps: [{name: all, run: 'env; tr "\\0" "\\n" < /proc/$PPID/environ'}]}
""")
    server.cli("apply", str(tmp_path / "slipway.yaml"))
    done = run(server, "look")
    seen = log(server, done, "all")
    assert done["state"] == "succeeded" and "SLIPWAY_STEP=all" in seen
    assert [name for name, value in own.items() if value in seen] == []
