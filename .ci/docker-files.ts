import { readFileSync } from 'node:fs'
import { DCLinter } from 'dclint'
import { validate } from 'dockerfile-utils'

/*
 * npm run lint: the Compose files by dclint, the Dockerfile by dockerfile-utils. Both need no engine; with one,
 * `npm run test:compose` has BuildKit itself check the Dockerfile too.
 */
const off = 0

// In what order things stand is for whoever reads them, and two checkouts have two names.
const rules = {
  'require-project-name-field': off,
  'service-keys-order': off,
  'service-ports-alphabetical-order': off,
  'services-alphabetical-order': off,
  'top-level-properties-order': off,
} as const

/** What dclint says of a file; its own types are not found by this compiler. */
interface OfCompose {
  filePath: string
  messages: { line: number; column: number; message: string; rule: string }[]
}

const linter = new DCLinter({ rules, quiet: false, debug: false, exclude: [] })
const ofCompose: OfCompose[] = linter.lintFiles(['compose.yaml', '.devcontainer/compose.workspace.yaml'], false)
const said = [
  ...ofCompose.flatMap(({ filePath, messages }) =>
    messages.map(({ line, column, message, rule }) => `${filePath}:${line}:${column}: ${message} (${rule})`),
  ),
  ...validate(readFileSync('Dockerfile.dev', 'utf8')).map(
    ({ range, message }) =>
      `Dockerfile.dev:${range.start.line + 1}: ${typeof message === 'string' ? message : message.value}`,
  ),
]
if (said.length > 0) process.stderr.write(`Of the files for Docker:\n${said.join('\n')}\n`)
process.exitCode = said.length > 0 ? 1 : 0
