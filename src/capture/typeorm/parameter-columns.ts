/**
 * Which columns the values of a statement are for: those that it sets, and those that it compares.
 *
 * No parser, because it must serve every dialect; so it only says what the text says plainly. Where that is not
 * plain, the answer is that it is not known.
 *
 * @module
 */
import { placesOf, type Place, type Quoting } from "./statement-text.js";

/** A value's place, and the columns that it is for there; `null` if they cannot be told. */
export interface Valued {
  readonly place: Place;
  readonly columns: ReadonlySet<string> | null;
}

/** The places of a statement that `isValue` names, each with its columns (in lower case). */
export function columnsOf(
  sql: string,
  quoting: Quoting,
  isValue: (place: Place) => boolean,
): readonly Valued[] {
  return new Reader(placesOf(sql, quoting), isValue).read();
}

/** What is being read: an assignment, or the rows of VALUES. A column of `null` is not known. */
interface Target {
  /** How many brackets are open round the word SET or VALUES. */
  readonly depth: number;
  readonly rows: boolean;
  readonly columns: readonly (string | null)[];
  at: number;
}

const endOfSet = /^(?:WHERE|FROM|RETURNING|OUTPUT|ORDER|LIMIT|MATCHED|ON)$/;
const beforeColumns = /^(?:INTO|INSERT|REPLACE)$/;
/* Where a query gives names, they may be those of columns and mean others. */
const naming = /^(?:SELECT|WITH|AS|VALUES)$/;
const comparison = /^(?:=|<|>|<=|>=|<>|!=|<=>|LIKE|ILIKE|NOT LIKE|NOT ILIKE|BETWEEN|NOT BETWEEN)$/;
const beforeOperand = /^(?:WHERE|AND|OR|ON|NOT|HAVING|WHEN|\(|\.)$/;

class Reader {
  readonly #places: readonly Place[];
  readonly #isValue: (place: Place) => boolean;
  readonly #namesAreColumns: boolean;
  #depth = 0;
  #targets: Target[] = [];

  constructor(places: readonly Place[], isValue: (place: Place) => boolean) {
    this.#places = places;
    this.#isValue = isValue;
    this.#namesAreColumns = !places.some(
      (_, at) => naming.test(this.#word(at)) && this.#insertedColumns(at) === null,
    );
  }

  read(): readonly Valued[] {
    const found: Valued[] = [];
    for (const [at, place] of this.#places.entries()) {
      if (this.#isValue(place)) found.push({ place, columns: this.#columnsAt(at) });
      else this.#follow(at);
    }
    return found;
  }

  /** In upper case; empty for what is no word or mark. */
  #word(at: number): string {
    const place = this.#places[at];
    return place && (place.kind === "word" || place.kind === "mark") ? place.text.toUpperCase() : "";
  }

  #isName(at: number): boolean {
    const kind = this.#places[at]?.kind;
    return kind === "word" || kind === "name";
  }

  #follow(at: number): void {
    const word = this.#word(at);
    const target = this.#targets.at(-1);
    if (word === "(") {
      this.#depth += 1;
      if (target?.rows && target.depth === this.#depth - 1) target.at = 0;
    } else if (word === ")") {
      this.#depth -= 1;
      this.#endDeeperThan(this.#depth);
    } else if (word === ",") {
      if (target?.rows && target.depth === this.#depth - 1) target.at += 1;
      else if (target && !target.rows && target.depth === this.#depth) this.#assign(at + 1);
    } else if (word === ";") this.#endDeeperThan(-1);
    else if (word === "VALUES" || word === "VALUE") this.#rows(at);
    else if (word === "SET" || (word === "UPDATE" && this.#word(at - 1) === "KEY")) {
      this.#endDeeperThan(this.#depth - 1);
      this.#assign(at + 1);
    } else if (endOfSet.test(word)) this.#endDeeperThan(this.#depth - 1);
  }

  #endDeeperThan(depth: number): void {
    this.#targets = this.#targets.filter((target) => target.depth <= depth);
  }

  /** What stands behind is for the column that is named here. */
  #assign(from: number): void {
    let at = from;
    while (this.#isName(at) && this.#word(at + 1) === ".") at += 2;
    const plain = this.#isName(at) && this.#word(at + 1) === "=";
    const columns = [plain ? nameOf(this.#places[at]!) : null];
    if (this.#targets.at(-1)?.depth === this.#depth) this.#targets.pop();
    this.#targets.push({ depth: this.#depth, rows: false, columns, at: 0 });
  }

  #rows(at: number): void {
    const columns = this.#insertedColumns(at);
    if (columns) this.#targets.push({ depth: this.#depth, rows: true, columns, at: 0 });
  }

  /** Of `INSERT INTO t (a, b) VALUES`, seen from its last word: the columns. `null` for another VALUES. */
  #insertedColumns(at: number): string[] | null {
    if (!/^VALUES?$/.test(this.#word(at)) || this.#word(at - 1) !== ")") return null;
    const columns: string[] = [];
    let back = at - 2;
    for (; this.#isName(back); back -= 2) {
      columns.unshift(nameOf(this.#places[back]!));
      if (this.#word(back - 1) !== ",") break;
    }
    back -= 1;
    if (this.#word(back) !== "(") return null;
    do back -= 1;
    while (
      back >= 0 &&
      !beforeColumns.test(this.#word(back)) &&
      (this.#isName(back) || this.#word(back) === ".")
    );
    return beforeColumns.test(this.#word(back)) ? columns : null;
  }

  #columnsAt(at: number): Set<string> | null {
    if (/^(?:LIMIT|OFFSET)$/.test(this.#word(at - 1))) return new Set();
    const columns = new Set<string>();
    for (const { columns: names, at: place, depth } of this.#targets) {
      if (depth > this.#depth) continue;
      const column = names[place] ?? null;
      if (column === null) return null;
      columns.add(column);
    }
    const compared = this.#compared(at);
    if (compared !== null) columns.add(compared);
    return columns.size > 0 ? columns : null;
  }

  /** `column = ?`, `column IN (?, ?)`, `column BETWEEN ? AND ?`, where the name can only be a column's. */
  #compared(at: number): string | null {
    if (!this.#namesAreColumns) return null;
    const list = this.#startOfList(at);
    if (list !== null) return this.#operand(list);
    const second = this.#word(at - 1) === "AND" && this.#word(at - 3) === "BETWEEN";
    let back = second ? at - 3 : at - 1;
    let operator = "";
    for (; /^(?:[=<>!]|I?LIKE|BETWEEN|NOT)$/.test(this.#word(back)); back -= 1) {
      const word = this.#word(back);
      operator = /\w/.test(word) && operator !== "" ? `${word} ${operator}` : word + operator;
    }
    return comparison.test(operator) ? this.#operand(back) : null;
  }

  /** The place in front of `IN (` or `= ANY (`, if the value stands in such a list of nothing but values. */
  #startOfList(at: number): number | null {
    let back = at - 1;
    while (this.#word(back) === "," && this.#places[back - 1] && this.#isValue(this.#places[back - 1]!))
      back -= 2;
    if (this.#word(back) !== "(") return null;
    if (this.#word(back - 1) === "IN") return this.#word(back - 2) === "NOT" ? back - 3 : back - 2;
    return this.#word(back - 1) === "ANY" && this.#word(back - 2) === "=" ? back - 3 : null;
  }

  /** The column that stands here alone: in an expression it may be any part. */
  #operand(at: number): string | null {
    const place = this.#places[at];
    return place && this.#isName(at) && beforeOperand.test(this.#word(at - 1)) ? nameOf(place) : null;
  }
}

/** In lower case and without quotes: it is compared with hidden ones only, and more than these may be hidden. */
function nameOf({ kind, text }: Place): string {
  return (kind === "name" ? text.slice(1, -1) : text).toLowerCase();
}
