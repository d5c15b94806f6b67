// What invocations need of others, in their own words; app connects them.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/timestamp.h"

namespace slipway::invocations {

// Where the answers of an endpoint go.
struct Destination {
  std::string output, failure;           // locations of folders
  std::optional<std::size_t> in_flight;  // under way at once; nothing: as the server is set up
};

// Safe to use from several threads.
class Destinations {
 public:
  virtual ~Destinations() = default;
  // kNotFound: no such endpoint. kFailedPrecondition: it declares none.
  virtual Result<Destination> find(const std::string& endpoint) = 0;
};

// One request as it is scored. Views, valid during the call.
struct Question {
  std::string_view endpoint, id, content_type, body;
  base::Timestamp event_time;
  std::chrono::steady_clock::time_point deadline;
};

// Safe to use from several threads.
class Scorer {
 public:
  virtual ~Scorer() = default;
  // Makes the endpoint's model ready to score. kUnavailable: it can't be now; trying again later
  // may help, and a question's own tries are not used up by it.
  virtual Result<void> ready(std::string_view endpoint) = 0;
  // What is written to the output. kUnavailable: the model gave no answer; perhaps it does the next
  // time. kResourceExhausted: it was not asked, because too much waits for it.
  virtual Result<std::string> score(const Question& question) = 0;
  // What is written where there is no answer.
  virtual std::string failure(const Error& error) = 0;
};

// Files by location, as a URI or path. Safe to use from several threads. kUnavailable: trying again
// later may help.
class Files {
 public:
  virtual ~Files() = default;
  // kInvalidArgument: no location, or none that this server may use. Asks no storage.
  virtual Result<void> check(const std::string& location) = 0;
  // kInvalidArgument: larger than this server takes. kNotFound.
  virtual Result<std::string> read(const std::string& location) = 0;
  // Whole and durable on return, replacing what was there.
  virtual Result<void> write(const std::string& location, std::string_view bytes,
                             const std::string& content_type) = 0;
};

}  // namespace slipway::invocations
