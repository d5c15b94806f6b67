// Recognizing who sends a request: passwords, tokens, and what is remembered of both.
#include <charconv>
#include <cstring>

#include "access/access.h"
#include "access/password.h"
#include "base/hash.h"

namespace slipway::access {
namespace {

constexpr std::size_t kLoginsRememberedMax = 10'000;
constexpr base::Duration kRefusedFor = {
    10'000'000};                  // a wrong password costs nothing again so long
constexpr int kVerifyingMax = 2;  // passwords at the same time: processor time and 32 MB each
constexpr int kWaitingMax = 4;    // more are told to come back
constexpr std::string_view kTokenPrefix = "slipway_";
constexpr std::size_t kTokenBytes = 24;

bool take_scheme(std::string_view& header, std::string_view scheme) {
  if (header.size() <= scheme.size() || header[scheme.size()] != ' ') return false;
  for (std::size_t i = 0; i < scheme.size(); ++i) {
    if ((header[i] | 0x20) != scheme[i]) return false;
  }
  header.remove_prefix(scheme.size() + 1);
  while (header.starts_with(' ')) header.remove_prefix(1);
  return true;
}

Error not_you() { return base::error(Code::kUnauthenticated, "You are not authenticated."); }

std::optional<base::Timestamp> read_expiry(const store::Row& row, int column) {
  if (row.is_null(column)) return std::nullopt;
  return row.time(column);
}

}  // namespace

std::size_t Access::DigestHash::operator()(const Digest& digest) const {
  std::size_t hash = 0;
  std::memcpy(&hash, digest.data(), sizeof hash);
  return hash;
}

Access::Digest Access::digest_of(std::string_view text) const {
  std::string salted;
  salted.reserve(secret_.size() + text.size());
  salted += secret_;
  salted += text;
  return base::sha256(salted);
}

std::optional<std::string> Access::recognize(std::string_view authorization) {
  std::string_view rest = authorization;
  if (take_scheme(rest, "bearer")) {
    const Digest digest = base::sha256(rest);
    const base::MutexLock lock(mutex_);
    const auto found = tokens_.find(digest);
    if (found == tokens_.end()) return std::nullopt;
    if (found->second.token.expires && *found->second.token.expires <= clock_.now())
      return std::nullopt;
    return found->second.token.user;
  }
  const Digest digest = digest_of(authorization);
  const base::MutexLock lock(mutex_);
  const auto found = logins_.find(digest);
  if (found == logins_.end()) return std::nullopt;
  return found->second;
}

// One of the few places to verify a password in, or none when too many wait already.
class Access::VerifyTurn {
 public:
  explicit VerifyTurn(Access& access) : access_(access) {
    const base::MutexLock lock(access_.verify_mutex_);
    if (access_.verifying_ >= kVerifyingMax && access_.waiting_ >= kWaitingMax) return;
    ++access_.waiting_;
    while (access_.verifying_ >= kVerifyingMax) access_.verified_.wait(access_.verify_mutex_);
    --access_.waiting_;
    ++access_.verifying_;
    taken_ = true;
  }
  ~VerifyTurn() {
    if (!taken_) return;
    const base::MutexLock lock(access_.verify_mutex_);
    --access_.verifying_;
    access_.verified_.notify_one();
  }
  VerifyTurn(const VerifyTurn&) = delete;
  VerifyTurn& operator=(const VerifyTurn&) = delete;

  bool taken() const { return taken_; }

 private:
  Access& access_;
  bool taken_ = false;
};

Result<std::string> Access::login(std::string_view authorization) {
  if (auto known = recognize(authorization)) return std::move(*known);
  std::string_view rest = authorization;
  if (!take_scheme(rest, "basic")) {
    failed_logins_.add();
    return not_you();
  }
  const Result<std::string> pair = base::from_base64(rest);
  const std::size_t colon = pair ? pair->find(':') : std::string::npos;
  if (colon == std::string::npos) {
    failed_logins_.add();
    return not_you();
  }
  return verify(pair->substr(0, colon), std::string_view(*pair).substr(colon + 1),
                digest_of(authorization));
}

Result<std::string> Access::verify(const std::string& user, std::string_view password,
                                   const Digest& digest) {
  const VerifyTurn turn(*this);
  if (!turn.taken())
    return base::error(Code::kResourceExhausted, "too many logins at once: try again");
  // An unknown name takes as long as a wrong password, so that names can't be found out.
  std::string hash =
      "scrypt$15$8$1$AAAAAAAAAAAAAAAAAAAAAA==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
  bool refused_lately = false;
  {
    const base::MutexLock lock(mutex_);
    // Somebody else may have brought the same header while this one waited.
    if (const auto found = logins_.find(digest); found != logins_.end()) return found->second;
    const auto earlier = refused_.find(digest);
    refused_lately = earlier != refused_.end() && clock_.now() < earlier->second + kRefusedFor;
    if (const UserState* state = find_user(user)) hash = state->password_hash;
  }
  const bool good = !refused_lately && verify_password(password, hash);
  const base::MutexLock lock(mutex_);
  const UserState* state = find_user(user);
  // The password may have changed meanwhile: then what was verified is an old one.
  if (!good || state == nullptr || state->password_hash != hash) {
    // Remembered as wrong only if it was compared with what counts now, and not for longer because
    // somebody goes on trying: what was unknown may be known in a moment.
    if (!refused_lately && (state == nullptr || state->password_hash == hash)) {
      if (refused_.size() >= kLoginsRememberedMax) refused_.clear();
      refused_[digest] = clock_.now();
    }
    failed_logins_.add();
    return not_you();
  }
  if (logins_.size() >= kLoginsRememberedMax) logins_.clear();
  logins_[digest] = user;
  return user;
}

void Access::forget_logins(const std::string& name) {
  std::erase_if(logins_, [&](const auto& entry) { return entry.second == name; });
  refused_.clear();  // what was wrong may be right now
}

Result<Access::NewToken> Access::create_token(const std::string& user, const std::string& name,
                                              std::optional<base::Timestamp> expires) {
  const base::MutexLock change(change_mutex_);
  const std::int64_t owner = TRY(user_id(user));
  if (name.empty()) return base::error(Code::kInvalidArgument, "a token needs a name");
  NewToken made;
  made.text = std::string(kTokenPrefix) + random_.hex(kTokenBytes);
  made.token = {random_.hex(8), user, name, clock_.now(), expires};
  const Digest digest = base::sha256(made.text);
  TRY(db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(tx.execute(
        "INSERT INTO access_tokens(id, user_id, name, digest, created, expires) "
        "VALUES(?, ?, ?, ?, ?, ?)",
        {made.token.id, owner, name, base::to_hex(digest), made.token.created, expires}));
    return tx.append_event({.kind = "token.created",
                            .subject = "users/" + user,
                            .payload = {{"id", made.token.id}, {"name", name}}});
  }));
  const base::MutexLock lock(mutex_);
  tokens_[digest] = {made.token};
  return made;
}

std::vector<Token> Access::list_tokens(const std::string& user) const {
  std::vector<Token> tokens;
  {
    const base::MutexLock lock(mutex_);
    for (const auto& [digest, state] : tokens_) {
      if (!state.is_service && (user.empty() || state.token.user == user))
        tokens.push_back(state.token);
    }
  }
  std::sort(tokens.begin(), tokens.end(), [](const Token& a, const Token& b) {
    return std::tie(a.created.micros, a.id) < std::tie(b.created.micros, b.id);
  });
  return tokens;
}

Result<Token> Access::get_token(const std::string& id) const {
  for (Token& token : list_tokens("")) {
    if (token.id == id) return std::move(token);
  }
  return base::error(Code::kNotFound, "no such token: id={}", id);
}

std::optional<std::string> Access::user_of_token(std::string_view id) const {
  const base::MutexLock lock(mutex_);
  for (const auto& [digest, state] : tokens_) {
    const Token& token = state.token;
    if (state.is_service || token.id != id) continue;
    if (token.expires && *token.expires <= clock_.now()) return std::nullopt;
    return token.user;
  }
  return std::nullopt;
}

Result<void> Access::revoke_token(const std::string& id) {
  const base::MutexLock change(change_mutex_);
  const Token token = TRY(get_token(id));
  TRY(db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(tx.execute("DELETE FROM access_tokens WHERE id = ?", {id}));
    return tx.append_event({.kind = "token.revoked",
                            .subject = "users/" + token.user,
                            .payload = {{"id", id}, {"name", token.name}}});
  }));
  const base::MutexLock lock(mutex_);
  std::erase_if(tokens_, [&](const auto& entry) { return entry.second.token.id == id; });
  return {};
}

std::string Access::lend_token(const std::string& name) {
  std::string text = std::string(kTokenPrefix) + random_.hex(kTokenBytes);
  lend_token_again(name, text);
  return text;
}

void Access::lend_token_again(const std::string& name, const std::string& text) {
  const base::MutexLock lock(mutex_);
  tokens_[base::sha256(text)] = {
      .token = {.user = std::string(kServicePrefix) + name, .name = name, .created = clock_.now()},
      .is_service = true};
}

void Access::take_back_token(const std::string& text) {
  const base::MutexLock lock(mutex_);
  tokens_.erase(base::sha256(text));
}

Result<Access::Stored> Access::read_stored(store::Reader& reader) {
  Stored stored;
  TRY(reader.query("SELECT COALESCE(MAX(sequence), 0) FROM events", {},
                   [&](const store::Row& row) { stored.position = row.int64(0); }));
  std::map<std::int64_t, std::string> names;
  TRY(reader.query(
      "SELECT id, username, password_hash, is_admin FROM users", {}, [&](const store::Row& row) {
        names[row.int64(0)] = row.string(1);
        stored.users[row.string(1)] = {.user = {row.int64(0), row.string(1), row.int64(3) != 0},
                                       .password_hash = row.string(2)};
      }));
  TRY(reader.query("SELECT user_id, resource_type, resource, permission FROM user_permissions", {},
                   [&](const store::Row& row) {
                     stored.users[names[row.int64(0)]].grants.set(
                         row.text(1), row.text(2),
                         parse_permission(row.text(3)).value_or(Permission::kDeny));
                   }));
  TRY(reader.query("SELECT id, name, workspace, description FROM roles", {},
                   [&](const store::Row& row) {
                     stored.roles[row.int64(0)].role = {.id = row.int64(0),
                                                        .name = row.string(1),
                                                        .workspace = row.string(2),
                                                        .description = row.maybe_string(3)};
                   }));
  TRY(
      reader.query("SELECT id, role_id, resource_type, resource_pattern, permission FROM "
                   "role_permissions ORDER BY id",
                   {}, [&](const store::Row& row) {
                     stored.roles[row.int64(1)].role.permissions.push_back(
                         {row.int64(0), row.int64(1), row.string(2), row.string(3),
                          parse_permission(row.text(4)).value_or(Permission::kDeny)});
                   }));
  for (auto& [id, state] : stored.roles) rebuild(state);
  TRY(reader.query("SELECT id, user_id, role_id FROM user_roles", {}, [&](const store::Row& row) {
    stored.users[names[row.int64(1)]].roles[row.int64(2)] = row.int64(0);
  }));
  TRY(reader.query("SELECT id, user_id, name, digest, created, expires FROM access_tokens", {},
                   [&](const store::Row& row) {
                     const Result<std::string> bytes = base::from_hex(row.text(3));
                     Digest digest;
                     if (!bytes || bytes->size() != digest.size()) return;
                     std::memcpy(digest.data(), bytes->data(), digest.size());
                     stored.tokens[digest] = {{row.string(0), names[row.int64(1)], row.string(2),
                                               row.time(4), read_expiry(row, 5)}};
                   }));
  return stored;
}

Result<void> Access::open() {
  const base::MutexLock change(change_mutex_);
  Stored stored = TRY(db_.read(read_stored));
  position_ = stored.position;
  const base::MutexLock lock(mutex_);
  users_ = std::move(stored.users);
  roles_ = std::move(stored.roles);
  tokens_ = std::move(stored.tokens);
  return {};
}

Result<void> Access::follow() {
  const base::MutexLock change(change_mutex_);
  std::optional<Stored> stored;
  std::int64_t position = position_;
  TRY(db_.read([&](store::Reader& reader) -> Result<void> {
    std::int64_t changes = 0;
    TRY(reader.query("SELECT COALESCE(MAX(sequence), 0) FROM events", {},
                     [&](const store::Row& row) { position = row.int64(0); }));
    if (position <= position_) return {};
    // The kinds are user.*, role.*, permission.* and token.*; '/' comes behind '.'.
    TRY(reader.query(
        "SELECT COUNT(*) FROM events WHERE sequence > ? AND ((kind >= 'user.' AND kind < 'user/') "
        "OR (kind >= 'role.' AND kind < 'role/') OR (kind >= 'permission.' AND kind < "
        "'permission/') OR (kind >= 'token.' AND kind < 'token/'))",
        {position_}, [&](const store::Row& row) { changes = row.int64(0); }));
    if (changes > 0) stored = TRY(read_stored(reader));
    return {};
  }));
  position_ = position;
  if (!stored) return {};
  const base::MutexLock lock(mutex_);
  for (const auto& [name, before] : users_) {
    const auto now = stored->users.find(name);
    if (now == stored->users.end() || now->second.user.id != before.user.id ||
        now->second.password_hash != before.password_hash)
      forget_logins(name);
  }
  refused_.clear();
  for (auto& [digest, token] : tokens_) {
    if (token.is_service) stored->tokens[digest] = token;  // of this server, in no database
  }
  users_ = std::move(stored->users);
  roles_ = std::move(stored->roles);
  tokens_ = std::move(stored->tokens);
  return {};
}

}  // namespace slipway::access
