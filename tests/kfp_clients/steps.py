"""Components for the tests: shells where the language doesn't matter, as they start faster."""
from kfp import dsl


@dsl.container_component
def write(text: str, out: dsl.OutputPath(str)):
    return dsl.ContainerSpec(image="alpine", command=["sh", "-ec", 'mkdir -p "$(dirname "$1")"; printf %s "$0" > "$1"'], args=[text, out])


@dsl.container_component
def note(text: str, file: str):
    """A line in a file, so that a test sees what has run and in which order."""
    return dsl.ContainerSpec(image="alpine", command=["sh", "-ec", 'echo "$0" >> "$1"'], args=[text, file])


@dsl.container_component
def number(value: int, out: dsl.OutputPath(int)):
    return dsl.ContainerSpec(image="alpine", command=["sh", "-ec", 'mkdir -p "$(dirname "$1")"; echo "$0" > "$1"'], args=[value, out])


@dsl.container_component
def fail(message: str):
    return dsl.ContainerSpec(image="alpine", command=["sh", "-ec", 'echo "$0" >&2; exit 7'], args=[message])


@dsl.container_component
def wait_for(file: str):
    return dsl.ContainerSpec(image="alpine", command=["sh", "-ec", 'echo started >> "$0.started"; until [ -e "$0" ]; do sleep 0.05; done'], args=[file])
