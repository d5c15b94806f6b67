import { Anchor, Button, List, SimpleGrid, Stack, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";
import { Link, useParams } from "react-router";
import { api, type Alert, type Endpoint, type Incident, type ModelOverview, type Revision, together, type VersionCost, type Window } from "../api";
import { useLive } from "../components/live";
import { Empty, Loaded } from "../components/loaded";
import { Numbers } from "../components/numbers";
import { Head } from "../components/words";
import { day, readable } from "../lib/format";
import { Sparkline } from "../home/sparkline";
import { happened, kHealthWords, money, nextSteps, quality, summary } from "./sentences";
import "./plain.css";

interface Facts {
  model: ModelOverview | undefined;
  now: string;
  endpoint: Endpoint;
  windows: Window[];
  windowsCall: string | undefined; // that gave them
  alerts: Alert[];
  incidents: Incident[];
  revisions: Revision[];
  costs: VersionCost[];
}

async function load(name: string, signal: AbortSignal): Promise<Facts> {
  const [overview, endpoint, monitors, alerts, incidents, revisions, costs] = await together(
    () => Promise.all([api.overview(), api.endpoint(name), api.monitors(), api.alerts(name), api.incidents(), api.revisions(name), api.costs(name)]),
    signal,
  );
  const monitor = monitors.find((each) => each.endpoint === name);
  const longest = monitor?.definition.windows.at(-1);
  return {
    model: overview.models.find((each) => each.endpoint === name),
    now: overview.now,
    endpoint,
    windows: monitor && longest ? await api.windows(monitor.name, longest, {}, signal) : [],
    windowsCall: monitor && longest && api.windowsPath(monitor.name, longest),
    alerts,
    incidents: incidents.filter((incident) => incident.endpoint === name),
    revisions,
    costs,
  };
}

// A model for somebody who is no engineer: one sheet, also on paper.
export function PlainPage() {
  const { name = "" } = useParams();
  const facts = useLive((signal) => load(name, signal), name, 10, [`endpoints/${name}`, "projects", "monitors", "incidents", "silences", "maintenance"]);
  return (
    <div className="plain">
      <Head
        title={`${name}, in plain words`}
        trail={[
          ["Models", "/"],
          [name, `/endpoints/${encodeURIComponent(name)}`],
        ]}
      >
        <Button variant="default" className="no-print" onClick={() => window.print()}>
          Print
        </Button>
      </Head>
      <Loaded from={facts}>
        {(data) => (data.model ? <Sheet {...data} model={data.model} name={name} /> : <Empty title="No model answers here yet." />)}
      </Loaded>
    </div>
  );
}

function Sheet({ model, now, endpoint, windows, windowsCall, alerts, incidents, revisions, costs, name }: Facts & { model: ModelOverview; name: string }) {
  const measured = quality(windows);
  const lately = happened(revisions, alerts, incidents, 6);
  return (
    <Stack gap="lg">
      <div className="light-row">
        <svg width="44" height="44" viewBox="0 0 44 44" aria-hidden className={`light light-${model.health}`}>
          <circle cx="22" cy="22" r="19" />
        </svg>
        <div>
          <Title order={2}>{kHealthWords[model.health]}</Title>
          <Text size="lg">{summary(model)}</Text>
        </div>
      </div>
      <SimpleGrid cols={{ base: 1, sm: 3 }}>
        <Part title="How good are its answers?">
          {measured ? (
            <>
              <Text size="xl" fw={600}>
                {measured.text}
              </Text>
              <Text size="sm" c="dimmed">
                {measured.name}
              </Text>
              <Trend values={measured.values} name={measured.name} />
              <div className="no-print">
                <Numbers of={measured.name} call={windowsCall} names={["window", measured.name]} rows={() => measured.values.map((value, at) => [measured.starts[at], value])} />
              </div>
              <Text size="sm">{measured.trend}</Text>
            </>
          ) : (
            <Text size="sm">It is not known yet what turned out to be true.</Text>
          )}
        </Part>
        <Part title="How much is it used?">
          <Sparkline values={model.traffic_per_day} />
          <Text size="sm" c="dimmed">
            requests per day
          </Text>
          <div className="no-print">
            <Numbers of={`requests per day of ${name}`} call={api.overviewPath} names={["days_ago", "requests"]} rows={() => model.traffic_per_day.map((requests, at, all) => [all.length - 1 - at, requests])} />
          </div>
        </Part>
        <Part title="What does it cost?">
          <Text size="sm">{money(model, costs)}</Text>
        </Part>
      </SimpleGrid>
      <Part title="What is to be done?">
        <List size="sm">
          {nextSteps(model, endpoint.rollout, alerts, incidents).map((step) => (
            <List.Item key={step}>{readable(step)}</List.Item>
          ))}
        </List>
      </Part>
      <Part title="What happened lately?">
        {lately.length === 0 ? (
          <Text size="sm">Nothing.</Text>
        ) : (
          <List size="sm">
            {lately.map((each) => (
              <List.Item key={each.time + each.words}>
                {day(each.time)}: {each.words}
              </List.Item>
            ))}
          </List>
        )}
      </Part>
      <Text size="sm" c="dimmed">
        {model.owner ? `${model.owner} answers for this model. ` : ""}As of {day(now)}.{" "}
        <Anchor component={Link} to={`/endpoints/${encodeURIComponent(name)}/monitoring`} size="sm" underline="always" className="no-print">
          The numbers behind it
        </Anchor>
      </Text>
    </Stack>
  );
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section aria-label={title}>
      <Title order={3} size="h5" mb={4}>
        {title}
      </Title>
      {children}
    </section>
  );
}

const kWidth = 160;
const kHeight = 36;

function Trend({ values, name }: { values: number[]; name: string }) {
  if (values.length < 2) return null;
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const height = (value: number) => (most === least ? kHeight / 2 : kHeight - 3 - ((value - least) / (most - least)) * (kHeight - 6));
  const points = values.map((value, index) => `${((index / (values.length - 1)) * kWidth).toFixed(1)},${height(value).toFixed(1)}`);
  return (
    <svg width={kWidth} height={kHeight} role="img" aria-label={`${name}: ${values.map((value) => value.toPrecision(3)).join(", ")}`} className="trend">
      <polyline points={points.join(" ")} />
    </svg>
  );
}
