// Training sets: the same views over whole datasets, each entity row as known at its own time.

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>
#include <set>

#include "features/feature_store.h"
#include "features/view_history.h"
#include "store/parquet.h"

namespace slipway::features {
namespace {

using types::Column;
using types::ColumnType;
using Columns = std::vector<const Column*>;

// Columns of `frame` in the order of `names`; those it doesn't have are null.
Columns find_columns(const types::Frame& frame, const std::vector<NamedColumn>& names) {
  Columns columns;
  for (const NamedColumn& name : names) columns.push_back(frame.find(name.name));
  return columns;
}

// Entity rows that are answered together, as their dataset has them.
struct Batch {
  std::vector<Column> request;  // the service's request columns
  std::vector<Column> keys;     // of the dataset
  Column times, arrival;
  std::optional<Column> labels;
  std::size_t rows() const { return times.size(); }
};

Columns pointers(const std::vector<Column>& columns) {
  Columns pointed;
  for (const Column& column : columns) pointed.push_back(&column);
  return pointed;
}

// Makes a training set of one batch of entity rows after the other.
class TrainingSet {
 public:
  TrainingSet(const HistoryRequest& request, const BoundService& service,
              const std::vector<BoundView>& views, std::vector<std::optional<ViewHistory>> parts)
      : request_(request), service_(service), views_(views), parts_(std::move(parts)) {}

  Result<types::Frame> answer(Batch batch) {
    types::Frame frame;
    const auto add = [&](Column column, std::string name) -> Result<void> {
      column.name = std::move(name);
      // A feature that has the name of a key or of the time is in the frame once.
      if (frame.find(column.name) != nullptr) return {};
      return frame.add(std::move(column));
    };
    std::vector<std::vector<Column>> parts = TRY(read(batch));
    for (Column& key : batch.keys) TRY(add(std::move(key), key.name));
    TRY(add(std::move(batch.times), service_.service.event_time));
    if (batch.labels) {
      TRY(add(std::move(*batch.labels), request_.label_name));
      TRY(add(std::move(batch.arrival), request_.label_name + "_known_at"));
    }
    for (const BoundService::Output& output : service_.outputs) {
      TRY(add(output.from_request ? as_values(batch.request[output.position])
                                  : std::move(parts[output.part][output.position]),
              output.name));
    }
    return frame;
  }

 private:
  // What each part says of them.
  Result<std::vector<std::vector<Column>>> read(const Batch& batch) {
    const Columns cells = pointers(batch.request);
    std::map<std::vector<std::size_t>, EntityRows> entities;  // by the positions of their keys
    std::vector<std::vector<Column>> parts;  // those that are read come before who reads them
    for (std::size_t p = 0; p < service_.parts.size(); ++p) {
      const BoundService::Part& part = service_.parts[p];
      if (views_[part.view].view.is_on_demand()) {
        Columns readable = cells;
        for (const BoundService::Feature& feature : part.features)
          readable.push_back(&parts[feature.part][feature.position]);
        std::vector<Column> columns;
        for (const Expression& input : part.on_demand)
          columns.push_back(input.evaluate(readable, batch.rows()));
        parts.push_back(std::move(columns));
        continue;
      }
      Columns keys;
      for (const std::size_t key : part.keys) keys.push_back(cells[key]);
      const auto of_keys = entities.try_emplace(part.keys, keys, batch.times.ints).first;
      parts.push_back(TRY(parts_[p]->read(of_keys->second, keys, batch.times.ints)));
    }
    return parts;
  }

  const HistoryRequest& request_;
  const BoundService& service_;
  const std::vector<BoundView>& views_;
  std::vector<std::optional<ViewHistory>> parts_;  // by part of the service; on demand: none
};

// About what a frame takes of memory.
std::size_t bytes_of(const types::Frame& frame) {
  std::size_t bytes = 0;
  for (const Column& column : frame.columns()) {
    bytes += column.size() * sizeof(double) + column.valid.size();
    for (const std::string& text : column.strings) bytes += sizeof text + text.size();
  }
  return bytes;
}

// How much is answered at once. Their texts count as they are, so that batches are the same for the
// same rows.
struct BatchLimits {
  std::size_t rows = 1;
  std::size_t bytes = 1;          // of the entity rows and of what is made for them
  std::size_t bytes_per_row = 0;  // of what is made for one
};

// What is wrong with a file that somebody has sent is for them to hear.
template <typename T>
Result<T> as_sent(Result<T> read) {
  if (read || read.error().code != Code::kCorruption) return read;
  return base::error(Code::kInvalidArgument, "the entity rows are no whole Parquet file");
}

// A Parquet file of entity rows.
class FileTable final : public Table {
 public:
  FileTable(std::filesystem::path file, const store::ParquetInfo& info, std::uint64_t memory_bytes)
      : file_(std::move(file)),
        rows_(info.rows),
        memory_max_(static_cast<std::int64_t>(memory_bytes)) {}

  std::string version() const override { return file_.string(); }
  std::int64_t row_count() const override { return rows_; }
  Result<types::Frame> rows(const std::vector<std::string>& columns) override {
    return as_sent(store::read_parquet(file_, columns));
  }
  Result<void> scan(const std::vector<std::string>& columns, const std::optional<TimeRange>& range,
                    const Visit& visit) override {
    constexpr std::int64_t kRowsPerPiece = 64 * 1024;
    std::optional<store::ParquetRange> of_file;
    if (range) of_file = {.column = range->column, .first = range->first, .last = range->last};
    return as_sent(store::scan_parquet(
        file_, columns, kRowsPerPiece, of_file,
        [&](const types::Frame& piece, std::int64_t first_row) {
          return visit(piece, static_cast<std::size_t>(first_row));
        },
        memory_max_));
  }

 private:
  const std::filesystem::path file_;
  const std::int64_t rows_, memory_max_;
};

// What is read of the dataset whose rows are asked for, and which of them count.
class EntitySource {
 public:
  static Result<EntitySource> open(TableSource& tables, const HistoryRequest& request,
                                   const BoundService& service) {
    EntitySource source(request, service);
    if (request.entity_file.empty()) {
      source.columns_ = TRY(tables.columns(request.entities));
      source.keys_ = TRY(tables.key(request.entities));
      source.arrival_ = TRY(tables.arrival_time(request.entities));
    } else {
      TRY(source.read_file());
    }
    TRY(check_entity_columns(service.service, source.columns_));
    std::set<std::string> read(source.keys_.begin(), source.keys_.end());
    read.insert(source.arrival_);
    for (const RequestColumn& column : service.service.request) read.insert(column.name);
    if (!request.label.empty()) {
      source.label_ = TRY(Expression::parse(request.label, source.columns_));
      for (const std::size_t column : source.label_->columns())
        read.insert(source.columns_[column].name);
    }
    for (const std::string& name : read) {
      if (std::ranges::find(source.columns_, name, &NamedColumn::name) == source.columns_.end()) {
        return base::error(Code::kNotFound, "the entity rows have no column {}: service={}", name,
                           service.service.name);
      }
    }
    source.names_.assign(read.begin(), read.end());
    if (source.table_ == nullptr) source.table_ = TRY(tables.open(request.entities));
    return source;
  }

  // Calls `answer` for batches, in order; at least once. Returns how many rows were left out
  // because their label was not known.
  Result<std::int64_t> each(const BatchLimits& limits,
                            const std::function<Result<void>(Batch)>& answer) {
    std::int64_t unlabeled = 0;
    std::optional<Batch> batch;
    std::size_t batches = 0, bytes = 0;
    const auto finish = [&]() -> Result<void> {
      Batch done = std::move(*batch);
      batch.reset();
      bytes = 0;
      return ++batches > request_.batches_done ? answer(std::move(done)) : Result<void>();
    };
    const std::string& time = service_.service.event_time;
    const Table::TimeRange range{
        .column = time,
        .first = request_.from ? request_.from->micros : std::numeric_limits<std::int64_t>::min(),
        .last = std::min(request_.as_of, request_.until.value_or(request_.as_of)).micros};
    TRY(table_->scan(names_, range, [&](const types::Frame& piece, std::size_t at) -> Result<void> {
      std::optional<Column> labels;
      if (label_) labels = label_->evaluate(find_columns(piece, columns_), piece.rows());
      const std::vector<std::size_t> asked = TRY(choose(piece, labels, unlabeled, at));
      // A key column of the request is there twice.
      const std::size_t bytes_per_row =
          1 + limits.bytes_per_row + 2 * bytes_of(piece) / std::max<std::size_t>(piece.rows(), 1);
      for (std::size_t first = 0; first < asked.size();) {
        std::size_t room = (limits.bytes - std::min(bytes, limits.bytes)) / bytes_per_row;
        if (batch && batch->rows() > 0 && room == 0) {
          TRY(finish());
          continue;
        }
        if (!batch) batch = empty_like(piece, labels);
        room = std::clamp<std::size_t>(room, 1, limits.rows - batch->rows());
        const std::size_t some = std::min(asked.size() - first, room);
        append(*batch, piece, labels,
               {asked.begin() + static_cast<std::ptrdiff_t>(first),
                asked.begin() + static_cast<std::ptrdiff_t>(first + some)});
        first += some;
        bytes += some * bytes_per_row;
        if (batch->rows() == limits.rows) TRY(finish());
      }
      if (request_.progress)
        request_.progress(static_cast<std::int64_t>(at + piece.rows()), table_->row_count());
      return {};
    }));
    if (batch || batches == 0) {
      if (!batch) batch = TRY(nothing());
      TRY(finish());
    }
    return unlabeled;
  }

 private:
  // Entity rows that somebody has sent: all their columns are keys, known when they are asked for.
  Result<void> read_file() {
    const store::ParquetInfo info = TRY(as_sent(store::parquet_info(request_.entity_file)));
    for (const auto& [name, type] : info.columns) {
      columns_.push_back({name, value_type(type), type == ColumnType::kInt64});
      keys_.push_back(name);
    }
    // What is sent and what is answered for it would be one column.
    for (const BoundService::Output& output : service_.outputs) {
      if (!output.from_request && std::ranges::find(keys_, output.name) != keys_.end()) {
        return base::error(Code::kInvalidArgument,
                           "the entity rows have a column that is called as a feature: column={} "
                           "service={}",
                           output.name, service_.service.name);
      }
    }
    arrival_ = service_.service.event_time;
    table_ = std::make_unique<FileTable>(request_.entity_file, info, request_.memory_bytes / 2);
    return {};
  }

  EntitySource(const HistoryRequest& request, const BoundService& service)
      : request_(request), service_(service) {}

  // Positions of the rows of a piece that make up the training set.
  Result<std::vector<std::size_t>> choose(const types::Frame& piece,
                                          const std::optional<Column>& labels,
                                          std::int64_t& unlabeled, std::size_t first_row) const {
    const Column& time = *TRY(piece.column(service_.service.event_time));
    const Column& arrival = *TRY(piece.column(arrival_));
    if (time.type != ColumnType::kTimestamp) {
      return base::error(Code::kInvalidArgument, "the entity rows: {} is no timestamp", time.name);
    }
    std::vector<std::size_t> rows;
    for (std::size_t row = 0; row < time.size(); ++row) {
      // Whoever sends rows counts on an answer for each.
      if (!request_.entity_file.empty() && !time.is_valid(row)) {
        return base::error(Code::kInvalidArgument,
                           "an entity row has no event time: row={} column={}", first_row + row,
                           time.name);
      }
      if (!request_.entity_file.empty() && time.ints[row] >= request_.as_of.micros) {
        return base::error(Code::kInvalidArgument,
                           "an entity row asks about a time that is not before as_of: row={} {}={}",
                           first_row + row, time.name,
                           types::to_rfc3339(types::Timestamp{time.ints[row]}));
      }
      if (!time.is_valid(row) || time.ints[row] >= request_.as_of.micros) continue;
      if (request_.from && time.ints[row] < request_.from->micros) continue;
      if (request_.until && time.ints[row] >= request_.until->micros) continue;
      const bool is_known = arrival.is_valid(row) && arrival.ints[row] <= request_.as_of.micros;
      if (labels && !(is_known && labels->is_valid(row))) {
        ++unlabeled;
      } else {
        rows.push_back(row);
      }
    }
    return rows;
  }

  template <typename Each>
  void each_column(Batch& batch, const types::Frame& piece, Each each) const {
    const std::vector<RequestColumn>& request = service_.service.request;
    for (std::size_t i = 0; i < request.size(); ++i)
      each(batch.request[i], *piece.find(request[i].name));
    for (std::size_t i = 0; i < keys_.size(); ++i) each(batch.keys[i], *piece.find(keys_[i]));
    each(batch.times, *piece.find(service_.service.event_time));
    each(batch.arrival, *piece.find(arrival_));
  }

  Batch empty_like(const types::Frame& piece, const std::optional<Column>& labels) const {
    Batch batch;
    batch.request.resize(service_.service.request.size());
    batch.keys.resize(keys_.size());
    each_column(batch, piece,
                [](Column& to, const Column& from) { to = Column::of_type(from.name, from.type); });
    if (labels) batch.labels = Column::of_type("", labels->type);
    return batch;
  }

  void append(Batch& batch, const types::Frame& piece, const std::optional<Column>& labels,
              const std::vector<std::size_t>& rows) const {
    each_column(batch, piece, [&](Column& to, const Column& from) { to.append_rows(from, rows); });
    if (labels) batch.labels->append_rows(*labels, rows);
  }

  // A batch without rows, with columns as the dataset declares them.
  Result<Batch> nothing() const {
    types::Frame piece;
    for (const std::string& name : names_) {
      const auto column = std::ranges::find(columns_, name, &NamedColumn::name);
      if (column == columns_.end()) {
        return base::error(Code::kNotFound, "dataset {} has no column {}", request_.entities, name);
      }
      TRY(piece.add(Column::of_type(
          name, column->is_whole ? ColumnType::kInt64 : column_type(column->type))));
    }
    std::optional<Column> labels;
    if (label_) labels = label_->evaluate(find_columns(piece, columns_), 0);
    return empty_like(piece, labels);
  }

  const HistoryRequest& request_;
  const BoundService& service_;
  std::vector<NamedColumn> columns_;
  std::vector<std::string> keys_, names_;
  std::string arrival_;
  std::optional<Expression> label_;
  std::unique_ptr<Table> table_;
};

}  // namespace

Result<void> check_entity_columns(const Service& service, const std::vector<NamedColumn>& columns) {
  const auto find = [&](const std::string& name) -> Result<const NamedColumn*> {
    const auto found = std::ranges::find(columns, name, &NamedColumn::name);
    if (found == columns.end()) {
      return base::error(Code::kNotFound, "the entity rows have no column {}: service={}", name,
                         service.name);
    }
    return &*found;
  };
  for (const RequestColumn& column : service.request) TRY(find(column.name));
  if (TRY(find(service.event_time))->type != ValueType::kTime) {
    return base::error(Code::kInvalidArgument, "the entity rows: {} is no timestamp",
                       service.event_time);
  }
  return {};
}

Result<HistoryResult> FeatureStore::history(const HistoryRequest& request,
                                            const HistoryVisit& visit) const {
  return history(request, *definitions(), tables_, visit);
}

Result<HistoryResult> FeatureStore::history(const HistoryRequest& request,
                                            const Definitions& definitions, TableSource& tables,
                                            const HistoryVisit& visit) const {
  const std::shared_ptr<State> state = TRY(bind(definitions, tables));
  const BoundService& service = *TRY(find_service(*state, request.service));
  EntitySource entities = TRY(EntitySource::open(tables, request, service));

  // Answers are kept until all views are read, one after the other.
  ViewHistory::BytesPerRow bytes;
  std::vector<std::optional<ViewHistory>> parts;
  for (const BoundService::Part& part : service.parts) {
    const BoundView& view = state->views[part.view];
    std::optional<ViewHistory>& opened = parts.emplace_back();
    const ViewHistory::BytesPerRow of_view = ViewHistory::bytes_per_row(view);
    bytes.answer += of_view.answer;
    bytes.reading = std::max(bytes.reading, of_view.reading);
    if (view.view.is_on_demand()) continue;
    opened.emplace(
        TRY(ViewHistory::open(tables, *state, part.view, request.as_of, request.memory_bytes / 2)));
  }
  TrainingSet set(request, service, state->views, std::move(parts));
  const std::size_t half = std::max<std::size_t>(request.memory_bytes / 2, 1);
  const std::size_t read_at_once = half / std::max<std::size_t>(bytes.reading, 1);
  const BatchLimits limits{.rows = std::clamp<std::size_t>(
                               read_at_once, 1, std::max<std::size_t>(request.rows_at_once, 1)),
                           .bytes = half,
                           .bytes_per_row = bytes.answer};
  HistoryResult result;
  result.unlabeled = TRY(entities.each(limits, [&](Batch batch) -> Result<void> {
    return visit(TRY(set.answer(std::move(batch))));
  }));
  return result;
}

Result<HistoryResult> FeatureStore::history(const HistoryRequest& request) const {
  types::Frame frame;
  HistoryResult result = TRY(history(request, [&](types::Frame rows) -> Result<void> {
    if (frame.columns().empty()) {
      frame = std::move(rows);
      return {};
    }
    std::vector<std::size_t> all(rows.rows());
    std::iota(all.begin(), all.end(), std::size_t{0});
    for (std::size_t c = 0; c < frame.columns().size(); ++c)
      frame.columns()[c].append_rows(rows.columns()[c], all);
    return {};
  }));
  result.frame = std::move(frame);
  return result;
}

}  // namespace slipway::features
