#include "api/http/reply_stream.h"

#include <algorithm>
#include <utility>

namespace slipway::http {

bool ReplyStream::write(std::string_view bytes) {
  base::MutexLock lock(mutex_);
  const std::size_t waiting = waiting_.size() - taken_;
  if (ended_ || (waiting > 0 && waiting + bytes.size() > waiting_bytes_max_)) return false;
  const bool was_empty = waiting_.empty();
  waiting_ += bytes;
  // Under the lock, so that close() can't come between: `wake` only posts to a loop.
  if (was_empty && wake_) wake_();
  return true;
}

void ReplyStream::end() {
  base::MutexLock lock(mutex_);
  ended_ = true;
  if (wake_) wake_();
}

bool ReplyStream::is_open() const {
  base::MutexLock lock(mutex_);
  return !ended_;
}

bool ReplyStream::is_drained() const {
  base::MutexLock lock(mutex_);
  return waiting_.empty() && !on_its_way_;
}

bool ReplyStream::wake_with(std::function<void()> wake) {
  base::MutexLock lock(mutex_);
  wake_ = std::move(wake);
  return true;
}

// The connection asks for more when it has sent what it got.
Result<std::size_t> ReplyStream::read(std::span<char> out) {
  base::MutexLock lock(mutex_);
  const std::size_t n = std::min(out.size(), waiting_.size() - taken_);
  std::copy_n(waiting_.begin() + static_cast<std::ptrdiff_t>(taken_), n, out.begin());
  taken_ += n;
  if (taken_ == waiting_.size()) {
    waiting_.clear();
    taken_ = 0;
  }
  on_its_way_ = n > 0;
  return n;
}

bool ReplyStream::is_ended() const {
  base::MutexLock lock(mutex_);
  return ended_ && waiting_.empty();
}

void ReplyStream::close() {
  base::MutexLock lock(mutex_);
  ended_ = true;
  wake_ = nullptr;
  waiting_.clear();
  taken_ = 0;
}

}  // namespace slipway::http
