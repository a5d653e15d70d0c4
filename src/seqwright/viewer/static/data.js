/** The data of the page: its index, and the numbers of each head, decoded on demand and cached. */

export const index = JSON.parse(document.getElementById("index").textContent);

const CACHE_BYTES = 64 * 1024 * 1024;
const cache = new Map();
let cachedBytes = 0;

/** Decode base 64 and inflate to `size` bytes. */
async function unpacked(text, size) {
  const bytes = Uint8Array.fromBase64
    ? Uint8Array.fromBase64(text)
    : Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const stream = new DecompressionStream("deflate");
  const writer = stream.writable.getWriter();
  writer.write(bytes).catch(() => {});
  writer.close().catch(() => {});
  const reader = stream.readable.getReader();
  const found = new Uint8Array(size);
  for (let at = 0; ;) {
    const { done, value } = await reader.read();
    if (done) return found.buffer;
    found.set(value, at);
    at += value.length;
  }
}

const chunk = (id) => document.getElementById(id).textContent;

/** The quantised weights of a head: the greatest of each row, and shares of it in 255ths. */
export function packedHead(record, layer, head) {
  const id = `${record.id}-w-${layer}-${head}`;
  const queries = record.tokens.length;
  const size = 4 * queries + queries * columnsOf(record).length;
  const found =
    cache.get(id) ??
    unpacked(chunk(id), size).then((buffer) => ({
      greatest: new Float32Array(buffer, 0, queries),
      shares: new Uint8Array(buffer, 4 * queries),
    }));
  if (!cache.delete(id)) cachedBytes += size;
  cache.set(id, Object.assign(found, { size }));
  for (const [oldest, { size: freed }] of cache) {
    if (cachedBytes <= CACHE_BYTES || oldest === id) break;
    cache.delete(oldest);
    cachedBytes -= freed;
  }
  return found;
}

/** The queries, keys, values and scores of a head. */
export async function projectionsOf(record, layer, head) {
  const { width, valueWidth } = record.projections;
  const [queries, keys] = [record.tokens.length, columnsOf(record).length];
  const sizes = { queries: queries * width, keys: keys * width, values: keys * valueWidth, scores: queries * keys };
  const total = Object.values(sizes).reduce((sum, size) => sum + size);
  const halves = new Uint16Array(await unpacked(chunk(`${record.id}-q-${layer}-${head}`), 2 * total));
  const numbers = Float32Array.from(halves, float16);
  let at = 0;
  return Object.fromEntries(Object.entries(sizes).map(([name, size]) => [name, numbers.subarray(at, (at += size))]));
}

function float16(bits) {
  const [sign, exponent, fraction] = [bits & 0x8000 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The thumbnails of a record's heads: `{ rows, columns, data }`, head after head. */
export async function thumbnailsOf(record) {
  const { rows, columns, data } = record.thumbnails;
  const heads = record.layers.length * record.heads.length;
  record.small ??= unpacked(data, rows * columns * heads).then((buffer) => new Uint8Array(buffer));
  return { rows, columns, data: await record.small };
}

/** The key tokens: the source in cross attention, else the record's own tokens. */
export const columnsOf = (record) => record.columns ?? record.tokens;
