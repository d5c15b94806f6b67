"""The booster as a service of BentoML."""
import os

import bentoml
import numpy as np
import xgboost


@bentoml.service(workers=1)
class Bench:
    def __init__(self):
        self.booster = xgboost.Booster(model_file=os.environ["BENCH_MODEL"])
        self.booster.set_param({"nthread": 1})

    @bentoml.api
    def predict(self, rows: np.ndarray) -> np.ndarray:
        return self.booster.inplace_predict(rows.astype(np.float32), validate_features=False)
