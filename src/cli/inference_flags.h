// How rules are made from rows: the flags of the commands that ask for it.
#pragma once

#include <cstdint>
#include <string>

namespace CLI {
class App;
}

namespace slipway::cli {

struct InferenceFlags {
  double margin = 0.1;
  std::int64_t categories_max = 50;

  void add_to(CLI::App& command);
  std::string query() const;  // "margin=0.1&categories_max=50"
};

}  // namespace slipway::cli
