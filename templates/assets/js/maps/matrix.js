// The attention matrices of a window. Of each row the strongest keys are known, and the sum of the others.

import { codec } from "../document/codec.js";

const planes = (bytes) => {
  const half = bytes.length / 2;
  return Uint16Array.from({ length: half }, (_, i) => bytes[i] | (bytes[half + i] << 8));
};

// Decodes what maps.py encodes: a row holds the differences of its codes.
const load = async (part) => {
  const { rows, tokens, entries, cells } = part;
  const packed = await Promise.all([part.thumbnails, part.keys, part.values, part.rest].map(codec.inflate));
  const [thumbnails, keyBytes, codes, rest] = packed.map((buffer) => new Uint8Array(buffer));
  const keys = tokens <= 256 ? keyBytes : planes(keyBytes);
  const n = rows * tokens;
  if (
    thumbnails.length !== rows * cells * cells ||
    keys.length !== n * entries ||
    codes.length !== n * entries ||
    rest.length !== n
  )
    throw new Error("the file of its map is incomplete");
  for (let i = 0; i < codes.length; i++) if (i % entries) codes[i] += codes[i - 1];
  return { rows, tokens, entries, cells, thumbnails, keys, codes, rest, values: codec.valueTable(part, 8) };
};

const all = () => true;

// The strongest keys of a query as [key, value], strongest first. Maps made from others compute their own.
const row = (map, head, query, allows = all) => {
  if (map.row) return map.row(head, query, allows);
  const found = [];
  const first = (head * map.tokens + query) * map.entries;
  for (let i = first; i < first + map.entries; i++) {
    if (map.codes[i] && allows(query, map.keys[i])) found.push([map.keys[i], map.values[map.codes[i]]]);
  }
  return found;
};

// The same of a map that has only rows.
const columnOf = (map, head, key, allows) => {
  const found = [];
  for (let query = 0; query < map.tokens; query++) {
    const pair = map.row(head, query, allows).find(([seen]) => seen === key);
    if (pair) found.push([query, ...pair.slice(1)]);
  }
  return found.sort((a, b) => Math.abs(b[1]) - Math.abs(a[1]));
};

// The queries that have a key among their strongest as [query, value], strongest first.
const column = (map, head, key, allows = all) => {
  if (map.column) return map.column(head, key, allows);
  if (map.row) return columnOf(map, head, key, allows);
  const found = [];
  const first = head * map.tokens * map.entries;
  for (let i = first; i < first + map.tokens * map.entries; i++) {
    if (map.keys[i] !== key || !map.codes[i]) continue;
    const query = Math.floor((i - first) / map.entries);
    if (allows(query, key)) found.push([query, map.values[map.codes[i]]]);
  }
  return found.sort((a, b) => b[1] - a[1]);
};

const rest = (map, head, query) => (map.row ? map.rest(head, query) : map.values[map.rest[head * map.tokens + query]]);

// What a query gives to keys that a view does not show: those not stored, and those that `allows` leaves out.
const unshown = (map, head, query, allows) =>
  rest(map, head, query) +
  row(map, head, query, (from, to) => !allows(from, to)).reduce((sum, [, value]) => sum + value, 0);

// The average share that queries (without special tokens) give to themselves, neighbours, special tokens and others.
const shares = (map, head, special) => {
  if (map.shares) return map.shares(head, special);
  const sums = { itself: 0, before: 0, after: 0, special: 0, others: 0, rest: 0 };
  let n = 0;
  for (let query = 0; query < map.tokens; query++) {
    if (special(query)) continue;
    n += 1;
    sums.rest += rest(map, head, query);
    for (const [key, value] of row(map, head, query)) {
      const kind =
        key === query
          ? "itself"
          : special(key)
            ? "special"
            : key === query - 1
              ? "before"
              : key === query + 1
                ? "after"
                : "others";
      sums[kind] += value;
    }
  }
  return Object.fromEntries(Object.entries(sums).map(([kind, sum]) => [kind, n ? sum / n : 0]));
};

// The head whose queries attend most to one token other than neighbours and special tokens.
const mostVaried = (map, special) => {
  let [best, most] = [0, -1];
  for (let head = 0; head < map.rows; head++) {
    let sum = 0;
    for (let query = 0; query < map.tokens; query++) {
      if (special(query)) continue;
      const [key, value] = row(map, head, query)[0] ?? [query, 0];
      if (Math.abs(key - query) > 1 && !special(key)) sum += value;
    }
    if (sum > most) [best, most] = [head, sum];
  }
  return best;
};

// Which pairs of tokens a choice of texts shows: "ab" is from the first to the second. Special tokens belong to
// neither, and may be hidden in all.
const filter = (choice, segment, special = null) => {
  const [from, to] = [...choice].map((letter) => "ab".indexOf(letter));
  if (choice !== "all") return (query, key) => segment(query) === from && segment(key) === to;
  return special ? (query, key) => !special(query) && !special(key) : all;
};

// The tokens that this choice lists as queries and keys, in order, and the position of each token; -1 if not listed.
const seats = (choice, segment, length, special = null) => {
  const indices = Array.from({ length }, (_, index) => index).filter((index) => !special?.(index));
  const listed = (letter) =>
    choice === "all" ? indices : indices.filter((index) => segment(index) === "ab".indexOf(letter));
  const seated = (list) => {
    const seat = new Int32Array(length).fill(-1);
    list.forEach((index, i) => {
      seat[index] = i;
    });
    return { list, seat };
  };
  return { query: seated(listed(choice[0])), key: seated(listed(choice[1])) };
};

export const matrix = { all, load, planes, row, column, rest, unshown, shares, mostVaried, filter, seats };
