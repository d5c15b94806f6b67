#include "api/feast/online_answer.h"

#include "api/feast/cells.h"

namespace slipway::api::feast {
namespace {

using features::FeatureStore;
using features::Sight;

constexpr std::string_view kNoTime = "\"1970-01-01T00:00:00Z\"";

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

std::string_view AnswerColumn::status(std::size_t row) const {
  if (view == nullptr) return "PRESENT";
  const Sight::Seen seen = answer.rows.sights[row].seen;
  if (!view->is_on_demand && seen == Sight::Seen::kNever) return "NOT_FOUND";
  // What windows say of a key is true when no row is in them.
  if (!view->is_on_demand && !view->is_windowed && seen == Sight::Seen::kTooOld)
    return "OUTSIDE_MAX_AGE";
  return features::is_null(value(row)) ? "NULL_VALUE" : "PRESENT";
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
  std::string out = "{\"results\":[", names;
  const WantedView* timed = nullptr;  // the view that times are of
  std::vector<std::string> times(request.rows, std::string(kNoTime));
  for (const AnswerColumn& column : answer_columns(request, wanted, answers)) {
    if (!names.empty()) names += ',';
    write_text(names, column.name);
    if (column.view != timed) {
      timed = column.view;
      for (std::size_t row = 0; row < request.rows; ++row) {
        const auto time = column.event_time(row);
        times[row] = time ? '"' + types::to_rfc3339(*time) + '"' : std::string(kNoTime);
      }
    }
    const auto list = [&](const char* name, auto write) {
      out += name;
      for (std::size_t row = 0; row < request.rows; ++row) {
        if (row > 0) out += ',';
        write(row);
      }
      out += ']';
    };
    if (out.back() != '[') out += ',';
    list("{\"values\":[", [&](std::size_t row) {
      write_cell(out, column.value(row), column.shape.type, column.shape.is_whole);
    });
    list(",\"statuses\":[", [&](std::size_t row) {
      out += '"';
      out += column.status(row);
      out += '"';
    });
    list(",\"event_timestamps\":[", [&](std::size_t row) { out += times[row]; });
    out += '}';
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
