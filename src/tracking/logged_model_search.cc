#include "tracking/logged_model_search.h"

#include <cmath>
#include <unordered_map>

#include "tracking/experiments.h"
#include "tracking/logged_models.h"
#include "tracking/search_grammars.h"

namespace slipway::tracking {
namespace {

using types::Entity;
using types::SearchClause;

constexpr std::int64_t kPageMax = 1000;
constexpr std::string_view kMetricPrefix = "metrics.";
constexpr std::string_view kStatusPrefix = "LOGGED_MODEL_";

// The attributes of a model, which decide without reading anything else of it.
struct Candidate {
  std::string id, name, model_type, status, source_run_id;
  std::int64_t created_ms = 0, updated_ms = 0;
};

// A value to sort by; nothing: the model lacks it.
using SortValue = std::variant<std::monostate, double, std::string>;

std::optional<SortValue> attribute(const Candidate& model, std::string_view name) {
  const auto text = [](const std::string& value) {
    return value.empty() ? SortValue() : SortValue(value);
  };
  if (name == "model_id") return model.id;
  if (name == "name") return text(model.name);
  if (name == "model_type") return text(model.model_type);
  if (name == "status") return text(model.status);
  if (name == "source_run_id") return text(model.source_run_id);
  if (name.starts_with("creation_time")) return static_cast<double>(model.created_ms);
  if (name.starts_with("last_updated_time")) return static_cast<double>(model.updated_ms);
  return std::nullopt;
}

bool attribute_matches(const SearchClause& clause, const Candidate& model) {
  const SortValue value = attribute(model, clause.key).value();  // the grammar knows no others
  if (const auto* number = std::get_if<double>(&value)) return types::matches(clause, *number);
  const auto* text = std::get_if<std::string>(&value);
  if (text == nullptr) return types::matches(clause, std::optional<std::string_view>());
  std::string_view shown = *text;
  // Both 'READY' and 'LOGGED_MODEL_READY' are written by clients.
  const auto* wanted = std::get_if<std::string>(&clause.value);
  if (clause.key == "status" && wanted != nullptr && !wanted->starts_with(kStatusPrefix))
    shown.remove_prefix(kStatusPrefix.size());
  return types::matches(clause, std::optional(shown));
}

bool is_on(const std::vector<DatasetKey>& datasets, std::string_view name,
           std::string_view digest) {
  if (datasets.empty()) return true;
  return std::any_of(datasets.begin(), datasets.end(), [&](const DatasetKey& dataset) {
    return dataset.name == name && (dataset.digest.empty() || dataset.digest == digest);
  });
}

// Reads what a search needs, for all models of its experiments at once.
class Search {
 public:
  Search(store::Reader& reader, std::string experiments)
      : reader_(reader),
        scope_(fmt::format("SELECT id FROM logged_models WHERE deleted = 0 AND experiment IN ({})",
                           experiments)) {}

  Result<void> read_candidates() {
    return reader_.query(
        fmt::format("SELECT id, name, model_type, status, source_run_id, created, updated FROM "
                    "logged_models WHERE id IN ({}) ORDER BY created DESC, id",
                    scope_),
        {}, [&](const store::Row& row) {
          candidates_.push_back({row.string(0), row.string(1), row.string(2), row.string(3),
                                 row.string(4), row.time(5).millis(), row.time(6).millis()});
        });
  }

  Result<void> keep(const SearchClause& clause, const std::vector<DatasetKey>& datasets) {
    switch (clause.entity) {
      case Entity::kAttribute:
        std::erase_if(candidates_,
                      [&](const Candidate& model) { return !attribute_matches(clause, model); });
        return {};
      case Entity::kMetric:
        return keep_found(TRY(models_with_metric(
            datasets, clause.key, [&](double value) { return types::matches(clause, value); })));
      case Entity::kParam:
        return keep_found(TRY(models_with_text("logged_model_params", clause)));
      case Entity::kTag:
        return keep_found(TRY(models_with_text("logged_model_tags", clause)));
      case Entity::kDataset:
      case Entity::kMetadata:
      case Entity::kSpan:
      case Entity::kFeedback:
      case Entity::kExpectation:
      case Entity::kIssue:
        break;
    }
    return base::error(Code::kInternal, "logged models have no such entity");
  }

  Result<void> keep_measured_on(const std::vector<DatasetKey>& datasets) {
    return keep_found(TRY(models_with_metric(datasets, "", [](double) { return true; })));
  }

  Result<void> sort(const std::vector<LoggedModelOrder>& order_by) {
    std::vector<std::unordered_map<std::string, SortValue>> values;
    for (const LoggedModelOrder& order : order_by) values.push_back(TRY(sort_values(order)));
    std::stable_sort(candidates_.begin(), candidates_.end(),
                     [&](const Candidate& left, const Candidate& right) {
                       for (std::size_t i = 0; i < order_by.size(); ++i) {
                         const SortValue& a = values[i][left.id];
                         const SortValue& b = values[i][right.id];
                         if (a == b) continue;
                         const bool a_lacks = std::holds_alternative<std::monostate>(a);
                         const bool b_lacks = std::holds_alternative<std::monostate>(b);
                         if (a_lacks || b_lacks) return b_lacks;
                         return order_by[i].ascending ? a < b : b < a;
                       }
                       return false;
                     });
    return {};
  }

  const std::vector<Candidate>& candidates() const { return candidates_; }

 private:
  using Found = std::unordered_map<std::string, bool>;

  Result<void> keep_found(const Found& found) {
    std::erase_if(candidates_, [&](const Candidate& model) { return !found.contains(model.id); });
    return {};
  }

  Result<Found> models_with_text(std::string_view table, const SearchClause& clause) {
    Found found;
    TRY(reader_.query(
        fmt::format("SELECT model, value FROM {} WHERE key = ? AND model IN ({})", table, scope_),
        {clause.key}, [&](const store::Row& row) {
          if (types::matches(clause, std::optional(row.text(1)))) found[row.string(0)] = true;
        }));
    return found;
  }

  // `key` empty: any metric.
  template <typename Passes>
  Result<Found> models_with_metric(const std::vector<DatasetKey>& datasets, const std::string& key,
                                   Passes passes) {
    Found found;
    TRY(reader_.query(
        fmt::format("SELECT model, value, is_nan, dataset_name, dataset_digest FROM "
                    "logged_model_metrics WHERE (key = ? OR ? = '') AND model IN ({})",
                    scope_),
        {key, key}, [&](const store::Row& row) {
          const double value = row.int64(2) != 0 ? std::nan("") : row.real(1);
          if (is_on(datasets, row.text(3), row.text(4)) && passes(value))
            found[row.string(0)] = true;
        }));
    return found;
  }

  Result<std::unordered_map<std::string, SortValue>> sort_values(const LoggedModelOrder& order) {
    std::unordered_map<std::string, SortValue> values;
    const std::string_view field = order.field;
    if (field.find('.') == std::string_view::npos) {
      if (!attribute(Candidate(), field))
        return base::error(Code::kInvalidArgument, "Invalid order by field name: {}", field);
      for (const Candidate& model : candidates_) values[model.id] = *attribute(model, field);
      return values;
    }
    if (!field.starts_with(kMetricPrefix)) {
      return base::error(Code::kInvalidArgument,
                         "Invalid order by field name: {}. Only metrics are supported.", field);
    }
    const std::vector<DatasetKey> datasets =
        order.dataset.name.empty() ? std::vector<DatasetKey>() : std::vector{order.dataset};
    // The latest point is read last and stays.
    TRY(reader_.query(
        fmt::format("SELECT model, value, dataset_name, dataset_digest FROM logged_model_metrics "
                    "WHERE key = ? AND is_nan = 0 AND model IN ({}) ORDER BY timestamp_ms, step, "
                    "run DESC",
                    scope_),
        {field.substr(kMetricPrefix.size())}, [&](const store::Row& row) {
          if (is_on(datasets, row.text(2), row.text(3))) values[row.string(0)] = row.real(1);
        }));
    return values;
  }

  store::Reader& reader_;
  const std::string scope_;  // a SELECT of the ids that may be found
  std::vector<Candidate> candidates_;
};

Result<void> check(const LoggedModelQuery& query) {
  if (query.max_results < 1 || query.max_results > kPageMax) {
    return base::error(
        Code::kInvalidArgument,
        "Invalid value {} for parameter 'max_results' supplied. It must be between 1 and {}",
        query.max_results, kPageMax);
  }
  for (const DatasetKey& dataset : query.datasets) {
    if (dataset.name.empty())
      return base::error(Code::kInvalidArgument,
                         "`dataset_name` in the `datasets` clause must be specified.");
  }
  return {};
}

}  // namespace

Result<Page<LoggedModel>> search_logged_models(store::Db& db, const LoggedModelQuery& query) {
  TRY(check(query));
  const std::int64_t offset = TRY(parse_page_token(query.page_token));
  const std::vector<SearchClause> clauses =
      TRY(types::parse_search_filter(query.filter, logged_model_grammar()));
  const bool on_metrics = std::any_of(clauses.begin(), clauses.end(), [](const SearchClause& c) {
    return c.entity == Entity::kMetric;
  });
  std::string experiments;
  for (const std::int64_t number : TRY(experiment_numbers(query.experiment_ids)))
    experiments += (experiments.empty() ? "" : ", ") + std::to_string(number);
  if (experiments.empty()) return Page<LoggedModel>();
  return db.read([&](store::Reader& reader) -> Result<Page<LoggedModel>> {
    Search search(reader, experiments);
    TRY(search.read_candidates());
    for (const SearchClause& clause : clauses) TRY(search.keep(clause, query.datasets));
    if (!query.datasets.empty() && !on_metrics) TRY(search.keep_measured_on(query.datasets));
    TRY(search.sort(query.order_by));
    Page<LoggedModel> page;
    const std::int64_t count = std::ssize(search.candidates());
    const std::int64_t end = std::min(count, offset + query.max_results);
    for (std::int64_t i = offset; i < end; ++i) {
      const std::string& id = search.candidates()[static_cast<std::size_t>(i)].id;
      page.items.push_back(TRY(find_logged_model(reader, id, Deleted::kHidden)));
    }
    if (end < count) page.next = page_token(end);
    return page;
  });
}

}  // namespace slipway::tracking
