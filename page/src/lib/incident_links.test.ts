import { describe, expect, it } from "vitest";
import { linked } from "./incident_links";

const links = (event: string, subject: string, words: string) =>
  linked({ event, subject, words }, "sale")
    .filter(({ to }) => to)
    .map(({ text, to }) => [text, to]);

describe("an entry of a time line", () => {
  it.each([
    ["endpoint.canary_step", "endpoints/sale", "revision 7 (canary): sale 2 answers 80 %, sale 3 answers 20 %; revision 5 was better", [["revision 7", "/endpoints/sale?revision=7"], ["sale 2", "/models/sale?version=2"], ["sale 3", "/models/sale?version=3"], ["revision 5", "/endpoints/sale?revision=5"]]],
    ["endpoint.release_refused", "endpoints/sale", "models:/sale/3 was refused: it is bad", [["models:/sale/3", "/models/sale?version=3"]]],
    ["alias.moved", "models/sale", "alias champion of sale moved from none to 2", [["sale", "/models/sale"], ["2", "/models/sale?version=2"]]],
    ["model_version.created", "models/sale/2", "version sale/2 was registered", [["sale/2", "/models/sale?version=2"]]],
    ["dataset.ingested", "datasets/visits.raw/4", "data arrived: visits.raw/4, 5 rows, 0 in quarantine", [["visits.raw/4", "/datasets/visits.raw?to=4"]]],
    ["dataset.refused", "datasets/visits", "data of visits was not taken: revisits", [["visits", "/datasets/visits"]]],
    ["dataset.replayed", "datasets/visits/4", "rows put aside came in: visits/4 as version 5", [["visits/4", "/datasets/visits?to=4"]]],
    ["input.moved", "endpoints/sale", "input pages moved: ks 0.4 (from 0.1 on) in the day from 2024-02-05T00:00:00Z", [["pages", "/endpoints/sale/monitoring?feature=pages"], ["day from 2024-02-05T00:00:00Z", "/endpoints/sale/monitoring?window=day&at=2024-02-05T00%3A00%3A00Z&feature=pages"]]],
    ["alert.opened", "monitors/health/alerts/loss", "alert loss opened: log_loss is 2 (threshold 1) in the week from 2024-02-05T00:00:00Z", [["loss", "/endpoints/sale/monitoring?monitor=health"], ["week from 2024-02-05T00:00:00Z", "/endpoints/sale/monitoring?monitor=health&window=week&at=2024-02-05T00%3A00%3A00Z"]]],
    ["action.started", "monitors/health/alerts/loss", "action retrain started: because (run 0123456789abcdef)", [["0123456789abcdef", "/pipeline-runs/0123456789abcdef"]]],
    ["incident.noted", "incidents/1", "revision 7 is odd", []],
  ])("%s of %s names what it names", (event, subject, words, expected) => {
    expect(links(event, subject, words)).toEqual(expected);
    expect(linked({ event, subject, words }, "sale").map(({ text }) => text).join("")).toBe(words);
  });
});
