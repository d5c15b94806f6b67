// Inputs for tests whose pipelines read none.
#pragma once

#include "pipelines/cache_key.h"

namespace slipway::pipelines {

class NoInputs final : public InputDigests {
 public:
  Result<Input> resolve(const std::string& kind, const std::string&) override {
    return base::error(Code::kInvalidArgument, "no such kind: {}", kind);
  }
  Result<bool> has_object(const std::string&) override { return false; }
};

}  // namespace slipway::pipelines
