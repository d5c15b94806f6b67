// Routes of who may see which columns, and of people whose rows are erased.
#pragma once

#include <string>
#include <vector>

#include "api/http/router.h"
#include "base/json.h"
#include "datasets/definition.h"
#include "governance/masking.h"

namespace slipway::api::own {

// What must be hidden from who asks. Safe to use from several threads.
class Masking {
 public:
  virtual ~Masking() = default;
  virtual governance::Masks of_dataset(const http::Request& request,
                                       const datasets::DatasetDefinition& definition) = 0;
  // Of whatever else has columns: by the names of all columns with tags, of datasets and endpoints,
  // and of features that are computed from them.
  virtual Result<governance::Masks> of_names(const http::Request& request) = 0;
  // A training set has values as they are, or isn't made: kPermissionDenied naming a column of
  // `entities` (a dataset; empty: rows that were sent) or of what the service's features are
  // computed from.
  virtual Result<void> check_training_set(const http::Request& request, const std::string& service,
                                          const std::string& entities,
                                          const std::string& label) = 0;
  virtual const std::string& key() const = 0;  // of pseudonyms
};

// Safe to use from several threads.
class ErasureControl {
 public:
  virtual ~ErasureControl() = default;
  // Takes the rows whose column with this tag has this value out of all datasets, pushed rows,
  // online features and request logs; {"places":[...], "rows", "models":[...], ...},
  // docs/governance.md.
  // kNotFound: no column has the tag. kConflict: another one is under way.
  enum class How { kErase, kOnlyCount };
  virtual Result<JsonObject> erase(const std::string& tag, const std::string& value, How how,
                                   const std::string& actor) = 0;
  virtual Result<JsonArray> erasures() = 0;  // newest first
  // {"tags":[{"tag","mask","readable_by","columns":[...]}]}.
  virtual Result<JsonObject> tags() = 0;
};

// `control` must outlive the routes.
std::vector<http::Route> governance_routes(ErasureControl& control);

}  // namespace slipway::api::own
