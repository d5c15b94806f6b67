import { Anchor, Group, Stack, Table, Text, Title } from "@mantine/core";
import { Link, useSearchParams } from "react-router";
import { api, type Me, type Permission, type Role, type User } from "../api";
import { useLive } from "../components/live";
import { Empty, Loaded } from "../components/loaded";
import { Command, Head, Word } from "../components/words";
import { Tokens } from "./tokens";

// Who may do what: the one who is logged in, or another whom the address names to an administrator, `of`; users; roles.
export function UsersPage() {
  const me = useLive(api.me, "me", 60);
  return (
    <>
      <Head title="Users and tokens" />
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
  const permissions = useLive((signal) => api.permissionsOf(name, signal), name, 30);
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
  const found = useLive(async (signal) => Promise.all([api.users(signal), api.roles(signal)]), "users", 15);
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

function Users({ users, shown }: { users: User[]; shown: string }) {
  return (
    <section aria-label="Users">
      <Title order={2} size="h4" mb="xs">
        Users
      </Title>
      <Table.ScrollContainer minWidth={420}>
        <Table verticalSpacing="xs" aria-label="Users">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>User</Table.Th>
              <Table.Th>May everything</Table.Th>
              <Table.Th>Roles</Table.Th>
              <Table.Th>What they did</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {users.map(({ username, is_admin, roles }) => (
              <Table.Tr key={username} data-current={username === shown || undefined}>
                <Table.Td className="break">
                  <Anchor component={Link} to={`/users?${new URLSearchParams({ of: username })}`}>
                    {username}
                  </Anchor>
                </Table.Td>
                <Table.Td>{is_admin ? <Word of="administrator" /> : "no"}</Table.Td>
                <Table.Td className="break">{roles.map(({ name }) => name).join(", ") || "–"}</Table.Td>
                <Table.Td>
                  <Anchor component={Link} to={`/audit?${new URLSearchParams({ actor: username })}`}>
                    events
                  </Anchor>
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
      <Command>{"slipway users create NAME\nslipway users grant NAME EDIT --experiment 1"}</Command>
    </section>
  );
}

function Roles({ roles, users }: { roles: Role[]; users: User[] }) {
  if (roles.length === 0) return null;
  return (
    <section aria-label="Roles">
      <Title order={2} size="h4" mb="xs">
        Roles
      </Title>
      <Table.ScrollContainer minWidth={420}>
        <Table verticalSpacing="xs" aria-label="Roles">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Role</Table.Th>
              <Table.Th>May</Table.Th>
              <Table.Th>Who has it</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {roles.map(({ id, name, description, permissions }) => (
              <Table.Tr key={id}>
                <Table.Td className="break">
                  {name}
                  {description && (
                    <Text size="xs" c="dimmed">
                      {description}
                    </Text>
                  )}
                </Table.Td>
                <Table.Td className="break">{permissions.map(told).join("; ") || "nothing yet"}</Table.Td>
                <Table.Td className="break">
                  <Group gap={6}>
                    {users
                      .filter((user) => user.roles.some((role) => role.id === id))
                      .map(({ username }) => username)
                      .join(", ") || "nobody"}
                  </Group>
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </section>
  );
}
