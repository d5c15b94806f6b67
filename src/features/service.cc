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

Result<BoundService> BoundService::bind(const Service& service,
                                        const std::vector<BoundView>& views) {
  BoundService bound{.service = service,
                     .event_time = request_position(service, service.event_time)};
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
    const auto index = static_cast<std::size_t>(view - views.begin());
    auto part = std::find_if(bound.parts.begin(), bound.parts.end(),
                             [&](const Part& p) { return p.view == index; });
    if (part == bound.parts.end()) {
      Part fresh{.view = index};
      for (const std::string& key : view->view.keys)
        fresh.keys.push_back(request_position(service, key));
      if (view->view.is_on_demand()) {
        BoundView own = TRY(BoundView::bind(view->view, nullptr, request_columns(service)));
        for (std::size_t i = 0; i < own.types.size(); ++i) {
          if (own.types[i] == view->types[i]) continue;
          return base::error(Code::kInvalidArgument,
                             "service {}: {} is a {} here and a {} elsewhere", service.name,
                             own.names[i], value_type_name(own.types[i]),
                             value_type_name(view->types[i]));
        }
        fresh.on_demand = std::move(own.inputs);
      }
      part = bound.parts.insert(bound.parts.end(), std::move(fresh));
    }
    const auto part_index = static_cast<std::size_t>(part - bound.parts.begin());
    for (std::size_t i = 0; i < view->names.size(); ++i) {
      if (!tail.empty() && view->names[i] != head + "__" + tail) continue;
      bound.outputs.push_back(
          {.name = view->names[i], .type = view->types[i], .part = part_index, .position = i});
    }
  }
  return bound;
}

}  // namespace slipway::features
