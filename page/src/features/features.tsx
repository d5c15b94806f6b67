import { Alert, Anchor, Button, Group, Stack, Text, TextInput, Title } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { Link, useParams, useSearchParams } from "react-router";
import { api, type FeatureSpread, type FeatureViewFacts, type Skew, type SkewedFeature, together } from "../api";
import { useLive } from "../components/live";
import { Empty, Loaded } from "../components/loaded";
import { PlainTable } from "../components/plain_table";
import { Command, Head, Time, Word } from "../components/words";
import { age, featureParts, number, percent, plural } from "../lib/format";
import { Distributions } from "./distributions";
import { Explained } from "./explained";

interface Facts {
  skew: Skew;
  views: FeatureViewFacts[];
}

async function load(endpoint: string, signal: AbortSignal): Promise<Facts> {
  const [skew, { views }] = await together(() => Promise.all([api.skew(endpoint), api.features()]), signal);
  return { skew: { ...skew, features: skew.features.filter((each) => each.current) }, views };
}

// What an endpoint was given, beside what it should have been given.
export function FeaturesPage() {
  const { name = "" } = useParams();
  const [query, setQuery] = useSearchParams();
  const facts = useLive((signal) => load(name, signal), name, 10, ["projects", "features", "datasets", `endpoints/${name}`]);
  const request = query.get("request") ?? "";
  const skewed = facts.data?.skew.features ?? [];
  const different = skewed.filter((each) => each.different > 0).length;
  return (
    <>
      <Head
        title="Features"
        trail={[
          ["Models", "/"],
          [name, `/endpoints/${encodeURIComponent(name)}`],
        ]}
        words={
          skewed.length > 0 && (
            <>
              <Word of={different > 0 ? "differs" : "agrees"} />
              <Text size="sm" c="dimmed">
                {different > 0
                  ? `${plural(different, "feature")} of ${skewed.length} had values that differ when they are recomputed`
                  : `${plural(skewed.length, "feature")}, recomputed as known when they were served: all the same`}
              </Text>
            </>
          )
        }
      >
        <Button component={Link} to={`/endpoints/${encodeURIComponent(name)}/monitoring`} variant="default">
          Monitoring
        </Button>
      </Head>
      <Loaded from={facts}>{(data) => <Body endpoint={name} {...data} />}</Loaded>
      <Distributions endpoint={name} />
      <section aria-label="One request">
        <Title order={2} size="h4" mt="lg" mb="xs">
          One request, explained
        </Title>
        <Ask key={request} request={request} ask={(id) => setQuery(asked(query, id))} />
        {request && <Explained endpoint={name} request={request} feature={query.get("feature") ?? ""} />}
      </section>
    </>
  );
}

// The address with a request to explain, or without one; what else is chosen stays.
function asked(query: URLSearchParams, id: string): URLSearchParams {
  const after = new URLSearchParams(query);
  after.delete("feature");
  if (id) after.set("request", id);
  else after.delete("request");
  return after;
}

function Body({ endpoint, skew, views }: Facts & { endpoint: string }) {
  const read = new Set(skew.features.map((each) => featureParts(each.feature).view));
  const fresh = views.filter((view) => read.has(view.name) && view.source);
  return (
    <Stack gap="lg">
      {skew.failures.map((failure) => (
        <Alert key={failure.endpoint} color="yellow" variant="light" title="The last pass could not look at this endpoint.">
          {failure.why}
        </Alert>
      ))}
      {skew.features.length === 0 ? (
        <Empty title="Nothing was recomputed yet.">
          <Text size="sm">
            Requests are looked at when an endpoint names a feature service; a pass runs about once an hour, of a day in a rehearsal.
          </Text>
          <Command>{`slipway features skew ${endpoint}`}</Command>
        </Empty>
      ) : (
        <section aria-label="Served and recomputed">
          <Title order={2} size="h4" mb="xs">
            Served and recomputed
          </Title>
          <SkewTable features={skew.features} call={api.skewPath(endpoint)} />
          <Text size="xs" c="dimmed">
            Looked at until <Time at={skew.looked_until} />. A sample of requests of each pass; the rate is of all passes, with its 95 % interval.
          </Text>
        </section>
      )}
      {fresh.length > 0 && <Freshness views={fresh} />}
    </Stack>
  );
}

function SkewTable({ features, call }: { features: SkewedFeature[]; call: string }) {
  return (
    <PlainTable
      name="Features"
      minWidth={950}
      rows={features}
      keyOf={({ feature, version }) => feature + version}
      file={{ of: "served and recomputed", call }}
      columns={[
        { title: "Feature", cell: ({ feature }) => <Name feature={feature} />, value: ["feature", ({ feature }) => feature] },
        {
          title: "Differs",
          cell: (each) => (
            <>
              {percent(each.rate)}
              <Text size="xs" c="dimmed" className="nowrap">
                {number(each.different)} of {number(each.compared)}
                {each.different > 0 && `; ${percent(each.rate_low)} to ${percent(each.rate_high)}`}
              </Text>
            </>
          ),
          kind: "figures",
          value: ["differs", ({ rate }) => rate],
          also: [
            ["differs_at_least", ({ rate_low }) => rate_low],
            ["differs_at_most", ({ rate_high }) => rate_high],
            ["different", ({ different }) => different],
            ["compared", ({ compared }) => compared],
          ],
        },
        {
          title: "Why",
          cell: ({ reason, detail }) => (
            <>
              <Word of={reason ?? "agrees"} />
              {detail && (
                <Text size="xs" c="dimmed">
                  {detail}
                </Text>
              )}
            </>
          ),
          value: ["why", ({ reason }) => reason ?? "agrees"],
        },
        {
          title: "First that differed",
          cell: ({ first, feature }) =>
            first ? (
              <>
                <Text size="sm" className="nowrap">
                  {number(first.served)} served, {number(first.recomputed)} recomputed
                </Text>
                <Text size="xs">
                  <Anchor component={Link} size="xs" to={`?${new URLSearchParams({ request: first.request, feature })}`}>
                    {first.request}
                  </Anchor>
                </Text>
              </>
            ) : (
              "–"
            ),
          value: ["first", ({ first }) => first?.request],
          also: [
            ["first_served", ({ first }) => first?.served],
            ["first_recomputed", ({ first }) => first?.recomputed],
          ],
        },
        {
          title: "Newest pass: missing; 10 % · median · 90 %",
          cell: (each) => (
            <>
              <Spread name="served" of={each.last_served} />
              <Spread name="recomputed" of={each.last_recomputed} />
            </>
          ),
          kind: "figures",
        },
      ]}
    />
  );
}

function Name({ feature }: { feature: string }) {
  const { view, column } = featureParts(feature);
  return (
    <>
      <b>{column}</b>
      {view && (
        <Text size="xs" c="dimmed">
          {view}
        </Text>
      )}
    </>
  );
}

function Spread({ name, of }: { name: string; of: FeatureSpread | null }) {
  if (!of) return null; // of a pass before spreads were kept
  return (
    <Text size="xs" className="nowrap">
      <span className="dim">{name}</span> {percent(of.missing_rate)}; {[of.p10, of.p50, of.p90].map(number).join(" · ")}
    </Text>
  );
}

function Freshness({ views }: { views: FeatureViewFacts[] }) {
  return (
    <section aria-label="Freshness">
      <Title order={2} size="h4" mb="xs">
        Freshness
      </Title>
      <PlainTable
        name="Views"
        minWidth={420}
        rows={views}
        keyOf={({ name }) => name}
        columns={[
          {
            title: "View",
            cell: ({ name }) => (
              <Anchor component={Link} to={`/features/${encodeURIComponent(name)}`}>
                {name}
              </Anchor>
            ),
            value: ["view", ({ name }) => name],
          },
          { title: "Source", cell: ({ source }) => source, value: ["source", ({ source }) => source] },
          { title: "Newest row", cell: ({ newest }) => <Time at={newest} />, value: ["newest", ({ newest }) => newest] },
          { title: "Age", cell: ({ age_seconds }) => age(age_seconds), value: ["age in seconds", ({ age_seconds }) => age_seconds] },
        ]}
        file={{ of: "Freshness of views", call: api.featuresPath }}
      />
    </section>
  );
}

function Ask({ request, ask }: { request: string; ask: (id: string) => void }) {
  const [id, setId] = useState(request);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    ask(id.trim());
  };
  return (
    <form onSubmit={submit}>
      <Group align="end" gap="xs" mb="sm">
        <TextInput label="Id of a request" value={id} onChange={(event) => setId(event.currentTarget.value)} w={360} />
        <Button type="submit" variant="default">
          Explain
        </Button>
      </Group>
    </form>
  );
}
