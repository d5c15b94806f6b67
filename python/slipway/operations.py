"""Pipelines, endpoints, monitors and streams. Every field is a key of slipway.yaml; what is left out has the server's default."""
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from slipway.document import DURATION, NAME, REFERENCE, REFERENCES, Duration, Part, Time, check_name, moment, name_of
from slipway.features import Column, Dataset, Service, Source

if TYPE_CHECKING:
    from slipway.pipelines import PipelineFunction


@dataclass(frozen=True, kw_only=True)
class Retry(Part):
    """`times` more tries of a step that fails; waits grow from `after` by `factor`, `at_most`, of it a random part between a half and all."""

    times: int
    after: Duration | None = field(default=None, metadata=DURATION)
    factor: float | None = None
    at_most: Duration | None = field(default=None, metadata=DURATION)


@dataclass(frozen=True)
class Range(Part):
    """Numbers from `low` to `high`: whole ones if both are ints. `log`: what counts is the ratio of values. `step`: low, low + step and so on."""

    low: float
    high: float
    log: bool | None = None
    step: float | None = None


@dataclass(frozen=True)
class Choices(Part):
    """Texts, numbers or truth values, in no order."""

    choices: Sequence[Any]


@dataclass(frozen=True, kw_only=True)
class StopEarly(Part):
    """Trials that aren't among the best 1/`reduction` at step `min`, `min` * `reduction` and so on below `max` end there. `metric`: what they log with mlflow
    on their way; the search's, if nothing is said."""

    method: Literal["asha"] = "asha"
    min: int | None = None
    max: int
    reduction: int | None = None
    metric: str | None = None


@dataclass(frozen=True, kw_only=True)
class Search(Part):
    """The command of a step runs as `trials`, `parallel` at a time, each with other values of what is in `space`, filled in for `{name}`; the outputs of the
    best by `metric` are the step's, with best.json and trials.json. `metric`: "metrics.json#auc" of a file that a trial writes, or "auc", which it logs
    with mlflow. `max_failed`: one more that fails ends the search. `experiment`: where trials are tracked, the pipeline's name if nothing is said."""

    method: Literal["grid", "random", "tpe"]
    trials: int | None = None
    parallel: int | None = None
    metric: str
    goal: Literal["maximize", "minimize"]
    seed: int | None = None
    space: Mapping[str, Range | Choices]
    stop_early: StopEarly | None = None
    max_failed: int | None = None
    experiment: str | None = None


@dataclass(frozen=True, kw_only=True)
class WaitFor(Part):
    """What a step waits for: a snapshot of a `dataset`, a version of a `model` (or that its `alias` moves), a `file` or folder, a `time` of the day the run
    began on ("06:30"), or a `delay` after it began. `newer_than`: of a dataset or model, what came since the run began, or since the last run that
    succeeded did. `soft_fail`: what doesn't come skips the step instead of failing it. ValueError unless it is exactly one of them."""

    dataset: Dataset | str | None = field(default=None, metadata=REFERENCE)
    model: str | None = None
    alias: str | None = None
    file: str | None = None
    time: str | None = None
    time_zone: str | None = None
    delay: Duration | None = field(default=None, metadata=DURATION)
    newer_than: Literal["run", "last_success"] | None = None
    poke_interval: Duration | None = field(default=None, metadata=DURATION)
    soft_fail: bool | None = None

    def __post_init__(self) -> None:
        if [self.dataset, self.model, self.file, self.time, self.delay].count(None) != 4:
            raise ValueError("exactly one of dataset, model, file, time and delay")


class Resources(TypedDict, total=False):
    """CPU and memory as Kubernetes writes them: 2, 0.5, "500m"; "4Gi"."""

    cpu: int | float | str
    memory: int | str


class Toleration(TypedDict, total=False):
    """A taint of nodes that a step's pod doesn't mind, as Kubernetes has it."""

    key: str
    operator: Literal["Exists", "Equal"]
    value: str
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"]
    tolerationSeconds: int


@dataclass(frozen=True, kw_only=True)
class Placement(Part):
    """Where a step runs: as a process of the server, or as a Job of Kubernetes, in a container of `image` with `gpus`, on nodes with the labels of
    `node_selector`. Of a pipeline: of those of its steps that don't say it."""

    executor: Literal["local", "kubernetes"] | None = None
    image: str | None = None
    node_selector: Mapping[str, str] | None = None
    tolerations: Sequence[Toleration] | None = None
    gpus: int | None = None
    ttl: Duration | None = field(default=None, metadata=DURATION)
    service_account: str | None = None


@dataclass(frozen=True)
class Step(Placement):
    """One command of a pipeline, in which `{param}`, `{step}` (that step's folder) and `{out}` (its own) are filled in, or a question to a person
    (`approve`), or something that it waits for (`wait_for`), or another pipeline that it runs with `parameters`. `retry`: a number of more tries, or a Retry. `always`: it runs however the rest has ended. `when`: a condition over
    `{param}`, `{step/file#member}` and, with `always`, `{run.state}`; else the step is skipped. `secrets`: names of variables that the server
    knows the values of. `pool`: the step takes `slots` (1) of it while it runs. `resources`: it begins when the server has them, and ends with more memory.
    `each`: the command runs once for each item of a list, or of the JSON list that "{param}" or "{step/file#member}" is, `parallel` at a time, with
    `{item}` or `{item.member}` filled in. `search`: the command runs as trials of a search. ValueError: neither `run` nor `approve`, or both."""

    name: str
    run: str | None = None
    approve: str | None = None
    wait_for: WaitFor | None = None
    pipeline: "Pipeline | PipelineFunction[Any, Any] | str | None" = field(default=None, metadata=REFERENCE)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    code: Sequence[str] = ()
    env: Sequence[str] = ()
    inputs: Sequence[str] = ()
    outputs: Sequence[str] = ()
    secrets: Sequence[str] = ()
    pool: str | None = None
    slots: int | None = None
    resources: Resources | None = None
    after: Sequence[str] = ()
    unless_failed: Sequence[str] = ()  # like after, but they may have been skipped
    each: Sequence[Any] | str | None = None
    parallel: int | None = None
    search: Search | None = None
    timeout: Duration | None = field(default=None, metadata=DURATION)
    retry: int | Retry | None = None
    always: bool | None = None
    when: str | None = None
    cache: bool | None = None

    def __post_init__(self) -> None:
        if [self.run, self.approve, self.wait_for, self.pipeline].count(None) != 3:
            raise ValueError(f"step {self.name}: exactly one of run, approve, wait_for and pipeline")
        if self.parameters and self.pipeline is None:
            raise ValueError(f"step {self.name}: parameters are of a step with pipeline")


@dataclass(frozen=True)
class Pipeline(Placement):
    """Steps with a cache. `params`: names and defaults; "{now}" is the event clock when the run starts. `priority`: of its runs; those with
    more go first when not all can. `notify`: routes that hear of it, by occasion: "failed", "refused", "succeeded", "waiting", "late"."""

    name: str = field(metadata=NAME)
    steps: Sequence[Step]
    params: Mapping[str, Any] = field(default_factory=dict)
    priority: int | None = None
    notify: "Notify | None" = field(default=None, metadata={"write": lambda notify: {occasion: _route_names(to) for occasion, to in notify.items()}})

    def __post_init__(self) -> None:
        check_name("pipeline", self.name)


@dataclass(frozen=True, kw_only=True)
class DataTrigger(Part):
    """A new snapshot of a dataset, a new version of a model, or its alias moved. ValueError: neither or both."""

    dataset: Dataset | str | None = field(default=None, metadata=REFERENCE)
    model: str | None = None
    alias: str | None = None

    def __post_init__(self) -> None:
        if (self.dataset is None) == (self.model is None):
            raise ValueError("a data trigger needs either a dataset or a model")


@dataclass(frozen=True, kw_only=True)
class Schedule(Part):
    """When a pipeline runs by itself: by `cron`, `every` so often, or `when` data is new. In params "{scheduled}" is the time it was due."""

    name: str = field(metadata=NAME)
    pipeline: "Pipeline | PipelineFunction[Any, Any] | str" = field(metadata=REFERENCE)
    cron: str | None = None
    time_zone: str | None = None
    every: Duration | None = field(default=None, metadata=DURATION)
    when: DataTrigger | None = None
    start: Time | None = field(default=None, metadata={"write": moment})
    end: Time | None = field(default=None, metadata={"write": moment})
    params: Mapping[str, Any] = field(default_factory=dict)
    catch_up: bool | None = None
    overlap: Literal["allow", "forbid", "queue", "replace"] | None = None
    parallel: int | None = None  # with overlap="queue"
    start_within: Duration | None = field(default=None, metadata=DURATION)
    finish_within: Duration | None = field(default=None, metadata=DURATION)

    def __post_init__(self) -> None:
        check_name("schedule", self.name)
        if [self.cron, self.every, self.when].count(None) != 2:
            raise ValueError(f"schedule {self.name}: exactly one of cron, every and when")


@dataclass(frozen=True, kw_only=True)
class Quality(Part):
    """How much worse a canary may be, on the same requests."""

    metric: str
    worse_by: float


@dataclass(frozen=True, kw_only=True)
class Guard(Part):
    """When a canary is taken back. `error_rate`: share of requests; `latency_ms_p99`: milliseconds."""

    error_rate: float | None = None
    latency_ms_p99: float | None = None
    calibration_bias: float | None = None
    quality: Quality | None = None
    min_requests: int | None = None
    min_labels: int | None = None


@dataclass(frozen=True, kw_only=True)
class Release(Part):
    """How a new version takes charge. `steps`: percent of the traffic."""

    delay: Duration | None = field(default=None, metadata=DURATION)
    steps: Sequence[int] = ()
    hold: Duration | None = field(default=None, metadata=DURATION)
    check: Duration | None = field(default=None, metadata=DURATION)
    guard: Guard | None = None


@dataclass(frozen=True, kw_only=True)
class Batching(Part):
    """Requests that go to a model, or lines of a topic that are scored, together."""

    max_rows: int | None = None
    max_wait_ms: int | None = None
    max_queue_rows: int | None = None
    priority_levels: int | None = None
    default_priority_level: int | None = None


@dataclass(frozen=True, kw_only=True)
class Async(Part):
    """Requests that are answered later, into a storage (s3://BUCKET/PREFIX or a path)."""

    output: str
    failure: str | None = None
    in_flight: int | None = None


@dataclass(frozen=True, kw_only=True)
class PythonWorkers(Part):
    """Processes of a Python model. `memory_bytes_max`: of each, in bytes."""

    workers: int | None = None
    memory_bytes_max: int | None = None
    call_timeout_ms: int | None = None


@dataclass(frozen=True, kw_only=True)
class Input(Column):
    """What must hold for an input's values, and what happens to rows that break it; as for all inputs, if nothing is said."""

    on_violation: Literal["quarantine", "reject", "flag"] | None = None


@dataclass(frozen=True, kw_only=True)
class Inputs(Part):
    """What is checked of what an endpoint is asked. Rows that break a rule are answered and only counted (flag), or answered but no traffic that
    monitors learn from (quarantine), or the request is refused (reject)."""

    columns: Mapping[str, Input]
    on_violation: Literal["quarantine", "reject", "flag"] | None = None


@dataclass(frozen=True, kw_only=True)
class RequestLog(Part):
    """`keep`: how long requests are in the log, in whole days of their event time."""

    policy: Literal["best_effort", "durable"]
    keep: Duration | None = field(default=None, metadata=DURATION)


@dataclass(frozen=True)
class Endpoint(Part):
    """What answers. `model`: models:/NAME@ALIAS (followed), models:/NAME/3, runs:/ID/PATH, s3://BUCKET/FOLDER or a path."""

    name: str = field(metadata=NAME)
    model: str
    features: Service | str | None = field(default=None, metadata=REFERENCE)
    output: str | None = None
    shadow: Mapping[str, str] = field(default_factory=dict)
    release: Release | None = None
    log: RequestLog | None = None
    batching: Batching | None = None
    asynchronous: Async | None = field(default=None, metadata={"key": "async"})
    python: PythonWorkers | None = None
    inputs: Inputs | None = None

    def __post_init__(self) -> None:
        check_name("endpoint", self.name)


@dataclass(frozen=True, kw_only=True)
class Complete(Part):
    """When a window's labels are enough: that share of them (0 to 1), or that long after its end."""

    share: float | None = None
    after: Duration | None = field(default=None, metadata=DURATION)


@dataclass(frozen=True, kw_only=True)
class Reference(Part):
    """Past rows that drift is measured from."""

    start: Time = field(metadata={"key": "from", "write": moment})
    end: Time = field(metadata={"key": "to", "write": moment})


@dataclass(frozen=True, kw_only=True)
class Causes(Part):
    psi_over: float | None = None
    max: int | None = None


@dataclass(frozen=True, kw_only=True)
class ColumnDrift(Part):
    """How one column's drift, or that of predictions, is measured, and from what value on it counts: a distance, or a p value."""

    method: str | None = None
    threshold: float | None = None


@dataclass(frozen=True, kw_only=True)
class MultivariateDrift(Part):
    """How inputs are compared together, and beyond what score it counts; `columns` are all that can be compared unless said."""

    method: Literal["reconstruction_error", "domain_classifier", "mmd"]
    threshold: float | None = None
    columns: Sequence[str] = ()
    rows: int | None = None


@dataclass(frozen=True, kw_only=True)
class Embedding(Part):
    """Inputs that are the components of a vector, and how it is compared."""

    columns: Sequence[str]
    method: Literal["model", "distance", "ratio", "mmd"] | None = None
    threshold: float | None = None


@dataclass(frozen=True, kw_only=True)
class Drift(Part):
    """How drift is measured: the method of all columns ("slipway", "evidently", or one by its name), of some, of predictions, and of all together."""

    method: str | None = None
    threshold: float | None = None
    columns: Mapping[str, ColumnDrift] = field(default_factory=dict)
    prediction: ColumnDrift | None = None
    multivariate: MultivariateDrift | None = None
    embeddings: Mapping[str, Embedding] = field(default_factory=dict)
    associations: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Estimate(Part):
    """How performance is estimated before labels come: calibrated on a version's first `rows` labelled answers; from `threshold` on a score says 1."""

    rows: int | None = None
    threshold: float | None = None


@dataclass(frozen=True, kw_only=True)
class Slice(Part):
    """Rows for which an expression holds; their quality has metrics of its own."""

    name: str
    when: str


@dataclass(frozen=True, kw_only=True)
class Alert(Part):
    """Exactly one of `over`, `under` and `abs_over`, in the metric's unit; or `unusual`, the side of what the metric usually is on which a window

    stands out; then a bound beside it holds until that is learned. ValueError otherwise.
    """

    metric: str
    window: Literal["hour", "day", "week", "month"]
    slice: str | None = None
    input: str | None = None
    over: float | None = None
    under: float | None = None
    abs_over: float | None = None
    unusual: Literal["high", "low", "both"] | None = None
    min_rows: int | None = None
    action: str | Sequence[str] | None = None
    severity: Literal["critical", "warning", "info"] | None = None
    route: "Route | str | Sequence[Route | str] | None" = field(default=None, metadata={"write": lambda to: _route_names(to)})

    def __post_init__(self) -> None:
        bounds = sum(limit is not None for limit in (self.over, self.under, self.abs_over))
        if bounds > 1 or (bounds == 0 and self.unusual is None):
            raise ValueError("an alert needs exactly one of over, under and abs_over, or unusual")
        if self.unusual is not None and self.window == "hour":
            raise ValueError("what is usual is learned of days, weeks and months; of an hour say over, under or abs_over")


@dataclass(frozen=True, kw_only=True)
class AlarmBudget(Part):
    """How many false pages all monitors together may send. A page: an alert of one of these severities that goes to one of these routes."""

    false_pages: float
    per: Literal["day", "week", "month"] | None = None
    severity: str | Sequence[str] | None = None
    route: "Route | str | Sequence[Route | str] | None" = field(default=None, metadata={"write": lambda to: _route_names(to)})


@dataclass(frozen=True, kw_only=True)
class Detector(Part):
    """A detector over "prediction", "error" or "inputs.NAME", row by row; what isn't said is as the method has it."""

    method: str
    of: str
    delta: float | None = None
    clock: int | None = None
    max_buckets: int | None = None
    min_window_length: int | None = None
    grace_period: int | None = None
    min_instances: int | None = None
    threshold: float | None = None
    alpha: float | None = None
    mode: Literal["both", "up", "down"] | None = None
    window_size: int | None = None
    stat_size: int | None = None
    seed: int | None = None
    warm_start: int | None = None
    drift_threshold: float | None = None
    beta: float | None = None
    bound: float | None = None
    low: float | None = None
    high: float | None = None
    tightest_at: float | None = None
    action: str | Sequence[str] | None = None
    severity: Literal["critical", "warning", "info"] | None = None
    route: "Route | str | Sequence[Route | str] | None" = field(default=None, metadata={"write": lambda to: _route_names(to)})


@dataclass(frozen=True, kw_only=True)
class Route(Part):
    """Where alerts go: exactly one of a webhook (signed with a secret), Slack, Alertmanager and a mail. ValueError otherwise.

    A mail needs `sender` and `smtp`, the address of its server; without TLS only with `tls="none"`. Addresses, secret and password may be "${SLIPWAY_ROUTE_NAME}", a variable where the server runs.
    """

    name: str = field(metadata=NAME)
    webhook: str | None = None
    secret: str | None = None
    slack: str | None = None
    alertmanager: str | None = None
    email: str | Sequence[str] | None = None
    sender: str | None = field(default=None, metadata={"key": "from"})
    smtp: str | None = None
    user: str | None = None
    password: str | None = None
    tls: Literal["required", "none"] | None = None

    def __post_init__(self) -> None:
        check_name("route", self.name)
        if sum(place is not None for place in (self.webhook, self.slack, self.alertmanager, self.email)) != 1:
            raise ValueError(f"route {self.name}: exactly one of webhook, slack, alertmanager and email")
        if self.email and not (self.sender and self.smtp):
            raise ValueError(f"route {self.name}: a mail needs sender and smtp")


Notify = Mapping[str, Route | str | Sequence[Route | str]]


def routes_of(notify: Notify | None) -> list[Route | str]:
    """All of a pipeline's, whatever the occasion."""
    return [route for to in (notify or {}).values() for route in ([to] if isinstance(to, (Route, str)) else to)]


def _route_names(to: "Route | str | Sequence[Route | str]") -> str | list[str]:
    return name_of(to) if isinstance(to, (Route, str)) else [name_of(route) for route in to]


@dataclass(frozen=True, kw_only=True)
class Action(Part):
    """What an alert does, when its guards say so: start a pipeline, or `do` hold, rollback, fallback (to `model`) or incident.

    `confirmed`: windows in a row in which the alert fired. `cool_down`: at most once in that time. ValueError unless it is exactly one of them.
    """

    pipeline: "Pipeline | PipelineFunction[Any, Any] | str | None" = field(default=None, metadata=REFERENCE)
    params: Mapping[str, Any] = field(default_factory=dict)
    do: Literal["hold", "rollback", "fallback", "incident"] | None = None
    model: str | None = None
    confirmed: int | None = None
    min_labels: int | None = None
    cool_down: Duration | None = field(default=None, metadata=DURATION)
    max_missing_rise: float | None = None
    with_open_incident: Literal["refuse", "act"] | None = None

    def __post_init__(self) -> None:
        if (self.pipeline is None) == (self.do is None):
            raise ValueError("an action needs exactly one of pipeline and do")
        if (self.do == "fallback") != (self.model is not None):
            raise ValueError("a fallback needs a model, and nothing else has one")


@dataclass(frozen=True, kw_only=True)
class Maintenance(Part):
    """When alerts are quiet: every day or on some, at `start_at` ("02:00") for `length`; or once, from `start` to `end`. ValueError otherwise."""

    name: str = field(metadata=NAME)
    match: str | Sequence[str] = ()
    days: Sequence[str] = ()
    days_of_month: Sequence[int] = ()
    start_at: str | None = field(default=None, metadata={"key": "from"})
    length: Duration | None = field(default=None, metadata={"key": "for", **DURATION})
    time_zone: str | None = None
    start: Time | None = field(default=None, metadata={"write": moment})
    end: Time | None = field(default=None, metadata={"write": moment})
    why: str | None = None

    def __post_init__(self) -> None:
        check_name("maintenance window", self.name)
        if (self.start is not None and self.end is not None) == (self.start_at is not None and self.length is not None):
            raise ValueError(f"maintenance window {self.name}: either start and end, or start_at and length")


@dataclass(frozen=True, kw_only=True)
class Tag(Part):
    """Who may read columns with this tag as they are: members of the roles `readable_by`, and administrators. Others get a mask: nothing
    (hide), a pseudonym of texts (hash), or the value (none)."""

    name: str = field(metadata=NAME)
    mask: Literal["hide", "hash", "none"] | None = None
    readable_by: Sequence[str] = ()


@dataclass(frozen=True)
class Monitor(Part):
    """What is watched of an endpoint, in windows of event time."""

    name: str = field(metadata=NAME)
    endpoint: Endpoint | str = field(metadata=REFERENCE)
    windows: Sequence[Literal["hour", "day", "week", "month"]] = ()
    time_zone: str | None = None
    week_starts: str | None = None
    complete: Complete | None = None
    reference: Reference | None = None
    causes: Causes | None = None
    drift: Drift | None = None
    estimate: Estimate | None = None
    slices: Sequence[Slice | str] = ()
    datasets: Sequence[Dataset | str] = field(default=(), metadata=REFERENCES)
    alerts: Mapping[str, Alert] = field(default_factory=dict)
    detectors: Mapping[str, Detector] = field(default_factory=dict)
    actions: Mapping[str, Action] = field(default_factory=dict)
    problem: Literal["binary", "regression", "multiclass", "ranking"] | None = None
    classes: Sequence[str] = ()
    group: str | None = None

    def __post_init__(self) -> None:
        check_name("monitor", self.name)


@dataclass(frozen=True)
class Stream(Part):
    """Messages of a topic, kafka://HOST:PORT/TOPIC or log:/TOPIC: scored by an endpoint and answered on the topic `target`, or rows of a source of `features`."""

    name: str = field(metadata=NAME)
    source: str = field(metadata={"key": "from"})
    endpoint: Endpoint | str | None = field(default=None, metadata=REFERENCE)
    target: str | None = field(default=None, metadata={"key": "to"})
    features: Source | str | None = field(default=None, metadata=REFERENCE)
    dead_letters: str | None = None
    group: str | None = None
    format: Literal["json"] | None = None
    start: Literal["earliest", "latest"] | None = None
    batching: Batching | None = None

    def __post_init__(self) -> None:
        check_name("stream", self.name)
        if (self.endpoint is None) == (self.features is None):
            raise ValueError(f"stream {self.name}: either an endpoint scores its messages or a source of features takes them")
