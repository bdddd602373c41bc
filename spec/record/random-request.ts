/**
 * Random requests that came in, with all that makes one unusual.
 *
 * @module
 */
import fc from "fast-check";
import { CONTEXT, requestEvent } from "./events.js";
import { body, header, headLine, name, text, tree } from "./random-parts.js";

/** Requests as nobody sends them: names and texts that hide something, bodies that are damaged. */
export const randomRequest = fc
  .record({
    headers: fc.array(header, { maxLength: 4 }),
    answered: fc.array(header, { maxLength: 3 }),
    contentType: fc.constantFrom(
      "application/json",
      "application/json;charset=latin1",
      "text/plain",
      "application/x-www-form-urlencoded",
    ),
    encoding: fc.constantFrom("", "", "", "gzip"),
    requestBody: body,
    responseBody: fc.oneof(body, fc.constant(null)),
    url: fc.constantFrom(
      "/a?b=c&b=d&e",
      "/a",
      "/a?token=abcdefgh",
      "/a?b=%20c+d",
      "/a?__proto__=1",
      "/reset/abcdefgh?x=1=2",
      "*",
    ),
    extra: fc.oneof(fc.constant({}), fc.dictionary(name, tree, { maxKeys: 2 })),
    error: fc.oneof(
      fc.constant(null),
      text.map((message) => new Error(message)),
    ),
    route: fc.constantFrom(null, "/a", "/reset/:token", "r".repeat(2000)),
    user: fc.oneof(fc.constant({ id: 7, role: "clerk" }), fc.dictionary(name, tree, { maxKeys: 2 })),
  })
  .map(({ headers, answered, contentType, encoding, user, ...rest }) => {
    return requestEvent({
      ...rest,
      requestHeaders: [...headers.flat(), "Content-Type", contentType],
      responseHeaders: `HTTP/1.1 200 OK\r\n${answered.map(headLine).join("")}Content-Type: ${contentType}\r\n${
        encoding === "" ? "" : `Content-Encoding: ${encoding}\r\n`
      }\r\n`,
      context: { ...CONTEXT, actor: () => ({ id: null, ...user }) },
    });
  });
