// Where the texts of a chart overlap, or leave their chart or the window: [chart, what, text, other].
() => {
  const found = [], slack = 1.5;
  for (const chart of document.querySelectorAll("svg")) {
    const texts = [...chart.querySelectorAll("text")]
      .map((text) => [text.textContent, text.getBoundingClientRect()])
      .filter(([, box]) => box.width);
    const name = (chart.getAttribute("aria-label") || "").slice(0, 40), area = chart.getBoundingClientRect();
    texts.forEach(([text, box], i) => {
      const out = [area.left - box.left, box.right - area.right, area.top - box.top, box.bottom - area.bottom];
      if (Math.max(...out) > slack) found.push([name, "outside", text, out.map(Math.round).join()]);
      if (box.left < 0 || box.right > innerWidth) found.push([name, "beyond the window", text, innerWidth]);
      for (const [other, next] of texts.slice(i + 1)) {
        const wide = Math.min(box.right, next.right) - Math.max(box.left, next.left);
        const tall = Math.min(box.bottom, next.bottom) - Math.max(box.top, next.top);
        if (wide > 0.5 && tall > 0.5) found.push([name, "overlap", text, other]);
      }
    });
  }
  return found;
}
