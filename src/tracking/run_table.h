// The runs of an experiment as a table: a page of rows in order, of the columns that were asked
// for; what columns there are; and the runs counted by what they say.
//
// Answers come from the columns in memory (run_index.h), so that a page costs what it shows and not
// what the experiment has. The order of a long table is made once and kept for a while as a view:
// who scrolls through it pages by its number, and rows keep their places meanwhile.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/mutex.h"
#include "store/db.h"
#include "tracking/metric_keys.h"
#include "tracking/run_index.h"

namespace slipway::tracking {

// As clients write it: "metrics.auc", "params.max depth", "tags.team", "attributes.status". The key
// is all behind the first point. kInvalidArgument.
struct TableColumn {
  types::Entity entity = types::Entity::kAttribute;
  std::string key;
};
Result<TableColumn> parse_table_column(std::string_view text);

// Nothing: the run hasn't it. Times are milliseconds since 1970.
using TableCell = std::variant<std::monostate, std::int64_t, double, std::string>;

// Safe to use from several threads. Everything given to the constructor must outlive it.
class RunTable {
 public:
  struct Options {
    // What kept orders may take, four bytes a run each; the ones not used for longest go first.
    std::size_t views_bytes_max = std::size_t{64} << 20;
    std::size_t rows_max = 1000;     // of a page
    std::size_t columns_max = 200;   // of a page
    std::size_t listed_max = 20000;  // columns or groups of one answer
  };

  RunTable(store::Db& db, MetricKeys& keys, RunIndex& index, Options options)
      : db_(db), keys_(keys), index_(index), options_(options) {}

  // Runs that say `value` of `column`; nothing: that don't have it.
  struct Group {
    std::string column;
    std::optional<std::string> value;
  };
  struct Query {
    std::string experiment_id;
    std::string filter;                 // MLflow's language
    std::vector<std::string> order_by;  // likewise; the newest first when empty
    std::optional<Group> in;
  };
  struct PageQuery {
    Query of;
    std::vector<std::string> columns;
    std::size_t offset = 0, count = 100;
    std::uint64_t view = 0;  // of an earlier page of the same query; 0, or forgotten: as of now
  };
  struct Page {
    std::size_t total = 0;   // runs that pass
    std::uint64_t view = 0;  // 0: the order was not kept
    std::vector<std::string> ids;
    std::vector<std::vector<TableCell>> columns;  // as asked, a cell for each id
  };
  // kInvalidArgument: what is wrong in filter, order or columns. kNotFound: no such experiment.
  Result<Page> page(const PageQuery& query);

  struct Listed {
    std::string name;      // as parse_table_column takes it
    std::size_t runs = 0;  // that have it, deleted ones until they are reclaimed included
  };
  struct Columns {
    std::vector<Listed> columns;  // those that most runs have first
    std::size_t total = 0;
  };
  // Metrics, parameters and tags whose name begins with `kind` ("metrics.", or "" for all) and has
  // the letters `contains`, small or large. kNotFound.
  Result<Columns> columns(const std::string& experiment_id, const std::string& kind,
                          const std::string& contains, std::size_t count);

  struct Spread {
    std::size_t runs = 0;  // that have the metric as a number
    double mean = 0, low = 0, high = 0;
  };
  struct CountedGroup {
    std::optional<std::string> value;
    std::size_t runs = 0;
    std::vector<Spread> metrics;
  };
  struct Groups {
    std::vector<CountedGroup> groups;  // the largest first; then by value
    std::size_t total = 0;             // of groups
    std::size_t runs = 0;              // in all groups
  };
  struct GroupQuery {
    Query of;                          // its order doesn't matter
    std::string by;                    // a parameter, a tag, status, run_name or user_id
    std::string contains;              // letters that a value must have
    std::vector<std::string> metrics;  // keys
    std::size_t count = 100;
  };
  // As `page`.
  Result<Groups> groups(const GroupQuery& query);

 private:
  struct View {
    std::uint64_t id = 0;
    std::string query;
    std::int64_t position = 0, generation = 0;
    std::shared_ptr<const std::vector<std::uint32_t>> rows;
  };

  // The order that was kept, if it was; an old one only by its number.
  std::optional<View> find_view(const std::string& query, std::uint64_t id,
                                const RunIndex::Look& look);
  std::uint64_t keep_view(View view);

  store::Db& db_;
  MetricKeys& keys_;
  RunIndex& index_;
  const Options options_;

  base::Mutex views_mutex_;
  std::list<View> views_ GUARDED_BY(views_mutex_);  // last used first
  std::uint64_t last_view_ GUARDED_BY(views_mutex_) = 0;
};

}  // namespace slipway::tracking
