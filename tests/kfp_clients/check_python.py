"""Lightweight components in Python, as most pipelines have them: parameters of all types, artifacts with metadata, the cache, failures."""
from typing import Dict, List, NamedTuple

from conftest import states_of, tasks_of
from kfp import dsl


@dsl.component
def prepare(rows: int, share: float, shuffle: bool, columns: List[str], options: Dict[str, str], data: dsl.Output[dsl.Dataset]) -> NamedTuple("Out", [("count", int), ("title", str)]):
    import collections
    import json
    with open(data.path, "w") as file:
        json.dump({"rows": list(range(rows)), "share": share, "shuffle": shuffle, "columns": columns, "options": options}, file)
    data.metadata["rows"] = rows
    out = collections.namedtuple("Out", ["count", "title"])
    return out(rows, "of " + columns[0])


@dsl.component
def train(data: dsl.Input[dsl.Dataset], rounds: int, title: str, model: dsl.Output[dsl.Model], metrics: dsl.Output[dsl.Metrics]) -> float:
    import json
    with open(data.path) as file:
        told = json.load(file)
    assert data.metadata["rows"] == len(told["rows"]), data.metadata
    assert told["share"] == 0.5 and told["shuffle"] is True and told["columns"] == ["a", "b"] and told["options"] == {"k": "v"}, told
    assert title == "of a" and isinstance(rounds, int)
    with open(model.path, "w") as file:
        file.write("weights")
    metrics.log_metric("auc", 0.9)
    return sum(told["rows"]) / rounds


@dsl.component
def evaluate(model: dsl.Input[dsl.Model], score: float, text: str = "nothing said") -> str:
    with open(model.path) as file:
        return f"{file.read()} {score} {text}"


@dsl.component
def check(said: str, want: str):
    if said != want:
        raise ValueError(f"not what was wanted: {said}")


@dsl.pipeline(name="training-pipeline", description="Every type of parameter.")
def training(want: str, rows: int = 4, share: float = 0.5, shuffle: bool = True, columns: List[str] = ["a", "b"], options: Dict[str, str] = {"k": "v"}):
    prepared = prepare(rows=rows, share=share, shuffle=shuffle, columns=columns, options=options)
    trained = train(data=prepared.outputs["data"], rounds=2, title=prepared.outputs["title"])
    evaluated = evaluate(model=trained.outputs["model"], score=trained.outputs["Output"])
    check(said=evaluated.output, want=want).set_caching_options(False)


def test_a_pipeline_runs_and_its_second_run_is_cached(client):
    started = client.create_run_from_pipeline_func(training, arguments={"want": "weights 3.0 nothing said"}, experiment_name="python")
    run = client.wait_for_run_completion(started.run_id, timeout=300, sleep_duration=1)
    assert run.state == "SUCCEEDED", run
    assert states_of(run) == dict.fromkeys(["prepare", "train", "evaluate", "check"], "SUCCEEDED")
    assert run.display_name.startswith("training-pipeline 20") and run.runtime_config.parameters == {"want": "weights 3.0 nothing said"}
    assert run.created_at <= run.finished_at and [s.state for s in run.state_history] == ["PENDING", "SUCCEEDED"]
    task = tasks_of(run)["train"]
    assert task.run_id == run.run_id and run.created_at <= task.start_time <= task.end_time <= run.finished_at

    again = client.create_run_from_pipeline_func(training, arguments={"want": "weights 3.0 nothing said"}, experiment_name="python")
    run = client.wait_for_run_completion(again.run_id, timeout=300, sleep_duration=1)
    assert states_of(run) == {"prepare": "SKIPPED", "train": "SKIPPED", "evaluate": "SKIPPED", "check": "SUCCEEDED"}

    other = client.create_run_from_pipeline_func(training, arguments={"want": "weights 1.5 nothing said", "rows": 3}, experiment_name="python")
    run = client.wait_for_run_completion(other.run_id, timeout=300, sleep_duration=1)
    assert states_of(run) == dict.fromkeys(["prepare", "train", "evaluate", "check"], "SUCCEEDED")


def test_a_failure_says_what_python_said_and_a_retry_runs_the_rest(client, wait):
    started = client.create_run_from_pipeline_func(training, arguments={"want": "something else"}, run_name="will fail")
    run = client.wait_for_run_completion(started.run_id, timeout=300, sleep_duration=1)
    assert run.state == "FAILED" and states_of(run)["check"] == "FAILED"
    assert "ValueError: not what was wanted: weights 3.0 nothing said" in run.error.message
    assert "ValueError" in tasks_of(run)["check"].error.message
    client.runs.run_service_retry_run(run.run_id)
    assert wait(run).state == "FAILED"
