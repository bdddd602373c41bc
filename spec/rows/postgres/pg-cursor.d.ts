/** The package has no types of its own. */
declare module "pg-cursor" {
  import type { Submittable } from "pg";

  export default class Cursor implements Submittable {
    constructor(text: string, values?: unknown[]);
    submit(connection: unknown): void;
    read(rows: number): Promise<unknown[]>;
    close(): Promise<void>;
  }
}
