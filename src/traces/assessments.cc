#include "traces/assessments.h"

#include "traces/trace_rows.h"

namespace slipway::traces {
namespace {

Error no_assessment(const std::string& trace_id, const std::string& id) {
  return base::error(Code::kNotFound, "Assessment with ID '{}' not found for trace '{}'", id,
                     trace_id);
}

Result<std::int64_t> number_of(store::Reader& reader, const std::string& trace_id) {
  const std::optional<std::int64_t> number =
      TRY(reader.find("SELECT number FROM traces WHERE id = ?", {trace_id},
                      [](const store::Row& row) { return row.int64(0); }));
  if (!number) return no_trace(trace_id);
  return *number;
}

Result<Assessment> find(store::Reader& reader, std::int64_t trace, const std::string& trace_id,
                        const std::string& id) {
  std::optional<Assessment> found =
      TRY(reader.find(fmt::format("SELECT {} FROM trace_assessments WHERE id = ? AND trace = ?",
                                  kAssessmentColumns),
                      {id, trace}, read_assessment));
  if (!found) return no_assessment(trace_id, id);
  found->trace_id = trace_id;
  return std::move(*found);
}

Result<std::int64_t> set_valid(store::Tx& tx, std::int64_t trace, const std::string& id,
                               bool is_valid) {
  return tx.execute("UPDATE trace_assessments SET is_valid = ? WHERE id = ? AND trace = ?",
                    {is_valid, id, trace});
}

}  // namespace

Result<Assessment> Assessments::create(Assessment assessment) {
  if (assessment.name.empty())
    return base::error(Code::kInvalidArgument,
                       "Missing value for required parameter 'assessment_name'.");
  const base::Timestamp now = clock_.now();
  assessment.id = "a-" + random_.hex();
  if (assessment.created == base::Timestamp()) assessment.created = now;
  if (assessment.updated == base::Timestamp()) assessment.updated = now;
  TRY(db_.write([&](store::Tx& tx) -> Result<void> {
    const std::int64_t trace = TRY(number_of(tx, assessment.trace_id));
    if (!assessment.overrides.empty() &&
        TRY(set_valid(tx, trace, assessment.overrides, false)) == 0)
      return no_assessment(assessment.trace_id, assessment.overrides);
    return put_assessment(tx, trace, assessment);
  }));
  return assessment;
}

Result<Assessment> Assessments::get(const std::string& trace_id, const std::string& id) {
  return db_.read([&](store::Reader& reader) -> Result<Assessment> {
    return find(reader, TRY(number_of(reader, trace_id)), trace_id, id);
  });
}

Result<Assessment> Assessments::update(const std::string& trace_id, const std::string& id,
                                       const AssessmentPatch& patch) {
  if (patch.feedback && patch.expectation)
    return base::error(Code::kInvalidArgument,
                       "Cannot specify both `expectation` and `feedback` parameters.");
  const base::Timestamp now = clock_.now();
  return db_.write([&](store::Tx& tx) -> Result<Assessment> {
    const std::int64_t trace = TRY(number_of(tx, trace_id));
    Assessment assessment = TRY(find(tx, trace, trace_id, id));
    if (patch.expectation && assessment.kind != AssessmentKind::kExpectation)
      return base::error(Code::kInvalidArgument,
                         "Cannot update expectation value on a Feedback assessment.");
    if (patch.feedback && assessment.kind != AssessmentKind::kFeedback)
      return base::error(Code::kInvalidArgument,
                         "Cannot update feedback value on an Expectation assessment.");
    if (patch.name) assessment.name = *patch.name;
    if (patch.expectation) assessment.value = *patch.expectation;
    if (patch.feedback) {
      assessment.value = patch.feedback->value;
      assessment.error = patch.feedback->error;
    }
    if (patch.rationale) assessment.rationale = *patch.rationale;
    assessment.metadata.merge(patch.metadata);
    assessment.updated = now;
    TRY(put_assessment(tx, trace, assessment));
    return assessment;
  });
}

Result<void> Assessments::remove(const std::string& trace_id, const std::string& id) {
  return db_.write([&](store::Tx& tx) -> Result<void> {
    const std::int64_t trace = TRY(number_of(tx, trace_id));
    const std::optional<std::string> overridden =
        TRY(tx.find("SELECT overrides FROM trace_assessments WHERE id = ? AND trace = ?",
                    {id, trace}, [](const store::Row& row) { return row.string(0); }));
    if (!overridden) return {};
    if (!overridden->empty()) TRY(set_valid(tx, trace, *overridden, true));
    TRY(tx.execute("DELETE FROM trace_assessments WHERE id = ? AND trace = ?", {id, trace}));
    return {};
  });
}

}  // namespace slipway::traces
