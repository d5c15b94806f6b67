// What the server answers and can be asked, a file for each noun.
import { accessApi } from "./access";
import { alertsApi } from "./alerts";
import { costsApi } from "./costs";
import { datasetsApi } from "./datasets";
import { driftApi } from "./drift";
import { drillsApi } from "./drills";
import { editsApi } from "./edits";
import { endpointsApi } from "./endpoints";
import { eventsApi } from "./events";
import { experimentsApi } from "./experiments";
import { featuresApi } from "./features";
import { incidentsApi } from "./incidents";
import { lineageApi } from "./lineage";
import { monitorsApi } from "./monitors";
import { overviewApi } from "./overview";
import { pipelinesApi } from "./pipelines";
import { registryApi } from "./registry";
import { runsApi } from "./runs";
import { versionsApi } from "./versions";

export { ApiError, batchPath, ifAbsent, together } from "./fetch";
export * from "./access";
export * from "./alerts";
export * from "./costs";
export * from "./datasets";
export * from "./drift";
export * from "./drills";
export * from "./edits";
export * from "./endpoints";
export * from "./events";
export * from "./experiments";
export * from "./features";
export * from "./incidents";
export * from "./lineage";
export * from "./monitors";
export * from "./overview";
export * from "./pipelines";
export * from "./registry";
export * from "./runs";
export * from "./versions";

export const api = {
  ...accessApi,
  ...alertsApi,
  ...costsApi,
  ...datasetsApi,
  ...driftApi,
  ...drillsApi,
  ...editsApi,
  ...endpointsApi,
  ...eventsApi,
  ...experimentsApi,
  ...featuresApi,
  ...incidentsApi,
  ...lineageApi,
  ...monitorsApi,
  ...overviewApi,
  ...pipelinesApi,
  ...registryApi,
  ...runsApi,
  ...versionsApi,
};
