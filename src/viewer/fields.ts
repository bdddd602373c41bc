/**
 * The fields of the page's filter that name values; the server reads them, and the page keeps them in the address.
 *
 * @module
 */
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
