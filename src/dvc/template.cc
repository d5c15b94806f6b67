#include "dvc/template.h"

#include <charconv>

#include "dvc/yaml_text.h"

namespace slipway::dvc {
namespace {

struct Reference {
  std::size_t begin, end;  // with ${ and }
  std::string path;
};

std::optional<Reference> find_reference(std::string_view text, std::size_t from) {
  for (std::size_t at = text.find("${", from); at != std::string_view::npos;
       at = text.find("${", at + 1)) {
    if (at > 0 && text[at - 1] == '\\') continue;
    const std::size_t end = text.find('}', at);
    if (end == std::string_view::npos) return std::nullopt;
    if (text.substr(at, end - at).find('\n') != std::string_view::npos) continue;
    return Reference{at, end + 1, std::string(text.substr(at + 2, end - at - 2))};
  }
  return std::nullopt;
}

std::string shell_quoted(std::string_view text) {
  constexpr std::string_view kSafe =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-";
  if (!text.empty() && text.find_first_not_of(kSafe) == std::string_view::npos)
    return std::string(text);
  std::string out = "'";
  for (const char c : text) c == '\'' ? out += "'\"'\"'" : out += c;
  return out + "'";
}

// As flags of a command: `--rate 0.1 --layers 3 4 --verbose`.
Result<void> add_flags(const JsonObject& map, const std::string& prefix, std::string& out) {
  for (const auto& [key, value] : map) {
    const std::string name = prefix + std::string(std::string_view(key));
    if (value.is_object()) {
      TRY(add_flags(value.get_object(), name + ".", out));
    } else if (value.is_bool()) {
      if (value.get_bool()) out += "--" + name + " ";
    } else if (value.is_array()) {
      bool first = true;
      for (const Json& item : value.get_array()) {
        if (item.is_array() || item.is_object())
          return base::error(Code::kInvalidArgument, "a list in a list can't be flags: {}", name);
        out += first ? "--" + name + " " : "";
        first = false;
        out += (item.is_string() ? shell_quoted(std::string_view(item.get_string()))
                : item.is_bool() ? std::string(item.get_bool() ? "True" : "False")
                                 : TRY(text_of(item))) +
               " ";
      }
    } else {
      out += "--" + name + " " +
             (value.is_string() ? shell_quoted(std::string_view(value.get_string()))
                                : TRY(text_of(value))) +
             " ";
    }
  }
  return {};
}

Result<const Json*> get_value(const JsonObject& values, const Reference& reference,
                              const Json& all) {
  if (const Json* const found = find_value(all, reference.path)) return found;
  std::string known;
  for (const auto& member : values)
    known += (known.empty() ? "" : ", ") + std::string(std::string_view(member.key()));
  return base::error(Code::kInvalidArgument, "no such value: ${{{}}}; there are: {}",
                     reference.path, known.empty() ? "none" : known);
}

Result<Json> resolve_text(std::string_view text, const JsonObject& values, const Json& all,
                          bool is_command) {
  std::string out;
  std::size_t at = 0;
  for (auto reference = find_reference(text, 0); reference;
       reference = find_reference(text, reference->end)) {
    const Json* const value = TRY(get_value(values, *reference, all));
    if (reference->begin == 0 && reference->end == text.size() &&
        !(is_command && value->is_object()))
      return *value;
    out += text.substr(at, reference->begin - at);
    if (value->is_object() && is_command) {
      std::string flags;
      TRY(add_flags(value->get_object(), "", flags));
      if (!flags.empty()) flags.pop_back();
      out += flags;
    } else {
      out += TRY(text_of(*value));
    }
    at = reference->end;
  }
  out += text.substr(at);
  for (std::size_t escaped = out.find("\\${"); escaped != std::string::npos;
       escaped = out.find("\\${", escaped))
    out.erase(escaped, 1);
  return Json(out);
}

Result<Json> resolve_all(const Json& source, const JsonObject& values, const Json& all,
                         bool is_command) {
  if (source.is_string())
    return resolve_text(std::string_view(source.get_string()), values, all, is_command);
  if (source.is_array()) {
    JsonArray list;
    for (const Json& item : source.get_array())
      list.push_back(TRY(resolve_all(item, values, all, is_command)));
    return Json(std::move(list));
  }
  if (!source.is_object()) return source;
  JsonObject map;
  for (const auto& [key, value] : source.get_object()) {
    const Json name = TRY(resolve_text(std::string_view(key), values, all, false));
    map[TRY(text_of(name))] = TRY(resolve_all(value, values, all, is_command));
  }
  return Json(std::move(map));
}

}  // namespace

Result<void> merge_values(JsonObject& into, const JsonObject& more) {
  for (const auto& [key, value] : more) {
    Json* const old = into.if_contains(key);
    if (old == nullptr) {
      into[key] = value;
    } else if (old->is_object() && value.is_object()) {
      TRY(merge_values(old->get_object(), value.get_object()));
    } else {
      return base::error(Code::kInvalidArgument, "a value is there twice: {}",
                         std::string_view(key));
    }
  }
  return {};
}

const Json* find_value(const Json& values, std::string_view path) {
  const Json* at = &values;
  while (true) {
    const std::size_t end = std::min(path.find_first_of(".["), path.size());
    std::string_view name = path.substr(0, end);
    while (name.starts_with(' ')) name.remove_prefix(1);
    while (name.ends_with(' ') || name.ends_with(']')) name.remove_suffix(1);
    if (at->is_object()) {
      at = at->get_object().if_contains(name);
    } else if (at->is_array()) {
      std::size_t index = 0;
      const auto [last, error] = std::from_chars(name.data(), name.data() + name.size(), index);
      if (error != std::errc() || last != name.data() + name.size()) return nullptr;
      at = at->get_array().if_contains(index);
    } else {
      return nullptr;
    }
    if (at == nullptr || end == path.size()) return at;
    path.remove_prefix(end + 1);
  }
}

Result<std::string> text_of(const Json& value) {
  if (value.is_string()) return std::string(std::string_view(value.get_string()));
  if (value.is_bool()) return std::string(value.get_bool() ? "true" : "false");
  if (value.is_null()) return std::string("None");
  if (value.is_double()) return python_number(value.get_double());
  if (value.is_int64()) return std::to_string(value.get_int64());
  if (value.is_uint64()) return std::to_string(value.get_uint64());
  return base::error(Code::kInvalidArgument, "a {} can't stand within a text",
                     value.is_array() ? "list" : "map");
}

Result<Json> resolve(const Json& source, const JsonObject& values, bool is_command) {
  return resolve_all(source, values, Json(values), is_command);
}

bool has_reference(const Json& source) {
  if (source.is_string())
    return find_reference(std::string_view(source.get_string()), 0).has_value();
  if (source.is_array()) {
    for (const Json& item : source.get_array())
      if (has_reference(item)) return true;
  }
  if (source.is_object()) {
    for (const auto& member : source.get_object())
      if (has_reference(member.value())) return true;
  }
  return false;
}

}  // namespace slipway::dvc
