"""`slipway monitor report` over files, without a server."""
import json
import subprocess

from conftest import BINARY


def run(*arguments) -> subprocess.CompletedProcess:
    return subprocess.run([BINARY, *map(str, arguments)], capture_output=True, text=True)


def report(*arguments) -> dict:
    done = run("--json", "monitor", "report", *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
