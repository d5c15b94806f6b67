// What an endpoint is to do, as whoever decides it says.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "types/column_rules.h"

namespace slipway::serving {

// Requests are spread over this many slots: hash64(salt + "\x1f" + key) modulo it.
inline constexpr int kSlots = 10'000;
int slot_of(std::string_view salt, std::string_view key);

struct SlotRange {
  int from = 0, to = 0;  // from <= slot < to
};

struct VariantSpec {
  std::string name;
  bool is_shadow = false;  // answers none, and scores those of its slots, or all without any
  std::string uri;         // pinned: "models:/flight-delay/3"
  std::int64_t model_version = 0;
  std::vector<SlotRange> slots;

  bool has_slot(int slot) const {
    return std::any_of(slots.begin(), slots.end(), [&](const SlotRange& range) {
      return slot >= range.from && slot < range.to;
    });
  }
};

// How requests that a model can't take at once are put together (batcher.h).
struct BatchingSpec {
  // Rows of several requests in one call; one request may have more. Nothing: as many as the
  // model, as measured, takes quickly.
  std::optional<std::int64_t> max_rows;
  // A request waits so long for others, if the model takes longer than that.
  std::chrono::microseconds max_wait{0};
  std::int64_t max_queue_rows = 10'000;  // that may wait
  // Priorities from 1, the highest; 0 and those beyond are the default.
  std::int64_t priority_levels = 10;
  std::int64_t default_priority_level = 5;
};

// How a model is run that needs Python; nothing: as the server is set up.
struct PythonSpec {
  std::optional<std::int64_t> workers;  // processes that answer at the same time
  std::optional<std::int64_t> memory_bytes_max;
  std::optional<std::chrono::milliseconds> call_limit;
  bool operator==(const PythonSpec&) const = default;
};

// A value.
struct EndpointSpec {
  std::string endpoint;
  std::int64_t revision = 0;
  std::string features;  // feature service; empty: callers send the features
  std::string output;    // what a single output is called; empty: as the model calls it
  std::string salt;
  bool durable_log = false;
  BatchingSpec batching;
  PythonSpec python;
  types::InputRules inputs;  // what they must hold
  std::vector<VariantSpec> variants;
};

}  // namespace slipway::serving
