/**
 * Captures calls that go out by `fetch`, undici and `node:http`, as Node and undici tell of them themselves: nothing is
 * wrapped, and what they do not tell is not known.
 *
 * @see https://nodejs.org/docs/latest-v20.x/api/diagnostics_channel.html
 * @see https://github.com/nodejs/undici/blob/main/docs/docs/api/DiagnosticsChannel.md
 * @module
 */
import { currentFrame, type ExternalDetail } from "../../context/context.js";
import { detailNow, type CallOptions } from "../call.js";
import type { Emit, Undo } from "../capture.js";
import { subscribeHttp } from "./http.js";
import { LiveCalls } from "./live-calls.js";
import { propagationFinder, serviceFinder, type CheckedOutboundOptions } from "./options.js";
import { OutboundCall, type Begin, type OutboundKind } from "./outbound-call.js";
import { subscribeUndici } from "./undici.js";

/** Everything but whose call it is, and how much is told of each service's. */
export interface OutboundTools extends Omit<CallOptions, "service" | "detail"> {
  readonly detailOf: (service: string) => ExternalDetail;
}

/** Different services whose calls' options are kept; beyond, all are made anew. */
const MAX_KINDS = 1024;

/** Starts for the whole process. Calls under way when it is undone are told as `unknown`. */
export function captureOutbound(emit: Emit, options: CheckedOutboundOptions, tools: OutboundTools): Undo {
  const live = new LiveCalls<OutboundCall>();
  const serviceOf = serviceFinder(options);
  const propagates = propagationFinder(options);
  const kinds = new Map<string, OutboundKind>();
  const kindOf = (service: string, detail: CallOptions["detail"]): OutboundKind => {
    const key = `${detail} ${service}`;
    let kind = kinds.get(key);
    if (kind === undefined) {
      if (kinds.size >= MAX_KINDS) kinds.clear();
      const limit = detail === "full" ? options.bodyLimit : null;
      kinds.set(key, (kind = { live, emit, limit, options: { ...tools, service, detail } }));
    }
    return kind;
  };
  const begin: Begin = (request, origin, path) => {
    // What axios sends is told as axios's call.
    if (currentFrame()?.carries) return undefined;
    const service = serviceOf(origin, path);
    const detail = service !== null && detailNow(tools.detailOf(service));
    if (service === null || detail === false) return undefined;
    const call = new OutboundCall(request, origin + path, kindOf(service, detail));
    call.propagates = propagates(origin, path);
    return call;
  };
  const undos = [
    ...(options.fetch ? [subscribeUndici(begin, live)] : []),
    ...(options.http ? [subscribeHttp(begin, live)] : []),
  ];
  return () => {
    for (const undo of undos) undo();
    for (const call of live.all()) call.giveUp();
  };
}
