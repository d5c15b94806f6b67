"""Steps and pipelines as Python functions, without a server: the document they make, runs in this process, and what is said of mistakes."""
import concurrent.futures
import datetime as dt
import importlib.util
import pathlib
import re
import sys
import textwrap
from typing import Any, Literal, NamedTuple, Optional

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import yaml
from conftest import ROOT

sys.path.insert(0, str(ROOT / "python"))
import slipway as sw  # noqa: E402
from slipway.imports import project_files  # noqa: E402
from slipway.run_step import main  # noqa: E402
from slipway.values import kind_of  # noqa: E402

HERE = pathlib.Path(__file__).parent
RUN = "python3 -m slipway.run_step test_sdk_steps.py:"


class Split(NamedTuple):
    train: pd.DataFrame
    test: pa.Table


@sw.step
def load(count: int) -> pd.DataFrame:
    return pd.DataFrame({"x": range(count)}, index=pd.Index([f"r{at}" for at in range(count)], name="row"))


@sw.step
def split(rows: pd.DataFrame, share: float = 0.5) -> Split:
    at = int(len(rows) * share)
    return Split(rows[:at], pa.Table.from_pandas(rows[at:]))


@sw.step(env=["requirements.txt"], retry=sw.Retry(times=2), timeout="1h")
def fit(rows: pd.DataFrame, rate: float) -> sw.File:
    file = sw.out() / "made here"
    file.write_text(f"{rate} {len(rows)}")
    return file


@sw.step(outputs=["metrics.json", "plots/a.txt"])
def evaluate(model: sw.File, rows: pl.DataFrame) -> dict[str, float]:
    (sw.out() / "plots").mkdir()
    (sw.out() / "plots" / "a.txt").write_text("a")
    return {"auc": 1 - float(model.read_text().split()[0]), "rows": rows.height}


@sw.step
def best(scores: list[dict[str, float]], models: list[sw.File]) -> float:
    assert len(scores) == len(models)
    return max(score["auc"] for score in scores)


said: list[Any] = []


@sw.step(cache=False)
def tell(auc: float, words: str, tags: list[str]) -> None:
    said.append((auc, words, tags))


@sw.step(always=True)
def tidy() -> None:
    said.append("tidy")


@sw.step
def fails(rows: pd.DataFrame) -> int:
    raise KeyError("a mistake")


@sw.step
def word(of: str) -> str:
    return of


@sw.pipeline(name="train-it", priority=3)
def train_it(count: int = 10, words: str = "it's {x}", rates: list[float] = [0.1, 0.3], as_of: dt.datetime = sw.NOW):
    parts = split(load(count))
    models = fit.map(parts.train, sw.each(rates))
    top = best(evaluate.map(sw.each(models), parts.test), models)
    one = evaluate.with_options(name="evaluate-one")(fit.with_options(name="fit-one")(parts.train, 0.25), parts.test)
    with sw.when((top > 0.5) & (one["auc"] >= 0.1)):
        tell(one["auc"], words, ["a", "{b}", "it's"])
        with sw.when(~(sw.run_state == "failed")):
            tidy()
    return {"top": top, "one": one}


def define(made, folder=HERE):
    return yaml.safe_load(sw.Project("p", folder=folder).add(made).to_yaml())["pipelines"][made.name]


def test_the_graph_is_the_document():
    assert define(train_it) == yaml.safe_load(f"""
        params: {{count: 10, words: "it's {{x}}", rates: "[0.1, 0.3]", as_of: "{{now}}"}}
        priority: 3
        steps:
          - name: load
            run: {RUN}load {{out}} count={{count}}
            code: [test_sdk_steps.py, conftest.py]
            outputs: [result.parquet]
          - name: split
            run: {RUN}split {{out}} rows@{{load}}/result.parquet
            code: [test_sdk_steps.py, conftest.py]
            outputs: [train.parquet, test.parquet]
          - name: fit
            run: {RUN}fit {{out}} rows@{{split}}/train.parquet rate={{item}}
            code: [test_sdk_steps.py, conftest.py]
            env: [requirements.txt]
            outputs: [result]
            each: "{{rates}}"
            timeout: 1h
            retry: {{times: 2}}
          - name: evaluate
            run: {RUN}evaluate {{out}} model@{{fit}}/{{item.folder}}/result rows@{{split}}/test.parquet
            code: [test_sdk_steps.py, conftest.py]
            outputs: [metrics.json, plots/a.txt]
            each: "{{fit/items.json}}"
          - name: best
            run: {RUN}best {{out}} scores@{{evaluate}}'/*/metrics.json' models@{{fit}}'/*/result'
            code: [test_sdk_steps.py, conftest.py]
            outputs: [result.json]
          - name: fit-one
            run: {RUN}fit {{out}} rows@{{split}}/train.parquet rate=0.25
            code: [test_sdk_steps.py, conftest.py]
            env: [requirements.txt]
            outputs: [result]
            timeout: 1h
            retry: {{times: 2}}
          - name: evaluate-one
            run: {RUN}evaluate {{out}} model@{{fit-one}}/result rows@{{split}}/test.parquet
            code: [test_sdk_steps.py, conftest.py]
            outputs: [metrics.json, plots/a.txt]
          - name: tell
            run: {RUN}tell {{out}} auc@{{evaluate-one}}/metrics.json#auc words={{words}} tags='["a", "{{{{b}}}}", "it'"'"'s"]'
            code: [test_sdk_steps.py, conftest.py]
            cache: false
            when: "({{best/result.json}} > 0.5) and ({{evaluate-one/metrics.json#auc}} >= 0.1)"
          - name: tidy
            run: {RUN}tidy {{out}}
            code: [test_sdk_steps.py, conftest.py]
            always: true
            when: "(({{best/result.json}} > 0.5) and ({{evaluate-one/metrics.json#auc}} >= 0.1)) and (not ({{run.state}} == 'failed'))"
    """)


def test_a_pipeline_runs_here(capsys):
    said.clear()
    assert train_it(count=8) == {"top": 0.9, "one": {"auc": 0.75, "rows": 4.0}}
    assert said == [(0.75, "it's {x}", ["a", "{b}", "it's"]), "tidy"]
    said.clear()
    assert train_it(4, "w", rates=[0.6]) == {"top": 0.4, "one": {"auc": 0.75, "rows": 2.0}}
    assert said == [] and "tell is skipped: its condition says no" in capsys.readouterr().err
    with pytest.raises(sw.PipelineError, match=r"test_sdk_steps.py:\d+: pipeline train-it: count: it is no int: 'many'"):
        train_it(count="many")


def test_a_failure_here_is_the_functions_own_and_what_always_runs_does():
    @sw.pipeline
    def broken(count: int = 2):
        value = fails(load(count))
        with sw.when(sw.run_state == "failed"):
            tidy()
        return value

    said.clear()
    with pytest.raises(KeyError, match="a mistake"):
        broken()
    assert said == ["tidy"]


def test_outside_of_pipelines_a_step_is_its_function():
    rows = load(4)
    assert list(rows.index) == ["r0", "r1", "r2", "r3"]
    parts = split(rows, share=0.25)
    assert len(parts.train) == 1 and parts.test.num_rows == 3
    files = fit.map(rows, sw.each([0.1, 0.2]))
    assert [file.read_text() for file in files] == ["0.1 4", "0.2 4"]
    assert word.map(sw.each([{"a": {"b": "x"}}, {"a": {"b": "y"}}])["a"]["b"]) == ["x", "y"]
    assert load.__name__ == "load" and split.local(rows).train.equals(rows[:2])  # with its index, through a file
    with pytest.raises(sw.PipelineError, match="it is no float: 'x'"):
        split.local(rows, "x")


def test_a_helper_calls_steps_like_the_pipeline_itself_and_what_is_skipped_may_be_none():
    def sized(name: str, count: int):
        return area.with_options(name=name)(count)

    @sw.pipeline
    def either(count: int = 3):
        with sw.when(count < 5):
            small = sized("small", count)
        with sw.when(~(count < 5)):
            large = sized("large", count)
        return choose.with_options(unless_failed=[small, large])(small, large)

    assert either() == 9.0 and either(count=6) == 36.0


@sw.step
def choose(one: float | None, other: float | None) -> float:
    return one if one is not None else other if other is not None else -1.0


@sw.step
def area(count: int) -> float:
    return float(count * count)


def test_datasets_models_and_files_are_what_a_step_depends_on(tmp_path):
    @sw.pipeline
    def reads():
        uses(sw.rows(sw.Dataset("flights", path="flights.parquet")), sw.Model("delay", alias="champion"), pathlib.Path("data/planes.csv"), sw.Model("delay", version=3))
        uses.with_options(name="again", inputs=["dataset:weather"], after=[uses])(sw.rows("planes"), sw.Model("delay", version=2), pathlib.Path("data"), sw.Model("delay", version=3))

    document = yaml.safe_load(sw.Project("p", folder=HERE).add(reads).to_yaml())
    assert document["datasets"] == {"flights": {"path": "flights.parquet"}}
    first, second = document["pipelines"]["reads"]["steps"]
    assert first["inputs"] == ["dataset:flights", "model:delay@champion", "data/planes.csv", "model:delay/3"]
    assert first["run"].endswith("{out} rows=dataset:flights model=models:/delay@champion file=data/planes.csv other=models:/delay/3")
    assert second["inputs"] == ["dataset:planes", "model:delay/2", "data", "model:delay/3", "dataset:weather"] and second["after"] == ["uses"]
    registered = sw.step(_register).local()
    assert registered == sw.Model("delay", version=7)


def _register() -> sw.Model:
    return sw.Model("delay", version=7)


@sw.step
def uses(rows: pd.DataFrame, model: sw.Model, file: pathlib.Path, other: sw.Model) -> int:
    return 1


def test_a_search_chooses_parameters():
    @sw.pipeline
    def searching(count: int = 8):
        return tune(load(count))

    (_, step) = define(searching)["steps"]
    assert step["run"].endswith("{out} rows@{load}/result.parquet rate={rate}")
    assert step["search"] == {"method": "grid", "metric": "result.json#auc", "goal": "maximize", "space": {"rate": {"low": 0.1, "high": 0.3, "step": 0.1}}}
    assert searching() == {"auc": 0.5}


@sw.step(search=sw.Search(method="grid", metric="result.json#auc", goal="maximize", space={"rate": sw.Range(0.1, 0.3, step=0.1)}))
def tune(rows: pd.DataFrame, rate: float = 0.5) -> dict[str, float]:
    return {"auc": rate}


def test_commands_and_questions_stand_beside_functions(capsys):
    @sw.pipeline
    def promoting(count: int = 8):
        score = area(count)
        ask = sw.add_step(sw.Step("ask", approve="Is it good?", after=["area"]))
        with sw.when(score > 1):
            sw.add_step(sw.Step("promote", run="slipway models promote delay champion --version {area}/result.json", after=["ask"]))
        tidy.with_options(name="last", always=False, after=[ask])()
        return score

    steps = define(promoting)["steps"]
    assert steps[1] == {"name": "ask", "approve": "Is it good?", "after": ["area"]}
    assert steps[2]["when"] == "{area/result.json} > 1" and steps[3]["after"] == ["ask"]
    said.clear()
    assert promoting() == 64.0 and said == []
    assert "promote is skipped" in (told := capsys.readouterr().err) and "last is skipped: it needs ask" in told


def test_a_pipeline_called_in_another_one_is_a_step():
    @sw.pipeline
    def inner(count: int = 2, words: str = "w", as_of: str = sw.NOW):
        sized = area(count)
        return {"sized": sized, "words": (word(words),)}

    @sw.pipeline
    def outer(count: int = 3):
        sw.add_step(sw.Step("wait", wait_for=sw.WaitFor(delay="1h")))
        got = inner(count, words="{x}")
        with sw.when(got["sized"] > 4):
            word.with_options(name="again", after=["wait"])(got["words"][0])
        return area.with_options(name="last")(count), got

    document = yaml.safe_load(sw.Project("p", folder=HERE).add(outer).to_yaml())["pipelines"]
    assert set(document) == {"inner", "outer"} and document["inner"]["params"] == {"count": 2, "words": "w", "as_of": "{now}"}
    assert document["outer"]["steps"][1] == {"name": "inner", "pipeline": "inner", "parameters": {"count": "{count}", "words": "{{x}}"}}
    assert document["outer"]["steps"][2]["when"] == "{inner/area/result.json} > 4"
    assert document["outer"]["steps"][2]["run"].endswith("{out} of@{inner}/word/result.txt")
    assert outer() == (9.0, {"sized": 9.0, "words": ("{x}",)})


def test_waits_and_pipelines_by_name_bring_what_they_name():
    rides = sw.Dataset("rides", path="rides.csv")
    made = sw.Pipeline("p", steps=[sw.Step("wait", wait_for=sw.WaitFor(dataset=rides, newer_than="last_success"), timeout="1d"), sw.Step("a", pipeline=train_it, parameters={"count": "{n}"})],
                       params={"n": 3})
    document = yaml.safe_load(sw.Project("x", folder=HERE).add(made).to_yaml())
    assert set(document["datasets"]) == {"rides"} and set(document["pipelines"]) == {"p", "train-it"}
    assert document["pipelines"]["p"]["steps"] == [{"name": "wait", "wait_for": {"dataset": "rides", "newer_than": "last_success"}, "timeout": "1d"},
                                                   {"name": "a", "pipeline": "train-it", "parameters": {"count": "{n}"}}]
    for wrong in (lambda: sw.WaitFor(), lambda: sw.WaitFor(file="a", delay="1h"), lambda: sw.Step("a"), lambda: sw.Step("a", "b", pipeline="c"), lambda: sw.Step("a", "b", parameters={"a": 1})):
        with pytest.raises(ValueError, match="exactly one of|parameters are of"):
            wrong()


def test_a_wait_is_over_at_once_here_and_brings_its_dataset():
    @sw.pipeline
    def waits(count: int = 3):
        arrives = sw.add_step(sw.Step("arrives", wait_for=sw.WaitFor(dataset=sw.Dataset("rides", path="rides.csv"), newer_than="last_success"), timeout="1d"))
        return area.with_options(after=[arrives])(count)

    document = yaml.safe_load(sw.Project("x", folder=HERE).add(waits).to_yaml())
    assert set(document["datasets"]) == {"rides"} and waits() == 9.0
    assert document["pipelines"]["waits"]["steps"][0] == {"name": "arrives", "wait_for": {"dataset": "rides", "newer_than": "last_success"}, "timeout": "1d"}
    for wrong in (lambda: sw.WaitFor(), lambda: sw.WaitFor(file="a", delay="1h"), lambda: sw.Step("a"), lambda: sw.Step("a", "b", approve="c")):
        with pytest.raises(ValueError, match="exactly one of"):
            wrong()


def test_frames_and_files_may_be_missing():
    @sw.pipeline
    def maybe(count: int = 3):
        with sw.when(count > 5):
            rows = load(count)
        return height.with_options(unless_failed=[rows])(rows, None, limit=None)

    assert define(maybe)["steps"][1]["run"].endswith("{out} rows@{load}/result.parquet")  # an argument that is None, as the default is, isn't written
    assert maybe() == -1 and maybe(count=6) == 6


@sw.step
def height(rows: pd.DataFrame | None, file: sw.File | None = None, limit: int | None = None) -> int:
    assert file is None and limit is None
    return -1 if rows is None else len(rows)


@pytest.mark.parametrize("annotation, value, text, file", [
    (int, 7, "7", "7"), (float, 0.5, "0.5", "0.5"), (float, 1, "1", "1"), (bool, True, "true", "true"), (str, "it's\n{x} ", "it's\n{x} ", "it's\n{x} "),
    (str, "7", "7", "7"), (Optional[int], None, "", "null"), (int | None, 3, "3", "3"), (Optional[str], None, "", ""), (list[int], [1, 2], "[1, 2]", "[1, 2]"),
    (dict[str, list[float]], {"a": [0.5]}, '{"a": [0.5]}', '{"a": [0.5]}'), (Any, {"a": None}, '{"a": null}', '{"a": null}'), (Any, "x", "x", '"x"'),
    (Literal["a", "b"], "a", "a", "a"), (Literal[1, 2], 2, "2", "2"), (int | str, "x", "x", '"x"'),
    (dt.datetime, dt.datetime(2026, 1, 5, 8, tzinfo=dt.timezone.utc), "2026-01-05T08:00:00Z", "2026-01-05T08:00:00Z"),
    (sw.Model, sw.Model("a b", alias="prod"), "models:/a b@prod", '{"name": "a b", "alias": "prod", "uri": "models:/a b@prod"}')])
def test_values_are_words_and_files(annotation, value, text, file, tmp_path):
    kind = kind_of(annotation)
    assert kind.text(value) == text and kind.from_text(text) == value
    kind.write(value, tmp_path / "value")
    assert (tmp_path / "value").read_text() == file and kind.read(tmp_path / "value") == value


@pytest.mark.parametrize("annotation, value, says", [
    (int, "7", "no int"), (int, True, "no int"), (int, 1.5, "no int"), (float, float("nan"), "JSON has no nan"), (bool, 1, "no bool"), (list[int], ["a"], "no list"),
    (dict[str, int], {1: 2}, "keys of JSON are texts"), (Literal["a"], "b", "Literal"), (dt.datetime, dt.datetime(2026, 1, 5), "could be any moment"),
    (Any, object(), "JSON holds no object"), (sw.Model, "x", "no Model"), (sw.Folder, "/etc/passwd", "no folder"), (sw.File, "/nowhere", "nothing is there"),
    (pd.DataFrame, [1], "no pandas.DataFrame but a list"), (pl.DataFrame, pd.DataFrame(), "no polars.DataFrame"), (pa.Table, 7, "rows are a DataFrame")])
def test_values_of_another_kind_are_refused(annotation, value, says, tmp_path):
    with pytest.raises((TypeError, ValueError, AttributeError), match=says):
        kind_of(annotation).write(value, tmp_path / "value")


def test_numbers_of_numpy_are_numbers(tmp_path):
    import numpy as np
    kind_of(dict[str, float]).write({"a": np.float32(0.5), "b": np.int64(3)}, tmp_path / "value")
    assert (tmp_path / "value").read_text() == '{"a": 0.5, "b": 3}'


@pytest.mark.parametrize("annotation", [set, list[set], dict[int, int], pd.Series, tuple[int, ...], int | set])
def test_some_annotations_are_of_no_step(annotation):
    assert kind_of(annotation) is None


# Mistakes: what is said, and the line that it is said of, marked with #!
MISTAKES = {
    "has no annotation: one of int": """
        @sw.step  #!
        def a(x) -> int: return 1
    """,
    "parameter x has an annotation that no step has: <class 'set'>": """
        @sw.step  #!
        def a(x: set) -> int: return 1
    """,
    "nothing says what it returns": """
        @sw.step  #!
        def a(x: int): return 1
    """,
    "it returns what no step gives: <class 'object'>.*write a file": """
        @sw.step  #!
        def a() -> "set[int]": return 1
    """,
    "can't be read: name 'Missing' is not defined": """
        @sw.step  #!
        def a(x: "Missing") -> int: return 1
    """,
    "no coroutine": """
        @sw.step  #!
        async def a() -> int: return 1
    """,
    "there is no option retries; there are name, code": """
        @sw.step(retries=3)  #!
        def a() -> int: return 1
    """,
    "outputs names 1 files, and it returns 2 values": """
        @sw.step(outputs=["a"])  #!
        def a() -> tuple[int, int]: return 1, 2
    """,
    "parameter n has no default": """
        @sw.pipeline  #!
        def p(n: int): one(n)
    """,
    "the default of parameter n: it is no int: 'x'": """
        @sw.pipeline  #!
        def p(n: int = "x"): one(n)
    """,
    "it calls no step": """
        @sw.pipeline  #!
        def p(n: int = 1): pass
    """,
    "two steps are called one \\(the other one at .*\\): .*one.with_options\\(name=": """
        @sw.pipeline
        def p(n: int = 1):
            one(n)
            one(n)  #!
    """,
    "a step and a parameter of the pipeline are both called one": """
        @sw.pipeline
        def p(one: int = 1):
            first(one)  #!
    """,
    "the items of what step listed gives .*use each\\(\\.\\.\\.\\)": """
        @sw.pipeline
        def p(n: int = 1):
            for x in listed(n):  #!
                one(x)
    """,
    "whether it holds is known only when the pipeline runs: write `with when": """
        @sw.pipeline
        def p(n: int = 1):
            if one(n) > 3:  #!
                listed(n)
    """,
    "the truth of the parameter n is known only": """
        @sw.pipeline
        def p(n: int = 1):
            if n:  #!
                one(n)
    """,
    "the value of the parameter n is known only when the pipeline runs: do it in a step": """
        @sw.pipeline
        def p(n: int = 1):
            one(n + 1)  #!
    """,
    "the text of the parameter n": """
        @sw.pipeline
        def p(n: int = 1):
            text(f"n is {n}")  #!
    """,
    "takes n as int, and what step text gives .*is str": """
        @sw.pipeline
        def p(n: int = 1):
            one(text("a"))  #!
    """,
    "takes n as int, and what step listed gives .*is list": """
        @sw.pipeline
        def p(n: int = 1):
            one(listed(n))  #!
    """,
    "step one: n: it is no int: 'a'": """
        @sw.pipeline
        def p(n: int = 1):
            one("a")  #!
    """,
    "step one needs an argument: n": """
        @sw.pipeline
        def p(n: int = 1):
            one()  #!
    """,
    "got an unexpected keyword argument 'm'": """
        @sw.pipeline
        def p(n: int = 1):
            one(1, m=2)  #!
    """,
    "which gives nothing": """
        @sw.pipeline
        def p(n: int = 1):
            one(nothing())  #!
    """,
    "each\\(\\.\\.\\.\\) gives a list of results: call one.map": """
        @sw.pipeline
        def p(n: int = 1):
            one(sw.each([1, 2]))  #!
    """,
    "one.map\\(\\.\\.\\.\\) needs an argument that is each": """
        @sw.pipeline
        def p(n: int = 1):
            one.map(n)  #!
    """,
    "each needs a list, not 'abc'": """
        @sw.pipeline
        def p(n: int = 1):
            one.map(sw.each("abc"))  #!
    """,
    "each needs a list, and what step text gives .*is a str": """
        @sw.pipeline
        def p(n: int = 1):
            one.map(sw.each(text("a")))  #!
    """,
    "is no number, text or truth value": """
        @sw.pipeline
        def p(n: int = 1):
            with sw.when(framed() > 1):  #!
                one(n)
    """,
    "when\\(\\.\\.\\.\\) is for functions with @pipeline": """
        with sw.when(True):  #!
            pass
    """,
    "comes after other, which pipeline p doesn't call": """
        @sw.pipeline
        def p(n: int = 1):
            one.with_options(after=["other"])(n)  #!
    """,
    "pipeline p runs itself": """
        @sw.pipeline
        def inner(n: int = 1): p(n)  #!
        @sw.pipeline
        def p(n: int = 1):
            inner()
    """,
    "pipeline inner takes n as int, not what step text gives": """
        @sw.pipeline
        def inner(n: int = 1): one(n)
        @sw.pipeline
        def p(n: int = 1):
            inner(text("a"))  #!
    """,
    "what pipeline inner returns can't be used here, as what step one gives .*is a list of files": """
        @sw.pipeline
        def inner(n: int = 1): return one.map(sw.each([1, 2]))
        @sw.pipeline
        def p(n: int = 1):
            inner()  #!
    """,
    "run_state is for `when` alone; a step with always finds SLIPWAY_RUN_STATE": """
        @sw.pipeline
        def inner(s: str = "x"): text(s)
        @sw.pipeline
        def p(n: int = 1):
            inner(sw.run_state)  #!
    """,
    "outputs are named where the function is": """
        @sw.pipeline
        def p(n: int = 1):
            one.with_options(outputs=["a.json"])(n)  #!
    """,
    "is something else in its module: write @step above": """
        def plain() -> int: return 1  #!
        decorated = sw.step(plain)
        @sw.pipeline
        def p(n: int = 1):
            decorated()
    """,
    "a step is a function of a module": """
        def make():
            @sw.step  #!
            def a() -> int: return 1
        make()
    """,
}

BEFORE = """
import pyarrow as pa
import slipway as sw
@sw.step
def one(n: int) -> int: return n
first = one.with_options(name="one")
@sw.step
def listed(n: int) -> list[int]: return [n]
@sw.step
def text(of: str) -> str: return of
@sw.step
def nothing() -> None: pass
@sw.step
def framed() -> pa.Table: return pa.table({"a": [1]})
p = None
"""


@pytest.mark.parametrize("says", MISTAKES)
def test_mistakes_are_told_with_file_and_line(says, tmp_path, monkeypatch):
    code = BEFORE + textwrap.dedent(MISTAKES[says])
    (tmp_path / "mistake.py").write_text(code)
    line = next(at for at, text in enumerate(code.splitlines(), 1) if text.endswith("#!"))
    says = says.replace("<class 'object'>", re.escape("set[int]"))
    with pytest.raises(sw.PipelineError, match=rf"mistake.py:{line}: .*{says}"):
        spec = importlib.util.spec_from_file_location("mistake", tmp_path / "mistake.py")
        monkeypatch.setitem(sys.modules, "mistake", module := importlib.util.module_from_spec(spec))
        spec.loader.exec_module(module)
        sw.Project("x", folder=tmp_path).add(module.p)


def test_code_is_the_file_and_what_it_imports_of_the_project(tmp_path):
    for name, code in {"flow.py": "import json, lib.deep\nfrom steps import train as t\nimport numpy", "steps/__init__.py": "", "steps/train.py": "def f():\n    from . import more\n    from ..a import b",
                       "steps/more.py": "import near", "steps/near.py": "import slipway", "lib/__init__.py": "", "lib/deep.py": "import flow", "lib/other.py": "", "unused.py": ""}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(code)
    assert project_files(tmp_path / "flow.py", tmp_path) == ["flow.py", "lib/__init__.py", "lib/deep.py", "steps/__init__.py", "steps/more.py", "steps/near.py", "steps/train.py"]
    assert project_files(tmp_path / "lib/other.py", tmp_path) == ["lib/other.py"]


def test_a_project_elsewhere_says_so(tmp_path):
    with pytest.raises(sw.PipelineError, match=r"test_sdk_steps.py isn't below the project's folder.*Project\(\.\.\., folder=\.\.\.\)"):
        define(train_it, tmp_path)


@sw.step(outputs=["part.txt"])
def by_threads() -> pathlib.Path:
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda name: (sw.out() / name).write_text(name), ["a.txt", "b.txt"]))
    (sw.out() / "part.txt").write_text("done")
    return sw.out() / "part.txt"


def test_threads_of_a_step_write_where_it_writes(tmp_path):
    by_threads.run({}, tmp_path / "out")
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["a.txt", "b.txt", "part.txt"]


def test_what_a_skipped_step_would_have_written_is_none_wherever_it_lies():
    for place in ("/result.json", "/sub/result.json", "/inner/result.json#auc", "/*/result.json"):
        assert choose.read_argument("one", "@", place) is None
    with pytest.raises(TypeError, match="No such file"):
        choose.read_argument("one", "@", f"{HERE}/nowhere/result.json")


def test_the_command_of_a_step(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "steps").mkdir()
    (tmp_path / "steps" / "near.py").write_text("TWICE = 2\n")
    (tmp_path / "steps" / "job.py").write_text(textwrap.dedent("""
        import slipway as sw
        from near import TWICE
        @sw.step
        def twice(n: int) -> int:
            if n < 0:
                raise ValueError("below zero")
            if n == 0:
                raise sw.Refused("nothing there")
            return n * TWICE
        @sw.step
        def wrong(n: int) -> int: return "x"
        def plain(n: int) -> int: return n
    """))
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert main(["steps/job.py:twice", "out", "n=21"]) == 0 and (tmp_path / "out" / "result.json").read_text() == "42"
    assert main(["steps/job.py:twice", "again", "n@out/result.json"]) == 0 and (tmp_path / "again" / "result.json").read_text() == "84"
    assert main(["steps/job.py:twice", "out", "n=0"]) == 3 and "refused: nothing there" in capsys.readouterr().err
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "__init__.py").write_text("")
    (tmp_path / "pkg" / "near.py").write_text("WORDS = 'relative'\n")
    (tmp_path / "pkg" / "job.py").write_text("from __future__ import annotations\nimport slipway as sw\nfrom .near import WORDS\n@sw.step\ndef word() -> str:\n    return WORDS\n")
    assert main(["pkg/job.py:word", "relative"]) == 0 and (tmp_path / "relative" / "result.txt").read_text() == "relative"
    for words, says in ((["steps/job.py:twice", "out", "n=-1"], 'job.py", line 7'), (["steps/job.py:twice", "out", "n=x"], "step twice: argument n: it is no int: 'x'"),
                        (["steps/job.py:wrong", "out", "n=1"], r"step wrong says that it returns int (result.json): it is no int: 'x'"),
                        (["steps/job.py:plain", "out"], "steps/job.py has no function plain with @step"), (["nowhere.py:f", "out"], "there is no file nowhere.py")):
        assert main(words) == 1
        told = capsys.readouterr().err
        assert says in told and "python/slipway" not in told
