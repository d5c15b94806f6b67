import { expect, test } from "vitest";
import { chosen, fitting, kCurvesOfPage, prefixes, readMetricChoice } from "./metric_choice";

const kMany = [...Array.from({ length: 40 }, (_, at) => `train/m${String(at).padStart(2, "0")}`), "val/loss", "auc", "Val/AUC"];

test("the address names parts of names, and a page", () => {
  expect(readMetricChoice(new URLSearchParams("metrics=loss,val/&page=3"))).toEqual({ asked: "loss,val/", page: 3 });
  for (const page of ["", "0", "-4", "x", "0.5"]) expect(readMetricChoice(new URLSearchParams(`page=${page}`)).page).toBe(1);
});

test("names fit that have one of the parts", () => {
  expect(fitting(kMany, "")).toBe(kMany);
  expect(fitting(kMany, " , ")).toBe(kMany);
  expect(fitting(kMany, "LOSS, auc")).toEqual(["val/loss", "auc", "Val/AUC"]);
  expect(fitting(kMany, "nothing")).toEqual([]);
});

test("every metric is on some page, those of one prefix together", () => {
  const first = chosen(kMany, { asked: "", page: 1 });
  const last = chosen(kMany, { asked: "", page: 9 });
  expect([first.pages, first.fit, first.names.length, first.names[0]]).toEqual([2, 43, kCurvesOfPage, "auc"]);
  expect(last.page).toBe(2);
  expect(new Set([...first.names, ...last.names])).toEqual(new Set(kMany));
  expect(last.names.slice(-2)).toEqual(["val/loss", "Val/AUC"]);
  expect(chosen([], { asked: "", page: 1 })).toEqual({ names: [], fit: 0, page: 1, pages: 1 });
});

test("prefixes are counted, names without one too", () => {
  expect(prefixes(["val/loss", "auc", "val/auc", "train/deep/loss", "/odd"])).toEqual([["", 1], ["/", 1], ["train/", 1], ["val/", 2]]);
});
