"""boto3 as it comes: objects, ranges, conditions, checksums, parts, copies, listings, signed URLs, errors."""
import datetime
import hashlib
import io
import os
import threading
import urllib.error
import urllib.request

import boto3
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

ODD_KEYS = ["plain", "a/b/c.txt", "/leading", "double//slash", "trailing/", "ü/日本語", "sp ace+plus&amp;=?#%25", "a:b@c!d'e(f)*g", "~tilde", "new\nline"]


def code_of(error) -> tuple[str, int]:
    return error.value.response["Error"]["Code"], error.value.response["ResponseMetadata"]["HTTPStatusCode"]


def test_an_object_and_all_that_is_told_with_it(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"hello", ContentType="text/csv", CacheControl="no-store", Metadata={"owner": "ada"})
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == b"hello" and got["ContentType"] == "text/csv" and got["Metadata"] == {"owner": "ada"} and got["CacheControl"] == "no-store"
    assert got["ETag"] == f'"{hashlib.md5(b"hello").hexdigest()}"' and got["ContentLength"] == 5
    head = s3.head_object(Bucket=bucket, Key="k")
    assert head["ContentLength"] == 5 and abs((datetime.datetime.now(datetime.timezone.utc) - head["LastModified"]).total_seconds()) < 60
    assert s3.get_object(Bucket=bucket, Key="k", Range="bytes=1-3")["Body"].read() == b"ell"
    assert s3.get_object(Bucket=bucket, Key="k", Range="bytes=-2")["Body"].read() == b"lo"
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b""
    s3.delete_object(Bucket=bucket, Key="k")
    with pytest.raises(ClientError) as missing:
        s3.head_object(Bucket=bucket, Key="k")
    assert code_of(missing) == ("404", 404)


@pytest.mark.parametrize("key", ODD_KEYS)
def test_every_key_comes_back(s3, bucket, key):
    s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode()
    assert [one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [key]
    assert [one["Key"] for one in s3.list_objects_v2(Bucket=bucket, Prefix=key)["Contents"]] == [key]
    s3.copy_object(Bucket=bucket, Key="copy of " + key, CopySource={"Bucket": bucket, "Key": key})
    done = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key}]})
    assert [one["Key"] for one in done["Deleted"]] == [key]
    assert [one["Key"] for one in s3.list_objects(Bucket=bucket)["Contents"]] == ["copy of " + key]


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_checksums_are_kept_and_checked(s3, bucket, algorithm):
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"hello" * 1000, ChecksumAlgorithm=algorithm)
    got = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert got["Body"].read() == b"hello" * 1000  # the client checks it as well
    assert put[f"Checksum{algorithm}"] == got[f"Checksum{algorithm}"]
    wrong = {"CRC32": "AAAAAA==", "CRC32C": "AAAAAA==", "CRC64NVME": "AAAAAAAAAAA=", "SHA1": "A" * 27 + "=", "SHA256": "A" * 43 + "="}
    with pytest.raises(ClientError) as refused:
        s3.put_object(Bucket=bucket, Key="k", Body=b"other", **{f"Checksum{algorithm}": wrong[algorithm]})
    assert code_of(refused) == ("BadDigest", 400)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"hello" * 1000


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA256"])
def test_large_files_go_in_parts(s3, bucket, tmp_path, algorithm):
    content = os.urandom(20 << 20)
    (tmp_path / "big").write_bytes(content)
    s3.upload_file(str(tmp_path / "big"), bucket, "big", ExtraArgs={"Metadata": {"a": "b"}, "ChecksumAlgorithm": algorithm},
                   Config=TransferConfig(multipart_threshold=8 << 20, multipart_chunksize=8 << 20, max_concurrency=4))
    head = s3.head_object(Bucket=bucket, Key="big")
    md5s = b"".join(hashlib.md5(content[i:i + (8 << 20)]).digest() for i in range(0, len(content), 8 << 20))
    assert head["ETag"] == f'"{hashlib.md5(md5s).hexdigest()}-3"' and head["ContentLength"] == len(content) and head["Metadata"] == {"a": "b"}
    s3.download_file(bucket, "big", str(tmp_path / "back"), Config=TransferConfig(multipart_threshold=8 << 20, multipart_chunksize=5 << 20))
    assert (tmp_path / "back").read_bytes() == content
    assert s3.get_object(Bucket=bucket, Key="big", Range=f"bytes={(8 << 20) - 3}-{(8 << 20) + 2}")["Body"].read() == content[(8 << 20) - 3:(8 << 20) + 3]
    s3.copy({"Bucket": bucket, "Key": "big"}, bucket, "again", Config=TransferConfig(multipart_threshold=8 << 20, multipart_chunksize=8 << 20))
    assert s3.get_object(Bucket=bucket, Key="again")["Body"].read() == content
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


def test_an_upload_that_is_not_completed_is_not_seen(s3, bucket):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    for number in (1, 2, 3):
        s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=number, Body=b"x" * number)
    pages = list(s3.get_paginator("list_parts").paginate(Bucket=bucket, Key="k", UploadId=upload, PaginationConfig={"PageSize": 2}))
    assert [[p["Size"] for p in page["Parts"]] for page in pages] == [[1, 2], [3]]
    assert [u["UploadId"] for u in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]] == [upload]
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
    with pytest.raises(ClientError) as refused:
        s3.delete_bucket(Bucket=bucket)
    assert code_of(refused) == ("BucketNotEmpty", 409)
    with pytest.raises(ClientError) as refused:
        s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": "0"}]})
    assert code_of(refused) == ("InvalidPart", 400)
    s3.abort_multipart_upload(Bucket=bucket, Key="k", UploadId=upload)
    with pytest.raises(ClientError) as refused:
        s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=1, Body=b"x")
    assert code_of(refused) == ("NoSuchUpload", 404)
    s3.delete_bucket(Bucket=bucket)
    with pytest.raises(ClientError) as refused:
        s3.list_objects_v2(Bucket=bucket)
    assert code_of(refused) == ("NoSuchBucket", 404)


def test_completing_again_says_the_same(s3, bucket):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    etag = s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=1, Body=b"x")["ETag"]
    ask = {"Bucket": bucket, "Key": "k", "UploadId": upload, "MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": etag}]}}
    assert s3.complete_multipart_upload(**ask)["ETag"] == s3.complete_multipart_upload(**ask)["ETag"]


def test_conditions(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"1", IfNoneMatch="*")["ETag"]
    with pytest.raises(ClientError) as refused:
        s3.put_object(Bucket=bucket, Key="k", Body=b"2", IfNoneMatch="*")
    assert code_of(refused) == ("PreconditionFailed", 412)
    with pytest.raises(ClientError) as same:
        s3.get_object(Bucket=bucket, Key="k", IfNoneMatch=etag)
    assert code_of(same) == ("304", 304)
    s3.put_object(Bucket=bucket, Key="k", Body=b"2", IfMatch=etag)
    with pytest.raises(ClientError) as refused:
        s3.get_object(Bucket=bucket, Key="k", IfMatch=etag)
    assert code_of(refused) == ("PreconditionFailed", 412)


def test_one_of_many_wins(s3, bucket):
    """Who puts only what is not there yet, as locks and table formats do: one of those who try at once."""
    won = []

    def put(i):
        try:
            s3.put_object(Bucket=bucket, Key="lock", Body=str(i).encode(), IfNoneMatch="*")
            won.append(i)
        except ClientError as e:
            assert e.response["Error"]["Code"] == "PreconditionFailed"

    threads = [threading.Thread(target=put, args=(i,)) for i in range(12)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert len(won) == 1 and s3.get_object(Bucket=bucket, Key="lock")["Body"].read() == str(won[0]).encode()


def test_listings_in_pages(s3, bucket):
    keys = sorted(f"{folder}/{i:03}" for folder in ("a", "b", "c") for i in range(7))
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, PaginationConfig={"PageSize": 4})
    assert [o["Key"] for page in pages for o in page["Contents"]] == keys
    pages = s3.get_paginator("list_objects").paginate(Bucket=bucket, PaginationConfig={"PageSize": 4})
    assert [o["Key"] for page in pages for o in page["Contents"]] == keys
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": 2})
    assert [p["Prefix"] for page in pages for p in page.get("CommonPrefixes", [])] == ["a/", "b/", "c/"]
    assert s3.list_objects_v2(Bucket=bucket, StartAfter="b/003", Prefix="b/")["KeyCount"] == 3


def test_buckets(s3, bucket):
    assert bucket in [one["Name"] for one in s3.list_buckets()["Buckets"]]
    assert s3.head_bucket(Bucket=bucket)["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] is None
    with pytest.raises(s3.exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket(Bucket=bucket)
    with pytest.raises(ClientError) as missing:
        s3.head_bucket(Bucket="no-such-bucket")
    assert code_of(missing) == ("404", 404)
    with pytest.raises(ClientError) as refused:
        s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": []})
    assert code_of(refused) == ("NotImplemented", 501)


def test_streams_in_signed_pieces(s3, bucket, endpoint):
    """A body that can't be read twice: its checksum, and with crt its signatures, follow it."""
    class Once(io.RawIOBase):
        def __init__(self, content):
            self.content = io.BytesIO(content)

        def read(self, n=-1):
            return self.content.read(n)

        def readable(self):
            return True

    content = os.urandom(300_000)
    s3.upload_fileobj(Once(content), bucket, "once")
    assert s3.get_object(Bucket=bucket, Key="once")["Body"].read() == content
    unsigned = boto3.client("s3", endpoint_url=endpoint, config=Config(s3={"payload_signing_enabled": False}))
    unsigned.put_object(Bucket=bucket, Key="unsigned", Body=content)
    assert s3.get_object(Bucket=bucket, Key="unsigned")["Body"].read() == content


def test_signed_urls(s3, bucket, endpoint):
    old = s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "k"})  # boto3's default for this region
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(old, timeout=60)
    assert b"signature_version='s3v4'" in refused.value.read().replace(b"&apos;", b"'")
    s3 = boto3.client("s3", endpoint_url=endpoint, config=Config(signature_version="s3v4"))
    url = s3.generate_presigned_url("put_object", {"Bucket": bucket, "Key": "a b/ü"}, ExpiresIn=60)
    urllib.request.urlopen(urllib.request.Request(url, b"by url", method="PUT"), timeout=60).close()
    url = s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "a b/ü", "ResponseContentType": "text/x"}, ExpiresIn=60)
    with urllib.request.urlopen(url, timeout=60) as got:
        assert got.read() == b"by url" and got.headers["Content-Type"] == "text/x"
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(url.replace("X-Amz-Expires=60", "X-Amz-Expires=61"), timeout=60)
    assert refused.value.code == 403 and b"SignatureDoesNotMatch" in refused.value.read()


def test_who_asks(s3, bucket, endpoint, monkeypatch):
    other = boto3.client("s3", endpoint_url=endpoint, aws_secret_access_key="wrong", aws_access_key_id=os.environ["AWS_ACCESS_KEY_ID"])
    for client, code in [(other, "SignatureDoesNotMatch"),
                         (boto3.client("s3", endpoint_url=endpoint, aws_secret_access_key="x", aws_access_key_id="nobody"), "InvalidAccessKeyId")]:
        with pytest.raises(ClientError) as refused:
            client.list_objects_v2(Bucket=bucket)
        assert code_of(refused) == (code, 403)
        with pytest.raises(ClientError) as refused:
            client.put_object(Bucket=bucket, Key="k", Body=b"x" * 3_000_000)
        assert code_of(refused) == (code, 403)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{endpoint}/{bucket}", timeout=60)
    assert refused.value.code == 403 and b"<Code>AccessDenied</Code>" in refused.value.read()
