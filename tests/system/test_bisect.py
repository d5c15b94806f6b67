"""`slipway bisect`: the commit, or the version of a dataset, that changed a metric of a pipeline, found with log2 runs from one step cache."""
import json
import pathlib
import subprocess

import pytest

from conftest import BINARY
from test_runs import environment, git

YAML = """\
project: shop
datasets:
  visits: {path: visits.csv, key: [visit]}
pipelines:
  train:
    params: {factor: 1}
    steps:
      - {name: rows, run: "python3 rows.py {out}", code: [rows.py], inputs: ["dataset:visits"], outputs: [mean.json]}
      - {name: fit, run: "python3 fit.py {rows}/mean.json {out} {factor}", code: [fit.py], inputs: [rate], outputs: [metrics.json]}
      - {name: promote, run: "exit 1", after: [fit]}
"""
ROWS = """\
import io, json, os, sys, urllib.request
from pyarrow import parquet
reply = urllib.request.urlopen(os.environ["SLIPWAY_URL"] + "/slipway/v1/datasets/visits/rows").read()
# Without Arrow's threads: a program that ends while they start is aborted now and then (apache/arrow#34314).
pages = parquet.ParquetFile(io.BytesIO(reply), pre_buffer=False).read(["pages"], use_threads=False)["pages"].to_numpy()
json.dump({"pages": float(pages.mean())}, open(sys.argv[1] + "/mean.json", "w"))
"""
FIT = """\
import json, pathlib, sys
open(%r, "a").write("fit\\n")
rate = float(pathlib.Path("rate").read_text())
json.dump({"auc": rate * float(sys.argv[3]) - json.load(open(sys.argv[1]))["pages"]}, open(sys.argv[2] + "/metrics.json", "w"))
"""


class Project:
    def __init__(self, server, folder: pathlib.Path):
        self.server, self.folder, self.trained, self.env = server, folder, folder.parent / "trained.log", environment(server)
        folder.mkdir()
        (folder / "slipway.yaml").write_text(YAML)
        (folder / "rows.py").write_text(ROWS)
        (folder / "fit.py").write_text(FIT % str(self.trained))
        (folder / ".gitignore").write_text("visits.csv\n")
        self.visits(1)
        git(folder, "init", "-q", env=self.env)
        self.commits = [self.commit("first", rate="0.9")]

    def visits(self, pages: int):
        (self.folder / "visits.csv").write_text("visit,pages\n" + "".join(f"{i},{pages}\n" for i in range(20)))

    def commit(self, subject: str, **files: str) -> str:
        for name, text in files.items():
            (self.folder / name).write_text(text)
        git(self.folder, "add", ".", env=self.env)
        git(self.folder, "commit", "-qm", subject, env=self.env)
        return git(self.folder, "rev-parse", "HEAD", env=self.env)

    def bisect(self, *words: str, code: int = 0):
        done = subprocess.run([BINARY, "--json", "bisect", *words], cwd=self.folder, env=self.env, capture_output=True, text=True)
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        return json.loads(done.stdout) if code == 0 else done.stderr

    def fits(self) -> int:
        return self.trained.read_text().count("fit") if self.trained.exists() else 0


@pytest.fixture
def project(server, tmp_path):
    return Project(server, tmp_path / "project")


def test_the_commit_that_changed_a_value_is_found_with_few_runs(project):
    for i in range(1, 16):
        rate = "0.9" if i < 11 else "0.6"
        project.commits.append(project.commit(f"number {i}", rate=f"{rate}\n" + "\n" * (i % 3), notes=str(i)))
    found = project.bisect("train/fit/metrics.json#auc", "--good", project.commits[0], "--bad", "HEAD")
    first = found["first_bad"]
    assert first["commit"] == project.commits[11] and first["kind"] == "commit" and "number 11" in first["what"] and first["files"] == ["notes", "rate"]
    assert first["value_before"] == pytest.approx(-0.1) and first["value"] == pytest.approx(-0.4)
    assert found["changes"] == 15 and len(found["tried"]) <= 2 + 4
    assert project.fits() <= len(found["tried"])
    # The same again is answered from the cache: only the commits are looked at.
    before = project.fits()
    assert project.bisect("train/fit/metrics.json#auc", "--good", project.commits[0])["first_bad"] == first
    assert project.fits() == before
    # Where the limit is can be said.
    assert project.bisect("train/fit/metrics.json#auc", "--good", project.commits[0], "--below", "-0.2")["first_bad"]["commit"] == project.commits[11]
    assert "don't tell good from bad" in project.bisect("train/fit/metrics.json#auc", "--good", project.commits[0], "--below", "-5", code=1)
    text = subprocess.run([BINARY, "bisect", "train/fit/metrics.json#auc", "--good", project.commits[0]], cwd=project.folder, env=project.env, capture_output=True, text=True).stdout
    assert "train/fit/metrics.json#auc went from -0.1 to -0.4 with" in text and project.commits[11] in text


def test_commits_that_cant_be_run_are_skipped(project):
    for i, rate in enumerate(["0.9", "broken", "broken", "0.6"], 1):
        project.commits.append(project.commit(f"number {i}", rate=rate, notes=str(i)))
    found = project.bisect("train/fit/metrics.json#auc", "--good", project.commits[0])
    assert found["first_bad"] is None  # it can't be told
    assert [s["commit"] for s in found["suspects"]] == project.commits[2:]
    assert {t["verdict"] for t in found["tried"]} == {"good", "bad", "skipped"} and any("exit code 1" in t["note"] for t in found["tried"])
    assert "the bad end can't be measured" in project.bisect("train/fit/metrics.json#auc", "--good", project.commits[0], "--bad", project.commits[2], code=1)


def test_the_version_of_a_dataset_that_changed_a_value_is_found_among_commits(project):
    project.server.cli("apply", str(project.folder / "slipway.yaml"))
    project.server.cli("data", "ingest", "visits")
    project.commits.append(project.commit("words", notes="1"))
    for pages in (2, 3, 50):
        project.visits(pages)
        project.server.cli("data", "ingest", "visits")
    project.commits.append(project.commit("more words", notes="2"))
    project.visits(1)  # what lies about doesn't count
    found = project.bisect("train/fit/metrics.json#auc", "--good", project.commits[0], "--dataset", "visits:1..4")
    first = found["first_bad"]
    assert (first["kind"], first["dataset"], first["before"], first["version"], first["rows"]["changed"]) == ("dataset", "visits", 3, 4, 20)
    assert first["value_before"] == pytest.approx(0.9 - 3) and first["value"] == pytest.approx(0.9 - 50)
    assert "no such version" in project.bisect("train/fit/metrics.json#auc", "--good", "HEAD", "--dataset", "visits:1..9", code=4)


def test_a_tracked_metric_parameters_and_what_is_wrong(project):
    fit = "import mlflow, pathlib, sys\nmlflow.set_experiment('x')\nwith mlflow.start_run():\n    mlflow.log_metric('auc', float(pathlib.Path('rate').read_text()) * float(sys.argv[3]))\npathlib.Path(sys.argv[2], 'metrics.json').write_text('{}')\n"
    good = project.commit("tracks", **{"fit.py": fit})
    project.commit("notes", notes="1")
    bad = project.commit("worse", rate="0.5")
    found = project.bisect("train/fit#auc", "--good", good, "--param", "factor=2")
    assert found["first_bad"]["commit"] == bad and (found["good"], found["bad"]) == (1.8, 1.0)
    assert project.bisect("train/fit#auc", "--good", good, "--param", "factor=2")["first_bad"]["commit"] == bad  # from cache
    assert "it comes to no such value: train/fit#loss" in project.bisect("train/fit#loss", "--good", good, code=1)
    assert "no such commit here: nothing" in project.bisect("train/fit#auc", "--good", "nothing", code=4)
    assert "one that the bad one comes from" in project.bisect("train/fit#auc", "--good", "HEAD", "--bad", good, code=1)
    assert "nothing between" in project.bisect("train/fit#auc", "--good", "HEAD", code=1)
    assert "a metric is PIPELINE/STEP" in project.bisect("auc", "--good", good, code=1)
    assert "no such pipeline" in project.bisect("sale/fit#auc", "--good", good, code=1)
    assert project.bisect("train/fit#auc", code=2)
