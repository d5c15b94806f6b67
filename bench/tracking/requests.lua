-- The calls that training makes again and again, each with its own points; the figures come out as one line of JSON. Bodies are built
-- before the load begins: a request puts a run's id in front of one of them.
--
-- BENCH_KIND: log_metric, log_batch_few (10 keys x 100 steps), log_batch_many (1,000 keys), log_batch_12k (12,000 keys, a thousand of them
-- a batch), create_run. BENCH_RUNS: ids of runs, with commas.
local kind = assert(os.getenv("BENCH_KIND"), "BENCH_KIND names no kind")
local path = ({log_metric = "/api/2.0/mlflow/runs/log-metric", create_run = "/api/2.0/mlflow/runs/create"})[kind] or "/api/2.0/mlflow/runs/log-batch"
local START_MS, BATCHES = 1700000000000, 64
local runs, bodies, round = {}, {}, 0
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"

for id in (os.getenv("BENCH_RUNS") or ""):gmatch("[^,]+") do runs[#runs + 1] = id end

local function point(key, value, step)
  return string.format('{"key": "%s", "value": %.17g, "timestamp": %d, "step": %d}', key, value, START_MS + step * 50, step)
end

if kind:find("^log_batch") then
  for batch = 1, BATCHES do
    local points = {}
    for i = 0, 999 do
      if kind == "log_batch_few" then
        points[#points + 1] = point("train/metric_" .. i % 10, math.random(), batch * 100 + math.floor(i / 10))
      else
        local first = kind == "log_batch_12k" and batch % 12 * 1000 or 0
        points[#points + 1] = point("train/layer_" .. first + i, math.random(), batch)
      end
    end
    bodies[batch] = '"metrics": [' .. table.concat(points, ", ") .. "]}"
  end
end

function request()
  round = round + 1
  if kind == "create_run" then
    return wrk.format(nil, path, nil, string.format('{"experiment_id": "0", "user_id": "bench", "run_name": "run-%d", "start_time": %d, "tags": ['
      .. '{"key": "mlflow.user", "value": "bench"}, {"key": "mlflow.source.name", "value": "train.py"}, '
      .. '{"key": "mlflow.source.type", "value": "LOCAL"}]}', round, START_MS + round))
  end
  local run = runs[round % #runs + 1]
  local step = math.floor(round / #runs)
  if kind == "log_metric" then
    return wrk.format(nil, path, nil, string.format('{"run_id": "%s", "key": "loss", "value": %.17g, "timestamp": %d, "step": %d}', run,
      math.random(), START_MS + step * 50, step))
  end
  return wrk.format(nil, path, nil, '{"run_id": "' .. run .. '", ' .. bodies[step % BATCHES + 1])
end

dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "../wrk_result.lua")
