/** Thumbnails of heads as images. */

import { thumbnailsOf } from "./data.js";
import { headsOf } from "./choice.js";

/** An image for each head, layer by layer. */
export async function thumbnailImages(record, colours) {
  if (record.images?.colours === colours) return record.images;
  const { rows, columns, data } = await thumbnailsOf(record);
  const images = headsOf(record).map((_, number) => {
    const image = Object.assign(document.createElement("canvas"), { width: columns, height: rows });
    const pen = image.getContext("2d");
    const picture = pen.createImageData(columns, rows);
    const cells = new Uint32Array(picture.data.buffer);
    for (let i = 0; i < cells.length; i++) cells[i] = colours[data[number * cells.length + i]];
    pen.putImageData(picture, 0, 0);
    return image;
  });
  return (record.images = Object.assign(images, { colours }));
}

/** All heads: a row for each layer, a column for each head. `heads` has those that match a search, and the number below each. */
export function gridOfHeads({ record, images, heads, sorted, width, chosen, marked }) {
  const [left, top, gap] = [34, 24, 7];
  const below = sorted ? 14 : 0;
  const size = Math.max(14, Math.min(104, (width - left - 8) / record.heads.length - gap));
  const [dx, dy] = [size + gap, size + gap + below];
  const position = (l, h) => [left + h * dx, top + l * dy];

  function paint(p, seen, colours) {
    record.heads.forEach((head, h) =>
      p.text(`H${head}`, left + h * dx + size / 2, 11, colours.quiet, { size: 11, align: "center" }),
    );
    record.layers.forEach((layer, l) =>
      p.text(`L${layer}`, left - 8, top + l * dy + size / 2, colours.quiet, { size: 11, align: "right" }),
    );
    for (const { l, h, number, values, fits } of heads) {
      const [x, y] = position(l, h);
      if (y > seen.y + seen.height || y + dy < seen.y) continue;
      p.image(images[number], x, y, size, size);
      if (!fits) p.rect(x, y, size, size, colours.page, 0.82);
      p.frame(x - 0.5, y - 0.5, size + 1, size + 1, colours.line);
      if (below)
        p.text(values[sorted].toFixed(2), x + size / 2, y + size + 8, fits ? colours.ink : colours.quiet, {
          size: 10,
          align: "center",
        });
      const ring = marked(l, h);
      if (ring) p.frame(x - 2.5, y - 2.5, size + 5, size + 5, ring, 2.5);
      if (chosen && chosen[0] === l && chosen[1] === h)
        p.frame(x - 2.5, y - 2.5, size + 5, size + 5, colours.link, 2.5);
    }
  }

  function hit(x, y) {
    const [h, l] = [Math.floor((x - left + gap / 2) / dx), Math.floor((y - top + gap / 2) / dy)];
    return x < left || y < top || h >= record.heads.length || l >= record.layers.length
      ? null
      : { l, h, key: `${l} ${h}` };
  }

  const spot = ({ l, h }) => ({ x: left + h * dx + size / 2, y: top + l * dy + size / 2 });
  return { width: left + record.heads.length * dx + 2, height: top + record.layers.length * dy + 4, paint, hit, spot };
}
