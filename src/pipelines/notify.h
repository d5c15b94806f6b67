// Who hears of what becomes of a pipeline's runs: the `notify:` part of a pipeline. What they hear
// stands in the event that tells of it, under "notice", and becomes a delivery (webhooks).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "store/db.h"
#include "types/yaml_reader.h"

namespace slipway::pipelines {

// Occasion -> routes. Occasions: failed, refused, succeeded (how runs end; a cancelled one is
// nobody's news), waiting (for a person's answer) and late (a schedule didn't keep a deadline, or
// missed a start).
using Notify = std::map<std::string, std::vector<std::string>>;

// kInvalidArgument with line and column: no such occasion, nobody who hears of it.
Result<Notify> read_notify(const types::YamlNode& node);

std::string to_text(const Notify& notify);

// What an event of this occasion carries: `about` with pipeline, occasion and the routes that hear
// of it. Nothing: no route does. Of a run that failed it is kept until one succeeds, which is the
// occasion "recovered" to all who had heard.
Result<std::optional<JsonObject>> notice_of(store::Tx& tx, const std::string& pipeline,
                                            std::string_view occasion, JsonObject about);

// Appends the event of a schedule, and tells those who hear of its pipeline when the event is one
// of late, missed or failed starts.
Result<void> append_schedule_event(store::Tx& tx, const std::string& schedule, std::string kind,
                                   JsonObject payload, base::Timestamp event_time);

// The notices of pipelines whose newest end was a failure that somebody heard of, by pipeline.
Result<std::vector<JsonObject>> failing(store::Db& db);

}  // namespace slipway::pipelines
