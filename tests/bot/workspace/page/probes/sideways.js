// The parts of the page whose content is wider than they are.
() =>
  ["html", "main", ".thread-pane", ".thread-pane .scroller"].filter((name) => {
    const node = document.querySelector(name);
    return node.scrollWidth > node.clientWidth + 1;
  })
