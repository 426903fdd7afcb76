import { existsSync } from 'node:fs'
import { join } from 'node:path'

/**
 * The real claude program. It is 235 MB and has a lock file of its own, so it is there only where somebody has
 * installed it.
 */
export const realClaude = join(
  import.meta.dirname,
  `../../.ci/claude/node_modules/@anthropic-ai/claude-code-${process.platform}-${process.arch}/claude`,
)

const missing = 'the claude program is not installed: npm ci --prefix .ci/claude'
/** Why tests with it are left out; never on CI, where what is missing is a failure. */
export const skipWithoutClaude = existsSync(realClaude) || process.env.CI === 'true' ? false : missing
