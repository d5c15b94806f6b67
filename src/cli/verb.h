// What all verbs over the API share: call, then print the reply for people or as JSON.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/client.h"
#include "cli/table.h"

namespace slipway::cli {

// Prints `reply` itself with --json, else what `show` writes to stdout. Gives the exit code.
int finish(const Context& context, const Result<Json>& reply,
           const std::function<std::string(const Json&)>& show);

// A list reply: the array at `member` as a table.
int finish_table(const Context& context, const Result<Json>& reply, std::string_view member,
                 const std::vector<TableColumn>& columns);

}  // namespace slipway::cli
