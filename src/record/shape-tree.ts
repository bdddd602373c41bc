/**
 * Finds the number of a record's shape while the record is read.
 *
 * Each place in a record knows what came after it the last time, which is nearly always what comes now, so that no
 * name is looked up or even read.
 *
 * @module
 */
import { addShape, OPEN, type Shape, type StepKind, shapes } from "./shape.js";

/** A shape gets a number when it comes so often: one that comes seldom is told with its records. */
const SIGHTINGS = 4;
/** All shapes with a number together have no more steps, each no more characters. */
const MAX_STEPS = 1 << 14;
const MAX_CHARACTERS = 8192;
/** Data can bring any number of names in any order; beyond so many places all are forgotten that belong to no number. */
const MAX_PLACES = 2 * MAX_STEPS;

/** A step of a record, by all steps before it. */
export class ShapePlace {
  private next: ShapePlace | undefined;
  /** Once there is more than one. */
  private others: Map<string, ShapePlace> | undefined;
  private seen = 0;
  /** Of the shape that ends here; -1 if it has none. */
  number = -1;

  constructor(
    private readonly tree: ShapeTree,
    readonly kind: StepKind,
    readonly name: string,
    readonly before: ShapePlace | undefined,
  ) {}

  after(kind: StepKind, name: string): ShapePlace {
    const { next } = this;
    return next !== undefined && next.name === name && next.kind === kind ? next : this.other(kind, name);
  }

  private other(kind: StepKind, name: string): ShapePlace {
    const step = kind + name;
    let place = this.others?.get(step);
    if (place === undefined) {
      place = this.tree.place(kind, name, this);
      if (this.next !== undefined) {
        this.others ??= new Map([[this.next.step, this.next]]);
        this.others.set(step, place);
      }
    }
    this.next = place;
    return place;
  }

  get step(): string {
    return this.kind + this.name;
  }

  /** The record ends here: counts it, and gives its shape a number when it is time to. */
  sighted(): number {
    if (this.number < 0) {
      this.seen += 1;
      if (this.seen >= SIGHTINGS) this.number = this.tree.numbered(shapeTo(this));
    }
    return this.number;
  }
}

/** All steps from the beginning of the record to this one. */
export function shapeTo(end: ShapePlace): Shape {
  const steps: string[] = [];
  for (let place = end; place.before; place = place.before) steps.push(place.step);
  return steps.toReversed();
}

export class ShapeTree {
  /** Before the first field of a record. */
  start = this.beginning();
  private places = 0;
  private steps = 0;
  private readonly own: number[] = [];

  place(kind: StepKind, name: string, before: ShapePlace): ShapePlace {
    this.places += 1;
    if (this.places > MAX_PLACES) this.forget();
    return new ShapePlace(this, kind, name, before);
  }

  /** @returns -1 if it gets none */
  numbered(shape: Shape): number {
    const characters = shape.reduce((sum, step) => sum + step.length, 0);
    if (characters > MAX_CHARACTERS || this.steps + shape.length > MAX_STEPS) return -1;
    this.steps += shape.length;
    const number = addShape(shape);
    this.own.push(number);
    return number;
  }

  /* The record that is being read goes on where it is, and counts for nothing. */
  private forget(): void {
    this.start = this.beginning();
    this.places = 0;
    for (const number of this.own) {
      let place = this.start;
      for (const step of shapes[number]!) place = place.after(step[0] as StepKind, step.slice(1));
      place.number = number;
    }
  }

  private beginning(): ShapePlace {
    return new ShapePlace(this, OPEN, "", undefined);
  }
}
