"""Makes small XGBoost models, inputs and XGBoost's own predictions: `python make_golden.py FOLDER` (xgboost-cpu 3.2.0, numpy, pandas).

Per model: NAME.json and NAME.ubj, and NAME.csv with the features (categories by name, empty for missing) and the predictions.
"""
import pathlib
import sys

import numpy as np
import pandas as pd
import xgboost

CASES = {
    "logistic": ({"objective": "binary:logistic", "max_depth": 4}, 2),
    "squared": ({"objective": "reg:squarederror", "max_depth": 5}, 0),
    "softprob": ({"objective": "multi:softprob", "num_class": 3, "max_depth": 3}, 3),
    "poisson": ({"objective": "count:poisson", "max_depth": 3}, 2),
    "dart": ({"objective": "binary:logistic", "booster": "dart", "rate_drop": 0.3, "max_depth": 3}, 2),
    "stump": ({"objective": "binary:logistic", "max_depth": 1, "base_score": 0.2}, 2),
}


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


if __name__ == "__main__":
    main()
