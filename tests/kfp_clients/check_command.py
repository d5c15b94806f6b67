"""What Kubeflow's compiler has written, run by the command line."""
import os
import subprocess

import steps
from kfp import compiler, dsl


def run(*words):
    return subprocess.run([os.environ["SLIPWAY_BINARY"], "--url", os.environ["SLIPWAY_URL"], "run", *map(str, words)], capture_output=True, text=True)


def test_a_compiled_file_runs(client, tmp_path):
    @dsl.pipeline(name="compiled")
    def compiled(text: str, file: str, n: int = 1):
        steps.number(value=n)
        steps.note(text=text, file=file)

    package, seen = tmp_path / "compiled.yaml", tmp_path / "seen"
    compiler.Compiler().compile(compiled, str(package))
    done = run(package, "-p", "text=7", "-p", f"file={seen}", "-p", "n=3", "--reason", "by hand")
    assert done.returncode == 0, done.stderr
    assert seen.read_text() == "7\n" and " of compiled" in done.stdout, done.stdout
    told = next(run for run in client.list_runs(page_size=50).runs if run.display_name == "by hand")
    assert told.state == "SUCCEEDED" and told.runtime_config.parameters["n"] == 3
    for words, said in [(["-p", "n=x", "-p", "text=a", "-p", "file=b"], "parameter n"), (["-p", "k=1"], "has no parameter k; it has file, n, text"), (["--explain"], "compiled")]:
        wrong = run(package, *words)
        assert wrong.returncode != 0 and said in wrong.stderr, wrong.stderr
    package.write_text("project: shop\n")
    assert "isn't a compiled pipeline" in run(package).stderr
    assert run(tmp_path / "none.yaml").returncode != 0
