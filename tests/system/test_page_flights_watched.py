"""What the page shows of the flights demo is what the API says: the endpoint, monitoring, incidents, drills, lineage, cost, audit, search."""
import json
import re
import zoneinfo

import page_words as words
import pytest
from flights_demo import ENDPOINT, MODEL, MONITOR
from playwright.sync_api import expect

# ---- 11: the endpoint


def serving(revision: dict, say) -> list[str]:
    return [say(one["version"], words.percent(one["weight"] / 10_000)) for one in revision["variants"] if one["role"] == "live"]


def test_endpoint(look, ask):
    endpoint, [model] = ask(f"endpoints/{ENDPOINT}"), ask("overview")["models"]
    revisions, gates = ask(f"endpoints/{ENDPOINT}/revisions")["revisions"], ask(f"models/{MODEL}/gates")["gates"]
    now, canary = endpoint["revision"], endpoint["rollout"]["canary"]
    page = look(f"endpoints/{ENDPOINT}")
    expect(page.get_by_role("group", name="Health")).to_have_text(f"{model['health']}{words.readable(model['health_reason'])}{words.plural(model['open_alerts'], 'open alert')}")
    for name, value in {"Revision": str(now["number"]), "Since": words.time(now["time"]), "Follows": endpoint["definition"]["model"], "Features": now["features"], "Last good": f"revision {endpoint['last_good']}"}.items():
        words.fact(page, name, value)
    split = serving(now, lambda version, share: f"version {version} answers {share}")
    assert len(split) == 2
    expect(page.get_by_role("main").get_by_role("img", name=", ".join(split), exact=True)).to_be_visible()
    for one in now["variants"]:
        expect(page.get_by_text(f"shadow {one['name']}: {one['uri']}, scores all and answers none" if one["role"] == "shadow" else f"{one['name']}: {one['uri']}", exact=True)).to_be_visible()
    steps = page.get_by_role("group", name="Canary steps")
    expect(steps.locator("[aria-current=step]")).to_have_text(f"{endpoint['definition']['release']['steps'][canary['step']]} %")
    expect(steps).to_contain_text(f"next check at {words.time(canary['next_check'])}")

    def verdict(revision):
        newest = max(one["version"] for one in revision["variants"] if one["role"] == "live")
        return next((gate["verdict"] for gate in gates if gate["promoted_version"] == newest), words.NOTHING)

    def serves(version, share):
        return f"v{version}" if share == "100 %" else f"v{version} {share}"

    words.table(page, "Ledger", [[str(one["number"]) + (" now" if one["number"] == now["number"] else "") + (" last good" if one["number"] == endpoint["last_good"] else ""),
                                  one["kind"].replace("-", " ", 1) + (f" restores {one['restores']}" if one["restores"] is not None else ""), " + ".join(serving(one, serves)), words.time(one["time"]), one["actor"],
                                  words.readable(one["reason"]) or words.NOTHING, verdict(one)] for one in revisions])
    assert {"deploy", "rollback", "canary-step", "promote"} <= {one["kind"] for one in revisions}
    # What the button would do is what is on record as the last good revision.
    target = next(one for one in revisions if one["number"] == endpoint["last_good"])
    page.get_by_role("button", name="Roll back").click()
    dialog = page.get_by_role("dialog", name=f"Roll back {ENDPOINT}?")
    expect(dialog).to_contain_text(f"All requests go back to what revision {target['number']} served, from {words.time(target['time'])}:")
    expect(dialog.get_by_role("img", name=", ".join(serving(target, lambda version, share: f"version {version} answers {share}")))).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert ask(f"endpoints/{ENDPOINT}")["revision"]["number"] == now["number"]


def test_how_an_endpoint_was_asked(look, ask):
    page = look(f"endpoints/{ENDPOINT}?last=month")
    history = None
    with page.expect_response(lambda reply: "/traffic-history" in reply.url) as replied:
        page.reload()
    history = replied.value.json()
    total = {name: sum(step[name] for step in history["steps"]) for name in ("requests", "rows", "errors")}
    traffic = [one for one in ask(f"monitors/{MONITOR}/windows?window=day")["windows"] if one["variant"] == "live"]
    assert total["requests"] >= sum(one["rows"] for one in traffic) > 10_000  # all that the monitor has judged, and the days after
    words.fact(page, "Requests", words.number(total["requests"]))
    words.fact(page, "Rows", words.number(total["rows"]))
    words.fact(page, "Failed", words.percent(total["errors"] / total["requests"]))


def test_a_question_is_answered_as_it_is_logged(look, ask):
    flight = ask.flight("2013-07-03")
    page = look(f"endpoints/{ENDPOINT}")
    page.get_by_role("button", name="Ask the model").click()
    form = page.get_by_role("region", name="Try it")
    for one in ask("features")["services"][0]["request"]:
        name = one["name"]
        form.get_by_label(name, exact=True).fill(words.plain(flight[name]) if isinstance(flight[name], float) else flight[name])
    form.get_by_role("button", name="Ask", exact=True).click()
    said = form.get_by_role("status")
    expect(said).to_contain_text(re.compile(r"late: [\d.e-]+.*version \d+, .* to here and back, request \S+"))
    prediction, version, request = re.search(r"late: ([\d.e-]+?)version (\d+), .*request (\S+)", said.text_content()).groups()
    logged = ask(f"endpoints/{ENDPOINT}/requests/{request}")["request"]
    [answer] = [one for one in logged["variants"] if one["role"] == "live"]
    assert float(prediction) == pytest.approx(answer["prediction"], rel=1e-7)
    assert int(version) == next(one["version"] for one in ask(f"endpoints/{ENDPOINT}")["revision"]["variants"] if one["name"] == answer["variant"])


# ---- 12: monitoring

STATES = {"fires": "alert fires", "fine": "fine", "not_judged": "not judged", None: "waits for labels"}
NEW_YORK = zoneinfo.ZoneInfo("America/New_York")


def local(at: str) -> str:
    there = words.moment(at).astimezone(NEW_YORK)
    return f"{there.day} {there:%b %Y}"


def test_health_over_time(look, ask):
    verdicts = ask(f"monitors/{MONITOR}/verdicts?window=week")
    [monitor] = ask("monitors")["monitors"]
    page = look(f"endpoints/{ENDPOINT}/monitoring?window=week")
    expect(page.get_by_text(words.readable(monitor["health_reason"]), exact=True)).to_be_visible()
    grid = page.get_by_role("table", name="Health over time")
    said = []
    for at, window in enumerate(verdicts["windows"]):
        start = local(window["start"])
        for alert in verdicts["alerts"]:
            value, state = alert["values"][at], alert["verdicts"][at]
            said.append(state)
            name = f"{alert['alert']}, {start}: {STATES[state]}" + ("" if value is None else f": {alert['watches']} {words.number(value)}, limit {words.number(alert['threshold'])}")
            expect(grid.get_by_role("link", name=name, exact=True)).to_have_count(1)
        drifted = f"{window['inputs_drifted']} of {window['inputs']}" if window["inputs"] else "not compared"
        expect(grid.get_by_role("link", name=f"Inputs drifted, {start}: {drifted}", exact=True)).to_have_count(1)
    assert {"fires", "fine"} <= set(said)
    expect(grid.locator("tbody tr").first.get_by_role("link")).to_have_count(len(verdicts["windows"]))


def test_alerts_and_a_window(look, ask):
    alerts = ask(f"alerts?endpoint={ENDPOINT}")["alerts"]
    page = look(f"endpoints/{ENDPOINT}/monitoring?window=week")
    rows = page.get_by_role("table", name="Alerts", exact=True).locator("tbody tr")
    expect(rows).to_have_count(len(alerts))
    for at, alert in enumerate(alerts):
        cells = rows.nth(at).locator("td")
        expect(cells.nth(0)).to_have_text(words.time(alert["time"]))
        expect(cells.nth(1)).to_have_text(alert["alert"] + words.plural(alert["windows"], alert["window"]))
        expect(cells.nth(2)).to_contain_text(f"{words.number(alert['value'])}{alert['metric']}, limit {words.number(alert['threshold'])}")
        for cause in alert["causes"][:4]:
            expect(cells.nth(3)).to_contain_text(words.dotted(cause["feature"]))
        for action in alert["actions"]:
            if action["state"] != "skipped":
                expect(cells.nth(4).get_by_role("link", name=action["kind"])).to_have_attribute("href", f"/ui/pipeline-runs/{action['run_id']}")
        expect(cells.nth(5)).to_have_text(re.compile(f"^{alert['state']}"))
        expect(cells.nth(5).get_by_role("button")).to_have_count(2 if alert["state"] == "open" else 0)
    assert {alert["state"] for alert in alerts} == {"open", "resolved"}

    fired = alerts[0]
    windows = [one for one in ask(f"monitors/{MONITOR}/windows?window=week")["windows"] if one["variant"] == "live"]
    window = next(one for one in windows if one["start"] == fired["window_start"])
    page.get_by_role("table", name="Health over time").locator("tbody tr").first.locator(f"a[href*='at={window['start'].replace(':', '%3A')}']").click()
    region = page.get_by_role("region", name="The chosen window")
    for name, value in {"Until": words.time(window["end"]), "State": "judged", "Rows": words.number(window["rows"]), "Labels": f"{words.number(window['labels'])} ({words.percent(window['completeness'])})",
                        "Version in charge": str(window["model_version"])}.items():
        words.fact(page, name, value)
    region.get_by_text(f"{len(window['metrics'])} metrics").click()
    intervals = window.get("intervals") or {}
    words.table(page, "Metrics of the window", [[name, words.number(window["metrics"][name]), f"{words.number(intervals[name][0])} to {words.number(intervals[name][1])}" if name in intervals else words.NOTHING] for name in sorted(window["metrics"])])
    expect(region.get_by_role("table", name="What the alerts say of it").locator("tbody tr").filter(has_text=fired["alert"]).first).to_contain_text(f"alert fires{fired['metric']}{words.number(fired['value'])}")


def test_inputs_and_slices(look, ask):
    windows = [one for one in ask(f"monitors/{MONITOR}/windows?window=week")["windows"] if one["variant"] == "live"]
    drifts = [one for one in windows if one.get("drift")]
    most = {}
    for window in drifts:
        for one in window["drift"]:
            most[one["feature"]] = max(most.get(one["feature"], 0), one["psi"] or 0)
    page = look(f"endpoints/{ENDPOINT}/monitoring?window=week")
    heat = page.get_by_role("group", name="Drift of each input in each window").get_by_role("button")
    ranked = sorted(most, key=lambda feature: (-most[feature], feature))
    expect(heat).to_have_count(10)
    for at, feature in enumerate(ranked[:10]):
        times = sum(one["drifted"] for window in drifts for one in window["drift"] if one["feature"] == feature)
        expect(heat.nth(at)).to_have_attribute("title", f"{feature}: drift in {times} of {len(drifts)}, PSI up to {words.number(most[feature])}")
        expect(heat.nth(at).locator("rect title")).to_have_text([re.compile(f"PSI {re.escape(words.number(next((one['psi'] for one in window['drift'] if one['feature'] == feature), None)))}$") for window in drifts])
    newest = [one for one in windows if one["judged"] and one["rows"] > 0][-1]
    slices = ask(f"monitors/{MONITOR}/slices?window=week&start={newest['start']}")
    section = page.get_by_role("region", name="Slices")
    section.scroll_into_view_if_needed()
    report = slices["slices"]
    words.table(page, "Slices where it does worst", [[one["slice"], words.number(one["rows"]), words.percent(one["share"]), words.number(one["inside"]), words.number(one["outside"]), f"{words.number(one['low'])} to {words.number(one['high'])}",
                                                       words.number(one["expected"]), words.number((one["before"] or {}).get("inside"))] for one in report["found"]])
    expect(section).to_contain_text(f"({words.number(report['mean'])} over all {words.number(report['rows'])} rows)")
    goes_by = slices["attributions"]
    words.table(page, "What the model goes by", [[words.dotted(one["input"]), *(words.number(one[name]) for name in ("now", "reference", "rank", "reference_rank"))] for one in goes_by["inputs"]])
    expect(section).to_contain_text(f"mean |SHAP| of {words.number(goes_by['rows'])} rows; against the reference the order has an NDCG of {words.number(goes_by['ndcg'])}")


# ---- 13, 14: incidents and drills


def test_incident(look, ask):
    [listed] = ask("incidents")["incidents"]
    page = look("incidents")
    words.table(page, "Incidents", [[f"{listed['id']}: {listed['title']}", listed["state"], listed["severity"], listed["endpoint"], words.time(listed["bad_since"]), listed["owner"] or "nobody"]])
    page.get_by_role("link", name=listed["title"]).click()
    incident = ask(f"incidents/{listed['id']}")
    expect(page.get_by_role("heading", level=1)).to_have_text(incident["title"])
    took = incident["durations"]
    for name, value in {"Time to detect": took["to_detect_seconds"], "Time to act": took["to_act_seconds"], "Time to recover": took["to_recover_seconds"]}.items():
        words.fact(page, name, "not yet" if value is None else words.duration(value))
    words.fact(page, "Bad since", words.time(incident["bad_since"]))
    words.fact(page, "Noticed", words.time(incident["detected"]))
    suspects = incident["suspects"][:8]
    assert suspects and [one["score"] for one in suspects] == sorted((one["score"] for one in suspects), reverse=True)
    words.table(page, "Suspects", [[f"{words.rounded(one['score'], 2):.2f}", f"{words.time(one['time'])} {one['why']}".strip(), words.readable(one["words"]), one["actor"]] for one in suspects])
    words.table(page, "What happened", [[words.time(one["time"]), one["kind"], words.readable(one["words"]), one["actor"]] for one in incident["time_line"]])
    with page.expect_download() as saved:
        page.get_by_role("link", name="Post-mortem as Markdown").click()
    assert incident["title"] in saved.value.path().read_text()


def test_drill(look, ask):
    [listed] = ask(f"endpoints/{ENDPOINT}/drills")["drills"]
    drill = ask(f"endpoints/{ENDPOINT}/drills/{listed['id']}")
    report = drill["report"]
    assert {one["caught"] for one in report["faults"]} == {True, False} and report["controls"]
    page = look(f"endpoints/{ENDPOINT}/drills")
    expect(page.get_by_role("img", name=f"Grade {report['grade']}")).to_have_text(report["grade"])
    expect(page.get_by_text(f"{report['caught']} of {words.plural(report['faults_played'], 'fault')} noticed, {words.plural(report['false_pages'], 'false page')} over {words.plural(len(report['controls']), 'control')}")).to_be_visible()
    words.fact(page, "Traffic replayed", f"{words.time(report['start'])} to {words.time(report['until'])}")
    matrix = page.get_by_role("table", name="Faults by monitor").locator("tbody tr")

    def cells_of(one):
        return matrix.filter(has=page.locator(f"th code:text-is('{one['fault']}')")).locator("td")

    for one in report["faults"]:
        cells = cells_of(one)
        expect(cells.nth(0)).to_have_text(("at once" if one["delay_seconds"] < 60 else f"after {words.delay(one['delay_seconds'])}") if one["caught"] else "nobody would know")
        expect(cells.nth(3)).to_have_text(words.number(one["harmed"]))
        expect(cells.nth(4)).to_have_text(words.delay(one.get("act_seconds")))
    for one in report["controls"]:
        expect(cells_of(one).first).to_have_text("false page" if one["caught"] else "silent")
    missed = page.get_by_role("region", name="Not covered").get_by_role("article")
    expect(missed).to_have_count(sum(not one["caught"] for one in report["faults"]))


# ---- 15, 16: lineage and cost


def test_lineage_of_a_prediction(look, ask):
    flight = ask.flight("2013-06-25")
    logged = ask(f"endpoints/{ENDPOINT}/requests/{flight['flight_id']}")
    request, label = logged["request"], logged["labels"][-1]
    [answer] = [one for one in request["variants"] if one["role"] == "live"]
    revision = ask(f"endpoints/{ENDPOINT}/revisions?limit=1&before={request['revision'] + 1}")["revisions"][0]
    number = next(one["version"] for one in revision["variants"] if one["name"] == answer["variant"])
    version = ask.mlflow(f"model-versions/get?name={MODEL}&version={number}")["model_version"]
    run = ask.mlflow(f"runs/get?run_id={version['run_id']}")["run"]
    pipeline_run = ask(f"pipeline-runs/{next(tag['value'] for tag in run['data']['tags'] if tag['key'] == 'slipway.run_id')}")
    gate = next(one for one in ask(f"models/{MODEL}/gates")["gates"] if one["promoted_version"] == number)
    page = look(f"lineage?of={flight['flight_id']}")
    table = page.get_by_role("table", name="Lineage", exact=True)

    def line(what, name):
        return table.locator("tbody tr").filter(has=page.get_by_role("cell", name=what, exact=True)).filter(has=page.get_by_role("cell", name=name, exact=True)).locator("td")

    expect(line("prediction", flight["flight_id"]).nth(3)).to_have_text(f"{words.plain(answer['prediction'])}, at {words.time(request['event_time'])}, label {words.plain(label['value'])}")
    assert label["value"] == (flight["arr_delay"] > 15)
    expect(line("revision", f"{ENDPOINT}/{revision['number']}").nth(3)).to_have_text(words.readable(f"{revision['kind']} by {revision['actor']}: {revision['reason']}"))
    expect(line("model version", f"{MODEL} {number}").nth(3)).to_have_text(version["source"])
    expect(line("gate", gate["id"]).nth(3)).to_have_text(words.readable(gate["sentence"]))
    expect(line("run", run["info"]["run_name"]).nth(2)).to_have_text(f"pipeline run {pipeline_run['pipeline']}")
    expect(line("pipeline run", pipeline_run["pipeline"]).nth(3)).to_have_text(words.readable(f"{pipeline_run['id']}, {pipeline_run['state']}: {pipeline_run['reason']}"))
    made_from = {name: digest for step in pipeline_run["steps"] for name, digest in ((step["key"] or {}).get("parts") or {}).items()}
    code = {name.removeprefix("code/"): digest for name, digest in made_from.items() if name.startswith("code/")}
    inputs = {name.removeprefix("input/dataset:").split("@")[0]: digest for name, digest in made_from.items() if name.startswith("input/dataset:")}
    assert set(code) == {"slipway.yaml", "train.py"} and set(inputs) == {"flights", "weather", "planes"}
    for name, digest in code.items():
        expect(line("code", name).nth(3)).to_have_text(digest)
    for name, digest in inputs.items():
        expect(line("dataset", name).nth(3)).to_have_text(digest)


def test_lineage_of_a_column(look, ask):
    definitions, endpoint = ask("features"), ask(f"endpoints/{ENDPOINT}")
    sources = {one["name"] for one in definitions["sources"] if one["dataset"] == "weather"}
    reading = [feature for view in definitions["views"] if view["source"] in sources for feature in view["features"] if "wind_speed" in view["reads"].get(feature, [])]
    page = look("lineage?of=column:weather.wind_speed")
    rows = page.get_by_role("table", name="Lineage", exact=True).locator("tbody tr")
    names = {"column": ["wind_speed"], "dataset": ["weather"], "feature": reading, "feature service": ["flight_delay"], "model version": [f"{one['model']} {one['version']}" for one in endpoint["revision"]["variants"]],
             "revision": [f"{ENDPOINT}/{endpoint['revision']['number']}"]}
    expect(rows).to_have_count(sum(map(len, names.values())))
    for what, expected in names.items():
        of_kind = rows.filter(has=page.get_by_role("cell", name=what, exact=True)).locator("td:nth-child(2)")
        expect(of_kind).to_have_count(len(expected))
        for name in expected:
            expect(of_kind.filter(has_text=re.compile(f"^{re.escape(name)}$"))).to_have_count(1)
    assert reading == ["origin_weather__wind_speed"]


def test_cost(look, ask):
    [model], costs = ask("overview")["models"], ask("costs")["versions"]
    measured = next(one for one in costs if one["version"] == model["version"])
    predictions = 7 * model["traffic_per_day"][-1]
    took = predictions / 1000 * measured["cpu_seconds_per_1000"]
    page = look("cost")
    words.table(page, "Cost of models", [[ENDPOINT, str(measured["version"]), words.number(predictions), words.duration(measured["cpu_seconds_per_1000"]), f"{words.duration(took)} of a core", "100 %", "how best served"]])
    with page.expect_response(lambda reply: reply.url.endswith("/advice") or "/advice?" in reply.url) as replied:  # it is measured anew each time it is asked
        page.get_by_role("link", name="how best served").click()
    advice = replied.value.json()
    expect(page.get_by_text(advice["words"])).to_be_visible()
    rows = page.get_by_role("table", name="Ways to serve it").locator("tbody tr")
    expect(rows).to_have_count(len(advice["options"]))
    for at, one in enumerate(advice["options"]):
        cells = rows.nth(at).locator("td")
        expect(cells.nth(0)).to_contain_text(one["mode"])
        expect(cells.nth(1)).to_have_text("pass" if one["meets_target"] else "no")
        expect(cells.nth(2)).to_have_text(words.number(one["replicas"] or one["cores_busy"]))
        expect(cells.nth(3)).to_have_text(words.percent(one["load"]) if one["replicas"] else words.NOTHING)
        expect(cells.nth(4)).to_have_text(words.NOTHING if one["latency_ms"] is None or one["mode"] == "batch" else words.duration(one["latency_ms"] / 1000))


# ---- 17: audit, policies, users


def test_audit(look, ask):
    events = ask("events?order=newest&limit=100&kind=endpoint.rolled_back")["events"]
    page = look("audit")
    newest = ask("events?order=newest&limit=100")["events"]
    assert len(newest) == 100
    rows = page.get_by_role("table", name="Events").locator("tbody tr")
    expect(rows).to_have_count(100)
    for at, one in enumerate(newest[:20]):
        cells = rows.nth(at).locator("td")
        expect(cells.nth(0)).to_contain_text(words.time(one["arrival_time"]))
        expect(cells.nth(1)).to_have_text(one["actor"] or words.NOTHING)
        expect(cells.nth(2)).to_have_text(one["kind"])
        expect(cells.nth(3)).to_have_text(one["subject"])
    page.get_by_label("What", exact=True).fill("endpoint.rolled_back")
    page.get_by_role("button", name="Show").first.click()
    expect(rows).to_have_count(len(events))
    [back] = events
    rows.first.locator("summary").click()
    shown = rows.first.locator("pre, code").first
    expect(shown).to_contain_text(json.dumps(back["payload"]["reason"]))
    expect(rows.first.locator("summary")).to_have_text(f"revision {back['payload']['revision']}: {MODEL} 2 answers; {back['payload']['reason']}")
    verified = ask("events/verify")
    page.get_by_role("button", name="Is the record intact?").click()
    expect(page.get_by_text(f"All {words.number(verified['events'])} events are as they were written; {words.number(verified['sealed'])} of them are sealed")).to_be_visible()


def test_policies_and_users(look, ask):
    [endpoint], [monitor] = ask("endpoints")["endpoints"], ask("monitors")["monitors"]
    release, rules = endpoint["definition"]["release"], monitor["definition"]["alerts"]
    guard = release["guard"]
    page = look("policies")
    words.table(page, "Releases", [[ENDPOINT, endpoint["definition"]["model"], ", ".join(f"{step} %" for step in release["steps"]), re.sub(r"(\d)([a-z])", r"\1 \2", release["hold"]),
                                    f"error rate over {words.plain(guard['error_rate'])}, p99 over {words.plain(guard['latency_ms_p99'])} ms, calibration off by {words.plain(guard['calibration_bias'])}; from {guard['min_requests']} requests and {guard['min_labels']} labels on",
                                    endpoint["rollout"]["phase"]]])
    when = {name: f"{rule['metric']} " + (f"over {words.plain(rule['over'])}" if "over" in rule else f"further from 0 than {words.plain(rule['abs_over'])}") for name, rule in rules.items()}
    words.table(page, "Alerts and what they do", [[MONITOR, name, f"{when[name]}, by {rule['window']}", rule.get("severity", words.NOTHING), rule["action"] if isinstance(rule["action"], str) else ", ".join(rule["action"]), words.NOTHING] for name, rule in rules.items()])
    protected = [one for one in ask(f"models/{MODEL}/aliases")["aliases"] if one["gated"]]
    expect(page.get_by_role("region", name="Who may move an alias").locator("tbody tr")).to_have_count(len(protected))
    page.goto(f"{ask.url}/ui/users")
    expect(page.get_by_text("Login is off: whoever reaches this server may do everything.")).to_be_visible()


# ---- 18: the search box


def test_search(look, ask):
    endpoint, [run, *_] = ask(f"endpoints/{ENDPOINT}"), ask("pipelines/train-flight-delay/runs")["runs"]
    [model], [incident] = ask("overview")["models"], ask("incidents")["incidents"]
    refit = ask.runs(ask.experiment(MODEL), "tags.kind = 'refit'")[0]["info"]
    page = look("")
    expect(page.get_by_role("table", name="Models in production")).to_be_visible()
    page.keyboard.press("/")
    box = page.get_by_role("combobox", name="Search everything")
    options = page.get_by_role("option")
    for typed, found in {
        ENDPOINT: f"{MODEL}at {ENDPOINT}, {model['health']}, {model['owner']}model",
        run["id"]: f"{run['id']}{run['pipeline']}, {run['state']}, {words.time(run['now'])}pipeline run",
        incident["title"]: f"{incident['id']}: {incident['title']}{incident['endpoint']}, {incident['state']}incident",
        "roll back": f"Roll back {ENDPOINT}to revision {endpoint['last_good']}action",
        "origin_weather": f"origin_weather{words.plural(6, 'feature')}feature view",
        refit["run_name"]: f"{refit['run_name']}{refit['status'].lower()}, {words.time(refit['start_time'])}, {refit['run_id']}run",
    }.items():
        box.fill(typed)
        expect(options.filter(has_text=re.compile(f"^{re.escape(found)}$"))).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{ask.url}/ui/runs/{refit['run_id']}")
