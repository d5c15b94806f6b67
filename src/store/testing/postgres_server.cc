#include "store/testing/postgres_server.h"

#include <fcntl.h>
#include <libpq-fe.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <thread>

namespace slipway::store::testing {

PostgresServer::PostgresServer() { start(); }
PostgresServer::~PostgresServer() { stop(SIGINT); }

std::string PostgresServer::url() const {
  return "postgresql:///postgres?user=slipway&host=" + folder_.path().string();
}

void PostgresServer::stop(int signal) {
  if (process_ == 0) return;
  ::kill(process_, signal);
  ::waitpid(process_, nullptr, 0);
  process_ = 0;
}

void PostgresServer::start() {
  CHECK(process_ == 0);
  const std::string folder = folder_.path();
  const std::string log = folder_.path() / "server.log";
  process_ = ::fork();
  CHECK(process_ >= 0);
  if (process_ == 0) {
    const int file = ::open(log.c_str(), O_CREAT | O_APPEND | O_WRONLY, 0644);
    ::dup2(file, 1);
    ::dup2(file, 2);
    ::execl(SLIPWAY_POSTGRES_FOR_TESTS, SLIPWAY_POSTGRES_FOR_TESTS, folder.c_str(), nullptr);
    ::_exit(127);
  }
  const std::string address = url();
  for (int i = 0; i < 1'200; ++i) {
    if (PQping(address.c_str()) == PQPING_OK) return;
    CHECK(::waitpid(process_, nullptr, WNOHANG) ==
          0);  // see server.log: apt-get install postgresql?
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  CHECK(false);  // it never answered
}

}  // namespace slipway::store::testing
