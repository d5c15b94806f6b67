// Keeps label schemas: the questions that people who review traces are asked, and how they answer.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "evaluations/ports.h"
#include "store/db.h"

namespace slipway::evaluations {

enum class LabelKind { kFeedback, kExpectation };
enum class InputKind { kPassFail, kCategorical, kNumeric, kText };

// How a reviewer answers; the members that belong to its kind count.
struct LabelInput {
  InputKind kind = InputKind::kText;
  std::string positive, negative;    // labels of pass and fail
  std::vector<std::string> options;  // of a categorical one
  bool is_multiple = false;          // whether several options may be chosen
  std::optional<double> least, greatest;
  std::optional<std::int64_t> length_max;  // of a text
};

struct LabelSchema {
  std::string id;  // "ls-" and 32 hex digits
  std::string experiment_id, name;
  LabelKind kind = LabelKind::kFeedback;
  LabelInput input;
  std::optional<std::string> instruction;
  bool has_comment = false;
  bool is_default = false;  // the one that every experiment has: neither edited nor deleted
  base::Timestamp created, updated;
};

// What changes; the rest stays. Of the input neither kind nor is_multiple: answers are there.
struct LabelSchemaPatch {
  std::optional<std::string> name, instruction;
  std::optional<bool> has_comment;
  std::optional<LabelInput> input;
};

struct LabelSchemaPage {
  std::vector<LabelSchema> items;
  bool has_more = false;
};

// Safe to use from several threads. Everything given to the constructor must outlive it. Whatever
// names an experiment can fail with kNotFound, and kFailedPrecondition when it is deleted.
class LabelSchemas {
 public:
  LabelSchemas(store::Db& db, ExperimentRecords& experiments, const base::Clock& clock,
               base::Random& random)
      : db_(db), experiments_(experiments), clock_(clock), random_(random) {}

  // Gives it back with its id. kInvalidArgument says which part is wrong; kAlreadyExists: the name.
  Result<LabelSchema> create(LabelSchema schema);
  Result<LabelSchema> get(const std::string& id);  // kNotFound
  Result<LabelSchema> get_by_name(const std::string& experiment_id, const std::string& name);
  // Newest first. Makes the default one when the experiment doesn't have it yet.
  Result<LabelSchemaPage> list(const std::string& experiment_id, std::int64_t max_results,
                               std::int64_t offset);
  // kNotFound; kInvalidArgument; kAlreadyExists: the name.
  Result<LabelSchema> update(const std::string& id, const LabelSchemaPatch& patch);
  // Idempotent. What was answered stays. kInvalidArgument: the default one.
  Result<void> remove(const std::string& id);

 private:
  store::Db& db_;
  ExperimentRecords& experiments_;
  const base::Clock& clock_;
  base::Random& random_;
};

}  // namespace slipway::evaluations
