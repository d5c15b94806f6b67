// Logs as "key=value" lines on stderr. Levels by consequence: error = a part is down; warning = an
// operator should act; info = rare and not triggerable at will from outside; debug = for the
// developer. No secrets, no per-row lines.
#pragma once

#include <fmt/format.h>

#include <string_view>
#include <utility>

namespace slipway::base {

enum class LogLevel { kDebug, kInfo, kWarning, kError, kOff };

// Safe to call from several threads, any time.
void set_log_level(LogLevel level);
bool log_enabled(LogLevel level);
void write_log(LogLevel level, std::string_view room, std::string_view message);

template <typename... Args>
void log_at(LogLevel level, std::string_view room, fmt::format_string<Args...> format,
            Args&&... args) {
  if (log_enabled(level)) write_log(level, room, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void log_debug(std::string_view room, fmt::format_string<Args...> format, Args&&... args) {
  log_at(LogLevel::kDebug, room, format, std::forward<Args>(args)...);
}
template <typename... Args>
void log_info(std::string_view room, fmt::format_string<Args...> format, Args&&... args) {
  log_at(LogLevel::kInfo, room, format, std::forward<Args>(args)...);
}
template <typename... Args>
void log_warning(std::string_view room, fmt::format_string<Args...> format, Args&&... args) {
  log_at(LogLevel::kWarning, room, format, std::forward<Args>(args)...);
}
template <typename... Args>
void log_error(std::string_view room, fmt::format_string<Args...> format, Args&&... args) {
  log_at(LogLevel::kError, room, format, std::forward<Args>(args)...);
}

}  // namespace slipway::base
