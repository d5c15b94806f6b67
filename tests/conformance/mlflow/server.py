"""Starts `slipway server` wherever MLflow's own tests would start MLflow's server.

They start it in three ways: a thread that serves the app (`ServerThread`, with the stores named by a call of
`initialize_backend_stores`), a child process that serves the app (uvicorn or flask, the stores named by variables), and
`mlflow server` with its flags. The first is replaced as a class, the other two where the child process is made.
"""
import importlib.util
import os
import pathlib
import signal
import subprocess
import tempfile
import time
import urllib.request

import mlflow

ROOT = pathlib.Path(__file__).resolve().parents[3]
BINARY = pathlib.Path(os.environ.get("SLIPWAY_BINARY", ROOT / os.environ.get("SLIPWAY_BUILD", "build") / "slipway"))
READY_SECONDS = 20

RealPopen = subprocess.Popen


def data_dir(backend_uri: str) -> str:
    """The folder that stands for a backend URI: the same one when a test starts again on the same URI.

    It lies beside the database that MLflow's fixtures have made there, which Slipway would refuse to touch.
    """
    if backend_uri.startswith("sqlite:///"):
        return str(pathlib.Path(backend_uri.removeprefix("sqlite:///") + ".slipway").absolute())
    return tempfile.mkdtemp(prefix="slipway-conformance-")


def option(args: list[str], name: str, default: str = "") -> str:
    """The value of `--name value` or `--name=value`."""
    for i, arg in enumerate(args):
        if arg == name and i + 1 < len(args):
            return args[i + 1]
        if arg.startswith(name + "="):
            return arg.partition("=")[2]
    return default


def without(args: list[str], name: str) -> list[str]:
    kept, skip = [], False
    for arg in args:
        if skip:
            skip = False
        elif arg == name:
            skip = True
        elif not arg.startswith(name + "="):
            kept.append(arg)
    return kept


def translate(argv: list[str], env: dict[str, str]) -> tuple[list[str], dict[str, str]] | None:
    """The command and environment that start Slipway instead of `argv`; None when `argv` starts something else."""
    words = [str(word) for word in argv]
    if words[1:2] == ["-m"]:
        words = words[2:]
    name = pathlib.Path(words[0]).name if words else ""
    app = next((word for word in words if word.startswith("mlflow.server")), "")
    if name == "mlflow" and words[1:2] == ["server"]:
        flags = words[2:]
        uri = option(flags, "--backend-store-uri")
        flags = without(flags, "--backend-store-uri")
        root = ""
    elif name in ("uvicorn", "flask") and app:
        flags = ["--host", option(words, "--host", "127.0.0.1"), "--port", option(words, "--port")]
        if app.startswith("mlflow.server.auth"):
            flags += ["--app-name", "basic-auth"]
        uri = env.get("_MLFLOW_SERVER_FILE_STORE", "")
        root = env.get("_MLFLOW_SERVER_ARTIFACT_ROOT", "")
    else:
        return None
    if uri:
        flags += ["--data", data_dir(uri)]
    env = {**env, "MLFLOW_DEFAULT_ARTIFACT_ROOT": root} if root else env
    if "--app-name" in flags:  # the tests log in as the administrator of the file in the wheel
        wheel = pathlib.Path(importlib.util.find_spec("mlflow").origin).parent
        env = {"MLFLOW_AUTH_CONFIG_PATH": str(wheel / "server" / "auth" / "basic_auth.ini"), **env}
    return [str(BINARY), "server", *flags], env


class Popen(RealPopen):
    def __init__(self, args, *rest, **kwargs):
        if isinstance(args, (list, tuple)):
            env = kwargs.get("env")
            if replaced := translate(list(args), dict(os.environ if env is None else env)):
                args, kwargs["env"] = replaced
        super().__init__(args, *rest, **kwargs)


class Stores:
    """What the last call of `initialize_backend_stores` named, for the server that starts next."""

    backend_uri = ""
    artifact_root = ""

    @classmethod
    def initialize(cls, backend_store_uri=None, registry_store_uri=None, default_artifact_root=None, **_):
        cls.backend_uri = backend_store_uri or ""
        cls.artifact_root = default_artifact_root or ""


class ServerThread:
    """Stands for their class of this name: a context manager that yields the server's URL."""

    def __init__(self, app, port: int):
        self.host, self.port = "127.0.0.1", port
        self.url = f"http://{self.host}:{port}"
        self.process = None

    def __enter__(self) -> str:
        env = {**os.environ, "MLFLOW_DEFAULT_ARTIFACT_ROOT": Stores.artifact_root}
        command = [BINARY, "server", "--host", self.host, "--port", str(self.port), "--data", data_dir(Stores.backend_uri)]
        self.process = RealPopen(command, env=env)
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended with {self.process.returncode}")
            try:
                with urllib.request.urlopen(self.url + "/health", timeout=1):
                    self.lead_module_functions_here()
                    return self.url
            except OSError:
                time.sleep(0.01)
        raise RuntimeError(f"the server did not answer in {READY_SECONDS} s")

    def lead_module_functions_here(self):
        """`mlflow.x()` opens the database that the server's thread would have open, too: the same things are in both.

        Slipway's are in Slipway, so these calls have to come to it. MLflow's own fixture takes the address back.
        """
        if mlflow.get_tracking_uri() == Stores.backend_uri:
            mlflow.set_tracking_uri(self.url)

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=30)


def install():
    """Before any of MLflow's test modules is imported: they take these names by `from ... import`."""
    subprocess.Popen = Popen
    import mlflow.server.handlers
    import tests.tracking.integration_test_utils as utilities

    mlflow.server.handlers.initialize_backend_stores = Stores.initialize
    utilities.ServerThread = ServerThread
