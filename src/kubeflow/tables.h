#pragma once

#include "store/db.h"

namespace slipway::kubeflow {

store::RoomMigrations migrations();

}  // namespace slipway::kubeflow
