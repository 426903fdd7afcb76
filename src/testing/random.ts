/** Numbers in [0, 1) that are the same for the same seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** The seed to use: KSI_SEED to repeat a run, or a new one. */
export function chooseSeed(): number {
  return Number(process.env.KSI_SEED ?? Math.floor(Math.random() * 1_000_000))
}

/** The same in another order. */
export function shuffled<T>(values: readonly T[], random: () => number): T[] {
  const left = [...values]
  return values.flatMap(() => left.splice(Math.floor(random() * left.length), 1))
}
