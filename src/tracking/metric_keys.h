// Gives every metric key a small number, once and for all: points carry numbers instead of texts.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/shared_mutex.h"
#include "store/db.h"
#include "tracking/values.h"

namespace slipway::tracking {

// Remembers what it has seen in the Db; numbers never change. Safe to use from several threads.
class MetricKeys {
 public:
  // The number of a key that was seen before in the Db; 0 when it wasn't.
  std::uint32_t seen(std::string_view key) const;
  // The same for each of a batch.
  std::vector<std::uint32_t> seen(std::span<const Metric> metrics) const;

  // The number of a key, 0 when it has none.
  Result<std::uint32_t> find(store::Reader& reader, std::string_view key);
  // The key of a number. kCorruption: nothing has this number. The text lives as long as `this`.
  Result<std::string_view> text(store::Reader& reader, std::uint32_t number);

  // The same as find, giving the key a number when it has none. What a transaction says is not
  // remembered before it is committed: say `remember` then. The transaction must have called
  // next_change (run_changes.h) before: that keeps two servers from giving one number twice.
  static Result<std::uint32_t> ensure(store::Tx& tx, std::string_view key);
  // The same for many, none of them twice.
  static Result<std::vector<std::uint32_t>> ensure(store::Tx& tx,
                                                   std::span<const std::string_view> keys);
  void remember(std::string_view key, std::uint32_t number);

 private:
  mutable base::SharedMutex mutex_;
  std::deque<std::string> texts_ GUARDED_BY(mutex_);  // never moves what it holds
  std::unordered_map<std::string_view, std::uint32_t> numbers_ GUARDED_BY(mutex_);
  std::unordered_map<std::uint32_t, std::string_view> keys_ GUARDED_BY(mutex_);
};

}  // namespace slipway::tracking
