-- POSTs of a file, one body a line, in turn; the figures come out as one line of JSON.
local requests, at = {}, 0

function init()
  local file = assert(os.getenv("BENCH_BODIES"), "BENCH_BODIES names no file")
  for body in io.lines(file) do
    requests[#requests + 1] = wrk.format("POST", nil, {["Content-Type"] = "application/json"}, body)
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end

dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "../wrk_result.lua")
