"""embeddings.py REFERENCE.parquet CURRENT.parquet: what Evidently's embedding methods say of all columns, as JSON on stdout.

{METHOD: {"score", "drifted"}}: model, distance by each of its distances, ratio, mmd, at their defaults.
"""
import json
import os
import sys
import warnings

os.environ["DO_NOT_TRACK"] = "1"
warnings.filterwarnings("ignore")

import pandas as pd  # noqa: E402
from evidently.legacy.metrics.data_drift.embedding_drift_methods import distance, mmd, model, ratio  # noqa: E402

reference, current = map(pd.read_parquet, sys.argv[1:3])
methods = {"model": model(bootstrap=len(reference) < 1000), "ratio": ratio(), "mmd": mmd()}
methods |= {f"distance {name}": distance(dist=name) for name in ("euclidean", "cosine", "cityblock", "chebyshev")}
answers = {}
for name, method in methods.items():
    score, drifted, _ = method(current.copy(), reference.copy())
    answers[name] = {"score": float(score), "drifted": bool(drifted)}
json.dump(answers, sys.stdout)
