// What a finger could miss: visible controls under 44 by 44 pixels, links within running text aside.
() => {
  const seen = (node) => node.checkVisibility({ visibilityProperty: true });
  const inText = (node) => node.closest(".mrk, .visually-hidden, .skip") && !node.matches("label.pick");
  return [...document.querySelectorAll("button, a[href], input, textarea, [role=option], label.pick")]
    .filter((node) => seen(node) && !inText(node) && !node.matches("label.pick input"))
    .map((node) => ({ what: node.outerHTML.slice(0, 120), box: node.getBoundingClientRect() }))
    .filter(({ box }) => box.width && box.left < innerWidth && box.right > 0 && (box.height < 43.5 || box.width < 43.5))
    .map(({ what, box }) => `${Math.round(box.width)}x${Math.round(box.height)} ${what}`);
}
