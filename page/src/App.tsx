import { ActionIcon, Anchor, AppShell, Badge, Container, Group, Text, useComputedColorScheme, useMantineColorScheme } from "@mantine/core";
import { NavLink, Route, Routes } from "react-router-dom";

import { type Overview, useLive } from "./api";
import { Endpoint } from "./endpoint/Endpoint";
import { Home } from "./home/Home";
import { Monitoring } from "./monitoring/Monitoring";
import { day } from "./parts/format";
import { Empty } from "./parts/State";
import { PipelineRun } from "./pipelines/PipelineRun";
import { Pipelines } from "./pipelines/Pipelines";
import { Run } from "./runs/Run";
import { Runs } from "./runs/Runs";

const PLACES = [
  ["/", "Models"],
  ["/runs", "Runs"],
  ["/pipelines", "Pipelines"],
] as const;

function SchemeButton() {
  const { setColorScheme } = useMantineColorScheme();
  const dark = useComputedColorScheme("light") === "dark";
  return (
    <ActionIcon variant="default" aria-label={dark ? "Light colours" : "Dark colours"} onClick={() => setColorScheme(dark ? "light" : "dark")}>
      {dark ? "☀" : "☾"}
    </ActionIcon>
  );
}

function Clock() {
  const overview = useLive<Overview>("/slipway/v1/overview");
  if (!overview.data) return null;
  return (
    <Badge variant="light" color={overview.data.clock === "rehearsal" ? "grape" : "gray"} style={{ textTransform: "none" }}>
      {overview.data.clock === "rehearsal" ? "rehearsal, " : ""}
      {day(overview.data.now)}
    </Badge>
  );
}

export function App() {
  return (
    <AppShell header={{ height: 52 }} padding="md">
      <AppShell.Header px="md">
        <a className="skip-link" href="#content">
          To the content
        </a>
        <Group h="100%" justify="space-between" wrap="nowrap">
          <Group gap="lg" wrap="nowrap">
            <Text fw={700}>Slipway</Text>
            <Group component="nav" gap="md" wrap="nowrap" aria-label="Main">
              {PLACES.map(([to, words]) => (
                <NavLink key={to} to={to} end={to === "/"} style={{ textDecoration: "none" }}>
                  {({ isActive }) => (
                    <Text component="span" size="sm" c={isActive ? "blue" : "dimmed"} fw={isActive ? 600 : 400}>
                      {words}
                    </Text>
                  )}
                </NavLink>
              ))}
            </Group>
          </Group>
          <Group gap="sm" wrap="nowrap">
            <Clock />
            <SchemeButton />
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Main id="content">
        <Container size="xl" px={0}>
          <Routes>
            <Route path="/" element={<Home />} />
            <Route path="/runs" element={<Runs />} />
            <Route path="/runs/:id" element={<Run />} />
            <Route path="/pipelines" element={<Pipelines />} />
            <Route path="/pipeline-runs/:id" element={<PipelineRun />} />
            <Route path="/endpoints/:name" element={<Endpoint />} />
            <Route path="/endpoints/:name/monitoring" element={<Monitoring />} />
            <Route
              path="*"
              element={
                <Empty title="There is no such page">
                  <Anchor href="/ui/">To the models</Anchor>
                </Empty>
              }
            />
          </Routes>
        </Container>
      </AppShell.Main>
    </AppShell>
  );
}
