// Which models leave memory when they take more than they may: a pure decision.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace slipway::serving {

struct MemoryUse {
  struct Model {
    std::string key;
    std::size_t bytes = 0;
    std::int64_t used_us = 0;  // when it was loaded, or an endpoint answered with it last
  };
  struct Endpoint {
    std::string name;
    std::vector<std::string> models;  // that it answers with: keys
    std::int64_t asked_us = 0;        // its newest request, or when it was loaded
  };
  std::vector<Model> models;        // in memory
  std::vector<Endpoint> endpoints;  // that answer with some of them
  std::set<std::string> kept;       // keys of models that are about to answer
};

struct Evictions {
  std::vector<std::string> models;     // keys
  std::vector<std::string> endpoints;  // whose models are among them
  std::size_t bytes = 0;               // that stay
};

// First go models that no endpoint answers with, such as the last good ones that are kept for a
// rollback, the one not used for longest first; only then those of endpoints, the one not asked for
// longest first, and never those of `spared`, which was just asked. Those that are
// about to answer stay.
Evictions plan_evictions(const MemoryUse& use, std::size_t bytes_max, std::string_view spared);

}  // namespace slipway::serving
