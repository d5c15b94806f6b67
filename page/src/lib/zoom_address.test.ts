import { expect, test } from "vitest";
import { readZoom, withZoom } from "./zoom_address";

test("charts of one group share a part of the address", () => {
  let query = withZoom(new URLSearchParams("at=1"), "monitoring", true, [1_700_000_000.4, 1_700_086_400]);
  query = withZoom(query, "loss", false, [0.1234567, 5000]);
  expect(query.getAll("zoom")).toEqual(["monitoring:2023-11-14T22:13:20Z/2023-11-15T22:13:20Z", "loss:0.123457/5000"]);
  expect(readZoom(query, "monitoring", true)).toEqual([1_700_000_000, 1_700_086_400]);
  expect(readZoom(query, "loss", false)).toEqual([0.123457, 5000]);
  expect(withZoom(withZoom(query, "loss", false, undefined), "monitoring", true, undefined).toString()).toBe("at=1");
});

test.each(["loss:", "loss:1", "loss:2/1", "loss:a/b", "loss:1/1", "other:1/2"])("%s is no part of loss", (text) => {
  expect(readZoom(new URLSearchParams([["zoom", text]]), "loss", false)).toBeUndefined();
});
