/**
 * Random calls that went out, with all that makes one unusual.
 *
 * @module
 */
import fc from "fast-check";
import { snapshot } from "#dist/record/snapshot";
import { CONTEXT, httpCallEvent } from "./events.js";
import { body, bodyText, header, headLine, name, text, tree } from "./random-parts.js";

function usually<T>(usual: T, ...others: readonly T[]): fc.Arbitrary<T> {
  return fc.oneof({ weight: 8, arbitrary: fc.constant(usual) }, fc.constantFrom(...others));
}

/** Headers in each of the forms in which captures have them. */
const headers = fc
  .record({
    given: fc.array(header, { maxLength: 2 }),
    contentType: fc.constantFrom(
      "application/json",
      "application/json;charset=latin1",
      "text/plain",
      "application/x-www-form-urlencoded",
      "",
    ),
    encoding: usually("", "gzip"),
    form: fc.constantFrom("object", "list", "head"),
    odd: usually<unknown>(undefined, 42, null, ["a=1; b", "c=2"]),
  })
  .map(({ given, contentType, encoding, form, odd }) => {
    const all = [
      ...given,
      ...(contentType === "" ? [] : [["Content-Type", contentType] as const]),
      ...(encoding === "" ? [] : [["Content-Encoding", encoding] as const]),
    ];
    if (form === "list") return all.flat();
    if (form === "head") return `POST /a HTTP/1.1\r\n${all.map(headLine).join("")}\r\n`;
    return { ...Object.fromEntries(all), ...(odd !== undefined && { "X-Odd": odd }) };
  });
const anyBody = fc.oneof(
  fc.constant(null),
  body,
  bodyText,
  tree.map((value) => snapshot(value)),
);

/** Calls as nobody makes them: names and texts that hide something, bodies that are damaged. */
export const randomCall = fc
  .record({
    requestHeaders: headers,
    responseHeaders: headers,
    requestBody: anyBody,
    responseBody: anyBody,
    status: fc.constantFrom(200, 401, null),
    protocol: fc.constantFrom("http", "https"),
    service: fc.constantFrom("apollo", "a b", ""),
    handler: usually(null, "Apollo.lab", "h".repeat(2000)),
    url: usually(
      "https://apollo.example/v1/lab?order=9",
      "http://127.0.0.1:8080/a?b=c&b=d&e#top",
      "https://ana:s3cret@apollo.example/",
      "https://apollo.example/a?token=abcdefgh",
      "http://localhost:8080/a?b=%20c+d",
      "http://[::1]/a?__proto__=1",
      "/password:abcdefgh",
    ),
    redirectedTo: usually(null, "https://apollo.example/b?token=abcdefgh"),
    attempts: usually<unknown>(
      [],
      [{ status: 200, error: null, durationMs: 12.5 }],
      [
        { status: 503, error: new Error("token=abcdefgh"), durationMs: 12.5 },
        { status: 200, error: null, durationMs: 9 },
      ],
    ),
    extra: fc.oneof({ weight: 4, arbitrary: fc.constant({}) }, fc.dictionary(name, tree, { maxKeys: 2 })),
    error: fc.oneof(
      { weight: 4, arbitrary: fc.constant(null) },
      text.map((message) => new Error(message)),
    ),
    user: fc.oneof(
      { weight: 4, arbitrary: fc.constant({ id: 7, role: "clerk" }) },
      fc.dictionary(name, tree, { maxKeys: 2 }),
    ),
  })
  .map(({ user, ...rest }) =>
    httpCallEvent({
      ...(rest as Partial<ReturnType<typeof httpCallEvent>>),
      context: { ...CONTEXT, actor: () => ({ id: null, ...user }) },
    }),
  );
