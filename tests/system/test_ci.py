"""CI for models: the server against the files in Git, and pull requests judged by what their pipelines come to."""
import json

PLAIN = """\
project: shop
pipelines:
  train:
    steps:
      - {name: train, run: 'echo 1 > {out}/model', outputs: [model]}
"""


def test_plan_tells_ci_when_the_server_is_not_what_the_file_says(server, tmp_path):
    file = tmp_path / "slipway.yaml"
    file.write_text(PLAIN)
    plan = lambda *flags: server.cli("--json", "plan", str(file), *flags, check=False)
    assert plan().returncode == 0  # only --check asks
    before = plan("--check")
    assert before.returncode == 6 and json.loads(before.stdout)["differs"] is True
    server.cli("apply", str(file))
    same = plan("--check")
    assert same.returncode == 0 and json.loads(same.stdout)["differs"] is False
    file.write_text(PLAIN.replace("echo 1", "echo 2"))
    assert plan("--check").returncode == 6
    file.write_text("project: shop\n")  # what is no longer declared stays where it is, and apply changes nothing
    left = plan("--check")
    assert left.returncode == 0 and json.loads(left.stdout)["changes"] == [{"kind": "pipeline", "name": "train", "change": "left as it is"}]
    file.write_text("project: shop\nunheard: of\n")
    assert plan("--check").returncode not in (0, 6)
