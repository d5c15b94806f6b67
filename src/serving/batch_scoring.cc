#include "serving/batch_scoring.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <limits>
#include <map>
#include <thread>

#include "base/hash.h"
#include "base/mutex.h"
#include "serving/input_policy.h"
#include "store/file_system.h"
#include "store/parquet.h"
#include "types/frame.h"

namespace slipway::serving {
namespace {

using types::Column;
using types::ColumnType;
using types::Frame;

constexpr std::string_view kRowColumn = "row", kModelColumn = "model",
                           kViolationsColumn = "input_violations",
                           kOnViolationColumn = "on_violation";

// What one column looked like.
struct ColumnSummary {
  std::int64_t rows = 0, missing = 0;
  double sum = 0, low = std::numeric_limits<double>::infinity(),
         high = -std::numeric_limits<double>::infinity();

  void add(double value) {
    ++rows;
    if (std::isnan(value)) {
      ++missing;
      return;
    }
    sum += value;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  void add_text(bool is_missing) {
    ++rows;
    missing += is_missing ? 1 : 0;
  }
  void merge(const ColumnSummary& other) {
    rows += other.rows;
    missing += other.missing;
    sum += other.sum;
    low = std::min(low, other.low);
    high = std::max(high, other.high);
  }
  JsonObject to_json() const {
    JsonObject object{{"rows", rows}, {"missing", missing}};
    if (low > high) return object;
    object["sum"] = base::number_or_null(sum);
    object["mean"] = base::number_or_null(sum / static_cast<double>(rows - missing));
    object["min"] = base::number_or_null(low);
    object["max"] = base::number_or_null(high);
    return object;
  }
  static Result<ColumnSummary> from_json(const JsonObject& object) {
    ColumnSummary summary;
    summary.rows = TRY(base::get_int(object, "rows"));
    summary.missing = TRY(base::get_int(object, "missing"));
    summary.sum = TRY(base::find_double(object, "sum")).value_or(0);
    summary.low = TRY(base::find_double(object, "min")).value_or(summary.low);
    summary.high = TRY(base::find_double(object, "max")).value_or(summary.high);
    return summary;
  }
};
using Summaries = std::map<std::string, ColumnSummary>;  // "input x", "output y"

JsonObject summaries_json(const Summaries& summaries) {
  JsonObject object;
  for (const auto& [name, summary] : summaries) object[name] = summary.to_json();
  return object;
}

// What broke a rule.
struct Broken {
  std::map<std::string, std::int64_t> rows;    // by what became of them: "reject"
  std::map<std::string, std::int64_t> values;  // "distance max"

  void merge(const Broken& other) {
    for (const auto& [what, count] : other.rows) rows[what] += count;
    for (const auto& [rule, count] : other.values) values[rule] += count;
  }
  JsonObject to_json() const {
    JsonObject by_row, by_value;
    for (const std::string_view what : {"reject", "quarantine", "flag"}) by_row[what] = 0;
    for (const auto& [what, count] : rows) by_row[what] = count;
    for (const auto& [rule, count] : values) by_value[rule] = count;
    return {{"rows", std::move(by_row)}, {"values", std::move(by_value)}};
  }
  static Result<Broken> from_json(const JsonObject& object) {
    Broken broken;
    for (const auto& [member, counts] :
         {std::pair("rows", &broken.rows), std::pair("values", &broken.values)}) {
      const Json* of = object.if_contains(member);
      if (of == nullptr || !of->is_object())
        return base::error(Code::kCorruption, "a part's summary makes no sense: member={}", member);
      for (const auto& [name, count] : of->as_object())
        (*counts)[name] = TRY(base::get_int(of->as_object(), name));
    }
    return broken;
  }
};
constexpr std::string_view kBroken = "violations";  // beside the summaries of a part

// Some row groups of one input file: what one thread scores into one file.
struct Part {
  BatchInput input;
  std::string output, summary;  // paths in the store
  std::vector<int> row_groups;
  std::int64_t first_row = 0, rows = 0;
};

struct Job {
  std::vector<Part> parts;
  std::int64_t rows = 0;
  std::vector<std::string> columns;  // of the input that are read: the model's, then kept ones
  std::string identity;              // of what is asked for: the same job may go on where it was
};

Result<void> check_columns(const Model& model, const BatchScoringOptions& options,
                           const std::filesystem::path& file, const store::ParquetInfo& info) {
  const auto type_of = [&](const std::string& name) -> const ColumnType* {
    for (const auto& [known, type] : info.columns) {
      if (known == name) return &type;
    }
    return nullptr;
  };
  for (const InputSpec& input : model.shape().inputs) {
    const ColumnType* type = type_of(input.name);
    if (type == nullptr) {
      if (!input.required) continue;
      return base::error(Code::kInvalidArgument,
                         "a column of the model is missing: column={} file={}", input.name,
                         file.string());
    }
    const bool is_text = *type == ColumnType::kString;
    if (*type == ColumnType::kTimestamp || is_text != input.is_text()) {
      return base::error(Code::kInvalidArgument,
                         "column {} must be {} for the model, it is {}: file={}", input.name,
                         input.is_text() ? "a text" : "a number", types::type_name(*type),
                         file.string());
    }
  }
  for (const std::string& name : options.keep) {
    if (type_of(name) == nullptr) {
      return base::error(Code::kInvalidArgument, "a column to keep is missing: column={} file={}",
                         name, file.string());
    }
  }
  return {};
}

Result<void> check_model(const Model& model) {
  for (const InputSpec& input : model.shape().inputs) {
    if (!input.is_column()) {
      return base::error(Code::kInvalidArgument, "a Parquet column can't be a tensor: input={}",
                         input.name);
    }
  }
  return {};
}

Result<Job> plan(const Model& model, const BatchScoringOptions& options) {
  TRY(check_model(model));
  if (options.inputs.empty())
    return base::error(Code::kInvalidArgument, "there are no input files");
  Job job;
  for (const InputSpec& input : model.shape().inputs) job.columns.push_back(input.name);
  for (const std::string& name : options.keep) {
    if (name == kRowColumn || name == kModelColumn ||
        (!options.rules.columns.empty() &&
         (name == kViolationsColumn || name == kOnViolationColumn))) {
      return base::error(Code::kInvalidArgument, "the output has a column of its own named {}",
                         name);
    }
    if (std::find(job.columns.begin(), job.columns.end(), name) == job.columns.end())
      job.columns.push_back(name);
  }
  base::Sha256 identity;
  identity.update(options.model_uri + "\n" + fmt::format("{}", fmt::join(job.columns, "\n")) +
                  fmt::format("\n{}\n", options.rows_per_part));
  if (!options.rules.columns.empty()) identity.update(base::to_text(options.rules.to_json()));
  for (std::size_t f = 0; f < options.inputs.size(); ++f) {
    const std::filesystem::path& file = options.inputs[f].file;
    const store::ParquetInfo info = TRY(store::parquet_info(file));
    TRY(check_columns(model, options, file, info));
    std::error_code ignored;
    const std::string& copy_of = options.inputs[f].name;
    identity.update(fmt::format("{}\n{}\n", copy_of.empty() ? file.string() : copy_of,
                                std::filesystem::file_size(file, ignored)));
    if (copy_of.empty()) {
      identity.update(fmt::format(
          "{}\n", std::filesystem::last_write_time(file, ignored).time_since_epoch().count()));
    }
    Part part;
    std::int64_t row = 0;
    std::size_t number = 0;
    const auto close = [&] {
      if (part.rows == 0) return;
      const std::string name = fmt::format("part-{:05}-{:04}", f, number++);
      part.input = options.inputs[f];
      part.output = name + ".parquet";
      part.summary = "_slipway/" + name + ".json";
      job.parts.push_back(std::move(part));
      part = {.first_row = row};
    };
    for (std::size_t group = 0; group < info.row_groups.size(); ++group) {
      part.row_groups.push_back(static_cast<int>(group));
      part.rows += info.row_groups[group];
      row += info.row_groups[group];
      if (part.rows >= options.rows_per_part) close();
    }
    close();
    job.rows += row;
  }
  job.identity = identity.finish_hex();
  return job;
}

std::string called(const BatchInput& input) {
  return input.name.empty() ? input.file.string() : input.name;
}

Result<bool> is_there(store::ObjectStore& output, const std::string& path) {
  const Result<std::int64_t> size = output.size(path);
  if (!size && size.error().code != Code::kNotFound) return size.error();
  return size.has_value();
}

Result<std::string> read(store::ObjectStore& output, const std::string& path) {
  const std::int64_t bytes = TRY(output.size(path));
  const auto reader = TRY(output.read(path, 0, bytes));
  std::string text(static_cast<std::size_t>(bytes), '\0');
  std::size_t at = 0;
  while (const std::size_t n = TRY(reader->read(std::span(text).subspan(at)))) at += n;
  text.resize(at);
  return text;
}

Result<void> write(store::ObjectStore& output, const std::string& path,
                   const std::filesystem::path& scratch, std::string_view text) {
  std::string name = path;
  std::replace(name.begin(), name.end(), '/', '.');
  TRY(store::make_folders(scratch));
  TRY(store::write_file(scratch / name, text));
  return output.put_file(path, scratch / name, "application/json");
}

// The folder is this job's, or becomes it.
Result<void> take_output(const BatchScoringOptions& options, const Job& job,
                         store::ObjectStore& output) {
  if (TRY(is_there(output, "_slipway/job")) && TRY(read(output, "_slipway/job")) == job.identity)
    return store::make_folders(options.scratch);
  const std::vector<store::ObjectEntry> used = TRY(output.list(""));
  if (!used.empty() && !options.overwrite) {
    return base::error(Code::kFailedPrecondition,
                       "the output folder holds something else than this job (another model, other "
                       "files or columns): choose another folder or overwrite it");
  }
  for (const store::ObjectEntry& entry : used) {  // only what such a job writes
    if (entry.name.starts_with("part-") || entry.name.starts_with("_slipway"))
      TRY(output.remove(entry.name));
  }
  return write(output, "_slipway/job", options.scratch, job.identity);
}

// A column of a frame as a model reads it; what has to be converted is kept in the scratch.
struct Scratch {
  std::vector<std::vector<double>> numbers;
  std::vector<std::vector<std::string_view>> texts;
  std::vector<InputView> views;
  std::vector<InputViolation> found;
  std::vector<RowVerdict> verdicts;
};

InputView view_of(const Column* column, const InputSpec& spec, std::size_t rows,
                  std::vector<double>& numbers, std::vector<std::string_view>& texts) {
  if (spec.is_text()) {
    texts.assign(rows, {});
    for (std::size_t row = 0; column != nullptr && row < rows; ++row) {
      if (column->is_valid(row)) texts[row] = column->strings[row];
    }
    return {.texts = texts.data()};
  }
  if (column != nullptr && column->type == ColumnType::kDouble)
    return {.numbers = column->doubles.data()};
  numbers.assign(rows, std::numeric_limits<double>::quiet_NaN());
  for (std::size_t row = 0; column != nullptr && row < rows; ++row) {
    if (column->is_valid(row)) numbers[row] = static_cast<double>(column->ints[row]);
  }
  return {.numbers = numbers.data()};
}

void read_views(const ModelShape& shape, const Frame& frame, Scratch& scratch) {
  scratch.numbers.resize(shape.inputs.size());
  scratch.texts.resize(shape.inputs.size());
  scratch.views.clear();
  for (std::size_t i = 0; i < shape.inputs.size(); ++i) {
    const InputSpec& input = shape.inputs[i];
    scratch.views.push_back(
        view_of(frame.find(input.name), input, frame.rows(), scratch.numbers[i], scratch.texts[i]));
  }
}

// What broke a rule, and the rows that no model is to see.
std::vector<std::size_t> check_rows(const InputPolicy& policy, std::size_t rows, Scratch& scratch,
                                    Broken& broken) {
  policy.check(rows, scratch.views, scratch.found);
  policy.judge_rows(scratch.found, rows, scratch.verdicts);
  for (const InputViolation& one : scratch.found)
    ++broken.values[fmt::format("{} {}", policy.column_of(one), one.broken)];
  std::vector<std::size_t> refused;
  for (std::size_t row = 0; row < rows; ++row) {
    const RowVerdict& verdict = scratch.verdicts[row];
    if (!verdict.is_violated) continue;
    ++broken.rows[std::string(on_violation_name(verdict.on_violation))];
    if (verdict.on_violation == types::OnViolation::kReject) refused.push_back(row);
  }
  return refused;
}

// `column` has the rows that are not in `gaps`, which are missing in what is returned.
Column with_gaps(const Column& column, const std::vector<std::size_t>& gaps) {
  Column all = Column::of_type(column.name, column.type);
  const std::size_t rows = column.size() + gaps.size();
  all.reserve(rows);
  auto gap = gaps.begin();
  for (std::size_t row = 0, from = 0; row < rows; ++row) {
    if (gap != gaps.end() && *gap == row) {
      all.append_null();
      ++gap;
      continue;
    }
    const std::size_t at = from++;
    if (!column.is_valid(at)) {
      all.append_null();
    } else if (column.type == ColumnType::kString) {
      all.append_string(column.strings[at]);
    } else if (column.type == ColumnType::kDouble) {
      all.append_double(column.doubles[at]);
    } else {
      all.append_int(column.ints[at]);
    }
  }
  return all;
}

// An answer for no row at all, as the model says that its answers are.
Result<Output> empty_output(const OutputSpec& spec) {
  if (std::ranges::any_of(spec.row_shape, [](std::int64_t size) { return size < 0; })) {
    return base::error(Code::kFailedPrecondition,
                       "the rules leave no row of a piece, and the model doesn't say how many "
                       "values its answer has: output={}",
                       spec.name);
  }
  Output output{.name = spec.name, .type = spec.type, .row_shape = spec.row_shape};
  const bool is_real =
      spec.type == DataType::kFp16 || spec.type == DataType::kFp32 || spec.type == DataType::kFp64;
  if (spec.type == DataType::kBytes) {
    output.values = std::vector<std::string>();
  } else if (is_real) {
    output.values = std::vector<double>();
  } else {
    output.values = std::vector<std::int64_t>();
  }
  return output;
}

// The columns of an output: one, or one for each of its values a row.
Result<std::vector<Column>> columns_of(const Output& output, std::size_t rows) {
  std::size_t width = 1;
  for (const std::int64_t size : output.row_shape) width *= static_cast<std::size_t>(size);
  std::vector<Column> columns;
  for (std::size_t i = 0; i < width; ++i) {
    const std::string name =
        output.row_shape.empty() ? output.name : fmt::format("{}_{}", output.name, i);
    columns.push_back(std::visit(
        [&](const auto& values) {
          using Value = std::decay_t<decltype(values.front())>;
          constexpr bool kText = std::is_same_v<Value, std::string>;
          Column column =
              Column::of_type(name, kText                             ? ColumnType::kString
                                    : std::is_floating_point_v<Value> ? ColumnType::kDouble
                                    : output.type == DataType::kBool  ? ColumnType::kBool
                                                                      : ColumnType::kInt64);
          column.reserve(rows);
          for (std::size_t row = 0; row < rows; ++row) {
            const Value& value = values[row * width + i];
            if constexpr (kText) {
              column.append_string(value);
            } else if constexpr (std::is_floating_point_v<Value>) {
              column.append_double(value);
            } else {
              column.append_int(value);
            }
          }
          return column;
        },
        output.values));
  }
  return columns;
}

void summarize(const Column& column, const std::string& name, Summaries& summaries) {
  ColumnSummary& summary = summaries[name];
  for (std::size_t row = 0; row < column.size(); ++row) {
    if (column.type == ColumnType::kString) {
      summary.add_text(!column.is_valid(row));
    } else {
      summary.add(column.number(row));
    }
  }
}

// One piece of a part through the model.
Result<Frame> score_piece(const Model& model, const BatchScoringOptions& options,
                          const InputPolicy* policy, const Frame& frame, std::int64_t first_row,
                          Scratch& scratch, std::vector<Output>& outputs, Summaries& summaries,
                          Broken& broken) {
  const ModelShape& shape = model.shape();
  const std::size_t rows = frame.rows();
  for (const InputSpec& input : shape.inputs) {
    if (const Column* column = frame.find(input.name))
      summarize(*column, "input " + input.name, summaries);
  }
  read_views(shape, frame, scratch);
  std::vector<std::size_t> refused;
  if (policy != nullptr) refused = check_rows(*policy, rows, scratch, broken);
  const std::size_t left = rows - refused.size();
  Frame scored_rows;
  if (!refused.empty()) {
    std::vector<std::size_t> kept;
    for (std::size_t row = 0; row < rows; ++row) {
      if (!std::ranges::binary_search(refused, row)) kept.push_back(row);
    }
    scored_rows = frame.take(kept);
    read_views(shape, scored_rows, scratch);
  }
  if (left > 0) {
    TRY(model.predict({.rows = left, .inputs = scratch.views}, outputs));
  } else {
    outputs.clear();
    for (const OutputSpec& spec : shape.outputs) outputs.push_back(TRY(empty_output(spec)));
  }
  Frame scored;
  for (const std::string& name : options.keep) TRY(scored.add(*TRY(frame.column(name))));
  Column row_column = Column::of_type(std::string(kRowColumn), ColumnType::kInt64);
  Column model_column = Column::of_type(std::string(kModelColumn), ColumnType::kString);
  for (std::size_t row = 0; row < rows; ++row) {
    row_column.append_int(first_row + static_cast<std::int64_t>(row));
    model_column.append_string(options.model_uri);
  }
  TRY(scored.add(std::move(row_column)));
  for (const Output& output : outputs) {
    for (Column& column : TRY(columns_of(output, left))) {
      summarize(column, "output " + column.name, summaries);
      if (auto added = scored.add(refused.empty() ? std::move(column) : with_gaps(column, refused));
          !added)
        return std::move(added).error().with_context("an output and a column that is kept");
    }
  }
  TRY(scored.add(std::move(model_column)));
  if (policy == nullptr) return scored;
  Column which = Column::of_type(std::string(kViolationsColumn), ColumnType::kString);
  Column what = Column::of_type(std::string(kOnViolationColumn), ColumnType::kString);
  for (const RowVerdict& verdict : scratch.verdicts) {
    if (verdict.is_violated) {
      which.append_string(verdict.broken);
      what.append_string(std::string(on_violation_name(verdict.on_violation)));
    } else {
      which.append_null();
      what.append_null();
    }
  }
  TRY(scored.add(std::move(which)));
  TRY(scored.add(std::move(what)));
  return scored;
}

}  // namespace

JsonObject BatchScoringReport::to_json() const {
  JsonObject object{{"rows", rows},
                    {"rows_resumed", rows_resumed},
                    {"parts", parts},
                    {"seconds", seconds},
                    {"summary", summary}};
  if (violations) object["violations"] = *violations;
  return object;
}

Result<BatchScoringReport> score_files(
    const Model& model, const BatchScoringOptions& options, store::ObjectStore& output,
    const std::function<void(const BatchScoringProgress&)>& progress) {
  const auto start = std::chrono::steady_clock::now();
  const Job job = TRY(plan(model, options));
  base::Metrics metrics;
  LogSchema schema;
  for (const InputSpec& input : model.shape().inputs)
    schema.push_back({.name = input.name, .is_text = input.is_text()});
  const auto policy = TRY(InputPolicy::make(options.endpoint, options.rules, schema,
                                            std::make_shared<InputTally>(), metrics));
  TRY(take_output(options, job, output));

  BatchScoringReport report{.rows = job.rows, .parts = job.parts.size()};
  base::Mutex mutex;
  BatchScoringProgress done{.rows_total = job.rows, .parts_total = job.parts.size()};
  Summaries summaries;
  Broken broken;
  std::optional<Error> failure;
  std::atomic<bool> stop = false;
  std::atomic<std::size_t> next = 0;

  const auto score_part = [&](const Part& part) -> Result<void> {
    Summaries of_part;
    Broken broken_of_part;
    if (TRY(is_there(output, part.output))) {
      const JsonObject known = TRY(base::parse_json_object(TRY(read(output, part.summary))));
      for (const auto& [name, summary] : known) {
        if (name == kBroken) {
          broken_of_part = TRY(Broken::from_json(summary.as_object()));
        } else if (summary.is_object()) {
          of_part[std::string(name)] = TRY(ColumnSummary::from_json(summary.as_object()));
        }
      }
      base::MutexLock lock(mutex);
      report.rows_resumed += part.rows;
      done.rows += part.rows;
    } else {
      std::vector<std::string> columns;
      const store::ParquetInfo info = TRY(store::parquet_info(part.input.file));
      for (const std::string& name : job.columns) {  // an optional input may be missing
        if (std::any_of(info.columns.begin(), info.columns.end(),
                        [&](const auto& column) { return column.first == name; }))
          columns.push_back(name);
      }
      auto pieces = TRY(store::ParquetPieces::open(part.input.file, columns, part.row_groups,
                                                   options.rows_per_call));
      const std::filesystem::path unfinished = options.scratch / part.output;
      store::ParquetWriter writer(unfinished);
      Scratch scratch;
      std::vector<Output> outputs;
      for (std::int64_t row = part.first_row; !stop;) {
        auto piece = TRY(pieces.next());
        if (!piece) break;
        const auto rows = static_cast<std::int64_t>(piece->rows());
        if (rows == 0) continue;
        const Frame scored = TRY(score_piece(model, options, policy.get(), *piece, row, scratch,
                                             outputs, of_part, broken_of_part));
        TRY(writer.append(scored));
        row += rows;
        base::MutexLock lock(mutex);
        done.rows += rows;
        progress(done);
      }
      if (stop) return {};
      JsonObject found = summaries_json(of_part);
      if (policy != nullptr) found[kBroken] = broken_of_part.to_json();
      TRY(write(output, part.summary, options.scratch, base::to_text(found)));
      TRY(writer.finish());
      TRY(output.put_file(part.output, unfinished, "application/vnd.apache.parquet"));
    }
    base::MutexLock lock(mutex);
    for (const auto& [name, summary] : of_part) summaries[name].merge(summary);
    broken.merge(broken_of_part);
    ++done.parts;
    progress(done);
    return {};
  };
  const auto work = [&] {
    for (std::size_t at = next++; at < job.parts.size() && !stop; at = next++) {
      Result<void> scored = score_part(job.parts[at]);
      if (scored) continue;
      base::MutexLock lock(mutex);
      if (!failure) {
        failure = std::move(scored).error().with_context("file " + called(job.parts[at].input));
      }
      stop = true;
    }
  };
  std::vector<std::thread> threads;
  for (std::size_t i = 1; i < std::min(options.threads, job.parts.size()); ++i)
    threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
  if (failure) return std::move(*failure);
  report.summary = summaries_json(summaries);
  if (policy != nullptr) {
    report.violations = broken.to_json();
    JsonArray unread;  // rules of what this model doesn't read
    for (const types::InputRule& input : options.rules.columns) {
      if (std::ranges::none_of(schema, [&](const auto& of) { return of.name == input.rule.name; }))
        unread.push_back(Json(input.rule.name));
    }
    (*report.violations)["not_checked"] = std::move(unread);
  }
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  TRY(write(output, "_slipway.json", options.scratch, base::to_text(report.to_json()) + "\n"));
  return report;
}

}  // namespace slipway::serving
