/**
 * Fields that have been redacted by careless libraries, and hold no secret: names that have a secret's name in
 * them, and texts that have one among their words.
 *
 * @module
 */

/** Written as they are, under the names that they have. */
export const HARMLESS_FIELDS: Readonly<Record<string, unknown>> = {
  ...texts(`
    author authority authorized authorship authenticated auth_method auth_type authors coauthor oauth_provider
    authorization_status authorized_at authored_by unauthorized_count pin_count pinned pinning pinpoint spinning
    opinion shipping pinterest_url pincode pin_code_area mapping typing topping tokens token_count tokens_used
    token_type token_expires_at tokenizer tokenized max_tokens prompt_tokens total_tokens token_symbol
    password_changed_at password_expires_at password_policy password_strength has_password passwordless
    password_reset_requested_at password_length password_required secretary secretariat secret_santa secret_name
    secret_count secretion key keys keyboard keyword keywords monkey turkey hockey primary_key foreign_key
    key_name public_key_fingerprint api_key_id api_key_name api_version api_calls access_level access_count accessible
    access_key_name cookie_consent cookie_policy cookies_accepted cookbook session_count session_length
    session_started_at sessions sessional card cards card_type card_brand card_last4 card_expiry card_holder
    discard scorecard cardiology cardinality postcard wildcard cvs cvss_score curriculum ssnapshot session
    lesson_number passenger passage passport_country compass bypass passed passes pass_rate encompass surpassed
    target budget widget charge merge forget gadget certificate certified certificate_name signature_date signed_at
    signature_required signal signing_date credit credits credit_limit credit_score accreditation
    debit_total refresh_rate refresh_interval last_refresh_at id_type identity bearer_name forbearance
    hash hash_algorithm checksum sha256 digest fingerprint etag nonce salted_snack salt_level verification_status
    verified verification_method confirmation_number activation_date activated invitation_sent remember
    remembered device device_type push_enabled user username user_name user_agent user_id client client_id client_name
    customer_code security security_level security_group social social_worker private private_notes
    master mastery license license_plate licensed subscription subscription_id subscription_plan account account_number_type
    storage storage_class connection connection_name connection_type string_value seed seeds seed_count phrase
    answer answers question otp_enabled otp_sent_at mfa_enabled two_factor_enabled totp_enabled recovery recovery_rate
    backup backup_size code codes code_name country_code zip_code postal_code error_code status_code
    description title subject summary name label value_added parameter_count
  `),
  pin: null,
  token: null,
  password: "",
  secret: false,
  otp: true,
  api_key: undefined,
};

/** Written as they are, as a note, a message and a line of a log. */
export const HARMLESS_TEXTS: readonly string[] = [
  "Password: must be longer than eight characters",
  "Your password: too short",
  "The password is required, the token: missing",
  "Unexpected token < in JSON at position 0",
  "invalid token",
  "Please update your password. It's been a while, hasn't it?",
  "select a password, then press 'next'",
  "Basic authentication is required",
  "Bearer authentication failed",
  "the bearer of this letter",
  "a basic understanding of authorization",
  "meeting at 15:25, room 4",
  "2025-05-19T15:25:27.836Z",
  "2025-05-19 15:25:27.836",
  "Mon, 19 May 2025 15:25:27 GMT",
  "https://a.example/path/to?page=2&sort=name#top",
  "https://a.example:8080/@ana/posts",
  "http://[::1]:3000/@ana/posts?to=bo@a.example",
  "mongodb://a.example:27017,b.example:27017/clinic?contact=ana@a.example",
  "http://a.example:3000?contact=ana@a.example",
  '{"list":[{"token":null,"note":"\\"a\\": b"}],"pin":false}',
  "<secret><![CDATA[]]></secret><note><![CDATA[a < b]]></note>",
  "lines[0]: 12, names[1]=Ana",
  "sftp://lab@sftp.example/in",
  "ssh://git@git.example/r.git",
  "mailto:ana@a.example?subject=hello",
  "ratio 3:4, a=b, c == d",
  "x => x.y",
  '{"author":"Ana","tokens_used":12,"pin":null}',
  '[{"name":"target","value":"north"}]',
  "<p>Hello <b>Ana</b></p>",
  "<author>Ana</author><secretary>Bo</secretary>",
  "SELECT id, name FROM patients WHERE ward = 'north'",
  "UPDATE patients SET ward = 'north' WHERE id = $1",
  "UPDATE users SET password = $1 WHERE id = $2",
  "Duplicate entry 'ana@a.example' for key 'users.email'",
  "Key (email)=(ana@a.example) already exists.",
  "name=Ana&city=Bern&page=2",
  "page%3D2%26sort%3Dname",
  "C:\\Users\\ana\\file.txt",
  "key: value",
  "monkey=banana; turkey=gobble",
  "author: Ana Bär 42",
  "task-force-for-the-risk-assessment-of-disk-failures-2026",
  "4111-1111 is how the number begins",
  "order 4111111111111112 of customer 378282246310006",
  "id 550e8400-e29b-41d4-a716-446655440000",
  "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
  "eye examination at 9",
  "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
  "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
  "npm_config_cache=/tmp/npm",
  "xoxo, Ana",
  "It's 5 o'clock: the pinning of the opinion",
  "cookie recipe: flour, sugar",
  "10% off: code WELCOME",
];

/** Our own identifiers that are named after secrets. */
export const HARMLESS_NAMES: readonly string[] = [
  "Token",
  "PasswordReset",
  "password_reset_tokens",
  "api_key",
  "secrets",
  "/reset/:id/token",
  "/oauth/token",
  "TokenController.create",
];

/** Each word is a field's name; its value says so. */
function texts(names: string): Record<string, string> {
  return Object.fromEntries(
    names
      .trim()
      .split(/\s+/u)
      .map((name, index) => [name, `value ${index}`]),
  );
}
