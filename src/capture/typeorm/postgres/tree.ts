/**
 * Parse trees as plain data: walked, copied, and compared without the places where things stand in the text.
 *
 * @module
 */

/** Any part of a parse tree. */
export type Tree = { readonly [field: string]: unknown };

export function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Calls `visit` with every node: the name of its type, and its fields. Parents come before children. */
export function walk(tree: unknown, visit: (type: string, fields: Tree) => void): void {
  if (Array.isArray(tree)) {
    for (const item of tree) walk(item, visit);
    return;
  }
  if (!isTree(tree)) return;
  for (const [name, value] of Object.entries(tree)) {
    // Node types are in upper camel case (`UpdateStmt`, `A_Expr`), fields in lower case.
    if (isTree(value) && /^[A-Z]/.test(name)) visit(name, value);
    walk(value, visit);
  }
}

/* Positions in the text: the only fields that may differ between two trees that mean the same. */
const place = /^(location|stmt_location|stmt_len|\w+_(location|start|end))$/;

/** True if the two trees say the same, wherever in their texts they say it. */
export function sameTree(left: unknown, right: unknown): boolean {
  if (Array.isArray(left) || Array.isArray(right)) {
    if (!Array.isArray(left) || !Array.isArray(right) || left.length !== right.length) return false;
    return left.every((item, index) => sameTree(item, right[index]));
  }
  if (!isTree(left) || !isTree(right)) return left === right;
  const names = new Set([...Object.keys(left), ...Object.keys(right)]);
  for (const name of names) {
    if (place.test(name) && isPlace(left[name]) && isPlace(right[name])) continue;
    if (!sameTree(left[name], right[name])) return false;
  }
  return true;
}

function isPlace(value: unknown): boolean {
  return value === undefined || typeof value === "number";
}
