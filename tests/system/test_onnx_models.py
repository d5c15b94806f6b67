"""ONNX models behind endpoints: what scikit-learn's pipelines become answers as ONNX Runtime does, without it; what only ONNX Runtime can run runs in it."""
import os
import pathlib
import re
import subprocess

import mlflow
import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pyarrow.parquet
import pytest
import requests
import tritonclient.http
from conftest import BINARY, Server
from mlflow.models import infer_signature
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, Int64TensorType, StringTensorType
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    VotingRegressor,
)
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Lasso, LinearRegression, LogisticRegression, PoissonRegressor, Ridge, RidgeClassifier, SGDClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import BernoulliNB, GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import (
    Binarizer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)
from sklearn.svm import SVC, SVR, LinearSVC
from test_serve import serving

NOWHERE = "/there/is/no/library"
LIBRARY = str(pathlib.Path(onnxruntime.__file__).parent / "capi")  # the wheel's own
onnxruntime.set_default_logger_severity(4)

random = np.random.default_rng(0)
NUMBERS = random.normal(size=(200, 5)).astype(np.float32)
YES = (NUMBERS[:, 0] + NUMBERS[:, 1] * NUMBERS[:, 2] > 0).astype(int)
WORDS = np.array(["lo", "mid", "hi"])[np.digitize(NUMBERS[:, 0], [-0.5, 0.5])]
AMOUNT = NUMBERS @ np.arange(5) + 1
TABLE = pd.DataFrame({
    "age": random.normal(40, 10, 200), "fare": random.exponential(20, 200), "sex": random.choice(["m", "f"], 200),
    "port": random.choice(["S", "C", "Q"], 200), "class": random.integers(1, 4, 200)})
TABLE.loc[::9, "age"] = np.nan
TYPES = {"age": FloatTensorType, "fare": FloatTensorType, "sex": StringTensorType, "port": StringTensorType, "class": Int64TensorType}
COLUMNS = [(name, kind([None, 1])) for name, kind in TYPES.items()]


def columns(encoder, model):
    return make_pipeline(ColumnTransformer([
        ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), ["age", "fare"]),
        ("texts", encoder, ["sex", "port"]),
        ("codes", OneHotEncoder(handle_unknown="ignore"), ["class"])]), model)


IGNORE = {"handle_unknown": "ignore"}
OF_NUMBERS = {  # of one input with a row of five: model, what it learns
    "LogisticRegression": (LogisticRegression(), YES), "LogisticRegression, 3 classes": (LogisticRegression(), WORDS),
    "RidgeClassifier": (RidgeClassifier(), YES), "SGDClassifier": (SGDClassifier(loss="log_loss"), WORDS),
    "LinearSVC": (LinearSVC(), WORDS), "LinearDiscriminantAnalysis": (LinearDiscriminantAnalysis(), WORDS),
    "LinearRegression": (LinearRegression(), AMOUNT), "several targets": (LinearRegression(), NUMBERS[:, :2] * 2),
    "Ridge": (Ridge(), AMOUNT), "Lasso": (Lasso(), AMOUNT), "PoissonRegressor": (PoissonRegressor(), np.abs(AMOUNT)),
    "RandomForestClassifier": (RandomForestClassifier(10), YES), "RandomForestClassifier, 3 classes": (RandomForestClassifier(10), WORDS),
    "ExtraTreesClassifier": (ExtraTreesClassifier(5), YES), "GradientBoostingClassifier": (GradientBoostingClassifier(n_estimators=10), YES),
    "GradientBoostingClassifier, 3 classes": (GradientBoostingClassifier(n_estimators=10), WORDS),
    "HistGradientBoostingClassifier": (HistGradientBoostingClassifier(max_iter=10), YES),
    "HistGradientBoostingClassifier, 3 classes": (HistGradientBoostingClassifier(max_iter=10), WORDS),
    "HistGradientBoostingRegressor": (HistGradientBoostingRegressor(max_iter=10), AMOUNT),
    "RandomForestRegressor": (RandomForestRegressor(10), AMOUNT), "GradientBoostingRegressor": (GradientBoostingRegressor(n_estimators=10), AMOUNT),
    "AdaBoostClassifier": (AdaBoostClassifier(n_estimators=5), WORDS), "BaggingClassifier": (BaggingClassifier(n_estimators=3), YES),
    "StackingClassifier": (StackingClassifier([("a", LogisticRegression()), ("b", RandomForestClassifier(3))]), WORDS),
    "VotingRegressor": (VotingRegressor([("a", LinearRegression()), ("b", Ridge())]), AMOUNT),
    "OneVsRestClassifier": (OneVsRestClassifier(LogisticRegression()), WORDS), "CalibratedClassifierCV": (CalibratedClassifierCV(LogisticRegression()), WORDS),
    "MLPClassifier": (MLPClassifier(max_iter=20), WORDS), "MLPClassifier, 2 classes": (MLPClassifier((8, 8), activation="tanh", max_iter=20), YES),
    "MLPRegressor": (MLPRegressor(max_iter=20), AMOUNT), "GaussianNB": (GaussianNB(), WORDS), "BernoulliNB": (BernoulliNB(), YES),
    "SVC": (SVC(probability=True), YES), "SVC, 3 classes": (SVC(probability=True), WORDS), "SVC without probabilities": (SVC(), YES),
    "SVC, linear": (SVC(kernel="linear"), WORDS), "SVC, polynomial": (SVC(kernel="poly", probability=True), WORDS), "SVR": (SVR(), AMOUNT),
    "KMeans": (KMeans(3), YES),
} | {
    name: (make_pipeline(step, LogisticRegression()), YES) for name, step in {
        "StandardScaler": StandardScaler(), "MinMaxScaler": MinMaxScaler(clip=True), "MaxAbsScaler": MaxAbsScaler(), "RobustScaler": RobustScaler(),
        "Normalizer": Normalizer(), "Normalizer, l1": Normalizer("l1"), "Normalizer, max": Normalizer("max"), "Binarizer": Binarizer(), "PCA": PCA(3),
        "TruncatedSVD": TruncatedSVD(3), "KBinsDiscretizer": KBinsDiscretizer(4, encode="ordinal", quantile_method="averaged_inverted_cdf"),
        "PolynomialFeatures": PolynomialFeatures(2), "PowerTransformer": PowerTransformer(), "SelectKBest": SelectKBest(k=3),
        "FeatureUnion": make_union(StandardScaler(), PCA(2))}.items()}
OF_COLUMNS = {  # of an input for each column, numbers, texts and codes
    "OneHotEncoder": columns(OneHotEncoder(**IGNORE), LogisticRegression()),
    "OneHotEncoder that drops": columns(OneHotEncoder(drop="first"), RandomForestClassifier(5)),
    "OneHotEncoder of what is frequent": columns(OneHotEncoder(max_categories=2, handle_unknown="infrequent_if_exist"), LogisticRegression()),
    "OrdinalEncoder": columns(OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), GradientBoostingClassifier(n_estimators=5)),
    "SimpleImputer of texts": columns(make_pipeline(SimpleImputer(strategy="most_frequent", missing_values=""), OneHotEncoder(**IGNORE)), LogisticRegression()),
    "TargetEncoder": columns(TargetEncoder(), LogisticRegression()),
    "MLPClassifier behind columns": columns(OneHotEncoder(**IGNORE), MLPClassifier(max_iter=20)),
}
ONNX_TYPES = {"tensor(float)": ("FP32", np.float32), "tensor(double)": ("FP64", np.float64), "tensor(int64)": ("INT64", np.int64), "tensor(string)": ("BYTES", object)}


@pytest.fixture(scope="module", autouse=True)
def plain_attributes():
    """skl2onnx gives arrays and booleans where this onnx wants lists and numbers (HistGradientBoosting)."""
    make = helper.make_attribute

    def make_plain(key, value, *rest, **named):
        if isinstance(value, np.ndarray):
            value = value.tolist()
        if isinstance(value, list) and any(isinstance(v, (bool, np.bool_)) for v in value):
            value = [int(v) for v in value]
        return make(key, value, *rest, **named)

    helper.make_attribute = make_plain
    yield
    helper.make_attribute = make


def runtime_answers(model, feed):
    """Names and answers of ONNX Runtime; a list of maps as a matrix, one row as flat."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    answers = {}
    for output, values in zip(session.get_outputs(), session.run(None, feed)):
        values = pd.DataFrame(values).to_numpy() if isinstance(values, list) else values
        answers[output.name] = np.asarray(values).reshape(len(next(iter(feed.values()))), -1)
    return answers


def infer(url, inputs, name="model"):
    reply = requests.post(f"{url}/v2/models/{name}/infer", json={"inputs": inputs}, timeout=30)
    assert reply.status_code == 200, reply.text
    return {output["name"]: output for output in reply.json()["outputs"]}


def as_inputs(feed, rows):
    kinds = {np.dtype(kind): name for name, kind in ONNX_TYPES.values()}
    inputs = []
    for name, values in feed.items():
        data = [None if value != value else value for value in values[rows].ravel().tolist()]
        inputs.append({"name": name, "shape": list(values[rows].shape), "datatype": kinds[values.dtype], "data": data})
    return inputs


def check_answers(got, want, rows, rtol=2e-5):
    assert list(got) == list(want)
    for name, right in want.items():
        right = right[rows]
        values = np.array([np.nan if value is None else value for value in got[name]["data"]], dtype=right.dtype).reshape(right.shape)
        if right.dtype.kind == "f":
            np.testing.assert_allclose(values, right, rtol=rtol, atol=2e-6, err_msg=name)
        else:
            assert values.tolist() == right.tolist(), name


def check_served(file, feed, library=NOWHERE, platform="slipway_onnx"):
    """One row, another, and all of them."""
    want = runtime_answers(str(file), feed)
    with serving(file, SLIPWAY_ONNXRUNTIME_LIBRARY=library) as url:
        assert requests.get(url + "/v2/models/model").json()["platform"] == platform
        for rows in (slice(0, 1), slice(7, 8), slice(None)):
            check_answers(infer(url, as_inputs(feed, rows)), want, rows)


def save(folder, fitted, types, **options):
    model = convert_sklearn(fitted, initial_types=types, **options)
    file = folder / "model.onnx"
    file.write_bytes(model.SerializeToString())
    return file


def table_feed(table=TABLE):
    return {name: table[[name]].to_numpy({"age": np.float32, "fare": np.float32, "class": np.int64}.get(name, object)) for name in table}


@pytest.mark.parametrize("name", OF_NUMBERS)
def test_models_of_numbers(name, tmp_path):
    model, target = OF_NUMBERS[name]
    check_served(save(tmp_path, model.fit(NUMBERS, target), [("float_input", FloatTensorType([None, 5]))]), {"float_input": NUMBERS})


@pytest.mark.parametrize("name", OF_COLUMNS)
def test_pipelines_of_columns(name, tmp_path):
    model = OF_COLUMNS[name].fit(TABLE, YES if name == "TargetEncoder" else WORDS)
    odd = TABLE.copy()
    if "drops" not in name and "frequent" not in name:  # these refuse what they do not know
        odd.loc[3, "port"], odd.loc[4, "sex"], odd.loc[5, "class"] = "another", "", 77
    check_served(save(tmp_path, model, COLUMNS), table_feed(odd))


@pytest.mark.parametrize("zipmap", [False, "columns"])
def test_probabilities_as_matrix_and_columns(zipmap, tmp_path):
    model = OF_COLUMNS["OneHotEncoder"].fit(TABLE, WORDS)
    check_served(save(tmp_path, model, COLUMNS, options={"zipmap": zipmap}), table_feed())


def test_doubles_and_integers(tmp_path):
    forest = make_pipeline(StandardScaler(), RandomForestClassifier(5)).fit(NUMBERS, YES)
    check_served(save(tmp_path, forest, [("x", DoubleTensorType([None, 5]))]), {"x": NUMBERS.astype(np.float64)})
    codes = (NUMBERS * 10).astype(np.int64)
    check_served(save(tmp_path, make_pipeline(StandardScaler(), LogisticRegression()).fit(codes, YES), [("x", Int64TensorType([None, 5]))]), {"x": codes})


def test_what_a_model_can_not_take(tmp_path):
    model = columns(OneHotEncoder(), LogisticRegression()).fit(TABLE, YES)
    feed = table_feed(TABLE.head(3).assign(port="Z"))
    with serving(save(tmp_path, model, COLUMNS), SLIPWAY_ONNXRUNTIME_LIBRARY=NOWHERE) as url:
        unknown = requests.post(url + "/v2/models/model/infer", json={"inputs": as_inputs(feed, slice(0, 1))})
        assert unknown.status_code == 400 and "does not know this category: Z" in unknown.text
        wide = [{"name": name, "shape": [1, 2], "datatype": "FP32", "data": [1, 2]} for name in TABLE]
        assert requests.post(url + "/v2/models/model/infer", json={"inputs": wide}).status_code == 400
        missing = as_inputs(table_feed(), slice(0, 1))
        missing[4]["data"] = [None]
        nothing = requests.post(url + "/v2/models/model/infer", json={"inputs": missing})
        assert nothing.status_code == 400 and "whole number: input=class" in nothing.text


def test_neighbours_need_onnx_runtime(tmp_path):
    model = KNeighborsClassifier().fit(NUMBERS, WORDS)
    file = save(tmp_path, model, [("float_input", FloatTensorType([None, 5]))])
    refused = subprocess.run([BINARY, "serve", file], env={**os.environ, "SLIPWAY_ONNXRUNTIME_LIBRARY": NOWHERE}, capture_output=True, text=True, timeout=60)
    assert refused.returncode != 0
    assert re.search("the operator Scan is not known here, and ONNX Runtime can't be loaded: path=" + NOWHERE, refused.stderr), refused.stderr
    check_served(file, {"float_input": NUMBERS}, LIBRARY, "onnxruntime_onnx")


def test_a_network_in_onnx_runtime(tmp_path):
    """Pictures in, a convolution, scores out; tensors of several dimensions."""
    weights = numpy_helper.from_array(random.normal(size=(4, 1, 3, 3)).astype(np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("Conv", ["picture", "w"], ["maps"], kernel_shape=[3, 3]), helper.make_node("Relu", ["maps"], ["scores"])], "picture",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, ["n", 1, 8, 8])], [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 4, 6, 6])], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "model.onnx")
    pictures = random.normal(size=(3, 1, 8, 8)).astype(np.float32)
    with serving(tmp_path / "model.onnx", "--onnxruntime-library", LIBRARY) as url:
        got = infer(url, as_inputs({"picture": pictures}, slice(None)))["scores"]
        assert got["shape"] == [3, 4, 6, 6]
        right = onnxruntime.InferenceSession(str(tmp_path / "model.onnx")).run(None, {"picture": pictures})[0]
        np.testing.assert_allclose(np.array(got["data"]).reshape(right.shape), right, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("rows", ["n", 1])  # one row at a time, too
def test_half_precision_in_onnx_runtime(rows, tmp_path):
    """A column and a tensor of FP16 in, both ways of an answer out; columns come as other numbers, too."""
    graph = helper.make_graph(
        [helper.make_node("Mul", ["x", "by"], ["wide"]), helper.make_node("Add", ["by", "by"], ["twice"])], "half",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT16, [rows, 3]), helper.make_tensor_value_info("by", TensorProto.FLOAT16, [rows, 1])],
        [helper.make_tensor_value_info("wide", TensorProto.FLOAT16, [rows, 3]), helper.make_tensor_value_info("twice", TensorProto.FLOAT16, [rows, 1])])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "model.onnx")
    x, by = np.array([[0.1, -2, 60000], [1e-7, 3, 0]], np.float16), np.array([[1], [0.3]], np.float16)
    want = {"wide": x * by, "twice": by + by}
    with serving(tmp_path / "model.onnx", "--onnxruntime-library", LIBRARY) as url:
        for datatype in ("FP16", "FP32", "FP64"):
            got = infer(url, [{"name": "x", "shape": [2, 3], "datatype": "FP16", "data": x.ravel().tolist()},
                              {"name": "by", "shape": [2], "datatype": datatype, "data": by.ravel().tolist()}])
            for name, right in want.items():
                assert got[name]["datatype"] == "FP16"
                assert np.array(got[name]["data"], np.float16).tolist() == right.ravel().tolist(), (datatype, name)
        client = tritonclient.http.InferenceServerClient(url.removeprefix("http://"))
        inputs = [tritonclient.http.InferInput(name, values.shape, "FP16") for name, values in (("x", x), ("by", by))]
        inputs[0].set_data_from_numpy(x)
        inputs[1].set_data_from_numpy(by)
        answer = client.infer("model", inputs)
        for name, right in want.items():
            assert answer.as_numpy(name).dtype == np.float16 and answer.as_numpy(name).ravel().tolist() == right.ravel().tolist()


def test_rows_with_answers_of_several_shapes_are_refused(tmp_path):
    """The graph takes one row at a time, and gives the values of it that are positive."""
    graph = helper.make_graph(
        [helper.make_node("Greater", ["x", "zero"], ["are"]), helper.make_node("Reshape", ["are", "flat"], ["which"]),
         helper.make_node("Compress", ["x", "which"], ["y"], axis=1)], "positive",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])], [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, "n"])],
        [numpy_helper.from_array(np.float32(0), "zero"), numpy_helper.from_array(np.array([-1]), "flat")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "model.onnx")
    with serving(tmp_path / "model.onnx", "--onnxruntime-library", LIBRARY) as url:
        assert infer(url, [{"name": "x", "shape": [2, 4], "datatype": "FP32", "data": [1, -2, 3, -4, -1, 2, -3, 4]}])["y"]["data"] == [1, 3, 2, 4]
        body = {"inputs": [{"name": "x", "shape": [2, 4], "datatype": "FP32", "data": [1, -2, -3, -4, 1, 2, 3, 4]}]}
        refused = requests.post(url + "/v2/models/model/infer", json=body)
        assert refused.status_code == 400 and "output y has another shape in row 1" in refused.text, refused.text


YAML = """
project: onnx
clock: wall
endpoints:
  rows: {model: "models:/rows@champion"}
  columns: {model: "models:/columns@champion"}
  network: {model: "models:/network@champion"}
  neighbours: {model: "models:/neighbours@champion"}
"""


def log(name, fitted, types, example, **options):
    model = convert_sklearn(fitted, initial_types=types, options={"zipmap": False} if hasattr(fitted, "predict_proba") else None, **options)
    info = mlflow.onnx.log_model(model, name=name, registered_model_name=name, signature=infer_signature(example))
    mlflow.MlflowClient().set_registered_model_alias(name, "champion", 1)
    return info


@pytest.fixture(scope="module")
def server(request, tmp_path_factory):
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    running = Server(tmp_path_factory.mktemp("server") / "data", "--python-models", "off", "--onnxruntime-library", LIBRARY)
    request.addfinalizer(running.stop)
    mlflow.set_tracking_uri(running.url)
    mlflow.set_experiment("onnx")
    frame = pd.DataFrame(NUMBERS, columns=list("abcde"))
    rows = [("float_input", FloatTensorType([None, 5]))]
    running.models = {}
    with mlflow.start_run():
        running.models["rows"] = log("rows", make_pipeline(StandardScaler(), GradientBoostingRegressor(n_estimators=5)).fit(NUMBERS, AMOUNT), rows, frame)
        running.models["columns"] = log("columns", OF_COLUMNS["OneHotEncoder"].fit(TABLE, YES), COLUMNS, TABLE)
        # Its weights are large enough that MLflow puts them in a file beside the graph.
        running.models["network"] = log("network", MLPClassifier((64, 64), max_iter=20).fit(NUMBERS, WORDS), rows, NUMBERS)
        running.models["neighbours"] = log("neighbours", KNeighborsClassifier().fit(NUMBERS, WORDS), rows, NUMBERS)
    file = tmp_path_factory.mktemp("project") / "slipway.yaml"
    file.write_text(YAML)
    running.cli("apply", str(file))
    return running


def invoke(server, name, body):
    reply = requests.post(f"{server.url}/endpoints/{name}/invocations", json=body, timeout=30)
    assert reply.status_code == 200, reply.text
    return reply.json()["predictions"]


def test_logged_models_answer_as_mlflow_does(server):
    """The client's own pyfunc and the endpoint, from one frame: named columns become the one input of the graph."""
    frame = pd.DataFrame(NUMBERS[:20], columns=list("abcde"))
    right = mlflow.pyfunc.load_model(server.models["rows"].model_uri).predict(frame)
    for body in ({"dataframe_split": frame.to_dict("split")}, {"dataframe_records": frame[list("edcba")].to_dict("records")}):
        assert invoke(server, "rows", body) == pytest.approx(right["variable"].tolist(), rel=1e-5)
    assert invoke(server, "rows", {"instances": NUMBERS[:2].tolist()}) == pytest.approx(right["variable"][:2].tolist(), rel=1e-5)
    got = infer(server.url, [{"name": "a matrix", "shape": [20, 5], "datatype": "FP32", "data": NUMBERS[:20].tolist()}], "rows")
    assert got["prediction"]["data"] == pytest.approx(right["variable"].tolist(), rel=1e-5)


def test_columns_of_several_types(server):
    got = invoke(server, "columns", {"dataframe_split": TABLE.fillna({"age": 40.0}).head(9).to_dict("split")})
    model = mlflow.onnx.load_model(server.models["columns"].model_uri).SerializeToString()
    want = runtime_answers(model, table_feed(TABLE.fillna({"age": 40.0}).head(9)))
    assert [row["label"] for row in got] == want["label"].ravel().tolist()
    np.testing.assert_allclose([row["probabilities"] for row in got], want["probabilities"], rtol=1e-5)


def test_weights_in_another_file(server):
    folder = pathlib.Path(mlflow.artifacts.download_artifacts(server.models["network"].model_uri))
    assert len([file for file in folder.iterdir() if file.stat().st_size > 10_000]) == 1  # the graph itself is small
    want = mlflow.pyfunc.load_model(server.models["network"].model_uri).predict(NUMBERS)
    got = invoke(server, "network", {"inputs": NUMBERS[:20].tolist()})
    assert [row["label"] for row in got] == want["label"][:20].tolist()
    np.testing.assert_allclose([row["probabilities"] for row in got], want["probabilities"][:20], rtol=2e-5, atol=1e-6)
    assert requests.get(server.url + "/v2/models/network").json()["platform"] == "slipway_onnx"


def test_a_logged_model_in_onnx_runtime(server):
    assert requests.get(server.url + "/v2/models/neighbours").json()["platform"] == "onnxruntime_onnx"
    got = invoke(server, "neighbours", {"inputs": NUMBERS[:20].tolist()})
    right = mlflow.pyfunc.load_model(server.models["neighbours"].model_uri).predict(NUMBERS[:20])
    assert [row["label"] for row in got] == right["label"].tolist()


def test_scoring_files(server, tmp_path):
    frame = pd.DataFrame(NUMBERS, columns=list("abcde"))
    frame.to_parquet(tmp_path / "in.parquet")
    server.cli("batch", "score", "models:/rows/1", "--in", str(tmp_path / "in.parquet"), "--out", str(tmp_path / "rows"))
    right = mlflow.pyfunc.load_model(server.models["rows"].model_uri).predict(frame)
    np.testing.assert_allclose(pyarrow.parquet.read_table(tmp_path / "rows").to_pandas()["variable"], right["variable"], rtol=1e-5)


def test_scoring_files_in_onnx_runtime(server, tmp_path):
    TABLE.to_parquet(tmp_path / "in.parquet")
    model = make_pipeline(ColumnTransformer([("numbers", SimpleImputer(), ["age", "fare"])]), KNeighborsClassifier()).fit(TABLE, WORDS)
    file = save(tmp_path, model, COLUMNS[:2])
    server.cli("batch", "score", str(file), "--in", str(tmp_path / "in.parquet"), "--out", str(tmp_path / "out"), "--onnxruntime-library", LIBRARY)
    want = runtime_answers(str(file), table_feed(TABLE[["age", "fare"]]))["output_label"].ravel()
    assert pyarrow.parquet.read_table(tmp_path / "out").to_pandas()["output_label"].tolist() == want.tolist()
