#include "api/predict/rows_batch.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

namespace slipway::api::predict {
namespace {

using base::JsonMembers;
using base::JsonValue;
using base::JsonValues;
using serving::Batch;
using serving::Cell;
using serving::DataType;
using serving::InputSpec;
using serving::Tensor;

Result<void> flatten(JsonValues list, std::string_view name, std::vector<Cell>& cells, Kept& kept) {
  auto use = [&](JsonValue value) -> Result<void> {
    cells.push_back(TRY(read_cell(value, name, kept)));
    return {};
  };
  return each_element(list, name, 0, use);
}

// A tensor that comes row by row.
class RowTensor {
 public:
  RowTensor(const InputSpec& spec, std::string_view name, Kept& kept)
      : kept_(kept),
        tensor_{.name = name, .type = spec.type, .shape = {0}},
        bytes_(kept.bytes.emplace_back()),
        texts_(kept.texts.emplace_back()) {}

  Result<void> add(JsonValue row) {
    std::vector<std::int64_t> shape{0};
    for (JsonValue inner = row; inner.is_array(); inner = inner.values().front()) {
      if (shape.size() == kDimensionsMax)
        return invalid("data is nested too deeply: input={}", tensor_.name);
      shape.push_back(static_cast<std::int64_t>(inner.size()));
      if (inner.size() == 0) break;
    }
    if (rows_ == 0) {
      tensor_.shape = shape;
    } else if (shape != tensor_.shape) {
      return invalid("rows differ in shape: input={} row={}", tensor_.name, rows_);
    }
    auto use = [&](JsonValue value) -> Result<void> {
      if (tensor_.type == DataType::kBytes) {
        texts_.push_back(TRY(read_text(value, tensor_.name, kept_)));
      } else if (!append_element(value, tensor_.type, bytes_)) {
        return invalid("a value of row {} is no {}: input={}", rows_,
                       serving::datatype_name(tensor_.type), tensor_.name);
      }
      return {};
    };
    if (row.is_array()) {
      TRY(each_element(row.values(), tensor_.name, 0, use));
    } else {
      TRY(use(row));
    }
    tensor_.shape[0] = static_cast<std::int64_t>(++rows_);
    const std::size_t count = TRY(element_count(tensor_.name, tensor_.shape));
    const std::size_t width = serving::datatype_bytes(tensor_.type);
    const std::size_t given = width == 0 ? texts_.size() : bytes_.size() / width;
    tensor_.shape[0] = 0;
    if (given != count) return invalid("a row is ragged: input={} row={}", tensor_.name, rows_ - 1);
    return {};
  }

  std::size_t rows() const { return rows_; }
  Tensor finish() {
    tensor_.shape[0] = static_cast<std::int64_t>(rows_);
    tensor_.bytes = bytes_;
    tensor_.texts = texts_;
    return std::move(tensor_);
  }

 private:
  Kept& kept_;
  Tensor tensor_;
  std::vector<std::byte>& bytes_;
  std::vector<std::string_view>& texts_;
  std::size_t rows_ = 0;
};

std::vector<JsonMembers::Member> sorted_members(JsonValue object) {
  std::vector<JsonMembers::Member> members;
  for (const JsonMembers::Member member : object.members()) members.push_back(member);
  std::ranges::sort(members, {}, &JsonMembers::Member::key);
  return members;
}

std::optional<JsonValue> find_member(const std::vector<JsonMembers::Member>& sorted,
                                     std::string_view name) {
  const auto found = std::ranges::lower_bound(sorted, name, {}, &JsonMembers::Member::key);
  return found == sorted.end() || found->key != name ? std::nullopt : std::optional(found->value);
}

Result<Batch> matrix(const std::vector<Cell>& cells, std::size_t width,
                     std::vector<std::string_view> features, std::string_view what) {
  if (width != features.size() || width == 0) {
    return invalid("{} has {} columns without names, but the model has {} features", what, width,
                   features.size());
  }
  return from_rows(cells, width, std::move(features));
}

}  // namespace

Result<Batch> from_records(JsonValues records, const InputSpecs& inputs, std::string_view what,
                           Kept& kept) {
  std::vector<std::string_view> names, columns;
  std::vector<std::optional<RowTensor>> tensors;  // by name; nothing: a column
  std::vector<Cell> cells;
  std::size_t row = 0;
  for (const JsonValue record : records) {
    if (!record.is_object()) return invalid("{}: row {} must be an object of columns", what, row);
    if (row == 0) {
      for (const auto& [name, value] : record.members()) {
        names.push_back(name);
        tensors.emplace_back();
        if (const InputSpec* spec = find_tensor(inputs, name)) {
          tensors.back().emplace(*spec, name, kept);
        } else {
          columns.push_back(name);
        }
      }
      TRY(check_names(names, what));
    } else if (record.size() != names.size()) {
      return invalid("{}: row {} has other columns than row 0", what, row);
    }
    auto next = record.members().begin();  // nearly always in the order of the first row
    std::vector<JsonMembers::Member> by_name;
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (by_name.empty() && (*next).key != names[i]) by_name = sorted_members(record);
      const std::optional<JsonValue> value =
          by_name.empty() ? (*next).value : find_member(by_name, names[i]);
      if (!value) return invalid("{}: row {} lacks column {}", what, row, names[i]);
      if (tensors[i]) {
        TRY(tensors[i]->add(*value));
      } else {
        cells.push_back(TRY(read_cell(*value, names[i], kept)));
      }
      if (by_name.empty()) ++next;
    }
    ++row;
  }
  const std::size_t width = columns.size();
  Batch batch = from_rows(cells, width, std::move(columns));
  batch.rows = row;
  for (std::optional<RowTensor>& tensor : tensors) {
    if (tensor) batch.tensors.push_back(tensor->finish());
  }
  return batch;
}

Result<Batch> from_lists(JsonValues rows, std::vector<std::string_view> names,
                         std::string_view what, Kept& kept) {
  std::vector<Cell> cells;
  std::size_t row = 0;
  for (const JsonValue item : rows) {
    if (!item.is_array()) return invalid("{}: row {} must be a list", what, row);
    const std::size_t before = cells.size();
    for (const JsonValue value : item.values())
      cells.push_back(TRY(read_cell(
          value, cells.size() - before < names.size() ? names[cells.size() - before] : what,
          kept)));
    if (cells.size() - before != names.size()) {
      return invalid("{}: row {} has {} values for {} columns", what, row, cells.size() - before,
                     names.size());
    }
    ++row;
  }
  const std::size_t width = names.size();
  return from_rows(cells, width, std::move(names));
}

namespace {

// {"column": [values] or value, ...}
Result<Batch> from_columns(JsonValue columns, const InputSpecs& inputs, std::string_view what,
                           Kept& kept) {
  Batch batch;
  std::vector<std::string_view> names;
  for (const auto& [name, value] : columns.members()) names.push_back(name);
  TRY(check_names(std::move(names), what));
  bool is_first = true;
  for (const auto& [name, value] : columns.members()) {
    std::size_t rows = 0;
    if (const InputSpec* spec = find_tensor(inputs, name)) {
      RowTensor tensor(*spec, name, kept);
      if (!value.is_array()) return invalid("{}: {} must be a list of rows", what, name);
      for (const JsonValue row : value.values()) TRY(tensor.add(row));
      rows = tensor.rows();
      batch.tensors.push_back(tensor.finish());
    } else {
      const std::size_t before = batch.cells.size();
      if (value.is_array()) {
        TRY(flatten(value.values(), name, batch.cells, kept));
      } else {
        batch.cells.push_back(TRY(read_cell(value, name, kept)));
      }
      rows = batch.cells.size() - before;
      batch.names.push_back(name);
    }
    if (!is_first && rows != batch.rows) {
      return invalid("{}: column {} has {} rows, others have {}", what, name, rows, batch.rows);
    }
    batch.rows = rows;
    is_first = false;
  }
  return batch;
}

bool is_coded(JsonValue value) {
  return value.is_object() && value.size() == 1 && value.find("b64").has_value();
}

}  // namespace

Result<Batch> from_instances(JsonValue given, const InputSpecs& inputs, std::string_view what,
                             Kept& kept) {
  if (given.is_object()) return from_columns(given, inputs, what, kept);
  if (!given.is_array()) return invalid("{} must be a list or an object", what);
  const JsonValues list = given.values();
  if (list.empty()) return invalid("{} is empty", what);
  if (list.front().is_object() && !is_coded(list.front()))
    return from_records(list, inputs, what, kept);
  if (inputs.size() == 1 && !inputs.front().is_column()) {
    Batch batch;
    RowTensor tensor(inputs.front(), inputs.front().name, kept);
    for (const JsonValue row : list) TRY(tensor.add(row));
    batch.rows = tensor.rows();
    batch.tensors.push_back(tensor.finish());
    return batch;
  }
  std::vector<std::string_view> names = column_names(inputs);
  if (names.size() != inputs.size()) {
    names.clear();
    for (const InputSpec& input : inputs) names.push_back(input.name);
    return invalid("{} must be objects that name the model's inputs, some of which are tensors: {}",
                   what, fmt::join(names, ", "));
  }
  if (list.front().is_array()) return from_lists(list, std::move(names), what, kept);
  std::vector<Cell> cells;
  TRY(flatten(list, what, cells, kept));
  const std::size_t width = names.size() == 1 ? 1 : cells.size();
  return matrix(cells, width, std::move(names), what);
}

Result<Batch> from_split(JsonValue split, std::string_view what, Kept& kept) {
  if (!split.is_object()) return invalid("{} must be an object", what);
  const auto columns = split.find("columns"), data = split.find("data");
  if (!columns || !columns->is_array()) return invalid("{}: columns must be a list", what);
  if (!data || !data->is_array()) return invalid("{}: data must be a list", what);
  std::vector<std::string_view> names;
  for (const JsonValue name : columns->values()) {
    if (!name.is_text()) return invalid("{}: columns must be texts", what);
    names.push_back(name.text());
  }
  return from_lists(data->values(), std::move(names), what, kept);
}

}  // namespace slipway::api::predict
