"""Starts what is measured, and reads what it costs from /proc."""
import ctypes
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUILD = ROOT / os.environ.get("SLIPWAY_BUILD", "build")
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


PR_SET_PDEATHSIG = 1  # <sys/prctl.h>


def end_with_parent() -> None:
    """Runs in the child before its program: a bench that is killed leaves nobody behind."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def environment(name: str, requirements: pathlib.Path) -> pathlib.Path:
    """The commands of an environment of Python packages; made when it is missing or its requirements have changed."""
    home, wanted = ROOT / ".deps" / name, requirements.read_text()
    made = home / "made-for.txt"
    if not made.exists() or made.read_text() != wanted:
        print(f"making the environment {name}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", home], check=True)
        subprocess.run([home / "bin" / "pip", "install", "-q", "--disable-pip-version-check", "-r", requirements], check=True)
        made.write_text(wanted)
    return home / "bin"


class Process:
    """A running program that listens on `port`; a context manager that ends it."""

    def __init__(self, command: list, port: int, log: pathlib.Path, env: dict | None = None, health: str | None = "/health",
                 seconds: float = 60):
        self.port, self.url, self.log = port, f"http://127.0.0.1:{port}", log
        with open(log, "wb") as out:
            self.process = subprocess.Popen([str(part) for part in command], stdout=out, stderr=out, env={**os.environ, **(env or {})},
                                            preexec_fn=end_with_parent)
        self.wait_until_up(health, seconds)

    def wait_until_up(self, health: str | None, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise SystemExit(f"{self.process.args[0]} ended with {self.process.returncode}:\n{self.log.read_text()[-2000:]}")
            try:
                if health is None:
                    socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                else:
                    urllib.request.urlopen(self.url + health, timeout=1).close()
                return
            except OSError:
                time.sleep(0.01)
        raise SystemExit(f"{self.process.args[0]} did not answer:\n{self.log.read_text()[-2000:]}")

    def cpu_seconds(self) -> float:
        """User and system time of all its threads so far."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND

    def memory_kib(self) -> dict[str, int]:
        """/proc/PID/smaps_rollup: Pss, Rss and their parts."""
        lines = pathlib.Path(f"/proc/{self.process.pid}/smaps_rollup").read_text().splitlines()[1:]
        return {line.split(":")[0]: int(line.split()[1]) for line in lines}

    def forget_peak(self) -> None:
        pathlib.Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def peak_mb(self) -> float:
        """The most memory resident since forget_peak()."""
        lines = pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def slipway(folder: pathlib.Path, *flags: str) -> Process:
    port = free_port()
    return Process([BUILD / "slipway", "server", "--port", port, "--grpc-port", 0, "--data", folder / "slipway-data", *flags], port, folder / "slipway.log")


def machine() -> dict:
    """What a number means nothing without."""
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "unknown")
    commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    return {"cpu": cpu, "cores": os.cpu_count(), "commit": commit, "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "load_1min": round(os.getloadavg()[0], 2)}


def paced(url: str, bodies: pathlib.Path, connections: int, rps: float, seconds: float) -> dict:
    """Requests at random times, so many a second on the average, whatever the answers take: how long they take when the machine is not full.
    `bodies`: one a line."""
    at = urllib.parse.urlparse(url)
    command = [BUILD / "bench" / "paced", at.hostname, at.port, at.path, bodies, rps, seconds, connections]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"requests of {url}: {done.stderr}")
    return {"asked_rps": round(rps, 1), **json.loads(done.stdout)}
