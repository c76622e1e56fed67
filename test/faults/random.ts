// Seeded randomness: every port draws from a stream of its own, so that a change in one moves nothing in the others.

export interface Random {
  /** [0, 1) */
  next(): number;
  /** [from, to) */
  between(from: number, to: number): number;
  /** A whole number, both ends included. */
  whole(from: number, to: number): number;
  chance(probability: number): boolean;
  pick<T>(items: readonly [T, ...T[]]): T;
  /** Spread evenly over the orders of magnitude: short ones as often as long ones. */
  magnitude(from: number, to: number): number;
  /** Normal distribution, mean 0, deviation 1. */
  normal(): number;
  /** Each of them or not, by a toss. */
  some<T>(items: readonly T[], probability: number): readonly T[];
}

/** sfc32 (https://pracrand.sourceforge.net/), started from a hash of the words. */
export function createRandom(...words: readonly (string | number)[]): Random {
  let [a, b, c, d] = scatter(words.join("|"));
  const next = () => {
    const sum = (a + b + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    c |= 0;
    return (sum >>> 0) / 4_294_967_296;
  };
  for (let i = 0; i < 12; i++) next();
  const between = (from: number, to: number) => from + next() * (to - from);
  return {
    next,
    between,
    whole: (from, to) => Math.floor(between(from, to + 1)),
    chance: (probability) => next() < probability,
    pick: (items) => items[Math.floor(next() * items.length)] ?? items[0],
    magnitude: (from, to) => Math.exp(between(Math.log(from), Math.log(to))),
    normal: () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
    some: (items, probability) => items.filter(() => next() < probability),
  };
}

/** Four words of state from a text (the mixing of MurmurHash3). */
function scatter(text: string): [number, number, number, number] {
  let hash = 1_779_033_703 ^ text.length;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 3_432_918_353);
    hash = (hash << 13) | (hash >>> 19);
  }
  const word = () => {
    hash = Math.imul(hash ^ (hash >>> 16), 2_246_822_507);
    hash = Math.imul(hash ^ (hash >>> 13), 3_266_489_909);
    hash ^= hash >>> 16;
    return hash | 0;
  };
  return [word(), word(), word(), word()];
}
