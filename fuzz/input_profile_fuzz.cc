// Stored profiles: they are refused, or they can be told, merged and stored again.
#include "base/check.h"
#include "fuzz.h"
#include "monitor/profile/input_profile.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace slipway;
  using namespace slipway::monitor;
  const auto profile = InputProfile::from_bytes(fuzz::text_of(data, size));
  if (!profile) {
    CHECK(profile.error().code == Code::kCorruption);
    return 0;
  }
  CHECK(InputProfile::from_bytes(profile->to_bytes()).value().to_bytes() == profile->to_bytes());
  InputProfile twice = *profile;
  twice.merge(*profile);
  CHECK(twice.rows() == profile->rows() * 2);
  base::to_text(twice.to_json());
  return 0;
}
