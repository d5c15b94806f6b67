// Scores Parquet files with a model: many rows, all cores, bounded memory, resumable.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "serving/model.h"
#include "store/object_store.h"
#include "types/column_rules.h"

namespace slipway::serving {

// A Parquet file with columns named as the model's inputs.
struct BatchInput {
  std::filesystem::path file;
  std::string name;  // of what it is a copy of, such as an s3:// URI; empty: it is no copy
};

struct BatchScoringOptions {
  std::vector<BatchInput> inputs;
  std::filesystem::path scratch;  // a folder for parts that are not whole yet
  std::vector<std::string> keep;  // columns of the input that go with the answers
  std::string model_uri;          // pinned; stands in every row
  std::string model_digest;       // of its files: other bytes under that URI are another job
  // What the inputs of this endpoint must be; without columns nothing is checked.
  std::string endpoint;
  types::InputRules rules;
  std::size_t threads = 1;
  std::int64_t rows_per_call = 16'384;     // that a thread has in memory
  std::int64_t rows_per_part = 1'000'000;  // about; whole row groups of the input
  bool overwrite = false;                  // forget what another job left in `output`
};

struct BatchScoringProgress {
  std::int64_t rows = 0, rows_total = 0;  // rows: those of finished parts of earlier tries too
  std::size_t parts = 0, parts_total = 0;
};

// What came out, for people and for who compares it with the training's. Also in the output as
// `_slipway.json`.
struct BatchScoringReport {
  std::int64_t rows = 0;
  std::int64_t rows_resumed = 0;  // of parts that an earlier try had finished
  std::size_t parts = 0;
  double seconds = 0;
  JsonObject summary;  // per input and output column: missing share, mean, min, max
  // Where there are rules: rows that broke one, by what became of them; values by column and rule.
  std::optional<JsonObject> violations;

  JsonObject to_json() const;
};

// Writes into `output` part files `part-FFFFF-PPPP.parquet` (input file, part of it) with the
// columns kept, `row` (the row's position in its input file), every output of the model and
// `model`; where there are rules, `input_violations` ({"distance":"max"}, as the request log has
// it) and `on_violation`, the gravest of them: "reject" (the row was given to no model and has no
// answer), "quarantine" or "flag" (it has one). Answers are columns everywhere, or, when the rules
// leave no row of the whole job, nowhere. A part appears when it is whole; a job that was cut
// off goes on with the parts that are missing. `progress` is called from the scoring threads, one
// at a time.
//
// kInvalidArgument: a file lacks a column of the model, or has it as another type; a model with
// tensor inputs; a rule of texts for numbers or the other way round.
// kFailedPrecondition: `output` has parts of another job.
Result<BatchScoringReport> score_files(
    const Model& model, const BatchScoringOptions& options, store::ObjectStore& output,
    const std::function<void(const BatchScoringProgress&)>& progress);

}  // namespace slipway::serving
