import { Anchor, Stack, Text, Title } from "@mantine/core";
import { Link, useSearchParams } from "react-router";
import { api, type Me, type Permission, type Role, type User } from "../api";
import { useLive } from "../components/live";
import { Empty, Loaded } from "../components/loaded";
import { PlainTable } from "../components/plain_table";
import { Command, Head, Word } from "../components/words";
import { Tokens } from "./tokens";

// Who may do what: the one who is logged in, or another whom the address names to an administrator, `of`; users; roles.
export function UsersPage() {
  const me = useLive(api.me, "me", 60, ["users"]);
  return (
    <>
      <Head title="Users and tokens" trail={[["Audit", "/audit"]]} />
      <Loaded from={me}>{(found) => (found === null ? <Nobody /> : <Everybody me={found} />)}</Loaded>
    </>
  );
}

function Nobody() {
  return (
    <Empty title="Login is off: whoever reaches this server may do everything.">
      <Text size="sm">With login, users have passwords, tokens, roles and permissions:</Text>
      <Command>slipway server --login</Command>
    </Empty>
  );
}

function Everybody({ me }: { me: Me }) {
  const [query] = useSearchParams();
  const of = (me.is_admin && query.get("of")) || me.user;
  return (
    <Stack gap="xl">
      <One key={of} name={of} isMe={of === me.user} />
      {me.is_admin ? (
        <Administration shown={of} />
      ) : (
        <Text size="sm" c="dimmed">
          Administrators see all users and roles here.
        </Text>
      )}
    </Stack>
  );
}

function One({ name, isMe }: { name: string; isMe: boolean }) {
  const permissions = useLive((signal) => api.permissionsOf(name, signal), name, 30, [`users/${name}`, "permissions", "roles", "experiments", "models"]);
  return (
    <section aria-label={`User ${name}`}>
      <Title order={2} size="h4" mb="xs" className="break">
        {name}
        {isMe && " (you)"}
      </Title>
      <Stack gap="md">
        <Loaded from={permissions}>
          {({ is_admin, permissions: held }) => (
            <Text size="sm">
              {is_admin ? "Is an administrator, who may do everything." : held.length === 0 ? "Has no permissions of their own or through roles, but those that everybody has." : held.map(told).join("; ")}
            </Text>
          )}
        </Loaded>
        <Tokens user={name} />
      </Stack>
    </section>
  );
}

const told = ({ permission, resource_type, resource_pattern }: Permission) => `${permission} on ${resource_pattern === "*" ? `every ${resource_type.replace("_", " ")}` : `${resource_type.replace("_", " ")} ${resource_pattern}`}`;

function Administration({ shown }: { shown: string }) {
  const found = useLive(async (signal) => Promise.all([api.users(signal), api.roles(signal)]), "users", 15, ["users", "roles", "permissions"]);
  return (
    <Loaded from={found}>
      {([users, roles]) => (
        <>
          <Users users={users} shown={shown} />
          <Roles roles={roles} users={users} />
        </>
      )}
    </Loaded>
  );
}

const rolesOf = ({ roles }: User) => roles.map(({ name }) => name).join(", ");
const mayOf = ({ permissions }: Role) => permissions.map(told).join("; ");

function Users({ users, shown }: { users: User[]; shown: string }) {
  return (
    <section aria-label="Users">
      <Title order={2} size="h4" mb="xs">
        Users
      </Title>
      <PlainTable
        name="Users"
        minWidth={420}
        rows={users}
        keyOf={({ username }) => username}
        isCurrent={({ username }) => username === shown}
        file={{ of: "users", call: api.usersPath }}
        columns={[
          {
            title: "User",
            cell: ({ username }) => (
              <Anchor component={Link} to={`/users?${new URLSearchParams({ of: username })}`}>
                {username}
              </Anchor>
            ),
            kind: "break",
            value: ["user", ({ username }) => username],
          },
          { title: "May everything", cell: ({ is_admin }) => (is_admin ? <Word of="administrator" /> : "no"), value: ["is_admin", ({ is_admin }) => is_admin] },
          { title: "Roles", cell: (user) => rolesOf(user) || "–", kind: "break", value: ["roles", rolesOf] },
          {
            title: "What they did",
            cell: ({ username }) => (
              <Anchor component={Link} to={`/audit?${new URLSearchParams({ actor: username })}`}>
                events
              </Anchor>
            ),
          },
        ]}
      />
      <Command>{"slipway users create NAME\nslipway users grant NAME EDIT --experiment 1"}</Command>
    </section>
  );
}

function Roles({ roles, users }: { roles: Role[]; users: User[] }) {
  if (roles.length === 0) return null;
  const holdersOf = ({ id }: Role) =>
    users
      .filter((user) => user.roles.some((role) => role.id === id))
      .map(({ username }) => username)
      .join(", ");
  return (
    <section aria-label="Roles">
      <Title order={2} size="h4" mb="xs">
        Roles
      </Title>
      <PlainTable
        name="Roles"
        minWidth={420}
        rows={roles}
        keyOf={({ id }) => id}
        file={{ of: "roles", call: api.rolesPath }}
        columns={[
          {
            title: "Role",
            cell: ({ name, description }) => (
              <>
                {name}
                {description && (
                  <Text size="xs" c="dimmed">
                    {description}
                  </Text>
                )}
              </>
            ),
            kind: "break",
            value: ["role", ({ name }) => name],
          },
          { title: "May", cell: (role) => mayOf(role) || "nothing yet", kind: "break", value: ["may", mayOf] },
          { title: "Who has it", cell: (role) => holdersOf(role) || "nobody", kind: "break", value: ["users", holdersOf] },
        ]}
      />
    </section>
  );
}
