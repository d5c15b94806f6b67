"""Slipway from Python: definitions that render to slipway.yaml, and a client for rows, features and training sets.

    import slipway as sw

    client = sw.Client("http://127.0.0.1:5000")
    features = client.online("ride", [{"driver": 1001, "dist": 3.5}], kind="pandas")
"""
from slipway import agg
from slipway.agg import Aggregate
from slipway.client import Change, Client, ServiceVersion, Snapshot, service_version
from slipway.drift import DriftReport, drift_report
from slipway.errors import (AlreadyExists, Conflict, Corruption, DeadlineExceeded, FailedPrecondition, Internal, InvalidArgument, NotFound,
                            PermissionDenied, ResourceExhausted, SlipwayError, StorageFull, Unauthenticated, Unavailable)
from slipway.features import Checks, Column, Csv, Dataset, Entity, FeatureReference, OnDemandView, Postgres, RowCount, Service, Source, View, request
from slipway.notebook import ColumnProfile, Profile, profile
from slipway.operations import (Action, AlarmBudget, Alert, Async, Batching, Causes, Choices, ColumnDrift, Complete, DataTrigger, Detector, Drift, Embedding, Endpoint, Estimate,
                                Guard, Input, Inputs, Maintenance, Monitor, MultivariateDrift, Pipeline, PythonWorkers, Quality, Range, Reference, Release, RequestLog, Resources, Retry, Route, Schedule, Search, Slice, Step, StopEarly, Stream, Tag, Toleration, WaitFor)
from slipway.pipelines import NOW, PipelineFunction, pipeline
from slipway.project import Project
from slipway.placeholders import Condition, PipelineError, each, rows, run_state
from slipway.steps import Refused, StepFunction, out, step
from slipway.trace import add_step, when
from slipway.values import File, Folder, Model

__version__ = "0.1.0"
__all__ = [
    "Action", "Aggregate", "AlarmBudget", "Alert", "AlreadyExists", "Async", "Batching", "Causes", "Change", "Checks", "Choices", "Client", "Column",
    "ColumnDrift", "ColumnProfile", "Complete", "Condition", "Conflict", "Corruption", "Csv", "DataTrigger", "Dataset", "DeadlineExceeded",
    "Detector", "Drift", "DriftReport", "Embedding", "Endpoint", "Entity", "Estimate", "FailedPrecondition", "FeatureReference", "File", "Folder",
    "Guard", "Input", "Inputs", "Internal", "InvalidArgument", "Maintenance", "Model", "Monitor", "MultivariateDrift", "NOW", "NotFound", "OnDemandView",
    "PermissionDenied", "Pipeline", "PipelineError", "PipelineFunction", "Postgres", "Profile", "Project", "PythonWorkers", "Quality", "Range",
    "Reference", "Refused", "Release", "RequestLog", "ResourceExhausted", "Resources", "Retry", "Route", "RowCount", "Schedule", "Search", "Service", "ServiceVersion", "Slice", "SlipwayError",
    "Snapshot", "Source", "Step", "StepFunction", "StopEarly", "StorageFull", "Stream", "Tag", "Toleration", "Unauthenticated", "Unavailable", "View", "WaitFor", "add_step", "agg",
    "drift_report", "each", "out", "pipeline", "profile", "request", "rows", "run_state", "service_version", "step", "when",
]
