"""Pipelines and their versions, experiments, lists in pages, archives, wrong inputs."""
import json

import pytest
import steps
from kfp import compiler, dsl
from kfp_server_api import ApiException


@dsl.pipeline(name="greeting")
def greeting(text: str, n: int = 3):
    steps.write(text=f"{text} {n}")


@pytest.fixture
def package(tmp_path):
    file = str(tmp_path / "greeting.yaml")
    compiler.Compiler().compile(greeting, file)
    return file


def test_pipelines_are_uploaded_found_run_and_deleted(client, wait, package):
    pipeline = client.upload_pipeline(package, pipeline_name="Greeting of all", description="says hello")
    assert (pipeline.display_name, pipeline.description) == ("Greeting of all", "says hello")
    assert client.get_pipeline_id("Greeting of all") == pipeline.pipeline_id
    assert client.get_pipeline(pipeline.pipeline_id).display_name == "Greeting of all"
    assert client.pipelines.pipeline_service_get_pipeline_by_name("Greeting of all").pipeline_id == pipeline.pipeline_id
    versions = client.list_pipeline_versions(pipeline.pipeline_id).pipeline_versions
    assert [v.display_name for v in versions] == ["Greeting of all"]
    assert versions[0].pipeline_spec["pipelineInfo"]["name"] == "greeting"
    newer = client.upload_pipeline_version(package, "v2", pipeline_id=pipeline.pipeline_id, description="again")
    assert client.get_pipeline_version(pipeline.pipeline_id, newer.pipeline_version_id).description == "again"
    experiment = client.create_experiment("catalog", description="for the catalog")
    run = client.run_pipeline(experiment.experiment_id, "by reference", params={"text": "hi"}, pipeline_id=pipeline.pipeline_id,
                              version_id=newer.pipeline_version_id)
    run = wait(run)
    assert run.state == "SUCCEEDED" and run.display_name == "by reference", run.error
    assert run.pipeline_version_reference.pipeline_version_id == newer.pipeline_version_id
    client.delete_pipeline_version(pipeline.pipeline_id, newer.pipeline_version_id)
    assert client.list_pipeline_versions(pipeline.pipeline_id).total_size == 1
    client.delete_pipeline(pipeline.pipeline_id)
    with pytest.raises(ApiException) as gone:
        client.get_pipeline(pipeline.pipeline_id)
    assert gone.value.status == 404
    assert client.get_run(run.run_id).state == "SUCCEEDED"  # what has run stays


def test_names_are_taken_once(client, package):
    client.upload_pipeline(package, pipeline_name="once")
    with pytest.raises(ApiException) as taken:
        client.upload_pipeline(package, pipeline_name="once")
    assert taken.value.status == 409
    said = json.loads(taken.value.body)
    assert said["code"] == 6 and said["error"] == said["message"] and said["details"][0]["@type"] == "type.googleapis.com/google.rpc.Status"


def test_runs_are_listed_in_pages_sorted_and_filtered(client, wait, package):
    experiment = client.create_experiment("lists")
    ids = []
    for i in range(5):
        ids.append(wait(client.run_pipeline(experiment.experiment_id, f"run {i}", package, params={"text": "x"})).run_id)
    seen, token = [], ""
    while True:
        page = client.list_runs(page_token=token, page_size=2, sort_by="created_at desc", experiment_id=experiment.experiment_id)
        assert len(page.runs) <= 2 and page.total_size == 5
        seen += [run.run_id for run in page.runs]
        token = page.next_page_token
        if not token:
            break
    assert seen == ids[::-1]
    named = json.dumps({"predicates": [{"operation": 1, "key": "display_name", "stringValue": "run 3"}]})
    assert [run.run_id for run in client.list_runs(filter=named, experiment_id=experiment.experiment_id).runs] == [ids[3]]
    good = json.dumps({"predicates": [{"operation": "EQUALS", "key": "state", "stringValue": "SUCCEEDED"}]})
    assert client.list_runs(filter=good, experiment_id=experiment.experiment_id).total_size == 5
    client.archive_run(ids[0])
    assert client.get_run(ids[0]).storage_state == "ARCHIVED"
    available = json.dumps({"predicates": [{"operation": 1, "key": "storage_state", "stringValue": "AVAILABLE"}]})
    assert client.list_runs(filter=available, experiment_id=experiment.experiment_id).total_size == 4
    client.unarchive_run(ids[0])
    client.delete_run(ids[1])
    assert client.list_runs(experiment_id=experiment.experiment_id).total_size == 4
    with pytest.raises(ApiException) as gone:
        client.get_run(ids[1])
    assert gone.value.status == 404
    with pytest.raises(ApiException, match="sort_by names no field"):
        client.list_runs(sort_by="nonsense desc")


def test_experiments(client):
    assert client.get_kfp_healthz().multi_user is False
    made = client.create_experiment("an experiment", description="about it")
    assert client.create_experiment("an experiment").experiment_id == made.experiment_id  # the client looks first
    assert client.get_experiment(experiment_name="an experiment").description == "about it"
    assert "Default" in [e.display_name for e in client.list_experiments(page_size=100).experiments]
    client.archive_experiment(made.experiment_id)
    assert client.get_experiment(made.experiment_id).storage_state == "ARCHIVED"
    client.unarchive_experiment(made.experiment_id)
    client.delete_experiment(made.experiment_id)
    with pytest.raises(ApiException) as gone:
        client.get_experiment(made.experiment_id)
    assert gone.value.status == 404


@pytest.mark.parametrize("arguments, says", [
    ({}, "the pipeline needs a parameter: parameter=text type=STRING"),
    ({"text": 5}, "parameter text: expected a value of type STRING: got=5"),
    ({"text": "a", "n": "many"}, "parameter n: expected a value of type NUMBER_INTEGER"),
    ({"text": "a", "other": 1}, "the pipeline has no such parameter: parameter=other known=n,text"),
])
def test_wrong_parameters_are_refused(client, package, arguments, says):
    with pytest.raises(ApiException) as refused:
        client.create_run_from_pipeline_package(package, arguments=arguments)
    assert refused.value.status == 400 and says in json.loads(refused.value.body)["message"], refused.value.body


def test_wrong_packages_are_refused_with_their_place(client, tmp_path, package):
    text = open(package).read()
    for wrong, says in [("{", "not valid YAML"), ("a: 1", "schemaVersion must be 2"),
                        (text.replace("name: comp-write", "name: comp-none"), "root.dag.tasks.write: no such component: comp-none"),
                        (text.replace("{{$.inputs.parameters[''text'']}}", "{{$.inputs.nothing}}"), "deploymentSpec.executors.exec-write: a placeholder")]:
        file = tmp_path / "wrong.yaml"
        file.write_text(wrong)
        with pytest.raises(ApiException) as refused:
            client.upload_pipeline(str(file), pipeline_name="wrong")
        assert refused.value.status == 400 and says in json.loads(refused.value.body)["message"], refused.value.body
    assert client.get_pipeline_id("wrong") is None
