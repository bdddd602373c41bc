/**
 * What the formats ask of the events that we write, as JSON Schema, written from their specifications:
 * OCSF 1.5.0 (schema.ocsf.io), ECS 8.17, CloudEvents 1.0.2. Closed: a field that they do not have fails.
 *
 * @module
 */
type Schema = Record<string, unknown>;

const text = { type: "string", minLength: 1 };
const anyText = { type: "string" };
const integer = { type: "integer" };
const any = {};
const texts = { type: "array", items: anyText };

function closed(properties: Schema, required: readonly string[], more: Schema = {}): Schema {
  return { type: "object", properties, required, additionalProperties: false, ...more };
}

/** An object with at least one of its fields, as OCSF's `at_least_one`. */
function some(properties: Schema, oneOf: readonly string[]): Schema {
  return closed(properties, [], { anyOf: oneOf.map((name) => ({ required: [name] })) });
}

const user = some({ uid: text, name: text, email_addr: text }, ["uid", "name"]);
const product = closed({ name: text, vendor_name: text }, ["name", "vendor_name"]);
const endpoint = some({ ip: text, name: text, hostname: text, svc_name: text, port: integer }, [
  "ip",
  "name",
  "hostname",
  "svc_name",
]);
const entity = some({ uid: text, name: text, type: text, data: { type: "object" } }, ["uid", "name"]);
const service = some({ name: text, uid: text }, ["name", "uid"]);

function ocsfClass(
  uid: number,
  category: number,
  activities: readonly number[],
  own: Schema,
  required: string[],
): Schema {
  const base: Schema = {
    time: integer,
    class_uid: { const: uid },
    class_name: text,
    category_uid: { const: category },
    category_name: text,
    activity_id: { enum: [...activities, 99] },
    activity_name: text,
    type_uid: { enum: [...activities, 99].map((activity) => uid * 100 + activity) },
    type_name: text,
    severity_id: { enum: [0, 1, 2, 3, 4, 5, 6, 99] },
    severity: { enum: ["Informational", "Low", "Medium"] },
    status_id: { enum: [0, 1, 2, 99] },
    status: text,
    status_detail: text,
    message: anyText,
    duration: integer,
    start_time: integer,
    end_time: integer,
    metadata: closed(
      {
        version: { const: "1.5.0" },
        product,
        uid: text,
        event_code: text,
        log_name: text,
        log_level: text,
        original_time: text,
        correlation_uid: text,
        sequence: integer,
      },
      ["version", "product"],
    ),
    unmapped: { type: "object" },
  };
  const always = ["time", "class_uid", "category_uid", "activity_id", "type_uid", "severity_id", "metadata"];
  return closed({ ...base, ...own }, [...always, ...required]);
}

const actor = some({ user, app_name: text }, ["user", "app_name"]);

export const ocsf: Schema = {
  oneOf: [
    ocsfClass(0, 0, [], {}, []),
    ocsfClass(3002, 3, [1, 2], { user, service }, ["user", "service"]),
    ocsfClass(3004, 3, [1, 2, 3, 4], { actor, entity, entity_result: entity }, ["entity"]),
    ocsfClass(6002, 6, [3, 4], { app: product }, ["app"]),
    ocsfClass(
      6003,
      6,
      [1, 2, 3, 4],
      {
        actor,
        api: closed(
          {
            operation: text,
            service,
            request: closed({ uid: text }, ["uid"]),
            response: closed({ code: integer, error_message: text }, []),
          },
          ["operation"],
        ),
        src_endpoint: endpoint,
        dst_endpoint: endpoint,
        http_request: closed(
          {
            http_method: text,
            user_agent: text,
            url: some({ url_string: text, scheme: text, hostname: text, path: anyText }, [
              "url_string",
              "path",
            ]),
          },
          [],
        ),
        http_response: closed({ code: integer }, ["code"]),
      },
      ["actor", "api", "src_endpoint"],
    ),
  ],
};

const CATEGORIES = ["authentication", "configuration", "database", "network", "process", "web"];
const TYPES = ["access", "change", "connection", "end", "error", "info", "start"];

export const ecs: Schema = closed(
  {
    "@timestamp": { type: "string", format: "date-time" },
    ecs: closed({ version: { const: "8.17.0" } }, ["version"]),
    message: anyText,
    log: closed({ level: text, logger: text }, []),
    event: closed(
      {
        id: text,
        kind: { const: "event" },
        category: { type: "array", items: { enum: CATEGORIES } },
        type: { type: "array", items: { enum: TYPES } },
        action: text,
        outcome: { enum: ["success", "failure", "unknown"] },
        module: text,
        dataset: text,
        duration: { type: "integer", minimum: 0 },
        sequence: integer,
      },
      ["kind", "type", "outcome"],
    ),
    service: closed({ name: text }, []),
    user: closed({ id: text, name: text, email: text, roles: texts }, []),
    trace: closed({ id: text }, []),
    span: closed({ id: text }, []),
    error: closed({ message: text, stack_trace: text }, []),
    http: closed(
      {
        request: closed({ id: text, method: text }, []),
        response: closed({ status_code: integer }, []),
      },
      [],
    ),
    url: closed({ original: text, scheme: text, domain: text, port: integer, path: anyText }, []),
    client: closed({ ip: text }, []),
    source: closed({ ip: text }, []),
    user_agent: closed({ original: text }, []),
    network: closed({ protocol: text }, []),
    // Not ECS's: the custom fields, under one name that is ours.
    activity_audit: { type: "object" },
  },
  ["@timestamp", "ecs", "event"],
);

export const cloudevents: Schema = closed(
  {
    specversion: { const: "1.0" },
    id: text,
    source: { type: "string", format: "uri-reference", minLength: 1 },
    type: text,
    time: { type: "string", format: "date-time" },
    subject: text,
    datacontenttype: { const: "application/json" },
    traceparent: { type: "string", pattern: "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$" },
    data: any,
  },
  ["specversion", "id", "source", "type"],
);
