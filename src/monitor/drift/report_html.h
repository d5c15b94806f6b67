// The drift report as one HTML file.
#pragma once

#include <string>

#include "base/json.h"

namespace slipway::monitor {

// `report` as DriftReport::to_json() gives it (also from a server). Nothing is fetched from
// anywhere; it prints on paper and follows light and dark. Numbers stand beside every picture.
std::string drift_report_html(const JsonObject& report);

}  // namespace slipway::monitor
