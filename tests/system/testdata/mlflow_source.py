"""What the import tests import: everything a tracking server keeps, written by the real MLflow.

mlflow_3_17_2.sql beside this file is what the full package of that version makes of it in a database (the tables that hold runs and
models; only mlflow-skinny is installed for the tests, and it has no SQL store):

    python mlflow_source.py sqlite:///source.db /ARTIFACTS > /dev/null && python mlflow_source.py --dump source.db > mlflow_3_17_2.sql
"""
import pathlib
import sqlite3
import sys
import tempfile
import warnings

POINTS = 30
TABLES = ["experiments", "experiment_tags", "runs", "params", "tags", "metrics", "latest_metrics", "datasets", "inputs", "input_tags",
          "logged_models", "logged_model_params", "logged_model_tags", "logged_model_metrics", "registered_models", "registered_model_tags",
          "registered_model_aliases", "model_versions", "model_version_tags", "alembic_version"]


def fill(uri: str, artifacts: str | None = None, files: bool = True) -> dict:
    """Writes the sample through the client; gives the ids. `artifacts`: the experiments' artifact root."""
    from mlflow import MlflowClient
    from mlflow.entities import Dataset, DatasetInput, InputTag, LoggedModelInput, LoggedModelOutput, Metric, Param
    warnings.simplefilter("ignore")
    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    at = lambda name: f"{artifacts}/{name}" if artifacts else None  # noqa: E731
    churn = client.create_experiment("churn", artifact_location=at("churn"), tags={"team": "growth", "mlflow.note.content": "Über uns\nzwei Zeilen"})
    gone = client.create_experiment("gone", artifact_location=at("gone"))
    runs = []
    for i in range(5):
        run = client.create_run(churn, start_time=1700000000000 + i, run_name=f"run-{i}", tags={
            "kind": "a" if i % 2 else "b", "mlflow.user": "ann", "mlflow.source.git.commit": "0" * 40, "mlflow.source.name": "train.py"}).info.run_id
        runs.append(run)
        client.log_batch(run, metrics=[Metric("loss", 1 / (step + 1), 1700000000000 + step * 10, step) for step in range(POINTS)],
                         params=[Param("lr", "0.1"), Param("text", "täxt with 'quotes'\nline")])
        client.log_batch(run, metrics=[Metric("odd", float("nan"), 1, 0), Metric("odd", float("inf"), 2, 1), Metric("odd", float("-inf"), 3, 2),
                                       Metric("val/neg", -0.25, 5, -3)])
        data = Dataset(name="flights", digest=f"abc{i % 2}", source_type="local", source='{"uri":"x.csv"}', schema='{"a":1}', profile='{"n":3}')
        client.log_inputs(run, [DatasetInput(data, [InputTag("mlflow.data.context", "training")])])
        if files:
            with tempfile.TemporaryDirectory() as folder:
                file = pathlib.Path(folder) / f"a{i}.txt"
                file.write_text(f"hello {i}")
                (pathlib.Path(folder) / "empty").touch()
                client.log_artifact(run, str(file), "sub dir/deep")
                client.log_artifact(run, folder + "/empty")
        if i < 4:
            client.set_terminated(run, status="FINISHED" if i else "FAILED", end_time=1700000009999 + i)
    client.delete_run(runs[3])
    client.log_metric(client.create_run(gone, start_time=5).info.run_id, "m", 1, 7, 0)
    client.delete_experiment(gone)
    model = client.create_logged_model(churn, name="net", source_run_id=runs[0], tags={"q": "1"}, params={"d": "2"}, model_type="torch")
    client.log_batch(runs[0], metrics=[Metric("acc", 0.5, 11, 0, model_id=model.model_id, dataset_name="flights", dataset_digest="abc0", run_id=runs[0])])
    client.finalize_logged_model(model.model_id, "READY")
    client.log_outputs(runs[0], [LoggedModelOutput(model.model_id, 3)])
    client.log_inputs(runs[1], models=[LoggedModelInput(model.model_id)])
    client.create_registered_model("churn model", tags={"owner": "ann"}, description="what it is")
    for i in range(3):
        client.create_model_version("churn model", source=f"{client.get_run(runs[i]).info.artifact_uri}/sub dir", run_id=runs[i],
                                    description=f"v{i}", tags={"n": str(i)})
    client.delete_model_version("churn model", "3")
    client.set_registered_model_alias("churn model", "champion", "2")
    client.transition_model_version_stage("churn model", "1", "Staging")
    return {"churn": churn, "gone": gone, "runs": runs, "model": model.model_id}


def restore(file: pathlib.Path, artifacts: str) -> pathlib.Path:
    """The committed database as a file, with its artifacts where `artifacts` says."""
    dump = pathlib.Path(__file__).with_name("mlflow_3_17_2.sql").read_text()
    with sqlite3.connect(file) as db:
        db.executescript(dump.replace("/ARTIFACTS", artifacts))
    return file


def for_postgres(artifacts: str) -> str:
    """The same as statements for PostgreSQL, which has real booleans."""
    sql = pathlib.Path(__file__).with_name("mlflow_3_17_2.sql").read_text().replace("/ARTIFACTS", artifacts)
    sql = sql.replace("BOOLEAN DEFAULT '0' NOT NULL", "SMALLINT DEFAULT 0 NOT NULL").replace("BOOLEAN NOT NULL", "SMALLINT NOT NULL")
    sql = sql.replace("CHECK (is_nan IN (0, 1))", "CHECK (true)")
    for table in ("metrics", "latest_metrics"):
        sql += f"ALTER TABLE {table} ALTER COLUMN is_nan DROP DEFAULT, ALTER COLUMN is_nan TYPE BOOLEAN USING is_nan <> 0;\n"
    return sql


def dump(file: str) -> None:
    with sqlite3.connect(file) as db:
        for table in TABLES:
            print(db.execute("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?", (table,)).fetchone()[0] + ";")
            for row in db.execute(f'SELECT * FROM "{table}"'):
                values = ["NULL" if v is None else str(v) if isinstance(v, (int, float)) else "'" + v.replace("'", "''") + "'" for v in row]
                print(f'INSERT INTO "{table}" VALUES({",".join(values)});')
        for name, sql in db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"):
            if any(f"ON {table} (" in sql or f'ON "{table}" (' in sql for table in TABLES):
                print(sql + ";")


if __name__ == "__main__":
    if sys.argv[1] == "--dump":
        dump(sys.argv[2])
    else:
        print(fill(sys.argv[1], *sys.argv[2:3]))
