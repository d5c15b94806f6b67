"""Pipelines written as Python functions, declared and run on a server: the document, the cache, failures, frames, fan-out, searches, datasets."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import textwrap

import mlflow
import pandas as pd
import pytest
import yaml
from conftest import ROOT, Server

sys.path.insert(0, str(ROOT / "python"))
import slipway as sw  # noqa: E402

FILES = {
    "rows.py": """
        import pandas as pd
        import polars as pl
        import pyarrow as pa
        import slipway as sw
        from near.scale import FACTOR

        @sw.step
        def make(count: int) -> pd.DataFrame:
            return pd.DataFrame({"x": range(count), "y": [FACTOR * x for x in range(count)]}, index=pd.Index([f"r{x}" for x in range(count)], name="row"))

        @sw.step
        def split(rows: pd.DataFrame, share: float = 0.5) -> tuple[pl.DataFrame, pa.Table]:
            assert list(rows.index[:2]) == ["r0", "r1"]
            at = int(len(rows) * share)
            return pl.from_pandas(rows[:at]), pa.Table.from_pandas(rows[at:])
        """,
    "near/scale.py": "FACTOR = 2.0\n",
    "fit.py": """
        import json
        import polars as pl
        import pyarrow as pa
        import slipway as sw

        @sw.step(outputs=["model.json"])
        def fit(rows: pl.DataFrame, rate: float) -> sw.File:
            print(f"fits {rows.height} rows")
            (sw.out() / "model.json").write_text(json.dumps({"slope": float((rows["x"] * rows["y"]).sum() / max((rows["x"] ** 2).sum(), 1)) * (1 - rate)}))
            return sw.out() / "model.json"
        """,
    "score.py": """
        import json
        import os
        import pathlib
        import pyarrow as pa
        import pyarrow.compute as pc
        import slipway as sw

        @sw.step(outputs=["metrics.json"])
        def evaluate(model: sw.File, rows: pa.Table) -> dict[str, float]:
            slope = json.loads(model.read_text())["slope"]
            return {"error": pc.mean(pc.abs(pc.subtract(rows["y"], pc.multiply(rows["x"], slope)))).as_py(), "rows": rows.num_rows}

        @sw.step
        def choose(metrics: list[dict[str, float]], models: list[sw.File]) -> tuple[float, sw.File]:
            at = min(range(len(metrics)), key=lambda at: metrics[at]["error"])
            return metrics[at]["error"], models[at]

        @sw.step(secrets=["KEY"])
        def tell(error: float, words: str, as_of: str, tags: list[str]) -> None:
            pathlib.Path("told").write_text(json.dumps([error, words, as_of == os.environ["SLIPWAY_NOW"], tags, len(os.environ["KEY"])]))
        """,
    "flow.py": """
        import slipway as sw
        from fit import fit
        from rows import make, split
        from score import choose, evaluate, tell

        @sw.pipeline(name="train-it", priority=3, notify={"refused": sw.Route(name="team", webhook="https://example.org/hook")})
        def train_it(count: int = 10, words: str = "it's {x}", rates: list[float] = [0.5, 0.1], as_of: str = sw.NOW):
            first, second = split(make(count))
            models = fit.map(first, sw.each(rates))
            error, model = choose(evaluate.map(sw.each(models), second), models)
            with sw.when(error < 3):
                tell(error, words, as_of, ["a", "{b}", "it's", "$HOME `x` {item}"])
            return error, model

        project = sw.Project("flow", folder=__file__.rpartition("/")[0]).add(train_it, sw.Schedule(name="nightly", pipeline=train_it, cron="0 2 * * *"))

        if __name__ == "__main__":
            print(project.to_yaml(), end="")
        """,
}

YAML = """
project: flow
pipelines:
  train-it:
    params: {count: 10, words: "it's {x}", rates: "[0.5, 0.1]", as_of: "{now}"}
    priority: 3
    notify: {refused: team}
    steps:
      - name: make
        run: python3 -m slipway.run_step rows.py:make {out} count={count}
        code: [rows.py, near/scale.py]
        outputs: [result.parquet]
      - name: split
        run: python3 -m slipway.run_step rows.py:split {out} rows@{make}/result.parquet
        code: [rows.py, near/scale.py]
        outputs: [result_0.parquet, result_1.parquet]
      - name: fit
        run: python3 -m slipway.run_step fit.py:fit {out} rows@{split}/result_0.parquet rate={item}
        code: [fit.py]
        outputs: [model.json]
        each: "{rates}"
      - name: evaluate
        run: python3 -m slipway.run_step score.py:evaluate {out} model@{fit}/{item.folder}/model.json rows@{split}/result_1.parquet
        code: [score.py]
        outputs: [metrics.json]
        each: "{fit/items.json}"
      - name: choose
        run: python3 -m slipway.run_step score.py:choose {out} metrics@{evaluate}'/*/metrics.json' models@{fit}'/*/model.json'
        code: [score.py]
        outputs: [result_0.json, result_1]
      - name: tell
        run: "python3 -m slipway.run_step score.py:tell {out} error@{choose}/result_0.json words={words} as_of={as_of} tags='[\\"a\\", \\"{{b}}\\", \\"it'\\"'\\"'s\\", \\"$HOME `x` {{item}}\\"]'"
        code: [score.py]
        secrets: [KEY]
        when: "{choose/result_0.json} < 3"
schedules:
  nightly: {pipeline: train-it, cron: "0 2 * * *"}
routes:
  team: {webhook: "https://example.org/hook"}
"""


def write(folder: pathlib.Path, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_text(textwrap.dedent(text))


@pytest.fixture
def project(tmp_path, monkeypatch):
    folder = tmp_path / "project"
    write(folder, FILES)
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "python"))
    monkeypatch.setenv("SLIPWAY_SECRET_KEY", "not-told")
    server = Server(tmp_path / "data", "--python-path", os.path.dirname(sys.executable))
    server.folder, server.client = folder, sw.Client(server.url)
    yield server
    server.stop()


def apply(project, file="flow.py") -> str:
    """As a user does: the document to a file, and that to the server."""
    made = subprocess.run([sys.executable, file], cwd=project.folder, capture_output=True, text=True, check=True).stdout
    (project.folder / "slipway.yaml").write_text(made)
    project.cli("apply", str(project.folder / "slipway.yaml"))
    return made


def states(run) -> dict[str, str]:
    return {step["name"]: step["state"] for step in run["steps"]}


def test_functions_are_the_pipeline_that_one_writes_by_hand(project):
    made = apply(project)
    assert yaml.safe_load(made) == yaml.safe_load(YAML)
    (project.folder / "slipway.yaml").write_text(YAML)
    project.cli("plan", "--check", str(project.folder / "slipway.yaml"))  # else it ends with 6

    first = project.client.run("train-it")
    assert first["state"] == "succeeded" and set(states(first).values()) == {"succeeded"}, first
    error = 0.2 * (5 + 6 + 7 + 8 + 9) / 5
    assert json.loads((project.folder / "told").read_text()) == [pytest.approx(error), "it's {x}", True, ["a", "{b}", "it's", "$HOME `x` {item}"], 8]
    chosen = next(step for step in first["steps"] if step["name"] == "choose")
    assert json.loads((pathlib.Path(chosen["folder"]) / "result_1").read_text())["slope"] == pytest.approx(1.8)
    assert project.client.log(first["id"], "fit[1]") == "fits 5 rows\n"

    # What hasn't changed is answered from the cache, but what gives nothing.
    cached = {"make": "cached", "split": "cached", "fit": "cached", "evaluate": "cached", "choose": "cached", "tell": "succeeded"}
    assert states(project.client.run("train-it")) == cached
    assert states(project.client.run("train-it", {"words": "others"})) == cached
    # A function that has changed runs again, and what its result goes to.
    fit = (project.folder / "fit.py").read_text()
    (project.folder / "fit.py").write_text(fit.replace("(1 - rate)", "(1 - rate / 2)"))
    assert states(project.client.run("train-it")) == cached | {"fit": "succeeded", "evaluate": "succeeded", "choose": "succeeded"}
    # One that has changed but gives the same: nothing that follows.
    (project.folder / "fit.py").write_text(fit.replace("(1 - rate)", "(1 - rate / 2)") + "# a comment\n")
    assert states(project.client.run("train-it")) == cached | {"fit": "succeeded"}
    # And what it imports.
    (project.folder / "near" / "scale.py").write_text("FACTOR = 3.0\n")
    assert "cached" not in states(project.client.run("train-it")).values()
    # Another parameter: what is called with it.
    assert states(project.client.run("train-it", {"rates": [0.5, 0.1, 0.0]})) == cached | {"fit": "succeeded", "evaluate": "succeeded", "choose": "succeeded"}
    few = project.client.run("train-it", {"count": 40})
    assert few["state"] == "succeeded" and states(few)["tell"] == "skipped"


def test_what_goes_wrong_is_in_the_log_with_the_functions_line(project):
    write(project.folder, {"flow.py": """
        import slipway as sw

        @sw.step
        def divide(n: int) -> float:
            return 1 / n

        @sw.step(retry=sw.Retry(times=1, after="10ms"))
        def promises() -> int:
            return "a text"

        @sw.step
        def gate(n: int) -> None:
            raise sw.Refused(f"{n} is too small")

        @sw.step(always=True)
        def tidy() -> None:
            print("tidied")

        @sw.pipeline
        def broken(n: int = 0):
            divide(n)
            promises()
            with sw.when(sw.run_state == "failed"):
                tidy()

        @sw.pipeline
        def gated(n: int = 1):
            gate(n)

        if __name__ == "__main__":
            print(sw.Project("flow").add(broken, gated).to_yaml())
        """})
    apply(project)
    run = project.client.run("broken")
    assert run["state"] == "failed" and states(run) == {"divide": "failed", "promises": "failed", "tidy": "succeeded"}
    log = project.client.log(run["id"], "divide")
    assert log.startswith("Traceback (most recent call last):\n  File") and 'flow.py", line 6, in divide' in log and "ZeroDivisionError: division by zero" in log
    assert "python/slipway" not in log
    assert project.client.log(run["id"], "promises").count("step promises says that it returns int (result.json): it is no int: 'a text'") == 2
    assert project.client.log(run["id"], "tidy") == "tidied\n"
    refused = project.client.run("gated")
    assert refused["state"] == "refused" and project.client.log(refused["id"], "gate") == "slipway: refused: 1 is too small\n"
    bad = project.client.run("gated", {"n": "many"})
    assert bad["state"] == "failed" and "argument n: it is no int: 'many'" in project.client.log(bad["id"], "gate")
    with pytest.raises(sw.InvalidArgument, match="no such parameter"):
        project.client.run("gated", {"m": 1})


def test_rows_of_datasets_searches_and_commands(project):
    write(project.folder, {"flow.py": """
        import pandas as pd
        import slipway as sw

        rides = sw.Dataset("rides", path="rides.csv")

        @sw.step
        def total(rows: pd.DataFrame, table: sw.File, model: sw.Model, by: dict[str, int], limit: int | None = None) -> dict[str, float]:
            assert table.read_text() == "a table" and model == sw.Model("delay", alias="champion")
            return {"km": float(rows.km.sum()) * by["factor"]}

        @sw.step(search=sw.Search(method="grid", metric="result.json#score", goal="maximize", space={"power": sw.Range(1, 3)}))
        def tune(km: float, power: int = 2) -> dict[str, float]:
            return {"score": km ** power}

        @sw.step
        def either(low: str | None, high: str | None) -> str:
            return f"{low} {high}"

        @sw.step
        def word(of: str) -> str:
            return of

        @sw.pipeline
        def sums(by: dict[str, int] = {"factor": 2}, limit: int | None = None):
            km = total(sw.rows(rides), "table", sw.Model("delay", alias="champion"), by, limit)["km"]
            best = tune(km)
            with sw.when(best["score"] < 100):
                low = word.with_options(name="low")("it is low")
            with sw.when(~(best["score"] < 100)):
                high = word.with_options(name="high")("it is high")
            said = either.with_options(unless_failed=[low, high])(low, high)
            with sw.when(said == "None it is high"):
                sw.add_step(sw.Step("copy", run="cat {either}/result.txt {tune}/result.json > copied"))

        project = sw.Project("flow", folder=__file__.rpartition("/")[0]).add(sums)

        if __name__ == "__main__":
            print(project.to_yaml())
        """, "table": "a table", "rides.csv": "ride,km\n1,2.5\n2,3.5\n"})
    apply(project)
    project.client.ingest("rides")
    run = project.client.run("sums")
    assert run["state"] == "succeeded", [project.client.log(run["id"], step["name"]) for step in run["steps"] if step["state"] == "failed"]
    assert states(run) == {"total": "succeeded", "tune": "succeeded", "low": "skipped", "high": "succeeded", "either": "succeeded", "copy": "succeeded"}
    assert (project.folder / "copied").read_text() == 'None it is high{"score": 1728.0}'
    assert set(states(project.client.run("sums")).values()) == {"cached", "skipped", "succeeded"}
    project.client.ingest("rides", pd.DataFrame({"ride": [1], "km": [0.5]}))
    again = states(project.client.run("sums", {"by": {"factor": 2}}))
    assert again["total"] == again["tune"] == again["low"] == "succeeded" and again["copy"] == again["high"] == "skipped"


def test_a_pipeline_that_another_one_runs(project):
    write(project.folder, {"flow.py": """
        import pandas as pd
        import slipway as sw

        @sw.step
        def squares(count: int) -> list[int]:
            return [n * n for n in range(count)]

        @sw.step
        def total(numbers: list[int], words: str) -> dict[str, int]:
            return {words: sum(numbers)}

        @sw.step
        def double(n: int) -> int:
            return 2 * n

        @sw.pipeline
        def inner(count: int = 2, words: str = "w"):
            return total(squares(count), words)

        @sw.pipeline
        def outer(count: int = 4):
            sw.add_step(sw.Step("arrives", wait_for=sw.WaitFor(file="there", poke_interval="1s")))
            sums = inner(double.with_options(after=["arrives"])(count), "in")
            with sw.when(sums["in"] > 100):
                return double.with_options(name="last")(sums["in"])

        if __name__ == "__main__":
            print(sw.Project("flow").add(outer).to_yaml())
        """, "there": ""})
    apply(project)
    run = project.client.run("outer")
    assert run["state"] == "succeeded" and states(run) == {"arrives": "succeeded", "double": "succeeded", "inner": "succeeded", "last": "succeeded"}
    last = next(step for step in run["steps"] if step["name"] == "last")
    assert (pathlib.Path(last["folder"]) / "result.json").read_text() == "280"
    assert states(project.client.run("outer", {"count": 2}))["last"] == "skipped"


def test_the_example_registers_its_model(project):
    shutil.copytree(ROOT / "examples" / "wine", project.folder / "wine", ignore=shutil.ignore_patterns("__pycache__"))
    flow = project.folder / "wine" / "flow.py"
    ran = subprocess.run([sys.executable, flow, "--apply"], env=os.environ | {"SLIPWAY_URL": project.url}, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert set(json.loads(ran.stdout).values()) == {"succeeded"}, [project.client.log(run["id"], "register") for run in
                                                                   json.loads(project.cli("--json", "pipelines", "runs", "train-wine").stdout)["runs"]]
    (version,) = mlflow.MlflowClient(project.url).search_model_versions("name='wine'")
    assert mlflow.MlflowClient(project.url).get_run(version.run_id).data.metrics["accuracy"] > 0.9
    strict = json.loads(project.cli("--json", "run", "train-wine", "--param", "enough=1.1").stdout)
    assert {step["name"]: step["state"] for step in strict["steps"]}["register"] == "skipped"


def test_the_pipeline_of_the_readme_is_a_whole_program(project):
    code = re.search(r"```python\n(# flow.py\n.*?)```", (ROOT / "python" / "README.md").read_text(), re.S)[1]
    write(project.folder, {"flow.py": code, "requirements.txt": "pandas\n"})
    ran = subprocess.run([sys.executable, "flow.py"], cwd=project.folder, env=os.environ | {"SLIPWAY_URL": project.url}, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    here, there = [line for line in ran.stdout.splitlines() if " at " not in line]
    assert here == "1.8" and there == "succeeded [('load', 'succeeded'), ('fit', 'succeeded'), ('best', 'succeeded'), ('tell', 'succeeded')]"
