import type { Project } from '../testing/project.ts'

/** Where a save is made: nobody imports a leaf; half the daemon imports the middle; everything imports lib. */
export type Depth = 'leaf' | 'middle' | 'lib'

const files: Record<Depth, string> = {
  leaf: 'src/daemon/health.ts',
  middle: 'src/daemon/wire/router.ts',
  lib: 'src/lib/errors.ts',
}
const constant = (depth: Depth): string => `bench_${depth}`

/**
 * Puts a constant into each of the files and lets the reply to `system:health` carry the largest as `bench`, so that
 * every client can see which code answers.
 * @throws Error when the reply's code is no longer where it was
 */
export function addConstants(project: Project): void {
  for (const depth of ['leaf', 'middle', 'lib'] as const)
    project.edit(files[depth], (text) => `${text}\nexport const ${constant(depth)} = -1\n`)
  project.edit(files.leaf, (text) => {
    const edited = text.replace('boot_id: core.bootId,', 'boot_id: core.bootId, bench: bench(),')
    if (edited === text) throw new Error(`the bench no longer finds the reply in ${files.leaf}`)
    return `import { bench_middle } from './wire/router.ts'
import { bench_lib } from '../lib/errors.ts'
${edited}
export function bench(): number {
  return Math.max(bench_leaf, bench_middle, bench_lib)
}
`
  })
}

/**
 * Saves a new constant; it must be larger than all before.
 * @returns `performance.now()` just after the write
 */
export function saveConstant(project: Project, bench: number, depth: Depth = 'leaf'): number {
  project.edit(files[depth], (text) =>
    text.replace(new RegExp(`const ${constant(depth)} = -?\\d+`), `const ${constant(depth)} = ${bench}`),
  )
  return performance.now()
}
