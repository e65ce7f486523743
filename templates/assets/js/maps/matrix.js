// The attention matrices of a window, of which each row is known by its strongest keys and what is left for the rest.

import { codec } from "../document/codec.js";

const planes = (bytes) => {
  const half = bytes.length / 2;
  return Uint16Array.from({ length: half }, (_, i) => bytes[i] | (bytes[half + i] << 8));
};

// Undoes maps.py: of a row's codes only the differences were sent.
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

// Strongest keys of a query, [key, value], strongest first.
const row = (map, head, query, allows = all) => {
  const found = [];
  const first = (head * map.tokens + query) * map.entries;
  for (let i = first; i < first + map.entries; i++) {
    if (map.codes[i] && allows(query, map.keys[i])) found.push([map.keys[i], map.values[map.codes[i]]]);
  }
  return found;
};

// Queries that have a key among their strongest, [query, value], strongest first.
const column = (map, head, key, allows = all) => {
  const found = [];
  const first = head * map.tokens * map.entries;
  for (let i = first; i < first + map.tokens * map.entries; i++) {
    if (map.keys[i] !== key || !map.codes[i]) continue;
    const query = Math.floor((i - first) / map.entries);
    if (allows(query, key)) found.push([query, map.values[map.codes[i]]]);
  }
  return found.sort((a, b) => b[1] - a[1]);
};

const rest = (map, head, query) => map.values[map.rest[head * map.tokens + query]];

// What a head's queries but special ones give, on average, to themselves, their neighbours, special tokens and others.
const shares = (map, head, special) => {
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

// The head whose queries look hardest at one token beyond their neighbours and the special ones.
const telling = (map, special) => {
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

// Which pairs of tokens a choice of texts shows: "ab" from the first to the second; special tokens are of neither.
const filter = (choice, segment) => {
  const [from, to] = [...choice].map((letter) => "ab".indexOf(letter));
  return choice === "all" ? all : (query, key) => segment(query) === from && segment(key) === to;
};

// The tokens that such a choice lists as queries and as keys, in order, and the seat of each token; -1 for none.
const seats = (choice, segment, length) => {
  const indices = Array.from({ length }, (_, index) => index);
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

export const matrix = { load, planes, row, column, rest, shares, telling, filter, seats };
