"use strict";

const by = (name) => document.getElementById(name);

/* Long enough to avoid clicks, short enough to seem immediate. */
const FADE_SECONDS = 0.01;

/**
 * Plays several recordings of one piece at once; only one of them is audible.
 *
 * All sources start together and run to the end. Switching fades one gain down and another up, so there is no gap, and
 * the position cannot change. Buffers must have the same length and rate.
 */
class SyncPlayer extends EventTarget {
  #makeContext;
  #context = null;
  #buffers = [];
  #gains = [];
  #voices = [];
  #active = 0;
  #offset = 0;
  #startedAt = 0;
  #playing = false;
  #loop = null;

  /** @param makeContext returns an audio context for a rate in Hz; it is called when playback starts. */
  constructor(makeContext = (rate) => new AudioContext({ sampleRate: rate })) {
    super();
    this.#makeContext = makeContext;
  }

  /** Load other recordings; gains are factors, one for each. */
  load(buffers, gains) {
    this.pause();
    this.#buffers = buffers;
    this.#gains = gains;
    this.#offset = 0;
    this.#loop = null;
    this.#active = Math.max(0, Math.min(this.#active, buffers.length - 1));
    this.#changed();
  }

  get active() { return this.#active; }
  get playing() { return this.#playing; }
  get loop() { return this.#loop; }
  get duration() { return this.#buffers.length ? this.#buffers[0].duration : 0; }

  /** Position in seconds. */
  get position() {
    if (!this.#playing) return this.#offset;
    const position = this.#offset + Math.max(0, this.#context.currentTime - this.#startedAt);
    if (this.#loop && position >= this.#loop.end) {
      return this.#loop.start + ((position - this.#loop.start) % (this.#loop.end - this.#loop.start));
    }
    return Math.min(position, this.duration);
  }

  play() {
    if (this.#playing || !this.#buffers.length) return;
    const rate = this.#buffers[0].sampleRate;
    if (!this.#context || this.#context.sampleRate !== rate) {
      this.#context?.close();
      this.#context = this.#makeContext(rate);
    }
    if (this.#context instanceof AudioContext) this.#context.resume();
    if (this.#loop && (this.#offset < this.#loop.start || this.#offset >= this.#loop.end)) this.#offset = this.#loop.start;
    if (this.#offset >= this.duration) this.#offset = 0;
    // A little in the future, so that no source starts late.
    this.#startedAt = this.#context.currentTime + FADE_SECONDS;
    this.#voices = this.#buffers.map((buffer, index) => this.#start(buffer, index));
    this.#voices[0].source.onended = () => this.#ended();
    this.#playing = true;
    this.#changed();
  }

  pause() {
    if (!this.#playing) return;
    this.#offset = this.position;
    this.#silence();
    this.#changed();
  }

  toggle() { if (this.#playing) this.pause(); else this.play(); }

  /** Go to a position in seconds. */
  seek(position) {
    const wanted = Math.min(Math.max(position, 0), this.duration);
    this.#restart(() => { this.#offset = wanted; });
  }

  /** Switch to another recording at the same position. */
  select(index) {
    if (index < 0 || index >= this.#buffers.length || index === this.#active) return;
    this.#active = index;
    this.#fade();
    this.#changed();
  }

  /** Change the gains of the recordings. */
  setGains(gains) {
    this.#gains = gains;
    this.#fade();
  }

  /** Repeat from start to end, in seconds; null clears the loop. */
  setLoop(loop) {
    const whole = loop && { start: Math.max(0, loop.start), end: Math.min(this.duration, loop.end) };
    this.#restart(() => { this.#loop = whole && whole.end - whole.start > 0.05 ? whole : null; });
  }

  #start(buffer, index) {
    const source = this.#context.createBufferSource();
    const gain = this.#context.createGain();
    source.buffer = buffer;
    if (this.#loop) {
      source.loop = true;
      source.loopStart = this.#loop.start;
      source.loopEnd = this.#loop.end;
    }
    gain.gain.value = index === this.#active ? this.#gains[index] : 0;
    source.connect(gain).connect(this.#context.destination);
    source.start(this.#startedAt, this.#offset);
    return { source, gain: gain.gain };
  }

  #fade() {
    if (!this.#playing) return;
    const now = this.#context.currentTime;
    this.#voices.forEach(({ gain }, index) => {
      gain.cancelScheduledValues(now);
      gain.setValueAtTime(gain.value, now);
      gain.linearRampToValueAtTime(index === this.#active ? this.#gains[index] : 0, now + FADE_SECONDS);
    });
  }

  #restart(change) {
    const playing = this.#playing;
    if (playing) {
      this.#offset = this.position;
      this.#silence();
    }
    change();
    if (playing) this.play();
    else this.#changed();
  }

  #silence() {
    this.#playing = false;
    for (const { source } of this.#voices) {
      source.onended = null;
      source.stop();
      source.disconnect();
    }
    this.#voices = [];
  }

  #ended() {
    this.#silence();
    this.#offset = 0;
    this.#changed();
  }

  #changed() { this.dispatchEvent(new Event("change")); }
}

/** The data embedded in the page. */
function pageData() {
  return JSON.parse(document.getElementById("data").textContent);
}

/** Decode an audio file (an ArrayBuffer), without converting its rate in Hz. */
function decodeAudio(file, rate) {
  return new OfflineAudioContext(1, 1, rate).decodeAudioData(file);
}

/** Decode the audio file in an element. */
function embeddedAudio(id, rate) {
  const text = document.getElementById(id).textContent;
  let bytes;
  if (Uint8Array.fromBase64) {
    bytes = Uint8Array.fromBase64(text);
  } else {
    const binary = atob(text);
    bytes = Uint8Array.from({ length: binary.length }, (_, index) => binary.charCodeAt(index));
  }
  return decodeAudio(bytes.buffer, rate);
}

/** Format seconds as minutes, seconds and tenths. */
function clock(seconds) {
  const tenths = Math.round(seconds * 10);
  return `${Math.floor(tenths / 600)}:${String(Math.floor(tenths / 10) % 60).padStart(2, "0")}.${tenths % 10}`;
}

/**
 * Connect the controls of a deck (play, seek, clock, loop-start, loop-end, loop-clear) and the keys with a player.
 *
 * @param start a function that returns where the recordings begin in the whole piece, in seconds.
 */
function connectDeck(player, { start = () => 0, keys = (index) => player.select(index) } = {}) {
  const seek = by("seek");
  const loopStart = () => player.setLoop({
    start: player.position,
    end: player.loop && player.loop.end > player.position ? player.loop.end : player.duration,
  });
  const loopEnd = () => player.setLoop({
    start: player.loop && player.loop.start < player.position ? player.loop.start : 0,
    end: player.position,
  });
  const show = () => {
    const text = clock(start() + player.position);
    seek.max = player.duration;
    seek.value = player.position;
    seek.setAttribute("aria-valuetext", text);
    by("clock").textContent = `${text} / ${clock(start() + player.duration)}`;
  };
  let frame = 0;
  const tick = () => {
    cancelAnimationFrame(frame); // one loop, however often something changes
    show();
    player.dispatchEvent(new Event("position"));
    if (player.playing) frame = requestAnimationFrame(tick);
  };
  by("play").addEventListener("click", () => player.toggle());
  seek.addEventListener("input", () => player.seek(Number(seek.value)));
  by("loop-start").addEventListener("click", loopStart);
  by("loop-end").addEventListener("click", loopEnd);
  by("loop-clear").addEventListener("click", () => player.setLoop(null));
  player.addEventListener("change", () => {
    by("play").textContent = player.playing ? "Pause" : "Play";
    by("loop-clear").disabled = !player.loop;
    tick();
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || !player.duration) return;
    const target = event.target;
    if (target.matches("input[type=text], input[type=number], textarea")) return;
    const acts = {
      " ": target.matches("button, input, select, summary, a") ? null : () => player.toggle(),
      "[": loopStart,
      "]": loopEnd,
      ",": () => player.seek(player.position - 2),
      ".": () => player.seek(player.position + 2),
    };
    const act = /^[1-9]$/.test(event.key) ? () => keys(Number(event.key) - 1) : acts[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
}
