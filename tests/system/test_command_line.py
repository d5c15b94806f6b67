"""The two programs of the command line: `slipway` starts without heavy libraries, and hands over to `slipway-engine` what needs them."""
import os
import shutil
import subprocess

import pytest

from conftest import BINARY


def run(*words: str, binary=BINARY, **env: str):
    return subprocess.run([binary, *words], env={**os.environ, **env}, capture_output=True, text=True)


def libraries(binary) -> set[str]:
    return {line.split()[0].split(".so")[0] for line in run(binary=binary, LD_TRACE_LOADED_OBJECTS="1").stdout.splitlines()}


def test_the_command_loads_no_heavy_library():
    heavy = {"libarrow", "libparquet", "libgrpc", "libgrpc++", "librocksdb", "librdkafka", "libprotobuf"}
    assert not heavy & libraries(BINARY)
    assert heavy <= libraries(BINARY.parent / "slipway-engine")


@pytest.mark.parametrize("words", [("run", "--help"), ("data", "commit", "--help"), ("server", "--help"), ("models", "evaluate", "--help"), ("monitors", "detect", "--help"), ("datasets", "diff", "--help")], ids=" ".join)
def test_both_tell_how_a_verb_is_called(words):
    told = run(*words)
    assert told.returncode == 0 and not told.stderr
    assert told.stdout == run(*words, binary=BINARY.parent / "slipway-engine").stdout
    assert f"Usage: slipway {' '.join(words[:-1])}" in told.stdout


def test_wrong_words_are_told_by_name():
    assert run("--version").stdout == run("--version", binary=BINARY.parent / "slipway-engine").stdout != ""
    told = run("rnus", "list")
    assert (told.returncode, told.stdout) == (2, "") and "no such command: rnus" in told.stderr
    told = run("runs", "lsit")
    assert (told.returncode, told.stdout) == (2, "") and "lsit" in told.stderr
    told = run()
    assert told.returncode == 2 and "subcommand is required" in told.stderr


def test_the_command_alone_says_what_it_misses(tmp_path):
    shutil.copy(BINARY, tmp_path / "slipway")
    path = str(BINARY.parent / "lib")
    assert run("--version", binary=tmp_path / "slipway", LD_LIBRARY_PATH=path).returncode == 0
    told = run("server", binary=tmp_path / "slipway", LD_LIBRARY_PATH=path)
    assert told.returncode == 1 and f"{tmp_path}/slipway-engine" in told.stderr and "one folder" in told.stderr
