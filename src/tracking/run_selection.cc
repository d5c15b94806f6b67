#include "tracking/run_selection.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <numeric>

#include "base/check.h"

namespace slipway::tracking {
namespace {

using types::Entity;
using types::SearchOrder;

std::uint64_t sortable(std::int64_t whole) {
  return static_cast<std::uint64_t>(whole) ^ (std::uint64_t{1} << 63);
}
std::uint64_t sortable(double real) {
  const auto bits = std::bit_cast<std::uint64_t>(real);
  return (bits >> 63) != 0 ? ~bits : bits | std::uint64_t{1} << 63;
}
std::uint64_t sortable(std::string_view text) {
  std::uint64_t prefix = 0;
  if (!text.empty()) std::memcpy(&prefix, text.data(), std::min(text.size(), sizeof prefix));
  return __builtin_bswap64(prefix);
}

// Where a run stands by one key of the order: its gap first; then `number`, which sorts like the
// value, as far as a number can; then, for texts, the text itself.
struct Place {
  enum Gap : std::uint8_t { kValue, kNan, kMissing };
  Gap gap = kValue;
  std::uint64_t number = 0;
  std::string_view text = {};
};

// A run that was found. `first` is a number that sorts like its place by the first key, as far as a
// number can: equal ones need a look at the places themselves.
struct Candidate {
  std::uint64_t first;
  std::uint32_t experiment, row;
};

constexpr std::uint64_t kFirstMissing = ~std::uint64_t{0};
constexpr std::uint64_t kFirstNan = kFirstMissing - 1;

std::uint64_t directed(std::uint64_t ascending, const SearchOrder& order) {
  return std::min(order.ascending ? ascending : ~ascending, kFirstNan - 1);
}

std::uint64_t first_of(const Place& place, const SearchOrder& order) {
  if (place.gap == Place::kMissing) return kFirstMissing;
  if (place.gap == Place::kNan) return kFirstNan;
  return directed(place.number, order);
}

class Order {
 public:
  Order(std::span<const ExperimentRuns* const> experiments, const TextPool& texts,
        const MetricNumbers& metrics, const std::vector<SearchOrder>& keys)
      : experiments_(experiments), texts_(texts), keys_(keys) {
    for (const SearchOrder& key : keys) {
      numbers_.push_back(key.entity == Entity::kMetric ? metrics.at(key.key) : texts.find(key.key));
    }
  }

  // Newest first decides before anything else: then whole chunks can be left out.
  bool starts_with_newest() const {
    return keys_.empty() || (keys_[0].entity == Entity::kAttribute &&
                             keys_[0].key == "start_time" && !keys_[0].ascending);
  }
  std::uint64_t first_of_start(std::int64_t start_ms) const {
    return std::min(~sortable(start_ms), kFirstNan - 1);
  }

  // Calls `each` with the row and its `first`, for the rows of the mask.
  template <typename Each>
  void for_rows(std::uint32_t experiment, std::size_t chunk, RowMask mask, Each each) const {
    const ExperimentRuns& runs = *experiments_[experiment];
    const auto base = static_cast<std::uint32_t>(chunk * kChunkRows);
    if (starts_with_newest()) {
      const auto& starts = runs.heads(chunk).starts_ms;
      for_set(mask, [&](std::uint32_t i) { each(base + i, first_of_start(starts[i])); });
      return;
    }
    const SearchOrder& key = keys_[0];
    if (key.entity == Entity::kMetric) {
      const MetricColumn* column = runs.metric(numbers_[0]);
      const auto* values = column == nullptr ? nullptr : column->chunk(chunk);
      if (values != nullptr && values->dense) {
        for_set(mask, [&](std::uint32_t i) {
          const double value =
              i < values->values.size() ? values->values[i] : MetricColumn::missing();
          each(base + i, is_missing(value)   ? kFirstMissing
                         : std::isnan(value) ? kFirstNan
                                             : directed(sortable(value), key));
        });
        return;
      }
    }
    for_set(mask, [&](std::uint32_t i) {
      std::string storage;
      each(base + i, first_of(place(experiment, base + i, 0, storage), key));
    });
  }

  // Makes equal `first`s mean equal places, where there is one key at most and it is a metric, a
  // time or a text that is kept once: then before_exact orders them. False: it can't.
  bool make_exact(std::vector<Candidate>& candidates) const {
    if (keys_.empty()) return true;
    const SearchOrder& key = keys_[0];
    if (keys_.size() > 1) return false;
    if (key.entity == Entity::kMetric) return true;
    if (key.entity == Entity::kAttribute && (key.key == "start_time" || key.key == "end_time"))
      return true;
    const bool is_kept_once = key.entity == Entity::kParam || key.entity == Entity::kTag ||
                              key.key == "run_name" || key.key == "user_id";
    if (!is_kept_once) return false;
    std::vector<std::uint32_t> codes, distinct, ranks(std::size_t{texts_.size()} + 1);
    codes.reserve(candidates.size());
    for (const Candidate& candidate : candidates) {
      const std::uint32_t code = codes.emplace_back(first_code(candidate));
      if (code == kNoText || ranks[code] != 0) continue;
      ranks[code] = 1;
      distinct.push_back(code);
    }
    std::sort(distinct.begin(), distinct.end(),
              [&](std::uint32_t a, std::uint32_t b) { return texts_.text(a) < texts_.text(b); });
    constexpr std::uint32_t kFirstRank = 3;  // the inverse of a smaller one would stand for a gap
    for (std::uint32_t i = 0; i < distinct.size(); ++i) ranks[distinct[i]] = kFirstRank + i;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      if (codes[i] != kNoText) candidates[i].first = directed(std::uint64_t{ranks[codes[i]]}, key);
    }
    return true;
  }
  bool before_exact(const Candidate& a, const Candidate& b) const {
    return a.first != b.first ? a.first < b.first : is_newer(a, b);
  }

  bool before(const Candidate& a, const Candidate& b) const {
    if (a.first != b.first) return a.first < b.first;
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      std::string a_text, b_text;
      const Place x = place(a.experiment, a.row, i, a_text);
      const Place y = place(b.experiment, b.row, i, b_text);
      if (x.gap != y.gap) return x.gap < y.gap;
      if (x.gap != Place::kValue) continue;
      if (const int order = compare(x, y)) return keys_[i].ascending ? order < 0 : order > 0;
    }
    return is_newer(a, b);
  }

 private:
  bool is_newer(const Candidate& a, const Candidate& b) const {
    const auto& x = heads(a);
    const auto& y = heads(b);
    const std::size_t i = a.row % kChunkRows, j = b.row % kChunkRows;
    if (x.starts_ms[i] != y.starts_ms[j]) return x.starts_ms[i] > y.starts_ms[j];
    return x.ids[i] < y.ids[j];
  }

  // The text of the first key, which is one of those that are kept once.
  std::uint32_t first_code(const Candidate& candidate) const {
    const SearchOrder& key = keys_[0];
    if (key.entity == Entity::kAttribute) {
      const ExperimentRuns::Heads& of = heads(candidate);
      const std::size_t at = candidate.row % kChunkRows;
      return key.key == "run_name" ? of.names[at] : of.users[at];
    }
    const ExperimentRuns& runs = *experiments_[candidate.experiment];
    const TextColumn* column =
        key.entity == Entity::kParam ? runs.param(numbers_[0]) : runs.tag(numbers_[0]);
    return column == nullptr ? kNoText : column->get(candidate.row);
  }

  const ExperimentRuns::Heads& heads(const Candidate& c) const {
    return experiments_[c.experiment]->heads(c.row / kChunkRows);
  }

  static int compare(const Place& x, const Place& y) {
    if (x.number != y.number) return x.number < y.number ? -1 : 1;
    return x.text.compare(y.text);
  }

  static Place time_place(std::int64_t time) {
    return time == kNoTime ? Place{.gap = Place::kMissing} : Place{.number = sortable(time)};
  }
  static Place text_place(std::string_view text) {
    return {.number = sortable(text), .text = text};
  }
  Place text_place(std::uint32_t code) const {
    return code == kNoText ? Place{.gap = Place::kMissing} : text_place(texts_.text(code));
  }
  Place text_place(const TextColumn* column, std::uint32_t row) const {
    return text_place(column == nullptr ? kNoText : column->get(row));
  }

  // `storage` keeps a text that is made here.
  Place place(std::uint32_t experiment, std::uint32_t row, std::size_t key,
              std::string& storage) const {
    const ExperimentRuns& runs = *experiments_[experiment];
    switch (keys_[key].entity) {
      case Entity::kMetric: {
        const MetricColumn* column = runs.metric(numbers_[key]);
        const double value = column == nullptr ? MetricColumn::missing() : column->get(row);
        if (is_missing(value)) return {.gap = Place::kMissing};
        if (std::isnan(value)) return {.gap = Place::kNan};
        return {.number = sortable(value)};
      }
      case Entity::kParam:
        return text_place(runs.param(numbers_[key]), row);
      case Entity::kTag:
        return text_place(runs.tag(numbers_[key]), row);
      case Entity::kAttribute:
        return attribute_place(runs.heads(row / kChunkRows), row % kChunkRows, keys_[key].key,
                               storage);
      case Entity::kDataset:
      case Entity::kMetadata:
      case Entity::kSpan:
      case Entity::kFeedback:
      case Entity::kExpectation:
      case Entity::kIssue:
        break;  // the grammar doesn't sort by these
    }
    return {.gap = Place::kMissing};
  }

  Place attribute_place(const ExperimentRuns::Heads& heads, std::size_t at, const std::string& key,
                        std::string& storage) const {
    if (key == "start_time") return time_place(heads.starts_ms[at]);
    if (key == "end_time") return time_place(heads.ends_ms[at]);
    if (key == "run_name") return text_place(heads.names[at]);
    if (key == "user_id") return text_place(heads.users[at]);
    if (key == "run_id") return text_place(text_of(heads.ids[at]));
    if (key == "status") return text_place(status_name(heads.statuses[at]));
    CHECK(key == "artifact_uri");
    storage = unpack_artifact_uri(texts_.text(heads.artifact_uris[at]), text_of(heads.ids[at]));
    return text_place(std::string_view(storage));
  }

  const std::span<const ExperimentRuns* const> experiments_;
  const TextPool& texts_;
  const std::vector<SearchOrder>& keys_;
  std::vector<std::uint32_t> numbers_;  // of the keys: a metric's, or a text's code
};

// Keeps the first `limit` of the candidates it is given.
class Best {
 public:
  Best(const Order& order, std::size_t limit) : order_(order), limit_(limit) {}

  // False when no candidate with this or a greater `first` can be among the best any more.
  bool may_enter(std::uint64_t first) const { return first <= worst_; }

  void add(const Candidate& candidate) {
    if (!may_enter(candidate.first)) return;
    candidates_.push_back(candidate);
    if (candidates_.size() >= 2 * limit_ + kSlack) cut();
  }

  // In order, without the first `offset`.
  std::vector<Candidate> take(std::size_t offset) {
    if (candidates_.size() > limit_) cut();
    if (offset >= candidates_.size()) return {};
    const auto from = candidates_.begin() + static_cast<std::ptrdiff_t>(offset);
    const auto before = [&](const Candidate& a, const Candidate& b) { return order_.before(a, b); };
    if (offset > 0) std::nth_element(candidates_.begin(), from, candidates_.end(), before);
    std::sort(from, candidates_.end(), before);
    return {from, candidates_.end()};
  }

 private:
  static constexpr std::size_t kSlack = 1024;

  void cut() {
    const auto end = candidates_.begin() + static_cast<std::ptrdiff_t>(limit_);
    std::nth_element(candidates_.begin(), end - 1, candidates_.end(),
                     [&](const Candidate& a, const Candidate& b) { return order_.before(a, b); });
    worst_ = (end - 1)->first;
    candidates_.erase(end, candidates_.end());
  }

  const Order& order_;
  const std::size_t limit_;
  std::uint64_t worst_ = kFirstMissing;
  std::vector<Candidate> candidates_;
};

// Goes through the rows that pass, the newest chunks first. `may_skip` leaves out a chunk by its
// newest start; `each` gets experiment, row and `first`. Gives how many rows it went through.
template <typename MaySkip, typename Each>
std::size_t for_passing(std::span<const ExperimentRuns* const> experiments, RunFilter& filter,
                        const Order& order, MaySkip may_skip, Each each) {
  std::vector<std::uint8_t> rows(kChunkRows);
  std::size_t passing = 0;
  for (std::uint32_t e = 0; e < experiments.size(); ++e) {
    const ExperimentRuns& runs = *experiments[e];
    for (std::size_t chunk = runs.chunks(); chunk-- > 0;) {  // the newest runs are in the last
      const ExperimentRuns::Heads& heads = runs.heads(chunk);
      if (may_skip(heads)) continue;
      const RowMask mask(rows.data(), heads.numbers.size());
      filter.apply(runs, chunk, mask);
      passing += std::accumulate(mask.begin(), mask.end(), std::size_t{0});
      order.for_rows(e, chunk, mask,
                     [&](std::uint32_t row, std::uint64_t first) { each(e, row, first); });
    }
  }
  return passing;
}

}  // namespace

std::vector<std::string> metrics_of(const RunSelection& selection) {
  std::vector<std::string> keys;
  for (const types::SearchClause& clause : selection.clauses) {
    if (clause.entity == Entity::kMetric) keys.push_back(clause.key);
  }
  for (const SearchOrder& order : selection.order) {
    if (order.entity == Entity::kMetric) keys.push_back(order.key);
  }
  return keys;
}

SelectedRuns select_runs(std::span<const ExperimentRuns* const> experiments, const TextPool& texts,
                         const MetricNumbers& metrics, const RunSelection& selection) {
  RunFilter filter(selection.clauses, selection.view, texts, metrics);
  const Order order(experiments, texts, metrics, selection.order);
  Best best(order, selection.offset + selection.count + 1);
  for_passing(
      experiments, filter, order,
      [&](const ExperimentRuns::Heads& heads) {
        return order.starts_with_newest() &&
               !best.may_enter(order.first_of_start(heads.newest_start_ms));
      },
      [&](std::uint32_t experiment, std::uint32_t row, std::uint64_t first) {
        best.add({first, experiment, row});
      });
  SelectedRuns selected;
  for (const Candidate& found : best.take(selection.offset)) {
    if (selected.numbers.size() == selection.count) {
      selected.more = true;
      break;
    }
    const ExperimentRuns::Heads& heads =
        experiments[found.experiment]->heads(found.row / kChunkRows);
    selected.numbers.push_back(heads.numbers[found.row % kChunkRows]);
  }
  return selected;
}

SelectedRows select_rows(const ExperimentRuns& runs, const TextPool& texts,
                         const MetricNumbers& metrics, const RunSelection& selection) {
  const ExperimentRuns* const only = &runs;
  RunFilter filter(selection.clauses, selection.view, texts, metrics);
  const Order order({&only, 1}, texts, metrics, selection.order);
  Best best(order, selection.offset + selection.count);
  SelectedRows selected;
  selected.passing = for_passing(
      {&only, 1}, filter, order, [](const ExperimentRuns::Heads&) { return false; },
      [&](std::uint32_t experiment, std::uint32_t row, std::uint64_t first) {
        best.add({first, experiment, row});
      });
  for (const Candidate& found : best.take(selection.offset)) selected.rows.push_back(found.row);
  return selected;
}

std::vector<std::uint32_t> order_rows(const ExperimentRuns& runs, const TextPool& texts,
                                      const MetricNumbers& metrics, const RunSelection& selection) {
  const ExperimentRuns* const only = &runs;
  RunFilter filter(selection.clauses, selection.view, texts, metrics);
  const Order order({&only, 1}, texts, metrics, selection.order);
  std::vector<Candidate> candidates;
  for_passing(
      {&only, 1}, filter, order, [](const ExperimentRuns::Heads&) { return false; },
      [&](std::uint32_t experiment, std::uint32_t row, std::uint64_t first) {
        candidates.push_back({first, experiment, row});
      });
  const bool is_exact = order.make_exact(candidates);
  std::sort(candidates.begin(), candidates.end(), [&](const Candidate& a, const Candidate& b) {
    return is_exact ? order.before_exact(a, b) : order.before(a, b);
  });
  std::vector<std::uint32_t> rows;
  rows.reserve(candidates.size());
  for (const Candidate& candidate : candidates) rows.push_back(candidate.row);
  return rows;
}

}  // namespace slipway::tracking
