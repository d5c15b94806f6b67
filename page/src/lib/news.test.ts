import { expect, test } from "vitest";
import { concerns, type Subject } from "./news";

const of = (...subjects: string[]) => subjects.map((subject) => ({ kind: "thing.changed", subject }));

test.each<[string, ReturnType<typeof of>, Subject[], boolean]>([
  ["the very thing", of("endpoints/sale"), ["endpoints/sale"], true],
  ["what is below it", of("monitors/sale/alerts/drop"), ["monitors"], true],
  ["one of several", of("runs/1", "models/sale"), ["datasets", "models"], true],
  ["something else", of("endpoints/sale"), ["models"], false],
  ["another whose name begins alike", of("pipelines/train-2"), ["pipelines/train"], false],
  ["one of a noun that begins alike", of("features"), ["features"], true],
  ["everything", of("pools/gpu"), [""], true],
  ["nothing", of("pools/gpu"), [], false],
  ["no change", [], [""], false],
])("%s", (_, changes, about, expected) => {
  expect(concerns(changes, about)).toBe(expected);
});
