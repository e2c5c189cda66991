// Packed numbers as typed arrays. float16 is read from its 16-bit words: sign, 5 bits of exponent, 10 of fraction.
export function half(words) {
  const out = new Float32Array(words.length);
  for (let i = 0; i < words.length; i++) {
    const sign = words[i] & 0x8000 ? -1 : 1;
    const power = (words[i] >> 10) & 31;
    const rest = words[i] & 1023;
    if (power === 31) out[i] = rest ? NaN : sign * Infinity;
    else out[i] = power ? sign * 2 ** (power - 15) * (1 + rest / 1024) : sign * 2 ** -24 * rest;
  }
  return out;
}

// Bytes of a known kind, as numpy calls it. buffer: an ArrayBuffer that begins with the first number.
export function typed(kind, buffer) {
  if (kind === 'float16') return half(new Uint16Array(buffer));
  return new { uint8: Uint8Array, float32: Float32Array, float64: Float64Array }[kind](buffer);
}
