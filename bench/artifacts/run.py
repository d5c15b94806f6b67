#!/usr/bin/env python3
"""One large artifact up and down over loopback: Slipway's proxy, nginx with the same file, and MLflow's own proxy.

Each transfer is timed by one raw client (sockets, 1 MiB at a time) that does the same for all servers; then the unmodified mlflow client
does it with Slipway. An upload to Slipway is durable when it is answered: nginx and MLflow leave that to the kernel, so the time of an
fdatasync of the same file is measured beside them. The rounds take turns, so that the machine's moods hit all servers alike; medians.
"""
import argparse
import json
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import processes  # noqa: E402

PIECE = 1 << 20
PROXY = "/api/2.0/mlflow-artifacts/artifacts"
NGINX = """
{user} daemon off; worker_processes 2; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 64; }}
http {{
  access_log off; sendfile on; client_max_body_size 0; client_body_temp_path {folder}/temp;
  proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{ listen 127.0.0.1:{port}; root {folder}/root; location / {{ dav_methods PUT; create_full_put_path on; }} }}
}}
"""


def reply_head(sock: socket.socket) -> tuple[bytes, bytes]:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = sock.recv(65536)
        if not piece:
            raise SystemExit(f"connection closed: {data[:200]!r}")
        data += piece
    head, _, rest = data.partition(b"\r\n\r\n")
    if not head.split(b" ", 2)[1].startswith(b"2"):
        raise SystemExit(f"refused: {data[:300]!r}")
    return head, rest


def put(port: int, target: str, file: pathlib.Path) -> float:
    buffer = memoryview(bytearray(PIECE))
    with socket.create_connection(("127.0.0.1", port)) as sock, open(file, "rb", buffering=0) as f:
        start = time.perf_counter()
        sock.sendall(f"PUT {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {file.stat().st_size}\r\nConnection: close\r\n\r\n".encode())
        while n := f.readinto(buffer):
            sock.sendall(buffer[:n])
        reply_head(sock)
        return time.perf_counter() - start


def get(port: int, target: str, size: int) -> float:
    buffer = memoryview(bytearray(PIECE))
    with socket.create_connection(("127.0.0.1", port)) as sock:
        start = time.perf_counter()
        sock.sendall(f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode())
        received = len(reply_head(sock)[1])
        while n := sock.recv_into(buffer):
            received += n
        seconds = time.perf_counter() - start
    if received != size:
        raise SystemExit(f"got {received} bytes instead of {size}")
    return seconds


def fdatasync(folder: pathlib.Path, file: pathlib.Path) -> float:
    """What it costs to make the same bytes durable after they were written."""
    copy = folder / "synced"
    with open(copy, "wb", buffering=0) as f, open(file, "rb", buffering=0) as source:
        while piece := source.read(PIECE):
            f.write(piece)
        start = time.perf_counter()
        os.fdatasync(f.fileno())
        seconds = time.perf_counter() - start
    copy.unlink()
    return seconds


def with_client(url: str, file: pathlib.Path, folder: pathlib.Path) -> tuple[float, float]:
    """The unmodified client: log_artifact and download_artifacts."""
    got = folder / "got"  # not beside the file itself, which has the same name
    got.mkdir(exist_ok=True)
    script = f"""
import time, mlflow
mlflow.set_tracking_uri({url!r})
client = mlflow.MlflowClient()
run = client.create_run("0").info.run_id
a = time.perf_counter(); client.log_artifact(run, {str(file)!r})
b = time.perf_counter(); client.download_artifacts(run, {file.name!r}, {str(got)!r})
print(b - a, time.perf_counter() - b)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    (got / file.name).unlink()
    return tuple(float(word) for word in done.stdout.split()[-2:])


def nginx(folder: pathlib.Path) -> processes.Process:
    home = folder / "nginx"
    (home / "root").mkdir(parents=True)
    port = processes.free_port()
    (home / "nginx.conf").write_text(NGINX.format(folder=home, port=port, user="user root;" if os.getuid() == 0 else ""))
    return processes.Process(["nginx", "-c", home / "nginx.conf", "-e", home / "nginx.log"], port, home / "out.log", health=None)


def mlflow_server(python: str, folder: pathlib.Path) -> processes.Process:
    port = processes.free_port()
    home = folder / "mlflow"
    home.mkdir()
    command = [python, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", port, "--workers", "1", "--backend-store-uri",
               f"sqlite:///{home}/db.sqlite", "--artifacts-destination", home / "artifacts"]
    return processes.Process(command, port, home / "out.log", env={"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", help="on the file system that is to be measured")
    parser.add_argument("--mlflow-python", help="a Python with the whole mlflow 3.17.2, for its server; left out otherwise")
    parser.add_argument("--json", action="store_true")
    args, _ = parser.parse_known_args()  # ./x bench gives all flags to all benches

    with tempfile.TemporaryDirectory(prefix="slipway-bench-", dir=args.folder) as name:
        folder = pathlib.Path(name)
        file = folder / "artifact.bin"
        with open(file, "wb") as f:
            for _ in range(args.mib):
                f.write(os.urandom(PIECE))
        size = file.stat().st_size
        servers = {"slipway": (processes.slipway(folder), PROXY + "/bench/artifact.bin"), "nginx": (nginx(folder), "/artifact.bin")}
        if args.mlflow_python:
            servers["mlflow"] = (mlflow_server(args.mlflow_python, folder), PROXY + "/bench/artifact.bin")
        seconds = {server: {"up": [], "down": []} for server in servers}
        syncs, client_up, client_down = [], [], []
        try:
            for _ in range(args.rounds):
                for server, (process, target) in servers.items():
                    os.sync()  # nobody pays for what others have written
                    seconds[server]["up"].append(put(process.port, target, file))
                    os.sync()
                    seconds[server]["down"].append(get(process.port, target, size))
                syncs.append(fdatasync(folder, file))
                up, down = with_client(servers["slipway"][0].url, file, folder)
                client_up.append(up)
                client_down.append(down)
        finally:
            for process, _ in servers.values():
                process.__exit__()
    median = {server: {way: round(statistics.median(times), 3) for way, times in ways.items()} for server, ways in seconds.items()}
    sync = round(statistics.median(syncs), 3)
    result = {"bench": "artifacts", **processes.machine(), "mib": args.mib, "rounds": args.rounds, "seconds": median, "fdatasync_seconds": sync,
              "up_to_nginx": round(median["slipway"]["up"] / median["nginx"]["up"], 2),
              "up_to_nginx_and_fdatasync": round(median["slipway"]["up"] / (median["nginx"]["up"] + sync), 2),
              "down_to_nginx": round(median["slipway"]["down"] / median["nginx"]["down"], 2),
              "mlflow_client_seconds": {"up": round(statistics.median(client_up), 3), "down": round(statistics.median(client_down), 3)}}
    if "mlflow" in median:
        result |= {f"{way}_mlflow_to_slipway": round(median["mlflow"][way] / median["slipway"][way], 1) for way in ("up", "down")}
    if args.json:
        print(json.dumps(result, indent=1))
        return
    print(f"{'':<22}{'up':>10}{'down':>10}   seconds for {args.mib} MiB, median of {args.rounds}")
    for server, ways in [*median.items(), ("slipway, mlflow client", result["mlflow_client_seconds"])]:
        print(f"{server:<22}{ways['up']:>10}{ways['down']:>10}")
    print(f"{'fdatasync alone':<22}{sync:>10}")
    print(f"Slipway to nginx: up {result['up_to_nginx']}, to nginx and fdatasync {result['up_to_nginx_and_fdatasync']}, down {result['down_to_nginx']}")
    if "mlflow" in median:
        print(f"MLflow to Slipway: up {result['up_mlflow_to_slipway']}, down {result['down_mlflow_to_slipway']}")


if __name__ == "__main__":
    main()
