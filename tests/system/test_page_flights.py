"""What the page shows of the flights demo is what the API says: models, runs, searches, data, pipelines, the registry."""
import csv
import json
import re

import page_words as words
import requests
from flights_demo import ENDPOINT, MODEL, MONITOR
from playwright.sync_api import expect


def spent(words_of_model: dict, costs: list[dict]) -> dict | None:
    """What a version's answers took: that of the version in charge, else of the first that has answered."""
    own = [cost for cost in costs if cost["endpoint"] == words_of_model["endpoint"] and cost["predictions"] > 0]
    return next((cost for cost in own if cost["version"] == words_of_model["version"]), own[0] if own else None)


def week_seconds(model: dict, costs: list[dict]) -> float:
    return 7 * model["traffic_per_day"][-1] / 1000 * spent(model, costs)["cpu_seconds_per_1000"]


def newest_version(ask) -> dict:
    return max(ask.versions(), key=lambda version: int(version["version"]))


def values(entries: list[dict]) -> dict:
    return {entry["key"]: entry["value"] for entry in entries}


# ---- 1, 2: all models, and one in plain words


def test_home(look, ask):
    [model], costs = ask("overview")["models"], ask("costs")["versions"]
    page = look("")
    assert model["open_alerts"] > 0 and model["phase"] == "canary"
    words.table(page, "Models in production", [[model["name"], f"{model['health']} {words.readable(model['health_reason'])}", model["owner"], f"{model['version']} {model['phase']}",
                                                words.number(model["traffic_per_day"][-1]), f"{model['open_alerts']} open", f"{words.duration(week_seconds(model, costs))} of a core", words.time(model["last_release"])]])
    expect(page.get_by_role("img", name=f"requests per day: {', '.join(map(str, model['traffic_per_day']))}")).to_be_visible()
    expect(page.get_by_label("Event clock")).to_contain_text(words.time(ask("clock")["now"]))


HEALTH = {"healthy": ("Works as it should", "it works as it should"), "watch": ("Needs watching", "it works, but somebody should keep an eye on it"),
          "alert": ("Something is wrong", "something is wrong with it"), "unknown": ("Not known yet", "how well it works is not known yet")}
MEASURES = [("accuracy", "right answers"), ("auc", "how often it ranks a case that happens above one that doesn't")]
SEVERITIES = {"critical": "urgent", "warning": "to be looked at", "info": "good to know"}


def test_in_plain_words(look, ask):
    [model], costs = ask("overview")["models"], ask("costs")["versions"]
    windows = [one for one in ask(f"monitors/{MONITOR}/windows?window=month")["windows"] if one["variant"] == "live"]
    metric, name = next((metric, name) for metric, name in MEASURES if any(one["metrics"].get(metric) is not None for one in windows))
    measured = [one["metrics"][metric] for one in sorted(windows, key=lambda one: one["start"]) if one["metrics"].get(metric) is not None]
    page = look(f"endpoints/{ENDPOINT}/plain")
    title, sentence = HEALTH[model["health"]]
    expect(page.get_by_role("heading", level=2)).to_have_text(title)
    expect(page.get_by_text(f"It was asked {words.plural(model['traffic_per_day'][-1], 'time')} on the newest day, and {sentence}.")).to_be_visible()
    expect(page.get_by_role("region", name="How good are its answers?")).to_contain_text(words.percent(measured[-1]) + name)
    took = week_seconds(model, costs)
    expect(page.get_by_role("region", name="What does it cost?")).to_contain_text(f"{'Less than a second' if took < 1 else 'About ' + words.duration(took)} of one processor's time a week")
    steps = page.get_by_role("region", name="What is to be done?").get_by_role("listitem")
    open_alerts = [one for one in ask(f"alerts?endpoint={ENDPOINT}")["alerts"] if one["state"] == "open"]
    incidents = ask("incidents")["incidents"]
    canary = ask(f"endpoints/{ENDPOINT}")["rollout"]
    expect(steps).to_have_count(len(open_alerts) + len(incidents) + 1)
    expect(steps.first).to_have_text(f"There is an incident since {words.day(incidents[0]['opened'])} ({incidents[0]['title']}); nobody has taken it on yet: somebody should.")
    expect(steps.nth(1)).to_contain_text(f"“{open_alerts[0]['alert']}” has been reported since {words.day(open_alerts[0]['time'])} ({SEVERITIES[open_alerts[0]['severity']]}).")
    expect(steps.last).to_contain_text(f"Version {canary['canary']['version']} is being tried with {canary['percent']} % of the requests.")
    expect(page.get_by_text(f"{model['owner']} answers for this model. As of {words.day(ask('overview')['now'])}.")).to_be_visible()


# ---- 3 to 6: experiments, a run, runs compared, a search


def test_experiments(look, ask):
    found = ask.mlflow("experiments/search", {"max_results": 1000})["experiments"]
    page = look("experiments")
    words.table(page, "Experiments", [["", one["name"], words.time(one["creation_time"]), words.time(one["last_update_time"])] for one in found])
    page.get_by_role("link", name=MODEL).click()
    expect(page.get_by_role("heading", level=1, name=MODEL)).to_be_visible()


def line_of(run: dict) -> list[str]:
    info, data = run["info"], run["data"]
    metrics, params, tags = (values(data.get(kind, [])) for kind in ("metrics", "params", "tags"))
    return [info["run_name"], info["status"].lower(), words.duration((info["end_time"] - info["start_time"]) / 1000), words.number(metrics.get("holdout_auc")), words.number(metrics.get("train_logloss")),
            words.parameter(params.get("train_rows", words.NOTHING)), tags.get("kind", words.NOTHING)]


def test_runs_of_an_experiment(look, ask):
    experiment = ask.experiment(MODEL)
    columns = "attributes.status,computed.duration,metrics.holdout_auc,metrics.train_logloss,params.train_rows,tags.kind"
    page = look(f"experiments/{experiment}?columns={columns}")
    lines = page.get_by_role("table", name="Runs").locator(".run-grid-line")

    def shows(runs):
        expect(page.get_by_role("status").filter(has_text=re.compile(rf"^{words.plural(len(runs), 'run')}\. "))).to_be_visible()
        for at, run in enumerate(runs[:10]):
            expect(lines.nth(at).get_by_role("cell")).to_have_text(line_of(run))

    runs = ask.runs(experiment)
    assert len(runs) > 8
    shows(runs)
    page.get_by_label("Filter runs").fill("tags.kind = 'refit'")
    page.keyboard.press("Enter")
    refits = ask.runs(experiment, "tags.kind = 'refit'")
    assert 1 < len(refits) < len(runs)
    shows(refits)
    page.get_by_title("Order by train_logloss").click()  # the greatest first
    shows(ask.runs(experiment, "tags.kind = 'refit'", ["metrics.train_logloss DESC"]))


def test_a_run(look, ask):
    version = newest_version(ask)
    run = ask.mlflow(f"runs/get?run_id={version['run_id']}")["run"]
    info, data = run["info"], run["data"]
    page = look(f"runs/{info['run_id']}")
    expect(page.get_by_role("heading", level=1)).to_have_text(info["run_name"])
    expect(page.get_by_text(info["status"].lower(), exact=True)).to_be_visible()
    for name, value in {"Started": words.time(info["start_time"]), "Took": words.duration((info["end_time"] - info["start_time"]) / 1000), "By": info["user_id"],
                        "Registered as": f"{MODEL} {version['version']}", "Id": info["run_id"]}.items():
        words.fact(page, name, value)
    words.table(page, "Metrics", [[one["key"], words.number(one["value"])] for one in data["metrics"]])
    words.table(page, "Parameters", [[one["key"], one["value"]] for one in data["params"]])
    words.table(page, "Tags", [[one["key"], one["value"], None] for one in data["tags"] if len(one["value"]) < 2000 and one["key"] != "mlflow.note.content"])
    # The curve: its last value is its name, and all of its points are in its file.
    points = ask.mlflow(f"metrics/get-history?run_id={info['run_id']}&metric_key=train_logloss")["metrics"]
    chart = page.get_by_role("figure", name=f"train_logloss: train_logloss {words.number(points[-1]['value'])}")
    with page.expect_download() as saved:
        chart.get_by_role("button", name="train_logloss as CSV").click()
    with open(saved.value.path()) as file:
        assert [(float(step), float(value)) for step, value in list(csv.reader(file))[1:]] == [(one["step"], one["value"]) for one in points] and len(points) == 60
    page.get_by_role("link", name="Artifacts").click()
    files = ask.mlflow(f"artifacts/list?run_id={info['run_id']}").get("files", [])
    for one in files:
        expect(page.get_by_role("table", name="Files").get_by_role("row", name=one["path"])).to_contain_text(one["path"] if one.get("is_dir") else words.size(int(one["file_size"])))
    page.get_by_role("link", name="Reproduce").click()
    expect(page.get_by_text(f"slipway --url {ask.url} runs reproduce {info['run_id']}")).to_be_visible()


def different(runs: list[dict], kind: str) -> dict[str, list]:
    """What the runs don't say alike, by name: the values by run."""
    said = [values(run["data"].get(kind, [])) for run in runs]
    names = sorted({name for one in said for name in one}, key=str.lower)
    return {name: column for name in names if len(set(column := [one.get(name) for one in said])) > 1}


def test_runs_compared(look, ask):
    runs = [run for run in ask.runs(ask.experiment(MODEL), "tags.kind = 'candidate'") if "holdout_auc" in values(run["data"]["metrics"])]
    assert len(runs) >= 5
    page = look(f"compare?{'&'.join('runs=' + run['info']['run_id'] for run in runs)}&metric=holdout_auc&across=parameter/train_rows")
    expect(page.get_by_role("heading", level=1)).to_have_text(f"{words.plural(len(runs), 'run')} compared")
    params, metrics = different(runs, "params"), different(runs, "metrics")
    names = [run["info"]["run_name"] for run in runs]
    labels = [f"{name} {run['info']['run_id'][:8]}" if names.count(name) > 1 else name for name, run in zip(names, runs)]
    expect(page.get_by_role("list", name="Runs").get_by_role("link")).to_have_text(labels)
    table = page.get_by_role("table", name="Values")
    for told, columns in ((words.parameter, params), (words.number, metrics)):
        for name, column in columns.items():
            line = table.get_by_role("row").filter(has=page.get_by_role("rowheader", name=name, exact=True))
            expect(line.get_by_role("cell")).to_have_text([words.NOTHING if value is None else told(value) for value in column])
    expect(table.get_by_role("rowheader")).to_have_count(sum(map(len, (params, metrics, {**different(runs, "tags")}))) - own_tags(runs))
    dots = page.get_by_role("region", name="Scatter").locator("circle title")
    expect(dots).to_have_text([f"{label}: train_rows {words.number(rows)}, holdout_auc {words.number(auc)}" for label, rows, auc in zip(labels, params["train_rows"], metrics["holdout_auc"])])
    lines = page.get_by_role("region", name="Parallel coordinates").locator("path title")
    expect(lines).to_have_text([re.compile(rf"^{re.escape(label)}: .*holdout_auc {re.escape(words.number(auc))}$") for label, auc in zip(labels, metrics["holdout_auc"])])


def own_tags(runs: list[dict]) -> int:
    """Tags that differ between runs by their nature are not told."""
    return sum(name.startswith(("mlflow.", "slipway.")) for name in different(runs, "tags"))


def test_a_search_of_parameters(look, ask):
    [search] = ask("searches?limit=500")["searches"]
    page = look("searches")
    words.table(page, "Searches", [[f"{search['name']} of {search['pipeline']}", search["state"], f"minimize holdout_log_loss by {search['search']['method']}", words.number(search["score"]),
                                    f"{search['trials']} of {search['search']['trials']}", words.time(search["started_at"]), words.duration(search["seconds"])]])
    page.get_by_role("link", name=search["name"]).click()
    step = next(one for one in ask(f"pipeline-runs/{search['run']}")["steps"] if one["name"] == search["name"])
    trials = step["items"]
    best = min(trials, key=lambda trial: trial["score"])
    assert best["name"] == step["best"]["name"] and len(trials) == 4
    words.table(page, "Trials of fit", [[trial["name"], trial["state"] + (" best" if trial is best else ""), words.number(trial["score"]), *(words.number(value) for value in trial["item"].values()), words.duration(trial["seconds"]), "metrics"] for trial in trials])
    for trial in trials:  # what the search took for its score is what the trial has logged
        assert values(ask.mlflow(f"runs/get?run_id={trial['tracked_run']}")["run"]["data"]["metrics"])["holdout_log_loss"] == trial["score"]
    expect(page.get_by_text(f"4 of 4 by grid, to minimize holdout_log_loss; best so far {words.number(best['score'])} of {best['name']}")).to_be_visible()


# ---- 7, 8: data and features


def told(cell) -> str:
    return json.dumps(cell, ensure_ascii=False) if isinstance(cell, str) else words.plain(cell) if isinstance(cell, float) else json.dumps(cell)


def both(before: dict | None, after: dict | None, name: str, say=words.number) -> str:
    one, other = (words.NOTHING if side is None else say(side.get(name)) for side in (before, after))
    return one if one == other else f"{one} → {other}"


def test_datasets(look, ask):
    found = ask("datasets")["datasets"]
    page = look("datasets")
    words.table(page, "Datasets", [[one["name"], words.number(one["latest"]["version"]), words.number(one["latest"]["rows"]), words.number(one["latest"]["quarantined"]), words.time(one["latest"]["arrival_time"])] for one in found])
    page.get_by_role("link", name="flights", exact=True).click()
    flights = ask("datasets/flights")
    latest = flights["latest"]
    words.table(page, "Versions", [[str(one["version"]), words.number(one["rows"]), words.number(one["quarantined"]), words.time(one["arrival_time"]), one["digest"][:12]] for one in flights["versions"]])
    rows = page.get_by_role("region", name="Columns", exact=True).locator("tbody tr")
    expect(rows).to_have_count(len(latest["profile"]))
    for at, column in enumerate(latest["profile"]):
        spread = " · ".join(words.number(column[name]) for name in ("min", "p05", "p50", "p95", "max")) if column.get("p50") is not None else words.ANY
        expect(rows.nth(at).locator("td").nth(0)).to_have_text(column["name"])
        expect(rows.nth(at).locator("td").nth(2)).to_have_text("none" if column["missing"] == 0 else words.percent(column["missing"] / column["rows"]))
        expect(rows.nth(at).locator("td").nth(3)).to_have_text("over 100,000" if column.get("distinct", 0) is None else words.number(column.get("distinct")))
        expect(rows.nth(at).locator("td").nth(4)).to_have_text(spread)
        expect(rows.nth(at).locator("td").nth(5)).to_have_text(words.number(column["mean"]) if column.get("mean") is not None else "")
    assert latest["quarantined"] == 1
    expect(page.get_by_text(f"{words.plural(latest['quarantined'], 'row')} put aside. Rules broken:")).to_be_visible()


def test_two_versions_of_a_dataset(look, ask):
    diff = ask("datasets/planes/diff?from=1&to=2")
    rows = diff["rows"]
    assert (rows["removed"], rows["changed"]) == (1, 3)
    page = look("datasets/planes?from=1&to=2")
    words.fact(page, "Rows, by tailnum", f"{words.number(rows['before'])} → {words.number(rows['after'])}")
    for name in ("added", "removed", "changed", "unchanged"):
        words.fact(page, name.title(), words.number(rows[name]))
    difference = page.get_by_role("region", name="Difference")
    columns = difference.get_by_role("table", name="Columns").locator("tbody tr")
    expect(columns).to_have_count(len(diff["columns"]))
    for at, one in enumerate(diff["columns"]):
        before, after = one["before"], one["after"]
        expect(columns.nth(at).locator("td")).to_have_text([one["column"], words.number(one["changed_cells"]), both(before, after, "missing_share", words.percent), *(both(before, after, name) for name in ("distinct", "min", "mean", "max")),
                                                            words.number((one.get("drift") or {}).get("value"))])
    words.table(page, "Changed", [[told(example["key"]["tailnum"]), cell["column"], told(cell["before"]), told(cell["after"])] for example in diff["examples"]["changed"] for cell in example["cells"]])
    words.table(page, "Removed", [[told(cell) for cell in example.values()] for example in diff["examples"]["removed"]])


def readers(view: dict, definitions: dict, endpoints: list[dict]) -> tuple[list, list]:
    services = [one for one in definitions["services"] if {output["name"] for output in one["outputs"]} & set(view["features"])]
    return services, [one for one in endpoints if one["definition"].get("features") in {service["name"] for service in services}]


def test_feature_views(look, ask):
    definitions, endpoints = ask("features"), ask("endpoints")["endpoints"]
    datasets = {source["name"]: source["dataset"] for source in definitions["sources"]}
    page = look("features")
    rows = []
    for view in definitions["views"]:
        services, served = readers(view, definitions, endpoints)
        rows.append([view["name"], ", ".join(view["keys"]) or words.NOTHING, words.number(len(view["features"])), datasets.get(view["source"], "computed when asked"), words.time(view["newest"]),
                     "ahead of the clock" if (view["age_seconds"] or 0) < 0 else words.duration(view["age_seconds"]), f"{words.plural(len(services), 'service')}, {words.plural(len(served), 'endpoint')}"])
    words.table(page, "Feature views", rows)
    page.get_by_role("link", name="origin_weather").click()
    view = next(one for one in definitions["views"] if one["name"] == "origin_weather")
    [service], [endpoint] = readers(view, definitions, endpoints)
    given = [output["name"].removeprefix("origin_weather__") for output in service["outputs"] if output["name"] in view["features"]]
    words.table(page, "Services that give it", [[service["name"], str(service["version"]), ", ".join(given)]])
    words.table(page, "Endpoints that are given it", [[endpoint["name"], service["name"], endpoint["rollout"]["phase"], None]])
    words.table(page, "Models that answer with it", [[f"{one['model']} {one['version']}", endpoint["name"], "shadow" if one["role"] == "shadow" else one["name"], None] for one in endpoint["revision"]["variants"]])


def test_features_as_they_were_served(look, ask):
    features = [one for one in ask(f"features/skew?endpoint={ENDPOINT}")["features"] if one["current"]]
    window = [one for one in ask(f"monitors/{MONITOR}/verdicts?window=day")["windows"] if one["judged"] and one["rows"] > 0][-1]
    compared = [one for one in ask(f"drift?reference=monitor:{MONITOR}&current=monitor:{MONITOR}@{window['start']}..{window['end']}")["columns"] if one.get("histogram")]
    page = look(f"endpoints/{ENDPOINT}/features")
    differ = sum(one["different"] > 0 for one in features)
    expect(page.get_by_text(f"{words.plural(differ, 'feature')} of {len(features)} had values" if differ else f"{words.plural(len(features), 'feature')}, recomputed as known when they were served: all the same")).to_be_visible()
    rows = page.get_by_role("table", name="Features", exact=True).locator("tbody tr")
    expect(rows).to_have_count(len(features))
    for at, one in enumerate(features):
        view, column = words.parts(one["feature"])
        expect(rows.nth(at).locator("td").nth(0)).to_have_text(column + view)
        expect(rows.nth(at).locator("td").nth(1)).to_have_text(re.compile("^" + re.escape(f"{words.percent(one['rate'])}{words.number(one['different'])} of {words.number(one['compared'])}")))
        for name, spread in (("served", one["last_served"]), ("recomputed", one["last_recomputed"])):
            expect(rows.nth(at).locator("td").nth(4)).to_contain_text(f"{name} {words.percent(spread['missing_rate'])}; {' · '.join(words.number(spread[p]) for p in ('p10', 'p50', 'p90'))}")
    cards = page.get_by_role("region", name="Training and serving").get_by_role("figure")
    expect(cards).to_have_count(12)
    for at, one in enumerate(compared[:12]):
        expect(cards.nth(at)).to_have_accessible_name(f"{one['column']}: {one['verdict']}")
        expect(cards.nth(at)).to_contain_text(f"{one['method_title']} {words.number(one['score'])}, limit {words.number(one['threshold'])}.")


def test_one_request_explained(look, ask):
    request = ask.flight("2013-06-25")["flight_id"]
    explained = ask(f"features/explain?endpoint={ENDPOINT}&request={request}&feature=")
    page = look(f"endpoints/{ENDPOINT}/features?request={request}")
    region = page.get_by_role("region", name="One request")
    for one in explained["features"]:
        card = region.get_by_role("region", name=one["feature"], exact=True)
        expect(card).to_contain_text(f"{words.number(one['served'])} served")
        if one["rows"]:
            words.table(page, f"Rows of {one['feature']}", [[words.time(row["event_time"]), words.time(row["arrival_time"]), words.number(row["value"]), "yes" if row["known"] else "no, it came later"] for row in one["rows"]])
    assert sum(bool(one["rows"]) for one in explained["features"]) > 10


# ---- 9, 10: pipelines and the registry

STATES = {"cached": "from cache", "refused": "refused by a gate"}


def took(run: dict) -> float:
    return words.seconds_between(run["created_at"], run["finished_at"])


def test_a_pipelines_runs(look, ask):
    runs = ask("pipelines/train-flight-delay/runs?steps=true")["runs"]
    page = look("pipelines/train-flight-delay")
    words.table(page, "Pipeline runs", [[run["id"], run["state"], words.time(run["now"]), words.duration(took(run)), words.readable(run["reason"]), run["actor"]] for run in runs])
    grid = page.get_by_role("table", name="Steps of the last runs")
    for run in runs:
        expect(grid.get_by_role("link", name=f"Run {run['id']} of {words.time(run['now'])}: {run['state']}, took {words.duration(took(run))}", exact=True)).to_be_visible()
        for step in run["steps"]:
            expect(grid.locator(f"a[href$='/{run['id']}?step={step['name']}']")).to_have_accessible_name(f"{step['name']}, {words.time(run['now'])}: {STATES.get(step['state'], step['state'])}")
    assert {step["state"] for run in runs for step in run["steps"]} >= {"succeeded", "refused", "skipped"}


def test_a_pipelines_run(look, ask):
    newest = next(run for run in ask("pipelines/train-flight-delay/runs?steps=true")["runs"] if run["state"] == "succeeded")
    run = ask(f"pipeline-runs/{newest['id']}")
    page = look(f"pipeline-runs/{run['id']}?view=time")
    for step in run["steps"]:
        ready = max([run["created_at"], *(one["finished_at"] for one in run["steps"] if one["name"] in step["needs"])])
        waited = max(0, words.seconds_between(ready, step["started_at"]))
        name = f"{step['name']}: {STATES.get(step['state'], step['state'])}, began {words.duration(words.seconds_between(run['created_at'], step['started_at']))} after the run's start and took {words.duration(words.seconds_between(step['started_at'], step['finished_at']))}"
        bar = page.get_by_role("button", name=name + (f", waited {words.duration(waited)}" if waited > 0 else ""), exact=True)
        expect(bar).to_be_visible()
        # Bars lie where their times are, on one scale.
        whole = words.seconds_between(run["created_at"], run["finished_at"])
        width = float(re.search(r"([\d.]+)%", bar.locator("[class*=gantt-try]").get_attribute("style").split("width")[1])[1])
        assert abs(width - 100 * words.seconds_between(step["started_at"], step["finished_at"]) / whole) < 0.5
    words.table(page, "Steps", [[step["name"], None, words.time(step["started_at"]), words.duration(step["seconds"]), str(step["tries"] or words.NOTHING), words.NOTHING if step["exit_code"] is None else str(step["exit_code"])] for step in run["steps"]])
    page.get_by_role("table", name="Steps").get_by_role("button", name="train", exact=True).click()
    panel = page.get_by_role("region", name="Step train")
    step = next(one for one in run["steps"] if one["name"] == "train")
    log = requests.get(f"{ask.url}/slipway/v1/pipeline-runs/{run['id']}/steps/train/log", timeout=30).text
    expect(panel).to_contain_text(log.strip().splitlines()[-1])
    expect(panel).to_contain_text(f"{words.duration(step['cpu_seconds'])} of CPU, {words.size(step['peak_memory_bytes'])} of memory at most")


def test_registry(look, ask):
    model = ask.mlflow(f"registered-models/get?name={MODEL}")["registered_model"]
    versions, gates = ask.versions(), ask(f"models/{MODEL}/gates")["gates"]
    [served] = ask("overview")["models"]
    [alias] = ask(f"models/{MODEL}/aliases")["aliases"]
    newest = max(int(one["version"]) for one in versions)
    page = look("models")
    words.table(page, "Models", [[MODEL, str(newest), f"@{alias['alias']} → {alias['version']}", f"{served['endpoint']}: {served['version']}", words.time(model["last_updated_timestamp"]), words.NOTHING]])
    page.get_by_role("link", name=MODEL, exact=True).first.click()
    verdicts = {str(gate["promoted_version"]): gate for gate in gates}
    words.table(page, "Versions", [[one["version"], f"@{alias['alias']}" if str(alias["version"]) == one["version"] else words.NOTHING, served["endpoint"] if str(served["version"]) == one["version"] else words.NOTHING,
                                    verdicts[one["version"]]["verdict"] if one["version"] in verdicts else words.NOTHING, words.time(one["creation_timestamp"]), one["run_id"][:8]] for one in versions])
    words.table(page, "Aliases", [[f"@{alias['alias']}", str(alias["version"]), "moved by a gate's verdict" if alias["gated"] else "moves freely"]])
    page.get_by_role("table", name="Aliases", exact=True).scroll_into_view_if_needed()
    moves = ask(f"models/{MODEL}/alias-moves")["moves"]
    whence = lambda version: "nothing" if version is None else f"version {version}"  # noqa: E731
    assert len(moves) == newest
    page.mouse.wheel(0, 5000)
    words.table(page, "History of aliases", [[words.time(one["time"]), f"@{one['alias']}", whence(one["from"]), whence(one["to"]), one["actor"], one["reason"]] for one in moves])
    sentences = page.get_by_role("region", name="Verdicts of the gate")
    for gate in gates:
        expect(sentences.get_by_text(gate["sentence"], exact=True).first).to_be_visible()
    # The card is of the version that answers; its numbers are its run's.
    run = ask.mlflow(f"runs/get?run_id={next(one['run_id'] for one in versions if one['version'] == str(served['version']))}")["run"]
    expect(page.get_by_role("region", name="Model card").get_by_role("heading", level=2).first).to_have_text(f"Version {served['version']}")
    words.table(page, "Metrics", [[one["key"], words.number(one["value"])] for one in run["data"]["metrics"]])
    words.table(page, "Parameters", [[one["key"], one["value"]] for one in run["data"]["params"]])
