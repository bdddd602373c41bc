/**
 * `activity-audit/read`: the trail, read by programs.
 *
 * @module
 */
export {
  type HistoryOptions,
  openTrail,
  type Trail,
  type TrailOptions,
  type TrailQuery,
} from "./read/open.js";
export type { Changes, RowAt, Version } from "./read/history.js";
export { lineOf, type LogRecord } from "./read/parse.js";
export type { BadLine, ReadReport } from "./read/report.js";
export type { TreeNode } from "./read/tree.js";
export type { Finding, Tampering, Verified, VerifiedChain } from "./read/verify/types.js";
export type { VerifyOptions } from "./read/verify/verify.js";
