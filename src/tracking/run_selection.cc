#include "tracking/run_selection.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <optional>
#include <unordered_set>

#include "base/check.h"

namespace slipway::tracking {
namespace {

using types::Comparison;
using types::Entity;
using types::SearchClause;
using types::SearchOrder;

constexpr char kIdMark = '\x01';

std::string unpack_artifact_uri(std::string_view packed, std::string_view run_id) {
  std::string uri(packed);
  if (const std::size_t at = uri.find(kIdMark); at != std::string::npos) uri.replace(at, 1, run_id);
  return uri;
}

// --- Filter ---

// Which rows of a chunk are still in: 1 or 0 each.
using Mask = std::span<std::uint8_t>;

// Calls `loop` with the comparison as a function, so that each becomes a loop of its own.
template <typename Loop>
void with_comparison(Comparison comparison, double than, Loop&& loop) {
  switch (comparison) {
    case Comparison::kEqual:
      return loop([than](double value) { return value == than; });
    case Comparison::kNotEqual:
      return loop([than](double value) { return !(value == than); });
    case Comparison::kLess:
      return loop([than](double value) { return value < than; });
    case Comparison::kLessEqual:
      return loop([than](double value) { return value <= than; });
    case Comparison::kGreater:
      return loop([than](double value) { return value > than; });
    case Comparison::kGreaterEqual:
      return loop([than](double value) { return value >= than; });
    case Comparison::kLike:
    case Comparison::kILike:
    case Comparison::kRLike:
    case Comparison::kIn:
    case Comparison::kNotIn:
    case Comparison::kIsNull:
    case Comparison::kIsNotNull:
      break;
  }
  loop([](double) { return false; });  // the grammar lets none of them through
}

// Calls `each` with every row that is in, eight rows out at a time.
template <typename Each>
void for_set(Mask mask, Each each) {
  std::uint32_t i = 0;
  for (; i + 8 <= mask.size(); i += 8) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, mask.data() + i, sizeof eight);
    for (; eight != 0; eight &= eight - 1)
      each(i + static_cast<std::uint32_t>(std::countr_zero(eight)) / 8);
  }
  for (; i < mask.size(); ++i) {
    if (mask[i] != 0) each(i);
  }
}

void clear(Mask mask) { std::fill(mask.begin(), mask.end(), std::uint8_t{0}); }

// Whether a test is worth less than a look whether the row is still in.
enum class Test { kCheap, kDear };

// Keeps the rows whose value passes; rows without a value go, unless `missing_passes`.
template <typename T, Test kTest = Test::kCheap, typename Passes>
void keep(Mask mask, const typename Column<T>::Chunk* chunk, bool missing_passes, Passes passes) {
  if (chunk == nullptr) {
    if (!missing_passes) clear(mask);
    return;
  }
  const auto verdict = [&](T value) {
    if constexpr (kTest == Test::kDear) {
      return static_cast<std::uint8_t>(is_missing(value) ? missing_passes : passes(value));
    } else {  // without branches, so that the loop below works on many values at once
      const bool missing = is_missing(value);
      return static_cast<std::uint8_t>((missing & missing_passes) | (!missing & passes(value)));
    }
  };
  if (chunk->dense) {
    const std::size_t filled = std::min(mask.size(), chunk->values.size());
    const T* const values = chunk->values.data();
    std::uint8_t* const rows = mask.data();
    for (std::size_t i = 0; i < filled; ++i) {
      if (kTest == Test::kCheap || rows[i] != 0) rows[i] &= verdict(values[i]);
    }
    if (!missing_passes) clear(mask.subspan(filled));
    return;
  }
  std::size_t at = 0;
  for (std::size_t i = 0; i < chunk->rows.size(); ++i) {
    const std::size_t row = chunk->rows[i];
    if (!missing_passes) clear(mask.subspan(at, row - at));
    if (kTest == Test::kCheap || mask[row] != 0) mask[row] &= verdict(chunk->values[i]);
    at = row + 1;
  }
  if (!missing_passes) clear(mask.subspan(at));
}

// One clause on its way through the chunks. Texts are compared once per distinct text.
class Filter {
 public:
  Filter(const SearchClause& clause, const TextPool& texts, const MetricNumbers& metrics)
      : clause_(clause), texts_(texts) {
    switch (clause.entity) {
      case Entity::kMetric:
        key_ = metrics.at(clause.key);
        break;
      case Entity::kParam:
      case Entity::kTag:
        key_ = texts.find(clause.key);
        break;
      case Entity::kAttribute:
        if (const auto* list = std::get_if<std::vector<std::string>>(&clause.value))
          ids_.insert(list->begin(), list->end());
        break;
      case Entity::kDataset:
      case Entity::kMetadata:
      case Entity::kSpan:
      case Entity::kFeedback:
      case Entity::kExpectation:
      case Entity::kIssue:
        break;
    }
    if (const auto* number = std::get_if<double>(&clause.value)) number_ = *number;
    if (const auto* text = std::get_if<std::string>(&clause.value)) code_ = texts.find(*text);
  }

  void apply(const ExperimentRuns& runs, std::size_t chunk, Mask mask) {
    switch (clause_.entity) {
      case Entity::kMetric:
        return keep_metric(runs.metric(key_), chunk, mask);
      case Entity::kParam:
        return keep_text(runs.param(key_), chunk, mask);
      case Entity::kTag:
        return keep_text(runs.tag(key_), chunk, mask);
      case Entity::kAttribute:
        return keep_attribute(runs.heads(chunk), mask);
      case Entity::kDataset:
        return keep_dataset(runs.datasets().chunk(chunk), mask);
      case Entity::kMetadata:
      case Entity::kSpan:
      case Entity::kFeedback:
      case Entity::kExpectation:
      case Entity::kIssue:
        break;  // runs have none
    }
  }

 private:
  enum class Verdict : std::uint8_t { kUnknown, kNo, kYes };

  void keep_metric(const MetricColumn* column, std::size_t index, Mask mask) {
    const auto* chunk = column == nullptr ? nullptr : column->chunk(index);
    with_comparison(clause_.comparison, number_,
                    [&](auto passes) { keep<double>(mask, chunk, false, passes); });
  }

  void keep_text(const TextColumn* column, std::size_t index, Mask mask) {
    const auto* chunk = column == nullptr ? nullptr : column->chunk(index);
    switch (clause_.comparison) {
      case Comparison::kEqual:
        return keep<std::uint32_t>(mask, chunk, false,
                                   [code = code_](std::uint32_t c) { return c == code; });
      case Comparison::kNotEqual:
        return keep<std::uint32_t>(mask, chunk, false,
                                   [code = code_](std::uint32_t c) { return c != code; });
      case Comparison::kIsNull:
        return keep<std::uint32_t>(mask, chunk, true, [](std::uint32_t) { return false; });
      case Comparison::kIsNotNull:
        return keep<std::uint32_t>(mask, chunk, false, [](std::uint32_t) { return true; });
      case Comparison::kLike:
      case Comparison::kILike:
      case Comparison::kRLike:
      case Comparison::kIn:
      case Comparison::kNotIn:
      case Comparison::kLess:
      case Comparison::kLessEqual:
      case Comparison::kGreater:
      case Comparison::kGreaterEqual:
        return keep<std::uint32_t, Test::kDear>(mask, chunk, false, [&](std::uint32_t c) {
          return passes_once(c, [&] { return types::matches(clause_, texts_.text(c)); });
        });
    }
  }

  void keep_codes(std::span<const std::uint32_t> codes, Mask mask) {
    for (std::size_t i = 0; i < mask.size(); ++i) {
      if (mask[i] == 0) continue;
      const std::uint32_t c = codes[i];
      mask[i] =
          c != kNoText && passes_once(c, [&] { return types::matches(clause_, texts_.text(c)); });
    }
  }

  void keep_times(std::span<const std::int64_t> times, Mask mask) {
    with_comparison(clause_.comparison, number_, [&](auto passes) {
      for (std::size_t i = 0; i < mask.size(); ++i) {
        mask[i] &=
            static_cast<std::uint8_t>(times[i] != kNoTime && passes(static_cast<double>(times[i])));
      }
    });
  }

  void keep_ids(std::span<const RunId> ids, Mask mask) {
    for (std::size_t i = 0; i < mask.size(); ++i) {
      if (mask[i] == 0) continue;
      const std::string_view id = text_of(ids[i]);
      mask[i] = ids_.empty() ? types::matches(clause_, id)
                             : ids_.contains(id) == (clause_.comparison == Comparison::kIn);
    }
  }

  void keep_statuses(std::span<const RunStatus> statuses, Mask mask) {
    std::array<std::uint8_t, kRunStatuses> verdicts;
    for (std::size_t i = 0; i < kRunStatuses; ++i)
      verdicts[i] = types::matches(clause_, status_name(static_cast<RunStatus>(i)));
    for (std::size_t i = 0; i < mask.size(); ++i)
      mask[i] &= verdicts[static_cast<std::size_t>(statuses[i])];
  }

  void keep_attribute(const ExperimentRuns::Heads& heads, Mask mask) {
    const std::string& key = clause_.key;
    if (key == "start_time") return keep_times(heads.starts_ms, mask);
    if (key == "end_time") return keep_times(heads.ends_ms, mask);
    if (key == "run_name") return keep_codes(heads.names, mask);
    if (key == "user_id") return keep_codes(heads.users, mask);
    if (key == "run_id") return keep_ids(heads.ids, mask);
    if (key == "status") return keep_statuses(heads.statuses, mask);
    CHECK(key == "artifact_uri");
    for (std::size_t i = 0; i < mask.size(); ++i) {
      if (mask[i] == 0) continue;
      mask[i] = types::matches(
          clause_, unpack_artifact_uri(texts_.text(heads.artifact_uris[i]), text_of(heads.ids[i])));
    }
  }

  void keep_dataset(const TextColumn::Chunk* chunk, Mask mask) {
    keep<std::uint32_t, Test::kDear>(mask, chunk, false, [&](std::uint32_t c) {
      return passes_once(c, [&] { return any_dataset_passes(texts_.text(c)); });
    });
  }

  bool any_dataset_passes(std::string_view packed) const;

  template <typename Test>
  bool passes_once(std::uint32_t code, Test test) {
    if (verdicts_.empty()) verdicts_.resize(texts_.size() + 1);
    Verdict& verdict = verdicts_[code];
    if (verdict == Verdict::kUnknown) verdict = test() ? Verdict::kYes : Verdict::kNo;
    return verdict == Verdict::kYes;
  }

  const SearchClause& clause_;
  const TextPool& texts_;
  std::uint32_t key_ = 0, code_ = 0;
  double number_ = 0;
  std::unordered_set<std::string_view> ids_;
  std::vector<Verdict> verdicts_;  // by code
};

// --- Order ---

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
  void for_rows(std::uint32_t experiment, std::size_t chunk, Mask mask, Each each) const {
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
    const auto& x = heads(a);
    const auto& y = heads(b);
    const std::size_t i = a.row % kChunkRows, j = b.row % kChunkRows;
    if (x.starts_ms[i] != y.starts_ms[j]) return x.starts_ms[i] > y.starts_ms[j];
    return x.ids[i] < y.ids[j];
  }

 private:
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

// Rows that the view shows.
void show(std::span<const Life> lives, View view, Mask mask) {
  const std::uint8_t active = view != View::kDeleted, deleted = view != View::kActive;
  for (std::size_t i = 0; i < mask.size(); ++i) {
    const std::uint8_t is_active = lives[i] == Life::kActive,
                       is_deleted = lives[i] == Life::kDeleted;
    mask[i] = (is_active & active) | (is_deleted & deleted);
  }
}

// --- Packed texts ---

void put_text(std::string& packed, std::string_view text) {
  const auto size = static_cast<std::uint32_t>(text.size());
  packed.append(reinterpret_cast<const char*>(&size), sizeof size);
  packed += text;
}

std::uint32_t take_number(std::string_view& packed) {
  std::uint32_t number = 0;
  std::memcpy(&number, packed.data(), sizeof number);
  packed.remove_prefix(sizeof number);
  return number;
}

std::string_view take_text(std::string_view& packed) {
  const std::uint32_t size = take_number(packed);
  const std::string_view text = packed.substr(0, size);
  packed.remove_prefix(size);
  return text;
}

bool Filter::any_dataset_passes(std::string_view packed) const {
  bool passes = false;
  while (!packed.empty()) {
    const std::string_view name = take_text(packed), digest = take_text(packed);
    if (clause_.key == "name") passes = passes || types::matches(clause_, name);
    if (clause_.key == "digest") passes = passes || types::matches(clause_, digest);
    for (std::uint32_t contexts = take_number(packed); contexts > 0; --contexts) {
      const std::string_view context = take_text(packed);
      if (clause_.key == "context") passes = passes || types::matches(clause_, context);
    }
  }
  return passes;
}

}  // namespace

SelectedRuns select_runs(std::span<const ExperimentRuns* const> experiments, const TextPool& texts,
                         const MetricNumbers& metrics, const RunSelection& selection) {
  std::vector<Filter> filters;
  filters.reserve(selection.clauses.size());
  for (const SearchClause& clause : selection.clauses) filters.emplace_back(clause, texts, metrics);
  const Order order(experiments, texts, metrics, selection.order);
  Best best(order, selection.offset + selection.count + 1);
  std::vector<std::uint8_t> rows(kChunkRows);
  for (std::uint32_t e = 0; e < experiments.size(); ++e) {
    const ExperimentRuns& runs = *experiments[e];
    for (std::size_t chunk = runs.chunks(); chunk-- > 0;) {  // the newest runs are in the last
      const ExperimentRuns::Heads& heads = runs.heads(chunk);
      if (order.starts_with_newest() &&
          !best.may_enter(order.first_of_start(heads.newest_start_ms)))
        continue;
      const Mask mask(rows.data(), heads.numbers.size());
      show(heads.lives, selection.view, mask);
      for (Filter& filter : filters) filter.apply(runs, chunk, mask);
      order.for_rows(e, chunk, mask, [&](std::uint32_t row, std::uint64_t first) {
        best.add({first, e, row});
      });
    }
  }
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

std::string pack_datasets(const std::vector<DatasetUse>& uses) {
  std::string packed;
  for (const DatasetUse& use : uses) {
    put_text(packed, use.name);
    put_text(packed, use.digest);
    const auto contexts = static_cast<std::uint32_t>(use.contexts.size());
    packed.append(reinterpret_cast<const char*>(&contexts), sizeof contexts);
    for (const std::string& context : use.contexts) put_text(packed, context);
  }
  return packed;
}

std::string pack_artifact_uri(std::string_view uri, std::string_view run_id) {
  std::string packed(uri);
  if (const std::size_t at = packed.find(run_id); at != std::string::npos && !run_id.empty())
    packed.replace(at, run_id.size(), 1, kIdMark);
  return packed;
}

}  // namespace slipway::tracking
