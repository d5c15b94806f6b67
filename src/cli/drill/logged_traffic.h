// What an endpoint was asked, out of its own request log, as a recording to play again.
#pragma once

#include <string>

#include "base/timestamp.h"
#include "cli/client.h"
#include "cli/recording.h"
#include "cli/replay.h"

namespace slipway::cli {

// What callers of the endpoint send, empty, with its types.
// kFailedPrecondition: tensors, which neither the log nor a dataset has.
Result<std::vector<types::Column>> sent_columns(Client& production, const std::string& endpoint);

// What the log has of requests with from <= event time < until, in the order of that.
Result<void> each_logged_request(Client& client, const std::string& endpoint, base::Timestamp from,
                                 base::Timestamp until,
                                 const std::function<Result<void>(const Json& request)>& each);

// Users' requests with from <= event time < until, each id once, with the outcomes that are known
// by now. Its frame has the inputs that callers send, and features that were looked up for them.
// kFailedPrecondition: the endpoint takes what the log doesn't keep, or was asked nothing.
Result<Recording> read_logged_traffic(Client& production, const std::string& endpoint,
                                      base::Timestamp from, base::Timestamp until,
                                      const Tell& tell);

}  // namespace slipway::cli
