import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { codeFrame } from './code-frame.ts'
import { placeIn } from './error-place.ts'
import type { Place } from './error-place.ts'

/** Larger ones are not read, in bytes. */
const largest = 1_048_576

/** The place in our source that an error is about, with the lines around it as they are on disk now. */
export function codeFrameOf(
  root: string,
  error: { message: string; stack?: string | undefined },
): { place: Place; text: string | undefined } | undefined {
  const place = placeIn(error)
  if (place === undefined) return undefined
  try {
    const file = join(root, place.file)
    if (!file.startsWith(join(root, 'src/')) || statSync(file).size > largest) return { place, text: undefined }
    return { place, text: codeFrame(readFileSync(file, 'utf8'), place) }
  } catch {
    // It is gone, or not for us: the place alone is said.
    return { place, text: undefined }
  }
}
