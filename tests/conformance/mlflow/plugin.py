"""A pytest plugin: MLflow's tests against Slipway, the skip list, and the table at the end."""
import collections
import json
import os
import pathlib
import re

import pytest
import server

SKIPS = pathlib.Path(__file__).with_name("skips.txt")


def read_skips() -> list[tuple[re.Pattern, str]]:
    """Lines of `pattern -- reason`; in a pattern only `*` is special."""
    skips = []
    for number, line in enumerate(SKIPS.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        pattern, dashes, reason = line.partition(" -- ")
        if not dashes or not reason.strip():
            raise pytest.UsageError(f"{SKIPS}:{number}: expected `pattern -- reason`")
        skips.append((re.compile(re.escape(pattern.strip()).replace(r"\*", ".*")), reason.strip()))
    return skips


class Report:
    def __init__(self):
        self.outcomes = {}  # test -> (outcome, reason)

    def add(self, report):
        if report.outcome == "rerun":
            return
        known = self.outcomes.get(report.nodeid, ("", ""))[0]
        if report.failed:
            lines = str(report.longrepr).strip().splitlines()
            reason = next((line[1:].strip() for line in lines if line.startswith("E ")), lines[-1] if lines else "")
            self.outcomes[report.nodeid] = ("failed", reason)
        elif report.skipped and known != "failed":
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else getattr(report, "wasxfail", "")
            self.outcomes[report.nodeid] = ("skipped", reason.removeprefix("Skipped: "))
        elif report.when == "call" and not known:
            self.outcomes[report.nodeid] = ("passed", "")

    def print(self, write):
        files = collections.defaultdict(collections.Counter)
        reasons = collections.Counter()
        for test, (outcome, reason) in self.outcomes.items():
            files[test.partition("::")[0]][outcome] += 1
            if outcome == "skipped":
                reasons[(test.partition("::")[0], reason)] += 1
        total = sum(files.values(), collections.Counter())
        width = max([len(file) for file in files] + [5])
        write(f"{'FILE':<{width}}  PASSED  FAILED  SKIPPED")
        for file, count in [*sorted(files.items()), ("total", total)]:
            write(f"{file:<{width}}  {count['passed']:6}  {count['failed']:6}  {count['skipped']:7}")
        if reasons:
            write("\nskipped:")
        for (file, reason), number in sorted(reasons.items()):
            write(f"  {number:4}  {file}: {reason}")
        failed = [(test, reason) for test, (outcome, reason) in self.outcomes.items() if outcome == "failed"]
        if failed:
            write("\nfailed:")
        for test, reason in failed:
            write(f"  {test}\n        {reason[:200]}")


report = Report()


def pytest_configure(config):
    server.install()


def pytest_collection_modifyitems(items):
    skips = read_skips()
    for item in items:
        for pattern, reason in skips:
            if pattern.fullmatch(item.nodeid):
                item.add_marker(pytest.mark.skip(reason=reason))
                break


def pytest_collectreport(report):
    if report.failed:
        globals()["report"].add(report)


def pytest_runtest_logreport(report):
    globals()["report"].add(report)


def pytest_unconfigure(config):
    """After everything that MLflow's own summary prints."""
    print()
    report.print(print)
    if file := os.environ.get("SLIPWAY_CONFORMANCE_JSON"):
        pathlib.Path(file).write_text(json.dumps(report.outcomes, indent=1))
