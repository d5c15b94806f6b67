#include "api/predict/stream_scorer.h"

#include <algorithm>
#include <map>
#include <optional>

#include "api/predict/answer.h"
#include "api/predict/call.h"
#include "base/json_document.h"

namespace slipway::api::predict {
namespace {

using streams::Answer;
using streams::Question;

// Whether an error tells of what was asked, and not of who was asked.
bool is_about_the_message(Code code) {
  switch (code) {
    case Code::kInvalidArgument:
    case Code::kDeadlineExceeded:  // the model hung
    case Code::kCorruption:
    case Code::kInternal:  // the model failed
      return true;
    case Code::kNotFound:
    case Code::kAlreadyExists:
    case Code::kFailedPrecondition:
    case Code::kConflict:
    case Code::kUnauthenticated:
    case Code::kPermissionDenied:
    case Code::kResourceExhausted:
    case Code::kStorageFull:
    case Code::kUnavailable:
      return false;
  }
  return false;
}

// `value` without members that can't be columns and are no tensors of the model: nobody reads them.
std::string without_nested(base::JsonValue value, const std::vector<serving::InputSpec>& inputs) {
  std::string out = "{";
  for (const auto& [name, member] : value.members()) {
    if ((member.is_object() || member.is_array()) && find_tensor(inputs, name) == nullptr &&
        !(member.is_object() && member.find("b64")))
      continue;
    if (out.size() > 1) out.push_back(',');
    append_text(out, name);
    out.push_back(':');
    base::append_json(out, member);
  }
  out.push_back('}');
  return out;
}

}  // namespace

struct StreamScorer::Row {
  const Question* question = nullptr;
  std::string rewritten;  // where the value is not taken as it stands
  std::string_view text;
  std::optional<Result<Answer>> result;
};

Result<void> StreamScorer::score_rows(const std::string& endpoint, const std::string& variant,
                                      std::span<Row* const> rows) {
  const auto ask = [&]() -> Result<void> {
    std::string body = "{\"instances\":[";
    std::vector<serving::RowOrigin> origins;
    for (const Row* row : rows) {
      if (body.back() != '[') body.push_back(',');
      body += row->text;
      origins.push_back({.id = row->question->id, .event_time = row->question->event_time});
    }
    body += "]}";
    ParsedRequest parsed = TRY(reader().read_instances(body, model_inputs(endpoints_, endpoint)));
    const Inputs inputs = parsed.inputs;  // the batch names what is in it
    const serving::Prediction prediction =
        TRY(endpoints_.predict({.endpoint = endpoint,
                                .id = rows.front()->question->id,
                                .variant = variant,
                                .event_time = rows.front()->question->event_time,
                                .batch = std::move(parsed.batch),
                                .origins = origins}));
    for (std::size_t i = 0; i < rows.size(); ++i) {
      rows[i]->result = Answer{.value = row_answer(prediction, i, NonFinite::kNull),
                               .variant = prediction.variant,
                               .model_version = prediction.model_version,
                               .revision = prediction.revision};
    }
    return {};
  };
  Result<void> asked = ask();
  if (asked || !is_about_the_message(asked.error().code)) return asked;
  if (rows.size() == 1) {
    rows.front()->result = std::move(asked).error();
    return {};
  }
  TRY(score_rows(endpoint, variant, rows.first(rows.size() / 2)));
  return score_rows(endpoint, variant, rows.subspan(rows.size() / 2));
}

Result<std::vector<Result<Answer>>> StreamScorer::score(const std::string& endpoint,
                                                        std::span<const Question> questions) {
  const Inputs inputs = TRY(endpoints_.inputs(endpoint));
  std::vector<std::string_view> keys;
  for (const Question& question : questions) keys.push_back(question.route_key);
  const std::vector<std::string> variants = TRY(endpoints_.variants_of(endpoint, keys));
  std::vector<Row> rows(questions.size());
  // By variant and by which members they have: a batch is columns.
  std::map<std::pair<std::string, std::string>, std::vector<Row*>> batches;
  base::JsonDocument document;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    Row& row = rows[i];
    row.question = &questions[i];
    row.text = questions[i].value;
    const auto value = document.parse(row.text);
    if (!value) {
      row.result = Error(value.error()).with_context("the message is not JSON");
      continue;
    }
    if (!value->is_object()) {
      row.result = base::error(Code::kInvalidArgument,
                               "a message must be a JSON object of the model's inputs");
      continue;
    }
    std::string members;
    bool has_nested = false;
    for (const auto& [name, member] : value->members()) {
      const bool is_nested = member.is_object() || member.is_array();
      has_nested = has_nested || (is_nested && find_tensor(*inputs, name) == nullptr);
      members += name;
      members.push_back('\x1f');
    }
    if (has_nested) {
      row.rewritten = without_nested(*value, *inputs);
      row.text = row.rewritten;
      members.insert(0, "\x1e");
    }
    batches[{variants[i], std::move(members)}].push_back(&row);
  }
  for (const auto& [key, batch] : batches) TRY(score_rows(endpoint, key.first, batch));
  std::vector<Result<Answer>> results;
  for (Row& row : rows) results.push_back(std::move(*row.result));
  return results;
}

}  // namespace slipway::api::predict
