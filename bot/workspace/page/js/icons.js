// Line icons on a 20-unit grid, drawn for this page. Decorative: the label stands on the control that holds one.

const SHAPES = {
  hash: ["M8 3 6.5 17", "M13.5 3 12 17", "M3.5 7.5h13.5", "M3 12.5h13.5"],
  home: ["M3 9.5 10 3.5l7 6", "M5 8.5V16.5h10V8.5", "M8.2 16.5v-4.5h3.6v4.5"],
  chat: ["M3 5.5a1.5 1.5 0 0 1 1.5-1.5h11A1.5 1.5 0 0 1 17 5.5v7a1.5 1.5 0 0 1-1.5 1.5H9l-4 3v-3h-.5A1.5 1.5 0 0 1 3 12.5z"],
  thread: ["M3 5.5A1.5 1.5 0 0 1 4.5 4h11A1.5 1.5 0 0 1 17 5.5v7a1.5 1.5 0 0 1-1.5 1.5H9l-4 3v-3h-.5A1.5 1.5 0 0 1 3 12.5z", "M6.5 7.7h7", "M6.5 10.5h4.5"],
  bolt: ["M11.5 2.5 4.5 11.5h5l-1 6 7-9h-5z"],
  send: ["M3.5 16.5 17 10 3.5 3.5 5.5 10z", "M5.5 10H11"],
  more: ["M10 4.6v.01", "M10 10v.01", "M10 15.4v.01"],
  close: ["M5 5l10 10", "M15 5 5 15"],
  menu: ["M3 5.5h14", "M3 10h14", "M3 14.5h14"],
  sun: ["M10 6.5a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7z", "M10 2v1.5", "M10 16.5V18", "M2 10h1.5", "M16.5 10H18", "M4.3 4.3l1.1 1.1", "M14.6 14.6l1.1 1.1", "M4.3 15.7l1.1-1.1", "M14.6 5.4l1.1-1.1"],
  moon: ["M16.5 11.8A7 7 0 0 1 8.2 3.5a7 7 0 1 0 8.3 8.3z"],
  contrast: ["M10 2.5a7.5 7.5 0 1 1 0 15 7.5 7.5 0 0 1 0-15z", "M10 2.5v15", "M12.5 4v12", "M15 5.6v8.8"],
  down: ["M5.5 8l4.5 4.5L14.5 8"],
  left: ["M12 4.5 6.5 10l5.5 5.5"],
  right: ["M8 4.5l5.5 5.5L8 15.5"],
  eye: ["M2.5 10S5.2 5 10 5s7.5 5 7.5 5-2.7 5-7.5 5-7.5-5-7.5-5z", "M10 8a2 2 0 1 1 0 4 2 2 0 0 1 0-4z"],
  search: ["M9 3.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11z", "M13 13l4 4"],
  check: ["M4 10.5l4 4 8-9"],
  warn: ["M10 3 2.5 16.5h15z", "M10 8v4", "M10 14.3v.01"],
  external: ["M8 4.5H4.5v11h11V12", "M11.5 3.5h5v5", "M16.5 3.5 9 11"],
  at: ["M10 7a3 3 0 1 1 0 6 3 3 0 0 1 0-6z", "M13 7v4.5a2 2 0 0 0 4 0V10a7 7 0 1 0-2.8 5.6"],
  slash: ["M12.5 3.5l-5 13"],
  retry: ["M15.8 8A6.2 6.2 0 1 0 16.2 11", "M16.5 4v4h-4"],
  link: ["M8.5 11.5a3 3 0 0 0 4.3 0l2.7-2.7a3 3 0 0 0-4.3-4.3l-1 1", "M11.5 8.5a3 3 0 0 0-4.3 0l-2.7 2.7a3 3 0 0 0 4.3 4.3l1-1"],
  copy: ["M7.5 7.5h9v9h-9z", "M12.5 7.5v-4h-9v9h4"],
  bell: ["M5.2 13.5c1-1.2 1.2-2.6 1.2-5a3.6 3.6 0 0 1 7.2 0c0 2.4.2 3.8 1.2 5z", "M3.8 13.5h12.4", "M8.7 16a1.4 1.4 0 0 0 2.6 0", "M10 3.5V4.9"],
  people: ["M8 4.5a2.7 2.7 0 1 1 0 5.4 2.7 2.7 0 0 1 0-5.4z", "M3 16c.4-2.9 2.3-4.3 5-4.3s4.6 1.4 5 4.3", "M13.3 5a2.5 2.5 0 0 1 0 4.7", "M14.8 12c1.4.6 2.2 1.9 2.4 4"],
  spark: ["M10 3v4", "M10 13v4", "M3 10h4", "M13 10h4", "M5.3 5.3l2.4 2.4", "M12.3 12.3l2.4 2.4", "M5.3 14.7l2.4-2.4", "M12.3 7.7l2.4-2.4"],
};

const SVG = "http://www.w3.org/2000/svg";

/** An icon of `size` CSS pixels. Unknown names throw: a missing icon is a bug, not an empty space. */
export function icon(name, size = 20) {
  const shapes = SHAPES[name];
  if (!shapes) throw new Error(`no icon is called ${name}`);
  const svg = document.createElementNS(SVG, "svg");
  for (const [key, value] of Object.entries({ viewBox: "0 0 20 20", width: size, height: size, "aria-hidden": "true", class: `icon icon-${name}` })) {
    svg.setAttribute(key, String(value));
  }
  for (const d of shapes) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    svg.append(path);
  }
  return svg;
}
