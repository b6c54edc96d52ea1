// How the page shows what a generator makes.

/**
 * By what a generator `makes`. about: what the page says of it. parts: the ids of what it needs. next: how many of the
 * next seeds are shown. show(place, made, label): puts what was made into an element.
 */
export const VIEWS = {
  pictures: {
    about: "draws the same picture for the same seed, everywhere",
    parts: ["picture", "download"],
    next: 12,
    show: (place, made, label) => paint(place.querySelector("canvas"), made, label),
  },
  sentences: {
    about: "writes the same sentence for the same seed, everywhere",
    parts: ["sentence", "copy"],
    next: 8,
    show: (place, { sentence }) => { place.querySelector("blockquote, span").textContent = sentence; },
  },
};

function paint(canvas, { width, height, data, bitmap }, label) {
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  if (bitmap) context.drawImage(bitmap, 0, 0);
  else context.putImageData(new ImageData(data, width, height), 0, 0);
  canvas.setAttribute("aria-label", label);
}
