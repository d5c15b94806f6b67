import { expect, test, vi } from "vitest";
import { OneAtATime } from "./one_at_a_time";

test("one that is asked for a thousand times while it runs is done once more", () => {
  vi.useFakeTimers();
  let started = 0;
  const one = new OneAtATime(() => ++started, 1000);
  for (let time = 0; time < 1000; ++time) one.ask();
  expect(started).toBe(1);
  one.begun();
  for (let time = 0; time < 1000; ++time) one.ask();
  expect(started).toBe(1);
  one.ended();
  vi.advanceTimersByTime(999);
  expect(started).toBe(1);
  vi.advanceTimersByTime(1);
  expect(started).toBe(2);
  one.ended();
  vi.advanceTimersByTime(5000);
  expect(started).toBe(2);
  one.ask();
  expect(started).toBe(3);
  one.stop();
  one.ended();
  vi.advanceTimersByTime(5000);
  expect(started).toBe(3);
  vi.useRealTimers();
});
