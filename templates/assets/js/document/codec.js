// Decodes what payload.py and log_code.py encode: base64, raw deflate, logarithmic codes.

const bytesOf = (text) => {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
};

// Writing to the stream directly is several times faster than piping a Blob through it.
const inflate = async (text) => {
  const stream = new DecompressionStream("deflate-raw");
  const writer = stream.writable.getWriter();
  writer.write(bytesOf(text)).catch(() => {});
  writer.close().catch(() => {});
  return new Response(stream.readable).arrayBuffer();
};

// The value of a code of a logarithmic scale. Code 0 means "below lo" and becomes 0.
const valueOf = ({ lo, hi }, bits) => {
  const step = Math.log(hi / lo) / (2 ** bits - 2);
  return (code) => (code ? lo * Math.exp((code - 1) * step) : 0);
};
const valueTable = (scale, bits) => {
  const value = valueOf(scale, bits);
  return Float64Array.from({ length: 2 ** bits }, (_, code) => value(code));
};

const bitsOf = (part) => {
  const bits = { u8log6: 8, u16log12: 16 }[part.enc];
  if (!bits) throw new Error(`unknown encoding ${part.enc}`);
  return bits;
};

// Codes [row, token] of all heads, and the value of each code.
const attention = async (part, rows, tokens) => {
  const values = valueTable(part, bitsOf(part));
  const [codes, medians] = (await Promise.all([inflate(part.codes), inflate(part.medians)])).map(
    (b) => new Uint8Array(b),
  );
  if (codes.length !== rows * tokens || medians.length !== rows) throw new Error("the page's payload is incomplete");
  for (let row = 0; row < rows; row++) {
    for (let i = row * tokens; i < (row + 1) * tokens; i++) codes[i] += medians[row];
  }
  return { codes, values };
};

// One number per head.
const values = async (part) => {
  const table = valueTable(part, bitsOf(part));
  return Float64Array.from(new Uint8Array(await inflate(part.codes)), (code) => table[code]);
};

// Exact aggregates by name, each [token].
const aggregates = async (part, names, tokens) => {
  const value = valueOf(part, bitsOf(part));
  const codes = new Uint16Array(await inflate(part.codes));
  return {
    __proto__: null,
    ...Object.fromEntries(
      names.map((name, row) => [name, Float64Array.from(codes.subarray(row * tokens, (row + 1) * tokens), value)]),
    ),
  };
};

// Starts and ends in UTF-16 units, from pairs of gap and length.
const offsets = async (text) => {
  const pairs = new Int32Array(await inflate(text));
  const starts = new Int32Array(pairs.length / 2);
  const ends = new Int32Array(pairs.length / 2);
  for (let i = 0, end = 0; i < starts.length; i++) {
    starts[i] = end + pairs[2 * i];
    end = ends[i] = starts[i] + pairs[2 * i + 1];
  }
  return { starts, ends };
};

export const codec = { inflate, valueTable, attention, aggregates, values, offsets };
