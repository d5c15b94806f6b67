"""What one writes without a server made for models: the booster behind FastAPI, answering the same protocol.

Kept as quick as such code gets: the booster is called directly on a NumPy row, with one thread (a row is too little work to share),
and nothing is logged, validated by schema or monitored.  BENCH_MODEL names the model file.
"""
import os

import numpy as np
import xgboost
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

booster = xgboost.Booster(model_file=os.environ["BENCH_MODEL"])
booster.set_param({"nthread": 1})
names = booster.feature_names
app = FastAPI()


@app.post("/v2/models/bench/infer")
async def infer(request: Request) -> JSONResponse:
    body = await request.json()
    tensors = body["inputs"]
    if len(tensors) == 1:
        rows = np.array(tensors[0]["data"], dtype=np.float32).reshape(tensors[0]["shape"])
    else:
        columns = {tensor["name"]: tensor["data"] for tensor in tensors}
        rows = np.array([columns[name] for name in names], dtype=np.float32).T
    scores = booster.inplace_predict(rows, validate_features=False)
    return JSONResponse({"model_name": "bench", "model_version": "1", "id": body.get("id"), "outputs": [
        {"name": "score", "shape": [len(scores)], "datatype": "FP32", "data": scores.tolist()}]})


@app.get("/health")
async def health() -> dict:
    return {"status": "ok"}
