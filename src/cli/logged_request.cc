#include "cli/logged_request.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "cli/table.h"

namespace slipway::cli {
namespace {

template <typename... Args>
Error cannot(fmt::format_string<Args...> format, Args&&... args) {
  return base::error(Code::kFailedPrecondition, "can't be asked again: {}",
                     fmt::format(format, std::forward<Args>(args)...));
}

// The row that was answered with.
Result<Json> live_answer(const Json& request) {
  for (const Json& variant : member_at(request, "variants").as_array()) {
    if (cell(member_at(variant, "role")) != "live") continue;
    if (const Json& failed = member_at(variant, "error"); failed.is_string())
      return cannot("the request had no answer: {}", cell(failed));
    if (member_at(variant, "prediction").is_null() &&
        member_at(variant, "prediction_values").is_null())
      return cannot("the answer had more values than the log keeps");
    return variant;
  }
  return cannot("the log has no live answer to the request");
}

// models:/NAME/VERSION of a variant of a revision.
Result<std::string> model_of(Client& client, const std::string& endpoint, const Json& request,
                             const std::string& variant) {
  const auto number = member_at(request, "revision").to_number<std::int64_t>();
  const Json reply = TRY(client.get(path_of("/slipway/v1/endpoints/{}/revisions?limit=1&before={}",
                                            {endpoint, std::to_string(number + 1)})));
  for (const Json& revision : member_at(reply, "revisions").as_array()) {
    for (const Json& one : member_at(revision, "variants").as_array()) {
      if (cell(member_at(one, "name")) == variant)
        return fmt::format("models:/{}/{}", cell(member_at(one, "model")),
                           cell(member_at(one, "version")));
    }
  }
  return cannot("the ledger has no such variant: endpoint={} revision={} variant={}", endpoint,
                number, variant);
}

// The inputs of one row as the log has them, for as long as it lives.
struct LoggedInputs {
  std::vector<double> numbers;
  std::vector<std::string_view> texts;
  std::vector<serving::InputView> views;
};

Result<LoggedInputs> logged_inputs(const serving::ModelShape& shape, const Json& request) {
  const Json& features = member_at(request, "features");
  const JsonArray& masked = member_at(request, "masked").as_array();
  LoggedInputs inputs;
  inputs.numbers.assign(shape.inputs.size(), std::nan(""));
  inputs.texts.resize(shape.inputs.size());
  for (std::size_t i = 0; i < shape.inputs.size(); ++i) {
    const serving::InputSpec& input = shape.inputs[i];
    if (!input.is_column()) return cannot("input {} is a tensor, which is not logged", input.name);
    const Json* value = features.as_object().if_contains(input.name);
    if (value == nullptr) return cannot("the log has no input {}", input.name);
    if (std::ranges::find(masked, Json(input.name)) != masked.end())
      return cannot("input {} is masked for you", input.name);
    if (!value->is_null() && value->is_string() != input.is_text())
      return cannot("the log has input {} as {}", input.name,
                    input.is_text() ? "a number" : "a text");
    if (value->is_string()) inputs.texts[i] = value->get_string();
    if (value->is_number()) inputs.numbers[i] = value->to_number<double>();
    inputs.views.push_back(input.is_text() ? serving::InputView{.texts = &inputs.texts[i]}
                                           : serving::InputView{.numbers = &inputs.numbers[i]});
  }
  return inputs;
}

using Asked = std::function<Result<void>(const serving::Model&, const serving::ModelCall&)>;

Result<void> with_model(const std::filesystem::path& files, const LoggedRequest& request,
                        const ModelRuntimes& runtimes, const Asked& asked) {
  const auto model = TRY(LocalModel::load(files, runtimes));
  const LoggedInputs inputs = TRY(logged_inputs((*model)->shape(), request.row));
  return asked(**model, {.rows = 1, .inputs = inputs.views});
}

}  // namespace

Result<LoggedRequest> find_logged_request(Client& client, const std::string& endpoint,
                                          const std::string& id) {
  const Json reply =
      TRY(client.get(path_of("/slipway/v1/endpoints/{}/requests/{}", {endpoint, id})));
  LoggedRequest request{.endpoint = endpoint, .id = id, .row = member_at(reply, "request")};
  request.answer = TRY(live_answer(request.row));
  request.model =
      TRY(model_of(client, endpoint, request.row, cell(member_at(request.answer, "variant"))));
  return request;
}

Result<std::vector<serving::Output>> ask_again(const std::filesystem::path& files,
                                               const LoggedRequest& request,
                                               const ModelRuntimes& runtimes) {
  std::vector<serving::Output> outputs;
  TRY(with_model(files, request, runtimes,
                 [&](const serving::Model& model, const serving::ModelCall& call) {
                   return model.predict(call, outputs);
                 }));
  return outputs;
}

Result<JsonArray> explain_again(const std::filesystem::path& files, const LoggedRequest& request,
                                const ModelRuntimes& runtimes) {
  JsonArray rows;
  TRY(with_model(
      files, request, runtimes,
      [&](const serving::Model& model, const serving::ModelCall& call) -> Result<void> {
        TRY(model.can_explain());
        serving::Explanation explanation;
        TRY(model.explain(call, explanation));
        const auto& inputs = model.shape().inputs;
        std::vector<std::size_t> order(inputs.size());
        for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
        std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
          return std::abs(explanation.values[a]) > std::abs(explanation.values[b]);
        });
        for (const std::size_t i : order)
          rows.push_back(JsonObject{
              {"input", inputs[i].name},
              {"value", member_at(request.row, "features").as_object().at(inputs[i].name)},
              {"contribution", base::number_or_null(explanation.values[i])}});
        return {};
      }));
  return rows;
}

}  // namespace slipway::cli
