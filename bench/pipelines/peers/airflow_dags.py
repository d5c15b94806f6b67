"""Airflow's DAGs `chain` and `fan` of BENCH_STEPS commands that do nothing; in its dags folder."""
import os

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

for shape in ("chain", "fan"):
    with DAG(shape, schedule=None, max_active_tasks=int(os.environ["BENCH_SIDE_BY_SIDE"])) as dag:
        steps = [BashOperator(task_id=f"s{i}", bash_command="true") for i in range(int(os.environ["BENCH_STEPS"]))]
        if shape == "chain":
            for before, after in zip(steps, steps[1:]):
                before >> after
    globals()[shape] = dag
