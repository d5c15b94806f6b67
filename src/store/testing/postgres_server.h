// A PostgreSQL server for the tests of one process.
#pragma once

#include <sys/types.h>

#include <string>

#include "store/testing/temp_folder.h"

namespace slipway::store::testing {

// Starts tools/postgres_for_tests.sh in a folder of its own; both are gone with the object.
class PostgresServer {
 public:
  PostgresServer();
  ~PostgresServer();

  std::string url() const;

  // Every connection breaks at once. With SIGQUIT the server ends as in a crash.
  void stop(int signal);
  // Returns when the server answers.
  void start();

 private:
  TempFolder folder_;
  pid_t process_ = 0;
};

}  // namespace slipway::store::testing
