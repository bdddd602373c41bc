/**
 * What the compiler must accept and refuse; compiled in both decorator syntaxes and never run.
 *
 * A line under `@ts-expect-error` that compiles is an error itself. `IsAny` guards against types that accept all.
 */
import {
  AuditEntity,
  AuditIgnore,
  AuditMask,
  AuditRoute,
  ExternalService,
  NoAudit,
  audit,
  type AuditEntityOptions,
  type AuditRecord,
} from "activity-audit";

type IsAny<T> = 0 extends 1 & T ? true : false;
type False<T extends false> = T;
type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
type True<T extends true> = T;

class Patient {
  name = "";
  phone = "";
  age = 0;
  greet(): string {
    return this.name;
  }
}

// Field names are the entity's own properties that are not methods.
type Fields = NonNullable<AuditEntityOptions<Patient>["mask"]>[number];
export type _fields = True<Equal<Fields, "name" | "phone" | "age">>;
export type _row = False<IsAny<Parameters<NonNullable<AuditEntityOptions<Patient>["label"]>>[0]>>;

AuditEntity<Patient>({ mask: ["phone"], exclude: ["age"], label: (patient) => patient.name });
// @ts-expect-error no such field
AuditEntity<Patient>({ mask: ["fone"] });
// @ts-expect-error a method is no field
AuditEntity<Patient>({ exclude: ["greet"] });
// @ts-expect-error a label is a text
AuditEntity<Patient>({ label: (patient) => patient.age });
// @ts-expect-error no such option
AuditEntity<Patient>({ masks: ["phone"] });

@AuditEntity<Right>({ mask: ["field"] })
export class Right {
  @AuditIgnore() field = 1;
  @AuditMask() other = "";

  @AuditRoute({ action: "a.b" })
  @NoAudit()
  async handle(_request: { id: string }): Promise<number> {
    return 1;
  }

  @AuditRoute()
  static handle(): void {}
}

// @ts-expect-error the options are another entity's
@AuditEntity<Patient>({ mask: ["phone"] })
export class Wrong {
  field = 1;

  // @ts-expect-error a class decorator on a field
  @ExternalService("x") service = 1;

  // @ts-expect-error no such option
  @AuditRoute({ actions: "a.b" })
  handle(): void {}
}

// @ts-expect-error a service has a name
ExternalService(1);

// One symbol: a decorator and a base class.
@ExternalService("apollo")
export class Apollo extends ExternalService {
  async token(): Promise<string> {
    const answer = await this.http.get<{ token: string }>("https://apollo.example");
    return answer.data.token;
  }
}
// @ts-expect-error the client is the class's own business
export const http = (apollo: Apollo) => apollo.http;

// What runs in a context returns what it returns.
export type _run = True<Equal<ReturnType<typeof runs>, Promise<number>>>;
function runs() {
  return audit.run({ actor: { id: 1 } }, async () => 1);
}

// Records are told apart by their name.
export function describeRecord(record: AuditRecord): string {
  switch (record.name) {
    case "audit.crud":
      return record.model;
    case "audit.request":
      return record.request_type === "internal" ? record.request_repr.method : record.protocol;
    case "audit.login":
      // @ts-expect-error a login has no model
      return record.model;
    case "audit.trail":
      return record.event_type;
    case "audit.event":
      return record.action;
  }
}
