// What our own routes answer and take; the page's types are made from it (`./x types`).
#pragma once

#include "api/http/schema.h"

namespace slipway::api::own {

http::Shapes shapes();

}  // namespace slipway::api::own
