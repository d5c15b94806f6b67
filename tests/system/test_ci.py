"""CI for models: the server against the files in Git, and pull requests judged by what their pipelines come to."""
import http.server
import json
import os
import pathlib
import select
import subprocess
import sys

import pytest
import small_project
import yaml
from conftest import BINARY, ROOT, eventually

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
    step = {"at": "steps.train.run", "before": "echo 1 > {out}/model", "now": "echo 2 > {out}/model"}
    assert json.loads(plan().stdout)["changes"] == [{"kind": "pipeline", "name": "train", "change": "updated", "differs": [step]}]
    assert server.cli("plan", str(file)).stdout.endswith("\npipeline train\n  ~ steps.train.run: echo 1 > {out}/model -> echo 2 > {out}/model\n")
    file.write_text("project: shop\n")  # what is no longer declared stays where it is, and apply changes nothing
    left = plan("--check")
    assert left.returncode == 0 and json.loads(left.stdout)["changes"] == [{"kind": "pipeline", "name": "train", "change": "not in the file"}]
    assert json.loads(left.stdout)["warnings"] == []
    file.write_text("project: another\n")
    assert "takes the place of project shop" in json.loads(plan().stdout)["warnings"][0]
    file.write_text("project: shop\nunheard: of\n")
    assert plan("--check").returncode not in (0, 6)


PROJECT = """\
project: shop
datasets:
  visits:
    path: visits.csv
    key: [visit]
    columns: {pages: {type: double, min: 0, max: 100}}
    on_violation: quarantine
routes:
  team: {webhook: "https://example.org/hook"}
pipelines:
  train:
    notify: {failed: team}
    steps:
      - {name: train, run: 'sh train.sh {out}', code: [train.sh], inputs: ["dataset:visits"], outputs: [model, metrics.json]}
      - {name: promote, run: 'echo promoted >> promoted', after: [train]}
schedules:
  nightly: {pipeline: train, cron: "0 3 * * *"}
ci:
  pipelines: {train: {until: [train]}}
  checks:
    - {value: "train/train/metrics.json#auc", drop: 0.01}
    - {value: "train/train/metrics.json#slices.*", min: 0.6}
    - {value: train/train/model, max: 100}
  quarantined: 0.2
"""
TRAIN = """echo trained >> trained.log
echo model > $1/model
echo '{"auc": %s, "slices": {"north": 0.75, "south": %s}}' > $1/metrics.json
"""
VISITS = "visit,pages\n" + "".join(f"{i},{i % 7}\n" for i in range(20))


def git(folder, *words):
    return subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def checkout(tmp_path):
    """A project on main, and a branch of it that is checked out."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "slipway.yaml").write_text(PROJECT)
    (folder / "train.sh").write_text(TRAIN % (0.8, 0.7))
    (folder / "visits.csv").write_text(VISITS)
    (folder / ".gitignore").write_text("*.log\n")
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "begin")
    git(folder, "checkout", "-q", "-b", "change")
    return folder


def change(folder, **files):
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "change")


def ci(folder, *flags, **variables):
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "CI_"))}
    report = folder.parent / "report.md"
    done = subprocess.run([BINARY, "--json", "ci", "--data", str(folder.parent / "ci-data"), "--report", str(report), *flags], cwd=folder,
                          capture_output=True, text=True, env=clean | variables)
    done.report = report.read_text() if report.exists() else ""
    done.reply = json.loads(done.stdout) if done.stdout.startswith("{") else None
    return done


def checks(done):
    return {check["name"]: check for check in done.reply["checks"]}


def trained(folder):
    return (folder / "trained.log").read_text().count("trained") if (folder / "trained.log").exists() else 0


def test_what_changes_nothing_comes_from_cache_and_passes(checkout):
    change(checkout, README_md="words\n")
    done = ci(checkout)
    assert done.returncode == 0, done.stderr
    assert done.reply["verdict"] == "passes" and "| train/train | from cache | nothing it depends on has changed |" in done.report
    assert trained(checkout) == 0 and not (checkout / "promoted").exists()
    again = ci(checkout)
    assert again.returncode == 0 and again.report == done.report


def test_a_better_and_a_worse_model(checkout):
    change(checkout, train_sh=TRAIN % (0.85, 0.72))
    better = ci(checkout)
    assert better.returncode == 0, better.stderr
    auc = checks(better)["train/train/metrics.json#auc"]
    assert (auc["base"], auc["value"], auc["word"]) == (0.8, 0.85, "ok")
    assert "| train/train | succeeded | code/train.sh changed |" in better.report

    change(checkout, train_sh=TRAIN % (0.75, 0.5))
    summary, output = checkout.parent / "summary", checkout.parent / "output"
    summary.write_text("before\n")
    worse = ci(checkout, GITHUB_STEP_SUMMARY=str(summary), GITHUB_OUTPUT=str(output), GITHUB_BASE_REF="main")
    assert worse.returncode == 3, worse.stderr
    assert {name: check["word"] for name, check in checks(worse).items() if not check["ok"]} == {
        "train/train/metrics.json#auc": "fell too far", "train/train/metrics.json#slices.south": "too low"}
    assert "metrics.json#auc fell too far (0.75, -0.05 beside the base)" in worse.reply["sentence"]
    assert summary.read_text() == "before\n" + worse.report and output.read_text() == "verdict=refused\n"
    commits = {git(checkout, "rev-parse", "HEAD").strip(): "HEAD", git(checkout, "rev-parse", "main").strip(): "BASE"}
    told = worse.report
    for commit, name in commits.items():
        told = told.replace(commit, name)
    sample = (ROOT / "docs" / "ci.md").read_text().split("````markdown\n")[1].split("````")[0]
    assert told == sample  # the report in the docs is this one


def test_a_broken_step_is_no_gate_that_says_no(checkout):
    change(checkout, train_sh="echo 'the disk | is `on` fire'\nexit 1\n")
    done = ci(checkout)
    assert done.returncode == 1 and done.reply["verdict"] == "broke"
    assert "the disk | is 'on' fire" in done.report
    change(checkout, train_sh="echo 'not good enough'\nexit 3\n")
    done = ci(checkout)
    assert done.returncode == 3 and "the gate of train says no" in done.reply["sentence"]


def test_changed_data_is_told_and_judged(checkout):
    change(checkout, visits_csv=VISITS + "20,500\n21,5\n")
    done = ci(checkout)
    assert done.returncode == 0, done.stderr
    assert "| visits | 20 | 21 | 1 |" in done.report and "input/dataset:visits" in done.report
    change(checkout, visits_csv=VISITS + "".join(f"{i},500\n" for i in range(20, 40)))
    done = ci(checkout)
    assert done.returncode == 3 and checks(done)["dataset visits: rows put aside"]["word"] == "too many"


def test_a_shallow_clone_is_told_what_it_needs(checkout):
    change(checkout, README_md="words\n")
    shallow = checkout.parent / "shallow"
    git(checkout.parent, "clone", "-q", "--depth", "1", "--branch", "change", f"file://{checkout}", str(shallow))
    done = ci(shallow)
    assert done.returncode == 1 and "fetch-depth: 0" in done.stderr
    (checkout.parent / "empty").mkdir()
    (checkout.parent / "empty" / "slipway.yaml").write_text("project: p\n")
    assert "no Git checkout" in ci(checkout.parent / "empty").stderr


def test_the_first_push_of_a_branch_is_compared_with_the_commit_before(checkout):
    change(checkout, train_sh=TRAIN % (0.7, 0.7))
    done = ci(checkout, "--base", "0" * 40)
    assert done.returncode == 3 and "-0.1 beside the base" in done.stdout


def test_mistakes_of_the_project_are_usage(checkout):
    assert ci(checkout, "--pipeline", "nobody").returncode == 2
    change(checkout, slipway_yaml=PROJECT.replace("quarantined: 0.2", "unheard: 1"))
    done = ci(checkout)
    assert done.returncode == 2 and "unheard" in done.stderr and "line" in done.stderr


def test_a_change_that_cant_be_judged_is_reported_as_such(checkout):
    change(checkout, README_md="words\n")
    assert "✅" in ci(checkout).report
    change(checkout, slipway_yaml=PROJECT.replace("quarantined: 0.2", "unheard: @team"))
    summary, output = checkout.parent / "summary.md", checkout.parent / "output"
    done = ci(checkout, GITHUB_STEP_SUMMARY=str(summary), GITHUB_OUTPUT=str(output))
    assert done.returncode == 2 and done.report.startswith("<!-- slipway ci -->\n## ❌ It couldn't be judged: ") and "✅" not in done.report
    assert summary.read_text() == done.report and output.read_text() == "verdict=broke\n"
    assert "❌ It couldn't be judged: " in ci(checkout, "--base", "nobody").report


def test_hostile_names_stay_text(checkout):
    evil = "a|b <img src=x onerror=alert(1)> @everyone [x](http:evil) `c`"
    (checkout / evil).write_text("x")
    change(checkout, train_sh=TRAIN.replace('"north"', '"n|<b>@all"') % (0.8, 0.5))
    done = ci(checkout)
    assert done.returncode == 3
    for line in done.report.splitlines():
        assert "<img" not in line and "<b>" not in line and "@" not in line
        if line.startswith("| train/train/metrics"):
            assert line.count("|") in (6, 7)


def test_a_killed_run_is_repeated(checkout):
    change(checkout, train_sh="touch begun; while [ ! -e go ]; do sleep 0.02; done\n" + TRAIN % (0.81, 0.7))
    process = subprocess.Popen([BINARY, "ci", "--data", str(checkout.parent / "ci-data")], cwd=checkout, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    eventually((checkout / "begun").exists)
    process.kill()
    process.wait()
    (checkout / "go").touch()
    done = ci(checkout)
    assert done.returncode == 0, done.stderr
    assert checks(done)["train/train/metrics.json#auc"]["value"] == 0.81


def test_what_an_earlier_run_left_changes_no_verdict(checkout):
    """A column that the change adds is no column that the base has lost when it is judged again."""
    wider = "visit,pages,shop\n" + "".join(f"{i},{i % 7},{i % 2}\n" for i in range(20))
    change(checkout, visits_csv=wider, train_sh=TRAIN % (0.7, 0.7))
    for _ in range(2):
        done = ci(checkout)
        assert done.returncode == 3 and "-0.1 beside the base" in done.stdout, done.stderr
    change(checkout, visits_csv="visit\n" + "".join(f"{i}\n" for i in range(20)), train_sh=TRAIN % (0.8, 0.7))
    for _ in range(2):
        done = ci(checkout)
        assert done.returncode == 3 and "a column of the last snapshot is gone" in done.report


def test_a_project_in_a_folder_of_the_repository(tmp_path):
    folder = tmp_path / "models" / "churn"
    folder.mkdir(parents=True)
    (folder / "slipway.yaml").write_text(PLAIN + "ci: {checks: [{value: train/train/model, max: 3}]}\n")
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "begin")
    git(tmp_path, "checkout", "-q", "-b", "change")
    (folder / "slipway.yaml").write_text((folder / "slipway.yaml").read_text().replace("echo 1", "echo 123"))
    git(tmp_path, "commit", "-q", "-a", "-m", "larger")
    done = ci(folder)
    assert done.returncode == 3, done.stderr
    assert checks(done)["train/train/model"]["base"] == 2 and checks(done)["train/train/model"]["value"] == 4


def test_secrets_are_there_and_no_lineage_is_sent(tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "slipway.yaml").write_text("""project: shop
pipelines:
  train:
    steps:
      - {name: train, run: 'test "$DOOR" = open-sesame && sleep 2 && echo 1 > {out}/model', secrets: [DOOR], outputs: [model]}
""")
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "begin")
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as receiver:
        receiver.timeout = 0
        done = ci(folder, "--base", "main", SLIPWAY_SECRET_DOOR="open-sesame", OPENLINEAGE_URL=f"http://127.0.0.1:{receiver.server_port}")
        assert done.returncode == 0, done.stderr + done.report
        assert select.select([receiver], [], [], 1)[0] == []  # nobody has called, though the step gave it the time to


def test_the_projects_own_gate_is_a_check(tmp_path):
    """`slipway models gate` over unseen rows of a model that a step has trained with the mlflow client."""
    folder = tmp_path / "shop"
    folder.mkdir()
    file = small_project.write(folder)
    file.write_text(file.read_text() + "ci:\n  pipelines: {train: {until: [gate]}}\n")
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "begin")
    git(folder, "checkout", "-q", "-b", "change")
    path = f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"
    done = ci(folder, PATH=path)
    gate = checks(done)["train/gate/verdict.json: log_loss"]
    assert done.returncode == 0 and gate["ok"] and gate["value"] < 0, done.stderr
    train = folder / "train.py"
    train.write_text(train.read_text().replace("1 - label if args.bad else label", "1 - label"))
    git(folder, "commit", "-q", "-a", "-m", "the other way round")
    done = ci(folder, PATH=path)
    gate = checks(done)["train/gate/verdict.json: log_loss"]
    assert done.returncode == 3 and not gate["ok"] and gate["value"] > 0, done.stderr
    assert "which must end below" in done.report and "code/train.py changed" in done.report


def test_templates_are_workflows(tmp_path):
    def template(name):
        return yaml.safe_load(subprocess.run([BINARY, "ci", "template", name], capture_output=True, text=True, check=True, cwd=tmp_path).stdout)

    github, gitlab = template("github"), template("gitlab")
    steps = github["jobs"]["models"]["steps"]
    assert set(github[True]) == {"pull_request", "push"}  # YAML 1.1 reads `on` as true
    assert steps[0]["with"]["fetch-depth"] == 0 and gitlab["slipway"]["variables"]["GIT_DEPTH"] == "0"
    scripts = [step["run"] for job in github["jobs"].values() for step in job["steps"] if "run" in step] + [line for job in gitlab.values() for part in ("script", "after_script") for line in job.get(part, [])]
    assert len(scripts) == 7
    for script in scripts:
        assert "${{" not in script  # what comes from outside goes through the environment
        subprocess.run(["sh", "-n"], input=script, text=True, check=True)
    for command in [line for script in scripts for line in script.splitlines() if line.startswith("slipway ")]:
        words = [word for word in command.split() if word.startswith("--")]
        told = subprocess.run([BINARY, command.split()[1], "--help"], capture_output=True, text=True).stdout
        assert words and all(word in told for word in words), command
    assert subprocess.run([BINARY, "ci", "template", "jenkins"], capture_output=True, cwd=tmp_path).returncode == 2


def test_a_broken_base_does_not_stop_what_mends_it(checkout):
    git(checkout, "checkout", "-q", "main")
    change(checkout, train_sh="exit 1\n")
    git(checkout, "checkout", "-q", "-b", "mended")
    change(checkout, train_sh=TRAIN % (0.7, 0.7))
    done = ci(checkout)
    assert done.returncode == 0, done.stderr
    assert "The base could not be run" in done.reply["sentence"] and checks(done)["train/train/metrics.json#auc"]["word"] == "no base"
