// A lock for many readers or one writer, with the annotations of base/mutex.h. For data that is
// read far more often than written and takes long enough to read that readers would queue.
#pragma once

#include <shared_mutex>

#include "base/mutex.h"

#define REQUIRES_SHARED(m) SLIPWAY_TSA(requires_shared_capability(m))

namespace slipway::base {

class SLIPWAY_TSA(capability("mutex")) SharedMutex {
 public:
  void lock() SLIPWAY_TSA(acquire_capability()) { mutex_.lock(); }
  void unlock() SLIPWAY_TSA(release_capability()) { mutex_.unlock(); }
  // False: somebody has it.
  bool try_lock() SLIPWAY_TSA(try_acquire_capability(true)) { return mutex_.try_lock(); }
  void lock_shared() SLIPWAY_TSA(acquire_shared_capability()) { mutex_.lock_shared(); }
  void unlock_shared() SLIPWAY_TSA(release_shared_capability()) { mutex_.unlock_shared(); }

 private:
  std::shared_mutex mutex_;
};

class SLIPWAY_TSA(scoped_lockable) ReadLock {
 public:
  explicit ReadLock(SharedMutex& mutex) SLIPWAY_TSA(acquire_shared_capability(mutex))
      : mutex_(mutex) {
    mutex_.lock_shared();
  }
  ~ReadLock() SLIPWAY_TSA(release_generic_capability()) { mutex_.unlock_shared(); }
  ReadLock(const ReadLock&) = delete;
  ReadLock& operator=(const ReadLock&) = delete;

 private:
  SharedMutex& mutex_;
};

class SLIPWAY_TSA(scoped_lockable) WriteLock {
 public:
  explicit WriteLock(SharedMutex& mutex) SLIPWAY_TSA(acquire_capability(mutex)) : mutex_(mutex) {
    mutex_.lock();
  }
  WriteLock(SharedMutex& mutex, IsLocked) SLIPWAY_TSA(requires_capability(mutex)) : mutex_(mutex) {}
  ~WriteLock() SLIPWAY_TSA(release_capability()) { mutex_.unlock(); }
  WriteLock(const WriteLock&) = delete;
  WriteLock& operator=(const WriteLock&) = delete;

 private:
  SharedMutex& mutex_;
};

}  // namespace slipway::base
