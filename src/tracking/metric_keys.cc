#include "tracking/metric_keys.h"

#include "store/row_batch.h"

namespace slipway::tracking {

std::uint32_t MetricKeys::seen(std::string_view key) const {
  base::ReadLock lock(mutex_);
  const auto found = numbers_.find(key);
  return found == numbers_.end() ? 0 : found->second;
}

std::vector<std::uint32_t> MetricKeys::seen(std::span<const Metric> metrics) const {
  std::vector<std::uint32_t> numbers(metrics.size());
  base::ReadLock lock(mutex_);
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    if (i > 0 && metrics[i].key == metrics[i - 1].key) {
      numbers[i] = numbers[i - 1];
      continue;
    }
    const auto found = numbers_.find(metrics[i].key);
    if (found != numbers_.end()) numbers[i] = found->second;
  }
  return numbers;
}

Result<std::uint32_t> MetricKeys::find(store::Reader& reader, std::string_view key) {
  if (const std::uint32_t number = seen(key)) return number;
  const std::optional<std::int64_t> number =
      TRY(reader.find("SELECT number FROM metric_keys WHERE name = ?", {key},
                      [](const store::Row& row) { return row.int64(0); }));
  if (!number) return 0;
  remember(key, static_cast<std::uint32_t>(*number));
  return static_cast<std::uint32_t>(*number);
}

Result<std::string_view> MetricKeys::text(store::Reader& reader, std::uint32_t number) {
  const auto known = [&]() -> std::optional<std::string_view> {
    base::ReadLock lock(mutex_);
    const auto found = keys_.find(number);
    if (found == keys_.end()) return std::nullopt;
    return found->second;
  };
  if (const auto key = known()) return *key;
  const std::optional<std::string> key =
      TRY(reader.find("SELECT name FROM metric_keys WHERE number = ?", {std::int64_t{number}},
                      [](const store::Row& row) { return row.string(0); }));
  if (!key) return base::error(Code::kCorruption, "a metric key has no name: number={}", number);
  remember(*key, number);
  return *known();
}

Result<std::uint32_t> MetricKeys::ensure(store::Tx& tx, std::string_view key) {
  return TRY(ensure(tx, std::span(&key, 1))).front();
}

Result<std::vector<std::uint32_t>> MetricKeys::ensure(store::Tx& tx,
                                                      std::span<const std::string_view> keys) {
  std::vector<std::uint32_t> numbers(keys.size());
  std::unordered_map<std::string, std::uint32_t> known;
  TRY(store::ask_in(tx, "SELECT name, number FROM metric_keys WHERE name IN ", keys,
                    [&known](const store::Row& row) {
                      known.emplace(row.string(0), static_cast<std::uint32_t>(row.int64(1)));
                    }));
  TRY(tx.settle());
  std::optional<std::int64_t> last;
  store::RowBatch rows("INSERT INTO metric_keys(number, name)");
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (const auto found = known.find(std::string(keys[i])); found != known.end()) {
      numbers[i] = found->second;
      continue;
    }
    if (!last) {
      TRY(tx.query("SELECT COALESCE(MAX(number), 0) FROM metric_keys", {},
                   [&](const store::Row& row) { last = row.int64(0); }));
    }
    if (++*last > UINT32_MAX)
      return base::error(Code::kResourceExhausted, "there are too many different metric keys");
    numbers[i] = static_cast<std::uint32_t>(*last);
    rows.add({*last, keys[i]});
  }
  TRY(rows.send(tx));
  return numbers;
}

void MetricKeys::remember(std::string_view key, std::uint32_t number) {
  base::WriteLock lock(mutex_);
  if (numbers_.contains(key)) return;
  const std::string_view kept = texts_.emplace_back(key);
  numbers_.emplace(kept, number);
  keys_.emplace(number, kept);
}

}  // namespace slipway::tracking
