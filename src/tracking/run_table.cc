#include "tracking/run_table.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "tracking/search_grammars.h"

namespace slipway::tracking {
namespace {

using types::Comparison;
using types::Entity;
using types::SearchClause;

// Pages that end before are found without an order of all runs: cheaper, where runs change so often
// that none would be used twice.
constexpr std::size_t kTopRows = 1000;

constexpr struct {
  std::string_view word;
  Entity entity;
} kKinds[] = {{"metrics.", Entity::kMetric},
              {"params.", Entity::kParam},
              {"tags.", Entity::kTag},
              {"attributes.", Entity::kAttribute}};

constexpr std::string_view kAttributes[] = {"run_id",  "run_name",     "status",  "start_time",
                                            "user_id", "artifact_uri", "end_time"};
constexpr std::string_view kGroupable[] = {"run_name", "status", "user_id"};

template <typename List>
bool contains(const List& list, std::string_view text) {
  return std::find(std::begin(list), std::end(list), text) != std::end(list);
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

// `letters` are lower(...).
bool has_letters(std::string_view text, std::string_view letters) {
  return letters.empty() || lower(text).find(letters) != std::string::npos;
}

Result<void> check_at_most(std::string_view what, std::size_t count, std::size_t most) {
  if (count <= most) return {};
  return base::error(Code::kInvalidArgument, "at most {} {} can be asked for at once: {}", most,
                     what, count);
}

// "01" is refused: who may read an experiment was asked by the id as it is written.
Result<std::int64_t> plain_experiment_number(const std::string& id) {
  const std::int64_t number = TRY(experiment_number(id));
  if (std::to_string(number) != id)
    return base::error(Code::kInvalidArgument, "an experiment's id is written without more: id={}",
                       id);
  return number;
}

SearchClause clause_of(const TableColumn& column, const std::optional<std::string>& value) {
  SearchClause clause;
  clause.entity = column.entity;
  clause.key = column.key;
  clause.comparison = value ? Comparison::kEqual : Comparison::kIsNull;
  if (value) clause.value = *value;
  return clause;
}

Result<TableColumn> parse_groupable(std::string_view text) {
  TableColumn column = TRY(parse_table_column(text));
  const bool is_attribute = column.entity == Entity::kAttribute;
  if (column.entity == Entity::kMetric || (is_attribute && !contains(kGroupable, column.key))) {
    return base::error(Code::kInvalidArgument,
                       "runs are grouped by a parameter, a tag, or attributes.{}: by={}",
                       fmt::join(kGroupable, ", attributes."), text);
  }
  return column;
}

Result<RunSelection> parse_query(const RunTable::Query& query) {
  RunSelection selection;
  selection.clauses = TRY(types::parse_search_filter(query.filter, run_grammar()));
  for (const std::string& text : query.order_by)
    selection.order.push_back(TRY(types::parse_search_order(text, run_grammar())));
  if (!query.in) return selection;
  const TableColumn column = TRY(parse_groupable(query.in->column));
  if (!query.in->value && column.entity == Entity::kAttribute)
    return base::error(Code::kInvalidArgument, "every run has it: column={}", query.in->column);
  selection.clauses.push_back(clause_of(column, query.in->value));
  return selection;
}

// What two queries with the same order have the same.
std::string words_of(const RunTable::Query& query) {
  std::string text = query.experiment_id + '\n' + query.filter + '\n';
  for (const std::string& order : query.order_by) text += "order " + order + '\n';
  if (query.in)
    text += fmt::format("in {}\n{}{}", query.in->column, query.in->value.has_value() ? "=" : "",
                        query.in->value.value_or(""));
  return text;
}

// --- Cells ---

TableCell text_cell(const TextPool& texts, std::uint32_t code) {
  if (code == kNoText) return {};
  return std::string(texts.text(code));
}

TableCell attribute_cell(const RunIndex::Look& look, std::uint32_t row, const std::string& key) {
  const ExperimentRuns::Heads& heads = look.runs.heads(row / kChunkRows);
  const std::size_t at = row % kChunkRows;
  const auto time = [](std::int64_t ms) { return ms == kNoTime ? TableCell() : TableCell(ms); };
  if (key == "start_time") return time(heads.starts_ms[at]);
  if (key == "end_time") return time(heads.ends_ms[at]);
  if (key == "run_name") return text_cell(look.texts, heads.names[at]);
  if (key == "user_id") return text_cell(look.texts, heads.users[at]);
  if (key == "status") return std::string(status_name(heads.statuses[at]));
  if (key == "run_id") return std::string(text_of(heads.ids[at]));
  return unpack_artifact_uri(look.texts.text(heads.artifact_uris[at]), text_of(heads.ids[at]));
}

std::vector<TableCell> cells(const RunIndex::Look& look, std::span<const std::uint32_t> rows,
                             const TableColumn& column) {
  std::vector<TableCell> out;
  out.reserve(rows.size());
  if (column.entity == Entity::kAttribute) {
    for (const std::uint32_t row : rows) out.push_back(attribute_cell(look, row, column.key));
    return out;
  }
  if (column.entity == Entity::kMetric) {
    const MetricColumn* values = look.runs.metric(look.metrics.at(column.key));
    for (const std::uint32_t row : rows) {
      const double value = values == nullptr ? MetricColumn::missing() : values->get(row);
      out.push_back(is_missing(value) ? TableCell() : TableCell(value));
    }
    return out;
  }
  const std::uint32_t key = look.texts.find(column.key);
  const TextColumn* codes =
      column.entity == Entity::kParam ? look.runs.param(key) : look.runs.tag(key);
  for (const std::uint32_t row : rows)
    out.push_back(text_cell(look.texts, codes == nullptr ? kNoText : codes->get(row)));
  return out;
}

// --- Groups ---

// What a row says of a column, as a number that stands for it.
class Codes {
 public:
  Codes(const RunIndex::Look& look, const TableColumn& by) : look_(look) {
    if (by.entity == Entity::kAttribute) {
      kind_ = by.key == "status" ? Kind::kStatus : by.key == "run_name" ? Kind::kName : Kind::kUser;
    } else {
      const std::uint32_t key = look.texts.find(by.key);
      column_ = by.entity == Entity::kParam ? look.runs.param(key) : look.runs.tag(key);
    }
  }

  std::uint32_t of(std::uint32_t row) const {
    if (kind_ == Kind::kColumn) return column_ == nullptr ? kNoText : column_->get(row);
    const ExperimentRuns::Heads& heads = look_.runs.heads(row / kChunkRows);
    const std::size_t at = row % kChunkRows;
    if (kind_ == Kind::kStatus) return static_cast<std::uint32_t>(heads.statuses[at]);
    return kind_ == Kind::kName ? heads.names[at] : heads.users[at];
  }
  std::optional<std::string> text(std::uint32_t code) const {
    if (kind_ == Kind::kStatus) return std::string(status_name(static_cast<RunStatus>(code)));
    if (code == kNoText) return std::nullopt;
    return std::string(look_.texts.text(code));
  }

 private:
  enum class Kind { kColumn, kStatus, kName, kUser };
  const RunIndex::Look& look_;
  Kind kind_ = Kind::kColumn;
  const TextColumn* column_ = nullptr;
};

void add(RunTable::Spread& spread, double value) {
  if (is_missing(value) || std::isnan(value)) return;
  spread.low = spread.runs == 0 ? value : std::min(spread.low, value);
  spread.high = spread.runs == 0 ? value : std::max(spread.high, value);
  ++spread.runs;
  spread.mean += (value - spread.mean) / static_cast<double>(spread.runs);
}

RunTable::Groups count_groups(const RunIndex::Look& look, const RunSelection& selection,
                              const TableColumn& by, const RunTable::GroupQuery& query) {
  const Codes codes(look, by);
  std::vector<const MetricColumn*> metrics;
  for (const std::string& key : query.metrics)
    metrics.push_back(look.runs.metric(look.metrics.at(key)));
  RunFilter filter(selection.clauses, selection.view, look.texts, look.metrics);
  std::unordered_map<std::uint32_t, RunTable::CountedGroup> by_code;
  std::vector<std::uint8_t> in(kChunkRows);
  for (std::size_t chunk = 0; chunk < look.runs.chunks(); ++chunk) {
    const RowMask mask(in.data(), look.runs.heads(chunk).numbers.size());
    filter.apply(look.runs, chunk, mask);
    for_set(mask, [&](std::uint32_t at) {
      const auto row = static_cast<std::uint32_t>(chunk * kChunkRows) + at;
      RunTable::CountedGroup& group = by_code[codes.of(row)];
      ++group.runs;
      group.metrics.resize(metrics.size());
      for (std::size_t m = 0; m < metrics.size(); ++m) {
        if (metrics[m] != nullptr) add(group.metrics[m], metrics[m]->get(row));
      }
    });
  }
  const std::string letters = lower(query.contains);
  RunTable::Groups found;
  for (auto& [code, group] : by_code) {
    group.value = codes.text(code);
    if (!letters.empty() && (!group.value || !has_letters(*group.value, letters))) continue;
    found.runs += group.runs;
    found.groups.push_back(std::move(group));
  }
  found.total = found.groups.size();
  const auto before = [](const RunTable::CountedGroup& a, const RunTable::CountedGroup& b) {
    return a.runs != b.runs ? a.runs > b.runs : a.value < b.value;
  };
  const auto end = found.groups.begin() +
                   static_cast<std::ptrdiff_t>(std::min(query.count, found.groups.size()));
  std::partial_sort(found.groups.begin(), end, found.groups.end(), before);
  found.groups.erase(end, found.groups.end());
  return found;
}

}  // namespace

Result<TableColumn> parse_table_column(std::string_view text) {
  for (const auto& [word, entity] : kKinds) {
    if (!text.starts_with(word) || text.size() == word.size()) continue;
    TableColumn column{entity, std::string(text.substr(word.size()))};
    if (entity != Entity::kAttribute || contains(kAttributes, column.key)) return column;
    return base::error(Code::kInvalidArgument, "runs have the attributes {}: column={}",
                       fmt::join(kAttributes, ", "), text);
  }
  return base::error(Code::kInvalidArgument,
                     "a column is metrics.KEY, params.KEY, tags.KEY or attributes.KEY: column={}",
                     text);
}

Result<RunTable::Page> RunTable::page(const PageQuery& query) {
  TRY(check_at_most("runs", query.count, options_.rows_max));
  TRY(check_at_most("columns", query.columns.size(), options_.columns_max));
  const std::int64_t experiment = TRY(plain_experiment_number(query.of.experiment_id));
  RunSelection selection = TRY(parse_query(query.of));
  selection.offset = query.offset;
  selection.count = query.count;
  std::vector<TableColumn> columns;
  std::vector<std::string> metrics = metrics_of(selection);
  for (const std::string& text : query.columns) {
    columns.push_back(TRY(parse_table_column(text)));
    if (columns.back().entity == Entity::kMetric) metrics.push_back(columns.back().key);
  }
  TRY(db_.read([&](store::Reader& reader) { return check_experiment_exists(reader, experiment); }));
  const std::string words = words_of(query.of);
  Page page;
  TRY(index_.look(experiment, metrics, [&](const RunIndex::Look& look) {
    std::vector<std::uint32_t> rows;
    std::optional<View> view = find_view(words, query.view, look);
    if (!view && query.offset + query.count <= kTopRows) {
      SelectedRows top = select_rows(look.runs, look.texts, look.metrics, selection);
      page.total = top.passing;
      rows = std::move(top.rows);
    } else {
      if (!view) {
        view = View{.query = words,
                    .position = look.position,
                    .generation = look.generation,
                    .rows = std::make_shared<const std::vector<std::uint32_t>>(
                        order_rows(look.runs, look.texts, look.metrics, selection))};
        view->id = keep_view(*view);
      }
      page.view = view->id;
      page.total = view->rows->size();
      const std::size_t from = std::min(query.offset, page.total);
      const std::size_t to = from + std::min(query.count, page.total - from);
      rows.assign(view->rows->begin() + static_cast<std::ptrdiff_t>(from),
                  view->rows->begin() + static_cast<std::ptrdiff_t>(to));
    }
    for (const std::uint32_t row : rows)
      page.ids.emplace_back(text_of(look.runs.heads(row / kChunkRows).ids[row % kChunkRows]));
    for (const TableColumn& column : columns) page.columns.push_back(cells(look, rows, column));
  }));
  return page;
}

Result<RunTable::Columns> RunTable::columns(const std::string& experiment_id,
                                            const std::string& kind, const std::string& letters,
                                            std::size_t count) {
  TRY(check_at_most("columns", count, options_.listed_max));
  const std::int64_t experiment = TRY(plain_experiment_number(experiment_id));
  TRY(db_.read([&](store::Reader& reader) { return check_experiment_exists(reader, experiment); }));
  std::vector<Listed> all;
  std::vector<std::pair<std::uint32_t, std::size_t>> metrics;  // number of the key, runs
  TRY(index_.look(experiment, {}, [&](const RunIndex::Look& look) {
    look.runs.each_metric([&](std::uint32_t key, std::size_t runs) {
      metrics.push_back({key, runs});
    });
    look.runs.each_param([&](std::uint32_t key, std::size_t runs) {
      all.push_back({fmt::format("params.{}", look.texts.text(key)), runs});
    });
    look.runs.each_tag([&](std::uint32_t key, std::size_t runs) {
      all.push_back({fmt::format("tags.{}", look.texts.text(key)), runs});
    });
  }));
  TRY(db_.read([&](store::Reader& reader) -> Result<void> {
    for (const auto& [key, runs] : metrics)
      all.push_back({fmt::format("metrics.{}", TRY(keys_.text(reader, key))), runs});
    return {};
  }));
  const std::string wanted = lower(letters);
  std::erase_if(all, [&](const Listed& one) {
    return one.runs == 0 || !one.name.starts_with(kind) || !has_letters(one.name, wanted);
  });
  Columns found{.total = all.size()};
  const auto end = all.begin() + static_cast<std::ptrdiff_t>(std::min(count, all.size()));
  std::partial_sort(all.begin(), end, all.end(), [](const Listed& a, const Listed& b) {
    return a.runs != b.runs ? a.runs > b.runs : a.name < b.name;
  });
  all.erase(end, all.end());
  found.columns = std::move(all);
  return found;
}

Result<RunTable::Groups> RunTable::groups(const GroupQuery& query) {
  TRY(check_at_most("groups", query.count, options_.listed_max));
  TRY(check_at_most("metrics", query.metrics.size(), options_.columns_max));
  const std::int64_t experiment = TRY(plain_experiment_number(query.of.experiment_id));
  const TableColumn by = TRY(parse_groupable(query.by));
  const RunSelection selection = TRY(parse_query(query.of));
  TRY(db_.read([&](store::Reader& reader) { return check_experiment_exists(reader, experiment); }));
  std::vector<std::string> metrics = metrics_of(selection);
  metrics.insert(metrics.end(), query.metrics.begin(), query.metrics.end());
  Groups found;
  TRY(index_.look(experiment, metrics, [&](const RunIndex::Look& look) {
    found = count_groups(look, selection, by, query);
  }));
  return found;
}

std::optional<RunTable::View> RunTable::find_view(const std::string& query, std::uint64_t id,
                                                  const RunIndex::Look& look) {
  base::MutexLock lock(views_mutex_);
  for (auto at = views_.begin(); at != views_.end(); ++at) {
    const bool is_meant = id == 0 ? at->position == look.position : at->id == id;
    if (!is_meant || at->query != query || at->generation != look.generation) continue;
    views_.splice(views_.begin(), views_, at);
    return views_.front();
  }
  return std::nullopt;
}

std::uint64_t RunTable::keep_view(View view) {
  base::MutexLock lock(views_mutex_);
  view.id = ++last_view_;
  views_.push_front(std::move(view));
  std::size_t bytes = 0;
  for (auto at = views_.begin(); at != views_.end();) {
    bytes += at->rows->size() * sizeof(std::uint32_t) + at->query.size() + sizeof *at;
    at = bytes > options_.views_bytes_max ? views_.erase(at) : std::next(at);
  }
  return last_view_;
}

}  // namespace slipway::tracking
