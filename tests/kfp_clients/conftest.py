import os
import time
import warnings

import pytest

warnings.filterwarnings("ignore", category=FutureWarning)

import kfp  # noqa: E402


@pytest.fixture(scope="session")
def client() -> kfp.Client:
    """The unmodified client; with SLIPWAY_TOKEN it logs in."""
    return kfp.Client(host=os.environ["SLIPWAY_URL"], existing_token=os.environ.get("SLIPWAY_TOKEN"))


@pytest.fixture
def wait(client):
    """wait(run) -> the run when it is over, in whichever state: the client's own waiting doesn't know CANCELED."""
    over = {"SUCCEEDED", "FAILED", "SKIPPED", "CANCELED"}

    def until_over(run, seconds=120):
        deadline = time.monotonic() + seconds
        while (found := client.get_run(run.run_id)).state not in over:
            assert time.monotonic() < deadline, found
            time.sleep(0.1)
        return found

    return until_over


def tasks_of(run) -> dict:
    """The run's tasks by name; of a loop the one that is the loop."""
    return {task.display_name: task for task in run.run_details.task_details if task.parent_task_id is None}


def states_of(run) -> dict:
    return {name: task.state for name, task in tasks_of(run).items()}
