import { expect, test } from "vitest";
import { distance, type Found, rank } from "./search";

const thing = (title: string, kind = "model", detail = ""): Found => ({ kind, title, detail, to: `/${title}` });
const titles = (all: Found[], typed: string) => rank(all, typed).map(({ title }) => title);

test("the closer, the less", () => {
  const far = ["sale", "sales", "for-sale", "wholesale", "s-a-l-e"].map((text) => distance("sale", text) ?? NaN);
  expect(far).toEqual([...far].sort((a, b) => a - b));
  expect(new Set(far).size).toBe(far.length);
  expect(distance("sale", "elas")).toBeUndefined();
  expect(distance("SALE", "sale")).toBe(0);
});

test("the title counts most, the kind helps", () => {
  const all = [thing("train", "pipeline"), thing("a1b2", "pipeline run", "train, failed"), thing("strain", "model")];
  expect(titles(all, "train")).toEqual(["train", "a1b2", "strain"]);
  expect(titles(all, "train run")).toEqual(["a1b2"]);
  expect(titles(all, "pipeline train")[0]).toBe("train");
  expect(titles(all, "nothing")).toEqual([]);
});

test("nothing typed: all as they come, not too many", () => {
  const many = Array.from({ length: 50 }, (_, index) => thing(`m${index}`));
  expect(titles(many, "  ").slice(0, 3)).toEqual(["m0", "m1", "m2"]);
  expect(rank(many, "m").length).toBeLessThan(20);
});
