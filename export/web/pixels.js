/** From a generator's output to what a canvas takes. */

/**
 * output: Float32Array [C·H·W] in [−1, 1], C 1 grey, 3 RGB or 4 colour premultiplied by alpha, then alpha.
 * Returns Uint8ClampedArray [H·W·4] RGBA with straight alpha, the same bytes as the Python runtime gives.
 */
export function toRGBA(output, channels) {
  const size = output.length / channels;
  const data = new Uint8ClampedArray(4 * size);  // rounds halves to even, as NumPy's rint does
  const level = (channel, i) => clip(Math.fround(Math.fround(output[channel * size + i] + 1) * 127.5));
  for (let i = 0; i < size; i++) {
    const alpha = channels === 4 ? level(3, i) : 255;
    for (let channel = 0; channel < 3; channel++) {
      const value = level(channels === 1 ? 0 : channel, i);
      data[4 * i + channel] = channels === 4 ? straight(value, alpha) : value;
    }
    data[4 * i + 3] = alpha;
  }
  return data;
}

/** Where alpha rounds to 0 the colour can't be seen, and dividing by it would show noise to whoever edits it. */
function straight(value, alpha) {
  return alpha >= 0.5 ? Math.fround(Math.fround(value * 255) / alpha) : 0;
}

function clip(value) {
  return Math.min(Math.max(value, 0), 255);
}
