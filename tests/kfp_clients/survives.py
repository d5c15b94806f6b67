"""Before and after the server is killed in the middle of a run; the run's id and the files are told by the environment."""
import os
import pathlib
import time

import steps
from conftest import states_of
from kfp import dsl

FOLDER = pathlib.Path(os.environ["SURVIVES"])


@dsl.pipeline(name="survives")
def survives(folder: str):
    before = steps.note(text="before", file=f"{folder}/seen")
    waits = steps.wait_for(file=f"{folder}/go").after(before)
    steps.note(text="after", file=f"{folder}/seen").after(waits)


def test_before(client):
    run = client.create_run_from_pipeline_func(survives, arguments={"folder": str(FOLDER)}, run_name="survives", experiment_name="kill")
    (FOLDER / "run").write_text(run.run_id)
    while not (FOLDER / "go.started").exists():
        time.sleep(0.05)


def test_after(client, wait):
    run = client.get_run((FOLDER / "run").read_text())
    assert run.display_name == "survives" and run.state in ("PENDING", "RUNNING")
    assert client.get_experiment(run.experiment_id).display_name == "kill"
    (FOLDER / "go").touch()
    run = wait(run)
    assert run.state == "SUCCEEDED" and set(states_of(run).values()) == {"SUCCEEDED"}, run.error
    assert (FOLDER / "seen").read_text() == "before\nafter\n"  # what had ended did not run again
    assert len((FOLDER / "go.started").read_text().split()) == 1  # nor what ran: it went on
