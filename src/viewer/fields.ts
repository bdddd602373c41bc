/**
 * What the server and its page agree on.
 *
 * @module
 */

/** The most records of a request or a row: more would not be drawn, and can be asked for on the command line. */
export const MOST_OF_A_STORY = 5000;

/** The fields of the page's filter that name values; the server reads them, and the page keeps them in the address. */
export const VALUE_FIELDS = [
  "name",
  "user",
  "model",
  "id",
  "event",
  "outcome",
  "route",
  "service",
  "status",
  "request",
] as const;
