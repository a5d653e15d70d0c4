/** Export: numbers as CSV, pictures as SVG and PNG. */

import { index } from "./data.js";
import { theme } from "./colour.js";
import { CanvasPainter, SvgPainter } from "./painter.js";
import { make } from "./dom.js";
import { cut, visible } from "./text.js";

const MARGIN = 16;
const TALLEST = 16000;

/** Rows as comma-separated values. */
export function csvOf(rows) {
  const field = (value) =>
    /[",\r\n]|^\s|\s$/.test(value) ? `"${String(value).replaceAll('"', '""')}"` : String(value);
  return rows.map((row) => row.map(field).join(",")).join("\r\n") + "\r\n";
}

/** Copy text to the clipboard, or where that is not allowed show it in a box. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const box = make("textarea", { readonly: true, "aria-label": "Copy this text" });
    const dialog = make(
      "dialog",
      { class: "sheet", close: () => dialog.remove() },
      make("h2", {}, "Copy this"),
      box,
      make("form", { method: "dialog" }, make("button", {}, "Done")),
    );
    box.value = text;
    document.body.append(dialog);
    dialog.showModal();
    box.select();
    if (!document.execCommand("copy")) return false;
    dialog.close();
    return true;
  }
}

/** The drawings of boards side by side, with a heading: `{ width, height, paint(painter) }`. */
function sheet(boards, heading) {
  const drawings = boards.map((board) => board.drawing).filter(Boolean);
  const width = drawings.reduce((sum, drawing) => sum + drawing.width + MARGIN, MARGIN);
  const height = Math.min(TALLEST, Math.max(0, ...drawings.map((drawing) => drawing.height)) + 2 * MARGIN + 24);
  const colours = theme();
  const paint = (painter) => {
    painter.rect(0, 0, width, height, colours.page);
    painter.text(cut(heading, 120), MARGIN, MARGIN + 6, colours.ink, { size: 14, bold: true });
    let x = MARGIN;
    for (const drawing of drawings) {
      painter.moved(x, MARGIN + 24, () =>
        drawing.paint(
          painter,
          { x: 0, y: 0, width: drawing.width, height: Math.min(drawing.height, TALLEST) },
          colours,
        ),
      );
      x += drawing.width + MARGIN;
    }
  };
  return { width, height, paint };
}

export function saveSvg(view, heading) {
  const { width, height, paint } = sheet(view.boards(), heading);
  const painter = new SvgPainter();
  paint(painter);
  save(new Blob([painter.file(width, height)], { type: "image/svg+xml" }), `${fileName(view)}.svg`);
}

export async function savePng(view, heading) {
  const { width, height, paint } = sheet(view.boards(), heading);
  const sharp = Math.min(2, 16000 / Math.max(width, height), Math.sqrt(6e7 / (width * height)));
  const canvas = Object.assign(document.createElement("canvas"), {
    width: Math.ceil(width * sharp),
    height: Math.ceil(height * sharp),
  });
  const pen = canvas.getContext("2d");
  pen.scale(sharp, sharp);
  paint(new CanvasPainter(pen));
  const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
  save(blob, `${fileName(view)}.png`);
}

export const saveCsv = (view, rows) => save(new Blob([csvOf(rows)], { type: "text/csv" }), `${fileName(view)}.csv`);

function save(blob, name) {
  const link = make("a", { href: URL.createObjectURL(blob), download: name, hidden: true });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

const fileName = (view) =>
  `${
    visible(index.title)
      .replace(/[^\p{L}\p{N}]+/gu, "-")
      .replace(/^-|-$/g, "")
      .slice(0, 40) || "attention"
  }-${view.name}`;
