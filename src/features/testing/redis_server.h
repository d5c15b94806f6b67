// A Redis server for the tests of one process.
#pragma once

#include <sys/types.h>

#include <string>

#include "store/testing/temp_folder.h"

namespace slipway::features::testing {

// Listens on a free port of 127.0.0.1, keeps everything in memory, and is gone with the object.
class RedisServer {
 public:
  RedisServer();
  ~RedisServer();

  int port() const { return port_; }
  std::string url() const;

  void stop();   // as a crash: it has nothing when it is started again, or what SAVE left
  void start();  // returns when it answers
  void pause();  // it takes connections and answers nothing
  void resume();
  // What it answers to a line in database 1: the first line of that.
  std::string ask(const std::string& line) const;

 private:
  store::testing::TempFolder folder_;
  int port_ = 0;
  pid_t process_ = 0;
};

}  // namespace slipway::features::testing
