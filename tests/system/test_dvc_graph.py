"""What `dvc repro` runs before the stages that are asked for, beside the unmodified dvc client: files of `dvc add`, and stages of other dvc.yaml files."""
import json
import shutil

import pytest
from conftest import Server
from dvc_pair import Pair


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("dvc") / "data")
    yield server
    server.stop()


@pytest.fixture
def pair(tmp_path, server):
    return Pair(tmp_path, server)


def stage(name: str, dep: str, out: str) -> str:
    return f"stages:\n  {name}:\n    cmd: find {dep} -type f | sort | xargs cat > {out}\n    deps: [{dep}]\n    outs: [{out}]\n"


@pytest.mark.parametrize("dep", ["data.csv", "raw/deep"])
def test_changed_data_of_dvc_add_is_kept(pair, dep):
    """A file, and a folder of a folder that was added."""
    pair.write("data.csv", "5\n")
    pair.write("raw/a.csv", "1\n")
    pair.write("raw/deep/b.csv", "2\n")
    pair.write("dvc.yaml", stage("t", dep, "out.txt"))
    for repository in pair.both():
        repository.dvc("add", "-q", "data.csv", "raw")
    files = ("dvc.lock", "data.csv.dvc", "raw.dvc", ".gitignore")
    for file in ("data.csv.dvc", "raw.dvc"):  # what people write there stays
        text = (pair.theirs.folder / file).read_text() + "meta:\n  owner: ada   # who\n"
        pair.write(file, "# said\n" + text)

    def run():
        pair.theirs.dvc("repro")
        ran = pair.ran()
        pair.same(*files)
        return ran

    assert run() == {"t"}
    before = (pair.ours.folder / "raw.dvc").read_text()
    pair.write("data.csv", "6\n")
    pair.write("raw/a.csv", "6666\n")
    pair.write("raw/deep/b.csv", "77\n")
    pair.write("raw/deep/c.csv", "8\n")
    assert run() == {"t"}
    assert (dep == "data.csv") == ((pair.ours.folder / "raw.dvc").read_text() == before)
    # What the lock file names is in the cache.
    shutil.rmtree(pair.ours.folder / "raw")
    (pair.ours.folder / "data.csv").unlink()
    pair.ours.dvc("checkout")
    assert (pair.ours.folder / dep).exists() and run() == set()
    if dep == "data.csv":
        assert (pair.ours.folder / dep).read_text() == "6\n"
        for repository in pair.both():
            (repository.folder / dep).chmod(0o755)
        pair.write("data.csv", "7\n")
        assert run() == {"t"} and "isexec: true" in (pair.ours.folder / "data.csv.dvc").read_text()


def test_data_that_only_dvc_can_keep_is_refused(pair):
    pair.write("data.csv", "5\n")
    pair.write("dvc.yaml", stage("t", "data.csv", "out.txt"))
    source = pair.ours.folder.parent / "source.csv"
    source.write_text("5\n")
    pair.ours.dvc("import-url", "-q", "-f", str(source), "data.csv")
    pair.slipway()
    pair.write("data.csv", "6\n")
    done = pair.slipway(check=False)
    assert done.returncode != 0 and "data.csv.dvc" in done.stderr and "dvc commit data.csv.dvc" in done.stderr, done.stderr
    assert "md5: 1dcca23355272056f04fe8bf20edfce0" in (pair.ours.folder / "data.csv.dvc").read_text()  # still "5"


def test_missing_data_is_named(pair):
    pair.write("raw/a.csv", "1\n")
    pair.write("dvc.yaml", stage("t", "raw", "out.txt"))
    for repository in pair.both():
        repository.dvc("add", "-q", "raw/a.csv")
        (repository.folder / "raw" / "a.csv").unlink()
    assert pair.theirs.dvc("repro", check=False).returncode != 0
    done = pair.slipway(check=False)
    assert done.returncode != 0 and "a.csv.dvc names" in done.stderr and "dvc pull" in done.stderr, done.stderr


def test_stages_of_other_files_that_one_needs_run_before_it(pair):
    pair.write("sub/a.txt", "3\n")
    pair.write("other/a.txt", "3\n")
    pair.write("dvc.yaml", stage("z", "sub/b.txt", "z.txt"))
    pair.write("sub/dvc.yaml", stage("s", "a.txt", "b.txt"))
    pair.write("other/dvc.yaml", stage("o", "a.txt", "b.txt") + stage("up", "../z.txt", "up.txt").removeprefix("stages:\n"))
    locks = ("dvc.lock", "sub/dvc.lock")

    def run(target: str = "dvc.yaml", below: str = "."):
        pair.theirs.dvc("repro", target)
        ran = pair.ran(target, below=below)
        pair.same(*locks)
        return ran

    assert run() == {"sub-dvc-yaml-s", "z"}  # a fresh clone
    assert run() == set() and not (pair.ours.folder / "other" / "dvc.lock").exists()
    pair.write("sub/a.txt", "4\n")
    assert run() == {"sub-dvc-yaml-s", "z"}
    assert (pair.ours.folder / "z.txt").read_text() == "4\n"
    # From a folder below: what it needs is above, and in a third one; its own other stage stays.
    pair.write("sub/a.txt", "5\n")
    assert run("other/dvc.yaml:up") == {"sub-dvc-yaml-s", "z", "other-dvc-yaml-up"}
    pair.same("other/dvc.lock")
    assert "o:" not in (pair.ours.folder / "other" / "dvc.lock").read_text()
    assert pair.ran("dvc.yaml", below="other") == {"other-dvc-yaml-o"}
    pair.theirs.dvc("repro", "other/dvc.yaml")
    pair.same(*locks, "other/dvc.lock")
    assert pair.ran("--force", below="sub") == {"s"}  # that needs nobody else
    pair.write("other/dvc.yaml", "stages: {bad: {}}\n")
    done = pair.slipway(check=False)
    assert done.returncode != 0 and "other/dvc.yaml: line 1" in done.stderr and "(all dvc.yaml of the repository are read" in done.stderr, done.stderr
    pair.write("other/dvc.yaml", "stages: {}\n")
    # What Git ignores has no stages, whatever it looks like.
    pair.write("kept/.gitignore", "/away\n")
    pair.write("kept/away/dvc.yaml", "stages: {bad: {cmd: [}\n")
    pair.write("sub/a.txt", "6\n")
    assert run() == {"sub-dvc-yaml-s", "z"}


NUMBERS = "{a: .inf, b: -.inf, big: 18446744073709551615, octal: 0o17, hex: 0x1F, split: 1_000, much: 1.5e+400, least: -9223372036854775808, old: 017, float: 1e3}"


def test_numbers_are_those_of_dvc(pair):
    pair.write("params.yaml", f"unused: .nan\nn: {NUMBERS}\n")
    pair.write("dvc.yaml", "stages:\n  t:\n    cmd: echo ${n.a} ${n.b} ${n.big} ${n.octal} ${n.hex} ${n.split} ${n.much} ${n.least} ${n.old} ${n.float} > out.txt\n"
                           "    params: [n]\n    outs: [out.txt]\n")
    pair.theirs.dvc("repro")
    assert pair.ran() == {"t"}
    pair.same("dvc.lock", "out.txt")
    assert pair.ran() == set()
    pair.write("params.yaml", "n: 36893488147419103232\n")
    done = pair.slipway(check=False)
    assert done.returncode != 0 and "params.yaml: line 1, column 4: a whole number beyond 64 bits" in done.stderr, done.stderr


def test_lines_of_gitignore_are_in_the_order_of_the_plan(pair):
    """The first stage ends last."""
    names = [f"s{i}" for i in range(4)]
    stages = "".join(f"  {name}:\n    cmd: sleep {1 - i / 4} && echo {i} > {name}.txt\n    outs: [{name}.txt]\n" for i, name in enumerate(names))
    pair.write("dvc.yaml", "stages:\n" + stages)
    pair.write(".gitignore", "/mine")
    pair.theirs.dvc("repro")
    pair.slipway()
    pair.same("dvc.lock", ".gitignore")


def test_nothing_to_run_and_a_stage_without_its_file(pair):
    pair.write("dvc.yaml", "stages: {}\n")
    pair.theirs.dvc("repro")
    assert json.loads(pair.slipway().stdout) == {"state": "succeeded", "steps": []}
    pair.write("a.txt", "1\n")
    pair.write("dvc.yaml", stage("t", "a.txt", "out.txt"))
    done = pair.slipway("t", check=False)
    assert done.returncode == 4 and "`slipway run dvc.yaml:t`" in done.stderr, done.stderr


def test_explain_says_what_has_changed(pair):
    pair.write("a.txt", "1\n")
    pair.write("params.yaml", "rate: {low: 1}\n")
    pair.write("dvc.yaml", "stages:\n  first:\n    cmd: cp a.txt b.txt\n    deps: [a.txt]\n    outs: [b.txt]\n"
                           "  second:\n    cmd: cat b.txt > c.txt\n    deps: [b.txt]\n    params: [rate.low]\n    outs: [c.txt]\n"
                           "  third:\n    cmd: echo 3 > d.txt\n    outs: [d.txt]\n")

    def explain(*args: str) -> dict[str, tuple[str, str]]:
        return {step["step"]: (step["verdict"], step["why"]) for step in json.loads(pair.slipway("--explain", *args).stdout)["steps"]}

    def declared() -> int:
        return len(json.loads(pair.server.cli("--json", "pipelines", "list").stdout)["pipelines"])

    before = declared()
    assert explain()["first"] == ("runs", "dvc.lock has no such stage") and not (pair.ours.folder / "dvc.lock").exists()
    assert declared() == before
    pair.slipway()
    assert declared() == before + 1
    assert set(explain().values()) == {("cached", "nothing has changed")}
    assert {verdict for verdict, _ in explain("--force").values()} == {"runs"}
    pair.write("a.txt", "2\n")
    assert explain()["second"] == ("depends", "it runs unless what first makes is as before")
    pair.replace("dvc.yaml", "  second:\n", "  second:\n    frozen: true\n")
    assert explain()["second"][0] == "cached"
    pair.replace("dvc.yaml", "    frozen: true\n", "")
    pair.write("params.yaml", "rate: {low: 2}\n")
    (pair.ours.folder / "d.txt").unlink()
    assert explain() == {"first": ("runs", "deps: a.txt was b026324c and is 26ab0db9"),
                         "second": ("runs", "params: rate.low was 1 and is 2"),
                         "third": ("cached", "outs: d.txt isn't there; outputs come from DVC's cache")}
    pair.slipway()
    text = (pair.ours.folder / "dvc.yaml").read_text()
    pair.write("dvc.yaml", text.replace("echo 3", "echo 4"))
    assert explain()["third"] == ("runs", 'cmd: "echo 3 > d.txt" is now "echo 4 > d.txt"')
    pair.write("c.txt", "other\n")
    assert explain()["second"][0] == "cached" and "outs: c.txt was 26ab0db9 and is" in explain()["second"][1]
