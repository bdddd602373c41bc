/**
 * Random statements that are hard to read: comments between any two words, keywords and quotes inside of strings
 * and names, every form of INSERT, UPDATE and DELETE that capture takes apart, and some that it does not.
 */

export const tables = [
  "CREATE TABLE plain (id INT AUTO_INCREMENT PRIMARY KEY, a INT, b VARCHAR(40), `where` INT, `set` TEXT, u INT UNIQUE)",
  "CREATE TABLE keyed (k VARCHAR(10) CHARACTER SET latin1, l INT, v DECIMAL(10,2), ts TIMESTAMP(6) DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6), g INT GENERATED ALWAYS AS (l * 2) STORED, PRIMARY KEY (k, l))",
  "CREATE TABLE loose (a INT, b VARCHAR(40))",
  "CREATE TABLE parent (id INT AUTO_INCREMENT PRIMARY KEY, a INT)",
  "CREATE TABLE child (id INT AUTO_INCREMENT PRIMARY KEY, parent INT, b INT, FOREIGN KEY (parent) REFERENCES parent (id) ON DELETE CASCADE ON UPDATE CASCADE)",
  "CREATE TABLE orphan (id INT AUTO_INCREMENT PRIMARY KEY, parent INT, FOREIGN KEY (parent) REFERENCES parent (id) ON DELETE SET NULL ON UPDATE CASCADE)",
  "CREATE TABLE triggered (id INT AUTO_INCREMENT PRIMARY KEY, a INT, b INT)",
  "CREATE TRIGGER triggered_insert BEFORE INSERT ON triggered FOR EACH ROW SET NEW.b = NEW.a * 10",
  "CREATE TRIGGER triggered_update BEFORE UPDATE ON triggered FOR EACH ROW SET NEW.b = NEW.a * 100",
];

export const tableNames = ["plain", "keyed", "loose", "parent", "child", "orphan", "triggered"];

/** The same numbers for the same seed (mulberry32). */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

export class Statements {
  readonly #next: () => number;

  constructor(seed: number) {
    this.#next = random(seed);
  }

  one(): string {
    const make = this.#of([
      this.#insert,
      this.#insert,
      this.#update,
      this.#update,
      this.#update,
      this.#delete,
      this.#upsert,
      this.#replace,
      this.#insertSelect,
      this.#joined,
    ]);
    return this.#spaced(make.call(this));
  }

  #of<T>(choices: readonly T[]): T {
    return choices[Math.floor(this.#next() * choices.length)]!;
  }

  #int(below: number): number {
    return Math.floor(this.#next() * below);
  }

  #maybe(...words: string[]): string[] {
    return this.#next() < 0.4 ? words : [];
  }

  /** Words with something between them that means nothing. */
  #spaced(words: readonly string[]): string {
    const gaps = [
      " ",
      " ",
      " ",
      "\n",
      "\t",
      " /* set x = 1 where */ ",
      " -- where ' set\n",
      ' # " `\n',
      "/**/ ",
    ];
    const tight = this.#next() < 0.5;
    return (
      this.#of(["", "", " ", "/* update t set */ "]) +
      words.join("\u0001").replaceAll("\u0001", () => (tight ? " " : this.#of(gaps))) +
      this.#of(["", "", " ", "\n-- limit 1", " # returning *", ";", " /* ' */"])
    );
  }

  #returning(): string[] {
    return this.#next() < 0.15 ? ["RETURNING", this.#of(["*", "1 + 1 AS two", "'x' , 2"])] : [];
  }

  #string(): string {
    return this.#of([
      "'x'",
      "''",
      "'it''s'",
      "'a\\'b'",
      "'-- where'",
      "'/* set'",
      "'; drop'",
      '"double"',
      '"say ""set"" where"',
      "'\\\\'",
      "'é 漢 😀'",
      "'RETURNING id'",
      "N'n'",
      "'two' 'parts'",
      "NULL",
      "'a\\nb'",
    ]);
  }

  #number(): string {
    return this.#of([
      String(this.#int(6)),
      String(this.#int(6)),
      `-${this.#int(9)}`,
      "NULL",
      "1+1",
      "'3'",
      "(2)",
    ]);
  }

  #table(): { name: string; columns: string[]; value: (column: string) => string } {
    const name = this.#of([
      "plain",
      "plain",
      "plain",
      "keyed",
      "loose",
      "parent",
      "child",
      "orphan",
      "triggered",
    ]);
    const columns: Record<string, string[]> = {
      plain: ["a", "b", "`where`", "`set`", "u"],
      keyed: ["k", "l", "v"],
      loose: ["a", "b"],
      parent: ["a"],
      child: ["parent", "b"],
      orphan: ["parent"],
      triggered: ["a"],
    };
    const value = (column: string): string =>
      column === "`set`" || (column === "b" && (name === "plain" || name === "loose"))
        ? this.#string()
        : column === "k"
          ? this.#of(["'a'", "'b'", "'ä'", "'C'"])
          : column === "l"
            ? this.#of(["1", "2", "3"])
            : column === "parent"
              ? this.#of(["(SELECT MIN(id) FROM parent)", "(SELECT MAX(id) FROM parent)", "NULL"])
              : this.#number();
    return { name, columns: columns[name]!, value };
  }

  #reference(name: string): string[] {
    return this.#of([[name], [`\`${name}\``], [`\`${name}\``]]);
  }

  #where(name: string): string[] {
    const id = name === "keyed" ? "l" : name === "loose" ? "a" : "id";
    return this.#of([
      [],
      ["WHERE", id, "=", String(this.#int(12))],
      ["WHERE", id, "IN", "(1, 2, 3, 5, 8)"],
      ["WHERE", id, ">", String(this.#int(10)), "AND", "'set' <> 'where'"],
      ["WHERE", "(", id, "%", "2", "=", "0", ")", "OR", id, "IS", "NULL"],
    ]);
  }

  #order(name: string): string[] {
    const by = name === "keyed" ? "k, l" : name === "loose" ? "a, b" : "id";
    return this.#of([[], [], ["ORDER", "BY", by], ["ORDER", "BY", by, "LIMIT", "2"]]);
  }

  #insert(): string[] {
    const { name, columns, value } = this.#table();
    const chosen = name === "keyed" ? columns : columns.filter(() => this.#next() < 0.8);
    const ignore = this.#maybe("IGNORE");
    const row = (): string[] => [
      "(",
      ...chosen.flatMap((one, at) => [...(at ? [","] : []), value(one)]),
      ")",
    ];
    if (chosen.length > 0 && this.#next() < 0.25) {
      const set = chosen.flatMap((one, at) => [...(at ? [","] : []), one, "=", value(one)]);
      return ["INSERT", ...ignore, ...this.#of([["INTO"], []]), ...this.#reference(name), "SET", ...set];
    }
    const rows = [row(), ...Array.from({ length: this.#int(3) }, () => [",", ...row()])].flat();
    const list = ["(", chosen.join(" , "), ")"];
    return [
      ...this.#of([["INSERT"], ["insert"]]),
      ...ignore,
      "INTO",
      ...this.#reference(name),
      ...list,
      this.#of(["VALUES", "VALUE", "values"]),
      ...rows,
      ...this.#returning(),
    ];
  }

  #upsert(): string[] {
    const u = [this.#int(5), this.#int(5)];
    const set = this.#of([
      ["a", "=", "VALUES(a)"],
      ["a", "=", "a"],
      ["a", "=", "a + 1", ",", "b", "=", this.#string()],
      ["`set`", "=", this.#string(), ",", "`where`", "=", "IFNULL(`where`, 0) + VALUES(a)"],
      ["plain.a", "=", "7"],
    ]);
    const rows = this.#of([
      [`(${u[0]}, 1)`],
      [`(${u[0]}, 1)`, ",", `(${u[1]}, 2)`],
      [`(${u[0]}, 1), (${u[0]}, 9)`],
    ]);
    return [
      "INSERT",
      "INTO",
      "plain",
      "(u, a)",
      "VALUES",
      ...rows,
      "ON",
      "DUPLICATE",
      "KEY",
      "UPDATE",
      ...set,
      ...this.#returning(),
    ];
  }

  #replace(): string[] {
    return [
      "REPLACE",
      ...this.#of([["INTO"], []]),
      "plain",
      "(u, a)",
      "VALUES",
      `(${this.#int(5)}, ${this.#int(5)})`,
    ];
  }

  #insertSelect(): string[] {
    return this.#of([
      ["INSERT", "INTO", "loose", "(a, b)", "SELECT", "id", ",", "'from'", "FROM", "parent"],
      ["INSERT", "INTO", "loose", "SELECT", "a", ",", "b", "FROM", "plain", "WHERE", "id", "<", "4"],
      ["INSERT", "INTO", "parent", "(a)", "SELECT", "a", "FROM", "plain", "ORDER", "BY", "id", "LIMIT", "2"],
    ]);
  }

  #update(): string[] {
    const { name, columns, value } = this.#table();
    const chosen = columns.filter(() => this.#next() < 0.6);
    if (chosen.length === 0) chosen.push(columns[0]!);
    const alias = this.#of(["", "", "", "x", "AS y"]);
    const set = chosen.flatMap((one, at) => [
      ...(at ? [","] : []),
      one,
      "=",
      this.#next() < 0.3 && !/^(?:b|`set`|k|parent)$/.test(one) ? `${one} + 1` : value(one),
    ]);
    if (name === "parent" && this.#next() < 0.3) set.push(",", "id", "=", "id + 100");
    return [
      ...this.#of([["UPDATE"], ["update"], ["Update"]]),
      ...this.#of([[], [], [], ["IGNORE"], ["LOW_PRIORITY"]]),
      ...this.#reference(name),
      ...(alias === "" ? [] : alias.split(" ")),
      "SET",
      ...set,
      ...this.#where(name),
      ...this.#order(name),
    ];
  }

  #delete(): string[] {
    const { name } = this.#table();
    const where =
      this.#next() < 0.85
        ? ["WHERE", name === "keyed" ? "l" : name === "loose" ? "a" : "id", "=", String(this.#int(9))]
        : this.#where(name);
    return [
      "DELETE",
      ...this.#of([[], [], ["QUICK"], ["IGNORE"]]),
      "FROM",
      ...this.#reference(name),
      ...where,
      ...this.#order(name),
      ...this.#returning(),
    ];
  }

  #joined(): string[] {
    return this.#of([
      ["UPDATE", "child", "c", "JOIN", "parent", "p", "ON", "p.id = c.parent", "SET", "c.b", "=", "p.a"],
      [
        "UPDATE",
        "child",
        "c",
        ",",
        "parent",
        "p",
        "SET",
        "c.b",
        "=",
        "p.a",
        ",",
        "p.a",
        "=",
        "3",
        "WHERE",
        "p.id = c.parent",
      ],
      [
        "DELETE",
        "c",
        "FROM",
        "child",
        "c",
        "JOIN",
        "parent",
        "p",
        "ON",
        "p.id = c.parent",
        "WHERE",
        "p.a = 3",
      ],
      ["/*! UPDATE plain SET a = 5 */"],
      ["UPDATE", "plain", "/*!", "SET a = 6 */", "WHERE", "id = 2"],
      ["UPDATE", "plain", "SET", "a", "=", "'unterminated"],
      ["UPDATE", "plain", "SET", "nothing", "=", "1"],
      ["INSERT", "INTO", "plain", "(id)", "VALUES", "(1)"],
    ]);
  }
}
