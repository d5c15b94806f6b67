#include "evaluations/label_schemas.h"

#include <cmath>
#include <set>

#include "base/json.h"
#include "base/text.h"
#include "types/key_rules.h"

namespace slipway::evaluations {
namespace {

constexpr std::size_t kNameLengthMax = 250, kInstructionLengthMax = 1000, kLabelLengthMax = 64;
constexpr std::size_t kOptionsMax = 10;
constexpr std::string_view kDefaultName = "Feedback";
constexpr std::string_view kDefaultInstruction = "Share any feedback on this trace.";
constexpr std::string_view kColumns =
    "id, experiment, name, kind, input_kind, words, is_multiple, least, greatest, length_max, "
    "instruction, has_comment, is_default, created, updated";

template <typename... Args>
Error wrong(fmt::format_string<Args...> text, Args&&... args) {
  return base::error(Code::kInvalidArgument, "{}", fmt::format(text, std::forward<Args>(args)...));
}

Error no_schema(const std::string& id) {
  return base::error(Code::kNotFound, "Label schema with id '{}' not found.", id);
}

Error is_taken(const std::string& name, const std::string& experiment_id) {
  return base::error(Code::kAlreadyExists,
                     "Label schema with name '{}' already exists for experiment '{}'.", name,
                     experiment_id);
}

std::string folded(std::string_view text) { return base::lowered(base::trimmed(text)); }

Result<void> check_name(const std::string& name) {
  const std::size_t length = types::count_characters(name);
  if (length == 0) return wrong("Label schema `name` must be a non-empty string; got ''.");
  if (length > kNameLengthMax) {
    return wrong("Label schema `name` must be at most {} characters; got {}.", kNameLengthMax,
                 length);
  }
  if (folded(name) == folded(kDefaultName)) {
    return wrong(
        "`{}` is reserved for the experiment's default question and cannot be used for "
        "another label schema.",
        name);
  }
  return {};
}

Result<void> check_instruction(const std::string& text) {
  const std::size_t length = types::count_characters(text);
  if (length <= kInstructionLengthMax) return {};
  return wrong("Label schema `instruction` must be at most {} characters; got {}.",
               kInstructionLengthMax, length);
}

Result<void> check_label(std::string_view what, const std::string& label) {
  const std::size_t length = types::count_characters(label);
  if (length == 0) return wrong("`{}` must be a non-empty string; got ''.", what);
  if (length <= kLabelLengthMax) return {};
  return wrong("`{}` must be at most {} characters; got {}.", what, kLabelLengthMax, length);
}

Result<void> check_input(const LabelInput& input) {
  switch (input.kind) {
    case InputKind::kPassFail:
      TRY(check_label("InputPassFail.positive_label", input.positive));
      TRY(check_label("InputPassFail.negative_label", input.negative));
      if (input.positive == input.negative) {
        return wrong(
            "`InputPassFail.positive_label` and `negative_label` must be distinct; got "
            "'{}' for both.",
            input.positive);
      }
      return {};
    case InputKind::kCategorical: {
      if (input.options.empty())
        return wrong("`InputCategorical.options` must be a non-empty list; got [].");
      if (input.options.size() > kOptionsMax) {
        return wrong("`InputCategorical.options` must have at most {} entries; got {}.",
                     kOptionsMax, input.options.size());
      }
      std::set<std::string> seen;
      for (const std::string& option : input.options) {
        TRY(check_label("InputCategorical.options", option));
        if (!seen.insert(option).second) {
          return wrong("`InputCategorical.options` must be deduplicated; '{}' appears twice.",
                       option);
        }
      }
      return {};
    }
    case InputKind::kNumeric:
      if (input.least && input.greatest && !(*input.least < *input.greatest)) {
        return wrong(
            "`InputNumeric.min_value` must be strictly less than `max_value`; got min={}, "
            "max={}.",
            *input.least, *input.greatest);
      }
      return {};
    case InputKind::kText:
      if (input.length_max && *input.length_max < 1)
        return wrong("`InputText.max_length` must be at least 1; got {}.", *input.length_max);
      return {};
  }
  return {};
}

std::string words_json(const LabelInput& input) {
  JsonArray words;
  if (input.kind == InputKind::kPassFail) words = {Json(input.positive), Json(input.negative)};
  for (const std::string& option : input.options) words.emplace_back(option);
  return base::to_text(words);
}

void read_words(std::string_view json, LabelInput& input) {
  const Result<Json> list = base::parse_json(json);
  if (!list || !list->is_array()) return;
  std::vector<std::string> words;
  for (const Json& word : list->get_array()) {
    if (word.is_string()) words.emplace_back(std::string_view(word.get_string()));
  }
  if (input.kind == InputKind::kPassFail && words.size() == 2) {
    input.positive = std::move(words[0]);
    input.negative = std::move(words[1]);
  } else if (input.kind == InputKind::kCategorical) {
    input.options = std::move(words);
  }
}

LabelSchema read_schema(const store::Row& row) {
  LabelSchema schema;
  schema.id = row.string(0);
  schema.experiment_id = std::to_string(row.int64(1));
  schema.name = row.string(2);
  schema.kind = static_cast<LabelKind>(row.int64(3));
  schema.input.kind = static_cast<InputKind>(row.int64(4));
  read_words(row.text(5), schema.input);
  schema.input.is_multiple = row.int64(6) != 0;
  if (!row.is_null(7)) schema.input.least = row.real(7);
  if (!row.is_null(8)) schema.input.greatest = row.real(8);
  schema.input.length_max = row.maybe_int64(9);
  schema.instruction = row.maybe_string(10);
  schema.has_comment = row.int64(11) != 0;
  schema.is_default = row.int64(12) != 0;
  schema.created = row.time(13);
  schema.updated = row.time(14);
  return schema;
}

Result<void> insert(store::Tx& tx, const LabelSchema& schema, std::int64_t experiment) {
  const LabelInput& input = schema.input;
  return tx.send(
      fmt::format("INSERT INTO label_schemas({}) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
                  "?)",
                  kColumns),
      {schema.id, experiment, schema.name, static_cast<int>(schema.kind),
       static_cast<int>(input.kind), words_json(input), input.is_multiple, input.least,
       input.greatest, input.length_max, schema.instruction, schema.has_comment, schema.is_default,
       schema.created, schema.updated});
}

Result<std::optional<LabelSchema>> find(store::Reader& reader, const std::string& id) {
  return reader.find(fmt::format("SELECT {} FROM label_schemas WHERE id = ?", kColumns), {id},
                     read_schema);
}

Result<std::optional<LabelSchema>> find_by_name(store::Reader& reader, std::int64_t experiment,
                                                const std::string& name) {
  return reader.find(
      fmt::format("SELECT {} FROM label_schemas WHERE experiment = ? AND name = ?", kColumns),
      {experiment, name}, read_schema);
}

}  // namespace

Result<LabelSchema> LabelSchemas::create(LabelSchema schema) {
  TRY(check_name(schema.name));
  if (schema.instruction) TRY(check_instruction(*schema.instruction));
  TRY(check_input(schema.input));
  const std::int64_t experiment = TRY(experiments_.number(schema.experiment_id));
  schema.id = "ls-" + random_.hex();
  schema.created = schema.updated = clock_.now();
  TRY(db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(experiments_.check_active(tx, experiment));
    if (TRY(find_by_name(tx, experiment, schema.name)))
      return is_taken(schema.name, schema.experiment_id);
    return insert(tx, schema, experiment);
  }));
  return schema;
}

Result<LabelSchema> LabelSchemas::get(const std::string& id) {
  std::optional<LabelSchema> found =
      TRY(db_.read([&](store::Reader& reader) { return find(reader, id); }));
  if (!found) return no_schema(id);
  return std::move(*found);
}

Result<LabelSchema> LabelSchemas::get_by_name(const std::string& experiment_id,
                                              const std::string& name) {
  const std::int64_t experiment = TRY(experiments_.number(experiment_id));
  return db_.read([&](store::Reader& reader) -> Result<LabelSchema> {
    TRY(experiments_.check_active(reader, experiment));
    std::optional<LabelSchema> found = TRY(find_by_name(reader, experiment, name));
    if (!found) {
      return base::error(Code::kNotFound,
                         "Label schema with name '{}' not found for experiment '{}'.", name,
                         experiment_id);
    }
    return std::move(*found);
  });
}

Result<LabelSchemaPage> LabelSchemas::list(const std::string& experiment_id,
                                           std::int64_t max_results, std::int64_t offset) {
  const std::int64_t experiment = TRY(experiments_.number(experiment_id));
  const auto read = [&](store::Reader& reader) -> Result<LabelSchemaPage> {
    TRY(experiments_.check_active(reader, experiment));
    LabelSchemaPage page;
    TRY(reader.query(fmt::format("SELECT {} FROM label_schemas WHERE experiment = ? ORDER BY "
                                 "created DESC, id LIMIT ? OFFSET ?",
                                 kColumns),
                     {experiment, max_results + 1, offset},
                     [&](const store::Row& row) { page.items.push_back(read_schema(row)); }));
    page.has_more = std::ssize(page.items) > max_results;
    if (page.has_more) page.items.pop_back();
    return page;
  };
  const auto has_default = [&](store::Reader& reader) -> Result<bool> {
    return TRY(reader.find(
                   "SELECT 1 FROM label_schemas WHERE experiment = ? AND (is_default <> 0 OR name "
                   "= ?)",
                   {experiment, kDefaultName}, [](const store::Row&) { return true; }))
        .has_value();
  };
  if (TRY(db_.read(has_default))) return db_.read(read);
  LabelSchema schema;
  schema.id = "ls-" + random_.hex();
  schema.name = kDefaultName;
  schema.instruction = std::string(kDefaultInstruction);
  schema.is_default = true;
  schema.created = schema.updated = clock_.now();
  return db_.write([&](store::Tx& tx) -> Result<LabelSchemaPage> {
    TRY(experiments_.check_active(tx, experiment));
    if (!TRY(has_default(tx))) TRY(insert(tx, schema, experiment));
    return read(tx);
  });
}

Result<LabelSchema> LabelSchemas::update(const std::string& id, const LabelSchemaPatch& patch) {
  if (patch.instruction) TRY(check_instruction(*patch.instruction));
  if (patch.input) TRY(check_input(*patch.input));
  const base::Timestamp now = clock_.now();
  return db_.write([&](store::Tx& tx) -> Result<LabelSchema> {
    std::optional<LabelSchema> found = TRY(find(tx, id));
    if (!found) return no_schema(id);
    LabelSchema& schema = *found;
    if (schema.is_default) return wrong("The experiment's default question cannot be edited.");
    if (patch.name && *patch.name != schema.name) {
      TRY(check_name(*patch.name));
      if (TRY(find_by_name(tx, TRY(experiments_.number(schema.experiment_id)), *patch.name)))
        return is_taken(*patch.name, schema.experiment_id);
      schema.name = *patch.name;
    }
    if (patch.instruction) schema.instruction = patch.instruction;
    schema.has_comment = patch.has_comment.value_or(schema.has_comment);
    if (patch.input) {
      if (patch.input->kind != schema.input.kind)
        return wrong("A label schema's input type cannot be changed after creation.");
      if (patch.input->is_multiple != schema.input.is_multiple)
        return wrong("`InputCategorical.multi_select` cannot be changed after creation.");
      schema.input = *patch.input;
    }
    schema.updated = now;
    const LabelInput& input = schema.input;
    TRY(
        tx.send("UPDATE label_schemas SET name = ?, instruction = ?, has_comment = ?, words = ?, "
                "least = ?, greatest = ?, length_max = ?, updated = ? WHERE id = ?",
                {schema.name, schema.instruction, schema.has_comment, words_json(input),
                 input.least, input.greatest, input.length_max, now, id}));
    return std::move(schema);
  });
}

Result<void> LabelSchemas::remove(const std::string& id) {
  return db_.write([&](store::Tx& tx) -> Result<void> {
    const std::optional<LabelSchema> found = TRY(find(tx, id));
    if (!found) return {};
    if (found->is_default) return wrong("The experiment's default question cannot be deleted.");
    return tx.send("DELETE FROM label_schemas WHERE id = ?", {id});
  });
}

}  // namespace slipway::evaluations
