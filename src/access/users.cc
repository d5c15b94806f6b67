#include "access/access.h"
#include "access/password.h"
#include "base/hash.h"

namespace slipway::access {
namespace {

constexpr std::size_t kUsernameBytesMax = 255;

Error no_user(const std::string& name) {
  return base::error(Code::kNotFound, "User with username={} not found", name);
}

Result<void> check_username(const std::string& name) {
  if (name.empty()) return base::error(Code::kInvalidArgument, "Username cannot be empty.");
  if (name.size() > kUsernameBytesMax)
    return base::error(Code::kInvalidArgument, "Username is too long: username_bytes_max={}",
                       kUsernameBytesMax);
  for (const char c : name) {
    if (c == ':' || static_cast<unsigned char>(c) < 0x20)
      return base::error(Code::kInvalidArgument,
                         "Username cannot contain ':' or control characters.");
  }
  return {};
}

std::string subject(const std::string& name) { return "users/" + name; }

}  // namespace

Access::Access(store::Db& db, const base::Clock& clock, base::Random& random,
               base::Metrics& metrics, Options options)
    : db_(db),
      clock_(clock),
      random_(random),
      options_(options),
      secret_(random.hex(32)),
      failed_logins_(metrics.counter("slipway_access_failed_logins_total",
                                     "Logins with a wrong name, password or token.")) {}

const Access::UserState* Access::find_user(const std::string& name) const {
  const auto found = users_.find(name);
  return found == users_.end() ? nullptr : &found->second;
}

Result<std::int64_t> Access::user_id(const std::string& name) const {
  return TRY(get_user(name)).id;
}

Result<User> Access::create_user(const std::string& name, const std::string& password,
                                 bool is_admin) {
  TRY(check_username(name));
  TRY(check_password(password));
  const std::string hash = hash_password(password, random_);
  const base::MutexLock change(change_mutex_);
  const base::Timestamp now = clock_.now();
  Result<std::int64_t> id = db_.write([&](store::Tx& tx) -> Result<std::int64_t> {
    const std::optional<std::int64_t> made =
        TRY(tx.insert("INSERT INTO users(username, password_hash, is_admin, created, updated) "
                      "VALUES(?, ?, ?, ?, ?)",
                      "id", {name, hash, is_admin, now, now}));
    TRY(tx.append_event(
        {.kind = "user.created", .subject = subject(name), .payload = {{"is_admin", is_admin}}}));
    return made.value_or(0);
  });
  if (!id) {
    if (id.error().code == Code::kAlreadyExists)
      return base::error(Code::kAlreadyExists, "User (username={}) already exists", name);
    return std::move(id).error();
  }
  const User user{*id, name, is_admin};
  const base::MutexLock lock(mutex_);
  users_[name] = {.user = user, .password_hash = hash};
  refused_.clear();
  return user;
}

Result<User> Access::get_user(const std::string& name) const {
  const base::MutexLock lock(mutex_);
  const UserState* state = find_user(name);
  if (state == nullptr) return no_user(name);
  return state->user;
}

std::vector<User> Access::list_users() const {
  std::vector<User> users;
  {
    const base::MutexLock lock(mutex_);
    for (const auto& [name, state] : users_) users.push_back(state.user);
  }
  std::sort(users.begin(), users.end(), [](const User& a, const User& b) { return a.id < b.id; });
  return users;
}

bool Access::has_admin() const {
  const base::MutexLock lock(mutex_);
  return std::any_of(users_.begin(), users_.end(),
                     [](const auto& entry) { return entry.second.user.is_admin; });
}

bool Access::is_admin(const std::string& name) const {
  const base::MutexLock lock(mutex_);
  const UserState* state = find_user(name);
  return state != nullptr && state->user.is_admin;
}

Result<void> Access::set_password(const std::string& name, const std::string& password) {
  TRY(check_password(password));
  const std::string hash = hash_password(password, random_);
  const base::MutexLock change(change_mutex_);
  const std::int64_t id = TRY(user_id(name));
  TRY(db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(tx.execute("UPDATE users SET password_hash = ?, updated = ? WHERE id = ?",
                   {hash, clock_.now(), id}));
    return tx.append_event({.kind = "user.password_changed", .subject = subject(name)});
  }));
  const base::MutexLock lock(mutex_);
  users_[name].password_hash = hash;
  forget_logins(name);
  return {};
}

bool Access::check_password_of(const std::string& name, const std::string& password) const {
  std::string hash;
  {
    const base::MutexLock lock(mutex_);
    if (const UserState* state = find_user(name)) hash = state->password_hash;
  }
  return verify_password(password, hash);
}

Result<void> Access::set_admin(const std::string& name, bool is_admin) {
  const base::MutexLock change(change_mutex_);
  const std::int64_t id = TRY(user_id(name));
  TRY(db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(tx.execute("UPDATE users SET is_admin = ?, updated = ? WHERE id = ?",
                   {is_admin, clock_.now(), id}));
    return tx.append_event({.kind = "user.admin_changed",
                            .subject = subject(name),
                            .payload = {{"is_admin", is_admin}}});
  }));
  const base::MutexLock lock(mutex_);
  users_[name].user.is_admin = is_admin;
  return {};
}

Result<void> Access::delete_user(const std::string& name) {
  const base::MutexLock change(change_mutex_);
  const std::int64_t id = TRY(user_id(name));
  TRY(db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(tx.execute("DELETE FROM user_permissions WHERE user_id = ?", {id}));
    TRY(tx.execute("DELETE FROM user_roles WHERE user_id = ?", {id}));
    TRY(tx.execute("DELETE FROM access_tokens WHERE user_id = ?", {id}));
    TRY(tx.execute("DELETE FROM users WHERE id = ?", {id}));
    return tx.append_event({.kind = "user.deleted", .subject = subject(name)});
  }));
  const base::MutexLock lock(mutex_);
  users_.erase(name);
  std::erase_if(tokens_, [&](const auto& entry) { return entry.second.token.user == name; });
  forget_logins(name);
  return {};
}

}  // namespace slipway::access
