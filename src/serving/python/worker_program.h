// worker.py, as the server carries it.
#pragma once

#include <string_view>

namespace slipway::serving::python {

extern const std::string_view kWorkerProgram;

}  // namespace slipway::serving::python
