"""dvc.yaml and dvc.lock, beside the unmodified dvc client (../data_clients/requirements.txt): the same repository twice, `dvc repro` in one and `slipway run` in
the other, and the lock files are equal byte for byte."""
import json
import os
import pathlib
import shutil

import pytest
from conftest import Server, eventually
from dvc_pair import Pair

DVC_YAML = """
vars:
  - sizes: {small: 1, big: 3}
  - options: {rate: 0.5, deep: true, name: a b, layers: [1, 2]}
stages:
  evaluate:
    desc: what the models say
    cmd: cat models/big.txt models/small.txt > all.txt && echo 0.75 > metrics.json && cp all.txt curve.csv
    deps: [models/big.txt, models/small.txt]
    metrics:
      - metrics.json: {cache: false}
    plots:
      - curve.csv: {x: a, y: b}
    outs: [all.txt]
  prepare:
    cmd:
      - mkdir -p data/sub
      - cp raw.txt data/sub/é.txt; echo ${train.epochs} > data/y.txt
    deps: [raw.txt, tool.sh]
    params: [train.epochs, seed]
    outs: [data]
  model:
    foreach: ${sizes}
    do:
      cmd: echo ${key} ${item} ${train.rate} > models/${key}.txt
      deps: [data]
      params: [train]
      outs: ["models/${key}.txt"]
  grid:
    matrix: {kind: [a, b], n: [1, 2]}
    cmd: mkdir -p grid && echo ${item.kind}${item.n} ${key} > grid/${key}.txt && echo a very long command line that goes on and on to see how it is folded ${options}
    outs: ["grid/${key}.txt"]
  folder:
    wdir: sub
    cmd: "echo 'a: b' >> o.txt  # x"
    deps: [../raw.txt]
    params: [{other.yaml: }, {other.json: [a.b]}]
    outs:
      - o.txt: {persist: true, desc: said, push: false}
  script:
    cmd: |
      printf '#!/bin/sh\\n' > made.sh
      chmod +x made.sh
    deps: [raw.txt]
    outs: [made.sh]
"""
PARAMS = """
seed: 7
train: {rate: 0.001, epochs: 10, small: 1e-5, name: "yes", on: true, none: null, list: [1, a, {b: 2}, []], "1": x, f: 1.0, s: "1.0", e: "", d: "2020-01-01"}
"""


def fill(folder):
    (folder / "dvc.yaml").write_text(DVC_YAML)
    (folder / "params.yaml").write_text(PARAMS)
    (folder / "sub").mkdir()
    (folder / "models").mkdir()
    (folder / "sub" / "other.yaml").write_text("z: 1\ny: {q: [1]}\n")
    (folder / "sub" / "other.json").write_text('{"a": {"b": 1.50}}')
    (folder / "raw.txt").write_text("raw\n")
    (folder / "tool.sh").write_text("x\n")
    (folder / "tool.sh").chmod(0o755)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("dvc") / "data")
    yield server
    server.stop()


class LockedPair(Pair):
    def run(self) -> set[str]:
        """The steps of ours that ran their commands; the lock files are the same afterwards."""
        self.theirs.dvc("repro")
        ran = self.ran()
        self.same("dvc.lock")
        return ran


@pytest.fixture
def pair(tmp_path, server):
    return LockedPair(tmp_path, server, fill)


ALL = {"evaluate", "prepare", "model-small", "model-big", "grid-a-1", "grid-a-2", "grid-b-1", "grid-b-2", "folder", "script"}


def test_dvc_and_slipway_write_the_same_lock_file(pair):
    assert pair.run() == ALL
    assert pair.run() == set()
    pair.replace("params.yaml", "epochs: 10", "epochs: 11")
    assert pair.run() == {"prepare", "model-small", "model-big"}  # the models say the same
    pair.write("raw.txt", "rarer\n")
    assert pair.run() == {"prepare", "model-small", "model-big", "folder", "script"}
    pair.replace("dvc.yaml", "{small: 1, big: 3}", "{small: 1, big: 3, huge: 9}")  # a new stage, behind the others
    pair.replace("dvc.yaml", "n: [1, 2]", "n: [1, 3]")
    assert pair.run() == {"model-huge", "grid-a-3", "grid-b-3"}


def test_what_one_made_is_good_for_the_other(pair):
    pair.slipway()
    assert "up to date" in pair.ours.dvc("status").stdout
    before = (pair.ours.folder / "dvc.lock").read_text()
    assert "Running" not in pair.ours.dvc("repro").stdout
    assert (pair.ours.folder / "dvc.lock").read_text() == before
    (pair.ours.folder / "all.txt").unlink()
    shutil.rmtree(pair.ours.folder / "data")
    pair.ours.dvc("checkout")  # from the cache that we filled
    assert (pair.ours.folder / "data" / "sub" / "é.txt").read_text() == "raw\n"

    pair.theirs.dvc("repro")
    shutil.rmtree(pair.ours.folder)
    shutil.copytree(pair.theirs.folder, pair.ours.folder)
    assert all("didn't change, skipping" in log for log in pair.logs().values())
    pair.same("dvc.lock")


def test_lost_outputs_come_from_the_cache(pair):
    pair.run()
    for repository in (pair.theirs, pair.ours):
        shutil.rmtree(repository.folder / "data")
        (repository.folder / "made.sh").unlink()
    logs = pair.logs()
    assert {step for step, log in logs.items() if "cached - skipping run" in log} == {"prepare", "script"}
    assert not any("Running" in log for log in logs.values())
    assert (pair.ours.folder / "data" / "y.txt").read_text() == "10\n" and os.access(pair.ours.folder / "made.sh", os.X_OK)
    pair.theirs.dvc("repro")
    pair.same("dvc.lock")
    assert "up to date" in pair.ours.dvc("status").stdout


def test_one_stage_with_what_it_needs(pair):
    assert set(pair.logs("dvc.yaml:model@big")) == {"prepare", "model-big"}
    pair.theirs.dvc("repro", "model@big")
    pair.same("dvc.lock")
    assert "Running" in pair.logs("dvc.yaml:model@big", "--force")["prepare"]
    none = pair.slipway("dvc.yaml:nothing", check=False)
    assert none.returncode != 0 and "no such stage: nothing" in none.stderr


PARTS = {
    "dvc.yaml": """stages:
  report:
    cmd: cat train/model.txt data/rows.txt > report.txt
    deps: [train/model.txt, data/rows.txt]
    outs: [report.txt]
  before:
    cmd: wc -c < raw.txt > before.txt
    deps: [raw.txt]
    outs: [before.txt]
""",
    "data/dvc.yaml": """stages:
  late:
    cmd: cp rows.txt late.txt
    deps: [rows.txt]
    outs: [late.txt]
  rows:
    cmd: cat ../raw.txt ../before.txt > rows.txt && echo ${few} >> rows.txt
    deps: [../raw.txt, ../before.txt]
    params: [few]
    outs: [rows.txt]
""",
    "train/deep/dvc.yaml": """stages:
  fit:
    foreach: [a, b]
    do:
      wdir: ..
      cmd: echo ${item} $DVC_STAGE > ${item}.txt && cat ../data/rows.txt >> ${item}.txt
      deps: [../data/rows.txt]
      outs: ["${item}.txt"]
""",
    "train/dvc.yaml": """stages:
  best:
    cmd: cat a.txt b.txt > model.txt
    deps: [a.txt, b.txt]
    outs: [model.txt]
""",
    "data/params.yaml": "few: 3\n",
}


def test_all_files_of_a_repository_are_one_run(pair):
    """Stages need those of other files, both ways; each dvc.lock is the one that `dvc repro -P` writes."""
    for repository in (pair.theirs, pair.ours):
        (repository.folder / "train" / "deep").mkdir(parents=True)
        (repository.folder / "data").mkdir()
    for file, text in PARTS.items():
        pair.write(file, text)

    def run() -> set[str]:
        pair.theirs.dvc("repro", "-P")
        ran = pair.ran("-P")
        for file in PARTS:
            if file.endswith("dvc.yaml"):
                pair.same(file.replace(".yaml", ".lock"))
        pair.same("report.txt")
        return ran

    models = {"train-deep-dvc-yaml-fit-a", "train-deep-dvc-yaml-fit-b", "train-dvc-yaml-best", "report"}
    assert run() == {"before", "data-dvc-yaml-rows", "data-dvc-yaml-late"} | models
    assert run() == set()
    pair.write("data/params.yaml", "few: 4\n")
    assert run() == {"data-dvc-yaml-rows", "data-dvc-yaml-late"} | models
    assert "up to date" in pair.ours.dvc("status").stdout
    assert "Running" not in pair.ours.dvc("repro", "-P").stdout
    pair.replace("data/dvc.yaml", "stages:", "stages:\n  new: {cmd: echo new > new.txt, outs: [new.txt]}")
    assert run() == {"data-dvc-yaml-new"}
    # One file alone goes on with the same lock, and the command is the same wherever in the repository it is given.
    pair.slipway(below="data")
    assert len(json.loads(pair.slipway("-P", "--force", below="data").stdout)["steps"]) == 8
    assert "up to date" in pair.ours.dvc("status").stdout


def test_what_is_wrong_in_a_file_below_is_said_with_its_folder(pair):
    (pair.ours.folder / "sub" / "dvc.yaml").write_text("stages:\n  x:\n    cmd: echo ${nothing}\n")
    done = pair.slipway("-P", check=False)
    assert done.returncode != 0 and "sub/dvc.yaml: line 3, column 5: stages.x: cmd: no such value" in done.stderr, done.stderr
    (pair.ours.folder / "sub" / "dvc.yaml").write_text("stages:\n  x:\n    cmd: echo 1 > made.sh\n    outs: [../made.sh]\n")
    done = pair.slipway("-P", check=False)
    assert done.returncode != 0 and "stages script and sub/dvc.yaml:x both make made.sh" in done.stderr, done.stderr
    done = pair.slipway("-P", "dvc.yaml", check=False)
    assert done.returncode != 0 and "excludes" in done.stderr


def test_a_stage_that_fails_leaves_the_others_in_the_lock(pair):
    pair.replace("dvc.yaml", "cp raw.txt data/sub/é.txt", "exit 7")
    done = pair.slipway(check=False)
    assert done.returncode != 0
    lock = (pair.ours.folder / "dvc.lock").read_text()
    assert "folder:" in lock and "prepare:" not in lock and "evaluate:" not in lock
    pair.replace("dvc.yaml", "exit 7", "cp raw.txt data/sub/é.txt")
    pair.slipway()
    assert "up to date" in pair.ours.dvc("status").stdout


def test_what_lies_elsewhere_stays(pair, tmp_path):
    elsewhere, folder = tmp_path / "elsewhere", pair.ours.folder
    elsewhere.mkdir()
    (elsewhere / "kept").write_text("x")
    (folder / "data").symlink_to(elsewhere)
    (folder / "dvc.yaml").write_text("stages:\n  a:\n    cmd: mkdir data && echo 1 > data/x\n    deps: [raw.txt]\n    outs: [data/]\n")
    pair.slipway()
    assert (elsewhere / "kept").read_text() == "x" and not (folder / "data").is_symlink() and (folder / "data" / "x").exists()
    assert "didn't change" in pair.logs()["a"] and "up to date" in pair.ours.dvc("status").stdout
    (folder / "way").symlink_to(elsewhere)
    (folder / "dvc.yaml").write_text("stages:\n  a:\n    cmd: echo 1 > way/kept\n    outs: [way/kept]\n")
    done = pair.slipway(check=False)
    assert done.returncode != 0 and (elsewhere / "kept").read_text() == "x"


def test_a_cancelled_run_ends_its_commands(pair):
    (pair.ours.folder / "dvc.yaml").write_text("stages:\n  a:\n    cmd: echo $$ > pid; sleep 1000; echo never\n    outs: [never]\n")
    run = json.loads(pair.slipway("--detach").stdout)["id"]
    pid = pair.ours.folder / "pid"
    eventually(lambda: pid.exists() and pid.read_text().endswith("\n"), seconds=60)
    pair.server.cli("pipelines", "cancel", run)
    eventually(lambda: not pathlib.Path("/proc", pid.read_text().strip()).exists(), seconds=60)


@pytest.mark.parametrize("stage, told", [
    ("  x:\n    cmd: echo\n    deps:\n      - s3://bucket/file\n", "line 5, column 9: s3://bucket/file is elsewhere"),
    ("  x:\n    cmd: echo\n    depz: [a]\n", "line 4, column 11: stages.x: no such key: depz"),
    ("  x:\n    cmd: echo\n    params:\n      - {conf.py: [a]}\n", "line 5, column 19: stages.x.params: parameters in conf.py can't be read"),
    ("  x:\n    cmd: echo\n    outs: [.]\n", "stages.x: an output has to be below the project"),
    ("  x:\n    cmd: echo\n    wdir: /srv\n    outs: [data]\n", "wdir has to be below the project: /srv"),
    ("  x:\n    cmd: echo\n    outs: [.dvc/cache]\n", "DVC and Git need that file"),
    ("  x:\n    cmd: echo ${nothing}\n", "line 3, column 5: stages.x: cmd: no such value: ${nothing}"),
    ("  x:\n    cmd: echo\n    deps: [b]\n    outs: [a]\n  y:\n    cmd: echo\n    deps: [a]\n    outs: [b]\n", "stages need each other: x, y"),
])
def test_what_can_not_be_run_is_refused_with_its_place(pair, stage, told):
    (pair.ours.folder / "dvc.yaml").write_text("stages:\n" + stage)
    done = pair.slipway(check=False)
    assert done.returncode != 0 and "dvc.yaml" in done.stderr and told in done.stderr, done.stderr


@pytest.mark.parametrize("file, text, told", [
    (".dvcignore", "# said\n*.tmp\n", ".dvcignore: line 2: patterns can't be read here"),
    (".dvc/config", "[core]\n    autostage = true\n[cache]\n    dir = /tmp/elsewhere\n", "config: line 4: only .dvc/cache can be the cache here"),
])
def test_a_repository_that_dvc_would_see_otherwise_is_refused(pair, file, text, told):
    (pair.ours.folder / file).write_text(text)
    done = pair.slipway(check=False)
    assert done.returncode != 0 and told in done.stderr, done.stderr
    assert not (pair.ours.folder / "dvc.lock").exists()
