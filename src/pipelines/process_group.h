// What the processes of a group use, as /proc tells.
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace slipway::pipelines {

// Bytes of memory that the group's processes have now, without what they have mapped of files,
// which the system can take back. Pages that several share are counted once if the sum is above
// `exact_above` bytes, which takes longer. 0: the group is gone.
std::int64_t group_memory(pid_t group, std::int64_t exact_above);

}  // namespace slipway::pipelines
