"""Makes small models, inputs and the libraries' own predictions: `python make_golden.py FOLDER`.

xgboost-cpu 3.2.0, lightgbm 4.6.0, onnx 1.23.2, onnxruntime 1.32.0, numpy, pandas. Per XGBoost model NAME.json and NAME.ubj, and NAME.csv with the
features (categories by name, empty for missing) and the predictions. Per LightGBM and ONNX model NAME.txt or NAME.onnx, and NAME.csv with numbers.
"""
import pathlib
import sys

import lightgbm
import numpy as np
import onnxruntime
import pandas as pd
import xgboost
from onnx import TensorProto, helper, numpy_helper

CASES = {
    "logistic": ({"objective": "binary:logistic", "max_depth": 4}, 2),
    "squared": ({"objective": "reg:squarederror", "max_depth": 5}, 0),
    "softprob": ({"objective": "multi:softprob", "num_class": 3, "max_depth": 3}, 3),
    "poisson": ({"objective": "count:poisson", "max_depth": 3}, 2),
    "dart": ({"objective": "binary:logistic", "booster": "dart", "rate_drop": 0.3, "max_depth": 3}, 2),
    "stump": ({"objective": "binary:logistic", "max_depth": 1, "base_score": 0.2}, 2),
}


LIGHTGBM = {
    "lightgbm_regression": ({"objective": "regression", "max_cat_to_onehot": 1, "cat_smooth": 1, "min_data_per_group": 1}, 0),
    "lightgbm_zero": ({"objective": "binary", "zero_as_missing": True, "sigmoid": 0.7}, 2),
    "lightgbm_multiclass": ({"objective": "multiclass", "num_class": 3, "use_missing": False}, 3),
    "lightgbm_forest": ({"objective": "regression", "boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5}, 0),
}


def numbers(rng: np.random.Generator, rows: int) -> np.ndarray:
    x = np.stack([rng.normal(size=rows), rng.exponential(size=rows) * 100, rng.integers(0, 40, rows), rng.integers(-1, 2, rows)], 1)
    x[rng.random(x.shape) < 0.1] = np.nan
    return x


def write_csv(file: pathlib.Path, rows: np.ndarray, answers: np.ndarray) -> None:
    answers = np.asarray(answers, float).reshape(len(rows), -1)
    lines = [",".join([f"x{i}" for i in range(rows.shape[1])] + [f"prediction_{i}" for i in range(answers.shape[1])])]
    lines += [",".join([repr(float(v)) for v in row] + [repr(float(v)) for v in answer]) for row, answer in zip(rows, answers)]
    file.write_text("\n".join(lines) + "\n")


def lightgbm_models(folder: pathlib.Path) -> None:
    rng = np.random.default_rng(11)
    x = numbers(rng, 400)
    score = np.nan_to_num(x[:, 0]) + (x[:, 2] % 3 == 1) - np.nan_to_num(x[:, 3])
    asked = x[:60].copy()
    asked[:12, 2] = [-1, -0.5, 40, 1e6, 1e12, -1e12, np.inf, -np.inf, 2.9, 1e-36, 0, np.nan]
    asked[12:18, 0] = [np.inf, -np.inf, 1e-36, -0.0, 5e-324, 1e300]
    for name, (params, classes) in LIGHTGBM.items():
        label = score if classes == 0 else pd.qcut(score, classes, labels=False)
        data = lightgbm.Dataset(x, label, categorical_feature=[2])
        booster = lightgbm.train({**params, "num_leaves": 12, "num_threads": 1, "min_data_in_leaf": 5, "verbose": -1}, data, 6)
        booster.save_model(folder / f"{name}.txt")
        write_csv(folder / f"{name}.csv", asked, booster.predict(asked))


def save_onnx(folder: pathlib.Path, name: str, node, version: int, asked: np.ndarray) -> None:
    outputs = [helper.make_tensor_value_info(o, TensorProto.INT64 if o == "label" else TensorProto.FLOAT, None) for o in node.output]
    graph = helper.make_graph([node], name, [helper.make_tensor_value_info("X", TensorProto.FLOAT, [None, asked.shape[1]])], outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15), helper.make_opsetid("ai.onnx.ml", version)], ir_version=8)
    (folder / f"{name}.onnx").write_bytes(model.SerializeToString())
    answers = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"X": asked})
    write_csv(folder / f"{name}.csv", asked, np.concatenate([answers[-1].reshape(len(asked), -1)] + [a.reshape(-1, 1) for a in answers[:-1]], 1))


def onnx_models(folder: pathlib.Path) -> None:
    asked = numbers(np.random.default_rng(13), 60).astype(np.float32)
    asked[:6, 0] = [0.5, -0.25, np.inf, -np.inf, -0.0, 1e-40]
    # One tree, every mode of a node once, and a stump.
    modes = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"] + ["LEAF"] * 7 + ["BRANCH_LEQ", "LEAF", "LEAF"]
    nodes = {"nodes_treeids": [0] * 13 + [1] * 3, "nodes_nodeids": list(range(13)) + [0, 1, 2], "nodes_modes": modes,
             "nodes_featureids": [0, 1, 2, 0, 3, 2] + [0] * 7 + [0, 0, 0], "nodes_values": [0.5, 80.0, 20.0, -0.25, 1.0, 7.0] + [0.0] * 7 + [0.0, 0.0, 0.0],
             "nodes_truenodeids": [1, 3, 5, 7, 9, 11] + [0] * 7 + [1, 0, 0], "nodes_falsenodeids": [2, 4, 6, 8, 10, 12] + [0] * 7 + [2, 0, 0],
             "nodes_missing_value_tracks_true": [0, 1, 0, 1, 1, 0] + [0] * 7 + [1, 0, 0]}
    leaves = [(0, n) for n in range(6, 13)] + [(1, 1), (1, 2)]
    for name, weights, extra in (("onnx_positive", [0.1, 0.2, 0.3, 0.4, 0.5, 0.05, 0.45, 0.3, 0.1], {}),
                                 ("onnx_mixed", [0.1, -0.2, 0.3, -0.4, 0.5, -0.6, 0.7, 0.3, -0.1], {"post_transform": "LOGISTIC", "base_values": [0.2]})):
        save_onnx(folder, name, helper.make_node("TreeEnsembleClassifier", ["X"], ["label", "Y"], domain="ai.onnx.ml", classlabels_int64s=[0, 1],
                  class_treeids=[t for t, _ in leaves], class_nodeids=[n for _, n in leaves], class_ids=[0] * len(leaves), class_weights=weights, **nodes, **extra), 3, asked)
    for function in ("SUM", "AVERAGE", "MIN", "MAX"):
        save_onnx(folder, f"onnx_{function.lower()}", helper.make_node("TreeEnsembleRegressor", ["X"], ["Y"], domain="ai.onnx.ml", n_targets=2, aggregate_function=function,
                  base_values=[0.25, -1.0], target_treeids=[t for t, _ in leaves for _ in range(2)], target_nodeids=[n for _, n in leaves for _ in range(2)],
                  target_ids=[0, 1] * len(leaves), target_weights=[round(0.37 * i % 3 - 1, 3) for i in range(2 * len(leaves))], **nodes), 3, asked)
    save_onnx(folder, "onnx_sets", helper.make_node(
        "TreeEnsemble", ["X"], ["Y"], domain="ai.onnx.ml", n_targets=1, aggregate_function=1, post_transform=0, tree_roots=[0],
        nodes_modes=numpy_helper.from_array(np.array([6, 0, 6], np.uint8)), nodes_splits=numpy_helper.from_array(np.array([0, 0.5, 0], np.float32)),
        nodes_featureids=[2, 0, 2], nodes_truenodeids=[1, 0, 2], nodes_trueleafs=[0, 1, 1], nodes_falsenodeids=[2, 1, 3], nodes_falseleafs=[0, 1, 1],
        nodes_missing_value_tracks_true=[0, 1, 1], leaf_targetids=[0, 0, 0, 0], leaf_weights=numpy_helper.from_array(np.array([1, 2, 3, 4], np.float32)),
        membership_values=numpy_helper.from_array(np.array([3, 5, 8, 13, 21, np.nan, 1, 2, np.nan], np.float32))), 5, asked)


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    rng = np.random.default_rng(7)
    rows = 400
    frame = pd.DataFrame({"a": rng.normal(size=rows), "b": rng.exponential(size=rows) * 100, "c": pd.Categorical(rng.choice(["x", "ys", "zurich", "w"], rows)),
                          "d": rng.integers(0, 5, rows).astype(float), "e": pd.Categorical(rng.choice([f"k{i}" for i in range(90)], rows))})
    frame.loc[rng.random(rows) < 0.2, "a"] = np.nan
    frame.loc[rng.random(rows) < 0.1, "c"] = None
    score = frame.a.fillna(1) + (frame.c == "ys") * 2 - frame.d / 3 + (frame.e.cat.codes % 3)
    for name, (params, classes) in CASES.items():
        label = score if classes == 0 else pd.qcut(score, classes, labels=False)
        booster = xgboost.train({**params, "seed": 1, "nthread": 1, "max_cat_to_onehot": 2}, xgboost.DMatrix(frame, label, enable_categorical=True), 12)
        booster.save_model(folder / f"{name}.json")
        booster.save_model(folder / f"{name}.ubj")
        prediction = booster.predict(xgboost.DMatrix(frame, enable_categorical=True)).reshape(rows, -1)
        out = frame.astype({"c": object, "e": object}).head(120)
        for i in range(prediction.shape[1]):
            out[f"prediction_{i}"] = [repr(float(p)) for p in prediction[:120, i]]
        out.to_csv(folder / f"{name}.csv", index=False)
    lightgbm_models(folder)
    onnx_models(folder)


if __name__ == "__main__":
    main()
