"""Conditions, loops, exit handlers, nested pipelines, retries, importers."""
import pathlib
import time
from typing import List

import pytest
import steps
from conftest import states_of, tasks_of
from kfp import dsl
from kfp_server_api import ApiException


def lines(file: pathlib.Path) -> list:
    return sorted(file.read_text().splitlines()) if file.exists() else []


def test_after_says_the_order(client, wait, tmp_path):
    @dsl.pipeline(name="ordered")
    def ordered(file: str):
        first = steps.note(text="first", file=file).set_caching_options(False)
        second = steps.note(text="second", file=file).set_caching_options(False).after(first)
        steps.note(text="third", file=file).set_caching_options(False).after(first, second)

    run = wait(client.create_run_from_pipeline_func(ordered, arguments={"file": str(tmp_path / "seen")}))
    assert run.state == "SUCCEEDED", run.error
    assert (tmp_path / "seen").read_text() == "first\nsecond\nthird\n"


@pytest.mark.parametrize("side, ran", [("heads", ["heads 7"]), ("tails", ["low", "tails"]), ("1.0", ["low", "neither"])])
def test_conditions_choose(client, wait, tmp_path, side, ran):
    @dsl.pipeline(name="conditions")
    def conditions(side: str, file: str, n: int):
        flipped = steps.write(text=side)
        counted = steps.number(value=n)
        with dsl.If(flipped.outputs["out"] == "heads"):
            steps.note(text=f"{flipped.outputs['out']} {counted.outputs['out']}", file=file)
        with dsl.Elif(flipped.outputs["out"] == "tails"):
            steps.note(text="tails", file=file)
        with dsl.Elif(flipped.outputs["out"] == "1"):
            steps.note(text="one", file=file)
        with dsl.Else():
            steps.note(text="neither", file=file)
        with dsl.If(counted.outputs["out"] <= 5):
            steps.note(text="low", file=file)

    run = wait(client.create_run_from_pipeline_func(conditions, arguments={"side": side, "file": str(tmp_path / "seen"), "n": 7 if side == "heads" else 5},
                                                    enable_caching=False))
    assert run.state == "SUCCEEDED", run.error
    assert lines(tmp_path / "seen") == ran
    assert sorted(set(states_of(run).values())) == ["SKIPPED", "SUCCEEDED"]


@pytest.mark.parametrize("side", ["heads", "tails"])
def test_what_one_of_the_branches_made_is_taken(client, wait, tmp_path, side):
    @dsl.component
    def make(text: str, data: dsl.Output[dsl.Dataset]) -> str:
        with open(data.path, "w") as file:
            file.write(f"data of {text}")
        return f"text of {text}"

    @dsl.container_component
    def show(text: str, data: dsl.Input[dsl.Dataset], file: str):
        return dsl.ContainerSpec(image="alpine", command=["sh", "-ec", 'echo "$0, $(cat "$1")" >> "$2"'], args=[text, data.path, file])

    @dsl.pipeline(name="branches")
    def branches(side: str, file: str):
        with dsl.If(side == "heads"):
            a = make(text="a")
        with dsl.Else():
            b = make(text="b")
        show(text=dsl.OneOf(a.outputs["Output"], b.outputs["Output"]), data=dsl.OneOf(a.outputs["data"], b.outputs["data"]), file=file)

    run = wait(client.create_run_from_pipeline_func(branches, arguments={"side": side, "file": str(tmp_path / "seen")}), 300)
    assert run.state == "SUCCEEDED", run.error
    taken = "a" if side == "heads" else "b"
    assert lines(tmp_path / "seen") == [f"text of {taken}, data of {taken}"]


@pytest.mark.parametrize("side", ["heads", "tails"])
def test_a_pipeline_with_branches_is_done_when_one_of_them_is(client, wait, tmp_path, side):
    @dsl.pipeline(name="choose")
    def choose(side: str, file: str) -> str:
        with dsl.If(side == "heads"):
            a = steps.write(text="a")
            steps.note(text="only in one", file=f"{file}.one")
        with dsl.Else():
            b = steps.write(text="b")
        return dsl.OneOf(a.outputs["out"], b.outputs["out"])

    @dsl.pipeline(name="around")
    def around(side: str, file: str):
        chosen = choose(side=side, file=file)
        steps.note(text=chosen.output, file=file)
        steps.note(text="later", file=file).after(chosen)

    run = wait(client.create_run_from_pipeline_func(around, arguments={"side": side, "file": str(tmp_path / "seen")}))
    assert run.state == "SUCCEEDED", run.error
    assert lines(tmp_path / "seen") == ["a" if side == "heads" else "b", "later"]


def test_nothing_comes_after_branches_whose_choice_failed(client, wait, tmp_path):
    @dsl.pipeline(name="branches")
    def branches(side: str, file: str):
        with dsl.If(side == "heads"):
            steps.note(text="heads", file=file)
        with dsl.Else():
            steps.note(text="tails", file=file)

    @dsl.pipeline(name="choice-fails")
    def choice_fails(file: str):
        side = steps.write(text="heads").after(steps.fail(message="50 % \u2588\u2588 it broke"))
        steps.note(text="deployed", file=file).after(branches(side=side.output, file=file))

    run = wait(client.create_run_from_pipeline_func(choice_fails, arguments={"file": str(tmp_path / "seen")}))
    assert run.state == "FAILED" and "\u2588 it broke" in tasks_of(run)["fail"].error.message
    assert not (tmp_path / "seen").exists()


def test_a_run_is_named_to_its_tasks(client, wait, tmp_path):
    @dsl.pipeline(name="named")
    def named(file: str):
        steps.note(text=f"run {dsl.PIPELINE_JOB_ID_PLACEHOLDER}", file=file)

    runs = [wait(client.create_run_from_pipeline_func(named, arguments={"file": str(tmp_path / "seen")})) for _ in range(2)]
    assert [run.state for run in runs] == ["SUCCEEDED"] * 2
    assert lines(tmp_path / "seen") == sorted(f"run {run.run_id}" for run in runs), "a cached one would name the first"


def test_loops_run_each_item_and_collect(client, wait, tmp_path):
    @dsl.container_component
    def join(texts: List[str], file: str):
        return dsl.ContainerSpec(image="alpine", command=["sh", "-ec", 'printf %s "$0" > "$1"'], args=[texts, file])

    @dsl.pipeline(name="loops")
    def loops(file: str, names: List[str] = ["x", "y"]):
        with dsl.ParallelFor(items=["1", "2", "three"], parallelism=2) as item:
            written = steps.write(text=f"<{item}>")
            again = steps.write(text=f"{written.outputs['out']}!")
        join(texts=dsl.Collected(again.outputs["out"]), file=file)
        with dsl.ParallelFor(items=names) as name:
            steps.note(text=name, file=f"{file}.names")
        with dsl.ParallelFor(items=[{"a": "1", "b": "one"}, {"a": "2", "b": "two"}]) as pair:
            steps.note(text=pair.b, file=f"{file}.pairs")

    run = wait(client.create_run_from_pipeline_func(loops, arguments={"file": str(tmp_path / "seen"), "names": ["p", "", "r"]}))
    assert run.state == "SUCCEEDED", run.error
    assert (tmp_path / "seen").read_text() == '["<1>!","<2>!","<three>!"]'
    assert lines(tmp_path / "seen.names") == ["", "p", "r"]
    assert lines(tmp_path / "seen.pairs") == ["one", "two"]
    items = [task for task in run.run_details.task_details if task.parent_task_id == tasks_of(run)["write"].task_id]
    assert len(items) == 3 and {item.state for item in items} == {"SUCCEEDED"}


@pytest.mark.parametrize("message", ["", "it broke"])
def test_exit_handlers_run_however_theirs_end(client, wait, tmp_path, message):
    @dsl.component
    def at_exit(file: str, status: dsl.PipelineTaskFinalStatus):
        with open(file, "w") as out:
            out.write(f"{status.state} {status.pipeline_task_name} {status.error_message}")

    @dsl.pipeline(name="exits")
    def exits(file: str, message: str):
        last = at_exit(file=file)
        with dsl.ExitHandler(last, name="guarded"):
            with dsl.If(message != ""):
                steps.fail(message=message)
            steps.write(text="done")

    run = wait(client.create_run_from_pipeline_func(exits, arguments={"file": str(tmp_path / "seen"), "message": message}, enable_caching=False))
    seen = (tmp_path / "seen").read_text()
    if message:
        assert run.state == "FAILED" and "it broke" in run.error.message and "exit code 7" in run.error.message
        assert seen.startswith("FAILED exit-handler-1 fail: exit code 7")
    else:
        assert run.state == "SUCCEEDED", run.error
        assert seen == "SUCCEEDED exit-handler-1 None"


def test_pipelines_in_pipelines_and_imported_artifacts(client, wait, tmp_path):
    @dsl.container_component
    def read(data: dsl.Input[dsl.Dataset], out: dsl.OutputPath(str)):
        return dsl.ContainerSpec(image="alpine", command=["sh", "-ec", 'mkdir -p "$(dirname "$1")"; cp "$0" "$1"'], args=[data.path, out])

    @dsl.pipeline(name="inner")
    def inner(uri: str) -> str:
        imported = dsl.importer(artifact_uri=uri, artifact_class=dsl.Dataset, reimport=False, metadata={"from": "a test"})
        return read(data=imported.output).outputs["out"]

    @dsl.pipeline(name="outer")
    def outer(uri: str, file: str):
        steps.note(text=inner(uri=uri).output, file=file)

    (tmp_path / "data").write_text("one")
    arguments = {"uri": str(tmp_path / "data"), "file": str(tmp_path / "seen")}
    for text in ["one", "two"]:  # another content is no cached one
        (tmp_path / "data").write_text(text)
        run = wait(client.create_run_from_pipeline_func(outer, arguments=arguments))
        assert run.state == "SUCCEEDED", run.error
    assert (tmp_path / "seen").read_text() == "one\ntwo\n"
    (tmp_path / "data").unlink()
    run = wait(client.create_run_from_pipeline_func(outer, arguments=arguments))
    assert run.state == "FAILED" and "no such file to import" in run.error.message


def test_retries_wait_and_try_again(client, wait, tmp_path):
    @dsl.container_component
    def third_time(file: str):
        return dsl.ContainerSpec(image="alpine", command=["sh", "-ec", 'echo x >> "$0"; [ "$(wc -l < "$0")" -ge 3 ]'], args=[file])

    @dsl.pipeline(name="retries")
    def retries(file: str):
        third_time(file=file).set_retry(num_retries=3, backoff_duration="1s", backoff_factor=1)

    run = wait(client.create_run_from_pipeline_func(retries, arguments={"file": str(tmp_path / "tries")}))
    assert run.state == "SUCCEEDED", run.error
    assert len((tmp_path / "tries").read_text().split()) == 3


def test_terminated_runs_end(client, wait, tmp_path):
    @dsl.pipeline(name="waits")
    def waits(file: str):
        steps.note(text="after", file=f"{file}.after").after(steps.wait_for(file=file))

    run = client.create_run_from_pipeline_func(waits, arguments={"file": str(tmp_path / "never")})
    while not (tmp_path / "never.started").exists():
        time.sleep(0.05)
    assert client.get_run(run.run_id).state == "RUNNING"
    client.terminate_run(run.run_id)
    assert client.get_run(run.run_id).state in ("CANCELING", "CANCELED")
    run = wait(run)
    assert run.state == "CANCELED" and set(states_of(run).values()) == {"CANCELED"}
    assert not (tmp_path / "never.after").exists()
    with pytest.raises(ApiException, match="the run is over"):
        client.terminate_run(run.run_id)


def test_what_can_not_be_run_is_refused_when_it_is_sent(client):
    @dsl.pipeline(name="nested")
    def nested():
        with dsl.ParallelFor(items=["a"]) as a:
            with dsl.ParallelFor(items=["b"]):
                steps.write(text=a)

    with pytest.raises(ApiException) as refused:
        client.create_run_from_pipeline_func(nested)
    assert refused.value.status == 400 and "for-loop-4: a loop inside of a loop can't be run here" in refused.value.body, refused.value.body

    @dsl.pipeline(name="inner")
    def inner(text: str):
        steps.write(text=text)

    @dsl.pipeline(name="outer")
    def outer(base: str):
        inner(text=f"{base}/x")

    with pytest.raises(ApiException) as refused:
        client.create_run_from_pipeline_func(outer, arguments={"base": "b"})
    assert refused.value.status == 400 and "a text made of other values is given to a pipeline" in refused.value.body, refused.value.body
