#include "tracking/random_name.h"

#include <string_view>

namespace slipway::tracking {

std::string random_name(base::Random& random) {
  static constexpr std::string_view kAdjectives[] = {
      "able",  "bold",   "brave", "bright", "calm", "clear",  "crisp", "eager", "fair",  "fine",
      "fleet", "gentle", "grand", "hardy",  "keen", "lively", "merry", "noble", "quick", "steady"};
  static constexpr std::string_view kNouns[] = {
      "anchor", "bay",  "bow",  "brig",  "buoy",   "clipper", "cove",     "crane", "ferry", "gull",
      "harbor", "keel", "mast", "pilot", "rudder", "sail",    "schooner", "tide",  "wake",  "yawl"};
  const std::uint64_t n = random.next_u64();
  return fmt::format("{}-{}-{}", kAdjectives[n % std::size(kAdjectives)],
                     kNouns[(n >> 16) % std::size(kNouns)], (n >> 32) % 1000);
}

}  // namespace slipway::tracking
