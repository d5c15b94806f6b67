"""The booster as a model of MLServer; settings come as MLSERVER_* variables."""
import os

import xgboost
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse


class Bench(MLModel):
    async def load(self) -> bool:
        self.booster = xgboost.Booster(model_file=os.environ["BENCH_MODEL"])
        self.booster.set_param({"nthread": 1})
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        rows = NumpyCodec.decode_input(payload.inputs[0])
        scores = self.booster.inplace_predict(rows, validate_features=False)
        return InferenceResponse(model_name=self.name, outputs=[NumpyCodec.encode_output("score", scores)])
