#include "api/feast/online_answer.h"

#include "api/feast/cells.h"

namespace slipway::api::feast {
namespace {

using features::Sight;
using features::Value;

constexpr std::string_view kNoTime = "\"1970-01-01T00:00:00Z\"";

std::string_view status_of(const WantedView& view, const Sight& sight, const Value& value) {
  if (!view.is_on_demand && sight.seen == Sight::Seen::kNever) return "\"NOT_FOUND\"";
  // What windows say of a key is true when no row is in them.
  if (!view.is_on_demand && !view.is_windowed && sight.seen == Sight::Seen::kTooOld)
    return "\"OUTSIDE_MAX_AGE\"";
  return features::is_null(value) ? "\"NULL_VALUE\"" : "\"PRESENT\"";
}

bool has_time(const WantedView& view, const Sight& sight) {
  return sight.event_time && !(view.is_windowed && sight.seen == Sight::Seen::kTooOld);
}

// {"values":[...],"statuses":[...],"event_timestamps":[...]}, each written by a function of row.
template <typename WriteValue, typename WriteStatus, typename WriteTime>
void write_column(std::string& out, std::size_t rows, WriteValue value, WriteStatus status,
                  WriteTime time) {
  const auto list = [&](const char* name, auto write) {
    out += name;
    for (std::size_t row = 0; row < rows; ++row) {
      if (row > 0) out += ',';
      write(row);
    }
    out += ']';
  };
  if (out.back() != '[') out += ',';
  list("{\"values\":[", value);
  list(",\"statuses\":[", status);
  list(",\"event_timestamps\":[", time);
  out += '}';
}

// Where a join key was read: the first view that has it.
struct KeyColumn {
  const WantedView* view;
  const ViewAnswer* answer;
  std::size_t input;
};

std::optional<KeyColumn> find_key(std::string_view name, const std::vector<WantedView>& wanted,
                                  const std::vector<ViewAnswer>& answers) {
  for (std::size_t v = 0; v < wanted.size(); ++v) {
    const auto& inputs = wanted[v].shape.inputs;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (inputs[i].is_key && inputs[i].name == name) return KeyColumn{&wanted[v], &answers[v], i};
    }
  }
  return std::nullopt;
}

}  // namespace

std::string write_online_answer(const OnlineRequest& request, const std::vector<WantedView>& wanted,
                                const std::vector<ViewAnswer>& answers) {
  const std::size_t rows = request.rows;
  std::string out = "{\"results\":[", names;
  const auto add_name = [&](std::string_view name) {
    if (!names.empty()) names += ',';
    write_text(names, name);
  };
  for (const auto& [name, values] : request.entities) {
    const auto key = find_key(name, wanted, answers);
    if (!key) continue;
    add_name(name);
    const auto& inputs = key->view->shape.inputs;
    write_column(
        out, rows,
        [&](std::size_t row) {
          write_cell(out, key->answer->inputs[row * inputs.size() + key->input],
                     inputs[key->input].type, inputs[key->input].is_whole);
        },
        [&](std::size_t) { out += "\"PRESENT\""; }, [&](std::size_t) { out += kNoTime; });
  }
  for (std::size_t v = 0; v < wanted.size(); ++v) {
    const WantedView& view = wanted[v];
    const auto& [values, sights] = answers[v].rows;
    const std::size_t width = view.shape.features.size();
    std::vector<std::string> times(rows, std::string(kNoTime));
    for (std::size_t row = 0; row < rows; ++row) {
      if (has_time(view, sights[row]))
        times[row] = '"' + types::to_rfc3339(*sights[row].event_time) + '"';
    }
    for (const std::size_t feature : view.features) {
      add_name(feature_name(view, feature, request.full_feature_names));
      const auto& shape = view.shape.features[feature];
      write_column(
          out, rows,
          [&](std::size_t row) {
            write_cell(out, values[row * width + feature], shape.type, shape.is_whole);
          },
          [&](std::size_t row) {
            out += status_of(view, sights[row], values[row * width + feature]);
          },
          [&](std::size_t row) { out += times[row]; });
    }
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
