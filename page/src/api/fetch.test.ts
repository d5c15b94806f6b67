import { afterEach, expect, test, vi } from "vitest";
import { get, together } from "./fetch";

afterEach(() => vi.unstubAllGlobals());

function answering(): string[][] {
  const batches: string[][] = [];
  vi.stubGlobal("fetch", async (path: string) => {
    const paths = new URLSearchParams(path.split("?")[1]).getAll("path");
    batches.push(paths);
    return Response.json({ replies: paths.map((body) => ({ status: 200, body })) });
  });
  return batches;
}

test("what is asked for together is one request, each with its own answer", async () => {
  const batches = answering();
  expect(await together(() => Promise.all([get("/a"), get("/b?x=1&y=2")]))).toEqual(["/a", "/b?x=1&y=2"]);
  expect(batches).toEqual([["/a", "/b?x=1&y=2"]]);
});

test("no batch has a long address, or too many questions; one that is long alone goes alone", async () => {
  const batches = answering();
  const long = ["a", "b", "c", "d"].map((name) => `/${name.repeat(3000)}`).concat(`/${"e".repeat(9000)}`, "/f");
  expect(await together(() => Promise.all(long.map((path) => get(path))))).toEqual(long);
  expect(batches.map((paths) => paths.length)).toEqual([2, 2, 1, 1]);
  batches.length = 0;
  await together(() => Promise.all([...Array(65).keys()].map((at) => get(`/${at}`))));
  expect(batches.map((paths) => paths.length)).toEqual([64, 1]);
});

test("one that fails fails alone", async () => {
  vi.stubGlobal("fetch", async () => Response.json({ replies: [{ status: 200, body: 1 }, { status: 404, body: { error: { message: "no such thing" } } }] }));
  const [one, other] = together(() => [get("/a"), get("/b")]);
  expect(await one).toBe(1);
  await expect(other).rejects.toThrow("no such thing");
});
