// What a webhook says: which of our events is which of MLflow's, and the JSON that goes with it.
// Pure functions.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "store/db.h"

namespace slipway::webhooks {

// "registered_model.created", "prompt_alias.deleted" and so on.
const std::vector<std::string>& event_names();
// kInvalidArgument: no such event, naming the actions that the entity has.
Result<void> check_event_name(const std::string& name);

struct Message {
  std::string event;
  JsonObject data;
};

// Nothing when nobody can subscribe to it.
std::optional<Message> message_of(const store::Event& event);

// What MLflow sends to try a webhook out. CHECKs that the event exists.
Message example_of(const std::string& event);

// {"entity", "action", "timestamp", "data"}: the body of a delivery.
std::string body_of(const Message& message, base::Timestamp time);

}  // namespace slipway::webhooks
