#include "pipelines/step_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/log.h"

namespace slipway::pipelines {

Result<StepLog> StepLog::open(const std::filesystem::path& file,
                              const std::vector<std::string>& secrets) {
  store::FileHandle opened(::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (opened.get() < 0) {
    return base::error(Code::kResourceExhausted, "a step's log can't be opened: log={} why={}",
                       file.string(), std::strerror(errno));
  }
  return StepLog(std::move(opened), secrets);
}

void StepLog::hide(const std::vector<std::string>& secrets) {
  finish();
  masker_ = Masker(secrets);
}

std::int64_t StepLog::size() const { return ::lseek(file_.get(), 0, SEEK_END); }

bool StepLog::cut(std::int64_t size) { return ::ftruncate(file_.get(), size) == 0; }

void StepLog::append(std::string_view text) {
  while (!text.empty() && !is_full_) {
    const ssize_t count = ::write(file_.get(), text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      is_full_ = true;
      base::log_warning("pipelines", "the rest of a step's log is lost: why={}",
                        std::strerror(errno));
      return;
    }
    text.remove_prefix(static_cast<std::size_t>(count));
  }
}

}  // namespace slipway::pipelines
