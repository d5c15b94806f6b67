import { ActionIcon, Anchor, AppShell, Badge, Container, Group, Text, Tooltip, useMantineColorScheme, VisuallyHidden } from "@mantine/core";
import { lazy, Suspense, useEffect, useRef } from "react";
import { Link, Navigate, NavLink, Route, Routes, useLocation } from "react-router";
import { api } from "./api";
import { Boundary } from "./components/boundary";
import { useLive } from "./components/live";
import { Empty, Waiting } from "./components/loaded";
import { Head, Time } from "./components/words";
import { AuditPage } from "./audit/audit";
import { PoliciesPage } from "./audit/policies";
import { CostPage } from "./cost/cost";
import { DatasetPage } from "./datasets/dataset";
import { DatasetsPage } from "./datasets/datasets";
import { EndpointPage } from "./endpoint/endpoint";
import { ExperimentPage } from "./experiments/experiment";
import { ExperimentsPage } from "./experiments/experiments";
import { RunPage } from "./experiments/run";
import { FeaturesPage } from "./features/features";
import { FeatureViewPage } from "./features/view";
import { FeatureViewsPage } from "./features/views";
import { HomePage } from "./home/home";
import { IncidentPage } from "./incidents/incident";
import { IncidentsPage } from "./incidents/incidents";
import { fromPeer } from "./lib/links";
import { MonitoringPage } from "./monitoring/monitoring";
import { PipelineRunPage } from "./pipelines/pipeline_run";
import { PipelinesPage } from "./pipelines/pipelines";
import { ModelPage } from "./registry/model";
import { ModelsPage } from "./registry/models";
import { SearchesPage } from "./pipelines/searches";
import { SearchButton } from "./search/search";
import { UsersPage } from "./users/users";
import { RepositoriesPage } from "./versions/repositories";
import { RepositoryPage } from "./versions/repository";
import "./app.css";

// Screens that few begin with are sent when they are opened: the first load stays small.
const ComparePage = lazy(() => import("./compare/compare").then(({ ComparePage }) => ({ default: ComparePage })));
const DrillPage = lazy(() => import("./drill/drill").then(({ DrillPage }) => ({ default: DrillPage })));
const LineagePage = lazy(() => import("./lineage/lineage").then(({ LineagePage }) => ({ default: LineagePage })));
const PlainPage = lazy(() => import("./plain/plain").then(({ PlainPage }) => ({ default: PlainPage })));

// Where the navigation leads, and what else lies below it.
const kScreens: [string, string, ...string[]][] = [
  ["/", "Models", "/endpoints"],
  ["/incidents", "Incidents"],
  ["/experiments", "Experiments", "/runs", "/compare"],
  ["/models", "Registry"],
  ["/pipelines", "Pipelines", "/pipeline-runs", "/searches"],
  ["/datasets", "Datasets", "/features"],
  ["/data", "Folders"],
  ["/lineage", "Lineage"],
  ["/cost", "Cost"],
  ["/audit", "Audit", "/users", "/policies"],
];

export function App() {
  const { pathname } = useLocation();
  useTopOf(pathname);
  return (
    <AppShell header={{ height: { base: 88, sm: 52 } }} padding={{ base: "xs", sm: "md" }}>
      <a className="skip" href="#content">
        Skip to content
      </a>
      <AppShell.Header>
        <Container size="xl" h="100%">
          <div className="header">
            <Anchor component={Link} to="/" underline="never" className="brand">
              <img src="/ui/icon.svg" alt="Slipway" width={22} height={22} /> <span className="brand-name" aria-hidden>
                Slipway
              </span>
            </Anchor>
            <nav aria-label="Screens">
              {kScreens.map(([to, name, ...below]) => (
                <NavLink key={to} to={to} end={to === "/"} className={({ isActive }) => (isActive || below.some((path) => pathname.startsWith(path)) ? "nav active" : "nav")}>
                  {name}
                </NavLink>
              ))}
            </nav>
            <Group gap={8} wrap="nowrap">
              <EventClock />
              <SearchButton />
              <SchemeButton />
            </Group>
          </div>
        </Container>
      </AppShell.Header>
      <AppShell.Main id="content" tabIndex={-1}>
        <Container size="xl">
          <Boundary key={pathname}>
            <Suspense
              fallback={
                <>
                  <VisuallyHidden component="h1">Loading the screen</VisuallyHidden>
                  <Waiting />
                </>
              }
            >
              <Screens />
            </Suspense>
          </Boundary>
        </Container>
      </AppShell.Main>
    </AppShell>
  );
}

// A new screen starts at its top, and the keyboard with it, unless somebody types into a dialog by now.
function useTopOf(pathname: string) {
  const first = useRef(true);
  useEffect(() => {
    if (!first.current && !document.querySelector('[role="dialog"]')) document.getElementById("content")?.focus();
    first.current = false;
    window.scrollTo(0, 0);
    document.querySelector(".nav.active")?.scrollIntoView({ block: "nearest", inline: "nearest" }); // where not all have room
  }, [pathname]);
}

function Screens() {
  const { pathname, hash } = useLocation();
  const link = pathname === "/" ? fromPeer(hash) : undefined;
  return (
    <Routes>
      <Route path="/" element={link ? <Navigate to={link} replace /> : <HomePage />} />
      <Route path="/experiments" element={<ExperimentsPage />} />
      <Route path="/experiments/:id" element={<ExperimentPage />} />
      <Route path="/compare" element={<ComparePage />} />
      <Route path="/runs/:id" element={<RunPage />} />
      <Route path="/endpoints/:name" element={<EndpointPage />} />
      <Route path="/endpoints/:name/monitoring" element={<MonitoringPage />} />
      <Route path="/endpoints/:name/features" element={<FeaturesPage />} />
      <Route path="/endpoints/:name/drills" element={<DrillPage />} />
      <Route path="/endpoints/:name/plain" element={<PlainPage />} />
      <Route path="/models" element={<ModelsPage />} />
      <Route path="/models/:name" element={<ModelPage />} />
      <Route path="/incidents" element={<IncidentsPage />} />
      <Route path="/incidents/:id" element={<IncidentPage />} />
      <Route path="/pipelines" element={<PipelinesPage />} />
      <Route path="/pipelines/:name" element={<PipelinesPage />} />
      <Route path="/pipeline-runs/:id" element={<PipelineRunPage />} />
      <Route path="/features" element={<FeatureViewsPage />} />
      <Route path="/features/:name" element={<FeatureViewPage />} />
      <Route path="/datasets" element={<DatasetsPage />} />
      <Route path="/datasets/:name" element={<DatasetPage />} />
      <Route path="/data" element={<RepositoriesPage />} />
      <Route path="/data/:name" element={<RepositoryPage />} />
      <Route path="/lineage" element={<LineagePage />} />
      <Route path="/searches" element={<SearchesPage />} />
      <Route path="/cost" element={<CostPage />} />
      <Route path="/users" element={<UsersPage />} />
      <Route path="/policies" element={<PoliciesPage />} />
      <Route path="/audit" element={<AuditPage />} />
      <Route path="*" element={<Nowhere />} />
    </Routes>
  );
}

function Nowhere() {
  return (
    <>
      <Head title="No such page" trail={[["Models", "/"]]} />
      <Empty title="There is nothing at this address." />
    </>
  );
}

function EventClock() {
  const { data, error } = useLive(api.clock, "clock", 2, [""]);
  if (error) {
    return (
      <Badge color="red" variant="light">
        no connection
      </Badge>
    );
  }
  if (!data) return null;
  const why =
    data.clock === "wall"
      ? "The project runs on the wall clock."
      : `This project replays recorded traffic: all its times are those of the event clock.${data.state === "waiting" ? " It waits for a pipeline's run to end." : ""}`;
  return (
    <Tooltip label={why}>
      <Group gap={8} wrap="nowrap" className="clock" tabIndex={0} aria-label="Event clock">
        {data.clock === "rehearsal" && (
          <Badge color={data.state === "waiting" ? "blue" : "gray"} variant="light" className={data.state === "waiting" ? "word clock-state" : "word clock-state wide-only"}>
            {data.state === "waiting" ? "waits" : "rehearsal"}
          </Badge>
        )}
        <Text size="sm">
          <Time at={data.now} />
          <span className="wide-only"> UTC</span>
        </Text>
      </Group>
    </Tooltip>
  );
}

const kSchemes = { auto: "light", light: "dark", dark: "auto" } as const;
const kSchemeNames = { auto: "Colours follow the system", light: "Light colours", dark: "Dark colours" };
const kSchemeIcons = {
  auto: "M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18",
  light: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8M12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.5 1.5M17.5 17.5 19 19M5 19l1.5-1.5M17.5 6.5 19 5",
  dark: "M20 14.5A8 8 0 0 1 9.5 4 8 8 0 1 0 20 14.5z",
};

function SchemeButton() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const name = kSchemeNames[colorScheme];
  return (
    <Tooltip label={name}>
      <ActionIcon variant="default" size="lg" aria-label={name} onClick={() => setColorScheme(kSchemes[colorScheme])}>
        <svg width="18" height="18" viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="2" strokeLinecap="round" aria-hidden>
          <path d={kSchemeIcons[colorScheme]} fill={colorScheme === "auto" ? "currentColor" : "none"} fillOpacity={0.5} />
        </svg>
      </ActionIcon>
    </Tooltip>
  );
}
