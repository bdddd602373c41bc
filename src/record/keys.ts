/**
 * Which field names hold secrets, and what is done with each.
 *
 * Names are compared whole, never in part: `token` hides `token`, not `tokens_used`, and `author` is no `auth`.
 * Case and separators do not count, so that `apiKey`, `api_key` and `X-API-Key` need one entry each at most.
 *
 * @module
 */
import { MAX_KEY } from "./limits.js";
import type { SecretForms } from "./patterns.js";

/** What is done with the value of a field. The words of users' come first. */
export type KeyAction =
  | "keep"
  | "redact"
  | "mask"
  | "pseudonymise"
  | "authorization"
  | "cookie"
  | "value"
  | "parameters"
  | "pairs"
  | "public"
  | "unusual";

/** Hidden unless a policy says `keep`. `docs/redaction.md` shows this list; a spec holds the two equal. */
export const DEFAULT_KEYS: readonly string[] = Object.freeze(
  [
    "authorization, proxy-authorization, x-forwarded-authorization, cookie, set-cookie, cookies",
    "password, passwd, pwd, passphrase, passcode, pass, password_hash, hashed_password, password_salt",
    "password_confirmation, password_confirm, confirm_password, repeat_password, password_repeat",
    "new_password, old_password, current_password, user_password, admin_password, root_password, db_password",
    "database_password, one_time_password, plain_password, encrypted_password, temporary_password",
    "secret, secrets, secret_key, client_secret, app_secret, api_secret, api_key_secret, consumer_secret",
    "shared_secret, webhook_secret, signing_secret, jwt_secret, session_secret, cookie_secret, totp_secret",
    "mfa_secret, two_factor_secret, secret_access_key, aws_secret_access_key, token_secret",
    "token, access_token, refresh_token, id_token, auth_token, bearer_token, bearer, api_token, session_token",
    "aws_session_token, csrf_token, xsrf_token, x-csrf-token, x-xsrf-token, _csrf, reset_token",
    "reset_password_token, password_reset_token, verification_token, confirmation_token, activation_token",
    "invitation_token, remember_token, device_token, push_token, user_token, security_token, oauth_token",
    "login_token, personal_access_token, private_token, jwt, jwt_token, x-auth-token, x-access-token",
    "x-vault-token, x-amz-security-token, x-gitlab-token, x-shopify-access-token, x-session-token",
    "api_key, x-api-key, access_key, secret_api_key, x-goog-api-key, x-rapidapi-key, x-functions-key",
    "x-auth-key, subscription_key, ocp-apim-subscription-key, account_key, storage_key, service_role_key",
    "private_key, ssh_key, ssh_private_key, rsa_private_key, signing_key, encryption_key, decryption_key",
    "master_key, license_key",
    "session_id, sessid, connect.sid, PHPSESSID, JSESSIONID, x-session-id",
    "x-amz-signature, x-amz-credential, x-goog-signature, sig, client_assertion, code_verifier",
    "saml_response, saml_assertion",
    "card_number, credit_card, credit_card_number, cc_number, debit_card_number, cvv, cvc, cvv2, cvc2",
    "card_cvv, card_cvc, security_code, card_security_code, card_pin",
    "ssn, social_security_number, pin, pin_number, otp, otp_code, totp, mfa_code, mfa_token, two_factor_code",
    "one_time_code, recovery_code, recovery_codes, backup_codes, verification_code, seed_phrase",
    "security_answer, secret_answer, connection_string",
  ].flatMap((line) => line.split(", ")),
);

/** Names whose value is not hidden whole: what is public in it stays. */
const SHAPES: ReadonlyMap<string, KeyAction> = new Map<string, KeyAction>([
  ["authorization", "authorization"],
  ["proxyauthorization", "authorization"],
  ["xforwardedauthorization", "authorization"],
  ["cookie", "cookie"],
  ["cookies", "cookie"],
  ["setcookie", "cookie"],
]);

/** Names that say nothing themselves, but beside another field may hold a secret. */
const NEIGHBOURS: ReadonlyMap<string, KeyAction> = new Map<string, KeyAction>([
  ["value", "value"],
  ["parameters", "parameters"],
  ["params", "parameters"],
  ["values", "parameters"],
  ["bindings", "parameters"],
  ["rawHeaders", "pairs"],
]);

/** Headers that say how a message is made. None of them is a place for a secret, and every request has some. */
const PUBLIC: ReadonlySet<string> = new Set(
  [
    "accept, accept-encoding, accept-language, accept-ranges, cache-control, content-encoding, content-language",
    "content-length, content-type, date, etag, if-modified-since, if-none-match, keep-alive, last-modified",
    "transfer-encoding, user-agent, vary, x-powered-by, x-request-id, x-response-time, sec-fetch-dest",
    "sec-fetch-mode, sec-fetch-site, sec-fetch-user, sec-ch-ua, sec-ch-ua-mobile, sec-ch-ua-platform",
    "upgrade-insecure-requests",
  ].flatMap((line) => line.split(", ")),
);

/** Application data can bring any number of names; beyond this many the cache starts anew. */
const MAX_CACHED = 4096;

export interface KeyRules {
  readonly redact?: readonly string[];
  readonly mask?: readonly string[];
  readonly pseudonymise?: readonly string[];
  readonly keep?: readonly string[];
}

/** Tells what is done with a field by its name. */
export class KeyTable {
  private readonly rules = new Map<string, KeyAction>();
  /** By the name as it is written, so that a record's usual names are never normalised twice. */
  private known = newTable();
  private learned = 0;
  private readonly routes = new Map<string, boolean>();

  constructor(
    rules: KeyRules,
    private readonly forms: SecretForms,
  ) {
    for (const name of DEFAULT_KEYS) this.rules.set(normalName(name), "redact");
    for (const [name, action] of SHAPES) this.rules.set(name, action);
    for (const action of ["redact", "mask", "pseudonymise"] as const) {
      for (const name of rules[action] ?? []) this.rules.set(normalName(name), action);
    }
    for (const name of rules.keep ?? []) this.rules.delete(normalName(name));
  }

  /** The normal names of all fields that are not simply kept. */
  names(): string[] {
    const neighbours = [...NEIGHBOURS.keys(), "name"].map(normalName);
    return [...this.rules.keys(), ...neighbours];
  }

  actionOf(name: string): KeyAction {
    return this.known[name] ?? this.learn(name);
  }

  /** Whether the pattern of a route, `/reset/:token`, has a parameter that is hidden. */
  hidesPartOf(route: string): boolean {
    const known = this.routes.get(route);
    if (known !== undefined) return known;
    const hidden = [...route.matchAll(/[:{](\w+)/gu)].some(([, name]) => hides(this.actionOf(name!)));
    if (this.routes.size >= MAX_CACHED) this.routes.clear();
    this.routes.set(route, hidden);
    return hidden;
  }

  private learn(name: string): KeyAction {
    if (name.length > MAX_KEY) return "unusual";
    const action =
      this.rules.get(normalName(name)) ??
      this.lastPart(name) ??
      NEIGHBOURS.get(name) ??
      (PUBLIC.has(name) ? "public" : this.forms.mayBeIn(name) ? "unusual" : "keep");
    if (this.learned >= MAX_CACHED) {
      this.known = newTable();
      this.learned = 0;
    }
    this.known[name] = action;
    this.learned += 1;
    return action;
  }

  /** `user[password]` and `user.password` name a field `password`, and `password[0]` an item of it. */
  private lastPart(name: string): KeyAction | undefined {
    if (!/[.[:]/u.test(name)) return undefined;
    const last = name.split(/[.[\]:]+/u).findLast((part) => !/^\d*$/u.test(part));
    return last === undefined ? undefined : this.rules.get(normalName(last));
  }
}

/** Whether the field's value is to be hidden in some way. */
export function hides(action: KeyAction): boolean {
  return HIDING.has(action);
}

const HIDING: ReadonlySet<KeyAction> = new Set(["redact", "mask", "pseudonymise", "authorization", "cookie"]);

/** Faster than a Map for names that are keys of objects already; it has no prototype to be mistaken for them. */
function newTable(): Record<string, KeyAction | undefined> {
  return Object.create(null) as Record<string, KeyAction | undefined>;
}

export function normalName(name: string): string {
  return (
    name
      .slice(0, 128)
      .normalize("NFKC")
      .toLowerCase()
      // What nobody sees is no part of a name: a zero-width space, a soft hyphen.
      .replaceAll(/[\s_.\-\p{Cf}]/gu, "")
  );
}
