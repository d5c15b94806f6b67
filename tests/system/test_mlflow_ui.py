"""MLflow's own web page, out of its wheel, over the built server: experiments, runs, charts and models in Chromium."""
import os
import pathlib

import mlflow
import pytest
from playwright.sync_api import expect

DEPS = pathlib.Path(os.environ.get("SLIPWAY_DEPS", pathlib.Path(__file__).resolve().parents[2] / ".deps"))
UI = DEPS / "mlflow-ui" / "mlflow" / "server" / "js" / "build"  # ./x puts the wheel there
expect.set_options(timeout=30_000)
# Without login MLflow's server has no such path either, and its page takes that for "nobody".
EXPECTED = "/ajax-api/2.0/mlflow/users/current"
# Refused requests are looked at themselves; a browser says the other one when a drawer moves faster than its content.
HARMLESS = ("Failed to load resource", "ResizeObserver loop")


@pytest.fixture(scope="module")
def logged(tmp_path_factory):
    """A server with MLflow's page, three runs with curves, a logged model and its registered version."""
    from conftest import Server

    server = Server(tmp_path_factory.mktemp("ui") / "data", "--mlflow-ui", str(UI))
    mlflow.set_tracking_uri(server.url)
    mlflow.set_registry_uri(server.url)
    client = mlflow.MlflowClient()
    experiment = mlflow.set_experiment("curves")
    runs = []
    for number in range(3):
        with mlflow.start_run(run_name=f"try-{number}") as run:
            mlflow.log_params({"depth": number + 2})
            mlflow.set_tag("team", "red")
            for step in range(40):
                mlflow.log_metric("loss", 1 / (step + 1 + number), step=step)
            mlflow.log_metric("auc", 0.7 + number / 10)
            mlflow.log_text("hello from the run", "notes.txt")
            runs.append(run.info.run_id)
    model = client.create_logged_model(experiment.experiment_id, name="tree", source_run_id=runs[2])
    client.log_metric(runs[2], "auc", 0.9, model_id=model.model_id)
    client.finalize_logged_model(model.model_id, "READY")
    client.create_registered_model("berth", description="late ships")
    client.create_model_version("berth", f"models:/{model.model_id}", run_id=runs[2])
    client.set_registered_model_alias("berth", "champion", 1)
    yield server, experiment.experiment_id, runs, model.model_id
    server.stop()


@pytest.fixture(scope="module")
def traced(logged):
    """(experiment, trace): what an assistant did for one question, judged, and a dataset to judge it with."""
    mlflow.set_tracking_uri(logged[0].url)
    experiment = mlflow.set_experiment("assistant").experiment_id

    @mlflow.trace(name="answer", span_type="CHAIN")
    def answer(question: str) -> str:
        with mlflow.start_span("look up", span_type="TOOL") as span:
            span.set_inputs({"word": "berth"})
            span.set_outputs({"found": "three of the free ones"})
        with mlflow.start_span("model", span_type="LLM") as span:
            span.set_attribute("mlflow.chat.tokenUsage", {"input_tokens": 7, "output_tokens": 3, "total_tokens": 10})
        return "three berths are free"

    answer("how many berths are free")
    mlflow.flush_trace_async_logging()
    trace = mlflow.get_last_active_trace_id()
    mlflow.log_feedback(trace_id=trace, name="helpful", value=True, rationale="it says the number")
    dataset = mlflow.MlflowClient().create_dataset("berth questions", experiment_id=[experiment])
    dataset.merge_records([{"inputs": {"question": "how many berths are free"}, "expectations": {"expected_response": "three"}}])
    return experiment, trace


@pytest.fixture
def show(browser, logged):
    """show(path) -> Page; the test fails when the page logged an error or a request of it was refused."""
    server, problems = logged[0], []
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    context.set_default_timeout(30_000)
    page = context.new_page()
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda line: problems.append(line.text)
            if line.type == "error" and not any(words in line.text for words in HARMLESS) else None)
    page.on("response", lambda reply: problems.append(f"{reply.status} {reply.url}")
            if reply.status >= 400 and EXPECTED not in reply.url else None)

    def start(path):
        page.goto(f"{server.url}/#{path}")
        return page

    yield start
    if folder := os.environ.get("SLIPWAY_SCREENSHOTS"):
        page.screenshot(path=f"{folder}/{os.environ['PYTEST_CURRENT_TEST'].split('::')[1].split(' ')[0]}.png")
    context.close()
    assert problems == []


def test_home_lists_experiments(show):
    page = show("/")
    expect(page.get_by_role("link", name="curves")).to_be_visible()
    expect(page.get_by_role("link", name="Default")).to_be_visible()


def test_runs_of_an_experiment(show, logged):
    page = show(f"/experiments/{logged[1]}/runs")
    for name in ("try-0", "try-1", "try-2"):
        expect(page.get_by_role("link", name=name)).to_be_visible()
    expect(page.get_by_text("matching runs")).to_have_text("3 matching runs")


def test_runs_found_by_a_filter(show, logged):
    page = show(f"/experiments/{logged[1]}/runs?searchFilter=metrics.auc%20%3E%200.75")
    expect(page.get_by_text("matching runs")).to_have_text("2 matching runs")


def test_charts_of_an_experiment(show, logged):
    page = show(f"/experiments/{logged[1]}/runs?compareRunsMode=CHART")
    expect(page.get_by_text("Model metrics").first).to_be_visible()
    # Curves of each run and three bars are drawn.
    for run in ("try-0", "try-1", "try-2"):
        expect(page.get_by_text(f"{run} (loss)").first).to_be_attached()
    expect(page.locator(".js-plotly-plot .scatterlayer .trace").nth(2)).to_be_visible()
    expect(page.locator(".js-plotly-plot .barlayer .point")).to_have_count(3)


def test_a_run(show, logged):
    page = show(f"/experiments/{logged[1]}/runs/{logged[2][2]}")
    expect(page.get_by_role("heading", name="try-2")).to_be_visible()
    expect(page.get_by_text("Metrics (2)")).to_be_visible()
    expect(page.get_by_text("Parameters (1)")).to_be_visible()
    expect(page.get_by_role("link", name="berth")).to_be_visible()
    page.get_by_role("tab", name="Model metrics").click()
    expect(page.locator(".js-plotly-plot .scatterlayer .trace").first).to_be_visible()
    page.get_by_role("tab", name="Artifacts").click()
    page.get_by_text("notes.txt").first.click()
    expect(page.get_by_text("hello from the run")).to_be_visible()


def test_logged_models_of_an_experiment(show, logged):
    page = show(f"/experiments/{logged[1]}/models")
    expect(page.get_by_role("link", name="tree").first).to_be_visible()


def test_registered_models(show):
    page = show("/models")
    expect(page.get_by_role("link", name="berth").first).to_be_visible()
    page = show("/models/berth")
    expect(page.get_by_text("late ships").first).to_be_visible()
    expect(page.get_by_text("champion").first).to_be_visible()


def test_traces_of_an_experiment(show, traced):
    page = show(f"/experiments/{traced[0]}/traces")
    expect(page.get_by_text("how many berths are free").first).to_be_visible()
    expect(page.get_by_text("three berths are free").first).to_be_visible()
    expect(page.get_by_text("helpful").first).to_be_visible()


def test_a_trace_and_its_spans(show, traced):
    page = show(f"/experiments/{traced[0]}/traces?selectedEvaluationId={traced[1]}")
    for text in ("Spans", "look up", "model", "10 tokens"):
        expect(page.get_by_text(text).first).to_be_visible()
    page.get_by_role("button", name="Assess").first.click()
    expect(page.get_by_text("Feedback (1)")).to_be_visible()
    page.get_by_text("look up").first.click()
    expect(page.get_by_text("three of the free ones").first).to_be_visible()


def test_numbers_over_the_traces_of_an_experiment(show, traced):
    page = show(f"/experiments/{traced[0]}/overview/usage")
    expect(page.get_by_text("10 (7 input, 3 output)")).to_be_visible()
    expect(page.get_by_text("Overall error rate: 0.0%")).to_be_visible()
    expect(page.locator(".recharts-bar-rectangle path").first).to_be_visible()


def test_evaluation_datasets_of_an_experiment(show, traced):
    page = show(f"/experiments/{traced[0]}/datasets")
    page.get_by_text("berth questions").first.click()
    expect(page.get_by_text("how many berths are free").first).to_be_visible()
