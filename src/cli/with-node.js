// node src/cli/with-node.js PROGRAM [ARGUMENT]…
// Runs `node`, or a program of the dependencies, with a Node that is new enough: npm scripts begin with it.
// Nothing newer than Node 14 knows: an older Node must be able to read this.
import { delimiter, dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { become, findPinnedNode, isNewEnough, tooOld } from './pinned-node.js'

const pinned = isNewEnough() ? undefined : findPinnedNode()
const [program, ...args] = process.argv.slice(2)
const { env } = process

if (pinned === undefined && !isNewEnough()) {
  process.stderr.write(`${tooOld()}\n`)
  process.exitCode = 78
} else {
  const file = fileURLToPath(new URL(`../../node_modules/.bin/${program}`, import.meta.url))
  // First on the PATH, so that what the program starts as `node` is that one too.
  const path = pinned === undefined ? env.PATH : dirname(pinned) + delimiter + env.PATH
  become(program === 'node' ? pinned || process.execPath : file, args, { ...env, PATH: path })
}
