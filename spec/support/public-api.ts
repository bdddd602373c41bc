/**
 * The package's public surface as the compiler sees it: the built declarations of every entry of `exports`.
 *
 * TypeScript 7 answers through `typescript/unstable/sync`, which is an ES module and starts a process of its own:
 * read the surface once, and ask the result.
 */
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Checker, Project, Symbol, Type } from "typescript/unstable/sync" with {
  "resolution-mode": "import",
};

export const root = resolve(__dirname, "../../..");

/** What has a docstring, or should. */
export interface Documented {
  /** `AuditOptions.serviceName`, `HttpClient.get`, `auditLogging`. */
  readonly name: string;
  /** The entry, as in `exports`: `"."`, `"./read"`. */
  readonly entry: string;
  readonly kind: "function" | "class" | "value" | "type" | "member";
  readonly doc: string;
  readonly examples: readonly string[];
  /** What `@param` names, and the parameters that there are, when it is called. */
  readonly told: readonly string[];
  readonly parameters: readonly string[];
  readonly isMethod: boolean;
  readonly isOptional: boolean;
  readonly throws: readonly string[];
  /** Of a type of objects: the names of all its fields, those of its bases too. */
  readonly fields: readonly string[];
  /** Of a type of texts: which. */
  readonly values: readonly string[];
  /** Where it is declared, `dist/options.d.ts`. */
  readonly file: string;
}

/** Every export of every entry, each public member, and those of the types that they are made of. */
export async function publicApi(): Promise<Documented[]> {
  const { API, SymbolFlags, SignatureKind } = await import("typescript/unstable/sync");
  const { ModifierFlags } = await import("typescript/unstable/ast");
  const api = new API({ cwd: root });
  try {
    const project = api
      .updateSnapshot({ openProject: join(root, "spec/tsconfig.api.json") })
      .getProjects()[0]!;
    return [...new Surface(project, { SymbolFlags, SignatureKind, ModifierFlags }).read().values()];
  } finally {
    api.close();
  }
}

/** The entries that have types, and their declarations. */
export function entries(): { entry: string; types: string }[] {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    exports: Record<string, string | { types: string }>;
  };
  return Object.entries(manifest.exports).flatMap(([entry, target]) =>
    typeof target === "string" ? [] : [{ entry, types: join(root, target.types) }],
  );
}

type Enums = Pick<
  typeof import("typescript/unstable/sync", { with: { "resolution-mode": "import" } }),
  "SymbolFlags" | "SignatureKind" | "ModifierFlags"
>;

class Surface {
  readonly #found = new Map<number, Documented>();
  readonly #types = new Set<number>();
  readonly #checker: Checker;
  #entry = "";

  constructor(
    readonly project: Project,
    readonly enums: Enums,
  ) {
    this.#checker = project.checker;
  }

  read(): Map<number, Documented> {
    for (const { entry, types } of entries()) {
      this.#entry = entry;
      const source = this.project.program.getSourceFile(types)!;
      const module = this.#checker.getSymbolAtLocation(source);
      if (!module) throw new Error(`${types} is no module`);
      for (const symbol of this.#checker.getExportsOfModule(module)) this.#export(symbol);
    }
    return this.#found;
  }

  #export(exported: Symbol): void {
    const { SymbolFlags } = this.enums;
    const symbol = exported.flags & SymbolFlags.Alias ? this.#checker.getAliasedSymbol(exported) : exported;
    if (this.#isInternal(symbol)) return;
    const kind =
      symbol.flags & SymbolFlags.Function
        ? "function"
        : symbol.flags & SymbolFlags.Class
          ? "class"
          : symbol.flags & SymbolFlags.Value
            ? "value"
            : "type";
    this.#add(symbol, exported.name, kind);
    if (symbol.flags & SymbolFlags.Value) {
      this.#type(this.#checker.getTypeOfSymbol(symbol), exported.name);
    }
    if (symbol.flags & SymbolFlags.Type) {
      this.#type(this.#checker.getDeclaredTypeOfSymbol(symbol), exported.name);
    }
  }

  /** False when it is known already, or not ours. */
  #add(symbol: Symbol, name: string, kind: Documented["kind"]): boolean {
    const file = this.#ownFile(symbol);
    if (file === undefined || this.#found.has(symbol.id)) return false;
    const { SymbolFlags } = this.enums;
    const tags = this.#checker.getJsDocTagsOfSymbol(symbol);
    const texts = (tag: string) => tags.filter((each) => each.name === tag).map(({ text }) => text ?? "");
    this.#found.set(symbol.id, {
      name,
      entry: this.#entry,
      kind,
      doc: this.#checker.getDocumentationCommentOfSymbol(symbol).trim(),
      examples: texts("example"),
      told: texts("param").map((text) => /^[\w.]+/u.exec(text)?.[0] ?? text),
      parameters: this.#signatures(this.#checker.getTypeOfSymbol(symbol)).flatMap((signature) =>
        signature.getParameters().map((parameter) => parameter.name),
      ),
      isMethod: Boolean(symbol.flags & SymbolFlags.Method),
      isOptional: Boolean(symbol.flags & SymbolFlags.Optional),
      throws: texts("throws"),
      fields: this.#fieldsOf(symbol),
      values:
        symbol.flags & SymbolFlags.TypeAlias ? textsOf(this.#checker.getDeclaredTypeOfSymbol(symbol)) : [],
      file,
    });
    return true;
  }

  #ownFile(symbol: Symbol): string | undefined {
    const path = symbol.declarations
      .map((declaration) => String(declaration.path))
      .find((each) => each.startsWith(`${root}/dist/`));
    return path?.slice(root.length + 1);
  }

  #signatures(type: Type | undefined) {
    if (!type) return [];
    const { SignatureKind } = this.enums;
    return [SignatureKind.Call, SignatureKind.Construct].flatMap((kind) =>
      this.#checker.getSignaturesOfType(type, kind),
    );
  }

  /** Members of `type`, and the types that it names, as far as they are declared here. */
  #type(type: Type | undefined, owner: string): void {
    const symbol = type?.getAliasSymbol() ?? type?.getSymbol();
    if (!type || this.#types.has(type.id) || (symbol && this.#isInternal(symbol))) return;
    this.#types.add(type.id);
    if (type.isUnionType() || type.isIntersectionType()) {
      for (const part of type.getTypes()) this.#type(part, this.#nameOf(part) ?? owner);
      return;
    }
    if (type.isTypeReference()) {
      for (const argument of this.#checker.getTypeArguments(type)) {
        this.#type(argument, this.#nameOf(argument) ?? owner);
      }
    }
    if (!type.isObjectType()) return;
    for (const signature of this.#signatures(type)) {
      for (const parameter of signature.getParameters()) {
        this.#of(this.#checker.getTypeOfSymbol(parameter), `${owner}(${parameter.name})`);
      }
      this.#of(this.#checker.getReturnTypeOfSignature(signature), `${owner}()`);
    }
    for (const member of this.#checker.getPropertiesOfType(type)) this.#member(member, owner);
    for (const { valueType } of this.#checker.getIndexInfosOfType(type)) this.#of(valueType, `${owner}[]`);
  }

  #of(type: Type | undefined, otherwise: string): void {
    if (type) this.#type(type, this.#nameOf(type) ?? otherwise);
  }

  /** Of a type that has a name here; a literal's symbol is `__type`. */
  #nameOf(type: Type): string | undefined {
    const symbol = [type.getAliasSymbol(), type.getSymbol()].find((each) => each && this.#ownFile(each));
    return symbol && !symbol.name.startsWith("__") ? symbol.name : undefined;
  }

  #member(member: Symbol, owner: string): void {
    if (member.flags & this.enums.SymbolFlags.Prototype) return;
    if (this.#isPrivate(member) || this.#isInternal(member)) return;
    const name = `${owner}.${member.name}`;
    if (this.#add(member, name, "member")) this.#of(this.#checker.getTypeOfSymbol(member), name);
  }

  #fieldsOf(symbol: Symbol): string[] {
    if (!(symbol.flags & this.enums.SymbolFlags.Interface)) return [];
    const type = this.#checker.getDeclaredTypeOfSymbol(symbol);
    return this.#checker.getPropertiesOfType(type).map(({ name }) => name);
  }

  /** Exported for the package's own use only. */
  #isInternal(symbol: Symbol): boolean {
    return this.#checker.getJsDocTagsOfSymbol(symbol).some(({ name }) => name === "internal");
  }

  #isPrivate(member: Symbol): boolean {
    if (member.name.startsWith("#") || member.name.startsWith("__#")) return true;
    const node = member.declarations[0]?.resolve();
    const flags = (node as { modifierFlags?: number } | undefined)?.modifierFlags ?? 0;
    return (flags & this.enums.ModifierFlags.Private) !== 0;
  }
}

function textsOf(type: Type): string[] {
  const parts = type.isUnionType() ? type.getTypes() : [type];
  return parts.flatMap((part) => (part.isStringLiteralType() ? [part.value] : []));
}
