/**
 * Secrets in every shape and place that an application has been seen to put them, and harmless fields that
 * look like secrets to a careless eye.
 *
 * @module
 */
import { buildRecord } from "#dist/record/build";
import { buildContainer, buildCustom, buildLogin } from "#dist/record/stated";
import {
  AT,
  bodyOfBytes,
  CONTEXT,
  httpCallEvent,
  methodCallEvent,
  requestEvent,
  rowEvent,
  sftpCallEvent,
  STAMP,
} from "./events.js";

/** Where a secret is put: its name and value in, a record out. */
export type Place = (name: string, secret: string) => object | null;

const MOMENT = { at: AT, context: CONTEXT };
const JSON_TYPE = ["Content-Type", "application/json"];
const event = (extra: Record<string, unknown>): object =>
  buildCustom({ action: "a.b", extra }, MOMENT, STAMP);
const logged = (message: string): object =>
  buildContainer({ level: "ERROR", category: "app", message }, MOMENT, STAMP);
const asked = (body: unknown): object | null =>
  buildRecord(
    requestEvent({ requestHeaders: JSON_TYPE, requestBody: bodyOfBytes(JSON.stringify(body)) }),
    STAMP,
  );
const enc = encodeURIComponent;

class Credentials {
  readonly user = "ana";

  constructor(name: string, secret: string) {
    Object.assign(this, { [name]: secret });
  }
}

/** Places where the name of a field tells that its value is a secret. */
export const NAMED_PLACES: Readonly<Record<string, Place>> = {
  "a JSON body": (name, secret) => asked({ user: "ana", [name]: secret }),
  "deep in a JSON body": (name, secret) => asked({ a: { b: { c: { d: [{ e: { [name]: secret } }] } } } }),
  "a list in a JSON body": (name, secret) => asked([{ ok: 1 }, { [name]: secret }]),
  "a list of secrets": (name, secret) => asked({ [name]: ["first", secret] }),
  "an object of secrets": (name, secret) => asked({ [name]: { current: secret } }),
  "JSON as a text in a JSON body": (name, secret) => asked({ payload: JSON.stringify({ [name]: secret }) }),
  "JSON in a text in a text": (name, secret) =>
    asked({ payload: JSON.stringify({ inner: JSON.stringify({ list: [{ [name]: secret }] }) }) }),
  "JSON in a text that is cut off": (name, secret) =>
    asked({ payload: JSON.stringify({ user: "ana", [name]: secret }).slice(0, -1) }),
  "JSON in a text that names it twice": (name, secret) =>
    asked({ payload: `{"list":[{"${name}":"${secret}","${name}":null}]}`, [name]: "another one" }),
  "a name with a character that nobody sees": (name, secret) =>
    asked({ [`${name.slice(0, 2)}\u200b${name.slice(2)}`]: secret }),
  "JSON with escaped quotes in an error": (name, secret) =>
    buildRecord(requestEvent({ error: new Error(`bad request "{\\"${name}\\":\\"${secret}\\"}"`) }), STAMP),
  "a form body": (name, secret) =>
    buildRecord(
      requestEvent({
        requestHeaders: ["Content-Type", "application/x-www-form-urlencoded"],
        requestBody: bodyOfBytes(`user=ana&${enc(name)}=${enc(secret)}&keep=1`),
      }),
      STAMP,
    ),
  "a nested form field": (name, secret) =>
    buildRecord(
      requestEvent({
        requestHeaders: ["Content-Type", "application/x-www-form-urlencoded"],
        requestBody: bodyOfBytes(`user%5B${enc(name)}%5D=${enc(secret)}`),
      }),
      STAMP,
    ),
  "an item of a form's list": (name, secret) =>
    buildRecord(
      requestEvent({
        requestHeaders: ["Content-Type", "application/x-www-form-urlencoded"],
        requestBody: bodyOfBytes(`${enc(name)}%5B0%5D=7654321&${enc(name)}%5B1%5D=${enc(secret)}`),
      }),
      STAMP,
    ),
  "an item of a list in a text": (name, secret) =>
    event({ link: `https://a.example/x?page=1&${name}[0]=${enc(secret)}` }),
  "a form as a text": (name, secret) => event({ sent: `user=ana&${enc(name)}=${enc(secret)}&keep=1` }),
  "a nested form field in a text": (name, secret) =>
    event({ sent: `a=1&user%5B${enc(name)}%5D=${enc(secret)}` }),
  "a query": (name, secret) =>
    buildRecord(requestEvent({ url: `/login?next=%2F&${enc(name)}=${enc(secret)}` }), STAMP),
  "a query that has it twice": (name, secret) =>
    buildRecord(requestEvent({ url: `/login?${enc(name)}=1234567&${enc(name)}=${enc(secret)}` }), STAMP),
  "the query of a call": (name, secret) =>
    buildRecord(httpCallEvent({ url: `https://a.example/x?${enc(name)}=${enc(secret)}` }), STAMP),
  "a URL in a query": (name, secret) =>
    buildRecord(
      requestEvent({ url: `/go?to=${enc(`https://a.example/cb?${enc(name)}=${enc(secret)}`)}` }),
      STAMP,
    ),
  "a URL in a query in a text": (name, secret) =>
    event({ link: `https://b.example/go?to=${enc(`https://a.example/cb?x=1&${enc(name)}=${enc(secret)}`)}` }),
  "a URL in a referer": (name, secret) =>
    buildRecord(
      requestEvent({ requestHeaders: ["Referer", `https://a.example/cb?${enc(name)}=${enc(secret)}#top`] }),
      STAMP,
    ),
  "a URL that is redirected to": (name, secret) =>
    buildRecord(
      requestEvent({ responseHeaders: { location: `/cb#x=1&${enc(name)}=${enc(secret)}` } }),
      STAMP,
    ),
  "a request header": (name, secret) => buildRecord(requestEvent({ requestHeaders: [name, secret] }), STAMP),
  "a response header": (name, secret) =>
    buildRecord(requestEvent({ responseHeaders: { [name]: secret } }), STAMP),
  "a header of a call": (name, secret) =>
    buildRecord(httpCallEvent({ requestHeaders: { [name]: secret } }), STAMP),
  "a response body": (name, secret) =>
    buildRecord(requestEvent({ responseBody: bodyOfBytes(JSON.stringify({ [name]: secret })) }), STAMP),
  "the body of a call": (name, secret) =>
    buildRecord(httpCallEvent({ requestBody: { auth: { [name]: secret } } }), STAMP),
  "the answer of a call": (name, secret) =>
    buildRecord(httpCallEvent({ responseBody: { data: { [name]: secret } } }), STAMP),
  "raw headers": (name, secret) => event({ request: { rawHeaders: ["Host", "x", name, secret] } }),
  "a Map": (name, secret) => event({ map: new Map<string, unknown>([[name, secret]]) }),
  "a Map of Maps": (name, secret) => event({ map: new Map([["a", new Map([[name, secret]])]]) }),
  "the entries of a Map": (name, secret) =>
    event({
      entries: [
        ["user", "ana"],
        [name, secret],
      ],
    }),
  "a class instance": (name, secret) => event({ given: new Credentials(name, secret) }),
  "the user of the record": (name, secret) =>
    buildRecord(rowEvent({ context: { ...CONTEXT, actor: () => ({ id: 1, [name]: secret }) } }), STAMP),
  "a field of the application's": (name, secret) => event({ [name]: secret }),
  "a name and a value": (name, secret) => event({ fields: [{ name, value: secret }] }),
  "a key and a value": (name, secret) => event({ settings: [{ key: name, value: secret }] }),
  "a row": (name, secret) =>
    buildRecord(rowEvent({ type: "CREATE", before: null, after: { id: 1, [name]: secret } }), STAMP),
  "a changed field, before": (name, secret) =>
    buildRecord(rowEvent({ before: { id: 1, [name]: secret }, after: { id: 1, [name]: null } }), STAMP),
  "a changed field, after": (name, secret) =>
    buildRecord(rowEvent({ before: { id: 1, [name]: "old-old" }, after: { id: 1, [name]: secret } }), STAMP),
  "a JSON column": (name, secret) =>
    buildRecord(rowEvent({ after: { id: 1, settings: { smtp: { [name]: secret } } } }), STAMP),
  "options of SFTP": (name, secret) =>
    buildRecord(sftpCallEvent({ details: { options: { host: "h", [name]: secret } } }), STAMP),
  "an argument of a method": (name, secret) =>
    buildRecord(methodCallEvent({ arguments: ["ana", { [name]: secret }] }), STAMP),
  "the result of a method": (name, secret) =>
    buildRecord(methodCallEvent({ result: { session: { [name]: secret } } }), STAMP),
  "the message of an error": (name, secret) =>
    buildRecord(httpCallEvent({ error: new Error(`POST /x failed: ${name}=${secret} was refused`) }), STAMP),
  "an inspected object in an error": (name, secret) =>
    buildRecord(
      httpCallEvent({ error: new Error(`bad options { user: 'ana', ${name}: '${secret}' }`) }),
      STAMP,
    ),
  "an error with the answer's body": (name, secret) =>
    buildRecord(httpCallEvent({ error: new Error(`500: {"ok":false,"${name}":"${secret}"}`) }), STAMP),
  "a logged header line": (name, secret) => logged(`GET / HTTP/1.1\r\nHost: x\r\n${name}: ${secret}\r\n\r\n`),
  "a logged line": (name, secret) => logged(`connecting with ${name}: "${secret}"`),
  "a stack": (name, secret) =>
    buildContainer(
      {
        level: "ERROR",
        category: "app",
        message: "failed",
        exception: `AxiosError: refused\n    at x (y.js:1:2) {\n  config: { data: '{"${name}":"${secret}"}' }\n}`,
      },
      MOMENT,
      STAMP,
    ),
  "the reason of a refused login": (name, secret) =>
    buildLogin({ event: "login", success: false, error: `no user with ${name}='${secret}'` }, MOMENT, STAMP),
  "an XML body": (name, secret) =>
    event({ soap: `<Envelope><Auth type="x"><${name}>${secret}</${name}></Auth></Envelope>` }),
  "a namespaced XML element": (name, secret) =>
    event({ soap: `<w:Auth><wsse:${name} Type="text">${secret}</wsse:${name}></w:Auth>` }),
  "an XML element that is quoted whole": (name, secret) =>
    event({ soap: `<w:Auth><w:${name} Type="text"> <![CDATA[${secret}]]>\n</w:${name}></w:Auth>` }),
  "XML that is quoted whole in XML": (name, secret) =>
    event({ soap: `<m><body><![CDATA[<a><${name}>${secret}</${name}></a>]]></body></m>` }),
  "XML as a text in XML": (name, secret) =>
    event({ soap: `<m><body>&lt;a&gt;&lt;${name}&gt;${secret}&lt;/${name}&gt;&lt;/a&gt;</body></m>` }),
  "XML in a query in a text": (name, secret) =>
    event({ link: `https://a.example/x?data=${enc(`<a><${name}>${secret}</${name}></a>`)}` }),
  "an inspected object in a query in a text": (name, secret) =>
    event({ link: `https://a.example/x?data=${enc(`{ user: 'ana', ${name}: '${secret}' }`)}` }),
  "JSON in a form as a text, its blanks as plus signs": (name, secret) =>
    event({ sent: `a=1&data=${enc(`{"a": 1, "${name}": "${secret}"}`).replaceAll("%20", "+")}` }),
  "lines whose breaks are written as such": (name, secret) =>
    event({ shown: `{ head: 'GET / HTTP/1.1\\r\\n${name}: ${secret}\\r\\n' }` }),
  "a multipart form": (name, secret) =>
    buildRecord(
      requestEvent({
        requestHeaders: ["Content-Type", "multipart/form-data; boundary=xx"],
        requestBody: bodyOfBytes(
          `--xx\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${secret}\r\n--xx--\r\n`,
        ),
      }),
      STAMP,
    ),
  "a multipart form as a text": (name, secret) =>
    event({ sent: `--xx\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${secret}\r\n--xx--\r\n` }),
  "a connection string": (name, secret) => event({ dsn: `Server=db;User=sa;${name}=${secret};Timeout=5` }),
  "environment lines": (name, secret) => event({ env: `HOME=/root\n${name}=${secret}\nTERM=xterm` }),
  "a YAML text": (name, secret) => event({ file: `db:\n  user: sa\n  ${name}: ${secret}\n  port: 1\n` }),
  "parameters of a statement": (name, secret) =>
    event({ query: `UPDATE users SET ${columnOf(name)} = $1 WHERE id = $2`, parameters: [secret, 4] }),
  "literals of a statement": (name, secret) =>
    event({ failed: `INSERT INTO users (id, ${columnOf(name)}) VALUES ('1', '${secret}')` }),
  "a statement in an error": (name, secret) =>
    buildRecord(
      requestEvent({
        error: new Error(`syntax error: UPDATE users SET ${columnOf(name)} = '${secret}' WHERE 1`),
      }),
      STAMP,
    ),
  "a violated unique key of PostgreSQL": (name, secret) =>
    buildRecord(
      requestEvent({ error: new Error(`Key (${columnOf(name)})=(${secret}) already exists.`) }),
      STAMP,
    ),
  "a violated unique key of MySQL": (name, secret) =>
    buildRecord(
      requestEvent({ error: new Error(`Duplicate entry '${secret}' for key 'users.${columnOf(name)}'`) }),
      STAMP,
    ),
  "a parameter of the route": (name, secret) =>
    buildRecord(
      requestEvent({ url: `/api/reset/${enc(secret)}/now`, route: `/reset/:${columnOf(name)}/now` }),
      STAMP,
    ),
  "an echo in an error": (name, secret) =>
    buildRecord(
      requestEvent({
        requestBody: bodyOfBytes(JSON.stringify({ [name]: secret })),
        error: new Error(`"${secret}" is not allowed here`),
      }),
      STAMP,
    ),
  "an echo in a path": (name, secret) =>
    buildRecord(
      requestEvent({
        url: `/check/${enc(secret)}`,
        route: null,
        responseBody: bodyOfBytes(`{"${name}":"${secret}"}`),
      }),
      STAMP,
    ),
};

const columnOf = (name: string): string => name.replaceAll("-", "_");

/** One name for each place in turn, spelled in the ways that people spell them. */
export const SECRET_NAMES: readonly string[] = `
  password Password PASSWORD passwd pwd passphrase newPassword old_password secret clientSecret
  client_secret Client-Secret token accessToken ACCESS_TOKEN refresh_token id_token apiKey api_key
  api-key X-Api-Key x-auth-token privateKey otp ssn cvv pin card_number sessionId csrf_token jwt
  secretAccessKey
`
  .trim()
  .split(/\s+/u);

/** Values that tell by themselves what they are, in a text that names nothing. */
export const SECRET_VALUES: readonly string[] = [
  "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiIsIm5hbWUiOiJBIn0.dBjftJeZ4CVPmB92K27uhbUJU1p1r_wW1gFWFOEjXk",
  "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEAx\nabc123\n-----END RSA PRIVATE KEY-----",
  "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA",
  "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----",
  "AKIAIOSFODNN7EXAMPLE",
  "ASIAIOSFODNN7EXAMPL2",
  "AIzaSyA1234567890abcdefghijklmnopqrstuv",
  "ya29.a0AfH6SMBx1234567890abcdefghij",
  "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
  "github_pat_11ABCDEFG0abcdefghijklmnopqrstuvwxyz",
  "glpat-abcdefghij1234567890",
  "xoxb-123456789012-abcdefghijkl",
  "sk_live_abcdefghijklmnopqrstuvwx",
  "rk_test_abcdefghijklmnopqrstuvwx",
  "whsec_live_abcdefghijklmnopqrst",
  "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789",
  "SG.abcdefghijklmnopqrstuv.abcdefghijklmnopqrstuvwxyz0123456789",
  "npm_abcdefghijklmnopqrstuvwxyz0123456789",
  "shpat_0123456789abcdef0123456789abcdef",
  "hf_abcdefghijklmnopqrstuvwxyz012345",
];

/** Places for those. */
export const UNNAMED_PLACES: Readonly<Record<string, Place>> = {
  "a field of no meaning": (_, secret) => event({ note: secret }),
  prose: (_, secret) => event({ note: `use ${secret} for this, says Ana` }),
  "an item of a list": (_, secret) => asked({ lines: ["a", secret] }),
  "the name of a field": (_, secret) => event({ map: new Map([[secret, 1]]) }),
  "an error": (_, secret) => buildRecord(requestEvent({ error: new Error(`rejected: ${secret}`) }), STAMP),
  "a positional argument": (_, secret) => buildRecord(methodCallEvent({ arguments: ["ana", secret] }), STAMP),
  "a path": (_, secret) => buildRecord(requestEvent({ url: `/verify/${enc(secret)}` }), STAMP),
};

/** Credentials in HTTP's own forms: header, and what of it must be gone. */
export const HEADERS: readonly (readonly [string, string, readonly string[]])[] = [
  ["Authorization", "Bearer mF_9.B5f-4.1JqM", ["mF_9.B5f-4.1JqM"]],
  ["authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", ["QWxhZGRpbjpvcGVuIHNlc2FtZQ=="]],
  [
    "AUTHORIZATION",
    'Digest username="ana", response="6629fae49393a05397450978507c4ef1"',
    ["6629fae49393", "ana"],
  ],
  [
    "Authorization",
    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/2015, Signature=5d672d79c15b13162d",
    ["5d672d79c15b"],
  ],
  ["Authorization", "my-own-form-of-secret", ["my-own-form-of-secret"]],
  ["Proxy-Authorization", "Basic cHJveHk6c2VjcmV0", ["cHJveHk6c2VjcmV0"]],
  ["Cookie", "sid=s%3AabcDEF123456; theme=dark-blue", ["abcDEF123456", "dark-blue"]],
  ["Cookie", "only-a-value-1", ["only-a-value-1"]],
  ["Set-Cookie", "sid=s%3Axyz987654; Path=/; HttpOnly; SameSite=Lax", ["xyz987654"]],
  [
    "Set-Cookie",
    "a=1111111; Expires=Wed, 21 Oct 2026 07:28:00 GMT, sid=s%3Apqr135791; HttpOnly, b=stu246802; Path=/, c=vwx975310",
    ["1111111", "pqr135791", "stu246802", "vwx975310"],
  ],
];

/** URLs and what of them must be gone. */
export const URLS: readonly (readonly [string, string])[] = [
  ["https://ana:s3cr3t-1@a.example/x", "s3cr3t-1"],
  ["postgres://app:p%40ss-2@db:5432/main", "p%40ss-2"],
  ["mongodb+srv://app:p@ss-3@cluster0.example/db", "p@ss-3"],
  ["redis://:only-password-4@cache:6379", "only-password-4"],
  ["mysql://app:p#ss/7?x@db:3306/main", "p#ss/7?x"],
  ["sftp://lab:pw-5555@sftp.example/in", "pw-5555"],
  ["https://0123456789abcdef0123456789abcdef@git.example/r.git", "0123456789abcdef0123456789abcdef"],
];

/** Secrets as people and machines make them; all different, so that one found is known. */
export function secretNumber(index: number): string {
  const forms = [
    `hunter-${index}-Two!`,
    `${(index * 2654435761) % 2 ** 32}`.padStart(10, "7"),
    `Tr0ub4dor${index}&3`,
    `correct-horse-${index}-battery`,
    Buffer.from(`secret ${index} number`).toString("base64url"),
    `pässwörd-${index}-ä`,
    `${index}aZ9`.repeat(12),
  ];
  return forms[index % forms.length]!;
}

/** A secret, and how a record is made that has it. */
export interface Secret {
  readonly title: string;
  readonly place: Place;
  readonly name: string;
  readonly value: string;
}

/**
 * Every place, with a quarter of the names, not the same for its neighbours, or with every value that tells by itself
 * what it is; no named secret comes twice.
 */
export function secretsInPlaces(): Secret[] {
  const named = Object.entries(NAMED_PLACES).flatMap(([title, place], at) =>
    SECRET_NAMES.filter((_, index) => index % 4 === at % 4).map((name): Omit<Secret, "value"> => ({
      title,
      place,
      name,
    })),
  );
  const unnamed = Object.entries(UNNAMED_PLACES).flatMap(([title, place]) =>
    SECRET_VALUES.map((value): Secret => ({ title, place, name: "note", value })),
  );
  return [...named.map((secret, index) => ({ ...secret, value: secretNumber(index) })), ...unnamed];
}
