// Keeps who may do what: users with passwords and tokens, roles, and permissions on experiments and
// models.
//
// Everything is in memory as well as in the database, so that recognizing a user and deciding costs
// no query; a change is visible to the next request once it has returned.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "access/permission.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "base/random.h"
#include "store/db.h"

namespace slipway::access {

struct Options {
  Permission default_permission = Permission::kRead;
};

struct User {
  std::int64_t id = 0;
  std::string name;
  bool is_admin = false;
};

// A permission that belongs to a role; `pattern` is an id or "*".
struct RolePermission {
  std::int64_t id = 0, role = 0;
  std::string type, pattern;
  Permission permission = Permission::kNone;
};

struct Role {
  std::int64_t id = 0;
  std::string name, workspace;
  std::optional<std::string> description;
  std::vector<RolePermission> permissions;
};

struct RoleAssignment {
  std::int64_t id = 0, user = 0, role = 0;
};

struct Token {
  std::string id, user, name;
  base::Timestamp created;
  std::optional<base::Timestamp> expires;
};

// What somebody holds by name, as a list.
struct Grant {
  std::int64_t user = 0;
  std::string type, id;
  Permission permission = Permission::kNone;
};

// Resources live in this workspace; roles of others are kept and decide nothing.
inline constexpr std::string_view kDefaultWorkspace = "default";
// Names of the server's own services begin so. No user's can: Basic authentication has no ':' in
// names.
inline constexpr std::string_view kServicePrefix = "pipeline:";

// Safe to use from several threads. Everything given to the constructor must outlive it. Every
// change appends an event; its actor is the acting user (base/actor.h).
class Access {
 public:
  Access(store::Db& db, const base::Clock& clock, base::Random& random, base::Metrics& metrics,
         Options options);
  // Reads what is stored; call it before anything else.
  Result<void> open();
  // Reads it again when events say that somebody has changed it, which another server on the
  // database may have been. For one thread, now and then.
  Result<void> follow();

  // --- Who is it? `authorization` is the header: "Basic ..." or "Bearer ...".

  // The user, when this header has been seen and found good before, or carries a token. Never
  // blocks.
  std::optional<std::string> recognize(std::string_view authorization);
  // The same for a header not seen before: verifies the password, which is slow. kUnauthenticated.
  // kResourceExhausted: too many passwords are being verified already.
  Result<std::string> login(std::string_view authorization);

  // --- Users. kNotFound: no such user.

  Result<User> create_user(const std::string& name, const std::string& password, bool is_admin);
  Result<User> get_user(const std::string& name) const;
  std::vector<User> list_users() const;
  bool has_admin() const;
  Result<void> set_password(const std::string& name, const std::string& password);
  bool check_password_of(const std::string& name, const std::string& password) const;  // slow
  Result<void> set_admin(const std::string& name, bool is_admin);
  Result<void> delete_user(const std::string& name);  // with permissions, roles and tokens

  // --- Tokens. The text is shown once and kept as a digest.

  struct NewToken {
    Token token;
    std::string text;
  };
  Result<NewToken> create_token(const std::string& user, const std::string& name,
                                std::optional<base::Timestamp> expires);
  std::vector<Token> list_tokens(const std::string& user) const;  // empty: everybody's
  Result<Token> get_token(const std::string& id) const;
  // Whose it is, as long as it is good.
  std::optional<std::string> user_of_token(std::string_view id) const;
  Result<void> revoke_token(const std::string& id);
  // For a service of this server, until it is taken back or the server stops: it may do everything
  // but manage users. Kept in memory only. `name` follows kServicePrefix.
  std::string lend_token(const std::string& name);
  void take_back_token(const std::string& text);
  // What was lent by this server before it was started again.
  void lend_token_again(const std::string& name, const std::string& text);

  // --- Permissions. Names of resources are not checked: they may come into being later.

  Permission permission(const std::string& user, std::string_view type, std::string_view id) const;
  bool may(const std::string& user, std::string_view type, std::string_view id,
           Permission need) const {
    return permission(user, type, id) >= need;
  }
  bool is_admin(const std::string& user) const;
  // Whether `user` has `need` on everything of that type, so that nobody needs to ask what exactly
  // a request is about.
  bool may_all(const std::string& user, std::string_view type, Permission need) const;

  // kAlreadyExists.
  Result<Grant> create_grant(const std::string& user, std::string_view type, const std::string& id,
                             Permission permission);
  Result<void> set_grant(const std::string& user, std::string_view type, const std::string& id,
                         Permission permission);
  std::optional<Grant> find_grant(const std::string& user, std::string_view type,
                                  const std::string& id) const;
  std::vector<Grant> list_grants(const std::string& user) const;
  // False: there is none.
  Result<bool> remove_grant(const std::string& user, std::string_view type, const std::string& id);
  // A resource is gone, or has a new name.
  Result<void> forget_resource(std::string_view type, const std::string& id);
  Result<void> rename_resource(std::string_view type, const std::string& from,
                               const std::string& to);

  // --- Roles. kNotFound, kAlreadyExists.

  Result<Role> create_role(const std::string& workspace, const std::string& name,
                           const std::optional<std::string>& description);
  Result<Role> get_role(std::int64_t id) const;
  std::vector<Role> list_roles(const std::optional<std::string>& workspace) const;
  Result<Role> update_role(std::int64_t id, const std::optional<std::string>& name,
                           const std::optional<std::string>& description);
  Result<void> delete_role(std::int64_t id);
  Result<RolePermission> add_role_permission(std::int64_t role, const std::string& type,
                                             const std::string& pattern, Permission permission);
  Result<RolePermission> get_role_permission(std::int64_t id) const;
  Result<RolePermission> update_role_permission(std::int64_t id, Permission permission);
  Result<void> remove_role_permission(std::int64_t id);
  Result<RoleAssignment> assign_role(const std::string& user, std::int64_t role);
  Result<void> unassign_role(const std::string& user, std::int64_t role);
  std::vector<Role> roles_of(const std::string& user) const;
  Result<std::vector<RoleAssignment>> users_of_role(std::int64_t role) const;
  // Holds MANAGE on the whole workspace.
  bool manages_workspace(const std::string& user, const std::string& workspace) const;

 private:
  using Digest = std::array<std::byte, 32>;
  struct DigestHash {
    std::size_t operator()(const Digest& digest) const;
  };
  struct UserState {
    User user;
    std::string password_hash;
    Grants grants;
    std::map<std::int64_t, std::int64_t> roles;  // role -> assignment
  };
  struct RoleState {
    Role role;
    Grants grants;  // role.permissions, to be looked up
  };
  struct TokenState {
    Token token;  // a service's has no id
    bool is_service = false;
  };

  struct Stored {
    std::int64_t position = 0;  // of the events: the last that it includes
    std::unordered_map<std::string, UserState> users;
    std::map<std::int64_t, RoleState> roles;
    std::unordered_map<Digest, TokenState, DigestHash> tokens;
  };
  static Result<Stored> read_stored(store::Reader& reader);

  Digest digest_of(std::string_view text) const;
  class VerifyTurn;
  Result<std::string> verify(const std::string& user, std::string_view password,
                             const Digest& digest);
  const UserState* find_user(const std::string& name) const REQUIRES(mutex_);
  const RoleState* find_role(std::int64_t id) const REQUIRES(mutex_);
  Holdings holdings(const UserState& state) const REQUIRES(mutex_);
  void forget_logins(const std::string& name) REQUIRES(mutex_);
  static void rebuild(RoleState& state);  // its grants from its permissions
  Result<std::int64_t> user_id(const std::string& name) const;

  store::Db& db_;
  const base::Clock& clock_;
  base::Random& random_;
  const Options options_;
  std::string secret_;  // of this process: what is remembered is of no use elsewhere
  base::Counter& failed_logins_;

  // Held from a change's transaction until memory has followed, so that both take changes in one
  // order.
  base::Mutex change_mutex_;
  std::int64_t position_ GUARDED_BY(change_mutex_) = 0;  // of the events: looked at up to here

  mutable base::Mutex mutex_;
  std::unordered_map<std::string, UserState> users_ GUARDED_BY(mutex_);
  std::map<std::int64_t, RoleState> roles_ GUARDED_BY(mutex_);
  std::unordered_map<Digest, TokenState, DigestHash> tokens_ GUARDED_BY(mutex_);
  // Headers that were found good, and those that lately were not.
  std::unordered_map<Digest, std::string, DigestHash> logins_ GUARDED_BY(mutex_);
  std::unordered_map<Digest, base::Timestamp, DigestHash> refused_ GUARDED_BY(mutex_);

  base::Mutex verify_mutex_;
  base::CondVar verified_;
  int verifying_ GUARDED_BY(verify_mutex_) = 0;
  int waiting_ GUARDED_BY(verify_mutex_) = 0;
};

store::RoomMigrations migrations();

}  // namespace slipway::access
