#include "pipelines/each.h"

#include "pipelines/json_path.h"

namespace slipway::pipelines {

using types::YamlNode;

namespace {

std::string scalar_as_json(const std::string& text) {
  const auto parsed = base::parse_json(text);
  if (parsed && parsed->is_null()) return text;
  // 1e3 and 0.10 are texts, so that they stay as they are written.
  const auto shown = parsed && !parsed->is_string() ? scalar_text(*parsed) : std::nullopt;
  return shown && *shown == text ? text : base::to_text(Json(text));
}

}  // namespace

Result<std::string> as_json(const YamlNode& node) {
  if (node.is_null()) return std::string("null");
  std::string out;
  const auto separate = [&] { out += out.empty() ? "" : ","; };
  if (node.is_list()) {
    for (const YamlNode& item : TRY(node.list())) {
      separate();
      out += TRY(as_json(item));
    }
    return "[" + out + "]";
  }
  if (node.is_map()) {
    for (const auto& [name, value] : TRY(node.entries())) {
      separate();
      out += base::to_text(Json(name)) + ":" + TRY(as_json(value));
    }
    return "{" + out + "}";
  }
  return scalar_as_json(TRY(node.text()));
}

Result<Each> read_each(const YamlNode& node) {
  Each each;
  if (node.is_list()) {
    for (const YamlNode& item : TRY(node.list())) each.items.push_back(TRY(as_json(item)));
    return each;
  }
  auto source = parse_reference(TRY(node.text()));
  const bool is_list = source && (source->kind == ConditionOperand::Kind::kParameter ||
                                  source->kind == ConditionOperand::Kind::kOutput);
  if (!is_list) {
    return node.error(
        "each is a list, or {{parameter}} or {{step/file#member}} with one in braces and quotes");
  }
  each.source = std::move(*source);
  return each;
}

Result<std::vector<std::string>> items_of(std::string_view document, std::string_view member) {
  const Json root = TRY(base::parse_json(document));
  const Json* const list = member.empty() ? &root : find_member(root, member);
  if (list == nullptr) return base::error(Code::kNotFound, "no such member: {}", member);
  if (!list->is_array()) return base::error(Code::kInvalidArgument, "it is no JSON list");
  std::vector<std::string> items;
  for (const Json& item : list->get_array()) items.push_back(base::to_text(item));
  return items;
}

std::string item_name(std::string_view step, std::size_t index) {
  return fmt::format("{}[{}]", step, index);
}

std::string item_folder(std::size_t index) { return fmt::format("{:04}", index); }

bool is_of_item(std::string_view reference) {
  return reference == "item" || reference.starts_with("item.");
}

Result<std::map<std::string, std::string>> item_texts(const std::vector<CommandPiece>& command,
                                                      const std::string& item) {
  std::map<std::string, std::string> texts;
  const Json root = TRY(base::parse_json(item));
  for (const std::string& reference : references(command)) {
    if (!is_of_item(reference)) continue;
    const Json* const found =
        reference == "item" ? &root : find_member(root, std::string_view(reference).substr(5));
    if (found == nullptr) {
      return base::error(Code::kNotFound, "the item has no such member: {{{}}} item={}", reference,
                         item);
    }
    texts[reference] = scalar_text(*found).value_or(base::to_text(*found));
    if (texts[reference].find('\0') != std::string::npos)
      return base::error(Code::kInvalidArgument, "an item can't hold a NUL byte: {{{}}}",
                         reference);
  }
  return texts;
}

}  // namespace slipway::pipelines
