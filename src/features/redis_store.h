// Online rows in Redis: they may exceed one machine's memory, and outlive this one.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/random.h"
#include "features/online_store.h"

namespace slipway::features {

struct RedisAddress {
  std::string host = "127.0.0.1";
  int port = 6379;
  int database = 0;
  std::string user, password;  // empty: nobody has to say who they are
};

// "redis://USER:PASSWORD@HOST:PORT/DATABASE"; all but the host may be left out. The last '@' ends
// user and password, in which %XX is a character. kInvalidArgument, which does not tell the URL.
Result<RedisAddress> parse_redis_url(std::string_view url);
// The same, for people: without the password.
std::string shown(const RedisAddress& address);

struct RedisOptions {
  RedisAddress address;
  std::string prefix;                       // of all keys: whose they are
  std::chrono::milliseconds timeout{1000};  // of connecting, and of each answer
};

// Connects when it is first used. `random` must outlive it.
std::unique_ptr<OnlineStore> make_redis_store(RedisOptions options, base::Random& random);

}  // namespace slipway::features
