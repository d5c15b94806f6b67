"""Logs of steps from the command line: followed while they are written, also over a restart of the server, and searched over runs."""
import json
import subprocess

import requests
from conftest import BINARY, Server, eventually

YAML = """
project: logs
pipelines:
  talk:
    params: {say: hello, go: "%s"}
    steps:
      - {name: first, run: "printf 'one %%s\\\\ntwo \\\\377 caf\\\\303\\\\251\\\\n' {say}; until [ -e {go} ]; do sleep 0.05; done; echo the end"}
      - {name: many, each: [a, b], run: "echo item {item} of {say}"}
  quiet:
    steps: [{name: s, run: "echo nothing to see; exit 1"}]
"""


def test_logs_are_followed_and_searched(tmp_path):
    go = tmp_path / "go"
    server = Server(tmp_path / "data")
    try:
        (tmp_path / "slipway.yaml").write_text(YAML % go)
        server.cli("apply", str(tmp_path / "slipway.yaml"))
        run = json.loads(server.cli("--json", "run", "talk", "--detach").stdout)["id"]
        follower = subprocess.Popen([BINARY, "--url", server.url, "pipelines", "log", run, "first", "--follow"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert follower.stdout.readline() == b"one hello\n"
        assert b"caf\xc3\xa9" in follower.stdout.readline()
        go.touch()
        rest, _ = follower.communicate(timeout=120)
        assert rest == b"the end\n" and follower.returncode == 0
        again = server.cli("pipelines", "log", run, "first", "-f")
        assert again.stdout.startswith("one hello\n") and again.stdout.endswith("the end\n"), "of a step that is over it is all there is"
        unknown = server.cli("pipelines", "log", run, "none", "-f", check=False)
        assert unknown.returncode == 4 and "no such step" in unknown.stderr
        eventually(lambda: json.loads(server.cli("--json", "pipelines", "show", run).stdout)["state"] == "succeeded")
        server.cli("run", "talk", "--param", "say=bye")
        server.cli("run", "quiet", check=False)

        found = json.loads(server.cli("--json", "pipelines", "grep", "item [ab] of").stdout)
        assert [(line["step"], line["text"]) for line in found["lines"]] == [("many[0]", "item a of bye"), ("many[1]", "item b of bye"), ("many[0]", "item a of hello"),
                                                                            ("many[1]", "item b of hello")]
        assert found["runs"] == 3 and found["bytes"] > 0 and found["stopped"] is None
        shown = server.cli("pipelines", "grep", "^the end$", "--pipeline", "talk", "--step", "first", "--runs", "1").stdout
        assert "first:3: the end" in shown and shown.count("the end") == 1
        odd = json.loads(server.cli("--json", "pipelines", "grep", "two").stdout)["lines"][0]
        assert odd["text"] == "two \ufffd café"
        assert json.loads(server.cli("--json", "pipelines", "grep", "see", "--state", "failed").stdout)["lines"][0]["pipeline"] == "quiet"
        cut = json.loads(server.cli("--json", "pipelines", "grep", "item", "--limit", "2").stdout)
        assert len(cut["lines"]) == 2 and cut["stopped"] == "more than 2 lines"
        assert server.cli("pipelines", "grep", "nobody said this", check=False).returncode == 4
        wrong = server.cli("pipelines", "grep", "(", check=False)
        assert wrong.returncode == 1 and "pattern" in wrong.stderr, wrong.stderr
        assert requests.get(server.url + "/slipway/v1/pipeline-logs?pattern=a&runs=0", timeout=60).status_code == 400

        go.unlink()
        run = json.loads(server.cli("--json", "run", "talk", "--detach", "--no-cache").stdout)["id"]
        follower = subprocess.Popen([BINARY, "--url", server.url, "pipelines", "log", run, "first", "--follow"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert follower.stdout.readline() == b"one hello\n"
        server.stop()
        server.start()
        go.touch()
        rest, wrong = follower.communicate(timeout=120)
        assert rest.endswith(b"the end\n") and follower.returncode == 0, wrong
    finally:
        server.kill()


def test_a_search_reads_no_more_than_it_may(tmp_path):
    server = Server(tmp_path / "data", "--pipeline-log-search-bytes-max", "300000")
    try:
        (tmp_path / "slipway.yaml").write_text("project: l\npipelines:\n  p:\n    steps: [{name: s, run: \"yes long | head -c 400000\"}]\n")
        server.cli("apply", str(tmp_path / "slipway.yaml"))
        for _ in range(2):
            server.cli("run", "p")
        found = json.loads(server.cli("--json", "pipelines", "grep", "absent", check=False).stdout)
        assert found["runs"] == 0 and "setting pipeline-log-search-bytes-max" in found["stopped"]
    finally:
        server.kill()
