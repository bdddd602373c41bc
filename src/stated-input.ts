/**
 * What the application's own records must say, so that none of them is false or nameless: a login that does not say
 * whether it succeeded would read as a refused one. Types hold this too, but not for JavaScript, nor for what was
 * parsed from somewhere.
 *
 * @module
 */
import * as v from "valibot";
import { checked } from "./check.js";
import type { CustomInput, LoginInput } from "./record/stated.js";

const OUTCOMES = ["success", "failure", "denied", "aborted", "unknown"] as const;

const outcome = v.optional(v.picklist(OUTCOMES, `one of ${OUTCOMES.join(", ")}`));
const extra = v.optional(v.record(v.string(), v.unknown(), "an object"));
const name = (message: string) => v.pipe(v.string(message), v.nonEmpty(message));

const loginSchema = v.looseObject({
  event: name("a word, such as login"),
  success: v.boolean("true or false"),
  outcome,
  extra,
});

const customSchema = v.looseObject({
  action: name("a name, such as report.export"),
  target: v.nullish(
    v.looseObject({
      type: name("the kind of thing"),
      id: v.union([v.string(), v.number()], "a text or a number"),
    }),
  ),
  message: v.optional(v.string("a text")),
  outcome,
  extra,
});

/** @throws {AuditError} `AUDIT_OPTION_INVALID` */
export function loginInput(input: unknown): LoginInput {
  return checked("audit.login", loginSchema, input) as LoginInput;
}

/** @throws {AuditError} `AUDIT_OPTION_INVALID` */
export function customInput(input: unknown): CustomInput {
  return checked("audit.record", customSchema, input) as CustomInput;
}
