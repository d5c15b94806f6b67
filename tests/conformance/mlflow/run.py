"""`./x conformance mlflow --src DIR [file or pytest flags]`: MLflow's own tests against the built server.

The tests come from a checkout of MLflow's source and run as they are; `mlflow` itself is the released package of
requirements.txt. They are seen through a folder of their own, so that the checkout's `mlflow/` is not imported.
"""
import argparse
import os
import pathlib
import sys

import server

HERE = pathlib.Path(__file__).resolve().parent
FILES = [
    "tests/tracking/test_rest_tracking.py",
    "tests/tracking/test_model_registry.py",
    "tests/tracking/test_mlflow_artifacts.py",
    "tests/tracking/test_client_webhooks.py",
    "tests/store/model_registry/test_rest_store_webhooks.py",
    "tests/webhooks/test_e2e.py",
    "tests/tracing/test_otel_logging.py",
    "tests/tracing/test_otel_loading.py",
    "tests/server/auth/test_auth.py",
    "tests/server/auth/test_client.py",
    "tests/server/auth/test_client_rbac.py",
]
WHERE = """--src DIR is missing: a checkout of MLflow's source, of which tests/ is used as it is.
  git clone --depth 1 --branch v3.12.0 https://github.com/mlflow/mlflow DIR"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="./x conformance mlflow", epilog="Everything else goes to pytest.")
    parser.add_argument("--src", type=pathlib.Path, help="checkout of MLflow's source")
    args, rest = parser.parse_known_args()
    if args.src is None:
        print(WHERE, file=sys.stderr)
        return 2
    if not (args.src / "tests" / "tracking").is_dir():
        print(f"--src {args.src}: no tests/tracking in there", file=sys.stderr)
        return 2
    if not server.BINARY.exists():
        print(f"{server.BINARY} is not built", file=sys.stderr)
        return 2
    view = (server.BINARY.parent / "conformance-mlflow").resolve()
    view.mkdir(exist_ok=True)
    for name in ("tests", "examples"):
        link = view / name
        link.unlink(missing_ok=True)
        link.symlink_to((args.src / name).absolute())
    os.chdir(view)
    files = [] if any(word.startswith("tests/") for word in rest) else FILES
    # A trace that the server refuses is not sent again for minutes after its test has ended.
    patience = {"MLFLOW_ASYNC_TRACE_LOGGING_RETRY_TIMEOUT": "5", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3"}
    environment = {**os.environ, **patience, "PYTHONPATH": os.pathsep.join([str(HERE), str(view)]), "PYTHONDONTWRITEBYTECODE": "1",
                   "MLFLOW_DISABLE_TELEMETRY": "true", "PATH": f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"}
    flags = ["-p", "plugin", "-p", "no:cacheprovider", "-q", "--continue-on-collection-errors", "--rootdir", str(view), "--timeout", "180", "--tb", "short"]
    os.execve(sys.executable, [sys.executable, "-m", "pytest", *flags, *files, *rest], environment)


if __name__ == "__main__":
    sys.exit(main())
