"use strict";

const FFT_SIZE = 2048;
/* Range of the colours in dB of a full-scale sine, the same for all pictures. */
const LOWEST_DB = -110;
const HIGHEST_DB = -10;
const DIFFERENCE_DB = 40;
const LOWEST_LOG_HZ = 40;

/** In-place Fourier transform of a fixed power of two, with precomputed bit reversal and twiddle factors. */
class Fft {
  constructor(size) {
    this.size = size;
    this.reversed = new Uint16Array(size);
    for (let i = 1; i < size; i++) this.reversed[i] = (this.reversed[i >> 1] >> 1) | (i & 1 ? size >> 1 : 0);
    this.cos = Float32Array.from({ length: size / 2 }, (_, i) => Math.cos((2 * Math.PI * i) / size));
    this.sin = Float32Array.from({ length: size / 2 }, (_, i) => -Math.sin((2 * Math.PI * i) / size));
  }

  transform(re, im) {
    const { size, reversed, cos, sin } = this;
    for (let i = 0; i < size; i++) {
      const j = reversed[i];
      if (j > i) {
        [re[i], re[j]] = [re[j], re[i]];
        [im[i], im[j]] = [im[j], im[i]];
      }
    }
    for (let half = 1; half < size; half *= 2) {
      const step = size / (2 * half);
      for (let first = 0; first < size; first += 2 * half) {
        for (let k = 0; k < half; k++) {
          const a = first + k;
          const b = a + half;
          const c = cos[k * step];
          const s = sin[k * step];
          const x = re[b] * c - im[b] * s;
          const y = re[b] * s + im[b] * c;
          re[b] = re[a] - x;
          im[b] = im[a] - y;
          re[a] += x;
          im[a] += y;
        }
      }
    }
  }
}

const fft = new Fft(FFT_SIZE);
const hann = Float32Array.from({ length: FFT_SIZE }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / FFT_SIZE));

/** Frequency in Hz at a height from 0 (bottom) to 1 (top) of a view { log, highest }. */
function frequencyAt(view, height) {
  if (!view.log) return view.highest * height;
  return LOWEST_LOG_HZ * (view.highest / LOWEST_LOG_HZ) ** height;
}

/** Height from 0 to 1 of a frequency in Hz. */
function heightOf(view, frequency) {
  if (!view.log) return frequency / view.highest;
  return Math.log(frequency / LOWEST_LOG_HZ) / Math.log(view.highest / LOWEST_LOG_HZ);
}

/**
 * Levels in dB of a recording, shape rows x columns, rows from the top; the mean power of at most two channels.
 *
 * @param view { start, end } in seconds, and { log, highest } in Hz.
 */
function levels(buffer, view, columns, rows) {
  const left = buffer.getChannelData(0);
  const stereo = buffer.numberOfChannels > 1;
  const right = stereo ? buffer.getChannelData(1) : null;
  const bins = FFT_SIZE / 2;
  const binHz = buffer.sampleRate / FFT_SIZE;
  const edges = Array.from({ length: rows + 1 }, (_, row) => frequencyAt(view, row / rows) / binHz);
  const power = new Float32Array(bins + 1);
  const result = new Float32Array(rows * columns);
  const re = new Float32Array(FFT_SIZE);
  const im = new Float32Array(FFT_SIZE);
  // A full-scale sine has a quarter of the frame's length in its bin.
  const scale = (FFT_SIZE / 4) ** 2 * (stereo ? 4 : 2);
  for (let column = 0; column < columns; column++) {
    const centre = (view.start + ((view.end - view.start) * (column + 0.5)) / columns) * buffer.sampleRate;
    const first = Math.round(centre) - FFT_SIZE / 2;
    for (let i = 0; i < FFT_SIZE; i++) {
      const inside = first + i >= 0 && first + i < left.length;
      re[i] = inside ? left[first + i] * hann[i] : 0;
      im[i] = inside && stereo ? right[first + i] * hann[i] : 0;
    }
    fft.transform(re, im);
    // Two real signals in one complex transform: the sum of their powers does not need them separated.
    for (let k = 0; k <= bins; k++) {
      const m = (FFT_SIZE - k) % FFT_SIZE;
      power[k] = (re[k] ** 2 + im[k] ** 2 + re[m] ** 2 + im[m] ** 2) / scale;
    }
    for (let row = 0; row < rows; row++) {
      const low = Math.min(Math.round(edges[row]), bins);
      const high = Math.min(Math.max(Math.round(edges[row + 1]), low + 1), bins + 1);
      let peak = 0;
      for (let k = low; k < high; k++) peak = Math.max(peak, power[k]);
      result[(rows - 1 - row) * columns + column] = 10 * Math.log10(peak + 1e-20);
    }
  }
  return result;
}

/** A table of 256 colours through the given ones, as numbers 0xRRGGBB. */
function colourTable(stops) {
  return Array.from({ length: 256 }, (_, index) => {
    const place = (index / 255) * (stops.length - 1);
    const first = Math.min(Math.floor(place), stops.length - 2);
    return [16, 8, 0].map((shift) => {
      const a = (stops[first] >> shift) & 255;
      const b = (stops[first + 1] >> shift) & 255;
      return Math.round(a + (b - a) * (place - first));
    });
  });
}

/* Even steps of lightness, which show no false contours; everyone can tell red from blue. */
const LEVEL_COLOURS = colourTable([0x000004, 0x231151, 0x5f187f, 0x982d80, 0xd3436e, 0xf8765c, 0xfebb81, 0xfcfdbf]);
const DIFFERENCE_COLOURS = colourTable([0x6fb7ff, 0x1f5fae, 0x101018, 0xae3c12, 0xffb070]);

/** Paint values (rows x columns) into a canvas, with the colours spread from lowest to highest. */
function paint(canvas, values, columns, rows, colours, lowest, highest) {
  canvas.width = columns;
  canvas.height = rows;
  const image = new ImageData(columns, rows);
  for (let i = 0; i < values.length; i++) {
    const place = Math.round((255 * (values[i] - lowest)) / (highest - lowest));
    const [r, g, b] = colours[Math.min(Math.max(place, 0), 255)];
    image.data.set([r, g, b, 255], 4 * i);
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

/** Difference of two spectrograms in dB; levels below the range of the colours count as equal. */
function difference(a, b) {
  return a.map((value, index) => Math.max(value, LOWEST_DB) - Math.max(b[index], LOWEST_DB));
}
