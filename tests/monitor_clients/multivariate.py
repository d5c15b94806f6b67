"""multivariate.py REFERENCE.parquet CURRENT.parquet: what NannyML says of all columns together, as JSON on stdout.

{"reconstruction": {"reference": [...], "current": [...], "low", "high", "alerts": [...]}, "auc": x, "auc_alert": bool}: chunks by its defaults; the
classifier looks at the whole current side. Missing texts are NaN, which NannyML fills; Python's None it doesn't.
"""
import json
import os
import sys
import warnings

os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"
warnings.filterwarnings("ignore")

import lightgbm  # noqa: E402
import nannyml  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402


class Quiet:
    def info(self, message):
        pass

    warning = info


lightgbm.register_logger(Quiet())
reference, current = (frame.where(frame.notna(), np.nan) for frame in map(pd.read_parquet, sys.argv[1:3]))
columns = list(reference)
errors = nannyml.DataReconstructionDriftCalculator(column_names=columns)
errors.fit(reference.copy())
found = errors.calculate(current.copy()).to_df()
chunks = {period: rows["reconstruction_error"] for period, rows in found.groupby(("chunk", "period"))}
domains = nannyml.DomainClassifierCalculator(feature_column_names=columns, chunk_number=1)
domains.fit(reference.copy())
whole = domains.calculate(current.copy()).filter(period="analysis").to_df()["domain_classifier_auroc"]
json.dump({
    "reconstruction": {
        "reference": chunks["reference"]["value"].tolist(), "current": chunks["analysis"]["value"].tolist(),
        "low": float(chunks["analysis"]["lower_threshold"].iloc[0]), "high": float(chunks["analysis"]["upper_threshold"].iloc[0]),
        "alerts": chunks["analysis"]["alert"].tolist(),
    },
    "auc": float(whole["value"].iloc[0]), "auc_alert": bool(whole["alert"].iloc[0]),
}, sys.stdout)
