// Artifact paths and locations as clients send them: what is let through stays below its root,
// however often it is decoded.
#include "base/check.h"
#include "base/http_client.h"
#include "fuzz.h"
#include "tracking/artifacts.h"

namespace {

void check_safe(std::string_view safe) {
  CHECK(!safe.starts_with('/'));
  CHECK(!safe.ends_with('/'));
  while (!safe.empty()) {
    const std::size_t slash = std::min(safe.find('/'), safe.size());
    const std::string_view part = safe.substr(0, slash);
    CHECK(!part.empty() && part != "." && part != "..");
    CHECK(part.find_first_of(std::string_view("\\\0", 2)) == std::string_view::npos);
    safe.remove_prefix(std::min(slash + 1, safe.size()));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace slipway::tracking;
  const std::string_view text = slipway::fuzz::text_of(data, size);
  if (const auto safe = safe_path(text)) {
    check_safe(*safe);
    CHECK(slipway::base::percent_decode(*safe).value_or("") == *safe);
    CHECK(safe_path(*safe).value_or("?") == *safe || safe->empty());
  } else {
    CHECK(safe.error().code == slipway::Code::kInvalidArgument);
  }
  if (const auto below = proxied_path(text)) CHECK(!below->starts_with('/'));
  const std::string location = absolute_location(std::string(text), "/work");
  if (const auto local = local_location(location); local && !text.empty())
    CHECK(local->is_absolute() || local->empty());
  CHECK(join_location(text, "x").find("/x") != std::string::npos);
  CHECK(!mime_type(text).empty());
  return 0;
}
