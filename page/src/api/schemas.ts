// What the server answers, as its OpenAPI description says: types.ts is made from that (`./x types`). Where a noun's file has types of its
// own, they are another protocol's, or no answers.
import type { components } from "./types";

export type Schemas = components["schemas"];
