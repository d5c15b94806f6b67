// What is heard of changes on the server. Pure functions.

export interface Change {
  kind: string; // "endpoint.deployed"
  subject: string; // "endpoints/flight-delay"
}

// Whether any of the changes is about one of these subjects, or what is below them; "" is about everything.
export const concerns = (changes: Change[], about: string[]) => changes.some(({ subject }) => about.some((one) => subject.startsWith(one)));
