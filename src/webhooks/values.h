// The nouns of webhooks, as plain values. Names and meaning follow MLflow's.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "types/timestamp.h"

namespace slipway::webhooks {

// A place that wants to hear of changes. Its secret stays inside.
struct Webhook {
  std::string id, name, description, url;
  std::vector<std::string> events;  // "model_version.created": message.h
  bool active = true;
  types::Timestamp created, updated;
};

struct WebhookDraft {
  std::string name, description, url, secret;  // an empty secret: deliveries are not signed
  std::vector<std::string> events;
  bool active = true;
};

// What is there is changed.
struct WebhookPatch {
  std::optional<std::string> name, description, url, secret;
  std::optional<std::vector<std::string>> events;
  std::optional<bool> active;
};

struct Page {
  std::vector<Webhook> items;
  std::int64_t next_offset = -1;  // -1: this is the last page
};

// What came of sending an example.
struct TestResult {
  bool success = false;
  int status = 0;     // 0: there was no reply
  std::string body;   // of the reply, its beginning
  std::string error;  // why there was none
};

// Where deliveries may go.
struct UrlPolicy {
  std::vector<std::string> schemes = {"https"};
  bool private_addresses = false;
  std::string ca_file;  // certificates that are trusted, PEM; empty: the system's
};

}  // namespace slipway::webhooks
