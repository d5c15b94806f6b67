// YAML that others wrote, as JSON: what is quoted is text, what isn't is what YAML's core schema
// takes it for.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace slipway::types {

struct YamlLimits {
  std::size_t values_max = 1'000'000;  // with what aliases stand for
  std::size_t nesting_max = 64;
  std::size_t bytes_max = std::size_t{256} << 20;  // of keys and texts, so counted, too
  // Numbers as ruamel.yaml reads them for Python: 0x1F, 0o17, 0b11, 1_000, .inf and .nan, and
  // 1e400 as infinity. Then a whole number beyond 64 bits is refused.
  bool python_numbers = false;
};

// The documents of `text`, without empty ones. kInvalidArgument with line and column: no YAML, a
// key that comes twice or is no text, a tag, a number that JSON doesn't have. kResourceExhausted:
// more than the limits.
Result<std::vector<Json>> yaml_as_json(std::string_view text, const YamlLimits& limits);
inline Result<std::vector<Json>> yaml_as_json(std::string_view text) {
  return yaml_as_json(text, YamlLimits());
}

}  // namespace slipway::types
