"""pyarrow's S3 filesystem: Parquet, folders, moves; large files go in parts."""
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from pyarrow import fs


@pytest.fixture
def files(endpoint):
    return fs.S3FileSystem(endpoint_override=endpoint.removeprefix("http://"), scheme="http", region="us-east-1", allow_bucket_creation=True, allow_bucket_deletion=True)


def test_a_dataset_of_parquet(files, bucket):
    table = pa.table({"day": ["mon", "tue"] * 50_000, "n": range(100_000)})
    ds.write_dataset(table, f"{bucket}/flights", format="parquet", partitioning=["day"], filesystem=files)
    back = ds.dataset(f"{bucket}/flights", format="parquet", partitioning=["day"], filesystem=files).to_table(filter=pc.field("day") == "tue")
    assert back.num_rows == 50_000 and pc.sum(back["n"]).as_py() == sum(range(1, 100_000, 2))
    pq.write_table(table, f"{bucket}/one.parquet", filesystem=files)
    assert pq.read_table(f"{bucket}/one.parquet", filesystem=files, columns=["n"]).num_rows == 100_000


def test_files_and_folders(files, bucket):
    with files.open_output_stream(f"{bucket}/big.bin") as out:
        for i in range(13):
            out.write(bytes([i]) * (1 << 20))
    info = files.get_file_info(f"{bucket}/big.bin")
    assert info.type == fs.FileType.File and info.size == 13 << 20
    with files.open_input_file(f"{bucket}/big.bin") as file:
        file.seek((5 << 20) - 1)
        assert file.read(2) == b"\x04\x05"
    files.create_dir(f"{bucket}/a/b")
    assert files.get_file_info(f"{bucket}/a").type == fs.FileType.Directory
    with files.open_output_stream(f"{bucket}/a/b/c") as out:
        out.write(b"c")
    files.move(f"{bucket}/a/b/c", f"{bucket}/d")
    files.copy_file(f"{bucket}/d", f"{bucket}/e")
    found = sorted(i.path for i in files.get_file_info(fs.FileSelector(bucket, recursive=True)) if i.type == fs.FileType.File)
    assert found == [f"{bucket}/big.bin", f"{bucket}/d", f"{bucket}/e"]
    files.delete_dir_contents(bucket)
    assert files.get_file_info(fs.FileSelector(bucket, recursive=True)) == []
    files.delete_dir(bucket)
    assert files.get_file_info(bucket).type == fs.FileType.NotFound
