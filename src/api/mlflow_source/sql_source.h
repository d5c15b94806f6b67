// MLflow's own database. The tables of 1.x to 3.17 are read; what a version doesn't have is empty.
#pragma once

#include "api/mlflow_source/source.h"
#include "store/foreign_db.h"

namespace slipway::api::mlflow_source {

// `name` is what the source calls itself. kInvalidArgument: the database holds no MLflow.
Result<std::unique_ptr<Source>> open_sql(std::unique_ptr<store::ForeignDb> db, std::string name,
                                         SourceOptions options);

}  // namespace slipway::api::mlflow_source
