#include "api/feast/writes.h"

#include "api/feast/data_frame.h"

namespace slipway::api::feast {
namespace {

Result<void> check_push_mode(std::string_view to) {
  if (to == "online") return {};
  if (to == "offline" || to == "online_and_offline") {
    return base::error(Code::kInvalidArgument,
                       "rows are pushed online alone; training sets are made of datasets, which "
                       "are ingested: to={}",
                       to);
  }
  return base::error(Code::kInvalidArgument,
                     "{} is not a supported push format. Please specify one of these ['online', "
                     "'offline', 'online_and_offline'].",
                     to);
}

}  // namespace

Result<void> push_frame(features::FeatureStore& store, const std::string& source,
                        std::string_view to, const JsonObject& frame) {
  TRY(check_push_mode(to));
  const auto rows = rows_of_source(store, source, frame);
  if (!rows && rows.error().code == Code::kNotFound)
    return base::error(Code::kNotFound, "Unable to find push source '{}'.", source);
  if (!rows) return rows.error();
  TRY(store.push(source, *rows));
  return {};
}

Result<void> write_frame(features::FeatureStore& store, const std::string& name,
                         const JsonObject& frame) {
  const auto definitions = store.definitions();
  const features::View* view = definitions->find_view(name);
  if (view == nullptr) {
    return base::error(Code::kNotFound, "Can't recognize feast object with a name {}", name);
  }
  TRY(store.push(view->source, TRY(rows_of_view(store, *view, frame))));
  return {};
}

}  // namespace slipway::api::feast
