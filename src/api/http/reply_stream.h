// The body of a reply that goes on: written piece by piece by whoever makes it, from any thread.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "api/http/router.h"
#include "base/mutex.h"

namespace slipway::http {

// Safe to use from several threads. A handler makes one and puts it into its Response, which owns
// it; whoever writes to it keeps a weak reference. The peer may be gone at any time: then nothing
// is taken any more.
class ReplyStream final : public BodySource {
 public:
  // A peer that reads slower than it is written to lets this many bytes wait, and no more; a single
  // write is taken whole when nothing waits.
  explicit ReplyStream(std::size_t waiting_bytes_max) : waiting_bytes_max_(waiting_bytes_max) {}

  // All of `bytes`, or false: too much is waiting, or nothing is taken any more. Never blocks.
  bool write(std::string_view bytes);
  // No more comes; what waits is still sent.
  void end();
  bool is_open() const;     // nobody has ended it, and the peer is there
  bool is_drained() const;  // the kernel has everything that was written

  bool wake_with(std::function<void()> wake) override;
  Result<std::size_t> read(std::span<char> out) override;
  bool is_ended() const override;
  void close() override;

 private:
  const std::size_t waiting_bytes_max_;
  mutable base::Mutex mutex_;
  std::function<void()> wake_ GUARDED_BY(mutex_);
  std::string waiting_ GUARDED_BY(mutex_);
  std::size_t taken_ GUARDED_BY(mutex_) = 0;    // of its front
  bool on_its_way_ GUARDED_BY(mutex_) = false;  // what was read last
  bool ended_ GUARDED_BY(mutex_) = false;
};

}  // namespace slipway::http
