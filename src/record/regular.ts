/**
 * A bounded plain copy of a record that is not plain, or too large: what cannot be written is said instead.
 *
 * @module
 */
import { types } from "node:util";
import { IDENTIFIERS, TEXTS } from "./fields.js";
import { MAX_IDENTIFIER, type Limits } from "./limits.js";
import { clipName, clipText } from "./markers.js";
import { type Fields, isObject, put, words } from "./plain.js";
import { snapshot } from "./snapshot.js";

/** The parts of a request, whose own fields are ours. */
const PARTS: ReadonlySet<string> = new Set(["request_repr", "response_repr"]);
const PART_TEXTS: ReadonlySet<string> = words(`
  method path endpoint client_ip host operation remote_path filename class message sha256
`);

/** Fields that each have a share of the limits, so that a huge request leaves room for its response. */
const FOREIGN: ReadonlySet<string> = words(`
  user extra instance_repr changed_fields details target instance_ids arguments query_params
  headers body result
`);

const MAX_TEXT = 16_384;

/** A record whose own texts are cut where they are too long, and whose other values are snapshots. */
export function regularFields(record: object, limits: Limits): Fields {
  return regular(record, TEXTS, { ...limits, total: Math.floor(limits.total / 4) });
}

function regular(source: object, texts: ReadonlySet<string>, limits: Limits): Fields {
  const copy: Fields = {};
  const rest: Fields = {};
  for (const key of Object.keys(source).slice(0, MAX_IDENTIFIER)) {
    const slot = Object.getOwnPropertyDescriptor(source, key);
    if (slot === undefined) continue;
    const value: unknown = "value" in slot ? slot.value : { $getter: true };
    if (typeof value === "string" && (texts.has(key) || IDENTIFIERS.has(key))) {
      copy[key] = clipText(value, Math.min(texts.has(key) ? MAX_TEXT : MAX_IDENTIFIER, limits.string));
    } else if (PARTS.has(key) && isObject(value) && !types.isProxy(value)) {
      copy[key] = regular(value, PART_TEXTS, { ...limits, total: Math.floor(limits.total / 2) });
    } else if (FOREIGN.has(key)) {
      copy[key] = snapshot(value, limits);
    } else {
      // Keeps the field's place; filled in below, since all that we have no name for shares one bound.
      put(copy, clipName(key), undefined);
      put(rest, clipName(key), value);
    }
  }
  const others = snapshot(rest, limits) as Fields;
  for (const key of Object.keys(others)) put(copy, key, others[key]);
  return copy;
}
