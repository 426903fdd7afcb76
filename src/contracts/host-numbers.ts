/**
 * Settings that the runner host reads too, which loads no schemas' library: default, least and most, in ms. The
 * schema of all settings is made of them.
 */
export const hostNumbers = {
  KSI_BOOT_TIMEOUT_MS: [10_000, 500, 600_000],
  KSI_HEARTBEAT_MS: [5_000, 500, 600_000],
  KSI_DRAIN_MS: [60_000, 0, 86_400_000],
  KSI_RUNNER_LINGER_MS: [30_000, 0, 86_400_000],
} as const satisfies Record<string, readonly [number, number, number]>
