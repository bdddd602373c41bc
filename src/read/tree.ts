/**
 * What one request caused, as a tree: each record under the one that caused it.
 *
 * @module
 */
import { facts } from "./facts.js";
import type { LogRecord } from "./parse.js";

/** A record, and what it caused. */
export interface TreeNode {
  /** The record itself. */
  readonly record: LogRecord;
  /** What it caused, in the order of its begin. */
  readonly children: TreeNode[];
  /** Milliseconds since the epoch; of what takes time, its begin. NaN where the record's time is none. */
  readonly from: number;
  /** Its end, likewise. */
  readonly to: number;
}

/**
 * The records of one request as trees by `parent_id`, each in the order of its begin.
 *
 * A record whose parent is not among them, or that would be its own ancestor, stands at the top: nothing is left out.
 */
export function causalTree(records: readonly LogRecord[]): TreeNode[] {
  const nodes = records.map(nodeOf);
  const byId = new Map<string, TreeNode>();
  for (const node of nodes) if (!byId.has(node.record.record_id)) byId.set(node.record.record_id, node);
  const roots: TreeNode[] = [];
  const parents = new Map<TreeNode, TreeNode>();
  for (const node of nodes) {
    const { parent_id } = node.record;
    const parent = parent_id === null ? undefined : byId.get(parent_id);
    if (!parent || isWithin(parent, node, parents)) roots.push(node);
    else {
      parents.set(node, parent);
      parent.children.push(node);
    }
  }
  for (const { children } of nodes) children.sort(byBegin);
  return roots.toSorted(byBegin);
}

/** A node on a walk through a tree. */
export interface TreeStep {
  readonly node: TreeNode;
  /** Of the node and of each of its ancestors below the root: whether it is the last child. */
  readonly lasts: readonly boolean[];
}

/** All nodes, each before its children. Not by recursion: a file that somebody else wrote can be of any depth. */
export function* walk(roots: readonly TreeNode[]): Generator<TreeStep> {
  const waiting: TreeStep[] = roots.toReversed().map((node) => ({ node, lasts: [] }));
  for (let step = waiting.pop(); step; step = waiting.pop()) {
    yield step;
    const { node, lasts } = step;
    for (let index = node.children.length - 1; index >= 0; index -= 1) {
      const last = index === node.children.length - 1;
      waiting.push({ node: node.children[index]!, lasts: [...lasts.slice(-DRAWN), last] });
    }
  }
}

/** Deeper nodes are drawn as deep as this. */
const DRAWN = 100;

/** Hostile or damaged files can have circles. */
function isWithin(node: TreeNode, ancestor: TreeNode, parents: ReadonlyMap<TreeNode, TreeNode>): boolean {
  for (let at: TreeNode | undefined = node; at; at = parents.get(at)) if (at === ancestor) return true;
  return false;
}

function byBegin(a: TreeNode, b: TreeNode): number {
  return a.from - b.from || a.to - b.to || 0; // NaN where a time is none
}

/** The time of a record is that of its end. */
function nodeOf(record: LogRecord): TreeNode {
  const to = timeOf(record.timestamp);
  return { record, children: [], from: to - (facts.duration(record) ?? 0) * 1000, to };
}

/** Milliseconds since the epoch. */
export function timeOf(timestamp: string): number {
  return Date.parse(`${timestamp.replace(" ", "T")}Z`);
}
