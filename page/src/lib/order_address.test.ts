import { expect, test } from "vitest";
import { nextOrder, readOrder, withOrder } from "./order_address";

test("each table of a view has its own order", () => {
  let query = new URLSearchParams("show=all");
  query = withOrder(query, "Ledger", { column: "event_time", isDown: true });
  query = withOrder(query, "Alerts", { column: "value", isDown: false });
  expect(query.toString()).toBe("show=all&sort=Ledger%3A-event_time&sort=Alerts%3Avalue");
  expect(readOrder(query, "Ledger")).toEqual({ column: "event_time", isDown: true });
  expect(readOrder(query, "Alerts")).toEqual({ column: "value", isDown: false });
  expect(readOrder(query, "Led")).toBeUndefined();
  query = withOrder(withOrder(query, "Ledger", undefined), "Alerts", undefined);
  expect(query.toString()).toBe("show=all");
});

test("a head turns up, down, and as the rows came", () => {
  const up = nextOrder("value", undefined);
  expect(up).toEqual({ column: "value", isDown: false });
  const down = nextOrder("value", up);
  expect(down).toEqual({ column: "value", isDown: true });
  expect(nextOrder("value", down)).toBeUndefined();
  expect(nextOrder("other", down)).toEqual({ column: "other", isDown: false });
});
