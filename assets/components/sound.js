// A row of numbers as sound: a tone each, from left to right. Pitch tells the place, loudness the size, a softer tone a negative number.
const LOWEST = 220; // hertz, of the first tone; the last one is two octaves higher
const OCTAVES = 2;
const LONGEST = 2.4; // seconds for all of them
const TONE = 0.16; // seconds of one at most
const LOUDEST = 0.25;

let context = null;
let playing = null;

// low, high: the ends of the colour scale. A row that is still heard stops.
export function playRow(numbers, low, high) {
  context ??= new AudioContext();
  playing?.disconnect();
  playing = context.createGain();
  playing.connect(context.destination);
  const most = Math.max(Math.abs(low), Math.abs(high)) || 1;
  const each = Math.min(TONE, LONGEST / numbers.length);
  const last = Math.max(1, numbers.length - 1);
  numbers.forEach((x, i) => {
    if (Number.isFinite(x) && x !== 0) tone(LOWEST * 2 ** ((OCTAVES * i) / last), Math.min(1, Math.abs(x) / most), x < 0, i * each, each);
  });
}

function tone(pitch, size, negative, after, length) {
  const start = context.currentTime + 0.03 + after;
  const voice = context.createOscillator();
  const loud = context.createGain();
  voice.type = negative ? 'triangle' : 'sine';
  voice.frequency.value = pitch;
  loud.gain.setValueAtTime(0, start);
  loud.gain.linearRampToValueAtTime(LOUDEST * size, start + length * 0.15);
  loud.gain.linearRampToValueAtTime(0, start + length * 0.95);
  voice.connect(loud).connect(playing);
  voice.start(start);
  voice.stop(start + length);
}
