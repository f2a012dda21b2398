/**
 * BTF, the type format of BPF objects, as far as it is needed to read records: struct layouts and
 * enumerators. Layout of the format: Documentation/bpf/btf.rst of the Linux kernel.
 */

/** A field of a struct: where it is, and the size of one element (`count` of them when it is an array). */
export interface Field {
  readonly offset: number;
  readonly size: number;
  readonly count: number;
}

export interface Layout {
  readonly name: string;
  readonly size: number;
  field(name: string): Field;
}

export interface TypeInformation {
  /** The layout of a struct; throws if the object has none of that name. */
  layout(struct: string): Layout;
  /** The enumerators of an enum by value, without the prefix (`STATE_TIMED_OUT` → `timed_out`). */
  words(enumName: string, prefix: string): readonly string[];
  /** Where a variable lies in a data section such as `.rodata`. */
  section(name: string, variable: string): { readonly offset: number; readonly size: number };
}

const kinds = {
  int: 1,
  pointer: 2,
  array: 3,
  struct: 4,
  union: 5,
  enum: 6,
  typedef: 8,
  volatile: 9,
  const: 10,
  restrict: 11,
  funcProto: 13,
  variable: 14,
  dataSection: 15,
  declTag: 17,
  typeTag: 18,
  enum64: 19,
} as const;

const pointerSize = 8;

interface Type {
  name: string;
  kind: number;
  size: number;
  entries: number;
  at: number;
}

/** Bytes that follow a type's 12-byte head. */
function tail(kind: number, entries: number): number {
  switch (kind) {
    case kinds.int:
    case kinds.variable:
    case kinds.declTag:
      return 4;
    case kinds.array:
      return 12;
    case kinds.struct:
    case kinds.union:
    case kinds.dataSection:
    case kinds.enum64:
      return entries * 12;
    case kinds.enum:
    case kinds.funcProto:
      return entries * 8;
    default:
      return 0;
  }
}

function readStrings(bytes: Uint8Array, start: number): (offset: number) => string {
  const text = new TextDecoder();
  return (offset) => {
    const from = start + offset;
    return text.decode(bytes.subarray(from, bytes.indexOf(0, from)));
  };
}

/** Type 0 is void. */
function readTypes(
  view: DataView,
  start: number,
  length: number,
  string: (offset: number) => string,
): Type[] {
  const types: Type[] = [{ name: 'void', kind: 0, size: 0, entries: 0, at: 0 }];
  for (let at = start; at < start + length;) {
    const info = view.getUint32(at + 4, true);
    const kind = (info >>> 24) & 0x1f;
    const entries = info & 0xffff;
    const size = view.getUint32(at + 8, true);
    types.push({ name: string(view.getUint32(at, true)), kind, size, entries, at: at + 12 });
    at += 12 + tail(kind, entries);
  }
  return types;
}

interface Parts {
  readonly view: DataView;
  readonly types: readonly Type[];
  readonly string: (offset: number) => string;
}

function typeAt(types: readonly Type[], id: number): Type {
  const type = types[id];
  if (!type) throw new Error(`BTF has no type ${String(id)}`);
  return type;
}

/** Size of one element and how many, through typedefs, qualifiers and (nested) arrays. */
function measure(parts: Parts, id: number): { size: number; count: number } {
  const type = typeAt(parts.types, id);
  switch (type.kind) {
    case kinds.typedef:
    case kinds.volatile:
    case kinds.const:
    case kinds.restrict:
    case kinds.typeTag:
      return measure(parts, type.size);
    case kinds.pointer:
      return { size: pointerSize, count: 1 };
    case kinds.array: {
      const element = measure(parts, parts.view.getUint32(type.at, true));
      return { size: element.size, count: element.count * parts.view.getUint32(type.at + 8, true) };
    }
    default:
      return { size: type.size, count: 1 };
  }
}

function fieldsOf(parts: Parts, type: Type): Map<string, Field> {
  const { view, string } = parts;
  const fields = new Map<string, Field>();
  for (let i = 0; i < type.entries; i++) {
    const at = type.at + 12 * i;
    const bits = view.getUint32(at + 8, true) & 0xffffff;
    const { size, count } = measure(parts, view.getUint32(at + 4, true));
    fields.set(string(view.getUint32(at, true)), { offset: bits / 8, size, count });
  }
  return fields;
}

/** Offset and length of the types, then of the strings; offsets count from the end of the head. */
function sections(view: DataView): [number, number, number, number] {
  return [
    view.getUint32(8, true),
    view.getUint32(12, true),
    view.getUint32(16, true),
    view.getUint32(20, true),
  ];
}

/**
 * Parses an object's BTF (little-endian, as on every machine that Sonde runs on). Throws on anything else.
 */
export function parseBtf(buffer: ArrayBuffer): TypeInformation {
  const view = new DataView(buffer);
  if (view.byteLength < 24 || view.getUint16(0, true) !== 0xeb9f) throw new Error('not BTF');
  const head = view.getUint32(4, true);
  const [typesAt, typesLength, stringsAt, stringsLength] = sections(view);
  const end = head + Math.max(typesAt + typesLength, stringsAt + stringsLength);
  if (end > view.byteLength) throw new Error('BTF is cut short');
  const string = readStrings(new Uint8Array(buffer), head + stringsAt);
  const types = readTypes(view, head + typesAt, typesLength, string);

  return {
    layout(struct) {
      const type = types.find((t) => t.kind === kinds.struct && t.name === struct);
      if (!type) throw new Error(`BTF has no struct ${struct}`);
      const fields = fieldsOf({ view, types, string }, type);
      return {
        name: struct,
        size: type.size,
        field(name) {
          const field = fields.get(name);
          if (!field) throw new Error(`struct ${struct} has no field ${name}`);
          return field;
        },
      };
    },
    words(enumName, prefix) {
      const type = types.find((t) => t.kind === kinds.enum && t.name === enumName);
      if (!type) throw new Error(`BTF has no enum ${enumName}`);
      const words: string[] = [];
      for (let i = 0; i < type.entries; i++) {
        const name = string(view.getUint32(type.at + 8 * i, true));
        if (name.startsWith(prefix))
          words[view.getInt32(type.at + 8 * i + 4, true)] = name.slice(prefix.length).toLowerCase();
      }
      return words;
    },
    section(name, variable) {
      const type = types.find((t) => t.kind === kinds.dataSection && t.name === name);
      for (let i = 0; type && i < type.entries; i++) {
        const at = type.at + 12 * i;
        if (typeAt(types, view.getUint32(at, true)).name !== variable) continue;
        return { offset: view.getUint32(at + 4, true), size: view.getUint32(at + 8, true) };
      }
      throw new Error(`BTF has no variable ${variable} in ${name}`);
    },
  };
}
