// What a step asks of the machine that it runs on, written as Kubernetes writes quantities.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "types/yaml_reader.h"

namespace slipway::pipelines {

struct Resources {
  std::int64_t cpu_millis = 0;    // thousandths of a core; 0: not said
  std::int64_t memory_bytes = 0;  // 0: not said

  bool operator==(const Resources&) const = default;
};

// "2", "0.5", "500m", "4Gi", "1e9", in thousandths for `thousandths`, rounded up to whole ones.
// kInvalidArgument: no quantity, none above zero, or one that is too large.
enum class Unit { kWhole, kThousandths };
Result<std::int64_t> parse_quantity(std::string_view text, Unit unit);

// "1.5" of 1500; "4 GiB", "1.5 MiB", "900 bytes".
std::string cpu_text(std::int64_t cpu_millis);
std::string memory_text(std::int64_t bytes);

// `{cpu: 2, memory: 4Gi}`. kInvalidArgument with the place.
Result<Resources> read_resources(const types::YamlNode& node);

// "it needs 8 cores, and steps may have 2 (setting pipeline-cpus-max)"; empty: there is enough.
std::string lack_of(const Resources& needed, const Resources& capacity);

// What this machine has, or this container as far as it is limited.
Resources machine_resources();

}  // namespace slipway::pipelines
