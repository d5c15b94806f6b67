-- One POST again and again; the figures come out as one line of JSON.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
local file = assert(io.open(assert(os.getenv("BENCH_BODY"), "BENCH_BODY names no file"), "rb"))
wrk.body = file:read("*a")
file:close()

dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "../wrk_result.lua")
