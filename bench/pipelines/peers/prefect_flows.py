"""prefect_flows.py SHAPE STEPS SIDE_BY_SIDE: seconds of a Prefect flow of commands that do nothing, from its call to its end, on stdout."""
import subprocess
import sys
import time

from prefect import flow, task
from prefect.futures import wait
from prefect.task_runners import ThreadPoolTaskRunner

shape, steps, side_by_side = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])


@task
def step():
    subprocess.run("true", shell=True, check=True)


@flow(task_runner=ThreadPoolTaskRunner(max_workers=side_by_side))
def bench(count: int):
    if shape == "fan":
        wait([step.submit() for _ in range(count)])
    else:
        for _ in range(count):
            step()


bench(1)  # its server starts
begin = time.perf_counter()
bench(steps)
print(time.perf_counter() - begin)
