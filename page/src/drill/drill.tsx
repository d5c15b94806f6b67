// How would we know if it breaks? What drills have found: which monitor noticed which fault, and what nobody would notice.
import { Anchor, Code, Group, Stack, Text, Title } from "@mantine/core";
import { Link, useParams, useSearchParams } from "react-router";
import { api, type DrillReport, type DrillSummary, type DrillVerdict, type KeptDrill } from "../api";
import { Chart } from "../components/chart";
import { Copied } from "../components/copied";
import { useLive } from "../components/live";
import { Empty, Loaded } from "../components/loaded";
import { Numbers } from "../components/numbers";
import { PlainTable } from "../components/plain_table";
import { SideScroll } from "../components/side_scroll";
import { Command, Fact, Facts, Head, Time } from "../components/words";
import { number, percent, plural } from "../lib/format";
import { alertYaml, changes, delay, noticedAfter, recovered, watchers, worstFirst } from "../lib/drill";
import { StepIcon } from "../pipelines/step_icon";
import "./drill.css";

interface Drills {
  drills: DrillSummary[]; // newest first
  shown: KeptDrill | undefined;
  before: KeptDrill | undefined;
}

async function load(endpoint: string, wish: string, signal: AbortSignal): Promise<Drills> {
  const drills = await api.drills(endpoint, signal);
  const index = wish ? drills.findIndex(({ id }) => String(id) === wish) : 0;
  const [shown, before] = [drills[index]?.id ?? (wish ? Number(wish) : undefined), drills[index + 1]?.id];
  return {
    drills,
    shown: shown === undefined ? undefined : await api.drill(endpoint, shown, signal),
    before: index < 0 || before === undefined ? undefined : await api.drill(endpoint, before, signal),
  };
}

export function DrillPage() {
  const { name = "" } = useParams();
  const [query] = useSearchParams();
  const wish = query.get("drill") ?? "";
  const drills = useLive((signal) => load(name, wish, signal), `${name}/${wish}`, 10, [`endpoints/${name}/drills`]);
  return (
    <>
      <Head
        title="Drill"
        trail={[
          ["Models", "/"],
          [name, `/endpoints/${encodeURIComponent(name)}`],
        ]}
        words={
          <Text size="sm" c="dimmed">
            How would we know if it breaks?
          </Text>
        }
      />
      <Loaded from={drills}>
        {({ drills: all, shown, before }) =>
          shown ? (
            <Body endpoint={name} all={all} shown={shown} before={before} />
          ) : (
            <Empty title="No drill was played for this endpoint yet.">
              <Text size="sm">A drill plays recorded traffic with every kind of fault against a copy of it, and keeps here what would have been noticed:</Text>
              <Command>{`slipway drill ${name} --requests recording.parquet --id ID --event-time TIME --inputs A,B --label OUTCOME`}</Command>
            </Empty>
          )
        }
      </Loaded>
    </>
  );
}

function Body({ endpoint, all, shown, before }: { endpoint: string; all: DrillSummary[]; shown: KeptDrill; before: KeptDrill | undefined }) {
  const { report } = shown;
  const missed = worstFirst(report.faults).filter(({ caught }) => !caught);
  return (
    <Stack gap="lg">
      <Group gap="xl" align="center">
        <div className={`grade grade-${report.grade}`} role="img" aria-label={`Grade ${report.grade}`}>
          {report.grade}
        </div>
        <div>
          <Text fw={600}>
            {number(report.caught)} of {plural(report.faults_played, "fault")} noticed, {plural(report.false_pages, "false page")} over {plural(report.controls.length, "control")}
          </Text>
          <Facts>
            <Fact name="Played">
              <Time at={shown.time} />, by {shown.actor}
            </Fact>
            <Fact name={report.generated ? "Traffic generated" : "Traffic replayed"}>
              <Time at={report.start} /> to <Time at={report.until} />
            </Fact>
          </Facts>
        </div>
      </Group>
      {all.length > 1 && <Trend endpoint={endpoint} all={all} shown={shown.id} />}
      {before && <Since before={before} now={report} />}
      <Matrix report={report} call={api.drillPath(endpoint, shown.id)} />
      {missed.length > 0 && <NotCovered missed={missed} />}
      <Notes report={report} />
    </Stack>
  );
}

function Trend({ endpoint, all, shown }: { endpoint: string; all: DrillSummary[]; shown: number }) {
  const oldest = [...all].reverse();
  const share = ({ caught, faults_played }: DrillSummary) => (faults_played > 0 ? caught / faults_played : 1);
  return (
    <section aria-label="Drills so far">
      <Title order={2} size="h4" mb="xs">
        Over {plural(all.length, "drill")}
      </Title>
      <div className="drill-trend">
        <Chart title="Faults noticed, %" xLabel="drill" call={api.drillsPath(endpoint)} table={{ x: oldest.map(({ id }) => id), series: [{ label: "noticed", kind: "live", values: oldest.map((drill) => 100 * share(drill)) }] }} />
        <PlainTable
          name="Drills"
          minWidth={380}
          rows={all}
          keyOf={({ id }) => id}
          isCurrent={({ id }) => id === shown}
          file={{ of: `drills of ${endpoint}`, call: api.drillsPath(endpoint) }}
          columns={[
            {
              title: "Drill",
              cell: ({ id }) => (
                <Anchor component={Link} to={`/endpoints/${encodeURIComponent(endpoint)}/drills?drill=${id}`} aria-current={id === shown || undefined}>
                  {id}
                </Anchor>
              ),
              value: ["drill", ({ id }) => id],
            },
            { title: "Grade", cell: ({ grade }) => grade, value: ["grade", ({ grade }) => grade] },
            { title: "Noticed", cell: (drill) => `${drill.caught} of ${drill.faults_played}, ${percent(share(drill))}`, value: ["noticed", share] },
            { title: "False pages", cell: ({ false_pages }) => false_pages, kind: "figures", value: ["false_pages", ({ false_pages }) => false_pages] },
            { title: "Played", cell: ({ time }) => <Time at={time} />, value: ["played", ({ time }) => time] },
          ]}
        />
      </div>
    </section>
  );
}

function Since({ before, now }: { before: KeptDrill; now: DrillReport }) {
  const found = changes(before.report, now);
  return (
    <section aria-label="Since the drill before">
      <Title order={2} size="h4" mb="xs">
        Since drill {before.id}
      </Title>
      {found.length === 0 ? (
        <Text size="sm">Of the faults that both played, none is noticed sooner or later.</Text>
      ) : (
        <ul className="drill-list">
          {found.map(({ fault, isBetter, words }) => (
            <li key={fault}>
              <StepIcon of={isBetter ? "succeeded" : "failed"} size={13} /> {isBetter ? "Better" : "Worse"}: <Code>{fault}</Code> {words}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function Matrix({ report, call }: { report: DrillReport; call: string }) {
  const columns = watchers(report);
  const row = (verdict: DrillVerdict, isControl: boolean) => {
    const isGood = verdict.caught !== isControl;
    return (
      <tr key={verdict.fault}>
        <th scope="row">
          <Code>{verdict.fault}</Code>
          <span className="dim">{verdict.what}</span>
        </th>
        <td className="drill-verdict">
          <StepIcon of={isGood ? "succeeded" : "failed"} size={14} />{" "}
          {isControl ? (verdict.caught ? "false page" : "silent") : verdict.caught ? `after ${delay(verdict.delay_seconds)}`.replace("after at once", "at once") : "nobody would know"}
        </td>
        <td className="figures">{isControl ? "–" : percent(verdict.share_when_caught)}</td>
        <td className="figures">{isControl ? "–" : percent(verdict.smallest_share)}</td>
        <td className="figures">{isControl ? "–" : number(verdict.harmed)}</td>
        <td>{isControl ? "–" : delay(verdict.act_seconds ?? null)}</td>
        <td>{isControl ? "–" : recovered(verdict)}</td>
        <td className="figures">{isControl ? "–" : number(verdict.harmed_until_recovered)}</td>
        {columns.map((watcher) => {
          const after = noticedAfter(verdict, watcher);
          const isFirst = after !== null && after === verdict.delay_seconds;
          return (
            <td key={`${watcher.monitor} ${watcher.name}`} className={after === null ? "drill-none" : `drill-hit ${isControl ? "step-failed" : "step-succeeded"}`}>
              {after === null ? <span aria-label="did not notice">·</span> : isFirst ? <b>{delay(after)}</b> : delay(after)}
            </td>
          );
        })}
      </tr>
    );
  };
  return (
    <section aria-label="Who notices what">
      <Title order={2} size="h4" mb="xs">
        Who notices what
      </Title>
      <SideScroll name="Faults by monitor">
        <table className="drill-matrix" aria-label="Faults by monitor">
          <thead>
            <tr>
              <th scope="col">Fault</th>
              <th scope="col">Noticed</th>
              <th scope="col">Dose then</th>
              <th scope="col">Smallest dose</th>
              <th scope="col">Harmed requests</th>
              <th scope="col">Acted on</th>
              <th scope="col">Recovered</th>
              <th scope="col">Harmed until then</th>
              {columns.map((watcher) => (
                <th key={`${watcher.monitor} ${watcher.name}`} scope="col">
                  {watcher.name}
                  {watcher.monitor && <span className="dim">{watcher.monitor}</span>}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>{worstFirst(report.faults).map((verdict) => row(verdict, false))}</tbody>
          <tbody className="drill-controls">{report.controls.map((verdict) => row(verdict, true))}</tbody>
        </table>
      </SideScroll>
      <Group justify="space-between" mt={6} align="start">
        <Text size="xs" c="dimmed" flex={1} miw={240}>
          In each cell how long it took in event time, the first to notice in bold. A dose is the share that is touched; a gradual fault grows to it. The last {plural(report.controls.length, "row")} are controls: nothing is broken there, and whoever pages cries wolf.
        </Text>
        <Numbers
          of="who notices what"
          call={call}
          names={["fault", "control", "noticed", "delay_seconds", "share_when_caught", "smallest_share", "harmed", "act_seconds", "recovery_seconds", "harmed_until_recovered", ...columns.map(({ monitor, name }) => (monitor ? `${monitor}/${name}` : name))]}
          rows={() =>
            [...worstFirst(report.faults), ...report.controls].map((verdict) => [
              verdict.fault,
              report.controls.includes(verdict),
              verdict.caught,
              verdict.delay_seconds,
              verdict.share_when_caught ?? null,
              verdict.smallest_share ?? null,
              verdict.harmed,
              verdict.act_seconds ?? null,
              verdict.recovery_seconds ?? null,
              verdict.harmed_until_recovered ?? null,
              ...columns.map((watcher) => noticedAfter(verdict, watcher)),
            ])
          }
        />
      </Group>
    </section>
  );
}

function NotCovered({ missed }: { missed: DrillVerdict[] }) {
  return (
    <section aria-label="Not covered">
      <Title order={2} size="h4" mb="xs">
        Not covered
      </Title>
      <Stack gap="xs">
        {missed.map((verdict) => (
          <article key={verdict.fault} className="drill-miss" aria-label={verdict.fault}>
            <Text size="sm">
              <b>{verdict.what}</b>: {verdict.harmed > 0 && `${plural(verdict.harmed, "request")} were answered on wrong grounds, and `}nobody would know.
            </Text>
            {verdict.suggestion ? (
              <>
                <Text size="xs" c="dimmed" mt={4}>
                  This alert would have, after {delay(verdict.suggestion.delay_seconds)}, and no control reaches it:
                </Text>
                <Copied text={alertYaml(verdict.fault, verdict.suggestion)} />
              </>
            ) : (
              <Text size="xs" c="dimmed" mt={4}>
                {verdict.advice ? `What would help: ${verdict.advice}.` : "No metric of a monitor moves beyond what it does without a fault."}
              </Text>
            )}
          </article>
        ))}
      </Stack>
    </section>
  );
}

function Notes({ report }: { report: DrillReport }) {
  const { generated } = report;
  const notes = [
    ...(generated ? [`Nobody asked this: the traffic is generated of ${plural(generated.rows, "row")} of ${generated.dataset}, version ${generated.version}, ${number(generated.requests_per_day)} drawn for each day.`] : []),
    ...report.not_made.map((fault) => `Not played: ${fault}`),
    ...report.sources_not_pushed.map((source) => `Nothing was pushed to ${source}: what is looked up of it stood still.`),
    ...(report.alerts_without_fault > 0 ? [`The recording itself fires ${plural(report.alerts_without_fault, "alert")}: they count for nothing here.`] : []),
  ];
  if (notes.length === 0) return null;
  return (
    <section aria-label="Notes">
      {notes.map((note) => (
        <Text key={note} size="sm" c="dimmed">
          {note}
        </Text>
      ))}
    </section>
  );
}
