// The names by which a WebAssembly module and its script find each other. wasm-bindgen writes long ones, each with a hash that no
// compression shortens: 16 kB of the module are such names. Here both get short ones.

import { Buffer } from 'node:buffer';

const IMPORTS = 2;
const EXPORTS = 7;
const FUNCTION = 0;
const HEADER = 8;
const GENERATED = /^(__wb|__externref|wasm_bindgen__|intounderlying)/;
const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';

function nameOf(index) {
    const rest = Math.floor(index / LETTERS.length);
    return (rest === 0 ? '' : nameOf(rest - 1)) + LETTERS[index % LETTERS.length];
}

// Reads the binary format (WebAssembly Core 5.2).
class Reader {
    constructor(bytes, at = 0) {
        Object.assign(this, { bytes, at });
    }
    number() {
        let value = 0;
        for (let shift = 0; ; shift += 7) {
            const byte = this.bytes[this.at++];
            if (byte === undefined) throw new Error('the module ends within a number');
            value += (byte & 0x7f) * 2 ** shift;
            if (byte < 0x80) return value;
        }
    }
    take(length) {
        this.at += length;
        return this.bytes.subarray(this.at - length, this.at);
    }
    name() {
        return this.take(this.number()).toString('utf8');
    }
}

function number(value) {
    const bytes = [];
    for (; value >= 0x80; value = Math.floor(value / 0x80)) bytes.push((value & 0x7f) | 0x80);
    return Buffer.from([...bytes, value]);
}

function named(name) {
    const bytes = Buffer.from(name, 'utf8');
    return Buffer.concat([number(bytes.length), bytes]);
}

function shortImports(section, short) {
    const reader = new Reader(section);
    const count = reader.number();
    const entries = Array.from({ length: count }, () => {
        const [module, field, kind] = [reader.name(), reader.name(), reader.number()];
        if (kind !== FUNCTION) throw new Error(`${field} is an import that is no function, which has not been there before`);
        return Buffer.concat([named(short(module)), named(short(field)), number(kind), number(reader.number())]);
    });
    return Buffer.concat([number(count), ...entries]);
}

function shortExports(section, short) {
    const reader = new Reader(section);
    const count = reader.number();
    const entries = Array.from({ length: count }, () => {
        const name = reader.name();
        return Buffer.concat([named(GENERATED.test(name) ? short(name) : name), reader.take(1), number(reader.number())]);
    });
    return Buffer.concat([number(count), ...entries]);
}

/// Both with short names. In the script these are names of properties only.
export function shorten(module, script) {
    const names = new Map();
    const short = name => {
        if (!names.has(name)) names.set(name, nameOf(names.size));
        return names.get(name);
    };
    const reader = new Reader(module, HEADER);
    const parts = [module.subarray(0, HEADER)];
    while (reader.at < module.length) {
        const id = reader.number();
        const section = reader.take(reader.number());
        const content = id === IMPORTS ? shortImports(section, short) : id === EXPORTS ? shortExports(section, short) : section;
        parts.push(Buffer.from([id]), number(content.length), content);
    }
    const called = script.replace(/"(\.\/[\w.]+)"|[\w$]+/g, (found, path) => {
        if (path) return names.has(path) ? `"${names.get(path)}"` : found;
        return names.get(found) ?? found;
    });
    return { module: Buffer.concat(parts), script: called };
}
