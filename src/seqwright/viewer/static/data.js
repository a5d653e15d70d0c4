/** What the page holds: its index, and the numbers of each head, decoded when they are asked for and kept for a while. */

export const index = JSON.parse(document.getElementById("index").textContent);

const MOST_HELD = 64 * 1024 * 1024;
const held = new Map();
let heldBytes = 0;

/** Base 64 → deflated → so many bytes. */
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

/** A head's weights as they are kept: the greatest of each row, and shares of it in 255ths. */
export function packedHead(record, layer, head) {
  const id = `${record.id}-w-${layer}-${head}`;
  const queries = record.tokens.length;
  const size = 4 * queries + queries * columnsOf(record).length;
  const found =
    held.get(id) ??
    unpacked(chunk(id), size).then((buffer) => ({
      greatest: new Float32Array(buffer, 0, queries),
      shares: new Uint8Array(buffer, 4 * queries),
    }));
  if (!held.delete(id)) heldBytes += size;
  held.set(id, Object.assign(found, { size }));
  for (const [oldest, { size: freed }] of held) {
    if (heldBytes <= MOST_HELD || oldest === id) break;
    held.delete(oldest);
    heldBytes -= freed;
  }
  return found;
}

/** A head's queries, keys, values and scores. */
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

/** The small pictures of a record's heads: `{ rows, columns, data }`, head after head. */
export async function thumbnailsOf(record) {
  const { rows, columns, data } = record.thumbnails;
  const heads = record.layers.length * record.heads.length;
  record.small ??= unpacked(data, rows * columns * heads).then((buffer) => new Uint8Array(buffer));
  return { rows, columns, data: await record.small };
}

/** What is looked at: the source in cross attention, else the tokens themselves. */
export const columnsOf = (record) => record.columns ?? record.tokens;
