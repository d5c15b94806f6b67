#include "api/feast/online_answer.h"

#include "api/feast/cells.h"

namespace slipway::api::feast {
namespace {

using features::FeatureStore;
using features::Sight;

constexpr std::string_view kNoTime = "1970-01-01T00:00:00Z";
// About what a cell takes with its status and time, and a column beside its cells.
constexpr std::size_t kCellRoom = 64, kColumnRoom = 128;

Result<void> check_size(const OnlineRequest& request, const std::vector<WantedView>& wanted,
                        std::size_t values_max) {
  if (request.rows == 0) {
    return base::error(Code::kInvalidArgument,
                       "entities has no rows: give a list of values for each join key");
  }
  std::size_t width = 0;  // the whole view is evaluated, whatever is asked of it
  for (const WantedView& view : wanted)
    width += view.shape.features.size() + view.shape.inputs.size();
  if (request.rows > values_max / std::max<std::size_t>(width, 1)) {
    return base::error(Code::kResourceExhausted,
                       "too many values in one read: ask for fewer entities at a time (setting "
                       "feast-values-max): entities={} columns={} max={}",
                       request.rows, width, values_max);
  }
  return {};
}

// The first view that a join key was read for.
std::optional<AnswerColumn> find_key(std::string_view name, const std::vector<WantedView>& wanted,
                                     const std::vector<ViewAnswer>& answers) {
  for (std::size_t v = 0; v < wanted.size(); ++v) {
    const auto& inputs = wanted[v].shape.inputs;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (inputs[i].is_key && inputs[i].name == name)
        return AnswerColumn{name, inputs[i], nullptr, answers[v], i, inputs.size()};
    }
  }
  return std::nullopt;
}

// Quoted, with commas between them.
template <typename TextOf>
std::string list_of(std::size_t rows, TextOf text_of) {
  std::string out;
  for (std::size_t row = 0; row < rows; ++row) {
    out += row > 0 ? ",\"" : "\"";
    out += text_of(row);
    out += '"';
  }
  return out;
}

// Returns whether one of them is null.
bool write_values(std::string& out, const AnswerColumn& column, std::size_t rows) {
  bool has_null = false;
  const auto& shape = column.shape;
  if (shape.type == features::ValueType::kText) {
    for (std::size_t row = 0; row < rows; ++row) {
      if (row > 0) out += ',';
      has_null |= features::is_null(column.value(row));
      write_cell(out, column.value(row), shape.type, shape.is_whole);
    }
    return has_null;
  }
  const std::size_t begin = out.size();
  out.resize(begin + rows * (kShortCell + 1));
  char* at = out.data() + begin;
  for (std::size_t row = 0; row < rows; ++row) {
    if (row > 0) *at++ = ',';
    has_null |= features::is_null(column.value(row));
    at = write_short_cell(at, column.value(row), shape.type, shape.is_whole);
  }
  out.resize(static_cast<std::size_t>(at - out.data()));
  return has_null;
}

}  // namespace

Result<std::vector<ViewAnswer>> read_views(const FeatureStore& store, const OnlineRequest& request,
                                           const std::vector<WantedView>& wanted,
                                           std::size_t values_max) {
  TRY(check_size(request, wanted, values_max));
  // One moment for all: what arrives while this runs is seen by none.
  const auto moments = TRY(read_moments(store, request, store.now()));
  std::vector<ViewAnswer> answers;
  for (const WantedView& view : wanted) {
    ViewAnswer answer;
    answer.inputs = TRY(read_inputs(view, request, moments));
    answer.rows = TRY(store.read_rows(view.name, answer.inputs, moments));
    if (answer.rows.values.size() != request.rows * view.shape.features.size())
      return base::error(Code::kFailedPrecondition, "the view has changed: view={}", view.name);
    answers.push_back(std::move(answer));
  }
  return answers;
}

std::string_view AnswerColumn::status_of_row(std::size_t row) const {
  if (view == nullptr || view->is_on_demand) return "PRESENT";
  const Sight::Seen seen = answer.rows.sights[row].seen;
  if (seen == Sight::Seen::kNever) return "NOT_FOUND";
  // What windows say of a key is true when no row is in them.
  return seen == Sight::Seen::kTooOld && !view->is_windowed ? "OUTSIDE_MAX_AGE" : "PRESENT";
}

std::string_view AnswerColumn::status(std::size_t row) const {
  const std::string_view status = status_of_row(row);
  const bool may_be_null = view != nullptr && status == "PRESENT";
  return may_be_null && features::is_null(value(row)) ? "NULL_VALUE" : status;
}

std::optional<types::Timestamp> AnswerColumn::event_time(std::size_t row) const {
  if (view == nullptr) return std::nullopt;
  const Sight& sight = answer.rows.sights[row];
  if (view->is_windowed && sight.seen == Sight::Seen::kTooOld) return std::nullopt;
  return sight.event_time;
}

std::vector<AnswerColumn> answer_columns(const OnlineRequest& request,
                                         const std::vector<WantedView>& wanted,
                                         const std::vector<ViewAnswer>& answers) {
  std::vector<AnswerColumn> columns;
  for (const auto& member : request.entities) {
    if (const auto key = find_key(member.key(), wanted, answers)) columns.push_back(*key);
  }
  for (std::size_t v = 0; v < wanted.size(); ++v) {
    const WantedView& view = wanted[v];
    const auto& features = view.shape.features;
    for (const std::size_t feature : view.features) {
      columns.push_back({feature_name(view, feature, request.full_feature_names), features[feature],
                         &view, answers[v], feature, features.size()});
    }
  }
  return columns;
}

std::string write_online_answer(const OnlineRequest& request, const std::vector<WantedView>& wanted,
                                const std::vector<ViewAnswer>& answers) {
  const std::vector<AnswerColumn> columns = answer_columns(request, wanted, answers);
  std::string out = "{\"results\":[", names;
  out.reserve(kColumnRoom * columns.size() + kCellRoom * columns.size() * request.rows);
  const WantedView* view = nullptr;
  std::string statuses, times;  // of all columns of the view
  for (const AnswerColumn& column : columns) {
    if (!names.empty()) names += ',';
    write_text(names, column.name);
    if (times.empty() || column.view != view) {
      view = column.view;
      statuses = list_of(request.rows, [&](std::size_t row) { return column.status_of_row(row); });
      times = list_of(request.rows, [&](std::size_t row) {
        const auto time = column.event_time(row);
        return time ? types::to_rfc3339(*time) : std::string(kNoTime);
      });
    }
    if (out.back() != '[') out += ',';
    out += "{\"values\":[";
    const bool has_null = write_values(out, column, request.rows);
    out += "],\"statuses\":[";
    out += has_null ? list_of(request.rows, [&](std::size_t row) { return column.status(row); })
                    : statuses;
    out += "],\"event_timestamps\":[";
    out += times;
    out += "]}";
  }
  out += "],\"metadata\":{\"feature_names\":[" + names + "]";
  if (request.names_views) {
    std::string views;
    for (const WantedView& view : wanted) {
      views += views.empty() ? "{\"name\":" : ",{\"name\":";
      write_text(views, view.name);
      views += '}';  // a version of 0, which none is, is not written
    }
    out += ",\"feature_view_metadata\":[" + views + "]";
  }
  out += "}}";
  return out;
}

}  // namespace slipway::api::feast
