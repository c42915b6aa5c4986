// Draws the link of the element `.qr-code` as a QR code (ISO/IEC 18004): byte mode, error correction level M, versions 1 to 25, so up to
// 997 bytes. The share sheet loads it when it opens: the client is smaller without it.
(() => {
  // Codewords for error correction in a block, and blocks, of each version (table 9).
  const CORRECTION = [10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26, 26, 28, 28, 28, 28];
  const BLOCKS = [1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16, 17, 17, 18, 20, 21];
  // Light modules that have to be around a code.
  const QUIET = 4;
  const MASKS = [
    (x, y) => (x + y) % 2,
    (x, y) => y % 2,
    (x) => x % 3,
    (x, y) => (x + y) % 3,
    (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2,
    (x, y) => (x * y) % 2 + (x * y) % 3,
    (x, y) => ((x * y) % 2 + (x * y) % 3) % 2,
    (x, y) => ((x + y) % 2 + (x * y) % 3) % 2,
  ];

  const range = (count) => Array.from({ length: count }, (_, at) => at);

  // Of `value` with `bits` zeros behind it, divided by a polynomial of that degree.
  const remainder = (value, bits, polynomial) =>
    range(bits).reduce((rest) => (rest << 1) ^ ((rest >> (bits - 1)) * polynomial), value);

  // In GF(2^8), modulo x^8 + x^4 + x^3 + x^2 + 1.
  function multiply(left, right) {
    let product = 0;
    for (let bit = 7; bit >= 0; bit -= 1) product = (product << 1) ^ ((product >> 7) * 0x11d) ^ (((right >> bit) & 1) * left);
    return product;
  }

  // The coefficients of (x - 1)(x - 2)...(x - 2^(degree - 1)), without the first one, which is 1.
  function generator(degree) {
    let [coefficients, root] = [range(degree).map((at) => +(at === degree - 1)), 1];
    for (let step = 0; step < degree; step += 1) {
      coefficients = coefficients.map((one, at) => multiply(one, root) ^ (coefficients[at + 1] ?? 0));
      root = multiply(root, 2);
    }
    return coefficients;
  }

  // Reed-Solomon codewords: what is left of a block when it is divided by the generator.
  const correct = (block, divisor) =>
    block.reduce((rest, byte) => {
      const factor = byte ^ rest[0];
      return divisor.map((one, at) => (rest[at + 1] ?? 0) ^ multiply(one, factor));
    }, divisor.map(() => 0));

  // Centers of the alignment patterns in both directions (annex E).
  function alignmentCenters(version) {
    if (version === 1) return [];
    const count = Math.floor(version / 7) + 2;
    const step = Math.ceil((4 * version + 4) / (2 * (count - 1))) * 2;
    return [6, ...range(count - 1).map((at) => 4 * version + 10 - at * step).reverse()];
  }

  // A square with the patterns of a version; `fixed` modules hold no data.
  function patterns(version) {
    const size = 17 + 4 * version;
    const [dark, fixed] = [0, 1].map(() => range(size).map(() => range(size).map(() => 0)));
    const code = { size, dark, fixed };
    code.fix = (x, y, value) => {
      dark[y][x] = +value;
      fixed[y][x] = 1;
    };
    // Squares around a center; those that are outside are left out.
    const rings = (x, y, radius, values) => {
      for (let row = Math.max(y - radius, 0); row <= Math.min(y + radius, size - 1); row += 1) {
        for (let column = Math.max(x - radius, 0); column <= Math.min(x + radius, size - 1); column += 1) {
          code.fix(column, row, values[Math.max(Math.abs(row - y), Math.abs(column - x))]);
        }
      }
    };
    for (const at of range(size)) {
      code.fix(6, at, at % 2 === 0);
      code.fix(at, 6, at % 2 === 0);
    }
    for (const [x, y] of [[3, 3], [size - 4, 3], [3, size - 4]]) rings(x, y, 4, [1, 1, 0, 1, 0]);
    const centers = alignmentCenters(version);
    for (const x of centers) {
      for (const y of centers) {
        // Those are the corners of the finder patterns.
        if (x + y > 12 && !(x + y === size - 1 && (x === 6 || y === 6))) rings(x, y, 2, [1, 0, 1]);
      }
    }
    writeFormat(code, 0);
    if (version >= 7) {
      const bits = (version << 12) | remainder(version, 12, 0x1f25);
      for (const at of range(18)) {
        const [long, short] = [size - 11 + (at % 3), Math.floor(at / 3)];
        code.fix(long, short, (bits >> at) & 1);
        code.fix(short, long, (bits >> at) & 1);
      }
    }
    return code;
  }

  // Level and mask, twice (7.9). The bits of level M are zero.
  function writeFormat({ size, fix }, mask) {
    const bits = ((mask << 10) | remainder(mask, 10, 0x537)) ^ 0x5412;
    for (const at of range(15)) {
      const bit = (bits >> at) & 1;
      if (at < 9) fix(at === 8 ? 7 : 8, at < 6 ? at : Math.min(at + 1, 8), bit);
      else fix(14 - at, 8, bit);
      if (at < 8) fix(size - 1 - at, 8, bit);
      else fix(8, size - 15 + at, bit);
    }
    fix(8, size - 8, 1);
  }

  // Mode, length, bytes, and padding (7.4), then the blocks with their codewords for error correction, interleaved (7.6).
  function codewords(bytes, version, count) {
    const [each, blocks] = [CORRECTION[version - 1], BLOCKS[version - 1]];
    const length = version < 10 ? [bytes.length] : [bytes.length >> 8, bytes.length & 255];
    // The four bits of the mode move everything by half a byte.
    const halves = [4, ...[...length, ...bytes].flatMap((byte) => [byte >> 4, byte & 15]), 0];
    const data = range(count - each * blocks).map((at) =>
      2 * at < halves.length ? (halves[2 * at] << 4) | halves[2 * at + 1] : (at - halves.length / 2) % 2 ? 0x11 : 0xec,
    );
    const short = Math.floor(data.length / blocks);
    const divisor = generator(each);
    let from = 0;
    const pieces = range(blocks).map((block) => {
      // The last blocks are one codeword longer.
      const piece = data.slice(from, (from += short + (block >= blocks - (data.length % blocks))));
      return { piece, correction: correct(piece, divisor) };
    });
    return [
      ...range(short + 1).flatMap((at) => pieces.map(({ piece }) => piece[at])),
      ...range(each).flatMap((at) => pieces.map(({ correction }) => correction[at])),
    ].filter((codeword) => codeword !== undefined);
  }

  // In columns of two, from the right, up and down in turn (7.7.3), without the column of the vertical timing pattern.
  function place({ size, dark, fixed }, all) {
    let bit = 0;
    for (let pair = 0, right = size - 1; right > 0; pair += 1, right -= right === 8 ? 3 : 2) {
      for (const at of range(size)) {
        const y = pair % 2 ? at : size - 1 - at;
        for (const x of [right, right - 1]) {
          if (fixed[y][x]) continue;
          dark[y][x] = (all[bit >> 3] >> (7 - (bit & 7))) & 1;
          bit += 1;
        }
      }
    }
  }

  function masked(code, mask) {
    const dark = code.dark.map((row, y) => row.map((value, x) => value ^ +(!code.fixed[y][x] && !MASKS[mask](x, y))));
    writeFormat({ size: code.size, fix: (x, y, value) => { dark[y][x] = value; } }, mask);
    return dark;
  }

  // What makes a code hard to read (7.8.3): long runs, what looks like a finder pattern, squares, and more of one colour.
  function penalty(dark) {
    const rows = dark.map((row) => row.join(""));
    const columns = dark.map((_, x) => dark.map((row) => row[x]).join(""));
    let sum = 0;
    for (const line of [...rows, ...columns]) {
      for (const [run] of line.matchAll(/0{5,}|1{5,}/g)) sum += run.length - 2;
      sum += 40 * [...line.matchAll(/(?=00001011101|10111010000)/g)].length;
    }
    for (let y = 1; y < dark.length; y += 1) {
      for (let x = 1; x < dark.length; x += 1) {
        if ((dark[y][x] + dark[y - 1][x] + dark[y][x - 1] + dark[y - 1][x - 1]) % 4 === 0) sum += 3;
      }
    }
    const share = rows.join("").replaceAll("0", "").length / dark.length ** 2;
    return sum + 10 * Math.floor(Math.abs(share - 0.5) * 20);
  }

  // The rows of a code for a text; nothing for one that is too long.
  function encode(text) {
    const bytes = new TextEncoder().encode(text);
    for (let version = 1; version <= BLOCKS.length; version += 1) {
      const code = patterns(version);
      const free = code.fixed.flat().filter((fixed) => !fixed).length;
      const count = Math.floor(free / 8);
      const room = count - CORRECTION[version - 1] * BLOCKS[version - 1];
      if (bytes.length + (version < 10 ? 2 : 3) > room) continue;
      place(code, codewords(bytes, version, count));
      const ways = MASKS.map((_, mask) => masked(code, mask)).map((dark) => ({ dark, cost: penalty(dark) }));
      return ways.reduce((best, way) => (way.cost < best.cost ? way : best)).dark;
    }
    return null;
  }

  const element = document.querySelector(".qr-code");
  const rows = element && encode(element.dataset.link);
  if (!rows) return;
  const size = rows.length + 2 * QUIET;
  const runs = rows.flatMap((row, y) =>
    [...row.join("").matchAll(/1+/g)].map(({ 0: run, index }) => `M${index + QUIET} ${y + QUIET}h${run.length}v1h-${run.length}z`),
  );
  element.innerHTML = `<svg viewBox="0 0 ${size} ${size}" aria-hidden="true"><path d="${runs.join("")}"/></svg>`;
})();
