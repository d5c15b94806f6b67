#include "features/service.h"

#include <algorithm>

namespace slipway::features {
namespace {

std::size_t request_position(const Service& service, std::string_view name) {
  const auto at = std::find_if(service.request.begin(), service.request.end(),
                               [&](const RequestColumn& c) { return c.name == name; });
  CHECK(at != service.request.end());  // the definition was checked
  return static_cast<std::size_t>(at - service.request.begin());
}

}  // namespace

std::vector<NamedColumn> request_columns(const Service& service) {
  std::vector<NamedColumn> columns;
  for (const RequestColumn& column : service.request)
    columns.push_back(
        {column.name, value_type(column.type), column.type == types::ColumnType::kInt64});
  return columns;
}

std::vector<NamedColumn> readable_columns(const Service& service,
                                          const std::vector<BoundView>& views) {
  std::vector<NamedColumn> columns = request_columns(service);
  for (const BoundView& view : views) {
    if (view.view.is_on_demand()) continue;
    for (std::size_t i = 0; i < view.names.size(); ++i)
      columns.push_back({view.names[i], view.types[i], view.are_whole[i]});
  }
  return columns;
}

namespace {

// Adds parts to a service.
class PartBinder {
 public:
  PartBinder(BoundService& bound, const std::vector<BoundView>& views)
      : bound_(bound), views_(views) {}

  // The part's position, added if it isn't there.
  Result<std::size_t> part_of(std::size_t view) {
    const auto found = std::ranges::find(bound_.parts, view, &BoundService::Part::view);
    if (found != bound_.parts.end()) return static_cast<std::size_t>(found - bound_.parts.begin());
    BoundService::Part part{.view = view};
    if (views_[view].view.is_on_demand()) {
      part = TRY(on_demand(view));
    } else {
      for (const std::string& key : views_[view].view.keys)
        part.keys.push_back(request_position(bound_.service, key));
    }
    bound_.parts.push_back(std::move(part));
    return bound_.parts.size() - 1;
  }

 private:
  Result<BoundService::Part> on_demand(std::size_t index) {
    const BoundView& view = views_[index];
    const std::vector<NamedColumn> readable = readable_columns(bound_.service, views_);
    const BoundView own = TRY(BoundView::bind(view.view, nullptr, readable));
    for (std::size_t i = 0; i < own.types.size(); ++i) {
      if (own.types[i] == view.types[i]) continue;
      return base::error(Code::kInvalidArgument, "service {}: {} is a {} here and a {} elsewhere",
                         bound_.service.name, own.names[i], value_type_name(own.types[i]),
                         value_type_name(view.types[i]));
    }
    BoundService::Part part{.view = index};
    std::vector<NamedColumn> columns = request_columns(bound_.service);
    const std::size_t of_request = columns.size();
    for (const std::size_t column : own.columns()) {
      if (column < of_request) continue;
      part.features.push_back(TRY(feature(readable[column].name, view.view)));
      columns.push_back(readable[column]);
      for (const std::size_t key : bound_.parts[part.features.back().part].keys) {
        if (std::ranges::find(part.keys, key) == part.keys.end()) part.keys.push_back(key);
      }
    }
    part.on_demand = TRY(BoundView::bind(view.view, nullptr, columns)).inputs;
    return part;
  }

  // The feature of that name, for a view on demand.
  Result<BoundService::Feature> feature(const std::string& name, const View& reader) {
    for (std::size_t v = 0; v < views_.size(); ++v) {
      if (views_[v].view.is_on_demand()) continue;
      const auto at = std::ranges::find(views_[v].names, name);
      if (at == views_[v].names.end()) continue;
      for (const std::string& key : views_[v].view.keys) {
        const auto is_key = [&](const RequestColumn& column) { return column.name == key; };
        if (std::ranges::any_of(bound_.service.request, is_key)) continue;
        return base::error(Code::kInvalidArgument,
                           "service {}: view {} reads {}, which needs the request column {}",
                           bound_.service.name, reader.name, name, key);
      }
      return BoundService::Feature{TRY(part_of(v)),
                                   static_cast<std::size_t>(at - views_[v].names.begin())};
    }
    CHECK(false);  // it was among what can be read
  }

  BoundService& bound_;
  const std::vector<BoundView>& views_;
};

}  // namespace

Result<BoundService> BoundService::bind(const Service& service,
                                        const std::vector<BoundView>& views) {
  BoundService bound{.service = service,
                     .event_time = request_position(service, service.event_time)};
  PartBinder parts(bound, views);
  for (const std::string& text : service.features) {
    const std::size_t dot = text.find('.');
    const std::string head = text.substr(0, dot),
                      tail = dot == std::string::npos ? "" : text.substr(dot + 1);
    if (head == "request") {
      const std::size_t position = request_position(service, tail);
      bound.outputs.push_back({.name = tail,
                               .type = value_type(service.request[position].type),
                               .from_request = true,
                               .position = position});
      continue;
    }
    const auto view = std::find_if(views.begin(), views.end(),
                                   [&](const BoundView& v) { return v.view.name == head; });
    CHECK(view != views.end());
    const std::size_t part = TRY(parts.part_of(static_cast<std::size_t>(view - views.begin())));
    for (std::size_t i = 0; i < view->names.size(); ++i) {
      if (!tail.empty() && view->names[i] != head + "__" + tail) continue;
      bound.outputs.push_back(
          {.name = view->names[i], .type = view->types[i], .part = part, .position = i});
    }
  }
  return bound;
}

}  // namespace slipway::features
