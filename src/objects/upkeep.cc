#include "objects/upkeep.h"

#include "base/log.h"

namespace slipway::objects {

Upkeep::Upkeep(Contents& contents, Uploads& uploads, const base::Clock& clock,
               base::Metrics& metrics, Options options)
    : contents_(contents),
      uploads_(uploads),
      clock_(clock),
      options_(options),
      bytes_(metrics.counter("slipway_objects_freed_bytes_total",
                             "Bytes of objects in buckets that were given back.")),
      failures_(metrics.counter("slipway_objects_upkeep_failures_total",
                                "Passes that could not give back what objects had taken.")) {}

void Upkeep::start() {
  passes_.start({}, [this] {
    if (const auto freed = pass(); !freed) {
      failures_.add();
      base::log_warning("objects", "room could not be given back: why={}", freed.error().message);
    }
    return options_.interval;
  });
}

Result<Contents::Freed> Upkeep::pass() {
  if (options_.upload_retention.micros > 0)
    TRY(uploads_.abort_begun_before(clock_.now() - options_.upload_retention));
  const Contents::Freed freed = TRY(contents_.sweep(Contents::Sweep::kLost));
  bytes_.add(static_cast<std::uint64_t>(freed.bytes));
  return freed;
}

}  // namespace slipway::objects
