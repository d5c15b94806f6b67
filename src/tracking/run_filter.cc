#include "tracking/run_filter.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <unordered_set>

#include "base/check.h"

namespace slipway::tracking {
namespace {

using types::Comparison;
using types::Entity;
using types::SearchClause;

constexpr char kIdMark = '\x01';

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

void clear(RowMask mask) { std::fill(mask.begin(), mask.end(), std::uint8_t{0}); }

// Whether a test is worth less than a look whether the row is still in.
enum class Test { kCheap, kDear };

// Keeps the rows whose value passes; rows without a value go, unless `missing_passes`.
template <typename T, Test kTest = Test::kCheap, typename Passes>
void keep(RowMask mask, const typename Column<T>::Chunk* chunk, bool missing_passes,
          Passes passes) {
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

// Rows that the view shows.
void show(std::span<const Life> lives, View view, RowMask mask) {
  const std::uint8_t active = view != View::kDeleted, deleted = view != View::kActive;
  for (std::size_t i = 0; i < mask.size(); ++i) {
    const std::uint8_t is_active = lives[i] == Life::kActive,
                       is_deleted = lives[i] == Life::kDeleted;
    mask[i] = (is_active & active) | (is_deleted & deleted);
  }
}

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

}  // namespace

// One clause on its way through the chunks. Texts are compared once per distinct text.
class RunFilter::Clause {
 public:
  Clause(const SearchClause& clause, const TextPool& texts, const MetricNumbers& metrics)
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

  void apply(const ExperimentRuns& runs, std::size_t chunk, RowMask mask) {
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

  void keep_metric(const MetricColumn* column, std::size_t index, RowMask mask) {
    const auto* chunk = column == nullptr ? nullptr : column->chunk(index);
    with_comparison(clause_.comparison, number_,
                    [&](auto passes) { keep<double>(mask, chunk, false, passes); });
  }

  void keep_text(const TextColumn* column, std::size_t index, RowMask mask) {
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

  void keep_codes(std::span<const std::uint32_t> codes, RowMask mask) {
    for (std::size_t i = 0; i < mask.size(); ++i) {
      if (mask[i] == 0) continue;
      const std::uint32_t c = codes[i];
      mask[i] =
          c != kNoText && passes_once(c, [&] { return types::matches(clause_, texts_.text(c)); });
    }
  }

  void keep_times(std::span<const std::int64_t> times, RowMask mask) {
    with_comparison(clause_.comparison, number_, [&](auto passes) {
      for (std::size_t i = 0; i < mask.size(); ++i) {
        mask[i] &=
            static_cast<std::uint8_t>(times[i] != kNoTime && passes(static_cast<double>(times[i])));
      }
    });
  }

  void keep_ids(std::span<const RunId> ids, RowMask mask) {
    for (std::size_t i = 0; i < mask.size(); ++i) {
      if (mask[i] == 0) continue;
      const std::string_view id = text_of(ids[i]);
      mask[i] = ids_.empty() ? types::matches(clause_, id)
                             : ids_.contains(id) == (clause_.comparison == Comparison::kIn);
    }
  }

  void keep_statuses(std::span<const RunStatus> statuses, RowMask mask) {
    std::array<std::uint8_t, kRunStatuses> verdicts;
    for (std::size_t i = 0; i < kRunStatuses; ++i)
      verdicts[i] = types::matches(clause_, status_name(static_cast<RunStatus>(i)));
    for (std::size_t i = 0; i < mask.size(); ++i)
      mask[i] &= verdicts[static_cast<std::size_t>(statuses[i])];
  }

  void keep_attribute(const ExperimentRuns::Heads& heads, RowMask mask) {
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

  void keep_dataset(const TextColumn::Chunk* chunk, RowMask mask) {
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

bool RunFilter::Clause::any_dataset_passes(std::string_view packed) const {
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

RunFilter::RunFilter(const std::vector<SearchClause>& clauses, View view, const TextPool& texts,
                     const MetricNumbers& metrics)
    : view_(view) {
  clauses_.reserve(clauses.size());
  for (const SearchClause& clause : clauses) clauses_.emplace_back(clause, texts, metrics);
}

RunFilter::~RunFilter() = default;

void RunFilter::apply(const ExperimentRuns& runs, std::size_t chunk, RowMask mask) {
  show(runs.heads(chunk).lives, view_, mask);
  for (Clause& clause : clauses_) clause.apply(runs, chunk, mask);
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

std::string unpack_artifact_uri(std::string_view packed, std::string_view run_id) {
  std::string uri(packed);
  if (const std::size_t at = uri.find(kIdMark); at != std::string::npos) uri.replace(at, 1, run_id);
  return uri;
}

}  // namespace slipway::tracking
