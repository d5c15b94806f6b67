#include "evaluations/dataset_records.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/hash.h"

namespace slipway::evaluations {
namespace {

constexpr std::string_view kUserTag = "mlflow.user";
constexpr std::array<std::string_view, 5> kSourceTypes = {"UNSPECIFIED", "TRACE", "HUMAN",
                                                          "DOCUMENT", "CODE"};

void add_sorted(const Json& value, std::string& text) {
  if (value.is_array()) {
    text += '[';
    for (const Json& item : value.get_array()) {
      add_sorted(item, text);
      text += ',';
    }
    text += ']';
  } else if (value.is_object()) {
    std::vector<const boost::json::key_value_pair*> members;
    for (const auto& member : value.get_object()) members.push_back(&member);
    std::sort(members.begin(), members.end(),
              [](const auto* a, const auto* b) { return a->key() < b->key(); });
    text += '{';
    for (const auto* member : members) {
      text += base::to_text(Json(member->key()));
      text += ':';
      add_sorted(member->value(), text);
      text += ',';
    }
    text += '}';
  } else {
    text += base::to_text(value);
  }
}

Error wrong(std::size_t at, std::string_view member, std::string_view what) {
  return base::error(Code::kInvalidArgument, "Invalid value for records[{}].{}: {}", at, member,
                     what);
}

// A number beyond what a double holds could not be read again.
bool is_kept_whole(const Json& value) {
  if (value.is_double()) return std::isfinite(value.get_double());
  if (value.is_array()) {
    const JsonArray& items = value.get_array();
    return std::all_of(items.begin(), items.end(), is_kept_whole);
  }
  if (value.is_object()) {
    const JsonObject& members = value.get_object();
    return std::all_of(members.begin(), members.end(),
                       [](const auto& member) { return is_kept_whole(member.value()); });
  }
  return true;
}

// Null counts as absent.
Result<std::optional<JsonObject>> find_object(const JsonObject& object, std::string_view member,
                                              std::size_t at) {
  const Json* value = object.if_contains(member);
  if (value == nullptr || value->is_null()) return std::optional<JsonObject>();
  if (!value->is_object()) return wrong(at, member, "must be an object");
  return std::optional(value->get_object());
}

// The source with its type in capitals, and both members.
Result<JsonObject> read_source(const JsonObject& given, std::size_t at) {
  std::string type;
  JsonObject data;
  for (const auto& [key, value] : given) {
    if (key == "source_type" && value.is_string()) {
      type = std::string_view(value.get_string());
    } else if (key == "source_data" && value.is_object()) {
      data = value.get_object();
    } else if (key != "source_data" || !value.is_null()) {
      return wrong(at, "source", "has a member other than source_type and source_data");
    }
  }
  std::transform(type.begin(), type.end(), type.begin(), [](unsigned char c) {
    return static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  });
  if (std::find(kSourceTypes.begin(), kSourceTypes.end(), type) == kSourceTypes.end()) {
    return wrong(at, "source",
                 fmt::format("Invalid dataset record source type: {}. Valid source types: [{}]",
                             type, fmt::join(kSourceTypes, ", ")));
  }
  return JsonObject{{"source_type", type}, {"source_data", std::move(data)}};
}

std::string_view type_of(const Json& value) {
  switch (value.kind()) {
    case boost::json::kind::null:
      return "null";
    case boost::json::kind::bool_:
      return "boolean";
    case boost::json::kind::int64:
    case boost::json::kind::uint64:
      return "integer";
    case boost::json::kind::double_:
      return "float";
    case boost::json::kind::string:
      return "string";
    case boost::json::kind::array:
      return "array";
    case boost::json::kind::object:
      return "object";
  }
  return "unknown";
}

void learn(const JsonObject& values, Json& known) {
  if (!known.is_object()) return;
  for (const auto& [key, value] : values) {
    if (!known.get_object().contains(key)) known.get_object()[key] = type_of(value);
  }
}

void add_all(const JsonObject& from, JsonObject& to) {
  for (const auto& [key, value] : from) to[key] = value;
}

}  // namespace

std::string question_of(const JsonObject& inputs) {
  std::string text;
  add_sorted(Json(inputs), text);
  return base::sha256_hex(text);
}

Result<std::vector<RecordDraft>> read_drafts(const Json& list) {
  if (!list.is_array())
    return base::error(Code::kInvalidArgument,
                       "Invalid value for parameter 'records' supplied: must be a JSON list");
  std::vector<RecordDraft> drafts;
  for (std::size_t i = 0; i < list.get_array().size(); ++i) {
    const Json& item = list.get_array()[i];
    if (!item.is_object()) {
      return base::error(Code::kInvalidArgument, "Invalid value for records[{}]: must be an object",
                         i);
    }
    const JsonObject& object = item.get_object();
    for (const auto& [name, value] : object) {
      if (!is_kept_whole(value)) return wrong(i, name, "has a number that is too large");
    }
    RecordDraft& draft = drafts.emplace_back();
    draft.inputs = TRY(find_object(object, "inputs", i)).value_or(JsonObject());
    if (const Json* outputs = object.if_contains("outputs"); outputs != nullptr) {
      draft.has_outputs = true;
      if (!outputs->is_null()) draft.outputs = *outputs;
    }
    draft.expectations = TRY(find_object(object, "expectations", i));
    draft.tags = TRY(find_object(object, "tags", i));
    if (const auto source = TRY(find_object(object, "source", i)); source && !source->empty())
      draft.source = TRY(read_source(*source, i));
    if (!draft.tags) continue;
    if (const Json* user = draft.tags->if_contains(kUserTag); user != nullptr && user->is_string())
      draft.author = std::string_view(user->get_string());
  }
  return drafts;
}

DatasetRecord make_record(const RecordDraft& draft) {
  DatasetRecord record;
  record.inputs = draft.inputs;
  record.outputs = draft.has_outputs ? draft.outputs : Json(JsonObject());
  record.expectations = draft.expectations;
  record.tags = draft.tags.value_or(JsonObject());
  record.source = draft.source;
  if (draft.source) {
    const std::string type(std::string_view(draft.source->at("source_type").get_string()));
    const JsonObject& data = draft.source->at("source_data").get_object();
    const Json* id = data.if_contains(type == "TRACE" ? "trace_id" : "source_id");
    if (id != nullptr && id->is_string())
      record.source_id = std::string(std::string_view(id->get_string()));
    record.source_type = type;
  }
  if (!draft.author.empty()) record.created_by = record.updated_by = draft.author;
  return record;
}

void merge(const RecordDraft& draft, DatasetRecord& record) {
  if (draft.has_outputs) record.outputs = draft.outputs;
  if (draft.expectations && !draft.expectations->empty()) {
    if (!record.expectations) record.expectations.emplace();
    add_all(*draft.expectations, *record.expectations);
  }
  if (draft.tags) add_all(*draft.tags, record.tags);
  if (!draft.author.empty()) record.updated_by = draft.author;
}

std::string extend_schema(std::string_view schema, const std::vector<RecordDraft>& drafts) {
  if (schema.empty() && drafts.empty()) return "";
  JsonObject known;
  if (Result<JsonObject> parsed = base::parse_json_object(schema)) known = std::move(*parsed);
  for (const std::string_view part : {"inputs", "outputs", "expectations"}) {
    if (!known.contains(part)) known[part] = JsonObject();
  }
  if (!known.contains("version")) known["version"] = "1.0";
  for (const RecordDraft& draft : drafts) {
    learn(draft.inputs, known["inputs"]);
    if (draft.outputs) {
      Json& outputs = known["outputs"];
      if (draft.outputs->is_object()) {
        learn(draft.outputs->get_object(), outputs);
      } else if (outputs.is_object() && outputs.get_object().empty()) {
        outputs = type_of(*draft.outputs);
      }
    }
    if (draft.expectations) learn(*draft.expectations, known["expectations"]);
  }
  return base::to_text(known);
}

}  // namespace slipway::evaluations
