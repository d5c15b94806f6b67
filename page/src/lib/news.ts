// What is heard of changes on the server. Pure functions.

export interface Change {
  kind: string; // "endpoint.deployed"
  subject: string; // "endpoints/flight-delay"
}

// The nouns that subjects begin with.
type Noun =
  | "alarm_budget"
  | "data"
  | "datasets"
  | "endpoints"
  | "experiments"
  | "features"
  | "incidents"
  | "maintenance"
  | "models"
  | "monitors"
  | "permissions"
  | "pipelines"
  | "projects"
  | "roles"
  | "runs"
  | "schedules"
  | "silences"
  | "users"
  | "webhooks"; // and the routes of alerts

// A noun, one thing of it, or everything; with what is below.
export type Subject = Noun | `${Noun}/${string}` | "";

// Whether any of the changes is about one of these subjects.
export const concerns = (changes: Change[], about: Subject[]) => changes.some(({ subject }) => about.some((one) => one === "" || subject === one || subject.startsWith(`${one}/`)));
