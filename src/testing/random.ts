/** The seed to use: KSI_SEED to repeat a run, or a new one. */
export function chooseSeed(): number {
  return Number(process.env.KSI_SEED ?? Math.floor(Math.random() * 1_000_000))
}

/** The same in another order. */
export function shuffled<T>(values: readonly T[], random: () => number): T[] {
  const left = [...values]
  return values.flatMap(() => left.splice(Math.floor(random() * left.length), 1))
}
