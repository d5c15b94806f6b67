#include "serving/batch_scoring.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <limits>
#include <thread>

#include "base/hash.h"
#include "base/mutex.h"
#include "serving/batch_summary.h"
#include "serving/frame_views.h"
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
  for (const InputSpec& input : model.shape().inputs)
    TRY(check_column(input, {info.columns, info.others, file.string()}));
  for (const std::string& name : options.keep) {
    if (std::none_of(info.columns.begin(), info.columns.end(),
                     [&](const auto& known) { return known.first == name; })) {
      return base::error(Code::kInvalidArgument, "a column to keep is missing: column={} file={}",
                         name, file.string());
    }
  }
  return {};
}

Result<Job> plan(const Model& model, const BatchScoringOptions& options) {
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
  identity.update(options.model_uri + "\n" + options.model_digest + "\n" +
                  fmt::format("{}", fmt::join(job.columns, "\n")) +
                  fmt::format("\n{}\n", options.rows_per_part));
  if (!options.rules.columns.empty()) identity.update(base::to_text(options.rules.to_json()));
  for (std::size_t f = 0; f < options.inputs.size(); ++f) {
    const std::filesystem::path& file = options.inputs[f].file;
    const store::ParquetInfo info = TRY(store::parquet_info(file, store::ParquetLists::kLeftOut));
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
                       "files, columns or rules): choose another folder or overwrite it");
  }
  for (const store::ObjectEntry& entry : used) {  // only what such a job writes
    if (entry.name.starts_with("part-") || entry.name.starts_with("_slipway"))
      TRY(output.remove(entry.name));
  }
  return write(output, "_slipway/job", options.scratch, job.identity);
}

struct Scratch {
  FrameViews frame;
  std::vector<InputViolation> found;
  std::vector<RowVerdict> verdicts;
  std::vector<std::size_t> refused;  // rows that no model is to see
  std::vector<Output> outputs;
};

void check_rows(const InputPolicy& policy, std::size_t rows, Scratch& scratch, Broken& broken) {
  policy.check(rows, scratch.frame.views(), scratch.found);
  policy.judge_rows(scratch.found, rows, scratch.verdicts);
  for (const InputViolation& one : scratch.found)
    ++broken.values[fmt::format("{} {}", policy.column_of(one), one.broken)];
  for (std::size_t row = 0; row < rows; ++row) {
    const RowVerdict& verdict = scratch.verdicts[row];
    if (!verdict.is_violated) continue;
    ++broken.rows[std::string(on_violation_name(verdict.on_violation))];
    if (verdict.on_violation == types::OnViolation::kReject) scratch.refused.push_back(row);
  }
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

// The columns of an output: one, or one for each of its values a row.
void append_columns(const Output& output, std::size_t rows, std::vector<Column>& columns) {
  std::size_t width = 1;
  for (const std::int64_t size : output.row_shape) width *= static_cast<std::size_t>(size);
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
}

// Columns of answers without rows, as the model says that they are; none where it leaves open how
// many values one has.
std::vector<Column> answers_as_declared(const ModelShape& shape) {
  std::vector<Column> columns;
  for (const OutputSpec& spec : shape.outputs) {
    if (std::ranges::any_of(spec.row_shape, [](std::int64_t size) { return size < 0; })) return {};
    Output output{.name = spec.name, .type = spec.type, .row_shape = spec.row_shape};
    if (spec.type == DataType::kBytes) {
      output.values = std::vector<std::string>();
    } else if (spec.type == DataType::kFp16 || spec.type == DataType::kFp32 ||
               spec.type == DataType::kFp64) {
      output.values = std::vector<double>();
    } else {
      output.values = std::vector<std::int64_t>();
    }
    append_columns(output, 0, columns);
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

// Puts the pieces of a job through its model. Safe to use from several threads, each with a Scratch
// of its own; what it is made of must outlive it.
class PieceScorer {
 public:
  // `policy`: nullable. `stop`: nobody waits for what it does any more.
  PieceScorer(const Model& model, const BatchScoringOptions& options, const Job& job,
              const InputPolicy* policy, const std::atomic<bool>& stop)
      : model_(model), options_(options), job_(job), policy_(policy), stop_(stop) {}

  Result<store::ParquetPieces> open(const Part& part) const {
    std::vector<std::string> columns;
    const store::ParquetInfo info =
        TRY(store::parquet_info(part.input.file, store::ParquetLists::kLeftOut));
    for (const std::string& name : job_.columns) {  // an optional input may be missing
      if (std::any_of(info.columns.begin(), info.columns.end(),
                      [&](const auto& column) { return column.first == name; }))
        columns.push_back(name);
    }
    return store::ParquetPieces::open(part.input.file, columns, part.row_groups,
                                      options_.rows_per_call);
  }

  // What a part has of this piece.
  Result<Frame> score(const Frame& piece, std::int64_t first_row, Scratch& scratch,
                      Summaries& summaries, Broken& broken) {
    const std::size_t rows = piece.rows();
    for (const InputSpec& input : model_.shape().inputs) {
      if (const Column* column = piece.find(input.name))
        summarize(*column, "input " + input.name, summaries);
    }
    std::vector<Column> answers = TRY(answer(piece, scratch, broken));
    if (scratch.refused.size() == rows) answers = TRY(answers_of_others());
    Frame scored;
    for (const std::string& name : options_.keep) TRY(scored.add(*TRY(piece.column(name))));
    Column row_column = Column::of_type(std::string(kRowColumn), ColumnType::kInt64);
    Column model_column = Column::of_type(std::string(kModelColumn), ColumnType::kString);
    for (std::size_t row = 0; row < rows; ++row) {
      row_column.append_int(first_row + static_cast<std::int64_t>(row));
      model_column.append_string(options_.model_uri);
    }
    TRY(scored.add(std::move(row_column)));
    for (Column& column : answers) {
      summarize(column, "output " + column.name, summaries);
      if (auto added = scored.add(scratch.refused.empty() ? std::move(column)
                                                          : with_gaps(column, scratch.refused));
          !added)
        return std::move(added).error().with_context("an output and a column that is kept");
    }
    TRY(scored.add(std::move(model_column)));
    if (policy_ == nullptr) return scored;
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

 private:
  using Answers = std::vector<Column>;

  // The answers to the rows that the rules leave, if any; the others are in the scratch.
  Result<Answers> answer(const Frame& piece, Scratch& scratch, Broken& broken) {
    const ModelShape& shape = model_.shape();
    const std::size_t rows = piece.rows();
    scratch.frame.read(shape, piece);
    scratch.refused.clear();
    if (policy_ != nullptr) check_rows(*policy_, rows, scratch, broken);
    Answers answers;
    const std::size_t left = rows - scratch.refused.size();
    if (left == 0) return answers;
    Frame others;
    if (left < rows) {
      std::vector<std::size_t> kept;
      for (std::size_t row = 0; row < rows; ++row) {
        if (!std::ranges::binary_search(scratch.refused, row)) kept.push_back(row);
      }
      others = piece.take(kept);
      scratch.frame.read(shape, others);
    }
    TRY(model_.predict({.rows = left, .inputs = scratch.frame.views()}, scratch.outputs));
    for (const Output& output : scratch.outputs) append_columns(output, left, answers);
    learn(answers);
    return answers;
  }

  // The columns of answers, without rows, for pieces that have none: a model's shape doesn't tell
  // them (Python answers with what types it likes, ONNX may leave the width open). Where nobody has
  // seen any yet, they are looked for, in one piece after the other: so they are the same however
  // often a job is cut off. When the rules leave no row of the whole job, as the model says.
  Result<Answers> answers_of_others() {
    const base::MutexLock one_looks(look_mutex_);
    Scratch scratch;
    Broken counted_elsewhere;
    for (std::size_t at = 0; at < job_.parts.size() && !known(); ++at) {
      const Part& part = job_.parts[at];
      auto pieces = TRY(open(part));
      while (!stop_ && !known()) {
        const auto piece = TRY(pieces.next());
        if (!piece) break;
        if (auto answers = answer(*piece, scratch, counted_elsewhere); !answers)
          return std::move(answers).error().with_context("file " + called(part.input));
      }
    }
    learn(answers_as_declared(model_.shape()));
    return *known();
  }

  std::optional<Answers> known() {
    const base::MutexLock lock(mutex_);
    return known_;
  }
  void learn(const Answers& answers) {
    const base::MutexLock lock(mutex_);
    if (known_) return;
    known_.emplace();
    for (const Column& column : answers)
      known_->push_back(Column::of_type(column.name, column.type));
  }

  const Model& model_;
  const BatchScoringOptions& options_;
  const Job& job_;
  const InputPolicy* const policy_;
  const std::atomic<bool>& stop_;
  base::Mutex look_mutex_;  // before mutex_
  base::Mutex mutex_;
  std::optional<Answers> known_ GUARDED_BY(mutex_);
};

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
  PieceScorer scorer(model, options, job, policy.get(), stop);

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
      auto pieces = TRY(scorer.open(part));
      const std::filesystem::path unfinished = options.scratch / part.output;
      store::ParquetWriter writer(unfinished);
      Scratch scratch;
      for (std::int64_t row = part.first_row; !stop;) {
        auto piece = TRY(pieces.next());
        if (!piece) break;
        const auto rows = static_cast<std::int64_t>(piece->rows());
        if (rows == 0) continue;
        TRY(writer.append(TRY(scorer.score(*piece, row, scratch, of_part, broken_of_part))));
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
