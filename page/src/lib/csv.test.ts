import { describe, expect, it } from "vitest";
import { csv } from "./csv";

describe("a table as text", () => {
  it("has a line for its names and one for each row", () => expect(csv(["a", "b"], [[1, "x"], [0.1 + 0.2, null]])).toBe("a,b\r\n1,x\r\n0.30000000000000004,\r\n"));
  it("gives no formulas", () => expect(csv(["a"], [["=1+1"], ["@x"], ["-5"], ["- dash"]])).toBe("a\r\n'=1+1\r\n'@x\r\n-5\r\n'- dash\r\n"));
  it("quotes what would be read as more than one cell", () => expect(csv(['say "a"'], [["x,y"], ["two\nlines"], [{ k: [1] }]])).toBe('"say ""a"""\r\n"x,y"\r\n"two\nlines"\r\n"{""k"":[1]}"\r\n'));
});
