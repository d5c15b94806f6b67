// A Python process that holds one model, and the memory it shares with the server.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/file_system.h"

namespace slipway::serving::python {

struct WorkerCommand {
  std::filesystem::path python, program, folder;  // interpreter, worker.py, the model's folder
  std::vector<std::string> environment;           // "NAME=value"
  std::uint64_t memory_bytes_max = 0;             // of data; 0: no limit
};

// A memory file that both sides may let grow and neither can shrink, so that reading it is safe.
class SharedMemory {
 public:
  static Result<std::unique_ptr<SharedMemory>> create();
  ~SharedMemory();
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

  int file() const { return file_.get(); }
  // The first `bytes`. Grows the file when it is shorter and `grow`; else kInternal.
  enum class Grow { kYes, kNo };
  Result<std::span<std::byte>> view(std::size_t bytes, Grow grow);
  // Gives back what one large request took.
  void trim();

 private:
  explicit SharedMemory(int file) : file_(file) {}

  store::FileHandle file_;
  std::byte* map_ = nullptr;
  std::size_t mapped_ = 0;
};

// One thread at a time, but for the constants. The process ends with this object, and with the
// thread that started it.
class Worker {
 public:
  static Result<std::unique_ptr<Worker>> start(const WorkerCommand& command);
  ~Worker();  // kills whatever is left of its group
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  pid_t pid() const { return pid_; }
  int ended() const { return ended_.get(); }    // readable when the process has ended
  int wake() const { return wake_.get(); }      // readable when there is a message, or it is gone
  int output() const { return output_.get(); }  // its stdout and stderr; doesn't block

  SharedMemory& requests() { return *requests_; }
  // Says that a request of so many bytes lies in requests().
  Result<void> send(std::size_t bytes);
  // The message that is there: the answer it speaks of. kUnavailable: the process is gone.
  Result<std::span<const std::byte>> receive();
  void trim();
  // Waits until there is a message. False: the time is up. kUnavailable: the process is gone.
  Result<bool> wait_until(std::chrono::steady_clock::time_point deadline) const;

  // Kills it if it runs, and says how it ended: "signal 9 (Killed)", "exit code 1".
  std::string end();

  std::uint64_t resident_bytes() const;

 private:
  Worker(pid_t pid, int ended, int wake, int output, std::unique_ptr<SharedMemory> requests,
         std::unique_ptr<SharedMemory> answers)
      : pid_(pid),
        ended_(ended),
        wake_(wake),
        output_(output),
        requests_(std::move(requests)),
        answers_(std::move(answers)) {}

  const pid_t pid_;
  const store::FileHandle ended_, wake_, output_;
  const std::unique_ptr<SharedMemory> requests_, answers_;
  bool reaped_ = false;
};

}  // namespace slipway::serving::python
