// Monitors and the windows they have judged.
import type { Span } from "../lib/span";
import { get, own } from "./fetch";
import type { Schemas } from "./schemas";

export type WindowKind = Schemas["WindowKind"];
export type FeatureDrift = Schemas["FeatureDrift"];
export type PredictionDrift = Schemas["PredictionDrift"];
export type MultivariateDrift = Schemas["MultivariateDrift"];
export type Slice = Schemas["Slice"];
export type SliceReport = Schemas["SliceReport"];
export type Attributions = Schemas["Attributions"];
export type WindowSlices = Schemas["WindowSlices"];
export type Window = Schemas["Window"];
export type Problem = Schemas["Problem"];
export type UsualBand = Schemas["UsualBand"];
export type Monitor = Schemas["Monitor"];
export type VerdictWord = Schemas["VerdictWord"];
export type Verdicts = Schemas["Verdicts"];
// Hours that are shown, as a year of them is no screen; and variants that each window may have.
const kHoursMost = 24 * 14, kVariants = 4;
const kWindowsOfSpan = 10_000;

// Of the windows of a kind that begin in a span; without one, of the newest.
function ofWindows(monitor: string, part: string, window: WindowKind, { from, until }: Span, variants: number): string {
  const most = from || until ? kWindowsOfSpan : window === "hour" ? kHoursMost : undefined;
  return `${own("monitors", monitor, part)}?${new URLSearchParams({ window, ...(most && { limit: String(most * variants) }), ...(from && { from }), ...(until && { to: until }) })}`;
}

export const monitorsApi = {
  monitorsPath: own("monitors"),
  monitors: async (s?: AbortSignal) => (await get<Schemas["Monitors"]>(monitorsApi.monitorsPath, s)).monitors,
  windowsPath: (monitor: string, window: WindowKind, span: Span = {}) => ofWindows(monitor, "windows", window, span, kVariants),
  windows: async (monitor: string, window: WindowKind, span: Span = {}, s?: AbortSignal) => (await get<Schemas["Windows"]>(monitorsApi.windowsPath(monitor, window, span), s)).windows,
  verdictsPath: (monitor: string, window: WindowKind, span: Span = {}) => ofWindows(monitor, "verdicts", window, span, 1),
  verdicts: (monitor: string, window: WindowKind, span: Span = {}, s?: AbortSignal) => get<Verdicts>(monitorsApi.verdictsPath(monitor, window, span), s),
  slicesPath: (monitor: string, window: WindowKind, start: string) => `${own("monitors", monitor, "slices")}?${new URLSearchParams({ window, start })}`,
  slices: (monitor: string, window: WindowKind, start: string, s?: AbortSignal) =>
    get<WindowSlices>(monitorsApi.slicesPath(monitor, window, start), s),
  // Of all its alerts without a threshold that watch whole windows of this kind, by alert.
  bandsByAlert: async (monitor: string, window: WindowKind, s?: AbortSignal) => (await get<Schemas["BandsByAlert"]>(`${own("monitors", monitor, "bands")}?window=${window}`, s)).alerts,
};
