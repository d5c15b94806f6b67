// A run as `slipway import` sends it: what is read can be written, and reads back with the same
// content.
#include "api/own/import_wire.h"
#include "base/check.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace slipway;
  const auto object = base::parse_json_object(fuzz::text_of(data, size));
  if (!object) return 0;
  const auto run = api::own::imported_run(*object);
  if (!run) return 0;
  const auto again = api::own::imported_run(api::own::to_json(*run));
  CHECK(again.has_value());
  CHECK(tracking::content_of(run->run, run->points) ==
        tracking::content_of(again->run, again->points));
  return 0;
}
