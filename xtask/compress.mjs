// The last step of `trunk build`, which calls it (Trunk.toml), and of `cargo xtask`, which does the same without Trunk. In release it
// minifies scripts and styles, shortens the names between the module and its script, names what may be cached for ever by its content, then
// puts two compressed forms beside each file that gains by it: Weir's server, and static hosts such as nginx, send those.
//
// Node is there already, with npm's wasm-opt; it brings brotli and gzip.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, readdir, rename, writeFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';

import { shorten } from './short_names.mjs';

const MINIFIED = ['.css', '.js'];
const COMPRESSED = ['.css', '.html', '.js', '.svg', '.txt', '.wasm', '.webmanifest'];
// Bytes. What is smaller fits into one packet in any case.
const FLOOR = 1000;

// Trunk's own minifier cannot read what wasm-bindgen writes.
function esbuild(options, input) {
    const own = '.tools/node_modules/.bin/esbuild';
    const all = ['--minify', '--legal-comments=none', '--charset=utf8', '--log-level=warning', ...options];
    const stdio = ['pipe', 'pipe', 'inherit'];
    const { error, status, stdout } = spawnSync(existsSync(own) ? own : 'esbuild', all, { input, stdio, encoding: 'utf8' });
    if (error) throw new Error(`esbuild cannot be started (${error.code}): \`cargo xtask setup\` installs it`);
    if (status !== 0) throw new Error('esbuild cannot read a script or a style; it says above which');
    return stdout;
}

// What stands in the page itself. A script that is no module tells old browsers that they are too old: it stays one for them.
async function minifyInline(page) {
    const html = await readFile(page, 'utf8');
    const minified = html.replace(/(<(style|script)\b([^>]*)>)([^]+?)(<\/\2>)/g, (_, open, tag, attributes, content, close) => {
        const options = tag === 'style' ? ['--loader=css'] : ['--loader=js', `--target=${attributes.includes('module') ? 'esnext' : 'es5'}`];
        return open + esbuild(options, content).trim() + close;
    });
    await writeFile(page, minified);
}

async function shortenNames(files) {
    const module = files.find(file => file.endsWith('_bg.wasm'));
    const script = module.replace(/_bg\.wasm$/, '.js');
    const short = shorten(await readFile(module), await readFile(script, 'utf8'));
    await Promise.all([writeFile(module, short.module), writeFile(script, short.script)]);
}

// What the page names beside itself. Trunk's own hash is of what the module was before these steps: after a change of one of them alone, a
// browser would mix a file from its cache with a new one.
async function nameByContent(page, folder) {
    const html = await readFile(page, 'utf8');
    const names = new Map();
    for (const [name, stem, ending] of html.matchAll(/(?<=["']\.\/)([a-z]+)(?:-[0-9a-f]+)?((?:_bg)?\.(?:js|svg|wasm))(?=["'])/g)) {
        if (names.has(name)) continue;
        const hash = createHash('sha256').update(await readFile(join(folder, name))).digest('hex').slice(0, 16);
        names.set(name, `${stem}-${hash}${ending}`);
        await rename(join(folder, name), join(folder, names.get(name)));
    }
    await writeFile(page, [...names].reduce((text, [from, to]) => text.replaceAll(`./${from}`, `./${to}`), html));
}

async function filesIn(folder) {
    const entries = await readdir(folder, { withFileTypes: true });
    const files = entries.map(entry => {
        const path = join(folder, entry.name);
        return entry.isDirectory() ? filesIn(path) : [path];
    });
    return (await Promise.all(files)).flat();
}

async function compress(file) {
    const content = await readFile(file);
    if (content.length < FLOOR) return;
    const params = {
        [constants.BROTLI_PARAM_QUALITY]: 11,
        [constants.BROTLI_PARAM_SIZE_HINT]: content.length,
        // Blocks of 64 kB: 0.4 kB less of the WebAssembly module than with the default.
        [constants.BROTLI_PARAM_LGBLOCK]: 16,
    };
    const forms = { br: promisify(brotliCompress)(content, { params }), gz: promisify(gzip)(content, { level: 9 }) };
    for (const [ending, form] of Object.entries(forms)) {
        const compressed = await form;
        if (compressed.length < content.length) await writeFile(`${file}.${ending}`, compressed);
    }
}

async function run() {
    const { TRUNK_PROFILE: profile, TRUNK_STAGING_DIR: folder } = process.env;
    if (!folder) throw new Error('this is a step of `cargo xtask bundle`, which names the folder: run that instead');
    if (profile !== 'release') return;
    const page = join(folder, 'index.html');
    const having = (files, endings) => files.filter(file => endings.includes(extname(file)));
    const files = await filesIn(folder);
    esbuild(['--allow-overwrite', `--outdir=${folder}`, `--outbase=${folder}`, ...having(files, MINIFIED)]);
    await shortenNames(files);
    await nameByContent(page, folder);
    // Last, since the names that esbuild gives depend on which letters are frequent, those of the files among them.
    await minifyInline(page);
    await Promise.all(having(await filesIn(folder), COMPRESSED).map(compress));
}

run().catch(error => {
    console.error(error.message);
    process.exitCode = 1;
});
