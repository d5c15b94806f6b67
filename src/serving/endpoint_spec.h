// What an endpoint is to do, as whoever decides it says.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace slipway::serving {

// Requests are spread over this many slots: hash64(salt + "\x1f" + key) modulo it.
inline constexpr int kSlots = 10'000;
int slot_of(std::string_view salt, std::string_view key);

struct SlotRange {
  int from = 0, to = 0;  // from <= slot < to
};

struct VariantSpec {
  std::string name;
  bool is_shadow = false;  // scores every request and answers none
  std::string uri;         // pinned: "models:/flight-delay/3"
  std::int64_t model_version = 0;
  std::vector<SlotRange> slots;
};

// A value.
struct EndpointSpec {
  std::string endpoint;
  std::int64_t revision = 0;
  std::string features;  // feature service; empty: callers send the features
  std::string output;    // what a single output is called; empty: as the model calls it
  std::string salt;
  bool durable_log = false;
  std::vector<VariantSpec> variants;
};

}  // namespace slipway::serving
