// What the server answers, as its OpenAPI description says: types.ts is made from that (`./x types`). Where a noun's file has types of its
// own, the description doesn't have them yet, or they are another protocol's.
import type { components } from "./types";

export type Schemas = components["schemas"];
