"""Recurring runs: by cron and in intervals, paused, gone on with, deleted."""
import datetime
import json
import time

import pytest
import steps
from kfp import compiler, dsl
from kfp_server_api import ApiException


@dsl.pipeline(name="tick")
def tick(text: str = "tick"):
    steps.write(text=text)


@pytest.fixture
def package(tmp_path):
    file = str(tmp_path / "tick.yaml")
    compiler.Compiler().compile(tick, file)
    return file


def eventually(holds, seconds=60):
    deadline = time.monotonic() + seconds
    while not (said := holds()):
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.1)
    return said


def runs_of(client, recurring):
    wanted = json.dumps({"predicates": [{"operation": 1, "key": "recurring_run_id", "stringValue": recurring.recurring_run_id}]})
    return client.list_runs(filter=wanted, page_size=100).runs or []


@pytest.mark.parametrize("times", [{"cron_expression": "* * * * * *"}, {"interval_second": 1}])
def test_it_starts_runs_until_it_is_disabled(client, wait, package, times):
    experiment = client.create_experiment("recurring")
    made = client.create_recurring_run(experiment.experiment_id, "each second", params={"text": "tock"}, pipeline_package_path=package, max_concurrency=2,
                                       description="often", **times)
    assert made.status == "ENABLED" and made.max_concurrency == "2" and made.description == "often"
    run = eventually(lambda: runs_of(client, made))[0]
    assert run.experiment_id == experiment.experiment_id and run.display_name.startswith("each second ")
    assert run.runtime_config.parameters == {"text": "tock"}
    assert wait(run).state == "SUCCEEDED"
    client.disable_recurring_run(made.recurring_run_id)
    assert client.get_recurring_run(made.recurring_run_id).status == "DISABLED"
    client.enable_recurring_run(made.recurring_run_id)
    before = len(runs_of(client, made))
    eventually(lambda: len(runs_of(client, made)) > before)
    client.delete_recurring_run(made.recurring_run_id)
    with pytest.raises(ApiException) as gone:
        client.get_recurring_run(made.recurring_run_id)
    assert gone.value.status == 404
    assert runs_of(client, made)  # what it started stays, and is still known as its


def test_they_are_listed_and_told_as_they_were_made(client, package):
    experiment = client.create_experiment("recurring lists")
    pipeline = client.upload_pipeline(package, pipeline_name="tick, uploaded")
    version = client.list_pipeline_versions(pipeline.pipeline_id).pipeline_versions[0]
    start = datetime.datetime(2090, 1, 1, tzinfo=datetime.timezone.utc)
    made = client.create_recurring_run(experiment.experiment_id, "far away", cron_expression="0 0 9 ? * 2-6", enabled=False, no_catchup=True,
                                       start_time=start.isoformat(), pipeline_id=pipeline.pipeline_id, version_id=version.pipeline_version_id)
    assert made.status == "DISABLED" and made.no_catchup is True
    assert made.trigger.cron_schedule.cron == "0 0 9 ? * 2-6" and made.trigger.cron_schedule.start_time == start
    assert made.pipeline_version_reference.pipeline_version_id == version.pipeline_version_id
    listed = client.list_recurring_runs(experiment_id=experiment.experiment_id)
    assert [r.display_name for r in listed.recurring_runs] == ["far away"] and listed.total_size == 1


@pytest.mark.parametrize("times, says", [
    ({"cron_expression": "0 0 25 * * *"}, "hour"),
    ({"interval_second": 1, "max_concurrency": 99}, "max_concurrency must be from 1 to 10"),
    ({"interval_second": 1, "params": {"none": 1}}, "no such parameter"),
])
def test_wrong_ones_are_refused(client, package, times, says):
    experiment = client.create_experiment("recurring")
    with pytest.raises(ApiException) as refused:
        client.create_recurring_run(experiment.experiment_id, "wrong", pipeline_package_path=package, **times)
    assert refused.value.status == 400 and says in json.loads(refused.value.body)["message"], refused.value.body
    assert "wrong" not in [r.display_name for r in client.list_recurring_runs(page_size=100).recurring_runs or []]
