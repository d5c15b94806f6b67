"""The S3 port: unmodified clients (../s3_clients, and dvc of ../data_clients), who may do what, and what a kill leaves.

The clients live in an environment of their own, so each file there is a pytest run of its own.
"""
import concurrent.futures
import datetime
import hashlib
import os
import pathlib
import re
import subprocess
import threading

import pytest
import requests
from conftest import BINARY, ROOT, Server, eventually, free_port
from test_artifacts import small_disk  # noqa: F401
from test_dvc_remote import Repository, fill

CLIENTS = pathlib.Path(__file__).parents[1] / "s3_clients"
PYTHON = ROOT / ".deps" / "s3-clients" / "bin" / "python3"
EMPTY = hashlib.sha256(b"").hexdigest()


class S3:
    """A running server with an S3 port; `environment` is what clients of it have."""

    def __init__(self, data_dir: pathlib.Path, *flags: str):
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.server = Server(data_dir, "--s3-port", str(self.port), *flags)
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "MLFLOW_"))}
        # No file of this machine's user, and no look for a cloud around it. dvc wants the one that is named to be there.
        data_dir.parent.mkdir(exist_ok=True)
        (data_dir.parent / "no-config").touch()
        (data_dir.parent / "no-credentials").touch()
        self.environment |= {"AWS_CONFIG_FILE": str(data_dir.parent / "no-config"), "AWS_SHARED_CREDENTIALS_FILE": str(data_dir.parent / "no-credentials"), "AWS_EC2_METADATA_DISABLED": "true",
                             "AWS_DEFAULT_REGION": "us-east-1", "S3_ENDPOINT": self.endpoint, "SLIPWAY_URL": self.server.url,
                             "AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"}

    def login(self, user: str, password: str):
        """Makes a token and uses it as access key."""
        token = requests.post(f"{self.server.url}/slipway/v1/tokens", json={"name": "s3"}, auth=(user, password), timeout=60).json()
        self.environment |= {"AWS_ACCESS_KEY_ID": token["s3"]["access_key_id"], "AWS_SECRET_ACCESS_KEY": token["s3"]["secret_access_key"],
                             "MLFLOW_TRACKING_TOKEN": token["token"], "SLIPWAY_TOKEN": token["token"]}
        return token

    def python(self, code: str, *args: str, check: bool = True) -> subprocess.CompletedProcess:
        """Runs code with boto3, which finds `s3`."""
        code = "import sys, os, boto3; s3 = boto3.client('s3', endpoint_url=os.environ['S3_ENDPOINT'])\n" + code
        done = subprocess.run([PYTHON, "-c", code, *args], env=self.environment, capture_output=True, text=True)
        assert not check or done.returncode == 0, done.stderr[-3000:]
        return done


def admin_password(server) -> str:
    return (server.data_dir / "admin-password").read_text().strip()


@pytest.fixture(scope="module")
def s3(tmp_path_factory):
    running = S3(tmp_path_factory.mktemp("s3") / "data", "--login")
    running.login("admin", admin_password(running.server))
    yield running
    running.server.stop()


@pytest.mark.parametrize("client", sorted(p.stem for p in CLIENTS.glob("check_*.py")))
def test_unmodified_client(s3, client):
    done = subprocess.run([PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", CLIENTS, CLIENTS / f"{client}.py"],
                          env=s3.environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


def test_dvc(s3, tmp_path):
    s3.python("s3.create_bucket(Bucket='dvc')")
    repository = Repository(tmp_path / "repository")
    repository.environment |= s3.environment
    repository.dvc("remote", "add", "-d", "slipway", "s3://dvc/here")
    repository.dvc("remote", "modify", "slipway", "endpointurl", s3.endpoint)
    fill(repository.folder / "files", 300)
    (repository.folder / "large.bin").write_bytes(os.urandom(64 << 20))  # more than one part
    repository.add("files", "large.bin")
    repository.dvc("push")
    assert "in sync" in repository.dvc("status", "-c").stdout
    other = Repository(tmp_path / "other", repository.folder)
    other.environment |= s3.environment
    other.dvc("pull")
    for file in repository.folder.glob("**/*.bin"):
        assert (other.folder / file.relative_to(repository.folder)).read_bytes() == file.read_bytes()
    (repository.folder / "files" / "00000.bin").unlink()
    repository.add("files")
    repository.dvc("gc", "-w", "-c", "-f")  # what no HTTP remote can
    repository.dvc("push")
    other.git("pull", "-q")
    other.dvc("pull")
    assert len(list((other.folder / "files").iterdir())) == 299


def test_without_login_everybody_may(tmp_path):
    s3 = S3(tmp_path / "data")
    try:
        s3.python("s3.create_bucket(Bucket='open'); s3.put_object(Bucket='open', Key='k', Body=b'hello')")
        assert requests.get(f"{s3.endpoint}/open/k", timeout=60).content == b"hello"
        assert requests.get(f"{s3.endpoint}/open/k", headers={"Host": "rebound.example"}, timeout=60).status_code == 403
    finally:
        s3.server.stop()


def test_rights_are_those_of_the_tokens_user(s3, tmp_path):
    admin = ("admin", admin_password(s3.server))
    for name in ("reader", "editor"):
        made = requests.post(f"{s3.server.url}/api/2.0/mlflow/users/create", json={"username": name, "password": f"password-of-{name}"}, auth=admin, timeout=60)
        assert made.status_code == 200, made.text
    for path, body in [("create", {"name": "editors", "workspace": "default"}),
                       ("permissions/add", {"role_id": None, "resource_type": "workspace", "resource_pattern": "*", "permission": "EDIT"}),
                       ("assign", {"role_id": None, "username": "editor"})]:
        if "role_id" in body:
            body["role_id"] = role
        reply = requests.post(f"{s3.server.url}/api/3.0/mlflow/roles/{path}", json=body, auth=admin, timeout=60)
        assert reply.status_code == 200, reply.text
        role = reply.json()["role"]["id"] if path == "create" else role
    s3.python("s3.create_bucket(Bucket='rights'); s3.put_object(Bucket='rights', Key='k', Body=b'hello')")
    before = dict(s3.environment)
    try:
        s3.login("reader", "password-of-reader")
        assert "hello" in s3.python("print(s3.get_object(Bucket='rights', Key='k')['Body'].read())").stdout
        for refused in ("put_object(Bucket='rights', Key='k', Body=b'x' * 5_000_000)", "delete_object(Bucket='rights', Key='k')", "create_bucket(Bucket='more')"):
            assert "AccessDenied" in s3.python(f"s3.{refused}", check=False).stderr
        token = s3.login("editor", "password-of-editor")
        s3.python("s3.put_object(Bucket='rights', Key='k', Body=b'x'); s3.delete_object(Bucket='rights', Key='k')")
        assert "AccessDenied" in s3.python("s3.delete_bucket(Bucket='rights')", check=False).stderr
        assert requests.delete(f"{s3.server.url}/slipway/v1/tokens/{token['id']}", auth=admin, timeout=60).status_code == 200
        assert "InvalidAccessKeyId" in s3.python("s3.list_buckets()", check=False).stderr
    finally:
        s3.environment.clear()
        s3.environment.update(before)
    events = requests.get(f"{s3.server.url}/slipway/v1/events?subject=buckets/rights", auth=admin, timeout=60).json()["events"]
    assert {(e["kind"], e["actor"]) for e in events} >= {("bucket.created", "admin"), ("objects.removed", "editor")}


def test_the_command_line_says_what_clients_need(s3):
    done = subprocess.run([BINARY, "--url", s3.server.url, "tokens", "create", "laptop", "--s3"], env=s3.environment, capture_output=True, text=True)
    exported = dict(re.findall(r"export (AWS_\w+)=(\S+)", done.stdout))
    assert set(exported) == {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}, done.stdout + done.stderr
    listing = subprocess.run([PYTHON, "-c", "import boto3, os; print(boto3.client('s3', endpoint_url=os.environ['S3_ENDPOINT']).list_buckets()['Buckets'])"],
                             env={**s3.environment, **exported}, capture_output=True, text=True)
    assert listing.returncode == 0, listing.stderr


def test_a_clock_that_goes_wrong_is_told(s3):
    early = (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=20)).strftime("%Y%m%dT%H%M%SZ")
    key = s3.environment["AWS_ACCESS_KEY_ID"]
    reply = requests.get(s3.endpoint, timeout=60, headers={
        "x-amz-date": early, "x-amz-content-sha256": EMPTY,
        "Authorization": f"AWS4-HMAC-SHA256 Credential={key}/{early[:8]}/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-date, Signature=00"})
    assert reply.status_code == 403 and "<Code>RequestTimeTooSkewed</Code>" in reply.text and "set the client's clock" in reply.text


def test_credentials_survive_a_restart(tmp_path):
    s3 = S3(tmp_path / "data", "--login")
    try:
        s3.login("admin", admin_password(s3.server))
        s3.python("s3.create_bucket(Bucket='kept')")
        s3.server.stop()
        s3.server.start()
        assert "kept" in s3.python("print(s3.list_buckets())").stdout
    finally:
        s3.server.stop()


WRITER = """
import hashlib
from botocore.config import Config
s3 = boto3.client('s3', endpoint_url=os.environ['S3_ENDPOINT'], config=Config(retries={'total_max_attempts': 1}))
for i in range(100_000):
    body = os.urandom(1 + (i * 7919) % 200_000)
    try:
        s3.put_object(Bucket='kill', Key=f'{sys.argv[1]}/{i}', Body=body)
    except Exception as e:
        break
    print(sys.argv[1], i, hashlib.md5(body).hexdigest(), flush=True)
"""
PARTS = """
from botocore.config import Config
s3 = boto3.client('s3', endpoint_url=os.environ['S3_ENDPOINT'], config=Config(retries={'total_max_attempts': 1}))
for i in range(100_000):
    parts = [os.urandom(100_000), os.urandom(50_000)]
    try:
        upload = s3.create_multipart_upload(Bucket='kill', Key=f'parts/{i}')['UploadId']
        tags = [s3.upload_part(Bucket='kill', Key=f'parts/{i}', UploadId=upload, PartNumber=n, Body=part)['ETag'] for n, part in enumerate(parts, 1)]
        done = s3.complete_multipart_upload(Bucket='kill', Key=f'parts/{i}', UploadId=upload,
                                            MultipartUpload={'Parts': [{'PartNumber': n, 'ETag': tag} for n, tag in enumerate(tags, 1)]})
    except Exception as e:
        break
    import hashlib
    print('parts', i, hashlib.md5(b''.join(parts)).hexdigest(), flush=True)
"""


def test_what_was_acknowledged_survives_a_kill(tmp_path):
    s3 = S3(tmp_path / "data")
    try:
        s3.python("s3.create_bucket(Bucket='kill')")
        for round_ in range(3):
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                writers = [pool.submit(s3.python, WRITER, f"{round_}-{n}") for n in range(3)] + [pool.submit(s3.python, PARTS)]
                objects = lambda: len(list((s3.server.data_dir / "objects").glob("*/*")))  # noqa: E731
                before = objects()
                eventually(lambda: objects() > before + 60)
                s3.server.kill()
                acknowledged = [line.split() for w in writers for line in w.result().stdout.splitlines()]
            s3.server.start()
            assert len(acknowledged) > 20
            seen = set()
            for name, number, md5 in acknowledged:
                got = requests.get(f"{s3.endpoint}/kill/{name}/{number}", timeout=30)
                assert got.status_code == 200 and hashlib.md5(got.content).hexdigest() == md5, (name, number)
                seen.add(f"{name}/{number}")
            # What is seen and was not acknowledged is whole, too.
            listed = s3.python("for page in s3.get_paginator('list_objects_v2').paginate(Bucket='kill'):\n  for o in page['Contents']: print(o['Key'], o['Size'], o['ETag'])")
            for key, size, etag in (line.split() for line in listed.stdout.splitlines()):
                if key not in seen and key.startswith(f"{round_}-"):
                    got = requests.get(f"{s3.endpoint}/kill/{key}", timeout=30)
                    assert len(got.content) == int(size) and f'"{hashlib.md5(got.content).hexdigest()}"' == etag
    finally:
        s3.server.stop()


def test_a_full_disk_is_told_and_leaves_nothing(small_disk, start_server):  # noqa: F811
    port = free_port()
    data = small_disk / "data"
    server = Server(data, "--s3-port", str(port))
    try:
        assert requests.put(f"http://127.0.0.1:{port}/full", timeout=60).status_code == 200
        reply = requests.put(f"http://127.0.0.1:{port}/full/k", data=b"x" * (60 << 20), timeout=60)
        assert reply.status_code == 507 and "<Code>QuotaExceeded</Code>" in reply.text
        eventually(lambda: not list((data / "uploads").iterdir()))
        assert requests.put(f"http://127.0.0.1:{port}/full/k", data=b"small", timeout=60).status_code == 200
        assert requests.get(f"http://127.0.0.1:{port}/full/k", timeout=60).content == b"small"
    finally:
        server.stop()


def test_an_object_too_large_is_told(tmp_path):
    s3 = S3(tmp_path / "data", "--s3-object-bytes-max", "2048")
    try:
        s3.python("s3.create_bucket(Bucket='small')")
        done = s3.python("s3.put_object(Bucket='small', Key='k', Body=b'x' * 3000)", check=False)
        assert "EntityTooLarge" in done.stderr and "s3-object-bytes-max" in done.stderr
    finally:
        s3.server.stop()


def test_a_download_goes_on_while_its_object_is_replaced(tmp_path):
    s3 = S3(tmp_path / "data", "--reclaim-interval-seconds", "1")
    try:
        s3.python("s3.create_bucket(Bucket='read'); s3.put_object(Bucket='read', Key='k', Body=b'a' * (64 << 20))")
        reading = requests.get(f"{s3.endpoint}/read/k", stream=True, timeout=30)
        first = next(reading.iter_content(1 << 16))
        threads = [threading.Thread(target=s3.python, args=(f"s3.put_object(Bucket='read', Key='k', Body=b'{c}' * 1000)",)) for c in "bc"]
        [t.start() for t in threads]
        [t.join() for t in threads]
        rest = b"".join(reading.iter_content(1 << 20))
        assert first + rest == b"a" * (64 << 20)
    finally:
        s3.server.stop()
