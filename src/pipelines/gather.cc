#include "pipelines/gather.h"

#include "base/hash.h"
#include "pipelines/step_outputs.h"

namespace slipway::pipelines {

Result<std::vector<std::string>> find_items(
    const Each& each, const Plan& plan,
    const std::function<std::filesystem::path(const ConditionOperand&)>& folder_of) {
  if (!each.source) return each.items;
  const ConditionOperand& source = *each.source;
  const bool is_parameter = source.kind == ConditionOperand::Kind::kParameter;
  auto items = is_parameter ? items_of(plan.params.at(source.name), "")
                            : items_of(TRY(output_text(source, folder_of(source))), source.member);
  if (!items) return std::move(items).error().with_context("its items: " + source.text);
  return items;
}

ItemsEnd end_of_items(const RunRecord& run, std::size_t step) {
  const std::vector<std::size_t> items = run.items(step);
  for (const std::string_view state : {"failed", "refused", "cancelled"}) {
    std::size_t count = 0;
    const StepRecord* first = nullptr;
    for (const std::size_t item : items) {
      if (run.steps[item].state != state) continue;
      ++count;
      if (first == nullptr) first = &run.steps[item];
    }
    if (first == nullptr) continue;
    if (state == "cancelled") return {.state = "cancelled", .reason = "cancelled"};
    return {.state = std::string(state),
            .reason = fmt::format("{} of {} items {}: {}: {}", count, items.size(), state,
                                  first->name, first->reason)};
  }
  std::size_t cached = 0;
  for (const std::size_t item : items) cached += run.steps[item].state == "cached" ? 1 : 0;
  if (items.empty()) return {.state = "succeeded", .reason = "the list is empty"};
  if (cached == items.size())
    return {.state = "cached", .reason = "nothing its items depend on has changed"};
  std::size_t count = 0;
  std::string_view reason;  // such as that something changed while it ran
  for (const std::size_t item : items) {
    const StepRecord& of = run.steps[item];
    if (of.state != "succeeded" || of.reason.empty()) continue;
    if (count++ == 0) reason = of.reason;
  }
  if (count == 0) return {.state = "succeeded", .reason = ""};
  return {.state = "succeeded",
          .reason = fmt::format("{} of {} items: {}", count, items.size(), reason)};
}

std::string list_of_items(const std::vector<GatheredItem>& items) {
  JsonArray list;
  for (std::size_t i = 0; i < items.size(); ++i) {
    list.push_back(JsonObject{{"item", i},
                              {"value", base::parse_json(items[i].value).value_or(nullptr)},
                              {"folder", item_folder(i)}});
  }
  return base::to_text(Json(std::move(list)));
}

JsonObject gathered_manifest(const std::vector<GatheredItem>& items) {
  JsonObject manifest;
  for (std::size_t i = 0; i < items.size(); ++i) {
    for (const auto& [file, digest] : items[i].manifest)
      manifest[item_folder(i) + "/" + std::string(std::string_view(file))] = digest;
  }
  manifest[kItemsFile] = base::sha256_hex(list_of_items(items));
  return manifest;
}

}  // namespace slipway::pipelines
