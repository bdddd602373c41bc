/**
 * The types of decorators that work in both syntaxes: one call signature for each.
 *
 * @module
 */

/** A decorator for classes. */
export interface ClassDecoration {
  /** Standard decorators. */
  <Class extends abstract new (...args: any[]) => object>(
    target: Class,
    context: ClassDecoratorContext<Class>,
  ): void;
  /** `experimentalDecorators`. */
  (target: Function): void;
}

/** A decorator for properties. */
export interface FieldDecoration {
  /** Standard decorators. */
  (
    target: unknown,
    context:
      | ClassFieldDecoratorContext
      | ClassAccessorDecoratorContext
      | ClassGetterDecoratorContext
      | ClassSetterDecoratorContext,
  ): void;
  /** `experimentalDecorators`. */
  (target: object, property: string | symbol, slot?: PropertyDescriptor): void;
}

type AnyMethod = (this: any, ...args: any[]) => any;

/** A decorator for methods, and for classes as a word for all of their methods. */
export interface RouteDecoration {
  /** Standard decorators, on a method. */
  <Method extends AnyMethod>(method: Method, context: ClassMethodDecoratorContext<any, Method>): void;
  /** Standard decorators, on a class. */
  <Class extends abstract new (...args: any[]) => object>(
    target: Class,
    context: ClassDecoratorContext<Class>,
  ): void;
  /** `experimentalDecorators`, on a method. */
  <Method>(target: object, property: string | symbol, slot: TypedPropertyDescriptor<Method>): void;
  /** `experimentalDecorators`, on a class. */
  (target: Function): void;
}

/** The entity that a class decorator's options speak of must be the class's own. */
export interface EntityDecoration<Row extends object> {
  /** Standard decorators. */
  <Class extends abstract new (...args: any[]) => Row>(
    target: Class,
    context: ClassDecoratorContext<Class>,
  ): void;
  /** `experimentalDecorators`. */
  (target: abstract new (...args: any[]) => Row): void;
}
