"""`slipway drill`: each fault of a small project is played by the built binary against a copy of its endpoint; production only is read,
and keeps the result, which its page shows."""
import json
import os
import pathlib
import re
import subprocess
import sys

import pandas as pd
import pytest
import requests
import small_project
import yaml
from conftest import BINARY, Server, eventually
from playwright.sync_api import expect
from test_openapi import check

TIMES = ["--from", "2024-01-15T00:00:00Z", "--start", "2024-01-22T00:00:00Z", "--until", "2024-02-04T00:00:00Z"]


def served(tmp_path_factory, until: pd.Timestamp | None = None) -> Server:
    """A server whose model is in charge; its project lies in `folder`, and has visits before `until`."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    server = Server(tmp_path_factory.mktemp("server") / "data", "--python-path", str(pathlib.Path(sys.executable).parent))
    server.folder = tmp_path_factory.mktemp("shop")
    project = small_project.write(server.folder)
    if until is not None:
        visits = small_project.visits()
        visits[visits["at"] < until].to_parquet(server.folder / "visits.parquet", index=False)
    server.cli("apply", str(project))
    server.cli("data", "ingest", "visits")
    server.cli("features", "materialize", "--as-of", small_project.START.isoformat())
    server.cli("run", "train")
    return server


@pytest.fixture(scope="module")
def production(tmp_path_factory):
    server = served(tmp_path_factory)
    file = server.folder / "visits.parquet"
    server.drill = ["drill", "sale", "--requests", str(file), "--push", f"ended={file}:known_at", *small_project.REPLAY[:-2], *TIMES, "--project", str(server.folder / "slipway.yaml")]
    yield server
    server.stop()


def state(server) -> list:
    paths = ["clock", "endpoints/sale", "endpoints/sale/revisions", "alerts", "events?limit=1000", "features"]
    read = [requests.get(f"{server.url}/slipway/v1/{path}", timeout=60).json() for path in paths]
    events = next(part for part in read if "events" in part)
    events["events"] = [event for event in events["events"] if event["kind"] != "drill.kept"]
    return read


def kept(server, path="") -> dict:
    reply = requests.get(f"{server.url}/slipway/v1/endpoints/sale/drills{path}", timeout=60)
    assert reply.ok, reply.text
    return reply.json()


@pytest.fixture(scope="module")
def played(production):
    before = state(production)
    page = production.folder / "drill.html"
    report = json.loads(production.cli("--json", *production.drill, "--out", str(page)).stdout)
    (production.folder / "drill.json").write_text(json.dumps(report))
    report["page"] = page.read_text()
    report["production_changed"] = state(production) != before
    return report


def by_name(report: dict) -> dict:
    return {verdict["fault"]: verdict for verdict in report["faults"]}


def test_production_is_not_touched(played):
    assert not played["production_changed"]


def test_what_is_noticed_says_when_why_and_what_happened(played):
    faults = by_name(played)
    nulls = faults["nulls:pages"]
    assert (nulls["by"], nulls["cause_right"], nulls["action_right"]) == ("alert log_loss", True, True)
    assert "the data is not clean" in nulls["action"]
    assert nulls["delay_seconds"] == 86400 and nulls["harmed"] == 144  # a day of requests every ten minutes
    concept = faults["concept:pages"]
    assert (concept["by"], concept["action"], concept["action_right"]) == ("alert log_loss", "retrain started", True)
    assert (concept["act_seconds"], concept["recovery_seconds"], concept["not_recovered"]) == (concept["delay_seconds"], None, "a retraining does nothing in the copy")
    assert nulls["not_recovered"] == "nothing was done about it" and (faults["model:damaged"]["recovery_seconds"], faults["model:damaged"]["harmed_until_recovered"]) == (0, 0)
    assert "concept:pages: acted on after 1d, not recovered: a retraining does nothing in the copy" in played["page"]
    assert (concept["shape"], concept["ramp_seconds"], concept["start"], concept["share_when_caught"]) == ("abrupt", 0, "2024-01-22T00:00:00Z", 1)
    assert (faults["typed:pages"]["by"], faults["typed:pages"]["harmed"]) == ("the request check", 0)
    assert (faults["model:damaged"]["by"], faults["model:damaged"]["harmed"]) == ("the release", 0)


def test_what_comes_gradually_is_noticed_at_a_dose(production, played):
    """Drift is played in both shapes; the ramp is half of the time unless it is told, and the delay is from the start."""
    faults = by_name(played)
    assert [name for name in faults if name.endswith("/gradual")] == ["covariate:pages/gradual", "concept:pages/gradual", "prior/gradual", "slice:shop/gradual"]
    grown, ramp = faults["concept:pages/gradual"], 13 * 86400 / 2
    assert (grown["shape"], grown["ramp_seconds"], grown["start"], grown["share"], grown["caught"]) == ("gradual", ramp, "2024-01-22T00:00:00Z", 1, True)
    assert grown["delay_seconds"] > faults["concept:pages"]["delay_seconds"] and grown["share_when_caught"] == pytest.approx(grown["delay_seconds"] / ramp)
    assert "concept:pages/gradual" in played["page"]
    words = ["--json", *production.drill, "--shape", "gradual", "--no-keep"]
    report = json.loads(production.cli(*words, "--ramp", "2d", "--faults", "concept,renamed").stdout)
    assert set(by_name(report)) == {"concept:pages/gradual", "renamed:shop/gradual"} and len(report["controls"]) == 4
    steeper = by_name(report)["concept:pages/gradual"]
    assert steeper["ramp_seconds"] == 2 * 86400 and steeper["delay_seconds"] < grown["delay_seconds"]
    done = production.cli(*words, "--faults", "nulls", check=False)
    assert done.returncode == 1 and "no such fault" in done.stderr and "x1000:pages/gradual" in done.stderr


def test_what_is_missed_comes_with_the_alert_that_would_have_noticed(played):
    faults = by_name(played)
    expected = {"stopped:ended": "feature_age_hours_max", "late:ended": "feature_age_hours_max", "zone:ended": "feature_age_hours_max", "empty:ended": "skew_rate", "off-by-one:ended": "skew_rate", "default:shop_recent__sale_share_24h": "skew_rate",
                "nulls:shop": "missing_rate_max", "renamed:shop": "missing_rate_max", "labels:none": "labels_quiet_hours"}
    for fault in expected:
        assert not faults[fault]["caught"], faults[fault]
        everything = 13 * 144
        assert faults[fault]["harmed"] == (0 if fault == "labels:none" else pytest.approx(everything / 2, rel=0.1) if fault == "renamed:shop" else everything), fault
    assert {fault: faults[fault]["suggestion"]["metric"] for fault in expected} == expected
    assert {v["suggestion"]["metric"] for v in faults.values() if v["suggestion"] and v["fault"] != "answers:late"}.isdisjoint({"quiet_hours_max", "latency_ms_p50", "latency_ms_p99", "requests"})


def test_a_server_that_is_killed_is_noticed_and_loses_nothing_it_acknowledged(played):
    dead = by_name(played)["server:dead"]
    assert (dead["by"], dead["delay_seconds"], dead["failed_requests"]) == ("/health", 0, 36)  # six hours of requests every ten minutes
    assert (dead["recovery_seconds"], dead["lost"]) == (6 * 3600, [])
    assert "server:dead: 36 requests failed, all is done again after 6h; of what was acknowledged nothing is lost; noticed by definition" in played["page"]
    assert dead["advice"].endswith("no monitor here tells of it, also not when it is back") and dead["noticed"] == []


def test_a_full_disk_is_survived_and_everything_comes_again(played):
    full = by_name(played)["disk:full"]
    assert (full["by"], full["delay_seconds"], full["failed_requests"]) == ("refused pushes and outcomes", 0, 0)  # requests are answered all the time
    assert (full["recovery_seconds"], full["lost"]) == (6 * 3600, [])


def test_a_service_that_fails_is_for_monitors_to_notice(played):
    """36 requests in six hours; the store takes all of them with it, the model a quarter. Callers know; no monitor here does."""
    faults = by_name(played)
    gone, fails, late = (faults[name] for name in ("store:gone", "answers:fail", "answers:late"))
    assert (gone["caught"], gone["failed_requests"], gone["harmed"], gone["lost"]) == (False, 36, 36, [])
    assert gone["recovery_seconds"] == 6 * 3600 and gone["suggestion"]["metric"] == "error_rate"  # what was pushed meanwhile came with the next step
    assert not fails["caught"] and 3 <= fails["failed_requests"] == fails["harmed"] <= 18
    assert (fails["suggestion"]["metric"], fails["suggestion"]["delay_seconds"]) == ("error_rate", 18 * 3600)  # when the day is over
    assert (late["caught"], late["failed_requests"], late["harmed"], late["recovery_seconds"]) == (False, 0, 36, None)
    assert (late["suggestion"]["metric"], late["suggestion"]["over"]) == ("latency_ms_p99", 250)
    assert "store:gone: 36 requests failed, all is done again after 6h; of what was acknowledged nothing is lost" in played["page"]


def test_a_retraining_that_hangs_or_comes_twice_is_noticed_by_what_is_declared(production, played):
    for fault, advice in (("pipeline:stuck", "a timeout of the step"), ("pipeline:twice", "a pool with one slot")):
        missed = by_name(played)[fault]
        assert (missed["caught"], missed["suggestion"], missed["alerts"]) == (False, None, []) and missed["advice"].startswith(advice), missed
        assert missed["advice"] in played["page"]
    declared = (production.folder / "slipway.yaml").read_text().replace("      - name: rows\n", "      - name: rows\n        timeout: 2h\n        pool: retraining\n")
    project = production.folder / "bounded.yaml"
    project.write_text(declared.replace("pipelines:\n", "pools: {retraining: 1}\npipelines:\n"))
    report = json.loads(production.cli("--json", *production.drill[:-2], "--project", str(project), "--faults", "pipeline", "--no-keep").stdout)
    stuck, twice = by_name(report)["pipeline:stuck"], by_name(report)["pipeline:twice"]
    assert (stuck["by"], stuck["delay_seconds"], stuck["advice"]) == ("the timeout of rows", 86400 + 7200, None)
    assert (twice["by"], twice["delay_seconds"]) == ("the pool of rows", 86400)


def test_only_a_server_that_lets_itself_be_broken_is(start_server):
    well, breakable = start_server("well"), start_server("breakable", "--breakable")
    assert requests.put(f"{well.url}/slipway/v1/faults", json={"late_ms": 5}, timeout=60).status_code == 404
    url = f"{breakable.url}/slipway/v1/faults"
    whole = {"online_store_gone": False, "online_store_answers": True, "late_ms": 0, "failing_share": 0.0}
    assert requests.get(url, timeout=60).json() == whole
    assert requests.put(url, json={"late_ms": 5, "failing_share": 0.5}, timeout=60).json() == {**whole, "late_ms": 5, "failing_share": 0.5}
    assert requests.put(url, json={}, timeout=60).json() == whole
    for wrong, said in (({"late_ms": -1}, "late_ms"), ({"failing_share": 2}, "failing_share"), ({"online_store_gone": "yes"}, "online_store_gone")):
        reply = requests.put(url, json=wrong, timeout=60)
        assert reply.status_code == 400 and said in reply.json()["error"]["message"], reply.text
    assert requests.get(url, timeout=60).json() == whole


def test_a_model_that_loads_and_is_wrong_is_noticed_by_its_answers(played):
    wrong = by_name(played)["model:wrong"]
    assert (wrong["by"], wrong["delay_seconds"], wrong["harmed"]) == ("alert log_loss", 86400, 144)
    assert played["not_made"] == []


def test_a_threshold_that_is_moved_is_told_by_how_answers_fit(played):
    """The endpoint decides nothing: its answers say yes as much less as who asks would with the other threshold."""
    moved = by_name(played)["model:threshold"]
    assert (moved["caught"], moved["suggestion"]["metric"]) == (False, "recall") and moved["suggestion"]["under"] > moved["suggestion"]["value"], moved


def test_what_an_alert_does_about_it_is_timed(production):
    """A wrong model: a rollback, or a fallback to the good one, makes it well again; what the world does, neither of them mends."""
    declared = (production.folder / "slipway.yaml").read_text()
    words = ["--json", *production.drill[:-2], "--faults", "model:wrong,concept:pages,x1000:pages", "--shape", "abrupt", "--no-keep", "--project"]
    for action, why in (("{do: rollback}", "nothing was done about it"), ("{do: fallback, model: models:/sale/1}", "what was done has not helped")):
        project = production.folder / "acting.yaml"
        project.write_text(declared.replace("action: retrain}", "action: back}").replace("    actions:\n", f"    actions:\n      back: {action}\n"))
        first = production.cli(*words, str(project)).stdout
        report = json.loads(first)
        wrong = by_name(report)["model:wrong"]
        assert (wrong["delay_seconds"], wrong["act_seconds"], wrong["recovery_seconds"], wrong["not_recovered"]) == (86400, 86400, 86400, None), wrong
        assert wrong["harmed_until_recovered"] == wrong["harmed"] == 144
        concept = by_name(report)["concept:pages"]
        assert (concept["recovery_seconds"], concept["harmed_until_recovered"]) == (None, None)
        assert concept["not_recovered"] == why and ("held back" in concept["action"]) == (concept["act_seconds"] is None), concept  # there is nothing to go back to
        assert report["false_pages"] == 0
    assert production.cli(*words, str(project)).stdout == first


def test_drift_alone_is_a_false_page(production):
    """Most requests of one shop stay away and the model does as well: who pages for that cries wolf."""
    declared = (production.folder / "slipway.yaml").read_text()
    project = production.folder / "wolf.yaml"
    project.write_text(declared.replace("    actions:\n", "      wolf: {metric: drift_score, input: shop, window: day, over: 0.2, min_rows: 20}\n    actions:\n"))
    report = json.loads(production.cli("--json", *production.drill[:-2], "--project", str(project), "--faults", "nulls:pages", "--no-keep").stdout)
    benign = next(control for control in report["controls"] if control["fault"] == "benign:shop")
    assert benign["alerts"] and set(benign["alerts"]) == {"wolf"}
    assert report["false_pages"] == sum(len(control["alerts"]) for control in report["controls"]) and report["grade"] == "B"


def test_controls_are_silent_and_the_grade_counts(played):
    assert {c["fault"]: c["alerts"] for c in played["controls"]} == {"nothing": [], "traffic-x3": [], "weekends": [], "benign:shop": []}
    assert played["caught"] == sum(v["caught"] for v in played["faults"])
    assert (played["false_pages"], played["grade"]) == (0, "D")


def test_the_page_needs_nobody_else(played):
    assert "nobody would know" in played["page"] and "log_loss" in played["page"]
    assert not re.search(r"(src|href)=", played["page"])


def text_of(delay_seconds: float) -> str:
    days, hours = int(delay_seconds // 86400), int(delay_seconds // 3600 % 24)
    return "at once" if delay_seconds < 60 else (f"{days} d {hours} h" if hours else f"{days} d") if days else f"{hours} h"


def test_the_server_keeps_the_result_and_its_page_shows_it(production, played, open_page):
    report = {name: part for name, part in played.items() if name not in ("page", "production_changed")}
    assert kept(production, "/1")["report"] == report
    page = open_page(f"{production.url}/ui/endpoints/sale/drills?drill=1", permissions=["clipboard-read", "clipboard-write"])
    expect(page.get_by_role("img", name=f"Grade {report['grade']}")).to_be_visible()
    expect(page.get_by_text(f"{report['caught']} of {report['faults_played']} faults noticed, {report['false_pages']} false pages over 4 controls")).to_be_visible()
    matrix = page.get_by_role("table", name="Faults by monitor")
    columns = [heading.inner_text().split() for heading in matrix.get_by_role("columnheader").all()]
    expect(matrix.get_by_role("row")).to_have_count(1 + len(report["faults"]) + len(report["controls"]))
    for verdict in report["faults"]:
        row = matrix.get_by_role("row").filter(has=page.get_by_text(verdict["fault"], exact=True))
        expect(row).to_contain_text("nobody would know" if not verdict["caught"] else text_of(verdict["delay_seconds"]))
        cells = dict(zip(map(tuple, columns), [cell.inner_text() for cell in row.locator("th, td").all()], strict=True))
        for one in verdict["noticed"]:
            assert cells[one["alert"], one["monitor"]] == text_of(one["delay_seconds"]), verdict["fault"]
        assert sum(text != "·" for column, text in cells.items() if column[1:] == ("sale-health",)) == len(verdict["noticed"])
    missed = [verdict for verdict in report["faults"] if not verdict["caught"]]
    assert missed
    for verdict in missed:
        words = page.get_by_role("region", name="Not covered").get_by_role("article", name=verdict["fault"], exact=True)
        expect(words).to_contain_text("nobody would know")
        if not (would := verdict["suggestion"]):
            expect(words).to_contain_text(verdict["advice"] or "No metric of a monitor moves")
            continue
        words.get_by_role("button", name="Copy").click()
        expect(words.get_by_text("Copied", exact=True)).to_be_visible()
        (alert,) = yaml.safe_load(page.evaluate("navigator.clipboard.readText()")).values()
        bound = "over" if "over" in would else "under"
        assert alert == {"metric": would["metric"], "window": would["window"], bound: pytest.approx(would[bound], rel=1e-3), "min_rows": would["min_rows"]}


def test_a_drill_after_it_makes_a_trend(production, played, open_page):
    number = kept(production)["drills"][0]["id"]
    description = requests.get(f"{production.url}/slipway/v1/openapi.json", timeout=60).json()
    check(description, "KeptDrill", kept(production, f"/{number}"))
    words = [*production.drill, "--faults", "nulls:pages,labels"]
    done = production.cli(*words, "--no-keep")
    assert "After how long each alert fired:" in done.stdout and re.search(r"nulls:pages +1d", done.stdout)
    assert kept(production)["drills"][0]["id"] == number
    done = production.cli(*words)
    assert f"{production.url}/ui/endpoints/sale/drills" in done.stderr
    drills = kept(production)["drills"]
    assert drills[0]["id"] == number + 1 and (drills[0]["caught"], drills[0]["faults_played"]) == (1, 2)
    page = open_page(f"{production.url}/ui/endpoints/sale/drills")
    table = page.get_by_role("table", name="Drills", exact=True)
    expect(table.get_by_role("row")).to_have_count(1 + len(drills))
    for row, drill in zip(table.get_by_role("row").all()[1:], drills, strict=True):
        expect(row).to_contain_text(f"{drill['caught']} of {drill['faults_played']}")
    expect(page.get_by_role("figure", name=re.compile("Faults noticed, %: noticed 50"))).to_be_visible()
    expect(page.get_by_text("Of the faults that both played, none is noticed sooner or later.")).to_be_visible()
    table.get_by_role("link", name="1", exact=True).click()
    expect(page.get_by_role("img", name=f"Grade {played['grade']}")).to_be_visible()


def test_what_is_no_report_is_refused(production, played):
    report = kept(production, "/1")["report"]
    for changed, said in ({**report, "grade": "Z"}, "report: grade must be A to E"), ({**report, "faults": [{}]}, "faults[0]"), (None, "report must be what"):
        reply = requests.post(f"{production.url}/slipway/v1/endpoints/sale/drills", json={"report": changed}, timeout=60)
        assert reply.status_code == 400 and said in reply.json()["error"]["message"], reply.text
    assert requests.post(f"{production.url}/slipway/v1/endpoints/nobody/drills", json={"report": report}, timeout=60).status_code == 404
    assert requests.get(f"{production.url}/slipway/v1/endpoints/sale/drills/999", timeout=60).status_code == 404


INPUTS = """
    inputs:
      columns:
        pages: {type: double, min: 0, max: 100, required: true}
        shop: {in: [north, south], required: true}
"""


def test_broken_inputs_are_noticed_by_the_rules_of_the_endpoint(production):
    """Nulls, a unit, a category, a type: `violation_rate` tells when the day is over, and names the input; with nothing wrong it says nothing."""
    declared = (production.folder / "slipway.yaml").read_text()
    output = "    output: sold\n"
    assert output in declared
    project = production.folder / "checked.yaml"
    dirty = "      dirty: {metric: violation_rate, window: day, over: 0.01, min_rows: 20}\n"
    project.write_text(declared.replace(output, output + INPUTS.lstrip("\n")).replace("    actions:\n", dirty + "    actions:\n"))
    broken = {"nulls:pages": "pages", "nulls:shop": "shop", "x1000:pages": "pages", "renamed:shop": "shop", "typed:pages": "pages"}
    report = json.loads(production.cli("--json", *production.drill[:-2], "--project", str(project), "--faults", ",".join(broken), "--no-keep").stdout)
    assert (report["caught"], report["faults_played"], report["false_pages"], report["grade"]) == (5, 5, 0, "A")
    assert {control["fault"] for control in report["controls"]} >= {"nothing", "traffic-x3", "weekends"}
    faults = by_name(report)
    for fault, column in broken.items():
        verdict = faults[fault]
        first = next(one for one in verdict["noticed"] if one["alert"] == "dirty")
        assert first["delay_seconds"] == 86400, verdict
        if fault == "typed:pages":  # who asks is told at once
            assert (verdict["by"], verdict["harmed"]) == ("the request check", 0)
            continue
        assert (verdict["by"], verdict["delay_seconds"], verdict["cause_right"]) == ("alert dirty", 86400, True), verdict
        assert verdict["causes_named"][0] == column and verdict["action_right"], verdict
    assert not any(control["alerts"] for control in report["controls"])


def test_suggested_alerts_notice_and_cry_no_wolf(production, played, tmp_path):
    """What the drill suggests is declared and the drill repeated."""
    missed = ["stopped:ended", "nulls:shop", "renamed:shop", "labels:none", "store:gone", "answers:fail", "answers:late"]
    rules = []
    for number, fault in enumerate(missed):
        s = by_name(played)[fault]["suggestion"]
        bound = "over" if "over" in s else "under"
        rules.append(f"      suggested{number}: {{metric: {s['metric']}, window: {s['window']}, {bound}: {s[bound]}, min_rows: 20}}\n")
    declared = (production.folder / "slipway.yaml").read_text()
    project = production.folder / "improved.yaml"
    project.write_text(declared.replace("    actions:\n", "".join(rules) + "    actions:\n"))
    words = [*production.drill[:-2], "--project", str(project), "--faults", ",".join(missed), "--against", str(production.folder / "drill.json")]
    report = json.loads(production.cli("--json", *words).stdout)
    assert (report["caught"], report["faults_played"], report["false_pages"], report["grade"]) == (7, 7, 0, "A")
    assert by_name(report)["labels:none"]["by"] == "alert suggested3"
    assert by_name(report)["answers:late"]["by"] == "alert suggested6"
    trend = report["trend"]
    assert (trend["grade_was"], trend["worse"], len(trend["better"])) == (played["grade"], [], 7)
    assert all(any(line.startswith(f"{fault}: was missed, is noticed after ") for line in trend["better"]) for fault in missed)
    assert "server:dead" in trend["not_compared"]


def test_the_same_drill_gives_the_same_bytes_and_the_smallest_share(production):
    words = ["--json", *production.drill, "--faults", "nulls:pages,concept,server", "--smallest", "--share", "0.8", "--seed", "5"]
    first, second = production.cli(*words).stdout, production.cli(*words).stdout
    assert first == second
    for verdict in json.loads(first)["faults"]:
        if verdict["group"] == "machine":
            continue
        assert verdict["shape"] == ("gradual" if verdict["fault"].endswith("/gradual") else "abrupt")
        assert verdict["share"] == 0.8 and any(verdict["smallest_share"] == pytest.approx(0.8 / 2**halved * part) for halved in range(6) for part in (1, 0.875, 0.75, 0.625)), verdict
        assert verdict["smallest_share"] < 0.8, verdict


def test_a_drill_that_fails_keeps_the_report_there_was(production):
    out = production.folder / "kept.html"
    for there_was in (None, "of yesterday"):
        if there_was:
            out.write_text(there_was)
        assert production.cli("drill", "nobody", *production.drill[2:], "--out", str(out), check=False).returncode == 4
        assert (out.read_text() if out.exists() else None) == there_was
    for wrong in (production.folder, production.folder / "absent" / "page.html"):
        done = production.cli(*production.drill, "--out", str(wrong), check=False)
        assert done.returncode != 0 and str(wrong) in done.stderr
    assert not list(production.folder.glob("*.try*"))


def test_a_drill_that_is_killed_leaves_no_server_running(production):
    playing = subprocess.Popen([BINARY, "--url", production.url, *production.drill], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def command_of(pid: str) -> str:
        try:
            return pathlib.Path(f"/proc/{pid}/cmdline").read_text()
        except OSError:  # it has ended since
            return ""

    def runs(pid: str) -> bool:
        try:
            return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except OSError:
            return False

    def server() -> str | None:  # one that is up, not one that is only starting
        children = pathlib.Path(f"/proc/{playing.pid}/task/{playing.pid}/children").read_text().split()
        return next((pid for pid in children if f"--ends-with-process\0{playing.pid}\0" in command_of(pid)), None)

    pid = eventually(server)
    playing.kill()
    playing.wait()
    eventually(lambda: not runs(pid), seconds=30)


PYTHON_MODEL = """
class Model:
    inputs = {"pages": "double", "shop": "string"}
    outputs = {"sold": "double"}

    def predict(self, inputs, params):
        return {"sold": 1 / (1 + 2.718281828 ** -((inputs["pages"] - 15) / 4))}
"""


def test_workers_that_die_are_for_monitors_to_notice(tmp_path):
    """A model in Python whose processes are killed for six hours: 36 requests fail, and what they answer afterwards is as before."""
    folder = small_project.write(tmp_path / "shop").parent
    model = tmp_path / "models" / "sale"
    model.mkdir(parents=True)
    (model / "model.py").write_text(PYTHON_MODEL)
    declared = (folder / "slipway.yaml").read_text()
    errors = "      errors: {metric: error_rate, window: day, over: 0.1}\n"
    server = Server(tmp_path / "data", "--models-root", str(tmp_path / "models"), "--python-models", sys.executable)
    try:
        server.cli("apply", str(folder / "slipway.yaml"))
        server.cli("data", "ingest", "visits")
        server.cli("features", "materialize", "--as-of", small_project.START.isoformat())
        declared = declared.replace("models:/sale@champion", str(model)).replace("    actions:\n", errors + "    actions:\n")
        (folder / "slipway.yaml").write_text(declared)
        server.cli("apply", str(folder / "slipway.yaml"))
        server.cli("endpoints", "deploy", "sale", str(model))
        file = folder / "visits.parquet"
        words = ["drill", "sale", "--requests", str(file), "--push", f"ended={file}:known_at", *small_project.REPLAY[:-2], *TIMES, "--project", str(folder / "slipway.yaml"),
                 "--python-models", sys.executable, "--faults", "worker:dead,answers:fail"]
        report = json.loads(server.cli("--json", *words).stdout)
    finally:
        server.stop()
    dead = by_name(report)["worker:dead"]
    assert (dead["by"], dead["delay_seconds"], dead["failed_requests"], dead["harmed"]) == ("alert errors", 18 * 3600, 36, 36)
    assert dead["recovery_seconds"] == 6 * 3600 - 600 and dead["lost"] == []  # the last that failed was ten minutes before the end
    assert by_name(report)["answers:fail"]["failed_requests"] < 36
    assert report["false_pages"] == 0


def test_the_exit_code_is_a_gate_and_mistakes_are_named(production):
    words = [*production.drill, "--faults", "nulls:pages"]
    assert production.cli(*words, "--fail-under", "0.9", check=False).returncode == 0
    done = production.cli(*production.drill, "--faults", "nulls:shop", "--fail-under", "0.9", check=False)
    assert done.returncode == 3
    assert "MISSED" in done.stdout and "Not covered" in done.stdout
    done = production.cli(*production.drill, "--faults", "gremlins", check=False)
    assert done.returncode == 1 and "gremlins" in done.stderr and "nulls:pages" in done.stderr
    done = production.cli("drill", "nobody", *production.drill[2:], check=False)
    assert done.returncode == 4 and "nobody" in done.stderr
    page = production.folder / "page.html"
    page.write_text("<!doctype html>")
    done = production.cli(*production.drill, "--against", str(page), check=False)
    assert done.returncode == 1 and "--against wants the JSON of an earlier drill" in done.stderr
    words = [w.replace("2024-01-22", "2024-03-01") for w in production.drill]
    done = production.cli(*words, check=False)
    assert done.returncode == 1 and "--from < --start < --until" in done.stderr


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """A production that was asked until 4 February."""
    server = served(tmp_path_factory)
    server.cli("replay", "sale", *small_project.replay_flags(server.folder, "2024-02-04T00:00:00Z"))
    yield server
    server.stop()


def test_the_request_log_is_played_as_the_file_that_it_came_from(asked):
    """Without --requests: the same report; without a push of the source its features are sent as they were served."""
    file = asked.folder / "visits.parquet"
    times = ["--from", "2024-01-29T00:00:00Z", "--start", "2024-02-01T00:00:00Z", "--until", "2024-02-03T00:00:00Z"]
    rest = [*times, "--project", str(asked.folder / "slipway.yaml"), "--no-keep", "--json", "--faults"]
    faults = "nulls,typed,renamed,zone,default,concept,stopped"
    pushed = ["--push", f"ended={file}:known_at"]
    of_file = asked.cli("drill", "sale", "--requests", str(file), *small_project.REPLAY[:-2], *pushed, *rest, faults).stdout
    assert asked.cli("drill", "sale", *pushed, *rest, faults).stdout == of_file
    report = json.loads(of_file)
    assert by_name(report)["nulls:pages"]["caught"] and report["faults_played"] == 10
    alone = json.loads(asked.cli("drill", "sale", *rest, "nulls,default").stdout)
    assert alone["sources_not_pushed"] == ["ended"]
    assert (by_name(alone)["nulls:pages"]["by"], by_name(alone)["default:shop_recent__sale_share_24h"]["harmed"]) == ("alert log_loss", 288)


def test_the_log_that_is_played_is_read_page_by_page(asked):
    url = f"{asked.url}/slipway/v1/endpoints/sale/requests"
    times = {"from": "2024-01-30T12:00:00Z", "until": "2024-02-02T00:00:00Z"}
    whole = requests.get(url, params=times, timeout=60).json()
    assert len(whole["requests"]) == 360 and whole["next"] is None
    pages, after = [], {}
    while after is not None:
        page = requests.get(url, params={**times, **after, "limit": 77}, timeout=60).json()
        pages += page["requests"]
        after = {"after": page["next"]} if page["next"] else None
    assert pages == whole["requests"]
    visits = small_project.visits().set_index("visit")
    for one in pages:
        visit = visits.loc[one["id"]]
        assert (one["features"]["pages"], one["features"]["shop"], one["label"]["value"]) == (visit.pages, visit.shop, visit.sold)
        assert (pd.Timestamp(one["event_time"]), pd.Timestamp(one["label"]["arrival_time"])) == (visit["at"], visit.known_at)
    for wrong, said in (({}, "from and until"), ({**times, "until": times["from"]}, "from and until"), ({**times, "until": "2026-01-01T00:00:00Z"}, "366 days"), ({**times, "after": "v1"}, "after must be")):
        reply = requests.get(url, params=wrong, timeout=60)
        assert reply.status_code == 400 and said in reply.json()["error"]["message"], reply.text


def test_a_log_with_nothing_in_it_and_flags_that_do_not_go_together_are_named(asked):
    done = asked.cli("drill", "sale", "--project", str(asked.folder / "slipway.yaml"), "--until", "2024-01-20T00:00:00Z", check=False)
    assert done.returncode != 0 and "the request log has nothing to play" in done.stderr
    done = asked.cli("drill", "sale", "--label", "sold > 0", "--label-time", "known_at", "--project", str(asked.folder / "slipway.yaml"), check=False)
    assert done.returncode == 1 and "--label-time are of --requests" in done.stderr
    done = asked.cli("drill", "sale", "--id", "visit", "--project", str(asked.folder / "slipway.yaml"), check=False)
    assert done.returncode != 0 and "--requests" in done.stderr


def test_an_endpoint_that_nobody_asked_is_drilled_on_generated_traffic(tmp_path_factory):
    """Rows of the dataset, drawn with the seed; the four weeks until the clock's now."""
    server = served(tmp_path_factory, until=small_project.START)
    try:
        words = ["drill", "sale", "--project", str(server.folder / "slipway.yaml"), "--faults", "nulls:pages,concept:pages", "--shape", "abrupt"]
        done = server.cli(*words, check=False)
        assert done.returncode != 0 and "--generate rows of a dataset" in done.stderr
        words += ["--label", "sold > 0", "--generate"]
        first = server.cli("--json", *words, "visits").stdout
        report = json.loads(first)
        assert report["generated"] == {"dataset": "visits", "version": 1, "rows": 28 * 144 - 1, "requests_per_day": pytest.approx(144, abs=0.1)}
        assert (report["from"], report["until"]) == ("2024-01-01T00:00:00Z", "2024-01-29T00:00:00Z")
        assert (report["alerts_without_fault"], report["false_pages"], report["sources_not_pushed"]) == (0, 0, ["ended"])
        for fault in ("nulls:pages", "concept:pages"):
            verdict = by_name(report)[fault]
            assert verdict["by"] == "alert log_loss" and 86400 <= verdict["delay_seconds"] <= 30 * 3600 and 40 < verdict["harmed"] < 240, verdict
        assert server.cli("--json", *words, "visits", "--no-keep").stdout == first
        assert server.cli("--json", *words, "visits", "--no-keep", "--seed", "2").stdout != first
        description = requests.get(f"{server.url}/slipway/v1/openapi.json", timeout=60).json()
        check(description, "KeptDrill", kept(server, "/1"))
        assert "Nobody asked this, the traffic is generated: 4031 rows of visits, version 1" in server.cli(*words, "visits", "--no-keep", "--faults", "labels").stdout
        done = server.cli(*words, "nothing", check=False)
        assert done.returncode == 4 and "nothing" in done.stderr
        done = server.cli(*words, "visits", "--requests", str(server.folder / "visits.parquet"), check=False)
        assert done.returncode != 0 and "--requests" in done.stderr
    finally:
        server.stop()
