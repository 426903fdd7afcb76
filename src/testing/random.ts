/** The seed to use: KSI_SEED to repeat a run, or a new one. */
export function chooseSeed(): number {
  return Number(process.env.KSI_SEED ?? Math.floor(Math.random() * 1_000_000))
}
