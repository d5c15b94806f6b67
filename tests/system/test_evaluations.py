"""Evaluation datasets and scorers, with the unmodified mlflow client."""
import json

import mlflow
import pytest
import requests
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from test_access import ADA, ADMIN, BOB, guarded, logged_in  # noqa: F401


@pytest.fixture(params=["sqlite", "postgres"])
def served(request, start_server):
    flags = request.getfixturevalue("postgres").fresh() if request.param == "postgres" else []
    server = start_server("data", *flags)
    mlflow.set_tracking_uri(server.url)
    return server


def ask_about(word: str, **more) -> dict:
    return {"inputs": {"question": word, "context": {"b": 1, "a": [1.5, None, True]}}, **more}


def test_a_dataset_keeps_each_question_once(served):
    client = MlflowClient(served.url)
    one, two = (client.create_experiment(name) for name in ("one", "two"))
    dataset = client.create_dataset("faq", experiment_id=[one], tags={"team": "support"})
    assert dataset.experiment_ids == [one] and dataset.schema is None and dataset.profile is None
    digest = dataset.digest

    dataset.merge_records([ask_about(f"q{i}", expectations={"expected_response": f"a{i}"}) for i in range(1100)])
    trace = {"source_type": "TRACE", "source_data": {"trace_id": "tr-7"}}
    dataset.merge_records([ask_about("q3", outputs="said", expectations={"tone": "kind"}, tags={"checked": "yes"}),
                           ask_about("new", source=trace, outputs={"text": "ü", "n": 2**40})])
    found = client.get_dataset(dataset.dataset_id)
    assert found.digest != digest and json.loads(found.profile) == {"num_records": 1101}
    assert json.loads(found.schema)["inputs"] == {"question": "string", "context": "object"}
    records = found.records  # in two pages
    assert [r.inputs["question"] for r in records] == [f"q{i}" for i in range(1100)] + ["new"]
    assert records[3].inputs == ask_about("q3")["inputs"] and records[3].outputs == "said"
    assert records[3].expectations == {"expected_response": "a3", "tone": "kind"} and records[3].tags["checked"] == "yes"
    assert records[-1].source_id == "tr-7" and records[-1].source_type == "TRACE" and records[-1].outputs == {"text": "ü", "n": 2**40}
    assert records[-1].created_by == found.last_updated_by
    frame = found.to_df()
    assert len(frame) == 1101 and frame["inputs"][0]["question"] == "q0"

    assert found.delete_records([records[0].dataset_record_id, "dr-none"]) == 1
    assert json.loads(client.get_dataset(dataset.dataset_id).profile) == {"num_records": 1100}

    client.add_dataset_to_experiments(dataset.dataset_id, [two])
    assert client.get_dataset(dataset.dataset_id).experiment_ids == [one, two]
    with pytest.raises(MlflowException, match="No Experiment with id=99"):
        client.add_dataset_to_experiments(dataset.dataset_id, ["99"])
    client.remove_dataset_from_experiments(dataset.dataset_id, [one])
    client.set_dataset_tags(dataset.dataset_id, {"team": "sales", "n": 3})
    client.delete_dataset_tag(dataset.dataset_id, "absent")
    client.create_dataset("other", experiment_id=[one], tags={"team": "support"})
    assert [d.name for d in client.search_datasets()] == ["other", "faq"]
    assert [d.name for d in client.search_datasets(experiment_ids=[two])] == ["faq"]
    (sold,) = client.search_datasets(filter_string="tags.team = 'sales' AND name LIKE 'f%'")
    assert sold.tags.items() >= {"team": "sales", "n": "3"}.items()
    page = client.search_datasets(order_by=["name ASC"], max_results=1)
    assert [d.name for d in page] == ["faq"]
    assert [d.name for d in client.search_datasets(order_by=["name ASC"], max_results=1, page_token=page.token)] == ["other"]
    with pytest.raises(MlflowException, match="Invalid attribute key"):
        client.search_datasets(filter_string="digest = 'x'")

    client.delete_dataset(dataset.dataset_id)
    with pytest.raises(MlflowException, match="not found"):
        client.get_dataset(dataset.dataset_id)


def test_wrong_records_change_nothing_and_are_named(served):
    client = MlflowClient(served.url)
    dataset = client.create_dataset("faq", experiment_id="0")
    url = f"{served.url}/api/3.0/mlflow/datasets/{dataset.dataset_id}/records"
    for records, says in (("nonsense", "must be JSON"), ("{}", "must be a JSON list"), (json.dumps([ask_about("a"), {"inputs": 3}]), "records[1].inputs")):
        reply = requests.post(url, json={"records": records}, timeout=60)
        assert reply.status_code == 400 and says in reply.json()["message"], reply.text
    assert requests.post(url, json={}, timeout=60).json()["message"].startswith("Missing value for required parameter 'records'")
    assert client.get_dataset(dataset.dataset_id).records == []
    bare = requests.post(url, json={"records": '[{"inputs": {"q": 1}, "expectations": {"score": NaN}}]'}, timeout=60)
    assert bare.json() == {"inserted_count": 1, "updated_count": 0}


def test_versions_of_a_scorer(served):
    client = MlflowClient(served.url)
    store = client._tracking_client.store
    experiment = client.create_experiment("judged")
    for text in ("one", "two"):
        store.register_scorer(experiment, "tone", json.dumps({"name": "tone", "text": text}))
    assert store.get_scorer(experiment, "tone").scorer_version == 2
    assert [v.scorer_version for v in store.list_scorer_versions(experiment, "tone")] == [1, 2]
    (listed,) = store.list_scorers(experiment)
    assert listed.scorer_version == 2 and listed.experiment_id == experiment
    assert store.upsert_online_scoring_config(experiment, "tone", 0.0, "status = 'OK'").sample_rate == 0
    assert [c.filter_string for c in store.get_online_scoring_configs([listed.scorer_id])] == ["status = 'OK'"]
    with pytest.raises(MlflowException, match="does not use a gateway model"):
        store.upsert_online_scoring_config(experiment, "tone", 0.5)
    store.delete_scorer(experiment, "tone", 1)
    with pytest.raises(MlflowException, match="version 1 not found"):
        store.get_scorer(experiment, "tone", 1)
    with pytest.raises(MlflowException, match="serialized_scorer must be valid JSON"):
        store.register_scorer(experiment, "tone", "def f(): pass")


def test_an_experiment_that_is_reclaimed_leaves_its_datasets(served):
    client = MlflowClient(served.url)
    store = client._tracking_client.store
    gone, stays = client.create_experiment("gone"), client.create_experiment("stays")
    dataset = client.create_dataset("faq", experiment_id=[gone, stays])
    dataset.merge_records([ask_about("a")])
    store.register_scorer(gone, "tone", "{}")
    client.delete_experiment(gone)
    with pytest.raises(MlflowException):
        store.list_scorers(gone)
    served.cli("gc", "--experiment-ids", gone)
    found = client.get_dataset(dataset.dataset_id)
    assert found.experiment_ids == [stays] and len(found.records) == 1
    assert requests.get(served.url + "/api/3.0/mlflow/scorers/list", timeout=60).json() == {}


def test_datasets_and_scorers_follow_the_permissions_of_their_experiments(guarded):  # noqa: F811
    mlflow.set_tracking_uri(guarded.url)
    client = MlflowClient(guarded.url)
    store = client._tracking_client.store
    with logged_in(ADA):
        experiment = client.create_experiment("hers")
        dataset = client.create_dataset("faq", experiment_id=[experiment])
        dataset.merge_records([ask_about("a")])
        store.register_scorer(experiment, "tone", "{}")
        client.set_experiment_tag(experiment, "k", "v")
    # The default for others is to read.
    with logged_in(BOB):
        found = client.get_dataset(dataset.dataset_id)
        assert len(found.records) == 1 and [d.name for d in client.search_datasets([experiment])] == ["faq"]
        assert store.get_scorer(experiment, "tone").scorer_version == 1
        for write in (lambda: client.set_dataset_tags(dataset.dataset_id, {"k": "v"}), lambda: found.merge_records([ask_about("b")]),
                      lambda: client.delete_dataset(dataset.dataset_id), lambda: store.register_scorer(experiment, "tone", "{}"),
                      lambda: client.create_dataset("more", experiment_id=[experiment]), lambda: store.delete_scorer(experiment, "tone"),
                      lambda: client.search_datasets(), lambda: client.get_dataset("d-unknown")):
            with pytest.raises(MlflowException, match="Permission denied"):
                write()
        own = client.create_experiment("his")
        with pytest.raises(MlflowException, match="Permission denied"):
            client.add_dataset_to_experiments(dataset.dataset_id, [own])
    with logged_in(ADA):
        grant = {"username": "bob", "experiment_id": experiment, "permission": "NO_PERMISSIONS"}
        assert requests.post(guarded.url + "/api/2.0/mlflow/experiments/permissions/create", json=grant, auth=ADA, timeout=60).status_code == 200
    with logged_in(BOB):
        for read in (lambda: client.get_dataset(dataset.dataset_id), lambda: client.search_datasets([experiment]),
                     lambda: store.get_scorer(experiment, "tone"), lambda: store.list_scorers(experiment)):
            with pytest.raises(MlflowException, match="Permission denied"):
                read()
        store.register_scorer(own, "mine", "{}")
        listed = requests.get(guarded.url + "/api/3.0/mlflow/scorers/list", auth=BOB, timeout=60).json()["scorers"]
        assert [s["scorer_name"] for s in listed] == ["mine"]


def test_people_judge_traces_from_a_queue(served):
    from mlflow.genai.label_schemas.label_schemas import InputCategorical, InputPassFail

    store = MlflowClient(served.url)._tracking_client.store
    experiment = mlflow.set_experiment("judged").experiment_id
    with mlflow.start_span("answer") as span:
        pass
    mlflow.flush_trace_async_logging()
    (question,) = store.list_label_schemas(experiment)
    assert question.is_default and question.name == "Feedback"
    made = store.create_label_schema(experiment, name="correct", type="feedback", input=InputPassFail("yes", "no"), instruction="look twice")
    assert made.input == InputPassFail("yes", "no") and made.instruction == "look twice"
    kinds = store.create_label_schema(experiment, name="kind", type="expectation", input=InputCategorical(["a", "b"], multi_select=True), enable_comment=True)
    assert store.update_label_schema(kinds.schema_id, name="kinds").input == InputCategorical(["a", "b"], multi_select=True)
    assert store.get_label_schema_by_name(experiment, "kinds").enable_comment
    assert {s.name for s in store.list_label_schemas(experiment)} == {"Feedback", "correct", "kinds"}
    with pytest.raises(MlflowException, match="already exists"):
        store.create_label_schema(experiment, name="correct", type="feedback", input=InputPassFail("a", "b"))
    with pytest.raises(MlflowException, match="must be distinct"):
        store.create_label_schema(experiment, name="other", type="feedback", input=InputPassFail("a", "a"))

    queue = store.create_review_queue(experiment, name="Hard ones", queue_type="custom", users=["Ann"], schema_ids=[made.schema_id])
    assert queue.users == ["ann"] and queue.schema_ids == [made.schema_id]
    (item,) = store.add_items_to_review_queue(queue.queue_id, item_ids=[span.trace_id])
    assert str(item.status) == "pending"
    with pytest.raises(MlflowException, match="questions are locked"):
        store.update_review_queue(queue.queue_id, schema_ids=[])
    with pytest.raises(MlflowException, match="do not exist in experiment"):
        store.add_items_to_review_queue(queue.queue_id, item_ids=["tr-unknown"])
    done = store.set_review_queue_item_status(queue.queue_id, item_id=span.trace_id, status="complete", completed_by="Ann")
    assert done.completed_by == "ann" and done.completed_time_ms > 0
    assert [i.item_id for i in store.list_review_queue_items(queue.queue_id, status="complete")] == [span.trace_id]
    assert store.list_review_queue_items(queue.queue_id, status="pending") == []
    assert [q.name for q in store.list_review_queues(experiment, user="ann")] == ["Hard ones"]
    assert store.get_or_create_user_queue(experiment, user="Bob").queue_id == store.get_or_create_user_queue(experiment, user="bob").queue_id
    MlflowClient(served.url).delete_traces(experiment, trace_ids=[span.trace_id])
    assert store.list_review_queue_items(queue.queue_id) == [], "a trace that is gone waits for nobody"
    store.delete_review_queue(queue.queue_id)
    with pytest.raises(MlflowException, match="not found"):
        store.get_review_queue(queue.queue_id)


def test_nobody_takes_the_name_of_a_users_own_queue(guarded):  # noqa: F811
    url = guarded.url + "/api/3.0/mlflow/review-queues/"
    with logged_in(ADA):
        mlflow.set_tracking_uri(guarded.url)
        experiment = mlflow.set_experiment("hers").experiment_id

    def ask(who, verb, **body):
        return requests.post(url + verb, auth=who, timeout=60, json=body)

    def create(who, name):
        return ask(who, "create", experiment_id=experiment, name=name, queue_type="CUSTOM")

    made = create(ADA, "free").json()["review_queue"]["queue_id"]
    for user in (ADA, ADMIN):
        for refused in (create(user, " Bob "), ask(user, "update", queue_id=made, name="BOB")):
            assert refused.status_code == 400 and "'bob' is a registered user" in refused.json()["message"], refused.text
    assert ask(ADA, "get-or-create-user", experiment_id=experiment, user="bob").json()["review_queue"]["queue_type"] == "USER"


def test_a_queue_is_seen_by_its_reviewers_and_changed_by_its_owner(guarded):  # noqa: F811
    url = guarded.url + "/api/3.0/mlflow/"
    with logged_in(ADA):
        mlflow.set_tracking_uri(guarded.url)
        experiment = mlflow.set_experiment("hers").experiment_id
        with mlflow.start_span("answer") as span:
            pass
        mlflow.flush_trace_async_logging()

    def status(user, method, path, **body):
        sent = {"params": body} if method == "GET" else {"json": body}
        return requests.request(method, url + path, auth=user, timeout=60, **sent).status_code

    def grant(permission):
        found = requests.post(guarded.url + "/api/2.0/mlflow/experiments/permissions/create", auth=ADA, timeout=60,
                              json={"username": "bob", "experiment_id": experiment, "permission": permission})
        assert found.status_code == 200, found.text

    made = requests.post(url + "review-queues/create", auth=ADA, timeout=60, json={
        "experiment_id": experiment, "name": "q", "queue_type": "CUSTOM", "created_by": "somebody"}).json()["review_queue"]
    assert made["created_by"] == "ada", "who has logged in, whatever the client says"
    queue = made["queue_id"]
    assert status(ADA, "POST", "review-queues/items/add", queue_id=queue, item_ids=[span.trace_id]) == 200
    assert status(BOB, "GET", "review-queues/get", queue_id=queue) == 403, "he may read the experiment, but is not asked"
    assert requests.get(url + "review-queues/list", params={"experiment_id": experiment}, auth=BOB, timeout=60).json()["review_queues"] == []
    assert status(ADA, "POST", "review-queues/update", queue_id=queue, update_users=True, users=["bob"]) == 200
    assert status(BOB, "GET", "review-queues/get", queue_id=queue) == 200
    assert len(requests.get(url + "review-queues/list", params={"experiment_id": experiment}, auth=BOB, timeout=60).json()["review_queues"]) == 1
    complete = {"queue_id": queue, "item_id": span.trace_id, "status": "COMPLETE", "completed_by": "ada"}
    assert status(BOB, "POST", "review-queues/items/set-status", **complete) == 403, "reading is not enough to review"
    grant("EDIT")
    item = requests.post(url + "review-queues/items/set-status", json=complete, auth=BOB, timeout=60).json()["item"]
    assert item["completed_by"] == "bob"
    assert status(ADA, "POST", "review-queues/items/set-status", **complete) == 403, "who manages is not a reviewer for that"
    for path in ("review-queues/update", "review-queues/delete"):
        assert status(BOB, "POST", path, queue_id=queue, name="mine") == 403, path
    assert status(BOB, "POST", "review-queues/items/remove", queue_id=queue, item_ids=[span.trace_id]) == 403

    # An editor who made a queue may change it, and not give it away.
    his = requests.post(url + "review-queues/create", auth=BOB, timeout=60,
                        json={"experiment_id": experiment, "name": "his", "queue_type": "CUSTOM"}).json()["review_queue"]["queue_id"]
    assert status(BOB, "POST", "review-queues/items/add", queue_id=his, item_ids=[span.trace_id]) == 200
    assert status(BOB, "POST", "review-queues/update", queue_id=his, name="still his") == 200
    assert status(BOB, "POST", "review-queues/update", queue_id=his, new_owner="ada") == 403
    assert status(BOB, "POST", "review-queues/items/remove", queue_id=his, item_ids=[span.trace_id]) == 200
    assert status(BOB, "POST", "review-queues/delete", queue_id=his) == 200
    own = requests.post(url + "review-queues/get-or-create-user", auth=BOB, timeout=60,
                        json={"experiment_id": experiment, "user": "bob"}).json()["review_queue"]["queue_id"]
    assert status(BOB, "GET", "review-queues/get", queue_id=own) == 200
    assert status(BOB, "POST", "review-queues/delete", queue_id=own) == 403, "only who manages the experiment"
    assert status(BOB, "POST", "label-schemas/create", experiment_id=experiment, name="x", type="FEEDBACK", input={"text": {}}) == 403
    assert status(ADA, "POST", "label-schemas/create", experiment_id=experiment, name="x", type="FEEDBACK", input={"text": {}}) == 200
