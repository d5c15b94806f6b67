"""Starts the built server for a test, with an empty data folder and a free port."""
import importlib
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
import weakref

import mlflow
import pytest
import requests
from mlflow.tracking import fluent
from playwright.sync_api import expect, sync_playwright

expect.set_options(timeout=15_000)  # a machine may have more to do than ours
ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("SLIPWAY_BINARY", ROOT / os.environ.get("SLIPWAY_BUILD", "build") / "slipway"))

expect.set_options(timeout=30_000)  # of a loaded machine; a test that goes well does not wait for it
PORTS = set()  # that were given already


def free_port() -> int:
    """One that nobody is given by chance until its server listens, also while that is restarted: outside of the range of ports for whoever asks for any."""
    try:
        above = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except OSError:
        above = 0
    chance = random.SystemRandom()
    for attempt in range(100):
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", chance.randrange(12_000, above) if above > 20_000 and attempt < 50 else 0))
            except OSError:  # somebody listens there
                continue
            port = s.getsockname()[1]
        if port not in PORTS:
            PORTS.add(port)
            return port
    raise RuntimeError("no free port was found")


def eventually(holds, seconds: float = 120, pause: float = 0.05):
    """Waits until `holds()` is true; what it says then."""
    deadline = time.monotonic() + seconds
    while not (said := holds()):
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(pause)
    return said


def read_stream(url, last=None, **asked):
    """Server-sent events as (event, id, data), by a client that knows nothing of us. `last`: the id to go on from; `asked`: as requests has it."""
    with requests.get(url, stream=True, timeout=60, headers={"Last-Event-ID": last} if last else {}, **asked) as reply:
        assert reply.status_code == 200 and reply.headers["Content-Type"] == "text/event-stream"
        reply.encoding = "utf-8"  # as such streams always are
        event = {}
        for line in reply.iter_lines(chunk_size=1, decode_unicode=True):
            if line == "" and "data" in event:
                yield event["event"], event["id"], json.loads(event["data"])
                event = {}
            elif line and not line.startswith(":"):
                name, value = line.split(": ", 1)
                event[name] = value


def pytest_configure(config):
    config.addinivalue_line("markers", "expects_errors: the browser's console is meant to have errors")


@pytest.hookimpl(tryfirst=True)  # the plugin reads the marks
def pytest_collection_modifyitems(items):
    """Of several processes (`-n 2 --dist loadgroup`) one runs a file whole, and one all that looks at the flights."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group("flights" if "flights" in item.fixturenames else item.path.stem))


@pytest.fixture(scope="module", autouse=True)
def client_forgets_its_servers():
    """MLflow's client keeps addresses and its experiment for the whole process; those of a module's servers end with the module."""
    yield
    mlflow.end_run()
    mlflow.set_tracking_uri(None)
    mlflow.set_registry_uri(None)
    fluent._active_experiment_id = None  # there is no public way back from set_experiment
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID"):
        os.environ.pop(name, None)


SERVERS = weakref.WeakSet()  # a test that fails shows what they said meanwhile


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed:
        for server in SERVERS:
            if server.log.exists() and server.log.stat().st_mtime >= call.start:
                report.sections.append((f"log of {server.data_dir.name} at {server.url}", server.log.read_text(errors="replace")[-3000:]))


class Server:
    """A running `slipway server`; `url`, `data_dir`, and the means to kill and restart it on the same data."""

    def __init__(self, data_dir: pathlib.Path, *flags: str):
        self.data_dir = data_dir
        self.flags = flags if "--grpc-port" in flags else ("--grpc-port", "0", *flags)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = data_dir.parent / f"{data_dir.name}.log"
        self.process = None
        SERVERS.add(self)
        self.start()

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [BINARY, "server", "--port", str(self.port), "--data", str(self.data_dir), *self.flags], stdout=log, stderr=log)
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended with {self.process.returncode}: {self.log.read_text()[-2000:]}")
            try:
                with urllib.request.urlopen(self.url + "/health", timeout=5):
                    return
            except OSError:
                time.sleep(0.02)
        raise RuntimeError(f"the server did not answer: {self.log.read_text()[-2000:]}")

    def stop(self, sig=signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(sig)
        return self.process.wait(timeout=90)

    def kill(self):
        self.stop(signal.SIGKILL)

    def cli(self, *args: str, check: bool = True) -> subprocess.CompletedProcess:
        done = subprocess.run([BINARY, "--url", self.url, *args], capture_output=True, text=True)
        if check and done.returncode != 0:
            raise AssertionError(f"slipway {' '.join(args)} gave {done.returncode}: {done.stderr}")
        return done


@pytest.fixture
def server(tmp_path):
    running = Server(tmp_path / "data")
    yield running
    running.stop()


@pytest.fixture
def start_server(tmp_path):
    """start_server(name, *flags) -> Server; all are stopped at the end."""
    running = []

    def start(name="data", *flags):
        running.append(Server(tmp_path / name, *flags))
        return running[-1]

    yield start
    for one in running:
        one.stop()


class Postgres:
    """A PostgreSQL server that nothing else uses; it ends with the tests."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="slipway-pg-"))
        self.port = free_port()
        self.url = f"postgresql://slipway:not-asked-for@127.0.0.1:{self.port}/postgres"
        self.schemas = 0
        self.process = None
        self.start()

    def start(self):
        said = self.folder / "server.log"
        ready = lambda: said.read_bytes().count(b"ready to accept connections")  # it listens before it answers
        with open(said, "ab") as log:
            before = ready()
            self.process = subprocess.Popen([ROOT / "tools" / "postgres_for_tests.sh", self.folder, str(self.port)], stdout=log, stderr=log)
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            if ready() > before:
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise RuntimeError(f"PostgreSQL did not start: {(self.folder / 'server.log').read_text()[-2000:]}")

    def stop(self, sig=signal.SIGINT):
        self.process.send_signal(sig)
        self.process.wait(timeout=60)

    def fresh(self) -> list[str]:
        """Flags for a server with tables of its own."""
        self.schemas += 1
        return ["--database", self.url, "--database-schema", f"test_{self.schemas}"]


@pytest.fixture(scope="session")
def postgres():
    running = Postgres()
    yield running
    running.stop()
    shutil.rmtree(running.folder)


@pytest.fixture(scope="module")
def store_flags(request):
    """Where shared_server keeps its tables. A module that runs on every store has `pytestmark = on_every_store`."""
    store = getattr(request, "param", "sqlite")
    return request.getfixturevalue("postgres").fresh() if store == "postgresql" else []


on_every_store = pytest.mark.parametrize("store_flags", ["sqlite", "postgresql"], indirect=True, scope="module")


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory, store_flags):
    """One server for all tests of a module: they must not depend on each other's data."""
    running = Server(tmp_path_factory.mktemp("server") / "data", *store_flags)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser, request):
    """open_page(url, **context) -> Page; the test fails when the page logged an error or asked another host."""
    contexts, problems, elsewhere = [], [], []

    def start(url, **options):
        context = browser.new_context(viewport={"width": 1280, "height": 800}, **options)
        context.set_default_timeout(30_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda line: problems.append(line.text) if line.type == "error" else None)
        page.on("request", lambda asked: None if asked.url.startswith(re.match("http://[^/]+", url)[0]) else elsewhere.append(asked.url))
        page.goto(url)
        return page

    yield start
    for context in contexts:
        context.close()
    assert elsewhere == []
    if not request.node.get_closest_marker("expects_errors"):
        assert problems == []


@pytest.fixture(scope="session")
def flights(tmp_path_factory):
    """The flights demo, played once for all tests that look at it: they leave it as it is."""
    # By its name: steps of pipelines made from functions have all that their file imports as code.
    flights_demo = importlib.import_module("flights_demo")
    folder = tmp_path_factory.mktemp("flights")
    running = flights_demo.serve(folder)
    yield flights_demo.Ask(running.url, folder)
    running.stop()


@pytest.fixture
def ask(flights):
    """ask("overview") -> what the API of the flights' server says."""
    return flights


@pytest.fixture
def look(flights, open_page):
    """look(screen) -> Page of the flights' server; the test fails when a request of the page failed."""
    failed, pages = [], []

    def start(screen):
        page = open_page(flights.url + "/health")
        page.on("response", lambda reply: failed.append(f"{reply.status} {reply.url}") if reply.status >= 400 else None)
        page.on("requestfailed", lambda asked: None if "ERR_ABORTED" in (asked.failure or "") else failed.append(f"{asked.failure} {asked.url}"))
        page.goto(f"{flights.url}/ui/{screen}")
        pages.append(page)
        return page

    yield start
    for page in pages:
        expect(page.get_by_text("Trying again every few seconds")).to_have_count(0)
    assert failed == []
