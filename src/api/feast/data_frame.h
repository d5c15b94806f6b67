// A data frame, as its columns, as rows of one of our sources.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "features/feature_store.h"

namespace slipway::api::feast {

// Rows as FeatureStore::push takes them. The frame's columns have the source's names.
// kInvalidArgument: columns of different length, cells that don't fit, or a column missing that
// the source's views read: a row without it would hide what is known. Columns that the source does
// not have are left out, as in Feast. kNotFound: no such source.
Result<JsonArray> rows_of_source(const features::FeatureStore& store, const std::string& source,
                                 const JsonObject& frame);

// The same from a frame with the names of a view, as Feast's client writes it: its keys and
// features, event_timestamp and created. `view` is one of the store's. kInvalidArgument also: the
// view's rows can't be had from its features.
Result<JsonArray> rows_of_view(const features::FeatureStore& store, const features::View& view,
                               const JsonObject& frame);

}  // namespace slipway::api::feast
