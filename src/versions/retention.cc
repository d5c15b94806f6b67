#include "versions/retention.h"

#include "base/log.h"

namespace slipway::versions {

Retention::Retention(Hub& hub, base::Metrics& metrics, Options options)
    : hub_(hub),
      options_(options),
      bytes_(metrics.counter("slipway_data_versions_freed_bytes_total",
                             "Bytes of old data versions that were given back.")),
      failures_(metrics.counter("slipway_data_versions_retention_failures_total",
                                "Repositories of data whose old versions could not be removed.")) {}

void Retention::start() {
  if (!options_.keep_last && !options_.keep_days) return;
  passes_.start({}, [this] {
    if (const auto passed = pass(); !passed) {
      failures_.add();
      base::log_warning("versions", "old versions could not be removed: why={}",
                        passed.error().message);
    }
    return options_.interval;
  });
}

Result<void> Retention::pass() {
  for (const HubRepository& repository : TRY(hub_.list())) {
    if (passes_.is_stopping()) break;
    const auto collect = [&](GcMode mode) -> Result<Compacted> {
      return hub_.collect(
          repository.name,
          {.keep_last = options_.keep_last, .keep_days = options_.keep_days, .mode = mode});
    };
    Result<Compacted> done = collect(GcMode::kDryRun);
    // Packs are written anew only where versions have grown old, and had files of their own.
    if (done && done->versions_expired > 0 && done->objects_removed > 0) {
      done = collect(GcMode::kDo);
      if (done) bytes_.add(done->bytes_freed);
    }
    if (done) continue;
    failures_.add();
    base::log_warning("versions", "old versions could not be removed: repository={} why={}",
                      repository.name, done.error().message);
  }
  return {};
}

}  // namespace slipway::versions
