// `slipway server` on a folder of a drill: started, stopped, killed and started again.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>

#include "cli/client.h"

namespace slipway::cli {

struct ServerOptions {
  std::filesystem::path models;  // its models-root
  std::string python_models;     // the setting; empty: its default
  bool breakable = false;        // the setting
};

// Runs for as long as the object lives.
class Server {
 public:
  // kUnavailable: it doesn't answer.
  static Result<Server> start(const std::filesystem::path& data, const ServerOptions& options);
  ~Server() { stop(); }
  Server(Server&& other) noexcept;
  Server& operator=(Server&&) = delete;

  const Context& context() const { return context_; }
  pid_t process() const { return process_; }
  // What its models in Python run in.
  std::filesystem::path worker_program() const { return data_ / "python-models" / "worker.py"; }
  // Everything is on the disk then.
  void stop();
  // Like a machine that loses power, but for what the system has taken to write: SIGKILL.
  void kill();
  // No file of its own takes a byte any more, or again as before: what a full
  // disk is to it.
  Result<void> let_write(bool may_write);
  // After stop() or kill(): on the same folder and port.
  Result<void> start_again();
  // Until the endpoint answers: models in Python are loaded when the server is up. The server's
  // error, if it doesn't within a minute.
  Result<void> wait_for(const std::string& endpoint);

 private:
  Server() = default;

  std::filesystem::path data_;
  ServerOptions options_;
  int port_ = 0;
  Context context_;
  pid_t process_ = 0;
};

}  // namespace slipway::cli
