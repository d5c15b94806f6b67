// A service bound to its views: which values make up its row, and where each comes from.
#pragma once

#include <string>
#include <vector>

#include "features/definition.h"
#include "features/view_index.h"

namespace slipway::features {

// A value. Positions of views are positions in the list given to bind().
struct BoundService {
  // One of another part's features.
  struct Feature {
    std::size_t part = 0, position = 0;
  };
  // What one view says. Parts that are read by a view on demand come before it, whether or not
  // anything of theirs is an output.
  struct Part {
    std::size_t view = 0;
    // Positions among the request columns; on demand: of all views that it reads.
    std::vector<std::size_t> keys;
    // On demand: its expressions, over the request columns and, after them, these features.
    std::vector<Expression> on_demand;
    std::vector<Feature> features;
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

  // kInvalidArgument: the request has not what a view on demand reads, or the keys of what it
  // reads.
  static Result<BoundService> bind(const Service& service, const std::vector<BoundView>& views);
};

// The request columns as an expression sees them.
std::vector<NamedColumn> request_columns(const Service& service);

// The same, and after them all features of views with a source: what a view on demand may read.
std::vector<NamedColumn> readable_columns(const Service& service,
                                          const std::vector<BoundView>& views);

}  // namespace slipway::features
