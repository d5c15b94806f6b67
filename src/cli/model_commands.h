// slipway models: gates and promotion.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/client.h"

namespace CLI {
class App;
}

namespace slipway::cli {

// A gate's policy as it is written: "log_loss_margin=0.002". The server knows the names.
Result<JsonObject> read_policy(const std::vector<std::string>& members);

Result<std::int64_t> read_version(const std::string& text);

void add_model_commands(CLI::App& root, Context& context, int& exit_code);

}  // namespace slipway::cli
