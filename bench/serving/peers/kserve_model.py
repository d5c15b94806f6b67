"""The booster as a model of KServe's server."""
import os

import kserve
import xgboost
from kserve.protocol.infer_type import InferOutput, InferResponse


class Bench(kserve.Model):
    def __init__(self):
        super().__init__("bench")
        self.booster = xgboost.Booster(model_file=os.environ["BENCH_MODEL"])
        self.booster.set_param({"nthread": 1})
        self.ready = True

    async def predict(self, payload, headers=None, response_headers=None):
        scores = self.booster.inplace_predict(payload.inputs[0].as_numpy(), validate_features=False)
        return InferResponse(payload.id or "none", self.name, [InferOutput("score", list(scores.shape), "FP32", scores.tolist())])


if __name__ == "__main__":
    kserve.ModelServer(workers=1).start([Bench()])
