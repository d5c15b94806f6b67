// A service bound to its views: which values make up its row, and where each comes from.
#pragma once

#include <string>
#include <vector>

#include "features/definition.h"
#include "features/view_index.h"

namespace slipway::features {

// A value. Positions of views are positions in the list given to bind().
struct BoundService {
  struct Part {
    std::size_t view = 0;
    std::vector<std::size_t> keys;      // positions among the request columns
    std::vector<Expression> on_demand;  // over the request columns; none: the view has a source
  };
  struct Output {
    std::string name;
    ValueType type = ValueType::kNumber;
    bool from_request = false;
    std::size_t part = 0, position = 0;  // in `parts` and there, or among the request columns
  };

  Service service;
  std::size_t event_time = 0;  // position among the request columns
  std::vector<Part> parts;
  std::vector<Output> outputs;

  // kInvalidArgument: the request has not what a view on demand reads.
  static Result<BoundService> bind(const Service& service, const std::vector<BoundView>& views);
};

// The request columns as an expression sees them.
std::vector<NamedColumn> request_columns(const Service& service);

}  // namespace slipway::features
