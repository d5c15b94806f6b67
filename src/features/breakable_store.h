// An online store that can be made unreachable, for drills.
#pragma once

#include <atomic>
#include <memory>

#include "features/online_store.h"

namespace slipway::features {

// `store`; but while `is_gone` every call that reads or writes rows is kUnavailable, as when
// another machine doesn't answer. What it had is there again afterwards. `is_gone` must outlive it.
std::unique_ptr<OnlineStore> make_breakable(std::unique_ptr<OnlineStore> store,
                                            const std::atomic<bool>& is_gone);

}  // namespace slipway::features
