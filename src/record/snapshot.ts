/**
 * A plain, bounded copy of any value, made at the moment the value passes.
 *
 * The application may change its objects later, and an audit must not run the application's code to look at
 * them: no getter is called, no Proxy entered, no iterator of the application's started. The one exception is
 * `toJSON`, which exists to be called by those who write JSON; a `toJSON` that throws is passed over.
 *
 * @module
 */
import { types } from "node:util";
import { LIMITS, VALUE_COST, type Limits } from "./limits.js";
import { binary, clipped, clipName } from "./markers.js";
import { type Fields, put } from "./plain.js";

/**
 * Copies `value` into plain JSON data: objects, arrays, strings, finite numbers, booleans and `null`.
 *
 * What JSON has no form for is said in a marker: `{"$binary": bytes}`, `{"$stream": true}`, `{"$clipped": …}`,
 * `{"$circular": true}`, `{"$getter": true}`, `{"$proxy": true}`, `{"$function": name}`. A `bigint`, a symbol
 * and a number that is not finite become text; a Map an object; a Set an array; an Error its name, message
 * and codes. Never throws, and takes time in proportion to `limits`, not to the value.
 *
 * @param limits - bounds of the copy; default `LIMITS` (32 levels, 1000 entries, 32768 and 262144 characters)
 * @example
 * snapshot({ at: new Date(0), file: Buffer.alloc(9) }); // { at: "1970-01-01T00:00:00.000Z", file: { $binary: 9 } }
 */
export function snapshot(value: unknown, limits: Partial<Limits> = LIMITS): unknown {
  return new Copier(limits === LIMITS ? LIMITS : { ...LIMITS, ...limits }).copy(value, 0);
}

class Copier {
  /** Objects that are being copied, from the outermost in: an object found here again is a cycle. */
  private readonly ancestors: object[] = [];
  private left: number;

  constructor(private readonly limits: Limits) {
    this.left = limits.total;
  }

  copy(value: unknown, depth: number): unknown {
    this.left -= VALUE_COST;
    switch (typeof value) {
      case "string":
        return this.text(value);
      case "number":
        return Number.isFinite(value) ? value : String(value);
      case "object":
        return value === null ? null : this.object(value, depth);
      case "bigint":
        return this.text(value.toString());
      case "symbol":
        return this.text(value.toString());
      case "function":
        return { $function: functionName(value) };
      default:
        return value;
    }
  }

  private text(text: string): unknown {
    if (text.length > this.limits.string || text.length > this.left) return clipped("string", text.length);
    this.left -= text.length;
    return text;
  }

  private object(value: object, depth: number): unknown {
    // First of all, because a revoked Proxy throws at every other question.
    if (types.isProxy(value)) return { $proxy: true };
    if (this.ancestors.includes(value)) return { $circular: true };
    if (depth >= this.limits.depth || this.left <= 0) return outOfReach(value);
    this.ancestors.push(value);
    try {
      if (Array.isArray(value)) return this.list(value, value.length, depth);
      const prototype: unknown = Object.getPrototypeOf(value);
      if (prototype === Object.prototype || prototype === null) return this.fields(value, depth);
      return this.instance(value, depth);
    } catch {
      // Only code of the application's can throw here: a patched prototype, an exotic object.
      return { $unreadable: true };
    } finally {
      this.ancestors.pop();
    }
  }

  private list(items: ArrayLike<unknown>, length: number, depth: number): unknown[] {
    const copy: unknown[] = [];
    for (let index = 0; index < length; index += 1) {
      if (index >= this.limits.entries || this.left <= 0) {
        copy.push(clipped("array", length));
        break;
      }
      const slot = Object.getOwnPropertyDescriptor(items, index);
      copy.push(slot === undefined ? null : (this.slot(slot, depth) ?? null));
    }
    return copy;
  }

  private fields(source: object, depth: number): Fields {
    const keys = Object.keys(source);
    const copy: Fields = {};
    let count = 0;
    for (const key of keys) {
      if (count >= this.limits.entries || this.left <= 0) {
        this.clip(copy, keys.length);
        break;
      }
      const slot = Object.getOwnPropertyDescriptor(source, key);
      const value = slot && this.slot(slot, depth);
      // A method of an object is no data; a callback among arguments is still told, since it has no key.
      if (value === undefined || (slot && typeof slot.value === "function")) continue;
      this.add(copy, key, value);
      count += 1;
    }
    return copy;
  }

  private slot(slot: PropertyDescriptor, depth: number): unknown {
    return "value" in slot ? this.copy(slot.value, depth + 1) : { $getter: true };
  }

  private add(copy: Fields, key: string, value: unknown): void {
    const name = clipName(key);
    this.left -= name.length;
    put(copy, name, value);
  }

  private clip(copy: Fields, length: number): void {
    copy.$clipped = "object";
    copy.$length = length;
  }

  /** Values whose content is not in their own enumerable fields. */
  private instance(value: object, depth: number): unknown {
    if (types.isDate(value)) return Number.isNaN(value.getTime()) ? null : value.toISOString();
    if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)) return binary(value.byteLength);
    if (types.isMap(value)) return this.entries(Map.prototype.entries.call(value), value.size, depth);
    if (types.isSet(value)) return this.set(value, depth);
    if (isError(value)) return this.error(value, depth);
    if (types.isBoxedPrimitive(value)) return this.copy(value.valueOf(), depth);
    if (types.isRegExp(value)) return this.text(RegExp.prototype.toString.call(value));
    if (types.isPromise(value)) return { $promise: true };
    return this.webValue(value, depth) ?? this.serialised(value, depth) ?? this.fields(value, depth);
  }

  /** Values of the web platform, and streams of either kind. */
  private webValue(value: object, depth: number): unknown {
    if (value instanceof URL) return this.text(value.href);
    if (value instanceof URLSearchParams || value instanceof Headers || value instanceof FormData) {
      return this.entries(value.entries(), Number.POSITIVE_INFINITY, depth);
    }
    if (value instanceof Blob) return binary(value.size);
    if (value instanceof ReadableStream || value instanceof WritableStream) return { $stream: true };
    if (typeof (value as { pipe?: unknown }).pipe === "function") return { $stream: true };
    return undefined;
  }

  private serialised(value: object, depth: number): unknown {
    try {
      const { toJSON } = value as { toJSON?: unknown };
      if (typeof toJSON !== "function") return undefined;
      const result: unknown = toJSON.call(value, "");
      return result === value ? undefined : this.copy(result, depth + 1);
    } catch {
      return undefined;
    }
  }

  private entries(entries: Iterable<[unknown, unknown]>, size: number, depth: number): Fields {
    const copy: Fields = {};
    let count = 0;
    for (const [key, value] of entries) {
      if (count >= this.limits.entries || this.left <= 0) {
        this.clip(copy, Number.isFinite(size) ? size : count);
        break;
      }
      const name = typeof key === "object" ? JSON.stringify(this.copy(key, depth + 1)) : String(key);
      const known = Object.hasOwn(copy, name) ? copy[name] : undefined;
      const next = this.copy(value, depth + 1);
      this.add(copy, name, known === undefined ? next : [known, next].flat());
      count += 1;
    }
    return copy;
  }

  private set(value: Set<unknown>, depth: number): unknown[] {
    const items: unknown[] = [];
    for (const item of Set.prototype.values.call(value)) {
      if (items.length > this.limits.entries) break;
      items.push(item);
    }
    return this.list(items, value.size > items.length ? value.size : items.length, depth);
  }

  /** Not its stack and not its other fields: an HTTP error carries the whole request and its credentials. */
  private error(error: Error | DOMException, depth: number): Fields {
    const copy: Fields = {};
    for (const key of ["name", "message", "code", "errno", "syscall", "status", "cause", "errors"]) {
      const value = (error as unknown as Fields)[key];
      if (value !== undefined) this.add(copy, key, this.copy(value, depth + 1));
    }
    return copy;
  }
}

/**
 * Whether it is an error: one of the language, of the web platform (what a signal rejects with), or an object of a class
 * that only inherits from `Error`, as AxiosError was before axios 1.13.
 */
export function isError(value: object): value is Error | DOMException {
  return types.isNativeError(value) || value instanceof Error || value instanceof DOMException;
}

function outOfReach(value: object): object {
  return Array.isArray(value) ? clipped("array", value.length) : clipped("object");
}

function functionName(value: Function): string {
  const name = Object.getOwnPropertyDescriptor(value, "name")?.value;
  return typeof name === "string" ? clipName(name) : "";
}
